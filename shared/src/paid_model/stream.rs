//! A reply that is handed out as it is written, and is paid for before it ends.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::error::{ApiError, Cause};
use crate::http::PATIENCE;
use crate::ids::EntryId;
use crate::models::{End, FinishReason, Piece, Pieces};
use crate::paid_model::{CAPTURE_RESERVE, PaidModel, PaidQuestion, PaidReply};

/// The last text of all may be one that nobody reads, just before the model's time is up.
const STREAM_RESERVE: Duration = CAPTURE_RESERVE.saturating_add(PATIENCE);

/// A part of a reply that is paid for.
#[derive(Debug)]
pub enum PaidPiece {
    /// What comes next of the text.
    Text(String),
    /// The text is complete, charged and stored.
    Paid(PaidReply),
}

/// A reply in the making, of which there is some text already.
///
/// Once a text was handed out, the reply is charged, whatever becomes of it; only whoever drops this
/// before its end charges nothing, and leaves a hold that expires. So it must be read to its end also
/// if nobody listens any more.
pub struct PaidStream {
    paid_model: Arc<PaidModel>,
    id: EntryId,
    /// Until it is captured.
    under_way: Option<UnderWay>,
}

struct UnderWay {
    question: PaidQuestion,
    pieces: Pieces,
    /// What was handed out.
    text: String,
    /// What is to be handed out first.
    first: Option<String>,
    /// How long the model was waited for. The time that readers take is not its fault.
    latency: Duration,
}

impl PaidModel {
    /// The reply as it is written, once its first text is there. If none comes, nothing is charged.
    ///
    /// # Errors
    /// As [`Model::stream`](crate::models::Model::stream).
    pub async fn stream(self: &Arc<Self>, question: PaidQuestion) -> Result<PaidStream, ApiError> {
        let asked = Instant::now();
        let first = self.first_text(&question).await;
        let latency = asked.elapsed();
        match first {
            Ok((first, pieces)) => {
                let id = question.id();
                let under_way = UnderWay { question, pieces, text: String::new(), first: Some(first), latency };
                Ok(PaidStream { paid_model: Arc::clone(self), id, under_way: Some(under_way) })
            }
            Err(error) => {
                self.model_failed(&question, &error, latency).await;
                Err(error)
            }
        }
    }

    async fn first_text(&self, question: &PaidQuestion) -> Result<(String, Pieces), ApiError> {
        let limit = self.time_to_think(question, STREAM_RESERVE);
        let mut pieces = self.model.stream(&question.prompt, question.max_output_tokens, limit).await?;
        match pieces.next().await? {
            Piece::Text(text) => Ok((text, pieces)),
            Piece::End(_) => Err(ApiError::ModelFailed(Cause::because("the model ended before it began"))),
        }
    }
}

impl UnderWay {
    async fn next_piece(&mut self) -> Result<Piece, ApiError> {
        let asked = Instant::now();
        let piece = self.pieces.next().await;
        self.latency += asked.elapsed();
        piece
    }
}

impl PaidStream {
    /// The message's id.
    #[must_use]
    pub fn id(&self) -> EntryId {
        self.id
    }

    /// What comes next: texts, then the reply, charged and stored, or why it is not; then nothing.
    ///
    /// # Errors
    /// [`ApiError::ModelBrokeOff`] if the model failed or took too long: what was handed out is charged
    /// and stored. As [`Ledger::capture`](crate::ledger::Ledger::capture) if that fails.
    pub async fn next(&mut self) -> Option<Result<PaidPiece, ApiError>> {
        let under_way = self.under_way.as_mut()?;
        let next = match under_way.first.take() {
            Some(first) => Ok(Piece::Text(first)),
            None => under_way.next_piece().await,
        };
        match next {
            Ok(Piece::Text(text)) => {
                under_way.text.push_str(&text);
                Some(Ok(PaidPiece::Text(text)))
            }
            Ok(Piece::End(end)) => Some(self.capture(end).await?.map(PaidPiece::Paid)),
            Err(error) => {
                let end = End { finish_reason: FinishReason::BrokenOff, usage: None };
                let captured = self.capture(end).await?;
                Some(Err(captured.map_or_else(|not_charged| not_charged, |_| self.broke_off(error))))
            }
        }
    }

    /// Charges for what was handed out and stores it. The model is hung up on first.
    async fn capture(&mut self, end: End) -> Option<Result<PaidReply, ApiError>> {
        let UnderWay { question, text, latency, .. } = self.under_way.take()?;
        Some(self.paid_model.capture(question, text, end, latency).await)
    }

    fn broke_off(&self, error: ApiError) -> ApiError {
        match error {
            ApiError::ModelFailed(cause)
            | ApiError::ModelRefused { cause, .. }
            | ApiError::ModelUnavailable { cause, .. } => ApiError::ModelBrokeOff { message_id: self.id, cause },
            other => other,
        }
    }
}

#[cfg(test)]
mod tests;
