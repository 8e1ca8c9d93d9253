//! Beginning a session.

use std::collections::BTreeSet;

use aws_sdk_dynamodb::types::{AttributeValue, CancellationReason, TransactWriteItem};
use domain::cause::Cause;
use domain::ids::SessionId;
use domain::time::Timestamp;
use ledger::account::{Account, Epoch, Payer, Status};
use store::transaction::{self, cancellation_reasons, condition_failed};
use store::{Item, StoreError, from_item, number};

use crate::error::IdentityError;
use crate::login::{LIST_BY_NAME, Login};
use crate::sessions::opening::Opening;
use crate::sessions::session::{MAX_ROUNDS, MAX_SESSIONS, Session, Sessions};

impl Sessions {
    /// Begins a session, and ends the oldest one if the user has too many.
    ///
    /// One transaction puts the session if the account is active and of the epoch that the login showed, and if the
    /// login still has the hash that was checked: a password change in between wins. The same transaction trusts the
    /// network.
    ///
    /// # Errors
    /// [`IdentityError::InvalidCredentials`] if login or account have changed meanwhile,
    /// [`IdentityError::UserInactive`] if the account is deactivated.
    pub async fn begin(&self, opening: &Opening<'_>, deadline: Timestamp) -> Result<SessionId, IdentityError> {
        let login = opening.proven.login();
        let payer = Payer::new(login.user_id, Epoch::OfSessions(login.session_epoch));
        let mut listed = login.sessions.clone();
        for _ in 0..MAX_ROUNDS {
            // Each round has a new id: a late write of an earlier round must not put back a session that was ended
            // since.
            let session_id = SessionId::new(&self.clock);
            if listed.len() >= MAX_SESSIONS {
                self.make_room(opening, &listed).await?;
            }
            let items = vec![
                Account::check_open(&self.table, payer)?,
                self.list_in_login(opening, session_id)?,
                self.put_session(opening, session_id)?,
            ];
            let token = session_id.to_string();
            let Err(error) = self.table.transact(&token, items, &self.clock, deadline).await else {
                return Ok(session_id);
            };
            match cancellation_reasons(&error) {
                Some([account, ..]) if condition_failed(account) => return Err(refusal(account.item())?),
                Some([_, login, ..]) if condition_failed(login) => listed = listed_meanwhile(opening, login)?,
                _ => return Err(StoreError::from(error).into()),
            }
        }
        Err(IdentityError::Unavailable(Cause::because("too many logins of this user at once")))
    }

    fn list_in_login(&self, opening: &Opening<'_>, session_id: SessionId) -> Result<TransactWriteItem, StoreError> {
        let proven = opening.proven;
        let login = proven.login();
        let hash = opening.renewed_hash.unwrap_or(&login.password_hash);
        let update = self
            .table
            .updating(Login::key(proven.username()))
            .condition_expression(
                "password_hash = :seen AND (attribute_not_exists(sessions) OR size(sessions) < :most)",
            )
            .expression_attribute_values(":seen", AttributeValue::S(login.password_hash.as_str().to_owned()))
            .expression_attribute_values(":hash", AttributeValue::S(hash.as_str().to_owned()))
            .expression_attribute_values(":most", number(MAX_SESSIONS as u64))
            .expression_attribute_values(":session", AttributeValue::Ss(vec![session_id.to_string()]));
        let set = format!("ADD sessions :session SET password_hash = :hash, {LIST_BY_NAME}");
        let update = Login::listing(update, proven.username());
        transaction::update(login.trusting(update, &set, proven.network(), self.clock.now()))
    }

    fn put_session(&self, opening: &Opening<'_>, session_id: SessionId) -> Result<TransactWriteItem, StoreError> {
        let now = self.clock.now();
        let session = Session {
            refresh_token_id: opening.refresh.id,
            issued_at_ms: opening.refresh.issued_at.milliseconds(),
            previous_refresh_token_id: None,
            session_epoch: opening.proven.login().session_epoch,
            created_at: now.to_string(),
            last_used_at: now.seconds(),
            user_agent: opening.user_agent.clone(),
            expires_at: opening.refresh.expires_at.seconds(),
        };
        self.table.put(Session::key(opening.proven.login().user_id, session_id).with(&session)?)
    }
}

/// The sessions that the login lists now, if their number is why the condition failed.
fn listed_meanwhile(opening: &Opening<'_>, login: &CancellationReason) -> Result<BTreeSet<SessionId>, IdentityError> {
    let login: Option<Login> = login.item().cloned().map(from_item).transpose()?;
    match login {
        Some(login) if login.password_hash == opening.proven.login().password_hash => Ok(login.sessions),
        // The password has changed since it was checked.
        _ => Err(IdentityError::InvalidCredentials),
    }
}

/// The error of a login with the right password whose account is not open.
fn refusal(account: Option<&Item>) -> Result<IdentityError, IdentityError> {
    let account: Option<Account> = account.cloned().map(from_item).transpose()?;
    Ok(match account {
        Some(account) if account.status == Status::Inactive => IdentityError::UserInactive,
        // The account is gone, being deleted or of another epoch: the login that was read is no longer valid.
        _ => IdentityError::InvalidCredentials,
    })
}
