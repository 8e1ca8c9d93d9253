//! The payer that a request claims to come from, before the account has confirmed it.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use aws_sdk_dynamodb::types::AttributeValue;
use domain::ids::{ApiKeyId, UserId};
use domain::time::Timestamp;
use store::{Item, Key, StoreError, Table, from_item, number};

use crate::account::{Account, Closed, Payer};
use crate::budget_place::BudgetPlace;
use crate::budgets::{KeyBudget, SeenBudget};
use crate::paying_key::{KeyLimits, PayingKey};

/// The second read of an API key: its payer and its limits, or nobody if the key has ended.
pub type SecondRead<'a> = Pin<Box<dyn Future<Output = Result<Option<(Payer, PayingKey)>, StoreError>> + Send + 'a>>;

/// An API key that a request has shown.
pub trait ShownKey: fmt::Debug + Send + Sync {
    /// Reads the key once more, because the account has this `keys_version` by now, which is another than the one at which
    /// the remembered key was there.
    fn read_again(&self, keys_version: u64) -> SecondRead<'_>;

    /// Takes note of the account's `keys_version`, which was seen for a request with the key.
    fn learn(&self, keys_version: u64);
}

/// A payer whom the account has to confirm. The proof of a person, or an API key that was read for this request, counts as
/// long as the account has the proof's epoch. An API key that is remembered counts as long as none of the account's keys
/// has ended since, or got other limits, too. If one has, the key is read once more: from then on it counts as one that was
/// read, with the limits that it has now.
///
/// Nothing is done or told for a request before [`ClaimedPayer::confirm`].
#[derive(Clone, Debug)]
pub struct ClaimedPayer {
    payer: Payer,
    key: Option<ClaimedKey>,
    /// The account's `keys_version` at which a remembered key was there.
    keys_version: Option<u64>,
}

/// The API key of a claimed payer.
#[derive(Clone, Debug)]
struct ClaimedKey {
    shown: Arc<dyn ShownKey>,
    paying: PayingKey,
}

impl From<Payer> for ClaimedPayer {
    fn from(payer: Payer) -> Self {
        Self { payer, key: None, keys_version: None }
    }
}

impl ClaimedPayer {
    /// The payer by an API key that was read for this request.
    pub fn by_key(payer: Payer, paying: PayingKey, shown: impl ShownKey + 'static) -> Self {
        Self { payer, key: Some(ClaimedKey { shown: Arc::new(shown), paying }), keys_version: None }
    }

    /// The payer by an API key that is remembered, and was there when the account had this `keys_version`.
    pub fn by_remembered_key(
        payer: Payer,
        paying: PayingKey,
        shown: impl ShownKey + 'static,
        keys_version: u64,
    ) -> Self {
        Self { keys_version: Some(keys_version), ..Self::by_key(payer, paying, shown) }
    }

    /// The user whose account is to confirm the payer.
    #[must_use]
    pub fn user_id(&self) -> UserId {
        self.payer.user_id()
    }

    /// The payer, who may be nobody any more until [`ClaimedPayer::confirm`] says otherwise.
    pub(crate) fn payer(&self) -> Payer {
        self.payer
    }

    /// The API key by which the payer pays, if they do, with the limits that it has as far as is known.
    pub(crate) fn paying_key(&self) -> Option<&PayingKey> {
        self.key.as_ref().map(|key| &key.paying)
    }

    /// The id of the API key by which the payer pays, if they do.
    pub(crate) fn api_key(&self) -> Option<ApiKeyId> {
        self.paying_key().map(|key| key.id)
    }

    /// The limits of the API key by which the payer pays, if they do, as far as is known.
    #[must_use]
    pub fn key_limits(&self) -> Option<&KeyLimits> {
        self.paying_key().map(|key| key.limits.as_ref())
    }

    /// The place of the budget of the payer's API key at `moment`, if it has one.
    pub(crate) fn budget_place(&self, moment: Timestamp) -> Option<BudgetPlace> {
        let PayingKey { id, limits } = self.paying_key()?;
        limits.budget.map(|budget| BudgetPlace::at(*id, budget, moment))
    }

    /// Reads the account, the budget of the payer's API key if it has one, and `further` if it is given, in one request. The
    /// account has to be open to the payer. A key that has other limits by now has its budget read once more.
    ///
    /// # Errors
    /// As [`ClaimedPayer::confirm`]; [`StoreError`] if the table cannot be read.
    pub(crate) async fn read<E>(&mut self, table: &Table, further: Option<Key>, now: Timestamp) -> Result<FoundItems, E>
    where
        E: From<Closed> + From<StoreError>,
    {
        let user_id = self.user_id();
        let place = self.budget_place(now);
        let budget_key = place.map(|place| place.key(user_id));
        let keys = [Some(Account::key(user_id)), further, budget_key];
        let [account, further, budget] = table.get_some(keys).await?;
        let account = self.confirm::<E>(account.map(from_item).transpose()?).await?;
        let budget = match self.budget_place(now) {
            None => None,
            Some(current) if Some(current) == place => {
                Some(SeenBudget::new(current, budget.map(from_item).transpose()?))
            }
            Some(current) => Some(SeenBudget::new(current, table.get(current.key(user_id)).await?)),
        };
        Ok(FoundItems { account, budget, further })
    }

    /// Reads the account as [`Ledger::admit`](crate::Ledger::admit) does, for an endpoint that tells of it and holds nothing.
    ///
    /// # Errors
    /// [`Closed`] with the reason if the account is not open to the payer; [`StoreError`] if the table cannot be read.
    pub async fn confirmed<E>(mut self, table: &Table, now: Timestamp) -> Result<ConfirmedPayer, E>
    where
        E: From<Closed> + From<StoreError>,
    {
        let FoundItems { account, budget: seen, .. } = self.read::<E>(table, None, now).await?;
        let budget = self.paying_key().and_then(|PayingKey { id, limits }| {
            let budget = limits.budget?;
            Some(KeyBudget::new(*id, budget, seen, &account, now, now))
        });
        Ok(ConfirmedPayer { account, key: self.key.map(|key| key.paying), budget })
    }

    /// The account that was `found` for this request, if it is open to the payer.
    ///
    /// # Errors
    /// [`Closed`] with the reason; [`StoreError`] if the key has to be read and cannot be.
    pub async fn confirm<E>(&mut self, found: Option<Account>) -> Result<Account, E>
    where
        E: From<Closed> + From<StoreError>,
    {
        let account = Account::admitted(found, self.payer)?;
        let Some(key) = &mut self.key else { return Ok(account) };
        if self.keys_version.is_some_and(|seen| seen != account.keys_version) {
            let read = key.shown.read_again(account.keys_version).await?;
            (self.payer, key.paying) = read.ok_or(Closed::ApiKeyEnded)?;
            self.keys_version = None;
            account.admit(self.payer.epoch())?;
        }
        self.learn(&account);
        Ok(account)
    }

    /// Whether an account that is remembered seems open to the payer, as far as it says. The hold's condition confirms it.
    pub(crate) fn agrees_with(&self, remembered: &Account) -> bool {
        let is_key_there = self.keys_version.is_none_or(|seen| seen == remembered.keys_version);
        is_key_there && remembered.admit(self.payer.epoch()).is_ok()
    }

    /// Takes note of the account, as a hold for the payer has seen it.
    pub(crate) fn learn(&self, account: &Account) {
        if let Some(key) = &self.key {
            key.shown.learn(account.keys_version);
        }
    }

    /// The addition to a condition on the account's status and epoch, with its value `:keys_version`: no key has ended
    /// since the account confirmed a remembered one.
    pub(crate) fn condition_on_keys(&self) -> (&'static str, Option<AttributeValue>) {
        match self.keys_version {
            None => ("", None),
            // The first change that ends a key adds the attribute.
            Some(0) => (" AND attribute_not_exists(keys_version)", None),
            Some(version) => (" AND keys_version = :keys_version", Some(number(version))),
        }
    }
}

/// The items that were read for a payer whom the account has confirmed.
pub(crate) struct FoundItems {
    pub(crate) account: Account,
    /// The budget of the payer's API key in the current period, if it has one.
    pub(crate) budget: Option<SeenBudget>,
    /// The item that was asked for besides.
    pub(crate) further: Option<Item>,
}

/// A payer whom the account has confirmed, with all that an endpoint tells of them.
#[derive(Debug)]
pub struct ConfirmedPayer {
    /// The account as it was read.
    pub account: Account,
    /// The API key by which they pay, if they do.
    pub key: Option<PayingKey>,
    /// The budget of that key in the current period, if it has one.
    pub budget: Option<KeyBudget>,
}
