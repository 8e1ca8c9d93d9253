//! The model against a server of the tests' own.

use std::net::SocketAddr;
use std::num::NonZeroU8;
use std::time::Duration;

use futures_util::StreamExt;
use serde_json::value::RawValue;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use wiremock::matchers::{method, path};
use wiremock::{Mock, MockServer, ResponseTemplate};

use super::provider::Address;
use super::*;
use crate::error::Refusal;
use crate::prompt::{ResponseFormat, Role, Sampling, Tool, Tools, Turn};
use crate::reply::{End, Part, Piece, SaidChoice};
use cloud::SecretSource;
use domain::message::{FinishReason, ToolCall};
use domain::pricing::Usage;

/// What no cause and no reply may repeat.
const SERVERS_WORDS: &str = "you said: my secret";

fn settings(base_url: &str, api_key: Option<&str>) -> OpenAiSettings {
    OpenAiSettings {
        base_url: Some(base_url.to_owned()),
        model_id: "m".to_owned(),
        api_key: api_key.map(|key| SecretSource::Value(key.into())),
    }
}

async fn model_at(base_url: &str) -> OpenAi {
    OpenAi::connect(&settings(base_url, None)).await.unwrap()
}

/// A server that answers everything with `response`.
async fn answering(response: ResponseTemplate) -> (MockServer, OpenAi) {
    let server = MockServer::start().await;
    Mock::given(method("POST")).and(path("/v1/chat/completions")).respond_with(response).mount(&server).await;
    let model = model_at(&format!("{}/v1", server.uri())).await;
    (server, model)
}

async fn requests(server: &MockServer) -> usize {
    server.received_requests().await.unwrap().len()
}

fn ok(body: &Value) -> ResponseTemplate {
    ResponseTemplate::new(200).set_body_json(body)
}

/// A stream of these chunks, and then `[DONE]`.
fn streaming(chunks: &[Value]) -> ResponseTemplate {
    event_stream(&(events(chunks) + "data: [DONE]\n\n"))
}

fn events(chunks: &[Value]) -> String {
    chunks.iter().map(|chunk| format!("data: {chunk}\n\n")).collect::<Vec<_>>().concat()
}

fn event_stream(text: &str) -> ResponseTemplate {
    ResponseTemplate::new(200).set_body_raw(text, "text/event-stream")
}

fn completion(finish_reason: &str) -> Value {
    json!({
        "id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": "m",
        "choices": [{"index": 0, "message": {"role": "assistant", "content": "Hi"}, "finish_reason": finish_reason}],
        "usage": {"prompt_tokens": 9, "completion_tokens": 2, "total_tokens": 11},
    })
}

fn text_chunk(text: &str) -> Value {
    json!({"choices": [{"index": 0, "delta": {"content": text}, "finish_reason": null}], "usage": null})
}

fn last_chunk(finish_reason: &str) -> Value {
    json!({"choices": [{"index": 0, "delta": {}, "finish_reason": finish_reason}]})
}

fn usage_chunk() -> Value {
    json!({"choices": [], "usage": {"prompt_tokens": 9, "completion_tokens": 2, "total_tokens": 11}})
}

const USAGE: Usage = Usage::counted(9, 2);

fn hello() -> Prompt {
    Prompt { turns: vec![Turn::text(Role::User, "Hello")], ..Prompt::default() }
}

async fn reply(model: &OpenAi) -> Result<Reply, ModelError> {
    model.reply(&hello(), 5).await
}

/// All of a stream: its text, its refusal, how many bytes were hidden, and how it ended.
#[derive(Debug, Default)]
struct Streamed {
    text: String,
    refusal: String,
    reasoning: String,
    calls: Vec<ToolCall>,
    hidden_bytes: usize,
}

async fn pieces(model: &OpenAi) -> (Streamed, Result<End, ModelError>) {
    let (mut streamed, mut said) = (Streamed::default(), SaidChoice::default());
    let mut pieces = match model.stream(&hello(), 5).await {
        Ok(pieces) => pieces,
        Err(error) => return (streamed, Err(error)),
    };
    while let Some(piece) = pieces.next().await {
        match piece {
            Ok(Piece::Part { choice: 0, part }) => {
                said.add(&part);
                let SaidChoice { text, refusal, reasoning, calls, .. } = said.clone();
                let (refusal, reasoning) = (refusal.unwrap_or_default(), reasoning.unwrap_or_default());
                streamed = Streamed { text, refusal, reasoning, calls, ..streamed };
            }
            Ok(Piece::Finished { choice: 0, .. } | Piece::Counted(_)) => {}
            Ok(Piece::Part { choice, .. } | Piece::Finished { choice, .. }) => {
                panic!("the choice {choice} was not asked for")
            }
            Ok(Piece::Hidden { bytes }) => streamed.hidden_bytes += bytes,
            Ok(Piece::End(end)) => {
                assert!(pieces.next().await.is_none(), "nothing comes after the end");
                return (streamed, Ok(end));
            }
            Err(error) => return (streamed, Err(error)),
        }
    }
    panic!("neither an end nor an error")
}

async fn streamed(model: &OpenAi) -> (String, Result<End, ModelError>) {
    let (streamed, end) = pieces(model).await;
    (streamed.text, end)
}

/// The cause of a failure, which tells nothing of what the server said.
fn failed(result: Result<impl std::fmt::Debug, ModelError>) -> String {
    match result {
        Err(ModelError::Failed(cause)) => without_the_servers_words(&cause.to_string()),
        other => panic!("not a failure: {other:?}"),
    }
}

fn misconfigured(result: Result<impl std::fmt::Debug, ModelError>) -> String {
    match result {
        Err(ModelError::Misconfigured(cause)) => without_the_servers_words(&cause.to_string()),
        other => panic!("not the operator's fault: {other:?}"),
    }
}

/// The kind of an error, and the wait that it asks for. Its cause tells nothing of what the server said.
fn kind(result: Result<impl std::fmt::Debug, ModelError>) -> (Kind, Option<Duration>) {
    let error = result.unwrap_err();
    without_the_servers_words(&error.to_string());
    match error {
        ModelError::Failed(_) => (Kind::Failed, None),
        ModelError::Refused { .. } => (Kind::Refused, None),
        ModelError::Misconfigured(_) => (Kind::Misconfigured, None),
        ModelError::Throttled { retry_after, .. } => (Kind::Throttled, retry_after),
        ModelError::Unavailable { retry_after, .. } => (Kind::Unavailable, retry_after),
    }
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Kind {
    Failed,
    Refused,
    Misconfigured,
    Throttled,
    Unavailable,
}

fn without_the_servers_words(cause: &str) -> String {
    assert!(!cause.contains("secret"), "{cause}");
    cause.to_owned()
}

#[tokio::test]
async fn the_request_holds_the_conversation_and_only_the_parameters_that_are_there() {
    let (server, model) = answering(ok(&completion("stop"))).await;
    let turns = [(Role::System, "Be brief."), (Role::User, "Hello"), (Role::Assistant, "Hi"), (Role::User, "Bye")];
    let turns = turns.map(|(role, text)| Turn::text(role, text)).to_vec();
    let sampling = Sampling {
        temperature: Some(0.7),
        top_p: Some(0.9),
        presence_penalty: Some(-0.5),
        frequency_penalty: Some(1.5),
        stop: vec!["END".to_owned()],
        seed: Some(-7),
        top_k: None,
    };
    let prompt = Prompt { turns, sampling, ..Prompt::default() };
    assert_eq!(model.unsupported(&prompt), None);
    model.reply(&prompt, 77).await.unwrap();
    model.reply(&hello(), 5).await.unwrap();
    let _ = streamed(&model).await;
    let bodies: Vec<Value> =
        server.received_requests().await.unwrap().iter().map(|request| request.body_json().unwrap()).collect();
    let whole = json!({
        "model": "m",
        "messages": [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": "Hello"},
            {"role": "assistant", "content": "Hi"},
            {"role": "user", "content": "Bye"},
        ],
        "max_tokens": 77,
        "temperature": 0.7, "top_p": 0.9, "presence_penalty": -0.5, "frequency_penalty": 1.5,
        "stop": ["END"], "seed": -7,
    });
    let plain = json!({"model": "m", "messages": [{"role": "user", "content": "Hello"}], "max_tokens": 5});
    let mut streamed = plain.clone();
    streamed["stream"] = json!(true);
    streamed["stream_options"] = json!({"include_usage": true});
    assert_eq!(bodies, [whole, plain, streamed]);
}

#[test]
fn openai_itself_is_told_the_length_in_the_words_that_its_newer_models_know() {
    let told = |base_url: &str| serde_json::to_value(Address::new(Some(base_url)).length(5)).unwrap();
    assert_eq!(told(async_openai::config::OPENAI_API_BASE), json!({"max_completion_tokens": 5}));
    assert_eq!(told("http://127.0.0.1:8000/v1"), json!({"max_tokens": 5}));
}

#[tokio::test]
async fn the_key_is_sent_if_there_is_one_and_else_no_authorization_at_all() {
    let (server, keyless) = answering(ok(&completion("stop"))).await;
    let base_url = format!("{}/v1", server.uri());
    let with_key = OpenAi::connect(&settings(&base_url, Some("swordfish\n"))).await.unwrap();
    reply(&keyless).await.unwrap();
    reply(&with_key).await.unwrap();
    let requests = server.received_requests().await.unwrap();
    assert_eq!(requests[0].headers.get("authorization"), None);
    assert_eq!(requests[1].headers["authorization"], "Bearer swordfish");
    assert!(!format!("{with_key:?}").contains("swordfish"));
}

#[tokio::test]
async fn a_key_that_no_header_can_hold_is_the_operators_fault_and_does_not_print() {
    let (server, _) = answering(ok(&completion("stop"))).await;
    let model = OpenAi::connect(&settings(&server.uri(), Some("a secret\nof two lines"))).await.unwrap();
    assert_eq!(kind(reply(&model).await), (Kind::Misconfigured, None));
    assert_eq!(requests(&server).await, 0);
}

#[tokio::test]
async fn an_address_that_is_none_is_refused_at_the_start() {
    let error = OpenAi::connect(&settings("http://", None)).await.unwrap_err();
    assert!(error.to_string().starts_with("OPENAI_BASE_URL is no address"), "{error}");
}

#[tokio::test]
async fn a_whole_reply_has_text_reason_and_usage() {
    for (reason, expected) in REASONS {
        let (_server, model) = answering(ok(&completion(reason))).await;
        let end = End { finish_reason: expected, usage: Some(USAGE) };
        let choice = SaidChoice { finish_reason: Some(expected), ..SaidChoice::text("Hi") };
        assert_eq!(reply(&model).await.unwrap(), Reply::of(choice, end), "{reason}");
    }
}

const REASONS: [(&str, FinishReason); 16] = [
    ("stop", FinishReason::Stop),
    ("eos_token", FinishReason::Stop),
    ("STOP", FinishReason::Stop),
    ("a word of tomorrow", FinishReason::Stop),
    ("length", FinishReason::Length),
    ("max_tokens", FinishReason::Length),
    ("model_length", FinishReason::Length),
    ("model_context_window_exceeded", FinishReason::Length),
    ("content_filter", FinishReason::ContentFilter),
    ("SAFETY", FinishReason::ContentFilter),
    ("sensitive", FinishReason::ContentFilter),
    ("refusal", FinishReason::ContentFilter),
    ("tool_calls", FinishReason::ToolCalls),
    ("tool_use", FinishReason::ToolCalls),
    ("function_call", FinishReason::ToolCalls),
    // There is a text, so the reply broke off.
    ("error", FinishReason::BrokenOff),
];

/// The usages that no server can mean. What becomes of them is in the table of docs/decisions/finished-replies.md.
#[tokio::test]
async fn servers_that_count_nothing_or_oddly_are_borne_with() {
    let members = |input: Value, output: Value| json!({"prompt_tokens": input, "completion_tokens": output});
    let counted = |input_tokens, output_tokens| Some(Usage::counted(input_tokens, output_tokens));
    for (usage, expected) in [
        (json!(null), None),
        (json!({}), None),
        (json!("none"), None),
        (members(json!(0), json!(0)), None),
        (members(json!(-1), json!(-2)), None),
        (members(json!(-1), json!(2)), counted(0, 2)),
        (members(json!(9), json!(0)), counted(9, 0)),
        (members(json!(9), json!(2.5)), counted(9, 0)),
        (members(json!(9.0), json!(2.0)), counted(9, 2)),
        (members(json!(9), json!(u64::MAX)), counted(9, 0)),
        (json!({"prompt_tokens": 9}), counted(9, 0)),
    ] {
        let mut body = completion("stop");
        body["usage"] = usage.clone();
        let (_server, model) = answering(ok(&body)).await;
        assert_eq!(reply(&model).await.unwrap().end.usage, expected, "{usage}");
        let mut last = usage_chunk();
        last["usage"] = usage.clone();
        let (_server, model) = answering(streaming(&[text_chunk("Hi"), last_chunk("stop"), last])).await;
        assert_eq!(streamed(&model).await.1.unwrap().usage, expected, "{usage}");
    }
    let bare = json!({"choices": [{"message": {"content": "Hi"}, "finish_reason": "stop"}]});
    let (_server, model) = answering(ok(&bare)).await;
    assert_eq!(reply(&model).await.unwrap().choices[0].text, "Hi");
}

#[tokio::test]
async fn of_usage_in_several_chunks_the_last_number_of_each_kind_counts() {
    let with_usage = |usage: Value| json!({"choices": [{"delta": {"content": "x"}}], "usage": usage});
    let chunks = [
        with_usage(json!({"prompt_tokens": 9, "completion_tokens": 1})),
        with_usage(json!({"prompt_tokens": 9, "completion_tokens": 2})),
        with_usage(json!({"prompt_tokens": 0, "completion_tokens": -1})),
        last_chunk("stop"),
    ];
    let (_server, model) = answering(streaming(&chunks)).await;
    assert_eq!(streamed(&model).await.1.unwrap(), End { finish_reason: FinishReason::Stop, usage: Some(USAGE) });
}

#[tokio::test]
async fn a_stream_is_texts_and_an_end_whose_usage_may_come_last_or_never() {
    let texts = [text_chunk(""), text_chunk("Hel"), text_chunk("lo")];
    let stop = End { finish_reason: FinishReason::Stop, usage: None };
    for (rest, expected) in [
        (vec![last_chunk("stop"), usage_chunk()], End { usage: Some(USAGE), ..stop }),
        (vec![last_chunk("stop")], stop),
        (vec![last_chunk("length")], End { finish_reason: FinishReason::Length, usage: None }),
    ] {
        let chunks = [&texts[..], &rest].concat();
        let (_server, model) = answering(streaming(&chunks)).await;
        let (text, end) = streamed(&model).await;
        assert_eq!((text.as_str(), end.unwrap()), ("Hello", expected));
    }
}

#[tokio::test]
async fn a_stream_may_end_without_done_but_not_without_a_finish_reason_or_usage() {
    for rest in [last_chunk("stop"), usage_chunk()] {
        let (_server, model) = answering(event_stream(&events(&[text_chunk("Hi"), rest]))).await;
        assert_eq!(streamed(&model).await.1.unwrap().finish_reason, FinishReason::Stop);
    }
    let empty_reason = json!({"choices": [{"delta": {"content": "Hi"}, "finish_reason": ""}]});
    for (chunk, ending) in [
        (text_chunk("Hi"), ""),
        (text_chunk("Hi"), "data: [DONE]\n\n"),
        (empty_reason.clone(), ""),
        (empty_reason, "data: [DONE]\n\n"),
    ] {
        let (_server, model) = answering(event_stream(&(events(&[chunk]) + ending))).await;
        let (text, end) = streamed(&model).await;
        assert_eq!(text, "Hi");
        assert_eq!(failed(end), "the stream ended before the reply did");
    }
}

/// Each of these was billed.
#[tokio::test]
async fn an_answer_that_ended_is_a_reply_whatever_is_in_it() {
    let answer = |message: Value, reason: Value| json!({"choices": [{"message": message, "finish_reason": reason}], "usage": {"prompt_tokens": 9, "completion_tokens": 2}});
    let refusal = json!({"content": null, "refusal": "I cannot help with that."});
    let parts = json!({"content": [{"type": "thinking", "thinking": "Hm"}, {"type": "text", "text": "Hi"}]});
    for (body, text, refusal, reason) in [
        (answer(json!({"content": ""}), json!("stop")), "", None, FinishReason::Stop),
        (answer(json!({"content": null}), json!("stop")), "", None, FinishReason::Stop),
        (answer(json!({}), json!("length")), "", None, FinishReason::Length),
        (answer(json!(null), json!("length")), "", None, FinishReason::Length),
        (answer(json!({"content": 7}), json!("length")), "", None, FinishReason::Length),
        (answer(json!({"content": ""}), json!("content_filter")), "", None, FinishReason::ContentFilter),
        (answer(refusal, json!("stop")), "", Some("I cannot help with that."), FinishReason::Stop),
        (answer(parts, json!("stop")), "Hi", None, FinishReason::Stop),
        // No reason, but a count.
        (answer(json!({"content": "Hi"}), json!(null)), "Hi", None, FinishReason::Stop),
        (answer(json!({"content": "Hi"}), json!("")), "Hi", None, FinishReason::Stop),
        (json!({"choices": [], "usage": {"prompt_tokens": 9, "completion_tokens": 2}}), "", None, FinishReason::Stop),
    ] {
        let (server, model) = answering(ok(&body)).await;
        let end = End { finish_reason: reason, usage: Some(USAGE) };
        let expected = SaidChoice { refusal: refusal.map(str::to_owned), ..SaidChoice::text(text) };
        let whole = reply(&model).await.unwrap();
        let own_reason = whole.choices[0].finish_reason;
        assert!(own_reason.is_none_or(|own_reason| own_reason == reason), "{body}");
        let expected = Reply::of(SaidChoice { finish_reason: own_reason, ..expected }, end);
        assert_eq!(whole, expected, "{body}");
        // The same of a server that was asked for a stream and does not stream.
        let (streamed, streamed_end) = pieces(&model).await;
        assert_eq!((streamed.text.as_str(), streamed.refusal.as_str()), (text, refusal.unwrap_or_default()), "{body}");
        assert_eq!(streamed_end.unwrap(), end, "{body}");
        assert_eq!(requests(&server).await, 2, "{body}");
    }
}

/// Whole, in place of a stream, and streamed.
#[tokio::test]
async fn calls_of_tools_and_reasoning_are_read_in_every_form_of_an_answer() {
    let tool_calls = json!([
        {"id": "a", "type": "function", "function": {"name": "f", "arguments": "{\"x\":1}"}},
        {"id": "b", "type": "function", "function": {"name": "g", "arguments": "{}"}},
    ]);
    let call = |id: &str, name: &str, arguments: &str| ToolCall {
        id: id.to_owned(),
        name: name.to_owned(),
        arguments: arguments.to_owned(),
    };
    let calls = vec![call("a", "f", "{\"x\":1}"), call("b", "g", "{}")];
    let end = End { finish_reason: FinishReason::ToolCalls, usage: Some(USAGE) };
    for reasoning in [
        json!({"reasoning_content": "Hm"}),
        json!({"reasoning": "Hm"}),
        json!({"reasoning_content": "Hm", "reasoning": "Hm"}),
    ] {
        let mut body = completion("tool_calls");
        let mut message = reasoning.clone();
        message["content"] = json!(null);
        message["tool_calls"] = tool_calls.clone();
        body["choices"][0]["message"] = message.clone();
        let (_server, model) = answering(ok(&body)).await;
        let expected = SaidChoice {
            reasoning: Some("Hm".to_owned()),
            calls: calls.clone(),
            finish_reason: Some(end.finish_reason),
            ..SaidChoice::default()
        };
        let expected = Reply::of(expected, end);
        assert_eq!(reply(&model).await.unwrap(), expected, "{message}");
        let (in_place, in_place_end) = pieces(&model).await;
        assert_eq!((in_place.calls, in_place.reasoning.as_str()), (calls.clone(), "Hm"), "{message}");
        assert_eq!(in_place_end.unwrap(), end, "{message}");

        let delta = |delta: Value| json!({"choices": [{"delta": delta, "finish_reason": null}]});
        let part = |index: u32, arguments: &str| {
            delta(json!({"tool_calls": [{"index": index, "function": {"arguments": arguments}}]}))
        };
        let begins = |index: u32, id: &str, name: &str| {
            let function = json!({"name": name, "arguments": ""});
            delta(json!({"tool_calls": [{"index": index, "id": id, "type": "function", "function": function}]}))
        };
        let chunks = [
            delta(reasoning),
            begins(0, "a", "f"),
            part(0, "{\"x\""),
            part(0, ":1}"),
            begins(1, "b", "g"),
            part(1, "{}"),
            last_chunk("tool_calls"),
            usage_chunk(),
        ];
        let (_server, model) = answering(streaming(&chunks)).await;
        let (streamed, streamed_end) = pieces(&model).await;
        assert_eq!((streamed.calls, streamed.reasoning.as_str()), (calls.clone(), "Hm"), "{message}");
        assert_eq!((streamed_end.unwrap(), streamed.hidden_bytes), (end, 0), "{message}");
    }
}

/// The pieces of the reply to a prompt that asks for so many choices.
async fn pieces_of_choices(model: &OpenAi, n: u8) -> Vec<Result<Piece, ModelError>> {
    let prompt = Prompt { n: NonZeroU8::new(n), ..hello() };
    model.stream(&prompt, 5).await.unwrap().collect().await
}

fn of(choice: u8, text: &str) -> Piece {
    Piece::Part { choice, part: Part::Text(text.to_owned()) }
}

fn choice_chunk(index: u8, text: &str, finish_reason: Option<&str>) -> Value {
    json!({"choices": [{"index": index, "delta": {"content": text}, "finish_reason": finish_reason}]})
}

#[tokio::test]
async fn a_reply_of_several_choices_ends_when_all_have_ended() {
    let chunks = [
        choice_chunk(0, "a", None),
        choice_chunk(1, "b", None),
        choice_chunk(0, "", Some("stop")),
        choice_chunk(1, "c", None),
        choice_chunk(1, "", Some("length")),
        usage_chunk(),
    ];
    let (server, model) = answering(streaming(&chunks)).await;
    let pieces: Vec<Piece> = pieces_of_choices(&model, 2).await.into_iter().map(Result::unwrap).collect();
    let finished = |choice: u8, reason: FinishReason| Piece::Finished { choice, reason };
    let expected = [
        of(0, "a"),
        of(1, "b"),
        finished(0, FinishReason::Stop),
        of(1, "c"),
        finished(1, FinishReason::Length),
        Piece::End(End::new(FinishReason::Stop, Some(USAGE))),
    ];
    assert_eq!(pieces, expected);
    let request: Value = server.received_requests().await.unwrap()[0].body_json().unwrap();
    assert_eq!(request["n"], 2);
}

#[tokio::test]
async fn a_server_that_writes_fewer_choices_has_written_the_reply_when_it_says_so() {
    let one = [choice_chunk(0, "a", Some("stop"))];
    let (_server, model) = answering(streaming(&one)).await;
    let pieces = pieces_of_choices(&model, 3).await;
    let end = pieces.last().unwrap().as_ref().unwrap();
    assert_eq!(*end, Piece::End(End::new(FinishReason::Stop, None)));
    // One that is cut off may have had more to write.
    let server = Raw::start(chunked(&events(&one)), Ending::HangUp).await;
    let pieces = pieces_of_choices(&server.model().await, 3).await;
    assert!(matches!(pieces.last(), Some(Err(ModelError::Failed(_)))), "{pieces:?}");
}

#[tokio::test]
async fn a_reply_broke_off_if_all_of_its_choices_did() {
    for (reasons, expected) in [
        (["error", "stop"], FinishReason::Stop),
        (["length", "error"], FinishReason::Length),
        (["error", "error"], FinishReason::BrokenOff),
    ] {
        let chunks = [choice_chunk(0, "a", Some(reasons[0])), choice_chunk(1, "b", Some(reasons[1]))];
        let (_server, model) = answering(streaming(&chunks)).await;
        let mut pieces = pieces_of_choices(&model, 2).await;
        assert_eq!(pieces.pop().unwrap().unwrap(), Piece::End(End::new(expected, None)), "{reasons:?}");
    }
}

#[tokio::test]
async fn calls_without_an_end_broke_off() {
    let tool_calls = json!([{"id": "a", "function": {"name": "f", "arguments": "{"}}]);
    let (_server, model) = answering(ok(&json!({"choices": [{"message": {"tool_calls": tool_calls}}]}))).await;
    let reply = reply(&model).await.unwrap();
    assert_eq!((reply.choices[0].calls.len(), reply.end.finish_reason), (1, FinishReason::BrokenOff));
}

#[tokio::test]
async fn schemas_go_out_as_they_came() {
    let schema = "{\"type\": \"object\",\n \"properties\": {\"b\": {}, \"a\": {\"maximum\": 1.0e2}}}";
    let raw = || Some(RawValue::from_string(schema.to_owned()).unwrap());
    let tool = Tool { name: "f".to_owned(), description: None, parameters: raw(), strict: None, is_cached: false };
    let format =
        ResponseFormat::JsonSchema { name: "s".to_owned(), description: None, schema: raw(), strict: Some(true) };
    let prompt =
        Prompt { tools: Tools { offered: vec![tool], ..Tools::default() }, response_format: Some(format), ..hello() };
    let (server, model) = answering(ok(&completion("stop"))).await;
    model.reply(&prompt, 5).await.unwrap();
    let body = String::from_utf8(server.received_requests().await.unwrap()[0].body.clone()).unwrap();
    assert_eq!(body.matches(schema).count(), 2, "{body}");
}

#[tokio::test]
async fn a_stream_that_ended_is_a_reply_whatever_is_in_it() {
    let delta = |delta: Value| json!({"choices": [{"delta": delta, "finish_reason": null}]});
    for (reason, expected) in REASONS {
        let (_server, model) = answering(streaming(&[text_chunk("Hi"), last_chunk(reason), usage_chunk()])).await;
        let end = End { finish_reason: expected, usage: Some(USAGE) };
        assert_eq!(streamed(&model).await.1.unwrap(), end, "{reason}");
    }
    let custom = json!({"tool_calls": [{"index": 0, "type": "custom", "custom": {"input": "abc"}}]});
    for (chunks, text, refusal, hidden_bytes) in [
        (vec![], "", "", 0),
        (vec![delta(json!({"content": null})), delta(json!({"content": ""}))], "", "", 0),
        (vec![delta(json!({"refusal": "I can"})), delta(json!({"refusal": "not."}))], "", "I cannot.", 0),
        (vec![delta(json!({"reasoning": {"summary": "Hm"}})), text_chunk("Hi")], "Hi", "", 2),
        (vec![delta(custom)], "", "", 9),
        (vec![delta(json!({"function_call": {"name": "f", "arguments": "{}"}}))], "", "", 3),
        (vec![delta(json!({"content": [{"text": "Hi"}]}))], "Hi", "", 0),
    ] {
        let chunks = [&chunks[..], &[last_chunk("length"), usage_chunk()]].concat();
        let (server, model) = answering(streaming(&chunks)).await;
        let (streamed, end) = pieces(&model).await;
        assert_eq!((streamed.text.as_str(), streamed.refusal.as_str()), (text, refusal), "{chunks:?}");
        assert_eq!(streamed.hidden_bytes, hidden_bytes, "{chunks:?}");
        assert_eq!(end.unwrap(), End { finish_reason: FinishReason::Length, usage: Some(USAGE) });
        assert_eq!(requests(&server).await, 1);
    }
}

#[tokio::test]
async fn a_whole_answer_in_several_lines_is_read_where_a_stream_was_asked_for() {
    let body = serde_json::to_string_pretty(&completion("stop")).unwrap().replace('\n', "\r\n");
    let (_server, model) =
        answering(ResponseTemplate::new(200).set_body_raw(body, "application/json; charset=utf-8")).await;
    let (text, end) = streamed(&model).await;
    assert_eq!((text.as_str(), end.unwrap().usage), ("Hi", Some(USAGE)));
}

#[tokio::test]
async fn a_whole_answer_with_words_and_without_an_end_broke_off() {
    let (_server, model) = answering(ok(&json!({"choices": [{"message": {"content": "Hi"}}]}))).await;
    let end = End { finish_reason: FinishReason::BrokenOff, usage: None };
    assert_eq!(reply(&model).await.unwrap(), Reply::text("Hi", end));
}

#[tokio::test]
async fn hidden_reasoning_in_a_whole_answer_without_a_count_is_in_the_estimate() {
    let message = json!({"content": "Four", "reasoning": {"summary": "Hmm, let me think.."}});
    let (_server, model) = answering(ok(&json!({"choices": [{"message": message, "finish_reason": "stop"}]}))).await;
    let usage = Usage::estimated(0, 6);
    assert_eq!(reply(&model).await.unwrap().end.usage, Some(usage));
}

#[tokio::test]
async fn answers_that_are_no_reply_are_failures_and_their_words_are_not_repeated() {
    for body in [
        json!({"error": {"message": SERVERS_WORDS, "code": SERVERS_WORDS}}),
        json!({"choices": []}),
        json!({"choices": null}),
        json!({}),
        json!({"choices": [{"message": {"content": ""}}]}),
        json!({"choices": [{"message": {"content": ""}, "finish_reason": "error"}]}),
        json!({"choices": SERVERS_WORDS}),
        json!(SERVERS_WORDS),
    ] {
        let (server, model) = answering(ok(&body)).await;
        failed(reply(&model).await);
        failed_or_broken_off(streamed(&model).await.1);
        assert_eq!(requests(&server).await, 2, "{body}");
    }
    for text in ["", "<html>", SERVERS_WORDS, "{\"choices\": [{\"message\""] {
        let (_server, model) = answering(ResponseTemplate::new(200).set_body_string(text)).await;
        failed(reply(&model).await);
    }
}

fn failed_or_broken_off(result: Result<End, ModelError>) {
    match result {
        Ok(End { finish_reason: FinishReason::BrokenOff, .. }) => {}
        result => drop(failed(result)),
    }
}

#[tokio::test]
async fn streams_that_are_no_reply_are_failures_and_their_words_are_not_repeated() {
    for chunk in [
        json!({"error": {"message": SERVERS_WORDS, "type": "server_error"}}),
        json!(SERVERS_WORDS),
        json!({"choices": SERVERS_WORDS}),
    ] {
        let (server, model) = answering(streaming(&[text_chunk("Hi"), chunk.clone(), last_chunk("stop")])).await;
        let (text, end) = streamed(&model).await;
        assert_eq!(text, "Hi", "{chunk}");
        failed(end);
        assert_eq!(requests(&server).await, 1, "{chunk}");
    }
    for text in ["", "<html>", "data: you said: my secret\n\n", "you said: my secret"] {
        let (_server, model) = answering(event_stream(text)).await;
        failed(streamed(&model).await.1);
    }
    let (_server, model) =
        answering(ResponseTemplate::new(200).set_body_raw(*b"data: \xff\xfe\n\n", "text/event-stream")).await;
    failed(streamed(&model).await.1);
}

#[tokio::test]
async fn an_error_in_an_answer_of_status_200_is_judged_by_its_words() {
    let error = |code: Value, kind: &str| json!({"error": {"message": SERVERS_WORDS, "code": code, "type": kind}});
    for (error, expected) in [
        (error(json!(null), "server_error"), Kind::Failed),
        (error(json!(500), "odd"), Kind::Failed),
        (error(json!(429), "odd"), Kind::Throttled),
        (error(json!("rate_limit_exceeded"), "requests"), Kind::Throttled),
        (error(json!("insufficient_quota"), "requests"), Kind::Misconfigured),
        (error(json!(402), "odd"), Kind::Misconfigured),
        (error(json!("invalid_api_key"), "odd"), Kind::Misconfigured),
        (error(json!(null), "overloaded_error"), Kind::Unavailable),
        (error(json!("context_length_exceeded"), "odd"), Kind::Refused),
        (error(json!(400), "BadRequestError"), Kind::Refused),
    ] {
        let (_server, model) = answering(ok(&error)).await;
        assert_eq!(kind(reply(&model).await), (expected, None), "{error}");
        assert_eq!(kind(streamed(&model).await.1), (expected, None), "{error}");
        let (_server, model) = answering(streaming(std::slice::from_ref(&error))).await;
        assert_eq!(kind(streamed(&model).await.1), (expected, None), "{error}");
        // Azure writes of the prompt before the model begins.
        let about_prompt = json!({"choices": [], "prompt_filter_results": []});
        let (_server, model) = answering(streaming(&[about_prompt, error.clone()])).await;
        assert_eq!(kind(streamed(&model).await.1), (expected, None), "{error}");
        // The first chunk of a model that then reasons for minutes without a word.
        let start = json!({"choices": [{"index": 0, "delta": {"role": "assistant"}}]});
        let (_server, model) = answering(streaming(&[start, error.clone()])).await;
        assert_eq!(kind(streamed(&model).await.1), (Kind::Failed, None), "{error}");
    }
}

/// A status with an error object that has this code.
fn status(status: u16, code: &str) -> ResponseTemplate {
    ResponseTemplate::new(status)
        .set_body_json(json!({"error": {"message": SERVERS_WORDS, "type": "some_type", "code": code}}))
}

#[tokio::test]
async fn a_status_says_whether_the_server_may_have_worked_and_whether_the_operator_is_asked_for() {
    for (rejection, expected) in [
        (status(401, "invalid_api_key"), Kind::Misconfigured),
        (status(402, "billing"), Kind::Misconfigured),
        (status(403, "unsupported_country"), Kind::Misconfigured),
        (status(404, "model_not_found"), Kind::Misconfigured),
        (status(429, "insufficient_quota"), Kind::Misconfigured),
        (status(400, "billing_hard_limit_reached"), Kind::Misconfigured),
        (ResponseTemplate::new(302).insert_header("location", "/elsewhere"), Kind::Misconfigured),
        (status(408, "timeout"), Kind::Failed),
        (status(409, "conflict"), Kind::Failed),
        (status(500, "server_error"), Kind::Failed),
        (ResponseTemplate::new(502).set_body_string(SERVERS_WORDS), Kind::Failed),
        (ResponseTemplate::new(504), Kind::Failed),
        (status(429, "rate_limit_exceeded"), Kind::Throttled),
        (ResponseTemplate::new(429).set_body_string(SERVERS_WORDS), Kind::Throttled),
        (ResponseTemplate::new(503), Kind::Unavailable),
        (ResponseTemplate::new(529), Kind::Unavailable),
    ] {
        let (server, model) = answering(rejection).await;
        assert_eq!(kind(reply(&model).await), (expected, None));
        assert_eq!(kind(streamed(&model).await.1), (expected, None));
        assert_eq!(requests(&server).await, 2, "nothing is sent again, or elsewhere");
    }
}

fn refusing(status: u16, error: &Value) -> ResponseTemplate {
    ResponseTemplate::new(status).set_body_json(json!({"error": error}))
}

/// What of the request is refused, without the server's words.
fn refused(result: Result<impl std::fmt::Debug, ModelError>) -> Refusal {
    match result {
        Err(ModelError::Refused { refusal, cause }) => {
            without_the_servers_words(&cause.to_string());
            refusal
        }
        other => panic!("not refused: {other:?}"),
    }
}

#[tokio::test]
async fn what_of_a_request_the_server_does_not_take_is_told_in_our_words() {
    let parameter = |name: &str| refusing(400, &json!({"message": SERVERS_WORDS, "param": name, "code": "odd"}));
    for (refusal, expected) in [
        (status(400, "context_length_exceeded"), Refusal::TooLong),
        (refusing(400, &json!({"code": 400, "type": "exceed_context_size_error"})), Refusal::TooLong),
        (parameter("input_tokens"), Refusal::TooLong),
        (ResponseTemplate::new(413).set_body_string(SERVERS_WORDS), Refusal::TooLong),
        (parameter("temperature"), Refusal::Parameter("temperature")),
        (parameter("stop"), Refusal::Parameter("stop")),
        (parameter("tools[0].function.parameters"), Refusal::Parameter("tools")),
        (parameter("tool_choice"), Refusal::Parameter("tool_choice")),
        (parameter("parallel_tool_calls"), Refusal::Parameter("parallel_tool_calls")),
        (parameter("response_format"), Refusal::Parameter("response_format")),
        (parameter("reasoning_effort"), Refusal::Parameter("reasoning_effort")),
        (parameter("verbosity"), Refusal::Parameter("verbosity")),
        (parameter("messages[1].tool_calls"), Refusal::Unsaid),
        (refusing(422, &json!({"param": "seed", "code": "unsupported_parameter"})), Refusal::Parameter("seed")),
        (parameter(SERVERS_WORDS), Refusal::Unsaid),
        (parameter("max_tokens"), Refusal::Unsaid),
        (status(422, SERVERS_WORDS), Refusal::Unsaid),
        (ResponseTemplate::new(400).set_body_string(SERVERS_WORDS), Refusal::Unsaid),
    ] {
        let (server, model) = answering(refusal).await;
        assert_eq!(refused(reply(&model).await), expected);
        assert_eq!(refused(streamed(&model).await.1), expected);
        assert_eq!(requests(&server).await, 2, "nothing is sent again");
    }
}

#[tokio::test]
async fn a_parameter_that_the_caller_did_not_set_is_the_operators_fault_and_not_theirs() {
    let unknown = refusing(400, &json!({"param": "max_tokens", "code": "unsupported_parameter"}));
    let (_server, model) = answering(unknown).await;
    assert_eq!(misconfigured(reply(&model).await), "the server answered 400, unsupported_parameter");
}

#[tokio::test]
async fn the_cause_of_a_rejection_is_its_status_and_code() {
    for (rejection, cause) in [
        (status(404, "model_not_found"), "the server answered 404, model_not_found"),
        (status(403, SERVERS_WORDS), "the server answered 403, some_type"),
        (refusing(403, &json!({"code": 403, "type": "a_type"})), "the server answered 403, a_type"),
        (refusing(403, &json!({"code": 1234})), "the server answered 403, 1234"),
        (ResponseTemplate::new(403).set_body_string(SERVERS_WORDS), "the server answered 403, without a code"),
    ] {
        let (_server, model) = answering(rejection).await;
        assert_eq!(misconfigured(reply(&model).await), cause);
    }
}

#[tokio::test]
async fn what_is_said_of_coming_back_is_handed_on() {
    for (code, word, expected) in
        [(429, "rate_limit_exceeded", Kind::Throttled), (503, "overloaded", Kind::Unavailable)]
    {
        let (server, model) = answering(status(code, word).insert_header("retry-after", "6")).await;
        let six = Some(Duration::from_secs(6));
        assert_eq!(kind(reply(&model).await), (expected, six));
        assert_eq!(kind(streamed(&model).await.1), (expected, six));
        assert_eq!(requests(&server).await, 2, "six seconds are too long to wait for");
    }
}

#[tokio::test]
async fn it_is_asked_again_twice_at_most_and_only_if_it_says_when() {
    let now = |refusal: ResponseTemplate| refusal.insert_header("retry-after-ms", "1");
    for (refusal, expected) in [
        (now(status(429, "rate_limit_exceeded")), 3),
        (now(status(503, "overloaded")), 3),
        (now(status(529, "overloaded")), 3),
        (now(status(429, "insufficient_quota")), 1),
        (now(status(500, "server_error")), 1),
        (now(status(400, "odd")), 1),
        (status(429, "rate_limit_exceeded"), 1),
        (status(429, "rate_limit_exceeded").insert_header("retry-after", "6"), 1),
        (status(429, "rate_limit_exceeded").insert_header("retry-after", "5.001"), 1),
    ] {
        let (server, model) = answering(refusal.clone()).await;
        reply(&model).await.unwrap_err();
        assert_eq!(requests(&server).await, expected);
        streamed(&model).await.1.unwrap_err();
        assert_eq!(requests(&server).await, 2 * expected);
    }
}

#[tokio::test]
async fn a_server_that_has_time_again_answers() {
    let stream = streaming(&[text_chunk("Hi"), last_chunk("stop")]);
    for (is_stream, answer) in [(false, ok(&completion("stop"))), (true, stream)] {
        let server = MockServer::start().await;
        let busy = status(503, "overloaded").insert_header("retry-after", "0");
        Mock::given(method("POST")).respond_with(busy).up_to_n_times(2).mount(&server).await;
        Mock::given(method("POST")).respond_with(answer).mount(&server).await;
        let model = model_at(&server.uri()).await;
        if is_stream {
            assert_eq!(streamed(&model).await.0, "Hi");
        } else {
            assert_eq!(reply(&model).await.unwrap().choices[0].text, "Hi");
        }
        assert_eq!(requests(&server).await, 3);
    }
}

/// A server that reads one request on each connection and says `answer`, then does as `end` says. Its
/// count of requests.
struct Raw {
    address: SocketAddr,
    requests: tokio::sync::mpsc::UnboundedReceiver<()>,
}

#[derive(Clone, Copy, PartialEq)]
enum Ending {
    HangUp,
    /// Wait for the client to do so, and only then count the request.
    Wait,
}

impl Raw {
    async fn start(answer: String, ending: Ending) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (sender, requests) = tokio::sync::mpsc::unbounded_channel();
        tokio::spawn(async move {
            while let Ok((mut connection, _)) = listener.accept().await {
                read_request(&mut connection).await;
                connection.write_all(answer.as_bytes()).await.unwrap();
                if ending == Ending::Wait {
                    assert_eq!(connection.read(&mut [0; 1]).await.unwrap_or_default(), 0);
                }
                sender.send(()).unwrap();
            }
        });
        Self { address, requests }
    }

    async fn model(&self) -> OpenAi {
        model_at(&format!("http://{}", self.address)).await
    }

    fn count(&mut self) -> usize {
        std::iter::from_fn(|| self.requests.try_recv().ok()).count()
    }
}

async fn read_request(connection: &mut TcpStream) {
    let mut request = Vec::new();
    while !request.ends_with(b"}") {
        let mut buffer = [0; 4096];
        let read = connection.read(&mut buffer).await.unwrap();
        assert_ne!(read, 0, "the request has an end");
        request.extend_from_slice(&buffer[..read]);
    }
}

fn chunked(text: &str) -> String {
    let head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n";
    format!("{head}{:x}\r\n{text}\r\n", text.len())
}

#[tokio::test]
async fn an_answer_that_is_cut_off_is_a_failure_and_not_asked_for_again() {
    let mut server =
        Raw::start("HTTP/1.1 200 OK\r\ncontent-length: 900\r\n\r\n{\"choi".to_owned(), Ending::HangUp).await;
    failed(reply(&server.model().await).await);
    assert_eq!(server.count(), 1);

    let mut server = Raw::start(String::new(), Ending::HangUp).await;
    failed(reply(&server.model().await).await);
    assert_eq!(server.count(), 1);

    let cut_after = |last: Value| chunked(&format!("data: {}\n\ndata: {last}\n\n", text_chunk("Hel")));
    let mut server = Raw::start(cut_after(text_chunk("lo")), Ending::HangUp).await;
    let (text, end) = streamed(&server.model().await).await;
    assert_eq!((text.as_str(), failed(end).as_str()), ("Hello", "the stream was cut off"));
    assert_eq!(server.count(), 1);
}

#[tokio::test]
async fn a_stream_that_is_cut_off_after_its_finish_reason_is_a_reply_without_a_count() {
    let text = format!("data: {}\n\n", last_chunk("length"));
    let server = Raw::start(chunked(&text), Ending::HangUp).await;
    let (text, end) = streamed(&server.model().await).await;
    assert_eq!((text.as_str(), end.unwrap()), ("", End { finish_reason: FinishReason::Length, usage: None }));
}

#[tokio::test]
async fn a_server_that_is_not_there_is_unavailable() {
    let address = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let model = model_at(&format!("http://{address}")).await;
    assert_eq!(kind(reply(&model).await), (Kind::Unavailable, None));
    assert_eq!(kind(streamed(&model).await.1), (Kind::Unavailable, None));
}

#[tokio::test]
async fn dropping_a_reply_cancels_the_request() {
    let mut server = Raw::start(chunked(&format!("data: {}\n\n", text_chunk("Hi"))), Ending::Wait).await;
    let model = server.model().await;
    let mut pieces = model.stream(&hello(), 5).await.unwrap();
    assert_eq!(pieces.next().await.unwrap().unwrap(), Piece::text("Hi"));
    drop(pieces);
    server.requests.recv().await.unwrap();

    let mut server = Raw::start(String::new(), Ending::Wait).await;
    let model = server.model().await;
    assert!(tokio::time::timeout(Duration::from_millis(100), reply(&model)).await.is_err());
    server.requests.recv().await.unwrap();
}

#[tokio::test]
async fn an_answer_without_end_is_a_failure() {
    let mebibytes = |count: usize| " ".repeat(count * 1024 * 1024);
    let body = completion("stop").to_string();
    let (_server, model) = answering(ResponseTemplate::new(200).set_body_string(mebibytes(31) + &body)).await;
    assert!(reply(&model).await.is_ok());
    let (_server, model) = answering(ResponseTemplate::new(200).set_body_string(mebibytes(32) + &body)).await;
    failed(reply(&model).await);
    let (_server, model) =
        answering(ResponseTemplate::new(200).set_body_raw(mebibytes(4) + &body, "application/json")).await;
    failed(streamed(&model).await.1);
    // An event is kept until it is whole, so it is shorter than an answer.
    let events = |mebibytes_of_one: usize| {
        let event = format!("data: {}{}\n\n", mebibytes(mebibytes_of_one), text_chunk("Hi"));
        ResponseTemplate::new(200).set_body_raw(event.repeat(3) + "data: " + &body + "\n\n", "text/event-stream")
    };
    let (_server, model) = answering(events(3)).await;
    assert!(streamed(&model).await.1.is_ok());
    let (_server, model) = answering(events(4)).await;
    failed(streamed(&model).await.1);
}

/// A server that says `[DONE]` a moment before the end of its answer, as servers do that write the two apart. It returns
/// the number of connections that it got.
async fn dallying(answers: usize) -> (String, tokio::task::JoinHandle<usize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base_url = format!("http://{}/v1", listener.local_addr().unwrap());
    let serving = tokio::spawn(async move {
        let (mut connections, mut answered) = (0, 0);
        while answered < answers {
            let (mut client, _) = listener.accept().await.unwrap();
            connections += 1;
            while answered < answers && next_request(&mut client).await {
                let events = events(&[text_chunk("Hi"), last_chunk("stop"), usage_chunk()]) + "data: [DONE]\n\n";
                let head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n";
                let chunk = format!("{head}{:x}\r\n{events}\r\n", events.len());
                client.write_all(chunk.as_bytes()).await.unwrap();
                tokio::time::sleep(Duration::from_millis(50)).await;
                // It fails where the client has closed the connection.
                let _ = client.write_all(b"0\r\n\r\n").await;
                answered += 1;
            }
        }
        connections
    });
    (base_url, serving)
}

/// Reads a request with a body to its end. `false` if the client has closed the connection.
async fn next_request(client: &mut TcpStream) -> bool {
    let (mut received, mut chunk) = (Vec::new(), [0; 4096]);
    while !received.ends_with(b"}") {
        match client.read(&mut chunk).await {
            Ok(0) | Err(_) => return false,
            Ok(read) => received.extend_from_slice(&chunk[..read]),
        }
    }
    true
}

#[tokio::test]
async fn a_connection_is_kept_whose_server_ends_its_answer_a_moment_after_the_last_event() {
    let (base_url, serving) = dallying(3).await;
    let model = model_at(&base_url).await;
    for _ in 0..3 {
        assert_eq!(streamed(&model).await.0, "Hi");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    assert_eq!(serving.await.unwrap(), 1);
}
