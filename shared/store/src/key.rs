//! Keys and items.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;
use domain::ids::UserId;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::StoreError;

/// An item as the SDK knows it.
pub type Item = HashMap<String, AttributeValue>;

/// A primary key. Each owner of items builds its own keys.
#[derive(Clone, Debug)]
pub struct Key {
    partition: String,
    sort: String,
}

impl Key {
    /// The key of the item `sort` in `partition`.
    #[must_use]
    pub fn new(partition: impl Into<String>, sort: impl Into<String>) -> Self {
        Self { partition: partition.into(), sort: sort.into() }
    }

    /// The key of the item `sort` in the partition of a user.
    #[must_use]
    pub fn of_user(user_id: UserId, sort: impl Into<String>) -> Self {
        Self::new(partition_of(user_id), sort)
    }

    /// The key as the SDK takes it.
    #[must_use]
    pub fn into_item(self) -> Item {
        HashMap::from([
            ("pk".to_owned(), AttributeValue::S(self.partition)),
            ("sk".to_owned(), AttributeValue::S(self.sort)),
        ])
    }

    /// The item with this key and the attributes of `value`.
    ///
    /// # Errors
    /// [`StoreError::Internal`] if `value` cannot be written as attributes.
    pub fn with(self, value: &impl Serialize) -> Result<Item, StoreError> {
        let mut item: Item = serde_dynamo::to_item(value)?;
        item.extend(self.into_item());
        Ok(item)
    }
}

/// The sort key of an item, if it was read.
#[must_use]
pub fn sort_key_of(item: &Item) -> Option<&str> {
    item.get("sk")?.as_s().ok().map(String::as_str)
}

/// The partition that holds all items of a user.
#[must_use]
pub fn partition_of(user_id: UserId) -> String {
    format!("USER#{user_id}")
}

/// Reads a value from an item.
///
/// # Errors
/// [`StoreError::Internal`] if the item's attributes are not those of a `T`.
pub fn from_item<T: DeserializeOwned>(item: Item) -> Result<T, StoreError> {
    Ok(serde_dynamo::from_item(item)?)
}

/// A number as an attribute.
pub fn number(value: impl Into<u64>) -> AttributeValue {
    AttributeValue::N(value.into().to_string())
}
