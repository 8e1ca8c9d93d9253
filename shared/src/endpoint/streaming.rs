//! The runner of endpoints that can stream.

use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::time::Duration;

use domain::cause::Cause;
use futures_util::{FutureExt, StreamExt};
use lambda_http::Body;
use lambda_http::http::StatusCode;
use lambda_http::lambda_runtime::streaming::{self, Sender, channel};

use crate::endpoint::answered::{Answered, add_headers};
use crate::endpoint::error::EventError;
use crate::endpoint::log_line::LogLine;
use crate::endpoint::posting::{self, PostableAnswer};
use crate::endpoint::runner::{EndpointAnswer, Error};
use crate::error::ApiError;
use crate::http::{BrokenStream, EventStream, LONGEST_SILENCE, READER_TIMEOUT, Streamable};

impl<E: EventError> EndpointAnswer<E> for Streamable<E> {
    async fn run<F, A>(answer: F) -> Result<(), Error>
    where
        F: Fn(lambda_http::Request) -> A + Send + Sync + 'static,
        A: Future<Output = Answered<Self, E>> + Send + 'static,
    {
        posting::run(move |received| {
            let answered = answer(received);
            // A handler's future is large, and the layers around it would move it about.
            Box::pin(async move { postable(answered.await) })
        })
        .await
    }
}

fn postable<E: EventError>(answered: Answered<Streamable<E>, E>) -> PostableAnswer {
    let Answered { outcome, headers, is_head, line } = answered;
    let (mut response, error) = match outcome {
        Ok(Streamable::Events(beginning, _)) if is_head => (beginning.into_response(), None),
        Ok(Streamable::Events(beginning, events)) => {
            let (sender, body) = channel();
            let mut response = beginning.into_response().map(|_| body);
            add_headers(response.headers_mut(), headers);
            let reader = StreamReader { sender, is_gone: false };
            let (status, invocation) = (response.status(), line.invocation().clone());
            // A task of its own, since the runtime drops the body when the reader disconnects, and the stream contains
            // the capture.
            let work = tokio::spawn(async move { invocation.during(deliver(events, reader, line, status)).await });
            return PostableAnswer { response, work: Some(work) };
        }
        Ok(Streamable::Whole(answer)) => (answer.into_response(), None),
        Err(error) => (error.response(), Some(error)),
    };
    add_headers(response.headers_mut(), headers);
    line.end(response.status(), error.as_ref());
    let response = response.map(|body| if is_head { streaming::Body::empty() } else { in_one_piece(body) });
    PostableAnswer { response, work: None }
}

fn in_one_piece(body: Body) -> streaming::Body {
    match body {
        Body::Text(text) => text.into(),
        Body::Binary(bytes) => bytes.into(),
        _ => streaming::Body::empty(),
    }
}

/// Runs the stream to its end, whether or not the reader is still there. The body ends when this does, so that Lambda
/// does not freeze the process before the capture. Comments fill the time in which no event comes; a first event that is
/// not there yet is one of these times, so that the headers do not wait for it.
async fn deliver<E: EventError>(
    mut events: EventStream<E>,
    mut reader: StreamReader,
    line: LogLine,
    status: StatusCode,
) {
    let mut patience = Duration::ZERO;
    let broken: Option<BrokenStream<E>> = loop {
        let next = AssertUnwindSafe(events.next()).catch_unwind();
        match tokio::time::timeout(patience, next).await {
            Ok(Ok(Some(Ok(event)))) => reader.send(event).await,
            Ok(Ok(None)) => break None,
            Ok(Ok(Some(Err(broken)))) => break Some(broken),
            Ok(Err(_)) => break Some(ApiError::Internal(Cause::because("the stream panicked")).into()),
            Err(_) => reader.keep_alive(E::KEEP_ALIVE),
        }
        patience = LONGEST_SILENCE;
    };
    let error = match broken {
        Some(BrokenStream { error, event }) => {
            reader.send(event).await;
            Some(error)
        }
        None => None,
    };
    reader.end();
    line.end(status, error.as_ref());
}

/// The reader at the other end of the body.
struct StreamReader {
    sender: Sender,
    is_gone: bool,
}

impl StreamReader {
    async fn send(&mut self, event: String) {
        if !self.is_gone {
            let sent = tokio::time::timeout(READER_TIMEOUT, self.sender.send_data(event.into())).await;
            self.is_gone = !matches!(sent, Ok(Ok(())));
        }
    }

    /// Sends `comment`, unless the reader has not taken yet what was sent before. It waits for nobody: the model's reply and
    /// the capture go on meanwhile.
    fn keep_alive(&mut self, comment: &'static str) {
        if !self.is_gone {
            let _ = self.sender.try_send_data(comment.into());
        }
    }

    /// Ends the body: with an error if an event was left out, because the body would look complete otherwise.
    fn end(self) {
        if self.is_gone {
            self.sender.abort();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use futures_util::stream;
    use lambda_http::http::HeaderMap;
    use telemetry::metrics::Metric;

    use crate::endpoint::answered::{PathMethods, answered};
    use crate::endpoint::error::EndpointError;
    use crate::http::{Answer, BufferedResponse, CorsOrigins, Method, Request};

    type StreamingResponse = lambda_http::Response<streaming::Body>;

    /// An error whose event is its code.
    struct CodedError(ApiError);

    impl From<ApiError> for CodedError {
        fn from(error: ApiError) -> Self {
            Self(error)
        }
    }

    impl EndpointError for CodedError {
        fn status(&self) -> StatusCode {
            self.0.status()
        }

        fn code(&self) -> &'static str {
            self.0.code()
        }

        fn cause(&self) -> Option<&str> {
            self.0.cause()
        }

        fn metric(&self) -> Option<Metric> {
            self.0.metric()
        }

        fn response(&self) -> BufferedResponse {
            self.0.response()
        }
    }

    impl EventError for CodedError {
        fn event(&self) -> String {
            self.code().to_owned()
        }
    }

    /// The end of a stream, after two events.
    #[derive(Clone, Copy)]
    enum StreamEnd {
        Well,
        Error,
        Panic,
    }

    fn streams(end: StreamEnd, asked_for: Arc<AtomicUsize>) -> Streamable<CodedError> {
        let events = stream::iter(0..3).map(move |number| {
            asked_for.fetch_add(1, Ordering::SeqCst);
            match (number, end) {
                (0 | 1, _) | (_, StreamEnd::Well) => Ok(format!("{number} ")),
                (_, StreamEnd::Error) => Err(ApiError::NotFound.into()),
                (_, StreamEnd::Panic) => panic!("on purpose"),
            }
        });
        Streamable::Events(Answer::event_stream(), events.boxed())
    }

    /// The response to a request of this method, and a count of the events that the stream was asked for.
    async fn respond(end: StreamEnd, method: Method) -> (StreamingResponse, Arc<AtomicUsize>) {
        let mut received = lambda_http::Request::new(Body::Empty);
        *received.method_mut() = method;
        let asked_for = Arc::<AtomicUsize>::default();
        let counted = asked_for.clone();
        let answer = |_| async move { Ok(streams(end, counted)) };
        let answered =
            answered(Some(PathMethods::from(&[Method::GET][..])), &CorsOrigins::None, Request::from(received), answer)
                .await;
        (postable(answered).response, asked_for)
    }

    async fn text(response: StreamingResponse) -> String {
        let body = response.into_body().collect().await.unwrap();
        String::from_utf8(body.to_bytes().to_vec()).unwrap()
    }

    #[tokio::test]
    async fn events_come_one_after_the_other_and_an_error_or_a_panic_last() {
        for (end, expected) in
            [(StreamEnd::Well, "0 1 2 "), (StreamEnd::Error, "0 1 not_found"), (StreamEnd::Panic, "0 1 error")]
        {
            let (response, _) = respond(end, Method::GET).await;
            assert_eq!(response.status(), 200);
            assert_eq!(response.headers()["content-type"], "text/event-stream");
            assert_eq!(text(response).await, expected);
        }
    }

    #[tokio::test]
    async fn what_fails_before_the_first_event_is_answered_with_its_status() {
        let (response, _) = respond(StreamEnd::Well, Method::POST).await;
        assert_eq!((response.status().as_u16(), &response.headers()["allow"]), (405, &"GET, HEAD".parse().unwrap()));
        assert!(text(response).await.contains("method_not_allowed"));
    }

    /// The response whose events come after these times.
    fn respond_after(seconds: &'static [u64]) -> StreamingResponse {
        let events = stream::iter(0..).zip(stream::iter(seconds)).then(|(number, seconds)| async move {
            tokio::time::sleep(Duration::from_secs(*seconds)).await;
            Ok(format!("{number}\n\n"))
        });
        let line = LogLine::begin(&Request::from(lambda_http::Request::new(Body::Empty)));
        let outcome = Ok::<_, CodedError>(Streamable::Events(Answer::event_stream(), events.boxed()));
        postable(Answered { outcome, headers: HeaderMap::new(), is_head: false, line }).response
    }

    #[tokio::test(start_paused = true)]
    async fn comments_fill_the_time_in_which_no_event_comes_and_the_time_before_the_first() {
        let comments = |count| ": keep-alive\n\n".repeat(count);
        for (seconds, expected) in [
            (&[0, 14, 14][..], "0\n\n1\n\n2\n\n".to_owned()),
            (&[1], comments(1) + "0\n\n"),
            (&[31, 0, 16], comments(3) + "0\n\n1\n\n" + &comments(1) + "2\n\n"),
        ] {
            assert_eq!(text(respond_after(seconds)).await, expected);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_reader_who_is_behind_gets_no_comments_and_is_not_given_up_for_them() {
        let response = respond_after(&[0, 40]);
        tokio::time::sleep(Duration::from_secs(35)).await;
        assert_eq!(text(response).await, "0\n\n1\n\n");
    }

    #[tokio::test(start_paused = true)]
    async fn a_stream_goes_on_to_its_end_when_nobody_reads_it_any_more() {
        for reads_slowly in [false, true] {
            let (response, asked_for) = respond(StreamEnd::Well, Method::GET).await;
            let kept = reads_slowly.then_some(response);
            tokio::time::sleep(READER_TIMEOUT * 2).await;
            assert_eq!(asked_for.load(Ordering::SeqCst), 3, "slowly: {reads_slowly}");
            if let Some(response) = kept {
                assert!(response.into_body().collect().await.is_err(), "it would look whole");
            }
        }
    }
}
