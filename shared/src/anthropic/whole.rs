//! Answers in one piece.

use domain::message::FinishReason;
use domain::reasoning_proof::ProofKind;
use ledger::exchange::StoredReply;
use providers::reply::{Part, ToolCallDelta};
use serde::Serialize;
use serde_json::value::RawValue;

use crate::anthropic::counts::UsageCounts;
use crate::anthropic::form::MessageForm;
use crate::door::reply_parts;
use crate::till::PaidReply;

/// A whole answer: Anthropic's `message`.
#[derive(Serialize)]
pub(super) struct WholeMessage<'a> {
    id: String,
    r#type: &'static str,
    role: &'static str,
    model: &'a str,
    content: Vec<ContentBlock>,
    stop_reason: &'static str,
    stop_sequence: Option<&'a str>,
    stop_details: Option<()>,
    usage: UsageCounts,
}

/// A block of an answer.
#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum ContentBlock {
    Text {
        text: String,
    },
    Thinking {
        thinking: String,
        /// It is empty if the provider signs nothing.
        signature: String,
    },
    RedactedThinking {
        data: String,
    },
    ToolUse {
        id: String,
        name: String,
        input: ToolInput,
    },
}

/// The arguments of a call. They are an object in this protocol.
#[derive(Serialize)]
#[serde(untagged)]
pub(super) enum ToolInput {
    Object(Box<RawValue>),
    /// The words that the model wrote in place of an object.
    Other {
        arguments: String,
    },
    Nothing {},
}

impl<'a> WholeMessage<'a> {
    /// The answer that `paid` is.
    pub(super) fn of(paid: &'a PaidReply, form: MessageForm) -> Self {
        let PaidReply { id, reply, charge, .. } = paid;
        let stop_reason = stop_reason(reply);
        Self {
            id: format!("msg_{id}"),
            r#type: "message",
            role: "assistant",
            model: &reply.model,
            content: blocks(reply_parts(reply), form),
            stop_reason,
            stop_sequence: stop_sequence(reply),
            stop_details: None,
            usage: UsageCounts::new(&reply.usage, Some(charge.cost)),
        }
    }
}

/// The reason for which a reply ended. A reply that broke off is shorter than it would have been.
pub(super) fn stop_reason(reply: &StoredReply) -> &'static str {
    match reply.finish_reason {
        FinishReason::ContentFilter => "refusal",
        FinishReason::ToolCalls => "tool_use",
        FinishReason::Length | FinishReason::BrokenOff => "max_tokens",
        FinishReason::Stop if reply.refusal.is_some() => "refusal",
        // Some servers say so of a reply that calls tools.
        FinishReason::Stop if !reply.calls.is_empty() => "tool_use",
        FinishReason::Stop if reply.stop_sequence.is_some() => "stop_sequence",
        FinishReason::Stop => "end_turn",
    }
}

/// The text before which the model ended its reply, if it ended so.
pub(super) fn stop_sequence(reply: &StoredReply) -> Option<&str> {
    reply.stop_sequence.as_deref().filter(|_| stop_reason(reply) == "stop_sequence")
}

/// The blocks of `parts`.
fn blocks(parts: impl Iterator<Item = Part>, form: MessageForm) -> Vec<ContentBlock> {
    let mut blocks = Vec::new();
    let mut thinking: Option<String> = None;
    for part in parts {
        match part {
            Part::Reasoning(words) if form.shows_words() => thinking.get_or_insert_default().push_str(&words),
            Part::Proof(proof) if !form.shows(&proof) => {}
            Part::Proof(proof) if proof.kind != ProofKind::Redacted => {
                let (thinking, signature) = (thinking.take().unwrap_or_default(), proof.written(ProofKind::Signature));
                blocks.push(ContentBlock::Thinking { thinking, signature });
            }
            part => {
                let Some(block) = ContentBlock::of(part) else { continue };
                blocks.extend(unsigned(thinking.take()));
                blocks.push(block);
            }
        }
    }
    blocks.extend(unsigned(thinking));
    blocks
}

/// The block of reasoning that no proof follows.
fn unsigned(thinking: Option<String>) -> Option<ContentBlock> {
    thinking.map(|thinking| ContentBlock::Thinking { thinking, signature: String::new() })
}

impl ContentBlock {
    /// The block that `part` is by itself, if it is one.
    fn of(part: Part) -> Option<Self> {
        match part {
            Part::Text(text) | Part::Refusal(text) => Some(Self::Text { text }),
            Part::ToolCall(ToolCallDelta { id, name, arguments, .. }) => {
                let (id, name) = (id.unwrap_or_default(), name.unwrap_or_default());
                Some(Self::ToolUse { id, name, input: ToolInput::of(arguments) })
            }
            Part::Proof(proof) => Some(Self::RedactedThinking { data: proof.written(ProofKind::Redacted) }),
            Part::Reasoning(_)
            | Part::Logprobs(_)
            | Part::Annotations(_)
            | Part::StopSequence(_)
            | Part::Embeddings(_) => None,
        }
    }
}

impl ToolInput {
    fn of(arguments: String) -> Self {
        if arguments.trim().is_empty() {
            return Self::Nothing {};
        }
        let object = serde_json::from_str::<Box<RawValue>>(&arguments).ok();
        match object.filter(|value| value.get().starts_with('{')) {
            Some(object) => Self::Object(object),
            None => Self::Other { arguments },
        }
    }
}
