//! Sessions: each login is one item.

mod capacity;
mod ending;
mod list;
mod refresh;
mod user_agent;

use std::collections::BTreeSet;

use aws_sdk_dynamodb::types::{AttributeValue, CancellationReason, TransactWriteItem};
use serde::{Deserialize, Serialize};

use crate::accounts::Login;
use crate::attempts::Attempt;
use crate::error::ApiError;
use crate::jwt::RefreshTerms;
use crate::password_hash::PasswordHash;
use crate::table::{
    Item, Key, OwnedKeys as _, StoreError, Table, cancellation_reasons, condition_failed, from_item, number,
    transact_update, unavailable,
};
use domain::cause::Cause;
use domain::ids::{SessionId, TokenId, UserId};
use domain::time::{Clock, Timestamp};
use ledger::account::{Account, Epoch, Payer, Status};

pub use list::SessionView;
pub use refresh::Refreshed;
pub use user_agent::UserAgent;

/// How many sessions a user has at most. The next one ends the oldest.
pub const MAX_SESSIONS: usize = 50;

/// Each round but the last met other logins of the same user.
const MAX_ROUNDS: usize = 4;

/// One login: the session item.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Session {
    /// The refresh token that continues it.
    pub refresh_token_id: TokenId,
    /// When that token was issued, in milliseconds since the Unix epoch.
    pub issued_at_ms: u64,
    /// The refresh token before that one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previous_refresh_token_id: Option<TokenId>,
    /// The account's epoch when it began, or when its user last changed the password in it.
    pub session_epoch: u64,
    /// When it began, in RFC 3339.
    pub created_at: String,
    /// When it was last refreshed, give or take an hour, in seconds since the Unix epoch.
    pub last_used_at: u64,
    /// What it was begun with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_agent: Option<UserAgent>,
    /// When it ends, in seconds since the Unix epoch; also what DynamoDB's TTL deletes it by.
    pub expires_at: u64,
}

/// The sessions in the table.
#[derive(Clone, Debug)]
pub struct Sessions {
    table: Table,
    clock: Clock,
}

/// A session about to begin, for the person who has just proved to know the password of `login`.
#[derive(Debug)]
pub struct Opening<'a> {
    /// Their attempt, with the name that they gave.
    pub attempt: &'a Attempt,
    /// The login that it led to.
    pub login: &'a Login,
    /// Replaces the password's hash, if that was made with other parameters than today's.
    pub renewed_hash: Option<&'a PasswordHash>,
    /// The session's first refresh token.
    pub refresh: RefreshTerms,
    /// What they use.
    pub user_agent: Option<UserAgent>,
}

impl Sessions {
    /// The sessions in `table`.
    #[must_use]
    pub fn new(table: Table, clock: Clock) -> Self {
        Self { table, clock }
    }

    /// Begins a session, and ends the oldest if there are too many.
    ///
    /// One transaction: it puts the session if the account is active and of the epoch that the
    /// login showed, and if the login still has the hash that was checked, so that a password
    /// change in between wins. The attempt is given back, and its network is one that the user logged
    /// in from.
    ///
    /// # Errors
    /// [`ApiError::InvalidCredentials`] if login or account changed meanwhile,
    /// [`ApiError::UserInactive`] if the account is deactivated.
    pub async fn begin(&self, opening: &Opening<'_>, deadline: Timestamp) -> Result<SessionId, ApiError> {
        let mut listed = opening.login.sessions.clone();
        for _ in 0..MAX_ROUNDS {
            // Another one each time: an attempt of the round before may arrive late, and must not put back
            // what has been logged out of by then.
            let session_id = SessionId::new(&self.clock);
            if listed.len() >= MAX_SESSIONS {
                self.make_room(opening, &listed).await?;
            }
            let items = vec![
                self.check_account(opening.login.user_id, opening.login.session_epoch)?,
                self.list_in_login(opening, session_id)?,
                self.put_session(opening, session_id)?,
                opening.attempt.give_back(&self.table, self.clock.now())?,
            ];
            let token = session_id.to_string();
            let Err(error) = self.table.transact(&token, items, &self.clock, deadline).await else {
                return Ok(session_id);
            };
            match cancellation_reasons(&error) {
                Some([account, ..]) if condition_failed(account) => return Err(refusal(account.item())?),
                Some([_, login, ..]) if condition_failed(login) => listed = listed_meanwhile(opening, login)?,
                _ => return Err(unavailable(error)),
            }
        }
        Err(ApiError::Unavailable(Cause::because("too many logins of this user at once")))
    }

    /// The account is open, and of this epoch.
    fn check_account(&self, user_id: UserId, session_epoch: u64) -> Result<TransactWriteItem, StoreError> {
        Account::check_open(&self.table, Payer::new(user_id, Epoch::OfSessions(session_epoch)))
    }

    fn list_in_login(&self, opening: &Opening<'_>, session_id: SessionId) -> Result<TransactWriteItem, StoreError> {
        let Opening { attempt, login, renewed_hash, .. } = opening;
        let hash = renewed_hash.unwrap_or(&login.password_hash);
        let update = self
            .table
            .updating(Key::login(attempt.username()))
            .condition_expression(
                "password_hash = :seen AND (attribute_not_exists(sessions) OR size(sessions) < :most)",
            )
            .expression_attribute_values(":seen", AttributeValue::S(login.password_hash.as_str().to_owned()))
            .expression_attribute_values(":hash", AttributeValue::S(hash.as_str().to_owned()))
            .expression_attribute_values(":most", number(MAX_SESSIONS as u64))
            .expression_attribute_values(":session", AttributeValue::Ss(vec![session_id.to_string()]));
        let set = "ADD sessions :session SET password_hash = :hash";
        transact_update(login.trusting(update, set, attempt.network(), self.clock.now()))
    }

    fn put_session(&self, opening: &Opening<'_>, session_id: SessionId) -> Result<TransactWriteItem, StoreError> {
        let now = self.clock.now();
        let session = Session {
            refresh_token_id: opening.refresh.id,
            issued_at_ms: opening.refresh.issued_at.milliseconds(),
            previous_refresh_token_id: None,
            session_epoch: opening.login.session_epoch,
            created_at: now.to_string(),
            last_used_at: now.seconds(),
            user_agent: opening.user_agent.clone(),
            expires_at: opening.refresh.expires_at.seconds(),
        };
        self.table.put(Key::session(opening.login.user_id, session_id).with(&session)?)
    }
}

/// The sessions that the login lists now, if that is why it was refused.
fn listed_meanwhile(opening: &Opening<'_>, login: &CancellationReason) -> Result<BTreeSet<SessionId>, ApiError> {
    let login: Option<Login> = login.item().cloned().map(from_item).transpose()?;
    match login {
        Some(login) if login.password_hash == opening.login.password_hash => Ok(login.sessions),
        // The password that was checked is no longer the one.
        _ => Err(ApiError::InvalidCredentials),
    }
}

/// Why an account does not let a login with the right password in.
fn refusal(account: Option<&Item>) -> Result<ApiError, ApiError> {
    let account: Option<Account> = account.cloned().map(from_item).transpose()?;
    Ok(match account {
        Some(account) if account.status == Status::Inactive => ApiError::UserInactive,
        // Gone or going, or of another epoch: the password that was checked is no longer the one.
        _ => ApiError::InvalidCredentials,
    })
}

#[cfg(test)]
mod tests;
