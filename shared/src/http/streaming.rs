//! What a function does around its handler whose answers may be streams.

use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures_util::stream::BoxStream;
use futures_util::{FutureExt, StreamExt};
use lambda_http::lambda_runtime::streaming::{self, Sender, channel};
use lambda_http::{Body, Request, run_with_streaming_response, service_fn};

use crate::error::{ApiError, Cause};
use crate::http::endpoint::checked;
use crate::http::log_line::LogLine;
use crate::http::{Answer, CorsOrigins, Error, Method, Response, StatusCode};

/// Whoever takes longer than this for one event is not waited for again: the end of the stream, in which
/// it is paid for, must come before the function's time is up. Their stream ends with an error.
pub(crate) const PATIENCE: Duration = Duration::from_secs(5);

/// The events of a stream as they are sent. An error is the last one.
pub type Events = BoxStream<'static, Result<String, ApiError>>;

/// A response that may be a stream.
pub type StreamingResponse = lambda_http::Response<streaming::Body>;

/// An answer that may be a stream.
pub enum Streamable {
    /// In one piece.
    Whole(Answer),
    /// A status and headers, and then events as they come.
    Events(Answer, Events),
}

impl From<Answer> for Streamable {
    fn from(answer: Answer) -> Self {
        Self::Whole(answer)
    }
}

/// An endpoint of the API whose answers may be streams.
pub trait StreamingEndpoint: Send + Sync + 'static {
    /// The methods that it answers.
    const METHODS: &'static [Method];

    /// Answers one request.
    fn answer(&self, request: Request) -> impl Future<Output = Result<Streamable, ApiError>> + Send;

    /// How an error looks.
    fn problem(error: &ApiError) -> Response;

    /// How an error looks as an event, when the status and a part of the answer are out already.
    fn error_event(error: &ApiError) -> String;
}

/// Serves `endpoint`, to pages of these origins too, until Lambda ends the process.
///
/// On a laptop the connection to the Runtime API breaks when a client hangs up in the middle of a
/// stream, and cargo-lambda starts no function again that ends by itself. So it begins again, as long
/// as it is given work.
///
/// # Errors
/// [`Error`] if the Lambda Runtime API cannot be reached.
pub async fn serve_streaming<E: StreamingEndpoint>(endpoint: E, cors_origins: CorsOrigins) -> Result<(), Error> {
    let served = Arc::new((endpoint, cors_origins));
    let has_work = Arc::new(AtomicBool::new(false));
    loop {
        let (shared, work) = (served.clone(), has_work.clone());
        let running = run_with_streaming_response(service_fn(move |request: Request| {
            work.store(true, Ordering::Relaxed);
            let shared = shared.clone();
            // A handler's future is large, and the layers around it would move it about.
            Box::pin(async move { Ok::<StreamingResponse, Error>(respond(&shared.0, &shared.1, request).await) })
        }));
        match running.await {
            Err(error) if has_work.swap(false, Ordering::Relaxed) => {
                tracing::warn!(%error, "the connection to the Lambda Runtime API broke");
            }
            ended => return ended,
        }
    }
}

async fn respond<E: StreamingEndpoint>(
    endpoint: &E,
    cors_origins: &CorsOrigins,
    request: Request,
) -> StreamingResponse {
    let line = LogLine::begin(&request);
    let cors = cors_origins.headers(request.headers());
    let answered = checked(E::METHODS, &cors, request, |request| endpoint.answer(request));
    let (mut response, error) = match line.invocation().during(answered).await {
        Ok(Streamable::Events(beginning, events)) => {
            let (sender, body) = channel();
            let mut response = beginning.into_response().map(|_| body);
            response.headers_mut().extend(cors);
            let listener = Listener { sender, is_gone: false };
            let (status, invocation) = (response.status(), line.invocation().clone());
            // Not in the body itself: that is dropped when nobody reads it, and events are what is paid for.
            tokio::spawn(async move { invocation.during(deliver::<E>(events, listener, line, status)).await });
            return response;
        }
        Ok(Streamable::Whole(answer)) => (answer.into_response(), None),
        Err(error) => (E::problem(&error), Some(error)),
    };
    response.headers_mut().extend(cors);
    line.end(response.status(), error.as_ref());
    response.map(in_one_piece)
}

fn in_one_piece(body: Body) -> streaming::Body {
    match body {
        Body::Text(text) => text.into(),
        Body::Binary(bytes) => bytes.into(),
        _ => streaming::Body::empty(),
    }
}

/// Brings all events about, whether or not anybody listens. The body ends when this does, so that
/// Lambda does not freeze what is still at work.
async fn deliver<E: StreamingEndpoint>(mut events: Events, mut listener: Listener, line: LogLine, status: StatusCode) {
    let error = loop {
        match AssertUnwindSafe(events.next()).catch_unwind().await {
            Ok(Some(Ok(event))) => listener.tell(event).await,
            Ok(None) => break None,
            Ok(Some(Err(error))) => break Some(error),
            Err(_) => break Some(ApiError::Internal(Cause::because("the stream panicked"))),
        }
    };
    if let Some(error) = &error {
        listener.tell(E::error_event(error)).await;
    }
    listener.leave();
    line.end(status, error.as_ref());
}

/// The other end of the body.
struct Listener {
    sender: Sender,
    is_gone: bool,
}

impl Listener {
    async fn tell(&mut self, event: String) {
        if !self.is_gone {
            let told = tokio::time::timeout(PATIENCE, self.sender.send_data(event.into())).await;
            self.is_gone = !matches!(told, Ok(Ok(())));
        }
    }

    /// Ends the body: with an error if anything was left out, or it would look like the whole answer.
    fn leave(self) {
        if self.is_gone {
            self.sender.abort();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::AtomicUsize;

    use futures_util::stream;

    /// Streams two events and whatever `end` is, and counts what it was asked for.
    struct Streams {
        end: End,
        asked_for: Arc<AtomicUsize>,
    }

    #[derive(Clone, Copy)]
    enum End {
        Well,
        Error,
        Panic,
    }

    impl StreamingEndpoint for Streams {
        const METHODS: &'static [Method] = &[Method::GET];

        async fn answer(&self, _request: Request) -> Result<Streamable, ApiError> {
            let (end, asked_for) = (self.end, self.asked_for.clone());
            let events = stream::iter(0..3).map(move |number| {
                asked_for.fetch_add(1, Ordering::SeqCst);
                match (number, end) {
                    (0 | 1, _) | (_, End::Well) => Ok(format!("{number} ")),
                    (_, End::Error) => Err(ApiError::NotFound),
                    (_, End::Panic) => panic!("on purpose"),
                }
            });
            Ok(Streamable::Events(Answer::event_stream(), events.boxed()))
        }

        fn problem(error: &ApiError) -> Response {
            crate::completions::problem(error)
        }

        fn error_event(error: &ApiError) -> String {
            error.code().to_owned()
        }
    }

    fn endpoint(end: End) -> (Streams, Arc<AtomicUsize>) {
        let asked_for = Arc::<AtomicUsize>::default();
        (Streams { end, asked_for: asked_for.clone() }, asked_for)
    }

    async fn text(response: StreamingResponse) -> String {
        let body = response.into_body().collect().await.unwrap();
        String::from_utf8(body.to_bytes().to_vec()).unwrap()
    }

    #[tokio::test]
    async fn events_come_one_after_the_other_and_an_error_or_a_panic_last() {
        for (end, expected) in [(End::Well, "0 1 2 "), (End::Error, "0 1 not_found"), (End::Panic, "0 1 error")] {
            let response = respond(&endpoint(end).0, &CorsOrigins::None, Request::new(Body::Empty)).await;
            assert_eq!(response.status(), 200);
            assert_eq!(response.headers()["content-type"], "text/event-stream");
            assert_eq!(text(response).await, expected);
        }
    }

    #[tokio::test]
    async fn what_fails_before_the_first_event_is_answered_with_its_status() {
        let mut request = Request::new(Body::Empty);
        *request.method_mut() = Method::POST;
        let response = respond(&endpoint(End::Well).0, &CorsOrigins::None, request).await;
        assert_eq!((response.status().as_u16(), &response.headers()["allow"]), (405, &"GET".parse().unwrap()));
        assert!(text(response).await.contains("method_not_allowed"));
    }

    #[tokio::test(start_paused = true)]
    async fn a_stream_goes_on_to_its_end_when_nobody_reads_it_any_more() {
        for reads_slowly in [false, true] {
            let (endpoint, asked_for) = endpoint(End::Well);
            let response = respond(&endpoint, &CorsOrigins::None, Request::new(Body::Empty)).await;
            let kept = reads_slowly.then_some(response);
            tokio::time::sleep(PATIENCE * 2).await;
            assert_eq!(asked_for.load(Ordering::SeqCst), 3, "slowly: {reads_slowly}");
            if let Some(response) = kept {
                assert!(response.into_body().collect().await.is_err(), "it would look whole");
            }
        }
    }
}
