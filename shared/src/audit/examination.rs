//! The examination of one account.

use serde::{Deserialize, Serialize};

use crate::audit::reading::{ScannedAccount, Sums};
use crate::audit::{Mismatch, Run, ScanPosition, Step};
use crate::error::ApiError;
use crate::ids::UserId;
use crate::metrics::{self, Metric};

/// How often an account is looked at again because it does not add up or has changed meanwhile.
const MAX_ATTEMPTS: u32 = 5;

/// How far the sum of an account's entries has come.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Examination {
    user_id: UserId,
    /// The account's when it began.
    version: u64,
    /// The sum of the entries up to `entry`.
    sum: i64,
    /// The sort key of the last entry in the sum. Absent before the first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    entry: Option<String>,
    /// The first reads what may be a moment old; the others decide.
    attempt: u32,
}

/// What an attempt to add an account's entries up came to.
enum Added {
    /// This is their sum.
    Sum(i64),
    OutOfTime,
    /// An entry has no amount.
    Unreadable,
}

impl Examination {
    fn begin(user_id: UserId, sums: &Sums, attempt: u32) -> Self {
        Self { user_id, version: sums.version, sum: 0, entry: None, attempt }
    }

    fn is_decisive(&self) -> bool {
        self.attempt > 0
    }
}

impl Run<'_> {
    /// Examines an account that a scan found.
    pub(super) async fn examine(&mut self, account: ScannedAccount) -> Result<Step, ApiError> {
        let (Some(user_id), Some(sums)) = (account.user_id, account.sums) else {
            self.unsettled(account.user_id, "the account holds something else than numbers");
            self.done(account.position);
            return Ok(Step::Done);
        };
        let step = if sums.is_being_deleted() {
            self.finish_if_abandoned(user_id, &sums).await
        } else {
            self.decide(Examination::begin(user_id, &sums, 0), sums).await?
        };
        if step == Step::Done {
            self.done(account.position);
        }
        Ok(step)
    }

    /// Goes on with the account at which the last run stopped, from its first entry if it has changed:
    /// the new entry need not be the last, since it has the id of a hold that may be older.
    pub(super) async fn resume(&mut self, examination: Examination) -> Result<Step, ApiError> {
        let user_id = examination.user_id;
        let position = ScanPosition::of_account(user_id);
        let Some(sums) = self.read(user_id).await? else {
            self.done(position);
            return Ok(Step::Done);
        };
        let examination = if sums.version == examination.version {
            examination
        } else {
            Examination::begin(user_id, &sums, examination.attempt + 1)
        };
        let step = self.decide(examination, sums).await?;
        if step == Step::Done {
            self.done(position);
        }
        Ok(step)
    }

    /// Adds the entries up until the account can be judged.
    async fn decide(&mut self, mut examination: Examination, mut sums: Sums) -> Result<Step, ApiError> {
        let user_id = examination.user_id;
        while examination.attempt <= MAX_ATTEMPTS {
            let entries = match self.add_up(&mut examination).await? {
                Added::Sum(entries) => entries,
                Added::OutOfTime => {
                    self.progress.examination = Some(examination);
                    return Ok(Step::OutOfTime);
                }
                Added::Unreadable => {
                    self.unsettled(Some(user_id), "an entry has no amount");
                    return Ok(Step::Done);
                }
            };
            if entries == sums.total() {
                return Ok(Step::Done);
            }
            let Some(now) = self.read(user_id).await? else { return Ok(Step::Done) };
            if examination.is_decisive() && now.version == examination.version {
                self.mismatch(user_id, &now, entries);
                return Ok(Step::Done);
            }
            examination = Examination::begin(user_id, &now, examination.attempt + 1);
            sums = now;
        }
        self.unsettled(Some(user_id), "the account keeps changing");
        Ok(Step::Done)
    }

    async fn add_up(&mut self, examination: &mut Examination) -> Result<Added, ApiError> {
        let consistent = examination.is_decisive();
        while !self.is_out_of_time() {
            let page = self.audit.entries(examination.user_id, examination.entry.clone(), consistent).await?;
            self.pages += 1;
            let Some(sum) = page.sum else { return Ok(Added::Unreadable) };
            examination.sum = examination.sum.saturating_add(sum);
            examination.entry = page.next;
            if examination.entry.is_none() {
                return Ok(Added::Sum(examination.sum));
            }
        }
        Ok(Added::OutOfTime)
    }

    /// The account as it is now; nothing if it is gone or going, or cannot be read.
    async fn read(&mut self, user_id: UserId) -> Result<Option<Sums>, ApiError> {
        match self.audit.account(user_id).await {
            Err(ApiError::Internal(_)) => {
                self.unsettled(Some(user_id), "the account holds something else than numbers");
                Ok(None)
            }
            read => Ok(read?.filter(|sums| !sums.is_being_deleted())),
        }
    }

    fn done(&mut self, position: ScanPosition) {
        self.report.accounts += 1;
        self.progress.scanned = Some(position);
    }

    fn mismatch(&mut self, user_id: UserId, sums: &Sums, entries: i64) {
        let (balance, held) = (sums.balance, sums.held());
        let difference = sums.total().saturating_sub(entries);
        tracing::error!(%user_id, balance, held, entries_sum = entries, difference, "the ledger does not add up");
        metrics::emit(&[Metric::AuditMismatches(1)]);
        self.report.mismatches.push(Mismatch { user_id, balance, held, entries });
    }

    fn unsettled(&mut self, user_id: Option<UserId>, why: &str) {
        tracing::warn!(user_id = user_id.map(tracing::field::display), why, "an account could not be judged");
        self.report.unsettled += 1;
    }
}
