//! Using an API key.

use domain::ids::UserId;
use ledger::account::{Epoch, Payer};
use telemetry::invocation::identify;

use crate::api_keys::key::ApiKey;
use crate::api_keys::stored::{ApiKeys, StoredApiKey, has_expired};
use crate::error::IdentityError;

/// A program that has proved with an API key whose account it uses. Only [`ApiKeys`] makes one.
#[derive(Clone, Copy, Debug)]
pub struct KeyHolder {
    user_id: UserId,
    epoch: u64,
}

impl KeyHolder {
    /// The user whose account the program uses.
    #[must_use]
    pub fn user_id(&self) -> UserId {
        self.user_id
    }

    /// The epoch of API keys that the account must still have.
    #[must_use]
    pub fn api_key_epoch(&self) -> u64 {
        self.epoch
    }

    /// The payer of the program's messages.
    #[must_use]
    pub fn payer(&self) -> Payer {
        Payer::new(self.user_id, Epoch::OfApiKeys(self.epoch))
    }
}

impl ApiKeys {
    /// The program whose request has the bearer token `bearer`, which is meant to be an API key. A malformed key costs
    /// no read. The account is not read: the request checks it together with what it does.
    ///
    /// # Errors
    /// [`IdentityError::TokenNotValid`] if there is no such key, or it has expired. [`IdentityError::Unavailable`] if
    /// the table cannot be read.
    pub async fn holder(&self, bearer: &str) -> Result<KeyHolder, IdentityError> {
        let key = ApiKey::parse(bearer).ok_or(IdentityError::TokenNotValid("the API key is malformed"))?;
        let stored: Option<StoredApiKey> = self.table.get(StoredApiKey::key(&key.digest())).await?;
        let stored = stored.ok_or(IdentityError::TokenNotValid("there is no such API key"))?;
        if has_expired(stored.expires_at, self.clock.now()) {
            return Err(IdentityError::TokenNotValid("the API key has expired"));
        }
        identify(stored.user_id);
        Ok(KeyHolder { user_id: stored.user_id, epoch: stored.epoch })
    }
}
