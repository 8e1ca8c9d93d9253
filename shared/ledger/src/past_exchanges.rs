//! The last exchanges of a conversation, as many as a model is told.

use std::collections::HashMap;
use std::fmt;

use aws_sdk_dynamodb::types::AttributeValue;
use domain::ids::{ConversationId, EntryId, UserId};
use store::{Item, StoreError, Table, from_item, partition_of};

use crate::texts::{ItemTexts, MessageItem, TextPlace, Texts, id_in_sort_key, text_key};

/// The limits of the context that a model gets of a conversation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ContextLimits {
    /// The most exchanges, the last ones. One query reads them: at most 1 KB each, and 1 MB in all.
    pub messages: u32,
    /// The most characters of these exchanges. An exchange is told whole or not at all.
    pub chars: u32,
}

/// The exchanges in the table.
#[derive(Clone, Debug)]
pub struct PastExchanges {
    table: Table,
    limits: ContextLimits,
}

/// A message with its reply. Its texts never print.
pub struct PastExchange {
    /// The user's message.
    pub message: String,
    /// The model's reply.
    pub response: String,
}

impl fmt::Debug for PastExchange {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "PastExchange({} and {} bytes)", self.message.len(), self.response.len())
    }
}

/// A message item with its id.
struct FoundMessage {
    id: EntryId,
    item: MessageItem,
}

impl PastExchanges {
    /// The exchanges in `table`, within `limits`.
    #[must_use]
    pub fn new(table: Table, limits: ContextLimits) -> Self {
        Self { table, limits }
    }

    /// The last exchanges of `conversation` within the limits, the oldest first. It takes at most two reads, whose cost
    /// depends on the limits and on nothing else that the user has done.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] if the table cannot be read.
    pub async fn last(&self, user_id: UserId, conversation: ConversationId) -> Result<Vec<PastExchange>, StoreError> {
        if self.limits.messages == 0 {
            return Ok(Vec::new());
        }
        let chosen = self.within_limits(self.newest(user_id, conversation).await?);
        let mut apart = self.texts_apart(user_id, &chosen).await?;
        let texts = chosen.into_iter().map(|FoundMessage { id, item }| item.texts.or_else(|| apart.remove(&id)));
        // An exchange whose texts are lost ends the context: what came before would have a gap behind it.
        let mut exchanges: Vec<_> = texts.map_while(|texts| texts.and_then(past_exchange)).collect();
        exchanges.reverse();
        Ok(exchanges)
    }

    /// The newest messages, the newest first.
    async fn newest(&self, user_id: UserId, conversation: ConversationId) -> Result<Vec<FoundMessage>, StoreError> {
        let answer = self
            .table
            .client()
            .query()
            .table_name(self.table.name())
            .key_condition_expression("pk = :pk AND begins_with(sk, :prefix)")
            .expression_attribute_values(":pk", AttributeValue::S(partition_of(user_id)))
            .expression_attribute_values(":prefix", AttributeValue::S(MessageItem::prefix(conversation)))
            .limit(self.limits.messages.cast_signed())
            .scan_index_forward(false)
            // The next message is about the exchange that was just stored, so the read must see it.
            .consistent_read(true)
            .send()
            .await?;
        answer.items.unwrap_or_default().into_iter().map(found_message).collect()
    }

    /// The messages that fit, from the newest on. The first that has no room ends the context, as does one whose texts
    /// are lost.
    fn within_limits(&self, newest_first: Vec<FoundMessage>) -> Vec<FoundMessage> {
        let mut chars_left = u64::from(self.limits.chars);
        let fits = |found: &FoundMessage| {
            let left = chars_left.checked_sub(found.item.chars).filter(|_| found.item.place != TextPlace::Lost);
            chars_left = left.unwrap_or_default();
            left.is_some()
        };
        newest_first.into_iter().take_while(fits).collect()
    }

    async fn texts_apart(
        &self,
        user_id: UserId,
        messages: &[FoundMessage],
    ) -> Result<HashMap<EntryId, Texts>, StoreError> {
        let apart = messages.iter().filter(|found| found.item.place == TextPlace::Apart);
        let items = self.table.get_all(apart.map(|found| text_key(user_id, found.id))).await?;
        let texts = items.into_iter().map(|item| Ok((id_in_sort_key(&item)?, from_item::<ItemTexts>(item)?.texts)));
        let texts: Vec<(EntryId, Option<Texts>)> = texts.collect::<Result<_, StoreError>>()?;
        Ok(texts.into_iter().filter_map(|(id, texts)| Some((id, texts?))).collect())
    }
}

fn found_message(item: Item) -> Result<FoundMessage, StoreError> {
    Ok(FoundMessage { id: id_in_sort_key(&item)?, item: from_item(item)? })
}

fn past_exchange(texts: Texts) -> Option<PastExchange> {
    Some(PastExchange { message: texts.message.clone()?, response: texts.shown_response() })
}
