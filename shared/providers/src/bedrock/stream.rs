//! A reply that is read event by event.

use aws_sdk_bedrockruntime::error::SdkError;
use aws_sdk_bedrockruntime::primitives::event_stream::EventReceiver;
use aws_sdk_bedrockruntime::types::error::ConverseStreamOutputError;
use aws_sdk_bedrockruntime::types::{
    ContentBlockDelta, ContentBlockStart, ConverseStreamOutput, ReasoningContentBlockDelta, ToolUseBlockStart,
};
use futures_util::{StreamExt, stream};
use tokio::time::timeout;

use crate::bedrock::end::{finish_reason, usage};
use crate::bedrock::failure::broken_off;
use crate::error::ModelError;
use crate::last_use::LastUse;
use crate::reply::{COUNT_TIMEOUT, End, MAX_TOOL_CALLS, Piece, ReplyStream, ToolCallDelta};
use domain::cause::Cause;
use domain::message::FinishReason;
use domain::pricing::Usage;

type Events = EventReceiver<ConverseStreamOutput, ConverseStreamOutputError>;

struct EventReader {
    events: Events,
    calls: StreamedCalls,
    finish_reason: Option<FinishReason>,
    usage: Option<Usage>,
    /// Whether an event has come: then the model works, and AWS bills.
    has_begun: bool,
    is_over: bool,
    last_use: LastUse,
}

/// The pieces of the reply in `events`, whose end is the `last_use` of the connection. Dropping them cancels the request.
pub(super) fn pieces(events: Events, last_use: LastUse) -> ReplyStream {
    let calls = StreamedCalls::default();
    let reader =
        EventReader { events, calls, finish_reason: None, usage: None, has_begun: false, is_over: false, last_use };
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
                    self.last_use.note();
                    return self.end(ModelError::Failed(Cause::because("the stream ended before the reply did")));
                }
                Err(error) => return self.end(self.failure(&error)),
            };
            self.has_begun = true;
            if let Some(piece) = self.piece(event) {
                return Ok(piece);
            }
        }
    }

    /// The words in `event`, if there are any.
    fn piece(&mut self, event: ConverseStreamOutput) -> Option<Piece> {
        match event {
            ConverseStreamOutput::ContentBlockStart(event) => match event.start {
                Some(ContentBlockStart::ToolUse(call)) => Some(self.calls.begin(event.content_block_index, call)),
                _ => None,
            },
            ConverseStreamOutput::ContentBlockDelta(event) => match event.delta? {
                ContentBlockDelta::Text(text) => Some(Piece::text(text)),
                ContentBlockDelta::ReasoningContent(reasoning) => reasoned(reasoning),
                ContentBlockDelta::ToolUse(call) => self.calls.go_on(event.content_block_index, call.input),
                _ => None,
            },
            ConverseStreamOutput::ContentBlockStop(event) => self.calls.end(event.content_block_index),
            ConverseStreamOutput::MessageStop(event) => {
                self.finish_reason = finish_reason(&event.stop_reason);
                None
            }
            ConverseStreamOutput::Metadata(event) => {
                self.usage = event.usage.as_ref().and_then(usage);
                None
            }
            _ => None,
        }
    }

    /// The failure that AWS tells of in an event. A request that is turned away has no other events before that.
    fn failure<R>(&self, error: &SdkError<ConverseStreamOutputError, R>) -> ModelError {
        let failure = broken_off(error);
        if self.has_begun { ModelError::Failed(failure.into_cause()) } else { failure }
    }

    /// The end of the reply, or `error` if it has none. Usage, which comes last of all, is an end too.
    fn end(&self, error: ModelError) -> Result<Piece, ModelError> {
        End::of(self.finish_reason, self.usage).map(Piece::End).ok_or(error)
    }
}

/// The part of the reasoning that may be read: some of it is encrypted, and a signature is no words.
fn reasoned(reasoning: ReasoningContentBlockDelta) -> Option<Piece> {
    match reasoning {
        ReasoningContentBlockDelta::Text(text) => Some(Piece::reasoning(text)),
        ReasoningContentBlockDelta::RedactedContent(content) => Some(Piece::Hidden { bytes: content.as_ref().len() }),
        _ => None,
    }
}

/// The calls of a reply so far. Converse numbers all of a reply's blocks, and we number its calls.
#[derive(Default)]
struct StreamedCalls(Vec<StreamedCall>);

struct StreamedCall {
    content_block_index: i32,
    has_arguments: bool,
}

impl StreamedCalls {
    fn begin(&mut self, content_block_index: i32, call: ToolUseBlockStart) -> Piece {
        let place = self.0.len();
        // Of the first call too many it is enough that it has begun: the reply ends there.
        if place <= MAX_TOOL_CALLS {
            self.0.push(StreamedCall { content_block_index, has_arguments: false });
        }
        let (id, name) = (Some(call.tool_use_id), Some(call.name));
        part(place, ToolCallDelta { id, name, ..ToolCallDelta::default() })
    }

    /// The next part of a call's arguments. Those of a call that never began are of no call.
    fn go_on(&mut self, content_block_index: i32, arguments: String) -> Option<Piece> {
        let Some(place) = self.place(content_block_index) else {
            return Some(Piece::Hidden { bytes: arguments.len() });
        };
        let call = &mut self.0[place];
        call.has_arguments |= !arguments.is_empty();
        (!arguments.is_empty()).then(|| part(place, ToolCallDelta { arguments, ..ToolCallDelta::default() }))
    }

    /// The arguments of a call for which the model wrote none, as programs read them.
    fn end(&mut self, content_block_index: i32) -> Option<Piece> {
        let place = self.place(content_block_index)?;
        let has_arguments = std::mem::replace(&mut self.0[place].has_arguments, true);
        (!has_arguments).then(|| part(place, ToolCallDelta { arguments: "{}".to_owned(), ..ToolCallDelta::default() }))
    }

    fn place(&self, content_block_index: i32) -> Option<usize> {
        self.0.iter().rposition(|call| call.content_block_index == content_block_index)
    }
}

/// The part `delta` of the call at `place`.
fn part(place: usize, delta: ToolCallDelta) -> Piece {
    Piece::tool_call(ToolCallDelta { index: u32::try_from(place).unwrap_or(u32::MAX), ..delta })
}
