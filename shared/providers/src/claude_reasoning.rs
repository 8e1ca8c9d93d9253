//! How much Claude is to reason, whoever passes the request on: by Anthropic's protocol and by Converse alike.

use crate::converse::Effort;
use crate::prompt::{Prompt, Role, ToolChoice};

/// The least budget that Claude takes.
const LEAST_BUDGET_TOKENS: u32 = 1024;

/// The budget for `effort`, of which half of the reply's tokens are the most. None if that is less than the model takes.
pub(crate) fn budget_tokens(effort: Effort, max_output_tokens: u32) -> Option<u32> {
    let wanted = match effort {
        Effort::Low => LEAST_BUDGET_TOKENS,
        Effort::Medium => 4 * LEAST_BUDGET_TOKENS,
        Effort::High | Effort::ExtraHigh | Effort::Most => 16 * LEAST_BUDGET_TOKENS,
    };
    Some(wanted.min(max_output_tokens / 2)).filter(|tokens| *tokens >= LEAST_BUDGET_TOKENS)
}

/// The budget `wanted`, which must be less than the reply's tokens: half of them if it is not. None if that is less than the
/// model takes.
pub(crate) fn fitting_budget(wanted: u32, max_output_tokens: u32) -> Option<u32> {
    let tokens = if wanted < max_output_tokens { wanted } else { max_output_tokens / 2 };
    (tokens >= LEAST_BUDGET_TOKENS).then_some(tokens)
}

/// The word for `effort`, for a model that decides itself how much it reasons.
pub(crate) fn words_of_claude(effort: Effort) -> &'static str {
    match effort {
        Effort::Low => "low",
        Effort::Medium => "medium",
        Effort::High => "high",
        Effort::ExtraHigh => "xhigh",
        Effort::Most => "max",
    }
}

/// Claude does not reason if it must call a tool.
pub(crate) fn forces_a_call(prompt: &Prompt) -> bool {
    matches!(prompt.tools.choice, Some(ToolChoice::Required | ToolChoice::Function(_)))
}

/// Whether the reply goes on with one that was begun or that called a tool, also if the user says something beside the
/// result. Claude wants to read first what it reasoned before that, with the signature that it came with.
pub(crate) fn goes_on_after_a_call(prompt: &Prompt) -> bool {
    let mut turns = prompt.turns.iter().rev().filter(|turn| turn.role != Role::System).peekable();
    let is_begun = turns.peek().is_some_and(|turn| turn.role == Role::Assistant);
    is_begun || turns.find(|turn| turn.role == Role::Assistant).is_some_and(|turn| !turn.calls.is_empty())
}
