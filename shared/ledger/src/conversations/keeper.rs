//! Making, renaming and deleting conversations.

use std::time::Duration;

use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::types::{AttributeValue, CancellationReason, TransactWriteItem};
use domain::conversation_title::ConversationTitle;
use domain::ids::{ConversationId, TokenId};
use domain::time::{Clock, Timestamp};
use store::transaction::{self, cancellation_reasons, condition_failed};
use store::{StoreError, Table, from_item, number};

use crate::account::{Account, Payer};
use crate::conversations::item::{Conversation, ConversationItem};
use crate::conversations::marker::DeletedConversation;
use crate::error::LedgerError;

/// The most conversations of a user, without the first one.
pub const MAX_CONVERSATIONS: u32 = 1000;
/// The most deletions of a user that wait for the audit, before the user makes another conversation or empties the first:
/// so nobody makes the audit work without a bound by making and deleting. A conversation can be deleted all the same.
pub const MAX_DELETED_CONVERSATIONS: u32 = 10_000;
/// The time after which the audit may have swept some of them.
const SWEEP_WAIT: Duration = Duration::from_secs(60 * 60);
/// Condition: fewer deletions wait for the audit than may.
const MAY_DELETE_MORE: &str = "(attribute_not_exists(deleted_conversations) OR deleted_conversations < :most_deleted)";

/// The users' conversations, as their owners change them.
#[derive(Clone, Debug)]
pub struct ConversationKeeper {
    pub(super) table: Table,
    pub(super) clock: Clock,
}

/// A refused transaction whose first part is the account and whose second part is a conversation. The account is open.
struct RefusedChange {
    /// The account, if its condition failed.
    account: Option<Account>,
    by_conversation: bool,
    error: StoreError,
}

impl ConversationKeeper {
    /// The keeper of the conversations in `table`.
    #[must_use]
    pub fn new(table: Table, clock: Clock) -> Self {
        Self { table, clock }
    }

    /// Makes a conversation of this title, in one transaction.
    ///
    /// # Errors
    /// [`LedgerError::TooManyConversations`] if `owner` has [`MAX_CONVERSATIONS`]; [`LedgerError::TooManyDeletions`] if
    /// [`MAX_DELETED_CONVERSATIONS`] wait for the audit; [`LedgerError::Closed`] if the account is not open to `owner`;
    /// [`LedgerError::Unavailable`] if the table cannot be reached.
    pub async fn make(
        &self,
        owner: Payer,
        title: ConversationTitle,
        deadline: Timestamp,
    ) -> Result<Conversation, LedgerError> {
        let id = ConversationId::new(&self.clock);
        let item = ConversationItem { title, created_at: self.clock.now().to_string() };
        let put = self.table.put_new(ConversationItem::key(owner.user_id(), id).with(&item)?)?;
        match self.change(owner, vec![self.count_new(owner)?, put], deadline).await? {
            None => Ok(item.into_conversation(id)),
            Some(RefusedChange { account: Some(account), .. }) if account.conversations >= MAX_CONVERSATIONS => {
                Err(LedgerError::TooManyConversations { limit: MAX_CONVERSATIONS })
            }
            Some(refused) => Err(refused.into_error()),
        }
    }

    /// Gives the conversation `id` another title. One request reads account and conversation, and a transaction confirms
    /// both.
    ///
    /// # Errors
    /// [`LedgerError::NoConversation`] if `owner` has none of this id, or it is the first, which has no title; else as
    /// [`ConversationKeeper::make`].
    pub async fn rename(
        &self,
        owner: Payer,
        id: ConversationId,
        title: ConversationTitle,
        deadline: Timestamp,
    ) -> Result<Conversation, LedgerError> {
        let key = ConversationItem::key(owner.user_id(), id);
        let [account, found] = self.table.get_each([Account::key(owner.user_id()), key.clone()]).await?;
        Account::admitted(account.map(from_item).transpose()?, owner)?;
        let ConversationItem { created_at, .. } = from_item(found.ok_or(LedgerError::NoConversation)?)?;
        let update = self
            .table
            .updating(key)
            .update_expression("SET title = :title")
            .condition_expression("attribute_exists(pk)")
            .expression_attribute_values(":title", AttributeValue::S(title.as_str().to_owned()));
        let items = vec![Account::check_open(&self.table, owner)?, transaction::update(update)?];
        match self.change(owner, items, deadline).await? {
            None => Ok(Conversation { id, title, created_at }),
            Some(refused) => Err(refused.into_error()),
        }
    }

    /// Deletes the conversation `id`: one transaction hides it at once, and its exchanges are deleted until `deadline` is
    /// near. The audit deletes the others, and those that arrive late. The first conversation is emptied, and the next
    /// message begins it anew. Entries stay.
    ///
    /// A failure after the conversation was hidden is logged, and is no error.
    ///
    /// # Errors
    /// [`LedgerError::NoConversation`] if `owner` has none of this id; [`LedgerError::TooManyDeletions`] for the first
    /// conversation alone; else as [`ConversationKeeper::make`].
    pub async fn delete(&self, owner: Payer, id: ConversationId, deadline: Timestamp) -> Result<(), LedgerError> {
        let hidden = match id {
            ConversationId::FIRST => self.empty_first(owner, deadline).await?,
            id => Some(self.hide(owner, id, deadline).await?),
        };
        if let Some(stored_as) = hidden
            && let Err(error) = self.erase(owner.user_id(), stored_as, deadline).await
        {
            tracing::warn!(cause = error.cause(), "a deleted conversation is left to the audit");
        }
        Ok(())
    }

    /// Deletes the item of a conversation, and leaves the marker of its deletion. Returns the id of its exchanges.
    async fn hide(&self, owner: Payer, id: ConversationId, deadline: Timestamp) -> Result<ConversationId, LedgerError> {
        let delete = self
            .table
            .deleting(ConversationItem::key(owner.user_id(), id))
            .condition_expression("attribute_exists(pk)");
        let marker = DeletedConversation::item(owner.user_id(), id, self.clock.now())?;
        let items = vec![self.count_deleted(owner)?, transaction::delete(delete)?, self.table.put(marker)?];
        match self.change(owner, items, deadline).await? {
            None => Ok(id),
            Some(refused) => Err(refused.into_error()),
        }
    }

    /// Gives the first conversation another id to be stored under, and leaves the marker of a deletion for the id before,
    /// which it returns, unless another request did so meanwhile. A conversation without an exchange is no exception: a
    /// message may be in flight.
    async fn empty_first(&self, owner: Payer, deadline: Timestamp) -> Result<Option<ConversationId>, LedgerError> {
        let account = Account::admitted(self.table.get(Account::key(owner.user_id())).await?, owner)?;
        let stored_as = account.first_conversation();
        let marker = DeletedConversation::item(owner.user_id(), stored_as, self.clock.now())?;
        let items = vec![self.name_first(owner, account.first_conversation)?, self.table.put(marker)?];
        match self.change(owner, items, deadline).await? {
            None => Ok(Some(stored_as)),
            Some(RefusedChange { account: Some(account), .. }) if account.first_conversation() != stored_as => Ok(None),
            Some(refused) => Err(refused.into_error()),
        }
    }

    fn count_new(&self, owner: Payer) -> Result<TransactWriteItem, StoreError> {
        let has_room =
            format!("AND (attribute_not_exists(conversations) OR conversations < :most) AND {MAY_DELETE_MORE}");
        transaction::update(
            Account::updating_open(&self.table, owner, &has_room)
                .update_expression("SET conversations = if_not_exists(conversations, :none) + :one")
                .expression_attribute_values(":most", number(MAX_CONVERSATIONS))
                .expression_attribute_values(":most_deleted", number(MAX_DELETED_CONVERSATIONS))
                .expression_attribute_values(":none", number(0_u64))
                .expression_attribute_values(":one", number(1_u64)),
        )
    }

    /// An account without a count has no conversation, and then the transaction is refused.
    fn count_deleted(&self, owner: Payer) -> Result<TransactWriteItem, StoreError> {
        transaction::update(
            Account::updating_open(&self.table, owner, "")
                .update_expression(
                    "SET conversations = if_not_exists(conversations, :one) - :one, \
                     deleted_conversations = if_not_exists(deleted_conversations, :none) + :one",
                )
                .expression_attribute_values(":none", number(0_u64))
                .expression_attribute_values(":one", number(1_u64)),
        )
    }

    fn name_first(&self, owner: Payer, seen: Option<ConversationId>) -> Result<TransactWriteItem, StoreError> {
        let fresh = ConversationId::new(&self.clock);
        let is_as_seen = match seen {
            Some(_) => "first_conversation = :current",
            None => "attribute_not_exists(first_conversation)",
        };
        let update = Account::updating_open(&self.table, owner, &format!("AND {is_as_seen} AND {MAY_DELETE_MORE}"))
            .update_expression(
                "SET first_conversation = :fresh, \
                 deleted_conversations = if_not_exists(deleted_conversations, :none) + :one",
            )
            .expression_attribute_values(":most_deleted", number(MAX_DELETED_CONVERSATIONS))
            .expression_attribute_values(":fresh", AttributeValue::S(fresh.to_string()))
            .expression_attribute_values(":none", number(0_u64))
            .expression_attribute_values(":one", number(1_u64));
        transaction::update(match seen {
            Some(seen) => update.expression_attribute_values(":current", AttributeValue::S(seen.to_string())),
            None => update,
        })
    }

    /// Makes a change in one transaction. If it is refused although the account is open, the refusal is returned.
    ///
    /// # Errors
    /// [`LedgerError::Closed`] if the account is not open to `owner`.
    async fn change(
        &self,
        owner: Payer,
        items: Vec<TransactWriteItem>,
        deadline: Timestamp,
    ) -> Result<Option<RefusedChange>, LedgerError> {
        let token = TokenId::new(&self.clock).to_string();
        let Err(error) = self.table.transact(&token, items, &self.clock, deadline).await else { return Ok(None) };
        refused_change(error, owner).map(Some)
    }
}

impl RefusedChange {
    fn into_error(self) -> LedgerError {
        if self.by_conversation {
            return LedgerError::NoConversation;
        }
        match self.account {
            Some(account) if account.deleted_conversations >= MAX_DELETED_CONVERSATIONS => {
                LedgerError::TooManyDeletions { retry_after: SWEEP_WAIT }
            }
            _ => self.error.into(),
        }
    }
}

fn refused_change(error: SdkError<TransactWriteItemsError>, owner: Payer) -> Result<RefusedChange, LedgerError> {
    let reasons = cancellation_reasons(&error).unwrap_or_default();
    let [account, conversation] = [0, 1].map(|part| reasons.get(part).filter(|reason| condition_failed(reason)));
    let found = |refused: &CancellationReason| refused.item().cloned().map(from_item).transpose();
    let account = account.map(found).transpose()?.map(|found| Account::admitted(found, owner)).transpose()?;
    Ok(RefusedChange { account, by_conversation: conversation.is_some(), error: error.into() })
}
