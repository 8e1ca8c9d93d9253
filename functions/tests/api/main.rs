//! Tests of the API through its real binaries. API Gateway's events go in over the Lambda Runtime API. The functions'
//! requests to DynamoDB go to the embedded engine, or to the one that `CHAT_API_TEST_DYNAMODB` names.
//!
//! An endpoint has a file named like its binary, and its cases in `events/`. A theme that concerns many endpoints
//! (attacks, faults, costs) has a file named after the theme. The fixtures are in [`world`], [`requests`], [`refusals`]
//! and [`forgery`].

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod account;
mod admin_catalogue;
mod admin_money;
mod admin_people;
mod admin_read;
mod admin_users;
mod allowances;
mod anthropic_messages;
mod any_input;
mod attacks;
mod attacks_on_admin;
mod audit;
mod bad_input;
mod bedrock;
mod binaries;
mod budgets;
mod catalogue;
mod chat;
mod chat_completions;
mod chat_quote;
mod chat_streams;
mod choices;
mod completions;
mod console;
mod conversations;
mod cookie_sessions;
mod cors;
mod costs;
mod docs;
mod docs_page;
mod doors;
mod embeddings;
mod events;
mod export;
mod fallbacks;
mod faults;
mod forgery;
mod grants;
mod guessing;
mod head;
mod images;
mod jobs;
mod jwks;
mod kept_connections;
mod keys;
mod login;
mod logout;
mod logs;
mod messages;
mod metrics;
mod models;
mod openai_responses;
mod openapi;
mod operator;
mod parameters;
mod password;
mod providers;
mod quote;
mod rate_limits;
mod receipt;
mod refusals;
mod register;
mod remembered_accounts;
mod request_ids;
mod requests;
mod roles;
mod sessions;
mod stop;
mod superusers;
mod template;
mod tls;
mod token_balance;
mod token_refresh;
mod token_verify;
mod tools;
mod transactions;
mod usage;
mod vouchers;
mod whole_answers;
mod world;
