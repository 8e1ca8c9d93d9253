//! Costs and quotes, by a few examples and for any prices.

use proptest::prelude::*;

use super::*;
use crate::credits::Credits;

fn credits(amount: u64) -> Credits {
    Credits::new(amount).unwrap()
}

fn cost(prices: Prices, usage: Usage) -> u64 {
    prices.cost(&usage).into()
}

/// Amounts of every size: free, small ones, and the largest.
fn any_credits() -> impl Strategy<Value = Credits> {
    prop_oneof![
        Just(0),
        0..100_u64,
        0..1_000_000_000_000_u64,
        0..=u64::from(Credits::MAX),
        Just(u64::from(Credits::MAX)),
    ]
    .prop_map(credits)
}

fn any_prices() -> impl Strategy<Value = Prices> {
    let tokens = (any_credits(), any_credits(), any_credits(), any_credits());
    (tokens, any_credits(), any_credits()).prop_map(|((input, cached_input, cache_write, output), request, image)| {
        Prices { input, cached_input, cache_write, output, request, image }
    })
}

fn any_count() -> impl Strategy<Value = u64> {
    prop_oneof![Just(0), 0..2000_u64, any::<u64>()]
}

/// Any counts that a provider may report, also those that cannot be true.
pub(super) fn any_usage() -> impl Strategy<Value = Usage> {
    let input = (any_count(), any_count(), any_count());
    (input, any_count(), any_count(), 0..10_u32, any::<bool>()).prop_map(
        |(
            (input_tokens, cached_input_tokens, cache_write_tokens),
            output_tokens,
            reasoning_tokens,
            images,
            estimated,
        )| {
            Usage {
                input_tokens,
                cached_input_tokens,
                cache_write_tokens,
                output_tokens,
                reasoning_tokens,
                images,
                estimated,
            }
        },
    )
}

fn any_limits() -> impl Strategy<Value = OutputLimits> {
    let most = prop_oneof![1..5000_u32, 1..=u32::MAX];
    most.prop_flat_map(|most| (0..=most).prop_map(move |least| OutputLimits { most, least }))
}

#[test]
fn tokens_are_rounded_up_once_per_message() {
    let prices = Prices::per_token(credits(3_000), credits(15_000));
    for (input, output, expected) in [(0, 0, 0), (1, 0, 1), (1, 1, 1), (100, 40, 1), (100, 47, 2), (1000, 1000, 18)] {
        assert_eq!(cost(prices, Usage::counted(input, output)), expected, "{input} and {output}");
    }
}

#[test]
fn each_token_has_its_own_price_and_reasoning_is_output() {
    let prices = Prices {
        input: credits(10_000_000),
        cached_input: credits(1_000_000),
        cache_write: credits(12_000_000),
        output: credits(100_000_000),
        request: credits(7),
        image: credits(1_000),
    };
    let usage =
        Usage { cached_input_tokens: 3, cache_write_tokens: 2, reasoning_tokens: 4, images: 2, ..Usage::counted(9, 5) };
    assert_eq!(cost(prices, usage), 4 * 10 + 3 + 2 * 12 + 5 * 100 + 7 + 2 * 1_000);
    let quote = prices.quote(9, 2, OutputLimits { most: 5, least: 1 });
    assert_eq!(u64::from(quote.most()), 9 * 12 + 5 * 100 + 7 + 2 * 1_000);
    assert_eq!(u64::from(quote.least()), 9 * 12 + 100 + 7 + 2 * 1_000);
}

#[test]
fn a_request_at_its_own_price_costs_the_same_however_long_it_is() {
    let prices = Prices::per_request(credits(5));
    assert_eq!(cost(prices, Usage::counted(1_000_000, 1_000_000)), 5);
    let quote = prices.quote(1_000_000, 0, OutputLimits { most: 100, least: 10 });
    assert_eq!((quote.most(), quote.least(), quote.max_output_tokens(credits(5))), (credits(5), credits(5), 100));
    assert_eq!(quote.max_output_tokens(credits(4)), 0, "four credits do not pay for it");
}

#[test]
fn each_choice_costs_its_output_and_all_of_them_one_input() {
    let prices = Prices { request: credits(7), ..Prices::per_token(credits(1_000_000), credits(10_000_000)) };
    let quote = prices.quote(9, 0, OutputLimits { most: 5, least: 1 }).for_choices(3);
    assert_eq!((u64::from(quote.least()), u64::from(quote.most())), (7 + 9 + 3 * 10, 7 + 9 + 3 * 5 * 10));
    for (held, longest) in [(7 + 9 + 29, 0), (7 + 9 + 30, 1), (7 + 9 + 119, 3), (7 + 9 + 150, 5), (1000, 5)] {
        assert_eq!(quote.max_output_tokens(credits(held)), longest, "{held}");
    }
}

#[test]
fn a_price_of_zero_is_left_out_of_json_and_may_be_missing() {
    for (prices, json) in [
        (Prices::default(), "{}"),
        (Prices::per_request(credits(5)), r#"{"request":5}"#),
        (Prices::per_token(credits(3), credits(4)), r#"{"input":3,"cached_input":3,"cache_write":3,"output":4}"#),
    ] {
        assert_eq!(serde_json::to_string(&prices).unwrap(), json);
        assert_eq!(serde_json::from_str::<Prices>(json).unwrap(), prices);
    }
}

/// The cost at prices for 1,000 tokens, as releases before the catalogue computed it.
fn cost_by_thousands(input_cost: u64, output_cost: u64, usage: &Usage) -> Credits {
    let thousandths = u128::from(input_cost) * u128::from(usage.input_tokens)
        + u128::from(output_cost) * u128::from(usage.output_tokens);
    u64::try_from(thousandths.div_ceil(1000)).ok().and_then(|cost| Credits::new(cost).ok()).unwrap_or(Credits::MAX)
}

proptest! {
    #[test]
    fn a_thousand_times_the_price_of_a_thousand_tokens_gives_the_same_bills_as_before(
        input_cost in prop_oneof![0..100_u64, 0..=u64::from(Credits::MAX) / 1000],
        output_cost in prop_oneof![0..100_u64, 0..=u64::from(Credits::MAX) / 1000],
        input_tokens in any_count(),
        output_tokens in any_count(),
    ) {
        let prices = Prices::per_token(credits(input_cost * 1000), credits(output_cost * 1000));
        let usage = Usage::counted(input_tokens, output_tokens);
        prop_assert_eq!(prices.cost(&usage), cost_by_thousands(input_cost, output_cost, &usage));
    }

    #[test]
    fn any_usage_at_any_prices_has_a_cost(prices in any_prices(), usage in any_usage()) {
        prop_assert!(prices.cost(&usage) <= Credits::MAX);
        let quote = prices.quote(usage.input_tokens, usage.images, OutputLimits { most: u32::MAX, least: 1 });
        prop_assert!(quote.least() <= quote.most());
    }

    #[test]
    fn a_hold_that_covers_a_quote_pays_for_every_reply_within_its_limit(
        prices in any_prices(),
        most_input in prop_oneof![0..2_000_000_u64, any::<u64>()],
        most_images in 0..10_u32,
        limits in any_limits(),
        choices in 1..=8_u8,
        held in any_credits(),
        usage in any_usage(),
    ) {
        let quote = prices.quote(most_input, most_images, limits).for_choices(choices);
        let limit = quote.max_output_tokens(held);
        prop_assert!(limit <= limits.most);
        if quote.is_covered_by(held) {
            prop_assert!(limit >= limits.least);
            let images = usage.images.min(most_images);
            let used = Usage { images, ..usage.within(most_input, u64::from(limit) * u64::from(choices)) };
            prop_assert!(prices.cost(&used) <= held);
        }
    }

    #[test]
    fn a_hold_of_a_quote_between_its_least_and_its_most_covers_it_unless_it_is_saturated(
        prices in any_prices(),
        most_input in 0..2_000_000_u64,
        most_images in 0..10_u32,
        limits in any_limits(),
        choices in 1..=8_u8,
        held in any_credits(),
    ) {
        let quote = prices.quote(most_input, most_images, limits).for_choices(choices);
        let held = held.clamp(quote.least(), quote.most());
        if quote.least() < Credits::MAX {
            prop_assert!(quote.is_covered_by(held));
        }
        if quote.most() < Credits::MAX {
            prop_assert_eq!(quote.max_output_tokens(quote.most()), limits.most);
        }
    }
}
