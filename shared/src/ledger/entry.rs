//! Ledger entries.

use serde::{Deserialize, Serialize};

use crate::credits::Credits;

/// One change in credits: a ledger entry, which is only ever added.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Why.
    pub kind: EntryKind,
    /// How much: positive for what the user gets, negative for what they spend.
    pub amount: i64,
    /// When, in RFC 3339.
    pub created_at: String,
    /// Of a chat: what the user asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// Of a chat: what the model replied.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub response: Option<String>,
    /// Of a grant or an adjustment by an operator: why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

impl Entry {
    /// Credits given at registration.
    pub(crate) fn starting_grant(amount: Credits, created_at: String) -> Self {
        Self::bare(EntryKind::Grant, amount.gained(), created_at)
    }

    /// Credits given or taken back by an operator.
    pub(super) fn by_operator(amount: i64, reason: String, created_at: String) -> Self {
        let kind = if amount > 0 { EntryKind::Grant } else { EntryKind::Adjustment };
        Self { reason: Some(reason), ..Self::bare(kind, amount, created_at) }
    }

    /// No charge, for good.
    pub(super) fn void(created_at: String) -> Self {
        Self::bare(EntryKind::Void, 0, created_at)
    }

    fn bare(kind: EntryKind, amount: i64, created_at: String) -> Self {
        Self { kind, amount, created_at, message: None, response: None, reason: None }
    }
}

/// Why credits changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EntryKind {
    /// Credits were given.
    Grant,
    /// A message was answered.
    Chat,
    /// Credits were taken back by an operator.
    Adjustment,
    /// No change, and none to come: the message of this id is not charged, whatever arrives late.
    Void,
}
