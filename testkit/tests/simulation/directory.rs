//! The index `directory` as AWS may serve it: some time after the table.

use std::collections::VecDeque;
use std::time::Duration;

use serde_json::Value;
use testkit::isolated_table::TABLE_NAME;
use testkit::late_index::DirectoryImage;

use crate::engine::{Engine, Reply};
use shared::domain::time::Timestamp;

/// The index, which is late by the same time for a whole schedule.
#[derive(Default)]
pub(super) struct LateDirectory {
    lateness: Duration,
    /// Its images, each since a time. The last one is current.
    images: VecDeque<(Timestamp, DirectoryImage)>,
    staleness: Staleness,
}

/// The number of times that a reader was served an old image.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Staleness {
    /// The users that were there and not listed, over all reads.
    pub(super) hidden: usize,
    /// The users that were listed and no longer so there.
    pub(super) gone: usize,
}

impl LateDirectory {
    /// Serves late what changes from now on.
    pub(super) fn be_late_by(&mut self, lateness: Duration) {
        self.lateness = lateness;
        if let Some((since, _)) = self.images.back_mut() {
            *since = Timestamp::from_milliseconds(0);
        }
    }

    /// Notes a request that the table has accepted.
    pub(super) fn accepted(&mut self, engine: &Engine, operation: &str, body: &Value, now: Timestamp) {
        if !may_change_the_directory(operation, body) {
            return;
        }
        let image = DirectoryImage::of(&engine.answer("Query", &DirectoryImage::request(TABLE_NAME)).body);
        if self.images.back().is_none_or(|(_, newest)| *newest != image) {
            self.images.push_back((now, image));
        }
    }

    /// The answer to a query of the index.
    pub(super) fn answer(&mut self, query: &Value, now: Timestamp) -> Reply {
        let seen = now.minus(self.lateness);
        while self.images.get(1).is_some_and(|(since, _)| *since <= seen) {
            self.images.pop_front();
        }
        let nothing = DirectoryImage::default();
        let late = self.images.front().filter(|(since, _)| *since <= seen).map_or(&nothing, |(_, image)| image);
        if let Some((_, newest)) = self.images.back() {
            self.staleness.hidden += newest.items_beyond(late);
            self.staleness.gone += late.items_beyond(newest);
        }
        Reply { status: 200, body: late.answer(query) }
    }

    pub(super) fn staleness(&self) -> Staleness {
        self.staleness
    }
}

/// Whether a request may have put an item with the index's attributes, or deleted one.
fn may_change_the_directory(operation: &str, body: &Value) -> bool {
    let is_write = matches!(operation, "DeleteItem" | "PutItem" | "BatchWriteItem" | "TransactWriteItems");
    is_write
        && (operation == "DeleteItem"
            || ["\"directory\"", "\"Delete"].iter().any(|part| body.to_string().contains(part)))
}
