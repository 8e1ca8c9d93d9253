//! The metrics of a question's outcome.

use std::time::Duration;

use domain::credits::Credits;
use ledger::Charge;
use providers::error::ModelError;
use telemetry::metrics::Metric;

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

/// The metrics of a reply that cost `cost` by its provider's count, and of which a choice `broke_off` or none. There is no
/// `charge` if the capture failed.
pub(super) fn counted(
    held: Credits,
    cost: Credits,
    charge: Option<&Charge>,
    broke_off: bool,
    latency: Duration,
) -> Vec<Metric> {
    let mut metrics = vec![Metric::ModelLatency(latency)];
    if broke_off {
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
