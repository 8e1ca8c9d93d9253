//! Parameters that no model here can honour.
//!
//! What would change the answer is refused, since whoever asks for it would pay for another answer than
//! they wanted. What would not is ignored, as are parameters that nobody knows: `user`, `metadata`,
//! `service_tier`, `prompt_cache_key`, `safety_identifier`, `parallel_tool_calls`, `prediction`.

use serde_json::Value;

use crate::openai::error::{ParameterFault, ProtocolError};
use crate::openai::parameters::Parameters;

/// A parameter, and whether a value of it asks for nothing more than what is done anyway.
type UnsupportedParameter = (&'static str, fn(&Value) -> bool);

const PARAMETERS: [UnsupportedParameter; 14] = [
    ("tools", is_empty),
    ("functions", is_empty),
    ("tool_choice", is_free_choice),
    ("function_call", is_free_choice),
    ("response_format", |value| value["type"] == "text"),
    ("n", |value| value.as_u64() == Some(1)),
    ("logprobs", |value| value == false),
    ("top_logprobs", |value| value.as_u64() == Some(0)),
    ("logit_bias", is_empty),
    ("modalities", |value| value.as_array().is_some_and(|kinds| kinds.len() == 1 && kinds[0] == "text")),
    ("audio", |_| false),
    ("web_search_options", |_| false),
    ("reasoning_effort", |_| false),
    ("verbosity", |value| value == "medium"),
];

/// Refuses what would be ignored otherwise.
///
/// # Errors
/// [`ProtocolError::Parameter`] naming the first.
pub(super) fn refuse_unsupported(fields: Parameters<'_>) -> Result<(), ProtocolError> {
    let asks_for_more =
        |(name, is_harmless): &&UnsupportedParameter| fields.get(name).is_some_and(|value| !is_harmless(value));
    match PARAMETERS.iter().find(asks_for_more) {
        None => Ok(()),
        Some(("n", _)) => Err(fields.refuse("n", ParameterFault::Unsupported, ", except for 1")),
        Some((name, _)) => Err(fields.refuse(name, ParameterFault::Unsupported, "")),
    }
}

fn is_empty(value: &Value) -> bool {
    value.as_array().is_some_and(Vec::is_empty) || value.as_object().is_some_and(serde_json::Map::is_empty)
}

/// There is nothing to choose from.
fn is_free_choice(value: &Value) -> bool {
    value == "none" || value == "auto"
}
