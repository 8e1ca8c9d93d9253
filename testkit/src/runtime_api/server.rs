//! The Lambda Runtime API over HTTP: a function asks for an event, and posts its answer or an error.

use std::collections::HashMap;
use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::SystemTime;

use axum::Router;
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{DefaultBodyLimit, Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use serde_json::{Value, json};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::AbortHandle;

use super::InvocationFailure;
use super::stream::Stream;
use crate::lock::lock;
use local::background;

/// The longest queue of events; Lambda would answer 429 much earlier.
const WAITING_LIMIT: usize = 10_000;

/// Lambda's own limit for a buffered answer.
const ANSWER_LIMIT_BYTES: usize = 6 * 1024 * 1024;

/// A running Runtime API for one function; dropping it stops it.
pub(super) struct RuntimeApi {
    port: u16,
    shared: Arc<Shared>,
    server: AbortHandle,
}

/// The answer of the function to an event.
pub(super) enum Answer {
    Response(Bytes),
    /// A stream that has begun.
    Stream(Stream),
    Error(Value),
}

/// The state of the function.
#[derive(Clone, Debug, Default)]
pub(super) struct Progress {
    pub(super) ready: bool,
    pub(super) init_error: Option<Value>,
    pub(super) exited: Option<String>,
}

struct Shared {
    enter_line: mpsc::Sender<Invocation>,
    line: tokio::sync::Mutex<mpsc::Receiver<Invocation>>,
    under_way: Mutex<HashMap<String, oneshot::Sender<Answer>>>,
    progress: watch::Sender<Progress>,
}

/// The invocations of all functions, so that no two have the same id, as on Lambda.
static INVOCATIONS: AtomicU64 = AtomicU64::new(0);

struct Invocation {
    request_id: String,
    event: String,
    deadline_ms: u128,
    answer: oneshot::Sender<Answer>,
}

impl Progress {
    pub(super) fn has_ended(&self) -> bool {
        self.init_error.is_some() || self.exited.is_some()
    }

    pub(super) fn end(&self) -> Option<InvocationFailure> {
        match (&self.init_error, &self.exited) {
            (Some(answer), _) => Some(InvocationFailure::InitError { answer: answer.clone() }),
            (None, Some(status)) => Some(InvocationFailure::Exited { status: status.clone() }),
            (None, None) => None,
        }
    }
}

impl RuntimeApi {
    pub(super) fn start() -> io::Result<Self> {
        let (listener, port) = background::listen(0)?;
        let (enter_line, line) = mpsc::channel(WAITING_LIMIT);
        let shared = Arc::new(Shared {
            enter_line,
            line: tokio::sync::Mutex::new(line),
            under_way: Mutex::default(),
            progress: watch::Sender::default(),
        });
        let router = routes(Arc::clone(&shared));
        let serving = async move { axum::serve(listener, router).await };
        let server = background::handle().spawn(serving).abort_handle();
        Ok(Self { port, shared, server })
    }

    /// The value of `AWS_LAMBDA_RUNTIME_API`.
    pub(super) fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    pub(super) fn progress(&self) -> watch::Receiver<Progress> {
        self.shared.progress.subscribe()
    }

    pub(super) fn progress_sender(&self) -> watch::Sender<Progress> {
        self.shared.progress.clone()
    }

    /// Puts an event into the queue; `None` if the queue is full.
    pub(super) fn submit(&self, event: String, deadline: SystemTime) -> Option<oneshot::Receiver<Answer>> {
        let number = INVOCATIONS.fetch_add(1, Ordering::Relaxed);
        let deadline_ms = deadline.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_millis();
        let (answer, answered) = oneshot::channel();
        let request_id = format!("00000000-0000-4000-8000-{number:012x}");
        self.shared.enter_line.try_send(Invocation { request_id, event, deadline_ms, answer }).ok()?;
        Some(answered)
    }
}

impl Drop for RuntimeApi {
    fn drop(&mut self) {
        self.server.abort();
    }
}

fn routes(shared: Arc<Shared>) -> Router {
    Router::new()
        .route("/2018-06-01/runtime/invocation/next", get(next))
        .route("/2018-06-01/runtime/invocation/{request_id}/response", post(response))
        .route("/2018-06-01/runtime/invocation/{request_id}/error", post(error))
        .route("/2018-06-01/runtime/init/error", post(init_error))
        .layer(DefaultBodyLimit::max(ANSWER_LIMIT_BYTES))
        .with_state(shared)
}

async fn next(State(shared): State<Arc<Shared>>) -> Response {
    shared.progress.send_modify(|progress| progress.ready = true);
    let mut line = shared.line.lock().await;
    while let Some(invocation) = line.recv().await {
        // The sender may have given up while the event was in the queue.
        if !invocation.answer.is_closed() {
            return hand_over(&shared, invocation);
        }
    }
    StatusCode::GONE.into_response()
}

fn hand_over(shared: &Shared, invocation: Invocation) -> Response {
    let Invocation { request_id, event, deadline_ms, answer } = invocation;
    let headers = [
        ("content-type", "application/json".to_owned()),
        ("lambda-runtime-aws-request-id", request_id.clone()),
        ("lambda-runtime-deadline-ms", deadline_ms.to_string()),
        ("lambda-runtime-invoked-function-arn", "arn:aws:lambda:us-east-1:123456789012:function:local".to_owned()),
        ("lambda-runtime-trace-id", "Root=1-00000000-000000000000000000000000;Sampled=0".to_owned()),
    ];
    lock(&shared.under_way).insert(request_id, answer);
    (headers, event).into_response()
}

async fn response(
    State(shared): State<Arc<Shared>>,
    Path(request_id): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    if headers.get("lambda-runtime-function-response-mode").is_some_and(|mode| mode == "streaming") {
        let (stream, passed_on) = Stream::of(body);
        let response = settle(&shared, &request_id, Answer::Stream(stream));
        // As in Lambda, the stream is read to its end without a listener too.
        passed_on.await;
        return response;
    }
    match to_bytes(body, ANSWER_LIMIT_BYTES).await {
        Ok(body) => settle(&shared, &request_id, Answer::Response(body)),
        Err(_) => StatusCode::PAYLOAD_TOO_LARGE.into_response(),
    }
}

async fn error(State(shared): State<Arc<Shared>>, Path(request_id): Path<String>, body: Bytes) -> Response {
    settle(&shared, &request_id, Answer::Error(json_or_text(&body)))
}

async fn init_error(State(shared): State<Arc<Shared>>, body: Bytes) -> Response {
    let answer = json_or_text(&body);
    shared.progress.send_modify(|progress| progress.init_error = Some(answer));
    accepted()
}

fn settle(shared: &Shared, request_id: &str, answer: Answer) -> Response {
    let Some(waiting) = lock(&shared.under_way).remove(request_id) else {
        let error = json!({"errorType": "InvalidRequestID", "errorMessage": "There is no such invocation under way."});
        return (StatusCode::BAD_REQUEST, error.to_string()).into_response();
    };
    // An error is ignored: the sender has given up, and the function is not told.
    let _ = waiting.send(answer);
    accepted()
}

fn accepted() -> Response {
    (StatusCode::ACCEPTED, r#"{"status":"OK"}"#).into_response()
}

fn json_or_text(body: &[u8]) -> Value {
    serde_json::from_slice(body).unwrap_or_else(|_| Value::String(String::from_utf8_lossy(body).into_owned()))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    use crate::loopback_client;

    /// The side of the function in the protocol.
    struct Caller {
        client: reqwest::Client,
        base: String,
    }

    impl Caller {
        fn of(api: &RuntimeApi) -> Self {
            let client = loopback_client::builder().timeout(Duration::from_secs(10)).build().unwrap();
            Self { client, base: format!("http://{}/2018-06-01/runtime", api.address()) }
        }

        async fn next(&self) -> reqwest::Response {
            self.client.get(format!("{}/invocation/next", self.base)).send().await.unwrap()
        }

        async fn post(&self, path: &str, body: &'static str) -> u16 {
            let request = self.client.post(format!("{}/{path}", self.base)).body(body);
            request.send().await.unwrap().status().as_u16()
        }
    }

    fn header(response: &reqwest::Response, name: &str) -> String {
        response.headers()[name].to_str().unwrap().to_owned()
    }

    #[tokio::test]
    async fn an_event_goes_out_with_its_headers_and_its_answer_comes_back() {
        let api = RuntimeApi::start().unwrap();
        let deadline = SystemTime::UNIX_EPOCH + Duration::from_mins(10);
        let answer = api.submit(r#"{"a":1}"#.to_owned(), deadline).unwrap();
        let caller = Caller::of(&api);
        let event = caller.next().await;
        assert_eq!(header(&event, "lambda-runtime-deadline-ms"), "600000");
        assert!(header(&event, "lambda-runtime-invoked-function-arn").starts_with("arn:aws:lambda:"));
        assert!(header(&event, "lambda-runtime-trace-id").starts_with("Root="));
        let request_id = header(&event, "lambda-runtime-aws-request-id");
        assert_eq!(event.text().await.unwrap(), r#"{"a":1}"#);
        assert_eq!(caller.post(&format!("invocation/{request_id}/response"), "{}").await, 202);
        assert!(matches!(answer.await.unwrap(), Answer::Response(body) if body == "{}"));
        assert_eq!(caller.post(&format!("invocation/{request_id}/response"), "{}").await, 400);
    }

    #[tokio::test]
    async fn an_error_is_told_apart_from_an_answer() {
        let api = RuntimeApi::start().unwrap();
        let answer = api.submit("{}".to_owned(), SystemTime::now()).unwrap();
        let caller = Caller::of(&api);
        let request_id = header(&caller.next().await, "lambda-runtime-aws-request-id");
        let posted = r#"{"errorType":"Panic","errorMessage":"no"}"#;
        assert_eq!(caller.post(&format!("invocation/{request_id}/error"), posted).await, 202);
        assert!(matches!(answer.await.unwrap(), Answer::Error(body) if body["errorType"] == "Panic"));
    }

    #[tokio::test]
    async fn asking_for_work_means_ready_and_an_init_error_means_the_end() {
        let api = RuntimeApi::start().unwrap();
        let _answer = api.submit("{}".to_owned(), SystemTime::now()).unwrap();
        assert!(!api.progress().borrow().ready);
        let caller = Caller::of(&api);
        caller.next().await;
        assert!(api.progress().borrow().ready);
        assert!(!api.progress().borrow().has_ended());
        assert_eq!(caller.post("init/error", "broken").await, 202);
        let end = api.progress().borrow().end().unwrap().to_string();
        assert_eq!(end, "cannot start: \"broken\"");
    }

    #[tokio::test]
    async fn events_given_up_are_skipped() {
        let api = RuntimeApi::start().unwrap();
        drop(api.submit("1".to_owned(), SystemTime::now()));
        let _kept = api.submit("2".to_owned(), SystemTime::now());
        assert_eq!(Caller::of(&api).next().await.text().await.unwrap(), "2");
    }

    #[tokio::test]
    async fn an_answer_beyond_lambdas_limit_is_refused() {
        let api = RuntimeApi::start().unwrap();
        let answer = "x".repeat(ANSWER_LIMIT_BYTES + 1).leak();
        assert_eq!(Caller::of(&api).post("invocation/some-id/response", answer).await, 413);
    }
}
