//! The ledger: every change in credits, exactly once.
//!
//! A **gate** that an operator can close stands before messages and registrations. An account is **admitted** before
//! anything is done for it. A **hold** sets a message's price aside. When the reply is there, a **capture** turns the hold
//! into an entry; without a reply a **release** returns the credits. A **grant** gives credits, and a **void** entry says
//! that a message is never charged. Entries hold money only; texts are apart. After every step, even if a process crashes,
//! `balance + holds = sum of the entries` and `balance >= 0`. The ledger knows a user as a [`Payer`](account::Payer),
//! whom a request [claims](claimed_payer::ClaimedPayer) to be. It never learns how the payer was authenticated, or by which
//! protocol the message came.
//!
//! Begin with [`Ledger::admit`], then read [`Ledger::hold`], [`Ledger::capture`] and [`Ledger::release`]; [`account`] has
//! the item.

pub mod acceptance;
pub mod account;
mod account_memory;
pub mod admission;
pub mod allowance;
pub mod audit;
mod audited_account;
mod audited_entry;
pub mod authority;
mod buckets;
mod budget_place;
pub mod budgets;
pub mod bulk_grants;
mod capture;
mod checkpoint;
pub mod claimed_payer;
pub mod conversations;
mod crediting;
mod due_allowance;
pub mod entry;
mod entry_pages;
mod error;
pub mod exchange;
pub mod gate;
pub mod grant;
pub mod history;
pub mod hold;
mod holds;
mod hourly;
pub mod idempotency;
mod in_flight;
mod keeping;
pub mod key_sums;
pub mod key_usage;
mod ledger;
mod outage;
pub mod past_exchanges;
pub mod paying_key;
mod release;
pub mod replay;
pub mod retention;
mod sealing;
mod summing;
pub mod summing_again;
pub mod switch;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
pub mod texts;
pub mod usage;
mod usage_shards;
pub mod usage_sums;
pub mod vouchers;

pub use buckets::MinuteRoom;
pub use capture::{CAPTURE_RESERVE, TEXT_TIME};
pub use error::LedgerError;
pub use hourly::{HourlyWork, UNPAID_PER_HOUR};
pub use ledger::{Charge, Held, InFlight, Ledger};
