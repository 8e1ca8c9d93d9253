//! Finishing a deletion that nobody goes on with.

use std::time::Duration;

use crate::accounts::{Account, Deletion, Progress, Status};
use crate::audit::reading::Sums;
use crate::audit::{Run, Step};
use crate::error::ApiError;
use crate::ids::UserId;
use crate::table::Key;
use crate::time::Timestamp;

/// Whoever deletes their account may still be at it for so long.
const PATIENCE: Duration = Duration::from_secs(60 * 60);

impl Sums {
    pub(super) fn is_being_deleted(&self) -> bool {
        self.status == Some(Status::Deleting)
    }

    fn is_abandoned(&self, now: Timestamp) -> bool {
        let began_at = Timestamp::from_seconds(self.deletion_began_at.unwrap_or_default());
        self.is_being_deleted() && now.since(began_at) >= PATIENCE
    }
}

impl Run<'_> {
    /// Finishes the deletion of an account that a scan found, if it is old. One that cannot be
    /// finished does not keep the audit from the accounts after it.
    pub(super) async fn finish_if_abandoned(&mut self, user_id: UserId, sums: &Sums) -> Step {
        if !sums.is_abandoned(self.audit.clock.now()) {
            return Step::Done;
        }
        match self.finish_deletion(user_id).await {
            Ok(Progress::OutOfTime) => return Step::OutOfTime,
            Ok(Progress::Finished) => {
                tracing::info!(%user_id, "a deletion that was left unfinished is finished");
                self.report.deletions += 1;
            }
            Err(error) => {
                tracing::error!(%user_id, cause = error.cause(), "a deletion could not be finished");
                self.report.unsettled += 1;
            }
        }
        Step::Done
    }

    async fn finish_deletion(&self, user_id: UserId) -> Result<Progress, ApiError> {
        let account: Option<Account> = self.audit.table.get(Key::account(user_id)).await?;
        // A scan may be a moment behind.
        let Some(account) = account.filter(|account| account.status == Status::Deleting) else {
            return Ok(Progress::Finished);
        };
        let deletion = Deletion::new(self.audit.table.clone(), self.audit.clock.clone());
        deletion.finish(user_id, &account.parsed_username()?, self.deadline).await
    }
}
