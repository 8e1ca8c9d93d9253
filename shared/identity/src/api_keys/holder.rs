//! Using an API key.

use domain::ids::UserId;
use ledger::account::{Epoch, Payer};
use ledger::claimed_payer::{ClaimedPayer, SecondRead, ShownKey};
use store::StoreError;
use telemetry::invocation::identify;

use crate::api_keys::key::{ApiKey, ApiKeyDigest};
use crate::api_keys::memory::FoundKey;
use crate::api_keys::stored::{ApiKeys, StoredApiKey, has_expired};
use crate::error::IdentityError;

/// A program that has shown an API key, which was read for this request or is remembered. Only [`ApiKeys`] makes one.
///
/// It is good for nothing but a [`ClaimedPayer`], which the account confirms.
#[derive(Debug)]
pub struct KeyHolder {
    key: UsedKey,
    user_id: UserId,
    epoch: u64,
    /// The version of the account's keys at which a remembered key was there.
    keys_version: Option<u64>,
}

impl From<KeyHolder> for ClaimedPayer {
    fn from(holder: KeyHolder) -> Self {
        let KeyHolder { key, user_id, epoch, keys_version } = holder;
        let payer = Payer::new(user_id, Epoch::OfApiKeys(epoch));
        match keys_version {
            None => Self::by_key(payer, key),
            Some(keys_version) => Self::by_remembered_key(payer, key, keys_version),
        }
    }
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
            (key.read().await?.ok_or(IdentityError::TokenNotValid("there is no such API key"))?, None)
        };
        let FoundKey { user_id, epoch, expires_at, .. } = found;
        if has_expired(expires_at, self.clock.now()) {
            return Err(IdentityError::TokenNotValid("the API key has expired"));
        }
        identify(user_id);
        Ok(KeyHolder { key, user_id, epoch, keys_version })
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
    async fn read(&self) -> Result<Option<FoundKey>, StoreError> {
        let ApiKeys { table, clock, memory } = &self.api_keys;
        let begun = memory.begin_read(&self.digest, clock.now());
        let stored: Option<StoredApiKey> = table.get(StoredApiKey::key(&self.digest)).await?;
        let found = stored.as_ref().map(FoundKey::from);
        match found {
            Some(found) => memory.remember(&self.digest, begun, found),
            None => memory.forget(&self.digest),
        }
        Ok(found)
    }
}

impl ShownKey for UsedKey {
    fn read_again(&self, keys_version: u64) -> SecondRead<'_> {
        self.learn(keys_version);
        Box::pin(async {
            let found = self.read().await?;
            let living = found.filter(|found| !has_expired(found.expires_at, self.api_keys.clock.now()));
            Ok(living.map(|found| Payer::new(found.user_id, Epoch::OfApiKeys(found.epoch))))
        })
    }

    fn learn(&self, keys_version: u64) {
        self.api_keys.memory.learn(&self.digest, keys_version);
    }
}
