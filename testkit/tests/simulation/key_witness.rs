//! A witness of the API keys that the table has and had.

use std::collections::HashMap;

use serde_json::Value;

use crate::process::ProcessId;

/// The beginning of the partitions of API keys.
const PREFIX_OF_KEYS: &str = "APIKEY#";

/// When keys ended, and who read them before.
#[derive(Default)]
pub(super) struct KeyWitness {
    /// The moment at which a key's item was deleted, by its partition.
    ended: HashMap<String, usize>,
    /// The first moment at which a process read a key.
    read: HashMap<(ProcessId, String), usize>,
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
            "TransactWriteItems" => {
                let items = body["TransactItems"].as_array().into_iter().flatten();
                for partition in items.filter_map(|item| partition_of_key(&item["Delete"]["Key"])) {
                    self.ended.entry(partition).or_insert(moment);
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
