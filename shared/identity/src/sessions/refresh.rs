//! Continuing a session with its refresh token, and detecting a stolen one.
//!
//! With rotation (RFC 9700, section 4.14.2) each refresh replaces the token. If a token was stolen, sooner or later
//! thief or owner uses one that was replaced. The API cannot tell the two apart, so the session ends for both. Right
//! after its replacement a token still gets the very same successor: two tabs of a browser refresh at once, and answers
//! are lost.

use std::time::Duration;

use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::types::AttributeValue;
use domain::cause::Cause;
use domain::time::Timestamp;
use store::{StoreError, number};

use crate::error::IdentityError;
use crate::jwt::{RefreshClaim, RefreshTerms, Subject};
use crate::sessions::living::{LivingSession, Standing};
use crate::sessions::session::{MAX_ROUNDS, Session, Sessions};

/// The age of `last_used_at` at which it is written again.
const LAST_USED_PRECISION: Duration = Duration::from_secs(60 * 60);

/// The outcome of a refresh.
#[derive(Clone, Copy, Debug)]
pub struct Refreshed {
    /// The subject of the new access token.
    pub subject: Subject,
    /// The new refresh token, if the old one was replaced.
    pub replacement: Option<RefreshTerms>,
}

impl Session {
    /// The terms of the session's current refresh token.
    fn refresh_terms(&self) -> RefreshTerms {
        RefreshTerms {
            id: self.refresh_token_id,
            issued_at: Timestamp::from_milliseconds(self.issued_at_ms),
            expires_at: Timestamp::from_seconds(self.expires_at),
        }
    }
}

impl Sessions {
    /// Continues the session of a refresh token. `next` replaces the token if it is given. A reused token ends the
    /// session.
    ///
    /// # Errors
    /// As [`Sessions::resume`].
    pub async fn refresh(&self, claim: &RefreshClaim, next: Option<RefreshTerms>) -> Result<Refreshed, IdentityError> {
        for _ in 0..MAX_ROUNDS {
            let LivingSession { session, .. } = self.read_open(claim).await?;
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
                (Standing::Reused, _) => {
                    self.end_reused(claim).await?;
                    return Err(IdentityError::TokenNotValid("the refresh token was replaced"));
                }
            }
        }
        Err(IdentityError::Unavailable(Cause::because("too many requests are changing this session")))
    }

    /// Replaces the refresh token of the `seen` session by `next`, and returns whether it was still the current one. A
    /// write whose answer was lost is sent again and finds `next` in place: the next round answers for a token just
    /// replaced.
    async fn rotate(&self, claim: &RefreshClaim, seen: &Session, next: RefreshTerms) -> Result<bool, StoreError> {
        let outcome = self
            .table
            .client()
            .update_item()
            .table_name(self.table.name())
            .set_key(Some(Session::key(claim.user_id, claim.session_id).into_item()))
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
                _ => Err(error.into()),
            },
        }
    }

    /// Ends the session of a reused refresh token.
    async fn end_reused(&self, claim: &RefreshClaim) -> Result<(), StoreError> {
        let (user_id, session_id) = (claim.user_id, claim.session_id);
        tracing::warn!(
            security_event = "refresh_token_reused",
            %user_id,
            %session_id,
            "a refresh token that was replaced was used again: its session ends"
        );
        self.end(user_id, session_id).await
    }

    /// Writes the time of the last use, if the written one is old. It is for the list of sessions alone, so a failure
    /// to write it fails no request.
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
            .set_key(Some(Session::key(claim.user_id, claim.session_id).into_item()))
            .update_expression("SET last_used_at = :now")
            // Without the condition, the update would put back a session that has ended meanwhile.
            .condition_expression("attribute_exists(pk)")
            .expression_attribute_values(":now", number(now.seconds()))
            .send()
            .await;
        if let Err(error) = outcome {
            tracing::warn!(cause = %Cause::new(error), "a session's last use could not be written");
        }
    }
}
