//! Summing again: the sums of an account are thrown away, and its entries are summed from the first one on.
//!
//! An operator does this after they have mended an entry that is [summed](crate::summing) already. The checkpoint first says
//! that the sums are being thrown away, and starts at nothing. While it says so, nobody takes a step, and a read of usage
//! reads no row. Rows are deleted in transactions that require this very checkpoint and the rows, so a deletion that is late
//! deletes nothing new, and takes nothing back twice from the [sums of all](crate::usage_shards). When no row is left, the checkpoint says so, and steps sum again. After a kill the next call goes on from the
//! checkpoint. See `docs/decisions/audit.md`.

use std::collections::BTreeMap;
use std::time::Duration;

use aws_sdk_dynamodb::types::TransactWriteItem;
use domain::ids::{EntryId, TokenId, UserId};
use domain::time::Timestamp;
use serde::Serialize;
use store::transaction::{self, cancellation_reasons, condition_failed, is_conflict};
use store::{Item, Key, StoreError, from_item, number, sort_key_of};

use crate::account::{Account, Status};
use crate::audited_account::AuditedAccount;
use crate::checkpoint::{Checkpoint, HistorySum, SummingAgain};
use crate::key_sums;
use crate::ledger::Ledger;
use crate::sealing::SEAL_AGE;
use crate::summing::{CheckpointMove, PATIENCE, Step};
use crate::usage_shards;
use crate::usage_sums::{self, RowChange, UsagePlace, UsageSums};

/// The most rows that one transaction deletes. With as many of the sums of all, and the check of the checkpoint, they are fewer
/// than the hundred items that it may have.
const ROWS_AT_ONCE: i32 = 45;

/// Time reserved for the request that is under way.
const MARGIN: Duration = Duration::from_secs(5);

/// The state of an account whose entries are summed again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SummedAgain {
    /// Whether all entries are summed that were before. If not, the same call goes on.
    pub finished: bool,
    /// The time from which entries were read anew: what was mended before is in the sums as it is now.
    pub began_at: Option<String>,
    /// The last entry in the sums.
    pub through: Option<EntryId>,
    /// The number of entries in the sums.
    pub entries: u64,
    /// The sum of their amounts.
    pub sum: i64,
}

/// The account is gone, or is being deleted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AccountClosed;

impl SummedAgain {
    fn of(checkpoint: &Checkpoint, finished: bool) -> Self {
        let Checkpoint { through, history, again, .. } = checkpoint;
        let began_at = again.map(|again| Timestamp::from_milliseconds(again.began_at).to_string());
        Self { finished, began_at, through: *through, entries: history.entries, sum: history.amount }
    }
}

impl Ledger {
    /// Sums the entries of an account again, up to the place to which they were summed, until `deadline` is near. A call goes
    /// on where one before it stopped, also if others have summed the rest meanwhile. One that follows a finished one begins
    /// anew.
    ///
    /// # Errors
    /// [`StoreError`] if the table cannot be reached, or an item cannot be read.
    pub async fn sum_again(
        &self,
        user_id: UserId,
        deadline: Timestamp,
    ) -> Result<Result<SummedAgain, AccountClosed>, StoreError> {
        loop {
            let [account, checkpoint] = self.table.get_each([Account::key(user_id), Checkpoint::key(user_id)]).await?;
            let account: Option<AuditedAccount> = account.map(from_item).transpose()?;
            let Some(account) = account.filter(|account| !account.is_being_deleted()) else {
                return Ok(Err(AccountClosed));
            };
            let checkpoint: Checkpoint = checkpoint.map(from_item).transpose()?.unwrap_or_default();
            let replaced = match (checkpoint.again, checkpoint.through) {
                (None, None) => return Ok(Ok(SummedAgain::of(&checkpoint, true))),
                (None, Some(through)) => self.begin_again(user_id, &checkpoint, through).await?,
                (Some(_), _) if checkpoint.is_clearing => self.clear(user_id, &checkpoint).await?,
                (Some(again), through) => match self.sum_step(user_id).await? {
                    Step::Moved(_) => CheckpointMove::Done,
                    Step::Overtaken => CheckpointMove::Overtaken,
                    Step::Closed => CheckpointMove::Closed,
                    Step::Done(done) if done.version != checkpoint.version => CheckpointMove::Overtaken,
                    // The last entries that were summed may be gone: all that are left below the seal have been summed.
                    Step::Done(done)
                        if through.max(account.seal_of_age(SEAL_AGE, self.clock.now())) >= Some(again.to) =>
                    {
                        match self.finish_again(user_id, &done).await? {
                            CheckpointMove::Done => return Ok(Ok(SummedAgain::of(&done, true))),
                            replaced => replaced,
                        }
                    }
                    // The seal is young, or an amount cannot be read.
                    Step::Done(_) | Step::Blocked => return Ok(Ok(SummedAgain::of(&checkpoint, false))),
                },
            };
            if replaced == CheckpointMove::Closed {
                return Ok(Err(AccountClosed));
            }
            if self.clock.now().plus(MARGIN) >= deadline {
                let checkpoint: Option<Checkpoint> = self.table.get(Checkpoint::key(user_id)).await?;
                return Ok(Ok(SummedAgain::of(&checkpoint.unwrap_or_default(), false)));
            }
        }
    }

    /// Lets the checkpoint say that the sums are being thrown away, and every pass look at the account again.
    async fn begin_again(
        &self,
        user_id: UserId,
        before: &Checkpoint,
        to: EntryId,
    ) -> Result<CheckpointMove, StoreError> {
        tracing::warn!(%user_id, entries = before.history.entries, "an operator has the entries summed again");
        let next = Checkpoint {
            through: None,
            history: HistorySum::default(),
            version: before.version + 1,
            is_altered: false,
            is_clearing: true,
            again: Some(SummingAgain { to, began_at: self.clock.now().milliseconds() }),
            times_again: before.times_again + 1,
        };
        self.replace_checkpoint(user_id, self.unmark(user_id)?, &next, Vec::new()).await
    }

    /// The part of a transaction that lets the next pass of the audit look at the account, which is there and not being deleted.
    fn unmark(&self, user_id: UserId) -> Result<TransactWriteItem, StoreError> {
        let account = self.table.updating(Account::key(user_id)).update_expression("REMOVE audited_version");
        transaction::update(
            account
                .condition_expression("attribute_exists(pk) AND #status <> :deleting")
                .expression_attribute_names("#status", "status")
                .expression_attribute_values(":deleting", Status::Deleting.attribute_value()),
        )
    }

    /// Deletes some rows, or, where none is left, lets the checkpoint say that steps may be taken.
    async fn clear(&self, user_id: UserId, checkpoint: &Checkpoint) -> Result<CheckpointMove, StoreError> {
        for prefix in [usage_sums::SORT_KEY_PREFIX, key_sums::SORT_KEY_PREFIX] {
            let rows = self.rows_to_clear(user_id, prefix).await?;
            if !rows.is_empty() {
                return self.delete_rows(user_id, checkpoint, rows).await;
            }
        }
        let next = Checkpoint { version: checkpoint.version + 1, is_clearing: false, ..checkpoint.clone() };
        self.replace_checkpoint(user_id, self.check_not_closed(user_id)?, &next, Vec::new()).await
    }

    async fn rows_to_clear(&self, user_id: UserId, prefix: &str) -> Result<Vec<Item>, StoreError> {
        let answer = self.table.querying(user_id, prefix).limit(ROWS_AT_ONCE).send().await?;
        Ok(answer.items.unwrap_or_default())
    }

    /// Deletes rows, and takes them back from the sums of all, on the condition that they are still being thrown away. They are
    /// as they were read: nobody adds to them while they are.
    pub(crate) async fn delete_rows(
        &self,
        user_id: UserId,
        checkpoint: &Checkpoint,
        rows: Vec<Item>,
    ) -> Result<CheckpointMove, StoreError> {
        let check = self
            .table
            .checking(Checkpoint::key(user_id))
            .condition_expression("version = :version")
            .expression_attribute_values(":version", number(checkpoint.version));
        let mut items = vec![transaction::check(check)?];
        for sort_key in rows.iter().filter_map(sort_key_of) {
            let delete = self.table.deleting(Key::of_user(user_id, sort_key));
            items.push(transaction::delete(delete.condition_expression("attribute_exists(pk)"))?);
        }
        let sums: BTreeMap<UsagePlace, UsageSums> =
            rows.iter().filter_map(|row| Some((UsagePlace::of(row)?, UsageSums::of(row)))).collect();
        items.extend(usage_shards::parts(&sums, RowChange::Minus, user_id, &self.table)?);
        let token = format!("clear-{}", TokenId::new(&self.clock));
        let until = self.clock.now().plus(PATIENCE);
        let Err(error) = self.table.transact(&token, items, &self.clock, until).await else {
            return Ok(CheckpointMove::Done);
        };
        match cancellation_reasons(&error) {
            Some(reasons) if reasons.iter().any(|reason| condition_failed(reason) || is_conflict(reason)) => {
                Ok(CheckpointMove::Overtaken)
            }
            _ => Err(error.into()),
        }
    }

    /// Lets the checkpoint say that the entries are summed as far as they were before. An examination that began earlier may
    /// have marked the account as audited meanwhile.
    async fn finish_again(&self, user_id: UserId, before: &Checkpoint) -> Result<CheckpointMove, StoreError> {
        let next = Checkpoint { version: before.version + 1, again: None, ..before.clone() };
        self.replace_checkpoint(user_id, self.unmark(user_id)?, &next, Vec::new()).await
    }
}
