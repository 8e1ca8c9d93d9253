//! `jobs`: goes on with bulk grants that nobody drives, on a schedule and on demand. Its event has no parameters.

use std::time::Duration;

use serde::Serialize;
use serde_json::Value;
use shared::admin::Driver;
use shared::direct::{DirectError, Task, origin, serve};
use shared::domain::ids::JobId;
use shared::domain::time::{Clock, Timestamp};
use shared::endpoint::{Error, Resources};
use shared::ledger::bulk_grants::{BulkGrants, JobState};

/// The time for which a job must have been left alone: a request that drives it settles a chunk every few seconds.
const LEFT_ALONE: Duration = Duration::from_secs(2 * 60);

/// The main of this function's binary.
#[tokio::main(flavor = "current_thread")]
pub async fn run() -> Result<(), Error> {
    serve::<JobKeeper>().await
}

struct JobKeeper {
    bulk_grants: BulkGrants,
    driver: Driver,
    clock: Clock,
}

/// The numbers of jobs that were open, by their states afterwards.
#[derive(Default, Serialize)]
struct JobsReport {
    /// Jobs that are over now.
    ended: u32,
    /// Jobs that go on: another request drives them, or the time was over.
    open: u32,
}

impl Task for JobKeeper {
    type Outcome = JobsReport;

    fn start(resources: &Resources) -> Self {
        Self { bulk_grants: resources.bulk_grants(), driver: Driver::start(resources), clock: resources.clock.clone() }
    }

    async fn run(&self, _event: Value, deadline: Timestamp) -> Result<JobsReport, DirectError> {
        let mut report = JobsReport::default();
        let mut failure = None;
        for id in self.bulk_grants.open().await? {
            match self.go_on(id, deadline).await {
                Ok(Some(JobState::Running)) => report.open += 1,
                Ok(Some(JobState::Done | JobState::Stopped)) => report.ended += 1,
                Ok(None) => {}
                // One that fails keeps no other from going on. The first failure is told at the end.
                Err(error) => {
                    failure.get_or_insert(error);
                }
            }
        }
        failure.map_or(Ok(report), Err)
    }
}

impl JobKeeper {
    /// Goes on with a job that was left alone. `None` if it is gone.
    async fn go_on(&self, id: JobId, deadline: Timestamp) -> Result<Option<JobState>, DirectError> {
        let Some(job) = self.bulk_grants.find(id).await? else { return Ok(None) };
        let is_left_alone = self.clock.now().since(job.touched_at) >= LEFT_ALONE;
        let job = if is_left_alone { self.driver.drive(job, &origin(), deadline).await? } else { job };
        Ok(Some(job.state))
    }
}
