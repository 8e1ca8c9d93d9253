//! What is answered in one piece.

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

/// OpenAI's `usage`.
#[derive(Clone, Copy, Debug, Serialize)]
#[expect(clippy::struct_field_names, reason = "as OpenAI has it")]
pub(super) struct TokenCounts {
    prompt_tokens: u64,
    completion_tokens: u64,
    total_tokens: u64,
}

impl<'a> WholeCompletion<'a> {
    /// The answer to the message of this id.
    #[must_use]
    pub fn new(id: EntryId, reply: &'a StoredReply) -> Self {
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
            usage: reply.usage.into(),
        }
    }
}

impl From<Usage> for TokenCounts {
    fn from(usage: Usage) -> Self {
        Self {
            prompt_tokens: usage.input_tokens,
            completion_tokens: usage.output_tokens,
            total_tokens: usage.input_tokens.saturating_add(usage.output_tokens),
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

/// The models that there are: OpenAI's `list`.
#[derive(Debug, Serialize)]
pub struct ModelList<'a> {
    object: &'static str,
    data: [ModelItem<'a>; 1],
}

#[derive(Debug, Serialize)]
struct ModelItem<'a> {
    id: &'a str,
    object: &'static str,
    created: u64,
    owned_by: &'static str,
}

impl<'a> ModelList<'a> {
    /// One model. When it was made is not known here.
    #[must_use]
    pub fn of(id: &'a str) -> Self {
        Self { object: "list", data: [ModelItem { id, object: "model", created: 0, owned_by: "chat-api" }] }
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
        let reply = crate::testing::stored_reply("Hello");
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
            "usage": {"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3},
        });
        assert_eq!(json!(WholeCompletion::new(id, &reply)), expected);
        assert!(!format!("{:?}", WholeCompletion::new(id, &reply)).contains("Hello"));
    }

    #[test]
    fn the_list_of_models_has_openais_members() {
        let expected = json!({
            "object": "list",
            "data": [{"id": "dummy", "object": "model", "created": 0, "owned_by": "chat-api"}],
        });
        assert_eq!(json!(ModelList::of("dummy")), expected);
    }
}
