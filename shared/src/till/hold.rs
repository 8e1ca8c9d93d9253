//! Admitting a caller, and holding the price of a question.

use domain::pricing::{OutputLimits, Prices, Quote};
use domain::time::Clock;
use ledger::Ledger;
use ledger::account::Payer;
use ledger::admission::{Admission, OpenAccount};
use ledger::gate::Gate;
use ledger::hold::{HoldOutcome, Order};
use ledger::idempotency::Remembered;
use providers::model::Model;
use providers::prompt::Prompt;

use crate::error::ApiError;
use crate::till::paid_reply::PaidReply;
use crate::till::question::{HeldQuestion, Question};
use crate::till::reserves::ANSWER_TIME;

/// The till of one model.
#[derive(Debug)]
pub struct Till {
    /// The ledger of holds and charges.
    pub ledger: Ledger,
    /// The gate that an operator can close.
    pub gate: Gate,
    /// The model that replies.
    pub model: Model,
    /// The prices of a reply.
    pub prices: Prices,
    /// The length of a reply.
    pub output_limits: OutputLimits,
    /// The most tokens of a prompt, by [`Prompt::estimated_input_tokens`](providers::prompt::Prompt::estimated_input_tokens).
    pub max_input_tokens: u32,
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

    /// Checks that `prompt` is short enough, and that the account can pay for its shortest reply. Nothing is sent.
    ///
    /// # Errors
    /// [`ApiError::ContextTooLong`] or [`ApiError::InsufficientTokens`].
    pub fn check(&self, open: &OpenAccount, prompt: &Prompt) -> Result<(), ApiError> {
        self.check_input(prompt)?;
        Ok(open.check_covers(self.quote(prompt, None).least(), self.clock.now())?)
    }

    /// Holds the most that `question` can cost. If the balance does not cover a reply of the full length, the reply may
    /// be shorter, down to the shortest that the settings allow.
    ///
    /// # Errors
    /// [`ApiError::ContextTooLong`]; as [`Ledger::hold`].
    pub async fn hold(&self, open: OpenAccount, question: Question) -> Result<HeldOrReplay, ApiError> {
        self.check_input(&question.prompt)?;
        let quote = self.quote(&question.prompt, question.max_output_tokens);
        let deadline = question.deadline.minus(ANSWER_TIME);
        let order = Order { amount: quote.most(), least: quote.least(), deadline };
        Ok(match self.ledger.hold(open, &order).await? {
            HoldOutcome::Replay(replay) => HeldOrReplay::Replay(replay.into()),
            HoldOutcome::Held(held) => HeldOrReplay::Question(HeldQuestion {
                max_output_tokens: quote.max_output_tokens(held.amount),
                held,
                prompt: question.prompt,
                message: question.message,
                conversation: question.conversation,
                deadline,
            }),
        })
    }

    fn quote(&self, prompt: &Prompt, wanted_output_tokens: Option<u32>) -> Quote {
        let limits = self.output_limits.at_most(wanted_output_tokens.unwrap_or(u32::MAX));
        self.prices.quote(prompt.most_input_tokens(), 0, limits)
    }
}
