//! The model on the SDK's own replay of what Bedrock sends.

mod connections;
mod generated;
mod requests;
mod streams;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use aws_sdk_bedrockruntime::config::http::{HttpRequest, HttpResponse};
use aws_sdk_bedrockruntime::config::{BehaviorVersion, Config, Credentials};
use aws_sdk_bedrockruntime::primitives::event_stream::{Header, HeaderValue, Message};
use aws_smithy_eventstream::frame::write_message_to;
use aws_smithy_http_client::test_util::{ReplayEvent, StaticReplayClient};
use aws_smithy_runtime_api::client::http::{HttpConnector, HttpConnectorFuture, SharedHttpConnector, http_client_fn};
use aws_smithy_runtime_api::client::result::ConnectorError;
use futures_util::StreamExt;
use rustls::RootCertStore;
use serde_json::{Value, json};

use super::*;
use crate::catalogue::{Ability, Guardrail};
use crate::prompt::{Role, Sampling, Turn};
use crate::reply::{End, Part, Piece, SaidChoice};
use domain::credits::Credits;
use domain::message::{FinishReason, ToolCall};
use domain::pricing::{Prices, Usage};

/// What no cause and no reply may repeat.
const BEDROCKS_WORDS: &str = "you said: my secret";

const MODEL_ID: &str = "some.model-v1:0";

fn configuration() -> Builder {
    Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("us-east-1"))
        .credentials_provider(Credentials::for_tests())
}

/// The entry of a model that Bedrock calls `provider_model`, with every ability that is none of images.
fn terms(provider_model: &str) -> CataloguedModel {
    CataloguedModel {
        provider_model: provider_model.to_owned(),
        takes: BTreeSet::from([Ability::Tools, Ability::JsonSchema, Ability::Reasoning]),
        ..CataloguedModel::of_the_settings("m", Prices::default(), 1000, 100)
    }
}

/// A client without TLS.
fn region_of(configuration: Builder, clock: Clock) -> RegionClient {
    let client = client_of(configuration, Provider::CONNECT_TIMEOUT);
    RegionClient { client, is_opened_early: false, last_use: LastUse::none_yet(clock) }
}

fn at(configuration: Builder) -> Bedrock {
    Bedrock::catalogued(region_of(configuration, Clock::system()), &terms(MODEL_ID))
}

/// A model for which Bedrock sends these answers, one after the other.
fn model(answers: Vec<HttpResponse>) -> (Bedrock, StaticReplayClient) {
    let unchecked = || HttpRequest::empty();
    let events = answers.into_iter().map(|answer| ReplayEvent::new(unchecked(), answer)).collect();
    let client = StaticReplayClient::new(events);
    (at(configuration().http_client(client.clone())), client)
}

fn requests(client: &StaticReplayClient) -> usize {
    client.actual_requests().count()
}

fn response(status: u16, body: impl Into<Vec<u8>>) -> HttpResponse {
    HttpResponse::new(status.try_into().unwrap(), body.into().into())
}

fn answer(content: &Value, stop_reason: &str) -> HttpResponse {
    let body = json!({
        "output": {"message": {"role": "assistant", "content": content}},
        "stopReason": stop_reason,
        "usage": {"inputTokens": 9, "outputTokens": 2, "totalTokens": 11},
        "metrics": {"latencyMs": 1},
    });
    response(200, body.to_string())
}

fn error(status: u16, kind: &'static str) -> HttpResponse {
    let mut response = response(status, json!({"message": BEDROCKS_WORDS}).to_string());
    response.headers_mut().insert("x-amzn-errortype", kind);
    response
}

/// One message of a stream.
fn message(type_header: &'static str, kind: &'static str, name: &'static str, payload: &Value) -> Vec<u8> {
    let header = |name: &'static str, value: &'static str| Header::new(name, HeaderValue::String(value.into()));
    let message = Message::new(payload.to_string().into_bytes())
        .add_header(header(":message-type", kind))
        .add_header(header(type_header, name))
        .add_header(header(":content-type", "application/json"));
    let mut bytes = Vec::new();
    write_message_to(&message, &mut bytes).unwrap();
    bytes
}

fn event(name: &'static str, payload: &Value) -> Vec<u8> {
    message(":event-type", "event", name, payload)
}

fn exception(name: &'static str) -> Vec<u8> {
    message(":exception-type", "exception", name, &json!({"message": BEDROCKS_WORDS}))
}

fn text(text: &str) -> Vec<u8> {
    event("contentBlockDelta", &json!({"contentBlockIndex": 0, "delta": {"text": text}}))
}

fn stop(reason: &str) -> Vec<u8> {
    event("messageStop", &json!({"stopReason": reason}))
}

fn metadata() -> Vec<u8> {
    let usage = json!({"inputTokens": 9, "outputTokens": 2, "totalTokens": 11});
    event("metadata", &json!({"usage": usage, "metrics": {"latencyMs": 1}}))
}

fn streaming(messages: &[Vec<u8>]) -> HttpResponse {
    response(200, messages.concat())
}

const USAGE: Usage = Usage::counted(9, 2);

fn hello() -> Prompt {
    Prompt { turns: vec![Turn::text(Role::User, "Hello")], ..Prompt::default() }
}

async fn reply_of(answers: Vec<HttpResponse>) -> (Result<Reply, ModelError>, usize) {
    let (model, client) = model(answers);
    (model.reply(&hello(), 5).await, requests(&client))
}

/// All of a stream: its text, how it ended, and how often it was asked for.
async fn stream_of(answers: Vec<HttpResponse>) -> (String, Result<End, ModelError>, usize) {
    let (model, client) = model(answers);
    let (text, end) = streamed(&model).await;
    (text, end, requests(&client))
}

async fn streamed(model: &Bedrock) -> (String, Result<End, ModelError>) {
    let mut text = String::new();
    let mut pieces = match model.stream(&hello(), 5).await {
        Ok(pieces) => pieces,
        Err(error) => return (text, Err(error)),
    };
    while let Some(piece) = pieces.next().await {
        match piece {
            Ok(Piece::Part { part: Part::Text(piece), .. }) => text.push_str(&piece),
            Ok(Piece::Part { .. } | Piece::Finished { .. } | Piece::Hidden { .. } | Piece::Counted(_)) => {}
            Ok(Piece::End(end)) => {
                assert!(pieces.next().await.is_none(), "nothing comes after the end");
                return (text, Ok(end));
            }
            Err(error) => return (text, Err(error)),
        }
    }
    panic!("neither an end nor an error")
}

/// The kind of an error. Its cause tells nothing of what Bedrock said.
fn kind(result: Result<impl std::fmt::Debug, ModelError>) -> Kind {
    let error = result.unwrap_err();
    assert!(!error.to_string().contains("secret"), "{error}");
    match error {
        ModelError::Failed(_) => Kind::Failed,
        ModelError::Refused { refusal, .. } => Kind::Refused(refusal),
        ModelError::Misconfigured(_) => Kind::Misconfigured,
        ModelError::Throttled { retry_after, .. } => Kind::Throttled(retry_after),
        ModelError::Unavailable { retry_after, .. } => Kind::Unavailable(retry_after),
    }
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Kind {
    Failed,
    Refused(Refusal),
    Misconfigured,
    Throttled(Option<Duration>),
    Unavailable(Option<Duration>),
}

#[tokio::test]
async fn the_request_holds_the_conversation_and_only_the_parameters_that_are_there() {
    let hi = || answer(&json!([{"text": "Hi"}]), "end_turn");
    let (model, client) = model(vec![hi(), hi(), streaming(&[text("Hi"), stop("end_turn")])]);
    let turns = [
        (Role::System, "Be brief."),
        (Role::Assistant, "What the context no longer explains"),
        (Role::User, "Hello"),
        (Role::User, "Is anybody there?"),
        (Role::Assistant, "Hi"),
        (Role::User, " "),
        (Role::User, "Bye"),
    ];
    let turns = turns.map(|(role, text)| Turn::text(role, text)).to_vec();
    let sampling =
        Sampling { temperature: Some(0.5), top_p: Some(0.25), stop: vec!["END".to_owned()], ..Sampling::default() };
    let prompt = Prompt { turns, sampling, ..Prompt::default() };
    assert_eq!(model.unsupported(&prompt), None);
    model.reply(&prompt, 77).await.unwrap();
    model.reply(&hello(), 5).await.unwrap();
    streamed(&model).await.1.unwrap();

    let sent: Vec<(String, Value)> = client
        .actual_requests()
        .map(|request| (request.uri().to_owned(), serde_json::from_slice(request.body().bytes().unwrap()).unwrap()))
        .collect();
    let whole = json!({
        "system": [{"text": "Be brief."}],
        "messages": [
            {"role": "user", "content": [{"text": "Hello"}, {"text": "Is anybody there?"}]},
            {"role": "assistant", "content": [{"text": "Hi"}]},
            {"role": "user", "content": [{"text": "Bye"}]},
        ],
        "inferenceConfig": {"maxTokens": 77, "temperature": 0.5, "topP": 0.25, "stopSequences": ["END"]},
    });
    let plain = json!({
        "messages": [{"role": "user", "content": [{"text": "Hello"}]}],
        "inferenceConfig": {"maxTokens": 5},
    });
    assert_eq!(sent.iter().map(|(_, body)| body).collect::<Vec<_>>(), [&whole, &plain, &plain]);
    for ((uri, _), operation) in sent.iter().zip(["converse", "converse", "converse-stream"]) {
        assert!(uri.ends_with(&format!("/model/some.model-v1%3A0/{operation}")), "{uri}");
    }
}

#[test]
fn sampling_that_converse_cannot_be_told_is_named() {
    let (model, _) = model(Vec::new());
    let none = Sampling::default();
    for (sampling, expected) in [
        (Sampling { temperature: Some(1.0), top_p: Some(1.0), ..none.clone() }, None),
        (Sampling { temperature: Some(1.5), ..none.clone() }, Some("temperature")),
        (Sampling { presence_penalty: Some(0.0), ..none.clone() }, Some("presence_penalty")),
        (Sampling { frequency_penalty: Some(0.5), ..none.clone() }, Some("frequency_penalty")),
        (Sampling { seed: Some(1), ..none.clone() }, Some("seed")),
    ] {
        assert_eq!(model.unsupported(&Prompt { sampling, ..Prompt::default() }), expected);
    }
    let effort = Prompt { reasoning_effort: Some("low".to_owned()), ..Prompt::default() };
    assert_eq!(model.unsupported(&effort), Some("reasoning_effort"), "nobody knows how this model is told");
}

const REASONS: [(&str, FinishReason); 11] = [
    ("end_turn", FinishReason::Stop),
    ("stop_sequence", FinishReason::Stop),
    ("malformed_model_output", FinishReason::Stop),
    ("malformed_tool_use", FinishReason::Stop),
    ("something_new", FinishReason::Stop),
    ("max_tokens", FinishReason::Length),
    ("model_context_window_exceeded", FinishReason::Length),
    ("content_filtered", FinishReason::ContentFilter),
    ("guardrail_intervened", FinishReason::ContentFilter),
    ("refusal", FinishReason::ContentFilter),
    ("tool_use", FinishReason::ToolCalls),
];

#[tokio::test]
async fn a_whole_reply_has_text_reason_and_usage() {
    for (reason, finish_reason) in REASONS {
        let thinking = json!({"reasoningContent": {"reasoningText": {"text": "They greet."}}});
        for (content, text) in [(json!([thinking, {"text": "H"}, {"text": "i"}]), "Hi"), (json!([]), "")] {
            let (reply, _) = reply_of(vec![answer(&content, reason)]).await;
            let reasoning = (!text.is_empty()).then(|| "They greet.".to_owned());
            let said = SaidChoice { reasoning, ..SaidChoice::text(text) };
            assert_eq!(reply.unwrap(), Reply::of(said, End::new(finish_reason, Some(USAGE))), "{reason}");
        }
    }
}

#[tokio::test]
async fn a_stream_that_ended_is_a_reply_whatever_is_in_it() {
    for (reason, finish_reason) in REASONS {
        for (texts, expected) in [(vec![text("Hi")], "Hi"), (vec![], "")] {
            let messages = [texts, vec![stop(reason), metadata()]].concat();
            let (text, end, _) = stream_of(vec![streaming(&messages)]).await;
            assert_eq!(
                (text.as_str(), end.unwrap()),
                (expected, End { finish_reason, usage: Some(USAGE) }),
                "{reason}"
            );
        }
    }
}

#[tokio::test]
async fn what_ends_after_its_reason_or_with_a_count_is_a_reply() {
    let stopped = End::new(FinishReason::Length, None);
    let counted = End::new(FinishReason::Stop, Some(USAGE));
    let half = metadata()[..20].to_vec();
    for (messages, expected) in [
        (vec![stop("max_tokens")], stopped),
        (vec![stop("max_tokens"), half], stopped),
        (vec![stop("max_tokens"), exception("internalServerException")], stopped),
        (vec![metadata()], counted),
    ] {
        let (_, end, _) = stream_of(vec![streaming(&messages)]).await;
        assert_eq!(end.unwrap(), expected);
    }
    let (reply, _) = reply_of(vec![response(200, "{\"stopReason\": \"end_turn\"}")]).await;
    let end = End { finish_reason: FinishReason::Stop, usage: None };
    assert_eq!(reply.unwrap(), Reply::text("", end));
}

#[tokio::test]
async fn a_negative_count_is_as_if_it_were_not_there() {
    let usage = json!({"inputTokens": -9, "outputTokens": 2, "totalTokens": 11});
    let odd = event("metadata", &json!({"usage": usage, "metrics": {"latencyMs": 1}}));
    let (_, end, _) = stream_of(vec![streaming(&[text("Hi"), stop("end_turn"), odd])]).await;
    assert_eq!(end.unwrap().usage, Some(Usage::counted(0, 2)));
}

/// <https://docs.aws.amazon.com/bedrock/latest/userguide/prompt-caching.html>: the input is the sum of all three.
#[tokio::test]
async fn tokens_of_the_cache_are_input_tokens_too() {
    let usage = json!({
        "inputTokens": 9, "outputTokens": 2, "totalTokens": 161,
        "cacheReadInputTokens": 100, "cacheWriteInputTokens": 50,
    });
    let metadata = event("metadata", &json!({"usage": usage, "metrics": {"latencyMs": 1}}));
    let (_, end, _) = stream_of(vec![streaming(&[text("Hi"), stop("end_turn"), metadata])]).await;
    let expected = Usage { cached_input_tokens: 100, cache_write_tokens: 50, ..Usage::counted(159, 2) };
    assert_eq!(end.unwrap().usage, Some(expected));
}

#[tokio::test]
async fn a_stream_is_texts_and_an_end_whose_usage_may_be_missing() {
    let start = event("messageStart", &json!({"role": "assistant"}));
    let thinking =
        event("contentBlockDelta", &json!({"contentBlockIndex": 0, "delta": {"reasoningContent": {"text": "Hm."}}}));
    let done = event("contentBlockStop", &json!({"contentBlockIndex": 0}));
    let messages = [start, thinking, text("Hel"), text("lo"), done, stop("max_tokens"), metadata()];
    for (messages, usage) in [(&messages[..], Some(USAGE)), (&messages[..6], None)] {
        let (text, end, _) = stream_of(vec![streaming(messages)]).await;
        assert_eq!(text, "Hello");
        assert_eq!(end.unwrap(), End { finish_reason: FinishReason::Length, usage });
    }
}

#[tokio::test]
async fn answers_that_are_no_reply_are_failures() {
    for body in ["", "{}", "<html>", BEDROCKS_WORDS, "{\"output\":"] {
        let twice = || vec![response(200, body), response(200, body)];
        let (reply, requests) = reply_of(twice()).await;
        assert_eq!((kind(reply), requests), (Kind::Failed, 1), "{body}");
        let (_, end, requests) = stream_of(twice()).await;
        assert_eq!((kind(end), requests), (Kind::Failed, 1), "{body}");
    }
}

#[tokio::test]
async fn a_stream_that_is_cut_off_or_fails_is_not_asked_for_again() {
    let half = metadata()[..20].to_vec();
    for (rest, expected) in [
        (Vec::new(), Kind::Failed),
        (half, Kind::Failed),
        (exception("modelStreamErrorException"), Kind::Failed),
        (exception("internalServerException"), Kind::Failed),
        (exception("somethingNew"), Kind::Failed),
        (exception("serviceUnavailableException"), Kind::Unavailable(None)),
        (exception("throttlingException"), Kind::Throttled(None)),
        (exception("validationException"), Kind::Refused(Refusal::Unsaid)),
    ] {
        let (_, end, requests) = stream_of(vec![streaming(std::slice::from_ref(&rest)), streaming(&[])]).await;
        assert_eq!((kind(end), requests), (expected, 1));
        // Once the model works, an exception turns nothing away.
        let answer = || streaming(&[text("Hi"), rest.clone()]);
        let (text, end, requests) = stream_of(vec![answer(), answer()]).await;
        assert_eq!((text.as_str(), requests), ("Hi", 1));
        assert_eq!(kind(end), Kind::Failed);
        let start = event("messageStart", &json!({"role": "assistant"}));
        let (_, end, _) = stream_of(vec![streaming(&[start, rest])]).await;
        assert_eq!(kind(end), Kind::Failed);
    }
}

#[tokio::test(start_paused = true)]
async fn an_exception_says_whether_the_model_may_have_worked_and_only_what_was_turned_away_is_sent_again() {
    for (status, name, expected, times) in [
        (403, "AccessDeniedException", Kind::Misconfigured, 1),
        (403, "UnrecognizedClientException", Kind::Misconfigured, 1),
        (403, "ExpiredTokenException", Kind::Misconfigured, 1),
        (404, "ResourceNotFoundException", Kind::Misconfigured, 1),
        (400, "ServiceQuotaExceededException", Kind::Misconfigured, 1),
        (400, "SomethingNew", Kind::Misconfigured, 1),
        (400, "ValidationException", Kind::Refused(Refusal::Unsaid), 1),
        (429, "ThrottlingException", Kind::Throttled(None), 2),
        (429, "SomethingNew", Kind::Throttled(None), 1),
        (429, "ModelNotReadyException", Kind::Unavailable(None), 2),
        (503, "ServiceUnavailableException", Kind::Unavailable(None), 2),
        (503, "SomethingNew", Kind::Unavailable(None), 2),
        (424, "ModelErrorException", Kind::Failed, 1),
        (408, "ModelTimeoutException", Kind::Failed, 1),
        (500, "InternalServerException", Kind::Failed, 1),
        (502, "SomethingNew", Kind::Failed, 1),
        (504, "SomethingNew", Kind::Failed, 1),
    ] {
        let thrice = || vec![error(status, name), error(status, name), error(status, name)];
        let (reply, requests) = reply_of(thrice()).await;
        assert_eq!((kind(reply), requests), (expected, times), "{name}");
        let (_, end, requests) = stream_of(thrice()).await;
        assert_eq!((kind(end), requests), (expected, times), "{name}");
    }
}

#[tokio::test]
async fn a_conversation_in_which_the_user_says_nothing_is_refused_before_bedrock_is_asked() {
    let turn = |role, text: &str| Turn::text(role, text);
    for turns in [
        vec![turn(Role::System, "Be brief.")],
        vec![turn(Role::System, "Be brief."), turn(Role::User, " \n"), turn(Role::Assistant, "Hi!")],
    ] {
        let (model, client) = model(vec![]);
        let prompt = Prompt { turns, ..Prompt::default() };
        let refused = model.reply(&prompt, 5).await.unwrap_err();
        assert!(matches!(refused, ModelError::Refused { refusal: Refusal::NothingAsked, .. }), "{refused}");
        assert!(matches!(model.stream(&prompt, 5).await, Err(ModelError::Refused { .. })));
        assert_eq!(requests(&client), 0);
    }
}

#[tokio::test(start_paused = true)]
async fn bedrock_that_has_time_again_answers() {
    let busy = || error(429, "ThrottlingException");
    let (reply, _) = reply_of(vec![busy(), answer(&json!([{"text": "Hi"}]), "end_turn")]).await;
    assert_eq!(reply.unwrap().choices[0].text, "Hi");
    let (text, end, _) = stream_of(vec![busy(), streaming(&[text("Hi"), stop("end_turn")])]).await;
    assert_eq!((text.as_str(), end.unwrap().finish_reason), ("Hi", FinishReason::Stop));
}

#[tokio::test(start_paused = true)]
async fn what_is_said_of_coming_back_is_handed_on() {
    let mut busy = error(429, "ThrottlingException");
    busy.headers_mut().insert("retry-after", "6");
    let again = error(429, "ThrottlingException");
    let (reply, _) = reply_of(vec![again, busy]).await;
    assert_eq!(kind(reply), Kind::Throttled(Some(Duration::from_secs(6))));
}

/// A network on which every request fails in the same way. It counts them.
#[derive(Clone, Debug)]
struct Broken {
    requests: Arc<AtomicUsize>,
    failure: fn() -> ConnectorError,
}

impl HttpConnector for Broken {
    fn call(&self, _request: HttpRequest) -> HttpConnectorFuture {
        self.requests.fetch_add(1, Ordering::Relaxed);
        HttpConnectorFuture::ready(Err((self.failure)()))
    }
}

#[tokio::test(start_paused = true)]
async fn without_an_answer_nothing_is_sent_again_since_the_model_may_be_at_work() {
    let timeout = || ConnectorError::timeout("too late".into());
    let input_output = || ConnectorError::io("connection reset".into());
    for failure in [timeout as fn() -> ConnectorError, input_output] {
        let network = Broken { requests: Arc::default(), failure };
        let connector = SharedHttpConnector::new(network.clone());
        let client = http_client_fn(move |_, _| connector.clone());
        let model = at(configuration().http_client(client));
        assert_eq!(kind(model.reply(&hello(), 5).await), Kind::Failed);
        assert_eq!(kind(streamed(&model).await.1), Kind::Failed);
        assert_eq!(network.requests.load(Ordering::Relaxed), 2);
    }
}

#[tokio::test]
async fn bedrock_that_is_not_there_is_unavailable_since_nothing_was_sent() {
    let address = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let client = cloud::http_client(RootCertStore::empty(), cloud::KeptConnections::ALL).unwrap();
    let configuration = configuration().endpoint_url(format!("http://{address}")).http_client(client);
    let model = at(configuration);
    assert_eq!(kind(model.reply(&hello(), 5).await), Kind::Unavailable(None));
    assert_eq!(kind(streamed(&model).await.1), Kind::Unavailable(None));
}
