//! All that the ledger has of a user, the oldest first, for an export.

use std::collections::{BTreeSet, HashMap};

use domain::ids::{ConversationId, EntryId, UserId};
use domain::invalid_field::InvalidField;
use domain::message::ToolCall;
use domain::time::Timestamp;
use store::{Key, StoreError};

use crate::account::Account;
use crate::conversations::Conversation;
use crate::entry::Entry;
use crate::history::messages::{MAX_PAGE_BYTES, texts_key};
use crate::history::transactions::{Transaction, shown_as};
use crate::history::{Cursor, History, Limit, List, ListOrder, PageRequest, ReadEntries};
use crate::retention::KeptTexts;
use crate::texts::{TextPlace, Texts};

/// Where a page of an export ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExportCursor {
    /// After a conversation. No entry has been shown.
    AfterConversation(Cursor),
    /// After an entry. All conversations have been shown.
    AfterEntry(Cursor),
}

struct ConversationsOfExport;

impl List for ConversationsOfExport {
    const NAME: &'static str = "conversations of an export";
}

struct EntriesOfExport;

impl List for EntriesOfExport {
    const NAME: &'static str = "entries of an export";
}

impl ExportCursor {
    /// The place before all conversations: no id is less.
    #[must_use]
    pub fn before_conversations() -> Self {
        Self::AfterConversation(Cursor::after(ConversationId::FIRST))
    }

    /// The place before all entries.
    #[must_use]
    pub fn before_entries() -> Self {
        Self::AfterEntry(Cursor::after(EntryId::first_of(Timestamp::from_milliseconds(0))))
    }

    /// Parses the query parameter `cursor`.
    ///
    /// # Errors
    /// [`InvalidField`] if it is not what an export gave this user.
    pub fn parse(text: &str, user_id: UserId) -> Result<Self, InvalidField> {
        let after_entry = Cursor::parse::<EntriesOfExport>(text, user_id).map(Self::AfterEntry);
        after_entry.or_else(|_| Cursor::parse::<ConversationsOfExport>(text, user_id).map(Self::AfterConversation))
    }

    /// The text of the cursor.
    #[must_use]
    pub fn text(self, user_id: UserId) -> String {
        match self {
            Self::AfterConversation(cursor) => cursor.text::<ConversationsOfExport>(user_id),
            Self::AfterEntry(cursor) => cursor.text::<EntriesOfExport>(user_id),
        }
    }
}

/// A transaction, with the texts of its message if these are shown.
pub struct ExportedEntry {
    /// The transaction, as the list of transactions shows it.
    pub transaction: Transaction,
    /// The texts of a stored message, unless its conversation was deleted or their retention is over.
    pub texts: Option<ExportedTexts>,
}

/// The texts of a stored message.
pub struct ExportedTexts {
    /// The conversation, under the id by which its user knows it. `None` for a message of a program, which is in none.
    pub conversation: Option<ConversationId>,
    /// The user's message.
    pub message: String,
    /// The model's reply, or its refusal.
    pub response: String,
    /// Whether message and reply are empty because their texts could not be stored.
    pub text_lost: bool,
    /// The model's reasoning, where it is kept for a repetition.
    pub reasoning: Option<String>,
    /// The tools that the model called, where these are kept for a repetition.
    pub tool_calls: Vec<ToolCall>,
    /// Sources and the like that belong to the text, where they are kept for a repetition: a JSON array.
    pub annotations: Option<String>,
    /// The text before which the model ended its reply, where it is kept for a repetition.
    pub stop_sequence: Option<String>,
}

/// Some entries, the oldest first.
pub struct ExportedPage {
    /// The entries. Those that say that a message was never charged are left out.
    pub entries: Vec<ExportedEntry>,
    /// The place after which there may be more. It lies behind the last entry if the entries after that were left out.
    pub next: Option<Cursor>,
}

impl History {
    /// The conversations of a user after `cursor`, the oldest first: at most 100, in one read of at most 1 KB each. The second
    /// value says whether there may be more.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] if the table cannot be read.
    pub async fn exported_conversations(
        &self,
        user_id: UserId,
        cursor: Cursor,
    ) -> Result<(Vec<Conversation>, bool), StoreError> {
        let wanted = PageRequest { limit: Limit::MAX, cursor: Some(cursor) };
        let (conversations, next) = self.conversations_in(user_id, ListOrder::OldestFirst, wanted).await?;
        Ok((conversations, next.is_some()))
    }

    /// The entries of a user after `cursor`, with their texts. It takes at most 100 entries of 1 KB, the items of their
    /// conversations, and the texts, of which all but the first are within a megabyte.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] if the table cannot be read.
    pub async fn exported_entries(
        &self,
        account: &Account,
        user_id: UserId,
        cursor: Cursor,
    ) -> Result<ExportedPage, StoreError> {
        let kept = self.kept_texts(account);
        let wanted = PageRequest { limit: Limit::MAX, cursor: Some(cursor) };
        let ReadEntries { mut entries, mut next } = self.entries(user_id, ListOrder::OldestFirst, wanted).await?;
        if let Some(end) = end_of_room(&entries, &kept) {
            entries.truncate(end);
            next = entries.last().map(|(id, _)| Cursor((*id).into()));
        }
        let stored = || entries.iter().filter_map(|(id, entry)| Some((*id, stored(*id, entry, &kept)?)));
        let deleted = self.deleted_among(account, user_id, stored().map(|(_, (conversation, _))| conversation)).await?;
        let keys: Vec<Key> = stored()
            .filter(|(_, (conversation, _))| !deleted.contains(conversation))
            .filter_map(|(id, (conversation, place))| texts_key(user_id, id, conversation, place))
            .collect();
        let found = self.texts(keys, &kept).await?;
        let entries = exported(entries, account, &kept, &deleted, found);
        Ok(ExportedPage { entries, next })
    }
}

/// The conversation of an exchange that is stored and whose texts are kept, and their place.
fn stored(id: EntryId, entry: &Entry, kept: &KeptTexts) -> Option<(ConversationId, TextPlace)> {
    entry.conversation.zip(entry.texts).filter(|_| kept.has(id, entry.texts_until))
}

/// The number of `entries` whose texts one page has room for, if not all of them have.
fn end_of_room(entries: &[(EntryId, Entry)], kept: &KeptTexts) -> Option<usize> {
    let mut bytes = 0_u64;
    entries.iter().enumerate().position(|(number, (id, entry))| {
        let of_entry = stored(*id, entry, kept).and(entry.json_bytes).unwrap_or_default();
        bytes = bytes.saturating_add(of_entry);
        bytes > MAX_PAGE_BYTES && number > 0
    })
}

fn exported(
    entries: Vec<(EntryId, Entry)>,
    account: &Account,
    kept: &KeptTexts,
    deleted: &BTreeSet<ConversationId>,
    mut found: HashMap<EntryId, Texts>,
) -> Vec<ExportedEntry> {
    let exported = entries.into_iter().filter_map(|(id, entry)| {
        let stored = stored(id, &entry, kept).filter(|(conversation, _)| !deleted.contains(conversation));
        let texts = stored.and_then(|(conversation, place)| {
            // Without its message item the message is on no list either.
            let texts = found.remove(&id);
            let is_gone = texts.is_none() && place == TextPlace::Inline;
            (!is_gone).then(|| exported_texts(shown_as(conversation, account), texts))
        });
        Some(ExportedEntry { transaction: Transaction::shown(id, entry, account)?, texts })
    });
    exported.collect()
}

fn exported_texts(conversation: Option<ConversationId>, texts: Option<Texts>) -> ExportedTexts {
    let text_lost = texts.is_none();
    let mut texts = texts.unwrap_or_default();
    ExportedTexts {
        conversation,
        message: texts.message.take().unwrap_or_default(),
        reasoning: texts.reasoning.take(),
        tool_calls: std::mem::take(&mut texts.calls),
        annotations: texts.annotations.take(),
        stop_sequence: texts.stop_sequence.take(),
        response: texts.shown_response(),
        text_lost,
    }
}
