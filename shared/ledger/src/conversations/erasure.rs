//! The exchanges of deleted conversations, which go page by page.
//!
//! A marker leads the audit to those that a request had no time for, and to message items and texts that arrive late: a
//! message that was in flight is charged after its conversation was deleted.

use std::time::Duration;

use aws_sdk_dynamodb::types::TransactWriteItem;
use domain::ids::{ConversationId, TokenId, UserId};
use domain::time::Timestamp;
use serde::Deserialize;
use store::transaction::{self, cancellation_reasons, condition_failed};
use store::{Item, StoreError, from_item, number, sort_key_of};

use crate::account::{Account, Status};
use crate::conversations::keeper::ConversationKeeper;
use crate::conversations::marker::DeletedConversation;
use crate::texts::{MessageItem, TextPlace, id_in_sort_key, text_key};

/// The items that one request reads: at most 1 KB each, and as many as the table deletes at once.
const PAGE_ITEMS: i32 = 100;
/// Time reserved at the end of a request, for the page under way.
const MARGIN: Duration = Duration::from_secs(8);

/// The outcome of deleting pages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Erased {
    All,
    /// The deadline is near, and something may be left.
    InPart,
}

/// The outcome of [`ConversationKeeper::sweep`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sweep {
    /// The number of conversations of which nothing is left, nor their markers.
    pub swept: u64,
    /// Whether the deadline was near before the end. The next sweep goes on.
    pub is_out_of_time: bool,
}

/// Some exchanges to delete, by their keys.
struct DoomedExchanges {
    messages: Vec<Item>,
    texts: Vec<Item>,
    is_last: bool,
}

/// Some markers of a user.
struct MarkerPage {
    markers: Vec<(ConversationId, DeletedConversation)>,
    /// The key after which the next page begins, if there may be one.
    next: Option<Item>,
}

/// A message item, as far as a deletion reads it.
#[derive(Deserialize)]
struct PlaceOfTexts {
    place: TextPlace,
}

impl ConversationKeeper {
    /// Deletes all that is left of the conversations of a user that were deleted an hour ago, until `deadline` is near, and
    /// the marker of each last. It deletes at least one page, so that every sweep gets on.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] if the table cannot be reached. A repetition goes on.
    pub async fn sweep(&self, user_id: UserId, deadline: Timestamp) -> Result<Sweep, StoreError> {
        let (mut sweep, mut start) = (Sweep::default(), None);
        loop {
            let page = self.markers(user_id, start).await?;
            for (stored_as, marker) in page.markers {
                if sweep.is_out_of_time {
                    return Ok(sweep);
                }
                if marker.is_due(self.clock.now()) {
                    if self.erase(user_id, stored_as, deadline).await? == Erased::InPart {
                        return Ok(Sweep { is_out_of_time: true, ..sweep });
                    }
                    sweep.swept += u64::from(self.forget(user_id, stored_as, deadline).await?);
                    sweep.is_out_of_time = self.is_near(deadline);
                }
            }
            start = page.next;
            if start.is_none() {
                return Ok(Sweep { is_out_of_time: false, ..sweep });
            }
        }
    }

    async fn markers(&self, user_id: UserId, start: Option<Item>) -> Result<MarkerPage, StoreError> {
        let answer = self
            .table
            .querying(user_id, DeletedConversation::PREFIX)
            .limit(PAGE_ITEMS)
            .set_exclusive_start_key(start)
            .send()
            .await?;
        let mut markers = Vec::new();
        for item in answer.items.unwrap_or_default() {
            if let Some(stored_as) = sort_key_of(&item).and_then(DeletedConversation::id_in) {
                markers.push((stored_as, from_item(item)?));
            }
        }
        Ok(MarkerPage { markers, next: answer.last_evaluated_key })
    }

    /// Deletes a marker, and takes it off the account's count. Another run may have been faster, or the account was deleted
    /// meanwhile, and the marker with it: then it is `false`.
    async fn forget(
        &self,
        user_id: UserId,
        stored_as: ConversationId,
        deadline: Timestamp,
    ) -> Result<bool, StoreError> {
        let delete = self
            .table
            .deleting(DeletedConversation::key(user_id, stored_as))
            .condition_expression("attribute_exists(pk)");
        let items = vec![transaction::delete(delete)?, self.count_swept(user_id)?];
        let token = TokenId::new(&self.clock).to_string();
        let Err(error) = self.table.transact(&token, items, &self.clock, deadline).await else { return Ok(true) };
        match cancellation_reasons(&error) {
            Some([marker, account]) if condition_failed(marker) || condition_failed(account) => Ok(false),
            _ => Err(error.into()),
        }
    }

    fn count_swept(&self, user_id: UserId) -> Result<TransactWriteItem, StoreError> {
        transaction::update(
            self.table
                .updating(Account::key(user_id))
                .update_expression("SET deleted_conversations = deleted_conversations - :one")
                .condition_expression("#status <> :deleting AND deleted_conversations >= :one")
                .expression_attribute_names("#status", "status")
                .expression_attribute_values(":deleting", Status::Deleting.attribute_value())
                .expression_attribute_values(":one", number(1_u64)),
        )
    }

    /// Deletes the exchanges of a conversation, until `deadline` is near. It deletes at least one page.
    pub(super) async fn erase(
        &self,
        user_id: UserId,
        stored_as: ConversationId,
        deadline: Timestamp,
    ) -> Result<Erased, StoreError> {
        loop {
            let page = self.doomed(user_id, stored_as).await?;
            // Texts go before the message items that lead to them: if this stops here, the next page finds them.
            self.table.delete_all(&page.texts).await?;
            self.table.delete_all(&page.messages).await?;
            if page.is_last {
                return Ok(Erased::All);
            }
            if self.is_near(deadline) {
                return Ok(Erased::InPart);
            }
        }
    }

    fn is_near(&self, deadline: Timestamp) -> bool {
        self.clock.now().plus(MARGIN) >= deadline
    }

    /// Some of the exchanges of a conversation.
    async fn doomed(&self, user_id: UserId, stored_as: ConversationId) -> Result<DoomedExchanges, StoreError> {
        let answer = self
            .table
            .querying(user_id, MessageItem::prefix(stored_as))
            .projection_expression("pk, sk, #place")
            .expression_attribute_names("#place", "place")
            .limit(PAGE_ITEMS)
            .send()
            .await?;
        let mut page =
            DoomedExchanges { messages: Vec::new(), texts: Vec::new(), is_last: answer.last_evaluated_key.is_none() };
        for mut item in answer.items.unwrap_or_default() {
            let PlaceOfTexts { place } = from_item(item.clone())?;
            // A text that is called lost may have arrived late.
            if place != TextPlace::Inline {
                page.texts.push(text_key(user_id, id_in_sort_key(&item)?).into_item());
            }
            item.remove("place");
            page.messages.push(item);
        }
        Ok(page)
    }
}
