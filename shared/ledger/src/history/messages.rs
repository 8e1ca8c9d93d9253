//! The list of messages: the stored exchanges of all conversations.

use std::collections::{BTreeSet, HashMap};

use domain::ids::{ConversationId, EntryId, UserId};
use domain::pricing::Usage;
use serde::Serialize;
use store::{Key, MAX_BATCH_ITEMS, StoreError, from_item, sort_key_of};

use crate::account::{Account, Payer};
use crate::conversations::{ConversationItem, needs_no_item};
use crate::entry::Entry;
use crate::error::LedgerError;
use crate::history::{Cursor, History, List, ListOrder, Page, PageRequest, ReadEntries};
use crate::retention::KeptTexts;
use crate::texts::{ItemTexts, MessageItem, TextPlace, Texts, id_in_sort_key, text_key};

/// Most bytes of the texts of a page in JSON, unless the first message alone has more. Lambda takes 6 MB, and counts the
/// answer as a JSON string, in which most escapes take a byte more.
pub(super) const MAX_PAGE_BYTES: u64 = 1024 * 1024;

/// A message with its reply.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct AnsweredMessage {
    /// The message's id, which is also its ledger entry's.
    pub id: EntryId,
    /// The user's message.
    pub message: String,
    /// The model's reply, or its refusal.
    pub response: String,
    /// Whether message and reply are empty because their texts could not be stored.
    #[serde(skip_serializing_if = "is_false")]
    pub text_lost: bool,
    /// The credits that it cost.
    pub tokens: i64,
    /// The model that replied.
    pub model: String,
    /// The tokens that it took.
    pub usage: Usage,
    /// The time of the reply, in RFC 3339.
    pub created_at: String,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_false(value: &bool) -> bool {
    !value
}

impl List for AnsweredMessage {
    const NAME: &'static str = "messages";
}

/// An entry whose exchange is stored.
pub(super) struct StoredEntry {
    pub(super) id: EntryId,
    entry: Entry,
    place: TextPlace,
}

impl History {
    /// A page of the stored messages of `owner`, with their replies. The limit counts entries of all kinds, and the texts
    /// end a page too, so a page may be short, or even empty, and have a next one. The messages of deleted conversations are
    /// not shown. It takes three reads: the account, at most 100 entries, and the texts that it shows, of which all but the
    /// first are within [`MAX_PAGE_BYTES`]. A fourth one looks for conversations other than the first.
    ///
    /// # Errors
    /// As [`History::transactions`].
    pub async fn messages(&self, owner: Payer, wanted: PageRequest) -> Result<Page<AnsweredMessage>, LedgerError> {
        let account = self.account(owner).await?;
        let (user_id, kept) = (owner.user_id(), self.kept_texts(&account));
        let ReadEntries { mut entries, mut next } = self.entries(user_id, ListOrder::NewestFirst, wanted).await?;
        end_where_none_are_kept(&mut entries, &mut next, |(id, _)| kept.has_none_up_to(*id));
        let (shown, cut_at) = within_page(entries, &kept);
        let next = cut_at.or(next).map(|cursor| cursor.text::<AnsweredMessage>(user_id));
        let shown = self.without_deleted(&account, user_id, shown).await?;
        let keys = shown.iter().filter_map(|stored| stored.texts_key(user_id)).collect();
        let mut texts = self.texts(keys, &kept).await?;
        let entries = shown.into_iter().filter_map(|stored| {
            let texts = texts.remove(&stored.id);
            answered_message(stored, texts)
        });
        Ok(Page { entries: entries.collect(), next })
    }

    /// The exchanges whose conversation is there.
    async fn without_deleted(
        &self,
        account: &Account,
        user_id: UserId,
        mut shown: Vec<StoredEntry>,
    ) -> Result<Vec<StoredEntry>, StoreError> {
        let conversations = shown.iter().filter_map(|stored| stored.entry.conversation);
        let deleted = self.deleted_among(account, user_id, conversations).await?;
        shown.retain(|stored| !stored.entry.conversation.is_some_and(|id| deleted.contains(&id)));
        Ok(shown)
    }

    /// Those of `conversations` that are not there any more. Their items are read, unless all of them are there without
    /// one: at most 100, of 1 KB.
    pub(super) async fn deleted_among(
        &self,
        account: &Account,
        user_id: UserId,
        conversations: impl Iterator<Item = ConversationId>,
    ) -> Result<BTreeSet<ConversationId>, StoreError> {
        let mut in_doubt: BTreeSet<_> = conversations.filter(|id| !needs_no_item(account, *id)).collect();
        let items = self.table.get_all(in_doubt.iter().map(|id| ConversationItem::key(user_id, *id))).await?;
        for found in items.iter().filter_map(sort_key_of).filter_map(ConversationItem::id_in) {
            in_doubt.remove(&found);
        }
        Ok(in_doubt)
    }

    /// The texts in the items of these keys, as far as they are kept.
    pub(super) async fn texts(&self, keys: Vec<Key>, kept: &KeptTexts) -> Result<HashMap<EntryId, Texts>, StoreError> {
        let mut texts = HashMap::new();
        for batch in keys.chunks(MAX_BATCH_ITEMS) {
            for item in self.table.get_all(batch.iter().cloned()).await? {
                let id = id_in_sort_key(&item)?;
                texts.extend(from_item::<ItemTexts>(item)?.kept(kept.now).map(|texts| (id, texts)));
            }
        }
        Ok(texts)
    }
}

impl StoredEntry {
    pub(super) fn texts_key(&self, user_id: UserId) -> Option<Key> {
        texts_key(user_id, self.id, self.entry.conversation?, self.place)
    }
}

/// The key of the item that has the texts of a stored exchange, unless they are lost.
pub(super) fn texts_key(user_id: UserId, id: EntryId, conversation: ConversationId, place: TextPlace) -> Option<Key> {
    match place {
        TextPlace::Inline => Some(MessageItem::key(user_id, conversation, id)),
        TextPlace::Apart => Some(text_key(user_id, id)),
        TextPlace::Lost => None,
    }
}

/// Ends a list, newest first, before the first of `entries` that has no text any more, as all after it.
pub(super) fn end_where_none_are_kept<T>(
    entries: &mut Vec<T>,
    next: &mut Option<Cursor>,
    has_none_up_to: impl Fn(&T) -> bool,
) {
    if let Some(end) = entries.iter().position(has_none_up_to) {
        entries.truncate(end);
        *next = None;
    }
}

/// The stored exchanges among `entries` whose texts are kept and that one answer has room for, and where the page ends if
/// not all of them have.
pub(super) fn within_page(entries: Vec<(EntryId, Entry)>, kept: &KeptTexts) -> (Vec<StoredEntry>, Option<Cursor>) {
    let mut shown = Vec::new();
    let (mut bytes, mut last) = (0_u64, None);
    for (id, entry) in entries {
        if let (Some(place), Some(json_bytes)) = (entry.texts, entry.json_bytes)
            && kept.has(id, entry.texts_until)
        {
            bytes = bytes.saturating_add(json_bytes);
            if bytes > MAX_PAGE_BYTES && !shown.is_empty() {
                return (shown, last.map(|id: EntryId| Cursor(id.into())));
            }
            shown.push(StoredEntry { id, entry, place });
        }
        last = Some(id);
    }
    (shown, None)
}

/// `None` if the message item is gone.
pub(super) fn answered_message(stored: StoredEntry, texts: Option<Texts>) -> Option<AnsweredMessage> {
    let StoredEntry { id, entry, place } = stored;
    if texts.is_none() && place == TextPlace::Inline {
        return None;
    }
    let text_lost = texts.is_none();
    let texts = texts.unwrap_or_default();
    Some(AnsweredMessage {
        id,
        message: texts.message.clone().unwrap_or_default(),
        response: texts.shown_response(),
        text_lost,
        tokens: -entry.amount,
        model: entry.model?,
        usage: entry.usage?,
        created_at: entry.created_at,
    })
}
