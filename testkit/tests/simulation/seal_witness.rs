//! A witness of seals: no entry and no hold appears at or below one.

use std::collections::HashMap;
use std::time::Duration;

use serde_json::Value;

use shared::domain::time::Timestamp;

/// The time for which `DynamoDB` remembers the token of a transaction.
const TOKENS_ARE_KEPT: Duration = Duration::from_secs(600);

/// The seals, and what appeared below them.
#[derive(Default)]
pub(super) struct SealWitness {
    /// By partitions.
    seals: HashMap<String, String>,
    /// The tokens of transactions, with the time of the first. A second transaction with a token is answered again and changes
    /// nothing.
    tokens: HashMap<String, Timestamp>,
    offences: Vec<String>,
}

impl SealWitness {
    /// Notes a request that was accepted.
    pub(super) fn accepted(&mut self, operation: &str, body: &Value, now: Timestamp) {
        match operation {
            "UpdateItem" => self.updated(body),
            "TransactWriteItems" => {
                let token = body["ClientRequestToken"].as_str().unwrap_or_default();
                if self.is_new(token, now) {
                    for part in body["TransactItems"].as_array().into_iter().flatten() {
                        self.updated(&part["Update"]);
                        let item = &part["Put"]["Item"];
                        if let Some(id) = item["sk"]["S"].as_str().and_then(|sort| sort.strip_prefix("ENTRY#")) {
                            self.appeared(&item["pk"]["S"], id, "the entry");
                        }
                    }
                }
            }
            _ => {}
        }
    }

    /// Whether a transaction with this token is executed. The engine remembers tokens by another clock than a schedule's, and so
    /// for ever: where `DynamoDB` had forgotten one, it would have to execute the transaction again.
    fn is_new(&mut self, token: &str, now: Timestamp) -> bool {
        let Some(first) = self.tokens.get(token) else {
            self.tokens.insert(token.to_owned(), now);
            return true;
        };
        if now.since(*first) >= TOKENS_ARE_KEPT {
            self.offences.push(format!("{token} was repeated after DynamoDB has forgotten it"));
        }
        false
    }

    fn updated(&mut self, update: &Value) {
        let values = &update["ExpressionAttributeValues"];
        if let Some(id) = values[":hold"]["M"]["id"]["S"].as_str() {
            self.appeared(&update["Key"]["pk"]["S"], id, "the hold");
        }
        let is_seal = update["UpdateExpression"].as_str().is_some_and(|text| text.contains("sealed_to = :entry"));
        if let (true, Some(partition), Some(seal)) =
            (is_seal, update["Key"]["pk"]["S"].as_str(), values[":entry"]["S"].as_str())
        {
            self.seals.insert(partition.to_owned(), seal.to_owned());
        }
    }

    fn appeared(&mut self, partition: &Value, id: &str, what: &str) {
        let seal = partition.as_str().and_then(|partition| self.seals.get(partition));
        if let Some(seal) = seal.filter(|seal| id <= seal.as_str()) {
            self.offences.push(format!("{what} {id} appeared below the seal {seal}"));
        }
    }

    /// How many accounts were sealed.
    pub(super) fn sealed(&self) -> usize {
        self.seals.len()
    }

    pub(super) fn offences(&self) -> &[String] {
        &self.offences
    }
}
