//! Entries, as far as the audit reads them.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;
use domain::credits::Credits;
use domain::ids::EntryId;
use domain::pricing::{Prices, Usage};
use serde::Deserialize;
use store::{StoreError, from_item};

use crate::entry::EntryKind;
use crate::texts::id_in_sort_key;

/// The amount of an entry, and the usage and prices that it follows from.
#[derive(Clone, Debug)]
pub(super) struct AuditedEntry {
    pub(super) id: EntryId,
    amounts: Amounts,
}

#[derive(Clone, Debug, Deserialize)]
struct Amounts {
    kind: EntryKind,
    amount: i64,
    #[serde(default)]
    usage: Option<Usage>,
    #[serde(default)]
    prices: Option<Prices>,
    #[serde(default)]
    capped_at: Option<Credits>,
}

/// The outcome of computing the cost of an entry again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Recomputed {
    /// Its amount is what it costs by its prices, or it is no chat.
    Right,
    /// It should have been charged at `cost`.
    Mispriced { cost: Credits },
    /// It is a chat of a release before the catalogue, without prices.
    Unpriced,
}

impl AuditedEntry {
    /// The attributes that an entry is read with. `usage` is a reserved word, so those that may become one have names.
    pub(super) const PROJECTION: &'static str = "sk, amount, #kind, #usage, #prices, #capped_at";
    pub(super) const NAMES: [(&'static str, &'static str); 4] =
        [("#kind", "kind"), ("#usage", "usage"), ("#prices", "prices"), ("#capped_at", "capped_at")];

    pub(super) fn of(item: HashMap<String, AttributeValue>) -> Result<Self, StoreError> {
        Ok(Self { id: id_in_sort_key(&item)?, amounts: from_item(item)? })
    }

    pub(super) fn amount(&self) -> i64 {
        self.amounts.amount
    }

    /// Computes the cost again from usage and prices. Prices without a usage are wrong, whatever they are.
    pub(super) fn recomputed(&self) -> Recomputed {
        let Amounts { kind, amount, usage, prices, capped_at } = &self.amounts;
        if *kind != EntryKind::Chat {
            return Recomputed::Right;
        }
        let Some(prices) = prices else { return Recomputed::Unpriced };
        let cost = prices.cost(&usage.unwrap_or_default()).min(capped_at.unwrap_or(Credits::MAX));
        if usage.is_some() && *amount == cost.spent() { Recomputed::Right } else { Recomputed::Mispriced { cost } }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    use domain::ids::UserId;
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

    /// The entry as the table has it.
    fn read_back(entry: &Entry) -> AuditedEntry {
        let clock = Clock::manual(Timestamp::from_seconds(1));
        let key = entry::key(UserId::new(&clock), EntryId::new(&clock));
        AuditedEntry::of(key.with(entry).unwrap()).unwrap()
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
            prop_assert_eq!(entry.amount, prices.cost(&usage).min(held).spent());
            prop_assert_eq!(read_back(&entry).recomputed(), Recomputed::Right);
            if other.spent() != entry.amount {
                let cost = exchange.charged(held);
                let changed = Entry { amount: other.spent(), ..entry };
                prop_assert_eq!(read_back(&changed).recomputed(), Recomputed::Mispriced { cost });
            }
        }
    }
}
