//! A reply that is read event by event.
//! <https://platform.claude.com/docs/en/build-with-claude/streaming>

use serde::Deserialize;

use crate::anthropic::received_block::{ReceivedBlock, ReceivedBlocks, ReceivedDelta};
use crate::anthropic::usage::CountedTokens;
use crate::anthropic::whole::{ClaudeAnswer, ReceivedStop};
use crate::error::ModelError;
use crate::reply::{End, Piece};
use crate::wire::{ErrorObject, ReplyReader, finish_reason, parsed};
use domain::message::FinishReason;

/// An event. Members that are not of its type are missing.
#[derive(Deserialize)]
struct ClaudeEvent {
    #[serde(default)]
    r#type: String,
    #[serde(default)]
    index: u64,
    message: Option<ClaudeAnswer>,
    content_block: Option<ReceivedBlock>,
    delta: Option<ClaudeDelta>,
    usage: Option<CountedTokens>,
    error: Option<ErrorObject>,
}

/// The next part of a block, or of the message.
#[derive(Default, Deserialize)]
struct ClaudeDelta {
    #[serde(flatten)]
    block: ReceivedDelta,
    #[serde(flatten)]
    stop: ReceivedStop,
}

/// The answer so far.
pub(super) struct ClaudeReader {
    /// The catalogue's name of the server.
    provider: String,
    blocks: ReceivedBlocks,
    counted: CountedTokens,
    finish_reason: Option<FinishReason>,
    /// Whether the server has begun to answer: then it works, and bills.
    has_begun: bool,
    is_complete: bool,
}

impl ReplyReader for ClaudeReader {
    fn pieces(&mut self, data: &str) -> Result<Vec<Piece>, ModelError> {
        let event: ClaudeEvent = parsed(data.as_bytes())?;
        let ClaudeEvent { r#type, index, message, content_block, delta, usage, error } = event;
        if let Some(error) = error {
            return Err(self.failure(error));
        }
        self.counted = usage.unwrap_or_default().or(self.counted);
        match r#type.as_str() {
            "message_start" => {
                self.has_begun = true;
                self.counted = message.unwrap_or_default().counted().or(self.counted);
                // If the reply is cut, nothing else says what the cache had of the input.
                return Ok(self.counted.usage().map(Piece::Counted).into_iter().collect());
            }
            "content_block_start" => return Ok(self.blocks.begin(index, content_block.unwrap_or_default())),
            "content_block_delta" => {
                let delta = delta.unwrap_or_default().block;
                return Ok(self.blocks.go_on(index, delta).into_iter().collect());
            }
            "content_block_stop" => return Ok(self.blocks.end(index).into_iter().collect()),
            "message_delta" => {
                let mut stop = delta.unwrap_or_default().stop;
                self.finish_reason = stop.stop_reason.as_deref().and_then(finish_reason).or(self.finish_reason);
                return Ok(stop.sequence().into_iter().collect());
            }
            "message_stop" => self.is_complete = true,
            // A server that does not stream.
            "message" => return self.whole(parsed(data.as_bytes())?),
            _ => {}
        }
        Ok(Vec::new())
    }

    /// The count comes with the beginning already, so that it is no end by itself.
    fn end(&self) -> Option<End> {
        self.finish_reason.map(|reason| End::new(reason, self.counted.usage()))
    }

    fn is_complete(&self) -> bool {
        self.is_complete
    }
}

impl ClaudeReader {
    /// A reader of an answer of `provider`, of which nothing has come.
    pub(super) fn of(provider: &str) -> Self {
        let (blocks, counted) = (ReceivedBlocks::of(provider), CountedTokens::default());
        Self {
            provider: provider.to_owned(),
            blocks,
            counted,
            finish_reason: None,
            has_begun: false,
            is_complete: false,
        }
    }

    fn whole(&mut self, message: ClaudeAnswer) -> Result<Vec<Piece>, ModelError> {
        self.is_complete = true;
        message.into_pieces(ReceivedBlocks::of(&self.provider))
    }

    /// The failure that the server tells of in an event. A server that turns a request away has not begun to answer it.
    fn failure(&self, error: ErrorObject) -> ModelError {
        let error = ModelError::from(error);
        if self.has_begun { ModelError::Failed(error.into_cause()) } else { error }
    }
}
