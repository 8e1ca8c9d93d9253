//! Accounts, as far as those who add up entries read them.

use std::collections::HashMap;
use std::time::Duration;

use domain::ids::EntryId;
use domain::time::Timestamp;
use serde::Deserialize;

use crate::account::Status;

/// An account's amounts, holds and seal. The amounts are signed and unbounded, unlike those of
/// [`Account`](crate::account::Account), because the audit also reads accounts that are wrong.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct AuditedAccount {
    pub(crate) balance: i64,
    holds: HashMap<String, AuditedHold>,
    pub(crate) version: u64,
    #[serde(default)]
    pub(crate) status: Option<Status>,
    #[serde(default)]
    pub(crate) deletion_began_at: Option<u64>,
    #[serde(default)]
    pub(crate) deleted_conversations: u64,
    #[serde(default)]
    pub(crate) texts_erased_through: Option<EntryId>,
    #[serde(default)]
    pub(crate) sealed_to: Option<EntryId>,
    #[serde(default)]
    pub(crate) sealed_at: Option<u64>,
    #[serde(default)]
    pub(crate) audited_version: Option<u64>,
    /// The time of the oldest chat that was not summed when the account was judged, in milliseconds since the Unix epoch.
    #[serde(default)]
    pub(crate) waiting_since: Option<u64>,
}

#[derive(Clone, Debug, Deserialize)]
struct AuditedHold {
    id: EntryId,
    amount: i64,
    expires_at: u64,
}

impl AuditedAccount {
    pub(crate) fn is_being_deleted(&self) -> bool {
        self.status == Some(Status::Deleting)
    }

    /// The sum of all holds. Expired ones count: their credits are not in the balance before they are released.
    pub(crate) fn held(&self) -> i64 {
        self.holds.values().fold(0, |sum, hold| sum.saturating_add(hold.amount))
    }

    /// The sum that the entries should have. It saturates: no sound account comes near the limit.
    pub(crate) fn total(&self) -> i64 {
        self.balance.saturating_add(self.held())
    }

    /// The hold with the least id, below which nothing is in flight any more.
    pub(crate) fn oldest_hold(&self) -> Option<EntryId> {
        self.holds.values().map(|hold| hold.id).min()
    }

    /// Whether a hold has expired by `now`.
    pub(crate) fn has_expired_holds(&self, now: Timestamp) -> bool {
        self.holds.values().any(|hold| hold.expires_at <= now.seconds())
    }

    /// The seal, if it is at least `age` old at `now`.
    pub(crate) fn seal_of_age(&self, age: Duration, now: Timestamp) -> Option<EntryId> {
        let sealed_at = Timestamp::from_milliseconds(self.sealed_at?);
        self.sealed_to.filter(|_| now.since(sealed_at) >= age)
    }
}
