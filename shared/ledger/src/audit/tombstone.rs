//! Tombstones: the names of users whose accounts were deleted.
//!
//! A long text of a message is put outside the transaction that charges it, so it may arrive after the account's last
//! transaction. The tombstone leads the audit to it.

use std::time::Duration;

use domain::ids::UserId;
use domain::time::Timestamp;
use serde::{Deserialize, Serialize};
use store::directory::DirectoryKey;
use store::{Item, Key, StoreError};

/// The age from which nothing arrives in the partition of a deleted user any more: no request lives longer than a
/// quarter of it.
const PATIENCE: Duration = Duration::from_secs(60 * 60);

/// The item that the deletion of an account leaves in the user's partition, and in the directory.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct Tombstone {
    /// The time of the deletion's last transaction, in seconds since the Unix epoch.
    pub deleted_at: u64,
}

impl Tombstone {
    /// The sort key of every tombstone.
    pub const SORT_KEY: &str = "TOMBSTONE";

    /// The key of a user's tombstone.
    #[must_use]
    pub fn key(user_id: UserId) -> Key {
        Key::of_user(user_id, Self::SORT_KEY)
    }

    /// The tombstone of a user whose account is deleted `now`, as an item that the directory lists.
    ///
    /// # Errors
    /// [`StoreError::Internal`] if it cannot be written as attributes.
    pub fn item(user_id: UserId, now: Timestamp) -> Result<Item, StoreError> {
        DirectoryKey::by_age(user_id, Self::SORT_KEY).with(&Self { deleted_at: now.seconds() })
    }

    /// Whether the user's partition can be swept for good at `now`.
    pub(super) fn is_due(self, now: Timestamp) -> bool {
        now.since(Timestamp::from_seconds(self.deleted_at)) >= PATIENCE
    }
}
