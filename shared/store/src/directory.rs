//! The directory: the table's one index, which lists users, so that nobody scans the table for them.
//!
//! It is sparse: only items with its two attributes are in it. It has what registration and staff change, and never a hash, so
//! no message changes what is in it, or pays for it. It is late by nature: a reader confirms in the table what it says.

use aws_sdk_dynamodb::types::AttributeValue;
use domain::ids::UserId;
use serde::{Deserialize, Serialize};

use crate::{Item, Key, StoreError, partition_of};

/// The name of the index.
pub const DIRECTORY: &str = "directory";
/// The attribute with the list that an item is in: the partition key of the index.
pub const LIST: &str = "directory";
/// The attribute with the item's place in its list: the sort key of the index.
pub const PLACE: &str = "directory_sort";

/// The list of all users, the first registered first. No partition of the table has its prefix, so that a permission on a
/// list is never one on items.
pub const USERS_BY_AGE: &str = "DIR#AGE";
/// The list of all users, by the form in which their names are compared.
pub const USERS_BY_NAME: &str = "DIR#NAME";

/// The key of an item in the directory: its primary key and its place. A query of the directory continues after it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DirectoryKey {
    /// The item's partition in the table.
    pub pk: String,
    /// The item's sort key in the table.
    pub sk: String,
    directory: String,
    directory_sort: String,
}

impl DirectoryKey {
    /// The key of a user's item `sort` in [`USERS_BY_AGE`]. Users' ids sort by the time of registration.
    #[must_use]
    pub fn by_age(user_id: UserId, sort: &str) -> Self {
        Self {
            pk: partition_of(user_id),
            sk: sort.to_owned(),
            directory: USERS_BY_AGE.to_owned(),
            directory_sort: user_id.to_string(),
        }
    }

    /// The key of the item `sort` in `partition` in [`USERS_BY_NAME`]. The name has the form in which names are compared.
    #[must_use]
    pub fn by_name(name: String, partition: String, sort: &str) -> Self {
        Self { pk: partition, sk: sort.to_owned(), directory: USERS_BY_NAME.to_owned(), directory_sort: name }
    }

    /// The key as the SDK takes it.
    #[must_use]
    pub fn into_item(self) -> Item {
        let mut item = Key::new(self.pk, self.sk).into_item();
        item.insert(LIST.to_owned(), AttributeValue::S(self.directory));
        item.insert(PLACE.to_owned(), AttributeValue::S(self.directory_sort));
        item
    }

    /// The item with this key and the attributes of `value`: the directory lists it.
    ///
    /// # Errors
    /// [`StoreError::Internal`] if `value` cannot be written as attributes.
    pub fn with(self, value: &impl Serialize) -> Result<Item, StoreError> {
        let mut item: Item = serde_dynamo::to_item(value)?;
        item.extend(self.into_item());
        Ok(item)
    }
}
