//! Deletions that their users do not go on with.

use std::future::Future;
use std::time::Duration;

use domain::ids::UserId;
use domain::time::Timestamp;
use domain::username::Username;
use store::StoreError;

/// A user may still be deleting their account for this long.
const PATIENCE: Duration = Duration::from_secs(60 * 60);

/// Whether a deletion had time for everything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeletionProgress {
    /// Nothing is left of the user.
    Finished,
    /// Something is left: the same request goes on.
    OutOfTime,
}

/// Finishes the deletions that users began and did not go on with. What else belongs to a user, the ledger does not
/// know.
pub trait AbandonedDeletions: Send + Sync {
    /// Deletes everything of a user whose account is being deleted, until `deadline` is near.
    fn finish(
        &self,
        user_id: UserId,
        username: &Username,
        deadline: Timestamp,
    ) -> impl Future<Output = Result<DeletionProgress, StoreError>> + Send;
}

/// Whether a deletion that began at `began_at` is abandoned at `now`.
pub(super) fn is_abandoned(began_at_seconds: Option<u64>, now: Timestamp) -> bool {
    now.since(Timestamp::from_seconds(began_at_seconds.unwrap_or_default())) >= PATIENCE
}
