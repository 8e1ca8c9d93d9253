//! Holds: credits that an account has set aside.

use std::collections::BTreeMap;

use domain::credits::Credits;
use domain::ids::EntryId;
use domain::time::Timestamp;
use serde::{Deserialize, Serialize};

use crate::budget_place::BudgetPlace;
use crate::hourly::HourlyWork;
use crate::idempotency::Fingerprint;

/// Credits set aside: a value in the account's map of holds. Its place in the map is the digest of the idempotency key,
/// so that a key has one hold. Without a key it is the message's id.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hold {
    /// The message's id. Capture and release require it, not only its place.
    pub id: EntryId,
    /// The credits set aside.
    pub amount: Credits,
    /// The time from which its credits can be spent again, in seconds since the Unix epoch.
    pub expires_at: u64,
    /// With an idempotency key: the fingerprint of the request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fingerprint: Option<Fingerprint>,
    /// With an API key that has a budget: the place of the budget from which its credits were taken too.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub budget: Option<BudgetPlace>,
}

impl Hold {
    /// The time from which its credits can be spent again.
    pub(crate) fn expiry(&self) -> Timestamp {
        Timestamp::from_seconds(self.expires_at)
    }

    /// Whether its credits can be spent again at `now`.
    #[must_use]
    pub fn is_expired(&self, now: Timestamp) -> bool {
        self.expires_at <= now.seconds()
    }
}

/// An account's holds, by their places. They are sorted, so that a simulation can be repeated.
pub type Holds = BTreeMap<String, Hold>;

/// The sum of the holds that have expired by `now`, and of those that have not.
pub(crate) fn sums(holds: &Holds, now: Timestamp) -> (Credits, Credits) {
    let sum = |expired: bool| {
        let holds = holds.values().filter(|hold| hold.is_expired(now) == expired);
        holds.fold(Credits::ZERO, |sum, hold| sum.saturating_plus(hold.amount))
    };
    (sum(true), sum(false))
}

/// The holds that have expired by `now`.
pub(crate) fn expired(mut holds: Holds, now: Timestamp) -> Holds {
    holds.retain(|_, hold| hold.is_expired(now));
    holds
}

/// The number of `holds`.
pub(crate) fn number_of(holds: &Holds) -> u32 {
    u32::try_from(holds.len()).unwrap_or(u32::MAX)
}

/// The number of expired `holds` that expired in the hour of `hourly`. Only these count as its unpaid work.
pub(crate) fn number_of_hour(holds: &Holds, hourly: HourlyWork) -> u32 {
    let of_hour = holds.values().filter(|hold| hourly.includes(hold.expiry())).count();
    u32::try_from(of_hour).unwrap_or(u32::MAX)
}
