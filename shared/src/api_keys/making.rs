//! Making a key.

use crate::api_keys::list::{ListedApiKey, Replaced};
use crate::api_keys::{ApiKey, ApiKeyTerms, ApiKeyView, ApiKeys, MAX_API_KEYS, MAX_ROUNDS, StoredApiKey};
use crate::error::{ApiError, Cause};
use crate::ids::ApiKeyId;
use crate::jwt::LoggedIn;
use crate::table::Key;
use crate::time::Timestamp;

/// A key that was just made.
#[derive(Debug)]
pub struct MadeApiKey {
    /// What its user will see of it from now on.
    pub view: ApiKeyView,
    /// The key, which nobody will see again.
    pub key: ApiKey,
}

impl ApiKeys {
    /// Makes a key for the person who is logged in. Those that have ended are struck off their list.
    ///
    /// If its outcome is unknown ([`ApiError::Unavailable`]), the list may have a key that nobody has.
    ///
    /// # Errors
    /// [`ApiError::TooManyKeys`] if they have [`MAX_API_KEYS`]; as
    /// [`Accounts::read`](crate::accounts::Accounts::read) if the account is not open to them;
    /// [`ApiError::Unavailable`] if the table cannot be reached.
    pub async fn make(
        &self,
        person: &LoggedIn,
        terms: &ApiKeyTerms,
        deadline: Timestamp,
    ) -> Result<MadeApiKey, ApiError> {
        let key = ApiKey::random()?;
        let id = ApiKeyId::new(&self.clock);
        let now = self.clock.now();
        for _ in 0..MAX_ROUNDS {
            let keyring = self.read(person).await?;
            let listed = listed(&key, terms, keyring.epoch, now);
            let mut next = keyring.living(now);
            if next.len() >= MAX_API_KEYS {
                return Err(ApiError::TooManyKeys { limit: MAX_API_KEYS });
            }
            let (epoch, expires_at) = (listed.epoch, listed.expires_at);
            let stored = StoredApiKey { user_id: person.user_id(), id, epoch, expires_at };
            let made = self.table.put_new(Key::api_key(&listed.digest).with(&stored)?)?;
            next.insert(id, listed.clone());
            match self.replace(person, &keyring.list, &next, Some(made), deadline).await? {
                Replaced::Yes => return Ok(MadeApiKey { view: ApiKeyView::of(id, listed), key }),
                Replaced::ChangedMeanwhile => {}
            }
        }
        Err(ApiError::Unavailable(Cause::because("too many requests are changing the API keys of this user")))
    }
}

fn listed(key: &ApiKey, terms: &ApiKeyTerms, epoch: u64, now: Timestamp) -> ListedApiKey {
    ListedApiKey {
        name: terms.name.clone(),
        prefix: key.prefix().to_owned(),
        digest: key.digest(),
        created_at: now.to_string(),
        epoch,
        expires_at: terms.lifetime.end(now).map(Timestamp::seconds),
    }
}
