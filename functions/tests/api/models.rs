//! Chats with models of others: a reply is stored and charged, and whatever else a provider says costs nothing and
//! is repeated nowhere.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::thread;
use std::time::{Duration, SystemTime};

use local::gateway::{Request, Response};
use local::runtime_api::Ability;
use serde_json::{Value, json};
use wiremock::matchers::{header, method, path};
use wiremock::{Mock, MockServer, ResponseTemplate};

use crate::logs::logs_with;
use crate::world::World;

/// What a provider says, and nobody is to read in an answer or a log.
const PROVIDERS_WORDS: &str = "you said: my secret";

const API_KEY: &str = "swordfish";

/// Somebody who chats with a model.
pub struct Chatting {
    pub world: World,
    pub access: String,
}

impl Chatting {
    async fn start(settings: &[(&str, &str)]) -> Self {
        let given = [settings, &[("MODEL_ID", "some-model"), ("LOG_LEVEL", "trace")]].concat();
        let world = World::start_with(&given).await;
        world.register("ada", 5000).await;
        let access = world.log_in("ada").await.access;
        Self { world, access }
    }

    pub fn message(&self, text: &str) -> Request {
        Request::post("/chatView/").json(&json!({"message": text})).bearer(&self.access)
    }

    async fn chat(&self) -> Response {
        self.world.stack.send(self.message("Hello")).await
    }

    /// What ada has, and what is held.
    async fn balance(&self) -> (Value, String) {
        let response = self.world.stack.send(Request::get("/token_balance/").bearer(&self.access)).await;
        (response.json()["tokens"].clone(), response.headers["x-token-held"].clone())
    }

    async fn chats(&self) -> Vec<Value> {
        let entries = self.world.entries().await.into_iter();
        entries.filter(|entry| entry["kind"]["S"] == "chat").collect()
    }

    /// The chat failed with this status, and nothing of it is left but the cause in the log.
    async fn expect_failure(&self, response: &Response, status: u16, retry_after: Option<&str>, cause: &str) {
        let code = if status == 502 { "model_failed" } else { "unavailable" };
        assert_eq!((response.status, &response.json()["code"]), (status, &json!(code)), "{cause}");
        assert_eq!(response.headers.get("retry-after").map(String::as_str), retry_after, "{cause}");
        assert!(!response.body.contains("secret"), "{}", response.body);
        assert_eq!(self.balance().await, (json!(5000), "0".to_owned()), "{cause}");
        assert!(self.chats().await.is_empty(), "{cause}");
        let logs = logs_with(&self.world, cause, 1).await;
        assert!(!logs.contains("secret") && !logs.contains(API_KEY), "{logs}");
    }
}

/// A provider with OpenAI's protocol, and somebody who chats with it.
pub async fn with_openai(settings: &[(&str, &str)]) -> (MockServer, Chatting) {
    let provider = MockServer::start().await;
    let base_url = format!("{}/v1", provider.uri());
    let own = [("MODEL", "openai"), ("OPENAI_BASE_URL", base_url.as_str())];
    let chatting = Chatting::start(&[&own, settings].concat()).await;
    (provider, chatting)
}

/// From now on `provider` says nothing but `answer`.
pub async fn answer(provider: &MockServer, answer: ResponseTemplate) {
    provider.reset().await;
    Mock::given(method("POST")).and(path("/v1/chat/completions")).respond_with(answer).mount(provider).await;
}

pub fn says(message: &Value) -> ResponseTemplate {
    let usage = json!({"prompt_tokens": 30, "completion_tokens": 200, "total_tokens": 230});
    let choice = json!({"index": 0, "message": message, "finish_reason": "stop"});
    ResponseTemplate::new(200).set_body_json(json!({"choices": [choice], "usage": usage}))
}

fn refuses(status: u16) -> ResponseTemplate {
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
    assert!(chats[0].to_string().contains("Hi there") && chats[0].to_string().contains("some-model"), "{}", chats[0]);
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
        json!({"choices": [{"index": 0, "delta": {"content": "Hi "}}]}),
        json!({"choices": [{"index": 0, "delta": {"content": "there"}, "finish_reason": "stop"}]}),
        json!({"choices": [], "usage": {"prompt_tokens": 30, "completion_tokens": 200}}),
    ];
    let events = chunks.map(|chunk| format!("data: {chunk}\n\n")).concat() + "data: [DONE]\n\n";
    let streamed = ResponseTemplate::new(200).set_body_raw(events, "text/event-stream");
    answer(&provider, streamed).await;
    let messages = json!([{"role": "user", "content": "Hello"}]);
    let request = json!({"model": "some-model", "stream": true, "messages": messages});
    let request = Request::post("/v1/chat/completions").json(&request).bearer(&chatting.access);
    let response = chatting.world.stack.send(request).await;
    assert!(response.body.contains("Hi ") && response.body.ends_with("data: [DONE]\n\n"), "{response:?}");
    assert_eq!(chatting.balance().await, (json!(4570), "0".to_owned()));
    assert!(chatting.chats().await[0].to_string().contains("Hi there"));
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

#[tokio::test]
async fn a_provider_that_gives_no_reply_costs_nothing_and_its_words_are_repeated_nowhere() {
    let (provider, chatting) = with_openai(&[("OPENAI_API_KEY", API_KEY)]).await;
    let malformed = ResponseTemplate::new(200).set_body_string(format!("{{\"choices\": \"{PROVIDERS_WORDS}\"}}"));
    let refusal = says(&json!({"content": null, "refusal": PROVIDERS_WORDS}));
    for (says, status, retry_after, cause) in [
        (refuses(401), 502, None, "the server answered 401, some_type"),
        (refuses(429).insert_header("retry-after", "7"), 503, Some("7"), "the server answered 429, some_type"),
        (refuses(500), 503, Some("1"), "the server answered 500, some_type"),
        (malformed, 502, None, "the answer is not what the protocol says: Data"),
        (refusal, 502, None, "the model refused"),
    ] {
        answer(&provider, says).await;
        let response = chatting.chat().await;
        chatting.expect_failure(&response, status, retry_after, cause).await;
    }
}

#[tokio::test]
async fn a_provider_that_breaks_off_or_is_not_there_costs_nothing() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let base_url = format!("http://{}", listener.local_addr().unwrap());
    thread::spawn(move || {
        let (mut connection, _) = listener.accept().unwrap();
        // All of it: hanging up on what was not read yet would reset the connection.
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
    chatting.expect_failure(&response, 502, None, "error decoding response body").await;
    let response = chatting.chat().await;
    chatting.expect_failure(&response, 503, Some("1"), "tcp connect error").await;
}

#[tokio::test]
async fn a_provider_that_thinks_for_too_long_is_hung_up_on_and_costs_nothing() {
    if Ability::ChooseDeadlines.skips_this_test() {
        return;
    }
    let (provider, chatting) = with_openai(&[]).await;
    answer(&provider, says(&json!({"content": "Hi"})).set_delay(Duration::from_secs(60))).await;
    let function = chatting.world.stack.function("chat").await;
    let deadline = SystemTime::now() + Duration::from_secs(2);
    let request = Request::post("/chatView/").json(&json!({"message": "Hello"})).bearer(&chatting.access);
    let event = function.invoke_with_deadline(&request.to_rest_event(), deadline).await.unwrap();
    assert!(SystemTime::now() < deadline, "the answer is out in time");
    chatting.expect_failure(&Response::from_event(&event), 502, None, "the model took too long").await;
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

    let refusal = ResponseTemplate::new(400).insert_header("x-amzn-errortype", "ValidationException");
    converse().respond_with(refusal.set_body_json(json!({"message": PROVIDERS_WORDS}))).mount(&bedrock).await;
    let response = chatting.chat().await;
    chatting.expect_failure(&response, 502, None, "Bedrock answered ValidationException").await;

    bedrock.reset().await;
    let message = json!({"role": "assistant", "content": [{"text": "Hi there"}]});
    let usage = json!({"inputTokens": 30, "outputTokens": 200, "totalTokens": 230});
    let answer = json!({"output": {"message": message}, "stopReason": "end_turn", "usage": usage});
    converse().respond_with(ResponseTemplate::new(200).set_body_json(answer)).mount(&bedrock).await;
    let response = chatting.chat().await;
    assert_eq!((response.status, &response.json()["response"]), (200, &json!("Hi there")));
    assert_eq!(chatting.balance().await, (json!(4999), "0".to_owned()));
}
