//! Using a key.

use crate::api_keys::{ApiKey, ApiKeys, StoredApiKey, has_expired};
use crate::error::ApiError;
use crate::table::{Key, OwnedKeys as _};
use domain::ids::UserId;
use telemetry::invocation::identify;

/// A program that has proved with an API key whose account it uses. Only [`ApiKeys`] makes one.
#[derive(Clone, Copy, Debug)]
pub struct KeyHolder {
    user_id: UserId,
    epoch: u64,
}

impl KeyHolder {
    /// Whose account it uses.
    #[must_use]
    pub fn user_id(&self) -> UserId {
        self.user_id
    }

    /// The epoch of API keys that the account must still have.
    #[must_use]
    pub fn api_key_epoch(&self) -> u64 {
        self.epoch
    }
}

impl ApiKeys {
    /// Who sends `bearer`, which is meant to be an API key. One that no key of ours looks like costs no
    /// read. Whether the account is open to it is for the request to say that it makes anyway.
    ///
    /// # Errors
    /// [`ApiError::TokenNotValid`] if there is no such key, or no longer; which, is not said.
    /// [`ApiError::Unavailable`] if the table cannot be read.
    pub async fn holder(&self, bearer: &str) -> Result<KeyHolder, ApiError> {
        let key = ApiKey::parse(bearer).ok_or(ApiError::TokenNotValid("the API key is malformed"))?;
        let stored: Option<StoredApiKey> = self.table.get(Key::api_key(&key.digest())).await?;
        let stored = stored.ok_or(ApiError::TokenNotValid("there is no such API key"))?;
        if has_expired(stored.expires_at, self.clock.now()) {
            return Err(ApiError::TokenNotValid("the API key has expired"));
        }
        identify(stored.user_id);
        Ok(KeyHolder { user_id: stored.user_id, epoch: stored.epoch })
    }
}
