//! `jobs`: goes on with bulk grants that nobody drives, on a schedule and on demand. Its event has no parameters.

use std::time::Duration;

use serde::Serialize;
use serde_json::Value;
use shared::admin::Driver;
use shared::direct::{DirectError, Task, origin, serve};
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

/// What has become of the jobs that were open.
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
        for id in self.bulk_grants.open().await? {
            // Another request may have ended it meanwhile.
            let Some(job) = self.bulk_grants.find(id).await? else { continue };
            let is_left_alone = self.clock.now().since(job.touched_at) >= LEFT_ALONE;
            let job = if is_left_alone { self.driver.drive(job, &origin(), deadline).await? } else { job };
            if job.state == JobState::Running { report.open += 1 } else { report.ended += 1 }
        }
        Ok(report)
    }
}
