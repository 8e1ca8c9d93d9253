//! Capturing the price of a reply, or releasing the hold where there is none.

use std::time::Duration;

use domain::credits::Credits;
use domain::message::FinishReason;
use ledger::exchange::{Exchange, StoredReply};
use ledger::{CAPTURE_RESERVE, Charge, TEXT_TIME};
use providers::error::ModelError;
use providers::reply::End;
use telemetry::metrics::{self, Metric};

use crate::error::ApiError;
use crate::till::hold::Till;
use crate::till::paid_reply::PaidReply;
use crate::till::question::HeldQuestion;

/// Time reserved after the capture, for the answer to leave before Lambda ends the process.
pub(super) const ANSWER_TIME: Duration = Duration::from_millis(500);
/// Time reserved after the model's reply: to put its text, to capture, and to settle an unknown outcome. The shortest
/// request that the settings allow has more than this time.
pub(super) const REPLY_RESERVE: Duration = TEXT_TIME.saturating_add(CAPTURE_RESERVE);

impl Till {
    /// The model's time for `question`: the time until the deadline, less `reserve`.
    pub(super) fn time_to_think(&self, question: &HeldQuestion, reserve: Duration) -> Duration {
        question.deadline.since(self.clock.now()).saturating_sub(reserve)
    }

    /// Releases the hold of a question that the model did not reply to. `latency` is the model's time.
    pub(super) async fn model_failed(&self, question: &HeldQuestion, error: &ModelError, latency: Duration) {
        // A refusal is the caller's fault, and must not raise an alarm about the model.
        if !matches!(error, ModelError::Refused { .. }) {
            metrics::emit(&[Metric::ModelLatency(latency), Metric::ModelFailures]);
        }
        if error.may_have_worked() {
            self.ledger.release_unpaid(&question.held, self.model.id()).await;
        } else {
            self.ledger.release(&question.held).await;
        }
    }

    /// Charges for the reply `text` and stores it. `latency` is the model's time.
    pub(super) async fn capture(
        &self,
        question: HeldQuestion,
        text: String,
        refusal: Option<String>,
        end: End,
        latency: Duration,
    ) -> Result<PaidReply, ApiError> {
        let usage = end.usage.unwrap_or_else(|| question.prompt.estimated_usage(&text));
        let model = self.model.id().to_owned();
        let reply = StoredReply { text, refusal, model, usage, finish_reason: end.finish_reason };
        let HeldQuestion { held, message, conversation, .. } = question;
        let exchange = Exchange { message: &message, reply: &reply, conversation };
        let cost = self.pricing.cost(&usage);
        let captured = self.ledger.capture(&held, cost, exchange).await;
        metrics::emit(&counted(held.amount, cost, captured.as_ref().ok(), end.finish_reason, latency));
        let charge = captured?;
        Ok(PaidReply { id: held.id, username: held.username, reply, charge })
    }
}

/// The metrics of a reply that cost `cost`. There is no `charge` if the capture failed.
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
    if held < cost {
        metrics.push(Metric::CaptureOverruns);
    }
    metrics
}
