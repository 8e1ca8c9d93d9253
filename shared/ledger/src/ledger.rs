//! The ledger, and the values that its steps pass to each other.

use std::sync::Arc;

use domain::credits::Credits;
use domain::ids::{ApiKeyId, EntryId, UserId};
use domain::requests_per_minute::RequestsPerMinute;
use domain::time::{Clock, Timestamp};
use store::Table;

use crate::account_memory::AccountMemory;
use crate::buckets::MinuteRoom;
use crate::budget_place::BudgetPlace;
use crate::hourly::UNPAID_PER_HOUR;
use crate::idempotency::Remembered;
use crate::retention::Retention;

/// The ledger in the table, for one function. It remembers the accounts in which it held, and so do its clones.
#[derive(Clone, Debug)]
pub struct Ledger {
    pub(crate) table: Table,
    pub(crate) clock: Clock,
    pub(crate) max_holds: u32,
    pub(crate) unpaid_per_hour: u32,
    pub(crate) requests_per_minute: Option<RequestsPerMinute>,
    pub(crate) retention: Retention,
    pub(crate) memory: Arc<AccountMemory>,
}

impl Ledger {
    /// The ledger in `table`. A user may have `max_holds` messages in flight, which bounds the size of the account
    /// item.
    #[must_use]
    pub fn new(table: Table, clock: Clock, max_holds: u32) -> Self {
        let (unpaid_per_hour, retention) = (UNPAID_PER_HOUR, Retention::default());
        Self { table, clock, max_holds, unpaid_per_hour, requests_per_minute: None, retention, memory: Arc::default() }
    }

    /// The same ledger, which keeps texts for as long as `retention` says.
    #[must_use]
    pub fn with_retention(self, retention: Retention) -> Self {
        Self { retention, ..self }
    }

    /// The same ledger, with a limit on the messages for which a user may hold in a minute.
    #[must_use]
    pub fn with_requests_per_minute(self, requests_per_minute: Option<RequestsPerMinute>) -> Self {
        Self { requests_per_minute, ..self }
    }

    /// The same ledger with another limit on unpaid messages than [`UNPAID_PER_HOUR`], so that a simulation meets it.
    #[must_use]
    pub fn with_unpaid_per_hour(self, unpaid_per_hour: u32) -> Self {
        Self { unpaid_per_hour, ..self }
    }
}

/// Credits that were set aside for one message, to be captured or released.
#[derive(Clone, Debug)]
#[must_use = "a hold is captured or released"]
pub struct Held {
    /// The id of the message, of its hold and of its entry.
    pub id: EntryId,
    /// The user who pays.
    pub user_id: UserId,
    /// The user's name as they wrote it.
    pub username: String,
    /// The credits that were set aside.
    pub amount: Credits,
    /// The credits that can still be spent.
    pub balance: Credits,
    /// The messages in flight, this one included.
    pub in_flight: InFlight,
    /// The requests that are left of this minute, if there is a limit on them.
    pub minute: Option<MinuteRoom>,
    /// The API key by which the user pays, if they do not by an access token.
    pub api_key: Option<ApiKeyId>,
    /// The place of the key's budget from which the credits were taken too.
    pub(crate) budget: Option<BudgetPlace>,
    /// The hold's place in the account's map.
    pub(crate) place: String,
    /// The idempotency key and fingerprint, if the message came with a key.
    pub(crate) remembered: Option<Remembered>,
    /// Whether a message of the account was charged in this hour, or in the day before it.
    pub(crate) has_paid: bool,
    /// The time until which capture and release are tried.
    pub(crate) deadline: Timestamp,
}

/// The messages of an account that are being answered, beside the most that may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InFlight {
    /// The most messages in flight at once. Where the hour allows less unpaid work than that, it is so many.
    pub limit: u32,
    /// The messages that may be added to those in flight.
    pub remaining: u32,
}

/// The charge for a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Charge {
    /// The credits charged.
    pub cost: Credits,
    /// The credits that can still be spent.
    pub balance: Credits,
}
