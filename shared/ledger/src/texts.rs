//! Texts: messages and replies, apart from the ledger's entries.
//!
//! A stored exchange is a message item, written in the capture's transaction. It has its texts if it stays within
//! [`MAX_INLINE_BYTES`]. Longer texts are in a text item, which is put before the capture and outside of its transaction,
//! so that a capture's size does not depend on texts. A text that cannot be put in time is lost, and the capture goes on
//! without it.
//!
//! Readers come from an entry, a message item or an idempotency record. So nobody sees a text whose capture did not
//! succeed. A text item whose entry is there may be missing all the same: then its texts are lost too.

use domain::cause::Cause;
use domain::ids::{ConversationId, EntryId, UserId};
use domain::message::ToolCall;
use domain::reasoning_proof::ReasoningProof;
use domain::time::Timestamp;
use serde::{Deserialize, Serialize};
use store::{Item, Key, StoreError, sort_key_of};

use crate::exchange::{Exchange, StoredReply};

/// Most bytes of an item that has texts beside what else it has: one write unit.
pub(crate) const MAX_INLINE_BYTES: usize = 1024;
/// The prefix of the sort keys of all message items.
const MESSAGE_PREFIX: &str = "MESSAGE#";

/// The place of an exchange's texts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TextPlace {
    /// In the item that says so, or in the message item if an entry says so.
    Inline,
    /// In a text item of the entry's id.
    Apart,
    /// Nowhere: they could not be put in time.
    Lost,
}

/// The texts of an exchange, in any of the items that have them.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Texts {
    /// The user's message. It is not kept for a repetition.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) message: Option<String>,
    pub(crate) response: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) refusal: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) reasoning: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) calls: Vec<ToolCall>,
    /// A JSON array.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) annotations: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) proofs: Vec<ReasoningProof>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) stop_sequence: Option<String>,
    /// A JSON array.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) embeddings: Option<String>,
}

impl Texts {
    /// The texts of `reply`, for a repetition.
    pub(crate) fn of_reply(reply: &StoredReply) -> Self {
        let StoredReply { text, refusal, reasoning, calls, annotations, proofs, stop_sequence, embeddings, .. } =
            reply.clone();
        let message = None;
        Self { message, response: text, refusal, reasoning, calls, annotations, proofs, stop_sequence, embeddings }
    }

    /// The texts of `exchange`, for its conversation, and for a repetition if `is_remembered`. A conversation shows no
    /// reasoning, calls or the like, so that they are kept for a repetition alone.
    pub(crate) fn of_exchange(exchange: Exchange<'_>, is_remembered: bool) -> Self {
        let texts = Self { message: Some(exchange.message.as_str().to_owned()), ..Self::of_reply(exchange.reply) };
        if is_remembered {
            return texts;
        }
        let Self { message, response, refusal, .. } = texts;
        Self { message, response, refusal, ..Self::default() }
    }

    /// The words of the model that a conversation shows: its reply, or its refusal if there is nothing else.
    pub(crate) fn shown_response(self) -> String {
        match self.refusal {
            Some(refusal) if self.response.is_empty() => refusal,
            _ => self.response,
        }
    }

    /// The bytes of the message and of the words that a conversation shows in reply.
    fn shown_bytes(&self) -> u64 {
        let shown = match &self.refusal {
            Some(refusal) if self.response.is_empty() => refusal,
            _ => &self.response,
        };
        (self.message.as_ref().map_or(0, String::len) + shown.len()) as u64
    }
}

/// The texts that an item has, if it has any. Message items, text items and idempotency records have them alike.
#[derive(Deserialize)]
pub(crate) struct ItemTexts {
    #[serde(default)]
    pub(crate) texts: Option<Texts>,
    /// Seconds since the Unix epoch. DynamoDB's TTL deletes the item later.
    #[serde(default)]
    expires_at: Option<u64>,
}

impl ItemTexts {
    /// The texts, unless their time is over by `now`.
    pub(crate) fn kept(self, now: Timestamp) -> Option<Texts> {
        self.texts.filter(|_| !has_ended(self.expires_at, now))
    }
}

/// A text item.
#[derive(Serialize)]
pub(crate) struct TextItem {
    pub(crate) texts: Texts,
    /// Seconds since the Unix epoch, for a text that is kept for a repetition alone, or under a retention. DynamoDB's TTL
    /// deletes it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) expires_at: Option<u64>,
}

/// The key of the text item of an entry.
pub(crate) fn text_key(user_id: UserId, id: EntryId) -> Key {
    Key::of_user(user_id, format!("TEXT#{id}"))
}

/// The id at the end of the sort key of an entry, a message item or a text item.
///
/// # Errors
/// [`StoreError::Internal`] if there is none.
pub(crate) fn id_in_sort_key(item: &Item) -> Result<EntryId, StoreError> {
    let id = sort_key_of(item).and_then(|sort_key| sort_key.rsplit('#').next()).and_then(EntryId::parse);
    id.ok_or_else(|| StoreError::Internal(Cause::because("an item's sort key does not end in an id")))
}

/// A message item: one exchange of a conversation.
#[derive(Serialize, Deserialize)]
pub(crate) struct MessageItem {
    pub(crate) place: TextPlace,
    /// The bytes of the message and of the words in reply, by which a context ends before it reads them. Items of before
    /// have the characters of all texts in their place, of which a context reads at most four bytes each.
    #[serde(default, alias = "chars")]
    pub(crate) bytes: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) texts: Option<Texts>,
    /// Seconds since the Unix epoch, for an exchange that was stored under a [retention](crate::retention). DynamoDB's TTL
    /// deletes the item later.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) expires_at: Option<u64>,
}

impl MessageItem {
    pub(crate) fn new(exchange: Exchange<'_>, is_remembered: bool, place: TextPlace) -> Self {
        let texts = Texts::of_exchange(exchange, is_remembered);
        let bytes = texts.shown_bytes();
        Self { place, bytes, texts: (place == TextPlace::Inline).then_some(texts), expires_at: None }
    }

    /// The same item, which is kept until `end`, in seconds since the Unix epoch.
    pub(crate) fn until(self, end: Option<u64>) -> Self {
        Self { expires_at: end, ..self }
    }

    pub(crate) fn key(user_id: UserId, conversation: ConversationId, id: EntryId) -> Key {
        Key::of_user(user_id, format!("{}{id}", Self::prefix(conversation)))
    }

    /// The prefix of the sort keys of a conversation's message items.
    pub(crate) fn prefix(conversation: ConversationId) -> String {
        format!("{MESSAGE_PREFIX}{conversation}#")
    }
}

/// Whether a text that is kept `until` these seconds is gone by `now`. DynamoDB deletes it late.
pub(crate) fn has_ended(until: Option<u64>, now: Timestamp) -> bool {
    until.is_some_and(|until| until <= now.seconds())
}
