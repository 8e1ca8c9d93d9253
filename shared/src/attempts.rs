//! Attempts to log in, so that passwords cannot be guessed.
//!
//! Each name, whether anybody has it or not, has an item with a set of its attempts. A login adds
//! its own to the set before the password is hashed, so that a thousand guesses at once cannot all
//! see an empty set, and takes it back when it succeeds: sets commute, counters do not. What the set
//! says about the next attempt is in [`record`]:
//!
//! - Of one network ([`SourceNetwork`]), five attempts within fifteen minutes are free. Each further
//!   one waits after the last: 1 s, 2 s, 4 s and so on up to fifteen minutes.
//! - All networks together have a hundred attempts an hour, but for those from which this user has
//!   logged in within thirty days: a stranger cannot lock the owner out.
//!
//! It follows OWASP's Authentication Cheat Sheet ("Account Lockout") and NIST SP 800-63B, section
//! 5.2.2, which asks for at most 100 failures in a row.

mod record;
mod recorded;
mod streak;

use std::time::Duration;

use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::operation::update_item::builders::UpdateItemFluentBuilder;
use aws_sdk_dynamodb::types::{AttributeValue, ReturnValuesOnConditionCheckFailure, TransactWriteItem, Update};

use crate::accounts::Login;
use crate::error::ApiError;
use crate::password_hash::PasswordHash;
use crate::table::{Item, Key, OwnedKeys as _, StoreError, Table, number, random_wait, repeat_collisions, unavailable};
use domain::cause::Cause;
use domain::password::Password;
use domain::source_network::SourceNetwork;
use domain::time::{Clock, Timestamp};
use domain::username::Username;
use telemetry::invocation::identify;

use record::Record;
use recorded::RecordedAttempt;
use streak::FREE_ATTEMPTS;

/// When DynamoDB may delete the item, after its last change: longer than anything in it counts.
const KEPT: Duration = Duration::from_secs(2 * 60 * 60);
/// Each round but the last met another write. Few of them are admitted, so there are few.
const MAX_ROUNDS: usize = 10;
/// Up to how long to wait between them.
const ROUND_WAIT_MS: u64 = 50;

/// The attempts in the table.
#[derive(Clone, Debug)]
pub struct Attempts {
    table: Table,
    clock: Clock,
}

/// An attempt that was admitted. Unless it is given back, it counts.
#[derive(Debug)]
pub struct Attempt {
    username: Username,
    network: SourceNetwork,
    recorded: RecordedAttempt,
}

impl Attempt {
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

    /// The part of a transaction, without a condition, that takes this attempt back: it was no
    /// guess.
    pub(crate) fn give_back(&self, table: &Table, now: Timestamp) -> Result<TransactWriteItem, StoreError> {
        // Others may have let it forget its network.
        let own = [self.recorded.to_string(), self.recorded.without_network().to_string()];
        let update = Update::builder()
            .table_name(table.name())
            .set_key(Some(Key::attempts(&self.username).into_item()))
            .update_expression("DELETE attempts :own ADD revision :one SET expires_at = :expiry")
            .expression_attribute_values(":own", AttributeValue::Ss(own.into()))
            .expression_attribute_values(":one", number(1_u64))
            .expression_attribute_values(":expiry", expiry(now))
            .build()?;
        Ok(TransactWriteItem::builder().update(update).build())
    }
}

/// What became of a conditional write.
enum Written {
    Yes,
    /// No, because this is there.
    No(Item),
}

impl Attempts {
    /// The attempts in `table`.
    #[must_use]
    pub fn new(table: Table, clock: Clock) -> Self {
        Self { table, clock }
    }

    /// The login of whoever has the name `username`, if `password` is theirs. The attempt is counted
    /// before the password is hashed, so that guesses at once do not all see that none was made; an
    /// unknown name costs the time of a wrong password, so that neither can be told apart.
    ///
    /// # Errors
    /// [`ApiError::InvalidCredentials`] if nobody has the name or the password is not theirs; else as
    /// [`Attempts::find_login`].
    pub async fn prove(
        &self,
        username: &Username,
        password: &Password,
        network: SourceNetwork,
        deadline: Timestamp,
    ) -> Result<(Login, Attempt), ApiError> {
        let (found, attempt) = self.find_login(username, network, deadline).await?;
        let matches = PasswordHash::matches(found.as_ref().map(|login| &login.password_hash), password)?;
        let login = found.filter(|_| matches).ok_or(ApiError::InvalidCredentials)?;
        identify(login.user_id);
        Ok((login, attempt))
    }

    /// Who has the name `username`, if anybody, for an attempt from `network` to log in. The attempt
    /// counts from here on, until it is given back as its session begins
    /// ([`crate::sessions::Sessions::begin`]).
    ///
    /// # Errors
    /// [`ApiError::Throttled`] if the attempt is not admitted, whoever makes it and whether anybody
    /// has the name or not; [`ApiError::Unavailable`] if the table cannot be reached.
    pub async fn find_login(
        &self,
        username: &Username,
        network: SourceNetwork,
        deadline: Timestamp,
    ) -> Result<(Option<Login>, Attempt), ApiError> {
        let recorded = RecordedAttempt::new(self.clock.now(), network)?;
        let attempt = Attempt { username: username.clone(), network, recorded };
        let (login, written) =
            tokio::join!(self.table.get::<Login>(Key::login(username)), self.write_unseen(&attempt, deadline));
        let (login, written) = (login?, written?);
        if let Written::No(seen) = written {
            let trusted = login.as_ref().is_some_and(|login| login.trusts(network, attempt.recorded.at));
            // Boxed: it is rare, and large.
            Box::pin(self.write_judged(&attempt, seen, trusted, deadline)).await?;
        }
        Ok((login, attempt))
    }

    /// Adds the attempt to a set of fewer than five, which no limit is about, however old they are.
    /// One that is in already was added before an answer was lost.
    async fn write_unseen(&self, attempt: &Attempt, deadline: Timestamp) -> Result<Written, ApiError> {
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
        self.write(request, deadline).await
    }

    /// Judges the set that was `seen` and writes it anew with the attempt in it, if it is still the
    /// one that was judged.
    async fn write_judged(
        &self,
        attempt: &Attempt,
        mut seen: Item,
        trusted: bool,
        deadline: Timestamp,
    ) -> Result<(), ApiError> {
        let own = &attempt.recorded;
        for _ in 0..MAX_ROUNDS {
            let record = record_of(&seen);
            if record.contains(own) {
                return Ok(());
            }
            let retry_after = record.wait(own.at, attempt.network, trusted);
            if !retry_after.is_zero() {
                return Err(ApiError::Throttled { retry_after });
            }
            let request = self.replacement(attempt, &record.with(own.clone()), &seen);
            match self.write(request, deadline).await? {
                Written::Yes => return Ok(()),
                Written::No(newer) => seen = newer,
            }
            tokio::time::sleep(random_wait(ROUND_WAIT_MS)).await;
        }
        Err(ApiError::Unavailable(Cause::because("too many attempts to log in to this name")))
    }

    fn replacement(&self, attempt: &Attempt, record: &Record, seen: &Item) -> UpdateItemFluentBuilder {
        let request = self
            .update(attempt)
            .update_expression("SET attempts = :kept, expires_at = :expiry ADD revision :one")
            .expression_attribute_values(":kept", AttributeValue::Ss(record.texts()));
        match seen.get("revision") {
            Some(revision) => {
                request.condition_expression("revision = :seen").expression_attribute_values(":seen", revision.clone())
            }
            None => request.condition_expression("attribute_not_exists(revision)"),
        }
    }

    /// What both writes have in common.
    fn update(&self, attempt: &Attempt) -> UpdateItemFluentBuilder {
        self.table
            .client()
            .update_item()
            .table_name(self.table.name())
            .set_key(Some(Key::attempts(&attempt.username).into_item()))
            .expression_attribute_values(":one", number(1_u64))
            .expression_attribute_values(":expiry", expiry(attempt.recorded.at))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
    }

    async fn write(&self, request: UpdateItemFluentBuilder, deadline: Timestamp) -> Result<Written, ApiError> {
        let outcome = repeat_collisions(&self.clock, deadline, || request.clone().send()).await;
        let Err(error) = outcome else { return Ok(Written::Yes) };
        match error.as_service_error() {
            Some(UpdateItemError::ConditionalCheckFailedException(failed)) => {
                // Without an item DynamoDB's TTL was faster than we.
                Ok(Written::No(failed.item().cloned().unwrap_or_default()))
            }
            _ => Err(unavailable(error)),
        }
    }
}

fn record_of(item: &Item) -> Record {
    match item.get("attempts") {
        Some(AttributeValue::Ss(texts)) => Record::read(texts),
        _ => Record::default(),
    }
}

fn expiry(now: Timestamp) -> AttributeValue {
    number(now.plus(KEPT).seconds())
}

#[cfg(test)]
mod tests;
