//! Changing an API key.

use aws_sdk_dynamodb::types::{AttributeValue, TransactWriteItem};
use domain::cause::Cause;
use domain::ids::ApiKeyId;
use domain::term_change::TermChange;
use domain::time::Timestamp;
use domain::username::Username;
use ledger::account::Closed;
use ledger::paying_key::KeyLimits;
use store::{StoreError, number, transaction};

use crate::api_keys::limits::{ApiKeyBudget, ApiKeyModels, ApiKeyRate};
use crate::api_keys::list::{ApiKeyView, Keyring, ListReplacement, ListedApiKey, Replacement};
use crate::api_keys::stored::{ApiKeys, MAX_ROUNDS, StoredApiKey};
use crate::api_keys::terms::{ApiKeyLifetime, ApiKeyName};
use crate::error::IdentityError;
use crate::jwt::LoggedIn;
use crate::login::ProvenLogin;

/// The changes of the terms of an API key. A lifetime begins with the change.
#[derive(Clone, Debug, Default)]
pub struct ApiKeyChanges {
    /// The name.
    pub name: TermChange<ApiKeyName>,
    /// The lifetime.
    pub lifetime: TermChange<ApiKeyLifetime>,
    /// The budget.
    pub budget: TermChange<ApiKeyBudget>,
    /// The most requests of a minute.
    pub requests_per_minute: TermChange<ApiKeyRate>,
    /// The models.
    pub models: TermChange<ApiKeyModels>,
}

impl ApiKeyChanges {
    fn limits(&self, before: &KeyLimits) -> KeyLimits {
        let KeyLimits { budget, requests_per_minute, models } = before.clone();
        KeyLimits {
            budget: self.budget.or(ApiKeyBudget(budget)).0,
            requests_per_minute: self.requests_per_minute.or(ApiKeyRate(requests_per_minute)).0,
            models: self.models.clone().or(ApiKeyModels(models)).0,
        }
    }

    fn end(&self, before: Option<u64>, now: Timestamp) -> Option<u64> {
        match self.lifetime {
            TermChange::None => before,
            TermChange::To(lifetime) => lifetime.end(now).map(Timestamp::seconds),
        }
    }
}

/// An API key that is to be changed, as it was read for the person whose it is.
#[derive(Debug)]
pub struct KeyToChange {
    keyring: Keyring,
    id: ApiKeyId,
    listed: ListedApiKey,
    stored: StoredApiKey,
}

impl KeyToChange {
    /// The username of the account.
    ///
    /// # Errors
    /// [`StoreError::Internal`] if the account's text is not a username.
    pub fn username(&self) -> Result<Username, StoreError> {
        self.keyring.account.parsed_username()
    }

    /// Whether the key may do more after these changes than before, or for longer. Such changes take the password, as the
    /// making of a key does: a stolen access token must not make a key that a student has into one without limits.
    #[must_use]
    pub fn is_widened_by(&self, changes: &ApiKeyChanges, now: Timestamp) -> bool {
        let (before, after) = (self.listed.expires_at, changes.end(self.listed.expires_at, now));
        let lives_longer = before.is_some_and(|before| after.is_none_or(|after| after > before));
        lives_longer || changes.limits(&self.stored.limits).allow_more_than(&self.stored.limits)
    }
}

/// A change of an API key of a logged-in person.
#[derive(Clone, Copy, Debug)]
pub struct ApiKeyPatch<'a> {
    /// The person.
    pub person: &'a LoggedIn,
    /// The person's login, if they have just proved the password.
    pub proven: Option<&'a ProvenLogin>,
    /// The changes.
    pub changes: &'a ApiKeyChanges,
}

impl ApiKeys {
    /// The API key `id` of `person`.
    ///
    /// # Errors
    /// [`IdentityError::NotFound`] if `person` has no such key; [`IdentityError::TokenNotValid`] or
    /// [`IdentityError::UserInactive`] if the account is not open to `person`; [`IdentityError::Unavailable`] if the
    /// table cannot be reached.
    pub async fn find(&self, person: &LoggedIn, id: ApiKeyId) -> Result<KeyToChange, IdentityError> {
        let keyring = self.read(person).await?;
        let listed = keyring.living(self.clock.now()).remove(&id).ok_or(IdentityError::NotFound)?;
        let stored = self.table.get(StoredApiKey::key(&listed.digest)).await?;
        Ok(KeyToChange { keyring, id, listed, stored: stored.ok_or(IdentityError::NotFound)? })
    }

    /// Changes an API key, in one transaction of the account, the list and the key's own item. From then on no function trusts what
    /// it remembers of the account's keys: the next message is held within the new limits. A message that has already read
    /// the key may still be held within the old ones.
    ///
    /// # Errors
    /// [`IdentityError::PasswordRequired`] if the changes widen the key and the password was not proved;
    /// [`IdentityError::TokenNotValid`] if the session of the person has ended; else as [`ApiKeys::find`].
    pub async fn change(
        &self,
        patch: ApiKeyPatch<'_>,
        mut key: KeyToChange,
        deadline: Timestamp,
    ) -> Result<ApiKeyView, IdentityError> {
        let ApiKeyPatch { person, proven, changes } = patch;
        if proven.is_some_and(|proven| proven.login().user_id != person.user_id()) {
            // The account was deleted, and its name registered again, before the password was proved.
            return Err(Closed::Gone.into());
        }
        for _ in 0..MAX_ROUNDS {
            let now = self.clock.now();
            if proven.is_none() && key.is_widened_by(changes, now) {
                return Err(IdentityError::PasswordRequired);
            }
            let limits = changes.limits(&key.stored.limits);
            let listed = ListedApiKey {
                name: changes.name.clone().or(key.listed.name.clone()),
                expires_at: changes.end(key.listed.expires_at, now),
                ..key.listed.clone().with_budget(limits.budget)
            };
            let mut next = key.keyring.without_dead(now);
            next.insert(key.id, listed.clone());
            let further = vec![self.check_session(person, now)?, self.update_item(&key, &listed, &limits)?];
            let replacement = ListReplacement { next: &next, further, changes_a_key: true };
            // Once the change is made, nothing may fail any more.
            let spending = self.spending(person.user_id(), &[(key.id, limits.clone())].into()).await?;
            match self.replace(person, &key.keyring.list, replacement, deadline).await? {
                Replacement::Done => {
                    return Ok(ApiKeyView::of(key.id, listed, &limits, &spending, &key.keyring.account, now));
                }
                Replacement::ChangedMeanwhile => key = self.find(person, key.id).await?,
            }
        }
        Err(IdentityError::Unavailable(Cause::because("too many requests are changing the API keys of this user")))
    }

    /// The part of a transaction that changes the key's own item, on the condition that it is there still. The list's version
    /// says that no other change came between.
    fn update_item(
        &self,
        key: &KeyToChange,
        listed: &ListedApiKey,
        limits: &KeyLimits,
    ) -> Result<TransactWriteItem, StoreError> {
        let end = if listed.expires_at.is_some() { ", expires_at = :end" } else { " REMOVE expires_at" };
        let update = self
            .table
            .updating(StoredApiKey::key(&key.listed.digest))
            .update_expression(format!("SET #name = :name, limits = :limits{end}"))
            .condition_expression("id = :id")
            .expression_attribute_names("#name", "name")
            .expression_attribute_values(":name", serde_dynamo::to_attribute_value(&listed.name)?)
            .expression_attribute_values(":limits", serde_dynamo::to_attribute_value(limits)?)
            .expression_attribute_values(":id", AttributeValue::S(key.id.to_string()));
        transaction::update(match listed.expires_at {
            None => update,
            Some(end) => update.expression_attribute_values(":end", number(end)),
        })
    }
}
