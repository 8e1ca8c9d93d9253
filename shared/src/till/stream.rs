//! Streamed replies.

use std::sync::Arc;
use std::time::Duration;

use domain::ids::EntryId;
use domain::message::FinishReason;
use domain::pricing::Usage;
use providers::error::ModelError;
use providers::model::ShownPiece;
use providers::offers::Offer;
use providers::reply::Part;

use crate::error::ApiError;
use crate::http::READER_TIMEOUT;
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

/// A reply that is handed out while the model writes it, and is charged before its end is handed out.
///
/// Once it has begun, the reply is charged, also if the model fails or the reader disconnects. So a handler reads the
/// stream to its end even if there is no reader any more. A stream that is dropped before its end charges nothing, and
/// its hold expires.
pub struct TillStream {
    till: Arc<Till>,
    id: EntryId,
    /// The model that replies.
    offer: Arc<Offer>,
    /// `None` once the reply is captured.
    under_way: Option<UnderWay>,
}

impl Till {
    /// Asks the model and waits for the beginning of its reply, which may be its end. If none comes, the hold is released.
    ///
    /// # Errors
    /// As [`Pieces::next`](providers::model::Pieces::next) before the model has written anything.
    pub async fn stream(self: &Arc<Self>, question: HeldQuestion) -> Result<TillStream, ApiError> {
        let id = question.id();
        let under_way = self.ask(question, STREAM_RESERVE).await?;
        let offer = Arc::clone(under_way.offer());
        Ok(TillStream { till: Arc::clone(self), id, offer, under_way: Some(under_way) })
    }
}

impl TillStream {
    /// The message's id.
    #[must_use]
    pub fn id(&self) -> EntryId {
        self.id
    }

    /// The id of the model that replies: the one that was asked for, or a fallback.
    #[must_use]
    pub fn model_id(&self) -> &str {
        self.offer.id()
    }

    /// The next piece: parts, then the paid reply or an error, then `None`. A reply whose time is up ends with
    /// [`FinishReason::Length`].
    ///
    /// # Errors
    /// [`ApiError::ModelBrokeOff`] if the model failed: the words that were handed out are charged and stored. As
    /// [`Ledger::capture`](ledger::Ledger::capture) if the capture fails.
    pub async fn next(&mut self) -> Option<Result<ReplyPiece, ApiError>> {
        let under_way = self.under_way.as_mut()?;
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

    /// Charges for the words that were handed out and stores them. The model's stream is dropped before.
    async fn capture(
        &mut self,
        finish_reasons: Vec<FinishReason>,
        usage: Usage,
    ) -> Option<Result<PaidReply, ApiError>> {
        let written = self.under_way.take()?.into_written(finish_reasons, usage);
        Some(self.till.capture(written).await)
    }

    fn broke_off(&self, error: ModelError) -> ApiError {
        ApiError::ModelBrokeOff { message_id: self.id, cause: error.into_cause() }
    }
}

#[cfg(test)]
mod tests;
