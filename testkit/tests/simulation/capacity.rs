//! A table that takes only so many write units a second.

use std::collections::HashMap;

use serde_json::{Value, json};
use tokio::time::Instant;

use crate::engine::Reply;

/// The write units that a table takes, as a bucket. A write is taken while the bucket is not empty, and may leave it in
/// debt, as DynamoDB takes an item that is larger than what is left.
pub(super) struct Capacity {
    units_per_second: f64,
    units: f64,
    at: Instant,
    /// Whether a capture is refused for good after its tenth try, so that a proof shows that it would notice.
    counts_tries: bool,
    tries: HashMap<String, u32>,
}

/// The tries after which a sabotaged table refuses a capture.
const MAX_TRIES: u32 = 10;

impl Capacity {
    /// A bucket that holds the units of a second.
    pub(super) fn new(units_per_second: f64, counts_tries: bool) -> Self {
        let tries = HashMap::new();
        Self { units_per_second, units: units_per_second, at: Instant::now(), counts_tries, tries }
    }

    /// The refusal of a request for which there are no units left.
    pub(super) fn refuse(&mut self, operation: &str, body: &Value) -> Option<Reply> {
        let units = write_units(operation, body)?;
        let now = Instant::now();
        let refilled = self.units + now.duration_since(self.at).as_secs_f64() * self.units_per_second;
        (self.units, self.at) = (refilled.min(self.units_per_second), now);
        if self.units > 0.0 {
            self.units -= units;
            return None;
        }
        let token = body["ClientRequestToken"].as_str().unwrap_or_default();
        let tries = self.tries.entry(token.to_owned()).or_default();
        *tries += 1;
        if self.counts_tries && token.starts_with("capture-") && *tries > MAX_TRIES {
            return Some(Reply::error(400, "ValidationException"));
        }
        Some(throttled(operation, body))
    }
}

fn throttled(operation: &str, body: &Value) -> Reply {
    if operation != "TransactWriteItems" {
        return Reply::error(400, "ProvisionedThroughputExceededException");
    }
    let items = body["TransactItems"].as_array().map_or(0, Vec::len);
    let mut reply = Reply::error(400, "TransactionCanceledException");
    reply.body["CancellationReasons"] = json!(vec![json!({"Code": "ThrottlingError"}); items]);
    reply
}

/// One unit for each KB of an item, and twice as many in a transaction. An update is of an item within 1 KB.
fn write_units(operation: &str, body: &Value) -> Option<f64> {
    match operation {
        "PutItem" => Some(units_of(&body["Item"])),
        "UpdateItem" | "DeleteItem" => Some(1.0),
        "TransactWriteItems" => {
            let parts = body["TransactItems"].as_array()?;
            Some(
                parts
                    .iter()
                    .map(|part| 2.0 * if part["Put"].is_null() { 1.0 } else { units_of(&part["Put"]["Item"]) })
                    .sum(),
            )
        }
        _ => None,
    }
}

fn units_of(item: &Value) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "an item has at most 400 KB")]
    let kilobytes = item.to_string().len() as f64 / 1024.0;
    kilobytes.ceil()
}
