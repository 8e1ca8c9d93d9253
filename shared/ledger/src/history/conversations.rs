//! The list of conversations, and the messages of one of them.

use std::collections::HashMap;

use domain::cause::Cause;
use domain::ids::{ConversationId, EntryId, UserId};
use store::{Item, StoreError, from_item, sort_key_of};

use crate::account::Payer;
use crate::conversations::{Conversation, ConversationItem, find};
use crate::entry::{self, Entry};
use crate::error::LedgerError;
use crate::history::messages::{AnsweredMessage, answered_message, end_where_none_are_kept, within_page};
use crate::history::{Cursor, History, List, ListOrder, Page, PageRequest};
use crate::texts::{MessageItem, Texts, id_in_sort_key};

impl List for Conversation {
    const NAME: &'static str = "conversations";
}

impl History {
    /// A page of the conversations that `owner` has made, the newest first. It takes two reads: the account, and at most
    /// 100 items of 1 KB.
    ///
    /// # Errors
    /// As [`History::transactions`].
    pub async fn conversations(&self, owner: Payer, wanted: PageRequest) -> Result<Page<Conversation>, LedgerError> {
        self.account(owner).await?;
        let (entries, next) = self.conversations_in(owner.user_id(), ListOrder::NewestFirst, wanted).await?;
        Ok(Page { entries, next: next.map(|cursor| cursor.text::<Conversation>(owner.user_id())) })
    }

    pub(super) async fn conversations_in(
        &self,
        user_id: UserId,
        order: ListOrder,
        wanted: PageRequest,
    ) -> Result<(Vec<Conversation>, Option<Cursor>), StoreError> {
        let (items, next) = self.items(user_id, ConversationItem::PREFIX, order, wanted).await?;
        Ok((items.into_iter().map(conversation).collect::<Result<_, StoreError>>()?, next))
    }

    /// A page of the messages of one conversation, with their replies, as in [`History::messages`]. It takes four reads:
    /// the account with the conversation, at most 100 message items of 1 KB, their entries, and the texts that are apart.
    ///
    /// # Errors
    /// [`LedgerError::NoConversation`] if `owner` has none of this id; else as [`History::transactions`].
    pub async fn messages_of(
        &self,
        owner: Payer,
        conversation: ConversationId,
        wanted: PageRequest,
    ) -> Result<Page<AnsweredMessage>, LedgerError> {
        let user_id = owner.user_id();
        let (found, stored_as) = find(&self.table, &mut owner.into(), conversation, self.clock.now()).await?;
        let account = found.account;
        let (stored_as, kept) = (stored_as.ok_or(LedgerError::NoConversation)?, self.kept_texts(&account));
        let (items, mut next) =
            self.items(user_id, &MessageItem::prefix(stored_as), ListOrder::NewestFirst, wanted).await?;
        let (mut ids, mut texts) = ids_and_inline_texts(items)?;
        end_where_none_are_kept(&mut ids, &mut next, |id| kept.has_none_up_to(*id));
        let (shown, cut_at) = within_page(self.entries_of(user_id, &ids).await?, &kept);
        let next = cut_at.or(next).map(|cursor| cursor.text_in::<AnsweredMessage>(user_id, conversation));
        let apart = shown.iter().filter(|stored| !texts.contains_key(&stored.id));
        let apart: Vec<_> = apart.filter_map(|stored| stored.texts_key(user_id)).collect();
        texts.extend(self.texts(apart, &kept).await?);
        let entries = shown.into_iter().filter_map(|stored| {
            let texts = texts.remove(&stored.id);
            answered_message(stored, texts)
        });
        Ok(Page { entries: entries.collect(), next })
    }

    /// The entries of these ids, in their order.
    async fn entries_of(&self, user_id: UserId, ids: &[EntryId]) -> Result<Vec<(EntryId, Entry)>, StoreError> {
        let items = self.table.get_all(ids.iter().map(|id| entry::key(user_id, *id))).await?;
        let entries = items.into_iter().map(|item| Ok((id_in_sort_key(&item)?, from_item(item)?)));
        let mut entries: HashMap<EntryId, Entry> = entries.collect::<Result<_, StoreError>>()?;
        // The deletion of the account may have begun meanwhile.
        Ok(ids.iter().filter_map(|id| Some((*id, entries.remove(id)?))).collect())
    }
}

fn conversation(item: Item) -> Result<Conversation, StoreError> {
    let id = sort_key_of(&item).and_then(ConversationItem::id_in);
    let id =
        id.ok_or_else(|| StoreError::Internal(Cause::because("a conversation's sort key does not end in an id")))?;
    Ok(from_item::<ConversationItem>(item)?.into_conversation(id))
}

/// The ids of message items, and the texts that these have.
fn ids_and_inline_texts(items: Vec<Item>) -> Result<(Vec<EntryId>, HashMap<EntryId, Texts>), StoreError> {
    let (mut ids, mut texts) = (Vec::new(), HashMap::new());
    for item in items {
        let id = id_in_sort_key(&item)?;
        ids.push(id);
        texts.extend(from_item::<MessageItem>(item)?.texts.map(|texts| (id, texts)));
    }
    Ok((ids, texts))
}
