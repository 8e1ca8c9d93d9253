//! The list of a user's API keys.

use std::collections::BTreeMap;

use aws_sdk_dynamodb::types::TransactWriteItem;
use domain::ids::{ApiKeyId, TokenId, UserId};
use domain::time::Timestamp;
use ledger::account::Account;
use serde::{Deserialize, Serialize};
use store::transaction::{self, cancellation_reasons, condition_failed};
use store::{Item, Key, StoreError, from_item, number};

use crate::api_keys::key::ApiKeyDigest;
use crate::api_keys::stored::{ApiKeys, StoredApiKey, has_expired};
use crate::api_keys::terms::ApiKeyName;
use crate::error::IdentityError;
use crate::jwt::LoggedIn;

/// An API key as its user sees it.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct ApiKeyView {
    /// The id by which the key is ended.
    pub id: ApiKeyId,
    /// The name that its maker gave it.
    pub name: ApiKeyName,
    /// The beginning of the key.
    pub prefix: String,
    /// The time at which it was made, in RFC 3339.
    pub created_at: String,
    /// The time at which it ends, in RFC 3339. Absent if it never expires.
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

/// An API key on its user's list.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct ListedApiKey {
    pub(super) name: ApiKeyName,
    pub(super) prefix: String,
    pub(super) digest: ApiKeyDigest,
    pub(super) created_at: String,
    /// The account's epoch of API keys when the key was made.
    pub(super) epoch: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) expires_at: Option<u64>,
}

/// The attribute that holds the keys of a list.
pub(crate) const KEYS_OF_LIST: &str = "api_keys";

/// API keys by their ids, the oldest first.
pub(super) type ListedApiKeys = BTreeMap<ApiKeyId, ListedApiKey>;

/// The item that lists a user's API keys. Some may have expired.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct ApiKeyList {
    pub(super) api_keys: ListedApiKeys,
    /// Counts the changes of the list. There is no item before the first change.
    version: u64,
}

impl ApiKeyList {
    /// The key of a user's list.
    pub(super) fn key(user_id: UserId) -> Key {
        Key::of_user(user_id, "APIKEYS")
    }
}

/// The API keys of an account that is open to the person who asks for them.
#[derive(Debug)]
pub(super) struct Keyring {
    /// The list as it was read.
    pub(super) list: ApiKeyList,
    /// The account as it was read with the list.
    pub(super) account: Account,
}

impl Keyring {
    /// The keys of the current epoch that have not expired by `now`.
    pub(super) fn living(&self, now: Timestamp) -> ListedApiKeys {
        let mut living = self.list.api_keys.clone();
        living.retain(|_, key| key.epoch == self.account.api_key_epoch && !has_expired(key.expires_at, now));
        living
    }
}

impl ApiKeys {
    /// The API keys of `person`, newest first.
    ///
    /// # Errors
    /// [`IdentityError::TokenNotValid`] or [`IdentityError::UserInactive`] if the account is not open to `person`.
    pub async fn list(&self, person: &LoggedIn) -> Result<Vec<ApiKeyView>, IdentityError> {
        let living = self.read(person).await?.living(self.clock.now());
        Ok(living.into_iter().rev().map(|(id, key)| ApiKeyView::of(id, key)).collect())
    }

    /// The names of the API keys of `person`, by their ids.
    ///
    /// # Errors
    /// As [`ApiKeys::list`].
    pub async fn names(&self, person: &LoggedIn) -> Result<BTreeMap<ApiKeyId, ApiKeyName>, IdentityError> {
        let living = self.read(person).await?.living(self.clock.now());
        Ok(living.into_iter().map(|(id, key)| (id, key.name)).collect())
    }

    /// Reads account and list in one request.
    pub(super) async fn read(&self, person: &LoggedIn) -> Result<Keyring, IdentityError> {
        let keys = [Account::key(person.user_id()), ApiKeyList::key(person.user_id())];
        let [account, list] = self.table.get_each(keys).await?;
        let account = Account::admitted(account.map(from_item).transpose()?, person.payer())?;
        let list = list.map(from_item).transpose()?.unwrap_or_default();
        Ok(Keyring { list, account })
    }

    /// Replaces the `seen` list by `next`, in one transaction with the items `made` for a new key. The transaction
    /// deletes the items of keys that leave the list, and says in the account that keys have ended. It writes nothing if the
    /// list is no longer the one that was seen.
    ///
    /// The transaction checks the account's epoch of sessions. The epoch of API keys is then the one that was read,
    /// because every act that raises it raises the epoch of sessions too.
    pub(super) async fn replace(
        &self,
        person: &LoggedIn,
        seen: &ApiKeyList,
        next: &ListedApiKeys,
        made: Vec<TransactWriteItem>,
        deadline: Timestamp,
    ) -> Result<Replacement, IdentityError> {
        let mut replacing = self.replacing(person.user_id(), seen, next)?;
        let list = replacing.remove(0);
        let account = if replacing.is_empty() { Account::check_open } else { Account::end_keys };
        let mut items = vec![account(&self.table, person.payer())?, list];
        items.extend(made);
        items.extend(replacing);
        // Each call has a new token. A late write of an earlier round is refused, because the version is higher by
        // then.
        let token = TokenId::new(&self.clock).to_string();
        let Err(error) = self.table.transact(&token, items, &self.clock, deadline).await else {
            return Ok(Replacement::Done);
        };
        match cancellation_reasons(&error) {
            Some([account, ..]) if condition_failed(account) => {
                Err(Account::why_closed(person.payer(), account)?.into())
            }
            Some([_, list, ..]) if condition_failed(list) => Ok(Replacement::ChangedMeanwhile),
            // The first item that is made for a new key is the check of the session.
            Some([_, _, session, ..]) if condition_failed(session) => {
                Err(IdentityError::TokenNotValid("the session has ended"))
            }
            _ => Err(StoreError::from(error).into()),
        }
    }

    /// The parts of a transaction that replace the `seen` list by `next`: first the list, then the deletions of the
    /// items of keys that leave it.
    pub(super) fn replacing(
        &self,
        user_id: UserId,
        seen: &ApiKeyList,
        next: &ListedApiKeys,
    ) -> Result<Vec<TransactWriteItem>, StoreError> {
        let mut items = vec![self.write_list(user_id, seen, next)?];
        for (_, ended) in seen.api_keys.iter().filter(|(id, _)| !next.contains_key(id)) {
            items.push(transaction::delete(self.table.deleting(StoredApiKey::key(&ended.digest)))?);
        }
        Ok(items)
    }

    fn write_list(
        &self,
        user_id: UserId,
        seen: &ApiKeyList,
        next: &ListedApiKeys,
    ) -> Result<TransactWriteItem, StoreError> {
        let next = serde_dynamo::to_attribute_value(next)?;
        let update = self
            .table
            .updating(ApiKeyList::key(user_id))
            .update_expression("SET api_keys = :keys, version = :next")
            .expression_attribute_values(":keys", next)
            .expression_attribute_values(":next", number(seen.version + 1));
        transaction::update(if seen.version == 0 {
            update.condition_expression("attribute_not_exists(pk)")
        } else {
            update.condition_expression("version = :seen").expression_attribute_values(":seen", number(seen.version))
        })
    }
}

/// The outcome of a replacement of a list.
pub(super) enum Replacement {
    /// The list was replaced.
    Done,
    /// Another change was faster, and nothing was written.
    ChangedMeanwhile,
}

/// Removes the API keys from `item` if it is a list of them, and returns the primary keys of their items.
pub(crate) fn take_keys_of_list(item: &mut Item) -> Result<Vec<Item>, StoreError> {
    let Some(keys) = item.remove(KEYS_OF_LIST) else { return Ok(Vec::new()) };
    let keys: ListedApiKeys = serde_dynamo::from_attribute_value(keys)?;
    Ok(keys.values().map(|key| StoredApiKey::key(&key.digest).into_item()).collect())
}
