//! The parts of a whole reply.

use ledger::exchange::StoredReply;
use providers::raw_array::RawArray;
use providers::reply::{Part, SaidChoice};

/// The parts of `reply` in their order, each of them whole.
pub(crate) fn reply_parts(reply: &StoredReply) -> impl Iterator<Item = Part> + use<> {
    let StoredReply { text, refusal, reasoning, calls, annotations, proofs, stop_sequence, .. } = reply.clone();
    let annotations = annotations.as_deref().and_then(RawArray::parse).unwrap_or_default();
    let said =
        SaidChoice { text, refusal, reasoning, calls, annotations, proofs, stop_sequence, ..SaidChoice::default() };
    said.into_parts()
}
