//! Texts: messages and replies, apart from the ledger's entries.
//!
//! A stored exchange is a message item, written in the capture's transaction. It has its texts if it stays within
//! [`MAX_INLINE_BYTES`]. Longer texts are in a text item, which is put before the capture and outside of its transaction,
//! so that a capture's size does not depend on texts. A text that cannot be put in time is lost, and the capture goes on
//! without it.
//!
//! Readers come from an entry, a message item or an idempotency record. So nobody sees a text whose capture did not
//! succeed. A text item whose entry is there may be missing all the same: then its texts are lost too.

use std::time::Duration;

use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_dynamodb::operation::put_item::PutItemError;
use domain::cause::Cause;
use domain::ids::{ConversationId, EntryId, UserId};
use serde::{Deserialize, Serialize};
use store::collision::{Collides, Collision, random_wait};
use store::{Item, Key, StoreError, item_bytes};

use crate::capture::{CAPTURE_RESERVE, TEXT_TIME};
use crate::exchange::{Exchange, StoredReply};
use crate::idempotency::IdempotencyRecord;
use crate::ledger::{Held, Ledger};

/// Most bytes of an item that has texts beside what else it has: one write unit.
pub(crate) const MAX_INLINE_BYTES: usize = 1024;
/// Longest time for which a text is tried to be put: the caller waits for the answer meanwhile.
const TEXT_PATIENCE: Duration = Duration::from_secs(10);
/// Longest wait before a text that could not be put is put again, in milliseconds.
const TEXT_WAIT_MS: u64 = 500;
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
}

impl Texts {
    /// The texts of `reply`, for a repetition.
    pub(crate) fn of_reply(reply: &StoredReply) -> Self {
        Self { message: None, response: reply.text.clone(), refusal: reply.refusal.clone() }
    }

    fn of_exchange(exchange: Exchange<'_>) -> Self {
        Self { message: Some(exchange.message.as_str().to_owned()), ..Self::of_reply(exchange.reply) }
    }

    /// The words of the model that a conversation shows: its reply, or its refusal if there is nothing else.
    pub(crate) fn shown_response(self) -> String {
        match self.refusal {
            Some(refusal) if self.response.is_empty() => refusal,
            _ => self.response,
        }
    }

    fn chars(&self) -> u64 {
        let texts = [self.message.as_deref(), Some(self.response.as_str()), self.refusal.as_deref()];
        texts.into_iter().flatten().map(|text| text.chars().count() as u64).sum()
    }
}

/// The texts that an item has, if it has any. Message items, text items and idempotency records have them alike.
#[derive(Deserialize)]
pub(crate) struct ItemTexts {
    #[serde(default)]
    pub(crate) texts: Option<Texts>,
}

/// A text item.
#[derive(Serialize)]
struct TextItem {
    texts: Texts,
    /// Seconds since the Unix epoch, for a text that is kept for a repetition alone. DynamoDB's TTL deletes it.
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_at: Option<u64>,
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
    let sort_key = item.get("sk").and_then(|sort_key| sort_key.as_s().ok());
    let id = sort_key.and_then(|sort_key| sort_key.rsplit('#').next()).and_then(EntryId::parse);
    id.ok_or_else(|| StoreError::Internal(Cause::because("an item's sort key does not end in an id")))
}

/// A message item: one exchange of a conversation.
#[derive(Serialize, Deserialize)]
pub(crate) struct MessageItem {
    pub(crate) place: TextPlace,
    /// The characters of all texts, by which a context ends before it reads them.
    pub(crate) chars: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) texts: Option<Texts>,
}

impl MessageItem {
    pub(crate) fn new(exchange: Exchange<'_>, place: TextPlace) -> Self {
        let texts = Texts::of_exchange(exchange);
        Self { place, chars: texts.chars(), texts: (place == TextPlace::Inline).then_some(texts) }
    }

    pub(crate) fn key(user_id: UserId, conversation: ConversationId, id: EntryId) -> Key {
        Key::of_user(user_id, format!("{}{id}", Self::prefix(conversation)))
    }

    /// The prefix of the sort keys of a conversation's message items.
    pub(crate) fn prefix(conversation: ConversationId) -> String {
        format!("{MESSAGE_PREFIX}{conversation}#")
    }
}

impl Ledger {
    /// The place of the texts of `exchange`, found before its capture. A text item is put here, until the time begins
    /// that the capture needs. `None` if no text is kept.
    ///
    /// # Errors
    /// [`StoreError::Internal`] if an item cannot be written as attributes.
    pub(crate) async fn keep_texts(
        &self,
        held: &Held,
        exchange: Exchange<'_>,
    ) -> Result<Option<TextPlace>, StoreError> {
        let (inline, texts, expires_at) = match (exchange.conversation, &held.remembered) {
            (Some(conversation), _) => {
                let message = MessageItem::new(exchange, TextPlace::Inline);
                let item = MessageItem::key(held.user_id, conversation, held.id).with(&message)?;
                (item, Texts::of_exchange(exchange), None)
            }
            (None, Some(remembered)) => {
                let record = self.record(held, remembered, held.amount, exchange, TextPlace::Inline);
                let expires_at = record.expires_at;
                let item = IdempotencyRecord::key(held.user_id, &remembered.key).with(&record)?;
                (item, Texts::of_reply(exchange.reply), Some(expires_at))
            }
            (None, None) => return Ok(None),
        };
        if item_bytes(&inline) <= MAX_INLINE_BYTES {
            return Ok(Some(TextPlace::Inline));
        }
        let item = text_key(held.user_id, held.id).with(&TextItem { texts, expires_at })?;
        let is_put = self.put_text(held, item).await;
        Ok(Some(if is_put { TextPlace::Apart } else { TextPlace::Lost }))
    }

    /// Puts a text item, again and again, until the reserve of the capture begins. An attempt that is still under way
    /// then is given up: it may arrive late, and nobody reads it.
    async fn put_text(&self, held: &Held, item: Item) -> bool {
        let now = self.clock.now();
        let time = held.deadline.since(now).saturating_sub(CAPTURE_RESERVE).min(TEXT_PATIENCE);
        if time.is_zero() {
            tracing::warn!(hold = %held.id, "there is no time for the texts of a message");
            return false;
        }
        let until = now.plus(time);
        let putting = async {
            loop {
                // Near the capture, a text does not compete with it for what a table that throttles still takes.
                match self.table.put_until(item.clone(), &self.clock, until.minus(TEXT_TIME)).await {
                    Ok(()) => return true,
                    Err(error) if is_refused(&error) || self.clock.now() >= until => {
                        tracing::warn!(hold = %held.id, cause = %Cause::new(error), "a text could not be put");
                        return false;
                    }
                    Err(error) if is_throttled(&error) => return false,
                    Err(_) => tokio::time::sleep(random_wait(TEXT_WAIT_MS)).await,
                }
            }
        };
        let is_put = tokio::time::timeout(time, putting).await.unwrap_or(false);
        if !is_put {
            tracing::warn!(hold = %held.id, "the texts of a message are lost");
        }
        is_put
    }

    /// Deletes the text item of a message that is not charged. Without it, the text would stay until its account is
    /// deleted, seen by nobody.
    pub(crate) async fn delete_text(&self, user_id: UserId, id: EntryId) {
        if let Err(error) = self.table.delete(text_key(user_id, id)).await {
            tracing::warn!(hold = %id, cause = error.cause(), "a text that nobody reads stays");
        }
    }
}

fn is_throttled(error: &SdkError<PutItemError>) -> bool {
    error.as_service_error().and_then(Collides::collision) == Some(Collision::Throttling)
}

/// Whether DynamoDB would refuse the same item again, because it is too large or malformed.
fn is_refused(error: &SdkError<PutItemError>) -> bool {
    error.as_service_error().and_then(ProvideErrorMetadata::code) == Some("ValidationException")
}
