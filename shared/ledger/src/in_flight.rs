//! The room for messages in flight, as callers are told it.

use crate::account::Account;
use crate::holds::{expired, number_of, number_of_hour};
use crate::ledger::{InFlight, Ledger};

impl Ledger {
    /// The messages that `account` has in flight, and the room beside them. Unpaid work of the hour narrows the limit, and
    /// an expired hold of this hour counts as such, although only its release makes it so.
    pub(crate) fn in_flight(&self, account: &Account) -> InFlight {
        let now = self.clock.now();
        let hourly = account.hourly.at(now);
        let expired = expired(account.holds.clone(), now);
        let unpaid_left = hourly.unpaid_left(self.unpaid_per_hour).saturating_sub(number_of_hour(&expired, hourly));
        let live = number_of(&account.holds) - number_of(&expired);
        let limit = self.max_holds.min(unpaid_left);
        InFlight { limit, remaining: limit.saturating_sub(live) }
    }
}
