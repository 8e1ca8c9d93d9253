//! The last exchanges of a conversation, as many as a model is told.

use std::collections::HashMap;
use std::fmt;

use domain::ids::{ConversationId, EntryId, UserId};
use domain::time::Clock;
use store::{Item, StoreError, Table, from_item};

use crate::retention::Retention;
use crate::texts::{ItemTexts, MessageItem, TextPlace, Texts, has_ended, id_in_sort_key, text_key};

/// The exchanges of a conversation that are wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WantedExchanges {
    /// The most exchanges, the last ones. One query reads them: at most 1 KB each, and 1 MB in all.
    pub most: u32,
    /// The most bytes of their texts together. An exchange is told whole or not at all.
    pub bytes: u64,
}

/// The exchanges in the table.
#[derive(Clone, Debug)]
pub struct PastExchanges {
    table: Table,
    clock: Clock,
    retention: Retention,
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
    /// The exchanges in `table`.
    #[must_use]
    pub fn new(table: Table, clock: Clock) -> Self {
        Self { table, clock, retention: Retention::default() }
    }

    /// The same exchanges, whose texts are kept for as long as `retention` says.
    #[must_use]
    pub fn with_retention(self, retention: Retention) -> Self {
        Self { retention, ..self }
    }

    /// The last exchanges that are `wanted` of those that are stored under `conversation`, the oldest first. It takes at
    /// most two reads, whose cost depends on these exchanges and on nothing else that the user has done.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] if the table cannot be read.
    pub async fn last(
        &self,
        user_id: UserId,
        conversation: ConversationId,
        wanted: WantedExchanges,
    ) -> Result<Vec<PastExchange>, StoreError> {
        if wanted.most == 0 {
            return Ok(Vec::new());
        }
        let mut newest = self.newest(user_id, conversation, wanted.most).await?;
        let now = self.clock.now();
        // What came before an exchange that is gone would have a gap behind it.
        let is_kept =
            |found: &FoundMessage| !self.retention.is_over(found.id, now) && !has_ended(found.item.expires_at, now);
        newest.truncate(newest.iter().take_while(|found| is_kept(found)).count());
        let chosen = within(wanted.bytes, newest);
        let mut apart = self.texts_apart(user_id, &chosen).await?;
        let texts = chosen.into_iter().map(|FoundMessage { id, item }| item.texts.or_else(|| apart.remove(&id)));
        // An exchange whose texts are lost ends the context: what came before would have a gap behind it.
        let mut exchanges: Vec<_> = texts.map_while(|texts| texts.and_then(past_exchange)).collect();
        exchanges.reverse();
        Ok(exchanges)
    }

    /// The newest messages, the newest first. The next message is about the exchange that was just stored, and the read sees it.
    async fn newest(
        &self,
        user_id: UserId,
        conversation: ConversationId,
        most: u32,
    ) -> Result<Vec<FoundMessage>, StoreError> {
        let answer = self
            .table
            .querying(user_id, MessageItem::prefix(conversation))
            .limit(most.cast_signed())
            .scan_index_forward(false)
            .send()
            .await?;
        answer.items.unwrap_or_default().into_iter().map(found_message).collect()
    }

    async fn texts_apart(
        &self,
        user_id: UserId,
        messages: &[FoundMessage],
    ) -> Result<HashMap<EntryId, Texts>, StoreError> {
        let apart = messages.iter().filter(|found| found.item.place == TextPlace::Apart);
        let items = self.table.get_all(apart.map(|found| text_key(user_id, found.id))).await?;
        let now = self.clock.now();
        let texts = items.into_iter().map(|item| Ok((id_in_sort_key(&item)?, from_item::<ItemTexts>(item)?.kept(now))));
        let texts: Vec<(EntryId, Option<Texts>)> = texts.collect::<Result<_, StoreError>>()?;
        Ok(texts.into_iter().filter_map(|(id, texts)| Some((id, texts?))).collect())
    }
}

/// The messages that fit, from the newest on. The first that has no room ends the context, as does one whose texts are
/// lost.
fn within(mut bytes_left: u64, newest_first: Vec<FoundMessage>) -> Vec<FoundMessage> {
    let fits = |found: &FoundMessage| {
        let left = bytes_left.checked_sub(found.item.bytes).filter(|_| found.item.place != TextPlace::Lost);
        bytes_left = left.unwrap_or_default();
        left.is_some()
    };
    newest_first.into_iter().take_while(fits).collect()
}

fn found_message(item: Item) -> Result<FoundMessage, StoreError> {
    Ok(FoundMessage { id: id_in_sort_key(&item)?, item: from_item(item)? })
}

fn past_exchange(texts: Texts) -> Option<PastExchange> {
    Some(PastExchange { message: texts.message.clone()?, response: texts.shown_response() })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use aws_sdk_dynamodb::types::{PutRequest, WriteRequest};
    use domain::credits::Credits;
    use store::Key;

    use super::*;
    use crate::account::Payer;
    use crate::entry::{self, Entry};
    use crate::exchange::{Bill, Exchange};
    use crate::testing::{TestTable, message, open_account, stored_reply};

    struct PastScene {
        test: TestTable,
        ada: Payer,
    }

    impl PastScene {
        /// Writes an entry and its message item, as captures do, for each of `count` exchanges.
        async fn say(&self, count: u32, text: &str, conversation: ConversationId) {
            let (user_id, said, reply) = (self.ada.user_id(), message(text), stored_reply("Yes"));
            let bill = Bill::of(Credits::ZERO);
            let exchange = Exchange { message: &said, reply: &reply, conversation: Some(conversation), bill };
            let mut items = Vec::new();
            for _ in 0..count {
                self.test.clock.advance(Duration::from_millis(1));
                let id = EntryId::new(&self.test.clock);
                let entry = Entry::chat(Credits::ZERO, exchange, Some(TextPlace::Inline), String::new());
                items.push(entry::key(user_id, id).with(&entry).unwrap());
                let item = MessageItem::new(exchange, false, TextPlace::Inline);
                items.push(MessageItem::key(user_id, conversation, id).with(&item).unwrap());
            }
            for batch in items.chunks(25) {
                self.put(batch).await;
            }
        }

        async fn put(&self, items: &[Item]) {
            let requests = items.iter().map(|item| {
                let put = PutRequest::builder().set_item(Some(item.clone())).build().unwrap();
                WriteRequest::builder().put_request(put).build()
            });
            let table = &self.test.table;
            let write = table.client().batch_write_item().request_items(table.name(), requests.collect());
            write.send().await.unwrap();
        }

        /// The messages of the last exchanges of the first conversation, with the read units that they took.
        async fn last(&self, wanted: WantedExchanges) -> (Vec<String>, f64) {
            let past = PastExchanges::new(self.test.table.clone(), self.test.clock.clone());
            self.test.recorder.ask_for_capacity();
            self.test.recorder.clear();
            let found = past.last(self.ada.user_id(), ConversationId::FIRST, wanted).await.unwrap();
            let requests = self.test.recorder.requests();
            let units = requests.iter().map(|request| request.units().unwrap());
            (found.into_iter().map(|exchange| exchange.message).collect(), units.sum())
        }
    }

    #[tokio::test]
    async fn ten_thousand_other_entries_change_nothing_about_the_reads_of_a_context() {
        let test = TestTable::start().await;
        let ada = open_account(&test, "ada", 0).await;
        let scene = PastScene { test, ada };
        let wanted = WantedExchanges { most: 10, bytes: 1000 };
        scene.say(3, "mine", ConversationId::FIRST).await;
        let before = scene.last(wanted).await;
        assert_eq!(before, (vec!["mine".to_owned(); 3], 1.0));
        scene.say(5000, "elsewhere", ConversationId::COMPLETIONS).await;
        scene.say(5000, "elsewhere", ConversationId::new(&scene.test.clock)).await;
        assert_eq!(scene.last(wanted).await, before);
        // Nor do older ones of the same conversation.
        scene.say(1000, "mine", ConversationId::FIRST).await;
        let after = scene.last(wanted).await;
        assert_eq!(after, (vec!["mine".to_owned(); 10], 1.0));
    }

    #[test]
    fn a_message_item_of_before_counts_a_byte_for_each_character() {
        let old = serde_json::json!({"place": "inline", "chars": 7, "texts": {"message": "abc", "response": "defg"}});
        let old: MessageItem = from_item(Key::new("", "").with(&old).unwrap()).unwrap();
        assert_eq!(old.bytes, 7);
    }
}
