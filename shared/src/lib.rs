//! The door for the functions of chat-api: a binary of `functions/` is a handler on top of this crate.
//!
//! It turns events of Lambda into requests, and what the crates below answer into responses: HTTP, the protocols in which
//! programs ask models, direct invocations, settings. It never builds a key of the table or an entry of the ledger: the crates
//! below do, which it re-exports.
//!
//! Begin with [`endpoint::Endpoint`], then read one binary. [`till::Till`] is the way of a paid message.

pub use {acts, domain, identity, ledger, providers};

pub mod admin;
pub mod anthropic;
pub mod catalogue;
pub mod conversation;
pub mod direct;
pub mod door;
pub mod endpoint;
pub mod error;
pub mod export;
pub mod gateway;
pub mod http;
pub mod openai;
pub mod reply_events;
pub mod responses;
pub mod settings;
#[cfg(test)]
mod testing;
pub mod till;
pub mod transaction_list;
mod unknown_model;
pub mod usage_list;
