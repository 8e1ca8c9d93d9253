//! The proof of ledger, accounts and sessions: a deterministic simulation, and the proof that it can
//! fail.
//!
//! A [`schedule`] is a few [`person`]s. Each has [`client`]s that send messages, and in some schedules
//! [`owner`]s that log in and out, refresh tokens, change the password, delete the account and
//! register its name again. Their [`request`]s are answered as the [`function`]s do, through the real
//! ledger, accounts and sessions and the real AWS SDK, over a [`network`] that loses, delays, repeats
//! and refuses requests, in [`process`]es that die and freeze. The database is the embedded
//! [`engine`], time is tokio's paused clock, and all that is random follows from the schedule's seed:
//! a seed that fails fails every time.
//!
//! Two watch what the table accepts: the [`witness`] of holds and the [`chronicle`] of users. When
//! everything late has arrived, [`verdict`] compares what the clients were told with the ledger, and
//! [`verdict_on_visits`] with accounts and sessions; that these belong together, [`verdict_on_users`]
//! asks at any moment.
//!
//! A [`sabotage`] breaks one rule on its way through the network. Each must be found.

#![expect(clippy::unwrap_used, reason = "a proof that cannot go on fails")]

mod chronicle;
mod client;
mod engine;
mod fault;
mod function;
mod network;
mod owner;
mod person;
mod process;
mod proof;
mod properties;
mod request;
mod sabotage;
mod schedule;
mod trace;
mod verdict;
mod verdict_on_users;
mod verdict_on_visits;
mod witness;
mod world;

use shared::domain::time::Timestamp;

/// When every schedule begins.
const NOW: Timestamp = Timestamp::from_seconds(1_800_000_000);
