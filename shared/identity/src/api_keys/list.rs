//! The list of a user's API keys.

use std::collections::BTreeMap;

use aws_sdk_dynamodb::types::TransactWriteItem;
use domain::budget::Budget;
use domain::credits::Credits;
use domain::ids::{ApiKeyId, TokenId, UserId};
use domain::period::PeriodLength;
use domain::requests_per_minute::RequestsPerMinute;
use domain::time::Timestamp;
use ledger::account::Account;
use ledger::budgets::{SpentBudgets, end_of_total};
use ledger::key_usage::KeyUsage;
use ledger::paying_key::KeyLimits;
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
    /// The time at which it ends, in RFC 3339. Null if it never expires.
    pub expires_at: Option<String>,
    /// Its budget, and what is spent of it. Null if it has none.
    pub budget: Option<BudgetView>,
    /// The most requests of a minute. Null without such a limit.
    pub requests_per_minute: Option<RequestsPerMinute>,
    /// The ids of the models that it may ask. Null if it may ask all.
    pub models: Option<Box<[String]>>,
    /// The time of the newest message that it paid for, in RFC 3339. Null if it has paid for none in the last 400 days.
    pub last_used_at: Option<String>,
}

/// An API key as staff see it.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct KeySummary {
    /// The id.
    pub id: ApiKeyId,
    /// The name that its maker gave it.
    pub name: ApiKeyName,
    /// The beginning of the key.
    pub prefix: String,
    /// The time at which it was made, in RFC 3339.
    pub created_at: String,
    /// The time at which it ends, in RFC 3339. Null if it never expires.
    pub expires_at: Option<String>,
}

impl KeySummary {
    fn of(id: ApiKeyId, listed: &ListedApiKey) -> Self {
        let expires_at = listed.expires_at.map(|seconds| Timestamp::from_seconds(seconds).to_string());
        let ListedApiKey { name, prefix, created_at, .. } = listed.clone();
        Self { id, name, prefix, created_at, expires_at }
    }
}

/// The budget of an API key as its user sees it.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct BudgetView {
    /// The most credits of a period.
    pub credits: Credits,
    /// The period.
    pub per: PeriodLength,
    /// The credits spent in the current period, messages in flight included.
    pub spent: u64,
    /// The time at which the next period begins, in RFC 3339. Null if none does.
    pub renews_at: Option<String>,
}

impl ApiKeyView {
    pub(super) fn of(
        id: ApiKeyId,
        listed: ListedApiKey,
        limits: &KeyLimits,
        spending: &Spending,
        account: &Account,
        now: Timestamp,
    ) -> Self {
        let budget = limits.budget.map(|budget| {
            let in_period = spending.budgets.of_key(id, budget, account, now);
            let renews_at = in_period.renews_at().map(|moment| moment.to_string());
            BudgetView { credits: budget.credits, per: budget.per, spent: in_period.spent(), renews_at }
        });
        let last_used_at = spending.usage.of_key(id).map(|sums| Timestamp::from_seconds(sums.last_used_at().seconds()));
        Self {
            id,
            name: listed.name,
            prefix: listed.prefix,
            created_at: listed.created_at,
            expires_at: listed.expires_at.map(|seconds| Timestamp::from_seconds(seconds).to_string()),
            budget,
            requests_per_minute: limits.requests_per_minute,
            models: limits.models.clone(),
            last_used_at: last_used_at.map(|moment| moment.to_string()),
        }
    }
}

/// The budgets' items and the sums of a user's API keys.
#[derive(Default)]
pub(super) struct Spending {
    budgets: SpentBudgets,
    usage: KeyUsage,
}

/// The most keys that leave a list in one transaction, which has room for a hundred items.
pub(super) const MOST_STRUCK: usize = 25;

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
    /// Whether the key has, or had, a budget of all of time, whose item ends with it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(super) has_total_budget: bool,
}

impl ListedApiKey {
    /// The same key, which gets `budget`.
    pub(super) fn with_budget(self, budget: Option<Budget>) -> Self {
        let is_total = budget.is_some_and(|budget| budget.per == PeriodLength::Total);
        Self { has_total_budget: self.has_total_budget || is_total, ..self }
    }
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

    /// The keys of this epoch that have not expired by `now`, the oldest first.
    pub(super) fn living(
        &self,
        epoch: u64,
        now: Timestamp,
    ) -> impl DoubleEndedIterator<Item = (&ApiKeyId, &ListedApiKey)> {
        self.api_keys.iter().filter(move |(_, key)| key.epoch == epoch && !has_expired(key.expires_at, now))
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
        living.retain(|_, key| self.is_living(key, now));
        living
    }

    /// The list without the first of the keys that open nothing any more: as many as a transaction has room for. With each
    /// key that is made the list loses more of them than it gains, so that it never has more keys than a user may have.
    pub(super) fn without_dead(&self, now: Timestamp) -> ListedApiKeys {
        let mut next = self.list.api_keys.clone();
        let dead = self.list.api_keys.iter().filter(|(_, key)| !self.is_living(key, now));
        for (id, _) in dead.take(MOST_STRUCK) {
            next.remove(id);
        }
        next
    }

    fn is_living(&self, key: &ListedApiKey, now: Timestamp) -> bool {
        key.epoch == self.account.api_key_epoch && !has_expired(key.expires_at, now)
    }
}

/// The next list of a user's API keys, and what changes with it.
pub(super) struct ListReplacement<'a> {
    pub(super) next: &'a ListedApiKeys,
    /// Further parts of the transaction. The first of them is the check of the session.
    pub(super) further: Vec<TransactWriteItem>,
    /// Whether the terms of a key change that functions may remember.
    pub(super) changes_a_key: bool,
}

impl ApiKeys {
    /// The API keys of `person`, newest first.
    ///
    /// # Errors
    /// [`IdentityError::TokenNotValid`] or [`IdentityError::UserInactive`] if the account is not open to `person`.
    pub async fn list(&self, person: &LoggedIn) -> Result<Vec<ApiKeyView>, IdentityError> {
        let (keyring, now) = (self.read(person).await?, self.clock.now());
        let living = keyring.living(now);
        let limits = self.limits_of(&living).await?;
        let spending = self.spending(person.user_id(), &limits).await?;
        // A key whose own item has gone opens nothing.
        let views = living
            .into_iter()
            .rev()
            .filter_map(|(id, key)| Some(ApiKeyView::of(id, key, limits.get(&id)?, &spending, &keyring.account, now)));
        Ok(views.collect())
    }

    /// The budgets' items and the sums of the keys that have these limits.
    pub(super) async fn spending(
        &self,
        user_id: UserId,
        limits: &BTreeMap<ApiKeyId, KeyLimits>,
    ) -> Result<Spending, StoreError> {
        let usage = KeyUsage::read(&self.table, user_id, &limits.keys().copied().collect()).await?;
        let budgets = if limits.values().any(|limits| limits.budget.is_some()) {
            SpentBudgets::read(&self.table, user_id).await?
        } else {
            SpentBudgets::default()
        };
        Ok(Spending { budgets, usage })
    }

    /// The limits of these keys, which are in their own items: one read unit each.
    async fn limits_of(&self, keys: &ListedApiKeys) -> Result<BTreeMap<ApiKeyId, KeyLimits>, StoreError> {
        let items = self.table.get_all(keys.values().map(|key| StoredApiKey::key(&key.digest))).await?;
        let limits = items.into_iter().map(|item| {
            let StoredApiKey { id, limits, .. } = from_item(item)?;
            Ok((id, limits))
        });
        limits.collect()
    }

    /// The living API keys of a user whose `account` was read, newest first, as staff see them: without limits, which are in the
    /// items that the keys lead to.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] if the table cannot be read.
    pub async fn of_user(&self, user_id: UserId, account: &Account) -> Result<Vec<KeySummary>, StoreError> {
        let list: Option<ApiKeyList> = self.table.get(ApiKeyList::key(user_id)).await?;
        let list = list.unwrap_or_default();
        let living = list.living(account.api_key_epoch, self.clock.now()).rev();
        Ok(living.map(|(id, key)| KeySummary::of(*id, key)).collect())
    }

    /// The names of the API keys of `person`, by their ids.
    ///
    /// # Errors
    /// As [`ApiKeys::list`].
    pub async fn names(&self, person: &LoggedIn) -> Result<BTreeMap<ApiKeyId, ApiKeyName>, IdentityError> {
        let living = self.read(person).await?.living(self.clock.now());
        Ok(living.into_iter().map(|(id, key)| (id, key.name)).collect())
    }

    /// The names of the API keys of a user whose `account` was read, by their ids, for staff.
    ///
    /// # Errors
    /// [`StoreError`] if the table cannot be read.
    pub async fn names_of(
        &self,
        user_id: UserId,
        account: Account,
    ) -> Result<BTreeMap<ApiKeyId, ApiKeyName>, StoreError> {
        let list = self.table.get(ApiKeyList::key(user_id)).await?.unwrap_or_default();
        let living = Keyring { list, account }.living(self.clock.now());
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

    /// Replaces the `seen` list, in one transaction with the further parts of the `replacement`. The transaction deletes the
    /// items of keys that leave the list, and says in the account that keys have ended or changed. It writes nothing if the list is
    /// no longer the one that was seen.
    ///
    /// The transaction checks the account's epoch of sessions. The epoch of API keys is then the one that was read,
    /// because every act that raises it raises the epoch of sessions too, or replaces the list.
    pub(super) async fn replace(
        &self,
        person: &LoggedIn,
        seen: &ApiKeyList,
        replacement: ListReplacement<'_>,
        deadline: Timestamp,
    ) -> Result<Replacement, IdentityError> {
        let ListReplacement { next, further, changes_a_key } = replacement;
        let mut replacing = self.replacing(person.user_id(), seen, next)?;
        let list = replacing.remove(0);
        let ends_or_changes_a_key = changes_a_key || !replacing.is_empty();
        let account = if ends_or_changes_a_key { Account::raise_keys_version } else { Account::check_open };
        let mut items = vec![account(&self.table, person.payer())?, list];
        items.extend(further);
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
            Some([_, _, session, ..]) if condition_failed(session) => {
                Err(IdentityError::TokenNotValid("the session has ended"))
            }
            // DynamoDB has deleted the item of a key whose time is over.
            Some([_, _, _, key, ..]) if changes_a_key && condition_failed(key) => Err(IdentityError::NotFound),
            _ => Err(StoreError::from(error).into()),
        }
    }

    /// The parts of a transaction that replace the `seen` list by `next`: first the list, then the deletions of the
    /// items of keys that leave it, and the ends of their budgets.
    pub(super) fn replacing(
        &self,
        user_id: UserId,
        seen: &ApiKeyList,
        next: &ListedApiKeys,
    ) -> Result<Vec<TransactWriteItem>, StoreError> {
        let mut items = vec![self.write_list(user_id, seen, next)?];
        let struck = || seen.api_keys.iter().filter(|(id, _)| !next.contains_key(id));
        for (_, ended) in struck() {
            items.push(transaction::delete(self.table.deleting(StoredApiKey::key(&ended.digest)))?);
        }
        for (id, _) in struck().filter(|(_, key)| key.has_total_budget) {
            items.push(end_of_total(&self.table, user_id, *id, self.clock.now())?);
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
