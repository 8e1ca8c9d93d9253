//! A witness of who has seen an account, and who held in it as a function remembers it.

use std::collections::HashSet;

use serde_json::Value;

use crate::engine::ACCOUNT;
use crate::process::ProcessId;

/// The processes that have seen accounts, and their holds.
#[derive(Default)]
pub(super) struct AccountWitness {
    /// The processes that have read an account, or were shown it by a hold that was refused.
    seen: HashSet<ProcessId>,
    /// The holds of processes that had seen no account.
    held: usize,
    /// Those that were refused.
    refused: usize,
}

impl AccountWitness {
    /// Notes a request that the table has answered.
    pub(super) fn answered(&mut self, process: ProcessId, operation: &str, body: &Value, is_success: bool) {
        let is_hold = operation == "UpdateItem" && body["ExpressionAttributeValues"][":hold"].is_object();
        if is_hold && !self.has_seen(process) {
            let count = if is_success { &mut self.held } else { &mut self.refused };
            *count += 1;
        }
        let is_refused_hold = is_hold && !is_success;
        if is_refused_hold || (is_success && reads_account(operation, body)) {
            self.seen.insert(process);
        }
    }

    /// Whether the process has seen an account, so that its next hold is not one in an account as it is remembered.
    pub(super) fn has_seen(&self, process: ProcessId) -> bool {
        self.seen.contains(&process)
    }

    /// How many holds in remembered accounts were written, and how many were refused.
    pub(super) fn held_and_refused(&self) -> (usize, usize) {
        (self.held, self.refused)
    }
}

fn reads_account(operation: &str, body: &Value) -> bool {
    match operation {
        "GetItem" => body["Key"]["sk"]["S"] == ACCOUNT,
        "BatchGetItem" => {
            let tables = body["RequestItems"].as_object().into_iter().flat_map(|tables| tables.values());
            let mut keys = tables.flat_map(|table| table["Keys"].as_array().into_iter().flatten());
            keys.any(|key| key["sk"]["S"] == ACCOUNT)
        }
        _ => false,
    }
}
