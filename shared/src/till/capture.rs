//! Capturing the price of a reply.

use domain::message::FinishReason;
use domain::pricing::Usage;
use ledger::exchange::{Bill, Exchange, StoredReply};
use ledger::{Held, LedgerError};
use providers::raw_array::RawArray;
use providers::reply::{Logprobs, SaidChoice, SaidChoices};
use telemetry::metrics;

use crate::error::ApiError;
use crate::till::hold::Till;
use crate::till::outcome_metrics::counted;
use crate::till::paid_reply::{PaidReply, RequestRoom};
use crate::till::question::{Candidate, HeldQuestion};
use crate::till::under_way::EndedReply;

impl Till {
    /// Charges for the reply at the prices of the model that wrote it, and stores it. The usage that is charged and shown
    /// is lowered to the limits that the hold was computed from. No tokenizer that we know counts more input. A provider
    /// may count more output, if it applies its limit to the completion alone and counts the reasoning beside it: the
    /// operator pays for the difference.
    pub(super) async fn capture(&self, ended: EndedReply) -> Result<PaidReply, ApiError> {
        let EndedReply { question, candidate, written, finish_reasons, usage: counted_usage, latency } = ended;
        let HeldQuestion { held, prompt, message, conversation, catalogue, .. } = question;
        let Candidate { offer, max_output_tokens } = candidate;
        // A provider counts tokens, and images among them.
        let counted_usage = Usage { images: prompt.images(), ..counted_usage };
        let most_output = u64::from(max_output_tokens) * u64::from(prompt.choices());
        let usage = counted_usage.within(offer.most_input_tokens(&prompt), most_output);
        let bill = Bill { prices: offer.terms.prices, catalogue };
        let broke_off = finish_reasons.contains(&FinishReason::BrokenOff);
        let (first, others) = with_reasons(written, finish_reasons);
        let (reply, logprobs) = stored(first, offer.id().to_owned(), usage);
        let exchange = Exchange { message: &message, reply: &reply, conversation, bill };
        let captured = self.ledger.capture(&held, exchange).await;
        let counted_cost = bill.prices.cost(&counted_usage);
        metrics::emit(&counted(held.amount, counted_cost, captured.as_ref().ok(), broke_off, latency));
        let charge = captured.map_err(not_charged)?;
        let Held { id, username, in_flight, minute, .. } = held;
        let room = RequestRoom { in_flight, minute };
        Ok(PaidReply { id, username, reply, logprobs, others, charge, room })
    }
}

/// `choice` of the model of this id as it is stored, and its log probabilities, which are not.
fn stored(choice: SaidChoice, model: String, usage: Usage) -> (StoredReply, Option<Logprobs>) {
    let SaidChoice {
        text, refusal, reasoning, calls, logprobs, annotations, proofs, stop_sequence, embeddings, ..
    } = choice;
    let annotations = Some(annotations).filter(|annotations| !annotations.is_empty());
    let reply = StoredReply {
        text,
        refusal,
        reasoning,
        calls,
        annotations: annotations.map(RawArray::into_text),
        proofs,
        stop_sequence,
        embeddings: embeddings.map(RawArray::into_text),
        model,
        usage,
        finish_reason: choice.finish_reason.unwrap_or(FinishReason::Length),
    };
    (reply, logprobs)
}

/// The first choice and the others, each with the reason for which it ended.
fn with_reasons(written: SaidChoices, reasons: Vec<FinishReason>) -> (SaidChoice, Vec<SaidChoice>) {
    let mut written = written.into_vec().into_iter();
    // A choice that ended without a word is a choice too.
    let mut choices = reasons.into_iter().map(|reason| {
        let choice = written.next().unwrap_or_default();
        SaidChoice { finish_reason: Some(reason), ..choice }
    });
    (choices.next().unwrap_or_default(), choices.collect())
}

/// The error of a capture. If the table is away, the reply is lost, and its provider has worked.
fn not_charged(error: LedgerError) -> ApiError {
    match error {
        LedgerError::Unavailable(cause) => ApiError::ReplyLost(cause),
        error => error.into(),
    }
}
