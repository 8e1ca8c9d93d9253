//! The item of a job.

use acts::ActOrigin;
use domain::ids::{JobId, UserId};
use domain::time::Timestamp;
use serde::{Deserialize, Serialize};
use store::Key;

use crate::authority::{JobClaim, RecentAuthority};
use crate::bulk_grants::row::{BulkRow, JudgedRow, ROWS_OF_A_CHUNK, RowOutcome};

/// The partition of all jobs.
pub(super) const PARTITION: &str = "JOBS";
/// The beginning of the sort keys of jobs.
pub(super) const JOB_PREFIX: &str = "JOB#";

/// How far a job is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum JobState {
    /// Some of its rows wait.
    Running,
    /// Each of its rows has a result.
    Done,
    /// Its actor is no longer staff. Some of its rows wait until another superuser resumes it.
    Stopped,
}

/// The results of the rows that were judged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobCounts {
    /// Rows that this job granted.
    pub granted: u32,
    /// Rows that were granted before this job.
    pub repeated: u32,
    /// Rows that nobody was granted.
    pub refused: u32,
}

impl JobCounts {
    pub(super) fn of(rows: &[JudgedRow]) -> Self {
        let mut counts = Self::default();
        for result in rows.iter().filter_map(|row| row.result) {
            match result.outcome {
                RowOutcome::Granted => counts.granted += 1,
                RowOutcome::Repeated => counts.repeated += 1,
                _ => counts.refused += 1,
            }
        }
        counts
    }

    /// The counts, and what a chunk's rows have got since they had `before`. A driver that was overtaken between its claim and its
    /// read of the chunk has read more than these counts have; its write fails.
    fn with_results_since(self, before: Self, now: Self) -> Self {
        Self {
            granted: self.granted + (now.granted - before.granted),
            repeated: self.repeated + (now.repeated - before.repeated),
            refused: self.refused + (now.refused - before.refused),
        }
    }
}

/// A job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BulkJob {
    /// The job's name.
    pub id: JobId,
    /// How far it is.
    pub state: JobState,
    /// The superuser who began it, or who resumed it last.
    pub actor: UserId,
    /// The number of rows.
    pub rows: u32,
    /// The credits that the rows give.
    pub given: u64,
    /// The credits that the rows take back.
    pub taken: u64,
    /// The rows whose ids were used for grants before the job began.
    pub used_ids: u32,
    /// The results.
    pub counts: JobCounts,
    /// The time of the last change.
    pub touched_at: Timestamp,
    /// The time of its end.
    pub ended_at: Option<Timestamp>,
    pub(super) next_chunk: u32,
    pub(super) version: u64,
}

/// The stored form of a job.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct JobItem {
    state: JobState,
    actor: UserId,
    rows: u32,
    given: u64,
    taken: u64,
    used_ids: u32,
    #[serde(flatten)]
    counts: JobCounts,
    /// In milliseconds since the Unix epoch.
    touched_at: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    ended_at: Option<u64>,
    next_chunk: u32,
    version: u64,
}

impl BulkJob {
    /// A job whose rows all wait.
    pub(super) fn beginning(id: JobId, actor: UserId, rows: &[BulkRow], used_ids: u32, now: Timestamp) -> Self {
        let sum_of = |wanted: fn(i64) -> bool| -> u64 {
            let amounts = rows.iter().map(|row| row.amount.signed()).filter(|amount| wanted(*amount));
            amounts.map(i64::unsigned_abs).sum()
        };
        Self {
            id,
            state: JobState::Running,
            actor,
            rows: u32::try_from(rows.len()).unwrap_or(u32::MAX),
            given: sum_of(|amount| amount > 0),
            taken: sum_of(|amount| amount < 0),
            used_ids,
            counts: JobCounts::default(),
            touched_at: now,
            ended_at: None,
            next_chunk: 0,
            version: 0,
        }
    }

    pub(super) fn key(id: JobId) -> Key {
        Key::new(PARTITION, format!("{JOB_PREFIX}{id}"))
    }

    /// The authority under which the rows are granted, in the request of `origin`. It is lost as soon as anybody changes the job.
    #[must_use]
    pub fn authority(&self, origin: ActOrigin) -> RecentAuthority {
        let claim = JobClaim { id: self.id, key: Self::key(self.id), version: self.version };
        RecentAuthority::of_job(self.actor, claim, origin)
    }

    /// The rows that have no result yet.
    #[must_use]
    pub fn waiting(&self) -> u32 {
        let JobCounts { granted, repeated, refused } = self.counts;
        self.rows.saturating_sub(granted + repeated + refused)
    }

    pub(super) fn chunks(&self) -> u32 {
        self.rows.div_ceil(u32::try_from(ROWS_OF_A_CHUNK).unwrap_or(u32::MAX))
    }

    /// The job with the results of `rows`, of which it had those `before`. It moves on if all of them have one.
    pub(super) fn after(&self, rows: &[JudgedRow], before: JobCounts, now: Timestamp) -> Self {
        let mut next = self.changed(now);
        next.counts = next.counts.with_results_since(before, JobCounts::of(rows));
        if rows.iter().all(|row| row.result.is_some()) {
            next.next_chunk += 1;
        }
        if next.next_chunk >= next.chunks() {
            next.state = JobState::Done;
            next.ended_at = Some(now);
        }
        next
    }

    pub(super) fn claimed(&self, now: Timestamp) -> Self {
        self.changed(now)
    }

    pub(super) fn stopped(self, now: Timestamp) -> Self {
        Self { state: JobState::Stopped, ended_at: Some(now), ..self }
    }

    pub(super) fn taken_over(&self, actor: UserId, now: Timestamp) -> Self {
        Self { state: JobState::Running, actor, ended_at: None, ..self.changed(now) }
    }

    fn changed(&self, now: Timestamp) -> Self {
        Self { touched_at: now, version: self.version + 1, ..self.clone() }
    }
}

impl JobItem {
    pub(super) fn of(job: &BulkJob) -> Self {
        Self {
            state: job.state,
            actor: job.actor,
            rows: job.rows,
            given: job.given,
            taken: job.taken,
            used_ids: job.used_ids,
            counts: job.counts,
            touched_at: job.touched_at.milliseconds(),
            ended_at: job.ended_at.map(Timestamp::milliseconds),
            next_chunk: job.next_chunk,
            version: job.version,
        }
    }

    pub(super) fn into_job(self, id: JobId) -> BulkJob {
        BulkJob {
            id,
            state: self.state,
            actor: self.actor,
            rows: self.rows,
            given: self.given,
            taken: self.taken,
            used_ids: self.used_ids,
            counts: self.counts,
            touched_at: Timestamp::from_milliseconds(self.touched_at),
            ended_at: self.ended_at.map(Timestamp::from_milliseconds),
            next_chunk: self.next_chunk,
            version: self.version,
        }
    }
}
