//! Pieces of replies that are still being written.

use std::fmt;

use domain::message::{FinishReason, ToolCall};
use domain::pricing::Usage;
use domain::reasoning_proof::Proof;

use crate::raw_array::RawArray;
use crate::reply::{End, Logprobs};

/// A piece of a reply. Its words never print.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Piece {
    /// The next part of a choice.
    Part {
        /// The place of the choice, from 0.
        choice: u8,
        /// The part.
        part: Part,
    },
    /// A choice is complete. A provider of one choice need not say so: the end of the reply is its end.
    Finished {
        /// The place of the choice, from 0.
        choice: u8,
        /// Why the model stopped.
        reason: FinishReason,
    },
    /// The model wrote words that are not handed out.
    Hidden {
        /// The length of these words.
        bytes: usize,
    },
    /// The provider's count of the tokens that the model read, before the end of the reply. Its output tokens are not counted
    /// yet.
    Counted(Usage),
    /// The reply is complete, with all its choices.
    End(End),
}

/// A part of a choice. Its words never print.
#[derive(Clone, PartialEq, Eq)]
pub enum Part {
    /// The next part of the text.
    Text(String),
    /// The next part of the words by which the model refuses to reply.
    Refusal(String),
    /// The next part of the model's reasoning.
    Reasoning(String),
    /// The next part of a call of a tool.
    ToolCall(ToolCallDelta),
    /// The log probabilities of the tokens that came next.
    Logprobs(Logprobs),
    /// Annotations that belong to the text.
    Annotations(RawArray),
    /// A proof of the reasoning that came before.
    Proof(Proof),
    /// The text before which the model ended its reply, because it was told so.
    StopSequence(String),
    /// The vectors that were asked for.
    Embeddings(RawArray),
}

impl Piece {
    /// The next part of the first choice's text.
    #[must_use]
    pub fn text(text: impl Into<String>) -> Self {
        Part::Text(text.into()).into()
    }

    /// The next part of the first choice's refusal.
    #[must_use]
    pub fn refusal(text: impl Into<String>) -> Self {
        Part::Refusal(text.into()).into()
    }

    /// The next part of the first choice's reasoning.
    #[must_use]
    pub fn reasoning(text: impl Into<String>) -> Self {
        Part::Reasoning(text.into()).into()
    }

    /// The next part of a call of a tool in the first choice.
    #[must_use]
    pub fn tool_call(delta: ToolCallDelta) -> Self {
        Part::ToolCall(delta).into()
    }
}

/// A part of the first choice.
impl From<Part> for Piece {
    fn from(part: Part) -> Self {
        Self::Part { choice: 0, part }
    }
}

impl Part {
    /// The bytes of words.
    #[must_use]
    pub fn word_bytes(&self) -> usize {
        match self {
            Self::Text(text) | Self::Refusal(text) | Self::Reasoning(text) => text.len(),
            Self::ToolCall(delta) => delta.bytes(),
            Self::Logprobs(_) | Self::Annotations(_) | Self::Proof(_) | Self::StopSequence(_) | Self::Embeddings(_) => {
                0
            }
        }
    }

    /// The bytes of what is handed on unread: JSON, proofs and the stop sequence.
    #[must_use]
    pub fn opaque_bytes(&self) -> usize {
        match self {
            Self::Logprobs(logprobs) => logprobs.bytes(),
            Self::Annotations(array) | Self::Embeddings(array) => array.bytes(),
            Self::Proof(proof) => proof.bytes(),
            Self::StopSequence(text) => text.len(),
            Self::Text(_) | Self::Refusal(_) | Self::Reasoning(_) | Self::ToolCall(_) => 0,
        }
    }
}

impl fmt::Debug for Part {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => write!(formatter, "Text({} bytes)", text.len()),
            Self::Refusal(text) => write!(formatter, "Refusal({} bytes)", text.len()),
            Self::Reasoning(text) => write!(formatter, "Reasoning({} bytes)", text.len()),
            Self::ToolCall(delta) => write!(formatter, "{delta:?}"),
            Self::Logprobs(_) => write!(formatter, "Logprobs({} bytes)", self.opaque_bytes()),
            Self::Annotations(_) => write!(formatter, "Annotations({} bytes)", self.opaque_bytes()),
            Self::Proof(proof) => write!(formatter, "{proof:?}"),
            Self::StopSequence(text) => write!(formatter, "StopSequence({} bytes)", text.len()),
            Self::Embeddings(array) => write!(formatter, "Embeddings({} bytes)", array.bytes()),
        }
    }
}

/// A part of a call of a tool. Its words never print.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct ToolCallDelta {
    /// The call's place among the calls of its choice. They begin in the order of their places, from 0 and without a gap.
    pub index: u32,
    /// The call's id. It is in the first part of a call, and in no other.
    pub id: Option<String>,
    /// The name of the tool, mostly in the first part. What follows in other parts is appended.
    pub name: Option<String>,
    /// The next part of the arguments. It may be empty.
    pub arguments: String,
}

impl ToolCallDelta {
    /// All of `call`, which has the place `index`.
    pub(crate) fn whole(index: usize, call: ToolCall) -> Self {
        let ToolCall { id, name, arguments } = call;
        Self { index: u32::try_from(index).unwrap_or(u32::MAX), id: Some(id), name: Some(name), arguments }
    }

    /// The bytes of id, name and arguments.
    pub(crate) fn bytes(&self) -> usize {
        self.names_bytes() + self.arguments.len()
    }

    /// The bytes of id and name.
    pub(crate) fn names_bytes(&self) -> usize {
        [&self.id, &self.name].into_iter().flatten().map(String::len).sum()
    }
}

impl fmt::Debug for ToolCallDelta {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "ToolCallDelta({}, {} bytes of arguments)", self.index, self.arguments.len())
    }
}
