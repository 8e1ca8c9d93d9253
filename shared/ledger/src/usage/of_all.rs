//! The usage of all accounts together, for staff.

use std::collections::BTreeMap;

use domain::calendar::Day;
use store::{StoreError, Table};

use crate::usage::rows::{self, Freshness, RowsOf};
use crate::usage::{Days, RowLimit};
use crate::usage_shards;
use crate::usage_sums::{UsagePlace, UsageSums};

/// The sums of all accounts, also of those that were deleted, in some days.
#[derive(Debug)]
pub struct UsageOfAll {
    /// The sums, by day and model. No place has an API key.
    pub rows: BTreeMap<UsagePlace, UsageSums>,
    /// The first day that was not read, if there was no room for all.
    pub next: Option<Day>,
}

/// The reader of the usage of all. It has what is summed: the audit tells
/// [up to when](crate::audit::AuditHealth::summed_through) all of it is.
#[derive(Clone, Debug)]
pub struct UsageOfAllReader {
    table: Table,
}

impl UsageOfAllReader {
    /// The reader of the sums in `table`.
    #[must_use]
    pub fn new(table: Table) -> Self {
        Self { table }
    }

    /// The usage of all in `days`, from the first on until `limit`. Sums of the last second may be missing.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] if the table cannot be reached.
    pub async fn read(&self, days: Days, limit: RowLimit) -> Result<UsageOfAll, StoreError> {
        let of_all =
            RowsOf { partition: usage_shards::PARTITION.to_owned(), prefix: "", place: usage_shards::place_of };
        let (rows, next) = rows::read(&self.table, of_all, days, limit, Freshness::Eventual).await?;
        Ok(UsageOfAll { rows, next })
    }
}
