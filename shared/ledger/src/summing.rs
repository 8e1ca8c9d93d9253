//! Summing: an account's entries are added to its checkpoint, to the days' sums and to its keys' sums, once each.
//!
//! One step reads the entries between checkpoint and [seal](crate::sealing), which change no more, and writes all that
//! follows from them in one transaction, on the condition that the checkpoint is still the one that was read. So a step that
//! is repeated, overtaken or killed adds nothing twice and leaves nothing out. The audit and whoever reads the usage take
//! such steps. See `docs/decisions/audit.md`.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use aws_sdk_dynamodb::types::TransactWriteItem;
use domain::ids::{ApiKeyId, EntryId, TokenId, UserId};
use store::transaction::{self, cancellation_reasons, condition_failed, is_conflict};
use store::{Item, StoreError, from_item};
use telemetry::metrics::{self, Metric};

use crate::account::{Account, Status};
use crate::audited_account::AuditedAccount;
use crate::audited_entry::AuditedEntry;
use crate::checkpoint::Checkpoint;
use crate::entry_pages::{EntryRange, PAGE_ENTRIES};
use crate::key_sums::KeySums;
use crate::ledger::Ledger;
use crate::sealing::SEAL_AGE;
use crate::usage_shards;
use crate::usage_sums::{RowChange, UsagePlace, UsageSums};

/// The most rows of the days' sums that a step writes. With as many keys' sums, as many of the sums of all, the account and the
/// checkpoint they are fewer than the hundred items that a transaction may have.
const MAX_ROWS: usize = 30;

/// The number of entries behind the checkpoint from which they are summed. A step costs some ten write units, so that fewer
/// would cost more than the messages that they are of.
pub(crate) const MANY_WAIT: u64 = 50;

/// Time for which a transaction of the checkpoint is repeated while it collides with others.
pub(crate) const PATIENCE: Duration = Duration::from_secs(2);

/// The outcome of one step.
#[derive(Debug)]
pub(crate) enum Step {
    /// The checkpoint has moved. More may wait below the seal.
    Moved(Checkpoint),
    /// Nothing below the seal waits, as far as it is old enough, or the sums are being thrown away.
    Done(Checkpoint),
    /// Another step moved the checkpoint meanwhile, or steps of other accounts kept this one waiting for too long.
    Overtaken,
    /// The amount of the next entry cannot be read. Nothing is summed beyond it.
    Blocked,
    /// There is no account any more, or it is being deleted.
    Closed,
}

/// The outcome of a transaction that depends on the checkpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CheckpointMove {
    /// It was written.
    Done,
    /// The checkpoint is another by now, or others kept this transaction waiting for too long.
    Overtaken,
    /// There is no account any more, or it is being deleted.
    Closed,
}

/// Additions of one step.
struct Additions {
    checkpoint: Checkpoint,
    rows: BTreeMap<UsagePlace, UsageSums>,
    /// The chats of API keys, with what each of them was charged.
    of_keys: Vec<(ApiKeyId, EntryId, u64)>,
    is_blocked: bool,
    /// Whether nothing of the page is left for another step.
    is_whole: bool,
}

impl Ledger {
    /// Sums the next entries of a user between checkpoint and seal.
    ///
    /// # Errors
    /// [`StoreError`] if the table cannot be reached, or an item cannot be read. Nothing is summed twice if the step is taken
    /// again.
    pub(crate) async fn sum_step(&self, user_id: UserId) -> Result<Step, StoreError> {
        let [account, checkpoint] = self.table.get_each([Account::key(user_id), Checkpoint::key(user_id)]).await?;
        let Some(account) = account else { return Ok(Step::Closed) };
        let account: AuditedAccount = from_item(account)?;
        if account.is_being_deleted() {
            return Ok(Step::Closed);
        }
        let checkpoint: Checkpoint = checkpoint.map(from_item).transpose()?.unwrap_or_default();
        if checkpoint.is_clearing {
            return Ok(Step::Done(checkpoint));
        }
        let seal = account.seal_of_age(SEAL_AGE, self.clock.now()).filter(|seal| Some(*seal) > checkpoint.through);
        let Some(seal) = seal else { return Ok(Step::Done(checkpoint)) };
        let mut range = EntryRange::after(user_id, checkpoint.through).through(seal);
        let page = range.next_page(&self.table, PAGE_ENTRIES, true).await?;
        let mut additions = Additions::of(&checkpoint, &page.items);
        if additions.is_whole && !page.has_more {
            // The entry at the seal may have been deleted by hand: nothing gets its id, or one below, any more.
            additions.checkpoint.through = Some(seal);
        }
        match additions {
            Additions { is_blocked: true, .. } if additions.checkpoint.through == checkpoint.through => {
                Ok(Step::Blocked)
            }
            additions => self.keep(user_id, &checkpoint, additions).await,
        }
    }

    /// Writes what a step adds, in one transaction. A wrong price is told before: twice is better than never.
    async fn keep(&self, user_id: UserId, before: &Checkpoint, additions: Additions) -> Result<Step, StoreError> {
        let mispriced = additions.checkpoint.history.mispriced - before.history.mispriced;
        if mispriced > 0 {
            tracing::error!(%user_id, mispriced, "entries that are summed are not what their usage costs at their prices");
            metrics::emit(&[Metric::AuditMismatches(mispriced)]);
        }
        let mut items = Vec::new();
        for (place, sums) in &additions.rows {
            let update = self.table.updating(place.key(user_id));
            items.push(transaction::update(sums.change(RowChange::Plus, place.day, update))?);
        }
        items.extend(usage_shards::parts(&additions.rows, RowChange::Plus, user_id, &self.table)?);
        for (api_key, sums) in self.key_sums(user_id, &additions.of_keys).await? {
            items.push(sums.write(&self.table, user_id, api_key, self.clock.now())?);
        }
        let account = self.check_not_closed(user_id)?;
        Ok(match self.replace_checkpoint(user_id, account, &additions.checkpoint, items).await? {
            CheckpointMove::Done => Step::Moved(additions.checkpoint),
            CheckpointMove::Overtaken => Step::Overtaken,
            CheckpointMove::Closed => Step::Closed,
        })
    }

    /// Writes the checkpoint `next` in the place of the one before, in one transaction with a part that requires the account
    /// and with `further` parts.
    pub(crate) async fn replace_checkpoint(
        &self,
        user_id: UserId,
        account: TransactWriteItem,
        next: &Checkpoint,
        further: Vec<TransactWriteItem>,
    ) -> Result<CheckpointMove, StoreError> {
        let mut items = vec![account, next.replace(&self.table, user_id)?];
        items.extend(further);
        // Another one from the same checkpoint may read further, so that a name of this one's own is none for two.
        let token = format!("sum-{}", TokenId::new(&self.clock));
        let until = self.clock.now().plus(PATIENCE);
        let Err(error) = self.table.transact(&token, items, &self.clock, until).await else {
            return Ok(CheckpointMove::Done);
        };
        match cancellation_reasons(&error) {
            Some([account, ..]) if condition_failed(account) => Ok(CheckpointMove::Closed),
            Some([_, checkpoint, ..]) if condition_failed(checkpoint) => Ok(CheckpointMove::Overtaken),
            // The sums of all are shared, and others have been faster all the while. Five such accounts are no failure of a run.
            Some(reasons) if reasons.iter().any(is_conflict) => Ok(CheckpointMove::Overtaken),
            _ => Err(error.into()),
        }
    }

    /// Nothing enters a user's partition when the account is gone or being deleted.
    pub(crate) fn check_not_closed(&self, user_id: UserId) -> Result<TransactWriteItem, StoreError> {
        transaction::check(
            self.table
                .checking(Account::key(user_id))
                .condition_expression("attribute_exists(pk) AND #status <> :deleting")
                .expression_attribute_names("#status", "status")
                .expression_attribute_values(":deleting", Status::Deleting.attribute_value()),
        )
    }

    /// The sums of these keys with `chats`. Only steps write them, and the checkpoint was read before: if another step has
    /// written them since, this one is refused.
    async fn key_sums(
        &self,
        user_id: UserId,
        chats: &[(ApiKeyId, EntryId, u64)],
    ) -> Result<BTreeMap<ApiKeyId, KeySums>, StoreError> {
        let ids: BTreeSet<ApiKeyId> = chats.iter().map(|(api_key, ..)| *api_key).collect();
        let mut sums = KeySums::read(&self.table, user_id, &ids).await?;
        for (api_key, chat, credits) in chats {
            let of_key = sums.entry(*api_key).or_insert_with(|| KeySums::of_first(*chat, *credits));
            of_key.add(*chat, *credits);
        }
        Ok(sums)
    }
}

impl Additions {
    /// What `items`, which follow the checkpoint, add to it: as many of them as one transaction has room for, up to one that
    /// cannot be read.
    fn of(before: &Checkpoint, items: &[Item]) -> Self {
        let checkpoint = Checkpoint { version: before.version + 1, ..before.clone() };
        let mut additions =
            Self { checkpoint, rows: BTreeMap::new(), of_keys: Vec::new(), is_blocked: false, is_whole: true };
        for item in items {
            let Some((id, entry)) = AuditedEntry::of(item).ok().and_then(|entry| Some((entry.id?, entry))) else {
                (additions.is_blocked, additions.is_whole) = (true, false);
                break;
            };
            if let Some((place, sums)) = entry.usage() {
                if additions.rows.len() == MAX_ROWS && !additions.rows.contains_key(&place) {
                    additions.is_whole = false;
                    break;
                }
                additions.of_keys.extend(place.api_key.map(|api_key| (api_key, id, sums.credits)));
                additions.rows.entry(place).or_default().add(&sums);
            }
            additions.checkpoint.history.add(item, &entry);
            additions.checkpoint.through = Some(id);
        }
        additions
    }
}
