//! The keys that a user has: one item that lists them.

use std::collections::BTreeMap;

use aws_sdk_dynamodb::types::TransactWriteItem;
use serde::{Deserialize, Serialize};

use crate::api_keys::{ApiKeyDigest, ApiKeyName, ApiKeys, has_expired};
use crate::error::ApiError;
use crate::jwt::LoggedIn;
use crate::table::{
    Item, Key, OwnedKeys as _, StoreError, cancellation_reasons, condition_failed, from_item, number, transact_delete,
    transact_update, unavailable,
};
use domain::ids::{ApiKeyId, TokenId};
use domain::time::Timestamp;
use ledger::account::Account;

/// A key as its user sees it, once it is made.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct ApiKeyView {
    /// What it is ended by.
    pub id: ApiKeyId,
    /// What its maker calls it.
    pub name: ApiKeyName,
    /// How it begins.
    pub prefix: String,
    /// When it was made, in RFC 3339.
    pub created_at: String,
    /// When it ends, if it does, in RFC 3339.
    pub expires_at: Option<String>,
}

impl ApiKeyView {
    pub(super) fn of(id: ApiKeyId, listed: ListedApiKey) -> Self {
        Self {
            id,
            name: listed.name,
            prefix: listed.prefix,
            created_at: listed.created_at,
            expires_at: listed.expires_at.map(|seconds| Timestamp::from_seconds(seconds).to_string()),
        }
    }
}

/// A key on its user's list.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct ListedApiKey {
    pub(super) name: ApiKeyName,
    pub(super) prefix: String,
    pub(super) digest: ApiKeyDigest,
    pub(super) created_at: String,
    /// The account's epoch when it was made.
    pub(super) epoch: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) expires_at: Option<u64>,
}

/// The attribute of the list that has the keys.
pub(crate) const KEYS_OF_LIST: &str = "api_keys";

/// Keys by their ids, the oldest first.
pub(super) type ListedApiKeys = BTreeMap<ApiKeyId, ListedApiKey>;

/// The item that lists a user's keys, among them perhaps some that have ended.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct List {
    pub(super) api_keys: ListedApiKeys,
    /// Counts its changes. There is no item before the first.
    version: u64,
}

/// The keys of an account that is open to the person who asks.
pub(super) struct Keyring {
    /// As it was read.
    pub(super) list: List,
    /// The epoch of a key that is made now.
    pub(super) epoch: u64,
}

impl Keyring {
    /// The keys that have not ended by `now`.
    pub(super) fn living(&self, now: Timestamp) -> ListedApiKeys {
        let mut living = self.list.api_keys.clone();
        living.retain(|_, key| key.epoch == self.epoch && !has_expired(key.expires_at, now));
        living
    }
}

impl ApiKeys {
    /// The API keys of the person who is logged in, newest first.
    ///
    /// # Errors
    /// As [`Accounts::read`](crate::accounts::Accounts::read).
    pub async fn list(&self, person: &LoggedIn) -> Result<Vec<ApiKeyView>, ApiError> {
        let living = self.read(person).await?.living(self.clock.now());
        Ok(living.into_iter().rev().map(|(id, key)| ApiKeyView::of(id, key)).collect())
    }

    /// Account and list, in one request.
    pub(super) async fn read(&self, person: &LoggedIn) -> Result<Keyring, ApiError> {
        let keys = [Key::account(person.user_id()), Key::api_keys(person.user_id())];
        let [account, list] = self.table.get_both(keys).await?;
        let account = Account::admitted(account.map(from_item).transpose()?, person.payer())?;
        let list = list.map(from_item).transpose()?.unwrap_or_default();
        Ok(Keyring { list, epoch: account.api_key_epoch })
    }

    /// Replaces the `seen` list by `next`, together with what is `made` for a key that is new on it; the
    /// items of those that are on it no more are deleted. Nothing is written, and that is said, if
    /// the list is not the one that was seen.
    ///
    /// The account must be as the person's access token says. Its epoch of API keys is the one that was
    /// read then, since whatever raises that raises the epoch of sessions too.
    pub(super) async fn replace(
        &self,
        person: &LoggedIn,
        seen: &List,
        next: &ListedApiKeys,
        made: Vec<TransactWriteItem>,
        deadline: Timestamp,
    ) -> Result<Replaced, ApiError> {
        let mut items = vec![Account::check_open(&self.table, person.payer())?, self.write_list(person, seen, next)?];
        items.extend(made);
        for (_, ended) in seen.api_keys.iter().filter(|(id, _)| !next.contains_key(id)) {
            items.push(transact_delete(self.table.deleting(Key::api_key(&ended.digest)))?);
        }
        // Another one each time: what an earlier round wrote late is refused, since the version is higher.
        let token = TokenId::new(&self.clock).to_string();
        let Err(error) = self.table.transact(&token, items, &self.clock, deadline).await else {
            return Ok(Replaced::Yes);
        };
        match cancellation_reasons(&error) {
            Some([account, ..]) if condition_failed(account) => {
                Err(Account::why_closed(person.payer(), account)?.into())
            }
            Some([_, list, ..]) if condition_failed(list) => Ok(Replaced::ChangedMeanwhile),
            // Of what is made, the check of the session comes first.
            Some([_, _, session, ..]) if condition_failed(session) => {
                Err(ApiError::TokenNotValid("the session has ended"))
            }
            _ => Err(unavailable(error)),
        }
    }

    fn write_list(
        &self,
        person: &LoggedIn,
        seen: &List,
        next: &ListedApiKeys,
    ) -> Result<TransactWriteItem, StoreError> {
        let next = serde_dynamo::to_attribute_value(next)?;
        let update = self
            .table
            .updating(Key::api_keys(person.user_id()))
            .update_expression("SET api_keys = :keys, version = :next")
            .expression_attribute_values(":keys", next)
            .expression_attribute_values(":next", number(seen.version + 1));
        transact_update(if seen.version == 0 {
            update.condition_expression("attribute_not_exists(pk)")
        } else {
            update.condition_expression("version = :seen").expression_attribute_values(":seen", number(seen.version))
        })
    }
}

/// Whether a list was replaced.
pub(super) enum Replaced {
    /// It was.
    Yes,
    /// Another change was faster.
    ChangedMeanwhile,
}

/// Takes the keys out of `item` if it lists any, and returns the primary keys of their items.
pub(crate) fn take_keys_of_list(item: &mut Item) -> Result<Vec<Item>, StoreError> {
    let Some(keys) = item.remove(KEYS_OF_LIST) else { return Ok(Vec::new()) };
    let keys: ListedApiKeys = serde_dynamo::from_attribute_value(keys)?;
    Ok(keys.values().map(|key| Key::api_key(&key.digest).into_item()).collect())
}
