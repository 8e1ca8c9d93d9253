//! The table: reads, transactions and their parts.

use std::time::Duration;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::operation::query::builders::QueryFluentBuilder;
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::operation::update_item::builders::UpdateItemFluentBuilder;
use aws_sdk_dynamodb::types::builders::{ConditionCheckBuilder, DeleteBuilder, UpdateBuilder};
use aws_sdk_dynamodb::types::{
    AttributeValue, ConditionCheck, Delete, DeleteRequest, KeysAndAttributes, Put, ReturnValuesOnConditionCheckFailure,
    TransactWriteItem, Update, WriteRequest,
};
use cloud::Service;
use domain::cause::Cause;
use domain::ids::UserId;
use domain::setting::SettingError;
use domain::time::{Clock, Timestamp};
use serde::de::DeserializeOwned;

use crate::collision::{random_wait, repeat_collisions};
use crate::{Item, Key, StoreError, from_item, partition_of, transaction};

/// Longest time of one request to the table, all of the SDK's attempts together.
pub const REQUEST_TIMEOUT: Duration = cloud::OPERATION_TIMEOUT;

/// Timeout for opening a connection at start-up.
pub const WARM_UP_LIMIT: Duration = Duration::from_millis(500);

/// The most items of one `BatchGetItem`.
pub const MAX_BATCH_ITEMS: usize = 100;
/// The most times that a batch is sent again for the items that DynamoDB left out.
const MAX_BATCH_REPETITIONS: u32 = 4;
/// Half of the longest wait before the first of these repetitions, in milliseconds. It doubles with each.
const BATCH_WAIT_MS: u64 = 25;

/// The most items of a `BatchWriteItem`.
const DELETED_AT_ONCE: usize = 25;
/// The number of these batches under way at once.
const BATCHES_UNDER_WAY: usize = 4;
/// The most times that such a batch is sent while DynamoDB leaves some of it unprocessed, and the pause in between.
const MAX_BATCH_ATTEMPTS: u32 = 8;
const BATCH_PAUSE: Duration = Duration::from_millis(50);

/// A client of the table. Clones share one pool of connections.
#[derive(Clone, Debug)]
pub struct Table {
    client: Client,
    name: String,
}

impl Table {
    /// The table `name`, in the region and with the credentials of the environment. Nothing is sent before the first
    /// request.
    ///
    /// # Errors
    /// [`SettingError`] for a setting of [`cloud::configuration`] that is missing or cannot be used.
    pub fn connect(name: &str) -> Result<Self, SettingError> {
        Ok(Self::new(Client::new(&cloud::configuration(Service::DynamoDb)?), name))
    }

    /// The table `name`, reached through `client`.
    #[must_use]
    pub fn new(client: Client, name: &str) -> Self {
        Self { client, name: name.to_owned() }
    }

    /// The client, for requests that have no method here.
    #[must_use]
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// The name of the table.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Reads one item. The read is consistent: it sees all earlier writes.
    ///
    /// # Errors
    /// [`StoreError`] if the table cannot be reached, or the item is not a `T`.
    pub async fn get<T: DeserializeOwned>(&self, key: Key) -> Result<Option<T>, StoreError> {
        self.get_item(key, true).await
    }

    /// Reads one item at half the price. The read may miss the writes of the last second.
    ///
    /// # Errors
    /// As [`Table::get`].
    pub async fn get_eventually<T: DeserializeOwned>(&self, key: Key) -> Result<Option<T>, StoreError> {
        self.get_item(key, false).await
    }

    async fn get_item<T: DeserializeOwned>(&self, key: Key, consistent: bool) -> Result<Option<T>, StoreError> {
        self.get_unread(key, consistent).await?.map(from_item).transpose()
    }

    async fn get_unread(&self, key: Key, consistent: bool) -> Result<Option<Item>, StoreError> {
        let answer = self
            .client
            .get_item()
            .table_name(&self.name)
            .set_key(Some(key.into_item()))
            .consistent_read(consistent)
            .send()
            .await?;
        Ok(answer.item)
    }

    /// Reads items in one consistent request, in no order. Items that are not there are missing from the answer. There may
    /// be at most [`MAX_BATCH_ITEMS`] keys, all of which differ; the items together should stay below DynamoDB's 16 MB.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] if the table cannot be reached, or still leaves items out after some repetitions.
    pub async fn get_all(&self, keys: impl IntoIterator<Item = Key>) -> Result<Vec<Item>, StoreError> {
        self.get_batch(keys, true).await
    }

    /// Reads items at half the price. The read may miss the writes of the last second.
    ///
    /// # Errors
    /// As [`Table::get_all`].
    pub async fn get_all_eventually(&self, keys: impl IntoIterator<Item = Key>) -> Result<Vec<Item>, StoreError> {
        self.get_batch(keys, false).await
    }

    async fn get_batch(&self, keys: impl IntoIterator<Item = Key>, consistent: bool) -> Result<Vec<Item>, StoreError> {
        let mut wanted: Vec<Item> = keys.into_iter().map(Key::into_item).collect();
        let mut found = Vec::new();
        for repetition in 0..=MAX_BATCH_REPETITIONS {
            if wanted.is_empty() {
                return Ok(found);
            }
            if repetition > 0 {
                tokio::time::sleep(random_wait(BATCH_WAIT_MS << repetition)).await;
            }
            let request = KeysAndAttributes::builder().set_keys(Some(wanted)).consistent_read(consistent).build()?;
            let answer = self.client.batch_get_item().request_items(&self.name, request).send().await?;
            found.extend(answer.responses.and_then(|mut tables| tables.remove(&self.name)).unwrap_or_default());
            let left = answer.unprocessed_keys.and_then(|mut tables| tables.remove(&self.name));
            wanted = left.map(|left| left.keys).unwrap_or_default();
        }
        Err(StoreError::Unavailable(Cause::because("DynamoDB is throttling")))
    }

    /// Reads each of these items in one consistent request, in the order of their keys, all of which differ.
    ///
    /// # Errors
    /// As [`Table::get_all`].
    pub async fn get_each<const N: usize>(&self, keys: [Key; N]) -> Result<[Option<Item>; N], StoreError> {
        let mut found = self.get_all(keys.clone()).await?;
        Ok(keys.map(|key| take_item(&mut found, key)))
    }

    /// Reads those of the items that have a key here, in one consistent request, in the order of their keys, all of which
    /// differ.
    ///
    /// # Errors
    /// As [`Table::get_all`].
    pub async fn get_some<const N: usize>(&self, keys: [Option<Key>; N]) -> Result<[Option<Item>; N], StoreError> {
        let mut wanted = keys.iter().flatten().cloned();
        let mut found = match (wanted.next(), wanted.next()) {
            (Some(only), None) => self.get_unread(only, true).await?.into_iter().collect(),
            _ => self.get_all(keys.iter().flatten().cloned()).await?,
        };
        Ok(keys.map(|key| take_item(&mut found, key?)))
    }

    /// The request that makes `update` alone, outside a transaction.
    #[must_use]
    pub fn update_alone(&self, update: Update) -> UpdateItemFluentBuilder {
        self.client
            .update_item()
            .table_name(update.table_name)
            .set_key(Some(update.key))
            .update_expression(update.update_expression)
            .set_condition_expression(update.condition_expression)
            .set_expression_attribute_names(update.expression_attribute_names)
            .set_expression_attribute_values(update.expression_attribute_values)
            .set_return_values_on_condition_check_failure(update.return_values_on_condition_check_failure)
    }

    /// Puts `item` in place of whatever has its key, and repeats collisions until `until`.
    ///
    /// # Errors
    /// The error of the last attempt.
    pub async fn put_until(&self, item: Item, clock: &Clock, until: Timestamp) -> Result<(), SdkError<PutItemError>> {
        let request = self.client.put_item().table_name(&self.name).set_item(Some(item));
        repeat_collisions(clock, until, || request.clone().send()).await.map(|_| ())
    }

    /// Deletes the item of this key, if there is one.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] if the table cannot be reached.
    pub async fn delete(&self, key: Key) -> Result<(), StoreError> {
        self.client.delete_item().table_name(&self.name).set_key(Some(key.into_item())).send().await?;
        Ok(())
    }

    /// Deletes the items of these keys, all of which differ. It is no transaction: an error may leave some of them.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] if the table cannot be reached, or still leaves items after some repetitions.
    pub async fn delete_all(&self, keys: &[Item]) -> Result<(), StoreError> {
        for keys in keys.chunks(DELETED_AT_ONCE * BATCHES_UNDER_WAY) {
            let mut batches = keys.chunks(DELETED_AT_ONCE);
            let [first, second, third, fourth] =
                [(); BATCHES_UNDER_WAY].map(|()| Box::pin(self.delete_batch(batches.next().unwrap_or_default())));
            tokio::try_join!(first, second, third, fourth)?;
        }
        Ok(())
    }

    /// Deletes one batch. DynamoDB may process a part, and the rest is sent again.
    async fn delete_batch(&self, keys: &[Item]) -> Result<(), StoreError> {
        let mut requests = keys.iter().cloned().map(delete_request).collect::<Result<Vec<_>, _>>()?;
        for _ in 0..MAX_BATCH_ATTEMPTS {
            if requests.is_empty() {
                return Ok(());
            }
            let answer = self.client.batch_write_item().request_items(&self.name, requests).send().await?;
            let left = answer.unprocessed_items.and_then(|mut tables| tables.remove(&self.name));
            requests = left.unwrap_or_default();
            if !requests.is_empty() {
                tokio::time::sleep(BATCH_PAUSE).await;
            }
        }
        Err(StoreError::Unavailable(Cause::because("DynamoDB is throttling")))
    }

    /// Writes all of `items` or none, and repeats collisions until `until`. Transactions with the same `token` within ten
    /// minutes are applied once.
    ///
    /// # Errors
    /// The error of the last attempt; [`transaction::cancellation_reasons`] reads it.
    pub async fn transact(
        &self,
        token: &str,
        items: Vec<TransactWriteItem>,
        clock: &Clock,
        until: Timestamp,
    ) -> Result<(), SdkError<TransactWriteItemsError>> {
        let request = self.client.transact_write_items().client_request_token(token).set_transact_items(Some(items));
        repeat_collisions(clock, until, || request.clone().send()).await.map(|_| ())
    }

    /// The beginning of a consistent query of the user's items whose sort keys begin with `prefix`, in the order of these.
    #[must_use]
    pub fn querying(&self, user_id: UserId, prefix: impl Into<String>) -> QueryFluentBuilder {
        self.client
            .query()
            .table_name(&self.name)
            .key_condition_expression("pk = :pk AND begins_with(sk, :prefix)")
            .expression_attribute_values(":pk", AttributeValue::S(partition_of(user_id)))
            .expression_attribute_values(":prefix", AttributeValue::S(prefix.into()))
            .consistent_read(true)
    }

    /// The beginning of an update in a transaction.
    #[must_use]
    pub fn updating(&self, key: Key) -> UpdateBuilder {
        Update::builder().table_name(&self.name).set_key(Some(key.into_item()))
    }

    /// The beginning of a deletion in a transaction.
    #[must_use]
    pub fn deleting(&self, key: Key) -> DeleteBuilder {
        Delete::builder().table_name(&self.name).set_key(Some(key.into_item()))
    }

    /// The beginning of a check in a transaction.
    #[must_use]
    pub fn checking(&self, key: Key) -> ConditionCheckBuilder {
        ConditionCheck::builder().table_name(&self.name).set_key(Some(key.into_item()))
    }

    /// The part of a transaction that puts `item`.
    ///
    /// # Errors
    /// [`StoreError::Internal`] if the request cannot be built.
    pub fn put(&self, item: Item) -> Result<TransactWriteItem, StoreError> {
        transaction::put(Put::builder().table_name(&self.name).set_item(Some(item)))
    }

    /// The part of a transaction that puts `item` if its key is free. Otherwise the refusal returns the item that is
    /// there.
    ///
    /// # Errors
    /// [`StoreError::Internal`] if the request cannot be built.
    pub fn put_new(&self, item: Item) -> Result<TransactWriteItem, StoreError> {
        let put = Put::builder().table_name(&self.name).set_item(Some(item));
        transaction::put(
            put.condition_expression("attribute_not_exists(pk)")
                .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld),
        )
    }
}

/// Takes the item of `key` out of those that were `found`.
fn take_item(found: &mut Vec<Item>, key: Key) -> Option<Item> {
    let key = key.into_item();
    let is_meant = |item: &Item| key.iter().all(|(name, value)| item.get(name) == Some(value));
    let position = found.iter().position(is_meant)?;
    Some(found.swap_remove(position))
}

fn delete_request(key: Item) -> Result<WriteRequest, StoreError> {
    let delete = DeleteRequest::builder().set_key(Some(key)).build()?;
    Ok(WriteRequest::builder().delete_request(delete).build())
}
