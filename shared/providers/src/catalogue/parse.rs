//! The parser of catalogues: every rule of `models.json`, each with its sentence.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::Ipv4Addr;
use std::time::Duration;

use domain::credits::Credits;
use domain::pricing::Prices;
use serde_json::Value;

use crate::catalogue::catalogued_model::{Ability, CataloguedModel, Guardrail, StreamPolicy};
use crate::catalogue::error::CatalogueError;
use crate::catalogue::place::{FoundErrors, Members, Place};
use crate::catalogue::provider::{Protocol, Provider};

/// The most bytes of a catalogue as it is stored: an eventual read of the item takes at most 8.5 read units of DynamoDB.
pub const MAX_CATALOGUE_BYTES: usize = 64 * 1024;

/// The most providers of a catalogue.
pub const MAX_PROVIDERS: usize = 50;
const MAX_MODELS: usize = 200;
const MAX_HEADERS: usize = 20;
const MAX_ALIASES: usize = 20;
/// A hold is of the dearest of them, and all of them are asked within one request's time.
const MAX_FALLBACKS: usize = 3;
const MAX_EXTRA_PARAMETERS: usize = 50;

/// The highest price, in credits. Whatever the body of a request, its quote at this price stays below
/// [`Credits::MAX`], and so bounds its cost.
const MAX_PRICE: u64 = 1_000_000_000_000;
const MAX_CONTEXT_TOKENS: u32 = 10_000_000;
const MAX_IMAGE_TOKENS: u32 = 1_000_000;

/// The most bytes of a model's id: an entry of the ledger has room for them.
pub const MAX_ID_BYTES: usize = 256;
/// The longest ARN that Bedrock takes for a model.
const MAX_PROVIDER_MODEL: usize = 2048;
const MAX_GUARDRAIL_VERSION: usize = 8;
const MAX_NAME: usize = 64;
const MAX_TEXT: usize = 500;

/// Members of a request that are never passed on unread. Some bear on the price beside the reported usage, or on who answers:
/// budgets of reasoning, searches, other templates, several replies, a quicker service. Others are read here, so that the client
/// would write them twice. The rest is about the caller.
const NOT_EXTRA: [&str; 104] = [
    "access_programs",
    "audio",
    "background",
    "background_options",
    "best_of",
    "betas",
    "billing_policy",
    "cache_control",
    "chat_template",
    "chat_template_kwargs",
    "compaction",
    "container",
    "context_management",
    "conversation",
    "data_sources",
    "diagnostics",
    "dimensions",
    "echo",
    "enable_search",
    "enable_thinking",
    "encoding_format",
    "extra_body",
    "fallback_credit_token",
    "fallbacks",
    "frequency_penalty",
    "function_call",
    "functions",
    "images",
    "include",
    "inference_geo",
    "input",
    "instructions",
    "logit_bias",
    "logprobs",
    "max_completion_tokens",
    "max_cost",
    "max_new_tokens",
    "max_output_tokens",
    "max_reasoning_tokens",
    "max_tokens",
    "max_tool_calls",
    "mcp_servers",
    "messages",
    "metadata",
    "mm_processor_kwargs",
    "modalities",
    "model",
    "models",
    "moderation",
    "n",
    "n_predict",
    "num_beams",
    "num_predict",
    "num_return_sequences",
    "options",
    "output_config",
    "parallel_tool_calls",
    "plugins",
    "prediction",
    "presence_penalty",
    "previous_response_id",
    "prompt",
    "prompt_cache_key",
    "prompt_cache_options",
    "prompt_cache_retention",
    "prompt_logprobs",
    "provider",
    "reasoning",
    "reasoning_budget",
    "reasoning_effort",
    "response_format",
    "route",
    "safety_identifier",
    "search_parameters",
    "seed",
    "service_tier",
    "speed",
    "stop",
    "stop_sequences",
    "store",
    "stream",
    "stream_options",
    "suffix",
    "system",
    "temperature",
    "text",
    "thinking",
    "thinking_budget",
    "thinking_config",
    "thread",
    "tool_choice",
    "tools",
    "top_logprobs",
    "top_p",
    "transforms",
    "truncation",
    "use_beam_search",
    "user",
    "user_profile_id",
    "verbosity",
    "web_search",
    "web_search_options",
    "web_search_preview",
    "workspace_id",
];

/// Headers that the client sets itself, or that change how it has to read the answer.
const NOT_A_HEADER: [&str; 14] = [
    "accept",
    "accept-encoding",
    "connection",
    "content-encoding",
    "content-length",
    "content-type",
    "cookie",
    "expect",
    "host",
    "keep-alive",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// Words in the names of headers that carry secrets. A catalogue is no place for a secret: `key` names one.
const WORDS_OF_SECRETS: [&str; 4] = ["auth", "key", "secret", "token"];

const ABILITIES: [(&str, Ability); 5] = [
    ("tools", Ability::Tools),
    ("json_schema", Ability::JsonSchema),
    ("images", Ability::Images),
    ("reasoning", Ability::Reasoning),
    ("embeddings", Ability::Embeddings),
];

/// The protocols of servers with an address and a key of their own, whose requests may have members that nobody here reads.
const OVER_HTTP: [Protocol; 3] = [Protocol::OpenAi, Protocol::OpenAiResponses, Protocol::Anthropic];

/// Providers by name, and models.
pub(super) type Parts = (BTreeMap<String, Provider>, Vec<CataloguedModel>);

/// The protocols of providers whose models may make embeddings.
const WITH_EMBEDDINGS: [Protocol; 3] = [Protocol::OpenAi, Protocol::OpenAiResponses, Protocol::Dummy];

/// The place that a catalogue comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum CatalogueOrigin {
    /// An operator sends it.
    Operator,
    /// The table has it: an earlier release may have accepted names of extra parameters that are refused today.
    Table,
}

/// Whether a catalogue may list `name` as an extra parameter.
#[must_use]
pub fn may_be_extra(name: &str) -> bool {
    // Some servers read names without regard to capitals.
    is_name_of_extra(name) && !NOT_EXTRA.contains(&name.to_ascii_lowercase().as_str())
}

/// The JSON that `text` is.
pub(super) fn json(text: &str) -> Result<Value, Vec<CatalogueError>> {
    let problem = if text.len() > MAX_CATALOGUE_BYTES {
        too_long(text.len())
    } else {
        match serde_json::from_str(text) {
            Ok(json) => return Ok(json),
            Err(error) => format!("is no JSON: {error}"),
        }
    };
    Err(vec![CatalogueError { path: String::new(), problem }])
}

/// The parts of the catalogue that `json` is.
pub(super) fn catalogue(json: &Value, origin: CatalogueOrigin) -> Result<Parts, Vec<CatalogueError>> {
    let errors = FoundErrors::default();
    let root = Place::root(json, &errors);
    let bytes = json.to_string().len();
    if bytes > MAX_CATALOGUE_BYTES {
        root.refuse::<()>(too_long(bytes));
        return errors.or(Parts::default());
    }
    let parts = parts(&root, origin).unwrap_or_default();
    errors.or(parts)
}

fn too_long(bytes: usize) -> String {
    format!("has {bytes} bytes without spaces, and may have {MAX_CATALOGUE_BYTES}")
}

fn parts(root: &Place<'_>, origin: CatalogueOrigin) -> Option<Parts> {
    let mut members = root.members()?;
    // An editor finds the schema by it.
    if let Some(schema) = members.optional("$schema") {
        schema.text(MAX_TEXT, "an address", |_| true);
    }
    let entries = members.required("providers").map(|place| place.entries(1..=MAX_PROVIDERS)).unwrap_or_default();
    let read: Vec<_> = entries.iter().map(|(name, place)| (*name, provider(name, place))).collect();
    let protocols = read.iter().map(|(name, provider)| (*name, provider.as_ref().map(|provider| provider.protocol)));
    let mut names = Names {
        origin,
        providers: protocols.collect(),
        models: HashMap::new(),
        guarded: BTreeSet::new(),
        embedders: BTreeSet::new(),
        fallbacks: Vec::new(),
    };
    let providers = read.into_iter().filter_map(|(name, provider)| Some((name.to_owned(), provider?))).collect();

    let places = members.required("models").map(|place| place.items(1..=MAX_MODELS)).unwrap_or_default();
    let models = places.iter().enumerate().filter_map(|(position, place)| model(position, place, &mut names)).collect();
    check_fallbacks(&names);
    members.end();
    Some((providers, models))
}

/// The names that were read so far, and those that may mean a model that comes later.
struct Names<'a> {
    origin: CatalogueOrigin,
    /// Each with its protocol, unless there is a mistake in it.
    providers: BTreeMap<&'a str, Option<Protocol>>,
    /// Ids and aliases, each with the position of its model.
    models: HashMap<String, usize>,
    /// The positions of the models with a guardrail.
    guarded: BTreeSet<usize>,
    /// The positions of the models that make embeddings.
    embedders: BTreeSet<usize>,
    /// Fallbacks: the position of the model that has them, their place, and the name.
    fallbacks: Vec<(usize, Place<'a>, String)>,
}

impl Names<'_> {
    /// Whether one of these two models makes embeddings, so that it cannot stand for the other. A stored catalogue may have
    /// such a fallback, which is never asked.
    fn has_an_embedder(&self, model: usize, fallback: usize) -> bool {
        self.origin == CatalogueOrigin::Operator
            && [model, fallback].iter().any(|position| self.embedders.contains(position))
    }
}

fn provider(name: &str, place: &Place<'_>) -> Option<Provider> {
    if !(1..=MAX_NAME).contains(&name.len()) || !name.bytes().all(is_of_a_provider) {
        place.refuse::<()>(format!("must have a name of 1 to {MAX_NAME} of a-z, 0-9, _ and -"));
    }
    let mut members = place.members()?;
    let protocols = [
        ("openai", Protocol::OpenAi),
        ("anthropic", Protocol::Anthropic),
        ("bedrock", Protocol::Bedrock),
        ("dummy", Protocol::Dummy),
    ];
    let protocol = members.required("protocol").and_then(|place| place.word(&protocols));
    let speaks_responses = members.optional("responses").and_then(|place| {
        only_for(&[Protocol::OpenAi], protocol, &place);
        place.boolean()
    });
    let protocol = protocol.map(|protocol| match (protocol, speaks_responses) {
        (Protocol::OpenAi, Some(true)) => Protocol::OpenAiResponses,
        (protocol, _) => protocol,
    });
    let base_url = members.optional("base_url").and_then(|place| {
        only_for(&OVER_HTTP, protocol, &place);
        let rule = "as in https://example.com/v1, without user, query and fragment";
        place.text(MAX_TEXT, rule, is_address).map(|url| url.trim_end_matches('/').to_owned())
    });
    let region = members.optional("region").and_then(|place| {
        only_for(&[Protocol::Bedrock], protocol, &place);
        place.text(32, "of a-z, 0-9 and -", |text| text.bytes().all(|byte| is_of_a_provider(byte) && byte != b'_'))
    });
    let key = members.optional("key").and_then(|place| {
        only_for(&OVER_HTTP, protocol, &place);
        place.text(MAX_NAME, "of A-Z, a-z, 0-9, _ and -: the name of a key, not the key", |text| {
            text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte))
        })
    });
    if key.is_some() && base_url.as_deref().is_some_and(is_plain_beyond_this_machine) {
        place.refuse::<()>(
            "has a key, so its base_url must begin with https://, or be of localhost, 127.0.0.1 or [::1]",
        );
    }
    let headers = members.optional("headers").map(|place| {
        only_for(&OVER_HTTP, protocol, &place);
        headers(&place)
    });
    let connect_timeout = members.optional("connect_timeout_ms").and_then(|place| {
        let but_for_the_dummy = [&OVER_HTTP[..], &[Protocol::Bedrock]].concat();
        only_for(&but_for_the_dummy, protocol, &place);
        place.whole(100..=10_000).map(Duration::from_millis)
    });
    let timeout = members.optional("timeout_ms").and_then(|place| place.whole(1000..=900_000));
    members.end();
    Some(Provider {
        protocol: protocol?,
        base_url,
        region,
        key,
        headers: headers.unwrap_or_default(),
        connect_timeout: connect_timeout.unwrap_or(Provider::CONNECT_TIMEOUT),
        timeout: timeout.map(Duration::from_millis),
    })
}

/// Refuses a member that means nothing for the provider's protocol.
fn only_for(protocols: &[Protocol], protocol: Option<Protocol>, place: &Place<'_>) {
    if protocol.is_some_and(|protocol| !protocols.contains(&protocol)) {
        place.refuse::<()>("means nothing for a provider of this protocol");
    }
}

fn headers(place: &Place<'_>) -> BTreeMap<String, String> {
    let mut headers = BTreeMap::new();
    for (name, place) in place.entries(0..=MAX_HEADERS) {
        let is_valid =
            |text: &str| text.trim() == text && text.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic());
        let value = place.text(MAX_TEXT, "all of them printable ASCII, with no space at an end", is_valid);
        let name = name.to_ascii_lowercase();
        let is_name = (1..=MAX_NAME).contains(&name.len())
            && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte));
        if !is_name {
            place.refuse::<()>(format!("must have a name of 1 to {MAX_NAME} of A-Z, a-z, 0-9, _ and -"));
        } else if NOT_A_HEADER.contains(&name.as_str()) {
            place.refuse::<()>("is a header that the client sets itself");
        } else if WORDS_OF_SECRETS.iter().any(|word| name.contains(word)) {
            place.refuse::<()>("may be a secret, which has no place here: `key` names one");
        } else if headers.insert(name, value.unwrap_or_default()).is_some() {
            place.refuse::<()>("is there twice");
        }
    }
    headers
}

fn model<'a>(position: usize, place: &Place<'a>, names: &mut Names<'a>) -> Option<CataloguedModel> {
    let mut members = place.members()?;
    let id = members.required("id").and_then(|place| name(position, &place, names));
    let provider = members.required("provider").and_then(|place| {
        let is_known = |text: &str| names.providers.contains_key(text);
        place.text(MAX_NAME, "the name of one of the providers", is_known)
    });
    let provider_model = members.required("provider_model").and_then(|place| printable(&place, MAX_PROVIDER_MODEL));
    let prices = members.required("prices").and_then(|place| prices(&place));
    let context_tokens = members.required("context_tokens").and_then(|place| place.count(1..=MAX_CONTEXT_TOKENS));
    let max_output_tokens = members.required("max_output_tokens").and_then(|place| {
        let most = place.count(1..=MAX_CONTEXT_TOKENS)?;
        match context_tokens {
            Some(context_tokens) if most > context_tokens => place.refuse("must be at most context_tokens"),
            _ => Some(most),
        }
    });
    let place_of_takes = members.optional("takes");
    let takes = place_of_takes.as_ref().map(|place| place.set(ABILITIES.len(), |item| item.word(&ABILITIES)));
    let takes = takes.unwrap_or_default();
    let image_tokens = image_tokens(&mut members, takes.contains(&Ability::Images));
    let policies =
        [("always", StreamPolicy::Always), ("text_only", StreamPolicy::TextOnly), ("never", StreamPolicy::Never)];
    let streams = members.optional("streams").and_then(|place| place.word(&policies));
    let protocol = provider.as_ref().and_then(|name| names.providers[name.as_str()]);
    if let Some(place) = place_of_takes.filter(|_| takes.contains(&Ability::Embeddings)) {
        names.embedders.insert(position);
        check_embedder(&place, &takes, protocol, names.origin);
    }
    let extra_parameters =
        members.optional("extra_parameters").map(|place| extra_parameters(&place, protocol, names.origin));
    let guardrail = members.optional("guardrail").and_then(|place| {
        only_for(&[Protocol::Bedrock], protocol, &place);
        guardrail(&place)
    });
    names.guarded.extend(guardrail.as_ref().filter(|_| protocol == Some(Protocol::Bedrock)).map(|_| position));
    let aliases = members
        .optional("aliases")
        .map(|place| place.items(0..=MAX_ALIASES).iter().filter_map(|item| name(position, item, names)).collect());
    let mut fallbacks = Vec::new();
    for item in members.optional("fallbacks").iter().flat_map(|place| place.items(0..=MAX_FALLBACKS)) {
        if let Some(name) = item.text(MAX_ID_BYTES, RULE_OF_IDS, is_id) {
            fallbacks.push(name.clone());
            names.fallbacks.push((position, item, name));
        }
    }
    let hidden = members.optional("hidden").and_then(|place| place.boolean());
    let description = members.optional("description").and_then(|place| printable(&place, MAX_TEXT));
    members.end();
    Some(CataloguedModel {
        id: id?,
        provider: provider?,
        provider_model: provider_model?,
        prices: prices?,
        context_tokens: context_tokens?,
        max_output_tokens: max_output_tokens?,
        image_tokens,
        takes,
        streams: streams.unwrap_or_default(),
        extra_parameters: extra_parameters.unwrap_or_default(),
        guardrail,
        aliases: aliases.unwrap_or_default(),
        fallbacks,
        hidden: hidden.unwrap_or_default(),
        description,
    })
}

/// Checks what a model takes that makes embeddings. A catalogue of before, to which they meant nothing, is read all the same.
fn check_embedder(place: &Place<'_>, takes: &BTreeSet<Ability>, protocol: Option<Protocol>, origin: CatalogueOrigin) {
    if origin == CatalogueOrigin::Table {
        return;
    }
    if takes.len() > 1 {
        place.refuse::<()>("must have nothing beside embeddings: such a model makes vectors alone");
    }
    if protocol.is_some_and(|protocol| !WITH_EMBEDDINGS.contains(&protocol)) {
        place.refuse::<()>("must not have embeddings, which no model of this provider's protocol makes");
    }
}

/// An id or an alias, which no other model may have.
fn name(position: usize, place: &Place<'_>, names: &mut Names<'_>) -> Option<String> {
    let name = place.text(MAX_ID_BYTES, RULE_OF_IDS, is_id)?;
    if let Some(other) = names.models.get(&name) {
        return place.refuse(format!("is a name of models[{other}] too"));
    }
    names.models.insert(name.clone(), position);
    Some(name)
}

fn prices(place: &Place<'_>) -> Option<Prices> {
    let mut members = place.members()?;
    let price = |place: Place<'_>| place.whole(0..=MAX_PRICE).and_then(|price| Credits::new(price).ok());
    let input = members.required("input").and_then(price);
    let cached_input = members.optional("cached_input").map(price);
    let cache_write = members.optional("cache_write").map(price);
    let output = members.required("output").and_then(price);
    let request = members.optional("request").map(price);
    let image = members.optional("image").map(price);
    members.end();
    Some(Prices {
        input: input?,
        cached_input: cached_input.unwrap_or(input)?,
        cache_write: cache_write.unwrap_or(input)?,
        output: output?,
        request: request.unwrap_or(Some(Credits::ZERO))?,
        image: image.unwrap_or(Some(Credits::ZERO))?,
    })
}

fn guardrail(place: &Place<'_>) -> Option<Guardrail> {
    let mut members = place.members()?;
    let id = members.required("id").and_then(|place| {
        place.text(MAX_PROVIDER_MODEL, "the id of a guardrail, of a-z and 0-9, or its ARN", is_guardrail)
    });
    let version = members
        .required("version")
        .and_then(|place| place.text(MAX_GUARDRAIL_VERSION, "a number, or DRAFT", is_guardrail_version));
    members.end();
    Some(Guardrail { id: id?, version: version? })
}

/// Without a bound on an image's tokens, what is held for it would not bound what it costs.
fn image_tokens(members: &mut Members<'_>, takes_images: bool) -> Option<u32> {
    let place = if takes_images { members.required("image_tokens") } else { members.optional("image_tokens") };
    place.and_then(|place| place.count(1..=MAX_IMAGE_TOKENS))
}

/// Members that are passed on. Bedrock and the dummy get none, and their models in a stored catalogue have none.
fn extra_parameters(place: &Place<'_>, protocol: Option<Protocol>, origin: CatalogueOrigin) -> BTreeSet<String> {
    let names = place.set(MAX_EXTRA_PARAMETERS, |item| extra_parameter(item, origin));
    match origin {
        CatalogueOrigin::Operator => only_for(&OVER_HTTP, protocol, place),
        CatalogueOrigin::Table if !protocol.is_some_and(|protocol| OVER_HTTP.contains(&protocol)) => {
            return BTreeSet::new();
        }
        CatalogueOrigin::Table => {}
    }
    names
}

fn extra_parameter(place: &Place<'_>, origin: CatalogueOrigin) -> Option<String> {
    let name = place.text(MAX_NAME, "of A-Z, a-z, 0-9 and _", is_name_of_extra)?;
    if may_be_extra(&name) {
        return Some(name);
    }
    match origin {
        CatalogueOrigin::Operator => {
            place.refuse("bears on the price or on who answers, and is never passed on unread")
        }
        CatalogueOrigin::Table => None,
    }
}

fn is_name_of_extra(text: &str) -> bool {
    (1..=MAX_NAME).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

/// Checks that the fallbacks of each model mean other models, and each of them one of its own.
fn check_fallbacks(names: &Names<'_>) {
    let mut seen = BTreeSet::new();
    for (position, place, name) in &names.fallbacks {
        match names.models.get(name) {
            None => place.refuse::<()>("must be an id or an alias of a model"),
            Some(found) if found == position => place.refuse("must be another model"),
            Some(found) if !seen.insert((position, found)) => place.refuse("is a model that is in the list twice"),
            // Vectors of two models cannot be compared.
            Some(found) if names.has_an_embedder(*position, *found) => {
                place.refuse("must not be here: neither has a model that makes embeddings a fallback, nor is it one")
            }
            Some(found) if names.guarded.contains(position) && !names.guarded.contains(found) => {
                place.refuse(format!("must have a guardrail too, since models[{position}] has one"))
            }
            Some(_) => None,
        };
    }
}

const RULE_OF_IDS: &str = "of A-Z, a-z, 0-9, . _ : @ + - and single slashes inside";

fn is_id(text: &str) -> bool {
    let is_of_a_part = |byte: u8| byte.is_ascii_alphanumeric() || b"._:@+-".contains(&byte);
    text.split('/').all(|part| !part.is_empty() && part.bytes().all(is_of_a_part))
}

fn is_of_a_provider(byte: u8) -> bool {
    byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"_-".contains(&byte)
}

/// An id, or an ARN such as `arn:aws:bedrock:eu-central-1:123456789012:guardrail/abc1`.
fn is_guardrail(text: &str) -> bool {
    let is_id = |id: &str| !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
    let is_of_a_word = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    let is_word = |word: &str| !word.is_empty() && word.bytes().all(is_of_a_word);
    let is_account = |account: &str| account.len() == 12 && account.bytes().all(|byte| byte.is_ascii_digit());
    let parts: Vec<&str> = text.split(':').collect();
    match parts[..] {
        [id] => is_id(id),
        ["arn", partition, "bedrock", region, account, resource] => {
            is_word(partition)
                && is_word(region)
                && is_account(account)
                && resource.strip_prefix("guardrail/").is_some_and(is_id)
        }
        _ => false,
    }
}

fn is_guardrail_version(text: &str) -> bool {
    text == "DRAFT" || (!text.starts_with('0') && text.bytes().all(|byte| byte.is_ascii_digit()))
}

fn printable(place: &Place<'_>, most: usize) -> Option<String> {
    place.text(most, "none of them a control character", |text| !text.chars().any(char::is_control))
}

/// An address of http or https: a host, perhaps a port, perhaps a path.
fn is_address(text: &str) -> bool {
    let Some(rest) = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://")) else { return false };
    let (host, port, path) = host_port_and_path(rest);
    let is_name = |host: &str| host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte));
    let is_ipv6 = |host: &str| {
        host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).is_some_and(|host| {
            !host.is_empty() && host.bytes().all(|byte| byte.is_ascii_hexdigit() || b":.".contains(&byte))
        })
    };
    let is_port =
        |port: &str| port.len() <= 5 && port.bytes().all(|byte| byte.is_ascii_digit()) && port.parse::<u16>().is_ok();
    let is_of_a_path = |byte: u8| byte.is_ascii_alphanumeric() || b"/._~:%!$&'()*+,;=-".contains(&byte);
    !host.is_empty() && (is_name(host) || is_ipv6(host)) && port.is_none_or(is_port) && path.bytes().all(is_of_a_path)
}

/// Whether everybody on the way to an address could read a key that is sent there.
fn is_plain_beyond_this_machine(address: &str) -> bool {
    let Some(rest) = address.strip_prefix("http://") else { return false };
    let (host, ..) = host_port_and_path(rest);
    let is_loopback = |host: &str| host.parse::<Ipv4Addr>().is_ok_and(|address| address.is_loopback());
    host != "localhost" && host != "[::1]" && !is_loopback(host)
}

/// The parts of an address after its scheme.
fn host_port_and_path(rest: &str) -> (&str, Option<&str>, &str) {
    let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    // The host of an IPv6 address is in brackets, and has colons itself.
    match authority.rfind(':').filter(|colon| !authority[*colon..].contains(']')) {
        Some(colon) => (&authority[..colon], Some(&authority[colon + 1..]), path),
        None => (authority, None, path),
    }
}
