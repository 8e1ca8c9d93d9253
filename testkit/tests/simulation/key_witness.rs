//! A witness of the API keys that the table has and had.

use std::collections::{HashMap, HashSet};

use serde_json::Value;

use crate::engine::plain;
use crate::process::ProcessId;
use shared::ledger::paying_key::KeyLimits;

/// The beginning of the partitions of API keys.
const PREFIX_OF_KEYS: &str = "APIKEY#";

/// When keys ended, and who read them before.
#[derive(Default)]
pub(super) struct KeyWitness {
    /// The moment at which a key's item was deleted, by its partition.
    ended: HashMap<String, usize>,
    /// The first moment at which a process read a key.
    read: HashMap<(ProcessId, String), usize>,
    /// The limits that a key got, and the moments at which it did, by its partition.
    limits: HashMap<String, Vec<(usize, KeyLimits)>>,
    /// The tokens of the transactions that were accepted. A repetition of one is accepted too, and changes nothing.
    transactions: HashSet<String>,
}

impl KeyWitness {
    /// Notes a request that was accepted.
    pub(super) fn accepted(&mut self, process: ProcessId, operation: &str, body: &Value, moment: usize) {
        match operation {
            "GetItem" => {
                if let Some(partition) = partition_of_key(&body["Key"]) {
                    self.read.entry((process, partition)).or_insert(moment);
                }
            }
            "TransactWriteItems" if self.is_new(body) => {
                let items = body["TransactItems"].as_array().into_iter().flatten();
                for item in items {
                    if let Some(partition) = partition_of_key(&item["Delete"]["Key"]) {
                        self.ended.entry(partition).or_insert(moment);
                    }
                    self.note_limits(&item["Put"]["Item"], &item["Put"]["Item"]["limits"], moment);
                    let update = &item["Update"];
                    self.note_limits(&update["Key"], &update["ExpressionAttributeValues"][":limits"], moment);
                }
            }
            "BatchWriteItem" => {
                let tables = body["RequestItems"].as_object().into_iter().flat_map(|tables| tables.values());
                let requests = tables.flat_map(|requests| requests.as_array().into_iter().flatten());
                for partition in requests.filter_map(|request| partition_of_key(&request["DeleteRequest"]["Key"])) {
                    self.ended.entry(partition).or_insert(moment);
                }
            }
            _ => {}
        }
    }

    fn is_new(&mut self, transaction: &Value) -> bool {
        transaction["ClientRequestToken"].as_str().is_none_or(|token| self.transactions.insert(token.to_owned()))
    }

    fn note_limits(&mut self, key: &Value, limits: &Value, moment: usize) {
        if let Some(partition) = partition_of_key(key).filter(|_| limits.is_object()) {
            let limits = serde_json::from_value(plain(limits)).unwrap();
            self.limits.entry(partition).or_default().push((moment, limits));
        }
    }

    /// The limits that the key of this partition had at some time between these two moments.
    pub(super) fn limits_between(&self, partition: &str, from: usize, to: usize) -> Vec<&KeyLimits> {
        let all = self.limits.get(partition).map_or(&[][..], Vec::as_slice);
        let before = all.iter().rev().find(|(moment, _)| *moment <= from);
        let meanwhile = all.iter().filter(|(moment, _)| *moment > from && *moment <= to);
        before.into_iter().chain(meanwhile).map(|(_, limits)| limits).collect()
    }

    /// All limits that the key of this partition ever had.
    pub(super) fn all_limits(&self, partition: &str) -> impl Iterator<Item = &KeyLimits> {
        self.limits.get(partition).into_iter().flatten().map(|(_, limits)| limits)
    }

    /// The number of requests that the table had accepted when the key of this partition ended, its end included.
    pub(super) fn ended(&self, partition: &str) -> Option<usize> {
        self.ended.get(partition).copied()
    }

    /// Whether the process read the key of this partition before `moment`.
    pub(super) fn has_read_before(&self, process: ProcessId, partition: &str, moment: usize) -> bool {
        self.read.get(&(process, partition.to_owned())).is_some_and(|read| *read < moment)
    }
}

fn partition_of_key(key: &Value) -> Option<String> {
    key["pk"]["S"].as_str().filter(|partition| partition.starts_with(PREFIX_OF_KEYS)).map(str::to_owned)
}
