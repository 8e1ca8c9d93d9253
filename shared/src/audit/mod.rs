//! The audit: for every account, are balance and holds the sum of the ledger entries?
//!
//! It pages through the accounts with a scan, whose reads may be a moment old. An account that seems
//! not to add up is a candidate: it is read again, account, entries and account, with everything that
//! was written before, and judged only if it did not change meanwhile, which its `version` tells.
//!
//! Where it meets an account whose deletion began more than an hour ago and was not finished, it
//! finishes it.
//!
//! A run that has no time left keeps where it is, also inside an account with many entries, and the
//! next one goes on there.

mod abandoned_deletion;
mod examination;
mod reading;
#[cfg(test)]
mod tests;

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::error::ApiError;
use crate::ids::UserId;
use crate::metrics::{self, Metric};
use crate::table::{Key, Table};
use crate::time::{Clock, Timestamp};

use examination::Examination;

/// How many items a page has at most: few enough that the deadline is looked at every few dozen
/// milliseconds.
const PAGE_ITEMS: i32 = 500;

/// What is left of a run's time for the request that is under way and for keeping the progress, each
/// of which may take as long as the table's own limit of 3.5 s.
const MARGIN: Duration = Duration::from_secs(10);

/// The audit of a table.
#[derive(Clone, Debug)]
pub struct Audit {
    table: Table,
    clock: Clock,
    page_items: i32,
}

/// What a run found.
#[derive(Debug, Default, PartialEq, Eq, Serialize)]
pub struct Report {
    /// Whether the last account was reached; if not, the next run goes on.
    pub finished: bool,
    /// How many accounts were examined in this run.
    pub accounts: u64,
    /// Those that do not add up.
    pub mismatches: Vec<Mismatch>,
    /// How many could not be judged, because they kept changing or hold something else than numbers,
    /// or not be deleted.
    pub unsettled: u64,
    /// How many deletions were finished that somebody else had begun.
    pub deletions: u64,
}

/// An account whose balance and holds are not the sum of its entries.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct Mismatch {
    /// Whose.
    pub user_id: UserId,
    /// What the account says can be spent.
    pub balance: i64,
    /// What the account says is held.
    pub held: i64,
    /// The sum of the entries.
    pub entries: i64,
}

/// Where an unfinished audit goes on.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Progress {
    /// The key after which the scan goes on. Absent at the beginning.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    scanned: Option<ScanPosition>,
    /// The account that was being examined.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    examination: Option<Examination>,
}

/// The key of an item.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct ScanPosition {
    partition: String,
    sort: String,
}

/// Whether there was time for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    Done,
    OutOfTime,
}

/// One run of the audit.
struct Run<'a> {
    audit: &'a Audit,
    deadline: Timestamp,
    /// Pages read. A run reads one at least, so that the audit gets on however little time it has.
    pages: u64,
    progress: Progress,
    report: Report,
}

impl Audit {
    /// The audit of `table`.
    #[must_use]
    pub fn new(table: Table, clock: Clock) -> Self {
        Self { table, clock, page_items: PAGE_ITEMS }
    }

    /// Examines accounts until all are done or `deadline` is near, from where the last run stopped.
    ///
    /// # Errors
    /// [`ApiError::Unavailable`] if the table cannot be read. What was found so far is in the log.
    pub async fn run(&self, deadline: Timestamp) -> Result<Report, ApiError> {
        let progress = self.table.get(Key::audit_progress()).await?.unwrap_or_default();
        let mut run = Run { audit: self, deadline, pages: 0, progress, report: Report::default() };
        match run.go_on().await {
            Ok(Step::Done) => self.forget_progress().await?,
            Ok(Step::OutOfTime) => self.keep_progress(&run.progress).await?,
            Err(error) => {
                // Best effort: without it the next run starts where this one did.
                if let Err(error) = self.keep_progress(&run.progress).await {
                    tracing::warn!(cause = error.cause(), "the audit's progress could not be kept");
                }
                return Err(error);
            }
        }
        // Each was counted as it was found. This says that somebody looked.
        metrics::emit(&[Metric::AuditMismatches(0)]);
        Ok(run.report)
    }
}

impl Run<'_> {
    async fn go_on(&mut self) -> Result<Step, ApiError> {
        if let Some(examination) = self.progress.examination.take()
            && self.resume(examination).await? == Step::OutOfTime
        {
            return Ok(Step::OutOfTime);
        }
        while !self.is_out_of_time() {
            let page = self.audit.scan(self.progress.scanned.clone()).await?;
            self.pages += 1;
            for account in page.accounts {
                if self.examine(account).await? == Step::OutOfTime {
                    return Ok(Step::OutOfTime);
                }
            }
            self.progress.scanned = page.next;
            if self.progress.scanned.is_none() {
                self.report.finished = true;
                return Ok(Step::Done);
            }
        }
        Ok(Step::OutOfTime)
    }

    fn is_out_of_time(&self) -> bool {
        self.pages > 0 && self.audit.clock.now().plus(MARGIN) >= self.deadline
    }
}
