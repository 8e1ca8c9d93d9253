//! The fingerprint of a request: all that determines the answer, in the one form that is hashed.

use std::collections::BTreeMap;

use domain::credits::Credits;
use domain::message::ToolCall;
use domain::reasoning_proof::ReasoningProof;
use ledger::idempotency::Fingerprint;
use providers::prompt::{
    BlockBorder, Detail, EmbeddingInputs, Image, Prompt, ResponseFormat, Role, Sampling, Thinking, Tool, ToolChoice,
    Tools, Turn,
};
use providers::raw_json::RawJson;
use serde::Serialize;
use serde_json::value::RawValue;

use crate::till::CallerLimits;

/// The fingerprint of a request at `endpoint` for a reply of `model` to `prompt` within `limits`.
pub(super) fn fingerprint(endpoint: &str, model: &str, prompt: &Prompt, limits: CallerLimits) -> Fingerprint {
    let Prompt { turns, sampling, .. } = prompt;
    let Sampling { temperature, top_p, top_k: _, presence_penalty, frequency_penalty, stop, seed } = sampling;
    let canonical = Canonical {
        model,
        turns: turns.iter().map(|turn| (turn.role, turn.text.as_str())).collect(),
        numbers: [*temperature, *top_p, *presence_penalty, *frequency_penalty],
        stop,
        seed: *seed,
        max_output_tokens: limits.max_output_tokens,
        more: CanonicalTools::of(prompt),
        max_cost: limits.max_cost,
        logit_bias: &prompt.logit_bias,
        extra: &prompt.extra,
    };
    Fingerprint::of_request(endpoint, &canonical)
}

/// The members that determine the answer, in the one form that is hashed.
#[derive(Serialize)]
struct Canonical<'a> {
    model: &'a str,
    turns: Vec<(Role, &'a str)>,
    numbers: [Option<f32>; 4],
    stop: &'a [String],
    seed: Option<i64>,
    max_output_tokens: Option<u32>,
    /// It is left out where there is nothing in it, so that a request without tools has the digest that it always had.
    #[serde(flatten)]
    more: CanonicalTools<'a>,
    /// Absent without a bound, so that the requests of before have the fingerprints of before.
    #[serde(skip_serializing_if = "Option::is_none")]
    max_cost: Option<Credits>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    logit_bias: &'a BTreeMap<u32, f32>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    extra: &'a BTreeMap<String, RawJson>,
}

/// The members of a prompt beside its texts that determine the answer. Each is left out if it is absent: a request that has
/// none of them is hashed as it was before they were known. Schemas count as they were written.
#[derive(Serialize)]
struct CanonicalTools<'a> {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    turns_beside_texts: Vec<CanonicalTurn<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tools: Vec<CanonicalTool<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tool_choice: Option<CanonicalChoice<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    parallel_tool_calls: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    response_format: Option<CanonicalFormat<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reasoning_effort: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    verbosity: Option<&'a str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    turns_beside_chat_completions: Vec<CanonicalBlocks<'a>>,
    /// The places of the tools up to which the provider keeps them in its cache.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    cached_tools: Vec<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    top_k: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    thinking: Option<Thinking>,
    #[serde(skip_serializing_if = "Option::is_none")]
    thinking_is_shown: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reasoning_summary: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    inputs: Option<&'a EmbeddingInputs>,
}

/// What a turn has that chat completions have no member for.
#[derive(Serialize)]
struct CanonicalBlocks<'a> {
    place: usize,
    proofs: &'a [ReasoningProof],
    borders: &'a [BlockBorder],
    is_cached: bool,
    is_error: bool,
}

/// A turn that is more than a text.
#[derive(Serialize)]
struct CanonicalTurn<'a> {
    place: usize,
    calls: &'a [ToolCall],
    answers: Option<&'a str>,
    name: Option<&'a str>,
    reasoning: Option<&'a str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    images: Vec<CanonicalImage<'a>>,
}

/// Place, media type, data, detail.
type CanonicalImage<'a> = (usize, &'static str, &'a str, Option<Detail>);

/// Name, description, schema of the arguments, whether it is strict.
type CanonicalTool<'a> = (&'a str, Option<&'a str>, Option<&'a RawValue>, Option<bool>);

#[derive(Serialize)]
#[serde(rename_all = "snake_case")]
enum CanonicalChoice<'a> {
    None,
    Auto,
    Required,
    Function(&'a str),
}

#[derive(Serialize)]
#[serde(rename_all = "snake_case")]
enum CanonicalFormat<'a> {
    JsonObject,
    JsonSchema(CanonicalTool<'a>),
}

impl<'a> CanonicalTools<'a> {
    fn of(prompt: &'a Prompt) -> Self {
        let Prompt { turns, tools, response_format, reasoning_effort, verbosity, .. } = prompt;
        let cached_tools = tools.offered.iter().enumerate().filter(|(_, tool)| tool.is_cached);
        let Tools { offered, choice, parallel } = tools;
        Self {
            turns_beside_texts: turns.iter().enumerate().filter_map(|(place, turn)| turn_of(place, turn)).collect(),
            tools: offered.iter().map(tool_of).collect(),
            tool_choice: choice.as_ref().map(choice_of),
            parallel_tool_calls: *parallel,
            response_format: response_format.as_ref().map(format_of),
            reasoning_effort: reasoning_effort.as_deref(),
            verbosity: verbosity.as_deref(),
            turns_beside_chat_completions: turns
                .iter()
                .enumerate()
                .filter_map(|(at, turn)| blocks_of(at, turn))
                .collect(),
            cached_tools: cached_tools.map(|(place, _)| place).collect(),
            top_k: prompt.sampling.top_k,
            thinking: prompt.thinking,
            thinking_is_shown: prompt.thinking_is_shown,
            reasoning_summary: prompt.reasoning_summary.as_deref(),
            inputs: prompt.inputs.as_ref(),
        }
    }
}

fn blocks_of(place: usize, turn: &Turn) -> Option<CanonicalBlocks<'_>> {
    let Turn { proofs, borders, is_cached, is_error, .. } = turn;
    let (is_cached, is_error) = (*is_cached, *is_error);
    let has_none = proofs.is_empty() && borders.is_empty() && !is_cached && !is_error;
    (!has_none).then_some(CanonicalBlocks { place, proofs, borders, is_cached, is_error })
}

fn turn_of(place: usize, turn: &Turn) -> Option<CanonicalTurn<'_>> {
    let Turn { images, calls, answers, name, reasoning, .. } = turn;
    let is_a_text = calls.is_empty() && answers.is_none() && name.is_none() && reasoning.is_none() && images.is_empty();
    (!is_a_text).then(|| CanonicalTurn {
        place,
        calls,
        answers: answers.as_deref(),
        name: name.as_deref(),
        reasoning: reasoning.as_deref(),
        images: images.iter().map(image_of).collect(),
    })
}

fn image_of(image: &Image) -> CanonicalImage<'_> {
    let Image { at, media_type, data, detail } = image;
    (*at, media_type.mime(), data, *detail)
}

fn tool_of(tool: &Tool) -> CanonicalTool<'_> {
    let Tool { name, description, parameters, strict, is_cached: _ } = tool;
    (name, description.as_deref(), parameters.as_deref(), *strict)
}

fn choice_of(choice: &ToolChoice) -> CanonicalChoice<'_> {
    match choice {
        ToolChoice::None => CanonicalChoice::None,
        ToolChoice::Auto => CanonicalChoice::Auto,
        ToolChoice::Required => CanonicalChoice::Required,
        ToolChoice::Function(name) => CanonicalChoice::Function(name),
    }
}

fn format_of(format: &ResponseFormat) -> CanonicalFormat<'_> {
    match format {
        ResponseFormat::JsonObject => CanonicalFormat::JsonObject,
        ResponseFormat::JsonSchema { name, description, schema, strict } => {
            CanonicalFormat::JsonSchema((name, description.as_deref(), schema.as_deref(), *strict))
        }
    }
}
