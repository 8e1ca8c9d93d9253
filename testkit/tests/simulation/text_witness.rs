//! A witness of text items: who put them, who ended their holds, and who deleted them.

use std::collections::{HashMap, HashSet};

use serde_json::Value;

use crate::engine::PREFIX_OF_TEXTS;
use crate::process::ProcessId;

/// Watches that whoever ends a hold without a charge also deletes its text. The table alone cannot show that: a text may
/// also be left because it arrived late, or because its deletion was lost.
#[derive(Default)]
pub(super) struct TextWitness {
    /// The number of requests that the table has accepted.
    accepted: usize,
    /// The last put of each text.
    puts: HashMap<String, usize>,
    /// The last deletion of each text.
    deletions: HashMap<String, usize>,
    /// Texts of which the deletion met a fault, or the look at the entry before it, or the end of the hold.
    faults: HashSet<String>,
    /// The process that ended the hold of this id without a charge.
    ended: HashMap<String, ProcessId>,
}

impl TextWitness {
    /// A request that is on its way to the table, and meets a fault.
    pub(super) fn faulted(&mut self, operation: &str, body: &Value) {
        let key = &body["Key"];
        match operation {
            "DeleteItem" => self.faults.extend(text_id(key)),
            "GetItem" => self.faults.extend(id_in(key, "ENTRY#")),
            _ => self.faults.extend(ended_hold(operation, body)),
        }
    }

    /// A request that the table accepted.
    pub(super) fn accepted(&mut self, process: ProcessId, operation: &str, body: &Value) {
        self.accepted += 1;
        match operation {
            "PutItem" => self.puts.extend(text_id(&body["Item"]).map(|id| (id, self.accepted))),
            "DeleteItem" => self.deletions.extend(text_id(&body["Key"]).map(|id| (id, self.accepted))),
            _ => self.ended.extend(ended_hold(operation, body).map(|id| (id, process))),
        }
    }

    /// Why the text of an uncharged message should not be there any more, if it should not.
    pub(super) fn offence(&self, id: &str, has_died: impl Fn(ProcessId) -> bool) -> Option<String> {
        let process = *self.ended.get(id)?;
        if has_died(process) || self.faults.contains(id) {
            return None;
        }
        let deleted = self.deletions.get(id);
        let is_late = deleted.is_some() && self.puts.get(id) > deleted;
        (!is_late).then(|| format!("{process} ended the hold {id}, and its text is left"))
    }
}

/// The hold that a request ends without a charge: it releases the hold, or takes its place.
fn ended_hold(operation: &str, body: &Value) -> Option<String> {
    let is_capture = body["ClientRequestToken"].as_str().is_some_and(|token| token.starts_with("capture-"));
    let update = if operation == "TransactWriteItems" { &body["TransactItems"][0]["Update"] } else { body };
    let values = &update["ExpressionAttributeValues"];
    let ended = [&values[":id"]["S"], &values[":predecessor"]["S"]].into_iter().find_map(Value::as_str);
    ended.filter(|_| !is_capture).map(str::to_owned)
}

fn text_id(key: &Value) -> Option<String> {
    id_in(key, PREFIX_OF_TEXTS)
}

fn id_in(key: &Value, prefix: &str) -> Option<String> {
    key["sk"]["S"].as_str()?.strip_prefix(prefix).map(str::to_owned)
}
