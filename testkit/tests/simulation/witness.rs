//! A witness of every request that the table accepts.

use std::collections::HashMap;

use serde_json::Value;

use crate::engine::Reply;
use crate::process::ProcessId;
use shared::domain::time::Timestamp;

/// Watches that only the process of a hold ends it before it has expired. At the end of a schedule the ledger cannot
/// show that: the credits add up, and the process was only refused.
#[derive(Default)]
pub(super) struct Witness {
    holds: HashMap<String, (ProcessId, u64)>,
    offences: Vec<String>,
}

impl Witness {
    pub(super) fn applied(&mut self, process: ProcessId, operation: &str, body: &Value, reply: &Reply, now: Timestamp) {
        if !reply.is_success() {
            return;
        }
        match operation {
            "UpdateItem" => self.updated(process, body, now),
            "TransactWriteItems" => self.updated(process, &body["TransactItems"][0]["Update"], now),
            _ => {}
        }
    }

    fn updated(&mut self, process: ProcessId, update: &Value, now: Timestamp) {
        let values = &update["ExpressionAttributeValues"];
        let ended = [&values[":id"]["S"], &values[":predecessor"]["S"]].into_iter().find_map(Value::as_str);
        if let Some((owner, expires_at)) = ended.and_then(|id| self.holds.get(id))
            && *owner != process
            && *expires_at > now.seconds()
        {
            let ended = ended.unwrap_or_default();
            self.offences.push(format!("{process} ended the hold {ended} of {owner}, which had not expired"));
        }
        let hold = &values[":hold"]["M"];
        if let (Some(id), Some(expires_at)) = (hold["id"]["S"].as_str(), hold["expires_at"]["N"].as_str()) {
            self.holds.insert(id.to_owned(), (process, expires_at.parse().unwrap()));
        }
    }

    pub(super) fn offences(&self) -> &[String] {
        &self.offences
    }
}
