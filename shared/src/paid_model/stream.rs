//! Replies that are paid for and handed out while they are written.

use std::fmt;
use std::sync::Arc;

use crate::error::{ApiError, Cause};
use crate::models::{End, FinishReason, Piece, Pieces};
use crate::paid_model::{PaidModel, PaidQuestion, PaidReply};

/// A part of a reply that is paid for.
#[derive(Debug)]
pub enum PaidPiece {
    /// What comes next of the text.
    Text(String),
    /// The text is complete, stored and charged.
    Paid(Box<PaidReply>),
}

/// A reply in the making, to be read to its end: that is where it is charged.
///
/// Nobody can see on Lambda whether the client is still there, so it makes no difference. Whoever
/// drops the stream before its end, as a process does that is killed, leaves a hold that expires.
#[must_use = "a reply that is not read to its end is not charged"]
pub struct PaidStream {
    paid_model: Arc<PaidModel>,
    pieces: Pieces,
    /// The first text, which came before there was a stream.
    first: Option<String>,
    /// What was handed out so far, and whose: until it is charged.
    open: Option<(PaidQuestion, String)>,
}

impl fmt::Debug for PaidStream {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("PaidStream").finish_non_exhaustive()
    }
}

impl PaidModel {
    /// The reply as it is written, once the model has said a first word. If it says none, nothing is
    /// charged.
    ///
    /// # Errors
    /// As [`Model::stream`](crate::models::Model::stream).
    pub async fn stream(self: Arc<Self>, question: PaidQuestion) -> Result<PaidStream, ApiError> {
        match self.first_words(&question).await {
            Ok((first, pieces)) => {
                Ok(PaidStream { paid_model: self, pieces, first: Some(first), open: Some((question, String::new())) })
            }
            Err(error) => {
                self.ledger.abandon(&question.held).await;
                Err(error)
            }
        }
    }

    async fn first_words(&self, question: &PaidQuestion) -> Result<(String, Pieces), ApiError> {
        let limit = self.time_to_think(question);
        let mut pieces = self.model.stream(&question.prompt, question.max_output_tokens, limit).await?;
        match pieces.next().await? {
            Piece::Text(first) => Ok((first, pieces)),
            Piece::End(_) => Err(ApiError::ModelFailed(Cause::because("the model ended before it began"))),
        }
    }
}

impl PaidStream {
    /// What comes next: texts, then the reply as it was paid for, then nothing.
    ///
    /// If the model breaks off, what was handed out is stored and charged: at what it is estimated to
    /// take, or at the price of a message.
    ///
    /// # Errors
    /// [`ApiError::ModelBrokeOff`] then, and as [`Ledger::capture`](crate::ledger::Ledger::capture).
    /// Nothing comes after an error.
    pub async fn next(&mut self) -> Option<Result<PaidPiece, ApiError>> {
        let (_, text) = self.open.as_mut()?;
        let piece = match self.first.take() {
            Some(first) => Ok(Piece::Text(first)),
            None => self.pieces.next().await,
        };
        match piece {
            Ok(Piece::Text(piece)) => {
                text.push_str(&piece);
                Some(Ok(PaidPiece::Text(piece)))
            }
            Ok(Piece::End(end)) => Some(self.charge(end).await.map(|paid| PaidPiece::Paid(Box::new(paid)))),
            Err(error) => Some(Err(self.break_off(error).await)),
        }
    }

    async fn charge(&mut self, end: End) -> Result<PaidReply, ApiError> {
        let charged_already = || ApiError::Internal(Cause::because("a stream was read past its end"));
        let (question, text) = self.open.take().ok_or_else(charged_already)?;
        self.paid_model.capture(question, text, end).await
    }

    async fn break_off(&mut self, error: ApiError) -> ApiError {
        let end = End { finish_reason: FinishReason::Interrupted, usage: None };
        match self.charge(end).await {
            Ok(paid) => ApiError::ModelBrokeOff {
                message_id: paid.id,
                cause: Cause::because(error.cause().unwrap_or("the model broke off")),
            },
            Err(error) => error,
        }
    }
}
