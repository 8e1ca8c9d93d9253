//! The audit: are balance and holds of every account the sum of its entries?
//!
//! It pages through the accounts with a scan, whose reads may be a moment old. An account that does not add up is a
//! candidate: account, entries and account are read again, with everything that was written before. It is judged only
//! if it did not change meanwhile, which its `version` tells.
//!
//! An account whose deletion began more than an hour ago, and was not finished, is handed to [`AbandonedDeletions`].
//!
//! A run that has no time left keeps its position, also inside an account with many entries. The next run goes on there.

mod deletions;
mod examination;
mod position;
mod progress;
mod reading;
mod report;
mod run;
#[cfg(test)]
mod tests;

pub use deletions::{AbandonedDeletions, DeletionProgress};
pub use report::{Mismatch, Report};
pub use run::Audit;
