//! The catalogue's item in the table, and its keeper.

use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::types::ReturnValuesOnConditionCheckFailure;
use domain::time::{Clock, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use store::collision::repeat_collisions;
use store::{Item, Key, StoreError, Table, from_item, number};

/// The catalogue as it is stored: one item, with the document of the present version alone.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredCatalogue {
    /// The number of replacements so far. 0: there was none, and there is no item.
    pub version: u64,
    /// The document. `None`: the settings name the one model.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub catalogue: Option<String>,
    /// The time of the last replacement, in RFC 3339.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub changed_at: Option<String>,
}

impl StoredCatalogue {
    /// The key of the item.
    pub(crate) fn key() -> Key {
        Key::new("CATALOGUE", "CATALOGUE")
    }

    /// Whether a replacement of the version `seen` by `catalogue` wrote this item. Its members may come in another order.
    fn is_written_by(&self, catalogue: Option<&Value>, seen: u64) -> bool {
        let is_same = match (self.catalogue.as_deref(), catalogue) {
            (Some(text), Some(catalogue)) => serde_json::from_str(text).is_ok_and(|stored: Value| stored == *catalogue),
            (None, None) => true,
            _ => false,
        };
        is_same && self.version == next(seen)
    }
}

/// The number after `seen`. Versions never come back: the item stays when its document goes.
fn next(seen: u64) -> u64 {
    seen.saturating_add(1)
}

/// The result of a replacement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Replaced {
    /// The catalogue is stored, now or by an earlier attempt of the same replacement.
    Written(StoredCatalogue),
    /// Nothing was written, because the stored catalogue has another version.
    Changed {
        /// The version that is stored.
        version: u64,
    },
}

/// The keeper of the catalogue, for operators. It does not judge documents.
#[derive(Clone, Debug)]
pub struct CatalogueKeeper {
    table: Table,
    clock: Clock,
}

impl CatalogueKeeper {
    /// The keeper of the catalogue in `table`.
    #[must_use]
    pub fn new(table: Table, clock: Clock) -> Self {
        Self { table, clock }
    }

    /// The stored catalogue.
    ///
    /// # Errors
    /// [`StoreError`] if the table cannot be read.
    pub async fn read(&self) -> Result<StoredCatalogue, StoreError> {
        Ok(self.table.get(StoredCatalogue::key()).await?.unwrap_or_default())
    }

    /// Stores `catalogue` in place of the version `seen`, with the next number; 0 is the version before the first.
    /// `None` goes back to the model of the settings. Repeating it does no harm.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] if it is not known whether it was stored.
    pub async fn replace(
        &self,
        catalogue: Option<&Value>,
        seen: u64,
        deadline: Timestamp,
    ) -> Result<Replaced, StoreError> {
        let stored = StoredCatalogue {
            version: next(seen),
            catalogue: catalogue.map(Value::to_string),
            changed_at: Some(self.clock.now().to_string()),
        };
        let outcome = self.put(&stored, seen, deadline).await?;
        Ok(match outcome {
            Ok(()) => Replaced::Written(stored),
            // The answer to an earlier attempt may have been lost.
            Err(found) if found.is_written_by(catalogue, seen) => Replaced::Written(found),
            Err(found) => Replaced::Changed { version: found.version },
        })
    }

    /// Puts `stored` if the version is still `seen`, or says what is there.
    async fn put(
        &self,
        stored: &StoredCatalogue,
        seen: u64,
        deadline: Timestamp,
    ) -> Result<Result<(), StoredCatalogue>, StoreError> {
        let request = self
            .table
            .client()
            .put_item()
            .table_name(self.table.name())
            .set_item(Some(StoredCatalogue::key().with(stored)?))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        let request = if seen == 0 {
            request.condition_expression("attribute_not_exists(pk)")
        } else {
            request
                .condition_expression("#version = :seen")
                .expression_attribute_names("#version", "version")
                .expression_attribute_values(":seen", number(seen))
        };
        match repeat_collisions(&self.clock, deadline, || request.clone().send()).await {
            Ok(_) => Ok(Ok(())),
            Err(error) => found(error).map(Err),
        }
    }
}

/// The item that stood in the way, if that is the error. Without an item the version is 0.
fn found(error: SdkError<PutItemError>) -> Result<StoredCatalogue, StoreError> {
    let item: Option<Item> = match error.as_service_error() {
        Some(PutItemError::ConditionalCheckFailedException(failure)) => failure.item.clone(),
        _ => return Err(error.into()),
    };
    item.map_or_else(|| Ok(StoredCatalogue::default()), from_item)
}

#[cfg(test)]
mod tests;
