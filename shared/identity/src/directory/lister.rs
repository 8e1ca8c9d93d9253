//! Pages of users.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;
use domain::ids::UserId;
use domain::username::Username;
use ledger::account::Account;
use ledger::history::{Limit, List};
use serde::Deserialize;
use store::directory::{DIRECTORY, DirectoryKey, LIST, PLACE};
use store::{Item, StoreError, Table, from_item, partition_of};

use crate::directory::cursor::ListedPlace;
use crate::directory::filter::{UserList, UserOrder};

/// The most requests to the directory for a page of a list with a filter.
const MOST_READS: usize = 5;
/// The fewest items of the directory that the first of them reads: where most users pass, a page takes no more.
const LEAST_READ_AT_ONCE: u16 = 100;
/// The items that each further one reads: some 250 bytes each, far below the megabyte of an answer.
const READ_AT_ONCE: u16 = 1000;

/// A user in the list, whose account was read.
#[derive(Clone, Debug)]
pub struct ListedUser {
    /// The user.
    pub user_id: UserId,
    /// The account.
    pub account: Account,
}

impl List for ListedUser {
    const NAME: &'static str = "users";
}

/// A page of users.
#[derive(Clone, Debug)]
pub struct ListedUsers {
    /// The users, in the order of the list.
    pub users: Vec<ListedUser>,
    /// The cursor of the next page, if there may be one.
    pub next: Option<String>,
}

/// What the directory says of a user.
#[derive(Debug, Deserialize)]
struct DirectoryItem {
    #[serde(rename = "directory_sort")]
    place: String,
    /// Of a login: its user. An account's place is the user's id.
    user_id: Option<UserId>,
}

impl DirectoryItem {
    /// The user; `None` for a place that is no user's.
    fn user_id(&self) -> Option<UserId> {
        self.user_id.or_else(|| UserId::parse(&self.place))
    }
}

/// Some items of the directory, and the place after which there may be more.
struct DirectoryPage {
    items: Vec<DirectoryItem>,
    next: Option<ListedPlace>,
}

/// The users of the table, as staff list them.
#[derive(Clone, Debug)]
pub struct UserLister {
    table: Table,
}

impl UserLister {
    /// The users in `table`.
    #[must_use]
    pub fn new(table: Table) -> Self {
        Self { table }
    }

    /// The page of `list` after `place`, of at most `limit` users. It may be shorter, or empty, and yet not be the last.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] if the table cannot be read.
    pub async fn page(
        &self,
        list: &UserList,
        limit: Limit,
        place: Option<ListedPlace>,
    ) -> Result<ListedUsers, StoreError> {
        if list.is_empty() {
            return Ok(ListedUsers { users: Vec::new(), next: None });
        }
        let DirectoryPage { items, next } = self.find(list, limit.number(), place).await?;
        let users = self.confirm(list, items).await?;
        Ok(ListedUsers { users, next: next.map(|place| place.text(list)) })
    }

    /// As many as `most` items of the directory that pass. Without a filter one request reads as many as the page has room for.
    async fn find(&self, list: &UserList, most: u16, place: Option<ListedPlace>) -> Result<DirectoryPage, StoreError> {
        if list.filter().passes_all() {
            return self.read(list, most, place.as_ref()).await;
        }
        let mut found = DirectoryPage { items: Vec::new(), next: place };
        for number in 0..MOST_READS {
            let at_once = if number == 0 { most.max(LEAST_READ_AT_ONCE) } else { READ_AT_ONCE };
            let DirectoryPage { items, next } = self.read(list, at_once, found.next.as_ref()).await?;
            found.items.extend(items);
            found.next = next;
            if found.items.len() > usize::from(most) {
                // The rest of what was read is read again for the next page.
                found.items.truncate(most.into());
                found.next = found.items.last().map(|item| ListedPlace::new(item.place.clone()));
            }
            if found.next.is_none() || found.items.len() == usize::from(most) {
                break;
            }
        }
        Ok(found)
    }

    async fn read(
        &self,
        list: &UserList,
        at_once: u16,
        place: Option<&ListedPlace>,
    ) -> Result<DirectoryPage, StoreError> {
        let start = place.and_then(|place| place.key(list)).map(DirectoryKey::into_item);
        let query = self
            .table
            .client()
            .query()
            .table_name(self.table.name())
            .index_name(DIRECTORY)
            .expression_attribute_names("#list", LIST)
            .expression_attribute_values(":list", AttributeValue::S(list.order().list().to_owned()))
            .scan_index_forward(list.order() == UserOrder::Name)
            .limit(at_once.into())
            .set_exclusive_start_key(start);
        let query = match list.prefix() {
            None => query.key_condition_expression("#list = :list"),
            Some(prefix) => query
                .key_condition_expression("#list = :list AND begins_with(#place, :prefix)")
                .expression_attribute_names("#place", PLACE)
                .expression_attribute_values(":prefix", AttributeValue::S(prefix.to_owned())),
        };
        let answer = list.narrowing(query).send().await?;
        let items = answer.items.unwrap_or_default().into_iter().map(from_item).collect::<Result<_, _>>()?;
        let next = answer.last_evaluated_key.map(from_item::<DirectoryItem>).transpose()?;
        Ok(DirectoryPage { items, next: next.map(|item| ListedPlace::new(item.place)) })
    }

    /// The users of these items whose accounts say the same as the directory, in one consistent request.
    async fn confirm(&self, list: &UserList, items: Vec<DirectoryItem>) -> Result<Vec<ListedUser>, StoreError> {
        let mut wanted: Vec<(UserId, String)> = Vec::new();
        for item in items {
            let Some(user_id) = item.user_id() else { continue };
            // A request takes a key once.
            if wanted.iter().all(|(known, _)| *known != user_id) {
                wanted.push((user_id, item.place));
            }
        }
        let accounts = self.table.get_all(wanted.iter().map(|(user_id, _)| Account::key(*user_id))).await?;
        let of_user = |item: Item| {
            let partition = item.get("pk").and_then(|pk| pk.as_s().ok()).cloned().unwrap_or_default();
            Ok((partition, from_item(item)?))
        };
        let mut accounts: HashMap<String, Account> =
            accounts.into_iter().map(of_user).collect::<Result<_, StoreError>>()?;
        let users = wanted.into_iter().filter_map(|(user_id, place)| {
            let account = accounts.remove(&partition_of(user_id))?;
            let is_as_listed = list.filter().passes(&account) && is_at(&place, list.order(), &account);
            is_as_listed.then_some(ListedUser { user_id, account })
        });
        Ok(users.collect())
    }
}

/// Whether the place in the list by name is that of the account's name. Ids are never given to anybody else.
fn is_at(place: &str, order: UserOrder, account: &Account) -> bool {
    order == UserOrder::Newest || Username::parse(&account.username).is_ok_and(|name| name.canonical() == place)
}
