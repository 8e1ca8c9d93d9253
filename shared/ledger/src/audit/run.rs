//! One run of the audit.

use std::collections::HashSet;
use std::time::Duration;

use domain::ids::{EntryId, UserId};
use domain::time::{Clock, Timestamp};
use store::directory::DirectoryKey;
use store::{StoreError, Table};
use telemetry::metrics::{self, Metric};

use crate::account::{Account, Status};
use crate::audit::audited_entry::{AuditedEntry, Recomputed};
use crate::audit::deletions::{DeletionProgress, Deletions, is_abandoned};
use crate::audit::examination::Examination;
use crate::audit::listing::{ListedItem, ListedKind};
use crate::audit::progress::AuditProgress;
use crate::audit::reading::{AuditReader, Sums};
use crate::audit::report::{Mismatch, MispricedEntry, Report};
use crate::conversations::ConversationKeeper;
use crate::retention::{Retention, TextEraser};

/// Most items of a page: few enough that the deadline is checked every few dozen milliseconds.
const PAGE_ITEMS: i32 = 500;

/// Time reserved for the request that is under way and for storing the progress. Each may take up to the table's own
/// limit of 3.5 s.
pub(super) const MARGIN: Duration = Duration::from_secs(10);

/// Sums after the first, for an account that does not add up or changes meanwhile.
const MAX_ATTEMPTS: u32 = 5;

/// The audit of a table.
#[derive(Clone, Debug)]
pub struct Audit {
    pub(super) reader: AuditReader,
    clock: Clock,
    retention: Retention,
}

/// Whether there was time for a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    Done,
    OutOfTime,
}

/// One run of the audit.
pub(super) struct Run<'a, D> {
    audit: &'a Audit,
    deletions: &'a D,
    deadline: Timestamp,
    /// Pages read so far. Every run reads at least one, so that the audit advances even if its runs have no time.
    pages: u64,
    progress: AuditProgress,
    pub(super) report: Report,
    /// The sort keys of the entries of the account under examination that were logged and counted. An account is added up
    /// several times.
    told: HashSet<String>,
}

/// The outcome of adding up an account's entries.
enum Added {
    Sum(i64),
    OutOfTime,
    /// The amount of an entry cannot be read.
    Unreadable,
}

/// The account of a user, as the table has it.
enum Found {
    Open(Sums),
    /// It is being deleted.
    Closing(Sums),
    Gone,
    Unreadable,
}

impl Audit {
    /// The audit of `table`.
    #[must_use]
    pub fn new(table: Table, clock: Clock) -> Self {
        Self { reader: AuditReader { table, page_items: PAGE_ITEMS }, clock, retention: Retention::default() }
    }

    /// The same audit, which erases texts whose `retention` is over.
    #[must_use]
    pub fn with_retention(self, retention: Retention) -> Self {
        Self { retention, ..self }
    }

    /// Examines accounts from where the last run stopped, until all are done or `deadline` is near.
    ///
    /// # Errors
    /// [`StoreError`] if the table cannot be read. The mismatches found so far are in the log.
    pub async fn run(&self, deletions: &impl Deletions, deadline: Timestamp) -> Result<Report, StoreError> {
        let table = &self.reader.table;
        let progress = table.get(AuditProgress::key()).await?.unwrap_or_default();
        let mut run = Run::new(self, deletions, deadline, progress);
        match run.go_on().await {
            Ok(Step::Done) => AuditProgress::forget(table).await?,
            Ok(Step::OutOfTime) => run.progress.keep(table).await?,
            Err(error) => {
                // If this fails too, the next run starts where this one did.
                if let Err(error) = run.progress.keep(table).await {
                    tracing::warn!(cause = error.cause(), "the audit's progress could not be kept");
                }
                return Err(error);
            }
        }
        // Every mismatch was counted when it was found. The zero tells the alarm that the audit ran.
        metrics::emit(&[Metric::AuditMismatches(0)]);
        Ok(run.report)
    }
}

impl<'a, D: Deletions> Run<'a, D> {
    pub(super) fn new(audit: &'a Audit, deletions: &'a D, deadline: Timestamp, progress: AuditProgress) -> Self {
        Self { audit, deletions, deadline, pages: 0, progress, report: Report::default(), told: HashSet::new() }
    }

    async fn go_on(&mut self) -> Result<Step, StoreError> {
        if let Some(examination) = self.progress.examination.take()
            && self.resume(examination).await? == Step::OutOfTime
        {
            return Ok(Step::OutOfTime);
        }
        while !self.is_out_of_time() {
            let page = self.audit.reader.list(self.progress.listed.clone()).await?;
            self.pages += 1;
            for (number, ListedItem { key, kind }) in page.items.into_iter().enumerate() {
                // A run without time gets past one item.
                let ends_here = number > 0 && self.is_out_of_time();
                if ends_here || self.attend_to(kind).await? == Step::OutOfTime {
                    return Ok(Step::OutOfTime);
                }
                self.progress.listed = Some(key);
            }
            self.progress.listed = page.next;
            if self.progress.listed.is_none() {
                self.report.finished = true;
                return Ok(Step::Done);
            }
        }
        Ok(Step::OutOfTime)
    }

    pub(super) async fn attend_to(&mut self, kind: ListedKind) -> Result<Step, StoreError> {
        match kind {
            ListedKind::Account(user_id) => self.examine(user_id).await,
            ListedKind::Tombstone(user_id) => self.sweep_if_due(user_id).await,
            ListedKind::Unreadable => {
                self.unsettled(None, "the directory lists an item that is neither account nor tombstone");
                Ok(Step::Done)
            }
        }
    }

    fn is_out_of_time(&self) -> bool {
        self.pages > 0 && self.audit.clock.now().plus(MARGIN) >= self.deadline
    }

    /// Examines an account that the directory lists.
    async fn examine(&mut self, user_id: UserId) -> Result<Step, StoreError> {
        let step = match self.read(user_id).await? {
            Found::Open(sums) => {
                if sums.deleted_conversations > 0 && self.sweep_conversations(user_id).await == Step::OutOfTime {
                    return Ok(Step::OutOfTime);
                }
                if self.erase_texts(user_id, sums.texts_erased_through).await == Step::OutOfTime {
                    return Ok(Step::OutOfTime);
                }
                self.decide(Examination::begin(user_id, &sums, 0), sums).await?
            }
            Found::Closing(sums) => self.finish_if_abandoned(user_id, &sums).await,
            Found::Unreadable => Step::Done,
            // The directory is late: the account was deleted a moment ago.
            Found::Gone => return Ok(Step::Done),
        };
        if step == Step::Done {
            self.report.accounts += 1;
        }
        Ok(step)
    }

    /// Continues with the account at which the last run stopped. If the account has changed, its sum begins again: a
    /// new entry has the id of its hold, and may sort before the entries that were read.
    async fn resume(&mut self, examination: Examination) -> Result<Step, StoreError> {
        let user_id = examination.user_id;
        if let Found::Open(sums) = self.read(user_id).await? {
            let examination = if sums.version == examination.version {
                examination
            } else {
                Examination::begin(user_id, &sums, examination.attempt + 1)
            };
            if self.decide(examination, sums).await? == Step::OutOfTime {
                return Ok(Step::OutOfTime);
            }
        }
        self.report.accounts += 1;
        self.progress.listed = Some(DirectoryKey::by_age(user_id, Account::SORT_KEY));
        Ok(Step::Done)
    }

    /// Adds the entries up until the account can be judged, or keeps the examination for the next run.
    async fn decide(&mut self, mut examination: Examination, sums: Sums) -> Result<Step, StoreError> {
        self.told.clear();
        let step = self.compare(&mut examination, sums).await?;
        match step {
            Step::Done => {
                self.report.unpriced += examination.unpriced;
                self.report.unreadable += examination.unreadable;
            }
            Step::OutOfTime => self.progress.examination = Some(examination),
        }
        Ok(step)
    }

    async fn compare(&mut self, examination: &mut Examination, mut sums: Sums) -> Result<Step, StoreError> {
        let user_id = examination.user_id;
        while examination.attempt <= MAX_ATTEMPTS {
            let entries = match self.add_up(examination).await? {
                Added::Sum(entries) => entries,
                Added::OutOfTime => return Ok(Step::OutOfTime),
                Added::Unreadable => {
                    self.unsettled(Some(user_id), "the amount of an entry cannot be read");
                    return Ok(Step::Done);
                }
            };
            if entries == sums.total() {
                return Ok(Step::Done);
            }
            let Found::Open(now) = self.read(user_id).await? else { return Ok(Step::Done) };
            if examination.is_decisive() && now.version == examination.version {
                self.mismatch(user_id, &now, entries);
                return Ok(Step::Done);
            }
            *examination = Examination::begin(user_id, &now, examination.attempt + 1);
            sums = now;
        }
        self.unsettled(Some(user_id), "the account keeps changing");
        Ok(Step::Done)
    }

    async fn add_up(&mut self, examination: &mut Examination) -> Result<Added, StoreError> {
        let consistent = examination.is_decisive();
        while !self.is_out_of_time() {
            let page = self.audit.reader.entries(examination.user_id, examination.entry.clone(), consistent).await?;
            self.pages += 1;
            let mispriced = self.recompute(examination, &page.entries);
            if mispriced > 0 {
                metrics::emit(&[Metric::AuditMismatches(mispriced)]);
            }
            if page.has_unreadable {
                return Ok(Added::Unreadable);
            }
            let amounts = page.entries.iter().map(|entry| entry.amount);
            examination.sum = amounts.fold(examination.sum, i64::saturating_add);
            examination.entry = page.next;
            if examination.entry.is_none() {
                return Ok(Added::Sum(examination.sum));
            }
        }
        Ok(Added::OutOfTime)
    }

    /// Computes the cost of each of these entries again. Returns how many are mispriced and were not known to be. An entry
    /// that an earlier sum found is not told again, whether or not the report had room for it.
    pub(super) fn recompute(&mut self, examination: &mut Examination, entries: &[AuditedEntry]) -> u64 {
        let (user_id, mut mispriced) = (examination.user_id, 0);
        for entry in entries {
            let amount = entry.amount;
            match entry.recomputed() {
                Recomputed::Right => {}
                Recomputed::Unpriced => examination.unpriced += 1,
                Recomputed::Unreadable => {
                    examination.unreadable += 1;
                    if self.told.insert(entry.sort_key.clone()) {
                        let entry = &entry.sort_key;
                        tracing::warn!(%user_id, entry, amount, "the cost of an entry cannot be computed again");
                    }
                }
                Recomputed::Mispriced { entry: id, cost } => {
                    if self.told.insert(entry.sort_key.clone()) {
                        mispriced += 1;
                        self.mispriced(MispricedEntry { user_id, entry: id, amount, cost });
                    }
                }
            }
        }
        mispriced
    }

    /// The account as it is now.
    async fn read(&mut self, user_id: UserId) -> Result<Found, StoreError> {
        match self.audit.reader.account(user_id).await {
            Ok(Some(sums)) if sums.is_being_deleted() => Ok(Found::Closing(sums)),
            Ok(Some(sums)) => Ok(Found::Open(sums)),
            Ok(None) => Ok(Found::Gone),
            Err(StoreError::Internal(_)) => {
                self.unsettled(Some(user_id), "an amount of the account is not a number");
                Ok(Found::Unreadable)
            }
            Err(error) => Err(error),
        }
    }

    fn mispriced(&mut self, found: MispricedEntry) {
        let MispricedEntry { user_id, entry, amount, cost } = &found;
        tracing::error!(%user_id, %entry, amount, %cost, "an entry is not what its usage costs at its prices");
        if self.report.mispriced.len() < Report::MAX_MISPRICED {
            self.report.mispriced.push(found);
        }
    }

    fn mismatch(&mut self, user_id: UserId, sums: &Sums, entries: i64) {
        let (balance, held) = (sums.balance, sums.held());
        let difference = sums.total().saturating_sub(entries);
        tracing::error!(%user_id, balance, held, entries_sum = entries, difference, "the ledger does not add up");
        metrics::emit(&[Metric::AuditMismatches(1)]);
        self.report.mismatches.push(Mismatch { user_id, balance, held, entries });
    }

    fn unsettled(&mut self, user_id: Option<UserId>, why: &str) {
        tracing::warn!(user_id = user_id.map(tracing::field::display), why, "an account could not be judged");
        self.report.unsettled += 1;
    }

    /// Finishes the deletion of an account, if it is abandoned. A failure does not keep the audit from the next accounts.
    async fn finish_if_abandoned(&mut self, user_id: UserId, sums: &Sums) -> Step {
        if !is_abandoned(sums.deletion_began_at, self.audit.clock.now()) {
            return Step::Done;
        }
        match self.finish_deletion(user_id).await {
            Ok(DeletionProgress::OutOfTime) => return Step::OutOfTime,
            Ok(DeletionProgress::Finished) => {
                tracing::info!(%user_id, "finished an abandoned deletion");
                self.report.deletions += 1;
            }
            Err(error) => {
                tracing::error!(%user_id, cause = error.cause(), "an abandoned deletion could not be finished");
                self.report.unsettled += 1;
            }
        }
        Step::Done
    }

    /// Sweeps the partition of a deleted user, if the tombstone is old enough. A failed sweep does not keep the audit from
    /// the next items.
    async fn sweep_if_due(&mut self, user_id: UserId) -> Result<Step, StoreError> {
        match self.audit.reader.tombstone(user_id).await {
            Ok(Some(tombstone)) if tombstone.is_due(self.audit.clock.now()) => Ok(self.sweep(user_id).await),
            Ok(_) => Ok(Step::Done),
            Err(StoreError::Internal(_)) => {
                self.unsettled(Some(user_id), "a tombstone cannot be read");
                Ok(Step::Done)
            }
            Err(error) => Err(error),
        }
    }

    async fn sweep(&mut self, user_id: UserId) -> Step {
        match self.deletions.sweep(user_id, self.deadline).await {
            Ok(DeletionProgress::OutOfTime) => return Step::OutOfTime,
            Ok(DeletionProgress::Finished) => self.report.tombstones += 1,
            Err(error) => {
                tracing::error!(%user_id, cause = error.cause(), "a deleted user could not be swept");
                self.report.unsettled += 1;
            }
        }
        Step::Done
    }

    /// Deletes what is left of conversations that the user deleted an hour ago. A failure does not keep the audit from
    /// adding the account up.
    async fn sweep_conversations(&mut self, user_id: UserId) -> Step {
        let keeper = ConversationKeeper::new(self.audit.reader.table.clone(), self.audit.clock.clone());
        match keeper.sweep(user_id, self.deadline).await {
            Ok(sweep) => {
                self.report.conversations += sweep.swept;
                if sweep.is_out_of_time { Step::OutOfTime } else { Step::Done }
            }
            Err(error) => {
                tracing::error!(%user_id, cause = error.cause(), "deleted conversations could not be swept");
                self.report.unsettled += 1;
                Step::Done
            }
        }
    }

    /// Erases the texts of the user whose retention is over, as far as TTL does not delete them. A failure does not keep the
    /// audit from adding the account up.
    async fn erase_texts(&mut self, user_id: UserId, erased_through: Option<EntryId>) -> Step {
        let eraser = TextEraser::new(self.audit.reader.table.clone(), self.audit.clock.clone(), self.audit.retention);
        match eraser.erase(user_id, erased_through, self.deadline).await {
            Ok(erased) => {
                self.report.erased += erased.exchanges;
                if erased.is_out_of_time { Step::OutOfTime } else { Step::Done }
            }
            Err(error) => {
                tracing::error!(%user_id, cause = error.cause(), "texts whose retention is over could not be erased");
                self.report.unsettled += 1;
                Step::Done
            }
        }
    }

    async fn finish_deletion(&self, user_id: UserId) -> Result<DeletionProgress, StoreError> {
        let account: Option<Account> = self.audit.reader.table.get(Account::key(user_id)).await?;
        // The user may have finished meanwhile.
        let Some(account) = account.filter(|account| account.status == Status::Deleting) else {
            return Ok(DeletionProgress::Finished);
        };
        self.deletions.finish(user_id, &account.parsed_username()?, self.deadline).await
    }
}
