//! Models: who answers, and what they are asked.
//!
//! [`ChatModel`] is what each of them can do; [`Model`] is what the functions use: any of them, with
//! limits on time and length, and with every failure turned into one of ours.

#[cfg(feature = "bedrock")]
mod bedrock;
mod dummy;
mod limited;
#[cfg(feature = "openai")]
mod openai;
mod prompt;
#[cfg(any(feature = "bedrock", feature = "openai"))]
mod retry_after;
mod usage;

use std::fmt;
use std::time::Duration;

use futures_util::future::BoxFuture;
use futures_util::stream::BoxStream;
use serde::{Deserialize, Serialize};

use crate::error::{ApiError, Cause, Refusal};

pub use dummy::{Dummy, DummyFailure};
pub use limited::{Model, Pieces};
pub use prompt::{Prompt, Role, Sampling, Turn};
pub use usage::Usage;

/// The most bytes of a reply that is stored; there it stops. With a message of the most bytes it
/// fits into one DynamoDB item, which holds 400 KB.
pub const MAX_REPLY_BYTES: usize = 256 * 1024;

/// A model that continues conversations.
pub trait ChatModel: fmt::Debug + Send + Sync {
    /// What it is called, at the API and in the ledger.
    fn id(&self) -> &str;

    /// Whether it reads what it is asked. One that does not needs no context.
    fn reads_context(&self) -> bool {
        true
    }

    /// The first parameter of `sampling` that it cannot honour, by its name in OpenAI's protocol.
    fn unsupported(&self, sampling: &Sampling) -> Option<&'static str>;

    /// The whole reply, of at most `max_output_tokens` tokens. Whoever drops the future hangs up.
    fn reply<'a>(&'a self, prompt: &'a Prompt, max_output_tokens: u32) -> BoxFuture<'a, Result<Reply, ModelError>>;

    /// The reply as it is written. Whoever drops the future or the stream hangs up.
    fn stream<'a>(
        &'a self,
        prompt: &'a Prompt,
        max_output_tokens: u32,
    ) -> BoxFuture<'a, Result<ReplyStream, ModelError>>;
}

/// A reply in the making: any number of texts, then one end. Without an end it broke off.
pub type ReplyStream = BoxStream<'static, Result<Piece, ModelError>>;

/// A part of a reply.
#[derive(Clone, PartialEq, Eq)]
pub enum Piece {
    /// What comes next of the text.
    Text(String),
    /// The text is complete.
    End(End),
}

impl fmt::Debug for Piece {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => write!(formatter, "Text({} bytes)", text.len()),
            Self::End(end) => write!(formatter, "{end:?}"),
        }
    }
}

/// How a reply ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct End {
    /// Why there.
    pub finish_reason: FinishReason,
    /// What the model counted, if it says so.
    pub usage: Option<Usage>,
}

/// Why a reply ended where it did.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FinishReason {
    /// The model had said everything.
    Stop,
    /// It reached a limit on its length.
    Length,
    /// It failed, or its time was up, before it was done.
    BrokenOff,
}

/// A whole reply. It never prints its text.
#[derive(Clone, PartialEq, Eq)]
pub struct Reply {
    /// What the model says.
    pub text: String,
    /// How it ended.
    pub end: End,
}

impl fmt::Debug for Reply {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Reply").field("bytes", &self.text.len()).field("end", &self.end).finish()
    }
}

/// Why a model gave no reply. Its words are for the log and never a reply.
#[derive(Debug, thiserror::Error)]
pub enum ModelError {
    /// It failed, or answered with something that is no reply: to try again would not help.
    #[error("{0}")]
    Failed(Cause),
    /// It does not take what it was asked: to ask for something else would help.
    #[error("{cause}")]
    Refused {
        /// What it does not take.
        refusal: Refusal,
        /// What it said.
        cause: Cause,
    },
    /// It is busy or out of reach for now.
    #[error("{cause}")]
    Unavailable {
        /// When to come back, if it says so.
        retry_after: Option<Duration>,
        /// What it said.
        cause: Cause,
    },
}

impl From<ModelError> for ApiError {
    fn from(error: ModelError) -> Self {
        match error {
            ModelError::Failed(cause) => Self::ModelFailed(cause),
            ModelError::Refused { refusal, cause } => Self::ModelRefused { refusal, cause },
            ModelError::Unavailable { retry_after, cause } => Self::ModelUnavailable { retry_after, cause },
        }
    }
}
