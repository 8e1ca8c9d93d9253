//! The room for a reply.

use std::mem::{self, Discriminant};

use crate::reply::{MAX_OPAQUE_BYTES, MAX_REPLY_BYTES, MAX_TOOL_CALLS, Part, ToolCallDelta};

/// The room that is left for a reply, all choices together.
#[derive(Debug)]
pub(super) struct ReplyRoom {
    /// The bytes that are left for words.
    words: usize,
    /// The bytes that are left for log probabilities, annotations, proofs and stop sequences.
    opaque: usize,
    /// The kinds of parts, of these but proofs, of which one was left out.
    left_out: Vec<Discriminant<Part>>,
    /// Whether words or a proof did not fit: then the reply is over.
    pub(super) is_full: bool,
}

impl Default for ReplyRoom {
    fn default() -> Self {
        Self { words: MAX_REPLY_BYTES, opaque: MAX_OPAQUE_BYTES, left_out: Vec::new(), is_full: false }
    }
}

impl ReplyRoom {
    /// `part` as far as there is room for it, unless nothing is left of it.
    pub(super) fn fitting(&mut self, part: Part) -> Option<Part> {
        match part {
            Part::Text(text) => self.words(text).map(Part::Text),
            Part::Refusal(text) => self.words(text).map(Part::Refusal),
            Part::Reasoning(text) => self.words(text).map(Part::Reasoning),
            Part::ToolCall(delta) => self.call(delta).map(Part::ToolCall),
            Part::Logprobs(_) | Part::Annotations(_) | Part::StopSequence(_) => self.opaque(part),
            Part::Proof(_) => self.proof(part),
            // They have a limit of their own.
            Part::Embeddings(_) => Some(part),
        }
    }

    /// The beginning of `text` for which there is room, unless it is empty.
    fn words(&mut self, text: String) -> Option<String> {
        Some(self.cut(text)).filter(|text| !text.is_empty())
    }

    /// `delta` with as much of its arguments as there is room for. There is nothing left of it if its id and its name
    /// do not fit, or if it begins one call too many.
    fn call(&mut self, mut delta: ToolCallDelta) -> Option<ToolCallDelta> {
        let names_bytes = delta.names_bytes();
        let is_one_too_many = usize::try_from(delta.index).is_ok_and(|index| index >= MAX_TOOL_CALLS);
        if is_one_too_many || names_bytes > self.words {
            self.is_full = true;
            return None;
        }
        self.words -= names_bytes;
        delta.arguments = self.cut(delta.arguments);
        (delta.bytes() > 0).then_some(delta)
    }

    fn cut(&mut self, mut text: String) -> String {
        if text.len() > self.words {
            text.truncate(text.floor_char_boundary(self.words));
            self.is_full = true;
        }
        self.words -= text.len();
        text
    }

    /// `part`, if there is room for it.
    fn proof(&mut self, part: Part) -> Option<Part> {
        let room = self.opaque.checked_sub(part.opaque_bytes());
        self.is_full = room.is_none();
        self.opaque = room?;
        Some(part)
    }

    /// `part`, if there is room for it and no part of its kind was left out before: a list has no gap.
    fn opaque(&mut self, part: Part) -> Option<Part> {
        let (kind, bytes) = (mem::discriminant(&part), part.opaque_bytes());
        if self.left_out.contains(&kind) {
            return None;
        }
        if bytes > self.opaque {
            self.left_out.push(kind);
            return None;
        }
        self.opaque -= bytes;
        Some(part)
    }
}
