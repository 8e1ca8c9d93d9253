//! Usage as its owner reads it: the days' sums, and on top of them what is not summed yet.
//!
//! A read carries the sums on by a bounded number of entries and keeps them, and adds the rest up for itself. So its cost is
//! bounded, whatever the account's age, and a message counts as soon as it is charged.

mod grouping;
mod of_all;
mod rows;

use std::collections::BTreeMap;

use domain::calendar::Day;
use domain::cause::Cause;
use domain::ids::UserId;
use domain::invalid_field::InvalidField;
use domain::time::{Clock, Timestamp};
use store::{StoreError, Table, from_item, partition_of};

use crate::account::{Account, Payer};
use crate::audited_account::AuditedAccount;
use crate::audited_entry::AuditedEntry;
use crate::checkpoint::Checkpoint;
use crate::entry_pages::{EntryRange, PAGE_ENTRIES};
use crate::error::LedgerError;
use crate::ledger::Ledger;
use crate::sealing::{ExpiredHolds, SEAL_AGE};
use crate::summing::{MANY_WAIT, Step};
use crate::usage_sums::{SORT_KEY_PREFIX, UsagePlace, UsageSums};

use rows::{Freshness, RowsOf};

/// The most steps that a read takes to carry the sums on.
const MAX_STEPS: u32 = 4;

/// The most pages of entries that a read adds up for itself.
const MAX_TAIL_PAGES: u32 = 2;

/// Attempts at reading sums while others carry them on.
const MAX_ATTEMPTS: u32 = 3;

pub use grouping::{Grouping, UsageGroup};
pub use of_all::{UsageOfAll, UsageOfAllReader};

/// The days of a read: at most a leap year.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Days {
    from: Day,
    to: Day,
}

impl Days {
    /// Most days of a read.
    pub const MAX: u32 = 366;

    /// The days of a read whose query names none.
    const USUAL: u32 = 30;

    /// The days from the first to the last, both included. Without a last day they end today, and without a first one they
    /// are thirty.
    ///
    /// # Errors
    /// [`InvalidField`] if they are none, or too many.
    pub fn new(from: Option<Day>, to: Option<Day>, today: Day) -> Result<Self, InvalidField> {
        let to = to.unwrap_or(today);
        let from = from.unwrap_or(to.minus_days(Self::USUAL - 1));
        if from > to {
            return Err(InvalidField::new(
                "Send a first day that is not after the last, which is today unless you send it.",
            ));
        }
        if to.number() - from.number() >= Self::MAX {
            return Err(InvalidField::new(format!("Send at most {} days.", Self::MAX)));
        }
        Ok(Self { from, to })
    }

    /// The first day.
    #[must_use]
    pub fn from(self) -> Day {
        self.from
    }

    /// The last day.
    #[must_use]
    pub fn to(self) -> Day {
        self.to
    }
}

/// How many rows a read wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RowLimit {
    /// The bytes of rows after which it ends, at the end of a day.
    pub bytes: usize,
}

/// The sums of some days.
#[derive(Debug)]
pub struct UsageRead {
    /// The sums, by day, API key and model.
    pub rows: BTreeMap<UsagePlace, UsageSums>,
    /// The time up to which messages that were charged are counted. Some of the time after it may be, too.
    pub as_of: Timestamp,
    /// The first day that was not read, if there was no room for all.
    pub next: Option<Day>,
}

/// The reader of users' usage.
#[derive(Clone, Debug)]
pub struct UsageReader {
    ledger: Ledger,
    summed_from: u64,
}

/// What is not summed yet.
struct Tail {
    rows: BTreeMap<UsagePlace, UsageSums>,
    entries: u64,
    as_of: Timestamp,
}

impl UsageReader {
    /// The reader of usage in `table`.
    #[must_use]
    pub fn new(table: Table, clock: Clock) -> Self {
        // It holds for nobody.
        Self { ledger: Ledger::new(table, clock, 0), summed_from: MANY_WAIT }
    }

    /// The same reader, which lets `entries` be summed when they wait, so that a simulation meets it.
    #[must_use]
    pub fn summing_from(self, entries: u64) -> Self {
        Self { summed_from: entries, ..self }
    }

    /// The usage of `payer` in `days`, from the first on until `limit`.
    ///
    /// # Errors
    /// [`LedgerError::Closed`] if the account is not open to the payer; [`LedgerError::Unavailable`] if the table cannot be
    /// reached, or others carry the sums on all the while.
    pub async fn read(&self, payer: Payer, days: Days, limit: RowLimit) -> Result<UsageRead, LedgerError> {
        let user_id = payer.user_id();
        for _ in 0..MAX_ATTEMPTS {
            let checkpoint = self.carry_on(payer).await?;
            let tail = self.tail(user_id, &checkpoint).await?;
            if tail.entries >= self.summed_from {
                self.seal_if_summed(user_id, &checkpoint).await?;
            }
            if let Some(read) = self.rows_and_tail(user_id, &checkpoint, tail, days, limit).await? {
                return Ok(read);
            }
        }
        Err(carried_on_by_others().into())
    }

    /// The usage of a user in `days`, as staff see it: whatever the status of the account is, and without a write. So where
    /// hundreds of messages are not summed yet, it is told up to an earlier time.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] if the table cannot be reached, or others carry the sums on all the while.
    pub async fn look(&self, user_id: UserId, days: Days, limit: RowLimit) -> Result<UsageRead, StoreError> {
        for _ in 0..MAX_ATTEMPTS {
            let checkpoint: Option<Checkpoint> = self.table().get(Checkpoint::key(user_id)).await?;
            let checkpoint = checkpoint.unwrap_or_default();
            let tail = self.tail(user_id, &checkpoint).await?;
            if let Some(read) = self.rows_and_tail(user_id, &checkpoint, tail, days, limit).await? {
                return Ok(read);
            }
        }
        Err(carried_on_by_others())
    }

    /// The rows of `days` and on top of them the `tail` behind `checkpoint`; `None` if the checkpoint was moved meanwhile. What
    /// was carried on may be in both then, or in neither.
    async fn rows_and_tail(
        &self,
        user_id: UserId,
        checkpoint: &Checkpoint,
        tail: Tail,
        days: Days,
        limit: RowLimit,
    ) -> Result<Option<UsageRead>, StoreError> {
        // Rows that are being thrown away are not read: all entries are in the tail then.
        let (mut rows, next) = if checkpoint.is_clearing {
            (BTreeMap::new(), None)
        } else {
            let of_user = RowsOf { partition: partition_of(user_id), prefix: SORT_KEY_PREFIX, place: UsagePlace::of };
            rows::read(self.table(), of_user, days, limit, Freshness::Consistent).await?
        };
        let now: Option<Checkpoint> = self.table().get(Checkpoint::key(user_id)).await?;
        if now.unwrap_or_default().version != checkpoint.version {
            return Ok(None);
        }
        let last = next.map_or(days.to, |next| next.minus_days(1));
        for (place, sums) in tail.rows {
            if days.from <= place.day && place.day <= last {
                rows.entry(place).or_default().add(&sums);
            }
        }
        Ok(Some(UsageRead { rows, as_of: tail.as_of, next }))
    }

    fn table(&self) -> &Table {
        &self.ledger.table
    }

    /// The account's checkpoint, after the steps that its seal allows.
    async fn carry_on(&self, payer: Payer) -> Result<Checkpoint, LedgerError> {
        let user_id = payer.user_id();
        let [account, checkpoint] = self.table().get_each([Account::key(user_id), Checkpoint::key(user_id)]).await?;
        let audited: Option<AuditedAccount> = account.clone().map(from_item).transpose()?;
        Account::admitted(account.map(from_item).transpose()?, payer)?;
        let mut checkpoint: Checkpoint = checkpoint.map(from_item).transpose()?.unwrap_or_default();
        let seal = audited.and_then(|account| account.seal_of_age(SEAL_AGE, self.ledger.clock.now()));
        if seal > checkpoint.through {
            for _ in 0..MAX_STEPS {
                match self.ledger.sum_step(user_id).await? {
                    Step::Moved(moved) => checkpoint = moved,
                    Step::Done(done) => {
                        checkpoint = done;
                        break;
                    }
                    Step::Overtaken | Step::Blocked | Step::Closed => break,
                }
            }
        }
        Ok(checkpoint)
    }

    /// The sums of the entries behind the checkpoint, up to some hundreds.
    async fn tail(&self, user_id: UserId, checkpoint: &Checkpoint) -> Result<Tail, StoreError> {
        let now = self.ledger.clock.now();
        let mut tail = Tail { rows: BTreeMap::new(), entries: 0, as_of: now };
        let mut range = EntryRange::after(user_id, checkpoint.through);
        for page_number in 1..=MAX_TAIL_PAGES {
            let page = range.next_page(self.table(), PAGE_ENTRIES, true).await?;
            tail.entries += page.items.len() as u64;
            for entry in page.items.iter().filter_map(|item| AuditedEntry::of(item).ok()) {
                if let Some((place, sums)) = entry.usage() {
                    tail.rows.entry(place).or_default().add(&sums);
                }
                if page.has_more && page_number == MAX_TAIL_PAGES {
                    tail.as_of = entry.id.map_or(tail.as_of, |id| id.made_at()).min(now);
                }
            }
            if !page.has_more {
                break;
            }
        }
        Ok(tail)
    }

    /// Seals the account for a later read, unless it has a seal up to which nothing was summed yet: that one has to grow old.
    async fn seal_if_summed(&self, user_id: UserId, checkpoint: &Checkpoint) -> Result<(), LedgerError> {
        let account: Option<Account> = self.table().get(Account::key(user_id)).await?;
        if account.is_some_and(|account| account.sealed_to <= checkpoint.through) {
            self.ledger.seal(user_id, ExpiredHolds::Keep).await?;
        }
        Ok(())
    }
}

fn carried_on_by_others() -> StoreError {
    StoreError::Unavailable(Cause::because("the sums are being carried on by others"))
}
