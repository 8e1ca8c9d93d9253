//! API keys: how programs prove whose account they use.
//!
//! A key is 256 random bits, which its maker sees once. The table has only its SHA-256, in two
//! places: the item of that name says whose key it is, so that a request costs one read, and one
//! item in the user's partition lists all of a user's keys, so that there is a bound on their number,
//! and so that a deletion finds them. Both change in one transaction, on the condition that the list
//! is the one that was read.
//!
//! The digest needs neither salt nor a slow hash, since nobody can guess 256 bits; and a key is
//! compared by looking its digest up and in no other way: what the time of that may tell is about the
//! digest, which nobody can choose, so no comparison in constant time is needed.

mod ending;
mod holder;
mod key;
mod list;
mod making;
mod terms;
#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};

use crate::table::Table;
use domain::ids::{ApiKeyId, UserId};
use domain::time::{Clock, Timestamp};

pub use holder::KeyHolder;
pub use key::{ApiKey, ApiKeyDigest};
pub use list::ApiKeyView;
pub(crate) use list::{KEYS_OF_LIST, take_keys_of_list};
pub use making::MadeApiKey;
pub use terms::{ApiKeyLifetime, ApiKeyName, ApiKeyTerms};

/// How many keys a user has at most.
pub const MAX_API_KEYS: usize = 20;

/// Each round but the last met another change of the same user's keys.
const MAX_ROUNDS: usize = 8;

/// What a key leads to: the item that is found by its digest.
#[derive(Debug, Serialize, Deserialize)]
struct StoredApiKey {
    user_id: UserId,
    id: ApiKeyId,
    /// The account's epoch when it was made.
    epoch: u64,
    /// When it ends, if it does, in seconds since the Unix epoch; also what DynamoDB's TTL deletes it by.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    expires_at: Option<u64>,
}

/// The API keys in the table.
#[derive(Clone, Debug)]
pub struct ApiKeys {
    table: Table,
    clock: Clock,
}

impl ApiKeys {
    /// The API keys in `table`.
    #[must_use]
    pub fn new(table: Table, clock: Clock) -> Self {
        Self { table, clock }
    }
}

/// DynamoDB's TTL deletes late, so every reader looks itself.
fn has_expired(expires_at: Option<u64>, now: Timestamp) -> bool {
    expires_at.is_some_and(|end| end <= now.seconds())
}
