//! Ending all sessions of a user, and their API keys if they wish.

use aws_sdk_dynamodb::types::{AttributeValue, TransactWriteItem};
use domain::cause::Cause;
use domain::ids::{TokenId, UserId};
use domain::time::Timestamp;
use ledger::account::{Account, Status};
use store::transaction::{self, cancellation_reasons, condition_failed};
use store::{StoreError, number};

use crate::accounts::registration::Accounts;
use crate::api_keys::ApiKeys;
use crate::error::IdentityError;
use crate::jwt::RefreshClaim;
use crate::login::Login;
use crate::sessions::Sessions;

/// The most rounds of a logout that collides with other requests of the same user.
const MAX_ROUNDS: usize = 8;

/// The proofs of identity that a logout everywhere ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogoutScope {
    /// All sessions, with their access and refresh tokens. API keys go on.
    Sessions,
    /// All sessions and all API keys.
    SessionsAndApiKeys,
}

impl Accounts {
    /// Ends all sessions of a user, with a refresh token of a living one. The user's access tokens end too, and with
    /// [`LogoutScope::SessionsAndApiKeys`] the API keys.
    ///
    /// One transaction raises the epochs, which ends all of them at once. It deletes the items of some API keys too, and further
    /// transactions those of the others, whose time is over.
    ///
    /// # Errors
    /// [`IdentityError::TokenNotValid`] if the session has ended or the token was replaced,
    /// [`IdentityError::UserInactive`] if the account is deactivated, [`IdentityError::Unavailable`] if the table
    /// cannot be reached or other requests change the account all the while.
    pub async fn log_out_everywhere(
        &self,
        claim: &RefreshClaim,
        scope: LogoutScope,
        deadline: Timestamp,
    ) -> Result<(), IdentityError> {
        let sessions = Sessions::new(self.table.clone(), self.clock.clone());
        let api_keys = ApiKeys::new(self.table.clone(), self.clock.clone());
        for _ in 0..MAX_ROUNDS {
            let account = sessions.account_of(claim).await?;
            let mut has_rest = false;
            let mut items = vec![self.raise_epochs(claim, &account, scope)?, self.raise_copy(claim.user_id, &account)?];
            if scope == LogoutScope::SessionsAndApiKeys {
                let shortened = api_keys.shortening_list(claim.user_id).await?;
                items.extend(shortened.items);
                has_rest = shortened.has_rest;
            }
            let token = TokenId::new(&self.clock).to_string();
            let Err(error) = self.table.transact(&token, items, &self.clock, deadline).await else {
                if has_rest {
                    api_keys.strike_dead(claim.user_id, deadline).await;
                }
                return Ok(());
            };
            if !cancellation_reasons(&error).unwrap_or_default().iter().any(condition_failed) {
                return Err(StoreError::from(error).into());
            }
        }
        Err(IdentityError::Unavailable(Cause::because("too many requests are changing this account")))
    }

    /// Raises the account's epochs, on the condition that its epoch of sessions is the one that was read. If API keys end,
    /// the account says so.
    fn raise_epochs(
        &self,
        claim: &RefreshClaim,
        account: &Account,
        scope: LogoutScope,
    ) -> Result<TransactWriteItem, StoreError> {
        let update = self
            .table
            .updating(Account::key(claim.user_id))
            .condition_expression("#status = :active AND session_epoch = :seen")
            .expression_attribute_names("#status", "status")
            .expression_attribute_values(":active", Status::Active.attribute_value())
            .expression_attribute_values(":seen", number(account.session_epoch))
            .expression_attribute_values(":next", number(account.session_epoch + 1));
        transaction::update(match scope {
            LogoutScope::Sessions => update.update_expression("SET session_epoch = :next"),
            LogoutScope::SessionsAndApiKeys => update
                .condition_expression(
                    "#status = :active AND session_epoch = :seen AND api_key_epoch = :seen_api_key_epoch",
                )
                .expression_attribute_values(":seen_api_key_epoch", number(account.api_key_epoch))
                .update_expression("SET session_epoch = :next, api_key_epoch = :api_key_epoch ADD keys_version :one")
                .expression_attribute_values(":api_key_epoch", number(account.api_key_epoch + 1))
                .expression_attribute_values(":one", number(1_u64)),
        })
    }

    /// Raises the login's copy of the epoch of sessions.
    pub(super) fn raise_copy(&self, user_id: UserId, account: &Account) -> Result<TransactWriteItem, StoreError> {
        transaction::update(
            self.table
                .updating(Login::key(&account.parsed_username()?))
                .update_expression("SET session_epoch = :next REMOVE sessions")
                .condition_expression("user_id = :user_id")
                .expression_attribute_values(":user_id", AttributeValue::S(user_id.to_string()))
                .expression_attribute_values(":next", number(account.session_epoch + 1)),
        )
    }
}
