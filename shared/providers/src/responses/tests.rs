//! The model against a server of the tests' own.

mod requests;
mod streams;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use cloud::SecretSource;
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

fn terms() -> CataloguedModel {
    CataloguedModel {
        provider: "gpt".to_owned(),
        provider_model: "gpt-5".to_owned(),
        takes: BTreeSet::from([Ability::Tools, Ability::JsonSchema, Ability::Images, Ability::Reasoning]),
        ..CataloguedModel::of_the_settings("our-name", Prices::default(), 200_000, 32_000)
    }
}

async fn model_at(base_url: &str, key: Option<&str>) -> ResponsesModel {
    let keys = ProviderKeys::connect(Some(SecretSource::Value(r#"{"main": "sk-1"}"#.into()))).await.unwrap();
    let provider = Provider {
        base_url: Some(base_url.to_owned()),
        key: key.map(str::to_owned),
        ..Provider::new(Protocol::OpenAiResponses)
    };
    let http = HttpClient::new(Duration::from_secs(2)).unwrap();
    ResponsesModel::catalogued(&http, &provider, &terms(), &Arc::new(keys)).unwrap()
}

/// A server that answers everything with `response`.
async fn answering(response: ResponseTemplate) -> (MockServer, ResponsesModel) {
    let server = MockServer::start().await;
    Mock::given(method("POST")).and(path("/v1/responses")).respond_with(response).mount(&server).await;
    let model = model_at(&format!("{}/v1", server.uri()), None).await;
    (server, model)
}

fn hello() -> Prompt {
    Prompt { turns: vec![Turn::text(Role::User, "Hello")], ..Prompt::default() }
}

async fn reply(model: &ResponsesModel) -> Result<Reply, ModelError> {
    model.reply(&hello(), 16).await
}

/// The pieces of a stream until its end, which is the last, or its error.
async fn pieces(model: &ResponsesModel) -> (Vec<Piece>, Result<End, ModelError>) {
    let mut read = Vec::new();
    let mut stream = match model.stream(&hello(), 16).await {
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
            Err(error) => return (read, Err(error)),
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

fn proof(data: &str) -> Proof {
    Proof {
        kind: ProofKind::Encrypted,
        provider: Some("gpt".to_owned()),
        id: Some("rs_1".to_owned()),
        data: data.to_owned(),
    }
}

fn call(id: &str, name: &str, arguments: &str) -> ToolCall {
    ToolCall { id: id.to_owned(), name: name.to_owned(), arguments: arguments.to_owned() }
}

#[derive(Debug, PartialEq, Eq)]
enum Kind {
    Failed,
    Refused(Refusal),
    Throttled,
    Misconfigured,
    Unavailable,
}

/// The kind of an error, whose cause has none of the server's words.
fn kind(result: Result<impl std::fmt::Debug, ModelError>) -> Kind {
    let error = result.unwrap_err();
    assert!(!error.to_string().contains("secret"), "{error}");
    match error {
        ModelError::Failed(_) => Kind::Failed,
        ModelError::Refused { refusal, .. } => Kind::Refused(refusal),
        ModelError::Throttled { .. } => Kind::Throttled,
        ModelError::Misconfigured(_) => Kind::Misconfigured,
        ModelError::Unavailable { .. } => Kind::Unavailable,
    }
}

fn ok(body: &Value) -> ResponseTemplate {
    ResponseTemplate::new(200).set_body_json(body)
}

fn usage() -> Value {
    json!({
        "input_tokens": 1000, "input_tokens_details": {"cached_tokens": 900, "cache_write_tokens": 50},
        "output_tokens": 300, "output_tokens_details": {"reasoning_tokens": 200}, "total_tokens": 1300,
    })
}

const COUNTED: Usage =
    Usage { cached_input_tokens: 900, cache_write_tokens: 50, reasoning_tokens: 200, ..Usage::counted(1000, 300) };

/// An answer with every item that a request of ours asks for.
fn output() -> Value {
    json!([
        {
            "type": "reasoning", "id": "rs_1", "encrypted_content": "ZW5j", "status": "completed",
            "summary": [{"type": "summary_text", "text": "Hm."}, {"type": "summary_text", "text": "So."}],
        },
        {"type": "message", "id": "msg_1", "role": "assistant", "status": "completed", "content": [
            {"type": "output_text", "text": "I look.", "annotations": [{"type": "url_citation"}], "logprobs": []},
        ]},
        {"type": "function_call", "id": "fc_1", "call_id": "call_1", "name": "look_up", "arguments": "{\"z\": 1.0}"},
        {"type": "function_call", "id": "fc_2", "call_id": "call_2", "name": "now", "arguments": ""},
    ])
}

fn expected() -> SaidChoice {
    SaidChoice {
        reasoning: Some("Hm.\n\nSo.".to_owned()),
        calls: vec![call("call_1", "look_up", "{\"z\": 1.0}"), call("call_2", "now", "{}")],
        proofs: vec![ReasoningProof { proof: proof("ZW5j"), after: 8, text_before: 0, calls_before: 0 }],
        annotations: crate::raw_array::RawArray::parse(r#"[{"type":"url_citation"}]"#).unwrap(),
        ..SaidChoice::text("I look.")
    }
}

fn response(status: &str, output: &Value) -> Value {
    json!({
        "id": "resp_1", "object": "response", "status": status, "error": null, "incomplete_details": null,
        "output": output, "usage": usage(),
    })
}

#[tokio::test]
async fn a_whole_answer_has_its_items_in_their_order_its_reason_and_its_count() {
    let (_server, model) = answering(ok(&response("completed", &output()))).await;
    let Reply { choices, end } = reply(&model).await.unwrap();
    assert!(choices == [expected()], "{choices:?}");
    assert_eq!(end, End::new(FinishReason::ToolCalls, Some(COUNTED)));
}

#[tokio::test]
async fn each_status_is_a_finish_reason_or_a_failure() {
    let words = || json!([{"type": "message", "content": [{"type": "output_text", "text": "Hi"}]}]);
    let refusal = json!([{"type": "message", "content": [{"type": "refusal", "refusal": "No."}]}]);
    let with = |status: &str, member: &str, value: Value| {
        let mut response = response(status, &words());
        response[member] = value;
        response
    };
    let details = |reason: &str| json!({"reason": reason});
    for (answer, expected) in [
        (response("completed", &words()), Ok(FinishReason::Stop)),
        (response("completed", &refusal), Ok(FinishReason::Stop)),
        (response("completed", &json!([])), Ok(FinishReason::Stop)),
        (with("incomplete", "incomplete_details", details("max_output_tokens")), Ok(FinishReason::Length)),
        (with("incomplete", "incomplete_details", details("content_filter")), Ok(FinishReason::ContentFilter)),
        (with("incomplete", "incomplete_details", json!(null)), Ok(FinishReason::Length)),
        (with("cancelled", "output", words()), Ok(FinishReason::BrokenOff)),
        (json!({"output": words(), "usage": usage()}), Ok(FinishReason::Stop)),
        (json!({"output": words()}), Ok(FinishReason::BrokenOff)),
        (json!({}), Err(Kind::Failed)),
        (json!([SERVERS_WORDS]), Err(Kind::Failed)),
        (with("failed", "error", json!({"code": "server_error", "message": SERVERS_WORDS})), Err(Kind::Failed)),
        (with("failed", "error", json!(null)), Err(Kind::Failed)),
        (with("failed", "error", json!({"code": "rate_limit_exceeded"})), Err(Kind::Throttled)),
    ] {
        let (_server, model) = answering(ok(&answer)).await;
        let reason = reply(&model).await.map(|reply| reply.end.finish_reason);
        assert_eq!(reason.map_err(|error| kind(Err::<(), _>(error))), expected, "{answer}");
    }
}

#[tokio::test]
async fn a_server_is_sent_its_key_as_a_bearer_token() {
    let server = MockServer::start().await;
    let expected = Mock::given(path("/v1/responses")).and(header("authorization", "Bearer sk-1"));
    expected.respond_with(ok(&response("completed", &output()))).mount(&server).await;
    let model = model_at(&format!("{}/v1", server.uri()), Some("main")).await;
    reply(&model).await.unwrap();
}

#[tokio::test]
async fn a_status_says_whether_the_server_may_have_worked_and_what_it_does_not_take() {
    for (status, error, expected) in [
        (400, json!({"code": "context_length_exceeded", "message": SERVERS_WORDS}), Kind::Refused(Refusal::TooLong)),
        (400, json!({"param": "temperature"}), Kind::Refused(Refusal::Parameter("temperature"))),
        (400, json!({"param": "reasoning.effort"}), Kind::Refused(Refusal::Parameter("reasoning_effort"))),
        (400, json!({"param": "text.format.schema"}), Kind::Refused(Refusal::Parameter("response_format"))),
        (400, json!({"param": "text.verbosity"}), Kind::Refused(Refusal::Parameter("verbosity"))),
        (400, json!({"param": "input[0].content"}), Kind::Refused(Refusal::Unsaid)),
        (401, json!({}), Kind::Misconfigured),
        (429, json!({"code": "insufficient_quota"}), Kind::Misconfigured),
        (429, json!({"code": "rate_limit_exceeded"}), Kind::Throttled),
        (500, json!({}), Kind::Failed),
        (503, json!({}), Kind::Unavailable),
    ] {
        let body = json!({"error": error});
        let (server, model) = answering(ResponseTemplate::new(status).set_body_json(&body)).await;
        assert_eq!(kind(reply(&model).await), expected, "{status} {body}");
        assert_eq!(kind(pieces(&model).await.1), expected, "{status} {body}");
        assert_eq!(server.received_requests().await.unwrap().len(), 2, "nothing is sent again");
    }
}
