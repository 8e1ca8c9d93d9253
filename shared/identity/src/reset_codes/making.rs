//! Making a reset code.

use acts::{Act, ActSubject, Actor, Deed};
use aws_sdk_dynamodb::types::{AttributeValue, TransactWriteItem};
use domain::cause::Cause;
use domain::code::ResetCode;
use domain::ids::{TokenId, UserId};
use domain::time::Timestamp;
use ledger::account::{Account, Status};
use ledger::authority::{Authority, AuthorityLost, RecentAuthority};
use serde_json::json;
use store::StoreError;
use store::transaction::{self, cancellation_reasons, condition_failed};

use crate::accounts::UserRef;
use crate::error::ChangeError;
use crate::login::Login;
use crate::reset_codes::item::{RESET_CODE_LIFETIME, ResetCodeDigest, ResetCodes, StoredResetCode};

/// The most rounds of an act that collides with other changes of the account.
const MAX_ROUNDS: usize = 5;

/// A new reset code, which is shown once.
#[derive(Debug)]
pub struct MadeResetCode {
    /// The code.
    pub code: ResetCode,
    /// The time from which it is worthless.
    pub expires_at: Timestamp,
}

/// Why a reset code was not made.
#[derive(Debug, thiserror::Error)]
pub enum MakeResetCodeError {
    /// The account is deactivated: a new password would open nothing.
    #[error("the account is deactivated")]
    Inactive,
    /// It is the actor's own account. A new password takes the old one there, or a stolen token would be worth an account.
    #[error("the account is the actor's own")]
    OwnAccount,
    /// As for a change of the account.
    #[error("{0}")]
    Change(#[from] ChangeError),
}

impl From<StoreError> for MakeResetCodeError {
    fn from(error: StoreError) -> Self {
        Self::Change(error.into())
    }
}

impl From<AuthorityLost> for MakeResetCodeError {
    fn from(lost: AuthorityLost) -> Self {
        Self::Change(lost.into())
    }
}

impl ResetCodes {
    /// Makes a code for `user`. Codes that were made before are worthless from then on. One transaction has the code, the login
    /// that names it, and the act.
    ///
    /// # Errors
    /// [`MakeResetCodeError::Inactive`], [`MakeResetCodeError::OwnAccount`], or as for [`Accounts::change`](crate::accounts::Accounts::change).
    pub async fn make(
        &self,
        user: &UserRef,
        authority: &RecentAuthority,
        deadline: Timestamp,
    ) -> Result<MadeResetCode, MakeResetCodeError> {
        let authority = authority.authority();
        for _ in 0..MAX_ROUNDS {
            let (login, account) = self.accounts.find_user(user).await?;
            match account.status {
                Status::Active => {}
                Status::Inactive => return Err(MakeResetCodeError::Inactive),
                Status::Deleting => return Err(ChangeError::DeletionInProgress.into()),
            }
            if authority.actor() == Actor::Staff(login.user_id) {
                return Err(MakeResetCodeError::OwnAccount);
            }
            let code = ResetCode::new().map_err(|error| ChangeError::Internal(Cause::new(error)))?;
            let made = MadeResetCode { code, expires_at: self.clock.now().plus(RESET_CODE_LIFETIME) };
            let items = self.parts_of(&made, &login, &account, authority)?;
            let token = TokenId::new(&self.clock).to_string();
            let Err(error) = self.table.transact(&token, items, &self.clock, deadline).await else { return Ok(made) };
            let reasons = cancellation_reasons(&error).unwrap_or_default();
            if authority.is_lost(ActSubject::User(login.user_id), reasons) {
                return Err(AuthorityLost.into());
            }
            if !reasons.iter().any(condition_failed) {
                return Err(StoreError::from(error).into());
            }
        }
        Err(ChangeError::Unavailable(Cause::because("too many requests are changing this account")).into())
    }

    fn parts_of(
        &self,
        made: &MadeResetCode,
        login: &Login,
        account: &Account,
        authority: &Authority,
    ) -> Result<Vec<TransactWriteItem>, StoreError> {
        let (user_id, digest) = (login.user_id, ResetCodeDigest::of(&made.code));
        let (by, expires_at) = (authority.actor(), made.expires_at.seconds());
        let stored = StoredResetCode { user_id, by, expires_at };
        let name_it = self
            .table
            .updating(Login::key(&account.parsed_username()?))
            .update_expression("SET #reset = :digest")
            .condition_expression("user_id = :user_id")
            .expression_attribute_names("#reset", Login::RESET)
            .expression_attribute_values(":digest", digest.attribute_value())
            .expression_attribute_values(":user_id", AttributeValue::S(user_id.to_string()));
        let act = Act {
            deed: Deed::MakeResetCode,
            subject: ActSubject::User(user_id),
            before: json!({}),
            after: json!({"expires_at": made.expires_at.to_string()}),
            reason: None,
        };
        let mut items = vec![
            self.table.put_new(StoredResetCode::key(&digest).with(&stored)?)?,
            transaction::update(name_it)?,
            self.check_active(user_id)?,
        ];
        items.extend(authority.parts(&act, &self.table, &self.clock)?);
        Ok(items)
    }

    fn check_active(&self, user_id: UserId) -> Result<TransactWriteItem, StoreError> {
        transaction::check(
            self.table
                .checking(Account::key(user_id))
                .condition_expression("#status = :active")
                .expression_attribute_names("#status", "status")
                .expression_attribute_values(":active", Status::Active.attribute_value()),
        )
    }
}
