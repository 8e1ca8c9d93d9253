//! An answer that is streamed: a JSON prelude, eight NUL bytes, and the body as it is written.

use std::time::Duration;

use axum::body::{Body, Bytes};
use futures_util::StreamExt;
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio::time::timeout;

use super::InvocationFailure;
use crate::contract::{Contract, SentRequest};
use crate::gateway::Response;

const DELIMITER: [u8; 8] = [0; 8];

/// Time for the next part.
const PART_LIMIT: Duration = Duration::from_secs(30);

fn beginning_bytes(received: &[u8]) -> Option<usize> {
    received.windows(DELIMITER.len()).position(|window| window == DELIMITER)
}

/// A streamed answer, to be read while it is written.
#[derive(Debug)]
pub struct Stream {
    /// Parts as they arrive; an error is the last.
    parts: mpsc::UnboundedReceiver<Result<Bytes, axum::Error>>,
    /// Bytes that have arrived and were not returned yet.
    received: Vec<u8>,
    received_bytes: usize,
    held: Option<HeldStream>,
}

/// The part of a stream that was read, and the contract that it is held to.
struct HeldStream {
    contract: &'static Contract,
    request: SentRequest,
    prelude: Value,
    body: String,
}

impl std::fmt::Debug for HeldStream {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "HeldStream({:?})", self.request)
    }
}

impl Stream {
    /// The stream in `body`, and a future that reads it.
    pub(super) fn of(body: Body) -> (Self, impl Future<Output = ()>) {
        let (sender, parts) = mpsc::unbounded_channel();
        let passed_on = async move {
            let mut body = body.into_data_stream();
            while let Some(part) = body.next().await {
                let is_broken = part.is_err();
                // An error is ignored: the listener has gone, and the function is not told.
                let _ = sender.send(part);
                if is_broken {
                    break;
                }
            }
        };
        (Self { parts, received: Vec::new(), received_bytes: 0, held: None }, passed_on)
    }

    /// Holds the stream to the contract, once it is read to its end.
    pub(super) fn held_to(mut self, contract: Option<(&'static Contract, SentRequest)>) -> Self {
        self.held = contract.map(|(contract, request)| HeldStream {
            contract,
            request,
            prelude: Value::Null,
            body: String::new(),
        });
        self
    }

    /// Status and headers, as in an answer of payload v1, with names in lower case. Call it first, and once.
    ///
    /// # Errors
    /// The stream has no such beginning.
    pub async fn prelude(&mut self) -> Result<Value, InvocationFailure> {
        loop {
            if let Some(end) = beginning_bytes(&self.received) {
                let rest = self.received.split_off(end + DELIMITER.len());
                let prelude = std::mem::replace(&mut self.received, rest);
                let prelude = &prelude[..end];
                let parsed = serde_json::from_slice(prelude).map_err(|_| InvocationFailure::not_json(prelude));
                if let (Some(held), Ok(prelude)) = (&mut self.held, &parsed) {
                    held.prelude = Value::clone(prelude);
                }
                return parsed;
            }
            let part = self.part().await?.ok_or(self.broken())?;
            self.received.extend_from_slice(&part);
        }
    }

    /// The next part of the body; `None` at its end. Call it after [`Stream::prelude`].
    ///
    /// # Errors
    /// The stream broke off, or no part comes within 30 seconds.
    ///
    /// # Panics
    /// The stream is held to the contract, has ended, and breaks it.
    pub async fn next(&mut self) -> Result<Option<String>, InvocationFailure> {
        if self.received.is_empty() {
            match self.part().await? {
                None => {
                    if let Some(held) = self.held.take() {
                        held.check();
                    }
                    return Ok(None);
                }
                Some(part) => self.received.extend_from_slice(&part),
            }
        }
        let text = String::from_utf8_lossy(&std::mem::take(&mut self.received)).into_owned();
        if let Some(held) = &mut self.held {
            held.body.push_str(&text);
        }
        Ok(Some(text))
    }

    /// The rest of the body as the bytes that it is, which no contract describes. Call it after [`Stream::prelude`].
    ///
    /// # Errors
    /// As [`Stream::next`].
    pub async fn bytes(mut self) -> Result<Vec<u8>, InvocationFailure> {
        let mut body = std::mem::take(&mut self.received);
        while let Some(part) = self.part().await? {
            body.extend_from_slice(&part);
        }
        Ok(body)
    }

    /// The whole stream as an answer of payload v1.
    pub(super) async fn into_event(mut self, limit: Duration) -> Result<Value, InvocationFailure> {
        let whole = async {
            let prelude = self.prelude().await?;
            let body = self.bytes().await?;
            let body = String::from_utf8_lossy(&body);
            let (status, headers, cookies) = (&prelude["statusCode"], &prelude["headers"], &prelude["cookies"]);
            Ok(json!({
                "statusCode": status,
                "headers": headers,
                "cookies": cookies,
                "body": body,
                "isBase64Encoded": false,
            }))
        };
        timeout(limit, whole).await.unwrap_or(Err(InvocationFailure::NoAnswer { waited: limit }))
    }

    async fn part(&mut self) -> Result<Option<Bytes>, InvocationFailure> {
        match timeout(PART_LIMIT, self.parts.recv()).await {
            Ok(Some(Ok(part))) => {
                self.received_bytes += part.len();
                Ok(Some(part))
            }
            Ok(Some(Err(_))) => Err(self.broken()),
            Ok(None) => Ok(None),
            Err(_) => Err(InvocationFailure::NoAnswer { waited: PART_LIMIT }),
        }
    }

    fn broken(&self) -> InvocationFailure {
        InvocationFailure::BrokenStream { received_bytes: self.received_bytes }
    }
}

impl HeldStream {
    fn check(self) {
        let Self { contract, request, mut prelude, body } = self;
        prelude["body"] = Value::from(body);
        let checked = contract.check(&request, &Response::from_event(&prelude));
        checked.unwrap_or_else(|difference| panic!("{difference}"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::stream;
    use std::io;

    type Part = Result<&'static [u8], io::Error>;

    fn stream_of(parts: Vec<Part>) -> Stream {
        let (stream, passed_on) = Stream::of(Body::from_stream(stream::iter(parts)));
        tokio::spawn(passed_on);
        stream
    }

    #[tokio::test]
    async fn a_stream_has_a_prelude_and_then_its_parts_however_it_is_cut() {
        let parts: Vec<Part> = vec![Ok(b"{\"statusCode\""), Ok(b":200}\0\0\0"), Ok(b"\0\0\0\0\0one "), Ok(b"two")];
        let mut stream = stream_of(parts);
        assert_eq!(stream.prelude().await.unwrap(), json!({"statusCode": 200}));
        assert_eq!(stream.next().await.unwrap().as_deref(), Some("one "));
        assert_eq!(stream.next().await.unwrap().as_deref(), Some("two"));
        assert_eq!(stream.next().await.unwrap(), None);
    }

    #[tokio::test]
    async fn bytes_that_are_no_text_arrive_as_they_are() {
        let parts: Vec<Part> = vec![Ok(b"{}\0\0\0\0\0\0\0\0\x1f\x8b"), Ok(b"\xff\0")];
        let mut stream = stream_of(parts);
        stream.prelude().await.unwrap();
        assert_eq!(stream.bytes().await.unwrap(), b"\x1f\x8b\xff\0");
    }

    #[tokio::test]
    async fn a_whole_stream_is_an_answer_like_any_other() {
        let prelude = b"{\"statusCode\":402,\"headers\":{\"allow\":\"GET\"},\"cookies\":[]}\0\0\0\0\0\0\0\0";
        let event = stream_of(vec![Ok(prelude), Ok(b"a"), Ok(b"b")]).into_event(PART_LIMIT).await.unwrap();
        let response = crate::gateway::Response::from_event(&event);
        assert_eq!((response.status, response.body.as_str()), (402, "ab"));
        assert_eq!(response.headers["allow"], "GET");
    }

    #[tokio::test]
    async fn a_stream_that_breaks_off_is_told_from_one_that_ends() {
        let parts = || -> Vec<Part> { vec![Ok(b"{}\0\0\0\0\0\0\0\0ab"), Err(io::Error::other("gone"))] };
        let mut stream = stream_of(parts());
        stream.prelude().await.unwrap();
        stream.next().await.unwrap();
        assert!(matches!(stream.next().await, Err(InvocationFailure::BrokenStream { received_bytes: 12 })));
        let whole = stream_of(parts()).into_event(PART_LIMIT).await;
        assert!(matches!(whole, Err(InvocationFailure::BrokenStream { .. })));
        let without_prelude = stream_of(vec![Ok(b"{}")]).into_event(PART_LIMIT).await;
        assert!(matches!(without_prelude, Err(InvocationFailure::BrokenStream { received_bytes: 2 })));
    }
}
