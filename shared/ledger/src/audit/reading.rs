//! The audit's reads of the directory, of accounts, tombstones and entries.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;
use domain::ids::{EntryId, UserId};
use serde::Deserialize;
use store::directory::{DIRECTORY, DirectoryKey, LIST, USERS_BY_AGE};
use store::{Key, StoreError, Table, from_item, partition_of};

use crate::account::{Account, Status};
use crate::audit::audited_entry::AuditedEntry;
use crate::audit::listing::{ListedItem, ListingPage};
use crate::audit::tombstone::Tombstone;
use crate::entry;

/// An account's amounts. They are signed and unbounded, unlike those of [`Account`], because the audit also reads
/// accounts that are wrong.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Sums {
    pub(super) balance: i64,
    holds: HashMap<String, HeldAmount>,
    pub(super) version: u64,
    #[serde(default)]
    pub(super) status: Option<Status>,
    #[serde(default)]
    pub(super) deletion_began_at: Option<u64>,
    #[serde(default)]
    pub(super) deleted_conversations: u64,
    #[serde(default)]
    pub(super) texts_erased_through: Option<EntryId>,
}

#[derive(Clone, Debug, Deserialize)]
struct HeldAmount {
    amount: i64,
}

impl Sums {
    pub(super) fn is_being_deleted(&self) -> bool {
        self.status == Some(Status::Deleting)
    }

    /// The sum of all holds. Expired ones count: their credits are not in the balance before they are released.
    pub(super) fn held(&self) -> i64 {
        self.holds.values().fold(0, |sum, hold| sum.saturating_add(hold.amount))
    }

    /// The sum that the entries should have. It saturates: no sound account comes near the limit.
    pub(super) fn total(&self) -> i64 {
        self.balance.saturating_add(self.held())
    }
}

/// A page of a user's entries.
pub(super) struct EntryPage {
    /// The entries whose amount can be read.
    pub(super) entries: Vec<AuditedEntry>,
    /// Whether there is an entry whose amount cannot be read.
    pub(super) has_unreadable: bool,
    /// The sort key of the last entry, if more may follow.
    pub(super) next: Option<String>,
}

#[derive(Deserialize)]
struct SortKey {
    sk: String,
}

/// Reads page by page what may be long.
#[derive(Clone, Debug)]
pub(super) struct AuditReader {
    pub(super) table: Table,
    pub(super) page_items: i32,
}

impl AuditReader {
    /// The next accounts and tombstones, by their keys alone. What the directory says may be a moment old.
    pub(super) async fn list(&self, after: Option<DirectoryKey>) -> Result<ListingPage, StoreError> {
        let answer = self
            .table
            .client()
            .query()
            .table_name(self.table.name())
            .index_name(DIRECTORY)
            .key_condition_expression("#list = :users")
            .expression_attribute_names("#list", LIST)
            .expression_attribute_values(":users", AttributeValue::S(USERS_BY_AGE.to_owned()))
            .limit(self.page_items)
            .set_exclusive_start_key(after.map(DirectoryKey::into_item))
            .send()
            .await?;
        let items = answer.items.unwrap_or_default().into_iter();
        let items = items.map(|item| from_item(item).map(ListedItem::of)).collect::<Result<_, _>>()?;
        Ok(ListingPage { items, next: answer.last_evaluated_key.map(from_item).transpose()? })
    }

    /// The account as it is now; `None` if it is gone.
    pub(super) async fn account(&self, user_id: UserId) -> Result<Option<Sums>, StoreError> {
        self.table.get(Account::key(user_id)).await
    }

    /// The tombstone as it is now; `None` if it is gone.
    pub(super) async fn tombstone(&self, user_id: UserId) -> Result<Option<Tombstone>, StoreError> {
        self.table.get(Tombstone::key(user_id)).await
    }

    /// The next entries of a user. A `consistent` read sees all earlier writes and costs twice as much.
    pub(super) async fn entries(
        &self,
        user_id: UserId,
        after: Option<String>,
        consistent: bool,
    ) -> Result<EntryPage, StoreError> {
        let start = after.map(|sort| Key::of_user(user_id, sort).into_item());
        let names = AuditedEntry::NAMES.into_iter().map(|(name, attribute)| (name.to_owned(), attribute.to_owned()));
        let answer = self
            .table
            .client()
            .query()
            .table_name(self.table.name())
            .key_condition_expression("pk = :user AND begins_with(sk, :entry)")
            .expression_attribute_values(":user", AttributeValue::S(partition_of(user_id)))
            .expression_attribute_values(":entry", AttributeValue::S(entry::SORT_KEY_PREFIX.to_owned()))
            .projection_expression(AuditedEntry::PROJECTION)
            .set_expression_attribute_names(Some(names.collect()))
            .limit(self.page_items)
            .consistent_read(consistent)
            .set_exclusive_start_key(start)
            .send()
            .await?;
        let items = answer.items.unwrap_or_default();
        let all = items.len();
        let entries: Vec<AuditedEntry> = items.into_iter().filter_map(|item| AuditedEntry::of(item).ok()).collect();
        let next = answer.last_evaluated_key.map(from_item::<SortKey>).transpose()?.map(|key| key.sk);
        Ok(EntryPage { has_unreadable: entries.len() < all, entries, next })
    }
}
