//! Events of an answer, and replies that are read from them.

use std::collections::VecDeque;
use std::time::Duration;

use eventsource_stream::{EventStream, EventStreamError};
use futures_util::stream::BoxStream;
use futures_util::{StreamExt, stream};
use reqwest::Response;
use tokio::time::timeout;

use crate::error::ModelError;
use crate::reply::{COUNT_TIMEOUT, End, Piece, ReplyStream};
use crate::wire::failure::failed;

/// Time for the end of a body after its last event.
const REST_TIMEOUT: Duration = Duration::from_secs(1);

/// The data of the events of an answer.
pub(crate) type Events = BoxStream<'static, Result<String, ModelError>>;

/// The events in the body of `response`.
pub(super) fn events(response: Response) -> Events {
    EventStream::new(response.bytes_stream())
        .map(|event| event.map(|event| event.data).map_err(|error| failure(&error)))
        .boxed()
}

/// The failure that `error` is. Nothing of what the server sent is in its words.
fn failure<E>(error: &EventStreamError<E>) -> ModelError {
    failed(match error {
        EventStreamError::Transport(_) => "the stream was cut off",
        EventStreamError::Utf8(_) | EventStreamError::Parser(_) => "the stream is not what the protocol says",
    })
}

/// A protocol's way to read a reply from events.
pub(crate) trait ReplyReader: Send + 'static {
    /// The pieces in the next event's `data`.
    ///
    /// # Errors
    /// [`ModelError`] if the server says that it failed, or if it does not say what the protocol says.
    fn pieces(&mut self, data: &str) -> Result<Vec<Piece>, ModelError>;

    /// The end of the reply, if it has come. A count may follow it.
    fn end(&self) -> Option<End>;

    /// Whether the last event has come.
    fn is_complete(&self) -> bool;
}

/// The pieces of the reply in `events`. Dropping them cancels the request.
pub(crate) fn reply_stream(events: Events, reader: impl ReplyReader) -> ReplyStream {
    let reading = ReplyReading { events: Some(events), reader, ready: VecDeque::new() };
    stream::unfold(Some(reading), |reading| async move {
        let mut reading = reading?;
        let piece = reading.next().await;
        let is_over = matches!(piece, Ok(Piece::End(_)) | Err(_));
        Some((piece, (!is_over).then_some(reading)))
    })
    .boxed()
}

struct ReplyReading<R> {
    /// `None` once the last event came.
    events: Option<Events>,
    reader: R,
    /// Pieces of an event that was read.
    ready: VecDeque<Piece>,
}

impl<R: ReplyReader> ReplyReading<R> {
    async fn next(&mut self) -> Result<Piece, ModelError> {
        loop {
            if let Some(piece) = self.ready.pop_front() {
                return Ok(piece);
            }
            if self.reader.is_complete() {
                self.events.take().into_iter().for_each(read_to_the_end);
            }
            let Some(event) = self.next_event().await else {
                return self.end(failed("the stream ended before the reply did"));
            };
            match event.and_then(|data| self.reader.pieces(&data)) {
                Ok(pieces) => self.ready.extend(pieces),
                // After the reply has ended, only the count can be missing.
                Err(error) => return self.end(error),
            }
        }
    }

    /// The next event. After the end of the reply it is not waited for long: only the count can be missing.
    async fn next_event(&mut self) -> Option<Result<String, ModelError>> {
        let events = self.events.as_mut()?;
        if self.reader.end().is_none() {
            return events.next().await;
        }
        timeout(COUNT_TIMEOUT, events.next()).await.unwrap_or(None)
    }

    /// The end of the reply, or `error` if it has none.
    fn end(&self, error: ModelError) -> Result<Piece, ModelError> {
        self.reader.end().map(Piece::End).ok_or(error)
    }
}

/// Awaits the end of a body after its last event, which comes a moment later: a connection whose body was not read to its end
/// is closed. So it is awaited in the background, and the next request finds the connection open.
fn read_to_the_end(mut events: Events) {
    let end = async move { while let Some(Ok(_)) = events.next().await {} };
    tokio::spawn(timeout(REST_TIMEOUT, end));
}
