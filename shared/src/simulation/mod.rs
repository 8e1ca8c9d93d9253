//! The proof of the ledger: a deterministic simulation, and the proof that it can fail.
//!
//! A [`schedule`] is a few users whose clients send messages as `chat` does, through the real
//! ledger and the real AWS SDK, over a [`network`] that loses, delays, repeats and refuses
//! requests, in [`process`]es that die and freeze. The database is the embedded [`engine`], time is
//! tokio's paused clock, and all that is random follows from the schedule's seed: a seed that fails
//! fails every time. When everything late has arrived, [`verdict`] compares what the clients were
//! told with the ledger.
//!
//! A [`sabotage`] breaks one rule of the ledger on its way through the network. Each must be found.

mod client;
mod engine;
mod fault;
mod network;
mod process;
mod properties;
mod sabotage;
mod schedule;
mod tests;
mod trace;
mod verdict;
mod witness;
