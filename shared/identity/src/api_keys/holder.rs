//! Using an API key.

use domain::ids::UserId;
use domain::time::Timestamp;
use ledger::account::{Epoch, Payer};
use ledger::budgets::KeyBudget;
use ledger::claimed_payer::{ClaimedPayer, ConfirmedPayer, SecondRead, ShownKey};
use ledger::key_sums::KeySums;
use ledger::key_usage::KeyUsage;
use ledger::paying_key::{KeyLimits, PayingKey};
use store::StoreError;
use telemetry::invocation::identify;

use crate::api_keys::key::{ApiKey, ApiKeyDigest};
use crate::api_keys::memory::FoundKey;
use crate::api_keys::stored::{ApiKeys, StoredApiKey, has_expired};
use crate::api_keys::terms::ApiKeyName;
use crate::error::IdentityError;

/// A program that has shown an API key, which was read for this request or is remembered. Only [`ApiKeys`] makes one.
///
/// It is good for nothing but a [`ClaimedPayer`], which the account confirms.
#[derive(Debug)]
pub struct KeyHolder {
    key: UsedKey,
    user_id: UserId,
    paying: PayingKey,
    epoch: u64,
    /// The version of the account's keys at which a remembered key was there.
    keys_version: Option<u64>,
}

impl From<KeyHolder> for ClaimedPayer {
    fn from(holder: KeyHolder) -> Self {
        let KeyHolder { key, user_id, paying, epoch, keys_version } = holder;
        let payer = Payer::new(user_id, Epoch::OfApiKeys(epoch));
        match keys_version {
            None => Self::by_key(payer, paying, key),
            Some(keys_version) => Self::by_remembered_key(payer, paying, key, keys_version),
        }
    }
}

/// The description of an API key for its holder.
#[derive(Debug)]
pub struct KeyDescription {
    /// The name that its maker gave it. `None` if the key is older than limits of keys.
    pub name: Option<ApiKeyName>,
    /// The beginning of the key.
    pub prefix: String,
    /// The time at which it ends, if it does.
    pub expires_at: Option<Timestamp>,
    /// Its limits.
    pub limits: KeyLimits,
    /// Its budget in the current period, if it has one.
    pub budget: Option<KeyBudget>,
    /// The sums of its charges. `None` if it has paid for nothing.
    pub sums: Option<KeySums>,
}

impl ApiKeys {
    /// The program whose request has the bearer token `bearer`, which is meant to be an API key. A malformed key costs
    /// no read, and neither does one that is remembered. The account is not read: the request checks it together with
    /// what it does.
    ///
    /// # Errors
    /// [`IdentityError::TokenNotValid`] if there is no such key, or it has expired. [`IdentityError::Unavailable`] if
    /// the table cannot be read.
    pub async fn holder(&self, bearer: &str) -> Result<KeyHolder, IdentityError> {
        let key = ApiKey::parse(bearer).ok_or(IdentityError::TokenNotValid("the API key is malformed"))?;
        let key = UsedKey { api_keys: self.clone(), digest: key.digest() };
        let remembered = self.memory.recall(&key.digest, self.clock.now());
        let (found, keys_version) = if let Some(key) = remembered {
            (key.found, Some(key.confirmed))
        } else {
            let stored = key.read().await?.ok_or(IdentityError::TokenNotValid("there is no such API key"))?;
            (FoundKey::from(&stored), None)
        };
        self.living(key, found, keys_version)
    }

    /// The description of the API key `bearer` for its holder. The key and its account are always read, and never taken from
    /// memory.
    ///
    /// # Errors
    /// As [`ApiKeys::holder`]; [`IdentityError::TokenNotValid`] or [`IdentityError::UserInactive`] if the account is not open
    /// to the key.
    pub async fn describe(&self, bearer: &str) -> Result<KeyDescription, IdentityError> {
        let key = ApiKey::parse(bearer).ok_or(IdentityError::TokenNotValid("the API key is malformed"))?;
        let prefix = key.prefix().to_owned();
        let key = UsedKey { api_keys: self.clone(), digest: key.digest() };
        let stored = key.read().await?.ok_or(IdentityError::TokenNotValid("there is no such API key"))?;
        let holder = self.living(key, FoundKey::from(&stored), None)?;
        let payer: ClaimedPayer = holder.into();
        let ConfirmedPayer { budget, .. } = payer.confirmed::<IdentityError>(&self.table, self.clock.now()).await?;
        let usage = KeyUsage::read(&self.table, stored.user_id, &[stored.id].into()).await?;
        let (expires_at, sums) = (stored.expires_at.map(Timestamp::from_seconds), usage.of_key(stored.id).cloned());
        Ok(KeyDescription { name: stored.name, prefix, expires_at, limits: stored.limits, budget, sums })
    }

    /// The holder of a key that was found, and has not expired.
    fn living(&self, key: UsedKey, found: FoundKey, keys_version: Option<u64>) -> Result<KeyHolder, IdentityError> {
        let FoundKey { user_id, paying, epoch, expires_at, .. } = found;
        if has_expired(expires_at, self.clock.now()) {
            return Err(IdentityError::TokenNotValid("the API key has expired"));
        }
        identify(user_id);
        Ok(KeyHolder { key, user_id, paying, epoch, keys_version })
    }
}

/// An API key in use.
#[derive(Debug)]
struct UsedKey {
    api_keys: ApiKeys,
    digest: ApiKeyDigest,
}

impl UsedKey {
    /// Reads the key, and remembers it if it is there.
    async fn read(&self) -> Result<Option<StoredApiKey>, StoreError> {
        let ApiKeys { table, clock, memory, .. } = &self.api_keys;
        let begun = memory.begin_read(&self.digest, clock.now());
        let stored: Option<StoredApiKey> = table.get(StoredApiKey::key(&self.digest)).await?;
        match &stored {
            Some(stored) => memory.remember(&self.digest, begun, stored.into()),
            None => memory.forget(&self.digest),
        }
        Ok(stored)
    }
}

impl ShownKey for UsedKey {
    fn read_again(&self, keys_version: u64) -> SecondRead<'_> {
        self.learn(keys_version);
        Box::pin(async {
            let stored = self.read().await?;
            let living = stored.filter(|stored| !has_expired(stored.expires_at, self.api_keys.clock.now()));
            Ok(living.map(|stored| {
                let FoundKey { user_id, epoch, paying, .. } = (&stored).into();
                (Payer::new(user_id, Epoch::OfApiKeys(epoch)), paying)
            }))
        })
    }

    fn learn(&self, keys_version: u64) {
        self.api_keys.memory.learn(&self.digest, keys_version);
    }
}
