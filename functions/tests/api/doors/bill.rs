//! The bill of an exchange: the entry of the ledger, computed again here.

use serde_json::{Value, json};

use crate::doors::case::Counts;

/// The credits of a token of each kind, of a request and of an image.
const INPUT: u64 = 2;
const CACHED: u64 = 1;
const CACHE_WRITE: u64 = 3;
const OUTPUT: u64 = 5;
const REQUEST: u64 = 7;
const IMAGE: u64 = 11;

/// The prices of every model, as the catalogue has them.
pub fn prices() -> Value {
    let million = |credits: u64| credits * 1_000_000;
    json!({
        "input": million(INPUT),
        "cached_input": million(CACHED),
        "cache_write": million(CACHE_WRITE),
        "output": million(OUTPUT),
        "request": REQUEST,
        "image": IMAGE,
    })
}

/// What was charged: the counts of the entry, its prices, and the credits.
#[derive(Clone, Debug, PartialEq)]
pub struct Bill {
    pub counts: Counts,
    pub images: u64,
    pub prices: Value,
    pub cost: u64,
}

impl Bill {
    /// The bill that an entry is.
    pub fn of(entry: &Value) -> Self {
        let usage = &entry["usage"]["M"];
        let count = |name: &str| usage[name]["N"].as_str().map_or(0, |number| number.parse().unwrap());
        let amount: i64 = entry["amount"]["N"].as_str().unwrap().parse().unwrap();
        Self {
            counts: Counts {
                input: count("input_tokens"),
                cached: count("cached_input_tokens"),
                cache_write: count("cache_write_tokens"),
                output: count("output_tokens"),
                reasoning: count("reasoning_tokens"),
            },
            images: count("images"),
            prices: entry["prices"]["M"].clone(),
            cost: amount.checked_neg().and_then(|cost| u64::try_from(cost).ok()).unwrap(),
        }
    }

    /// The credits that its counts cost.
    pub fn expected_cost(&self) -> u64 {
        let Counts { input, cached, cache_write, output, .. } = self.counts;
        let read = (input - cached - cache_write) * INPUT + cached * CACHED + cache_write * CACHE_WRITE;
        read + output * OUTPUT + REQUEST + self.images * IMAGE
    }

    /// The bill without the count of reasoning, which has no price and which some protocols lack.
    pub fn without_reasoning(&self) -> Self {
        Self { counts: Counts { reasoning: 0, ..self.counts }, ..self.clone() }
    }
}
