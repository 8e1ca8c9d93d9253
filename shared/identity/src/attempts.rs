//! Attempts to log in, so that passwords cannot be guessed.
//!
//! Each name, whether anybody has it or not, has an item with a set of its attempts. A login adds
//! its own to the set before the password is hashed, so that a thousand guesses at once cannot all
//! see an empty set, and withdraws it when it succeeds: sets commute, counters do not. What the set
//! says about the next attempt is in `history`:
//!
//! - Of one network ([`SourceNetwork`]), five attempts within fifteen minutes are free. Each further
//!   one waits after the last: 1 s, 2 s, 4 s and so on up to fifteen minutes.
//! - All networks together have a hundred attempts an hour, but for those from which this user has
//!   logged in within thirty days: a stranger cannot lock the owner out.
//!
//! It follows OWASP's Authentication Cheat Sheet ("Account Lockout") and NIST SP 800-63B, section
//! 5.2.2, which asks for at most 100 failures in a row.

mod history;
mod recorded;
mod streak;

use std::time::Duration;

use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::operation::update_item::builders::UpdateItemFluentBuilder;
use aws_sdk_dynamodb::types::{AttributeValue, ReturnValuesOnConditionCheckFailure, TransactWriteItem, Update};

use domain::cause::Cause;
use domain::source_network::SourceNetwork;
use domain::time::{Clock, Timestamp};
use domain::username::Username;
use store::collision::{random_wait, repeat_collisions};
use store::{Item, Key, StoreError, Table, number};

use crate::attempts::history::AttemptHistory;
use crate::attempts::recorded::RecordedAttempt;
use crate::attempts::streak::FREE_ATTEMPTS;
use crate::error::IdentityError;

/// When DynamoDB may delete the item, after its last change: longer than anything in it counts.
const KEPT: Duration = Duration::from_secs(2 * 60 * 60);
/// Each round but the last met another write. Few of them are admitted, so there are few.
const MAX_ROUNDS: usize = 10;
/// Up to how long to wait between them.
const ROUND_WAIT_MS: u64 = 50;

/// The attempts in the table.
#[derive(Clone, Debug)]
pub(crate) struct Attempts {
    table: Table,
    clock: Clock,
}

/// An attempt at a password that was admitted. Unless it is withdrawn, it counts.
#[derive(Debug)]
pub struct PasswordAttempt {
    username: Username,
    network: SourceNetwork,
    recorded: RecordedAttempt,
}

impl PasswordAttempt {
    /// One that was admitted without asking the table.
    #[cfg(any(test, feature = "test-util"))]
    #[must_use]
    #[expect(clippy::missing_panics_doc, clippy::unwrap_used, reason = "tests alone call it")]
    pub fn unrecorded(username: &Username, network: SourceNetwork, at: Timestamp) -> Self {
        let recorded = RecordedAttempt::new(at, network).unwrap();
        Self { username: username.clone(), network, recorded }
    }

    /// The name that it is at.
    #[must_use]
    pub fn username(&self) -> &Username {
        &self.username
    }

    /// Where it comes from.
    #[must_use]
    pub fn network(&self) -> SourceNetwork {
        self.network
    }

    /// The time at which it was made.
    pub(crate) fn made_at(&self) -> Timestamp {
        self.recorded.at
    }

    /// The part of a transaction, without a condition, that withdraws this attempt: it was no guess.
    pub(crate) fn withdraw(&self, table: &Table, now: Timestamp) -> Result<TransactWriteItem, StoreError> {
        // Others may have let it forget its network.
        let own = [self.recorded.to_string(), self.recorded.without_network().to_string()];
        let update = Update::builder()
            .table_name(table.name())
            .set_key(Some(key(&self.username).into_item()))
            .update_expression("DELETE attempts :own ADD revision :one SET expires_at = :expiry")
            .expression_attribute_values(":own", AttributeValue::Ss(own.into()))
            .expression_attribute_values(":one", number(1_u64))
            .expression_attribute_values(":expiry", expiry(now))
            .build()?;
        Ok(TransactWriteItem::builder().update(update).build())
    }
}

/// The outcome of the first write of an attempt.
#[must_use = "an attempt that is to be judged is not admitted yet"]
pub(crate) enum FirstWrite {
    /// The attempt is admitted: there were fewer than any limit is about.
    Admitted,
    /// The attempt was not written. [`Attempts::write_judged`] judges the item that is there.
    ToBeJudged(Item),
}

/// What became of a conditional write.
enum Written {
    Yes,
    /// No, because this is there.
    No(Item),
}

impl Attempts {
    /// The attempts in `table`.
    pub(crate) fn new(table: Table, clock: Clock) -> Self {
        Self { table, clock }
    }

    /// A new attempt, which is neither admitted nor written yet.
    pub(crate) fn new_attempt(
        &self,
        username: &Username,
        network: SourceNetwork,
    ) -> Result<PasswordAttempt, IdentityError> {
        let recorded = RecordedAttempt::new(self.clock.now(), network)?;
        Ok(PasswordAttempt { username: username.clone(), network, recorded })
    }

    /// Adds the attempt to a set of fewer than five, which no limit is about, however old they are.
    /// One that is in already was added before an answer was lost.
    pub(crate) async fn write_unseen(
        &self,
        attempt: &PasswordAttempt,
        deadline: Timestamp,
    ) -> Result<FirstWrite, IdentityError> {
        let own = attempt.recorded.to_string();
        let request = self
            .update(attempt)
            .update_expression("ADD attempts :own, revision :one SET expires_at = :expiry")
            .condition_expression(
                "attribute_not_exists(attempts) OR size(attempts) < :free OR contains(attempts, :own_text)",
            )
            .expression_attribute_values(":own", AttributeValue::Ss(vec![own.clone()]))
            .expression_attribute_values(":own_text", AttributeValue::S(own))
            .expression_attribute_values(":free", number(FREE_ATTEMPTS));
        Ok(match self.write(request, deadline).await? {
            Written::Yes => FirstWrite::Admitted,
            Written::No(seen) => FirstWrite::ToBeJudged(seen),
        })
    }

    /// Judges the set that was `seen` and writes it anew with the attempt in it, if it is still the
    /// one that was judged. The hour's limit spares an attempt from a `trusted` network.
    ///
    /// # Errors
    /// [`IdentityError::Throttled`] if the attempt is not admitted.
    pub(crate) async fn write_judged(
        &self,
        attempt: &PasswordAttempt,
        mut seen: Item,
        trusted: bool,
        deadline: Timestamp,
    ) -> Result<(), IdentityError> {
        let own = &attempt.recorded;
        for _ in 0..MAX_ROUNDS {
            let history = history_of(&seen);
            if history.contains(own) {
                return Ok(());
            }
            let retry_after = history.wait(own.at, attempt.network, trusted);
            if !retry_after.is_zero() {
                return Err(IdentityError::Throttled { retry_after });
            }
            let request = self.replacement(attempt, &history.with(own.clone()), &seen);
            match self.write(request, deadline).await? {
                Written::Yes => return Ok(()),
                Written::No(newer) => seen = newer,
            }
            tokio::time::sleep(random_wait(ROUND_WAIT_MS)).await;
        }
        Err(IdentityError::Unavailable(Cause::because("too many attempts to log in to this name")))
    }

    fn replacement(&self, attempt: &PasswordAttempt, history: &AttemptHistory, seen: &Item) -> UpdateItemFluentBuilder {
        let request = self
            .update(attempt)
            .update_expression("SET attempts = :kept, expires_at = :expiry ADD revision :one")
            .expression_attribute_values(":kept", AttributeValue::Ss(history.texts()));
        match seen.get("revision") {
            Some(revision) => {
                request.condition_expression("revision = :seen").expression_attribute_values(":seen", revision.clone())
            }
            None => request.condition_expression("attribute_not_exists(revision)"),
        }
    }

    /// What both writes have in common.
    fn update(&self, attempt: &PasswordAttempt) -> UpdateItemFluentBuilder {
        self.table
            .client()
            .update_item()
            .table_name(self.table.name())
            .set_key(Some(key(&attempt.username).into_item()))
            .expression_attribute_values(":one", number(1_u64))
            .expression_attribute_values(":expiry", expiry(attempt.recorded.at))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
    }

    async fn write(&self, request: UpdateItemFluentBuilder, deadline: Timestamp) -> Result<Written, StoreError> {
        let outcome = repeat_collisions(&self.clock, deadline, || request.clone().send()).await;
        let Err(error) = outcome else { return Ok(Written::Yes) };
        match error.as_service_error() {
            Some(UpdateItemError::ConditionalCheckFailedException(failed)) => {
                // Without an item DynamoDB's TTL was faster than we.
                Ok(Written::No(failed.item().cloned().unwrap_or_default()))
            }
            _ => Err(error.into()),
        }
    }
}

/// The key of the attempts at one username.
fn key(username: &Username) -> Key {
    Key::new(format!("LOGIN#{}", username.canonical()), "ATTEMPTS")
}

fn history_of(item: &Item) -> AttemptHistory {
    match item.get("attempts") {
        Some(AttributeValue::Ss(texts)) => AttemptHistory::read(texts),
        _ => AttemptHistory::default(),
    }
}

fn expiry(now: Timestamp) -> AttributeValue {
    number(now.plus(KEPT).seconds())
}

#[cfg(test)]
mod tests;
