//! Usage as its owner reads it: the days' sums, and on top of them what is not summed yet.
//!
//! A read carries the sums on by a bounded number of entries and keeps them, and adds the rest up for itself. So its cost is
//! bounded, whatever the account's age, and a message counts as soon as it is charged.

mod grouping;

use std::collections::BTreeMap;

use aws_sdk_dynamodb::types::AttributeValue;
use domain::calendar::Day;
use domain::cause::Cause;
use domain::ids::UserId;
use domain::invalid_field::InvalidField;
use domain::time::{Clock, Timestamp};
use store::{Key, StoreError, Table, from_item, item_bytes, partition_of, sort_key_of};

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

/// The most steps that a read takes to carry the sums on.
const MAX_STEPS: u32 = 4;

/// The most pages of entries that a read adds up for itself.
const MAX_TAIL_PAGES: u32 = 2;

/// Attempts at reading sums while others carry them on.
const MAX_ATTEMPTS: u32 = 3;

pub use grouping::{Grouping, UsageGroup};

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
            // Rows that are being thrown away are not read: all entries are in the tail then.
            let (mut rows, next) =
                if checkpoint.is_clearing { (BTreeMap::new(), None) } else { self.rows(user_id, days, limit).await? };
            let now: Option<Checkpoint> = self.table().get(Checkpoint::key(user_id)).await?;
            if now.unwrap_or_default().version != checkpoint.version {
                // What was carried on meanwhile may be in both, or in neither.
                continue;
            }
            let last = next.map_or(days.to, |next| next.minus_days(1));
            for (place, sums) in tail.rows {
                if days.from <= place.day && place.day <= last {
                    rows.entry(place).or_default().add(&sums);
                }
            }
            return Ok(UsageRead { rows, as_of: tail.as_of, next });
        }
        Err(StoreError::Unavailable(Cause::because("the sums are being carried on by others")).into())
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

    /// The sums of the entries behind the checkpoint, up to some hundreds. If they are many, the account is sealed for a later
    /// read.
    async fn tail(&self, user_id: UserId, checkpoint: &Checkpoint) -> Result<Tail, LedgerError> {
        let now = self.ledger.clock.now();
        let mut tail = Tail { rows: BTreeMap::new(), as_of: now };
        let mut range = EntryRange::after(user_id, checkpoint.through);
        let mut entries = 0;
        for page_number in 1..=MAX_TAIL_PAGES {
            let page = range.next_page(self.table(), PAGE_ENTRIES, true).await?;
            entries += page.items.len();
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
        if entries as u64 >= self.summed_from {
            self.seal_if_summed(user_id, checkpoint).await?;
        }
        Ok(tail)
    }

    /// Seals the account, unless it has a seal up to which nothing was summed yet: that one has to grow old.
    async fn seal_if_summed(&self, user_id: UserId, checkpoint: &Checkpoint) -> Result<(), LedgerError> {
        let account: Option<Account> = self.table().get(Account::key(user_id)).await?;
        if account.is_some_and(|account| account.sealed_to <= checkpoint.through) {
            self.ledger.seal(user_id, ExpiredHolds::Keep).await?;
        }
        Ok(())
    }

    /// The rows of whole days, from the first on until the limit.
    async fn rows(
        &self,
        user_id: UserId,
        days: Days,
        limit: RowLimit,
    ) -> Result<(BTreeMap<UsagePlace, UsageSums>, Option<Day>), LedgerError> {
        let (mut rows, mut bytes, mut start): (BTreeMap<UsagePlace, UsageSums>, _, _) = (BTreeMap::new(), 0, None);
        loop {
            let answer = self
                .table()
                .client()
                .query()
                .table_name(self.table().name())
                .key_condition_expression("pk = :user AND sk BETWEEN :from AND :to")
                .expression_attribute_values(":user", AttributeValue::S(partition_of(user_id)))
                .expression_attribute_values(":from", AttributeValue::S(format!("{SORT_KEY_PREFIX}{}", days.from)))
                // No place sorts after this.
                .expression_attribute_values(":to", AttributeValue::S(format!("{SORT_KEY_PREFIX}{}~", days.to)))
                .consistent_read(true)
                .set_exclusive_start_key(start.map(Key::into_item))
                .send()
                .await
                .map_err(StoreError::from)?;
            for item in answer.items.unwrap_or_default() {
                let Some(place) = UsagePlace::of(&item) else { continue };
                let is_a_new_day = rows.last_key_value().is_some_and(|(last, _)| last.day < place.day);
                if is_a_new_day && bytes >= limit.bytes {
                    return Ok((rows, Some(place.day)));
                }
                bytes += item_bytes(&item);
                rows.insert(place, UsageSums::of(&item));
            }
            match answer.last_evaluated_key.as_ref().and_then(sort_key_of) {
                Some(sort_key) => start = Some(Key::of_user(user_id, sort_key)),
                None => return Ok((rows, None)),
            }
        }
    }
}
