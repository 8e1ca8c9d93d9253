//! Bulk grants: jobs whose rows are grants, each made once.
//!
//! A job is begun with all of its rows, which lie in chunks. A driver grants the rows of a chunk one by one, and settles the
//! chunk: one transaction keeps the outcomes and moves the job on. If a driver dies between the two, the next one finds each
//! row by its id, which is the id of its grant. A driver claims the job before each chunk, and each row's transaction checks the
//! claim: of two drivers at once the later one goes on, and the report says what was granted.
//!
//! Begin with [`BulkGrants::begin`]. Who drives, and when, is not the ledger's business.

mod job;
mod row;

use std::collections::HashMap;

use acts::{Act, ActOrigin, ActSubject, Actor, Deed, Signature};
use aws_sdk_dynamodb::types::{AttributeValue, Put, TransactWriteItem};
use domain::cause::Cause;
use domain::ids::{JobId, TokenId};
use domain::time::{Clock, Timestamp};
use serde_json::json;
use store::transaction::{self, cancellation_reasons, condition_failed};
use store::{Item, Key, StoreError, Table, from_item, number, sort_key_of};

use crate::authority::{AuthorityLost, RecentAuthority};
use crate::grant::GrantId;
use crate::idempotency::sha256_of_file;

pub use job::{BulkJob, JobCounts, JobState};
pub use row::{BulkRow, JudgedRow, MAX_ROWS_OF_A_JOB, RowId, RowOutcome, RowResult};

use job::{JOB_PREFIX, JobItem, PARTITION};
use row::{ChunkItem, ROWS_OF_A_CHUNK};

/// Most jobs of a page, and most open jobs that are looked for at once.
pub const MAX_JOBS_OF_A_PAGE: u16 = 100;

/// The ids that one request looks for, which is as many as a request may have.
const IDS_OF_A_REQUEST: usize = store::MAX_BATCH_ITEMS;

const OPEN_PREFIX: &str = "OPEN#";

/// The reason why a job was not begun or taken over. Nothing was written, unless the outcome is not known.
#[derive(Debug, thiserror::Error)]
pub enum BulkGrantError {
    /// The actor has lost the authority.
    #[error("{0}")]
    AuthorityLost(#[from] AuthorityLost),
    /// The table refused, or did not answer.
    #[error("{0}")]
    Store(#[from] StoreError),
}

/// A part of a job's rows, and the place of the part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chunk {
    number: u32,
    /// The rows, which have results once they are judged.
    pub rows: Vec<JudgedRow>,
    /// The results that the chunk had when it was read, which the job counts.
    counted: JobCounts,
}

/// A part of the list of jobs, the newest first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JobPage {
    /// The jobs.
    pub jobs: Vec<BulkJob>,
    /// The job after which the next page begins, if there may be one.
    pub next: Option<JobId>,
}

/// The jobs in the table.
#[derive(Clone, Debug)]
pub struct BulkGrants {
    table: Table,
    clock: Clock,
}

impl BulkGrants {
    /// The jobs in `table`.
    #[must_use]
    pub fn new(table: Table, clock: Clock) -> Self {
        Self { table, clock }
    }

    /// How many of the ids of `rows` were used for grants already. The reads may miss the last second.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] if the table cannot be read.
    pub async fn count_used(&self, rows: &[BulkRow]) -> Result<u32, StoreError> {
        let ids: Vec<GrantId> = rows.iter().map(|row| row.id.grant_id()).collect();
        let mut used = 0;
        for ids in ids.chunks(IDS_OF_A_REQUEST) {
            used += self.table.get_all_eventually(ids.iter().map(GrantId::record_key)).await?.len();
        }
        Ok(u32::try_from(used).unwrap_or(u32::MAX))
    }

    /// Begins a job with `rows`, of which there are 1 to [`MAX_ROWS_OF_A_JOB`]. One transaction puts the job, its rows and the
    /// act of its beginning, which has the digest of the `file` that the rows came from. `used_ids` of them were used before.
    ///
    /// # Errors
    /// [`BulkGrantError::AuthorityLost`] if the actor is no longer staff; [`BulkGrantError::Store`] if the outcome is not known.
    pub async fn begin(
        &self,
        rows: &[BulkRow],
        file: &[u8],
        used_ids: u32,
        authority: &RecentAuthority,
        deadline: Timestamp,
    ) -> Result<BulkJob, BulkGrantError> {
        let authority = authority.authority();
        let Actor::Staff(actor) = authority.actor() else { return Err(AuthorityLost.into()) };
        let job = BulkJob::beginning(JobId::new(&self.clock), actor, rows, used_ids, self.clock.now());
        let act = Act {
            deed: Deed::BeginBulkGrant,
            subject: ActSubject::Job(job.id),
            before: json!({}),
            after: json!({
                "state": job.state,
                "rows": job.rows,
                "given": job.given,
                "taken": job.taken,
                "sha256": sha256_of_file(file),
            }),
            reason: None,
        };
        let mut items = vec![
            self.table.put_new(BulkJob::key(job.id).with(&JobItem::of(&job))?)?,
            self.table.put_new(open_key(job.id).into_item())?,
        ];
        for (number, rows) in (0..).zip(rows.chunks(ROWS_OF_A_CHUNK)) {
            let rows = rows.iter().cloned().map(JudgedRow::waiting).collect();
            let chunk = Chunk { number, rows, counted: JobCounts::default() };
            items.push(self.table.put_new(chunk_item(&job, &chunk)?)?);
        }
        items.extend(authority.parts(&act, &self.table, &self.clock)?);
        let Err(error) = self.table.transact(&job.id.to_string(), items, &self.clock, deadline).await else {
            return Ok(job);
        };
        match cancellation_reasons(&error) {
            // No other request has this id: an attempt of this very request, whose answer was lost, has begun the job.
            Some([job_item, ..]) if condition_failed(job_item) => Ok(job),
            Some(reasons) if authority.is_lost(act.subject, reasons) => Err(AuthorityLost.into()),
            _ => Err(StoreError::from(error).into()),
        }
    }

    /// The job of this id.
    ///
    /// # Errors
    /// [`StoreError`] if the table cannot be read.
    pub async fn find(&self, id: JobId) -> Result<Option<BulkJob>, StoreError> {
        let item: Option<JobItem> = self.table.get(BulkJob::key(id)).await?;
        Ok(item.map(|item| item.into_job(id)))
    }

    /// At most `limit` jobs that are older than the job `after`.
    ///
    /// # Errors
    /// [`StoreError`] if the table cannot be read.
    pub async fn page(&self, after: Option<JobId>, limit: u16) -> Result<JobPage, StoreError> {
        let limit = limit.clamp(1, MAX_JOBS_OF_A_PAGE);
        let start = after.map(|id| BulkJob::key(id).into_item());
        let (items, has_more) = self.listed(JOB_PREFIX, start, limit, false).await?;
        let jobs: Vec<BulkJob> = items.into_iter().map(listed_job).collect::<Result<_, _>>()?;
        let next = jobs.last().map(|job| job.id).filter(|_| has_more);
        Ok(JobPage { jobs, next })
    }

    /// The jobs that are not over, the oldest first, at most [`MAX_JOBS_OF_A_PAGE`].
    ///
    /// # Errors
    /// [`StoreError`] if the table cannot be read.
    pub async fn open(&self) -> Result<Vec<JobId>, StoreError> {
        let (items, _) = self.listed(OPEN_PREFIX, None, MAX_JOBS_OF_A_PAGE, true).await?;
        items.iter().map(|item| id_in(item, OPEN_PREFIX)).collect()
    }

    async fn listed(
        &self,
        prefix: &str,
        start: Option<Item>,
        limit: u16,
        oldest_first: bool,
    ) -> Result<(Vec<Item>, bool), StoreError> {
        let query = self.table.client().query().table_name(self.table.name());
        let answer = query
            .key_condition_expression("pk = :partition AND begins_with(sk, :prefix)")
            .expression_attribute_values(":partition", AttributeValue::S(PARTITION.to_owned()))
            .expression_attribute_values(":prefix", AttributeValue::S(prefix.to_owned()))
            .set_exclusive_start_key(start)
            .scan_index_forward(oldest_first)
            .limit(limit.into())
            .consistent_read(true)
            .send()
            .await?;
        Ok((answer.items.unwrap_or_default(), answer.last_evaluated_key.is_some()))
    }

    /// The chunk with which `job` goes on; `None` if none is left.
    ///
    /// # Errors
    /// [`StoreError`] if the table cannot be read, or the chunk is gone.
    pub async fn next_chunk(&self, job: &BulkJob) -> Result<Option<Chunk>, StoreError> {
        if job.next_chunk >= job.chunks() {
            return Ok(None);
        }
        let number = job.next_chunk;
        let item: Option<ChunkItem> = self.table.get(chunk_key(job.id, number)).await?;
        let item = item.ok_or_else(|| StoreError::Internal(Cause::because("the rows of an open job are gone")))?;
        let rows = item.into_rows()?;
        Ok(Some(Chunk { number, counted: JobCounts::of(&rows), rows }))
    }

    /// All rows of a job, in the order of the file. They are kept for 90 days; afterwards there are none.
    ///
    /// # Errors
    /// [`StoreError`] if the table cannot be read.
    pub async fn rows(&self, id: JobId) -> Result<Vec<JudgedRow>, StoreError> {
        let (mut rows, mut start) = (Vec::new(), None);
        loop {
            let query = self.table.client().query().table_name(self.table.name());
            let answer = query
                .key_condition_expression("pk = :partition")
                .expression_attribute_values(":partition", AttributeValue::S(rows_partition(id)))
                .set_exclusive_start_key(start)
                .consistent_read(true)
                .send()
                .await?;
            for item in answer.items.unwrap_or_default() {
                rows.extend(from_item::<ChunkItem>(item)?.into_rows()?);
            }
            start = answer.last_evaluated_key;
            if start.is_none() {
                return Ok(rows);
            }
        }
    }

    /// Claims `job` for a driver that is about to grant rows: from now on no other driver does, whose rows check the job as it was
    /// when they claimed it. So what this driver finds of a row stays true until it settles the chunk. `None` if somebody else has
    /// changed the job meanwhile: then nothing was written.
    ///
    /// # Errors
    /// [`StoreError`] if the outcome is not known.
    pub async fn claim(
        &self,
        job: &BulkJob,
        origin: &ActOrigin,
        deadline: Timestamp,
    ) -> Result<Option<BulkJob>, StoreError> {
        self.replace(job, job.claimed(self.clock.now()), Vec::new(), origin, deadline).await
    }

    /// Keeps the results of `chunk`, which is the next one of `job`. If each row has one the job moves on, and after the last chunk it
    /// is done.
    /// `None` if another driver was faster: then nothing was written.
    ///
    /// # Errors
    /// [`StoreError`] if the outcome is not known.
    pub async fn settle(
        &self,
        job: &BulkJob,
        chunk: &Chunk,
        origin: &ActOrigin,
        deadline: Timestamp,
    ) -> Result<Option<BulkJob>, StoreError> {
        let next = job.after(&chunk.rows, chunk.counted, self.clock.now());
        let rows = self.table.put(chunk_item(job, chunk)?)?;
        self.replace(job, next, vec![rows], origin, deadline).await
    }

    /// Stops `job` in the middle of `chunk`, because its actor is no longer staff, and keeps the results so far. `None` if another
    /// request was faster: then nothing was written.
    ///
    /// # Errors
    /// [`StoreError`] if the outcome is not known.
    pub async fn stop(
        &self,
        job: &BulkJob,
        chunk: &Chunk,
        origin: &ActOrigin,
        deadline: Timestamp,
    ) -> Result<Option<BulkJob>, StoreError> {
        let now = self.clock.now();
        let next = job.after(&chunk.rows, chunk.counted, now).stopped(now);
        let rows = self.table.put(chunk_item(job, chunk)?)?;
        self.replace(job, next, vec![rows], origin, deadline).await
    }

    /// Puts `next` in place of `job` together with `items`. Where that ends the job, it is no longer open, and its end is an
    /// act. An end gives nothing, so it does not ask whether the actor is still staff.
    async fn replace(
        &self,
        job: &BulkJob,
        next: BulkJob,
        mut items: Vec<TransactWriteItem>,
        origin: &ActOrigin,
        deadline: Timestamp,
    ) -> Result<Option<BulkJob>, StoreError> {
        items.insert(0, self.put_over(job, &next)?);
        if next.state != JobState::Running {
            items.push(transaction::delete(self.table.deleting(open_key(job.id)))?);
            let signature = Signature::new(Actor::Staff(job.actor), origin.clone());
            items.extend(signature.parts(&end_of(job, &next), &self.table, &self.clock)?);
        }
        let token = TokenId::new(&self.clock).to_string();
        let Err(error) = self.table.transact(&token, items, &self.clock, deadline).await else {
            return Ok(Some(next));
        };
        match cancellation_reasons(&error) {
            Some([job_item, ..]) if condition_failed(job_item) => Ok(None),
            _ => Err(error.into()),
        }
    }

    /// Lets `job`, which is not done, go on under `authority`. `None` if another request was faster: then nothing was written.
    ///
    /// # Errors
    /// [`BulkGrantError::AuthorityLost`] if the actor is no longer staff; [`BulkGrantError::Store`] if the outcome is not known.
    pub async fn take_over(
        &self,
        job: &BulkJob,
        authority: &RecentAuthority,
        deadline: Timestamp,
    ) -> Result<Option<BulkJob>, BulkGrantError> {
        let authority = authority.authority();
        let Actor::Staff(actor) = authority.actor() else { return Err(AuthorityLost.into()) };
        let next = job.taken_over(actor, self.clock.now());
        let act = Act {
            deed: Deed::ResumeBulkGrant,
            subject: ActSubject::Job(job.id),
            before: json!({"state": job.state}),
            after: json!({"state": next.state}),
            reason: None,
        };
        let mut items = vec![self.put_over(job, &next)?, self.table.put(open_key(job.id).into_item())?];
        items.extend(authority.parts(&act, &self.table, &self.clock)?);
        let token = TokenId::new(&self.clock).to_string();
        let Err(error) = self.table.transact(&token, items, &self.clock, deadline).await else {
            return Ok(Some(next));
        };
        match cancellation_reasons(&error) {
            Some(reasons) if authority.is_lost(act.subject, reasons) => Err(AuthorityLost.into()),
            Some([job_item, ..]) if condition_failed(job_item) => Ok(None),
            _ => Err(StoreError::from(error).into()),
        }
    }

    /// Puts `next` in place of the job as it was seen.
    fn put_over(&self, seen: &BulkJob, next: &BulkJob) -> Result<TransactWriteItem, StoreError> {
        let item = BulkJob::key(next.id).with(&JobItem::of(next))?;
        transaction::put(
            Put::builder()
                .table_name(self.table.name())
                .set_item(Some(item))
                .condition_expression("version = :seen")
                .set_expression_attribute_values(Some(HashMap::from([(":seen".to_owned(), number(seen.version))]))),
        )
    }
}

fn chunk_item(job: &BulkJob, chunk: &Chunk) -> Result<Item, StoreError> {
    chunk_key(job.id, chunk.number).with(&ChunkItem::of(&chunk.rows, job.id))
}

fn end_of(job: &BulkJob, next: &BulkJob) -> Act<'static> {
    let JobCounts { granted, repeated, refused } = next.counts;
    Act {
        deed: Deed::EndBulkGrant,
        subject: ActSubject::Job(job.id),
        before: json!({"state": job.state}),
        after: json!({"state": next.state, "granted": granted, "repeated": repeated, "refused": refused}),
        reason: None,
    }
}

/// The item that is there while the job is not over, so that one query finds all of those.
fn open_key(id: JobId) -> Key {
    Key::new(PARTITION, format!("{OPEN_PREFIX}{id}"))
}

fn rows_partition(id: JobId) -> String {
    format!("{JOB_PREFIX}{id}")
}

fn chunk_key(id: JobId, number: u32) -> Key {
    Key::new(rows_partition(id), format!("ROWS#{number:04}"))
}

fn listed_job(item: Item) -> Result<BulkJob, StoreError> {
    let id = id_in(&item, JOB_PREFIX)?;
    Ok(from_item::<JobItem>(item)?.into_job(id))
}

fn id_in(item: &Item, prefix: &str) -> Result<JobId, StoreError> {
    let id = sort_key_of(item).and_then(|key| JobId::parse(key.strip_prefix(prefix)?));
    id.ok_or_else(|| StoreError::Internal(Cause::because("the item of a job has no id")))
}

#[cfg(test)]
mod tests;
