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

/// A ledger entry: one change in credits. Entries are added and never changed.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// The kind of change.
    pub kind: EntryKind,
    /// Credits: positive if the user gets them, negative if the user spends them.
    pub amount: i64,
    /// The time of the change, in RFC 3339.
    pub created_at: String,
    /// Of a chat: the user's message.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// Of a chat: the text of the reply.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub response: Option<String>,
    /// Of a chat: the model's words in place of a text, if it refused to reply.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refusal: Option<String>,
    /// Of a chat: the model that replied.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// Of a chat: the tokens that the message took.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub usage: Option<Usage>,
    /// Of a chat: the reason why the reply ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub finish_reason: Option<FinishReason>,
    /// Of a chat: `true` if it is no part of the conversation at `/chatView/`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub standalone: Option<bool>,
    /// Of a grant or an adjustment by an operator: the operator's reason.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

impl Entry {
    /// The entry of the credits that a new account begins with.
    pub(crate) fn starting_grant(amount: Credits, created_at: String) -> Self {
        Self::bare(EntryKind::Grant, amount.gained(), created_at)
    }

    /// The entry of credits that an operator gives or takes back.
    pub(crate) fn by_operator(amount: i64, reason: String, created_at: String) -> Self {
        let kind = if amount > 0 { EntryKind::Grant } else { EntryKind::Adjustment };
        Self { reason: Some(reason), ..Self::bare(kind, amount, created_at) }
    }

    /// The entry of a message that was answered.
    pub(crate) fn chat(cost: Credits, exchange: Exchange<'_>, created_at: String) -> Self {
        let reply = exchange.reply;
        Self {
            message: Some(exchange.message.as_str().to_owned()),
            response: Some(reply.text.clone()),
            refusal: reply.refusal.clone(),
            model: Some(reply.model.clone()),
            usage: Some(reply.usage),
            finish_reason: Some(reply.finish_reason),
            standalone: exchange.standalone.then_some(true),
            ..Self::bare(EntryKind::Chat, cost.spent(), created_at)
        }
    }

    /// The reply that the entry stores, if it is a chat's.
    pub(crate) fn into_reply(self) -> Option<StoredReply> {
        Some(StoredReply {
            text: self.response?,
            refusal: self.refusal,
            model: self.model?,
            usage: self.usage?,
            finish_reason: self.finish_reason?,
        })
    }

    /// The entry of a message that is never charged.
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
            refusal: None,
            model: None,
            usage: None,
            finish_reason: None,
            standalone: None,
            reason: None,
        }
    }
}

/// A message and its reply.
#[derive(Clone, Copy, Debug)]
pub struct Exchange<'a> {
    /// The user's message.
    pub message: &'a Message,
    /// The model's reply.
    pub reply: &'a StoredReply,
    /// Whether the exchange is no part of the conversation at `/chatView/`, because the request brought its own.
    pub standalone: bool,
}

/// A reply as it is stored. It never prints its words.
#[derive(Clone, PartialEq, Eq)]
pub struct StoredReply {
    /// The model's text. It is empty if the model wrote none.
    pub text: String,
    /// The model's words in place of a text, if it refused to reply.
    pub refusal: Option<String>,
    /// The model's name.
    pub model: String,
    /// The tokens that the message took.
    pub usage: Usage,
    /// The reason why the reply ended.
    pub finish_reason: FinishReason,
}

impl StoredReply {
    /// The words that are shown where there is room for one text: the text, or else the refusal.
    #[must_use]
    pub fn shown(&self) -> &str {
        match &self.refusal {
            Some(refusal) if self.text.is_empty() => refusal,
            _ => &self.text,
        }
    }
}

impl fmt::Debug for StoredReply {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "StoredReply({} bytes by {}, {:?})", self.text.len(), self.model, self.usage)
    }
}

/// A kind of change in credits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EntryKind {
    /// Credits were given.
    Grant,
    /// A message was answered and charged.
    Chat,
    /// An operator took credits back.
    Adjustment,
    /// No credits changed. The message of this id is never charged, even if a capture of it arrives late.
    Void,
}
