//! Metrics in `CloudWatch`'s [embedded metric format]: `CloudWatch` Logs makes metrics out of lines of JSON on standard
//! output, so that counting needs no request.
//!
//! Lambda's JSON log format passes lines of JSON on as they are, and takes those without a `level` for INFO. So metrics
//! arrive if a function's `ApplicationLogLevel` is INFO or below, whatever `LOG_LEVEL` is ([Log-level filtering]).
//!
//! Metrics may be incomplete, because a killed process loses the lines that it has not written. Money is counted by the
//! ledger.
//!
//! [embedded metric format]: https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
//! [Log-level filtering]: https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs-log-level.html

use std::io::{self, Write};
use std::sync::OnceLock;
use std::time::Duration;

use serde_json::{Value, json};

use crate::invocation::Invocation;
use domain::credits::Credits;
use domain::time::{Clock, Timestamp};

const NAMESPACE: &str = "chat-api";

/// The only dimension: `CloudWatch` charges for each metric and each value of its dimensions.
const DIMENSION: &str = "Stack";

/// The stack's name, the value of the dimension. Nothing is counted before it is known.
static STACK: OnceLock<String> = OnceLock::new();

/// An event that is counted, or a quantity that is measured.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Metric {
    /// A message was answered and charged.
    Messages,
    /// The credits that were charged for a message.
    CreditsCaptured(Credits),
    /// The credits of a hold that was released.
    CreditsReleased(Credits),
    /// The credits of a grant, which nobody pays for.
    CreditsGranted(Credits),
    /// A message was refused for want of balance.
    MessagesRefused,
    /// A message cost more than was held for it.
    CaptureOverruns,
    /// The time that the model took to reply or to fail.
    ModelLatency(Duration),
    /// The model gave no complete reply.
    ModelFailures,
    /// The model's provider turned this operator away: the key is wrong, or the account there is empty.
    ModelMisconfigured,
    /// A login had a wrong password or an unknown username.
    LoginsFailed,
    /// A request was answered with 429.
    RequestsThrottled,
    /// A request was refused because an operator has stopped messages and registrations.
    RequestsNotAccepted,
    /// The number of accounts that do not add up, of chats whose amount is not what they cost at their prices, and of accounts
    /// whose entries are no longer those that were summed.
    AuditMismatches(u64),
    /// The age of the oldest entry that may not be audited yet.
    AuditLag(Duration),
}

impl Metric {
    /// The metric's name, unit and value.
    fn parts(self) -> (&'static str, &'static str, Value) {
        match self {
            Self::Messages => ("Messages", "Count", json!(1)),
            Self::CreditsCaptured(credits) => ("CreditsCaptured", "Count", json!(credits)),
            Self::CreditsReleased(credits) => ("CreditsReleased", "Count", json!(credits)),
            Self::CreditsGranted(credits) => ("CreditsGranted", "Count", json!(credits)),
            Self::MessagesRefused => ("MessagesRefused", "Count", json!(1)),
            Self::CaptureOverruns => ("CaptureOverruns", "Count", json!(1)),
            Self::ModelLatency(latency) => ("ModelLatency", "Milliseconds", json!(milliseconds(latency))),
            Self::ModelFailures => ("ModelFailures", "Count", json!(1)),
            Self::ModelMisconfigured => ("ModelMisconfigured", "Count", json!(1)),
            Self::LoginsFailed => ("LoginsFailed", "Count", json!(1)),
            Self::RequestsThrottled => ("RequestsThrottled", "Count", json!(1)),
            Self::RequestsNotAccepted => ("RequestsNotAccepted", "Count", json!(1)),
            Self::AuditMismatches(accounts) => ("AuditMismatches", "Count", json!(accounts)),
            Self::AuditLag(lag) => ("AuditLag", "Seconds", json!(lag.as_secs())),
        }
    }
}

/// `duration` in milliseconds, to three places.
#[expect(clippy::cast_precision_loss, reason = "2^53 microseconds are centuries")]
#[must_use]
pub fn milliseconds(duration: Duration) -> f64 {
    duration.as_micros() as f64 / 1000.0
}

/// Lets metrics of the stack named `stack` be written from now on, once per process.
pub fn start(stack: &str) {
    // A second start, as in tests, keeps the first.
    let _ = STACK.set(stack.to_owned());
}

/// Writes `metrics`, which happened together, in one line.
pub fn emit(metrics: &[Metric]) {
    emit_of(Invocation::current().as_ref(), metrics);
}

/// Writes `metrics` of an invocation that need not be the current one.
pub fn emit_of(invocation: Option<&Invocation>, metrics: &[Metric]) {
    let Some(stack) = STACK.get() else { return };
    let line = line(stack, invocation, metrics, Clock::system().now());
    // One write for the whole line, so that no other line begins in its middle. If the write fails, nothing is counted.
    let _ = io::stdout().lock().write_all(line.as_bytes());
}

fn line(stack: &str, invocation: Option<&Invocation>, metrics: &[Metric], now: Timestamp) -> String {
    let parts: Vec<_> = metrics.iter().map(|metric| metric.parts()).collect();
    let definitions: Vec<Value> = parts.iter().map(|(name, unit, _)| json!({"Name": name, "Unit": unit})).collect();
    let directive = json!({"Namespace": NAMESPACE, "Dimensions": [[DIMENSION]], "Metrics": definitions});
    let mut line = json!({"_aws": {"Timestamp": now.milliseconds(), "CloudWatchMetrics": [directive]}});
    line[DIMENSION] = stack.into();
    if let Some(invocation) = invocation {
        line["request_id"] = invocation.request_id().into();
    }
    for (name, _, value) in parts {
        line[name] = value;
    }
    format!("{line}\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metrics_that_happen_together_are_one_line_with_names_units_and_values() {
        let metrics =
            [Metric::CreditsCaptured(Credits::MAX), Metric::ModelLatency(Duration::from_nanos(1_234_567_890))];
        let line = line("prod", Some(&Invocation::new("some-id")), &metrics, Timestamp::from_seconds(3));
        assert_eq!(line.find('\n'), Some(line.len() - 1));
        assert_eq!(
            serde_json::from_str::<Value>(&line).unwrap(),
            json!({
                "_aws": {
                    "Timestamp": 3000,
                    "CloudWatchMetrics": [{
                        "Namespace": "chat-api",
                        "Dimensions": [["Stack"]],
                        "Metrics": [
                            {"Name": "CreditsCaptured", "Unit": "Count"},
                            {"Name": "ModelLatency", "Unit": "Milliseconds"},
                        ],
                    }],
                },
                "Stack": "prod",
                "request_id": "some-id",
                "CreditsCaptured": 9_007_199_254_740_991_u64,
                "ModelLatency": 1234.567,
            })
        );
    }
}
