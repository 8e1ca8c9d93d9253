//! The model on the SDK's own replay of what Bedrock sends.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use aws_sdk_bedrockruntime::config::http::{HttpRequest, HttpResponse};
use aws_sdk_bedrockruntime::config::{BehaviorVersion, Config, Credentials, Region};
use aws_sdk_bedrockruntime::primitives::event_stream::{Header, HeaderValue, Message};
use aws_smithy_eventstream::frame::write_message_to;
use aws_smithy_http_client::test_util::{ReplayEvent, StaticReplayClient};
use aws_smithy_runtime_api::client::http::{HttpConnector, HttpConnectorFuture, SharedHttpConnector, http_client_fn};
use aws_smithy_runtime_api::client::result::ConnectorError;
use futures_util::StreamExt;
use serde_json::{Value, json};

use super::*;
use crate::error::Refusal;
use crate::prompt::{Role, Turn};
use crate::reply::Piece;
use domain::message::FinishReason;
use domain::pricing::Usage;

/// What no cause and no reply may repeat.
const BEDROCKS_WORDS: &str = "you said: my secret";

const MODEL_ID: &str = "some.model-v1:0";

fn configuration() -> Builder {
    Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("us-east-1"))
        .credentials_provider(Credentials::for_tests())
}

/// A model for which Bedrock sends these answers, one after the other.
fn model(answers: Vec<HttpResponse>) -> (Bedrock, StaticReplayClient) {
    let unchecked = || HttpRequest::empty();
    let events = answers.into_iter().map(|answer| ReplayEvent::new(unchecked(), answer)).collect();
    let client = StaticReplayClient::new(events);
    (Bedrock::new(configuration().http_client(client.clone()), MODEL_ID), client)
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

const USAGE: Usage = Usage { input_tokens: 9, output_tokens: 2, estimated: false };

fn hello() -> Prompt {
    Prompt { turns: vec![Turn { role: Role::User, text: "Hello".to_owned() }], ..Prompt::default() }
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
            Ok(Piece::Text(piece) | Piece::Refusal(piece)) => text.push_str(&piece),
            Ok(Piece::End(end)) => {
                assert!(pieces.next().await.is_none(), "nothing comes after the end");
                return (text, Ok(end));
            }
            Err(error) => return (text, Err(error)),
        }
    }
    panic!("neither an end nor an error")
}

/// Whether a failure is of the moment. Its cause tells nothing of what Bedrock said.
fn is_temporary(result: Result<impl std::fmt::Debug, ModelError>) -> bool {
    let error = result.unwrap_err();
    assert!(!error.to_string().contains("secret"), "{error}");
    matches!(error, ModelError::Unavailable { retry_after: None, .. })
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
    let turns = turns.map(|(role, text)| Turn { role, text: text.to_owned() }).to_vec();
    let sampling =
        Sampling { temperature: Some(0.5), top_p: Some(0.25), stop: vec!["END".to_owned()], ..Sampling::default() };
    assert_eq!(model.unsupported(&sampling), None);
    model.reply(&Prompt { turns, sampling }, 77).await.unwrap();
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
fn what_converse_has_no_room_for_is_named() {
    let (model, _) = model(Vec::new());
    let none = Sampling::default();
    for (sampling, expected) in [
        (Sampling { temperature: Some(1.0), top_p: Some(1.0), ..none.clone() }, None),
        (Sampling { temperature: Some(1.5), ..none.clone() }, Some("temperature")),
        (Sampling { presence_penalty: Some(0.0), ..none.clone() }, Some("presence_penalty")),
        (Sampling { frequency_penalty: Some(0.5), ..none.clone() }, Some("frequency_penalty")),
        (Sampling { seed: Some(1), ..none.clone() }, Some("seed")),
    ] {
        assert_eq!(model.unsupported(&sampling), expected);
    }
}

#[tokio::test]
async fn a_whole_reply_has_text_reason_and_usage() {
    for (reason, finish_reason) in
        [("end_turn", FinishReason::Stop), ("stop_sequence", FinishReason::Stop), ("max_tokens", FinishReason::Length)]
    {
        let thinking = json!({"reasoningContent": {"reasoningText": {"text": "They greet."}}});
        let content = json!([thinking, {"text": "H"}, {"text": "i"}]);
        let (reply, _) = reply_of(vec![answer(&content, reason)]).await;
        let end = End { finish_reason, usage: Some(USAGE) };
        assert_eq!(reply.unwrap(), Reply { text: "Hi".to_owned(), refusal: None, end });
    }
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
    let reasons = ["content_filtered", "guardrail_intervened", "tool_use", "malformed_model_output", "something_new"];
    for reason in reasons {
        let (reply, requests) = reply_of(vec![answer(&json!([{"text": BEDROCKS_WORDS}]), reason)]).await;
        assert!(!is_temporary(reply), "{reason}");
        assert_eq!(requests, 1);
        let (text, end, requests) = stream_of(vec![streaming(&[text("Hi"), stop(reason), metadata()])]).await;
        assert!(!is_temporary(end), "{reason}");
        assert_eq!((text.as_str(), requests), ("Hi", 1));
    }
    for body in ["", "<html>", BEDROCKS_WORDS, "{\"output\":", "{\"stopReason\": \"end_turn\"}"] {
        let twice = || vec![response(200, body), response(200, body)];
        let (reply, requests) = reply_of(twice()).await;
        assert!(!is_temporary(reply), "{body}");
        assert_eq!(requests, 1, "{body}");
        let (_, end, requests) = stream_of(twice()).await;
        assert!(!is_temporary(end), "{body}");
        assert_eq!(requests, 1, "{body}");
    }
}

#[tokio::test]
async fn a_stream_that_is_cut_off_or_fails_is_a_failure_and_not_asked_for_again() {
    let half = metadata()[..20].to_vec();
    for (rest, temporary) in [
        (Vec::new(), false),
        (half, false),
        (exception("modelStreamErrorException"), false),
        (exception("somethingNew"), false),
        (exception("internalServerException"), true),
        (exception("serviceUnavailableException"), true),
        (exception("throttlingException"), true),
    ] {
        let answer = || streaming(&[text("Hi"), rest.clone()]);
        let (text, end, requests) = stream_of(vec![answer(), answer()]).await;
        assert_eq!((text.as_str(), requests), ("Hi", 1));
        assert_eq!(is_temporary(end), temporary);
    }
}

#[tokio::test(start_paused = true)]
async fn refusals_of_us_are_failures_and_of_the_moment_unavailable_and_only_what_was_turned_away_is_sent_again() {
    for (status, kind, temporary, expected) in [
        (403, "AccessDeniedException", false, 1),
        (404, "ResourceNotFoundException", false, 1),
        (424, "ModelErrorException", false, 1),
        (400, "SomethingNew", false, 1),
        (429, "ModelNotReadyException", true, 2),
        (429, "ThrottlingException", true, 2),
        (503, "ServiceUnavailableException", true, 2),
        (503, "SomethingNew", true, 2),
        (408, "ModelTimeoutException", true, 1),
        (500, "InternalServerException", true, 1),
        (502, "SomethingNew", true, 1),
        (504, "SomethingNew", true, 1),
    ] {
        let thrice = || vec![error(status, kind), error(status, kind), error(status, kind)];
        let (reply, requests) = reply_of(thrice()).await;
        assert_eq!((is_temporary(reply), requests), (temporary, expected), "{kind}");
        let (_, end, requests) = stream_of(thrice()).await;
        assert_eq!((is_temporary(end), requests), (temporary, expected), "{kind}");
    }
}

/// Also of one that had begun.
#[tokio::test]
async fn what_of_a_request_bedrock_does_not_take_is_refused_in_our_words() {
    let is_refusal = |error: ModelError| {
        assert!(!error.to_string().contains("secret"), "{error}");
        matches!(error, ModelError::Refused { refusal: Refusal::Unsaid, .. })
    };
    let twice = || vec![error(400, "ValidationException"), error(400, "ValidationException")];
    let (reply, requests) = reply_of(twice()).await;
    assert!(is_refusal(reply.unwrap_err()) && requests == 1);
    let (_, end, requests) = stream_of(twice()).await;
    assert!(is_refusal(end.unwrap_err()) && requests == 1);
    let (_, end, _) = stream_of(vec![streaming(&[text("Hi"), exception("validationException")])]).await;
    assert!(is_refusal(end.unwrap_err()));
}

#[tokio::test]
async fn a_conversation_in_which_the_user_says_nothing_is_refused_before_bedrock_is_asked() {
    let turn = |role, text: &str| Turn { role, text: text.to_owned() };
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
    assert_eq!(reply.unwrap().text, "Hi");
    let (text, end, _) = stream_of(vec![busy(), streaming(&[text("Hi"), stop("end_turn")])]).await;
    assert_eq!((text.as_str(), end.unwrap().finish_reason), ("Hi", FinishReason::Stop));
}

#[tokio::test(start_paused = true)]
async fn what_is_said_of_coming_back_is_handed_on() {
    let mut busy = error(429, "ThrottlingException");
    busy.headers_mut().insert("retry-after", "6");
    let again = error(429, "ThrottlingException");
    let (reply, _) = reply_of(vec![again, busy]).await;
    let six = Duration::from_secs(6);
    assert!(matches!(reply, Err(ModelError::Unavailable { retry_after: Some(after), .. }) if after == six));
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
        let model = Bedrock::new(configuration().http_client(client), MODEL_ID);
        assert!(is_temporary(model.reply(&hello(), 5).await));
        assert!(is_temporary(streamed(&model).await.1));
        assert_eq!(network.requests.load(Ordering::Relaxed), 2);
    }
}
