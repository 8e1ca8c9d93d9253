//! Deleting an account with everything of its user.
//!
//! The first write closes the account and removes its holds. From then on nothing enters the user's partition, because
//! every write into it checks the account: messages in flight store nothing. The items are deleted in pages, and
//! account and login last, together: only then the username is free. A deletion that stops half way goes on with the
//! next request of its user, or with the audit.
//!
//! A long text is the one item that is put without a look at the account, so it may arrive late. The last transaction
//! leaves a tombstone, by which the audit finds such texts an hour later.

use std::collections::HashMap;
use std::time::Duration;

use aws_sdk_dynamodb::types::{AttributeValue, TransactWriteItem};
use domain::cause::Cause;
use domain::ids::{TokenId, UserId};
use domain::time::{Clock, Timestamp};
use domain::username::Username;
use ledger::account::{Account, Closed, Epoch, Status};
use ledger::audit::{DeletionProgress, Deletions, Tombstone};
use store::transaction::{self, cancellation_reasons, condition_failed};
use store::{Item, StoreError, Table, number, partition_of, sort_key_of};

use crate::accounts::superusers::CountChange;
use crate::api_keys::{KEYS_OF_LIST, take_keys_of_list};
use crate::error::IdentityError;
use crate::jwt::LoggedIn;
use crate::login::{Login, ProvenLogin};

/// The keys that one request reads: enough for all batches that the table deletes at once.
const PAGE_ITEMS: i32 = 100;
/// The most rounds of a beginning that collides with other changes of the account.
const MAX_ROUNDS: usize = 5;
/// Time reserved at the end of a request: for the page under way, and for the last transaction.
const MARGIN: Duration = Duration::from_secs(8);

/// Some of the items to delete, by their keys.
struct DoomedItems {
    /// The items of the user's API keys, if the list of them is among `keys`.
    api_keys: Vec<Item>,
    keys: Vec<Item>,
    /// No items come after these.
    is_last: bool,
}

/// The deletion of accounts.
#[derive(Clone, Debug)]
pub struct Deletion {
    table: Table,
    clock: Clock,
}

impl Deletion {
    /// The deletion of accounts in `table`.
    #[must_use]
    pub fn new(table: Table, clock: Clock) -> Self {
        Self { table, clock }
    }

    /// The account of a person who wants it deleted. After the deletion has begun, the access token that began it opens
    /// the account for the deletion alone.
    ///
    /// # Errors
    /// [`IdentityError::TokenNotValid`] if the account is gone or the token's epoch has passed,
    /// [`IdentityError::UserInactive`] if it is deactivated.
    pub async fn read(&self, person: &LoggedIn) -> Result<Account, IdentityError> {
        let account: Option<Account> = self.table.get(Account::key(person.user_id())).await?;
        let account = account.ok_or(Closed::Gone)?;
        if account.status != Status::Deleting {
            account.admit(Epoch::OfSessions(person.session_epoch()))?;
        } else if account.session_epoch != person.session_epoch() + 1 {
            return Err(Closed::SessionEpochPassed.into());
        }
        Ok(account)
    }

    /// Closes the account for good, if it is as the access token says and the password is still the one that was
    /// checked. If the account is closed already, nothing is written. `seen` is the account as it was read: a superuser's
    /// goes only while another one stays.
    ///
    /// # Errors
    /// [`IdentityError::TokenNotValid`] if the account has changed meanwhile, [`IdentityError::InvalidCredentials`] if
    /// the password has, [`IdentityError::LastSuperuser`] if there would be no active superuser any more.
    pub async fn begin(
        &self,
        person: &LoggedIn,
        proven: &ProvenLogin,
        seen: &Account,
        deadline: Timestamp,
    ) -> Result<(), IdentityError> {
        let mut is_staff = seen.staff;
        for _ in 0..MAX_ROUNDS {
            let mut items = vec![self.close_account(person, is_staff)?, self.close_login(person, proven)?];
            if is_staff {
                items.push(CountChange::MinusButTheLast.part(&self.table)?);
            }
            let token = TokenId::new(&self.clock).to_string();
            let Err(error) = self.table.transact(&token, items, &self.clock, deadline).await else { return Ok(()) };
            match cancellation_reasons(&error) {
                Some([account, ..]) if condition_failed(account) => {}
                Some([_, login, ..]) if condition_failed(login) => return Err(IdentityError::InvalidCredentials),
                Some([_, _, count]) if condition_failed(count) => return Err(IdentityError::LastSuperuser),
                _ => return Err(StoreError::from(error).into()),
            }
            // Another request of the same person may have been faster; or the account has become staff, or ceased to be.
            let account = self.read(person).await?;
            if account.status == Status::Deleting {
                return Ok(());
            }
            is_staff = account.staff;
        }
        Err(IdentityError::Unavailable(Cause::because("too many requests are changing this account")))
    }

    /// Removes the holds too, so that no capture succeeds: messages in flight store nothing.
    fn close_account(&self, person: &LoggedIn, is_staff: bool) -> Result<TransactWriteItem, StoreError> {
        let seen_staff = if is_staff { "staff = :staff" } else { "(attribute_not_exists(staff) OR staff = :staff)" };
        let update = "SET #status = :deleting, session_epoch = :next, holds = :none, deletion_began_at = :now, \
                      version = version + :one";
        transaction::update(
            self.table
                .updating(Account::key(person.user_id()))
                .update_expression(update)
                .condition_expression(format!("#status = :active AND session_epoch = :epoch AND {seen_staff}"))
                .expression_attribute_names("#status", "status")
                .expression_attribute_values(":staff", AttributeValue::Bool(is_staff))
                .expression_attribute_values(":active", Status::Active.attribute_value())
                .expression_attribute_values(":deleting", Status::Deleting.attribute_value())
                .expression_attribute_values(":epoch", number(person.session_epoch()))
                .expression_attribute_values(":next", number(person.session_epoch() + 1))
                .expression_attribute_values(":none", AttributeValue::M(HashMap::new()))
                .expression_attribute_values(":now", number(self.clock.now().seconds()))
                .expression_attribute_values(":one", number(1_u64)),
        )
    }

    fn close_login(&self, person: &LoggedIn, proven: &ProvenLogin) -> Result<TransactWriteItem, StoreError> {
        let seen = proven.login().password_hash.as_str().to_owned();
        transaction::update(
            self.table
                .updating(Login::key(proven.username()))
                .update_expression("SET session_epoch = :next, #status = :deleting REMOVE sessions")
                .condition_expression("user_id = :user_id AND password_hash = :seen")
                .expression_attribute_names("#status", "status")
                .expression_attribute_values(":deleting", Status::Deleting.attribute_value())
                .expression_attribute_values(":next", number(person.session_epoch() + 1))
                .expression_attribute_values(":user_id", AttributeValue::S(person.user_id().to_string()))
                .expression_attribute_values(":seen", AttributeValue::S(seen)),
        )
    }

    /// Deletes everything of a user whose account is closed for good, until `deadline` is near. It deletes at least one
    /// page, so that every request makes progress.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] if the table cannot be reached. A repetition goes on.
    pub async fn finish(
        &self,
        user_id: UserId,
        username: &Username,
        deadline: Timestamp,
    ) -> Result<DeletionProgress, StoreError> {
        let progress = self.delete_pages(user_id, deadline).await?;
        if progress == DeletionProgress::Finished {
            self.delete_account(user_id, username, deadline).await?;
        }
        Ok(progress)
    }

    /// Deletes whatever arrived in the partition of a user after the account was deleted, until `deadline` is near, and
    /// the tombstone last. It deletes at least one page.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] if the table cannot be reached. A repetition goes on.
    pub async fn sweep(&self, user_id: UserId, deadline: Timestamp) -> Result<DeletionProgress, StoreError> {
        let progress = self.delete_pages(user_id, deadline).await?;
        if progress == DeletionProgress::Finished {
            let key = Tombstone::key(user_id).into_item();
            self.table.client().delete_item().table_name(self.table.name()).set_key(Some(key)).send().await?;
        }
        Ok(progress)
    }

    /// Deletes all of the user's items but account and tombstone, until `deadline` is near.
    async fn delete_pages(&self, user_id: UserId, deadline: Timestamp) -> Result<DeletionProgress, StoreError> {
        loop {
            let page = self.page(user_id).await?;
            // API keys go before the list that leads to them: if this stops here, the next request finds them.
            self.table.delete_all(&page.api_keys).await?;
            self.table.delete_all(&page.keys).await?;
            if page.is_last {
                return Ok(DeletionProgress::Finished);
            }
            if self.clock.now().plus(MARGIN) >= deadline {
                return Ok(DeletionProgress::OutOfTime);
            }
        }
    }

    /// The keys of some of the user's items besides account and tombstone.
    async fn page(&self, user_id: UserId) -> Result<DoomedItems, StoreError> {
        let answer = self
            .table
            .client()
            .query()
            .table_name(self.table.name())
            // All other items sort after the account.
            .key_condition_expression("pk = :user AND sk > :account")
            .expression_attribute_values(":user", AttributeValue::S(partition_of(user_id)))
            .expression_attribute_values(":account", AttributeValue::S(Account::SORT_KEY.to_owned()))
            .projection_expression(format!("pk, sk, {KEYS_OF_LIST}"))
            .limit(PAGE_ITEMS)
            .consistent_read(true)
            .send()
            .await?;
        let mut page =
            DoomedItems { api_keys: Vec::new(), keys: Vec::new(), is_last: answer.last_evaluated_key.is_none() };
        for mut item in answer.items.unwrap_or_default() {
            page.api_keys.extend(take_keys_of_list(&mut item)?);
            // Another request, which was faster, has put the tombstone.
            if !is_tombstone(&item) {
                page.keys.push(item);
            }
        }
        Ok(page)
    }

    /// Deletes account and login together: until then no other user can register the username. The same transaction
    /// leaves the tombstone.
    async fn delete_account(
        &self,
        user_id: UserId,
        username: &Username,
        deadline: Timestamp,
    ) -> Result<(), StoreError> {
        let account = self
            .table
            .deleting(Account::key(user_id))
            .condition_expression("#status = :deleting")
            .expression_attribute_names("#status", "status")
            .expression_attribute_values(":deleting", Status::Deleting.attribute_value());
        let login = self
            .table
            .deleting(Login::key(username))
            .condition_expression("user_id = :user_id")
            .expression_attribute_values(":user_id", AttributeValue::S(user_id.to_string()));
        let tombstone = Tombstone::item(user_id, self.clock.now())?;
        let items = vec![transaction::delete(account)?, transaction::delete(login)?, self.table.put(tombstone)?];
        let token = TokenId::new(&self.clock).to_string();
        let Err(error) = self.table.transact(&token, items, &self.clock, deadline).await else { return Ok(()) };
        match cancellation_reasons(&error) {
            // Another request was faster, or an earlier write of this one whose answer was lost.
            Some([account, login, _]) if condition_failed(account) && condition_failed(login) => Ok(()),
            _ => Err(error.into()),
        }
    }
}

impl Deletions for Deletion {
    async fn finish(
        &self,
        user_id: UserId,
        username: &Username,
        deadline: Timestamp,
    ) -> Result<DeletionProgress, StoreError> {
        Self::finish(self, user_id, username, deadline).await
    }

    async fn sweep(&self, user_id: UserId, deadline: Timestamp) -> Result<DeletionProgress, StoreError> {
        Self::sweep(self, user_id, deadline).await
    }
}

fn is_tombstone(key: &Item) -> bool {
    sort_key_of(key) == Some(Tombstone::SORT_KEY)
}

#[cfg(test)]
mod tests;
