//! Driving bulk grants: whoever drives a job grants its rows one by one, and settles it chunk by chunk.

use std::collections::BTreeMap;
use std::time::Duration;

use acts::{ActOrigin, Actor};
use domain::cause::Cause;
use domain::ids::{JobId, UserId};
use domain::time::{Clock, Timestamp};
use identity::login::Logins;
use ledger::Ledger;
use ledger::authority::RecentAuthority;
use ledger::bulk_grants::{BulkGrantError, BulkGrants, BulkJob, BulkRow, Chunk, JobState, RowOutcome, RowResult};
use ledger::grant::GrantError;
use store::StoreError;

use crate::endpoint::Resources;

/// The time before a deadline in which no row is begun, so that the last one ends and its chunk is settled.
const SETTLING_RESERVE: Duration = Duration::from_secs(5);

/// Attempts to resume a job that others change meanwhile.
const MAX_ROUNDS: usize = 10;

/// A driver of jobs. Rows go one after the other: each checks the actor's account, where many at once would collide.
///
/// A driver may die at any point, and several may meet at one job. Each row is a grant of the row's id, so that it is granted
/// once. The driver who claimed the job last grants and settles, and one whose claim is lost leaves.
#[derive(Clone, Debug)]
pub struct Driver {
    bulk_grants: BulkGrants,
    ledger: Ledger,
    logins: Logins,
    clock: Clock,
}

/// The reason why a driver leaves a chunk before its last row.
enum DriverStop {
    /// The job's actor is no longer staff.
    AuthorityLost,
    /// Another driver has claimed the job.
    ClaimLost,
    /// The time is over.
    OutOfTime,
}

impl Driver {
    /// The driver of a function.
    #[must_use]
    pub fn start(resources: &Resources) -> Self {
        let clock = resources.clock.clone();
        Self::new(resources.bulk_grants(), resources.ledger(), resources.logins(), clock)
    }

    /// The driver of the jobs in `bulk_grants`.
    #[must_use]
    pub fn new(bulk_grants: BulkGrants, ledger: Ledger, logins: Logins, clock: Clock) -> Self {
        Self { bulk_grants, ledger, logins, clock }
    }

    /// The job of this id, so that it can be driven: under the authority of its actor, or under `authority` where the job has
    /// stopped or that is of another superuser. `None` if there is no such job.
    ///
    /// # Errors
    /// [`BulkGrantError::AuthorityLost`] if the actor of `authority` is no longer staff; [`BulkGrantError::Store`] if the
    /// outcome is not known.
    pub async fn resume(
        &self,
        id: JobId,
        authority: &RecentAuthority,
        deadline: Timestamp,
    ) -> Result<Option<BulkJob>, BulkGrantError> {
        for _ in 0..MAX_ROUNDS {
            let Some(job) = self.bulk_grants.find(id).await? else { return Ok(None) };
            let is_own = authority.authority().actor() == Actor::Staff(job.actor);
            if job.state == JobState::Done || (job.state == JobState::Running && is_own) {
                return Ok(Some(job));
            }
            if let Some(job) = self.bulk_grants.take_over(&job, authority, deadline).await? {
                return Ok(Some(job));
            }
        }
        Err(StoreError::Unavailable(Cause::because("too many requests are changing this job")).into())
    }

    /// Drives `job` until it is over, or until some seconds before `deadline`, and returns it as it is then.
    ///
    /// # Errors
    /// [`StoreError`] if the table does not answer. The job can be driven again.
    pub async fn drive(
        &self,
        mut job: BulkJob,
        origin: &ActOrigin,
        deadline: Timestamp,
    ) -> Result<BulkJob, StoreError> {
        let until = deadline.minus(SETTLING_RESERVE);
        while job.state == JobState::Running && self.clock.now() < until {
            let Some(claimed) = self.bulk_grants.claim(&job, origin, deadline).await? else {
                return self.left(&job).await;
            };
            let Some(chunk) = self.bulk_grants.next_chunk(&claimed).await? else { return Ok(claimed) };
            let (chunk, stop) = self.grant_rows(&claimed, chunk, origin, deadline).await?;
            let changed = match stop {
                None | Some(DriverStop::OutOfTime) => {
                    self.bulk_grants.settle(&claimed, &chunk, origin, deadline).await?
                }
                Some(DriverStop::AuthorityLost) => self.bulk_grants.stop(&claimed, &chunk, origin, deadline).await?,
                Some(DriverStop::ClaimLost) => None,
            };
            let Some(changed) = changed else { return self.left(&job).await };
            job = changed;
        }
        Ok(job)
    }

    /// The job as it is now that another driver has it, or another superuser has taken it over.
    async fn left(&self, job: &BulkJob) -> Result<BulkJob, StoreError> {
        self.bulk_grants.find(job.id).await?.ok_or_else(job_is_gone)
    }

    /// Drives a job that has just begun. If that fails, the job goes on later, and is returned as it is, or as it began.
    pub async fn drive_if_possible(&self, job: BulkJob, origin: &ActOrigin, deadline: Timestamp) -> BulkJob {
        match self.drive(job.clone(), origin, deadline).await {
            Ok(job) => job,
            Err(error) => {
                tracing::warn!(cause = error.cause(), "a bulk grant will go on later");
                self.left(&job).await.unwrap_or(job)
            }
        }
    }

    async fn grant_rows(
        &self,
        job: &BulkJob,
        mut chunk: Chunk,
        origin: &ActOrigin,
        deadline: Timestamp,
    ) -> Result<(Chunk, Option<DriverStop>), StoreError> {
        let authority = job.authority(origin.clone());
        let users = self.logins.user_ids(chunk.rows.iter().map(|judged| &judged.row.username)).await?;
        for judged in chunk.rows.iter_mut().filter(|judged| judged.result.is_none()) {
            if self.clock.now() >= deadline.minus(SETTLING_RESERVE) {
                return Ok((chunk, Some(DriverStop::OutOfTime)));
            }
            match self.grant_row(&judged.row, job.id, &users, &authority, deadline).await? {
                Ok(result) => judged.result = Some(result),
                Err(stop) => return Ok((chunk, Some(stop))),
            }
        }
        Ok((chunk, None))
    }

    /// Grants a row, unless another driver, or nobody, may grant it now.
    async fn grant_row(
        &self,
        row: &BulkRow,
        job: JobId,
        users: &BTreeMap<String, UserId>,
        authority: &RecentAuthority,
        deadline: Timestamp,
    ) -> Result<Result<RowResult, DriverStop>, StoreError> {
        let Some(user_id) = users.get(&row.username.canonical()) else {
            // An earlier driver of the job may have granted the row to a user who is gone now.
            let entry_id = self.ledger.granted_by_job(&row.grant().id, job).await?;
            let outcome = if entry_id.is_some() { RowOutcome::Granted } else { RowOutcome::NoUser };
            return Ok(Ok(RowResult { outcome, entry_id }));
        };
        let refusal = match self.ledger.grant(*user_id, &row.grant(), authority, deadline).await {
            Ok(granted) => {
                let outcome = if granted.repeated { RowOutcome::Repeated } else { RowOutcome::Granted };
                return Ok(Ok(RowResult { outcome, entry_id: Some(granted.entry_id) }));
            }
            Err(GrantError::AuthorityLost(_)) => return Ok(Err(DriverStop::AuthorityLost)),
            Err(GrantError::ClaimLost) => return Ok(Err(DriverStop::ClaimLost)),
            Err(GrantError::AccountNotFound) => RowOutcome::NoUser,
            Err(GrantError::Mismatch) => RowOutcome::Mismatch,
            Err(GrantError::DeletionInProgress) => RowOutcome::DeletionInProgress,
            Err(GrantError::InsufficientCredits { .. }) => RowOutcome::BalanceTooLow,
            Err(GrantError::TooManyCredits { .. }) => RowOutcome::TooManyCredits,
            Err(GrantError::Unavailable(cause)) => return Err(StoreError::Unavailable(cause)),
            Err(GrantError::Internal(cause)) => return Err(StoreError::Internal(cause)),
        };
        Ok(Ok(RowResult::refused(refusal)))
    }
}

fn job_is_gone() -> StoreError {
    StoreError::Internal(Cause::because("a job that was driven is gone"))
}

#[cfg(test)]
mod tests;
