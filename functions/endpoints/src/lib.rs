//! The handlers, a module for each endpoint and for each function that is invoked directly.
//!
//! A module has one door, `run`, which the binary of its function calls. A handler has nothing that another handler also
//! has: that is in `shared`. They are a library so that they are compiled for size, and once, not in each binary
//! (docs/decisions/handlers-in-a-library.md).
//!
//! Begin with [`token_balance`], the shortest that knows its caller.

#![expect(clippy::missing_errors_doc, clippy::missing_panics_doc, reason = "a main ends its process with either")]

pub mod account;
pub mod admin_catalogue;
pub mod admin_money;
pub mod admin_people;
pub mod admin_read;
pub mod anthropic_messages;
pub mod audit;
pub mod chat;
pub mod chat_completions;
pub mod completions;
pub mod console;
pub mod conversations;
pub mod create_superuser;
pub mod credits;
pub mod docs;
pub mod embeddings;
pub mod export;
pub mod jobs;
pub mod jwks;
pub mod key;
pub mod keys;
pub mod login;
pub mod logout;
pub mod messages;
pub mod models;
pub mod openai_responses;
pub mod openapi;
pub mod operator;
pub mod password;
pub mod quote;
pub mod receipt;
pub mod receipt_keys;
pub mod register;
pub mod sessions;
pub mod token_balance;
pub mod token_refresh;
pub mod token_verify;
pub mod transactions;
pub mod usage;
pub mod vouchers;

pub use shared::endpoint::Error;
