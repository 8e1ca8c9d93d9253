//! The health of the audit, for staff.

use std::time::Duration;

use domain::calendar::Day;
use domain::time::Timestamp;

/// How far the audit is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AuditHealth {
    /// The time before which all entries are audited. `None` before the first pass has finished.
    pub audited_through: Option<Timestamp>,
    /// The age of the oldest entry that may not be audited yet.
    pub lag: Duration,
    /// The number of accounts that could not be judged lately.
    pub unsettled: usize,
    /// The last day whose accounts were proved again.
    pub proved_through: Option<Day>,
    /// The time before which all chats are in the sums of days. `None` before the first pass has finished.
    pub summed_through: Option<Timestamp>,
}
