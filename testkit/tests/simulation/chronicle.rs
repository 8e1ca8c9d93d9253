//! The requests about users that the table has accepted, in their order.
//!
//! They determine the state of every user. Three offences show at once: an item that enters the partition of a user whose
//! deletion has begun, a tombstone beside an account that stays, and an old epoch that begins a session or holds credits.

use std::collections::{HashMap, HashSet};

use serde_json::Value;

use crate::engine::ACCOUNT;
use crate::person::password_of;
use crate::process::ProcessId;
use shared::ledger::audit::Tombstone;

/// The state of every user, by the accepted requests.
#[derive(Default)]
pub(super) struct Chronicle {
    /// By their partitions.
    users: HashMap<String, User>,
    /// The password with which a session was begun, by partition and sort key.
    session_passwords: HashMap<(String, String), String>,
    /// The processes that deleted a session, by partition and sort key.
    enders: HashMap<(String, String), Vec<ProcessId>>,
    deeds: HashMap<ProcessId, Vec<Deed>>,
    /// The tokens of transactions. A second transaction with a token is answered again and changes nothing.
    tokens: HashSet<String>,
    offences: Vec<String>,
}

/// The state that a user has to have in the table.
pub(super) struct User {
    pub(super) session_epoch: u64,
    api_key_epoch: u64,
    pub(super) password: String,
    /// The account is being deleted, or is gone.
    pub(super) is_closed: bool,
}

/// A change by a process to the user of a partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Deed {
    Registered(String),
    /// With the session's sort key.
    SessionBegun(String, String),
    PasswordChanged(String),
    EpochRaised(String),
    Closed(String),
}

impl Chronicle {
    /// The user of a partition, also a deleted one.
    pub(super) fn user(&self, partition: &str) -> Option<&User> {
        self.users.get(partition)
    }

    /// The password that a session was begun with, or changed to.
    pub(super) fn session_password(&self, partition: &str, sort: &str) -> Option<&str> {
        self.session_passwords.get(&(partition.to_owned(), sort.to_owned())).map(String::as_str)
    }

    /// How many sessions a user has begun, ended ones too.
    pub(super) fn sessions_begun(&self, partition: &str) -> usize {
        self.session_passwords.keys().filter(|(of, _)| of == partition).count()
    }

    /// The processes that deleted a session.
    pub(super) fn enders(&self, partition: &str, sort: &str) -> &[ProcessId] {
        self.enders.get(&(partition.to_owned(), sort.to_owned())).map_or(&[], Vec::as_slice)
    }

    pub(super) fn deeds(&self, process: ProcessId) -> &[Deed] {
        self.deeds.get(&process).map_or(&[], Vec::as_slice)
    }

    pub(super) fn offences(&self) -> &[String] {
        &self.offences
    }

    /// Notes a request that was accepted.
    pub(super) fn accepted(&mut self, process: ProcessId, operation: &str, body: &Value) {
        match operation {
            "UpdateItem" => self.held(process, body),
            "DeleteItem" => {
                let key = (text(&body["Key"]["pk"]["S"]), text(&body["Key"]["sk"]["S"]));
                self.enders.entry(key).or_default().push(process);
            }
            "TransactWriteItems" => {
                let token = body["ClientRequestToken"].as_str().unwrap_or_default();
                if self.tokens.insert(token.to_owned()) {
                    self.transacted(process, body["TransactItems"].as_array().unwrap());
                }
            }
            _ => {}
        }
    }

    fn transacted(&mut self, process: ProcessId, items: &[Value]) {
        for item in items {
            self.put(process, &item["Put"]["Item"], items);
            self.held(process, &item["Update"]);
        }
        for item in items {
            self.raised(process, &item["Update"], items);
        }
    }

    fn put(&mut self, process: ProcessId, item: &Value, transaction: &[Value]) {
        let (partition, sort) = (text(&item["pk"]["S"]), text(&item["sk"]["S"]));
        if !partition.starts_with("USER#") {
            return;
        }
        if sort == "ACCOUNT" {
            let password = passwords(transaction).next().unwrap_or_default();
            let (session_epoch, api_key_epoch) = (number(&item["session_epoch"]), number(&item["api_key_epoch"]));
            let user = User { session_epoch, api_key_epoch, password, is_closed: false };
            self.users.insert(partition.clone(), user);
            self.note(process, Deed::Registered(partition));
        } else if sort == Tombstone::SORT_KEY {
            if !deletes_account(transaction, &partition) {
                self.offences.push(format!("{process} put {sort} into {partition}, whose account it did not delete"));
            }
        } else if self.users.get(&partition).is_some_and(|user| user.is_closed) {
            self.offences.push(format!("{process} put {sort} into {partition}, which is being deleted"));
        } else if sort.starts_with("SESSION#") {
            self.begun(process, partition, sort, number(&item["session_epoch"]), transaction);
        }
    }

    fn begun(&mut self, process: ProcessId, partition: String, sort: String, epoch: u64, transaction: &[Value]) {
        let now = self.users.get(&partition).map_or(0, |user| user.session_epoch);
        self.check_epoch(process, &partition, epoch, now, "began a session");
        let password = passwords(transaction).next().unwrap_or_default();
        self.session_passwords.insert((partition.clone(), sort.clone()), password);
        self.note(process, Deed::SessionBegun(partition, sort));
    }

    fn held(&mut self, process: ProcessId, update: &Value) {
        let values = &update["ExpressionAttributeValues"];
        if values[":hold"].is_object() {
            let partition = text(&update["Key"]["pk"]["S"]);
            let is_program = update["ExpressionAttributeNames"]["#epoch"] == "api_key_epoch";
            let epoch = |user: &User| if is_program { user.api_key_epoch } else { user.session_epoch };
            let now = self.users.get(&partition).map_or(0, epoch);
            self.check_epoch(process, &partition, number(&values[":epoch"]), now, "held credits");
        }
    }

    /// An old epoch is an offence.
    fn check_epoch(&mut self, process: ProcessId, partition: &str, epoch: u64, now: u64, what: &str) {
        if epoch < now {
            self.offences.push(format!("{process} {what} of {partition} in the epoch {epoch}, and it was {now}"));
        }
    }

    /// The account's epoch was raised: by a password change, a logout everywhere or a deletion.
    fn raised(&mut self, process: ProcessId, update: &Value, transaction: &[Value]) {
        let (partition, sort) = (text(&update["Key"]["pk"]["S"]), text(&update["Key"]["sk"]["S"]));
        let values = &update["ExpressionAttributeValues"];
        if sort != "ACCOUNT" || !values[":next"].is_object() {
            return;
        }
        let Some(user) = self.users.get_mut(&partition) else { return };
        user.session_epoch = number(&values[":next"]);
        if values[":api_key_epoch"].is_object() {
            user.api_key_epoch = number(&values[":api_key_epoch"]);
        }
        user.is_closed |= values[":deleting"].is_object();
        let deed = if user.is_closed { Deed::Closed } else { Deed::EpochRaised };
        let changed = transaction.iter().find(|item| !item["Update"]["ExpressionAttributeValues"][":new"].is_null());
        if changed.is_some() {
            user.password = passwords(transaction).next().unwrap_or_default();
            let session = transaction.iter().map(|item| text(&item["Update"]["Key"]["sk"]["S"]));
            let session = session.into_iter().find(|sort| sort.starts_with("SESSION#")).unwrap_or_default();
            self.session_passwords.insert((partition.clone(), session), user.password.clone());
            self.note(process, Deed::PasswordChanged(partition.clone()));
        }
        self.note(process, deed(partition));
    }

    fn note(&mut self, process: ProcessId, deed: Deed) {
        self.deeds.entry(process).or_default().push(deed);
    }
}

fn deletes_account(transaction: &[Value], partition: &str) -> bool {
    let mut deleted = transaction.iter().map(|item| &item["Delete"]["Key"]);
    deleted.any(|key| key["sk"]["S"] == ACCOUNT && key["pk"]["S"] == partition)
}

/// The passwords in a transaction with a login: the new one, or else the proved one.
fn passwords(transaction: &[Value]) -> impl Iterator<Item = String> {
    transaction.iter().filter_map(|item| {
        let values = &item["Update"]["ExpressionAttributeValues"];
        let hash = [&item["Put"]["Item"]["password_hash"]["S"], &values[":new"]["S"], &values[":seen"]["S"]];
        hash.into_iter().find_map(Value::as_str).map(|hash| password_of(hash).to_owned())
    })
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn number(value: &Value) -> u64 {
    value["N"].as_str().and_then(|number| number.parse().ok()).unwrap_or_default()
}
