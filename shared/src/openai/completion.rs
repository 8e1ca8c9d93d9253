//! What is answered in one piece.

use domain::credits::Credits;
use domain::ids::EntryId;
use domain::message::FinishReason;
use domain::pricing::Usage;
use ledger::exchange::StoredReply;
use serde::Serialize;

/// A whole answer: OpenAI's `chat.completion`.
#[derive(Debug, Serialize)]
pub struct WholeCompletion<'a> {
    id: String,
    object: &'static str,
    created: u64,
    model: &'a str,
    choices: [WholeChoice<'a>; 1],
    usage: TokenCounts,
}

#[derive(Debug, Serialize)]
struct WholeChoice<'a> {
    index: u8,
    message: AssistantMessage<'a>,
    logprobs: (),
    finish_reason: &'static str,
}

#[derive(Serialize)]
struct AssistantMessage<'a> {
    role: &'static str,
    content: Option<&'a str>,
    refusal: Option<&'a str>,
}

impl std::fmt::Debug for AssistantMessage<'_> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let bytes = |text: Option<&str>| text.map_or(0, str::len);
        write!(formatter, "AssistantMessage({} bytes)", bytes(self.content) + bytes(self.refusal))
    }
}

/// OpenAI's `usage`, and the cost in credits beside it, as `OpenRouter` has it.
#[derive(Clone, Copy, Debug, Serialize)]
pub(super) struct TokenCounts {
    prompt_tokens: u64,
    completion_tokens: u64,
    total_tokens: u64,
    prompt_tokens_details: PromptTokenCounts,
    completion_tokens_details: CompletionTokenCounts,
    cost: Credits,
}

/// Parts of `prompt_tokens`.
#[derive(Clone, Copy, Debug, Serialize)]
struct PromptTokenCounts {
    cached_tokens: u64,
}

/// Parts of `completion_tokens`.
#[derive(Clone, Copy, Debug, Serialize)]
struct CompletionTokenCounts {
    reasoning_tokens: u64,
}

impl<'a> WholeCompletion<'a> {
    /// The answer to the message of this id, which cost `cost` credits.
    #[must_use]
    pub fn new(id: EntryId, reply: &'a StoredReply, cost: Credits) -> Self {
        let refusal = reply.refusal.as_deref();
        // A refusal has no text beside it, and OpenAI says so by `null`.
        let content = Some(reply.text.as_str()).filter(|text| refusal.is_none() || !text.is_empty());
        let message = AssistantMessage { role: "assistant", content, refusal };
        let finish_reason = finish_reason(reply.finish_reason);
        Self {
            id: completion_id(id),
            object: "chat.completion",
            created: id.made_at().seconds(),
            model: &reply.model,
            choices: [WholeChoice { index: 0, message, logprobs: (), finish_reason }],
            usage: TokenCounts::new(&reply.usage, cost),
        }
    }
}

impl TokenCounts {
    pub(super) fn new(usage: &Usage, cost: Credits) -> Self {
        Self {
            prompt_tokens: usage.input_tokens,
            completion_tokens: usage.output_tokens,
            total_tokens: usage.input_tokens.saturating_add(usage.output_tokens),
            prompt_tokens_details: PromptTokenCounts { cached_tokens: usage.cached_input_tokens },
            completion_tokens_details: CompletionTokenCounts { reasoning_tokens: usage.reasoning_tokens },
            cost,
        }
    }
}

/// What OpenAI's clients know an answer by.
pub(super) fn completion_id(id: EntryId) -> String {
    format!("chatcmpl-{id}")
}

/// OpenAI knows no word for a reply that broke off: it is shorter than it would have been.
pub(super) fn finish_reason(reason: FinishReason) -> &'static str {
    match reason {
        FinishReason::Stop => "stop",
        FinishReason::Length | FinishReason::BrokenOff => "length",
        FinishReason::ContentFilter => "content_filter",
        FinishReason::ToolCalls => "tool_calls",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    use domain::time::{Clock, Timestamp};
    use serde_json::json;

    #[test]
    fn a_whole_answer_has_openais_members() {
        let id = EntryId::new(&Clock::manual(Timestamp::from_milliseconds(1_800_000_000_999)));
        let counted = crate::testing::stored_reply("Hello");
        let usage = Usage { cached_input_tokens: 1, reasoning_tokens: 2, ..counted.usage };
        let (reply, cost) = (StoredReply { usage, ..counted }, Credits::new(7).unwrap());
        let expected = json!({
            "id": format!("chatcmpl-{id}"),
            "object": "chat.completion",
            "created": 1_800_000_000,
            "model": "dummy",
            "choices": [{
                "index": 0,
                "message": {"role": "assistant", "content": "Hello", "refusal": null},
                "logprobs": null,
                "finish_reason": "stop",
            }],
            "usage": {
                "prompt_tokens": 1,
                "completion_tokens": 2,
                "total_tokens": 3,
                "prompt_tokens_details": {"cached_tokens": 1},
                "completion_tokens_details": {"reasoning_tokens": 2},
                "cost": 7,
            },
        });
        assert_eq!(json!(WholeCompletion::new(id, &reply, cost)), expected);
        assert!(!format!("{:?}", WholeCompletion::new(id, &reply, cost)).contains("Hello"));
    }
}
