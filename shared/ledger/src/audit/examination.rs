//! The examination of one account.

use domain::ids::UserId;
use serde::{Deserialize, Serialize};

use crate::audit::reading::Sums;

/// The sum of an account's entries, as far as they were read.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Examination {
    pub(super) user_id: UserId,
    /// The account's version when the sum was begun.
    pub(super) version: u64,
    /// The sum of the entries up to `entry`.
    pub(super) sum: i64,
    /// The chats without prices among the entries up to `entry`.
    #[serde(default)]
    pub(super) unpriced: u64,
    /// The entries up to `entry` whose cost cannot be computed again for another reason.
    #[serde(default)]
    pub(super) unreadable: u64,
    /// The sort key of the last entry in the sum. Absent before the first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) entry: Option<String>,
    /// Zero for the first sum, whose reads may be a moment old. The later ones are decisive.
    pub(super) attempt: u32,
}

impl Examination {
    pub(super) fn begin(user_id: UserId, sums: &Sums, attempt: u32) -> Self {
        Self { user_id, version: sums.version, sum: 0, unpriced: 0, unreadable: 0, entry: None, attempt }
    }

    pub(super) fn is_decisive(&self) -> bool {
        self.attempt > 0
    }
}
