//! The callers of endpoints that people and their programs use alike.

use domain::time::Clock;
use ledger::claimed_payer::ClaimedPayer;
use store::Table;

use crate::api_keys::{ApiKey, ApiKeys, KeyHolder};
use crate::error::IdentityError;
use crate::jwt::{LoggedIn, Verifier};

/// The sender of a request, who has shown whose account it uses. The account has to [confirm](ClaimedPayer) it: a token may
/// have been revoked, and an API key that is remembered may have ended.
///
/// An endpoint for people alone takes a [`LoggedIn`] instead.
#[derive(Debug)]
pub enum Caller {
    /// A person, by an access token.
    Person(LoggedIn),
    /// A program, by an API key.
    Program(KeyHolder),
}

impl From<Caller> for ClaimedPayer {
    fn from(caller: Caller) -> Self {
        match caller {
            Caller::Person(person) => person.payer().into(),
            Caller::Program(holder) => holder.into(),
        }
    }
}

impl From<&LoggedIn> for Caller {
    fn from(person: &LoggedIn) -> Self {
        Self::Person(*person)
    }
}

/// The verifier of access tokens and the API keys, behind one method.
#[derive(Debug)]
pub struct Callers {
    verifier: Verifier,
    api_keys: ApiKeys,
}

impl Callers {
    /// The callers known to `table`, with the public keys if the table answers at once.
    pub async fn start(table: Table, clock: Clock) -> Self {
        let api_keys = ApiKeys::new(table.clone(), clock.clone());
        Self { verifier: Verifier::start(table, clock).await, api_keys }
    }

    /// The caller whose request has the bearer token `bearer`. A token that begins with `sk-` is an API key, which
    /// costs a read unless it is remembered; any other token is an access token.
    ///
    /// # Errors
    /// [`IdentityError::TokenNotValid`] if the token is neither a valid access token nor an API key,
    /// [`IdentityError::Unavailable`] if the table cannot be reached.
    pub async fn caller(&self, bearer: &str) -> Result<Caller, IdentityError> {
        if ApiKey::is_meant_by(bearer) {
            self.api_keys.holder(bearer).await.map(Caller::Program)
        } else {
            self.verifier.logged_in(bearer).await.map(Caller::Person)
        }
    }
}
