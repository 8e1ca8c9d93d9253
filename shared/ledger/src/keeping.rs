//! Keeping texts: before its capture, the texts of an exchange find their place.

use std::time::Duration;

use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_dynamodb::operation::put_item::PutItemError;
use domain::cause::Cause;
use domain::ids::{EntryId, UserId};
use store::collision::{Collides, Collision, random_wait};
use store::{Item, StoreError, item_bytes};

use crate::capture::{CAPTURE_RESERVE, TEXT_TIME};
use crate::exchange::Exchange;
use crate::idempotency::IdempotencyRecord;
use crate::ledger::{Held, Ledger};
use crate::texts::{MAX_INLINE_BYTES, MessageItem, TextItem, TextPlace, Texts, text_key};

/// Longest time for which a text is tried to be put: the caller waits for the answer meanwhile.
const TEXT_PATIENCE: Duration = Duration::from_secs(10);
/// Longest wait before a text that could not be put is put again, in milliseconds.
const TEXT_WAIT_MS: u64 = 500;

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
            (Some(conversation), remembered) => {
                let is_remembered = remembered.is_some() && exchange.can_be_repeated();
                let end = self.retention.end_in_seconds(held.id);
                let message = MessageItem::new(exchange, is_remembered, TextPlace::Inline).until(end);
                let item = MessageItem::key(held.user_id, conversation, held.id).with(&message)?;
                (item, Texts::of_exchange(exchange, is_remembered), end)
            }
            (None, Some(_)) if !exchange.can_be_repeated() => return Ok(Some(TextPlace::Lost)),
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
