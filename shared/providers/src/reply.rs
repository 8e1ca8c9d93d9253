//! Replies of models, whole and in pieces, as providers hand them over.

use std::fmt;
#[cfg(any(feature = "bedrock", feature = "openai"))]
use std::time::Duration;

use domain::message::FinishReason;
use domain::pricing::Usage;
use futures_util::stream::BoxStream;

use crate::error::ModelError;

/// Longest reply, text and refusal together; [`Model`](crate::model::Model) cuts a longer one here. A DynamoDB item
/// (400 KB) has room for the longest reply and the longest message.
pub const MAX_REPLY_BYTES: usize = 256 * 1024;

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
    /// How the reply ended.
    pub end: End,
}

impl fmt::Debug for Reply {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Reply")
            .field("bytes", &self.text.len())
            .field("refused", &self.refusal.is_some())
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
    /// The model wrote words that are not handed out: its reasoning, or the call of a tool.
    Hidden {
        /// The length of these words.
        bytes: usize,
    },
    /// The reply is complete.
    End(End),
}

impl fmt::Debug for Piece {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => write!(formatter, "Text({} bytes)", text.len()),
            Self::Refusal(text) => write!(formatter, "Refusal({} bytes)", text.len()),
            Self::Hidden { bytes } => write!(formatter, "Hidden({bytes} bytes)"),
            Self::End(end) => write!(formatter, "{end:?}"),
        }
    }
}
