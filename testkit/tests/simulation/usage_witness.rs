//! A witness of the days' sums: what those of deleted accounts were.

use std::collections::{BTreeMap, HashMap, HashSet};

use serde_json::Value;

/// The partition of the sums of all accounts.
pub(super) const SUMS_OF_ALL: &str = "USAGE";

/// Requests, tokens read and written, and credits.
pub(super) type FourSums = [i64; 4];

/// The rows of all accounts, by the requests that the table has accepted.
#[derive(Default)]
pub(super) struct UsageWitness {
    /// By partition and sort key.
    rows: HashMap<(String, String), FourSums>,
    /// The sums of accounts that were deleted, by day and model.
    gone: BTreeMap<(String, String), FourSums>,
    /// The tokens of transactions. A second transaction with a token is answered again and changes nothing.
    tokens: HashSet<String>,
}

impl UsageWitness {
    /// Notes a request that was accepted.
    pub(super) fn accepted(&mut self, operation: &str, body: &Value) {
        match operation {
            "TransactWriteItems" if self.tokens.insert(body["ClientRequestToken"].to_string()) => {
                for part in body["TransactItems"].as_array().into_iter().flatten() {
                    self.added(&part["Update"]);
                    // Rows that are thrown away are summed again.
                    row_of(&part["Delete"]["Key"]).and_then(|row| self.rows.remove(&row));
                }
            }
            "BatchWriteItem" => {
                let requests = body["RequestItems"].as_object().into_iter().flat_map(|tables| tables.values());
                for request in requests.filter_map(Value::as_array).flatten() {
                    let Some(row) = row_of(&request["DeleteRequest"]["Key"]) else { continue };
                    if let (Some(sums), Some(place)) = (self.rows.remove(&row), day_and_model(&row.1)) {
                        add(self.gone.entry(place).or_default(), sums);
                    }
                }
            }
            _ => {}
        }
    }

    fn added(&mut self, update: &Value) {
        let Some(row) = row_of(&update["Key"]) else { return };
        let values = &update["ExpressionAttributeValues"];
        let sum = |name: &str| values[name]["N"].as_str().map_or(0, |digits| digits.parse().unwrap());
        add(self.rows.entry(row).or_default(), [":sum0", ":sum1", ":sum4", ":sum7"].map(sum));
    }

    /// The sums of accounts that were deleted, by day and model.
    pub(super) fn gone(&self) -> &BTreeMap<(String, String), FourSums> {
        &self.gone
    }
}

/// Partition and sort key of a row of an account.
fn row_of(key: &Value) -> Option<(String, String)> {
    let (partition, sort) = (key["pk"]["S"].as_str()?, key["sk"]["S"].as_str()?);
    (partition.starts_with("USER#") && sort.starts_with("USAGE#")).then(|| (partition.to_owned(), sort.to_owned()))
}

/// The day and the model of a row of an account.
pub(super) fn day_and_model(sort: &str) -> Option<(String, String)> {
    let mut parts = sort.strip_prefix("USAGE#")?.splitn(3, '#');
    let (day, _key, model) = (parts.next()?, parts.next()?, parts.next()?);
    Some((day.to_owned(), model.to_owned()))
}

pub(super) fn add(sums: &mut FourSums, others: FourSums) {
    sums.iter_mut().zip(others).for_each(|(sum, other)| *sum += other);
}
