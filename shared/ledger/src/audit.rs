//! The audit: it checks that balance and holds of every account are the sum of its entries, and that each entry charges
//! what its usage costs at its prices.
//!
//! It pages through the [directory](store::directory), and reads each account that this lists. So it reads no texts. It
//! first adds up entries that may be a moment old. If an account does not add up, the audit reads entries and account
//! again, consistently. It judges the account only if the `version` stayed the same meanwhile. It judges an entry when it
//! reads it, since an entry never changes.
//!
//! An account whose deletion began more than an hour ago, and was not finished, is handed to [`Deletions`]. So is a
//! [`Tombstone`] that is an hour old: what arrived late in its user's partition is swept. An account that counts deleted
//! [conversations](crate::conversations) has those swept that were deleted an hour ago. Where texts have a
//! [retention](crate::retention), those are erased whose time is over.
//!
//! A run that has no time left stores its position, also inside an account with many entries. The next run continues
//! there.

mod audited_entry;
mod deletions;
mod examination;
mod listing;
mod progress;
mod reading;
mod report;
mod run;
#[cfg(test)]
mod tests;
mod tombstone;

pub use deletions::{DeletionProgress, Deletions};
pub use report::{Mismatch, MispricedEntry, Report};
pub use run::Audit;
pub use tombstone::Tombstone;
