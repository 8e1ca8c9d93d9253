//! A witness of every request that the table accepts.

use std::collections::HashMap;

use serde_json::Value;

use crate::process::ProcessId;
use shared::domain::credits::Credits;
use shared::domain::time::Timestamp;

/// Watches that only the process of a hold ends it before it has expired. At the end of a schedule the ledger cannot
/// show that: the credits add up, and the process was only refused.
#[derive(Default)]
pub(super) struct Witness {
    holds: HashMap<String, WitnessedHold>,
    offences: Vec<String>,
}

/// A hold, as it was written first.
pub(super) struct WitnessedHold {
    pub(super) process: ProcessId,
    pub(super) amount: Credits,
    /// The number of requests that the table had accepted by then.
    pub(super) moment: usize,
    /// In seconds since the Unix epoch.
    expires_at: u64,
}

impl Witness {
    /// Notes a request that was accepted.
    pub(super) fn accepted(
        &mut self,
        process: ProcessId,
        operation: &str,
        body: &Value,
        now: Timestamp,
        moment: usize,
    ) {
        match operation {
            "UpdateItem" => self.updated(process, body, now, moment),
            "TransactWriteItems" => self.updated(process, &body["TransactItems"][0]["Update"], now, moment),
            _ => {}
        }
    }

    fn updated(&mut self, process: ProcessId, update: &Value, now: Timestamp, moment: usize) {
        let values = &update["ExpressionAttributeValues"];
        let ended = [&values[":id"]["S"], &values[":predecessor"]["S"]].into_iter().find_map(Value::as_str);
        if let Some(hold) = ended.and_then(|id| self.holds.get(id))
            && hold.process != process
            && hold.expires_at > now.seconds()
        {
            let (ended, owner) = (ended.unwrap_or_default(), hold.process);
            self.offences.push(format!("{process} ended the hold {ended} of {owner}, which had not expired"));
        }
        let hold = &values[":hold"]["M"];
        let number = |name: &str| hold[name]["N"].as_str()?.parse::<u64>().ok();
        if let (Some(id), Some(expires_at), Some(amount)) =
            (hold["id"]["S"].as_str(), number("expires_at"), number("amount"))
        {
            let amount = Credits::new(amount).unwrap();
            let hold = WitnessedHold { process, amount, moment, expires_at };
            self.holds.entry(id.to_owned()).or_insert(hold);
        }
    }

    /// The hold of this id, which is also its charge's.
    pub(super) fn hold(&self, id: &str) -> Option<&WitnessedHold> {
        self.holds.get(id)
    }

    /// The numbers of the processes that held, by the ids of their holds.
    pub(super) fn processes(&self) -> HashMap<String, usize> {
        self.holds.iter().map(|(id, hold)| (id.clone(), hold.process.0)).collect()
    }

    /// The number of the process that held and charged under this id.
    pub(super) fn process_of(&self, id: &str) -> Option<usize> {
        self.hold(id).map(|hold| hold.process.0)
    }

    pub(super) fn offences(&self) -> &[String] {
        &self.offences
    }
}
