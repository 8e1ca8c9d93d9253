//! Parameters that no model here can honour.
//!
//! A parameter that would change the answer, or its price beside the tokens, is refused: its caller would pay for another
//! answer than they wanted. Others are ignored and never passed on, as are parameters that nobody knows: `user`,
//! `metadata`, `prompt_cache_key`, `safety_identifier`.

use serde_json::value::RawValue;

use crate::door::{ParameterFault, Parameters, ProtocolError, is_empty, is_only, is_word};

/// A parameter, and whether a value of it asks for nothing more than what is done anyway.
type UnsupportedParameter = (&'static str, fn(&RawValue) -> bool);

const PARAMETERS: [UnsupportedParameter; 7] = [
    ("functions", is_empty),
    ("function_call", is_free_choice),
    ("modalities", |value| is_only(value, "text")),
    ("audio", |_| false),
    ("web_search_options", |_| false),
    ("prediction", |_| false),
    ("service_tier", |value| is_word(value, "auto") || is_word(value, "default")),
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
        Some((name, _)) => Err(fields.refuse(name, ParameterFault::Unsupported, but(name))),
    }
}

/// The values of the parameter that are taken, or the parameter that took its place.
fn but(name: &str) -> &'static str {
    match name {
        "service_tier" => ", except for auto and default",
        "functions" => ": give 'tools'",
        "function_call" => ": give 'tool_choice'",
        _ => "",
    }
}

/// There is nothing to choose from.
fn is_free_choice(value: &RawValue) -> bool {
    is_word(value, "none") || is_word(value, "auto")
}
