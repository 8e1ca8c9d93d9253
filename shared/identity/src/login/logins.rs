//! The logins in the table, and the proof of a password.

use std::collections::BTreeMap;

use domain::cause::Cause;
use domain::ids::UserId;
use domain::password::Password;
use domain::source_network::SourceNetwork;
use domain::time::{Clock, Timestamp};
use domain::username::Username;
use store::{Key, StoreError, Table, from_item};
use telemetry::invocation::identify;

use crate::attempts::{Attempts, CountedAttempt, Familiarity};
use crate::error::IdentityError;
use crate::login::item::Login;
use crate::login::proven::ProvenLogin;
use crate::password_hash::PasswordHash;

/// The logins in the table.
#[derive(Clone, Debug)]
pub struct Logins {
    table: Table,
    attempts: Attempts,
    clock: Clock,
}

impl Logins {
    /// The logins in `table`.
    #[must_use]
    pub fn new(table: Table, clock: Clock) -> Self {
        Self { attempts: Attempts::new(table.clone(), clock.clone()), table, clock }
    }

    /// The login with this username, if a user has it.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] if the table cannot be read.
    pub async fn find(&self, username: &Username) -> Result<Option<Login>, StoreError> {
        self.table.get(Login::key(username)).await
    }

    /// The users who have these usernames, by the canonical forms of the names. Names that nobody has are missing. There may be
    /// at most [`MAX_BATCH_ITEMS`](store::MAX_BATCH_ITEMS) names.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] if the table cannot be read.
    pub async fn user_ids(
        &self,
        usernames: impl Iterator<Item = &Username>,
    ) -> Result<BTreeMap<String, UserId>, StoreError> {
        let keys: BTreeMap<String, Key> =
            usernames.map(|username| (username.canonical(), Login::key(username))).collect();
        let logins = self.table.get_all(keys.into_values()).await?;
        let logins = logins.into_iter().map(|item| {
            let login: Login = from_item(item)?;
            let username = Username::parse(&login.username).map_err(|error| StoreError::Internal(Cause::new(error)))?;
            Ok((username.canonical(), login.user_id))
        });
        logins.collect()
    }

    /// The login with this username, if `password` is its password. The attempt is counted before the password is
    /// hashed, so that simultaneous guesses do not all pass the limits, and taken back if the password is right. An unknown
    /// username costs the time of a wrong password, so that a client cannot tell the two apart.
    ///
    /// # Errors
    /// [`IdentityError::InvalidCredentials`] if no user has the username or the password is another; else as
    /// [`Logins::attempt`].
    pub async fn prove(
        &self,
        username: &Username,
        password: &Password,
        network: SourceNetwork,
        deadline: Timestamp,
    ) -> Result<ProvenLogin, IdentityError> {
        let (found, attempt) = self.attempt(username, network, deadline).await?;
        let matches = PasswordHash::matches(found.as_ref().map(|login| &login.password_hash), password)?;
        let login = found.filter(|_| matches).ok_or(IdentityError::InvalidCredentials)?;
        identify(login.user_id);
        self.attempts.take_back(&attempt).await;
        Ok(ProvenLogin::new(login, username, network))
    }

    /// Counts an attempt at the password of `username` from `network`, and returns the login if a user has it. An
    /// attempt beyond a limit writes nothing.
    ///
    /// # Errors
    /// [`IdentityError::Throttled`] if the attempt is not admitted, whether a user has the username or not;
    /// [`IdentityError::Unavailable`] if the table cannot be reached.
    pub async fn attempt(
        &self,
        username: &Username,
        network: SourceNetwork,
        deadline: Timestamp,
    ) -> Result<(Option<Login>, CountedAttempt), IdentityError> {
        let login = self.find(username).await?;
        let is_known = login.as_ref().is_some_and(|login| login.trusts(network, self.clock.now()));
        let familiarity = if is_known { Familiarity::Known } else { Familiarity::Strange };
        let counted = self.attempts.count(username, network, familiarity, deadline).await?;
        Ok((login, counted))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    use crate::testing::TestPeople;

    fn name(text: &str) -> Username {
        Username::parse(text).unwrap()
    }

    #[tokio::test]
    async fn a_name_is_found_by_any_way_to_write_it() {
        let test = TestPeople::start().await;
        let user_id = test.register("Straße", 1).await;
        let login = test.logins().find(&name("STRASSE")).await.unwrap().unwrap();
        assert_eq!(login.user_id, user_id);
        assert_eq!(login.username, "Straße");
        assert!(test.logins().find(&name("strase")).await.unwrap().is_none());
    }
}
