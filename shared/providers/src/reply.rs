//! Replies of models, whole and in pieces, as providers hand them over.

use std::fmt;
#[cfg(any(feature = "bedrock", feature = "openai"))]
use std::time::Duration;

use domain::message::{FinishReason, ToolCall};
use domain::pricing::Usage;
use futures_util::stream::BoxStream;

use crate::error::ModelError;

/// Longest reply, text, refusal, reasoning and calls of tools together; [`Model`](crate::model::Model) cuts a longer one here. A DynamoDB item
/// (400 KB) has room for the longest reply and the longest message.
pub const MAX_REPLY_BYTES: usize = 256 * 1024;

/// Most calls of tools in a reply; [`Model`](crate::model::Model) ends a reply before one more.
pub const MAX_TOOL_CALLS: usize = 128;

/// Timeout for the count of a reply that has ended. Some servers keep the connection open and send none.
#[cfg(any(feature = "bedrock", feature = "openai"))]
pub(crate) const COUNT_TIMEOUT: Duration = Duration::from_secs(2);

/// A whole reply. Its words never print.
#[derive(Clone, PartialEq, Eq)]
pub struct Reply {
    /// The model's text. It is empty if the model wrote none.
    pub text: String,
    /// The model's words in place of a text, if it refused to reply.
    pub refusal: Option<String>,
    /// The model's reasoning before its words, where its provider shows it.
    pub reasoning: Option<String>,
    /// The tools that the model calls.
    pub calls: Vec<ToolCall>,
    /// How the reply ended.
    pub end: End,
}

impl Reply {
    /// A reply of `text` and nothing else.
    #[must_use]
    pub fn text(text: impl Into<String>, end: End) -> Self {
        Self { text: text.into(), refusal: None, reasoning: None, calls: Vec::new(), end }
    }
}

impl fmt::Debug for Reply {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Reply")
            .field("bytes", &self.text.len())
            .field("refused", &self.refusal.is_some())
            .field("reasoned", &self.reasoning.is_some())
            .field("calls", &self.calls.len())
            .field("end", &self.end)
            .finish()
    }
}

/// How a reply ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct End {
    /// Why the model stopped.
    pub finish_reason: FinishReason,
    /// The provider's own count of tokens. Not every provider counts, and a number that it does not count is 0.
    pub usage: Option<Usage>,
}

impl End {
    /// The end of a reply for which a provider gave this reason and this count. A count alone is an end too: some
    /// providers count and forget the reason.
    #[cfg(any(feature = "bedrock", feature = "openai"))]
    pub(crate) fn of(reason: Option<FinishReason>, usage: Option<Usage>) -> Option<Self> {
        let finish_reason = reason.or(usage.map(|_| FinishReason::Stop))?;
        Some(Self { finish_reason, usage })
    }

    /// The end of a reply that has none.
    #[cfg(any(feature = "bedrock", feature = "openai"))]
    pub(crate) const BROKEN_OFF: Self = Self { finish_reason: FinishReason::BrokenOff, usage: None };
}

/// A reply that the model is still writing: any number of other pieces, then one end. A stream without an end broke off.
pub type ReplyStream = BoxStream<'static, Result<Piece, ModelError>>;

/// A part of a reply. Its words never print.
#[derive(Clone, PartialEq, Eq)]
pub enum Piece {
    /// The next part of the text.
    Text(String),
    /// The next part of the words by which the model refuses to reply.
    Refusal(String),
    /// The next part of the model's reasoning.
    Reasoning(String),
    /// The next part of a call of a tool.
    ToolCall(ToolCallDelta),
    /// The model wrote words that are not handed out.
    Hidden {
        /// The length of these words.
        bytes: usize,
    },
    /// The reply is complete.
    End(End),
}

impl Piece {
    /// The bytes of words that are handed out.
    #[cfg(feature = "openai")]
    pub(crate) fn shown_bytes(&self) -> usize {
        match self {
            Self::Text(text) | Self::Refusal(text) | Self::Reasoning(text) => text.len(),
            Self::ToolCall(delta) => delta.bytes(),
            Self::Hidden { .. } | Self::End(_) => 0,
        }
    }
}

impl fmt::Debug for Piece {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => write!(formatter, "Text({} bytes)", text.len()),
            Self::Refusal(text) => write!(formatter, "Refusal({} bytes)", text.len()),
            Self::Reasoning(text) => write!(formatter, "Reasoning({} bytes)", text.len()),
            Self::ToolCall(delta) => write!(formatter, "{delta:?}"),
            Self::Hidden { bytes } => write!(formatter, "Hidden({bytes} bytes)"),
            Self::End(end) => write!(formatter, "{end:?}"),
        }
    }
}

/// A part of a call of a tool. Its words never print.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct ToolCallDelta {
    /// The call's place among the calls of its reply. They begin in the order of their places, from 0 and without a gap.
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

/// The calls of a reply, as far as their parts have come.
#[derive(Clone, Debug, Default)]
pub struct GatheredCalls(Vec<ToolCall>);

impl GatheredCalls {
    /// Adds a part. A part that is of no call and begins none is left out, and so is a call beyond [`MAX_TOOL_CALLS`].
    pub fn add(&mut self, delta: &ToolCallDelta) {
        let index = usize::try_from(delta.index).unwrap_or(usize::MAX);
        if index == self.0.len() && index < MAX_TOOL_CALLS {
            self.0.push(ToolCall { id: String::new(), name: String::new(), arguments: String::new() });
        }
        if let Some(call) = self.0.get_mut(index) {
            call.id.push_str(delta.id.as_deref().unwrap_or_default());
            call.name.push_str(delta.name.as_deref().unwrap_or_default());
            call.arguments.push_str(&delta.arguments);
        }
    }

    /// Whether no call has begun.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The calls.
    #[must_use]
    pub fn into_calls(self) -> Vec<ToolCall> {
        self.0
    }
}
