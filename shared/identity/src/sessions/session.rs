//! The session item.

use domain::ids::{SessionId, TokenId, UserId};
use domain::time::Clock;
use serde::{Deserialize, Serialize};
use store::{Key, Table};

use crate::sessions::user_agent::UserAgent;

/// The most sessions of a user. The next login ends the oldest.
pub const MAX_SESSIONS: usize = 50;

/// The most rounds of an act that collides with other requests of the same user.
pub(super) const MAX_ROUNDS: usize = 4;

/// The first part of the sort key of every session.
pub(super) const SORT_KEY_PREFIX: &str = "SESSION#";

/// One session of a user.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Session {
    /// The id of the refresh token that continues the session.
    pub refresh_token_id: TokenId,
    /// The time at which that token was issued, in milliseconds since the Unix epoch.
    pub issued_at_ms: u64,
    /// The id of the refresh token before that one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previous_refresh_token_id: Option<TokenId>,
    /// The account's epoch when the session began, or when its user last changed the password in it.
    pub session_epoch: u64,
    /// The time at which the session began, in RFC 3339.
    pub created_at: String,
    /// The time of the last refresh, give or take an hour, in seconds since the Unix epoch.
    pub last_used_at: u64,
    /// The client that began the session.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_agent: Option<UserAgent>,
    /// The time at which the session ends, in seconds since the Unix epoch. DynamoDB's TTL deletes the item later.
    pub expires_at: u64,
}

impl Session {
    /// The key of a session.
    #[must_use]
    pub fn key(user_id: UserId, session_id: SessionId) -> Key {
        Key::of_user(user_id, format!("{SORT_KEY_PREFIX}{session_id}"))
    }
}

/// The sessions in the table.
#[derive(Clone, Debug)]
pub struct Sessions {
    pub(super) table: Table,
    pub(super) clock: Clock,
}

impl Sessions {
    /// The sessions in `table`.
    #[must_use]
    pub fn new(table: Table, clock: Clock) -> Self {
        Self { table, clock }
    }
}
