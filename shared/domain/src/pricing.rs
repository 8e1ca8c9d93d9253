//! Prices: the cost of a message, and its quote before the reply is there.

mod usage;

use crate::credits::Credits;

pub use usage::Usage;

/// How messages are charged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pricing {
    /// Every message costs the same.
    Message {
        /// The price of a message.
        cost: Credits,
    },
    /// The price follows the tokens that the model counted, rounded up once per message.
    Usage {
        /// Credits for 1,000 input tokens.
        input_cost: Credits,
        /// Credits for 1,000 output tokens.
        output_cost: Credits,
    },
}

impl Pricing {
    /// The cost of a message that took `usage`.
    #[must_use]
    pub fn cost(&self, usage: &Usage) -> Credits {
        match self {
            Self::Message { cost } => *cost,
            Self::Usage { input_cost, output_cost } => {
                let thousandths = thousandths(*input_cost, usage.input_tokens)
                    .saturating_add(thousandths(*output_cost, usage.output_tokens));
                credits(thousandths.div_ceil(1000))
            }
        }
    }

    /// The quote for a message of at most `input_tokens`, whose reply stays within `limits`.
    #[must_use]
    pub fn quote(self, input_tokens: u64, limits: OutputLimits) -> Quote {
        Quote { pricing: self, input_tokens, limits }
    }
}

/// Limits on the length of a reply, in tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OutputLimits {
    /// The longest reply that is wanted.
    pub most: u32,
    /// The shortest reply that is worth having, for a balance that does not cover the longest.
    pub least: u32,
}

impl OutputLimits {
    /// The same limits, lowered to `wanted` where they are above it.
    #[must_use]
    pub fn at_most(self, wanted: u32) -> Self {
        Self { most: self.most.min(wanted), least: self.least.min(wanted) }
    }
}

/// The range of costs of a message whose reply is not there yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quote {
    pricing: Pricing,
    input_tokens: u64,
    limits: OutputLimits,
}

impl Quote {
    /// The cost with the longest reply: the amount to hold.
    #[must_use]
    pub fn most(&self) -> Credits {
        self.with_output(self.limits.most)
    }

    /// The cost with the shortest reply: the least balance that admits the message.
    #[must_use]
    pub fn least(&self) -> Credits {
        self.with_output(self.limits.least)
    }

    /// The longest reply that `held` pays for, in tokens.
    #[must_use]
    pub fn max_output_tokens(&self, held: Credits) -> u32 {
        let Pricing::Usage { input_cost, output_cost } = self.pricing else { return self.limits.most };
        let per_output_token = u128::from(u64::from(output_cost));
        let for_output =
            (u128::from(u64::from(held)) * 1000).saturating_sub(thousandths(input_cost, self.input_tokens));
        let affordable = for_output.checked_div(per_output_token).unwrap_or(u128::MAX);
        u32::try_from(affordable).unwrap_or(u32::MAX).min(self.limits.most)
    }

    fn with_output(&self, tokens: u32) -> Credits {
        let usage = Usage { input_tokens: self.input_tokens, output_tokens: tokens.into(), estimated: true };
        self.pricing.cost(&usage)
    }
}

fn thousandths(cost: Credits, tokens: u64) -> u128 {
    u128::from(u64::from(cost)) * u128::from(tokens)
}

fn credits(amount: u128) -> Credits {
    u64::try_from(amount).ok().and_then(|amount| Credits::new(amount).ok()).unwrap_or(Credits::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn by_usage(input_cost: u64, output_cost: u64) -> Pricing {
        let credits = |amount| Credits::new(amount).unwrap();
        Pricing::Usage { input_cost: credits(input_cost), output_cost: credits(output_cost) }
    }

    fn usage(input_tokens: u64, output_tokens: u64) -> Usage {
        Usage { input_tokens, output_tokens, estimated: false }
    }

    #[test]
    fn usage_is_rounded_up_once_per_message() {
        let pricing = by_usage(3, 15);
        for (input, output, cost) in [(0, 0, 0), (1, 0, 1), (1, 1, 1), (100, 40, 1), (100, 47, 2), (1000, 1000, 18)] {
            assert_eq!(u64::from(pricing.cost(&usage(input, output))), cost, "{input} and {output}");
        }
    }

    #[test]
    fn a_message_costs_the_same_however_long_it_is_unless_usage_is_charged() {
        let cost = Credits::new(5).unwrap();
        let pricing = Pricing::Message { cost };
        assert_eq!(pricing.cost(&usage(1_000_000, 1_000_000)), cost);
        let quote = pricing.quote(1_000_000, OutputLimits { most: 100, least: 10 });
        assert_eq!((quote.most(), quote.least(), quote.max_output_tokens(cost)), (cost, cost, 100));
    }

    proptest! {
        #[test]
        fn a_hold_pays_for_every_reply_within_the_limit(
            input_cost in 0..=u64::from(Credits::MAX),
            output_cost in 0..=u64::from(Credits::MAX),
            most_input in 0..2_000_000_u64,
            (least, most) in (1..=u32::MAX).prop_flat_map(|most| (1..=most, Just(most))),
            share in 0.0..=1.0_f64,
            input_share in 0.0..=1.0_f64,
        ) {
            let quote = by_usage(input_cost, output_cost).quote(most_input, OutputLimits { most, least });
            let (low, high) = (u64::from(quote.least()), u64::from(quote.most()));
            prop_assert!(low <= high);
            #[expect(clippy::cast_possible_truncation, clippy::cast_precision_loss, clippy::cast_sign_loss)]
            let part = |whole: u64, share: f64| ((whole as f64 * share) as u64).min(whole);
            let held = Credits::new(low + part(high - low, share)).unwrap();
            let limit = quote.max_output_tokens(held);
            prop_assert!(limit <= most);
            // A quote that saturated at the largest amount is too low, so its hold may not pay for the reply.
            if quote.most() < Credits::MAX {
                prop_assert!(limit >= least);
                let used = usage(part(most_input, input_share), limit.into());
                prop_assert!(by_usage(input_cost, output_cost).cost(&used) <= held);
            }
        }
    }
}
