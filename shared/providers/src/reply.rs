//! Replies of models, whole and in pieces, as providers hand them over.

mod logprobs;
mod piece;
mod said_choice;

use std::fmt;
#[cfg(any(feature = "bedrock", feature = "openai"))]
use std::time::Duration;

use domain::message::FinishReason;
use domain::pricing::Usage;
use futures_util::stream::BoxStream;

use crate::error::ModelError;

pub use logprobs::Logprobs;
pub use piece::{Part, Piece, ToolCallDelta};
pub use said_choice::{SaidChoice, SaidChoices};

/// Longest reply: texts, refusals, reasoning and calls of tools of all choices together. [`Model`](crate::model::Model) cuts
/// a longer one here. A `DynamoDB` item (400 KB) has room for the longest reply and the longest message.
pub const MAX_REPLY_BYTES: usize = 256 * 1024;

/// Most bytes of log probabilities, annotations, proofs and stop sequences of a reply, all choices together.
/// [`Model`](crate::model::Model) leaves out the first part that does not fit, and all that come after it of its kind. It ends
/// the reply before a proof that does not fit: reasoning without its proof is refused in the next turn. Proofs have their room
/// here, since a signature is as long as the reasoning that it hides.
pub const MAX_OPAQUE_BYTES: usize = 2 * 1024 * 1024;

/// Most bytes of the vectors of a reply. Longer ones are a failure of the model.
pub const MAX_EMBEDDINGS_BYTES: usize = 16 * 1024 * 1024;

/// Most calls of tools in a choice; [`Model`](crate::model::Model) ends a reply before one more.
pub const MAX_TOOL_CALLS: usize = 128;

/// Timeout for the count of a reply that has ended. Some servers keep the connection open and send none.
#[cfg(any(feature = "bedrock", feature = "openai"))]
pub(crate) const COUNT_TIMEOUT: Duration = Duration::from_secs(2);

/// A whole reply. Its words never print.
#[derive(Clone, PartialEq, Eq)]
pub struct Reply {
    /// The choices by their places. There is one, unless several were asked for.
    pub choices: Vec<SaidChoice>,
    /// How the reply ended.
    pub end: End,
}

impl Reply {
    /// A reply of one choice.
    #[must_use]
    pub fn of(choice: SaidChoice, end: End) -> Self {
        Self { choices: vec![choice], end }
    }

    /// A reply of `text` and nothing else.
    #[must_use]
    pub fn text(text: impl Into<String>, end: End) -> Self {
        Self::of(SaidChoice::text(text), end)
    }

    /// The pieces of the reply: one choice after the other, then the end.
    pub(crate) fn into_pieces(self) -> impl Iterator<Item = Piece> {
        let Self { choices, end } = self;
        (0..=u8::MAX).zip(choices).flat_map(|(choice, said)| said.into_pieces(choice)).chain([Piece::End(end)])
    }
}

impl fmt::Debug for Reply {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Reply").field("choices", &self.choices).field("end", &self.end).finish()
    }
}

/// How a reply ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct End {
    /// Why the model stopped. A choice's own reason counts before it.
    pub finish_reason: FinishReason,
    /// The provider's own count of tokens. Not every provider counts, and a number that it does not count is 0.
    pub usage: Option<Usage>,
}

impl End {
    /// The end of a reply that a provider ended for this reason.
    #[must_use]
    pub fn new(finish_reason: FinishReason, usage: Option<Usage>) -> Self {
        Self { finish_reason, usage }
    }

    /// The end of a reply that has none.
    #[must_use]
    pub fn broken_off() -> Self {
        Self::new(FinishReason::BrokenOff, None)
    }

    /// The end of a reply for which a provider gave this reason and this count. A count alone is an end too: some
    /// providers count and forget the reason.
    #[cfg(any(feature = "bedrock", feature = "openai"))]
    pub(crate) fn of(reason: Option<FinishReason>, usage: Option<Usage>) -> Option<Self> {
        reason.or(usage.map(|_| FinishReason::Stop)).map(|reason| Self::new(reason, usage))
    }
}

/// A reply that the model is still writing: any number of other pieces, then one end. A stream without an end broke off.
pub type ReplyStream = BoxStream<'static, Result<Piece, ModelError>>;
