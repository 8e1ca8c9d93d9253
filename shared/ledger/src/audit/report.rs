//! The report of a run of the audit.

use domain::credits::Credits;
use domain::ids::{EntryId, UserId};
use domain::time::Timestamp;
use serde::Serialize;

/// The result of one run.
#[derive(Debug, Default, PartialEq, Eq, Serialize)]
pub struct Report {
    /// Whether the run reached the last account, and has proved all accounts of the day again. If not, the next run goes on.
    pub finished: bool,
    /// The number of accounts that this run looked at for what is new.
    pub accounts: u64,
    /// The accounts that do not add up.
    pub mismatches: Vec<Mismatch>,
    /// The chats whose amount is not what their usage costs at their prices: the first [`Report::MAX_MISPRICED`].
    pub mispriced: Vec<MispricedEntry>,
    /// The accounts whose entries are no longer those that were summed.
    pub altered: Vec<AlteredHistory>,
    /// The number of new chats without prices, of releases before the catalogue, whose cost cannot be computed again.
    pub unpriced: u64,
    /// The number of new entries whose cost cannot be computed again, because their id, kind, usage or prices are not as this
    /// release writes them. Their amounts are added up like all others.
    pub unreadable: u64,
    /// The number of accounts that could not be judged, because they kept changing, could not be read or have amounts that are
    /// no numbers, or whose deletion could not be finished; the number of deleted users and deleted conversations that could
    /// not be swept; and the number of users whose old texts could not be erased.
    pub unsettled: u64,
    /// The number of accounts that this run proved again from their first entry on.
    pub proved: u64,
    /// The number of deletions that users began and this run finished.
    pub deletions: u64,
    /// The number of deleted users whose partitions this run swept, and whose tombstones it removed.
    pub tombstones: u64,
    /// The number of deleted conversations of which this run deleted what was left, and whose markers it removed.
    pub conversations: u64,
    /// The number of exchanges whose texts this run deleted, because their [retention](crate::retention) was over.
    pub erased: u64,
    /// The time of the oldest chat that is not summed yet. It is kept for the next run, and told by [`AuditHealth`].
    ///
    /// [`AuditHealth`]: crate::audit::AuditHealth
    #[serde(skip)]
    pub waiting_since: Option<Timestamp>,
}

impl Report {
    /// Most entries that a report names.
    pub const MAX_MISPRICED: usize = 100;

    /// Adds what was found in one account. An account that is proved again may be in the report already.
    pub(super) fn add(&mut self, found: Self) {
        for mismatch in found.mismatches {
            if !self.mismatches.iter().any(|known| known.user_id == mismatch.user_id) {
                self.mismatches.push(mismatch);
            }
        }
        for mispriced in found.mispriced {
            let is_known = self.mispriced.iter().any(|known| known.entry == mispriced.entry);
            if !is_known && self.mispriced.len() < Self::MAX_MISPRICED {
                self.mispriced.push(mispriced);
            }
        }
        for altered in found.altered {
            if !self.altered.iter().any(|known| known.user_id == altered.user_id) {
                self.altered.push(altered);
            }
        }
        self.accounts += found.accounts;
        self.unpriced += found.unpriced;
        self.unreadable += found.unreadable;
        self.unsettled += found.unsettled;
        self.proved += found.proved;
        self.deletions += found.deletions;
        self.tombstones += found.tombstones;
        self.conversations += found.conversations;
        self.erased += found.erased;
        self.waiting_since = self.waiting_since.into_iter().chain(found.waiting_since).min();
    }
}

/// An account whose entries are no longer those that were summed: one was changed, added below the seal, or is gone.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct AlteredHistory {
    /// The user.
    pub user_id: UserId,
    /// The last of the entries that were summed.
    pub through: EntryId,
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
