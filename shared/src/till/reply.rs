//! Whole replies.

use providers::model::ShownPiece;

use crate::error::ApiError;
use crate::till::hold::Till;
use crate::till::paid_reply::PaidReply;
use crate::till::question::HeldQuestion;
use crate::till::reserves::REPLY_RESERVE;

impl Till {
    /// Asks the model or a fallback, gathers the reply and captures the price. If the model writes nothing, or breaks off
    /// while it reasons, the hold is released. If it breaks off after its first words, these are the reply: they are
    /// handed out, and so they are charged.
    ///
    /// # Errors
    /// As [`Pieces::next`](providers::model::Pieces::next) before the model has written anything, and then as
    /// [`Ledger::capture`](ledger::Ledger::capture).
    pub async fn reply(&self, question: HeldQuestion) -> Result<PaidReply, ApiError> {
        let mut under_way = self.ask(question, REPLY_RESERVE).await?;
        let (finish_reasons, usage) = loop {
            match under_way.next().await {
                Ok(ShownPiece::Part { .. }) => {}
                Ok(ShownPiece::End { finish_reasons, usage }) => break (finish_reasons, usage),
                Err(error) if under_way.has_only_reasoned() => return Err(self.give_up(under_way, error).await),
                Err(error) => {
                    tracing::warn!(cause = %error, "the model broke off, and what it had written is the reply");
                    break under_way.broken_off();
                }
            }
        };
        self.capture(under_way.into_written(finish_reasons, usage)).await
    }
}
