//! The login item.

use std::collections::{BTreeMap, BTreeSet};

use domain::ids::{SessionId, UserId};
use domain::username::Username;
use serde::{Deserialize, Serialize};
use store::Key;

use crate::password_hash::PasswordHash;

/// The user that a username leads to.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Login {
    /// The user who has the username.
    pub user_id: UserId,
    /// The username as its owner wrote it.
    pub username: String,
    /// The hash of the user's password.
    pub password_hash: PasswordHash,
    /// A copy of the account's epoch, so that a login reads one item.
    pub session_epoch: u64,
    /// All living sessions, and perhaps some that have ended. The list bounds their number without a request of its
    /// own.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty", with = "serde_dynamo::string_set")]
    pub sessions: BTreeSet<SessionId>,
    /// The networks that the user logged in from, with the time of the last login in seconds since the Unix epoch. Read
    /// it with [`Login::trusts`].
    #[serde(default)]
    pub networks: BTreeMap<String, u64>,
}

impl Login {
    /// The key of the login with this username.
    #[must_use]
    pub fn key(username: &Username) -> Key {
        Key::new(format!("LOGIN#{}", username.canonical()), "LOGIN")
    }
}
