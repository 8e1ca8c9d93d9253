//! Whole replies.

use std::time::Instant;

use crate::error::ApiError;
use crate::till::capture::REPLY_RESERVE;
use crate::till::hold::Till;
use crate::till::paid_reply::PaidReply;
use crate::till::question::HeldQuestion;

impl Till {
    /// Asks the model and captures the price of its whole reply. If there is no reply, the hold is released.
    ///
    /// # Errors
    /// As [`Model::reply`](providers::model::Model::reply), and then as [`Ledger::capture`](ledger::Ledger::capture).
    pub async fn reply(&self, question: HeldQuestion) -> Result<PaidReply, ApiError> {
        let limit = self.time_to_think(&question, REPLY_RESERVE);
        let asked = Instant::now();
        let reply = self.model.reply(&question.prompt, question.max_output_tokens, limit).await;
        let latency = asked.elapsed();
        match reply {
            Ok(reply) => self.capture(question, reply.text, reply.refusal, reply.end, latency).await,
            Err(error) => {
                self.model_failed(&question, &error, latency).await;
                Err(error.into())
            }
        }
    }
}
