//! A question whose reply the model is writing.

use std::sync::Arc;
use std::time::{Duration, Instant};

use domain::cause::Cause;
use domain::message::FinishReason;
use domain::pricing::Usage;
use providers::error::ModelError;
use providers::model::{Pieces, ShownPiece};
use providers::offers::Offer;
use providers::reply::{SaidChoice, SaidChoices};
use telemetry::metrics;

use crate::error::ApiError;
use crate::till::hold::Till;
use crate::till::outcome_metrics::failed;
use crate::till::question::{Candidate, HeldQuestion};

/// The least time that is worth asking a model in. With less, a question would cost its provider and bring no reply.
const LEAST_TIME: Duration = Duration::from_secs(1);

/// A held question, and its reply as far as it was handed out.
pub(super) struct UnderWay {
    question: HeldQuestion,
    /// The model that replies.
    candidate: Candidate,
    pieces: Pieces,
    /// The model's first piece, until it is handed out.
    first: Option<ShownPiece>,
    /// The choices as far as they were handed out.
    written: SaidChoices,
    /// The model's time. It does not include the reader's.
    latency: Duration,
}

/// A held question with its reply, which is to be charged and stored.
pub(super) struct EndedReply {
    pub(super) question: HeldQuestion,
    /// The model that replied.
    pub(super) candidate: Candidate,
    /// The choices that were handed out.
    pub(super) written: SaidChoices,
    /// Why each choice ended, by its place. There is at least one.
    pub(super) finish_reasons: Vec<FinishReason>,
    pub(super) usage: Usage,
    pub(super) latency: Duration,
}

impl Till {
    /// Asks the candidates of `question`, one after the other while they turn it away, and waits for the beginning of a
    /// reply, which may be its end. If there is none, the hold is released. `reserve` is the time before the deadline
    /// that the models do not get.
    ///
    /// # Errors
    /// As [`Pieces::next`], of the last candidate that turned the question away or may have worked on it. A fallback that
    /// is misconfigured or refuses the question does not hide that the model before it is only busy.
    pub(super) async fn ask(&self, mut question: HeldQuestion, reserve: Duration) -> Result<UnderWay, ApiError> {
        let mut told: Option<(Arc<Offer>, ModelError)> = None;
        for candidate in std::mem::take(&mut question.candidates) {
            let limit = question.deadline.since(self.clock.now()).saturating_sub(reserve);
            if let Some((before, cause)) = &told {
                let (model, fallback) = (before.id(), candidate.offer.id());
                if limit < LEAST_TIME {
                    tracing::warn!(model, fallback, %cause, "the model turned the request away too late for a fallback");
                    break;
                }
                tracing::warn!(model, fallback, %cause, "the model turned the request away, and a fallback is asked");
            }
            let asked = Instant::now();
            let begun = first_piece(&question, &candidate, limit).await;
            let latency = asked.elapsed();
            let failure = match begun {
                Ok((first, pieces)) => {
                    let (first, written) = (Some(first), SaidChoices::default());
                    return Ok(UnderWay { question, candidate, pieces, first, written, latency });
                }
                Err(error) => error,
            };
            metrics::emit(&failed(&failure, latency));
            if failure.may_have_worked() {
                self.ledger.release_unpaid(&question.held, &candidate.offer.terms.provider).await;
                return Err(failure.into());
            }
            let turned_away = failure.turned_away();
            if turned_away || told.is_none() {
                told = Some((candidate.offer, failure));
            } else {
                tracing::warn!(fallback = candidate.offer.id(), cause = %failure, "the fallback cannot answer");
            }
            if !turned_away {
                break;
            }
        }
        self.ledger.release(&question.held).await;
        let uncovered = || ModelError::Misconfigured(Cause::because("the hold covers no model"));
        Err(told.map_or_else(uncovered, |(_, failure)| failure).into())
    }

    /// Releases the hold of a reply that broke off, and of which nothing is handed out.
    pub(super) async fn give_up(&self, under_way: UnderWay, error: ModelError) -> ApiError {
        let UnderWay { question, candidate, latency, .. } = under_way;
        metrics::emit(&failed(&error, latency));
        self.ledger.release_unpaid(&question.held, &candidate.offer.terms.provider).await;
        error.into()
    }
}

/// The beginning of the reply of `candidate` within `limit`.
async fn first_piece(
    question: &HeldQuestion,
    candidate: &Candidate,
    limit: Duration,
) -> Result<(ShownPiece, Pieces), ModelError> {
    if limit < LEAST_TIME {
        let cause = Cause::because("no time is left to ask it");
        return Err(ModelError::Unavailable { retry_after: None, cause });
    }
    let Candidate { offer, max_output_tokens } = candidate;
    let mut pieces = offer.model.stream(&question.prompt, *max_output_tokens, limit).await?;
    Ok((pieces.next().await?, pieces))
}

impl UnderWay {
    /// The tokens of the prompt, by the estimate that is compared with the model's context window.
    pub(super) fn estimated_input_tokens(&self) -> u64 {
        self.candidate.offer.estimated_input_tokens(&self.question.prompt)
    }

    /// The model that replies.
    pub(super) fn offer(&self) -> &Arc<Offer> {
        &self.candidate.offer
    }

    /// The next piece, whose words count as handed out from now on.
    pub(super) async fn next(&mut self) -> Result<ShownPiece, ModelError> {
        let piece = match self.first.take() {
            Some(first) => first,
            None => self.wait().await?,
        };
        if let ShownPiece::Part { choice, part } = &piece {
            self.written.add(*choice, part);
        }
        Ok(piece)
    }

    async fn wait(&mut self) -> Result<ShownPiece, ModelError> {
        let asked = Instant::now();
        let piece = self.pieces.next().await;
        self.latency += asked.elapsed();
        piece
    }

    /// Whether there is neither a text nor a refusal nor a call of a tool yet.
    pub(super) fn has_only_reasoned(&self) -> bool {
        self.written.as_slice().iter().all(SaidChoice::has_only_reasoned)
    }

    /// The end of a reply that broke off: why each choice ended, and our estimate of the tokens that they took.
    pub(super) fn broken_off(&self) -> (Vec<FinishReason>, Usage) {
        (self.pieces.finish_reasons(FinishReason::BrokenOff), self.pieces.estimated_usage())
    }

    /// The reply, which ended so. The model's stream is dropped.
    pub(super) fn into_written(self, finish_reasons: Vec<FinishReason>, usage: Usage) -> EndedReply {
        let Self { question, candidate, written, latency, .. } = self;
        EndedReply { question, candidate, written, finish_reasons, usage, latency }
    }
}
