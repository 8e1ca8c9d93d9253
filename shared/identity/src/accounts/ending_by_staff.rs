//! The end of a user's sessions, or of their API keys, by staff.

use acts::{Act, ActSubject, Deed};
use aws_sdk_dynamodb::types::TransactWriteItem;
use domain::cause::Cause;
use domain::ids::{TokenId, UserId};
use domain::time::Timestamp;
use ledger::account::{Account, Status};
use ledger::authority::{Authority, AuthorityLost};
use serde_json::json;
use store::transaction::{self, cancellation_reasons, condition_failed};
use store::{StoreError, number};

use crate::accounts::registration::Accounts;
use crate::accounts::user_ref::UserRef;
use crate::api_keys::ApiKeys;
use crate::error::ChangeError;
use crate::login::Login;

/// The most rounds of an act that collides with other changes of the account.
const MAX_ROUNDS: usize = 8;

/// The outcome of one write of an act.
enum EndOutcome {
    Done,
    /// Another change was faster, and nothing was written.
    ChangedMeanwhile,
}

impl Accounts {
    /// Ends all sessions of `user`, with their access and refresh tokens. API keys go on.
    ///
    /// A deactivated account has no session: its deactivation ended all of them. Then nothing is written.
    ///
    /// # Errors
    /// As [`Accounts::change`].
    pub async fn end_sessions(
        &self,
        user: &UserRef,
        authority: &Authority,
        deadline: Timestamp,
    ) -> Result<(), ChangeError> {
        for _ in 0..MAX_ROUNDS {
            let (login, account) = self.find_open(user).await?;
            if account.status == Status::Inactive {
                return Ok(());
            }
            authority.confirm(login.user_id, &account)?;
            let items = vec![
                self.raise_session_epoch(login.user_id, &account, authority)?,
                self.raise_copy(login.user_id, &account)?,
            ];
            match self.write_end(Deed::EndSessions, login.user_id, items, authority, deadline).await? {
                EndOutcome::Done => return Ok(()),
                EndOutcome::ChangedMeanwhile => {}
            }
        }
        Err(too_many_changes())
    }

    /// Ends all API keys of `user`. The first transaction ends all of them by their epoch, and deletes the items of some. Further
    /// ones delete those of the others, whose time is over.
    ///
    /// An account without living keys is not written.
    ///
    /// # Errors
    /// As [`Accounts::change`].
    pub async fn end_keys(
        &self,
        user: &UserRef,
        authority: &Authority,
        deadline: Timestamp,
    ) -> Result<(), ChangeError> {
        let api_keys = ApiKeys::new(self.table.clone(), self.clock.clone());
        for _ in 0..MAX_ROUNDS {
            let (login, account) = self.find_open(user).await?;
            let user_id = login.user_id;
            let Some(shortened) = api_keys.ending_all(user_id, &account).await? else { return Ok(()) };
            authority.confirm(user_id, &account)?;
            let mut items = vec![self.raise_key_epoch(user_id, &account, authority)?];
            items.extend(shortened.items);
            match self.write_end(Deed::EndKeys, user_id, items, authority, deadline).await? {
                EndOutcome::Done => {
                    if shortened.has_rest {
                        api_keys.strike_dead(user_id, deadline).await;
                    }
                    return Ok(());
                }
                EndOutcome::ChangedMeanwhile => {}
            }
        }
        Err(too_many_changes())
    }

    async fn find_open(&self, user: &UserRef) -> Result<(Login, Account), ChangeError> {
        let (login, account) = self.find_user(user).await?;
        if account.status == Status::Deleting { Err(ChangeError::DeletionInProgress) } else { Ok((login, account)) }
    }

    /// Writes `items` with the records of the act, which changes nothing that a record could show.
    async fn write_end(
        &self,
        deed: Deed,
        user_id: UserId,
        mut items: Vec<TransactWriteItem>,
        authority: &Authority,
        deadline: Timestamp,
    ) -> Result<EndOutcome, ChangeError> {
        let subject = ActSubject::User(user_id);
        let act = Act { deed, subject, before: json!({}), after: json!({}), reason: None };
        items.extend(authority.parts(&act, &self.table, &self.clock)?);
        let token = TokenId::new(&self.clock).to_string();
        let Err(error) = self.table.transact(&token, items, &self.clock, deadline).await else {
            return Ok(EndOutcome::Done);
        };
        let reasons = cancellation_reasons(&error).unwrap_or_default();
        if authority.is_lost(subject, reasons) {
            return Err(AuthorityLost.into());
        }
        if reasons.iter().any(condition_failed) {
            Ok(EndOutcome::ChangedMeanwhile)
        } else {
            Err(StoreError::from(error).into())
        }
    }

    fn raise_session_epoch(
        &self,
        user_id: UserId,
        account: &Account,
        authority: &Authority,
    ) -> Result<TransactWriteItem, StoreError> {
        let own = authority.own_condition(user_id);
        let update = self
            .table
            .updating(Account::key(user_id))
            .update_expression("SET session_epoch = :next")
            .condition_expression(format!("#status = :active AND session_epoch = :seen {}", own.expression()))
            .expression_attribute_names("#status", "status")
            .expression_attribute_values(":active", Status::Active.attribute_value())
            .expression_attribute_values(":seen", number(account.session_epoch))
            .expression_attribute_values(":next", number(account.session_epoch + 1));
        transaction::update(own.bind(update))
    }

    fn raise_key_epoch(
        &self,
        user_id: UserId,
        account: &Account,
        authority: &Authority,
    ) -> Result<TransactWriteItem, StoreError> {
        let own = authority.own_condition(user_id);
        let update = self
            .table
            .updating(Account::key(user_id))
            .update_expression("SET api_key_epoch = :next ADD keys_version :one")
            .condition_expression(format!("#status = :active AND api_key_epoch = :seen {}", own.expression()))
            .expression_attribute_names("#status", "status")
            .expression_attribute_values(":active", Status::Active.attribute_value())
            .expression_attribute_values(":seen", number(account.api_key_epoch))
            .expression_attribute_values(":next", number(account.api_key_epoch + 1))
            .expression_attribute_values(":one", number(1_u64));
        transaction::update(own.bind(update))
    }
}

fn too_many_changes() -> ChangeError {
    ChangeError::Unavailable(Cause::because("too many requests are changing this account"))
}
