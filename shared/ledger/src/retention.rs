//! Retention: the time for which the texts of messages are kept. Entries, which hold money, are kept for good.
//!
//! The age of a text is that of its message's id. Every key that leads to a text ends in that id, so the age is known before
//! anything is read, also of texts that were stored before there was a retention.
//!
//! A text is gone from its time on, whether or not it is still in the table: its readers look. DynamoDB's TTL deletes it some
//! days later, if it was stored under a retention. The [audit](crate::audit) erases what is left, once in an entry's life,
//! and the account says how far it came. A reader believes the entry and the account too: so it does not take a text for
//! lost that was deleted under a retention which has been changed since.

mod erasure;
#[cfg(test)]
mod tests;

use std::time::Duration;

use domain::ids::EntryId;
use domain::time::Timestamp;

use crate::account::Account;
use crate::texts::has_ended;

pub use erasure::{ErasedTexts, TextEraser};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// The time for which texts are kept: for good, by default.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Retention(Option<Duration>);

impl Retention {
    /// The retention of so many days. 0 is for good.
    #[must_use]
    pub fn of_days(days: u32) -> Self {
        Self((days > 0).then_some(DAY * days))
    }

    /// Texts are kept for `duration`.
    #[cfg(any(test, feature = "test-util"))]
    #[must_use]
    pub const fn lasting(duration: Duration) -> Self {
        Self(Some(duration))
    }

    /// The time from which the texts of the message of this id are gone.
    fn end_of(self, id: EntryId) -> Option<Timestamp> {
        self.0.map(|duration| id.made_at().plus(duration))
    }

    /// The same time in seconds since the Unix epoch, rounded up, as items say it.
    pub(crate) fn end_in_seconds(self, id: EntryId) -> Option<u64> {
        self.end_of(id).map(|end| end.plus(Duration::from_millis(999)).seconds())
    }

    /// Whether the texts of the message of this id, and of all before it, are gone by `now`.
    #[must_use]
    pub fn is_over(self, id: EntryId, now: Timestamp) -> bool {
        self.end_of(id).is_some_and(|end| end <= now)
    }

    /// The time before which a message was asked whose texts are gone by `now`.
    pub(crate) fn gone_before(self, now: Timestamp) -> Option<Timestamp> {
        self.0.map(|duration| now.minus(duration).plus(Duration::from_millis(1)))
    }
}

/// The texts of an account that are kept at one moment.
#[derive(Clone, Copy, Debug)]
pub(crate) struct KeptTexts {
    retention: Retention,
    pub(crate) now: Timestamp,
    erased_through: Option<EntryId>,
}

impl KeptTexts {
    pub(crate) fn of(account: &Account, retention: Retention, now: Timestamp) -> Self {
        Self { retention, now, erased_through: account.texts_erased_through }
    }

    /// Whether the texts of this message are kept, of which the item that leads to them says that they are kept `until`
    /// these seconds since the Unix epoch.
    pub(crate) fn has(&self, id: EntryId, until: Option<u64>) -> bool {
        !self.has_none_up_to(id) && !has_ended(until, self.now)
    }

    /// Whether no texts of this message are kept, and none of those before it.
    pub(crate) fn has_none_up_to(&self, id: EntryId) -> bool {
        self.retention.is_over(id, self.now) || self.erased_through.is_some_and(|through| id <= through)
    }
}
