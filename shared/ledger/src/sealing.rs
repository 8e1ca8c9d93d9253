//! Sealing: no entry gets an id at or below an account's seal any more, so what lies there can be added up for good.
//!
//! An entry has the id of its hold, and functions have clocks of their own: an entry may appear below others that are
//! there. So whatever writes an entry requires that its id lies [above the seal](ABOVE_SEAL), and takes a new one if not. A
//! seal lies below every hold of the account, on the condition that the account is as it was seen, so a capture needs no
//! condition: its hold is there, and above every seal. See `docs/decisions/seal.md`.

use std::time::Duration;

use aws_sdk_dynamodb::types::AttributeValue;
use domain::ids::{EntryId, UserId};
use domain::time::Timestamp;
use store::collision::repeat_collisions;
use store::{StoreError, number, partition_of};

use crate::account::{Account, Status};
use crate::audited_account::AuditedAccount;
use crate::entry::SORT_KEY_PREFIX;
use crate::holds::expired;
use crate::ledger::Ledger;
use crate::release::is_condition;
use crate::texts::id_in_sort_key;

/// Condition on the account of whoever writes the entry `:entry`.
pub(crate) const ABOVE_SEAL: &str = "(attribute_not_exists(sealed_to) OR sealed_to < :entry)";

/// The age from which entries are summed up to a seal. DynamoDB applies a transaction item by item, so a capture that ended
/// its hold before the seal was set may still be on its way to its entry. That takes milliseconds, and seconds if a part of
/// DynamoDB fails meanwhile.
pub(crate) const SEAL_AGE: Duration = Duration::from_secs(60);

/// The age from which an expired hold is released for a seal: the clock that says that it has expired may be this far
/// ahead. A younger one keeps its seal below it.
const SURELY_EXPIRED: Duration = Duration::from_secs(10 * 60);

/// Attempts at a seal. Another request may change the account meanwhile.
const MAX_ATTEMPTS: u32 = 3;
/// Time for which the write of a seal is repeated while it collides with others.
const PATIENCE: Duration = Duration::from_secs(1);
/// Time for which expired holds are released.
const RELEASE_TIME: Duration = Duration::from_secs(2);

/// What a sealing does with holds that surely have expired. They keep the seal below them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ExpiredHolds {
    /// They are released first.
    Release,
    /// They stay: whoever only reads changes no balance.
    Keep,
}

impl Ledger {
    /// Seals the account of a user up to its newest entry below every hold. Where other requests change it all the while,
    /// or nothing can be sealed, the seal stays where it is.
    ///
    /// # Errors
    /// [`StoreError`] if the table cannot be reached, or the account cannot be read.
    pub(crate) async fn seal(&self, user_id: UserId, expired_holds: ExpiredHolds) -> Result<(), StoreError> {
        let surely_expired = self.clock.now().minus(SURELY_EXPIRED);
        let mut releases = expired_holds == ExpiredHolds::Release;
        for _ in 0..MAX_ATTEMPTS {
            let account: Option<AuditedAccount> = self.table.get(Account::key(user_id)).await?;
            let Some(account) = account.filter(|account| !account.is_being_deleted()) else { return Ok(()) };
            if releases && account.has_expired_holds(surely_expired) {
                releases = false;
                self.release_surely_expired(user_id, surely_expired).await?;
                continue;
            }
            let Some(newest) = self.newest_that_can_be_sealed(user_id, &account).await? else { return Ok(()) };
            if account.sealed_to >= Some(newest) || self.set_seal(user_id, &account, newest).await? {
                return Ok(());
            }
        }
        Ok(())
    }

    /// Releases the holds that expired by `surely_expired`: so long ago that they have on every clock.
    async fn release_surely_expired(&self, user_id: UserId, surely_expired: Timestamp) -> Result<(), StoreError> {
        let account: Option<Account> = self.table.get(Account::key(user_id)).await?;
        let Some(account) = account.filter(|account| account.status != Status::Deleting) else { return Ok(()) };
        let until = self.clock.now().plus(RELEASE_TIME);
        let expired = expired(account.holds.clone(), surely_expired);
        self.release_expired(user_id, &account, &expired, until).await
    }

    /// The newest entry below every hold. An entry of this clock's future is left out: a clock that is ahead would become
    /// that of all other functions, whose ids have to lie above the seal.
    async fn newest_that_can_be_sealed(
        &self,
        user_id: UserId,
        account: &AuditedAccount,
    ) -> Result<Option<EntryId>, StoreError> {
        let of_the_future = EntryId::first_of(self.clock.now().plus(Duration::from_millis(1)));
        let most = account.oldest_hold().unwrap_or(of_the_future).min(of_the_future).preceding();
        let least = EntryId::first_of(Timestamp::from_milliseconds(0));
        let sort_key = |id: EntryId| AttributeValue::S(format!("{SORT_KEY_PREFIX}{id}"));
        let answer = self
            .table
            .client()
            .query()
            .table_name(self.table.name())
            .key_condition_expression("pk = :user AND sk BETWEEN :least AND :most")
            .expression_attribute_values(":user", AttributeValue::S(partition_of(user_id)))
            .expression_attribute_values(":least", sort_key(least))
            .expression_attribute_values(":most", sort_key(most))
            .projection_expression("sk")
            .scan_index_forward(false)
            .limit(1)
            .consistent_read(true)
            .send()
            .await?;
        answer.items.unwrap_or_default().first().map(id_in_sort_key).transpose()
    }

    /// Sets the seal, on the condition that balance and holds are as they were seen. Returns whether it is set. The seal is no
    /// change of the account's `version`: nobody who holds or captures has to look at the account again for it.
    async fn set_seal(&self, user_id: UserId, seen: &AuditedAccount, seal: EntryId) -> Result<bool, StoreError> {
        let now = self.clock.now();
        let request = self
            .table
            .client()
            .update_item()
            .table_name(self.table.name())
            .set_key(Some(Account::key(user_id).into_item()))
            .update_expression("SET sealed_to = :entry, sealed_at = :now")
            .condition_expression(format!("version = :version AND #status <> :deleting AND {ABOVE_SEAL}"))
            .expression_attribute_names("#status", "status")
            .expression_attribute_values(":deleting", Status::Deleting.attribute_value())
            .expression_attribute_values(":version", number(seen.version))
            .expression_attribute_values(":entry", AttributeValue::S(seal.to_string()))
            .expression_attribute_values(":now", number(now.milliseconds()));
        match repeat_collisions(&self.clock, now.plus(PATIENCE), || request.clone().send()).await {
            Ok(_) => Ok(true),
            Err(error) if is_condition(&error) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }
}
