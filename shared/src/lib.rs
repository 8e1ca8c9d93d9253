//! What the functions of chat-api share.
//!
//! A request comes in through [`http`], is parsed into the types of [`accounts`] and [`chat`],
//! proves who sent it with [`jwt`] or [`api_keys`] ([`callers`]), and changes the table through [`accounts`], [`sessions`] or
//! the [`ledger`]. Every failure on the way is one [`error::ApiError`].
//!
//! What an [`operator`] asks for, and the [`audit`] of the ledger, come in through [`direct`]
//! invocation.

pub mod accounts;
pub mod api_keys;
pub mod attempts;
pub mod audit;
pub mod aws;
pub mod callers;
pub mod chat;
pub mod completions;
pub mod conversation;
pub mod credits;
pub mod direct;
pub mod error;
pub mod http;
pub mod ids;
mod invocation;
pub mod jwt;
pub mod ledger;
pub mod logging;
mod metrics;
pub mod models;
pub mod network;
pub mod operator;
pub mod paid_model;
pub mod password;
pub mod pricing;
pub mod random;
pub mod registrations;
mod secret;
pub mod sessions;
pub mod settings;
pub mod table;
#[cfg(test)]
mod testing;
pub mod text;
pub mod time;
pub mod username;
