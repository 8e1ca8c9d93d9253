//! The audit's reads of the directory and of what it lists.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;
use domain::ids::UserId;
use store::directory::{DIRECTORY, DirectoryKey, LIST, USERS_BY_AGE};
use store::{Item, Key, StoreError, Table, from_item};

use crate::account::Account;
use crate::audit::listing::{ListedItem, ListedKind, ListingPage};
use crate::audit::tombstone::Tombstone;
use crate::audited_account::AuditedAccount;

/// Reads page by page what may be long.
#[derive(Clone, Debug)]
pub(super) struct AuditReader {
    pub(super) table: Table,
    /// Most items of a page of the directory: as many as one request reads by their keys.
    pub(super) page_items: i32,
    /// Most entries of a page.
    pub(super) page_entries: i32,
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

    /// The items of a page as they were a moment ago, in the page's order; `None` for what is gone.
    pub(super) async fn look_at(&self, items: Vec<ListedItem>) -> Result<Vec<(ListedItem, Option<Item>)>, StoreError> {
        let keys: Vec<Key> = items.iter().filter_map(|item| item.kind.key()).collect();
        let found = self.table.get_all_eventually(keys).await?;
        let text = |item: &Item, name: &str| item.get(name).and_then(|value| value.as_s().ok()).cloned();
        let mut found: HashMap<_, _> =
            found.into_iter().map(|item| ((text(&item, "pk"), text(&item, "sk")), item)).collect();
        Ok(items
            .into_iter()
            .map(|item| {
                let place = (Some(item.key.pk.clone()), Some(item.key.sk.clone()));
                let image = found.remove(&place);
                (item, image)
            })
            .collect())
    }

    /// The account as it is now; `None` if it is gone.
    pub(super) async fn account(&self, user_id: UserId) -> Result<Option<AuditedAccount>, StoreError> {
        self.table.get(Account::key(user_id)).await
    }
}

impl ListedKind {
    /// The key of the item itself, if it is a user's.
    fn key(self) -> Option<Key> {
        match self {
            Self::Account(user_id) => Some(Account::key(user_id)),
            Self::Tombstone(user_id) => Some(Tombstone::key(user_id)),
            Self::Unreadable => None,
        }
    }
}
