//! Deletions that their users did not finish, and what arrives after a deletion.

use std::future::Future;
use std::time::Duration;

use domain::ids::UserId;
use domain::time::Timestamp;
use domain::username::Username;
use store::StoreError;

/// Age from which a deletion counts as abandoned. Until then its user may still be at it.
const PATIENCE: Duration = Duration::from_secs(60 * 60);

/// The progress of a deletion.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeletionProgress {
    /// Nothing is left of the user.
    Finished,
    /// Something is left. The same request, sent again, continues.
    OutOfTime,
}

/// Finishes deletions that users began and did not finish, and sweeps the partitions of deleted users. A crate above
/// implements it, because the ledger does not know all items of a user.
pub trait Deletions: Send + Sync {
    /// Deletes everything of a user whose account is being deleted, until `deadline` is near.
    fn finish(
        &self,
        user_id: UserId,
        username: &Username,
        deadline: Timestamp,
    ) -> impl Future<Output = Result<DeletionProgress, StoreError>> + Send;

    /// Deletes everything in the partition of a user whose account was deleted, the tombstone last, until `deadline` is
    /// near. It deletes at least one page, so that every run of the audit gets on.
    fn sweep(
        &self,
        user_id: UserId,
        deadline: Timestamp,
    ) -> impl Future<Output = Result<DeletionProgress, StoreError>> + Send;
}

/// Whether a deletion that began at `began_at` is abandoned at `now`.
pub(super) fn is_abandoned(began_at_seconds: Option<u64>, now: Timestamp) -> bool {
    now.since(Timestamp::from_seconds(began_at_seconds.unwrap_or_default())) >= PATIENCE
}
