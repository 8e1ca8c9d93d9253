//! The erasure of texts whose retention is over and which no TTL deletes.

use std::time::Duration;

use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::types::AttributeValue;
use domain::ids::{ConversationId, EntryId, UserId};
use domain::time::{Clock, Timestamp};
use serde::Deserialize;
use store::{Item, StoreError, Table, from_item, partition_of};

use crate::account::{Account, Status};
use crate::entry::SORT_KEY_PREFIX;
use crate::retention::Retention;
use crate::texts::{MessageItem, TextPlace, has_ended, id_in_sort_key, text_key};

/// The entries that one request reads, of at most 1 KB each. Their texts are in at most two items each.
const PAGE_ITEMS: i32 = 100;
/// The most pages of one user in a run: so nobody keeps the audit from the accounts of others for long.
const MAX_PAGES: u32 = 100;
/// Time reserved at the end of a run, for the page under way and for saying how far it came.
const MARGIN: Duration = Duration::from_secs(10);

/// The eraser of texts.
#[derive(Clone, Debug)]
pub struct TextEraser {
    pub(super) table: Table,
    pub(super) clock: Clock,
    pub(super) retention: Retention,
}

/// The outcome of [`TextEraser::erase`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ErasedTexts {
    /// The number of exchanges whose texts were deleted.
    pub exchanges: u64,
    /// Whether the deadline was near before the end. The next run goes on.
    pub is_out_of_time: bool,
}

/// Some entries whose texts are gone.
struct GonePage {
    /// The keys of text items.
    texts: Vec<Item>,
    /// The keys of message items.
    messages: Vec<Item>,
    /// The last of the entries.
    through: Option<EntryId>,
    is_last: bool,
}

/// An entry, as far as its texts are concerned.
#[derive(Deserialize)]
struct EntryWithTexts {
    #[serde(default)]
    conversation: Option<ConversationId>,
    #[serde(default)]
    texts: Option<TextPlace>,
    #[serde(default)]
    texts_until: Option<u64>,
}

impl TextEraser {
    /// The eraser of texts in `table` whose `retention` is over.
    #[must_use]
    pub fn new(table: Table, clock: Clock, retention: Retention) -> Self {
        Self { table, clock, retention }
    }

    /// Deletes the texts of a user's messages whose retention is over, from the first after `erased_through` on, which the
    /// account says, until `deadline` is near, or those of 10,000 entries. It goes on by at least one page, so that every run
    /// gets on. Texts that TTL deletes are left to it.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] if the table cannot be reached. A repetition goes on.
    pub async fn erase(
        &self,
        user_id: UserId,
        erased_through: Option<EntryId>,
        deadline: Timestamp,
    ) -> Result<ErasedTexts, StoreError> {
        let now = self.clock.now();
        let Some(before) = self.retention.gone_before(now) else { return Ok(ErasedTexts::default()) };
        let (mut erased, mut through) = (ErasedTexts::default(), erased_through);
        for _ in 0..MAX_PAGES {
            // A longer retention than before has nothing to erase for a time.
            if through.is_some_and(|through| through.made_at() >= before) {
                break;
            }
            let page = self.gone(user_id, through, before, now).await?;
            // Texts go before the message items that lead to them: if this stops here, the next run finds them.
            self.table.delete_all(&page.texts).await?;
            self.table.delete_all(&page.messages).await?;
            erased.exchanges += page.messages.len() as u64;
            through = page.through.or(through);
            erased.is_out_of_time = !page.is_last && self.clock.now().plus(MARGIN) >= deadline;
            if page.is_last || erased.is_out_of_time {
                break;
            }
        }
        if let Some(through) = through.filter(|_| through > erased_through) {
            self.note(user_id, through).await?;
        }
        Ok(erased)
    }

    /// The entries after `after` of messages that were asked before `before`.
    async fn gone(
        &self,
        user_id: UserId,
        after: Option<EntryId>,
        before: Timestamp,
        now: Timestamp,
    ) -> Result<GonePage, StoreError> {
        // No character of an id sorts after this one.
        let after = after.map_or(SORT_KEY_PREFIX.to_owned(), |after| format!("{SORT_KEY_PREFIX}{after}~"));
        let answer = self
            .table
            .client()
            .query()
            .table_name(self.table.name())
            .key_condition_expression("pk = :user AND sk BETWEEN :after AND :before")
            .expression_attribute_values(":user", AttributeValue::S(partition_of(user_id)))
            .expression_attribute_values(":after", AttributeValue::S(after))
            .expression_attribute_values(
                ":before",
                AttributeValue::S(format!("{SORT_KEY_PREFIX}{}", EntryId::first_of(before))),
            )
            .projection_expression("sk, conversation, texts, texts_until")
            .limit(PAGE_ITEMS)
            .consistent_read(true)
            .send()
            .await?;
        let is_last = answer.last_evaluated_key.is_none();
        let mut page = GonePage { texts: Vec::new(), messages: Vec::new(), through: None, is_last };
        for item in answer.items.unwrap_or_default() {
            let id = id_in_sort_key(&item)?;
            let entry: EntryWithTexts = from_item(item)?;
            page.add(user_id, id, &entry, now);
        }
        Ok(page)
    }

    /// Says in the account how far the texts are erased. Another run may have come further, or the account is being
    /// deleted, or is gone: then there is nothing to say.
    async fn note(&self, user_id: UserId, through: EntryId) -> Result<(), StoreError> {
        let update = self.table.client().update_item().table_name(self.table.name());
        let noted = update
            .set_key(Some(Account::key(user_id).into_item()))
            .update_expression("SET texts_erased_through = :through")
            .condition_expression(
                "attribute_exists(pk) AND #status <> :deleting \
                 AND (attribute_not_exists(texts_erased_through) OR texts_erased_through < :through)",
            )
            .expression_attribute_names("#status", "status")
            .expression_attribute_values(":deleting", Status::Deleting.attribute_value())
            .expression_attribute_values(":through", AttributeValue::S(through.to_string()))
            .send()
            .await;
        match noted {
            Err(SdkError::ServiceError(error)) if error.err().is_conditional_check_failed_exception() => Ok(()),
            outcome => Ok(outcome.map(|_| ())?),
        }
    }
}

impl GonePage {
    fn add(&mut self, user_id: UserId, id: EntryId, entry: &EntryWithTexts, now: Timestamp) {
        self.through = Some(id);
        let (Some(conversation), Some(place)) = (entry.conversation, entry.texts) else { return };
        if has_ended(entry.texts_until, now) {
            return;
        }
        // A text that is called lost may have arrived late.
        if place != TextPlace::Inline {
            self.texts.push(text_key(user_id, id).into_item());
        }
        self.messages.push(MessageItem::key(user_id, conversation, id).into_item());
    }
}
