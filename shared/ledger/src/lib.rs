//! The ledger: every change in credits, exactly once.
//!
//! A **hold** sets a message's price aside. When the reply is there, a **capture** turns the hold into an entry, in one
//! transaction with the reply; without a reply a **release** returns the credits. A **grant** gives credits, and a
//! **void** entry says that a message is never charged. After every step, even if a process crashes, `balance + holds =
//! sum of the entries` and `balance >= 0`. The ledger knows a user as a [`Payer`](account::Payer). It never learns how
//! the payer was authenticated, or by which protocol the message came.
//!
//! Begin with [`Ledger::hold`], then read [`Ledger::capture`] and [`Ledger::release`]; [`account`] has the item.

pub mod account;
pub mod audit;
mod capture;
pub mod entry;
mod error;
pub mod grant;
pub mod history;
pub mod hold;
mod holds;
pub mod idempotency;
mod ledger;
pub mod past_exchanges;
mod release;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;

pub use error::LedgerError;
pub use ledger::{Charge, Held, Ledger};
