//! Metrics in `CloudWatch`'s [embedded metric format]: lines of JSON on standard output of which
//! `CloudWatch` Logs makes metrics by itself, so that to count costs no call.
//!
//! Lambda's JSON log format passes lines of JSON on as they are, and takes those without a `level` for
//! INFO: they arrive as long as a function's `ApplicationLogLevel` is INFO or below, whatever `LOG_LEVEL`
//! is ([Log-level filtering]).
//!
//! They show how things go. What is owed is in the ledger: a process that is killed takes what it had not
//! yet written with it.
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

/// The one dimension. `CloudWatch` charges for each metric and each value of its dimensions.
const DIMENSION: &str = "Stack";

/// Which stack is counted. Until it is known nothing is.
static STACK: OnceLock<String> = OnceLock::new();

/// Something that is counted or measured.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Metric {
    /// A message was answered and charged.
    Messages,
    /// What was charged for it.
    CreditsCaptured(Credits),
    /// What was set aside and given back.
    CreditsReleased(Credits),
    /// A message was refused for want of balance.
    MessagesRefused,
    /// A message cost more than was set aside for it.
    CaptureOverruns,
    /// How long the model took for a reply, or for failing.
    ModelLatency(Duration),
    /// The model gave no whole reply.
    ModelFailures,
    /// A wrong password, or a user who does not exist.
    LoginsFailed,
    /// A request was answered with 429.
    RequestsThrottled,
    /// So many accounts do not add up.
    AuditMismatches(u64),
}

impl Metric {
    /// Its name, its unit and its value.
    fn parts(self) -> (&'static str, &'static str, Value) {
        match self {
            Self::Messages => ("Messages", "Count", json!(1)),
            Self::CreditsCaptured(credits) => ("CreditsCaptured", "Count", json!(credits)),
            Self::CreditsReleased(credits) => ("CreditsReleased", "Count", json!(credits)),
            Self::MessagesRefused => ("MessagesRefused", "Count", json!(1)),
            Self::CaptureOverruns => ("CaptureOverruns", "Count", json!(1)),
            Self::ModelLatency(latency) => ("ModelLatency", "Milliseconds", json!(milliseconds(latency))),
            Self::ModelFailures => ("ModelFailures", "Count", json!(1)),
            Self::LoginsFailed => ("LoginsFailed", "Count", json!(1)),
            Self::RequestsThrottled => ("RequestsThrottled", "Count", json!(1)),
            Self::AuditMismatches(accounts) => ("AuditMismatches", "Count", json!(accounts)),
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
    // At once, so that no other line begins in the middle. Where nothing can be written, nothing is counted.
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
    fn what_happens_together_is_one_line_with_names_units_and_values() {
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
