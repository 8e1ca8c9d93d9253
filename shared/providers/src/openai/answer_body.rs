//! Bodies of answers, on their way from the connection to the client crate.

use std::io;

use futures_util::{StreamExt, stream};
use reqwest::header::CONTENT_TYPE;
use reqwest::{Body, Response};

/// A reply of the most bytes, in chunks of a token each with all that stands around it.
const MAX_ANSWER_BYTES: usize = 32 * 1024 * 1024;
/// A whole reply of the most bytes with every one of them escaped, and as much again around it. The client crate reads
/// long events slowly.
const MAX_EVENT_BYTES: usize = 3 * 1024 * 1024;

/// `response`, which ends in an error if it is too long.
pub(super) fn limited(response: Response) -> Response {
    let mut limit = limit(MAX_ANSWER_BYTES);
    let bytes = response.bytes_stream().map(move |bytes| {
        let bytes = bytes.map_err(io::Error::other)?;
        limit(bytes.len()).map(|()| bytes)
    });
    http::Response::new(Body::wrap_stream(bytes)).into()
}

/// The same as a stream of events. A server that does not stream answers whole, in JSON, where a stream is asked for: the
/// answer becomes the one event of a stream.
pub(super) fn as_events(response: Response) -> Response {
    let is_json = |kind: &[u8]| kind.starts_with(b"application/json");
    if !response.headers().get(CONTENT_TYPE).is_some_and(|kind| is_json(kind.as_bytes())) {
        return limited(response);
    }
    http::Response::new(Body::wrap_stream(stream::once(as_event(response)))).into()
}

/// An event is one line. A line break in JSON stands between values, where a space means the same.
async fn as_event(mut response: Response) -> io::Result<Vec<u8>> {
    let (mut event, mut limit) = (b"data: ".to_vec(), limit(MAX_EVENT_BYTES));
    while let Some(bytes) = response.chunk().await.map_err(io::Error::other)? {
        limit(bytes.len())?;
        event.extend(bytes.iter().map(|byte| if matches!(byte, b'\n' | b'\r') { b' ' } else { *byte }));
    }
    event.extend(b"\n\n");
    Ok(event)
}

/// A check that fails when there were more bytes than an answer may have.
fn limit(max_bytes: usize) -> impl FnMut(usize) -> io::Result<()> {
    let mut room = max_bytes;
    move |bytes| {
        let within = room.checked_sub(bytes);
        room = within.unwrap_or_default();
        within.map(|_| ()).ok_or_else(|| {
            // The client crate says of a stream no more than that it was cut off. A model that answers so is asked with
            // `streams` of `never`: then its answer may be as long as all chunks of a stream.
            tracing::warn!(max_bytes, "the provider's answer is longer than is read");
            io::Error::other("the answer is too long")
        })
    }
}
