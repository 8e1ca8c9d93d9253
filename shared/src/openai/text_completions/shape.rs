//! The members that whole answers and chunks share.

use domain::ids::EntryId;
use domain::message::FinishReason;

use crate::openai::completion;

/// The kind of an answer, and of each of its chunks.
pub(super) const TEXT_COMPLETION: &str = "text_completion";

/// The id by which OpenAI's clients know an answer.
pub(super) fn completion_id(id: EntryId) -> String {
    format!("cmpl-{id}")
}

/// As of a chat completion, but that nothing here calls a tool: a server that says so has ended its text.
pub(super) fn finish_reason(reason: FinishReason) -> &'static str {
    match reason {
        FinishReason::ToolCalls => completion::finish_reason(FinishReason::Stop),
        reason => completion::finish_reason(reason),
    }
}
