//! Who sends a request: somebody who has logged in, or a program with an API key.

use crate::api_keys::{ApiKey, ApiKeys, KeyHolder};
use crate::error::ApiError;
use crate::jwt::{LoggedIn, Verifier};
use crate::table::Table;
use domain::ids::UserId;
use domain::time::Clock;
use ledger::account::{Epoch, Payer};

/// Who sends a request, for the endpoints that people and their programs use alike. The value is the
/// proof.
///
/// An endpoint that is for people alone takes a [`LoggedIn`], so a handler's signature tells.
#[derive(Clone, Copy, Debug)]
pub enum Caller {
    /// Somebody who has logged in, by their access token.
    Person(LoggedIn),
    /// A program, by its API key.
    Program(KeyHolder),
}

impl Caller {
    /// Whose account it is about.
    #[must_use]
    pub fn user_id(&self) -> UserId {
        match self {
            Self::Person(person) => person.user_id(),
            Self::Program(holder) => holder.user_id(),
        }
    }

    /// The payer whom the ledger knows.
    #[must_use]
    pub fn payer(&self) -> Payer {
        match self {
            Self::Person(person) => person.payer(),
            Self::Program(holder) => Payer::new(holder.user_id(), Epoch::OfApiKeys(holder.api_key_epoch())),
        }
    }
}

impl From<&LoggedIn> for Caller {
    fn from(person: &LoggedIn) -> Self {
        Self::Person(*person)
    }
}

/// Tells who sends a request, for the endpoints that people and their programs use alike.
#[derive(Debug)]
pub struct Callers {
    verifier: Verifier,
    api_keys: ApiKeys,
}

impl Callers {
    /// As [`Verifier::start`].
    pub async fn start(table: Table, clock: Clock) -> Self {
        let api_keys = ApiKeys::new(table.clone(), clock.clone());
        Self { verifier: Verifier::start(table, clock).await, api_keys }
    }

    /// Who sends a request with the bearer token `bearer`: a token that begins with `sk-` is an API key, which costs a
    /// read, and any other one an access token.
    ///
    /// # Errors
    /// [`ApiError::TokenNotValid`] if it is neither a valid access token nor an API key, [`ApiError::Unavailable`] if the
    /// table cannot be reached.
    pub async fn caller(&self, bearer: &str) -> Result<Caller, ApiError> {
        if ApiKey::is_meant_by(bearer) {
            self.api_keys.holder(bearer).await.map(Caller::Program)
        } else {
            self.verifier.logged_in(bearer).await.map(Caller::Person)
        }
    }
}
