//! Admitting a caller, and holding the price of a question.

use std::sync::Arc;

use domain::cause::Cause;
use domain::credits::Credits;
use domain::ids::ConversationId;
use domain::time::Clock;
use ledger::admission::{Admission, AdmittedAccount, OpenAccount};
use ledger::claimed_payer::ClaimedPayer;
use ledger::gate::Gate;
use ledger::hold::{HoldOutcome, Order};
use ledger::idempotency::Remembered;
use ledger::paying_key::KeyLimits;
use ledger::{Ledger, LedgerError};
use providers::offers::{Candidates, OfferDesk, Offers};
use providers::prompt::Prompt;

use crate::error::ApiError;
use crate::till::paid_reply::PaidReply;
use crate::till::question::{HeldQuestion, Question};
use crate::till::quotation::{Quotation, QuotedOffer, check_input};
use crate::till::reserves::ANSWER_TIME;
use crate::unknown_model::UnknownModel;

/// The reason why a conversation is refused that the caller does not have.
pub const UNKNOWN_CONVERSATION: &str = "You have no conversation with this id.";

/// The most times that the limits of an API key may change while one message is held for.
const MOST_CHANGES_OF_LIMITS: usize = 3;

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

/// The outcome of [`Till::admit_to`].
#[derive(Debug)]
pub enum Admitted {
    /// The account is open: a question may be put together, and its price held.
    Open(OpenAccount),
    /// An earlier request with the same idempotency key got this reply. Nothing is charged again.
    Replay(PaidReply),
}

impl From<Admission> for Admitted {
    fn from(admission: Admission) -> Self {
        match admission {
            Admission::Open(account) => Self::Open(account),
            Admission::Replay(replay) => Self::Replay((*replay).into()),
        }
    }
}

/// The outcome of [`Till::hold`] and [`Till::admit_and_hold`].
#[derive(Debug)]
pub enum HeldOrReplay {
    /// The price is held: the model can be asked.
    Question(HeldQuestion),
    /// A request with the same idempotency key got this reply. Nothing is charged again.
    Replay(PaidReply),
}

impl Till {
    /// Finds the gate and the account of `payer` open, unless the request was answered before, and then holds the price of
    /// the question that `ask` makes of the models on offer. `remembered` is the idempotency key and the fingerprint of the
    /// request.
    ///
    /// A function that held in the account lately reads nothing for it: the hold's condition says whether it is open. So
    /// whatever refuses the question comes here, and is told to a caller whose account was read and is open. For an API key that
    /// may ask some models alone the account is always read.
    ///
    /// # Errors
    /// As [`Ledger::admit`], then as [`Till::offers`], `ask` and [`Till::hold`].
    pub async fn admit_and_hold<E>(
        &self,
        payer: impl Into<ClaimedPayer>,
        remembered: Option<Remembered>,
        ask: impl FnOnce(&Offers) -> Result<Question, E>,
    ) -> Result<HeldOrReplay, E>
    where
        E: From<ApiError> + From<LedgerError>,
    {
        let mut account = match self.ledger.admit(&self.gate, payer, remembered).await? {
            Admission::Open(account) => account,
            Admission::Replay(replay) => return Ok(HeldOrReplay::Replay((*replay).into())),
        };
        if account.key_limits().is_some_and(|limits| limits.models.is_some()) {
            // Models are refused by what the key may ask now, and not by what is remembered of it.
            account = self.ledger.confirm(account).await?.into();
        }
        let question = match self.offers(account.key_limits()).await {
            Ok(offers) => ask(&offers),
            Err(error) => Err(error.into()),
        };
        match question {
            Ok(question) => Ok(Box::pin(self.hold(account, question)).await?),
            Err(refusal) => Err(self.refusal(account, refusal).await),
        }
    }

    /// The refusal of a question, or of its payer if the account, which may be remembered, is not open any more.
    async fn refusal<E: From<LedgerError>>(&self, account: AdmittedAccount, refusal: E) -> E {
        match self.ledger.confirm(account).await {
            Ok(_open) => refusal,
            Err(error) => error.into(),
        }
    }

    /// Finds the gate and the account of `payer` open, before anything else is done for it, unless the request was answered
    /// before, for a message in one of the payer's conversations. The account is always read.
    ///
    /// # Errors
    /// As [`Ledger::admit_to`]; [`ApiError::Invalid`] for the field `conversation` if the payer has no such conversation.
    pub async fn admit_to(
        &self,
        payer: impl Into<ClaimedPayer>,
        conversation: ConversationId,
        remembered: Option<Remembered>,
    ) -> Result<Admitted, ApiError> {
        match self.ledger.admit_to(&self.gate, payer, conversation, remembered).await {
            Err(LedgerError::NoConversation) => Err(ApiError::invalid("conversation", UNKNOWN_CONVERSATION)),
            admission => Ok(admission?.into()),
        }
    }

    /// The models that can be asked by an API key with these limits, if it is by one. It may read the catalogue, so it comes
    /// after the admission: nothing is read for a caller whose account is closed, and a repetition gets its answer whatever
    /// became of the model.
    ///
    /// # Errors
    /// [`ApiError::Unavailable`] if no catalogue is known and none can be read.
    pub async fn offers(&self, limits: Option<&KeyLimits>) -> Result<Arc<Offers>, ApiError> {
        let offers = self.offers.current().await?;
        Ok(match limits.and_then(|limits| limits.models.as_deref()) {
            None => offers,
            Some(models) => Arc::new(offers.permitted(models)),
        })
    }

    /// Checks that `prompt` is short enough for the model that the caller named, and that the account can pay for its
    /// shortest reply. Nothing is sent.
    ///
    /// # Errors
    /// [`ApiError::ContextTooLong`], [`ApiError::InsufficientTokens`] or [`ApiError::BudgetSpent`].
    pub fn check(&self, open: &OpenAccount, candidates: &Candidates, prompt: &Prompt) -> Result<(), ApiError> {
        check_input(&candidates.first, prompt)?;
        let first = QuotedOffer::new(&candidates.first, prompt, None, self.least_output_tokens);
        Ok(open.check_covers(first.quote.least(), self.clock.now())?)
    }

    /// Holds the most that any of the candidates can cost for `question`, or the caller's bound. If the balance, or the budget of
    /// the caller's API key, does not cover that, the hold is what they have, down to the shortest reply of the first
    /// candidate: replies may be shorter, and a fallback that the hold does not cover is not asked.
    ///
    /// If the key has got other limits since the account was admitted, the question is held within these, and for those of its
    /// candidates that the key may ask now.
    ///
    /// # Errors
    /// As [`Quotation::of`] and [`Ledger::hold`]; [`ApiError::ModelNotFound`] if the key may not ask the model any more.
    pub async fn hold(
        &self,
        account: impl Into<AdmittedAccount>,
        mut question: Question,
    ) -> Result<HeldOrReplay, ApiError> {
        let mut account = account.into();
        for _ in 0..MOST_CHANGES_OF_LIMITS {
            match Box::pin(self.hold_within(account, question)).await? {
                HeldOrChanged::Held(held) => return Ok(*held),
                HeldOrChanged::LimitsChanged(open, asked) => {
                    let candidates = self.still_permitted(&open, asked.candidates).await?;
                    (account, question) = ((*open).into(), Question { candidates, ..*asked });
                }
            }
        }
        Err(ApiError::Unavailable(Cause::because("the limits of the API key change all the while")))
    }

    /// As [`Till::hold`], unless the limits of the caller's API key have changed.
    async fn hold_within(&self, account: AdmittedAccount, question: Question) -> Result<HeldOrChanged, ApiError> {
        let Question { candidates, prompt, limits, .. } = &question;
        let quotation = match Quotation::of(candidates, prompt, *limits, self.least_output_tokens) {
            Ok(quotation) => quotation,
            Err(refusal) => return Err(self.refusal(account, refusal).await),
        };
        if !quotation.is_payable() {
            let balance = self.ledger.confirm(account).await?.spendable(self.clock.now());
            return Err(ApiError::InsufficientTokens { balance, cost: Credits::MAX });
        }
        // The model is asked when the hold is written. Nothing is sent to a provider for an account that neither was found open nor
        // was held in within a minute.
        candidates.look_at_connections();
        let deadline = question.deadline.minus(ANSWER_TIME);
        let order = Order { amount: quotation.most(), least: quotation.least(), deadline };
        let held = match self.ledger.hold(account, &order).await? {
            HoldOutcome::LimitsChanged(open) => return Ok(HeldOrChanged::LimitsChanged(open, Box::new(question))),
            HoldOutcome::Replay(replay) => return Ok(HeldOrReplay::Replay(replay.into()).into()),
            HoldOutcome::Held(held) => held,
        };
        let Question { candidates, prompt, message, conversation, .. } = question;
        Ok(HeldOrReplay::Question(HeldQuestion {
            candidates: quotation.covered_by(held.amount),
            catalogue: candidates.catalogue,
            held,
            prompt: Box::new(prompt),
            message,
            conversation,
            deadline,
        })
        .into())
    }

    /// Those of the candidates that the caller's API key may ask now.
    ///
    /// # Errors
    /// [`ApiError::ModelNotFound`] without the first of them, whatever may be asked in its place.
    async fn still_permitted(&self, open: &OpenAccount, candidates: Candidates) -> Result<Candidates, ApiError> {
        let models = open.key_limits().and_then(|limits| limits.models.as_deref());
        let Some(models) = models else { return Ok(candidates) };
        let id = candidates.first.id().to_owned();
        if let Some(permitted) = candidates.permitted(models) {
            return Ok(permitted);
        }
        let offers = self.offers(open.key_limits()).await?;
        Err(ApiError::ModelNotFound(UnknownModel::new(&id, offers.listed())))
    }
}

/// The outcome of one attempt of [`Till::hold`].
enum HeldOrChanged {
    Held(Box<HeldOrReplay>),
    /// The account as it is, and the question as it was asked.
    LimitsChanged(Box<OpenAccount>, Box<Question>),
}

impl From<HeldOrReplay> for HeldOrChanged {
    fn from(held: HeldOrReplay) -> Self {
        Self::Held(Box::new(held))
    }
}
