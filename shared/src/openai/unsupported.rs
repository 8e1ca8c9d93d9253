//! Parameters that no model here can honour.
//!
//! What would change the answer is refused, since whoever asks for it would pay for another answer than
//! they wanted. What would not is ignored, as are parameters that nobody knows: `user`, `metadata`,
//! `service_tier`, `prompt_cache_key`, `safety_identifier`, `parallel_tool_calls`, `prediction`.

use serde_json::value::RawValue;

use crate::http::JsonObject;
use crate::openai::error::{ParameterFault, ProtocolError};
use crate::openai::parameters::{Parameters, is_empty, is_only, is_word, number};

/// A parameter, and whether a value of it asks for nothing more than what is done anyway.
type UnsupportedParameter = (&'static str, fn(&RawValue) -> bool);

const PARAMETERS: [UnsupportedParameter; 14] = [
    ("tools", is_empty),
    ("functions", is_empty),
    ("tool_choice", is_free_choice),
    ("function_call", is_free_choice),
    ("response_format", is_text_format),
    ("n", |value| is_number(value, 1)),
    ("logprobs", |value| value.get() == "false"),
    ("top_logprobs", |value| is_number(value, 0)),
    ("logit_bias", is_empty),
    ("modalities", |value| is_only(value, "text")),
    ("audio", |_| false),
    ("web_search_options", |_| false),
    ("reasoning_effort", |_| false),
    ("verbosity", |value| is_word(value, "medium")),
];

/// Refuses what would be ignored otherwise.
///
/// # Errors
/// [`ProtocolError::Parameter`] naming the first.
pub(super) fn refuse_unsupported(fields: &Parameters<'_>) -> Result<(), ProtocolError> {
    let asks_for_more =
        |(name, is_harmless): &&UnsupportedParameter| fields.get(name).is_some_and(|value| !is_harmless(value));
    match PARAMETERS.iter().find(asks_for_more) {
        None => Ok(()),
        Some(("n", _)) => Err(fields.refuse("n", ParameterFault::Unsupported, ", except for 1")),
        Some((name, _)) => Err(fields.refuse(name, ParameterFault::Unsupported, "")),
    }
}

/// There is nothing to choose from.
fn is_free_choice(value: &RawValue) -> bool {
    is_word(value, "none") || is_word(value, "auto")
}

fn is_text_format(value: &RawValue) -> bool {
    let format = JsonObject::parse(value.get(), &["type"]);
    format.is_ok_and(|format| format.get("type").is_some_and(|kind| is_word(kind, "text")))
}

fn is_number(value: &RawValue, wanted: u64) -> bool {
    number(value).is_some_and(|number| number.as_u64() == Some(wanted))
}
