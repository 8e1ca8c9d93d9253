//! The proof of ledger, accounts and sessions: a deterministic simulation, and the proof that it can
//! fail.
//!
//! A [`schedule`] has a few [`person`]s. Each has [`client`]s that send messages. Some are programs with API keys. In
//! some schedules [`owner`]s log in and out, refresh tokens, change the password, make and end API keys, delete the account
//! and register its name again, [`operator`]s replace the catalogue of models and prices, [`organizer`]s make and delete
//! conversations, [`superuser`]s give credits alone and by files, or [`teacher`]s change the limits of API keys, beside which
//! each user may have a limit too. In others [`benefactor`]s change allowances and give credits, [`redeemer`]s redeem voucher
//! codes and [`guest`]s register by invitation, or [`bookkeeper`]s audit and read usage meanwhile, some by clocks that are wrong.
//! [`function`]s answer the [`request`]s
//! through the real ledger, accounts and sessions and the real AWS SDK, over a [`network`] that loses, delays, repeats and
//! refuses requests, in [`process`]es that die and freeze. The database is the embedded [`engine`],
//! whose [`directory`] is served late. Time is tokio's paused clock. All random choices follow from the schedule's seed, so
//! a seed that fails fails every time.
//!
//! The [`witness`] of holds, the [`catalogue_witness`] and the [`chronicle`] of users see every request that the table
//! accepts, and the [`account_witness`] who holds in an account that is only remembered. When the last late request has
//! arrived, [`verdict`] compares the answers to clients with the ledger, and [`verdict_on_visits`] compares them with
//! accounts and sessions. [`verdict_on_users`] checks at any moment that accounts, logins and sessions agree.
//! [`verdict_on_conversations`] counts conversations, and looks for what is left of deleted ones.
//! [`verdict_on_retention`] looks for texts whose time is over, and compares exports with lists. [`verdict_on_sums`]
//! compares checkpoints, days' sums and usage with the entries, and the [`seal_witness`] sees what appears below a seal.
//! [`verdict_on_keys`] checks that API keys end at once, although warm functions remember them, and [`verdict_on_budgets`]
//! that they keep within their limits. The [`allowance_witness`] knows what each step of an allowance had to give, and
//! [`verdict_on_allowances`] compares it with the entries. [`verdict_on_vouchers`] counts what each code gave.
//! [`verdict_on_grants`] compares grants, the reports of files and the history, and the [`staff_witness`] sees who gives.
//! [`verdict_on_texts`] compares lists and texts with the ledger, [`verdict_on_prices`] computes every charge again, and
//! [`verdict_on_work`] counts the work that nobody paid. At the end
//! the real audit has to find nothing.
//!
//! A [`sabotage`] breaks one rule on the way through the network, and [`proof`] demands that the simulation finds it.

#![expect(clippy::unwrap_used, reason = "a proof that cannot go on fails")]

mod account_witness;
mod allowance_witness;
mod benefactor;
mod bookkeeper;
mod capacity;
mod catalogue_witness;
mod chronicle;
mod client;
mod directory;
mod engine;
mod fault;
mod function;
mod guest;
mod key_witness;
mod network;
mod operator;
mod organizer;
mod owner;
mod person;
mod process;
mod proof;
mod proof_of_charging;
mod properties;
mod redeemer;
mod request;
mod sabotage;
mod schedule;
mod seal_witness;
mod staff_witness;
mod superuser;
mod teacher;
mod text_witness;
mod trace;
mod usage_witness;
mod verdict;
mod verdict_on_allowances;
mod verdict_on_budgets;
mod verdict_on_conversations;
mod verdict_on_grants;
mod verdict_on_keys;
mod verdict_on_prices;
mod verdict_on_retention;
mod verdict_on_sums;
mod verdict_on_texts;
mod verdict_on_users;
mod verdict_on_visits;
mod verdict_on_vouchers;
mod verdict_on_work;
mod witness;
mod world;

use shared::domain::time::Timestamp;

/// The beginning of every schedule.
const NOW: Timestamp = Timestamp::from_seconds(1_800_000_000);
