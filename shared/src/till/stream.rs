//! Streamed replies.

use std::sync::Arc;
use std::time::{Duration, Instant};

use domain::ids::EntryId;
use domain::message::FinishReason;
use providers::error::ModelError;
use providers::model::Pieces;
use providers::reply::{End, Piece};

use crate::error::ApiError;
use crate::http::READER_TIMEOUT;
use crate::till::capture::REPLY_RESERVE;
use crate::till::hold::Till;
use crate::till::paid_reply::PaidReply;
use crate::till::question::HeldQuestion;

/// Time reserved after the model's last text: a reader may let that text wait for [`READER_TIMEOUT`] before the capture.
const STREAM_RESERVE: Duration = REPLY_RESERVE.saturating_add(READER_TIMEOUT);

/// A part of a streamed reply.
#[derive(Debug)]
pub enum ReplyPiece {
    /// The next part of the text.
    Text(String),
    /// The next part of the words by which the model refuses to reply.
    Refusal(String),
    /// The end: the reply is charged and stored.
    Paid(PaidReply),
}

/// A reply that is handed out while the model writes it, and is charged before its end is handed out.
///
/// After the first text, the reply is charged, also if the model fails or the reader disconnects. So a handler reads the
/// stream to its end even if there is no reader any more. A stream that is dropped before its end charges nothing, and
/// its hold expires.
pub struct TillStream {
    till: Arc<Till>,
    id: EntryId,
    /// `None` once the reply is captured.
    under_way: Option<UnderWay>,
}

struct UnderWay {
    question: HeldQuestion,
    pieces: Pieces,
    /// The text that was handed out.
    text: String,
    /// The refusal that was handed out.
    refusal: Option<String>,
    /// The model's first words, until they are handed out.
    first: Option<Piece>,
    /// The model's time. It does not include the reader's.
    latency: Duration,
}

impl Till {
    /// Asks the model and waits for the beginning of its reply. If none comes, the hold is released.
    ///
    /// # Errors
    /// As [`Model::stream`](providers::model::Model::stream).
    pub async fn stream(self: &Arc<Self>, question: HeldQuestion) -> Result<TillStream, ApiError> {
        let asked = Instant::now();
        let first = self.first_piece(&question).await;
        let latency = asked.elapsed();
        match first {
            Ok((first, pieces)) => {
                let id = question.id();
                let under_way =
                    UnderWay { question, pieces, text: String::new(), refusal: None, first: Some(first), latency };
                Ok(TillStream { till: Arc::clone(self), id, under_way: Some(under_way) })
            }
            Err(error) => {
                self.model_failed(&question, &error, latency).await;
                Err(error.into())
            }
        }
    }

    async fn first_piece(&self, question: &HeldQuestion) -> Result<(Piece, Pieces), ModelError> {
        let limit = self.time_to_think(question, STREAM_RESERVE);
        let mut pieces = self.model.stream(&question.prompt, question.max_output_tokens, limit).await?;
        Ok((pieces.next().await?, pieces))
    }
}

impl UnderWay {
    async fn next_piece(&mut self) -> Result<Piece, ModelError> {
        let asked = Instant::now();
        let piece = self.pieces.next().await;
        self.latency += asked.elapsed();
        piece
    }
}

impl TillStream {
    /// The message's id.
    #[must_use]
    pub fn id(&self) -> EntryId {
        self.id
    }

    /// The next piece: texts, then the paid reply or an error, then `None`.
    ///
    /// # Errors
    /// [`ApiError::ModelBrokeOff`] if the model failed or took too long: the text that was handed out is charged and
    /// stored. As [`Ledger::capture`](ledger::Ledger::capture) if the capture fails.
    pub async fn next(&mut self) -> Option<Result<ReplyPiece, ApiError>> {
        let under_way = self.under_way.as_mut()?;
        let next = match under_way.first.take() {
            Some(first) => Ok(first),
            None => under_way.next_piece().await,
        };
        match next {
            Ok(Piece::Text(text)) => {
                under_way.text.push_str(&text);
                Some(Ok(ReplyPiece::Text(text)))
            }
            Ok(Piece::Refusal(text)) => {
                under_way.refusal.get_or_insert_default().push_str(&text);
                Some(Ok(ReplyPiece::Refusal(text)))
            }
            Ok(Piece::End(end)) => Some(self.capture(end).await?.map(ReplyPiece::Paid)),
            Err(error) => {
                let end = End { finish_reason: FinishReason::BrokenOff, usage: None };
                let captured = self.capture(end).await?;
                Some(Err(captured.map_or_else(|not_charged| not_charged, |_| self.broke_off(error))))
            }
        }
    }

    /// Charges for the text that was handed out and stores it. The model's stream is dropped before.
    async fn capture(&mut self, end: End) -> Option<Result<PaidReply, ApiError>> {
        let UnderWay { question, text, refusal, latency, .. } = self.under_way.take()?;
        Some(self.till.capture(question, text, refusal, end, latency).await)
    }

    fn broke_off(&self, error: ModelError) -> ApiError {
        ApiError::ModelBrokeOff { message_id: self.id, cause: error.into_cause() }
    }
}

#[cfg(test)]
mod tests;
