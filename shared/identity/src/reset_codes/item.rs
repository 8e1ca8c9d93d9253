//! The item of a reset code.

use std::fmt;
use std::time::Duration;

use acts::Actor;
use aws_lc_rs::digest::{SHA256, digest};
use aws_sdk_dynamodb::types::AttributeValue;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use domain::code::ResetCode;
use domain::ids::UserId;
use domain::time::{Clock, Timestamp};
use serde::{Deserialize, Serialize};
use store::{Key, Table};

use crate::accounts::Accounts;

/// The time for which a code can be used.
pub const RESET_CODE_LIFETIME: Duration = Duration::from_secs(24 * 60 * 60);

/// The SHA-256 of a reset code (FIPS 180-4), in base64url. It is not a slow hash: nobody can try 2¹³⁵ codes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ResetCodeDigest(String);

impl ResetCodeDigest {
    /// The digest of `code`. No other kind of code has the same.
    #[must_use]
    pub fn of(code: &ResetCode) -> Self {
        let text = format!("reset\0{}", code.canonical());
        Self(URL_SAFE_NO_PAD.encode(digest(&SHA256, text.as_bytes())))
    }

    pub(super) fn attribute_value(&self) -> AttributeValue {
        AttributeValue::S(self.0.clone())
    }
}

impl fmt::Display for ResetCodeDigest {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// The item that a reset code leads to.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct StoredResetCode {
    /// The user whose password the code sets.
    pub(super) user_id: UserId,
    /// Whoever made it. A superuser's codes are worthless as soon as their maker is none any more.
    pub(super) by: Actor,
    /// The time from which it is worthless, in seconds since the Unix epoch. DynamoDB's TTL deletes the item later.
    pub(super) expires_at: u64,
}

impl StoredResetCode {
    /// The key of the item with this digest.
    pub(super) fn key(digest: &ResetCodeDigest) -> Key {
        Key::new(format!("RESET#{digest}"), "RESET")
    }

    pub(super) fn has_expired(&self, now: Timestamp) -> bool {
        self.expires_at <= now.seconds()
    }
}

/// The reset codes in the table.
#[derive(Clone, Debug)]
pub struct ResetCodes {
    pub(super) table: Table,
    pub(super) clock: Clock,
    pub(super) accounts: Accounts,
}

impl ResetCodes {
    /// The reset codes in `table`.
    #[must_use]
    pub fn new(table: Table, clock: Clock) -> Self {
        let accounts = Accounts::new(table.clone(), clock.clone());
        Self { table, clock, accounts }
    }
}
