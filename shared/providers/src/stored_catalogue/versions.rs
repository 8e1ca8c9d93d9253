//! The versions of the catalogue, each of which is kept for good.

use acts::Actor;
use aws_sdk_dynamodb::types::AttributeValue;
use domain::cause::Cause;
use domain::time::Timestamp;
use ledger::history::List;
use serde::{Deserialize, Serialize};
use store::{Item, Key, StoreError, from_item, sort_key_of};

use crate::stored_catalogue::{CatalogueKeeper, StoredCatalogue};

/// The most versions of a page.
pub const MAX_VERSIONS_OF_A_PAGE: u16 = 100;

/// The partition of the catalogue's items.
const PARTITION: &str = "CATALOGUE";

/// The prefix of the sort key of every version.
const SORT_KEY_PREFIX: &str = "VERSION#";

/// A version of the catalogue, with its document.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CatalogueVersion {
    /// The number of the version.
    pub version: u64,
    /// The document. `None`: the settings name the one model.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub catalogue: Option<String>,
    /// The time of the replacement, in RFC 3339.
    pub changed_at: String,
    /// The actor, in the words of the history.
    pub by: String,
}

/// A version of the catalogue, without its document.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListedVersion {
    /// The number of the version.
    pub version: u64,
    /// The time of the replacement, in RFC 3339.
    pub changed_at: String,
    /// The actor: the id of a user, or `operator`.
    #[serde(rename(serialize = "actor"))]
    pub by: String,
}

impl List for ListedVersion {
    const NAME: &'static str = "catalogue versions";
}

/// A part of the versions, the newest first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VersionPage {
    /// The versions. There may be fewer than were asked for, although more follow: their documents are long.
    pub versions: Vec<ListedVersion>,
    /// The version before which the next page begins, if there may be one.
    pub next: Option<u64>,
}

impl CatalogueVersion {
    pub(super) fn of(stored: &StoredCatalogue, actor: Actor, now: Timestamp) -> Self {
        let StoredCatalogue { version, catalogue, .. } = stored.clone();
        Self { version, catalogue, changed_at: now.to_string(), by: actor.to_string() }
    }

    pub(super) fn item(&self) -> Result<Item, StoreError> {
        key(self.version).with(self)
    }
}

/// The key of a version. As many digits as the longest number has let the sort keys have the order of the numbers.
fn key(version: u64) -> Key {
    Key::new(PARTITION, format!("{SORT_KEY_PREFIX}{version:020}"))
}

impl CatalogueKeeper {
    /// One version; `None` if there is none of this number.
    ///
    /// # Errors
    /// [`StoreError`] if the table cannot be read.
    pub async fn version(&self, version: u64) -> Result<Option<CatalogueVersion>, StoreError> {
        self.table.get(key(version)).await
    }

    /// At most `limit` versions, and at most [`MAX_VERSIONS_OF_A_PAGE`], which are older than the version `before`. `DynamoDB`
    /// reads their documents too, and ends a page at a megabyte of them.
    ///
    /// # Errors
    /// [`StoreError`] if the table cannot be read, or an item is no version.
    pub async fn versions(&self, before: Option<u64>, limit: u16) -> Result<VersionPage, StoreError> {
        let limit = limit.clamp(1, MAX_VERSIONS_OF_A_PAGE);
        let answer = self
            .table
            .client()
            .query()
            .table_name(self.table.name())
            .key_condition_expression("pk = :partition AND begins_with(sk, :version)")
            .expression_attribute_values(":partition", AttributeValue::S(PARTITION.to_owned()))
            .expression_attribute_values(":version", AttributeValue::S(SORT_KEY_PREFIX.to_owned()))
            .projection_expression("#version, changed_at, #by")
            .expression_attribute_names("#version", "version")
            .expression_attribute_names("#by", "by")
            .set_exclusive_start_key(before.map(|version| key(version).into_item()))
            .limit(limit.into())
            .scan_index_forward(false)
            .consistent_read(true)
            .send()
            .await?;
        let next = answer.last_evaluated_key.as_ref().map(number_of).transpose()?;
        let versions = answer.items.unwrap_or_default().into_iter().map(from_item).collect::<Result<_, _>>()?;
        Ok(VersionPage { versions, next })
    }
}

fn number_of(key: &Item) -> Result<u64, StoreError> {
    let digits = sort_key_of(key).and_then(|sort_key| sort_key.strip_prefix(SORT_KEY_PREFIX));
    let number = digits.and_then(|digits| digits.parse().ok());
    number.ok_or_else(|| StoreError::Internal(Cause::because("a version of the catalogue has no number")))
}
