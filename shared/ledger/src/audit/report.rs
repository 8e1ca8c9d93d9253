//! The report of a run of the audit.

use domain::credits::Credits;
use domain::ids::{EntryId, UserId};
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
    /// The chats whose amount is not what their usage costs at their prices: the first [`Report::MAX_MISPRICED`].
    pub mispriced: Vec<MispricedEntry>,
    /// The number of chats without prices, of releases before the catalogue, whose cost cannot be computed again.
    pub unpriced: u64,
    /// The number of entries whose cost cannot be computed again, because their id, kind, usage or prices are not as this
    /// release writes them. Their amounts are added up like all others.
    pub unreadable: u64,
    /// The number of accounts that could not be judged, because they kept changing or have amounts that are no numbers, or
    /// whose deletion could not be finished; the number of deleted users and deleted conversations that could not be swept;
    /// and the number of users whose old texts could not be erased.
    pub unsettled: u64,
    /// The number of deletions that users began and this run finished.
    pub deletions: u64,
    /// The number of deleted users whose partitions this run swept, and whose tombstones it removed.
    pub tombstones: u64,
    /// The number of deleted conversations of which this run deleted what was left, and whose markers it removed.
    pub conversations: u64,
    /// The number of exchanges whose texts this run deleted, because their [retention](crate::retention) was over.
    pub erased: u64,
}

impl Report {
    /// Most entries that a report names.
    pub const MAX_MISPRICED: usize = 100;
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

/// A chat whose amount is not what its usage costs at its prices.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct MispricedEntry {
    /// The user.
    pub user_id: UserId,
    /// The entry.
    pub entry: EntryId,
    /// The amount of the entry: negative, since a chat spends credits.
    pub amount: i64,
    /// The credits that should have been charged.
    pub cost: Credits,
}
