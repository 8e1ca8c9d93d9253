//! The API through its real binaries: API Gateway's events go in over the Lambda Runtime API, and
//! what the functions ask of DynamoDB is answered by the embedded engine, or by the one that
//! `CHAT_API_TEST_DYNAMODB` names. With `CHAT_API_TEST_RIE` the functions run under AWS's own emulator
//! of Lambda, which cannot do everything: what is skipped then says so.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod accounts;
mod any_input;
mod attacks;
mod bad_input;
mod binaries;
mod chat;
mod completions;
mod concurrency;
mod cors;
mod direct;
mod docs;
mod events;
mod forgery;
mod guessing;
mod keys;
mod logs;
mod metrics;
mod models;
mod request_counts;
mod roles;
mod sessions;
mod template;
mod tls;
mod unreachable_table;
mod world;
