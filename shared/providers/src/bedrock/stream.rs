//! A reply that is read event by event.

use aws_sdk_bedrockruntime::primitives::event_stream::EventReceiver;
use aws_sdk_bedrockruntime::types::error::ConverseStreamOutputError;
use aws_sdk_bedrockruntime::types::{ContentBlockDelta, ConverseStreamOutput, ReasoningContentBlockDelta};
use futures_util::{StreamExt, stream};
use tokio::time::timeout;

use crate::bedrock::end::{finish_reason, usage};
use crate::bedrock::failure::broken_off;
use crate::error::ModelError;
use crate::reply::{COUNT_TIMEOUT, End, Piece, ReplyStream};
use domain::cause::Cause;
use domain::message::FinishReason;
use domain::pricing::Usage;

type Events = EventReceiver<ConverseStreamOutput, ConverseStreamOutputError>;

struct EventReader {
    events: Events,
    finish_reason: Option<FinishReason>,
    usage: Option<Usage>,
    is_over: bool,
}

/// The pieces of the reply in `events`. Dropping them cancels the request.
pub(super) fn pieces(events: Events) -> ReplyStream {
    let reader = EventReader { events, finish_reason: None, usage: None, is_over: false };
    stream::unfold(reader, |mut reader| async move {
        if reader.is_over {
            return None;
        }
        let piece = reader.next().await;
        reader.is_over = matches!(piece, Ok(Piece::End(_)) | Err(_));
        Some((piece, reader))
    })
    .boxed()
}

impl EventReader {
    async fn next(&mut self) -> Result<Piece, ModelError> {
        loop {
            let received = if self.finish_reason.is_none() {
                self.events.recv().await
            } else {
                // Only the count can be missing.
                timeout(COUNT_TIMEOUT, self.events.recv()).await.unwrap_or(Ok(None))
            };
            let event = match received {
                Ok(Some(event)) => event,
                Ok(None) => {
                    return self.end(ModelError::Failed(Cause::because("the stream ended before the reply did")));
                }
                Err(error) => return self.end(broken_off(&error)),
            };
            match event {
                ConverseStreamOutput::ContentBlockDelta(event) => {
                    if let Some(piece) = event.delta.and_then(piece) {
                        return Ok(piece);
                    }
                }
                ConverseStreamOutput::MessageStop(event) => {
                    self.finish_reason = finish_reason(&event.stop_reason);
                }
                ConverseStreamOutput::Metadata(event) => {
                    self.usage = event.usage.as_ref().and_then(usage);
                }
                _ => {}
            }
        }
    }

    /// The end of the reply, or `error` if it has none. Usage, which comes last of all, is an end too.
    fn end(&self, error: ModelError) -> Result<Piece, ModelError> {
        End::of(self.finish_reason, self.usage).map(Piece::End).ok_or(error)
    }
}

/// The words in `delta`, if there are any.
fn piece(delta: ContentBlockDelta) -> Option<Piece> {
    match delta {
        ContentBlockDelta::Text(text) => Some(Piece::text(text)),
        ContentBlockDelta::ReasoningContent(ReasoningContentBlockDelta::Text(text)) => {
            Some(Piece::Hidden { bytes: text.len() })
        }
        ContentBlockDelta::ToolUse(call) => Some(Piece::Hidden { bytes: call.input.len() }),
        _ => None,
    }
}
