//! Who uses the API: accounts, passwords, sessions, JWTs and API keys; and the receipts that people get, which are signed as
//! JWTs are.
//!
//! A proof is a type: [`jwt::LoggedIn`] for a person, [`api_keys::KeyHolder`] for a program, [`callers::Caller`] for
//! either, [`staff::Staff`] for a superuser, and each of the first three names the [`Payer`](ledger::account::Payer) that the ledger charges. Identity takes bearer texts
//! and bodies' fields as types of `domain`; it never sees an HTTP request, an environment variable or a model.
//!
//! Begin with [`callers::Callers::caller`] and [`login::Logins::prove`]; every failure is an [`IdentityError`].

pub mod accounts;
pub mod api_keys;
pub mod attempts;
pub mod callers;
pub mod code_guesses;
pub mod directory;
mod error;
mod hourly_counts;
pub mod jwt;
pub mod login;
pub mod password_hash;
pub mod receipts;
pub mod registrations;
pub mod reset_codes;
pub mod sessions;
pub mod staff;
#[cfg(test)]
mod testing;

pub use error::{ChangeError, IdentityError};
