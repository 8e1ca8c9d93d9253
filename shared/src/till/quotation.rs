//! The range of what a question may cost, before its price is held.

use std::sync::Arc;

use domain::credits::Credits;
use domain::pricing::Quote;
use providers::offers::{Candidates, Offer};
use providers::prompt::Prompt;

use crate::error::ApiError;
use crate::till::question::{CallerLimits, Candidate};

/// The range of what a question may cost, over the model that the caller named and its fallbacks.
#[derive(Debug)]
pub struct Quotation {
    /// The model that the caller named, and after it the fallbacks that can answer.
    quoted: Vec<QuotedOffer>,
    most: Credits,
}

/// An offer with its quote for a question.
#[derive(Debug)]
pub(super) struct QuotedOffer {
    offer: Arc<Offer>,
    pub(super) quote: Quote,
}

impl Quotation {
    /// The quotation for a reply to `prompt` within `limits`. `least_output_tokens` are those that a balance must cover.
    ///
    /// # Errors
    /// [`ApiError::ContextTooLong`] if the prompt is too long for the model that the caller named;
    /// [`ApiError::MaxCostTooLow`] if the caller's bound does not cover that model's shortest reply.
    pub fn of(
        candidates: &Candidates,
        prompt: &Prompt,
        limits: CallerLimits,
        least_output_tokens: u32,
    ) -> Result<Self, ApiError> {
        check_input(&candidates.first, prompt)?;
        let quoted = |offer| QuotedOffer::new(offer, prompt, limits.max_output_tokens, least_output_tokens);
        let first = quoted(&candidates.first);
        let least = first.quote.least();
        let bound = limits.max_cost.unwrap_or(Credits::MAX);
        if bound < least {
            return Err(ApiError::MaxCostTooLow { least });
        }
        let fallbacks = candidates.fallbacks.iter().filter(|offer| can_answer(offer, prompt));
        let quoted: Vec<QuotedOffer> = std::iter::once(first).chain(fallbacks.map(quoted)).collect();
        let most = quoted.iter().map(|quoted| quoted.quote.most()).max().unwrap_or(least);
        Ok(Self { quoted, most: most.min(bound) })
    }

    /// The credits that a balance must cover: the cost of the shortest reply of the model that the caller named.
    #[must_use]
    pub fn least(&self) -> Credits {
        self.first().quote.least()
    }

    /// The credits that are held where the balance covers them: the cost of the longest reply of the dearest model, or the
    /// caller's bound.
    #[must_use]
    pub fn most(&self) -> Credits {
        self.most
    }

    /// The id of the model that the caller named, which may have used an alias.
    #[must_use]
    pub fn model_id(&self) -> &str {
        self.first().offer.id()
    }

    /// An upper limit of the tokens that the model that the caller named reads of `prompt`, of which the price is made.
    #[must_use]
    pub fn most_input_tokens(&self, prompt: &Prompt) -> u64 {
        self.first().offer.most_input_tokens(prompt)
    }

    /// The tokens that the model that the caller named reads of `prompt`, by the estimate that is compared with its context
    /// window.
    #[must_use]
    pub fn estimated_input_tokens(&self, prompt: &Prompt) -> u64 {
        self.first().offer.estimated_input_tokens(prompt)
    }

    /// The longest reply of the model that the caller named, in tokens, where [`Quotation::most`] is held. Each choice may be
    /// as long.
    #[must_use]
    pub fn max_output_tokens(&self) -> u32 {
        self.first().quote.max_output_tokens(self.most)
    }

    /// Whether a hold of [`Quotation::most`] pays for the shortest reply. It does, unless the quote is above the most
    /// credits that an account can have.
    pub(super) fn is_payable(&self) -> bool {
        self.first().quote.is_covered_by(self.most)
    }

    /// The models that `held` pays for, in the order in which they are asked.
    pub(super) fn covered_by(self, held: Credits) -> Vec<Candidate> {
        self.quoted.into_iter().filter_map(|quoted| quoted.candidate(held)).collect()
    }

    fn first(&self) -> &QuotedOffer {
        &self.quoted[0]
    }
}

impl QuotedOffer {
    pub(super) fn new(
        offer: &Arc<Offer>,
        prompt: &Prompt,
        wanted_output_tokens: Option<u32>,
        least_output_tokens: u32,
    ) -> Self {
        let limits = offer.limits(wanted_output_tokens, least_output_tokens);
        Self { quote: offer.quote(prompt, limits), offer: Arc::clone(offer) }
    }

    /// The offer with the longest reply that `held` pays for, if it pays for the shortest.
    fn candidate(self, held: Credits) -> Option<Candidate> {
        let Self { offer, quote } = self;
        quote.is_covered_by(held).then(|| Candidate { offer, max_output_tokens: quote.max_output_tokens(held) })
    }
}

/// Whether a fallback can answer what the first model was asked.
fn can_answer(fallback: &Offer, prompt: &Prompt) -> bool {
    // Vectors of two models cannot be compared, so that no model makes them in another's place.
    prompt.inputs.is_none() && fallback.has_room_for(prompt) && fallback.unsupported(prompt).is_none()
}

/// Refuses a prompt of more tokens than the model of `offer` takes, by the estimate. It reads nothing and holds nothing,
/// so a prompt that is too long costs the operator nothing.
///
/// The hold counts by an upper limit and not by this estimate, which is what the model will count of English text.
/// By the upper limit, a prompt would have to be a quarter as long.
///
/// # Errors
/// [`ApiError::ContextTooLong`] with both numbers.
pub(super) fn check_input(offer: &Offer, prompt: &Prompt) -> Result<(), ApiError> {
    if offer.has_room_for(prompt) {
        return Ok(());
    }
    let max_tokens = offer.terms.context_tokens.into();
    Err(ApiError::ContextTooLong { estimated_tokens: offer.estimated_context_tokens(prompt), max_tokens })
}
