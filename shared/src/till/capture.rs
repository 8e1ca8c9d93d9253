//! Capturing the price of a reply.

use domain::pricing::Usage;
use ledger::LedgerError;
use ledger::exchange::{Bill, Exchange, StoredReply};
use telemetry::metrics;

use crate::error::ApiError;
use crate::till::hold::Till;
use crate::till::outcome_metrics::counted;
use crate::till::paid_reply::PaidReply;
use crate::till::question::{Candidate, HeldQuestion};
use crate::till::under_way::{EndedReply, Written};

impl Till {
    /// Charges for the reply at the prices of the model that wrote it, and stores it. The usage that is charged and shown
    /// is lowered to the limits that the hold was computed from. No tokenizer that we know counts more input. A provider
    /// may count more output, if it applies its limit to the completion alone and counts the reasoning beside it: the
    /// operator pays for the difference.
    pub(super) async fn capture(&self, ended: EndedReply) -> Result<PaidReply, ApiError> {
        let EndedReply { question, candidate, written, finish_reason, usage: counted_usage, latency } = ended;
        let HeldQuestion { held, prompt, message, conversation, catalogue, .. } = question;
        let Candidate { offer, max_output_tokens } = candidate;
        // A provider counts tokens, and images among them.
        let counted_usage = Usage { images: prompt.images(), ..counted_usage };
        let usage = counted_usage.within(offer.most_input_tokens(&prompt), max_output_tokens.into());
        let bill = Bill { prices: offer.terms.prices, catalogue };
        let Written { text, refusal, reasoning, calls } = written;
        let calls = calls.into_calls();
        let model = offer.id().to_owned();
        let reply = StoredReply { text, refusal, reasoning, calls, model, usage, finish_reason };
        let exchange = Exchange { message: &message, reply: &reply, conversation, bill };
        let captured = self.ledger.capture(&held, exchange).await;
        let counted_cost = bill.prices.cost(&counted_usage);
        metrics::emit(&counted(held.amount, counted_cost, captured.as_ref().ok(), finish_reason, latency));
        let charge = captured.map_err(not_charged)?;
        Ok(PaidReply { id: held.id, username: held.username, reply, charge, in_flight: held.in_flight })
    }
}

/// The error of a capture. If the table is away, the reply is lost, and its provider has worked.
fn not_charged(error: LedgerError) -> ApiError {
    match error {
        LedgerError::Unavailable(cause) => ApiError::ReplyLost(cause),
        error => error.into(),
    }
}
