//! Ledger entries.

use domain::credits::Credits;
use domain::ids::{ApiKeyId, ConversationId, EntryId, UserId};
use domain::invalid_field::InvalidField;
use domain::message::FinishReason;
use domain::pricing::{Prices, Usage};
use serde::{Deserialize, Serialize};
use store::Key;

use crate::exchange::{Exchange, StoredReply};
use crate::texts::TextPlace;

/// Longest model name in bytes, so that an entry stays within [`Entry::MAX_BYTES`].
pub const MAX_MODEL_BYTES: usize = 256;

/// The prefix of every entry's sort key.
pub(crate) const SORT_KEY_PREFIX: &str = "ENTRY#";

/// The key of an entry.
#[must_use]
pub fn key(user_id: UserId, entry_id: EntryId) -> Key {
    Key::of_user(user_id, format!("{SORT_KEY_PREFIX}{entry_id}"))
}

/// A ledger entry: one change in credits. Entries are added and never changed. An entry has at most [`Entry::MAX_BYTES`],
/// because it holds money and no text.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// The kind of change.
    pub kind: EntryKind,
    /// Credits: positive if the user gets them, negative if the user spends them.
    pub amount: i64,
    /// The time of the change, in RFC 3339.
    pub created_at: String,
    /// Of credits that were given or taken back: by whom, or by what. Absent in the grant that an account begins with, and in
    /// entries of earlier releases.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<EntrySource>,
    /// Of a chat: the id of the model that replied, as the catalogue has it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// Of a chat: the tokens that the message took.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub usage: Option<Usage>,
    /// Of a chat: the prices of its model. Entries of releases before the catalogue have none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prices: Option<Prices>,
    /// Of a chat: the version of the catalogue that has these prices. Absent if they are those of the settings.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub catalogue: Option<u64>,
    /// Of a chat that cost more than was held: what was held, which is all that was charged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub capped_at: Option<Credits>,
    /// Of a chat: the reason why the reply ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub finish_reason: Option<FinishReason>,
    /// Of a chat that a program paid for with an API key: the key's id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub api_key: Option<ApiKeyId>,
    /// Of a chat whose exchange is stored: its conversation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub conversation: Option<ConversationId>,
    /// Of a chat whose exchange is stored: the place of its texts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub texts: Option<TextPlace>,
    /// Of a chat whose exchange is stored: the bytes of its texts in JSON, by which a list ends a page before it reads
    /// them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub json_bytes: Option<u64>,
    /// Of a chat whose exchange was stored under a [retention](crate::retention): the time from which its texts are gone, in
    /// seconds since the Unix epoch. It is not named as the attribute is by which DynamoDB's TTL deletes items, since
    /// entries stay.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub texts_until: Option<u64>,
}

impl Entry {
    /// Most bytes of an entry, as DynamoDB counts them: one write unit.
    pub const MAX_BYTES: usize = 1024;

    /// The entry of the credits that a new account begins with.
    pub(crate) fn starting_grant(amount: Credits, created_at: String) -> Self {
        Self::bare(EntryKind::Grant, amount.gained(), created_at)
    }

    /// The entry of credits that are given, or taken back.
    pub(crate) fn credited(amount: i64, source: EntrySource, created_at: String) -> Self {
        let kind = if amount > 0 { EntryKind::Grant } else { EntryKind::Adjustment };
        Self { source: Some(source), ..Self::bare(kind, amount, created_at) }
    }

    /// The entry of a message that was answered, for which `held` was held. `texts` is the place of the exchange's texts,
    /// if it is stored.
    pub(crate) fn chat(held: Credits, exchange: Exchange<'_>, texts: Option<TextPlace>, created_at: String) -> Self {
        let StoredReply { model, usage, finish_reason, .. } = exchange.reply;
        Self {
            model: Some(model.clone()),
            usage: Some(*usage),
            prices: Some(exchange.bill.prices),
            catalogue: exchange.bill.catalogue,
            capped_at: (exchange.cost() > held).then_some(held),
            finish_reason: Some(*finish_reason),
            conversation: exchange.conversation,
            texts: exchange.conversation.and(texts),
            json_bytes: exchange.conversation.map(|_| exchange.json_bytes()),
            ..Self::bare(EntryKind::Chat, exchange.charged(held).spent(), created_at)
        }
    }

    /// The cost of a chat, as the audit computes it again. `None` for other kinds, and for entries of releases before the
    /// catalogue, which have no prices.
    #[cfg(test)]
    pub(crate) fn cost_by_its_prices(&self) -> Option<Credits> {
        let Self { kind, usage, prices, capped_at, .. } = *self;
        Costing { kind, usage, prices, capped_at }.cost()
    }

    /// The entry of a message that is never charged.
    pub(crate) fn void(created_at: String) -> Self {
        Self::bare(EntryKind::Void, 0, created_at)
    }

    fn bare(kind: EntryKind, amount: i64, created_at: String) -> Self {
        Self {
            kind,
            amount,
            created_at,
            source: None,
            model: None,
            usage: None,
            prices: None,
            catalogue: None,
            capped_at: None,
            finish_reason: None,
            api_key: None,
            conversation: None,
            texts: None,
            json_bytes: None,
            texts_until: None,
        }
    }
}

/// The attributes of an entry that the amount of a chat follows from.
#[derive(Clone, Copy, Debug, Deserialize)]
pub(crate) struct Costing {
    pub(crate) kind: EntryKind,
    #[serde(default)]
    pub(crate) usage: Option<Usage>,
    #[serde(default)]
    pub(crate) prices: Option<Prices>,
    #[serde(default)]
    pub(crate) capped_at: Option<Credits>,
}

impl Costing {
    /// The cost of a chat by its prices, whatever was held. Without a usage it is that of no tokens. `None` for other
    /// kinds, and without prices.
    pub(crate) fn cost(&self) -> Option<Credits> {
        let prices = self.prices.filter(|_| self.kind == EntryKind::Chat)?;
        Some(prices.cost(&self.usage.unwrap_or_default()))
    }
}

/// The side that gave credits or took them back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EntrySource {
    /// A superuser.
    Staff,
    /// An operator, who invoked a function.
    Operator,
    /// A voucher that the user redeemed.
    Voucher,
    /// The invitation by which the user registered.
    Invitation,
    /// The account's allowance.
    Allowance,
}

/// A kind of change in credits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EntryKind {
    /// Credits were given.
    Grant,
    /// A message was answered and charged.
    Chat,
    /// Staff or an operator took credits back.
    Adjustment,
    /// No credits changed. The message of this id is never charged, even if a capture of it arrives late.
    Void,
}

impl EntryKind {
    /// The kinds that are on a list. A void entry is on none.
    const LISTED: [Self; 3] = [Self::Grant, Self::Chat, Self::Adjustment];

    /// Parses the query parameter `kind` of a list.
    ///
    /// # Errors
    /// [`InvalidField`] naming the kinds.
    pub fn parse_listed(text: &str) -> Result<Self, InvalidField> {
        let kind = Self::LISTED.into_iter().find(|kind| kind.as_str() == text);
        kind.ok_or_else(|| InvalidField::new("Ensure this is grant, chat or adjustment."))
    }

    /// The word for it, in the table and at the API.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Grant => "grant",
            Self::Chat => "chat",
            Self::Adjustment => "adjustment",
            Self::Void => "void",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    use domain::time::Timestamp;
    use store::item_bytes;

    use crate::exchange::Bill;
    use crate::testing::{message, stored_reply};

    #[test]
    fn an_entry_without_prices_is_read_and_only_a_chat_with_them_has_a_cost() {
        let old =
            r#"{"kind": "chat", "amount": -3, "created_at": "", "usage": {"input_tokens": 1, "output_tokens": 2}}"#;
        let old: Entry = serde_json::from_str(old).unwrap();
        assert_eq!((old.prices, old.catalogue, old.capped_at, old.cost_by_its_prices()), (None, None, None, None));
        let (message, reply, cost) = (message("Hello"), stored_reply("Hi"), Credits::new(3).unwrap());
        let bill = Bill { catalogue: Some(7), ..Bill::of(cost) };
        let exchange = Exchange { message: &message, reply: &reply, conversation: None, bill };
        let chat = Entry::chat(Credits::MAX, exchange, None, String::new());
        assert_eq!((chat.prices, chat.catalogue, chat.cost_by_its_prices()), (Some(bill.prices), Some(7), Some(cost)));
        let grant = Entry {
            prices: chat.prices,
            usage: chat.usage,
            ..Entry::credited(5, EntrySource::Operator, String::new())
        };
        assert_eq!(grant.cost_by_its_prices(), None);
    }

    #[test]
    fn a_kind_is_written_as_its_word_and_a_void_one_is_on_no_list() {
        for kind in EntryKind::LISTED.into_iter().chain([EntryKind::Void]) {
            assert_eq!(serde_json::to_value(kind).unwrap(), kind.as_str());
            assert_eq!(EntryKind::parse_listed(kind.as_str()).ok(), Some(kind).filter(|kind| *kind != EntryKind::Void));
        }
        assert!(EntryKind::parse_listed("Chat").is_err() && EntryKind::parse_listed("").is_err());
    }

    #[test]
    fn an_entry_with_every_field_at_its_longest_is_one_write_unit() {
        let (most, max) = (u64::from(Credits::MAX), Credits::MAX);
        let usage = Usage {
            cached_input_tokens: most,
            cache_write_tokens: most,
            reasoning_tokens: most,
            images: u32::MAX,
            ..Usage::estimated(most, most)
        };
        let entry = Entry {
            kind: EntryKind::Adjustment,
            amount: Credits::MAX.spent(),
            created_at: Timestamp::from_seconds(253_402_300_799).to_string(),
            source: Some(EntrySource::Invitation),
            model: Some("\u{1f600}".repeat(MAX_MODEL_BYTES / 4)),
            usage: Some(usage),
            prices: Some(Prices { request: max, image: max, ..Prices::per_token(max, max) }),
            catalogue: Some(u64::MAX),
            capped_at: Some(max),
            finish_reason: Some(FinishReason::ContentFilter),
            api_key: Some(ApiKeyId::last_of(Timestamp::from_milliseconds(u64::MAX))),
            conversation: Some(ConversationId::FIRST),
            texts: Some(TextPlace::Inline),
            json_bytes: Some(u64::MAX),
            texts_until: Some(253_402_300_799),
        };
        let clock = domain::time::Clock::manual(Timestamp::from_seconds(1));
        let item = key(UserId::new(&clock), EntryId::new(&clock)).with(&entry).unwrap();
        assert!(item_bytes(&item) <= Entry::MAX_BYTES, "{} bytes", item_bytes(&item));
    }
}
