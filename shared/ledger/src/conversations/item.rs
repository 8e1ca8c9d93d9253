//! The item of a conversation.

use domain::conversation_title::ConversationTitle;
use domain::ids::{ConversationId, UserId};
use domain::time::Timestamp;
use serde::{Deserialize, Serialize};
use store::{Key, Table};

use crate::account::Account;
use crate::claimed_payer::{ClaimedPayer, FoundItems};
use crate::error::LedgerError;

/// A conversation as its owner sees it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Conversation {
    /// The id, by which a message names it.
    pub id: ConversationId,
    /// The title that its owner gave it.
    pub title: ConversationTitle,
    /// The time at which it was made, in RFC 3339.
    pub created_at: String,
}

/// The item of a conversation. It has at most 1 KB.
#[derive(Serialize, Deserialize)]
pub(crate) struct ConversationItem {
    pub(crate) title: ConversationTitle,
    pub(crate) created_at: String,
}

impl ConversationItem {
    /// The prefix of the sort keys of all conversations.
    pub(crate) const PREFIX: &str = "CONVERSATION#";

    pub(crate) fn key(user_id: UserId, id: ConversationId) -> Key {
        Key::of_user(user_id, format!("{}{id}", Self::PREFIX))
    }

    /// The id of the conversation whose item has this sort key, if it is one of a conversation.
    pub(crate) fn id_in(sort_key: &str) -> Option<ConversationId> {
        sort_key.strip_prefix(Self::PREFIX).and_then(ConversationId::parse)
    }

    pub(crate) fn into_conversation(self, id: ConversationId) -> Conversation {
        Conversation { id, title: self.title, created_at: self.created_at }
    }
}

/// Whether a conversation of `account` is there without an item: the exchanges of programs, or the first one.
pub(crate) fn needs_no_item(account: &Account, stored_as: ConversationId) -> bool {
    [ConversationId::COMPLETIONS, account.first_conversation()].contains(&stored_as)
}

/// Reads the items of `owner`, and the id under which the exchanges of its conversation `id` are stored, if it has that
/// conversation. It takes one request, and a second read unit for any conversation but the first.
///
/// # Errors
/// [`LedgerError::Closed`] if the account is not open to `owner`, [`LedgerError::Unavailable`] if the table cannot be
/// read.
pub(crate) async fn find(
    table: &Table,
    owner: &mut ClaimedPayer,
    id: ConversationId,
    now: Timestamp,
) -> Result<(FoundItems, Option<ConversationId>), LedgerError> {
    if id == ConversationId::FIRST {
        let found = owner.read::<LedgerError>(table, None, now).await?;
        let stored_as = found.account.first_conversation();
        return Ok((found, Some(stored_as)));
    }
    let key = ConversationItem::key(owner.user_id(), id);
    let found = owner.read::<LedgerError>(table, Some(key), now).await?;
    let stored_as = found.further.as_ref().map(|_| id);
    Ok((found, stored_as))
}
