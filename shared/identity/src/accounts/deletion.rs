//! Deleting an account with everything of its user.
//!
//! The first write closes the account and removes its holds. From then on nothing enters the user's partition, because
//! every write into it checks the account: messages in flight store nothing. The items are deleted in pages, and
//! account and login last, together: only then the username is free. A deletion that stops half way goes on with the
//! next request of its user, or with the audit.
//!
//! Staff delete the accounts of others. The account then names the superuser, so that whoever ends the deletion records its end.
//!
//! A long text is the one item that is put without a look at the account, so it may arrive late. The last transaction
//! leaves a tombstone, by which the audit finds such texts an hour later.

use std::collections::HashMap;
use std::time::Duration;

use acts::{Act, ActOrigin, ActSubject, Actor, Deed, Signature};
use aws_sdk_dynamodb::types::builders::UpdateBuilder;
use aws_sdk_dynamodb::types::{AttributeValue, TransactWriteItem};
use domain::cause::Cause;
use domain::ids::{TokenId, UserId};
use domain::reason::Reason;
use domain::time::{Clock, Timestamp};
use domain::username::Username;
use ledger::account::{Account, Closed, Epoch, Status};
use ledger::audit::{DeletionProgress, Deletions, Tombstone};
use ledger::authority::{Authority, AuthorityLost, OwnCondition, RecentAuthority};
use serde_json::json;
use store::transaction::{self, cancellation_reasons, condition_failed};
use store::{Item, StoreError, Table, number, partition_of, sort_key_of};
use telemetry::invocation::Invocation;

use crate::accounts::superusers::CountChange;
use crate::api_keys::{KEYS_OF_LIST, take_keys_of_list};
use crate::error::{ChangeError, IdentityError};
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

/// An account that is about to be closed for good, as it was read.
struct Closing<'a> {
    user_id: UserId,
    status: Status,
    is_staff: bool,
    session_epoch: u64,
    /// The authority of whoever closes it, if it is not its user.
    by: Option<&'a Authority>,
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
    /// the account for the deletion alone. It opens none that staff are deleting.
    ///
    /// # Errors
    /// [`IdentityError::TokenNotValid`] if the account is gone or the token's epoch has passed,
    /// [`IdentityError::UserInactive`] if it is deactivated.
    pub async fn read(&self, person: &LoggedIn) -> Result<Account, IdentityError> {
        let account: Option<Account> = self.table.get(Account::key(person.user_id())).await?;
        let account = account.ok_or(Closed::Gone)?;
        if account.status != Status::Deleting {
            account.admit(Epoch::OfSessions(person.session_epoch()))?;
        } else if account.deleted_by.is_some() {
            return Err(Closed::Deleting.into());
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
            let closing = Closing {
                user_id: person.user_id(),
                status: Status::Active,
                is_staff,
                session_epoch: person.session_epoch(),
                by: None,
            };
            let mut items = vec![self.close_account(&closing)?, self.close_login(person, proven)?];
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

    /// Closes the account of a user for good, whether it is active or deactivated, and records that `authority` did. If
    /// it is closed already, nothing is written. `login` and `seen` are as they were read.
    ///
    /// # Errors
    /// [`ChangeError::LastSuperuser`] if there would be no active superuser any more, [`ChangeError::AuthorityLost`] if the actor is
    /// no longer staff, [`ChangeError::UserNotFound`] if the user has deleted the account meanwhile,
    /// [`ChangeError::Unavailable`] if the outcome is not known.
    pub async fn begin_by_staff(
        &self,
        login: &Login,
        seen: &Account,
        reason: &Reason,
        authority: &RecentAuthority,
        deadline: Timestamp,
    ) -> Result<(), ChangeError> {
        let authority = authority.authority();
        let (user_id, subject) = (login.user_id, ActSubject::User(login.user_id));
        let mut seen = seen.clone();
        for _ in 0..MAX_ROUNDS {
            if seen.status == Status::Deleting {
                return Ok(());
            }
            authority.confirm(user_id, &seen)?;
            let is_counted = seen.staff && seen.status == Status::Active;
            let items = self.parts_by_staff(user_id, &seen, reason, authority)?;
            let token = TokenId::new(&self.clock).to_string();
            let Err(error) = self.table.transact(&token, items, &self.clock, deadline).await else { return Ok(()) };
            let reasons = cancellation_reasons(&error).unwrap_or_default();
            if authority.is_lost(subject, reasons) {
                return Err(AuthorityLost.into());
            }
            match reasons {
                [account, login, ..] if condition_failed(account) || condition_failed(login) => {}
                [_, _, count, ..] if is_counted && condition_failed(count) => return Err(ChangeError::LastSuperuser),
                _ => return Err(StoreError::from(error).into()),
            }
            let account: Option<Account> = self.table.get(Account::key(user_id)).await?;
            seen = account.ok_or(ChangeError::UserNotFound)?;
        }
        Err(ChangeError::Unavailable(Cause::because("too many requests are changing this account")))
    }

    fn parts_by_staff(
        &self,
        user_id: UserId,
        seen: &Account,
        reason: &Reason,
        authority: &Authority,
    ) -> Result<Vec<TransactWriteItem>, StoreError> {
        let closing = Closing {
            user_id,
            status: seen.status,
            is_staff: seen.staff,
            session_epoch: seen.session_epoch,
            by: Some(authority),
        };
        let close_login = self
            .table
            .updating(Login::key(&seen.parsed_username()?))
            .condition_expression("user_id = :user_id")
            .expression_attribute_values(":user_id", AttributeValue::S(user_id.to_string()));
        let mut items = vec![self.close_account(&closing)?, closing_login(close_login, closing.session_epoch)?];
        if seen.staff && seen.status == Status::Active {
            items.push(CountChange::MinusButTheLast.part(&self.table)?);
        }
        let act = Act {
            deed: Deed::BeginDeletion,
            subject: ActSubject::User(user_id),
            before: json!({"status": seen.status.word()}),
            after: json!({"status": Status::Deleting.word()}),
            reason: Some(reason),
        };
        items.extend(authority.parts(&act, &self.table, &self.clock)?);
        Ok(items)
    }

    /// Removes the holds too, so that no capture succeeds: messages in flight store nothing.
    fn close_account(&self, closing: &Closing<'_>) -> Result<TransactWriteItem, StoreError> {
        let Closing { user_id, status, is_staff, session_epoch, by } = closing;
        let seen_staff = if *is_staff { "staff = :staff" } else { "(attribute_not_exists(staff) OR staff = :staff)" };
        let set = "SET #status = :deleting, session_epoch = :next, holds = :none, deletion_began_at = :now, \
                   version = version + :one";
        let own = by.map_or(OwnCondition::None, |authority| authority.own_condition(*user_id));
        let own_staff = own.expression();
        let update = self
            .table
            .updating(Account::key(*user_id))
            .condition_expression(format!("#status = :seen AND session_epoch = :epoch AND {seen_staff} {own_staff}"))
            .expression_attribute_names("#status", "status")
            .expression_attribute_values(":staff", AttributeValue::Bool(*is_staff))
            .expression_attribute_values(":seen", status.attribute_value())
            .expression_attribute_values(":deleting", Status::Deleting.attribute_value())
            .expression_attribute_values(":epoch", number(*session_epoch))
            .expression_attribute_values(":next", number(session_epoch + 1))
            .expression_attribute_values(":none", AttributeValue::M(HashMap::new()))
            .expression_attribute_values(":now", number(self.clock.now().seconds()))
            .expression_attribute_values(":one", number(1_u64));
        transaction::update(
            own.bind(match by {
                None => update.update_expression(set),
                Some(authority) => update
                    .update_expression(format!("{set}, deleted_by = :by"))
                    .expression_attribute_values(":by", AttributeValue::S(authority.actor().to_string())),
            }),
        )
    }

    fn close_login(&self, person: &LoggedIn, proven: &ProvenLogin) -> Result<TransactWriteItem, StoreError> {
        let seen = proven.login().password_hash.as_str().to_owned();
        let update = self
            .table
            .updating(Login::key(proven.username()))
            .condition_expression("user_id = :user_id AND password_hash = :seen")
            .expression_attribute_values(":user_id", AttributeValue::S(person.user_id().to_string()))
            .expression_attribute_values(":seen", AttributeValue::S(seen));
        closing_login(update, person.session_epoch())
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
    /// leaves the tombstone, and the record that a deletion by staff has ended.
    async fn delete_account(
        &self,
        user_id: UserId,
        username: &Username,
        deadline: Timestamp,
    ) -> Result<(), StoreError> {
        let account: Option<Account> = self.table.get(Account::key(user_id)).await?;
        // Another request was faster.
        let Some(Account { deleted_by, .. }) = account else { return Ok(()) };
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
        let mut items = vec![transaction::delete(account)?, transaction::delete(login)?, self.table.put(tombstone)?];
        if let Some(actor) = deleted_by {
            items.extend(self.records_of_end(user_id, actor)?);
        }
        let token = TokenId::new(&self.clock).to_string();
        let Err(error) = self.table.transact(&token, items, &self.clock, deadline).await else { return Ok(()) };
        match cancellation_reasons(&error) {
            // Another request was faster, or an earlier write of this one whose answer was lost.
            Some([account, login, ..]) if condition_failed(account) && condition_failed(login) => Ok(()),
            _ => Err(error.into()),
        }
    }

    /// The records of the end of a deletion, in the name of the superuser who began it. The request is the one that ends it, which
    /// may be a run of the audit.
    fn records_of_end(&self, user_id: UserId, actor: Actor) -> Result<[TransactWriteItem; 3], StoreError> {
        let invocation = Invocation::current();
        let origin = ActOrigin::new(None, invocation.as_ref().map_or("", Invocation::request_id));
        let act = Act {
            deed: Deed::EndDeletion,
            subject: ActSubject::User(user_id),
            before: json!({"status": Status::Deleting.word()}),
            after: json!({}),
            reason: None,
        };
        Signature::new(actor, origin).parts(&act, &self.table, &self.clock)
    }
}

/// Completes the update of a login whose account is closed for good.
fn closing_login(update: UpdateBuilder, session_epoch: u64) -> Result<TransactWriteItem, StoreError> {
    transaction::update(
        update
            .update_expression("SET session_epoch = :next, #status = :deleting REMOVE sessions")
            .expression_attribute_names("#status", "status")
            .expression_attribute_values(":deleting", Status::Deleting.attribute_value())
            .expression_attribute_values(":next", number(session_epoch + 1)),
    )
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
