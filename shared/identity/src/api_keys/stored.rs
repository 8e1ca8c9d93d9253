//! The item that an API key leads to.

use std::sync::Arc;

use domain::ids::{ApiKeyId, UserId};
use domain::time::{Clock, Timestamp};
use ledger::paying_key::{KeyLimits, PayingKey};
use serde::{Deserialize, Serialize};
use store::{Key, Table};

use crate::api_keys::key::ApiKeyDigest;
use crate::api_keys::memory::{FoundKey, KeyMemory};
use crate::api_keys::terms::ApiKeyName;

/// The most API keys of a user.
pub const MAX_API_KEYS: usize = 100;

/// The most rounds of an act that collides with other changes of the same user's keys.
pub(super) const MAX_ROUNDS: usize = 8;

/// The item with the digest of an API key.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct StoredApiKey {
    pub(super) user_id: UserId,
    pub(super) id: ApiKeyId,
    /// The name that its maker gave it. Absent in the item of a key that is older than limits of keys.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) name: Option<ApiKeyName>,
    /// The account's epoch of API keys when the key was made.
    pub(super) epoch: u64,
    /// The time at which the key ends, in seconds since the Unix epoch. DynamoDB's TTL deletes the item later.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) expires_at: Option<u64>,
    /// The version of the account's keys when the key was made, or an earlier one. Absent if no key had ended by then.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub(super) keys_version: u64,
    /// The limits of the key.
    #[serde(default)]
    pub(super) limits: KeyLimits,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it with a reference")]
fn is_zero(number: &u64) -> bool {
    *number == 0
}

impl StoredApiKey {
    /// The key of the item with this digest.
    pub(super) fn key(digest: &ApiKeyDigest) -> Key {
        Key::new(format!("APIKEY#{digest}"), "APIKEY")
    }
}

impl From<&StoredApiKey> for FoundKey {
    fn from(stored: &StoredApiKey) -> Self {
        let StoredApiKey { user_id, id, epoch, expires_at, keys_version, .. } = *stored;
        let paying = PayingKey { id, limits: Arc::new(stored.limits.clone()) };
        Self { user_id, paying, epoch, expires_at, keys_version }
    }
}

/// The API keys in the table, and those of them that were read lately. Clones remember together.
#[derive(Clone, Debug)]
pub struct ApiKeys {
    pub(super) table: Table,
    pub(super) clock: Clock,
    pub(super) memory: Arc<KeyMemory>,
    /// The most keys of a user.
    pub(super) most: usize,
}

impl ApiKeys {
    /// The API keys in `table`, none of which is remembered.
    #[must_use]
    pub fn new(table: Table, clock: Clock) -> Self {
        Self { table, clock, memory: Arc::default(), most: MAX_API_KEYS }
    }
}

#[cfg(test)]
impl ApiKeys {
    /// The same with another number of keys that a user may have than [`MAX_API_KEYS`].
    pub(super) fn with_most(self, most: usize) -> Self {
        Self { most, ..self }
    }
}

/// Whether a key has expired by `now`. DynamoDB deletes expired items late, so every reader checks.
pub(super) fn has_expired(expires_at: Option<u64>, now: Timestamp) -> bool {
    expires_at.is_some_and(|end| end <= now.seconds())
}

#[cfg(test)]
mod tests {
    use super::*;

    use serde_json::json;
    use testkit::test_table::NOW;

    #[test]
    fn the_item_of_a_key_that_is_older_than_limits_of_keys_is_that_of_a_key_without_limits() {
        let clock = Clock::manual(NOW);
        let item = json!({"user_id": UserId::new(&clock), "id": ApiKeyId::new(&clock), "epoch": 1});
        let stored: StoredApiKey = serde_json::from_value(item).unwrap();
        assert_eq!((stored.name, stored.limits), (None, KeyLimits::default()));
    }
}
