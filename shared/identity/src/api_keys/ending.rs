//! Ending an API key.

use aws_sdk_dynamodb::types::TransactWriteItem;
use domain::cause::Cause;
use domain::ids::{ApiKeyId, TokenId, UserId};
use domain::time::Timestamp;
use ledger::account::{Account, Epoch, Payer};
use store::{StoreError, from_item};

use crate::api_keys::list::{ApiKeyList, Keyring, ListReplacement, ListedApiKeys, MOST_STRUCK, Replacement};
use crate::api_keys::stored::{ApiKeys, MAX_ROUNDS};
use crate::error::IdentityError;
use crate::jwt::LoggedIn;

/// The parts of a transaction that shorten a list of keys that end.
pub(crate) struct ShortenedList {
    pub(crate) items: Vec<TransactWriteItem>,
    /// Whether some of the keys stay on the list for now.
    pub(crate) has_rest: bool,
}

impl ApiKeys {
    /// Ends one of the API keys of `person`: from then on it authenticates no request. Some expired keys leave the list too.
    ///
    /// # Errors
    /// [`IdentityError::NotFound`] if `person` has no such key; [`IdentityError::TokenNotValid`] or
    /// [`IdentityError::UserInactive`] if the account is not open to `person`; [`IdentityError::Unavailable`] if the
    /// table cannot be reached.
    pub async fn end(&self, person: &LoggedIn, id: ApiKeyId, deadline: Timestamp) -> Result<(), IdentityError> {
        for round in 0..MAX_ROUNDS {
            let keyring = self.read(person).await?;
            let now = self.clock.now();
            if !keyring.living(now).contains_key(&id) {
                // An earlier round saw the key. It has ended since, as was asked for.
                return if round == 0 { Err(IdentityError::NotFound) } else { Ok(()) };
            }
            let mut next = keyring.without_dead(now);
            next.remove(&id);
            let replacement = ListReplacement { next: &next, further: Vec::new(), changes_a_key: false };
            match self.replace(person, &keyring.list, replacement, deadline).await? {
                Replacement::Done => return Ok(()),
                Replacement::ChangedMeanwhile => {}
            }
        }
        Err(IdentityError::Unavailable(Cause::because("too many requests are changing the API keys of this user")))
    }

    /// The parts of a transaction that also ends all API keys of a user by their epoch: as many of them as a transaction has
    /// room for leave the list, on the condition that it is the one that is read here, and their items are deleted. There are
    /// none if the user never made a key. [`ApiKeys::strike_dead`] does the rest, if there is one.
    pub(crate) async fn shortening_list(&self, user_id: UserId) -> Result<ShortenedList, StoreError> {
        let Some(list) = self.table.get::<ApiKeyList>(ApiKeyList::key(user_id)).await? else {
            return Ok(ShortenedList { items: Vec::new(), has_rest: false });
        };
        self.shortened(user_id, &list)
    }

    /// The same for `account` as it was read, unless none of its keys lives.
    pub(crate) async fn ending_all(
        &self,
        user_id: UserId,
        account: &Account,
    ) -> Result<Option<ShortenedList>, StoreError> {
        let list: Option<ApiKeyList> = self.table.get(ApiKeyList::key(user_id)).await?;
        let Some(list) = list else { return Ok(None) };
        if list.living(account.api_key_epoch, self.clock.now()).next().is_none() {
            return Ok(None);
        }
        self.shortened(user_id, &list).map(Some)
    }

    fn shortened(&self, user_id: UserId, list: &ApiKeyList) -> Result<ShortenedList, StoreError> {
        let next: ListedApiKeys = list.api_keys.clone().into_iter().skip(MOST_STRUCK).collect();
        Ok(ShortenedList { items: self.replacing(user_id, list, &next)?, has_rest: !next.is_empty() })
    }

    /// Strikes keys that have ended by their epoch, or have expired, off the list, and deletes their items, until none is
    /// left or `deadline` has come. They open nothing before that either, so a failure is logged and is no error: what stays is
    /// struck off when a key is made, changed or ended.
    pub(crate) async fn strike_dead(&self, user_id: UserId, deadline: Timestamp) {
        while self.clock.now() < deadline {
            match self.strike_some(user_id, deadline).await {
                Ok(true) => {}
                Ok(false) => return,
                Err(error) => {
                    tracing::warn!(cause = error.cause(), "API keys that have ended stay on their list");
                    return;
                }
            }
        }
    }

    /// Strikes as many as a transaction has room for. Returns whether there may be more of them.
    async fn strike_some(&self, user_id: UserId, deadline: Timestamp) -> Result<bool, StoreError> {
        let [account, list] = self.table.get_each([Account::key(user_id), ApiKeyList::key(user_id)]).await?;
        let (Some(account), Some(list)) = (account, list) else { return Ok(false) };
        let keyring = Keyring { account: from_item(account)?, list: from_item(list)? };
        let mut items = self.replacing(user_id, &keyring.list, &keyring.without_dead(self.clock.now()))?;
        let [_, _, ..] = items[..] else { return Ok(false) };
        let owner = Payer::new(user_id, Epoch::OfSessions(keyring.account.session_epoch));
        items.insert(0, Account::raise_keys_version(&self.table, owner)?);
        let token = TokenId::new(&self.clock).to_string();
        self.table.transact(&token, items, &self.clock, deadline).await?;
        Ok(true)
    }
}
