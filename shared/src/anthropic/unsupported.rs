//! Parameters that no model here can honour.
//!
//! A parameter that would change the answer, or its price beside the tokens, is refused. Others are ignored and never passed
//! on: `metadata`, `diagnostics`.

use serde_json::value::RawValue;

use crate::door::{ParameterFault, Parameters, ProtocolError, is_empty, is_word};
use crate::http::{Elements, JsonObject};

/// A parameter, whether a value of it asks for nothing more than what is done anyway, and the values that are taken.
type UnsupportedParameter = (&'static str, fn(&RawValue) -> bool, &'static str);

/// The conversation that Anthropic keeps between requests: with it, a request has the new messages alone.
pub(super) const THREAD: &str = "thread";

const PARAMETERS: [UnsupportedParameter; 10] = [
    (
        "service_tier",
        |value| is_word(value, "auto") || is_word(value, "standard_only"),
        ", except for auto and standard_only",
    ),
    ("speed", |value| is_word(value, "standard"), ", except for standard"),
    ("inference_geo", |_| false, ""),
    // The user of the key pays here.
    ("billing_policy", bills_the_caller, ", except for a bill to self"),
    ("compaction", |_| false, ""),
    ("container", |_| false, ""),
    ("mcp_servers", is_empty, ""),
    ("fallbacks", is_empty, ""),
    ("context_management", keeps_all, ", except for edits that keep all thinking"),
    (THREAD, |_| false, ": send the whole conversation"),
];

/// Members of `output_config` that no model here can honour.
const OF_OUTPUT: [&str; 1] = ["task_budget"];

/// Refuses what would be ignored otherwise.
///
/// # Errors
/// [`ProtocolError::Parameter`] naming the first.
pub(super) fn refuse_unsupported(fields: &Parameters<'_>) -> Result<(), ProtocolError> {
    for (name, is_harmless, but) in &PARAMETERS {
        if fields.get(name).is_some_and(|value| !is_harmless(value)) {
            return Err(fields.refuse(name, ParameterFault::Unsupported, but));
        }
    }
    let Some(config) = fields.object("output_config", &OF_OUTPUT)? else { return Ok(()) };
    match OF_OUTPUT.iter().find(|name| config.get(name).is_some()) {
        None => Ok(()),
        Some(name) => Err(config.refuse(name, ParameterFault::Unsupported, "")),
    }
}

/// Whether the caller is to pay, as always here.
fn bills_the_caller(policy: &RawValue) -> bool {
    let Ok(policy) = JsonObject::parse(policy.get(), &["bill_to"]) else { return false };
    policy.get("bill_to").is_some_and(|payer| is_word(payer, "self"))
}

/// Whether every edit keeps all thinking, which is what happens here without any. Claude Code sends such an edit.
fn keeps_all(management: &RawValue) -> bool {
    let Ok(management) = JsonObject::parse(management.get(), &["edits"]) else { return false };
    let Some(edits) = management.get("edits") else { return true };
    Elements::of(edits).is_some_and(|mut edits| edits.all(keeps_thinking))
}

fn keeps_thinking(edit: &RawValue) -> bool {
    let Ok(edit) = JsonObject::parse(edit.get(), &["type", "keep"]) else { return false };
    let is_of_thinking = |kind: &RawValue| kind.get().starts_with("\"clear_thinking_");
    edit.get("type").is_some_and(is_of_thinking) && edit.get("keep").is_some_and(|keep| is_word(keep, "all"))
}
