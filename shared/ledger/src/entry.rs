//! Ledger entries.

use domain::credits::Credits;
use domain::ids::{ConversationId, EntryId, UserId};
use domain::message::FinishReason;
use domain::pricing::Usage;
use serde::{Deserialize, Serialize};
use store::Key;

use crate::exchange::{Exchange, StoredReply};
use crate::texts::TextPlace;

/// Longest model name in bytes, so that an entry stays within [`Entry::MAX_BYTES`].
pub const MAX_MODEL_BYTES: usize = 256;

/// The prefix of every entry's sort key.
pub(crate) const SORT_KEY_PREFIX: &str = "ENTRY#";

/// The key of an entry.
#[must_use]
pub fn key(user_id: UserId, entry_id: EntryId) -> Key {
    Key::of_user(user_id, format!("{SORT_KEY_PREFIX}{entry_id}"))
}

/// A ledger entry: one change in credits. Entries are added and never changed. An entry has at most [`Entry::MAX_BYTES`],
/// because it holds money and no text.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// The kind of change.
    pub kind: EntryKind,
    /// Credits: positive if the user gets them, negative if the user spends them.
    pub amount: i64,
    /// The time of the change, in RFC 3339.
    pub created_at: String,
    /// Of a chat: the model that replied.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// Of a chat: the tokens that the message took.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub usage: Option<Usage>,
    /// Of a chat: the reason why the reply ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub finish_reason: Option<FinishReason>,
    /// Of a chat whose exchange is stored: its conversation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub conversation: Option<ConversationId>,
    /// Of a chat whose exchange is stored: the place of its texts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub texts: Option<TextPlace>,
    /// Of a chat whose exchange is stored: the bytes of its texts in JSON, by which a list ends a page before it reads
    /// them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub json_bytes: Option<u64>,
}

impl Entry {
    /// Most bytes of an entry, as DynamoDB counts them: one write unit.
    pub const MAX_BYTES: usize = 1024;

    /// The entry of the credits that a new account begins with.
    pub(crate) fn starting_grant(amount: Credits, created_at: String) -> Self {
        Self::bare(EntryKind::Grant, amount.gained(), created_at)
    }

    /// The entry of credits that an operator gives or takes back.
    pub(crate) fn by_operator(amount: i64, created_at: String) -> Self {
        let kind = if amount > 0 { EntryKind::Grant } else { EntryKind::Adjustment };
        Self::bare(kind, amount, created_at)
    }

    /// The entry of a message that was answered. `texts` is the place of the exchange's texts, if it is stored.
    pub(crate) fn chat(cost: Credits, exchange: Exchange<'_>, texts: Option<TextPlace>, created_at: String) -> Self {
        let StoredReply { model, usage, finish_reason, .. } = exchange.reply;
        Self {
            model: Some(model.clone()),
            usage: Some(*usage),
            finish_reason: Some(*finish_reason),
            conversation: exchange.conversation,
            texts: exchange.conversation.and(texts),
            json_bytes: exchange.conversation.map(|_| exchange.json_bytes()),
            ..Self::bare(EntryKind::Chat, cost.spent(), created_at)
        }
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
            model: None,
            usage: None,
            finish_reason: None,
            conversation: None,
            texts: None,
            json_bytes: None,
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    use domain::time::Timestamp;
    use store::item_bytes;

    #[test]
    fn an_entry_with_every_field_at_its_longest_is_one_write_unit() {
        let most = u64::from(Credits::MAX);
        let entry = Entry {
            kind: EntryKind::Adjustment,
            amount: Credits::MAX.spent(),
            created_at: Timestamp::from_seconds(253_402_300_799).to_string(),
            model: Some("\u{1f600}".repeat(MAX_MODEL_BYTES / 4)),
            usage: Some(Usage::estimated(most, most)),
            finish_reason: Some(FinishReason::ContentFilter),
            conversation: Some(ConversationId::FIRST),
            texts: Some(TextPlace::Inline),
            json_bytes: Some(u64::MAX),
        };
        let clock = domain::time::Clock::manual(Timestamp::from_seconds(1));
        let item = key(UserId::new(&clock), EntryId::new(&clock)).with(&entry).unwrap();
        assert!(item_bytes(&item) <= Entry::MAX_BYTES, "{} bytes", item_bytes(&item));
    }
}
