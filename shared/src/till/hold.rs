//! Holding the price of a question.

use domain::pricing::{OutputLimits, Pricing};
use domain::time::Clock;
use ledger::Ledger;
use ledger::hold::{HoldOutcome, Order};
use providers::model::Model;

use crate::error::ApiError;
use crate::till::paid_reply::PaidReply;
use crate::till::question::{HeldQuestion, Question};

/// The till of one model.
#[derive(Debug)]
pub struct Till {
    /// The ledger of holds and charges.
    pub ledger: Ledger,
    /// The model that replies.
    pub model: Model,
    /// The price of a reply.
    pub pricing: Pricing,
    /// The length of a reply.
    pub output_limits: OutputLimits,
    /// The most tokens of a prompt, by [`Prompt::estimated_input_tokens`](providers::prompt::Prompt::estimated_input_tokens).
    pub max_input_tokens: u32,
    /// The clock.
    pub clock: Clock,
}

/// The outcome of [`Till::hold`].
#[derive(Debug)]
pub enum Admitted {
    /// The price is held: the model can be asked.
    Held(HeldQuestion),
    /// An earlier request with the same idempotency key got this reply. Nothing is charged again.
    Replay(PaidReply),
}

impl Till {
    /// Holds the most that `question` can cost, unless it was answered before. If the balance does not cover a reply of
    /// the full length, the reply may be shorter, down to the shortest that the settings allow.
    ///
    /// # Errors
    /// As [`Ledger::hold`].
    pub async fn hold(&self, question: Question) -> Result<Admitted, ApiError> {
        let limits = self.output_limits.at_most(question.max_output_tokens.unwrap_or(u32::MAX));
        let quote = self.pricing.quote(question.prompt.most_input_tokens(), limits);
        let order = Order {
            payer: question.payer,
            amount: quote.most(),
            least: quote.least(),
            remembered: question.remembered.as_ref(),
            deadline: question.deadline,
        };
        Ok(match self.ledger.hold(&order).await? {
            HoldOutcome::Replay(replay) => Admitted::Replay(replay.into()),
            HoldOutcome::Held(held) => Admitted::Held(HeldQuestion {
                max_output_tokens: quote.max_output_tokens(held.amount),
                held,
                prompt: question.prompt,
                message: question.message,
                standalone: question.standalone,
                deadline: question.deadline,
            }),
        })
    }
}
