//! Parameters that no model here can honour.
//!
//! A parameter that would change the answer, or its price beside the tokens, is refused. Others are ignored and never passed
//! on: `user`, `prompt_cache_key`, `safety_identifier`, `truncation`, `max_tool_calls`, `stream_options`.

use serde_json::value::RawValue;

use crate::door::{ParameterFault, Parameters, ProtocolError, is_empty, is_word};

/// A parameter, whether a value of it asks for nothing more than what is done anyway, and the sentence's end.
type UnsupportedParameter = (&'static str, fn(&RawValue) -> bool, &'static str);

/// The sentence for a parameter that needs a server with a memory.
const STATELESS: &str = ": nothing is kept between two requests. Send the whole conversation as 'input'";

const PARAMETERS: [UnsupportedParameter; 9] = [
    ("store", is_false, ", except for false: nothing is kept between two requests. Set 'store' to false"),
    ("previous_response_id", |_| false, STATELESS),
    ("conversation", |_| false, STATELESS),
    ("background", is_false, ", except for false: an answer comes with its request"),
    ("prompt", |_| false, ": send the text as 'instructions' or 'input'"),
    ("context_management", is_empty, ""),
    ("moderation", |_| false, ""),
    ("service_tier", |value| is_word(value, "auto") || is_word(value, "default"), ", except for auto and default"),
    ("top_logprobs", |value| value.get() == "0", ", except for 0"),
];

/// Parameters of chat completions that this protocol has not. Here they would be ignored.
const OF_CHAT_COMPLETIONS: [&str; 14] = [
    "frequency_penalty",
    "functions",
    "logit_bias",
    "logprobs",
    "max_completion_tokens",
    "max_tokens",
    "messages",
    "n",
    "presence_penalty",
    "reasoning_effort",
    "response_format",
    "seed",
    "stop",
    "verbosity",
];

/// Refuses what would be ignored otherwise.
///
/// # Errors
/// [`ProtocolError::Parameter`] naming the first.
pub(super) fn refuse_unsupported(fields: &Parameters<'_>) -> Result<(), ProtocolError> {
    let asks_for_more = |(name, is_harmless, _): &&UnsupportedParameter| {
        let value = fields.get(name);
        value.is_some_and(|value| !is_harmless(value))
    };
    if let Some((name, _, but)) = PARAMETERS.iter().find(asks_for_more) {
        return Err(fields.refuse(name, ParameterFault::Unsupported, but));
    }
    match OF_CHAT_COMPLETIONS.iter().find(|name| fields.get(name).is_some()) {
        None => Ok(()),
        Some(name) => Err(fields.refuse(name, ParameterFault::Unsupported, ": it is one of chat completions")),
    }
}

fn is_false(value: &RawValue) -> bool {
    value.get() == "false"
}
