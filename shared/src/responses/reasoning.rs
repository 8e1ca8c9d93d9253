//! How much a model reasons, and what it shows of that.

use crate::door::{ParameterFault, Parameters, ProtocolError, is_text, is_word};
use crate::http::Elements;

/// The value of `include` with which reasoning comes back as data that prove it.
const ENCRYPTED_REASONING: &str = "reasoning.encrypted_content";

/// The value of `include` that asks for log probabilities.
const LOGPROBS: &str = "message.output_text.logprobs";

/// `reasoning` and `include`.
pub(super) struct ReasoningParameters {
    pub(super) effort: Option<String>,
    /// The kind of summary that is wanted.
    pub(super) summary: Option<String>,
    /// Whether the proofs of reasoning are wanted.
    pub(super) shows_proofs: bool,
}

impl ReasoningParameters {
    pub(super) fn parse(fields: &Parameters<'_>) -> Result<Self, ProtocolError> {
        let shows_proofs = includes_proofs(fields)?;
        let reasoning = fields.object("reasoning", &["effort", "summary", "generate_summary", "mode"])?;
        let Some(reasoning) = reasoning else { return Ok(Self { effort: None, summary: None, shows_proofs }) };
        // A mode beside the standard one has another price.
        if reasoning.get("mode").is_some_and(|mode| !is_word(mode, "standard")) {
            return Err(reasoning.refuse("mode", ParameterFault::Unsupported, ", except for standard"));
        }
        // The second is the older name of the first.
        let summary = reasoning.word("summary")?.or(reasoning.word("generate_summary")?);
        Ok(Self { effort: reasoning.word("effort")?, summary, shows_proofs })
    }
}

/// Reads `include`. What else it may name are parts of tools that OpenAI runs, and copies of what was sent.
fn includes_proofs(fields: &Parameters<'_>) -> Result<bool, ProtocolError> {
    const NAME: &str = "include";
    let rule = "an array of strings";
    let Some(value) = fields.get(NAME) else { return Ok(false) };
    let values = Elements::of(value).ok_or_else(|| fields.refuse(NAME, ParameterFault::Type, rule))?;
    let mut includes_proofs = false;
    for value in values {
        if !is_text(value) {
            return Err(fields.refuse(NAME, ParameterFault::Type, rule));
        }
        if is_word(value, LOGPROBS) {
            return Err(fields.refuse(NAME, ParameterFault::Unsupported, &format!(" with '{LOGPROBS}'")));
        }
        includes_proofs |= is_word(value, ENCRYPTED_REASONING);
    }
    Ok(includes_proofs)
}
