//! The catalogue's items in the table, and their keeper.
//!
//! One item is the present catalogue, which every function reads. Each replacement also puts an item of its own
//! [version](versions), which stays: an entry names the version of its prices. Both are in one transaction with the records of
//! the act, so that no catalogue is without its version, and none without its actor.

mod versions;

use acts::{Act, ActSubject, Deed};
use aws_sdk_dynamodb::types::{CancellationReason, Put, ReturnValuesOnConditionCheckFailure, TransactWriteItem};
use domain::cause::Cause;
use domain::ids::TokenId;
use domain::time::{Clock, Timestamp};
use ledger::authority::{AuthorityLost, RecentAuthority};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use store::transaction::{self, cancellation_reasons, condition_failed};
use store::{Key, StoreError, Table, from_item, number};

pub use versions::{CatalogueVersion, ListedVersion, MAX_VERSIONS_OF_A_PAGE, VersionPage};

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
    /// Nothing was written, because the actor is no longer staff.
    Unauthorized(AuthorityLost),
}

/// The keeper of the catalogue, for operators and staff. It does not judge documents.
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
    /// `None` goes back to the model of the settings. Repeating it does no harm, and is no act.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] if it is not known whether it was stored.
    pub async fn replace(
        &self,
        catalogue: Option<&Value>,
        seen: u64,
        authority: &RecentAuthority,
        deadline: Timestamp,
    ) -> Result<Replaced, StoreError> {
        let authority = authority.authority();
        let stored = StoredCatalogue {
            version: next(seen),
            catalogue: catalogue.map(Value::to_string),
            changed_at: Some(self.clock.now().to_string()),
        };
        let act = Act {
            deed: Deed::ReplaceCatalogue,
            subject: ActSubject::Catalogue,
            before: json!({"version": seen}),
            after: json!({"version": stored.version}),
            reason: None,
        };
        let version = CatalogueVersion::of(&stored, authority.actor(), self.clock.now());
        let mut items = vec![self.put_present(&stored, seen)?, self.table.put_new(version.item()?)?];
        items.extend(authority.parts(&act, &self.table, &self.clock)?);
        let token = format!("catalogue-{}", TokenId::new(&self.clock));
        let Err(error) = self.table.transact(&token, items, &self.clock, deadline).await else {
            return Ok(Replaced::Written(stored));
        };
        let reasons = cancellation_reasons(&error).unwrap_or_default();
        match Obstacle::of(reasons)? {
            // The answer to an earlier attempt may have been lost.
            Some(Obstacle::Present(found)) if found.is_written_by(catalogue, seen) => Ok(Replaced::Written(found)),
            _ if authority.is_lost(act.subject, reasons) => Ok(Replaced::Unauthorized(AuthorityLost)),
            Some(Obstacle::Present(found)) => Ok(Replaced::Changed { version: found.version }),
            Some(Obstacle::Kept) => Err(StoreError::Internal(Cause::because("the next version is kept already"))),
            None => Err(error.into()),
        }
    }

    /// The part of a transaction that puts `stored` if the present version is still `seen`. Otherwise the refusal returns the
    /// item that is there.
    fn put_present(&self, stored: &StoredCatalogue, seen: u64) -> Result<TransactWriteItem, StoreError> {
        let item = StoredCatalogue::key().with(stored)?;
        if seen == 0 {
            return self.table.put_new(item);
        }
        let put = Put::builder().table_name(self.table.name()).set_item(Some(item));
        transaction::put(
            put.condition_expression("#version = :seen")
                .expression_attribute_names("#version", "version")
                .expression_attribute_values(":seen", number(seen))
                .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld),
        )
    }
}

/// What stood in the way of a replacement.
enum Obstacle {
    /// The present catalogue, which is not the one that was seen. Without an item it is the version before the first.
    Present(StoredCatalogue),
    /// A version of the next number. The present catalogue was deleted by hand, and the versions were not.
    Kept,
}

impl Obstacle {
    fn of(reasons: &[CancellationReason]) -> Result<Option<Self>, StoreError> {
        match reasons {
            [present, ..] if condition_failed(present) => {
                let found = present.item().cloned().map(from_item).transpose()?;
                Ok(Some(Self::Present(found.unwrap_or_default())))
            }
            [_, kept, ..] if condition_failed(kept) => Ok(Some(Self::Kept)),
            _ => Ok(None),
        }
    }
}

#[cfg(test)]
mod tests;
