//! Using a reset code.

use acts::Actor;
use aws_sdk_dynamodb::types::{AttributeValue, TransactWriteItem};
use domain::cause::Cause;
use domain::code::ResetCode;
use domain::ids::TokenId;
use domain::time::Timestamp;
use domain::username::Username;
use ledger::account::{Account, Status};
use store::transaction::{self, cancellation_reasons, condition_failed};
use store::{StoreError, number};
use telemetry::invocation::identify;

use crate::login::Login;
use crate::password_hash::PasswordHash;
use crate::reset_codes::item::{ResetCodeDigest, ResetCodes, StoredResetCode};

/// A code that can be used, and the account whose password it sets.
#[derive(Debug)]
pub struct FoundResetCode {
    digest: ResetCodeDigest,
    username: Username,
    account: Account,
    login: Login,
}

impl FoundResetCode {
    /// The name of the user, which a new password may not be like.
    #[must_use]
    pub fn username(&self) -> &Username {
        &self.username
    }
}

/// Why a code sets no password.
#[derive(Debug, thiserror::Error)]
pub enum ResetCodeError {
    /// It is unknown, used or overtaken, its day is over, its maker is no superuser any more, or its user is gone or deactivated. The answer tells none of these from
    /// another.
    #[error("the code sets no password")]
    Worthless,
    /// The table cannot be reached. Whether a write was applied is not known.
    #[error("{0}")]
    Unavailable(Cause),
    /// A fault in this code or its data.
    #[error("{0}")]
    Internal(Cause),
}

impl From<StoreError> for ResetCodeError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Unavailable(cause) => Self::Unavailable(cause),
            StoreError::Internal(cause) => Self::Internal(cause),
        }
    }
}

impl ResetCodes {
    /// Finds a code that can be used now.
    ///
    /// # Errors
    /// [`ResetCodeError::Worthless`] for any other code, [`ResetCodeError::Unavailable`] if the table cannot be read.
    pub async fn find(&self, code: &ResetCode) -> Result<FoundResetCode, ResetCodeError> {
        let digest = ResetCodeDigest::of(code);
        let stored: Option<StoredResetCode> = self.table.get(StoredResetCode::key(&digest)).await?;
        let now = self.clock.now();
        let stored = stored.filter(|stored| !stored.has_expired(now)).ok_or(ResetCodeError::Worthless)?;
        let account: Option<Account> = self.table.get(Account::key(stored.user_id)).await?;
        let account = account.filter(|account| account.status == Status::Active).ok_or(ResetCodeError::Worthless)?;
        if !self.has_authority(stored.by).await? {
            return Err(ResetCodeError::Worthless);
        }
        let username = account.parsed_username()?;
        let login: Option<Login> = self.table.get(Login::key(&username)).await?;
        let names_it = |login: &Login| login.user_id == stored.user_id && login.reset.as_ref() == Some(&digest);
        let login = login.filter(names_it).ok_or(ResetCodeError::Worthless)?;
        Ok(FoundResetCode { digest, username, account, login })
    }

    /// Whether the maker of a code could still make one: whoever is demoted or deactivated leaves none that counts.
    async fn has_authority(&self, maker: Actor) -> Result<bool, StoreError> {
        let Actor::Staff(user_id) = maker else { return Ok(true) };
        let account: Option<Account> = self.table.get(Account::key(user_id)).await?;
        Ok(account.is_some_and(|account| account.staff && account.status == Status::Active))
    }

    /// Sets the password of the user of `found`, which ends all sessions and access tokens. API keys go on, as they do after a
    /// change of the password. One transaction uses the code up, and writes nothing unless all is as it was found.
    ///
    /// # Errors
    /// [`ResetCodeError::Worthless`] if the code was used or overtaken meanwhile, or the account has changed,
    /// [`ResetCodeError::Unavailable`] if the outcome is not known.
    pub async fn reset(
        &self,
        found: &FoundResetCode,
        new_hash: &PasswordHash,
        deadline: Timestamp,
    ) -> Result<(), ResetCodeError> {
        let items = vec![self.use_up(found)?, self.replace_hash(found, new_hash)?, self.raise_epoch(found)?];
        let token = TokenId::new(&self.clock).to_string();
        let Err(error) = self.table.transact(&token, items, &self.clock, deadline).await else {
            identify(found.login.user_id);
            return Ok(());
        };
        let reasons = cancellation_reasons(&error).unwrap_or_default();
        if reasons.iter().any(condition_failed) {
            Err(ResetCodeError::Worthless)
        } else {
            Err(StoreError::from(error).into())
        }
    }

    fn use_up(&self, found: &FoundResetCode) -> Result<TransactWriteItem, StoreError> {
        transaction::delete(
            self.table
                .deleting(StoredResetCode::key(&found.digest))
                .condition_expression("attribute_exists(pk) AND expires_at > :now")
                .expression_attribute_values(":now", number(self.clock.now().seconds())),
        )
    }

    fn replace_hash(&self, found: &FoundResetCode, new_hash: &PasswordHash) -> Result<TransactWriteItem, StoreError> {
        transaction::update(
            self.table
                .updating(Login::key(&found.username))
                .update_expression("SET password_hash = :new, session_epoch = :next REMOVE sessions, #reset")
                .condition_expression("user_id = :user_id AND #reset = :digest")
                .expression_attribute_names("#reset", Login::RESET)
                .expression_attribute_values(":digest", found.digest.attribute_value())
                .expression_attribute_values(":user_id", AttributeValue::S(found.login.user_id.to_string()))
                .expression_attribute_values(":new", AttributeValue::S(new_hash.as_str().to_owned()))
                .expression_attribute_values(":next", number(found.next_epoch())),
        )
    }

    fn raise_epoch(&self, found: &FoundResetCode) -> Result<TransactWriteItem, StoreError> {
        transaction::update(
            self.table
                .updating(Account::key(found.login.user_id))
                .update_expression("SET session_epoch = :next")
                .condition_expression("#status = :active AND session_epoch = :seen")
                .expression_attribute_names("#status", "status")
                .expression_attribute_values(":active", Status::Active.attribute_value())
                .expression_attribute_values(":seen", number(found.account.session_epoch))
                .expression_attribute_values(":next", number(found.next_epoch())),
        )
    }
}

impl FoundResetCode {
    fn next_epoch(&self) -> u64 {
        self.account.session_epoch.max(self.login.session_epoch) + 1
    }
}
