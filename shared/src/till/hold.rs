//! Admitting a caller, and holding the price of a question.

use std::sync::Arc;

use domain::credits::Credits;
use domain::pricing::Quote;
use domain::time::Clock;
use ledger::Ledger;
use ledger::account::Payer;
use ledger::admission::{Admission, OpenAccount};
use ledger::gate::Gate;
use ledger::hold::{HoldOutcome, Order};
use ledger::idempotency::Remembered;
use providers::offers::{Candidates, Offer, OfferDesk, Offers};
use providers::prompt::Prompt;

use crate::error::ApiError;
use crate::till::paid_reply::PaidReply;
use crate::till::question::{Candidate, HeldQuestion, Question};
use crate::till::reserves::ANSWER_TIME;

/// The till of all models.
#[derive(Debug)]
pub struct Till {
    /// The ledger of holds and charges.
    pub ledger: Ledger,
    /// The gate that an operator can close.
    pub gate: Gate,
    /// The models that reply, at their prices.
    pub offers: OfferDesk,
    /// The fewest output tokens that a balance must cover where usage is charged. A model that writes less, or a caller
    /// who asks for less, lowers it.
    pub least_output_tokens: u32,
    /// The clock.
    pub clock: Clock,
}

/// The outcome of [`Till::admit`].
#[derive(Debug)]
pub enum Admitted {
    /// The account is open: a question may be put together, and its price held.
    Open(OpenAccount),
    /// An earlier request with the same idempotency key got this reply. Nothing is charged again.
    Replay(PaidReply),
}

/// The outcome of [`Till::hold`].
#[derive(Debug)]
pub enum HeldOrReplay {
    /// The price is held: the model can be asked.
    Question(HeldQuestion),
    /// A request with the same idempotency key got this reply meanwhile. Nothing is charged again.
    Replay(PaidReply),
}

/// An offer with its quote for a question.
struct QuotedOffer {
    offer: Arc<Offer>,
    quote: Quote,
}

impl Till {
    /// Finds the gate and the account of `payer` open, before anything else is done for it, unless the request was answered before.
    /// `remembered` is the idempotency key and the fingerprint of the request.
    ///
    /// # Errors
    /// As [`Ledger::admit`].
    pub async fn admit(&self, payer: Payer, remembered: Option<Remembered>) -> Result<Admitted, ApiError> {
        Ok(match self.ledger.admit(&self.gate, payer, remembered).await? {
            Admission::Open(account) => Admitted::Open(account),
            Admission::Replay(replay) => Admitted::Replay(replay.into()),
        })
    }

    /// The models that can be asked. It may read the catalogue, so a handler calls it after [`Till::admit`]: nothing is
    /// read for a caller whose account is closed, and a repetition gets its answer whatever became of the model.
    ///
    /// # Errors
    /// [`ApiError::Unavailable`] if no catalogue is known and none can be read.
    pub async fn offers(&self) -> Result<Arc<Offers>, ApiError> {
        Ok(self.offers.current().await?)
    }

    /// Checks that `prompt` is short enough for the model that the caller named, and that the account can pay for its
    /// shortest reply. Nothing is sent.
    ///
    /// # Errors
    /// [`ApiError::ContextTooLong`] or [`ApiError::InsufficientTokens`].
    pub fn check(&self, open: &OpenAccount, candidates: &Candidates, prompt: &Prompt) -> Result<(), ApiError> {
        check_input(&candidates.first, prompt)?;
        Ok(open.check_covers(self.quoted(&candidates.first, prompt, None).quote.least(), self.clock.now())?)
    }

    /// Holds the most that any of the candidates can cost for `question`. If the balance does not cover that, the hold is
    /// the balance, down to the shortest reply of the first candidate: replies may be shorter, and a fallback that the
    /// hold does not cover is not asked.
    ///
    /// # Errors
    /// [`ApiError::ContextTooLong`]; as [`Ledger::hold`].
    pub async fn hold(&self, open: OpenAccount, question: Question) -> Result<HeldOrReplay, ApiError> {
        let Question { candidates, prompt, message, max_output_tokens, conversation, deadline } = question;
        check_input(&candidates.first, &prompt)?;
        let first = self.quoted(&candidates.first, &prompt, max_output_tokens);
        if !first.quote.is_covered_by(first.quote.most()) {
            // The quote is above the most credits that an account can have, so that no hold bounds the cost.
            let balance = open.spendable(self.clock.now());
            return Err(ApiError::InsufficientTokens { balance, cost: Credits::MAX });
        }
        let least = first.quote.least();
        let fallbacks = candidates.fallbacks.iter().filter(|offer| can_answer(offer, &prompt));
        let fallbacks = fallbacks.map(|offer| self.quoted(offer, &prompt, max_output_tokens));
        let quoted: Vec<QuotedOffer> = std::iter::once(first).chain(fallbacks).collect();
        let amount = quoted.iter().map(|quoted| quoted.quote.most()).max().unwrap_or(least);
        let deadline = deadline.minus(ANSWER_TIME);
        Ok(match self.ledger.hold(open, &Order { amount, least, deadline }).await? {
            HoldOutcome::Replay(replay) => HeldOrReplay::Replay(replay.into()),
            HoldOutcome::Held(held) => HeldOrReplay::Question(HeldQuestion {
                candidates: quoted.into_iter().filter_map(|quoted| quoted.candidate(held.amount)).collect(),
                catalogue: candidates.catalogue,
                held,
                prompt,
                message,
                conversation,
                deadline,
            }),
        })
    }

    fn quoted(&self, offer: &Arc<Offer>, prompt: &Prompt, wanted_output_tokens: Option<u32>) -> QuotedOffer {
        let limits = offer.limits(wanted_output_tokens, self.least_output_tokens);
        QuotedOffer { quote: offer.quote(prompt, limits), offer: Arc::clone(offer) }
    }
}

impl QuotedOffer {
    /// The offer with the longest reply that `held` pays for, if it pays for the shortest.
    fn candidate(self, held: Credits) -> Option<Candidate> {
        let Self { offer, quote } = self;
        quote.is_covered_by(held).then(|| Candidate { offer, max_output_tokens: quote.max_output_tokens(held) })
    }
}

/// Whether a fallback can answer what the first model was asked.
fn can_answer(fallback: &Offer, prompt: &Prompt) -> bool {
    fallback.has_room_for(prompt) && fallback.unsupported(&prompt.sampling).is_none()
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
    Err(ApiError::ContextTooLong { estimated_tokens: prompt.estimated_input_tokens(), max_tokens })
}
