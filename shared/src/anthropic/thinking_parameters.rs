//! How much a model reasons, and whether it shows what.

use providers::prompt::Thinking;

use crate::door::{ParameterFault, Parameters, ProtocolError};

const BUDGET: &str = "budget_tokens";

/// The least budget, as Anthropic has it.
const LEAST_BUDGET_TOKENS: u32 = 1024;

/// `thinking` and `output_config.effort`.
pub(super) struct ThinkingParameters {
    pub(super) thinking: Option<Thinking>,
    pub(super) thinking_is_shown: Option<bool>,
    pub(super) effort: Option<String>,
}

impl ThinkingParameters {
    /// Reads both, for a reply of at most `max_tokens`.
    pub(super) fn parse(fields: &Parameters<'_>, max_tokens: Option<u32>) -> Result<Self, ProtocolError> {
        let effort = effort(fields)?;
        let Some(thinking) = fields.object("thinking", &["type", "budget_tokens", "display"])? else {
            return Ok(Self { thinking: None, thinking_is_shown: None, effort });
        };
        Ok(Self { thinking: Some(kind(&thinking, max_tokens)?), thinking_is_shown: display(&thinking)?, effort })
    }
}

fn kind(thinking: &Parameters<'_>, max_tokens: Option<u32>) -> Result<Thinking, ProtocolError> {
    let kind = thinking.text("type")?.ok_or_else(|| thinking.refuse("type", ParameterFault::Missing, ""))?;
    // A budget is one also where nothing asks for it.
    let budget = budget(thinking, max_tokens)?;
    match kind.as_ref() {
        "disabled" => Ok(Thinking::Off),
        "adaptive" => Ok(Thinking::Adaptive),
        "enabled" => budget.map(Thinking::Budget).ok_or_else(|| thinking.refuse(BUDGET, ParameterFault::Missing, "")),
        _ => Err(thinking.refuse("type", ParameterFault::Unsupported, ", except for disabled, enabled and adaptive")),
    }
}

fn budget(thinking: &Parameters<'_>, max_tokens: Option<u32>) -> Result<Option<u32>, ProtocolError> {
    let budget = thinking.count(BUDGET)?;
    let is_beyond = |budget: u32| budget < LEAST_BUDGET_TOKENS || max_tokens.is_some_and(|most| budget >= most);
    if budget.is_some_and(is_beyond) {
        let rule = format!("at least {LEAST_BUDGET_TOKENS} and less than 'max_tokens'");
        return Err(thinking.refuse(BUDGET, ParameterFault::Value, &rule));
    }
    Ok(budget)
}

fn display(thinking: &Parameters<'_>) -> Result<Option<bool>, ProtocolError> {
    match thinking.text("display")?.as_deref() {
        None => Ok(None),
        Some("summarized") => Ok(Some(true)),
        Some("omitted") => Ok(Some(false)),
        Some(_) => Err(thinking.refuse("display", ParameterFault::Value, "summarized or omitted")),
    }
}

/// One of Anthropic's own words. The model's server judges whether it knows it.
fn effort(fields: &Parameters<'_>) -> Result<Option<String>, ProtocolError> {
    let Some(config) = fields.object("output_config", &["effort"])? else { return Ok(None) };
    match config.text("effort")? {
        None => Ok(None),
        Some(word) if matches!(word.as_ref(), "low" | "medium" | "high" | "xhigh" | "max") => {
            Ok(Some(word.into_owned()))
        }
        Some(_) => Err(config.refuse("effort", ParameterFault::Value, "low, medium, high, xhigh or max")),
    }
}
