//! The audit: it checks that balance and holds of every account are the sum of its entries, and that each entry charges
//! what its usage costs at its prices.
//!
//! A **pass** walks through the [directory](store::directory) every quarter of an hour. It looks at each account, and skips
//! those whose balance and holds are the ones that it judged before. In the others it reads what waits behind the
//! [checkpoint](crate::checkpoint), computes each cost again, and compares the sums. It judges the account only if the
//! `version` stayed the same meanwhile. If much waits, it [seals](crate::sealing) the account, and sums what waits in the
//! next pass.
//!
//! The **proof** walks through the directory once a day. It adds up a thirtieth of the accounts again from their first entry
//! on, and compares that with their checkpoints. Where texts have a [retention](crate::retention), it erases those whose time
//! is over.
//!
//! An account whose deletion began more than an hour ago, and was not finished, is handed to [`Deletions`]. So is a
//! [`Tombstone`] that is an hour old: what arrived late in its user's partition is swept. An account that counts deleted
//! [conversations](crate::conversations) has those swept that were deleted an hour ago.
//!
//! A run stores how far it is after each page of accounts. It may be killed anywhere: the next one goes on there.

mod attending;
mod auditor;
mod deletions;
mod examination;
mod health;
mod listing;
mod proof;
mod reading;
mod report;
mod run;
mod state;
#[cfg(test)]
mod tests;
mod tombstone;

pub use auditor::Audit;
pub use deletions::{DeletionProgress, Deletions};
pub use health::AuditHealth;
pub use report::{AlteredHistory, Mismatch, MispricedEntry, Report};
pub use tombstone::Tombstone;
