//! A reply that is read event by event.

use aws_sdk_bedrockruntime::primitives::event_stream::EventReceiver;
use aws_sdk_bedrockruntime::types::error::ConverseStreamOutputError;
use aws_sdk_bedrockruntime::types::{ContentBlockDelta, ConverseStreamOutput};
use futures_util::{StreamExt, stream};

use crate::bedrock::end::{finish_reason, usage};
use crate::bedrock::failure::broken_off;
use crate::error::ModelError;
use crate::reply::{End, Piece, ReplyStream};
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
        reader.is_over = !matches!(piece, Ok(Piece::Text(_)));
        Some((piece, reader))
    })
    .boxed()
}

impl EventReader {
    async fn next(&mut self) -> Result<Piece, ModelError> {
        while let Some(event) = self.events.recv().await.map_err(|error| broken_off(&error))? {
            match event {
                ConverseStreamOutput::ContentBlockDelta(event) => {
                    if let Some(ContentBlockDelta::Text(text)) = event.delta {
                        return Ok(Piece::Text(text));
                    }
                }
                ConverseStreamOutput::MessageStop(event) => {
                    self.finish_reason = Some(finish_reason(&event.stop_reason)?);
                }
                ConverseStreamOutput::Metadata(event) => {
                    self.usage = event.usage.as_ref().and_then(usage);
                }
                _ => {}
            }
        }
        match self.finish_reason {
            Some(finish_reason) => Ok(Piece::End(End { finish_reason, usage: self.usage })),
            None => Err(ModelError::Failed(Cause::because("the stream ended before the reply did"))),
        }
    }
}
