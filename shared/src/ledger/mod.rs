//! The ledger: every change in credits, exactly once.
//!
//! A message is paid for in two steps, as card payments are: a **hold** sets its price aside, and
//! when the reply is there, a **capture** turns the hold into a charge and stores the reply, in one
//! transaction; or else a **release** gives the credits back.
//! Hold, entry and message have one id, which each step writes into its condition: the SDK repeats
//! a request whose answer was lost, and a step that is repeated must see that it was taken.
//!
//! A hold whose request died expires, and the next hold on the account gives it back.
//!
//! After every step, whatever crashed: `balance + holds = sum of the entries`, and `balance >= 0`.

mod capture;
mod entry;
mod grant;
mod hold;
mod idempotency;
mod list;
mod release;
#[cfg(test)]
mod tests;

use crate::chat::Message;
use crate::credits::Credits;
use crate::ids::{EntryId, UserId};
use crate::table::Table;
use crate::time::{Clock, Timestamp};

pub use entry::{Entry, EntryKind, StoredReply};
pub use grant::{Grant, GrantAmount, GrantId, Granted, Reason};
pub(crate) use hold::sums;
pub use hold::{Hold, Holds, Order, Replay, Started};
pub use idempotency::{Fingerprint, IdempotencyKey, Remembered};
pub use list::{AnsweredMessage, Cursor, History, Limit, Listed, Page, PageRequest, Transaction};

/// The ledger in the table.
#[derive(Clone, Debug)]
pub struct Ledger {
    table: Table,
    clock: Clock,
    max_holds: u32,
}

impl Ledger {
    /// The ledger in `table`, where a user may have `max_holds` messages in flight: that bounds
    /// the size of the account item.
    #[must_use]
    pub fn new(table: Table, clock: Clock, max_holds: u32) -> Self {
        Self { table, clock, max_holds }
    }
}

/// Credits that were set aside for one message, to be captured or released.
#[derive(Clone, Debug)]
#[must_use = "a hold is captured or released"]
pub struct Held {
    /// The id of hold, entry and message.
    pub id: EntryId,
    /// Whose credits.
    pub user_id: UserId,
    /// The user's name as they wrote it.
    pub username: String,
    /// How much was set aside.
    pub amount: Credits,
    /// What can still be spent.
    pub balance: Credits,
    /// Where the hold is in the account's map.
    place: String,
    /// What the message is remembered by, if it came with an idempotency key.
    remembered: Option<Remembered>,
    /// Until when it is worth trying.
    deadline: Timestamp,
}

/// What was asked and answered.
#[derive(Clone, Copy, Debug)]
pub struct Exchange<'a> {
    /// What the user asked.
    pub message: &'a Message,
    /// What the model replied.
    pub reply: &'a StoredReply,
    /// The caller sent a conversation of its own, which is not the one that goes on at `/chatView/`.
    pub standalone: bool,
}

/// What a message was paid with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Charge {
    /// The credits charged.
    pub cost: Credits,
    /// What can still be spent.
    pub balance: Credits,
}
