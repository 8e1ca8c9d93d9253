//! The range of costs of a message whose reply is not there yet.

use crate::credits::Credits;
use crate::pricing::Prices;

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

/// The range of costs of a message whose reply is not there yet. Nobody knows how much of the input a provider has in its
/// cache, so each input token counts at the dearest of its three prices.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quote {
    pub(super) prices: Prices,
    pub(super) input_tokens: u64,
    pub(super) images: u32,
    pub(super) limits: OutputLimits,
    pub(super) choices: u8,
}

impl Quote {
    /// The quote for as many replies to the same message, of which each stays within the limits. The message is read once.
    #[must_use]
    pub fn for_choices(self, choices: u8) -> Self {
        Self { choices, ..self }
    }

    /// The cost with the longest replies: the amount to hold.
    #[must_use]
    pub fn most(&self) -> Credits {
        self.with_output(self.limits.most)
    }

    /// The cost with the shortest replies: the least balance that admits the message.
    #[must_use]
    pub fn least(&self) -> Credits {
        self.with_output(self.limits.least)
    }

    /// The longest reply that `held` pays for, in tokens: of several choices, the longest that each of them may be. It is 0
    /// where `held` does not pay for the input.
    #[must_use]
    pub fn max_output_tokens(&self, held: Credits) -> u32 {
        let Self { prices, input_tokens, images, limits, choices } = self;
        let left = prices.left_for_tokens(held, *images);
        let Some(for_output) = left.and_then(|left| left.checked_sub(prices.dearest_input(*input_tokens))) else {
            return 0;
        };
        let affordable = for_output.checked_div(prices.output_of((*choices).into())).unwrap_or(u128::MAX);
        u32::try_from(affordable).unwrap_or(u32::MAX).min(limits.most)
    }

    /// Whether `held` pays for a reply that is worth having. It then pays for every reply of at most
    /// [`Quote::max_output_tokens`].
    #[must_use]
    pub fn is_covered_by(&self, held: Credits) -> bool {
        held >= self.least() && self.max_output_tokens(held) >= self.limits.least
    }

    /// The cost with `tokens` of output in each choice.
    fn with_output(&self, tokens: u32) -> Credits {
        let output_tokens = u64::from(tokens) * u64::from(self.choices);
        let for_tokens = self.prices.dearest_input(self.input_tokens) + self.prices.output_of(output_tokens);
        self.prices.with_tokens(for_tokens, self.images)
    }
}
