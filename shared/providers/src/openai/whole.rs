//! A reply that comes in one piece.

use domain::cause::Cause;
use domain::message::FinishReason;
use domain::pricing::Usage;

use crate::error::ModelError;
use crate::openai::calls::CallReader;
use crate::openai::protocol::{News, ServerAnswer};
use crate::prompt::BYTES_PER_TOKEN;
use crate::reply::{End, GatheredCalls, Piece, Reply};

/// The reply in `answer`. Words without an end broke off.
pub(super) fn reply(answer: ServerAnswer) -> Result<Reply, ModelError> {
    let News { pieces, finish_reason, usage } = answer.into_news(&mut CallReader::default())?;
    let end = End::of(finish_reason, usage).unwrap_or(End::BROKEN_OFF);
    let (mut reply, mut calls) = (Reply::text("", end), GatheredCalls::default());
    let (mut shown_bytes, mut hidden_bytes) = (0, 0);
    for piece in pieces {
        shown_bytes += piece.shown_bytes();
        match piece {
            Piece::Text(words) => reply.text = words,
            Piece::Refusal(words) => reply.refusal = Some(words),
            Piece::Reasoning(words) => reply.reasoning = Some(words),
            Piece::ToolCall(delta) => calls.add(&delta),
            Piece::Hidden { bytes } => hidden_bytes = bytes,
            Piece::End(_) => {}
        }
    }
    reply.calls = calls.into_calls();
    if end.finish_reason == FinishReason::BrokenOff && shown_bytes == 0 {
        return Err(ModelError::Failed(Cause::because("the answer is no reply")));
    }
    if end.usage.is_none_or(|usage| usage.output_tokens == 0) && hidden_bytes > 0 {
        let counted = end.usage.unwrap_or_default();
        let output_tokens = output_of(shown_bytes + hidden_bytes);
        reply.end.usage = Some(Usage { output_tokens, estimated: true, ..counted });
    }
    Ok(reply)
}

/// The estimate of an output, part of which is not handed out. The caller, who has the prompt, makes the input's.
fn output_of(bytes: usize) -> u64 {
    bytes.div_ceil(BYTES_PER_TOKEN) as u64
}
