//! The examination of one account: what is new in it is read, its costs are computed again, and it is judged.

use std::time::Duration;

use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use domain::ids::{EntryId, UserId};
use domain::time::Timestamp;
use store::{Item, StoreError, number};
use telemetry::metrics::{self, Metric};

use crate::account::{Account, Status};
use crate::audit::auditor::{Audit, RunTime};
use crate::audit::report::{AlteredHistory, Mismatch, MispricedEntry, Report};
use crate::audited_account::AuditedAccount;
use crate::audited_entry::{AuditedEntry, Recomputed};
use crate::checkpoint::{Checkpoint, MispricedChat};
use crate::entry_pages::EntryRange;
use crate::release::is_condition;
use crate::sealing::{ExpiredHolds, SEAL_AGE};
use crate::summing::Step;

/// Looks at an account after the first, if it does not add up or changes meanwhile.
const MAX_ATTEMPTS: u32 = 5;

/// The age of the oldest waiting entry from which they are summed.
pub(super) const WAITS_LONG: Duration = Duration::from_secs(24 * 60 * 60);

/// The result of an examination.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Examined {
    /// The account was judged.
    Judged(Report),
    /// It could not be judged.
    Unsettled(Report),
    /// There was no time to judge it.
    OutOfTime,
    /// It is gone, or is being deleted.
    Gone,
}

/// The entries of an account that wait behind its checkpoint.
#[derive(Clone, Debug, Default)]
struct Waiting {
    entries: u64,
    amount: i64,
    unpriced: u64,
    unreadable: Vec<String>,
    mispriced: Vec<MispricedChat>,
    oldest: Option<EntryId>,
    oldest_chat: Option<EntryId>,
    /// Whether the amount of an entry cannot be read.
    has_no_sum: bool,
}

impl Waiting {
    fn add(&mut self, item: &Item) {
        let Ok(entry) = AuditedEntry::of(item) else {
            self.has_no_sum = true;
            return;
        };
        if entry.is_void() {
            return;
        }
        self.entries += 1;
        self.amount = self.amount.saturating_add(entry.amount);
        self.oldest = self.oldest.or(entry.id);
        self.oldest_chat = self.oldest_chat.or(entry.id.filter(|_| entry.usage().is_some()));
        match entry.recomputed() {
            Recomputed::Right => {}
            Recomputed::Unpriced => self.unpriced += 1,
            Recomputed::Unreadable => self.unreadable.push(entry.sort_key),
            Recomputed::Mispriced { entry: id, cost } => {
                self.mispriced.push(MispricedChat { entry: id, amount: entry.amount, cost });
            }
        }
    }

    /// The time of the oldest chat.
    fn since(&self) -> Option<Timestamp> {
        self.oldest_chat.map(|oldest| oldest.made_at())
    }

    /// Whether they are to be summed.
    fn are_due(&self, summed_from: u64, now: Timestamp) -> bool {
        self.entries >= summed_from || self.oldest.is_some_and(|oldest| now.since(oldest.made_at()) >= WAITS_LONG)
    }
}

/// The examination of one account.
struct Examination<'a> {
    audit: &'a Audit,
    user_id: UserId,
    time: RunTime,
    checkpoint: Checkpoint,
    /// The entries up to `after` that change no more, and are in the sum whatever the account does meanwhile.
    settled: Waiting,
    after: Option<EntryId>,
    has_sealed: bool,
}

impl Audit {
    /// Examines an account that was `seen`, perhaps as it was a moment ago.
    pub(super) async fn examine(
        &self,
        user_id: UserId,
        seen: AuditedAccount,
        time: RunTime,
    ) -> Result<Examined, StoreError> {
        let checkpoint: Option<Checkpoint> = self.table().get_eventually(Checkpoint::key(user_id)).await?;
        let mut checkpoint = checkpoint.unwrap_or_default();
        while seen.seal_of_age(SEAL_AGE, self.clock().now()) > checkpoint.through {
            match self.ledger.sum_step(user_id).await? {
                Step::Moved(moved) => checkpoint = moved,
                Step::Done(done) => {
                    checkpoint = done;
                    break;
                }
                // The waiting entries are judged all the same, from the checkpoint that was read.
                Step::Overtaken | Step::Blocked => break,
                Step::Closed => return Ok(Examined::Gone),
            }
            if time.is_up(self.clock()) {
                return Ok(Examined::OutOfTime);
            }
        }
        let after = checkpoint.through;
        let settled = Waiting::default();
        let examination = Examination { audit: self, user_id, time, checkpoint, settled, after, has_sealed: false };
        examination.judge(seen).await
    }
}

impl Examination<'_> {
    /// Judges the account. Its version says whether it stood still while its entries were read. The first look may be at an
    /// account as it was a moment ago, and finds no fault.
    async fn judge(mut self, seen: AuditedAccount) -> Result<Examined, StoreError> {
        let mut account = seen;
        for attempt in 0..=MAX_ATTEMPTS {
            if attempt > 0 {
                let Some(open) = self.look_again(attempt).await? else { return Ok(Examined::Gone) };
                account = open;
            }
            let Some(waiting) = self.read_on(&account).await? else { return Ok(Examined::OutOfTime) };
            if waiting.has_no_sum {
                return Ok(self.unsettled("the amount of an entry cannot be read", waiting));
            }
            let entries = self.checkpoint.history.amount.saturating_add(waiting.amount);
            if entries == account.total() {
                if self.has_faults(&waiting) || self.mark(&account, waiting.since()).await? {
                    return Ok(Examined::Judged(self.report(waiting)));
                }
            } else if attempt > 0 && self.stands_still(&account).await? {
                if self.after == self.checkpoint.through {
                    return self.mismatch(&account, entries, waiting).await;
                }
                // Everything behind the checkpoint is read once more.
                (self.settled, self.after) = (Waiting::default(), self.checkpoint.through);
            }
        }
        Ok(self.unsettled("the account keeps changing", Waiting::default()))
    }

    /// The account as it is now, unless it is gone. In an account that keeps changing, the entries below its seal are read
    /// before: so little is left to read while it has to stand still.
    async fn look_again(&mut self, attempt: u32) -> Result<Option<AuditedAccount>, StoreError> {
        let Some(mut account) = self.account().await? else { return Ok(None) };
        if attempt > 1
            && let Some(seal) = account.sealed_to.filter(|seal| Some(*seal) > self.after)
        {
            let mut range = EntryRange::after(self.user_id, self.after).through(seal);
            loop {
                let page = range.next_page(self.audit.table(), self.audit.reader.page_entries, true).await?;
                page.items.iter().for_each(|item| self.settled.add(item));
                if !page.has_more {
                    break;
                }
            }
            self.after = Some(seal);
            let Some(now) = self.account().await? else { return Ok(None) };
            account = now;
        }
        Ok(Some(account))
    }

    async fn account(&self) -> Result<Option<AuditedAccount>, StoreError> {
        Ok(self.audit.reader.account(self.user_id).await?.filter(|account| !account.is_being_deleted()))
    }

    /// All that waits behind the checkpoint; `None` without the time to read it. If much waits, or for long, the account is
    /// sealed, so that a run after this one sums it.
    async fn read_on(&mut self, account: &AuditedAccount) -> Result<Option<Waiting>, StoreError> {
        let mut waiting = self.settled.clone();
        let mut range = EntryRange::after(self.user_id, self.after);
        loop {
            let page = range.next_page(self.audit.table(), self.audit.reader.page_entries, true).await?;
            page.items.iter().for_each(|item| waiting.add(item));
            let is_summed = account.sealed_to <= self.checkpoint.through;
            if is_summed && !self.has_sealed && waiting.are_due(self.audit.summed_from, self.audit.clock().now()) {
                self.audit.ledger.seal(self.user_id, ExpiredHolds::Release).await?;
                self.has_sealed = true;
            }
            if !page.has_more {
                return Ok(Some(waiting));
            }
            if self.time.is_up(self.audit.clock()) {
                return Ok(None);
            }
        }
    }

    /// Whether an account that adds up is to be looked at again in the next pass, because something else is wrong with it.
    fn has_faults(&self, waiting: &Waiting) -> bool {
        let Checkpoint { history, is_altered, .. } = &self.checkpoint;
        *is_altered || history.mispriced > 0 || !waiting.mispriced.is_empty()
    }

    async fn stands_still(&self, seen: &AuditedAccount) -> Result<bool, StoreError> {
        Ok(self.account().await?.is_some_and(|account| account.version == seen.version))
    }

    /// Notes in the account that it adds up, and since when chats wait, on the condition that balance and holds are as they were
    /// seen. Returns whether they are. No later pass reads it before they change, or the chats have waited for long.
    async fn mark(&self, seen: &AuditedAccount, waiting_since: Option<Timestamp>) -> Result<bool, StoreError> {
        let waiting_since = waiting_since.map(Timestamp::milliseconds);
        if seen.audited_version == Some(seen.version) && seen.waiting_since == waiting_since {
            return Ok(true);
        }
        let table = self.audit.table();
        let update = table.client().update_item().table_name(table.name());
        let update = match waiting_since {
            None => update.update_expression("SET audited_version = :version REMOVE waiting_since"),
            Some(since) => update
                .update_expression("SET audited_version = :version, waiting_since = :since")
                .expression_attribute_values(":since", number(since)),
        };
        let marked = update
            .set_key(Some(Account::key(self.user_id).into_item()))
            .condition_expression("version = :version AND #status <> :deleting")
            .expression_attribute_names("#status", "status")
            .expression_attribute_values(":deleting", Status::Deleting.attribute_value())
            .expression_attribute_values(":version", number(seen.version))
            .send()
            .await;
        is_applied(marked.map(|_| ()))
    }

    /// Takes back that the account was judged, so that every pass finds the fault again until it is mended.
    async fn unmark(&self, seen: &AuditedAccount) -> Result<bool, StoreError> {
        let Some(audited_version) = seen.audited_version else { return Ok(true) };
        let table = self.audit.table();
        let update = table.client().update_item().table_name(table.name());
        let unmarked = update
            .set_key(Some(Account::key(self.user_id).into_item()))
            .update_expression("REMOVE audited_version")
            .condition_expression("audited_version = :version")
            .expression_attribute_values(":version", number(audited_version))
            .send()
            .await;
        is_applied(unmarked.map(|_| ()))
    }

    async fn mismatch(&self, account: &AuditedAccount, entries: i64, waiting: Waiting) -> Result<Examined, StoreError> {
        let (user_id, balance, held) = (self.user_id, account.balance, account.held());
        let difference = account.total().saturating_sub(entries);
        tracing::error!(%user_id, balance, held, entries_sum = entries, difference, "the ledger does not add up");
        metrics::emit(&[Metric::AuditMismatches(1)]);
        self.unmark(account).await?;
        let mut report = self.report(waiting);
        report.mismatches.push(Mismatch { user_id, balance, held, entries });
        Ok(Examined::Judged(report))
    }

    fn unsettled(&self, why: &str, waiting: Waiting) -> Examined {
        tracing::warn!(user_id = %self.user_id, why, "an account could not be judged");
        Examined::Unsettled(Report { unsettled: 1, ..self.report(waiting) })
    }

    /// The report of the faults that are not in the sum. Faults of entries that are summed already count again in each run,
    /// until they are mended, so that the alarm stays.
    fn report(&self, waiting: Waiting) -> Report {
        let user_id = self.user_id;
        let Checkpoint { history, is_altered, through, .. } = &self.checkpoint;
        for MispricedChat { entry, amount, cost } in &waiting.mispriced {
            tracing::error!(%user_id, %entry, amount, %cost, "an entry is not what its usage costs at its prices");
        }
        for entry in &waiting.unreadable {
            tracing::warn!(%user_id, entry, "the cost of an entry cannot be computed again");
        }
        let faults = waiting.mispriced.len() as u64 + history.mispriced + u64::from(*is_altered);
        if faults > 0 {
            metrics::emit(&[Metric::AuditMismatches(faults)]);
        }
        let named = |chat: MispricedChat| {
            let MispricedChat { entry, amount, cost } = chat;
            MispricedEntry { user_id, entry, amount, cost }
        };
        let altered = through.filter(|_| *is_altered).map(|through| AlteredHistory { user_id, through });
        let waiting_since = waiting.since();
        Report {
            mispriced: history.first_mispriced.iter().copied().chain(waiting.mispriced).map(named).collect(),
            altered: altered.into_iter().collect(),
            waiting_since,
            unpriced: waiting.unpriced,
            unreadable: waiting.unreadable.len() as u64,
            ..Report::default()
        }
    }
}

/// Whether the condition of an update was met.
fn is_applied(outcome: Result<(), SdkError<UpdateItemError>>) -> Result<bool, StoreError> {
    match outcome {
        Ok(()) => Ok(true),
        Err(error) if is_condition(&error) => Ok(false),
        Err(error) => Err(error.into()),
    }
}
