//! Answers posted to the Lambda Runtime API, whose chunks leave at once.
//!
//! `lambda_runtime` 1.5.0 connects to the Runtime API without `TCP_NODELAY`, and takes no connector. So a chunk waits until
//! the other side has acknowledged the chunk before, which takes it up to 40 ms (docs/decisions/chunks-at-once.md). The
//! layer here takes the place of the runtime's own posting; events still come through the runtime. A version whose
//! connector calls `set_nodelay(true)`, or whose `Runtime` takes one, makes this module needless:
//! `run_with_streaming_response` does the same.

use std::array;
use std::convert::Infallible;
use std::future::{Future, ready};
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use futures_util::FutureExt;
use http_body::{Body, Frame};
use hyper_util::client::legacy::connect::HttpConnector;
use lambda_http::http::header::{CONTENT_TYPE, SET_COOKIE, TRAILER, TRANSFER_ENCODING};
use lambda_http::http::request::Builder;
use lambda_http::http::{self, HeaderMap, HeaderName, HeaderValue, Method};
use lambda_http::lambda_runtime::streaming::Body as AnswerBody;
use lambda_http::lambda_runtime::tower::layer::layer_fn;
use lambda_http::lambda_runtime::{Diagnostic, LambdaInvocation, MetadataPrelude, Runtime};
use lambda_http::request::LambdaRequest;
use lambda_http::{LambdaEvent, Request, RequestExt, Response, service_fn};
use lambda_runtime_api_client::{PooledClient, PooledClientBuilder, build_request};
use serde::de::IgnoredAny;
use tokio::task::JoinHandle;

use crate::endpoint::runner::Error;

/// The header by which the Runtime API tells an answer from one to an invocation before it.
const INVOCATION_ID: HeaderName = HeaderName::from_static("lambda-runtime-invocation-id");
const TRACE_ID: HeaderName = HeaderName::from_static("x-amzn-trace-id");
const RESPONSE_MODE: HeaderName = HeaderName::from_static("lambda-runtime-function-response-mode");
const ERROR_TYPE: HeaderName = HeaderName::from_static("lambda-runtime-function-error-type");
const ERROR_BODY: HeaderName = HeaderName::from_static("lambda-runtime-function-error-body");

/// The type of a body that begins with a prelude.
const WITH_PRELUDE: &str = "application/vnd.awslambda.http-integration-response";

/// `{"errorType":"Runtime.StreamError","errorMessage":"the answer broke off"}` in Base64.
const BROKE_OFF: HeaderValue = HeaderValue::from_static(
    "eyJlcnJvclR5cGUiOiJSdW50aW1lLlN0cmVhbUVycm9yIiwiZXJyb3JNZXNzYWdlIjoidGhlIGFuc3dlciBicm9rZSBvZmYifQ==",
);

const STREAM_ERROR: HeaderValue = HeaderValue::from_static("Runtime.StreamError");

/// A piece of a body.
type Chunk = <AnswerBody as Body>::Data;

/// The bytes between the prelude and the body.
const DELIMITER: &str = "\0\0\0\0\0\0\0\0";

/// An answer that is to be posted.
pub(super) struct PostableAnswer {
    pub(super) response: Response<AnswerBody>,
    /// The work behind a body that is written meanwhile.
    pub(super) work: Option<JoinHandle<()>>,
}

/// Serves Lambda with `handler` until Lambda ends the process.
pub(super) async fn run<F, A>(handler: F) -> Result<(), Error>
where
    F: Fn(Request) -> A + Send + Sync + 'static,
    A: Future<Output = PostableAnswer> + Send + 'static,
{
    let (handler, client) = (Arc::new(handler), Arc::new(client().build()));
    let posting = service_fn(move |invocation| answer(invocation, Arc::clone(&handler), Arc::clone(&client)));
    // The layer takes the place of this handler, and of all that the runtime puts around it.
    let replaced = service_fn(|_: LambdaEvent<IgnoredAny>| ready(Ok::<(), Error>(())));
    Runtime::new(replaced).layer(layer_fn(move |_| posting.clone())).run().await
}

/// A client that connects for each answer. A connection that is kept might be closed while Lambda freezes the process, and
/// an answer that was charged would be lost with it.
fn client() -> PooledClientBuilder {
    let mut connector = HttpConnector::new();
    connector.set_nodelay(true);
    PooledClient::builder().with_connector(connector).with_pool_size(0)
}

/// Answers one invocation. An answer that cannot be posted is no reason to end: on a laptop the connection breaks when a
/// reader disconnects in the middle of a stream. If the Runtime API is gone, the runtime finds out when it asks for work.
async fn answer<F, A>(invocation: LambdaInvocation, handler: Arc<F>, client: Arc<PooledClient>) -> Result<(), Error>
where
    F: Fn(Request) -> A,
    A: Future<Output = PostableAnswer>,
{
    let place = AnswerPlace::of(&invocation);
    let answered = AssertUnwindSafe(answered(invocation, &*handler)).catch_unwind().await;
    let (request, work) = match answered {
        Ok(Ok(PostableAnswer { response, work })) => (place.response(response)?, work),
        // The error may quote the event.
        Ok(Err(_)) => (place.error("Runtime.MalformedEvent", "the event is none of API Gateway's")?, None),
        Err(_) => (place.error("Runtime.Panic", "the function panicked")?, None),
    };
    place.deliver(&client, request, work).await;
    Ok(())
}

/// The answer of `handler` to the event of an invocation.
async fn answered<F, A>(invocation: LambdaInvocation, handler: &F) -> Result<PostableAnswer, serde_json::Error>
where
    F: Fn(Request) -> A,
    A: Future<Output = PostableAnswer>,
{
    let LambdaInvocation { body, context, .. } = invocation;
    let mut request = Request::from(serde_json::from_slice::<LambdaRequest>(&body)?);
    // The request has it once more, and may have megabytes.
    drop(body);
    if let Some(Ok(trace_id)) = context.xray_trace_id.as_deref().map(HeaderValue::from_str) {
        request.headers_mut().insert(TRACE_ID, trace_id);
    }
    Ok(handler(request.with_lambda_context(context)).await)
}

/// The place at the Runtime API where the answer to an invocation is posted.
struct AnswerPlace {
    request_id: String,
    invocation_id: Option<HeaderValue>,
    /// The time since the Unix epoch by which Lambda wants the answer.
    deadline: Duration,
}

impl AnswerPlace {
    fn of(invocation: &LambdaInvocation) -> Self {
        let LambdaInvocation { parts, context, .. } = invocation;
        let (request_id, deadline) = (context.request_id.clone(), Duration::from_millis(context.deadline));
        Self { request_id, invocation_id: parts.headers.get(INVOCATION_ID).cloned(), deadline }
    }

    fn post(&self, part: &str) -> Builder {
        let path = format!("/2018-06-01/runtime/invocation/{}/{part}", self.request_id);
        let request = build_request().method(Method::POST).uri(path);
        match &self.invocation_id {
            Some(id) => request.header(INVOCATION_ID, id),
            None => request,
        }
    }

    /// The post of an answer: a prelude with status and headers, a delimiter, and the body as it is written.
    fn response(&self, response: Response<AnswerBody>) -> Result<http::Request<AnswerBody>, Error> {
        let (parts, body) = response.into_parts();
        let mut headers = parts.headers;
        let cookies =
            headers.get_all(SET_COOKIE).iter().map(|cookie| String::from_utf8_lossy(cookie.as_bytes()).into());
        let cookies = cookies.collect();
        headers.remove(SET_COOKIE);
        let prelude = serde_json::to_string(&MetadataPrelude { status_code: parts.status, headers, cookies })?;
        let request = self.post("response").header(RESPONSE_MODE, "streaming").header(CONTENT_TYPE, WITH_PRELUDE);
        let request =
            request.header(TRANSFER_ENCODING, "chunked").header(TRAILER, ERROR_TYPE).header(TRAILER, ERROR_BODY);
        Ok(request.body(AnswerBody::new(PreludedBody::new(prelude, body)))?)
    }

    /// Posts an answer, and waits for the work behind it.
    async fn deliver(&self, client: &PooledClient, request: http::Request<AnswerBody>, work: Option<JoinHandle<()>>) {
        match client.call(request).await {
            Ok(accepted) if accepted.status().is_success() => {}
            Ok(refused) => {
                tracing::error!(status = refused.status().as_u16(), "the Lambda Runtime API refused an answer");
            }
            Err(error) => tracing::warn!(%error, "the connection to the Lambda Runtime API broke"),
        }
        self.finish(work).await;
    }

    /// Waits for the work behind an answer, which goes on if the answer could not be posted, or was accepted before its end.
    /// With the next event that the runtime asks for, Lambda may freeze the process, before the capture. On a laptop the
    /// deadline is in 1970, nothing is frozen, and nothing is waited for.
    async fn finish(&self, work: Option<JoinHandle<()>>) {
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        if let Some(work) = work {
            let _ = tokio::time::timeout(self.deadline.saturating_sub(since_epoch), work).await;
        }
    }

    /// The post of a failure in place of an answer.
    fn error(&self, error_type: &str, message: &str) -> Result<http::Request<AnswerBody>, Error> {
        tracing::error!(error_type, message, "the function has no answer");
        let diagnostic = Diagnostic { error_type: error_type.to_owned(), error_message: message.to_owned() };
        let body = serde_json::to_string(&diagnostic)?;
        Ok(self.post("error").header(ERROR_TYPE, "unhandled").body(body.into())?)
    }
}

/// The body of a post. cargo-lambda answers 500 where prelude and delimiter come in one chunk.
struct PreludedBody {
    beginning: array::IntoIter<Chunk, 2>,
    rest: AnswerBody,
    has_broken_off: bool,
}

impl PreludedBody {
    fn new(prelude: String, rest: AnswerBody) -> Self {
        Self { beginning: [prelude.into(), DELIMITER.into()].into_iter(), rest, has_broken_off: false }
    }
}

impl Body for PreludedBody {
    type Data = Chunk;
    type Error = Infallible;

    /// If the answer's body breaks off, trailers say so: the bytes that were sent would look like the whole answer.
    fn poll_frame(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Chunk>, Infallible>>> {
        let body = self.get_mut();
        if let Some(chunk) = body.beginning.next() {
            return Poll::Ready(Some(Ok(Frame::data(chunk))));
        }
        if body.has_broken_off {
            return Poll::Ready(None);
        }
        Pin::new(&mut body.rest).poll_frame(context).map(|frame| {
            frame?.map_or_else(
                |_| {
                    body.has_broken_off = true;
                    Some(Ok(Frame::trailers(HeaderMap::from_iter([
                        (ERROR_TYPE, STREAM_ERROR),
                        (ERROR_BODY, BROKE_OFF),
                    ]))))
                },
                |frame| Some(Ok(frame)),
            )
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    use std::time::Instant;

    use lambda_http::http::StatusCode;
    use lambda_http::lambda_runtime::streaming::{Sender, channel};
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::{TcpListener, TcpStream};
    use tokio::sync::mpsc;

    fn place() -> AnswerPlace {
        let invocation_id = Some(HeaderValue::from_static("an-invocation"));
        AnswerPlace { request_id: "an-id".to_owned(), invocation_id, deadline: Duration::ZERO }
    }

    const END: &[u8] = b"\r\n0\r\n";

    /// A side that reads posts as Lambda does: it acknowledges late, and answers at the end of each.
    struct SlowToAcknowledge {
        client: Arc<PooledClient>,
        received: mpsc::UnboundedReceiver<Vec<u8>>,
    }

    impl SlowToAcknowledge {
        async fn start() -> Self {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let endpoint = format!("http://{}", listener.local_addr().unwrap());
            let (sender, received) = mpsc::unbounded_channel();
            tokio::spawn(async move {
                while let Ok((connection, _)) = listener.accept().await {
                    tokio::spawn(read_post(connection, sender.clone()));
                }
            });
            Self { client: Arc::new(client().with_endpoint(endpoint.parse().unwrap()).build()), received }
        }

        /// Begins an answer.
        fn post(&self) -> (Sender, JoinHandle<StatusCode>) {
            let (sender, body) = channel();
            let mut response = Response::new(body);
            response.headers_mut().insert(SET_COOKIE, HeaderValue::from_static("a=b"));
            let request = place().response(response).unwrap();
            let posted = self.client.call(request);
            (sender, tokio::spawn(async move { posted.await.unwrap().status() }))
        }

        /// The bytes that arrive until they end so.
        async fn until(&mut self, end: &str) -> String {
            let mut received = Vec::new();
            while !received.ends_with(end.as_bytes()) {
                received.extend(self.received.recv().await.unwrap());
            }
            String::from_utf8(received).unwrap()
        }
    }

    /// A side that accepts a post at its first bytes.
    async fn hasty_side() -> PooledClient {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move {
            let (mut connection, _) = listener.accept().await.unwrap();
            connection.read_u8().await.unwrap();
            connection.write_all(b"HTTP/1.1 202 Accepted\r\ncontent-length: 0\r\n\r\n").await.unwrap();
            tokio::time::sleep(Duration::from_secs(60)).await;
        });
        client().with_endpoint(endpoint.parse().unwrap()).build()
    }

    #[tokio::test]
    async fn lambda_gets_no_further_request_before_the_work_of_an_answer_that_was_accepted_before_its_end_is_done() {
        let client = hasty_side().await;
        let (_sender, body) = channel();
        let deadline = SystemTime::now().duration_since(UNIX_EPOCH).unwrap() + Duration::from_secs(60);
        let place = AnswerPlace { deadline, ..place() };
        let request = place.response(Response::new(body)).unwrap();
        let work = tokio::spawn(tokio::time::sleep(Duration::from_millis(200)));
        let began = Instant::now();
        place.deliver(&client, request, Some(work)).await;
        assert!(began.elapsed() >= Duration::from_millis(200));
    }

    async fn read_post(mut connection: TcpStream, sender: mpsc::UnboundedSender<Vec<u8>>) {
        let (mut post, mut buffer) = (Vec::new(), [0; 4096]);
        while let Ok(bytes @ 1..) = connection.read(&mut buffer).await {
            #[cfg(target_os = "linux")]
            connection.set_quickack(false).unwrap();
            post.extend_from_slice(&buffer[..bytes]);
            sender.send(buffer[..bytes].to_vec()).unwrap();
            let has_ended = post.windows(END.len()).any(|window| window == END) && post.ends_with(b"\r\n\r\n");
            // An error is posted with its length.
            if has_ended || post.ends_with(b"\"}") {
                connection.write_all(b"HTTP/1.1 202 Accepted\r\ncontent-length: 0\r\n\r\n").await.unwrap();
            }
        }
    }

    /// An invocation with a trace and this event.
    fn invocation(event: &[u8]) -> LambdaInvocation {
        let mut context = lambda_http::Context::default();
        context.request_id = "an-id".to_owned();
        context.xray_trace_id = Some("Root=1-5f-a".to_owned());
        let (parts, ()) = Response::new(()).into_parts();
        LambdaInvocation { parts, body: event.to_vec().into(), context }
    }

    /// The post of what `handler` makes of an invocation with `event`.
    async fn posted<A>(event: &[u8], handler: impl Fn(Request) -> A) -> String
    where
        A: Future<Output = PostableAnswer>,
    {
        let mut side = SlowToAcknowledge::start().await;
        answer(invocation(event), Arc::new(handler), Arc::clone(&side.client)).await.unwrap();
        let mut post = String::new();
        while let Ok(received) = side.received.try_recv() {
            post += &String::from_utf8(received).unwrap();
        }
        post
    }

    /// An event of API Gateway, but for what a handler does not look at here.
    const EVENT: &[u8] = br#"{
        "httpMethod": "GET", "path": "/", "resource": "/", "headers": {}, "multiValueHeaders": {}, "isBase64Encoded": false,
        "queryStringParameters": null, "multiValueQueryStringParameters": null, "pathParameters": null,
        "stageVariables": null, "body": null,
        "requestContext": {"accountId": "1", "apiId": "a", "httpMethod": "GET", "path": "/", "resourceId": "r",
            "resourcePath": "/", "stage": "Prod", "requestId": "q", "protocol": "HTTP/1.1", "identity": {}}
    }"#;

    #[tokio::test]
    async fn a_handler_sees_the_trace_of_its_invocation() {
        let answer_with_trace = |request: Request| async move {
            let trace = request.headers()[TRACE_ID].to_str().unwrap().to_owned();
            PostableAnswer { response: Response::new(trace.into()), work: None }
        };
        let post = posted(EVENT, answer_with_trace).await;
        assert!(post.starts_with("POST /2018-06-01/runtime/invocation/an-id/response HTTP/1.1\r\n"), "{post}");
        assert!(post.contains("\r\nRoot=1-5f-a\r\n"), "{post}");
    }

    #[tokio::test]
    async fn a_panic_and_an_event_that_is_none_are_posted_as_errors_in_fixed_words_and_the_next_event_is_asked_for() {
        let panics = |_| async { panic!("my secret") };
        for (event, expected) in [
            (EVENT, r#"{"errorType":"Runtime.Panic","errorMessage":"the function panicked"}"#),
            (
                &br#"{"my": "secret"}"#[..],
                r#"{"errorType":"Runtime.MalformedEvent","errorMessage":"the event is none of API Gateway's"}"#,
            ),
            (
                b"secret",
                r#"{"errorType":"Runtime.MalformedEvent","errorMessage":"the event is none of API Gateway's"}"#,
            ),
        ] {
            let post = posted(event, panics).await;
            assert!(post.starts_with("POST /2018-06-01/runtime/invocation/an-id/error HTTP/1.1\r\n"), "{post}");
            assert!(post.contains("\r\nlambda-runtime-function-error-type: unhandled\r\n"), "{post}");
            assert!(post.ends_with(&format!("\r\n\r\n{expected}")), "{post}");
            assert!(!post.contains("secret"), "{post}");
        }
    }

    #[tokio::test]
    async fn an_answer_of_nobody_who_listens_is_no_reason_to_end() {
        let nobody = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
        let client = client().with_endpoint(format!("http://{nobody}").parse().unwrap()).build();
        let says = |_| async { PostableAnswer { response: Response::new("Hi".into()), work: None } };
        answer(invocation(EVENT), Arc::new(says), Arc::new(client)).await.unwrap();
    }

    /// On Linux each chunk waits for some 40 ms without `TCP_NODELAY`.
    #[tokio::test]
    async fn a_chunk_does_not_wait_until_the_one_before_it_is_acknowledged() {
        let mut side = SlowToAcknowledge::start().await;
        let (mut sender, posted) = side.post();
        let began = Instant::now();
        for _ in 0..100 {
            sender.send_data("words".into()).await.unwrap();
            side.until("words\r\n").await;
        }
        assert!(began.elapsed() < Duration::from_secs(2), "{:?}", began.elapsed());
        drop(sender);
        assert_eq!(posted.await.unwrap(), 202);
    }

    #[tokio::test]
    async fn lambda_gets_no_further_request_before_the_work_of_an_answer_that_broke_is_done() {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        for (deadline, is_awaited) in [(now + Duration::from_secs(60), true), (Duration::from_secs(600), false)] {
            let work = tokio::spawn(tokio::time::sleep(Duration::from_millis(200)));
            let began = Instant::now();
            AnswerPlace { deadline, ..place() }.finish(Some(work)).await;
            assert_eq!(began.elapsed() >= Duration::from_millis(200), is_awaited, "{deadline:?}");
        }
    }

    #[tokio::test]
    async fn prelude_and_delimiter_are_chunks_of_their_own_and_a_body_that_breaks_off_has_trailers() {
        let mut side = SlowToAcknowledge::start().await;
        for breaks_off in [false, true] {
            let (mut sender, posted) = side.post();
            sender.send_data("words".into()).await.unwrap();
            if breaks_off {
                side.until("words\r\n").await;
                sender.abort();
            } else {
                drop(sender);
            }
            assert_eq!(posted.await.unwrap(), 202);
            let mut post = String::new();
            while let Ok(received) = side.received.try_recv() {
                post += &String::from_utf8(received).unwrap();
            }
            if !breaks_off {
                assert!(post.starts_with("POST /2018-06-01/runtime/invocation/an-id/response HTTP/1.1\r\n"), "{post}");
                for line in ["function-response-mode: streaming", "invocation-id: an-invocation"] {
                    assert!(post.contains(&format!("\r\nlambda-runtime-{line}\r\n")), "{post}");
                }
                let prelude = r#"{"statusCode":200,"headers":{},"cookies":["a=b"]}"#;
                assert!(post.contains(&format!("{prelude}\r\n")), "{post}");
                assert!(post.contains("}\r\n8\r\n\0\0\0\0\0\0\0\0\r\n5\r\nwords\r\n0\r\n\r\n"), "{post}");
            }
            assert_eq!(
                post.contains("lambda-runtime-function-error-type: Runtime.StreamError\r\n"),
                breaks_off,
                "{post}"
            );
        }
    }
}
