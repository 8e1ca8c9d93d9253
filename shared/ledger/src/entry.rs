//! Ledger entries.

use std::fmt;

use domain::credits::Credits;
use domain::ids::{EntryId, UserId};
use domain::message::{FinishReason, Message};
use domain::pricing::Usage;
use serde::{Deserialize, Serialize};
use store::Key;

/// The prefix of every entry's sort key.
pub(crate) const SORT_KEY_PREFIX: &str = "ENTRY#";

/// The key of an entry.
#[must_use]
pub fn key(user_id: UserId, entry_id: EntryId) -> Key {
    Key::of_user(user_id, format!("{SORT_KEY_PREFIX}{entry_id}"))
}

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
    /// Of a chat: which model replied.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// Of a chat: what the model counted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub usage: Option<Usage>,
    /// Of a chat: why the reply ended where it did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub finish_reason: Option<FinishReason>,
    /// Of a chat: it is no part of the conversation at `/chatView/`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub standalone: Option<bool>,
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
    pub(crate) fn by_operator(amount: i64, reason: String, created_at: String) -> Self {
        let kind = if amount > 0 { EntryKind::Grant } else { EntryKind::Adjustment };
        Self { reason: Some(reason), ..Self::bare(kind, amount, created_at) }
    }

    /// A message that was answered.
    pub(crate) fn chat(cost: Credits, exchange: Exchange<'_>, created_at: String) -> Self {
        let reply = exchange.reply;
        Self {
            message: Some(exchange.message.as_str().to_owned()),
            response: Some(reply.text.clone()),
            model: Some(reply.model.clone()),
            usage: Some(reply.usage),
            finish_reason: Some(reply.finish_reason),
            standalone: exchange.standalone.then_some(true),
            ..Self::bare(EntryKind::Chat, cost.spent(), created_at)
        }
    }

    /// The reply that is stored in it, if it is a chat's.
    pub(crate) fn into_reply(self) -> Option<StoredReply> {
        Some(StoredReply {
            text: self.response?,
            model: self.model?,
            usage: self.usage?,
            finish_reason: self.finish_reason?,
        })
    }

    /// No charge, for good.
    pub(crate) fn void(created_at: String) -> Self {
        Self::bare(EntryKind::Void, 0, created_at)
    }

    fn bare(kind: EntryKind, amount: i64, created_at: String) -> Self {
        Self {
            kind,
            amount,
            created_at,
            message: None,
            response: None,
            model: None,
            usage: None,
            finish_reason: None,
            standalone: None,
            reason: None,
        }
    }
}

/// What was asked and answered.
#[derive(Clone, Copy, Debug)]
pub struct Exchange<'a> {
    /// What the user asked.
    pub message: &'a Message,
    /// What the model replied.
    pub reply: &'a StoredReply,
    /// The caller sent a conversation of its own, which is not the one that goes on at `/chatView/`.
    pub standalone: bool,
}

/// A reply as it is stored. It never prints its text.
#[derive(Clone, PartialEq, Eq)]
pub struct StoredReply {
    /// What the model said.
    pub text: String,
    /// Which model.
    pub model: String,
    /// What it counted, or our guess.
    pub usage: Usage,
    /// Why it ended.
    pub finish_reason: FinishReason,
}

impl fmt::Debug for StoredReply {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "StoredReply({} bytes by {}, {:?})", self.text.len(), self.model, self.usage)
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
