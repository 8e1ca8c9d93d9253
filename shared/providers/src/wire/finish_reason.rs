//! The words by which servers say why a reply ended.

use domain::message::FinishReason;

use crate::wire::failure::plain_word;

/// The finish reason that `word` means: OpenAI's own words, and those of servers that hand on their engine's. The empty
/// word, which several servers send in every chunk, is no end.
///
/// An unknown word is [`FinishReason::Stop`], because the server says that the reply has ended, bills it, and does not
/// say in words that anybody knows that something is missing.
pub(crate) fn finish_reason(word: &str) -> Option<FinishReason> {
    Some(match word.to_ascii_lowercase().as_str() {
        "" => return None,
        "stop" | "stop_sequence" | "end_turn" | "eos" | "eos_token" | "complete" => FinishReason::Stop,
        "length" | "max_tokens" | "model_length" | "model_context_window_exceeded" => FinishReason::Length,
        "content_filter" | "content_filtered" | "guardrail_intervened" | "refusal" | "safety" | "sensitive" => {
            FinishReason::ContentFilter
        }
        "tool_calls" | "tool_use" | "function_call" => FinishReason::ToolCalls,
        "error" | "abort" | "aborted" | "cancelled" | "network_error" | "insufficient_system_resource" => {
            tracing::warn!(word, "the server says that the reply broke off");
            FinishReason::BrokenOff
        }
        _ => {
            tracing::info!(word = plain_word(word), "the reply ended with an unknown reason");
            FinishReason::Stop
        }
    })
}
