//! A reply that comes in one piece.

use domain::cause::Cause;
use domain::message::FinishReason;
use domain::pricing::Usage;

use crate::error::ModelError;
use crate::openai::protocol::{News, ServerAnswer};
use crate::prompt::BYTES_PER_TOKEN;
use crate::reply::{End, Piece, Reply};

/// The reply in `answer`. Words without an end broke off.
pub(super) fn reply(answer: ServerAnswer) -> Result<Reply, ModelError> {
    let News { pieces, finish_reason, usage } = answer.into_news()?;
    let (mut text, mut refusal, mut hidden_bytes) = (String::new(), None, 0);
    for piece in pieces {
        match piece {
            Piece::Text(words) => text = words,
            Piece::Refusal(words) => refusal = Some(words),
            Piece::Hidden { bytes } => hidden_bytes = bytes,
            Piece::End(_) => {}
        }
    }
    let mut end = End::of(finish_reason, usage).unwrap_or(End::BROKEN_OFF);
    if end.finish_reason == FinishReason::BrokenOff && text.is_empty() && refusal.is_none() {
        return Err(ModelError::Failed(Cause::because("the answer is no reply")));
    }
    if end.usage.is_none_or(|usage| usage.output_tokens == 0) && hidden_bytes > 0 {
        let shown_bytes = text.len() + refusal.as_ref().map_or(0, String::len);
        let counted = end.usage.unwrap_or_default();
        end.usage = Some(Usage { output_tokens: output_of(shown_bytes + hidden_bytes), estimated: true, ..counted });
    }
    Ok(Reply { text, refusal, end })
}

/// The estimate of an output, part of which is not handed out. The caller, who has the prompt, makes the input's.
fn output_of(bytes: usize) -> u64 {
    bytes.div_ceil(BYTES_PER_TOKEN) as u64
}
