//! The audit of a table: what its runs work with.

use std::time::Duration;

use domain::time::{Clock, Timestamp};
use store::Table;

use crate::audit::reading::AuditReader;
use crate::entry_pages::PAGE_ENTRIES;
use crate::ledger::Ledger;
use crate::retention::Retention;
use crate::summing::MANY_WAIT;

/// Most items of a page: as many as one request reads by their keys.
const PAGE_ITEMS: i32 = 100;

/// Time reserved for the request that is under way and for storing the state. Each may take up to the table's own limit of
/// 3.5 s.
pub(super) const MARGIN: Duration = Duration::from_secs(10);

/// The audit of a table.
#[derive(Clone, Debug)]
pub struct Audit {
    pub(super) reader: AuditReader,
    pub(super) ledger: Ledger,
    pub(super) retention: Retention,
    /// The number of waiting entries from which they are summed.
    pub(super) summed_from: u64,
}

/// The time of a run.
#[derive(Clone, Copy, Debug)]
pub(super) struct RunTime {
    pub(super) deadline: Timestamp,
}

impl RunTime {
    pub(super) fn is_up(self, clock: &Clock) -> bool {
        clock.now().plus(MARGIN) >= self.deadline
    }

    /// The first three quarters of the time from now on. So a pass that takes all of its time leaves some for the proof.
    pub(super) fn for_a_pass(self, clock: &Clock) -> Self {
        let now = clock.now();
        Self { deadline: now.plus(self.deadline.since(now) / 4 * 3) }
    }
}

impl Audit {
    /// The audit of `table`.
    #[must_use]
    pub fn new(table: Table, clock: Clock) -> Self {
        let reader = AuditReader { table: table.clone(), page_items: PAGE_ITEMS, page_entries: PAGE_ENTRIES };
        // It holds for nobody.
        let ledger = Ledger::new(table, clock, 0);
        Self { reader, ledger, retention: Retention::default(), summed_from: MANY_WAIT }
    }

    /// The same audit, which lets `entries` be summed when they wait, so that a simulation meets it.
    #[must_use]
    pub fn summing_from(self, entries: u64) -> Self {
        Self { summed_from: entries, ..self }
    }

    /// The same audit, which erases texts whose `retention` is over.
    #[must_use]
    pub fn with_retention(self, retention: Retention) -> Self {
        Self { retention, ..self }
    }

    pub(super) fn table(&self) -> &Table {
        &self.reader.table
    }

    pub(super) fn clock(&self) -> &Clock {
        &self.ledger.clock
    }
}
