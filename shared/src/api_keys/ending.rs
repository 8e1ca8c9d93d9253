//! Ending a key.

use crate::api_keys::list::Replaced;
use crate::api_keys::{ApiKeys, MAX_ROUNDS};
use crate::error::ApiError;
use crate::jwt::LoggedIn;
use domain::cause::Cause;
use domain::ids::ApiKeyId;
use domain::time::Timestamp;

impl ApiKeys {
    /// Ends one of the keys of the person who is logged in: from then on no request is answered for
    /// it. Those that have ended by themselves are struck off the list with it.
    ///
    /// # Errors
    /// [`ApiError::NotFound`] if they have no such key; as
    /// [`Accounts::read`](crate::accounts::Accounts::read) if the account is not open to them;
    /// [`ApiError::Unavailable`] if the table cannot be reached.
    pub async fn end(&self, person: &LoggedIn, id: ApiKeyId, deadline: Timestamp) -> Result<(), ApiError> {
        for round in 0..MAX_ROUNDS {
            let keyring = self.read(person).await?;
            let mut next = keyring.living(self.clock.now());
            if next.remove(&id).is_none() {
                // Seen before, and gone since: it has ended, as was asked for.
                return if round == 0 { Err(ApiError::NotFound) } else { Ok(()) };
            }
            match self.replace(person, &keyring.list, &next, Vec::new(), deadline).await? {
                Replaced::Yes => return Ok(()),
                Replaced::ChangedMeanwhile => {}
            }
        }
        Err(ApiError::Unavailable(Cause::because("too many requests are changing the API keys of this user")))
    }
}
