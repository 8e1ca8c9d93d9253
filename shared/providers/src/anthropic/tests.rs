//! The model against a server of the tests' own.

mod requests;
mod streams;
mod whole;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use cloud::SecretSource;
use domain::credits::Credits;
use domain::message::{FinishReason, ToolCall};
use domain::pricing::{Prices, Usage};
use domain::reasoning_proof::{Proof, ProofKind, ReasoningProof};
use futures_util::StreamExt;
use serde_json::{Value, json};
use wiremock::matchers::{header, method, path};
use wiremock::{Mock, MockServer, ResponseTemplate};

use super::*;
use crate::catalogue::Ability;
use crate::error::Refusal;
use crate::prompt::{Role, Turn};
use crate::reply::{End, Piece, SaidChoice};

/// What no cause and no reply may repeat.
const SERVERS_WORDS: &str = "you said: my secret";

/// A model that takes everything, and whose cache has prices.
fn terms() -> CataloguedModel {
    let [input, cached_input, cache_write, output] =
        [30_000, 3000, 37_500, 150_000].map(|price| Credits::new(price).unwrap());
    CataloguedModel {
        provider: "claude".to_owned(),
        provider_model: "claude-sonnet-4-5".to_owned(),
        takes: BTreeSet::from([Ability::Tools, Ability::JsonSchema, Ability::Images, Ability::Reasoning]),
        ..CataloguedModel::of_the_settings(
            "our-name",
            Prices { cached_input, cache_write, ..Prices::per_token(input, output) },
            200_000,
            32_000,
        )
    }
}

async fn model_of(provider: &Provider, keys: &str) -> Anthropic {
    let keys = ProviderKeys::connect(Some(SecretSource::Value(keys.into()))).await.unwrap();
    let http = HttpClient::new(Duration::from_secs(2)).unwrap();
    Anthropic::catalogued(&http, provider, &terms(), &Arc::new(keys)).unwrap()
}

/// A server that answers everything with `response`.
async fn answering(response: ResponseTemplate) -> (MockServer, Anthropic) {
    let server = MockServer::start().await;
    Mock::given(method("POST")).and(path("/v1/messages")).respond_with(response).mount(&server).await;
    let base_url = Some(format!("{}/v1", server.uri()));
    let model = model_of(&Provider { base_url, ..Provider::new(Protocol::Anthropic) }, "{}").await;
    (server, model)
}

async fn requests(server: &MockServer) -> usize {
    server.received_requests().await.unwrap().len()
}

fn hello() -> Prompt {
    Prompt { turns: vec![Turn::text(Role::User, "Hello")], ..Prompt::default() }
}

async fn reply(model: &Anthropic) -> Result<Reply, ModelError> {
    model.reply(&hello(), 5).await
}

/// The pieces of a stream until its end, which is the last, or its error.
async fn pieces(model: &Anthropic) -> (Vec<Piece>, Result<End, ModelError>) {
    let mut read = Vec::new();
    let mut stream = match model.stream(&hello(), 5).await {
        Ok(stream) => stream,
        Err(error) => return (read, Err(error)),
    };
    while let Some(piece) = stream.next().await {
        match piece {
            Ok(Piece::End(end)) => {
                assert!(stream.next().await.is_none(), "nothing comes after the end");
                return (read, Ok(end));
            }
            Ok(piece) => read.push(piece),
            Err(error) => {
                assert!(stream.next().await.is_none(), "nothing comes after an error");
                return (read, Err(error));
            }
        }
    }
    panic!("a stream has an end or an error");
}

/// The parts of `pieces`, put together.
fn said(pieces: &[Piece]) -> SaidChoice {
    let mut said = SaidChoice::default();
    for piece in pieces {
        if let Piece::Part { choice: 0, part } = piece {
            said.add(part);
        }
    }
    said
}

fn proof(kind: ProofKind, data: &str) -> Proof {
    Proof { kind, provider: Some("claude".to_owned()), id: None, data: data.to_owned() }
}

fn call(id: &str, name: &str, arguments: &str) -> ToolCall {
    ToolCall { id: id.to_owned(), name: name.to_owned(), arguments: arguments.to_owned() }
}

#[derive(Debug, PartialEq, Eq)]
enum Kind {
    Failed,
    Refused(Refusal),
    Throttled(Option<Duration>),
    Misconfigured,
    Unavailable(Option<Duration>),
}

/// The kind of an error, whose cause has none of the server's words.
fn kind(result: Result<impl std::fmt::Debug, ModelError>) -> Kind {
    let error = result.unwrap_err();
    assert!(!error.to_string().contains("secret"), "{error}");
    match error {
        ModelError::Failed(_) => Kind::Failed,
        ModelError::Refused { refusal, .. } => Kind::Refused(refusal),
        ModelError::Throttled { retry_after, .. } => Kind::Throttled(retry_after),
        ModelError::Misconfigured(_) => Kind::Misconfigured,
        ModelError::Unavailable { retry_after, .. } => Kind::Unavailable(retry_after),
    }
}

fn ok(body: &Value) -> ResponseTemplate {
    ResponseTemplate::new(200).set_body_json(body)
}

fn message() -> Value {
    json!({
        "id": "msg_1", "type": "message", "role": "assistant", "model": "claude-sonnet-4-5",
        "content": [{"type": "text", "text": "Hi"}], "stop_reason": "end_turn", "stop_sequence": null,
        "usage": {"input_tokens": 9, "output_tokens": 2},
    })
}

#[tokio::test]
async fn a_server_is_sent_its_key_and_the_version_of_the_protocol_and_a_header_of_the_catalogue_wins() {
    let server = MockServer::start().await;
    let expected = Mock::given(method("POST")).and(path("/v1/messages")).and(header("x-api-key", "sk-2"));
    let expected = expected.and(header("content-type", "application/json"));
    expected.respond_with(ok(&message())).mount(&server).await;
    let plain = Provider {
        key: Some("second".to_owned()),
        base_url: Some(format!("{}/v1", server.uri())),
        ..Provider::new(Protocol::Anthropic)
    };
    let own = BTreeMap::from([
        ("anthropic-version".to_owned(), "2027-01-01".to_owned()),
        ("anthropic-beta".to_owned(), "a-1,b-2".to_owned()),
    ]);
    for provider in [plain.clone(), Provider { headers: own, ..plain }] {
        reply(&model_of(&provider, r#"{"first": "sk-1", "second": "sk-2"}"#).await).await.unwrap();
    }
    let sent = server.received_requests().await.unwrap();
    let values = |request: usize, name: &str| -> Vec<String> {
        sent[request].headers.get_all(name).iter().map(|value| value.to_str().unwrap().to_owned()).collect()
    };
    assert_eq!(values(0, "anthropic-version"), ["2023-06-01"]);
    assert_eq!(values(1, "anthropic-version"), ["2027-01-01"]);
    assert_eq!(values(1, "anthropic-beta"), ["a-1,b-2"]);
    assert_eq!([values(0, "authorization"), values(0, "anthropic-beta")], [[""; 0]; 2]);
}

#[tokio::test]
async fn an_address_that_is_none_is_refused() {
    let provider = Provider { base_url: Some("here".to_owned()), ..Provider::new(Protocol::Anthropic) };
    let keys = Arc::new(ProviderKeys::connect(None).await.unwrap());
    let http = HttpClient::new(Duration::from_secs(2)).unwrap();
    let cause = Anthropic::catalogued(&http, &provider, &terms(), &keys).unwrap_err();
    assert!(cause.as_str().starts_with("is no address"), "{cause}");
}

#[tokio::test]
async fn a_status_says_whether_the_server_may_have_worked_and_what_it_does_not_take() {
    let invalid = "invalid_request_error";
    for (status, word, sentence, expected) in [
        (400, invalid, SERVERS_WORDS, Kind::Refused(Refusal::Unsaid)),
        (400, invalid, "prompt is too long: 200001 tokens > 200000 maximum", Kind::Refused(Refusal::TooLong)),
        (
            400,
            invalid,
            "input length and `max_tokens` exceed context limit: 190000 + 20000 > 200000, decrease `max_tokens`",
            Kind::Refused(Refusal::TooLongWithReply {
                input_tokens: 190_000,
                output_tokens: 20_000,
                context_tokens: 200_000,
            }),
        ),
        (
            400,
            invalid,
            "input length and `max_tokens` exceed context limit: a + b > c",
            Kind::Refused(Refusal::TooLong),
        ),
        (400, invalid, "Your credit balance is too low to access the Anthropic API.", Kind::Misconfigured),
        (401, "authentication_error", SERVERS_WORDS, Kind::Misconfigured),
        (402, "billing_error", SERVERS_WORDS, Kind::Misconfigured),
        (403, "permission_error", SERVERS_WORDS, Kind::Misconfigured),
        (404, "not_found_error", SERVERS_WORDS, Kind::Misconfigured),
        (413, "request_too_large", SERVERS_WORDS, Kind::Refused(Refusal::TooLong)),
        (429, "rate_limit_error", SERVERS_WORDS, Kind::Throttled(None)),
        (500, "api_error", SERVERS_WORDS, Kind::Failed),
        (503, "api_error", SERVERS_WORDS, Kind::Unavailable(None)),
        (504, "timeout_error", SERVERS_WORDS, Kind::Failed),
        (529, "overloaded_error", SERVERS_WORDS, Kind::Unavailable(None)),
    ] {
        let error = json!({"type": "error", "error": {"type": word, "message": sentence}, "request_id": "req_1"});
        let (server, model) = answering(ResponseTemplate::new(status).set_body_json(error)).await;
        assert_eq!(kind(reply(&model).await), expected, "{status} {sentence}");
        assert_eq!(kind(pieces(&model).await.1), expected, "{status} {sentence}");
        assert_eq!(requests(&server).await, 2, "{status}: nothing is sent again");
    }
}

#[tokio::test]
async fn a_request_is_sent_again_as_it_was_where_the_server_says_when() {
    let (server, model) = answering(ok(&message())).await;
    let busy = ResponseTemplate::new(529).insert_header("retry-after-ms", "1");
    let turned_away = Mock::given(method("POST")).respond_with(busy).up_to_n_times(2).with_priority(1);
    turned_away.mount(&server).await;
    assert_eq!(reply(&model).await.unwrap().choices[0].text, "Hi");
    let sent = server.received_requests().await.unwrap();
    assert_eq!(sent.len(), 3);
    assert!(sent.iter().all(|request| request.body == sent[0].body && request.headers == sent[0].headers));
}
