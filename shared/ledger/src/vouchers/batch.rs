//! The item of codes that were made together, and how staff see it.

use acts::Actor;
use domain::credits::Credits;
use domain::ids::BatchId;
use domain::time::Timestamp;
use serde::{Deserialize, Serialize};
use store::Key;

use super::code_item::{CodePlace, VoucherKind};

/// The partition of all batches.
pub(super) const PARTITION: &str = "VOUCHERS";
/// The prefix of the sort key of a batch.
pub(super) const SORT_KEY_PREFIX: &str = "BATCH#";

/// A batch: codes that were made together, on the same terms.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Batch {
    pub(super) kind: VoucherKind,
    pub(super) amount: Credits,
    pub(super) count: u32,
    pub(super) uses: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) ends_at: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) ended_at: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) note: Option<String>,
    pub(super) by: Actor,
    /// The digests of the codes, by which they are ended and counted.
    pub(super) digests: Vec<String>,
}

impl Batch {
    pub(super) fn key(id: BatchId) -> Key {
        Key::new(PARTITION, format!("{SORT_KEY_PREFIX}{id}"))
    }

    /// The places of the codes.
    pub(super) fn places(&self) -> impl Iterator<Item = CodePlace> {
        self.digests.iter().map(|digest| CodePlace::of_digest(digest))
    }

    /// Whether no code of the batch gives anything at `now` any more, by its time or because staff ended it.
    pub(super) fn is_over(&self, now: Timestamp) -> bool {
        self.ended_at.is_some() || self.ends_at.is_some_and(|end| end <= now.seconds())
    }
}

/// A batch as staff see it, without codes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct BatchView {
    /// The batch's id.
    pub id: BatchId,
    /// What the codes are for.
    pub kind: VoucherKind,
    /// The credits of one use.
    pub amount: Credits,
    /// The number of codes.
    pub count: u32,
    /// How often each may be used.
    pub uses: u32,
    /// The note of whoever made them.
    pub note: Option<String>,
    /// The id of the user who made them, or `operator`.
    pub by: String,
    /// The time at which they were made, in RFC 3339.
    pub created_at: String,
    /// The time from which they cannot be used any more, in RFC 3339.
    pub expires_at: Option<String>,
    /// The time at which staff ended them, in RFC 3339.
    pub ended_at: Option<String>,
}

impl BatchView {
    pub(super) fn new(id: BatchId, batch: Batch) -> Self {
        let moment = |seconds: u64| Timestamp::from_seconds(seconds).to_string();
        let Batch { kind, amount, count, uses, ends_at, ended_at, note, by, digests: _ } = batch;
        Self {
            id,
            kind,
            amount,
            count,
            uses,
            note,
            by: by.to_string(),
            created_at: id.made_at().to_string(),
            expires_at: ends_at.map(moment),
            ended_at: ended_at.map(moment),
        }
    }
}

/// A code of a batch as staff see it. Nobody sees the code again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct CodeView {
    /// The code's place in the list that its maker got, from 1 on.
    pub number: usize,
    /// How often it was used. `None` if it ended so long ago that it was deleted.
    pub used: Option<u32>,
}
