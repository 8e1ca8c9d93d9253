//! The payer that a request claims to come from, before the account has confirmed it.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use aws_sdk_dynamodb::types::AttributeValue;
use domain::ids::UserId;
use store::{StoreError, number};

use crate::account::{Account, Closed, Payer};

/// The second read of an API key: its payer, or nobody if the key has ended.
pub type SecondRead<'a> = Pin<Box<dyn Future<Output = Result<Option<Payer>, StoreError>> + Send + 'a>>;

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
/// has ended since, too. If one has, the key is read once more: from then on it counts as one that was read.
///
/// Nothing is done or told for a request before [`ClaimedPayer::confirm`].
#[derive(Clone, Debug)]
pub struct ClaimedPayer {
    payer: Payer,
    key: Option<Arc<dyn ShownKey>>,
    /// The account's `keys_version` at which a remembered key was there.
    keys_version: Option<u64>,
}

impl From<Payer> for ClaimedPayer {
    fn from(payer: Payer) -> Self {
        Self { payer, key: None, keys_version: None }
    }
}

impl ClaimedPayer {
    /// The payer by an API key that was read for this request.
    pub fn by_key(payer: Payer, key: impl ShownKey + 'static) -> Self {
        Self { payer, key: Some(Arc::new(key)), keys_version: None }
    }

    /// The payer by an API key that is remembered, and was there when the account had this `keys_version`.
    pub fn by_remembered_key(payer: Payer, key: impl ShownKey + 'static, keys_version: u64) -> Self {
        Self { keys_version: Some(keys_version), ..Self::by_key(payer, key) }
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

    /// The account that was `found` for this request, if it is open to the payer.
    ///
    /// # Errors
    /// [`Closed`] with the reason; [`StoreError`] if the key has to be read and cannot be.
    pub async fn confirm<E>(&mut self, found: Option<Account>) -> Result<Account, E>
    where
        E: From<Closed> + From<StoreError>,
    {
        let account = Account::admitted(found, self.payer)?;
        let Some(key) = &self.key else { return Ok(account) };
        if self.keys_version.is_some_and(|seen| seen != account.keys_version) {
            self.payer = key.read_again(account.keys_version).await?.ok_or(Closed::ApiKeyEnded)?;
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
            key.learn(account.keys_version);
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
