//! The schedules, which the deployed stack has from its template.

use std::convert::Infallible;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::sleep;

use super::checks::Plan;
use super::invocation::invoke;
use super::progress::say;

/// The function whose report is told if it has faults.
const AUDIT: &str = "audit";

/// The functions that are invoked, one after the other.
const SCHEDULED: [&str; 2] = [AUDIT, "jobs"];

/// Time between two invocations, as in template.yaml.
const PERIOD: Duration = Duration::from_mins(15);

/// Invokes the audit and the keeper of jobs at once, and every quarter of an hour, and says what the audit finds wrong. A run
/// that fails is no reason to stop: its own lines say why.
pub(super) async fn invoke_regularly(plan: &Plan) -> Infallible {
    loop {
        for name in SCHEDULED {
            if plan.functions.iter().any(|function| function.binary == name)
                && let Ok(report) = invoke(plan.port, name, &json!({})).await
                && has_faults(&report)
            {
                say(format_args!("The audit has found faults: {report}"));
            }
        }
        sleep(PERIOD).await;
    }
}

fn has_faults(report: &Value) -> bool {
    let lists = ["mismatches", "mispriced", "altered"];
    lists.iter().any(|list| report[list].as_array().is_some_and(|faults| !faults.is_empty()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_are_told_and_an_audit_without_them_is_not() {
        assert!(!has_faults(&json!({"finished": true, "mismatches": [], "mispriced": [], "altered": []})));
        assert!(has_faults(&json!({"mismatches": [{"balance": 1}], "mispriced": [], "altered": []})));
        assert!(!has_faults(&json!({"errorMessage": "the table cannot be reached"})));
    }
}
