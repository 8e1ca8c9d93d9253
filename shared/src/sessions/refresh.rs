//! Going on with a session by its refresh token, and noticing one that was stolen.
//!
//! With rotation (RFC 9700, section 4.14.2) each refresh replaces the token. Of a family of tokens
//! that follow each other, a thief and the owner would both use one that was replaced, sooner or
//! later: then nobody can say who is who, and the session ends for both. Only right after it was
//! replaced the token before is still answered, with the very same successor: two tabs of a browser
//! refresh at once, and an answer can be lost.

use std::time::Duration;

use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::types::AttributeValue;

use crate::error::ApiError;
use crate::jwt::{RefreshClaim, RefreshTerms, Subject};
use crate::sessions::{MAX_ROUNDS, Session, Sessions};
use crate::table::{Key, OwnedKeys as _, from_item, number, unavailable};
use domain::cause::Cause;
use domain::ids::TokenId;
use domain::time::Timestamp;
use ledger::account::{Account, Epoch};

/// How long after a refresh token was replaced it still gets its successor.
const ROTATION_GRACE: Duration = Duration::from_secs(10);

/// How old `last_used_at` becomes before it is written again.
const LAST_USED_PRECISION: Duration = Duration::from_secs(60 * 60);

/// What a refresh token is exchanged for.
#[derive(Clone, Copy, Debug)]
pub struct Refreshed {
    /// Whom the new access token is for.
    pub subject: Subject,
    /// The new refresh token, if it was replaced.
    pub replacement: Option<RefreshTerms>,
}

/// A session with its account.
pub(super) struct Living {
    pub(super) account: Account,
    session: Session,
}

/// What a refresh token is to its session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Standing {
    /// The one that continues it.
    Current,
    /// The one before, a moment ago.
    JustReplaced,
    /// One that was replaced, and used again.
    Reused,
}

impl Session {
    fn standing(&self, token_id: TokenId, now: Timestamp) -> Standing {
        let replaced_at = Timestamp::from_milliseconds(self.issued_at_ms);
        if token_id == self.refresh_token_id {
            Standing::Current
        } else if Some(token_id) == self.previous_refresh_token_id && now.since(replaced_at) <= ROTATION_GRACE {
            Standing::JustReplaced
        } else {
            Standing::Reused
        }
    }

    /// The terms of its current refresh token.
    fn refresh_terms(&self) -> RefreshTerms {
        RefreshTerms {
            id: self.refresh_token_id,
            issued_at: Timestamp::from_milliseconds(self.issued_at_ms),
            expires_at: Timestamp::from_seconds(self.expires_at),
        }
    }
}

impl Sessions {
    /// Checks that the session of a refresh token may go on, and changes nothing.
    ///
    /// # Errors
    /// [`ApiError::TokenNotValid`] if the session has ended or the token was replaced,
    /// [`ApiError::UserInactive`] if the account is deactivated.
    pub async fn resume(&self, claim: &RefreshClaim) -> Result<(), ApiError> {
        self.read_living(claim).await.map(|_| ())
    }

    /// Goes on with the session of a refresh token, which `next` replaces if there is one. A token
    /// that was replaced before ends the session.
    ///
    /// # Errors
    /// As [`Sessions::resume`].
    pub async fn refresh(&self, claim: &RefreshClaim, next: Option<RefreshTerms>) -> Result<Refreshed, ApiError> {
        for _ in 0..MAX_ROUNDS {
            let Living { session, .. } = self.read_open(claim).await?;
            let subject =
                Subject { user_id: claim.user_id, session_id: claim.session_id, session_epoch: session.session_epoch };
            match (session.standing(claim.token_id, self.clock.now()), next) {
                (Standing::Current, None) => {
                    self.note_use(claim, &session).await;
                    return Ok(Refreshed { subject, replacement: None });
                }
                (Standing::Current, Some(next)) => {
                    if self.rotate(claim, &session, next).await? {
                        return Ok(Refreshed { subject, replacement: Some(next) });
                    }
                }
                (Standing::JustReplaced, _) => {
                    return Ok(Refreshed { subject, replacement: Some(session.refresh_terms()) });
                }
                (Standing::Reused, _) => return Err(self.end_reused(claim).await?),
            }
        }
        Err(ApiError::Unavailable(Cause::because("too many requests are changing this session")))
    }

    /// The session of a refresh token that was not replaced.
    pub(super) async fn read_living(&self, claim: &RefreshClaim) -> Result<Living, ApiError> {
        let living = self.read_open(claim).await?;
        match living.session.standing(claim.token_id, self.clock.now()) {
            Standing::Current | Standing::JustReplaced => Ok(living),
            Standing::Reused => Err(ApiError::TokenNotValid("the session has another refresh token")),
        }
    }

    /// The session of a refresh token, whichever of its tokens it is.
    async fn read_open(&self, claim: &RefreshClaim) -> Result<Living, ApiError> {
        let read = self.read(claim).await?;
        // Two items are not read at one moment: a password change in between may have been seen in the
        // account and not in its own session, which goes on.
        let is_torn = read.session.session_epoch < read.account.session_epoch;
        let Living { account, session } = if is_torn { self.read(claim).await? } else { read };
        account.admit(Epoch::OfSessions(session.session_epoch))?;
        if session.expires_at <= self.clock.now().seconds() {
            return Err(ApiError::TokenNotValid("the session has expired"));
        }
        Ok(Living { account, session })
    }

    async fn read(&self, claim: &RefreshClaim) -> Result<Living, ApiError> {
        let keys = [Key::account(claim.user_id), Key::session(claim.user_id, claim.session_id)];
        let [account, session] = self.table.get_both(keys).await?;
        let account: Account = from_item(account.ok_or(ApiError::TokenNotValid("the account is gone"))?)?;
        let session: Session = from_item(session.ok_or(ApiError::TokenNotValid("the session has ended"))?)?;
        Ok(Living { account, session })
    }

    /// Replaces the refresh token that was seen; says whether it was still there. An attempt whose
    /// answer was lost finds its own replacement: then the token has just been replaced, by it.
    async fn rotate(&self, claim: &RefreshClaim, seen: &Session, next: RefreshTerms) -> Result<bool, ApiError> {
        let outcome = self
            .table
            .client()
            .update_item()
            .table_name(self.table.name())
            .set_key(Some(Key::session(claim.user_id, claim.session_id).into_item()))
            .update_expression(
                "SET refresh_token_id = :next, previous_refresh_token_id = :seen, issued_at_ms = :issued_at_ms, \
                 last_used_at = :now, expires_at = :expires_at",
            )
            .condition_expression("refresh_token_id = :seen AND session_epoch = :epoch")
            .expression_attribute_values(":next", AttributeValue::S(next.id.to_string()))
            .expression_attribute_values(":seen", AttributeValue::S(seen.refresh_token_id.to_string()))
            .expression_attribute_values(":epoch", number(seen.session_epoch))
            .expression_attribute_values(":issued_at_ms", number(next.issued_at.milliseconds()))
            .expression_attribute_values(":now", number(self.clock.now().seconds()))
            .expression_attribute_values(":expires_at", number(next.expires_at.seconds()))
            .send()
            .await;
        match outcome {
            Ok(_) => Ok(true),
            Err(error) => match error.as_service_error() {
                Some(
                    UpdateItemError::ConditionalCheckFailedException(_)
                    | UpdateItemError::TransactionConflictException(_),
                ) => Ok(false),
                _ => Err(unavailable(error)),
            },
        }
    }

    /// Ends the session of a token that was replaced and used again; why, for who used it.
    async fn end_reused(&self, claim: &RefreshClaim) -> Result<ApiError, ApiError> {
        let (user_id, session_id) = (claim.user_id, claim.session_id);
        tracing::warn!(
            security_event = "refresh_token_reused",
            %user_id,
            %session_id,
            "a refresh token that was replaced was used again: its session ends"
        );
        self.end(user_id, session_id).await?;
        Ok(ApiError::TokenNotValid("the refresh token was replaced"))
    }

    /// Writes when the session was last used, once in a while. It is for people to look at: that
    /// it cannot be written is no reason to turn them away.
    async fn note_use(&self, claim: &RefreshClaim, session: &Session) {
        let now = self.clock.now();
        if now.since(Timestamp::from_seconds(session.last_used_at)) < LAST_USED_PRECISION {
            return;
        }
        let outcome = self
            .table
            .client()
            .update_item()
            .table_name(self.table.name())
            .set_key(Some(Key::session(claim.user_id, claim.session_id).into_item()))
            .update_expression("SET last_used_at = :now")
            // An update would put back a session that has ended meanwhile.
            .condition_expression("attribute_exists(pk)")
            .expression_attribute_values(":now", number(now.seconds()))
            .send()
            .await;
        if let Err(error) = outcome {
            tracing::warn!(cause = %Cause::new(error), "a session's last use could not be written");
        }
    }
}
