//! The report of a run of the audit.

use domain::ids::UserId;
use serde::Serialize;

/// The result of one run.
#[derive(Debug, Default, PartialEq, Eq, Serialize)]
pub struct Report {
    /// Whether the run reached the last account. If not, the next run goes on.
    pub finished: bool,
    /// The number of accounts that this run examined.
    pub accounts: u64,
    /// The accounts that do not add up.
    pub mismatches: Vec<Mismatch>,
    /// The number of accounts that could not be judged, because they kept changing or have amounts that are no numbers,
    /// or whose deletion could not be finished; and the number of deleted users who could not be swept.
    pub unsettled: u64,
    /// The number of deletions that users began and this run finished.
    pub deletions: u64,
    /// The number of deleted users whose partitions this run swept, and whose tombstones it removed.
    pub tombstones: u64,
}

/// An account whose balance and holds are not the sum of its entries.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct Mismatch {
    /// The user.
    pub user_id: UserId,
    /// The balance that the account shows.
    pub balance: i64,
    /// The sum of its holds.
    pub held: i64,
    /// The sum of its entries.
    pub entries: i64,
}
