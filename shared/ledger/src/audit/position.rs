//! The position of a scan.

use aws_sdk_dynamodb::types::AttributeValue;
use domain::ids::UserId;
use serde::{Deserialize, Serialize};
use store::{Item, StoreError, from_item, partition_of};

use crate::account::Account;

/// The key of an item, as the audit's progress keeps it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct ScanPosition {
    pub(super) partition: String,
    pub(super) sort: String,
}

impl ScanPosition {
    pub(super) fn of_account(user_id: UserId) -> Self {
        Self { partition: partition_of(user_id), sort: Account::SORT_KEY.to_owned() }
    }

    pub(super) fn of(key: Item) -> Result<Self, StoreError> {
        #[derive(Deserialize)]
        struct PrimaryKey {
            pk: String,
            sk: String,
        }
        let PrimaryKey { pk, sk } = from_item(key)?;
        Ok(Self { partition: pk, sort: sk })
    }

    pub(super) fn into_item(self) -> Item {
        [("pk", self.partition), ("sk", self.sort)]
            .map(|(name, value)| (name.to_owned(), AttributeValue::S(value)))
            .into()
    }
}
