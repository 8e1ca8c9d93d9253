//! The prices of a model.

use serde::{Deserialize, Serialize};

use crate::credits::Credits;
use crate::pricing::{OutputLimits, Quote, Usage};

/// The number of tokens for which a price per token is given.
const MILLION: u128 = 1_000_000;

/// The prices of a model: credits per million tokens, and for each request and each image. In JSON a price of zero is left
/// out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Prices {
    /// For a million input tokens that were neither read from a cache nor put into one.
    #[serde(skip_serializing_if = "is_zero")]
    pub input: Credits,
    /// For a million input tokens that were read from the provider's cache.
    #[serde(skip_serializing_if = "is_zero")]
    pub cached_input: Credits,
    /// For a million input tokens that were put into the provider's cache.
    #[serde(skip_serializing_if = "is_zero")]
    pub cache_write: Credits,
    /// For a million output tokens.
    #[serde(skip_serializing_if = "is_zero")]
    pub output: Credits,
    /// For a request, whatever its length.
    #[serde(skip_serializing_if = "is_zero")]
    pub request: Credits,
    /// For an image that the model reads.
    #[serde(skip_serializing_if = "is_zero")]
    pub image: Credits,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_zero(price: &Credits) -> bool {
    *price == Credits::ZERO
}

impl Prices {
    /// The same cost for every request.
    #[must_use]
    pub const fn per_request(cost: Credits) -> Self {
        Self { request: cost, ..Self::per_token(Credits::ZERO, Credits::ZERO) }
    }

    /// Prices per million input and output tokens. A cache changes nothing about them.
    #[must_use]
    pub const fn per_token(input: Credits, output: Credits) -> Self {
        Self { input, cached_input: input, cache_write: input, output, request: Credits::ZERO, image: Credits::ZERO }
    }

    /// The cost of a message that took `usage`. Tokens are rounded up to whole credits once, all of them together. The
    /// cost is at most [`Credits::MAX`].
    #[must_use]
    pub fn cost(&self, usage: &Usage) -> Credits {
        let cached = usage.cached_input_tokens;
        let written = usage.cache_write_tokens;
        let read = usage.input_tokens.saturating_sub(cached).saturating_sub(written);
        let counts = [
            (self.input, read),
            (self.cached_input, cached),
            (self.cache_write, written),
            (self.output, usage.output_tokens),
        ];
        let for_tokens: u128 = counts.into_iter().map(|(price, tokens)| millionths(price, tokens)).sum();
        self.with_tokens(for_tokens, usage.images)
    }

    /// The quote for a message of at most `input_tokens` and `images`, whose one reply stays within `limits`.
    #[must_use]
    pub fn quote(self, input_tokens: u64, images: u32, limits: OutputLimits) -> Quote {
        Quote { prices: self, input_tokens, images, limits, choices: 1 }
    }

    /// The cost of `input_tokens` at the dearest price that an input token can have, in millionths of a credit.
    pub(super) fn dearest_input(&self, input_tokens: u64) -> u128 {
        millionths(self.input.max(self.cached_input).max(self.cache_write), input_tokens)
    }

    /// The cost of `output_tokens`, in millionths of a credit.
    pub(super) fn output_of(&self, output_tokens: u64) -> u128 {
        millionths(self.output, output_tokens)
    }

    /// The cost of a request with its images and its tokens; `for_tokens` is in millionths of a credit.
    pub(super) fn with_tokens(&self, for_tokens: u128, images: u32) -> Credits {
        credits(for_tokens.div_ceil(MILLION) + self.besides_tokens(images))
    }

    /// The millionths of a credit that `held` leaves for tokens; `None` if it does not pay for the request and its
    /// images.
    pub(super) fn left_for_tokens(&self, held: Credits, images: u32) -> Option<u128> {
        let left = u128::from(u64::from(held)).checked_sub(self.besides_tokens(images))?;
        Some(left * MILLION)
    }

    /// The cost of the request and its images, in credits.
    fn besides_tokens(&self, images: u32) -> u128 {
        u128::from(u64::from(self.request)) + u128::from(u64::from(self.image)) * u128::from(images)
    }
}

/// Below 2^117, so that the sum of a few of them is a `u128` too.
fn millionths(price: Credits, tokens: u64) -> u128 {
    u128::from(u64::from(price)) * u128::from(tokens)
}

fn credits(amount: u128) -> Credits {
    u64::try_from(amount).ok().and_then(|amount| Credits::new(amount).ok()).unwrap_or(Credits::MAX)
}
