//! `/admin/jobs/` and `/admin/jobs/{id}/`: bulk grants, a row of a CSV file each.

use serde::Serialize;
use shared::admin::{AdminPath, BulkFile, Driver, origin};
use shared::domain::credits::Credits;
use shared::domain::ids::{EntryId, JobId, UserId};
use shared::domain::time::{Clock, Timestamp};
use shared::endpoint::Resources;
use shared::error::ApiError;
use shared::http::{Answer, CsvCell, CsvTable, Method, Request, StatusCode};
use shared::identity::staff::{RecentStaff, Staff};
use shared::ledger::bulk_grants::{BulkGrants, BulkJob, JobPage, JobState, JudgedRow};

pub(super) struct Jobs {
    bulk_grants: BulkGrants,
    driver: Driver,
    max_grant: Credits,
    clock: Clock,
}

impl Jobs {
    pub(super) fn methods(path: &AdminPath) -> Option<&'static [Method]> {
        matches!(path, AdminPath::Jobs | AdminPath::Job(_)).then_some(&[Method::GET, Method::POST])
    }

    pub(super) fn start(resources: &Resources) -> Self {
        Self {
            bulk_grants: resources.bulk_grants(),
            driver: Driver::start(resources),
            max_grant: resources.settings.max_grant,
            clock: resources.clock.clone(),
        }
    }

    pub(super) async fn answer(&self, staff: Staff, path: AdminPath, request: Request) -> Result<Answer, ApiError> {
        let is_read = *request.method() == Method::GET;
        match path {
            AdminPath::Jobs if is_read => self.list(&request).await,
            AdminPath::Jobs => self.begin(staff.recently(self.clock.now())?, &request).await,
            AdminPath::Job(id) if is_read => self.report(id, &request).await,
            AdminPath::Job(id) => self.go_on(staff.recently(self.clock.now())?, id, &request).await,
            _ => Err(ApiError::NotFound),
        }
    }

    async fn list(&self, request: &Request) -> Result<Answer, ApiError> {
        let (after, limit) = request.page_of_jobs()?;
        let JobPage { jobs, next } = self.bulk_grants.page(after, limit).await?;
        let body = ListBody { jobs: jobs.iter().map(JobBody::of).collect(), next };
        let next_page = next.map(|id| request.page_after(&id.to_string()));
        Ok(Answer::private(StatusCode::OK, &body)?.next_page(next_page.as_deref()))
    }

    /// Begins a job, and drives it for as long as the request lasts. What fails from then on is no error of the request: the job
    /// is there, and the schedule goes on with it.
    async fn begin(&self, staff: RecentStaff, request: &Request) -> Result<Answer, ApiError> {
        let file = BulkFile::of(request, self.max_grant)?;
        let used_ids = self.bulk_grants.count_used(&file.rows).await?;
        let (origin, deadline) = (origin(request), request.deadline());
        let authority = staff.authority(origin.clone());
        let job = self.bulk_grants.begin(&file.rows, file.bytes, used_ids, &authority, deadline).await?;
        let job = self.driver.drive_if_possible(job, &origin, deadline).await;
        let status = if job.state == JobState::Done { StatusCode::CREATED } else { StatusCode::ACCEPTED };
        Answer::private(status, &JobBody::of(&job))
    }

    /// Goes on with a job: under the authority of its actor, or of `staff` if the actor is somebody else or has lost theirs.
    async fn go_on(&self, staff: RecentStaff, id: JobId, request: &Request) -> Result<Answer, ApiError> {
        let (origin, deadline) = (origin(request), request.deadline());
        let job = self.driver.resume(id, &staff.authority(origin.clone()), deadline).await?;
        let job = self.driver.drive(job.ok_or(ApiError::NotFound)?, &origin, deadline).await?;
        Answer::private(StatusCode::OK, &JobBody::of(&job))
    }

    async fn report(&self, id: JobId, request: &Request) -> Result<Answer, ApiError> {
        let job = self.bulk_grants.find(id).await?.ok_or(ApiError::NotFound)?;
        let rows = self.bulk_grants.rows(id).await?;
        if request.accepts_csv() {
            return Answer::private_table("grants.csv", table(&rows)?);
        }
        let body = ReportBody { job: JobBody::of(&job), results: rows.iter().map(RowBody::of).collect() };
        Answer::private(StatusCode::OK, &body)
    }
}

#[derive(Serialize)]
struct ListBody {
    jobs: Vec<JobBody>,
    next: Option<JobId>,
}

#[derive(Serialize)]
struct JobBody {
    id: JobId,
    state: JobState,
    actor: UserId,
    began_at: String,
    ended_at: Option<String>,
    rows: u32,
    waiting: u32,
    granted: u32,
    repeated: u32,
    refused: u32,
    used_ids: u32,
    given: u64,
    taken: u64,
}

impl JobBody {
    fn of(job: &BulkJob) -> Self {
        Self {
            id: job.id,
            state: job.state,
            actor: job.actor,
            began_at: job.id.made_at().to_string(),
            ended_at: job.ended_at.as_ref().map(Timestamp::to_string),
            rows: job.rows,
            waiting: job.waiting(),
            granted: job.counts.granted,
            repeated: job.counts.repeated,
            refused: job.counts.refused,
            used_ids: job.used_ids,
            given: job.given,
            taken: job.taken,
        }
    }
}

#[derive(Serialize)]
struct ReportBody<'a> {
    #[serde(flatten)]
    job: JobBody,
    results: Vec<RowBody<'a>>,
}

/// A row, as the report has it. A row that waits has the outcome `waiting`.
#[derive(Serialize)]
struct RowBody<'a> {
    id: &'a str,
    username: &'a str,
    amount: i64,
    reason: &'a str,
    outcome: &'static str,
    transaction: Option<EntryId>,
}

impl<'a> RowBody<'a> {
    fn of(JudgedRow { row, result }: &'a JudgedRow) -> Self {
        Self {
            id: row.id.as_str(),
            username: row.username.as_str(),
            amount: row.amount.signed(),
            reason: row.reason.as_str(),
            outcome: result.map_or("waiting", |result| result.outcome.word()),
            transaction: result.and_then(|result| result.entry_id),
        }
    }
}

fn table(rows: &[JudgedRow]) -> Result<CsvTable, ApiError> {
    let mut table = CsvTable::with_columns(["id", "username", "amount", "reason", "outcome", "transaction"])?;
    for row in rows.iter().map(RowBody::of) {
        table.add([
            CsvCell::text(row.id),
            CsvCell::text(row.username),
            CsvCell::number(row.amount),
            CsvCell::text(row.reason),
            CsvCell::text(row.outcome),
            CsvCell::of(row.transaction, |id| CsvCell::text(&id.to_string())),
        ])?;
    }
    Ok(table)
}
