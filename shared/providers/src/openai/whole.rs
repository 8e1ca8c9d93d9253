//! A reply that comes in one piece.

use domain::cause::Cause;
use domain::message::FinishReason;
use domain::pricing::Usage;

use crate::error::ModelError;
use crate::openai::protocol::{AnswerReader, News, ServerAnswer};
use crate::prompt::BYTES_PER_TOKEN;
use crate::reply::{End, Piece, Reply, SaidChoices};

/// The reply in `answer`, which `reader` reads. Words without an end broke off.
pub(super) fn reply(answer: ServerAnswer, mut reader: AnswerReader) -> Result<Reply, ModelError> {
    let News { pieces, usage, .. } = answer.into_news(&mut reader)?;
    let mut end = End::of(reader.finish_reason(), usage).unwrap_or_else(End::broken_off);
    let mut choices = SaidChoices::default();
    let (mut shown_bytes, mut hidden_bytes) = (0, 0);
    for piece in pieces {
        match piece {
            Piece::Part { choice, part } => {
                shown_bytes += part.word_bytes();
                choices.add(choice, &part);
            }
            Piece::Finished { choice, reason } => choices.finish(choice, reason),
            Piece::Hidden { bytes } => hidden_bytes += bytes,
            Piece::Counted(_) | Piece::End(_) => {}
        }
    }
    if end.finish_reason == FinishReason::BrokenOff && shown_bytes == 0 {
        return Err(ModelError::Failed(Cause::because("the answer is no reply")));
    }
    if end.usage.is_none_or(|usage| usage.output_tokens == 0) && hidden_bytes > 0 {
        let counted = end.usage.unwrap_or_default();
        let output_tokens = output_of(shown_bytes + hidden_bytes);
        end.usage = Some(Usage { output_tokens, estimated: true, ..counted });
    }
    Ok(Reply { choices: choices.into_vec(), end })
}

/// The estimate of an output, part of which is not handed out. The caller, who has the prompt, makes the input's.
fn output_of(bytes: usize) -> u64 {
    bytes.div_ceil(BYTES_PER_TOKEN) as u64
}
