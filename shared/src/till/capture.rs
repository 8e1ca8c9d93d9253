//! Capturing the price of a reply, or releasing the hold where there is none.

use std::time::Duration;

use domain::credits::Credits;
use domain::message::FinishReason;
use domain::pricing::Usage;
use ledger::exchange::{Bill, Exchange, StoredReply};
use ledger::{Charge, LedgerError};
use providers::error::ModelError;
use telemetry::metrics::{self, Metric};

use crate::error::ApiError;
use crate::till::hold::Till;
use crate::till::paid_reply::PaidReply;
use crate::till::question::HeldQuestion;
use crate::till::under_way::EndedReply;

impl Till {
    /// Releases the hold of a question that the model did not reply to. `latency` is the model's time.
    pub(super) async fn model_failed(&self, question: &HeldQuestion, error: &ModelError, latency: Duration) {
        metrics::emit(&failed(error, latency));
        if error.may_have_worked() {
            self.ledger.release_unpaid(&question.held, self.model.id()).await;
        } else {
            self.ledger.release(&question.held).await;
        }
    }

    /// Charges for the reply and stores it. The usage that is charged and shown stays within the limits that the hold
    /// was computed from.
    pub(super) async fn capture(&self, written: EndedReply) -> Result<PaidReply, ApiError> {
        let EndedReply { question, text, refusal, finish_reason, usage: counted_usage, latency } = written;
        let usage = within_the_hold(counted_usage, &question);
        let model = self.model.id().to_owned();
        let reply = StoredReply { text, refusal, model, usage, finish_reason };
        let HeldQuestion { held, message, conversation, .. } = question;
        let bill = Bill { prices: self.prices, catalogue: None };
        let captured =
            self.ledger.capture(&held, Exchange { message: &message, reply: &reply, conversation, bill }).await;
        let counted_cost = self.prices.cost(&counted_usage);
        metrics::emit(&counted(held.amount, counted_cost, captured.as_ref().ok(), finish_reason, latency));
        let charge = captured.map_err(not_charged)?;
        Ok(PaidReply { id: held.id, username: held.username, reply, charge, in_flight: held.in_flight })
    }
}

/// `usage` as far as the hold of `question` pays for it. No tokenizer that we know reads more tokens, and no provider
/// was asked for more.
fn within_the_hold(usage: Usage, question: &HeldQuestion) -> Usage {
    usage.within(question.prompt.most_input_tokens(), question.max_output_tokens.into())
}

/// The error of a capture. If the table is away, the reply is lost, and its provider has worked.
fn not_charged(error: LedgerError) -> ApiError {
    match error {
        LedgerError::Unavailable(cause) => ApiError::ReplyLost(cause),
        error => error.into(),
    }
}

/// The metrics of a question without a reply.
pub(super) fn failed(error: &ModelError, latency: Duration) -> Vec<Metric> {
    match error {
        // A refusal is the caller's fault, and must not raise an alarm about the model.
        ModelError::Refused { .. } => Vec::new(),
        ModelError::Misconfigured(_) => {
            vec![Metric::ModelLatency(latency), Metric::ModelFailures, Metric::ModelMisconfigured]
        }
        _ => vec![Metric::ModelLatency(latency), Metric::ModelFailures],
    }
}

/// The metrics of a reply that cost `cost` by its provider's count. There is no `charge` if the capture failed.
pub(super) fn counted(
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
    if charge.cost < cost {
        metrics.push(Metric::CaptureOverruns);
    }
    metrics
}
