//! Making an API key.

use aws_sdk_dynamodb::types::TransactWriteItem;
use domain::cause::Cause;
use domain::ids::ApiKeyId;
use domain::time::Timestamp;
use domain::username::Username;
use ledger::account::Closed;
use store::{StoreError, number, transaction};

use crate::api_keys::key::ApiKey;
use crate::api_keys::list::{ApiKeyView, Keyring, ListReplacement, ListedApiKey, Replacement, Spending};
use crate::api_keys::stored::{ApiKeys, MAX_ROUNDS, StoredApiKey};
use crate::api_keys::terms::ApiKeyTerms;
use crate::error::IdentityError;
use crate::jwt::LoggedIn;
use crate::login::ProvenLogin;
use crate::sessions::Session;

/// An API key that was just made.
#[derive(Debug)]
pub struct MadeApiKey {
    /// The key as its user's list shows it from now on.
    pub view: ApiKeyView,
    /// The key itself, which is shown this once.
    pub key: ApiKey,
}

/// Room for one more API key, in an account that is open to the person who wants it.
///
/// It is read before the person's password is checked, so that a key for which there is no room costs no hash.
#[derive(Debug)]
pub struct RoomForKey {
    keyring: Keyring,
}

impl RoomForKey {
    /// The username of the account.
    ///
    /// # Errors
    /// [`StoreError::Internal`] if the account's text is not a username.
    pub fn username(&self) -> Result<Username, StoreError> {
        self.keyring.account.parsed_username()
    }
}

/// A new API key of a logged-in person, who has just proved the password.
#[derive(Debug)]
pub struct NewApiKey<'a> {
    /// The person.
    pub person: &'a LoggedIn,
    /// The person's login.
    pub proven: &'a ProvenLogin,
    /// The terms of the key.
    pub terms: &'a ApiKeyTerms,
}

impl ApiKeys {
    /// The room for one more API key of `person`.
    ///
    /// # Errors
    /// [`IdentityError::TooManyKeys`] if they have [`MAX_API_KEYS`](super::MAX_API_KEYS); [`IdentityError::TokenNotValid`] or
    /// [`IdentityError::UserInactive`] if the account is not open to them; [`IdentityError::Unavailable`] if the table
    /// cannot be reached.
    pub async fn room(&self, person: &LoggedIn) -> Result<RoomForKey, IdentityError> {
        let keyring = self.read(person).await?;
        if keyring.living(self.clock.now()).len() >= self.most {
            return Err(IdentityError::TooManyKeys { limit: self.most });
        }
        Ok(RoomForKey { keyring })
    }

    /// Makes an API key. Some expired keys leave the list. A password that changed after it was checked has raised the epoch
    /// that the transaction asks for.
    ///
    /// If the outcome is unknown ([`IdentityError::Unavailable`]), the list may have a key whose text nobody has seen.
    ///
    /// # Errors
    /// [`IdentityError::TokenNotValid`] if the session of the person has ended; else as [`ApiKeys::room`].
    pub async fn make(
        &self,
        new: &NewApiKey<'_>,
        mut room: RoomForKey,
        deadline: Timestamp,
    ) -> Result<MadeApiKey, IdentityError> {
        let NewApiKey { person, proven, terms } = *new;
        if proven.login().user_id != person.user_id() {
            // The account was deleted, and its name registered again, before the password was proved.
            return Err(Closed::Gone.into());
        }
        let key = ApiKey::random()?;
        let id = ApiKeyId::new(&self.clock);
        let now = self.clock.now();
        for _ in 0..MAX_ROUNDS {
            let keyring = &room.keyring;
            let listed = listed(&key, terms, keyring.account.api_key_epoch, now);
            let mut next = keyring.without_dead(now);
            let (epoch, expires_at) = (listed.epoch, listed.expires_at);
            let keys_version = keyring.account.keys_version;
            let (user_id, name, limits) = (person.user_id(), Some(terms.name.clone()), terms.limits.clone());
            let stored = StoredApiKey { user_id, id, name, epoch, expires_at, keys_version, limits };
            let further = vec![
                self.check_session(person, now)?,
                self.table.put_new(StoredApiKey::key(&listed.digest).with(&stored)?)?,
            ];
            next.insert(id, listed.clone());
            let replacement = ListReplacement { next: &next, further, changes_a_key: false };
            match self.replace(person, &keyring.list, replacement, deadline).await? {
                Replacement::Done => {
                    let (nothing, account) = (Spending::default(), &keyring.account);
                    let view = ApiKeyView::of(id, listed, &terms.limits, &nothing, account, now);
                    return Ok(MadeApiKey { view, key });
                }
                Replacement::ChangedMeanwhile => room = self.room(person).await?,
            }
        }
        Err(IdentityError::Unavailable(Cause::because("too many requests are changing the API keys of this user")))
    }

    /// Checks that the session lives: an ended session cannot create API keys, even while its access token is still
    /// valid.
    pub(super) fn check_session(&self, person: &LoggedIn, now: Timestamp) -> Result<TransactWriteItem, StoreError> {
        transaction::check(
            self.table
                .checking(Session::key(person.user_id(), person.session_id()))
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
        has_total_budget: false,
    }
    .with_budget(terms.limits.budget)
}
