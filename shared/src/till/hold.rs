//! Admitting a caller, and holding the price of a question.

use std::sync::Arc;

use domain::credits::Credits;
use domain::ids::ConversationId;
use domain::time::Clock;
use ledger::admission::{Admission, AdmittedAccount, OpenAccount};
use ledger::claimed_payer::ClaimedPayer;
use ledger::gate::Gate;
use ledger::hold::{HoldOutcome, Order};
use ledger::idempotency::Remembered;
use ledger::{Ledger, LedgerError};
use providers::offers::{Candidates, OfferDesk, Offers};
use providers::prompt::Prompt;

use crate::error::ApiError;
use crate::till::paid_reply::PaidReply;
use crate::till::question::{HeldQuestion, Question};
use crate::till::quotation::{Quotation, QuotedOffer, check_input};
use crate::till::reserves::ANSWER_TIME;

/// The reason why a conversation is refused that the caller does not have.
pub const UNKNOWN_CONVERSATION: &str = "You have no conversation with this id.";

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
    /// whatever refuses the question comes here, and is told to a caller whose account was read and is open.
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
        let account = match self.ledger.admit(&self.gate, payer, remembered).await? {
            Admission::Open(account) => account,
            Admission::Replay(replay) => return Ok(HeldOrReplay::Replay((*replay).into())),
        };
        let question = match self.offers().await {
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

    /// The models that can be asked. It may read the catalogue, so it comes after the admission: nothing is read for a caller
    /// whose account is closed, and a repetition gets its answer whatever became of the model.
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
        let first = QuotedOffer::new(&candidates.first, prompt, None, self.least_output_tokens);
        Ok(open.check_covers(first.quote.least(), self.clock.now())?)
    }

    /// Holds the most that any of the candidates can cost for `question`, or the caller's bound. If the balance does not
    /// cover that, the hold is the balance, down to the shortest reply of the first candidate: replies may be shorter, and
    /// a fallback that the hold does not cover is not asked.
    ///
    /// # Errors
    /// As [`Quotation::of`] and [`Ledger::hold`].
    pub async fn hold(
        &self,
        account: impl Into<AdmittedAccount>,
        question: Question,
    ) -> Result<HeldOrReplay, ApiError> {
        let account = account.into();
        let Question { candidates, prompt, message, limits, conversation, deadline } = question;
        let quotation = match Quotation::of(&candidates, &prompt, limits, self.least_output_tokens) {
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
        let deadline = deadline.minus(ANSWER_TIME);
        let order = Order { amount: quotation.most(), least: quotation.least(), deadline };
        Ok(match self.ledger.hold(account, &order).await? {
            HoldOutcome::Replay(replay) => HeldOrReplay::Replay(replay.into()),
            HoldOutcome::Held(held) => HeldOrReplay::Question(HeldQuestion {
                candidates: quotation.covered_by(held.amount),
                catalogue: candidates.catalogue,
                held,
                prompt: Box::new(prompt),
                message,
                conversation,
                deadline,
            }),
        })
    }
}
