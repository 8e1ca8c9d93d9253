//! Streamed replies.

use std::sync::Arc;
use std::time::Duration;

use domain::ids::EntryId;
use domain::message::FinishReason;
use domain::pricing::Usage;
use futures_util::FutureExt;
use futures_util::future::{BoxFuture, ready};
use providers::error::ModelError;
use providers::model::ShownPiece;
use providers::reply::Part;

use crate::error::ApiError;
use crate::http::{LONGEST_SILENCE, READER_TIMEOUT};
use crate::till::hold::Till;
use crate::till::paid_reply::PaidReply;
use crate::till::question::HeldQuestion;
use crate::till::reserves::REPLY_RESERVE;
use crate::till::under_way::UnderWay;

/// Time reserved after the model's last text: a reader may let that text wait for [`READER_TIMEOUT`] before the capture.
const STREAM_RESERVE: Duration = REPLY_RESERVE.saturating_add(READER_TIMEOUT);

/// A part of a streamed reply.
#[derive(Debug)]
pub enum ReplyPiece {
    /// The beginning, before all parts: the id of the model that replies, which is the one that was asked for, or a fallback.
    Begins {
        /// The model's id.
        model_id: String,
        /// The tokens of the prompt, by our estimate.
        estimated_input_tokens: u64,
    },
    /// The next part of a choice.
    Part {
        /// The place of the choice, from 0.
        choice: u8,
        /// The part.
        part: Part,
    },
    /// The end: the reply is charged and stored.
    Paid(Box<PaidReply>),
}

/// A reply that is handed out while the model writes it, and is charged before its end is handed out. A stream may be
/// handed out before its reply has begun.
///
/// Once it has begun, the reply is charged, also if the model fails or the reader disconnects. So a handler reads the
/// stream to its end even if there is no reader any more. A stream that is dropped before its end charges nothing, and
/// its hold expires.
pub struct TillStream {
    till: Arc<Till>,
    id: EntryId,
    progress: ReplyProgress,
}

/// The progress of a streamed reply.
enum ReplyProgress {
    /// The models are asked, and the beginning of a reply is not handed out yet.
    Asking(BoxFuture<'static, Result<UnderWay, ApiError>>),
    /// A model is writing.
    Writing(Box<UnderWay>),
    /// The reply is captured, or there is none.
    Ended,
}

impl Till {
    /// Asks the model and waits for the beginning of its reply, which may be its end, but not for longer than
    /// [`LONGEST_SILENCE`]. If there is none, the hold is released, also after that time.
    ///
    /// # Errors
    /// As [`Pieces::next`](providers::model::Pieces::next) before the model has written anything.
    pub async fn stream(self: &Arc<Self>, question: HeldQuestion) -> Result<TillStream, ApiError> {
        let id = question.id();
        let till = Arc::clone(self);
        let mut asking = async move { till.ask(question, STREAM_RESERVE).await }.boxed();
        if let Ok(begun) = tokio::time::timeout(LONGEST_SILENCE, &mut asking).await {
            asking = ready(Ok(begun?)).boxed();
        }
        Ok(TillStream { till: Arc::clone(self), id, progress: ReplyProgress::Asking(asking) })
    }
}

impl TillStream {
    /// The message's id.
    #[must_use]
    pub fn id(&self) -> EntryId {
        self.id
    }

    /// The next piece: the beginning and parts, then the paid reply or an error, then `None`. A reply whose time is up ends
    /// with [`FinishReason::Length`].
    ///
    /// # Errors
    /// As [`Till::stream`] if the reply has not begun: nothing is charged. [`ApiError::ModelBrokeOff`] if the model failed
    /// afterwards: the words that were handed out are charged and stored. As
    /// [`Ledger::capture`](ledger::Ledger::capture) if the capture fails.
    pub async fn next(&mut self) -> Option<Result<ReplyPiece, ApiError>> {
        let under_way = match &mut self.progress {
            ReplyProgress::Asking(asking) => {
                let begun = asking.await;
                return Some(self.begin(begun));
            }
            ReplyProgress::Writing(under_way) => under_way,
            ReplyProgress::Ended => return None,
        };
        match under_way.next().await {
            Ok(ShownPiece::Part { choice, part }) => Some(Ok(ReplyPiece::Part { choice, part })),
            Ok(ShownPiece::End { finish_reasons, usage }) => {
                Some(self.capture(finish_reasons, usage).await?.map(|paid| ReplyPiece::Paid(Box::new(paid))))
            }
            Err(error) => {
                let (finish_reasons, usage) = under_way.broken_off();
                let captured = self.capture(finish_reasons, usage).await?;
                Some(Err(captured.map_or_else(|not_charged| not_charged, |_| self.broke_off(error))))
            }
        }
    }

    fn begin(&mut self, begun: Result<UnderWay, ApiError>) -> Result<ReplyPiece, ApiError> {
        self.progress = ReplyProgress::Ended;
        let under_way = begun?;
        let model_id = under_way.offer().id().to_owned();
        let estimated_input_tokens = under_way.estimated_input_tokens();
        self.progress = ReplyProgress::Writing(Box::new(under_way));
        Ok(ReplyPiece::Begins { model_id, estimated_input_tokens })
    }

    /// Charges for the words that were handed out and stores them. The model's stream is dropped before.
    async fn capture(
        &mut self,
        finish_reasons: Vec<FinishReason>,
        usage: Usage,
    ) -> Option<Result<PaidReply, ApiError>> {
        let progress = std::mem::replace(&mut self.progress, ReplyProgress::Ended);
        let ReplyProgress::Writing(under_way) = progress else { return None };
        Some(self.till.capture(under_way.into_written(finish_reasons, usage)).await)
    }

    fn broke_off(&self, error: ModelError) -> ApiError {
        ApiError::ModelBrokeOff { message_id: self.id, cause: error.into_cause() }
    }
}

#[cfg(test)]
mod tests;
