//! Entries, as far as the audit reads them.

use domain::calendar::Day;
use domain::credits::Credits;
use domain::ids::{ApiKeyId, EntryId};
use serde::Deserialize;
use store::{Item, StoreError, from_item};

use crate::entry::{Costing, EntryKind};
use crate::texts::id_in_sort_key;
use crate::usage_sums::{UsagePlace, UsageSums};

/// The amount of an entry, and the attributes that it follows from.
///
/// Another release may have written the entry, so only the amount must be as this one writes it: an entry of another shape
/// does not keep its account from being added up.
#[derive(Clone, Debug)]
pub(crate) struct AuditedEntry {
    pub(crate) sort_key: String,
    pub(crate) amount: i64,
    /// `None` if it cannot be read.
    pub(crate) id: Option<EntryId>,
    /// `None` if it cannot be read.
    costing: Option<Costing>,
    /// `None` if it cannot be read, or the entry is no chat.
    asked: Option<Asked>,
}

/// What a chat was asked by, and of which model.
#[derive(Clone, Debug, Deserialize)]
struct Asked {
    kind: EntryKind,
    #[serde(default)]
    model: Option<String>,
    #[serde(default)]
    api_key: Option<ApiKeyId>,
}

#[derive(Deserialize)]
struct SortKeyAndAmount {
    sk: String,
    amount: i64,
}

/// The outcome of computing the cost of an entry again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Recomputed {
    /// Its amount is what it costs by its prices, or it is no chat.
    Right,
    /// It should have been charged at `cost`.
    Mispriced { entry: EntryId, cost: Credits },
    /// It is a chat of a release before the catalogue, without prices.
    Unpriced,
    /// Its id, kind, usage or prices are not as this release writes them.
    Unreadable,
}

impl AuditedEntry {
    /// # Errors
    /// [`StoreError::Internal`] if its amount is no whole number.
    pub(crate) fn of(item: &Item) -> Result<Self, StoreError> {
        let SortKeyAndAmount { sk, amount } = from_item(item.clone())?;
        let asked = from_item(item.clone()).ok().filter(|asked: &Asked| asked.kind == EntryKind::Chat);
        Ok(Self { sort_key: sk, amount, id: id_in_sort_key(item).ok(), costing: from_item(item.clone()).ok(), asked })
    }

    /// Whether it says that a message is never charged. A void entry is no part of a sum: it may appear at any time above
    /// the seal, without a change of the account.
    pub(crate) fn is_void(&self) -> bool {
        self.costing.is_some_and(|costing| costing.kind == EntryKind::Void) && self.amount == 0
    }

    /// The place in the days' sums in which the entry counts, if it is a chat with a readable id, and what it adds there. A
    /// usage that cannot be read counts as none.
    pub(crate) fn usage(&self) -> Option<(UsagePlace, UsageSums)> {
        let asked = self.asked.as_ref()?;
        let day = Day::of(self.id?.made_at());
        let place = UsagePlace { day, api_key: asked.api_key, model: asked.model.clone().unwrap_or_default() };
        let usage = self.costing.and_then(|costing| costing.usage).unwrap_or_default();
        Some((place, UsageSums::of_chat(&usage, self.charged())))
    }

    /// The credits that it took.
    fn charged(&self) -> u64 {
        if self.amount < 0 { self.amount.unsigned_abs() } else { 0 }
    }

    /// Computes the cost again from usage and prices. Prices without a usage are wrong, whatever they are.
    pub(crate) fn recomputed(&self) -> Recomputed {
        let Some((entry, costing)) = self.id.zip(self.costing) else { return Recomputed::Unreadable };
        let Some(cost) = costing.cost() else {
            return if costing.kind == EntryKind::Chat { Recomputed::Unpriced } else { Recomputed::Right };
        };
        let cost = cost.min(costing.capped_at.unwrap_or(Credits::MAX));
        let is_right = costing.usage.is_some() && self.amount == cost.spent();
        if is_right { Recomputed::Right } else { Recomputed::Mispriced { entry, cost } }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    use domain::ids::UserId;
    use domain::pricing::{Prices, Usage};
    use domain::time::{Clock, Timestamp};
    use proptest::prelude::*;

    use crate::entry::{self, Entry};
    use crate::exchange::{Bill, Exchange, StoredReply};
    use crate::testing::{message, stored_reply};

    fn any_credits() -> impl Strategy<Value = Credits> {
        let most = u64::from(Credits::MAX);
        prop_oneof![Just(0), 0..10_000_000_u64, 0..=most].prop_map(|amount| Credits::new(amount).unwrap())
    }

    fn any_prices() -> impl Strategy<Value = Prices> {
        let tokens = (any_credits(), any_credits(), any_credits(), any_credits());
        (tokens, any_credits(), any_credits()).prop_map(
            |((input, cached_input, cache_write, output), request, image)| Prices {
                input,
                cached_input,
                cache_write,
                output,
                request,
                image,
            },
        )
    }

    fn any_usage() -> impl Strategy<Value = Usage> {
        let count = || prop_oneof![Just(0), 0..2000_u64, any::<u64>()];
        ((count(), count(), count()), (count(), count()), 0..9_u32).prop_map(|(input, output, images)| Usage {
            cached_input_tokens: input.1,
            cache_write_tokens: input.2,
            reasoning_tokens: output.1,
            images,
            ..Usage::counted(input.0, output.0)
        })
    }

    /// The entry of the id, as the table has it.
    fn read_back(id: EntryId, entry: &Entry) -> AuditedEntry {
        let clock = Clock::manual(Timestamp::from_seconds(1));
        AuditedEntry::of(&entry::key(UserId::new(&clock), id).with(entry).unwrap()).unwrap()
    }

    proptest! {
        #[test]
        fn the_entry_of_any_capture_is_right_and_with_any_other_amount_it_is_not(
            prices in any_prices(),
            usage in any_usage(),
            held in any_credits(),
            other in any_credits(),
            catalogue in prop::option::of(any::<u64>()),
        ) {
            let (message, reply) = (message("Hello"), StoredReply { usage, ..stored_reply("Hi") });
            let bill = Bill { prices, catalogue };
            let exchange = Exchange { message: &message, reply: &reply, conversation: None, bill };
            let entry = Entry::chat(held, exchange, None, String::new());
            let id = EntryId::new(&Clock::manual(Timestamp::from_seconds(1)));
            prop_assert_eq!(entry.amount, prices.cost(&usage).min(held).spent());
            prop_assert_eq!(read_back(id, &entry).recomputed(), Recomputed::Right);
            if other.spent() != entry.amount {
                let cost = exchange.charged(held);
                let changed = Entry { amount: other.spent(), ..entry };
                prop_assert_eq!(read_back(id, &changed).recomputed(), Recomputed::Mispriced { entry: id, cost });
            }
        }
    }
}
