//! Checkpoints: up to which entry an account's history is summed, and the sums.

use std::collections::BTreeMap;

use aws_lc_rs::digest::{SHA256, digest};
use aws_sdk_dynamodb::types::{AttributeValue, Put, TransactWriteItem};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use domain::credits::Credits;
use domain::ids::{EntryId, UserId};
use serde::{Deserialize, Serialize};
use store::{Item, Key, StoreError, Table, number, transaction};

use crate::audited_entry::{AuditedEntry, Recomputed};

/// The item that says how far an account's entries are summed. Whoever moves it requires that it is as it was read.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Checkpoint {
    /// The last entry in the sums. Absent before the first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) through: Option<EntryId>,
    pub(crate) history: HistorySum,
    /// Counts the moves. There is no item before the first.
    pub(crate) version: u64,
    /// Whether the entries were found to be others than those that were summed.
    #[serde(default, skip_serializing_if = "is_false")]
    pub(crate) is_altered: bool,
    /// Whether the sums are being thrown away, to be [summed again](crate::summing_again). Until then there are none.
    #[serde(default, skip_serializing_if = "is_false")]
    pub(crate) is_clearing: bool,
    /// Set from the beginning of [summing again](crate::summing_again) until an operator's call ends it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) again: Option<SummingAgain>,
    /// How many times they were thrown away.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub(crate) times_again: u64,
}

/// Entries that are summed again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct SummingAgain {
    /// The entry up to which they were summed before.
    pub(crate) to: EntryId,
    /// In milliseconds since the Unix epoch.
    pub(crate) began_at: u64,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_false(value: &bool) -> bool {
    !value
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_zero(number: &u64) -> bool {
    *number == 0
}

/// The sums of entries that follow each other, void entries left out.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct HistorySum {
    /// The number of entries.
    pub(crate) entries: u64,
    /// The sum of their amounts.
    pub(crate) amount: i64,
    /// The chain of their digests: the SHA-256 of the chain before and the entry, again and again. Empty before the first.
    pub(crate) chain: String,
    /// The chats without prices.
    #[serde(default)]
    pub(crate) unpriced: u64,
    /// The entries whose cost cannot be computed again for another reason.
    #[serde(default)]
    pub(crate) unreadable: u64,
    /// The number of chats whose amount is not what they cost.
    #[serde(default)]
    pub(crate) mispriced: u64,
    /// The first of them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) first_mispriced: Vec<MispricedChat>,
}

/// A chat whose amount is not what its usage costs at its prices.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct MispricedChat {
    pub(crate) entry: EntryId,
    pub(crate) amount: i64,
    /// The credits that should have been charged.
    pub(crate) cost: Credits,
}

impl Checkpoint {
    /// The sort key of every checkpoint.
    pub(crate) const SORT_KEY: &str = "CHECKPOINT";

    pub(crate) fn key(user_id: UserId) -> Key {
        Key::of_user(user_id, Self::SORT_KEY)
    }

    /// The part of a transaction that puts this checkpoint in the place of the one of the version before.
    pub(crate) fn replace(&self, table: &Table, user_id: UserId) -> Result<TransactWriteItem, StoreError> {
        let put = Put::builder().table_name(table.name()).set_item(Some(Self::key(user_id).with(self)?));
        let put = match self.version.saturating_sub(1) {
            0 => put.condition_expression("attribute_not_exists(pk)"),
            before => {
                put.condition_expression("version = :before").expression_attribute_values(":before", number(before))
            }
        };
        transaction::put(put)
    }
}

impl HistorySum {
    /// Most mispriced chats that are named.
    const MAX_NAMED: usize = 10;

    /// Adds the entry that was read from `item`, unless it is void.
    pub(crate) fn add(&mut self, item: &Item, entry: &AuditedEntry) {
        if entry.is_void() {
            return;
        }
        self.entries += 1;
        self.amount = self.amount.saturating_add(entry.amount);
        self.chain = URL_SAFE_NO_PAD.encode(digest(&SHA256, &[self.chain.as_bytes(), &canonical(item)].concat()));
        match entry.recomputed() {
            Recomputed::Right => {}
            Recomputed::Unpriced => self.unpriced += 1,
            Recomputed::Unreadable => self.unreadable += 1,
            Recomputed::Mispriced { entry: id, cost } => {
                self.mispriced += 1;
                if self.first_mispriced.len() < Self::MAX_NAMED {
                    self.first_mispriced.push(MispricedChat { entry: id, amount: entry.amount, cost });
                }
            }
        }
    }

    /// Whether both are sums of the same entries.
    pub(crate) fn is_of_the_same(&self, other: &Self) -> bool {
        (self.entries, self.amount, &self.chain) == (other.entries, other.amount, &other.chain)
    }
}

/// An item as bytes that are its own: whatever is in it, sorted by names, also attributes that this release does not know.
/// The partition is left out, because it is that of the checkpoint.
fn canonical(item: &Item) -> Vec<u8> {
    let mut bytes = Vec::new();
    let attributes: BTreeMap<&String, &AttributeValue> = item.iter().filter(|(name, _)| *name != "pk").collect();
    for (name, value) in attributes {
        put_bytes(&mut bytes, name.as_bytes());
        put_value(&mut bytes, value);
    }
    bytes
}

fn put_bytes(bytes: &mut Vec<u8>, part: &[u8]) {
    bytes.extend((part.len() as u64).to_be_bytes());
    bytes.extend(part);
}

fn put_value(bytes: &mut Vec<u8>, value: &AttributeValue) {
    match value {
        AttributeValue::S(text) => {
            bytes.push(b'S');
            put_bytes(bytes, text.as_bytes());
        }
        AttributeValue::N(digits) => {
            bytes.push(b'N');
            put_bytes(bytes, digits.as_bytes());
        }
        AttributeValue::Bool(value) => bytes.extend([b'T', u8::from(*value)]),
        AttributeValue::M(members) => {
            let members: BTreeMap<&String, &AttributeValue> = members.iter().collect();
            bytes.push(b'M');
            bytes.extend((members.len() as u64).to_be_bytes());
            for (name, value) in members {
                put_bytes(bytes, name.as_bytes());
                put_value(bytes, value);
            }
        }
        AttributeValue::L(values) => {
            bytes.push(b'L');
            bytes.extend((values.len() as u64).to_be_bytes());
            for value in values {
                put_value(bytes, value);
            }
        }
        // An entry has no other: what another release may add is told apart by its text.
        other => {
            bytes.push(b'?');
            put_bytes(bytes, format!("{other:?}").as_bytes());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    use domain::time::{Clock, Timestamp};
    use serde_json::json;

    use crate::entry;

    fn read_back(item: &Item) -> HistorySum {
        let mut sum = HistorySum::default();
        sum.add(item, &AuditedEntry::of(item).unwrap());
        sum
    }

    #[test]
    fn a_chain_differs_for_whatever_is_changed_in_an_entry_and_not_for_the_order_of_its_attributes() {
        let clock = Clock::manual(Timestamp::from_seconds(1_800_000_000));
        let (user, id) = (UserId::new(&clock), EntryId::new(&clock));
        let entry = json!({"kind": "chat", "amount": -3, "usage": {"a": 1, "b": [true, "x"]}, "created_at": "x"});
        let item = entry::key(user, id).with(&entry).unwrap();
        let chain = read_back(&item).chain;
        let reversed: Item =
            item.iter().collect::<Vec<_>>().into_iter().rev().map(|(a, b)| (a.clone(), b.clone())).collect();
        assert_eq!(read_back(&reversed).chain, chain);
        assert_eq!(read_back(&entry::key(UserId::new(&clock), id).with(&entry).unwrap()).chain, chain);
        for other in [
            json!({"kind": "chat", "amount": -4, "usage": {"a": 1, "b": [true, "x"]}, "created_at": "x"}),
            json!({"kind": "chat", "amount": -3, "usage": {"a": 1, "b": [false, "x"]}, "created_at": "x"}),
            json!({"kind": "chat", "amount": -3, "usage": {"a": "1", "b": [true, "x"]}, "created_at": "x"}),
            json!({"kind": "chat", "amount": -3, "usage": {"a": 1, "b": [true, "x"]}, "created_at": "x", "new": null}),
        ] {
            assert_ne!(read_back(&entry::key(user, id).with(&other).unwrap()).chain, chain, "{other}");
        }
        assert_ne!(read_back(&entry::key(user, EntryId::new(&clock)).with(&entry).unwrap()).chain, chain);
    }

    #[test]
    fn a_void_entry_is_no_part_of_a_sum() {
        let clock = Clock::manual(Timestamp::from_seconds(1_800_000_000));
        let void = json!({"kind": "void", "amount": 0, "created_at": "x"});
        let item = entry::key(UserId::new(&clock), EntryId::new(&clock)).with(&void).unwrap();
        assert_eq!(read_back(&item), HistorySum::default());
    }
}
