//! Answers in one piece.

use domain::credits::Credits;
use domain::ids::EntryId;
use domain::message::{FinishReason, ToolCall};
use domain::pricing::Usage;
use ledger::exchange::StoredReply;
use providers::reply::{Logprobs, SaidChoice};
use serde::Serialize;
use serde_json::value::RawValue;

use crate::till::PaidReply;

/// A whole answer: OpenAI's `chat.completion`.
#[derive(Debug, Serialize)]
pub struct WholeCompletion<'a> {
    id: String,
    object: &'static str,
    created: u64,
    model: &'a str,
    choices: Vec<WholeChoice<'a>>,
    usage: TokenCounts,
}

#[derive(Debug, Serialize)]
struct WholeChoice<'a> {
    index: u8,
    message: AssistantMessage<'a>,
    logprobs: Option<&'a Logprobs>,
    finish_reason: &'static str,
}

#[derive(Serialize)]
struct AssistantMessage<'a> {
    role: &'static str,
    content: Option<&'a str>,
    refusal: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reasoning_content: Option<&'a str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tool_calls: Vec<WholeCall<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    annotations: Option<&'a RawValue>,
}

/// A call of a tool.
#[derive(Serialize)]
struct WholeCall<'a> {
    id: &'a str,
    r#type: &'static str,
    function: CalledFunction<'a>,
}

/// The function that a call names, and its arguments.
#[derive(Serialize)]
pub(super) struct CalledFunction<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) name: Option<&'a str>,
    pub(super) arguments: &'a str,
}

/// The side that speaks in an answer.
pub(super) const ASSISTANT: &str = "assistant";

/// The kind of all tools that there are.
pub(super) const FUNCTION: &str = "function";

impl<'a> From<&'a ToolCall> for WholeCall<'a> {
    fn from(call: &'a ToolCall) -> Self {
        let ToolCall { id, name, arguments } = call;
        Self { id, r#type: FUNCTION, function: CalledFunction { name: Some(name), arguments } }
    }
}

impl std::fmt::Debug for AssistantMessage<'_> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let bytes = |text: Option<&str>| text.map_or(0, str::len);
        let (bytes, calls) = (bytes(self.content) + bytes(self.refusal), self.tool_calls.len());
        write!(formatter, "AssistantMessage({bytes} bytes, {calls} calls)")
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
    /// The answer that `paid` is.
    #[must_use]
    pub fn of(paid: &'a PaidReply) -> Self {
        let PaidReply { id, reply, logprobs, others, charge, .. } = paid;
        let first = WholeChoice::first(reply, logprobs.as_ref());
        let others = (1..).zip(others).map(|(index, choice)| WholeChoice::other(index, choice));
        Self {
            id: completion_id(*id),
            object: "chat.completion",
            created: id.made_at().seconds(),
            model: &reply.model,
            choices: std::iter::once(first).chain(others).collect(),
            usage: TokenCounts::new(&reply.usage, charge.cost),
        }
    }
}

impl<'a> WholeChoice<'a> {
    fn first(reply: &'a StoredReply, logprobs: Option<&'a Logprobs>) -> Self {
        let StoredReply { text, refusal, reasoning, calls, annotations, finish_reason: reason, .. } = reply;
        let message = AssistantMessage::new(text, refusal.as_deref(), calls);
        let message = message.with(reasoning.as_deref(), annotations.as_deref());
        Self { index: 0, message, logprobs, finish_reason: finish_reason(*reason) }
    }

    fn other(index: u8, choice: &'a SaidChoice) -> Self {
        let SaidChoice { text, refusal, reasoning, calls, logprobs, annotations, finish_reason: reason, .. } = choice;
        let annotations = Some(annotations.as_str()).filter(|_| !annotations.is_empty());
        let message = AssistantMessage::new(text, refusal.as_deref(), calls);
        let message = message.with(reasoning.as_deref(), annotations);
        let finish_reason = finish_reason(reason.unwrap_or(FinishReason::Length));
        Self { index, message, logprobs: logprobs.as_ref(), finish_reason }
    }
}

impl<'a> AssistantMessage<'a> {
    fn new(text: &'a str, refusal: Option<&'a str>, calls: &'a [ToolCall]) -> Self {
        // A refusal and calls have no text beside them, and OpenAI says so by `null`.
        let may_be_empty = refusal.is_none() && calls.is_empty();
        let content = Some(text).filter(|text| may_be_empty || !text.is_empty());
        let tool_calls = calls.iter().map(Into::into).collect();
        Self { role: ASSISTANT, content, refusal, reasoning_content: None, tool_calls, annotations: None }
    }

    /// The same, with the reasoning before it and the JSON array of its annotations.
    fn with(self, reasoning_content: Option<&'a str>, annotations: Option<&'a str>) -> Self {
        let annotations = annotations.and_then(|annotations| serde_json::from_str(annotations).ok());
        Self { reasoning_content, annotations, ..self }
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

/// The id by which OpenAI's clients know an answer.
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

    use crate::testing::{paid_reply, stored_call};

    use domain::time::{Clock, Timestamp};
    use serde_json::json;

    #[test]
    fn a_whole_answer_has_openais_members() {
        let id = EntryId::new(&Clock::manual(Timestamp::from_milliseconds(1_800_000_000_999)));
        let counted = crate::testing::stored_reply("Hello");
        let usage = Usage { cached_input_tokens: 1, reasoning_tokens: 2, ..counted.usage };
        let paid = paid_reply(id, StoredReply { usage, ..counted }, 7);
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
        assert_eq!(json!(WholeCompletion::of(&paid)), expected);
        assert!(!format!("{:?}", WholeCompletion::of(&paid)).contains("Hello"));
    }

    #[test]
    fn calls_of_tools_and_reasoning_stand_beside_the_text_which_may_be_missing() {
        let id = EntryId::new(&Clock::manual(Timestamp::from_seconds(1_800_000_000)));
        let reply = |text: &str| StoredReply {
            reasoning: Some("Hm.".to_owned()),
            calls: vec![stored_call("call-1"), stored_call("call-2")],
            finish_reason: FinishReason::ToolCalls,
            ..crate::testing::stored_reply(text)
        };
        for (text, content) in [("", json!(null)), ("Let me see.", json!("Let me see."))] {
            let answer = json!(WholeCompletion::of(&paid_reply(id, reply(text), 0)));
            let call =
                |id| json!({"id": id, "type": "function", "function": {"name": "add", "arguments": "{\"a\": 1}"}});
            let expected = json!({
                "role": "assistant",
                "content": content,
                "refusal": null,
                "reasoning_content": "Hm.",
                "tool_calls": [call("call-1"), call("call-2")],
            });
            assert_eq!(
                (&answer["choices"][0]["message"], &answer["choices"][0]["finish_reason"]),
                (&expected, &json!("tool_calls"))
            );
        }
    }
}
