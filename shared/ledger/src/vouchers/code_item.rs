//! The item of a code, and those of its uses.

use std::time::Duration;

use aws_sdk_dynamodb::types::{AttributeValue, TransactWriteItem};
use domain::code::VoucherCode;
use domain::credits::Credits;
use domain::ids::{BatchId, EntryId, UserId};
use domain::invalid_field::InvalidField;
use domain::time::Timestamp;
use domain::voucher_end::VoucherEnd;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use store::{Key, StoreError, Table, number, transaction};

use crate::idempotency::sha256;

/// The time after a code's end at which DynamoDB may delete it, and its uses. Until then its owner is told that it has ended.
const KEPT: Duration = Duration::from_secs(90 * 24 * 60 * 60);

/// Condition: the code is of this kind, may be used once more, and has not ended.
const MAY_BE_USED: &str = "kind = :kind AND used < uses AND (attribute_not_exists(ends_at) OR ends_at > :now) \
                           AND attribute_not_exists(ended_at)";

/// What a code is for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum VoucherKind {
    /// It gives credits to a user.
    #[default]
    Credits,
    /// It registers a user, who begins with its credits.
    Invitation,
}

impl VoucherKind {
    /// The word for it, in the table and at the API.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Credits => "credits",
            Self::Invitation => "invitation",
        }
    }
}

impl TryFrom<Value> for VoucherKind {
    type Error = InvalidField;

    fn try_from(value: Value) -> Result<Self, InvalidField> {
        let kinds = [Self::Credits, Self::Invitation];
        let kind = kinds.into_iter().find(|kind| value.as_str() == Some(kind.word()));
        kind.ok_or_else(|| InvalidField::new("Ensure this is credits or invitation."))
    }
}

/// The partition of a code and its uses.
#[derive(Clone, Debug)]
pub(super) struct CodePlace(String);

impl CodePlace {
    /// The place of `code`.
    pub(super) fn of(code: &VoucherCode) -> Self {
        Self::of_digest(&digest_of(code))
    }

    /// The place of the code of this digest.
    pub(super) fn of_digest(digest: &str) -> Self {
        Self(format!("VOUCHER#{digest}"))
    }

    pub(super) fn code(&self) -> Key {
        Key::new(&self.0, "VOUCHER")
    }

    pub(super) fn use_by(&self, user_id: UserId) -> Key {
        Key::new(&self.0, format!("USE#{user_id}"))
    }

    /// The parts of a transaction by which `user_id` uses the code, which gives the entry `entry_id`: the code's count is
    /// raised, and the use is put. Both together keep the code's promise: no more uses than it may have, and one for a user.
    pub(super) fn using(
        &self,
        voucher: &VoucherItem,
        user_id: UserId,
        entry_id: EntryId,
        now: Timestamp,
        table: &Table,
    ) -> Result<[TransactWriteItem; 2], StoreError> {
        let count = table
            .updating(self.code())
            .update_expression("SET used = used + :one")
            .condition_expression(MAY_BE_USED)
            .expression_attribute_values(":kind", AttributeValue::S(voucher.kind.word().to_owned()))
            .expression_attribute_values(":now", number(now.seconds()))
            .expression_attribute_values(":one", number(1_u64));
        let used = VoucherUse { entry_id, at: now.to_string(), expires_at: voucher.expires_at };
        Ok([transaction::update(count)?, table.put_new(self.use_by(user_id).with(&used)?)?])
    }
}

/// The SHA-256 of a code, by which the table knows it. A code has 95 random bits: nobody tries them all, so no slow hash is
/// needed.
pub(super) fn digest_of(code: &VoucherCode) -> String {
    sha256(&[b"voucher\0", code.canonical().as_bytes()])
}

/// The item of a code. It does not have the code.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct VoucherItem {
    /// The batch in which it was made.
    pub(super) batch: BatchId,
    pub(super) kind: VoucherKind,
    /// The credits of one use.
    pub(super) amount: Credits,
    /// How often it may be used.
    pub(super) uses: u32,
    /// How often it was used.
    pub(super) used: u32,
    /// The time from which it cannot be used any more, in seconds since the Unix epoch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) ends_at: Option<u64>,
    /// The time at which staff ended it, in seconds since the Unix epoch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) ended_at: Option<u64>,
    /// The time from which DynamoDB may delete the item.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    expires_at: Option<u64>,
}

impl VoucherItem {
    /// A code that was not used yet.
    pub(super) fn unused(
        batch: BatchId,
        kind: VoucherKind,
        amount: Credits,
        uses: u32,
        ends_at: Option<Timestamp>,
    ) -> Self {
        let expires_at = ends_at.map(|end| end.plus(KEPT).seconds());
        Self {
            batch,
            kind,
            amount,
            uses,
            used: 0,
            ends_at: ends_at.map(Timestamp::seconds),
            ended_at: None,
            expires_at,
        }
    }

    /// The reason why the code gives nothing any more at `now`, if it does not.
    pub(super) fn end(&self, now: Timestamp) -> Option<VoucherEnd> {
        match self {
            Self { ended_at: Some(_), .. } => Some(VoucherEnd::Withdrawn),
            Self { ends_at: Some(end), .. } if *end <= now.seconds() => Some(VoucherEnd::Expired),
            Self { used, uses, .. } if used >= uses => Some(VoucherEnd::UsedUp),
            _ => None,
        }
    }
}

/// The item of one use of a code.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct VoucherUse {
    /// The entry that the user got by it.
    pub(super) entry_id: EntryId,
    /// The time of the use, in RFC 3339.
    at: String,
    /// The time from which DynamoDB may delete the item: that of its code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    expires_at: Option<u64>,
}
