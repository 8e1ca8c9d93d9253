//! A reply that comes in one piece.

use serde::Deserialize;

use crate::anthropic::received_block::{ReceivedBlock, ReceivedBlocks};
use crate::anthropic::usage::CountedTokens;
use crate::error::ModelError;
use crate::reply::{End, Part, Piece, Reply, SaidChoice};
use crate::wire::{ErrorObject, failed, finish_reason};

/// A whole answer, or the beginning of one.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct ClaudeAnswer {
    content: Vec<ReceivedBlock>,
    #[serde(flatten)]
    stop: ReceivedStop,
    usage: Option<CountedTokens>,
    /// Some servers answer 200 and then say that they failed.
    error: Option<ErrorObject>,
}

/// Why an answer ended.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct ReceivedStop {
    pub(super) stop_reason: Option<String>,
    stop_sequence: Option<String>,
}

impl ReceivedStop {
    /// The text before which the model ended, if it was told to.
    pub(super) fn sequence(&mut self) -> Option<Piece> {
        let text = self.stop_sequence.take().filter(|text| !text.is_empty())?;
        Some(Part::StopSequence(text).into())
    }
}

impl ClaudeAnswer {
    /// The server's count so far.
    pub(super) fn counted(&self) -> CountedTokens {
        self.usage.unwrap_or_default()
    }

    /// The pieces of the answer, which `blocks` reads, and of which the end is the last. Words without an end broke off.
    ///
    /// # Errors
    /// [`ModelError`] if the server says that it failed.
    pub(super) fn into_pieces(mut self, mut blocks: ReceivedBlocks) -> Result<Vec<Piece>, ModelError> {
        if let Some(error) = self.error {
            return Err(error.into());
        }
        let end = End::of(self.stop.stop_reason.as_deref().and_then(finish_reason), self.counted().usage());
        let content = (0..).zip(self.content).flat_map(|(number, block)| blocks.whole(number, block));
        let mut pieces: Vec<Piece> = content.collect();
        pieces.extend(self.stop.sequence());
        match end {
            None if pieces.is_empty() => Err(failed("the answer is no reply")),
            end => {
                pieces.push(Piece::End(end.unwrap_or_else(End::broken_off)));
                Ok(pieces)
            }
        }
    }

    /// The reply.
    ///
    /// # Errors
    /// As [`ClaudeAnswer::into_pieces`].
    pub(super) fn into_reply(self, blocks: ReceivedBlocks) -> Result<Reply, ModelError> {
        let (mut said, mut end) = (SaidChoice::default(), End::broken_off());
        for piece in self.into_pieces(blocks)? {
            match piece {
                Piece::Part { part, .. } => said.add(&part),
                Piece::End(of_reply) => end = of_reply,
                Piece::Finished { .. } | Piece::Hidden { .. } | Piece::Counted(_) => {}
            }
        }
        Ok(Reply::of(said, end))
    }
}
