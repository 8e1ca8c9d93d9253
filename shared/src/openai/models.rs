//! Models as programs see them: OpenAI's members, and beside them those of `OpenRouter`, by which clients find prices and
//! limits.

use domain::credits::Credits;
use ledger::paying_key::KeyLimits;
use providers::catalogue::{Ability, Catalogue, CataloguedModel, Protocol, StreamPolicy};
use providers::catalogues::CurrentCatalogue;
use serde::Serialize;

/// The parameters that every provider honours.
const OF_ALL: [&str; 5] = ["max_completion_tokens", "max_tokens", "stop", "temperature", "top_p"];

/// The parameters that a server with OpenAI's protocol honours too, and that the dummy takes and ignores.
const OF_OPENAI: [&str; 3] = ["frequency_penalty", "presence_penalty", "seed"];

/// The parameters that are passed on to a server with OpenAI's protocol alone.
const PASSED_ON: [&str; 4] = ["logit_bias", "n", "response_format", "verbosity"];

/// Those of them that a model has if it is asked for streams.
const OF_STREAMS: [&str; 2] = ["logprobs", "top_logprobs"];

/// The parameters of models that make embeddings.
const OF_EMBEDDINGS: [&str; 2] = ["dimensions", "encoding_format"];

/// The parameters of models with an ability, by the names that `OpenRouter` gives them.
const OF_ABILITIES: [(Ability, &[&str]); 3] = [
    (Ability::Tools, &["parallel_tool_calls", "tool_choice", "tools"]),
    (Ability::JsonSchema, &["structured_outputs"]),
    (Ability::Reasoning, &["reasoning_effort"]),
];

/// The models that are not hidden, in the catalogue's order: OpenAI's `list`.
#[derive(Debug, Serialize)]
pub struct ModelList<'a> {
    object: &'static str,
    data: Vec<ModelItem<'a>>,
}

/// A model, as a list has it. It names neither the provider nor the provider's name for the model: an operator may resell.
#[derive(Debug, Serialize)]
pub struct ModelItem<'a> {
    id: &'a str,
    object: &'static str,
    /// Nobody knows when a model was made.
    created: u64,
    owned_by: &'static str,
    context_length: u32,
    pricing: PublicPrices,
    supported_parameters: Vec<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<&'a str>,
}

/// Prices in credits, each an exact decimal number in a text: of a token, of a request, of an image.
#[derive(Debug, Serialize)]
struct PublicPrices {
    prompt: String,
    completion: String,
    request: String,
    image: String,
    input_cache_read: String,
    input_cache_write: String,
}

impl<'a> ModelList<'a> {
    /// The list of those of `current`'s models that an API key with these `limits` may ask.
    #[must_use]
    pub fn of(current: &'a CurrentCatalogue, limits: &KeyLimits) -> Self {
        let catalogue = &current.catalogue;
        let shown = catalogue.listed().filter(|model| limits.permit_model(&model.id));
        Self { object: "list", data: shown.map(|model| ModelItem::of(catalogue, model)).collect() }
    }
}

impl<'a> ModelItem<'a> {
    /// `model`, which is in `catalogue`.
    #[must_use]
    pub fn of(catalogue: &Catalogue, model: &'a CataloguedModel) -> Self {
        let prices = &model.prices;
        Self {
            id: &model.id,
            object: "model",
            created: 0,
            owned_by: "chat-api",
            context_length: model.context_tokens,
            pricing: PublicPrices {
                prompt: of_a_token(prices.input),
                completion: of_a_token(prices.output),
                request: prices.request.to_string(),
                image: prices.image.to_string(),
                input_cache_read: of_a_token(prices.cached_input),
                input_cache_write: of_a_token(prices.cache_write),
            },
            supported_parameters: supported_parameters(catalogue.provider_of(model).protocol, model),
            description: model.description.as_deref(),
        }
    }
}

/// The price of a token, in credits, where a million tokens cost `per_million`.
fn of_a_token(per_million: Credits) -> String {
    const MILLION: u64 = 1_000_000;
    let (whole, millionths) = (u64::from(per_million) / MILLION, u64::from(per_million) % MILLION);
    let exact = format!("{whole}.{millionths:06}");
    exact.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// The parameters that change an answer of `model` behind `protocol`, and are not refused.
fn supported_parameters(protocol: Protocol, model: &CataloguedModel) -> Vec<&str> {
    if model.makes_embeddings() {
        let mut parameters = OF_EMBEDDINGS.to_vec();
        parameters.extend(model.extra_parameters.iter().map(String::as_str));
        return parameters;
    }
    let mut parameters: Vec<&str> = match protocol {
        Protocol::Anthropic | Protocol::Bedrock => OF_ALL.to_vec(),
        Protocol::Dummy => [&OF_ALL[..], &OF_OPENAI].concat(),
        Protocol::OpenAi => [&OF_ALL[..], &OF_OPENAI, &PASSED_ON].concat(),
        Protocol::OpenAiResponses => [&OF_ALL[..], &["response_format", "verbosity"]].concat(),
    };
    if protocol != Protocol::Dummy {
        let taken = OF_ABILITIES.iter().filter(|(ability, _)| model.takes.contains(ability));
        parameters.extend(taken.flat_map(|(_, names)| *names));
    }
    if protocol == Protocol::OpenAi {
        parameters.extend(OF_STREAMS.iter().filter(|_| model.streams != StreamPolicy::Never));
    }
    if protocol == Protocol::OpenAiResponses {
        parameters.retain(|name| *name != "stop");
    }
    if matches!(protocol, Protocol::OpenAi | Protocol::OpenAiResponses | Protocol::Anthropic) {
        parameters.extend(model.extra_parameters.iter().map(String::as_str));
    }
    if protocol == Protocol::Bedrock {
        // Converse has no word against several calls at once.
        parameters.retain(|name| *name != "parallel_tool_calls");
    }
    if matches!(protocol, Protocol::Anthropic | Protocol::Bedrock) {
        // They have no form of a reply but a schema.
        parameters.extend(model.takes.contains(&Ability::JsonSchema).then_some("response_format"));
        let can_reason = protocol.can_tell_an_effort(&model.provider_model);
        parameters.retain(|name| *name != "reasoning_effort" || can_reason);
    }
    parameters.sort_unstable();
    parameters
}

#[cfg(test)]
mod tests {
    use super::*;

    use std::collections::BTreeSet;

    use domain::pricing::Prices;
    use proptest::prelude::*;
    use providers::catalogue::Provider;
    use serde_json::json;

    fn credits(amount: u64) -> Credits {
        Credits::new(amount).unwrap()
    }

    fn catalogue(protocol: Protocol, prices: Prices) -> CurrentCatalogue {
        let terms = CataloguedModel {
            description: Some("Small and quick.".to_owned()),
            ..CataloguedModel::of_the_settings("some/model", prices, 4096, 512)
        };
        CurrentCatalogue { version: None, catalogue: Catalogue::of_one(Provider::new(protocol), terms) }
    }

    #[test]
    fn a_list_has_openais_members_and_openrouters() {
        let prices = Prices {
            input: credits(3),
            cached_input: credits(500_000),
            cache_write: credits(0),
            output: credits(12_000_000),
            request: credits(2),
            image: credits(700),
        };
        let expected = json!({
            "object": "list",
            "data": [{
                "id": "some/model",
                "object": "model",
                "created": 0,
                "owned_by": "chat-api",
                "context_length": 4096,
                "pricing": {
                    "prompt": "0.000003",
                    "completion": "12",
                    "request": "2",
                    "image": "700",
                    "input_cache_read": "0.5",
                    "input_cache_write": "0",
                },
                "supported_parameters": [
                    "frequency_penalty",
                    "logit_bias",
                    "logprobs",
                    "max_completion_tokens",
                    "max_tokens",
                    "n",
                    "presence_penalty",
                    "response_format",
                    "seed",
                    "stop",
                    "temperature",
                    "top_logprobs",
                    "top_p",
                    "verbosity",
                ],
                "description": "Small and quick.",
            }],
        });
        assert_eq!(json!(ModelList::of(&catalogue(Protocol::OpenAi, prices), &KeyLimits::default())), expected);
    }

    #[test]
    fn a_model_of_bedrock_supports_what_converse_takes() {
        let current = catalogue(Protocol::Bedrock, Prices::default());
        let item = json!(ModelItem::of(&current.catalogue, &current.catalogue.models()[0]));
        let expected = ["max_completion_tokens", "max_tokens", "stop", "temperature", "top_p"];
        assert_eq!(item["supported_parameters"], json!(expected));

        let takes = [Ability::Tools, Ability::JsonSchema, Ability::Reasoning].into();
        let provider_model = "amazon.nova-2-lite-v1:0".to_owned();
        let model = CataloguedModel { takes, provider_model, ..current.catalogue.models()[0].clone() };
        let expected = [
            "max_completion_tokens",
            "max_tokens",
            "reasoning_effort",
            "response_format",
            "stop",
            "structured_outputs",
            "temperature",
            "tool_choice",
            "tools",
            "top_p",
        ];
        assert_eq!(supported_parameters(Protocol::Bedrock, &model), expected);
        let unknown = CataloguedModel { provider_model: "some.model".to_owned(), ..model };
        assert!(!supported_parameters(Protocol::Bedrock, &unknown).contains(&"reasoning_effort"));
    }

    #[test]
    fn a_model_of_anthropic_or_of_responses_supports_what_its_protocol_takes() {
        let takes = [Ability::Tools, Ability::JsonSchema, Ability::Reasoning].into();
        let terms = CataloguedModel::of_the_settings("claude-sonnet-4-5", Prices::default(), 4096, 512);
        let model = CataloguedModel { takes, ..terms };
        let of_both = [
            "max_completion_tokens",
            "max_tokens",
            "parallel_tool_calls",
            "reasoning_effort",
            "response_format",
            "structured_outputs",
            "temperature",
            "tool_choice",
            "tools",
            "top_p",
        ];
        for (protocol, own) in [(Protocol::Anthropic, "stop"), (Protocol::OpenAiResponses, "verbosity")] {
            let mut expected = [&of_both[..], &[own]].concat();
            expected.sort_unstable();
            assert_eq!(supported_parameters(protocol, &model), expected, "{protocol:?}");
        }
    }

    #[test]
    fn a_model_shows_its_extra_parameters_and_without_streams_no_log_probabilities() {
        let model = CataloguedModel {
            extra_parameters: BTreeSet::from(["top_k".to_owned()]),
            streams: StreamPolicy::Never,
            ..CataloguedModel::of_the_settings("m", Prices::default(), 4096, 512)
        };
        let shown = |protocol| supported_parameters(protocol, &model);
        assert!(shown(Protocol::OpenAi).contains(&"top_k") && shown(Protocol::OpenAi).contains(&"n"));
        assert!(!shown(Protocol::OpenAi).iter().any(|name| name.ends_with("logprobs")));
        assert!(!shown(Protocol::Bedrock).contains(&"top_k") && !shown(Protocol::Dummy).contains(&"n"));
    }

    proptest! {
        #[test]
        fn the_price_of_a_token_is_a_millionth_to_the_last_digit(per_million in 0..=u64::from(Credits::MAX)) {
            let shown = of_a_token(credits(per_million));
            let (whole, fraction) = shown.split_once('.').unwrap_or((&shown, ""));
            prop_assert!(fraction.len() <= 6 && !fraction.ends_with('0'));
            let digits: u64 = format!("{whole}{fraction:0<6}").parse().unwrap();
            prop_assert_eq!(digits, per_million);
        }
    }
}
