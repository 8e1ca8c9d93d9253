//! The last exchanges of a user at `/chatView/`, as many as a model is told.

use std::fmt;

use aws_sdk_dynamodb::types::AttributeValue;
use domain::ids::UserId;
use serde::Deserialize;
use store::{StoreError, Table, from_item, partition_of};

use crate::entry::{self, EntryKind};

/// A page has at most so many entries for each wanted exchange: grants, and what was asked elsewhere,
/// lie between. DynamoDB ends it after 1 MB too.
const ENTRIES_PER_EXCHANGE: u32 = 4;
/// Pages that one search reads at most: reading is paid for by size, also of what lies between.
const MAX_PAGES: usize = 5;

/// The limits of the context that a model gets of a conversation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ContextLimits {
    /// How many exchanges, the last ones.
    pub messages: u32,
    /// How many characters they may have together. An exchange is told whole or not at all.
    pub chars: u32,
}

/// The exchanges in the table.
#[derive(Clone, Debug)]
pub struct PastExchanges {
    table: Table,
    limits: ContextLimits,
}

/// A message with its reply. Its texts never print.
#[derive(Deserialize)]
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

impl PastExchange {
    fn chars(&self) -> usize {
        self.message.chars().count() + self.response.chars().count()
    }
}

impl PastExchanges {
    /// The exchanges in `table`, within `limits`.
    #[must_use]
    pub fn new(table: Table, limits: ContextLimits) -> Self {
        Self { table, limits }
    }

    /// The last exchanges within the limits, the oldest first.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] if the table cannot be read.
    pub async fn last(&self, user_id: UserId) -> Result<Vec<PastExchange>, StoreError> {
        if self.limits.messages == 0 {
            return Ok(Vec::new());
        }
        let kind = serde_dynamo::to_attribute_value(EntryKind::Chat)?;
        let limit = self.limits.messages.saturating_mul(ENTRIES_PER_EXCHANGE);
        let request = self
            .table
            .client()
            .query()
            .table_name(self.table.name())
            .key_condition_expression("pk = :pk AND begins_with(sk, :prefix)")
            .filter_expression("#kind = :kind AND attribute_not_exists(standalone)")
            .projection_expression("message, #response")
            .expression_attribute_names("#kind", "kind")
            .expression_attribute_names("#response", "response")
            .expression_attribute_values(":pk", AttributeValue::S(partition_of(user_id)))
            .expression_attribute_values(":prefix", AttributeValue::S(entry::SORT_KEY_PREFIX.to_owned()))
            .expression_attribute_values(":kind", kind)
            .limit(limit.cast_signed())
            .scan_index_forward(false)
            // The next message is about the exchange that was just stored, so the read must see it.
            .consistent_read(true);
        let mut pages = request.into_paginator().send();
        let mut context = Context::new(self.limits);
        for _ in 0..MAX_PAGES {
            let Some(page) = pages.next().await else { break };
            let newest_first = page?.items.unwrap_or_default();
            for item in newest_first {
                context.extend(from_item(item)?);
            }
            if context.is_complete {
                break;
            }
        }
        Ok(context.oldest_first())
    }
}

/// The context of a model, gathered from the newest exchange on.
struct Context {
    newest_first: Vec<PastExchange>,
    exchanges_left: u32,
    chars_left: usize,
    is_complete: bool,
}

impl Context {
    fn new(limits: ContextLimits) -> Self {
        let (exchanges_left, chars_left) = (limits.messages, limits.chars as usize);
        Self { newest_first: Vec::new(), exchanges_left, chars_left, is_complete: limits.messages == 0 }
    }

    /// The first exchange that has no room ends it: what came before would have a gap behind it.
    fn extend(&mut self, past: PastExchange) {
        match self.chars_left.checked_sub(past.chars()) {
            Some(chars_left) if !self.is_complete => {
                self.chars_left = chars_left;
                self.exchanges_left -= 1;
                self.is_complete = self.exchanges_left == 0;
                self.newest_first.push(past);
            }
            _ => self.is_complete = true,
        }
    }

    fn oldest_first(mut self) -> Vec<PastExchange> {
        self.newest_first.reverse();
        self.newest_first
    }
}
