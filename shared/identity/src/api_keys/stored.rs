//! The item that an API key leads to.

use domain::ids::{ApiKeyId, UserId};
use domain::time::{Clock, Timestamp};
use serde::{Deserialize, Serialize};
use store::{Key, Table};

use crate::api_keys::key::ApiKeyDigest;

/// The most API keys of a user.
pub const MAX_API_KEYS: usize = 20;

/// The most rounds of an act that collides with other changes of the same user's keys.
pub(super) const MAX_ROUNDS: usize = 8;

/// The item with the digest of an API key.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct StoredApiKey {
    pub(super) user_id: UserId,
    pub(super) id: ApiKeyId,
    /// The account's epoch of API keys when the key was made.
    pub(super) epoch: u64,
    /// The time at which the key ends, in seconds since the Unix epoch. DynamoDB's TTL deletes the item later.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) expires_at: Option<u64>,
}

impl StoredApiKey {
    /// The key of the item with this digest.
    pub(super) fn key(digest: &ApiKeyDigest) -> Key {
        Key::new(format!("APIKEY#{digest}"), "APIKEY")
    }
}

/// The API keys in the table.
#[derive(Clone, Debug)]
pub struct ApiKeys {
    pub(super) table: Table,
    pub(super) clock: Clock,
}

impl ApiKeys {
    /// The API keys in `table`.
    #[must_use]
    pub fn new(table: Table, clock: Clock) -> Self {
        Self { table, clock }
    }
}

/// Whether a key has expired by `now`. DynamoDB deletes expired items late, so every reader checks.
pub(super) fn has_expired(expires_at: Option<u64>, now: Timestamp) -> bool {
    expires_at.is_some_and(|end| end <= now.seconds())
}
