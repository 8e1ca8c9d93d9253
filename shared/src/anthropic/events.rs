//! Answers that are sent as they are written: server-sent events.
//!
//! <https://docs.anthropic.com/en/docs/build-with-claude/streaming>

use domain::ids::EntryId;
use domain::message::ToolCall;
use domain::reasoning_proof::{Proof, ProofKind};
use providers::reply::{Part, SaidChoice, ToolCallDelta};
use serde::Serialize;
use serde_json::{Value, json};

use crate::anthropic::counts::UsageCounts;
use crate::anthropic::error_form::AnthropicErrors;
use crate::anthropic::form::MessageForm;
use crate::anthropic::whole::{stop_reason, stop_sequence};
use crate::door::{ErrorForm, ErrorParts, Writer};
use crate::http::named_event;
use crate::till::PaidReply;

/// The events of one answer. One block is open at a time. While a call of a tool is written, whatever else comes is kept until
/// the end, because some servers write several calls at once.
pub struct MessageEvents {
    id: EntryId,
    form: MessageForm,
    /// The place of the block that is open, or of the next.
    index: u32,
    open: Option<OpenBlock>,
    call: Option<CallBlock>,
    kept: SaidChoice,
}

/// A block that is open, beside calls.
#[derive(Clone, Copy, PartialEq, Eq)]
enum OpenBlock {
    Text,
    Refusal,
    Thinking,
}

/// The call of a tool that is written.
struct CallBlock {
    /// The call's place among those of its choice.
    index: u32,
    /// The parts of the call before its block was opened: a block names the tool when it is opened.
    call: ToolCall,
    is_open: bool,
}

#[derive(Serialize)]
struct BlockDelta<'a> {
    r#type: &'static str,
    index: u32,
    delta: BlockWords<'a>,
}

/// The next words of a block.
#[derive(Serialize)]
#[serde(tag = "type")]
enum BlockWords<'a> {
    #[serde(rename = "text_delta")]
    Text { text: &'a str },
    #[serde(rename = "thinking_delta")]
    Thinking { thinking: &'a str },
    #[serde(rename = "signature_delta")]
    Signature { signature: &'a str },
    #[serde(rename = "input_json_delta")]
    InputJson { partial_json: &'a str },
}

impl MessageEvents {
    /// The events of the answer to the message of this id.
    #[must_use]
    pub(super) fn new(id: EntryId, form: MessageForm) -> Self {
        Self { id, form, index: 0, open: None, call: None, kept: SaidChoice::default() }
    }

    fn start(&self, block: &Value) -> String {
        let data = json!({"type": "content_block_start", "index": self.index, "content_block": block});
        named_event("content_block_start", &data)
    }

    fn delta(&self, delta: BlockWords<'_>) -> String {
        const NAME: &str = "content_block_delta";
        named_event(NAME, &BlockDelta { r#type: NAME, index: self.index, delta })
    }

    fn stop(&mut self) -> String {
        let data = json!({"type": "content_block_stop", "index": self.index});
        self.index += 1;
        named_event("content_block_stop", &data)
    }

    /// Opens a block of this kind, unless it is open.
    fn opened(&mut self, kind: OpenBlock) -> String {
        if self.open == Some(kind) {
            return String::new();
        }
        let closed = self.closed();
        self.open = Some(kind);
        let block = match kind {
            OpenBlock::Text | OpenBlock::Refusal => json!({"type": "text", "text": ""}),
            OpenBlock::Thinking => json!({"type": "thinking", "thinking": "", "signature": ""}),
        };
        closed + &self.start(&block)
    }

    /// Closes the block that is open.
    fn closed(&mut self) -> String {
        if self.open.take().is_some() { self.stop() } else { String::new() }
    }

    /// A part that comes while no call is written.
    fn next(&mut self, part: &Part) -> String {
        match part {
            Part::Text(text) => self.opened(OpenBlock::Text) + &self.delta(BlockWords::Text { text }),
            Part::Refusal(text) => self.opened(OpenBlock::Refusal) + &self.delta(BlockWords::Text { text }),
            Part::Reasoning(thinking) if self.form.shows_words() => {
                self.opened(OpenBlock::Thinking) + &self.delta(BlockWords::Thinking { thinking })
            }
            Part::Proof(proof) if self.form.shows(proof) => self.proof(proof),
            Part::ToolCall(delta) => {
                let closed = self.closed();
                let call = ToolCall { id: String::new(), name: String::new(), arguments: String::new() };
                self.call = Some(CallBlock { index: delta.index, call, is_open: false });
                closed + &self.call_delta(delta)
            }
            Part::Reasoning(_)
            | Part::Proof(_)
            | Part::Logprobs(_)
            | Part::Annotations(_)
            | Part::StopSequence(_)
            | Part::Embeddings(_) => String::new(),
        }
    }

    /// A block of reasoning ends with its proof.
    fn proof(&mut self, proof: &Proof) -> String {
        if proof.kind == ProofKind::Redacted {
            let closed = self.closed();
            let data = proof.written(ProofKind::Redacted);
            return closed + &self.start(&json!({"type": "redacted_thinking", "data": data})) + &self.stop();
        }
        let opened = self.opened(OpenBlock::Thinking);
        let signature = proof.written(ProofKind::Signature);
        opened + &self.delta(BlockWords::Signature { signature: &signature }) + &self.closed()
    }

    /// The next part of the call that is written.
    fn call_delta(&mut self, delta: &ToolCallDelta) -> String {
        let Some(CallBlock { call, is_open, .. }) = &mut self.call else { return String::new() };
        if *is_open {
            let partial_json = delta.arguments.as_str();
            let is_there = !partial_json.is_empty();
            return if is_there { self.delta(BlockWords::InputJson { partial_json }) } else { String::new() };
        }
        call.id.push_str(delta.id.as_deref().unwrap_or_default());
        call.name.push_str(delta.name.as_deref().unwrap_or_default());
        call.arguments.push_str(&delta.arguments);
        if call.arguments.is_empty() { String::new() } else { self.call_opened() }
    }

    /// Opens the block of the call that is written, with the arguments that came before.
    fn call_opened(&mut self) -> String {
        let Some(CallBlock { call, is_open, .. }) = &mut self.call else { return String::new() };
        *is_open = true;
        let block = json!({"type": "tool_use", "id": call.id, "name": call.name, "input": {}});
        let arguments = std::mem::take(&mut call.arguments);
        let started = self.start(&block);
        if arguments.is_empty() {
            return started;
        }
        started + &self.delta(BlockWords::InputJson { partial_json: &arguments })
    }

    /// Closes what is open, and writes what was kept.
    fn flushed(&mut self) -> String {
        let mut events = self.closed();
        while let Some(call) = &self.call {
            if !call.is_open {
                events.push_str(&self.call_opened());
            }
            self.call = None;
            events.push_str(&self.stop());
            for part in std::mem::take(&mut self.kept).into_parts() {
                events.push_str(&self.part(0, &part));
            }
            events.push_str(&self.closed());
        }
        events
    }
}

impl Writer for MessageEvents {
    fn beginning(&mut self, model_id: &str, estimated_input_tokens: u64) -> String {
        let message = json!({
            "id": format!("msg_{}", self.id),
            "type": "message",
            "role": "assistant",
            "model": model_id,
            "content": [],
            "stop_reason": null,
            "stop_sequence": null,
            "stop_details": null,
            "usage": UsageCounts::at_the_beginning(estimated_input_tokens),
        });
        let start = named_event("message_start", &json!({"type": "message_start", "message": message}));
        start + AnthropicErrors::KEEP_ALIVE
    }

    /// There is one choice in this protocol.
    fn part(&mut self, choice: u8, part: &Part) -> String {
        match (&self.call, part) {
            _ if choice > 0 => String::new(),
            (None, part) => self.next(part),
            (Some(call), Part::ToolCall(delta)) if delta.index == call.index => self.call_delta(delta),
            (Some(call), Part::ToolCall(delta)) => {
                let index = delta.index.saturating_sub(call.index + 1);
                self.kept.add(&Part::ToolCall(ToolCallDelta { index, ..delta.clone() }));
                String::new()
            }
            (Some(_), part) => {
                self.kept.add(part);
                String::new()
            }
        }
    }

    fn end(&mut self, paid: &PaidReply) -> String {
        let reply = &paid.reply;
        let delta = json!({
            "type": "message_delta",
            "delta": {
                "stop_reason": stop_reason(reply),
                "stop_sequence": stop_sequence(reply),
                "stop_details": null,
            },
            "usage": UsageCounts::new(&reply.usage, Some(paid.charge.cost)),
        });
        let stop = named_event("message_stop", &json!({"type": "message_stop"}));
        self.flushed() + &named_event("message_delta", &delta) + &stop
    }

    fn error(&mut self, error: &ErrorParts<'_>) -> String {
        self.flushed() + &AnthropicErrors::event(error)
    }
}
