//! The audit attends to one item of the directory: an account or a tombstone.

use domain::ids::{EntryId, UserId};
use domain::time::Timestamp;
use store::{Item, StoreError, from_item};

use crate::account::{Account, Status};
use crate::audit::auditor::{Audit, RunTime};
use crate::audit::deletions::{DeletionProgress, Deletions, is_abandoned};
use crate::audit::examination::{Examined, WAITS_LONG};
use crate::audit::listing::ListedKind;
use crate::audit::report::Report;
use crate::audit::tombstone::Tombstone;
use crate::audited_account::AuditedAccount;
use crate::conversations::ConversationKeeper;
use crate::retention::TextEraser;

/// The outcome for one item of the directory.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Attended {
    Done(Report),
    /// Its account could not be judged.
    Unsettled(Report),
    /// There was no time to come to its end.
    OutOfTime(Report),
}

impl Attended {
    /// There was nothing to do.
    pub(super) fn nothing() -> Self {
        Self::Done(Report::default())
    }

    /// The same outcome without the entries that cannot be computed again: the pass counted them when they were new.
    pub(super) fn without_counts_of_entries(self) -> Self {
        let without = |report| Report { unpriced: 0, unreadable: 0, ..report };
        match self {
            Self::Done(report) => Self::Done(without(report)),
            Self::Unsettled(report) => Self::Unsettled(without(report)),
            Self::OutOfTime(report) => Self::OutOfTime(without(report)),
        }
    }
}

impl Audit {
    /// Attends to an item whose `image` is a moment old; there is none if the item is gone. The directory is late: it still
    /// lists what was deleted a moment ago.
    pub(super) async fn attend_to(
        &self,
        kind: ListedKind,
        image: Option<Item>,
        deletions: &impl Deletions,
        time: RunTime,
    ) -> Result<Attended, StoreError> {
        match (kind, image) {
            (ListedKind::Unreadable, _) => {
                tracing::warn!("the directory lists an item that is neither account nor tombstone");
                Ok(Attended::Unsettled(Report { unsettled: 1, ..Report::default() }))
            }
            (_, None) => Ok(Attended::nothing()),
            (ListedKind::Account(user_id), Some(image)) => match from_item(image) {
                Ok(account) => self.attend_to_account(user_id, account, deletions, time).await,
                Err(error) => Ok(unreadable(user_id, &error, Report { accounts: 1, ..Report::default() })),
            },
            (ListedKind::Tombstone(user_id), Some(image)) => match from_item(image) {
                Ok(tombstone) => Ok(self.sweep_if_due(user_id, tombstone, deletions, time).await),
                Err(error) => Ok(unreadable(user_id, &error, Report::default())),
            },
        }
    }

    async fn attend_to_account(
        &self,
        user_id: UserId,
        account: AuditedAccount,
        deletions: &impl Deletions,
        time: RunTime,
    ) -> Result<Attended, StoreError> {
        let mut report = Report { accounts: 1, ..Report::default() };
        if account.is_being_deleted() {
            return Ok(self.finish_if_abandoned(user_id, &account, deletions, time, report).await);
        }
        if account.deleted_conversations > 0 && !self.sweep_conversations(user_id, time, &mut report).await {
            return Ok(Attended::OutOfTime(Report { accounts: 0, ..report }));
        }
        // Balance and holds are those that were judged: nothing is new.
        let waiting_since = account.waiting_since.map(Timestamp::from_milliseconds);
        let waits_long = waiting_since.is_some_and(|since| self.clock().now().since(since) >= WAITS_LONG);
        if account.audited_version == Some(account.version) && !waits_long {
            return Ok(Attended::Done(Report { waiting_since, ..report }));
        }
        self.judge_again(user_id, account, time, report).await
    }

    /// Examines an account, and adds what is found to `report`.
    pub(super) async fn judge_again(
        &self,
        user_id: UserId,
        account: AuditedAccount,
        time: RunTime,
        mut report: Report,
    ) -> Result<Attended, StoreError> {
        match self.examine(user_id, account, time).await? {
            Examined::Judged(found) => {
                report.add(found);
                Ok(Attended::Done(report))
            }
            Examined::Unsettled(found) => {
                report.add(found);
                Ok(Attended::Unsettled(report))
            }
            Examined::OutOfTime => Ok(Attended::OutOfTime(Report { accounts: 0, proved: 0, ..report })),
            Examined::Gone => Ok(Attended::Done(report)),
        }
    }

    /// Finishes the deletion of an account, if it is abandoned. A failure does not keep the audit from the next accounts.
    async fn finish_if_abandoned(
        &self,
        user_id: UserId,
        account: &AuditedAccount,
        deletions: &impl Deletions,
        time: RunTime,
        mut report: Report,
    ) -> Attended {
        if !is_abandoned(account.deletion_began_at, self.clock().now()) {
            return Attended::Done(report);
        }
        match self.finish_deletion(user_id, deletions, time).await {
            Ok(DeletionProgress::OutOfTime) => return Attended::OutOfTime(Report { accounts: 0, ..report }),
            Ok(DeletionProgress::Finished) => {
                tracing::info!(%user_id, "finished an abandoned deletion");
                report.deletions += 1;
            }
            Err(error) => {
                tracing::error!(%user_id, cause = error.cause(), "an abandoned deletion could not be finished");
                report.unsettled += 1;
            }
        }
        Attended::Done(report)
    }

    async fn finish_deletion(
        &self,
        user_id: UserId,
        deletions: &impl Deletions,
        time: RunTime,
    ) -> Result<DeletionProgress, StoreError> {
        let account: Option<Account> = self.table().get(Account::key(user_id)).await?;
        // The user may have finished meanwhile.
        let Some(account) = account.filter(|account| account.status == Status::Deleting) else {
            return Ok(DeletionProgress::Finished);
        };
        deletions.finish(user_id, &account.parsed_username()?, time.deadline).await
    }

    /// Sweeps the partition of a deleted user, if the tombstone is old enough. A failed sweep does not keep the audit from
    /// the next items.
    async fn sweep_if_due(
        &self,
        user_id: UserId,
        tombstone: Tombstone,
        deletions: &impl Deletions,
        time: RunTime,
    ) -> Attended {
        let mut report = Report::default();
        if !tombstone.is_due(self.clock().now()) {
            return Attended::Done(report);
        }
        match deletions.sweep(user_id, time.deadline).await {
            Ok(DeletionProgress::OutOfTime) => return Attended::OutOfTime(Report { accounts: 0, ..report }),
            Ok(DeletionProgress::Finished) => report.tombstones += 1,
            Err(error) => {
                tracing::error!(%user_id, cause = error.cause(), "a deleted user could not be swept");
                report.unsettled += 1;
            }
        }
        Attended::Done(report)
    }

    /// Deletes what is left of conversations that the user deleted an hour ago. Returns whether there was time for it. A
    /// failure does not keep the audit from adding the account up.
    async fn sweep_conversations(&self, user_id: UserId, time: RunTime, report: &mut Report) -> bool {
        let keeper = ConversationKeeper::new(self.table().clone(), self.clock().clone());
        match keeper.sweep(user_id, time.deadline).await {
            Ok(sweep) => {
                report.conversations += sweep.swept;
                !sweep.is_out_of_time
            }
            Err(error) => {
                tracing::error!(%user_id, cause = error.cause(), "deleted conversations could not be swept");
                report.unsettled += 1;
                true
            }
        }
    }

    /// Erases the texts of the user whose retention is over, as far as TTL does not delete them. Returns whether there was
    /// time for it. A failure does not keep the audit from adding the account up.
    pub(super) async fn erase_texts(
        &self,
        user_id: UserId,
        erased_through: Option<EntryId>,
        time: RunTime,
        report: &mut Report,
    ) -> bool {
        let eraser = TextEraser::new(self.table().clone(), self.clock().clone(), self.retention);
        match eraser.erase(user_id, erased_through, time.deadline).await {
            Ok(erased) => {
                report.erased += erased.exchanges;
                !erased.is_out_of_time
            }
            Err(error) => {
                tracing::error!(%user_id, cause = error.cause(), "texts whose retention is over could not be erased");
                report.unsettled += 1;
                true
            }
        }
    }
}

fn unreadable(user_id: UserId, error: &StoreError, report: Report) -> Attended {
    let why = "an attribute is not as it should be";
    tracing::warn!(%user_id, cause = error.cause(), why, "an account could not be judged");
    Attended::Unsettled(Report { unsettled: report.unsettled + 1, ..report })
}
