//! What the functions of chat-api share.
//!
//! A request comes in through [`http`], is parsed into the types of [`accounts`] and [`chat`],
//! proves who sent it with [`jwt`] or [`api_keys`] ([`callers`]), and changes the table through [`accounts`], [`sessions`] or
//! the [`ledger`]. Every failure on the way is one [`error::ApiError`].
//!
//! What an [`operator`] asks for, and the [`audit`] of the ledger, come in through [`direct`]
//! invocation.

pub use {domain, ledger, providers, store, telemetry};

pub mod accounts;
pub mod api_keys;
pub mod attempts;
pub mod callers;
pub mod conversation;
pub mod direct;
pub mod endpoint;
pub mod error;
pub mod http;
pub mod jwt;
pub mod openai;
pub mod operator;
pub mod password_hash;
pub mod registrations;
pub mod sessions;
pub mod settings;
pub mod table;
#[cfg(test)]
mod testing;
pub mod till;
