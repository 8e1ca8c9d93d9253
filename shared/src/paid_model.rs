//! A model whose replies are paid for: hold, ask, capture.

mod stream;
#[cfg(test)]
mod tests;

use std::time::{Duration, Instant};

use crate::callers::Caller;
use crate::chat::Message;
use crate::credits::Credits;
use crate::error::ApiError;
use crate::ids::EntryId;
use crate::ledger::{Charge, Exchange, Held, Ledger, Order, Remembered, Replay, Started, StoredReply};
use crate::metrics::{self, Metric};
use crate::models::{End, FinishReason, Model, Prompt, Usage};
use crate::pricing::{OutputLimits, Pricing};
use crate::time::{Clock, Timestamp};

pub use stream::{PaidPiece, PaidStream};

/// A capture that gets no answer is tried, looked for, and released: what the model leaves of a request's
/// time. The least that the settings allow for a request is twice as much.
const CAPTURE_RESERVE: Duration = Duration::from_secs(10);

/// Sells the replies of a model.
#[derive(Debug)]
pub struct PaidModel {
    /// Where they are paid.
    pub ledger: Ledger,
    /// Who makes them.
    pub model: Model,
    /// What they cost.
    pub pricing: Pricing,
    /// How long they may be.
    pub output_limits: OutputLimits,
    /// What time it is.
    pub clock: Clock,
}

/// What somebody asks a model.
#[derive(Debug)]
pub struct Question<'a> {
    /// Who pays.
    pub caller: &'a Caller,
    /// The whole conversation.
    pub prompt: Prompt,
    /// What is stored of it.
    pub message: Message,
    /// The most output tokens that they want, if not as many as there may be.
    pub max_output_tokens: Option<u32>,
    /// The conversation is the caller's own, and not the one that goes on at `/chatView/`.
    pub standalone: bool,
    /// What it is remembered by, if a repetition is not to be charged again.
    pub remembered: Option<Remembered>,
    /// When the answer must be out.
    pub deadline: Timestamp,
}

/// What becomes of a question.
#[derive(Debug)]
pub enum Begun {
    /// Its price is set aside: ask the model now.
    Paid(PaidQuestion),
    /// It was answered before, under the same idempotency key: this was the answer.
    Replay(Replay),
}

/// A question whose price is set aside.
#[derive(Debug)]
#[must_use = "what is set aside is captured or released"]
pub struct PaidQuestion {
    held: Held,
    prompt: Prompt,
    message: Message,
    max_output_tokens: u32,
    standalone: bool,
    deadline: Timestamp,
}

impl PaidQuestion {
    /// The id that hold, entry and message have.
    #[must_use]
    pub fn id(&self) -> EntryId {
        self.held.id
    }

    /// What is set aside.
    #[must_use]
    pub fn held(&self) -> Credits {
        self.held.amount
    }
}

/// A reply that was paid for and stored.
#[derive(Debug)]
pub struct PaidReply {
    /// The message's id.
    pub id: EntryId,
    /// The user's name as they wrote it.
    pub username: String,
    /// What they asked.
    pub message: Message,
    /// What the model says.
    pub reply: StoredReply,
    /// What it cost.
    pub charge: Charge,
}

impl PaidModel {
    /// Sets aside what `question` can cost at most, unless it was answered before. Where the balance
    /// does not cover a reply of the full length, it may be shorter.
    ///
    /// # Errors
    /// As [`Ledger::start`].
    pub async fn begin(&self, question: Question<'_>) -> Result<Begun, ApiError> {
        let limits = self.output_limits.at_most(question.max_output_tokens.unwrap_or(u32::MAX));
        let quote = self.pricing.quote(question.prompt.most_input_tokens(), limits);
        let order = Order {
            caller: question.caller,
            amount: quote.most(),
            least: quote.least(),
            remembered: question.remembered.as_ref(),
            deadline: question.deadline,
        };
        Ok(match self.ledger.start(&order).await? {
            Started::Replay(replay) => Begun::Replay(replay),
            Started::Held(held) => Begun::Paid(PaidQuestion {
                max_output_tokens: quote.max_output_tokens(held.amount),
                held,
                prompt: question.prompt,
                message: question.message,
                standalone: question.standalone,
                deadline: question.deadline,
            }),
        })
    }

    /// The whole reply. If there is none, nothing is charged.
    ///
    /// # Errors
    /// As [`Model::reply`], and then as [`Ledger::capture`].
    pub async fn reply(&self, question: PaidQuestion) -> Result<PaidReply, ApiError> {
        let limit = self.time_to_think(&question, CAPTURE_RESERVE);
        let asked = Instant::now();
        let reply = self.model.reply(&question.prompt, question.max_output_tokens, limit).await;
        let latency = asked.elapsed();
        match reply {
            Ok(reply) => self.capture(question, reply.text, reply.end, latency).await,
            Err(error) => {
                self.model_failed(&question, &error, latency).await;
                Err(error)
            }
        }
    }

    /// Gives everything back, since there is no reply.
    async fn model_failed(&self, question: &PaidQuestion, error: &ApiError, latency: Duration) {
        // What it does not take is the caller's fault, and must wake nobody up.
        if !matches!(error, ApiError::ModelRefused { .. }) {
            metrics::emit(&[Metric::ModelLatency(latency), Metric::ModelFailures]);
        }
        self.ledger.abandon(&question.held).await;
    }

    /// Charges for a reply, which the model took so long for, and stores it.
    async fn capture(
        &self,
        question: PaidQuestion,
        text: String,
        end: End,
        latency: Duration,
    ) -> Result<PaidReply, ApiError> {
        let usage = end.usage.unwrap_or_else(|| Usage::estimate(&question.prompt, &text));
        let reply = StoredReply { text, model: self.model.id().to_owned(), usage, finish_reason: end.finish_reason };
        let PaidQuestion { held, message, standalone, .. } = question;
        let exchange = Exchange { message: &message, reply: &reply, standalone };
        let cost = self.pricing.cost(&usage);
        let captured = self.ledger.capture(&held, cost, exchange).await;
        metrics::emit(&counted(held.amount, cost, captured.as_ref().ok(), end.finish_reason, latency));
        let charge = captured?;
        Ok(PaidReply { id: held.id, username: held.username, message, reply, charge })
    }

    /// The model has the remaining time less `reserve`, which what comes after it needs in the worst case.
    fn time_to_think(&self, question: &PaidQuestion, reserve: Duration) -> Duration {
        question.deadline.since(self.clock.now()).saturating_sub(reserve)
    }
}

/// What is counted of a reply, with what was `held` for it, what it cost, and what was charged, if that
/// is known.
fn counted(
    held: Credits,
    cost: Credits,
    charge: Option<&Charge>,
    finish_reason: FinishReason,
    latency: Duration,
) -> Vec<Metric> {
    let mut metrics = vec![Metric::ModelLatency(latency)];
    if finish_reason == FinishReason::BrokenOff {
        metrics.push(Metric::ModelFailures);
    }
    let Some(charge) = charge else { return metrics };
    metrics.extend([Metric::Messages, Metric::CreditsCaptured(charge.cost)]);
    if charge.cost < held {
        metrics.push(Metric::CreditsReleased(held.saturating_minus(charge.cost)));
    }
    if held < cost {
        metrics.push(Metric::CaptureOverruns);
    }
    metrics
}
