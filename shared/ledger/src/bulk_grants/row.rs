//! The rows of a job, and their items.

use std::time::Duration;

use domain::cause::Cause;
use domain::credits::Credits;
use domain::ids::{EntryId, JobId};
use domain::invalid_field::InvalidField;
use domain::reason::Reason;
use domain::username::Username;
use serde::{Deserialize, Serialize};
use store::StoreError;

use crate::grant::{Grant, GrantAmount, GrantId};

/// Most rows of a job. All of them are put in one transaction, whose items may have 4 MB together.
pub const MAX_ROWS_OF_A_JOB: usize = 1_000;

/// Rows of a chunk. All of their users are looked for at once, and a driver that dies leaves at most so many to look for again.
pub(super) const ROWS_OF_A_CHUNK: usize = 25;

/// The time for which the rows of a job are kept after its beginning. They name people; the grants' records do not.
const KEPT: Duration = Duration::from_secs(90 * 86_400);

/// The name of a row, which is the id of its grant: 1 to 64 visible ASCII characters.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(transparent)]
pub struct RowId(String);

impl RowId {
    /// Longest name in characters.
    pub const MAX_CHARACTERS: usize = 64;

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The id of the row's grant. It is one among all grants, so that a file that is sent twice grants once.
    pub(super) fn grant_id(&self) -> GrantId {
        GrantId::of_visible(&self.0)
    }
}

impl TryFrom<String> for RowId {
    type Error = InvalidField;

    fn try_from(text: String) -> Result<Self, InvalidField> {
        let is_visible = text.chars().all(|character| character.is_ascii_graphic());
        if text.is_empty() || text.len() > Self::MAX_CHARACTERS || !is_visible {
            let rule = format!("A row's id has 1 to {} visible ASCII characters.", Self::MAX_CHARACTERS);
            return Err(InvalidField::new(rule));
        }
        Ok(Self(text))
    }
}

/// A grant of a job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BulkRow {
    /// The row's name.
    pub id: RowId,
    /// The user's name.
    pub username: Username,
    /// The amount.
    pub amount: GrantAmount,
    /// The reason.
    pub reason: Reason,
}

impl BulkRow {
    /// The row as a grant.
    #[must_use]
    pub fn grant(&self) -> Grant {
        Grant { amount: self.amount, reason: self.reason.clone(), id: self.id.grant_id() }
    }
}

/// The end of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RowOutcome {
    /// The job granted it.
    Granted,
    /// The same grant was made before the job.
    Repeated,
    /// The row's id was used for another grant before.
    Mismatch,
    /// Nobody has the username.
    NoUser,
    /// The account is being deleted.
    DeletionInProgress,
    /// The user has less than the row takes back.
    BalanceTooLow,
    /// The user would have more than a user may have.
    TooManyCredits,
}

impl RowOutcome {
    /// The word at the API, and in the table.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Granted => "granted",
            Self::Repeated => "repeated",
            Self::Mismatch => "mismatch",
            Self::NoUser => "no_user",
            Self::DeletionInProgress => "deletion_in_progress",
            Self::BalanceTooLow => "balance_too_low",
            Self::TooManyCredits => "too_many_credits",
        }
    }
}

/// The end of a row, and the entry of its grant if there is one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RowResult {
    /// The end.
    pub outcome: RowOutcome,
    /// The entry.
    pub entry_id: Option<EntryId>,
}

impl RowResult {
    /// The end of a row that nobody was granted.
    #[must_use]
    pub fn refused(outcome: RowOutcome) -> Self {
        Self { outcome, entry_id: None }
    }
}

/// A row, with its end if it was judged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JudgedRow {
    /// The row.
    pub row: BulkRow,
    /// Its end.
    pub result: Option<RowResult>,
}

impl JudgedRow {
    /// A row that waits.
    pub(super) fn waiting(row: BulkRow) -> Self {
        Self { row, result: None }
    }
}

/// The stored form of a chunk.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct ChunkItem {
    rows: Vec<StoredRow>,
    /// The time after which DynamoDB may delete it, in seconds since the Unix epoch.
    expires_at: u64,
}

#[derive(Debug, Serialize, Deserialize)]
struct StoredRow {
    id: String,
    username: String,
    amount: i64,
    reason: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    outcome: Option<RowOutcome>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    entry_id: Option<EntryId>,
}

impl ChunkItem {
    pub(super) fn of(rows: &[JudgedRow], job: JobId) -> Self {
        let expires_at = job.made_at().plus(KEPT).seconds();
        Self { rows: rows.iter().map(StoredRow::of).collect(), expires_at }
    }

    pub(super) fn into_rows(self) -> Result<Vec<JudgedRow>, StoreError> {
        self.rows.into_iter().map(StoredRow::into_row).collect()
    }
}

impl StoredRow {
    fn of(JudgedRow { row, result }: &JudgedRow) -> Self {
        Self {
            id: row.id.as_str().to_owned(),
            username: row.username.as_str().to_owned(),
            amount: row.amount.signed(),
            reason: row.reason.as_str().to_owned(),
            outcome: result.map(|result| result.outcome),
            entry_id: result.and_then(|result| result.entry_id),
        }
    }

    fn into_row(self) -> Result<JudgedRow, StoreError> {
        let row = BulkRow {
            id: RowId::try_from(self.id).map_err(no_row)?,
            username: Username::parse(&self.username).map_err(no_row)?,
            amount: GrantAmount::at_most(Some(self.amount), Credits::MAX).map_err(no_row)?,
            reason: Reason::try_from(self.reason).map_err(no_row)?,
        };
        let result = self.outcome.map(|outcome| RowResult { outcome, entry_id: self.entry_id });
        Ok(JudgedRow { row, result })
    }
}

/// A row that was stored was judged before.
fn no_row(error: InvalidField) -> StoreError {
    StoreError::Internal(Cause::new(error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rows_id_is_the_id_of_its_grant() {
        let id = RowId::try_from("2026-11-ada".to_owned()).unwrap();
        assert_eq!(id.grant_id(), GrantId::try_from("2026-11-ada".to_owned()).unwrap());
        for text in ["", "a b", "schlüssel", &"x".repeat(65)] {
            assert!(RowId::try_from(text.to_owned()).is_err(), "{text:?}");
        }
    }

    #[test]
    fn the_word_of_an_outcome_is_the_stored_one() {
        for outcome in [
            RowOutcome::Granted,
            RowOutcome::Repeated,
            RowOutcome::Mismatch,
            RowOutcome::NoUser,
            RowOutcome::DeletionInProgress,
            RowOutcome::BalanceTooLow,
            RowOutcome::TooManyCredits,
        ] {
            assert_eq!(serde_json::to_value(outcome).unwrap(), outcome.word());
        }
    }
}
