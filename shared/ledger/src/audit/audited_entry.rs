//! Entries, as far as the audit reads them.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;
use domain::credits::Credits;
use domain::ids::EntryId;
use serde::Deserialize;
use store::{StoreError, from_item};

use crate::entry::{Costing, EntryKind};
use crate::texts::id_in_sort_key;

/// The amount of an entry, and the attributes that it follows from.
///
/// Another release may have written the entry, so only the amount must be as this one writes it: an entry of another shape
/// does not keep its account from being added up.
#[derive(Clone, Debug)]
pub(super) struct AuditedEntry {
    pub(super) sort_key: String,
    pub(super) amount: i64,
    /// `None` if it cannot be read.
    costing: Option<(EntryId, Costing)>,
}

#[derive(Deserialize)]
struct SortKeyAndAmount {
    sk: String,
    amount: i64,
}

/// The outcome of computing the cost of an entry again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Recomputed {
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
    /// The attributes that an entry is read with. `usage` is a reserved word, so those that may become one have names.
    pub(super) const PROJECTION: &'static str = "sk, amount, #kind, #usage, #prices, #capped_at";
    pub(super) const NAMES: [(&'static str, &'static str); 4] =
        [("#kind", "kind"), ("#usage", "usage"), ("#prices", "prices"), ("#capped_at", "capped_at")];

    /// # Errors
    /// [`StoreError::Internal`] if its amount is no whole number.
    pub(super) fn of(item: HashMap<String, AttributeValue>) -> Result<Self, StoreError> {
        let id = id_in_sort_key(&item).ok();
        let SortKeyAndAmount { sk, amount } = from_item(item.clone())?;
        Ok(Self { sort_key: sk, amount, costing: id.zip(from_item(item).ok()) })
    }

    /// Computes the cost again from usage and prices. Prices without a usage are wrong, whatever they are.
    pub(super) fn recomputed(&self) -> Recomputed {
        let Some((entry, costing)) = self.costing else { return Recomputed::Unreadable };
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
        AuditedEntry::of(entry::key(UserId::new(&clock), id).with(entry).unwrap()).unwrap()
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
