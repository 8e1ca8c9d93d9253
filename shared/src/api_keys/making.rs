//! Making a key.

use aws_sdk_dynamodb::types::TransactWriteItem;

use crate::api_keys::list::{ListedApiKey, Replaced};
use crate::api_keys::{ApiKey, ApiKeyTerms, ApiKeyView, ApiKeys, MAX_API_KEYS, MAX_ROUNDS, StoredApiKey};
use crate::error::ApiError;
use crate::jwt::LoggedIn;
use crate::table::{Key, OwnedKeys as _, StoreError, number, transact_check};
use domain::cause::Cause;
use domain::ids::ApiKeyId;
use domain::time::Timestamp;

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
    /// [`ApiError::TokenNotValid`] if their session has ended; [`ApiError::TooManyKeys`] if they have [`MAX_API_KEYS`]; as
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
            let made = vec![
                self.check_session(person, now)?,
                self.table.put_new(Key::api_key(&listed.digest).with(&stored)?)?,
            ];
            next.insert(id, listed.clone());
            match self.replace(person, &keyring.list, &next, made, deadline).await? {
                Replaced::Yes => return Ok(MadeApiKey { view: ApiKeyView::of(id, listed), key }),
                Replaced::ChangedMeanwhile => {}
            }
        }
        Err(ApiError::Unavailable(Cause::because("too many requests are changing the API keys of this user")))
    }

    /// The session still lives: a key must not come from an access token that outlived a logout.
    fn check_session(&self, person: &LoggedIn, now: Timestamp) -> Result<TransactWriteItem, StoreError> {
        transact_check(
            self.table
                .checking(Key::session(person.user_id(), person.session_id()))
                .condition_expression("expires_at > :now")
                .expression_attribute_values(":now", number(now.seconds())),
        )
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
