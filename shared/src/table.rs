//! The one DynamoDB table: how it is reached, and its keys.
//!
//! | item | `pk` | `sk` | owner |
//! |---|---|---|---|
//! | login | `LOGIN#<canonical username>` | `LOGIN` | [`crate::accounts`] |
//! | attempts to log in | `LOGIN#<canonical username>` | `ATTEMPTS` | [`crate::attempts`] |
//! | registrations of an hour | `REGISTRATIONS#<network>` | `HOUR#<hours since 1970>` | [`crate::registrations`] |
//! | account | `USER#<user id>` | `ACCOUNT` | [`crate::accounts`], [`crate::ledger`] |
//! | session | `USER#<user id>` | `SESSION#<session id>` | [`crate::sessions`] |
//! | ledger entry | `USER#<user id>` | `ENTRY#<entry id>` | [`crate::ledger`] |
//! | idempotency record | `USER#<user id>` | `IDEMPOTENCY#<digest of the key>` | [`crate::ledger`] |
//! | list of API keys | `USER#<user id>` | `APIKEYS` | [`crate::api_keys`] |
//! | API key | `APIKEY#<digest of the key>` | `APIKEY` | [`crate::api_keys`] |
//! | grant record | `GRANT#<digest of the grant's id>` | `GRANT` | [`crate::ledger`] |
//! | audit's progress | `AUDIT` | `PROGRESS` | [`crate::audit`] |
//! | public key | `JWKS` | `JWK#<key id>` | [`crate::jwt`] |

use std::collections::HashMap;
use std::future::Future;
use std::time::Duration;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::types::builders::{ConditionCheckBuilder, DeleteBuilder, PutBuilder, UpdateBuilder};
use aws_sdk_dynamodb::types::{
    AttributeValue, CancellationReason, ConditionCheck, Delete, KeysAndAttributes, Put,
    ReturnValuesOnConditionCheckFailure, TransactWriteItem, Update,
};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::api_keys::ApiKeyDigest;
use crate::aws::{self, Service};
use crate::error::{ApiError, Cause};
use crate::ids::{EntryId, SessionId, UserId};
use crate::ledger::{GrantId, IdempotencyKey};
use crate::network::SourceNetwork;
use crate::random;
use crate::settings::SettingError;
use crate::time::{Clock, Timestamp};
use crate::username::Username;

/// How often a write that collided with another is tried, and how long it waits at most before
/// the first repetition; the wait doubles up to the last. The SDK does not repeat these by itself.
const MAX_COLLISION_ATTEMPTS: u32 = 10;
const FIRST_COLLISION_WAIT_MS: u64 = 20;
const LAST_COLLISION_WAIT_MS: u64 = 500;

/// What the opening of a connection is worth waiting for at a start.
pub(crate) const WARM_UP_LIMIT: Duration = Duration::from_millis(500);

/// An item as the SDK knows it.
pub(crate) type Item = HashMap<String, AttributeValue>;

/// The table, ready to be asked. Clones share one pool of connections.
#[derive(Clone, Debug)]
pub struct Table {
    client: Client,
    name: String,
}

impl Table {
    /// The table `name`, in the region and with the credentials of the environment.
    /// Nothing is sent before the first request.
    ///
    /// # Errors
    /// [`SettingError`] if AWS cannot be reached with what the environment says.
    pub fn connect(name: &str) -> Result<Self, SettingError> {
        Ok(Self::new(Client::new(&aws::configuration(Service::DynamoDb)?), name))
    }

    /// The table `name`, asked through `client`.
    #[must_use]
    pub fn new(client: Client, name: &str) -> Self {
        Self { client, name: name.to_owned() }
    }

    pub(crate) fn client(&self) -> &Client {
        &self.client
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Reads one item, with everything that was written before.
    pub(crate) async fn get<T: DeserializeOwned>(&self, key: Key) -> Result<Option<T>, ApiError> {
        let answer = self
            .client
            .get_item()
            .table_name(&self.name)
            .set_key(Some(key.into_item()))
            .consistent_read(true)
            .send()
            .await
            .map_err(unavailable)?;
        answer.item.map(from_item).transpose()
    }

    /// Opens a connection before the first request comes, by reading what may not be there. A table that does
    /// not answer ends no start.
    pub(crate) async fn warm_up(&self, key: Key) {
        let reading = self.get::<serde::de::IgnoredAny>(key);
        match tokio::time::timeout(WARM_UP_LIMIT, reading).await {
            Ok(Ok(_)) => {}
            Ok(Err(error)) => tracing::warn!(cause = error.cause(), "no connection to the table yet"),
            Err(_) => tracing::warn!("no connection to the table yet: start-up does not wait for it"),
        }
    }

    /// Reads two items in one request, in the order of their keys, with everything that was
    /// written before.
    pub(crate) async fn get_both(&self, keys: [Key; 2]) -> Result<[Option<Item>; 2], ApiError> {
        let wanted = keys.map(Key::into_item);
        let request = KeysAndAttributes::builder().set_keys(Some(wanted.to_vec())).consistent_read(true).build();
        let request = request.map_err(|error| ApiError::Internal(Cause::new(error)))?;
        let answer = self.client.batch_get_item().request_items(&self.name, request).send().await;
        let answer = answer.map_err(unavailable)?;
        if answer.unprocessed_keys().is_some_and(|keys| !keys.is_empty()) {
            return Err(ApiError::Unavailable(Cause::because("DynamoDB is throttling")));
        }
        let mut found = answer.responses.and_then(|mut tables| tables.remove(&self.name)).unwrap_or_default();
        Ok(wanted.map(|key| {
            let position = found.iter().position(|item| item.get("sk") == key.get("sk"))?;
            Some(found.swap_remove(position))
        }))
    }

    /// Writes all of `items` or none, and tries until `deadline` if they collide with others. The
    /// same `token` within ten minutes writes them only once.
    pub(crate) async fn transact(
        &self,
        token: &str,
        items: Vec<TransactWriteItem>,
        clock: &Clock,
        deadline: Timestamp,
    ) -> Result<(), SdkError<TransactWriteItemsError>> {
        let request = self.client.transact_write_items().client_request_token(token).set_transact_items(Some(items));
        repeat_collisions(clock, deadline, || request.clone().send()).await.map(|_| ())
    }

    /// The beginning of an update in a transaction.
    pub(crate) fn updating(&self, key: Key) -> UpdateBuilder {
        Update::builder().table_name(&self.name).set_key(Some(key.into_item()))
    }

    /// The beginning of a deletion in a transaction.
    pub(crate) fn deleting(&self, key: Key) -> DeleteBuilder {
        Delete::builder().table_name(&self.name).set_key(Some(key.into_item()))
    }

    /// The beginning of a check in a transaction.
    pub(crate) fn checking(&self, key: Key) -> ConditionCheckBuilder {
        ConditionCheck::builder().table_name(&self.name).set_key(Some(key.into_item()))
    }

    /// The part of a transaction that puts `item`.
    pub(crate) fn put(&self, item: Item) -> Result<TransactWriteItem, ApiError> {
        transact_put(Put::builder().table_name(&self.name).set_item(Some(item)))
    }

    /// The part of a transaction that puts `item` if its key is free, and else shows what is there.
    pub(crate) fn put_new(&self, item: Item) -> Result<TransactWriteItem, ApiError> {
        let put = Put::builder().table_name(&self.name).set_item(Some(item));
        transact_put(
            put.condition_expression("attribute_not_exists(pk)")
                .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld),
        )
    }
}

fn transact_put(put: PutBuilder) -> Result<TransactWriteItem, ApiError> {
    let put = put.build().map_err(|error| ApiError::Internal(Cause::new(error)))?;
    Ok(TransactWriteItem::builder().put(put).build())
}

/// The part of a transaction that makes `update`, and else shows what is there.
pub(crate) fn transact_update(update: UpdateBuilder) -> Result<TransactWriteItem, ApiError> {
    let update = update.return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
    let update = update.build().map_err(|error| ApiError::Internal(Cause::new(error)))?;
    Ok(TransactWriteItem::builder().update(update).build())
}

/// The part of a transaction that makes `delete`.
pub(crate) fn transact_delete(delete: DeleteBuilder) -> Result<TransactWriteItem, ApiError> {
    let delete = delete.build().map_err(|error| ApiError::Internal(Cause::new(error)))?;
    Ok(TransactWriteItem::builder().delete(delete).build())
}

/// The part of a transaction that makes `check`, and else shows what is there.
pub(crate) fn transact_check(check: ConditionCheckBuilder) -> Result<TransactWriteItem, ApiError> {
    let check = check.return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
    let check = check.build().map_err(|error| ApiError::Internal(Cause::new(error)))?;
    Ok(TransactWriteItem::builder().condition_check(check).build())
}

/// A primary key.
#[derive(Clone, Debug)]
pub(crate) struct Key {
    partition: String,
    sort: String,
}

impl Key {
    pub(crate) const PARTITION_OF_PUBLIC_KEYS: &str = "JWKS";
    pub(crate) const ACCOUNT: &str = "ACCOUNT";
    pub(crate) const PREFIX_OF_ENTRIES: &str = "ENTRY#";
    pub(crate) const PREFIX_OF_SESSIONS: &str = "SESSION#";

    /// Where everything of a user is.
    pub(crate) fn partition_of(user_id: UserId) -> String {
        format!("USER#{user_id}")
    }

    pub(crate) fn login(username: &Username) -> Self {
        Self { partition: format!("LOGIN#{}", username.canonical()), sort: "LOGIN".to_owned() }
    }

    /// Of any name, also one that nobody has.
    pub(crate) fn attempts(username: &Username) -> Self {
        Self { partition: format!("LOGIN#{}", username.canonical()), sort: "ATTEMPTS".to_owned() }
    }

    pub(crate) fn registrations(network: SourceNetwork, hour: u64) -> Self {
        Self { partition: format!("REGISTRATIONS#{network}"), sort: format!("HOUR#{hour}") }
    }

    pub(crate) fn account(user_id: UserId) -> Self {
        Self { partition: Self::partition_of(user_id), sort: Self::ACCOUNT.to_owned() }
    }

    pub(crate) fn session(user_id: UserId, session_id: SessionId) -> Self {
        Self { partition: Self::partition_of(user_id), sort: format!("{}{session_id}", Self::PREFIX_OF_SESSIONS) }
    }

    pub(crate) fn entry(user_id: UserId, entry_id: EntryId) -> Self {
        Self { partition: Self::partition_of(user_id), sort: format!("{}{entry_id}", Self::PREFIX_OF_ENTRIES) }
    }

    pub(crate) fn idempotency_record(user_id: UserId, key: &IdempotencyKey) -> Self {
        Self { partition: Self::partition_of(user_id), sort: format!("IDEMPOTENCY#{}", key.digest()) }
    }

    /// The list of a user's API keys.
    pub(crate) fn api_keys(user_id: UserId) -> Self {
        Self { partition: Self::partition_of(user_id), sort: "APIKEYS".to_owned() }
    }

    pub(crate) fn api_key(digest: &ApiKeyDigest) -> Self {
        Self { partition: format!("APIKEY#{digest}"), sort: "APIKEY".to_owned() }
    }

    pub(crate) fn grant_record(grant_id: &GrantId) -> Self {
        Self { partition: format!("GRANT#{}", grant_id.digest()), sort: "GRANT".to_owned() }
    }

    pub(crate) fn audit_progress() -> Self {
        Self { partition: "AUDIT".to_owned(), sort: "PROGRESS".to_owned() }
    }

    pub(crate) fn public_key(key_id: &str) -> Self {
        Self { partition: Self::PARTITION_OF_PUBLIC_KEYS.to_owned(), sort: format!("JWK#{key_id}") }
    }

    pub(crate) fn into_item(self) -> Item {
        HashMap::from([
            ("pk".to_owned(), AttributeValue::S(self.partition)),
            ("sk".to_owned(), AttributeValue::S(self.sort)),
        ])
    }

    /// This key with the attributes of `value`.
    pub(crate) fn with(self, value: &impl Serialize) -> Result<Item, ApiError> {
        let mut item: Item = serde_dynamo::to_item(value).map_err(|error| ApiError::Internal(Cause::new(error)))?;
        item.extend(self.into_item());
        Ok(item)
    }
}

pub(crate) fn from_item<T: DeserializeOwned>(item: Item) -> Result<T, ApiError> {
    serde_dynamo::from_item(item).map_err(|error| ApiError::Internal(Cause::new(error)))
}

/// A number as DynamoDB writes it.
pub(crate) fn number(value: impl Into<u64>) -> AttributeValue {
    AttributeValue::N(value.into().to_string())
}

/// A failure of the SDK that no condition explains: the table cannot be reached, or not so.
pub(crate) fn unavailable<E: std::error::Error + 'static>(error: SdkError<E>) -> ApiError {
    ApiError::Unavailable(Cause::new(error))
}

/// Why each item of a transaction was refused, in order; `None` if that is not why it failed.
pub(crate) fn cancellation_reasons(error: &SdkError<TransactWriteItemsError>) -> Option<&[CancellationReason]> {
    match error.as_service_error()? {
        TransactWriteItemsError::TransactionCanceledException(canceled) => Some(canceled.cancellation_reasons()),
        _ => None,
    }
}

/// Whether this item's condition is why the transaction failed.
pub(crate) fn condition_failed(reason: &CancellationReason) -> bool {
    reason.code() == Some("ConditionalCheckFailed")
}

/// A write that was not applied because others got in its way: at the same item, or by their
/// number.
pub(crate) trait Collision {
    fn is_collision(&self) -> bool;
}

impl Collision for UpdateItemError {
    fn is_collision(&self) -> bool {
        matches!(self, Self::TransactionConflictException(_))
    }
}

impl Collision for TransactWriteItemsError {
    /// A transaction that also failed for another reason will not succeed by repeating it.
    fn is_collision(&self) -> bool {
        let Self::TransactionCanceledException(canceled) = self else {
            return matches!(self, Self::TransactionInProgressException(_));
        };
        let mut collides = false;
        for reason in canceled.cancellation_reasons() {
            match reason.code() {
                Some("TransactionConflict" | "ThrottlingError" | "ProvisionedThroughputExceeded") => collides = true,
                None | Some("None") => {}
                Some(_) => return false,
            }
        }
        collides
    }
}

/// Sends a write until it collides with no other, with growing random waits in between, unless the
/// next wait would go beyond `deadline`.
pub(crate) async fn repeat_collisions<T, E, A>(
    clock: &Clock,
    deadline: Timestamp,
    mut send: impl FnMut() -> A,
) -> Result<T, SdkError<E>>
where
    E: Collision,
    A: Future<Output = Result<T, SdkError<E>>>,
{
    let mut most_ms = FIRST_COLLISION_WAIT_MS;
    for _ in 1..MAX_COLLISION_ATTEMPTS {
        let outcome = send().await;
        let collides = outcome.as_ref().err().and_then(SdkError::as_service_error).is_some_and(E::is_collision);
        let wait = random_wait(most_ms);
        if !collides || clock.now().plus(wait) >= deadline {
            return outcome;
        }
        tokio::time::sleep(wait).await;
        most_ms = (most_ms * 2).min(LAST_COLLISION_WAIT_MS);
    }
    send().await
}

/// Up to `most_ms` milliseconds ("full jitter"), so that those who collided do not meet again.
pub(crate) fn random_wait(most_ms: u64) -> Duration {
    // Without randomness everyone waits the longest: slower, and still right.
    let random = random::bits().unwrap_or(u64::MAX);
    Duration::from_millis(random % (most_ms + 1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_sdk_dynamodb::config::http::HttpResponse;
    use aws_sdk_dynamodb::types::error::{TransactionCanceledException, TransactionConflictException};
    use std::cell::Cell;

    const LATER: Timestamp = Timestamp::from_seconds(1_000_060);

    fn clock() -> Clock {
        Clock::manual(Timestamp::from_seconds(1_000_000))
    }

    fn canceled(codes: &[&str]) -> SdkError<TransactWriteItemsError> {
        let reasons = codes.iter().map(|code| CancellationReason::builder().code(*code).build()).collect();
        let error = TransactionCanceledException::builder().set_cancellation_reasons(Some(reasons)).build();
        service_error(TransactWriteItemsError::TransactionCanceledException(error))
    }

    fn service_error<E>(error: E) -> SdkError<E> {
        let response = HttpResponse::new(400.try_into().unwrap(), "".into());
        SdkError::service_error(error, response)
    }

    #[tokio::test(start_paused = true)]
    async fn a_collision_is_repeated_until_it_is_gone() {
        let attempts = Cell::new(0);
        let clock = clock();
        let outcome = repeat_collisions(&clock, LATER, || {
            attempts.set(attempts.get() + 1);
            let outcome = match attempts.get() {
                1 | 2 => Err(canceled(&["None", "TransactionConflict"])),
                _ => Ok(()),
            };
            async { outcome }
        });
        assert!(outcome.await.is_ok());
        assert_eq!(attempts.get(), 3);
    }

    #[tokio::test(start_paused = true)]
    async fn a_collision_is_not_repeated_for_ever() {
        let attempts = Cell::new(0);
        let outcome: Result<(), _> = repeat_collisions(&clock(), LATER, || {
            attempts.set(attempts.get() + 1);
            let error = TransactionConflictException::builder().build();
            async { Err(service_error(UpdateItemError::TransactionConflictException(error))) }
        })
        .await;
        assert!(outcome.is_err());
        assert_eq!(attempts.get(), MAX_COLLISION_ATTEMPTS);
    }

    #[tokio::test(start_paused = true)]
    async fn a_collision_is_not_repeated_beyond_the_deadline() {
        let attempts = Cell::new(0);
        let clock = clock();
        let outcome: Result<(), _> = repeat_collisions(&clock, clock.now(), || {
            attempts.set(attempts.get() + 1);
            async { Err(canceled(&["TransactionConflict"])) }
        })
        .await;
        assert!(outcome.is_err());
        assert_eq!(attempts.get(), 1);
    }

    #[tokio::test]
    async fn a_failed_condition_is_not_repeated() {
        let attempts = Cell::new(0);
        let outcome: Result<(), _> = repeat_collisions(&clock(), LATER, || {
            attempts.set(attempts.get() + 1);
            async { Err(canceled(&["ConditionalCheckFailed", "TransactionConflict"])) }
        })
        .await;
        assert!(outcome.is_err());
        assert_eq!(attempts.get(), 1);
    }
}
