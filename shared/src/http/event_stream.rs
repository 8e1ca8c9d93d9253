//! Answers that are sent event by event.

use std::time::Duration;

use futures_util::stream::BoxStream;

use crate::http::answer::Answer;

/// Timeout for sending one event. A reader that takes longer gets no further event, and its body ends with an error:
/// the end of the stream, which contains the capture, must come before the deadline.
pub(crate) const READER_TIMEOUT: Duration = Duration::from_secs(5);

/// The events of an answer, as they are sent. An error is the last one.
pub type EventStream<E> = BoxStream<'static, Result<String, E>>;

/// The answer of an endpoint that can stream. `E` is the error that a stream can end with.
pub enum Streamable<E> {
    /// An answer in one piece.
    Whole(Answer),
    /// A status and headers, followed by events.
    Events(Answer, EventStream<E>),
}

impl<E> From<Answer> for Streamable<E> {
    fn from(answer: Answer) -> Self {
        Self::Whole(answer)
    }
}
