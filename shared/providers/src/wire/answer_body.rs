//! Bodies of answers, on their way from the connection to the client crate.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use futures_util::stream::BoxStream;
use futures_util::{Stream, StreamExt, stream};
use reqwest::header::CONTENT_TYPE;
use reqwest::{Body, Response};

use crate::last_use::LastUse;

/// A reply of the most bytes, in chunks of a token each with all that stands around it.
const MAX_ANSWER_BYTES: usize = 32 * 1024 * 1024;
/// A whole reply of the most bytes with every one of them escaped, and as much again around it: ciphertext of reasoning, and at
/// the end of Responses the request's instructions and tools. The client crate reads an event again with each chunk of it, so
/// the time grows with the square of this.
const MAX_EVENT_BYTES: usize = 4 * 1024 * 1024;
/// The data of the last event of a stream.
const DONE: &[u8] = b"[DONE]";
/// Time for the end of a body after its last event.
const REST_TIMEOUT: Duration = Duration::from_secs(1);

/// `response`, which ends in an error if it is too long. Its end is the `last_use` of its connection.
pub(super) fn limited(response: Response, last_use: LastUse) -> Response {
    checked(response, last_use, |_| Ok(()))
}

/// The same with a `check` of each chunk.
fn checked(
    response: Response,
    last_use: LastUse,
    mut check: impl FnMut(&[u8]) -> io::Result<()> + Send + 'static,
) -> Response {
    let mut limit = limit(MAX_ANSWER_BYTES);
    let bytes = response.bytes_stream().map(move |bytes| {
        let bytes = bytes.map_err(io::Error::other)?;
        limit(bytes.len())?;
        check(&bytes)?;
        Ok(bytes)
    });
    http::Response::new(Body::wrap_stream(EventBody { rest: Some(bytes.boxed()), is_done: false, last_use })).into()
}

/// A check that fails when a line has more bytes than an event may have. An event is kept until it is whole.
#[derive(Default)]
struct LineLimit {
    /// The bytes of the line that has begun.
    begun: usize,
}

impl LineLimit {
    fn add(&mut self, bytes: &[u8]) -> io::Result<()> {
        let mut lines = bytes.split(|byte| matches!(byte, b'\n' | b'\r'));
        self.begun += lines.next().map_or(0, <[u8]>::len);
        let mut longest = self.begun;
        for line in lines {
            self.begun = line.len();
            longest = longest.max(self.begun);
        }
        if longest > MAX_EVENT_BYTES { Err(too_long(MAX_EVENT_BYTES)) } else { Ok(()) }
    }
}

/// A body whose reader may stop after the last event. Its end comes a moment later, and a connection whose body was not
/// read to its end is closed. So the end is awaited in the background, and the next request finds the connection open. A
/// body that is dropped before its last event cancels the request.
struct EventBody<B: AsRef<[u8]> + Send + 'static> {
    /// `None` once it was read to its end.
    rest: Option<BoxStream<'static, io::Result<B>>>,
    /// Whether the last event was read.
    is_done: bool,
    last_use: LastUse,
}

impl<B: AsRef<[u8]> + Send + 'static> Stream for EventBody<B> {
    type Item = io::Result<B>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<io::Result<B>>> {
        let Some(rest) = &mut self.rest else { return Poll::Ready(None) };
        let chunk = ready!(rest.poll_next_unpin(context));
        match &chunk {
            Some(Ok(bytes)) => self.is_done |= bytes.as_ref().trim_ascii_end().ends_with(DONE),
            Some(Err(_)) => self.rest = None,
            None => {
                self.rest = None;
                self.last_use.note();
            }
        }
        Poll::Ready(chunk)
    }
}

impl<B: AsRef<[u8]> + Send + 'static> Drop for EventBody<B> {
    fn drop(&mut self) {
        let Some(mut rest) = self.rest.take().filter(|_| self.is_done) else { return };
        let last_use = self.last_use.clone();
        let end = async move {
            while let Some(Ok(_)) = rest.next().await {}
            last_use.note();
        };
        tokio::spawn(tokio::time::timeout(REST_TIMEOUT, end));
    }
}

/// The same as a stream of events. A server that does not stream answers whole, in JSON, where a stream is asked for: the
/// answer becomes the one event of a stream.
pub(super) fn as_events(response: Response, last_use: LastUse) -> Response {
    let is_json = |kind: &[u8]| kind.starts_with(b"application/json");
    if !response.headers().get(CONTENT_TYPE).is_some_and(|kind| is_json(kind.as_bytes())) {
        let mut line = LineLimit::default();
        return checked(response, last_use, move |bytes| line.add(bytes));
    }
    http::Response::new(Body::wrap_stream(stream::once(as_event(response, last_use)))).into()
}

/// An event is one line. A line break in JSON stands between values, where a space means the same.
async fn as_event(mut response: Response, last_use: LastUse) -> io::Result<Vec<u8>> {
    let (mut event, mut limit) = (b"data: ".to_vec(), limit(MAX_EVENT_BYTES));
    while let Some(bytes) = response.chunk().await.map_err(io::Error::other)? {
        limit(bytes.len())?;
        event.extend(bytes.iter().map(|byte| if matches!(byte, b'\n' | b'\r') { b' ' } else { *byte }));
    }
    last_use.note();
    event.extend(b"\n\n");
    Ok(event)
}

/// A check that fails when there were more bytes than an answer may have.
fn limit(max_bytes: usize) -> impl FnMut(usize) -> io::Result<()> {
    let mut room = max_bytes;
    move |bytes| {
        let within = room.checked_sub(bytes);
        room = within.unwrap_or_default();
        within.map(|_| ()).ok_or_else(|| too_long(max_bytes))
    }
}

fn too_long(max_bytes: usize) -> io::Error {
    // The client crate says of a stream no more than that it was cut off. A model that answers so is asked with
    // `streams` of `never`: then its answer may be as long as all chunks of a stream.
    tracing::warn!(max_bytes, "the provider's answer is longer than is read");
    io::Error::other("the answer is too long")
}
