//! Ending an API key.

use aws_sdk_dynamodb::types::TransactWriteItem;
use domain::cause::Cause;
use domain::ids::{ApiKeyId, UserId};
use domain::time::Timestamp;
use store::StoreError;

use crate::api_keys::list::{ApiKeyList, ListedApiKeys, Replacement};
use crate::api_keys::stored::{ApiKeys, MAX_ROUNDS};
use crate::error::IdentityError;
use crate::jwt::LoggedIn;

impl ApiKeys {
    /// Ends one of the API keys of `person`: from then on it authenticates no request. Expired keys leave the list too.
    ///
    /// # Errors
    /// [`IdentityError::NotFound`] if `person` has no such key; [`IdentityError::TokenNotValid`] or
    /// [`IdentityError::UserInactive`] if the account is not open to `person`; [`IdentityError::Unavailable`] if the
    /// table cannot be reached.
    pub async fn end(&self, person: &LoggedIn, id: ApiKeyId, deadline: Timestamp) -> Result<(), IdentityError> {
        for round in 0..MAX_ROUNDS {
            let keyring = self.read(person).await?;
            let mut next = keyring.living(self.clock.now());
            if next.remove(&id).is_none() {
                // An earlier round saw the key. It has ended since, as was asked for.
                return if round == 0 { Err(IdentityError::NotFound) } else { Ok(()) };
            }
            match self.replace(person, &keyring.list, &next, Vec::new(), deadline).await? {
                Replacement::Done => return Ok(()),
                Replacement::ChangedMeanwhile => {}
            }
        }
        Err(IdentityError::Unavailable(Cause::because("too many requests are changing the API keys of this user")))
    }

    /// The parts of a transaction that end all API keys of a user: the list is emptied, on the condition that it is the
    /// one that is read here, and the items of its keys are deleted. There are none if the user never made a key.
    pub(crate) async fn emptying_list(&self, user_id: UserId) -> Result<Vec<TransactWriteItem>, StoreError> {
        let Some(list) = self.table.get::<ApiKeyList>(ApiKeyList::key(user_id)).await? else { return Ok(Vec::new()) };
        self.replacing(user_id, &list, &ListedApiKeys::new())
    }
}
