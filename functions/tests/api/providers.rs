//! Providers: a reply is stored and charged. A provider's failure costs nothing, and its texts are neither returned nor
//! logged.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::thread;
use std::time::{Duration, SystemTime};

use serde_json::{Value, json};
use testkit::gateway::{Request, Response};
use wiremock::matchers::{header, method, path};
use wiremock::{Mock, MockServer, ResponseTemplate};

use crate::events::data_of_events;
use crate::logs::logs_with;
use crate::requests;
use crate::world::{Tokens, World};

/// A text of a provider that no answer and no log may have.
const PROVIDERS_WORDS: &str = "you said: my secret";

const API_KEY: &str = "swordfish";

/// The ways to ask a model.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Way {
    ChatView,
    Whole,
    Streamed,
}

const WAYS: [Way; 3] = [Way::ChatView, Way::Whole, Way::Streamed];

/// A user who chats with a model of a provider.
pub struct Chatting {
    pub world: World,
    pub access: String,
}

impl Chatting {
    pub async fn start(settings: &[(&str, &str)]) -> Self {
        let given = [settings, &[("MODEL_ID", "some-model"), ("LOG_LEVEL", "trace")]].concat();
        let (world, Tokens { access, .. }) = World::with_ada(5000, &given).await;
        Self { world, access }
    }

    pub fn message(&self, text: &str) -> Request {
        requests::message(text).bearer(&self.access)
    }

    async fn chat(&self) -> Response {
        self.ask(Way::ChatView).await
    }

    async fn ask(&self, way: Way) -> Response {
        let request = match way {
            Way::ChatView => self.message("Hello"),
            Way::Whole => self.completion(false),
            Way::Streamed => self.completion(true),
        };
        self.world.stack.send(request).await
    }

    pub fn completion(&self, stream: bool) -> Request {
        let messages = json!([{"role": "user", "content": "Hello"}]);
        let body = json!({"model": "some-model", "stream": stream, "messages": messages});
        Request::post("/v1/chat/completions").json(&body).bearer(&self.access)
    }

    pub fn text_completion(&self, stream: bool) -> Request {
        let mut body = crate::requests::text_completion_body(stream);
        body["model"] = json!("some-model");
        Request::post(requests::TEXT_COMPLETIONS).json(&body).bearer(&self.access)
    }

    pub fn anthropic_message(&self, stream: bool) -> Request {
        let mut body = crate::requests::anthropic_body(stream);
        body["model"] = json!("some-model");
        Request::post(crate::requests::MESSAGES).json(&body).bearer(&self.access)
    }

    pub fn response(&self, stream: bool) -> Request {
        let mut body = crate::requests::response_body(stream);
        body["model"] = json!("some-model");
        Request::post(crate::requests::RESPONSES).json(&body).bearer(&self.access)
    }

    pub async fn balance(&self) -> (Value, String) {
        self.world.balance(&self.access).await
    }

    pub async fn chats(&self) -> Vec<Value> {
        self.world.chats().await
    }

    /// Checks that the chat failed so, and that its cause is in the log and nowhere else.
    async fn expect_failure(&self, response: &Response, failure: &Failure<'_>) {
        self.expect_failures(response, failure, 1).await;
    }

    /// The same after several failures, of which `response` is the last answer.
    async fn expect_failures(&self, response: &Response, failure: &Failure<'_>, times: usize) {
        let Failure { status, code, retry_after, cause } = *failure;
        let body = response.json();
        let (code, problem) = match body.get("error") {
            Some(error) => (if code == "throttled" { "rate_limit_exceeded" } else { code }, error),
            None => (code, &body),
        };
        assert_eq!((response.status, &problem["code"]), (status, &json!(code)), "{cause}");
        assert_eq!(response.headers.get("retry-after").map(String::as_str), retry_after, "{cause}");
        let should_retry = response.headers.get("x-should-retry").map(String::as_str);
        assert_eq!(should_retry, (status == 502).then_some("false"), "{cause}");
        assert!(!response.body.contains("secret"), "{}", response.body);
        assert_eq!(self.balance().await, (json!(5000), "0".to_owned()), "{cause}");
        assert!(self.chats().await.is_empty(), "{cause}");
        let logs = logs_with(&self.world, cause, times).await;
        assert!(!logs.contains("secret") && !logs.contains(API_KEY), "{logs}");
    }
}

/// The request of `chatting` for a completion with this body.
pub fn request(chatting: &Chatting, body: &Value) -> Request {
    Request::post(requests::COMPLETIONS).json(body).bearer(&chatting.access)
}

/// The completion with this body, which must be one.
pub async fn ask(chatting: &Chatting, body: &Value) -> Response {
    let response = chatting.world.stack.send(request(chatting, body)).await;
    assert_eq!(response.status, 200, "{response:?}");
    response
}

/// The body that arrived last at `provider`.
pub async fn arrived(provider: &MockServer) -> Value {
    provider.received_requests().await.unwrap().last().unwrap().body_json().unwrap()
}

/// How a chat fails: its status, our code, `Retry-After`, and the cause in the log.
#[derive(Clone, Copy)]
struct Failure<'a> {
    status: u16,
    code: &'a str,
    retry_after: Option<&'a str>,
    cause: &'a str,
}

fn failure<'a>(status: u16, code: &'a str, retry_after: Option<&'a str>, cause: &'a str) -> Failure<'a> {
    Failure { status, code, retry_after, cause }
}

/// A provider with OpenAI's protocol, and a user who chats with it.
pub async fn with_openai(settings: &[(&str, &str)]) -> (MockServer, Chatting) {
    let provider = MockServer::start().await;
    let base_url = format!("{}/v1", provider.uri());
    let own = [("MODEL", "openai"), ("OPENAI_BASE_URL", base_url.as_str())];
    let chatting = Chatting::start(&[&own, settings].concat()).await;
    (provider, chatting)
}

/// From now on `provider` always gives this answer.
pub async fn answer(provider: &MockServer, answer: ResponseTemplate) {
    provider.reset().await;
    Mock::given(method("POST")).and(path("/v1/chat/completions")).respond_with(answer).mount(provider).await;
}

pub fn says(message: &Value) -> ResponseTemplate {
    let usage = json!({"prompt_tokens": 30, "completion_tokens": 200, "total_tokens": 230});
    let choice = json!({"index": 0, "message": message, "finish_reason": "stop"});
    ResponseTemplate::new(200).set_body_json(json!({"choices": [choice], "usage": usage}))
}

/// A stream of these chunks.
pub fn streams(chunks: &[Value]) -> ResponseTemplate {
    let events = chunks.iter().map(|chunk| format!("data: {chunk}\n\n")).collect::<Vec<_>>().concat();
    ResponseTemplate::new(200).set_body_raw(events + "data: [DONE]\n\n", "text/event-stream")
}

/// A chunk of a stream.
pub fn chunk(delta: &Value, finish_reason: Option<&str>) -> Value {
    json!({"choices": [{"index": 0, "delta": delta, "finish_reason": finish_reason}]})
}

pub fn refuses(status: u16) -> ResponseTemplate {
    let error = json!({"message": PROVIDERS_WORDS, "type": "some_type", "code": null});
    ResponseTemplate::new(status).set_body_json(json!({"error": error}))
}

#[tokio::test]
async fn a_reply_of_openais_protocol_is_stored_and_charged() {
    let (provider, chatting) = with_openai(&[("MESSAGE_COST", "3"), ("OPENAI_API_KEY", API_KEY)]).await;
    answer(&provider, says(&json!({"role": "assistant", "content": "Hi there"}))).await;
    let response = chatting.chat().await;
    assert_eq!((response.status, &response.json()["response"]), (200, &json!("Hi there")));
    assert_eq!(chatting.balance().await, (json!(4997), "0".to_owned()));
    let chats = chatting.chats().await;
    assert_eq!(chats.len(), 1);
    assert_eq!(chats[0]["model"]["S"], "some-model");
    let stored = chatting.world.stored_exchanges(&chatting.access).await;
    assert_eq!(stored, [("Hello".to_owned(), "Hi there".to_owned())]);
    let requests = provider.received_requests().await.unwrap();
    assert_eq!(requests.len(), 1);
    assert_eq!(requests[0].headers["authorization"], format!("Bearer {API_KEY}"));
    let logs = logs_with(&chatting.world, "answered", 1).await;
    assert!(!logs.contains(API_KEY) && !logs.contains("Hi there"), "{logs}");
}

#[tokio::test]
async fn a_model_is_told_how_to_behave_and_what_was_said_before() {
    let (provider, chatting) = with_openai(&[("SYSTEM_PROMPT", "Be brief."), ("CONTEXT_MESSAGES", "1")]).await;
    answer(&provider, says(&json!({"content": "Hi"}))).await;
    for text in ["One", "Two", "Three"] {
        assert_eq!(chatting.world.stack.send(chatting.message(text)).await.status, 200);
    }
    let last: Value = provider.received_requests().await.unwrap().last().unwrap().body_json().unwrap();
    assert_eq!(
        last["messages"],
        json!([
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": "Two"},
            {"role": "assistant", "content": "Hi"},
            {"role": "user", "content": "Three"},
        ])
    );
    assert_eq!((&last["model"], &last["max_tokens"]), (&json!("some-model"), &json!(1024)));
}

#[tokio::test]
async fn a_streamed_reply_costs_what_the_provider_counted() {
    let prices = [("PRICING", "usage"), ("INPUT_COST", "1000"), ("OUTPUT_COST", "2000")];
    let (provider, chatting) = with_openai(&prices).await;
    let chunks = [
        chunk(&json!({"content": "Hi "}), None),
        chunk(&json!({"content": "there"}), Some("stop")),
        json!({"choices": [], "usage": {"prompt_tokens": 30, "completion_tokens": 200}}),
    ];
    answer(&provider, streams(&chunks)).await;
    let response = chatting.ask(Way::Streamed).await;
    assert!(response.body.contains("Hi ") && response.body.ends_with("data: [DONE]\n\n"), "{response:?}");
    assert_eq!(chatting.balance().await, (json!(4570), "0".to_owned()));
    assert_eq!(chatting.chats().await.len(), 1);
}

#[tokio::test]
async fn where_usage_is_charged_the_provider_says_how_much_it_was() {
    let prices = [("PRICING", "usage"), ("INPUT_COST", "1000"), ("OUTPUT_COST", "2000")];
    let (provider, chatting) = with_openai(&prices).await;
    answer(&provider, says(&json!({"content": "Hi"}))).await;
    let response = chatting.chat().await;
    assert_eq!((response.status, response.headers["x-token-cost"].as_str()), (200, "430"));
    assert_eq!(chatting.balance().await, (json!(4570), "0".to_owned()));
}

/// Each of these was a 502 once, which charged nothing and which OpenAI's client repeats twice.
#[tokio::test]
async fn what_a_provider_bills_is_a_reply_that_is_charged_and_not_asked_for_again() {
    let no_text = |message: Value, reason: &str| (message, reason.to_owned(), "", None);
    let refusal = "I cannot help with that.";
    let cases = [
        no_text(json!({"content": ""}), "length"),
        no_text(json!({"content": null}), "length"),
        no_text(json!({}), "length"),
        no_text(json!({"content": ""}), "stop"),
        no_text(json!({"content": null}), "content_filter"),
        no_text(json!({"content": null, "tool_calls": [{"id": "c"}]}), "tool_calls"),
        (json!({"content": "Hi"}), "content_filter".to_owned(), "Hi", None),
        (json!({"content": null, "refusal": refusal}), "stop".to_owned(), "", Some(refusal)),
    ];
    let usage = json!({
        "prompt_tokens": 30,
        "completion_tokens": 200,
        "total_tokens": 230,
        "prompt_tokens_details": {"cached_tokens": 0},
        "completion_tokens_details": {"reasoning_tokens": 0},
        "cost": 30,
    });
    for streams in ["always", "never"] {
        let settings = [("PRICING", "usage"), ("INPUT_COST", "1000"), ("OUTPUT_COST", "0"), ("MODEL_STREAMS", streams)];
        let (provider, chatting) = with_openai(&settings).await;
        let mut spent = 0;
        for (message, reason, text, refusal) in &cases {
            if streams == "always" {
                let counted = json!({"choices": [], "usage": usage});
                answer(&provider, self::streams(&[chunk(message, None), chunk(&json!({}), Some(reason)), counted]))
                    .await;
            } else {
                let choice = json!({"index": 0, "message": message, "finish_reason": reason});
                let body = json!({"choices": [choice], "usage": usage});
                answer(&provider, ResponseTemplate::new(200).set_body_json(body)).await;
            }
            for way in WAYS {
                let response = chatting.ask(way).await;
                assert_eq!(response.status, 200, "{response:?}");
                match way {
                    Way::ChatView => assert_eq!(response.json()["response"], refusal.unwrap_or(text)),
                    Way::Whole => {
                        let whole = response.json();
                        let choice = &whole["choices"][0];
                        let content = if refusal.is_some() { Value::Null } else { json!(text) };
                        assert_eq!(choice["message"]["content"], content);
                        assert_eq!(choice["message"]["refusal"], json!(refusal));
                        assert_eq!((&choice["finish_reason"], &whole["usage"]), (&json!(reason), &usage));
                    }
                    Way::Streamed => {
                        let events = data_of_events(&response.body);
                        let said = |name: &str| -> String {
                            let deltas = events.iter().map(|event| &event["choices"][0]["delta"][name]);
                            deltas.filter_map(Value::as_str).collect()
                        };
                        assert_eq!(
                            (said("content").as_str(), said("refusal").as_str()),
                            (*text, refusal.unwrap_or(""))
                        );
                        let [.., last, done] = &events[..] else { panic!("{events:?}") };
                        assert_eq!((&last["choices"][0]["finish_reason"], done), (&json!(reason), &json!("[DONE]")));
                    }
                }
                spent += 30;
                assert_eq!(chatting.balance().await, (json!(5000 - spent), "0".to_owned()), "{reason}");
            }
            assert_eq!(provider.received_requests().await.unwrap().len(), WAYS.len(), "it is not asked again");
        }
    }
}

/// Two credits for a token that is read, one for a cached one, three for a written one, whether it is shown or not.
#[tokio::test]
async fn a_cached_token_costs_its_own_price_and_is_shown_like_one_that_was_reasoned_in() {
    let provider = MockServer::start().await;
    let chatting = Chatting::start(&[]).await;
    let prices = json!({"input": 2_000_000, "cached_input": 1_000_000, "output": 3_000_000});
    let model = requests::model("some-model", &json!({"prices": prices}));
    chatting.world.put_catalogue(Some(&requests::catalogue_of(&provider, &[model]))).await;
    let counted = json!({
        "prompt_tokens": 30,
        "completion_tokens": 10,
        "total_tokens": 40,
        "prompt_tokens_details": {"cached_tokens": 20},
        "completion_tokens_details": {"reasoning_tokens": 4},
    });
    let chunks = [chunk(&json!({"content": "Hi"}), Some("stop")), json!({"choices": [], "usage": counted})];
    answer(&provider, streams(&chunks)).await;
    let cost = 10 * 2 + 20 + 10 * 3;
    let mut expected = counted;
    expected["cost"] = json!(cost);
    let whole = chatting.ask(Way::Whole).await;
    assert_eq!((whole.status, &whole.json()["usage"]), (200, &expected));
    assert_eq!(whole.headers["x-token-cost"], cost.to_string());
    assert_eq!(chatting.balance().await, (json!(5000 - cost), "0".to_owned()));
    let usage = &chatting.chats().await[0]["usage"]["M"];
    let stored = ["cached_input_tokens", "reasoning_tokens"].map(|name| usage[name]["N"].as_str().unwrap());
    assert_eq!(stored, ["20", "4"]);
}

/// Several servers send the empty word in every chunk.
#[tokio::test]
async fn an_empty_finish_reason_is_no_end() {
    let (provider, chatting) = with_openai(&[]).await;
    let parts = [chunk(&json!({"content": "Hi "}), Some("")), chunk(&json!({"content": "there"}), Some(""))];
    answer(&provider, streams(&[&parts[..], &[chunk(&json!({}), Some("length"))]].concat())).await;
    let whole = chatting.ask(Way::Whole).await.json();
    let choice = &whole["choices"][0];
    assert_eq!((&choice["message"]["content"], &choice["finish_reason"]), (&json!("Hi there"), &json!("length")));
    answer(&provider, streams(&parts)).await;
    let events = data_of_events(&chatting.ask(Way::Streamed).await.body);
    assert_eq!(events.last().unwrap()["error"]["code"], "model_broke_off");
}

/// The rows of the table in docs/decisions/finished-replies.md. `Hello` is estimated as 31 tokens, and each chunk as one.
#[tokio::test]
async fn whatever_a_provider_counts_what_is_shown_is_what_is_charged() {
    let prices = [("PRICING", "usage"), ("INPUT_COST", "1000"), ("OUTPUT_COST", "2000"), ("MAX_OUTPUT_TOKENS", "100")];
    let (provider, chatting) = with_openai(&prices).await;
    let text = ["Hi ", "th", "ere"].map(|text| chunk(&json!({"content": text}), None));
    let mut balance = 5000;
    for (usage, input, output) in [
        (json!(null), 31, 3),
        (json!({}), 31, 3),
        (json!("none"), 31, 3),
        (json!({"prompt_tokens": 0, "completion_tokens": 0}), 31, 3),
        (json!({"prompt_tokens": 9, "completion_tokens": 0}), 9, 3),
        (json!({"prompt_tokens": 9}), 9, 3),
        (json!({"completion_tokens": 2}), 31, 2),
        (json!({"prompt_tokens": -9, "completion_tokens": -2}), 31, 3),
        (json!({"prompt_tokens": 9, "completion_tokens": 2.5}), 9, 3),
        (json!({"prompt_tokens": 9.0, "completion_tokens": 2.0}), 9, 2),
        (json!({"prompt_tokens": u64::MAX, "completion_tokens": 1e300}), 31, 3),
        (json!({"prompt_tokens": 1_000_000, "completion_tokens": 1_000_000}), 85, 100),
    ] {
        let counted = json!({"choices": [], "usage": usage});
        answer(&provider, streams(&[&text[..], &[chunk(&json!({}), Some("stop")), counted]].concat())).await;
        let response = chatting.ask(Way::Whole).await;
        let shown = &response.json()["usage"];
        assert_eq!((&shown["prompt_tokens"], &shown["completion_tokens"]), (&json!(input), &json!(output)), "{usage}");
        let cost = input + 2 * output;
        assert_eq!(response.headers["x-token-cost"], cost.to_string(), "{usage}");
        balance -= cost;
        assert_eq!(chatting.balance().await, (json!(balance), "0".to_owned()), "{usage}");
    }
}

#[tokio::test]
async fn a_provider_that_gives_no_reply_costs_nothing_and_its_words_are_repeated_nowhere() {
    let (provider, chatting) = with_openai(&[("OPENAI_API_KEY", API_KEY)]).await;
    let malformed = json!({"choices": PROVIDERS_WORDS});
    let throttled = || refuses(429).insert_header("retry-after", "7");
    for (answered, expected) in [
        (refuses(400), failure(400, "model_refused", None, "the server answered 400, some_type")),
        (refuses(401), failure(502, "model_misconfigured", None, "the server answered 401, some_type")),
        (refuses(402), failure(502, "model_misconfigured", None, "the server answered 402, some_type")),
        (refuses(403), failure(502, "model_misconfigured", None, "the server answered 403, some_type")),
        (refuses(500), failure(502, "model_failed", None, "the server answered 500, some_type")),
        (refuses(408), failure(502, "model_failed", None, "the server answered 408, some_type")),
        (refuses(503), failure(503, "unavailable", Some("1"), "the server answered 503, some_type")),
        (throttled(), failure(429, "throttled", Some("7"), "the server answered 429, some_type")),
        (streams(&[malformed]), failure(502, "model_failed", None, "the answer is not what the protocol says: Data")),
        (streams(&[]), failure(502, "model_failed", None, "the stream ended before the reply did")),
    ] {
        answer(&provider, answered).await;
        for (times, way) in (1..).zip(WAYS) {
            let response = chatting.ask(way).await;
            chatting.expect_failures(&response, &expected, times).await;
        }
        assert_eq!(provider.received_requests().await.unwrap().len(), WAYS.len(), "it is not asked again");
    }
    answer(&provider, refuses(429)).await;
    assert_eq!(chatting.chat().await.headers["retry-after"], "1", "by default");
}

#[tokio::test]
async fn a_stream_that_a_provider_fails_to_finish_is_charged_once_it_has_begun_and_its_words_are_repeated_nowhere() {
    let (provider, chatting) = with_openai(&[("OPENAI_API_KEY", API_KEY)]).await;
    let error = json!({"error": {"message": PROVIDERS_WORDS, "type": "server_error", "code": null}});
    for (spent, (rest, cause)) in (1..).zip([
        (vec![error], "the server answered with an error server_error"),
        (vec![json!({"choices": PROVIDERS_WORDS})], "the answer is not what the protocol says: Data"),
        (vec![chunk(&json!({}), Some("error"))], "the model broke off"),
        (vec![], "the stream ended before the reply did"),
    ]) {
        let beginning = vec![chunk(&json!({"content": "Hi"}), None)];
        answer(&provider, streams(&[beginning, rest].concat())).await;
        let response = chatting.ask(Way::Streamed).await;
        let events = data_of_events(&response.body);
        assert_eq!((response.status, &events.last().unwrap()["error"]["code"]), (200, &json!("model_broke_off")));
        assert!(!response.body.contains("secret"), "{}", response.body);
        assert_eq!(chatting.balance().await, (json!(5000 - spent), "0".to_owned()), "{cause}");
        let chats = chatting.chats().await;
        assert_eq!(chats.len(), spent);
        assert!(chats.iter().all(|chat| chat["finish_reason"]["S"] == "broken_off"));
        let logs = logs_with(&chatting.world, cause, 1).await;
        assert!(!logs.contains("secret") && !logs.contains(API_KEY), "{logs}");
        assert_eq!(provider.received_requests().await.unwrap().len(), 1, "it is not asked again");
    }
}

#[tokio::test]
async fn a_provider_that_breaks_off_or_is_not_there_costs_nothing() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let base_url = format!("http://{}", listener.local_addr().unwrap());
    thread::spawn(move || {
        let (mut connection, _) = listener.accept().unwrap();
        // The whole request is read, since closing a socket with unread bytes resets the connection.
        let mut request = Vec::new();
        while !request.ends_with(b"}") {
            let mut buffer = [0; 4096];
            let bytes = connection.read(&mut buffer).unwrap();
            request.extend_from_slice(&buffer[..bytes]);
        }
        let beginning = "HTTP/1.1 200 OK\r\ncontent-length: 900\r\n\r\n{\"choices\": [{\"message\": \"my secret";
        connection.write_all(beginning.as_bytes()).unwrap();
    });
    let chatting = Chatting::start(&[("MODEL", "openai"), ("OPENAI_BASE_URL", &base_url)]).await;
    let response = chatting.chat().await;
    chatting.expect_failure(&response, &failure(502, "model_failed", None, "the stream was cut off")).await;
    let response = chatting.chat().await;
    chatting.expect_failure(&response, &failure(503, "unavailable", Some("1"), "tcp connect error")).await;
}

#[tokio::test]
async fn a_provider_that_thinks_for_too_long_is_hung_up_on_and_costs_nothing() {
    let (provider, chatting) = with_openai(&[]).await;
    answer(&provider, says(&json!({"content": "Hi"})).set_delay(Duration::from_secs(60))).await;
    let function = chatting.world.stack.function("chat").await;
    // 12 s of the deadline are reserved for text, charge and answer.
    let deadline = SystemTime::now() + Duration::from_secs(13);
    let request = chatting.message("Hello");
    let event = function.invoke_with_deadline(&request.to_rest_event(), deadline).await.unwrap();
    assert!(SystemTime::now() < deadline, "the answer is out in time");
    let expected = failure(502, "model_failed", None, "the model took too long");
    chatting.expect_failure(&Response::from_event(&event), &expected).await;
    assert_eq!(provider.received_requests().await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_key_in_secrets_manager_reaches_the_provider_and_is_read_once() {
    let secrets_manager = MockServer::start().await;
    Mock::given(method("POST"))
        .and(header("x-amz-target", "secretsmanager.GetSecretValue"))
        .respond_with(ResponseTemplate::new(200).set_body_json(json!({"SecretString": API_KEY})))
        .mount(&secrets_manager)
        .await;
    let arn = "arn:aws:secretsmanager:us-east-1:123456789012:secret:key";
    let endpoint = secrets_manager.uri();
    let settings = [("OPENAI_API_KEY_ARN", arn), ("AWS_ENDPOINT_URL_SECRETS_MANAGER", endpoint.as_str())];
    let (provider, chatting) = with_openai(&settings).await;
    answer(&provider, says(&json!({"content": "Hi"}))).await;
    for _ in 0..2 {
        assert_eq!(chatting.chat().await.status, 200);
    }
    for request in provider.received_requests().await.unwrap() {
        assert_eq!(request.headers["authorization"], format!("Bearer {API_KEY}"));
    }
    let read = secrets_manager.received_requests().await.unwrap();
    assert_eq!(read.len(), 1);
    assert_eq!(read[0].body_json::<Value>().unwrap(), json!({"SecretId": arn}));
}

#[tokio::test]
async fn a_reply_of_bedrock_is_stored_and_charged_and_a_refusal_costs_nothing() {
    let bedrock = MockServer::start().await;
    let endpoint = bedrock.uri();
    let settings = [("MODEL", "bedrock"), ("AWS_ENDPOINT_URL_BEDROCK_RUNTIME", endpoint.as_str())];
    let chatting = Chatting::start(&settings).await;
    let converse = || Mock::given(method("POST")).and(path("/model/some-model/converse"));
    let converse_stream = || Mock::given(method("POST")).and(path("/model/some-model/converse-stream"));

    for (kind, status, answered, code) in [
        ("ValidationException", 400, 400, "model_refused"),
        ("AccessDeniedException", 403, 502, "model_misconfigured"),
        ("ModelTimeoutException", 408, 502, "model_failed"),
    ] {
        let refusal = ResponseTemplate::new(status).insert_header("x-amzn-errortype", kind);
        let refusal = refusal.set_body_json(json!({"message": PROVIDERS_WORDS}));
        converse_stream().respond_with(refusal).mount(&bedrock).await;
        let cause = format!("Bedrock answered {kind}");
        for (times, way) in (1..).zip(WAYS) {
            let response = chatting.ask(way).await;
            chatting.expect_failures(&response, &failure(answered, code, None, &cause), times).await;
        }
        bedrock.reset().await;
    }

    let message = json!({"role": "assistant", "content": [{"text": "Hi there"}]});
    let usage = json!({"inputTokens": 30, "outputTokens": 200, "totalTokens": 230});
    let answer = json!({"output": {"message": message}, "stopReason": "end_turn", "usage": usage});
    converse().respond_with(ResponseTemplate::new(200).set_body_json(answer)).mount(&bedrock).await;
    let chatting = Chatting::start(&[&settings[..], &[("MODEL_STREAMS", "never")]].concat()).await;
    for (spent, way) in (1..).zip(WAYS) {
        let response = chatting.ask(way).await;
        assert!(response.status == 200 && response.body.contains("Hi there"), "{response:?}");
        assert_eq!(chatting.balance().await, (json!(5000 - spent), "0".to_owned()));
    }
}
