//! Requests that are taken.

use domain::credits::Credits;
use domain::reasoning_proof::{Proof, ProofKind};
use lambda_http::Body;
use providers::prompt::{ImageType, Prompt, ResponseFormat, Role, Thinking, ToolChoice, Turn};
use serde_json::{Value, json};

use crate::anthropic::{Messages, ShownThinking};
use crate::door::{Door, DoorRequest, ProtocolError};
use crate::http::Request;

/// The first bytes of a PNG file in base64.
pub(super) const PNG: &str = "iVBORw0KGgoAAAANSUhEUg==";

pub(super) fn minimal() -> Value {
    json!({"model": "dummy", "max_tokens": 100, "messages": [{"role": "user", "content": "Hello"}]})
}

/// The minimal request with one member more, or another one.
pub(super) fn with(name: &str, value: Value) -> Value {
    let mut body = minimal();
    body[name] = value;
    body
}

/// The minimal request with these messages.
pub(super) fn said(messages: Value) -> Value {
    with("messages", messages)
}

pub(super) fn received(body: &Value) -> Request {
    Request::from(lambda_http::Request::new(Body::from(body.to_string())))
}

pub(super) fn read(body: &Value) -> Result<DoorRequest<Messages>, ProtocolError> {
    Messages::read(&received(body))
}

fn prompt(body: &Value) -> Prompt {
    read(body).unwrap().prompt
}

fn turns(body: &Value) -> Vec<Turn> {
    prompt(body).turns
}

fn marked(block: &Value) -> Value {
    let mut block = block.clone();
    block["cache_control"] = json!({"type": "ephemeral"});
    block
}

fn text(text: &str) -> Value {
    json!({"type": "text", "text": text})
}

#[test]
fn the_least_request_asks_for_nothing_more() {
    let request = read(&minimal()).unwrap();
    assert_eq!((request.model.as_str(), request.max_output_tokens, request.max_cost), ("dummy", Some(100), None));
    assert!(!request.is_streamed && !request.store && request.form.shown_thinking == ShownThinking::Unasked);
    assert_eq!(request.prompt.turns, [Turn::text(Role::User, "Hello")]);
    assert!(request.prompt.reasoning_is_a_hint && request.prompt.thinking.is_none());
    assert_eq!(request.message.as_str(), "Hello");
}

#[test]
fn parameters_are_read_and_those_that_do_nothing_here_are_left_out() {
    let mut body = minimal();
    for (name, value) in [
        ("temperature", json!(0.5)),
        ("top_p", json!(1)),
        ("top_k", json!(7)),
        ("stop_sequences", json!(["a", "b", "c", "d", "e"])),
        ("max_cost", json!(250)),
        ("stream", json!(true)),
        ("output_config", json!({"effort": "xhigh", "format": {"type": "json_schema", "schema": {"a": 1}}})),
        ("thinking", json!({"type": "adaptive", "display": "omitted"})),
        ("service_tier", json!("standard_only")),
        ("speed", json!("standard")),
        ("mcp_servers", json!([])),
        ("metadata", json!({"user_id": "u"})),
        ("diagnostics", json!({"a": 1})),
        ("container", Value::Null),
        ("context_management", json!({"edits": [{"type": "clear_thinking_20251015", "keep": "all"}]})),
    ] {
        body[name] = value;
    }
    let request = read(&body).unwrap();
    let Prompt { sampling, response_format, reasoning_effort, thinking, thinking_is_shown, extra, .. } = request.prompt;
    assert_eq!((sampling.temperature, sampling.top_p, sampling.top_k), (Some(0.5), Some(1.0), Some(7)));
    assert_eq!(sampling.stop, ["a", "b", "c", "d", "e"]);
    assert_eq!(reasoning_effort.as_deref(), Some("xhigh"));
    assert_eq!((thinking, thinking_is_shown), (Some(Thinking::Adaptive), Some(false)));
    let Some(ResponseFormat::JsonSchema { name, schema, strict, .. }) = response_format else { panic!("no schema") };
    assert_eq!((name.as_str(), schema.unwrap().get(), strict), ("output", "{\"a\":1}", Some(true)));
    assert!(extra.is_empty() && request.is_streamed && request.form.shown_thinking == ShownThinking::Proofs);
    assert_eq!(request.max_cost, Some(Credits::new(250).unwrap()));
}

#[test]
fn a_model_thinks_by_itself_at_most_so_much_or_not() {
    for (thinking, expected) in [
        (json!({"type": "disabled"}), Thinking::Off),
        (json!({"type": "enabled", "budget_tokens": 1024}), Thinking::Budget(1024)),
        (json!({"type": "adaptive", "display": null}), Thinking::Adaptive),
    ] {
        let mut body = with("thinking", thinking);
        body["max_tokens"] = json!(1025);
        assert_eq!(prompt(&body).thinking, Some(expected));
    }
}

#[test]
fn texts_that_follow_each_other_are_a_line_each_with_a_border_between() {
    let blocks = json!([text("a"), marked(&text("b")), text("c")]);
    let [turn] = &turns(&said(json!([{"role": "user", "content": blocks}])))[..] else { panic!("not one turn") };
    assert_eq!(turn.text, "a\nb\nc");
    let borders: Vec<_> = turn.borders.iter().map(|border| (border.at, border.is_cached)).collect();
    assert_eq!((borders, turn.is_cached), (vec![(2, false), (4, true)], false));
}

#[test]
fn an_image_stands_among_the_texts_and_a_mark_before_it_is_one_of_the_turns_end() {
    let image = json!({"type": "image", "source": {"type": "base64", "media_type": "image/jpeg", "data": PNG}});
    let blocks = json!([marked(&text("a")), image, text("b")]);
    let [turn] = &turns(&said(json!([{"role": "user", "content": blocks}])))[..] else { panic!("not one turn") };
    assert_eq!((turn.text.as_str(), turn.borders.len(), turn.is_cached), ("ab", 0, true));
    let [image] = &turn.images[..] else { panic!("not one image") };
    assert_eq!((image.at, image.media_type, image.data.as_str()), (1, ImageType::Png, PNG));
}

#[test]
fn results_of_tools_come_before_the_rest_of_their_message() {
    let image = json!({"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PNG}});
    let body = said(json!([
        {"role": "user", "content": "Look."},
        {"role": "assistant", "content": [
            text("I look."),
            {"type": "tool_use", "id": "c1", "name": "look", "input": {"a": [2]}},
            {"type": "tool_use", "id": "c2", "name": "look", "input": {}},
        ]},
        {"role": "user", "content": [
            text("And?"),
            marked(&json!({"type": "tool_result", "tool_use_id": "c1", "content": [text("seen"), image]})),
            {"type": "tool_result", "tool_use_id": "c2", "content": "no", "is_error": true},
        ]},
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "c3"}]},
    ]));
    let turns = turns(&body);
    let roles: Vec<Role> = turns.iter().map(|turn| turn.role).collect();
    assert_eq!(roles, [Role::User, Role::Assistant, Role::Tool, Role::Tool, Role::User, Role::Tool]);
    let calls: Vec<_> = turns[1].calls.iter().map(|call| (call.id.as_str(), call.arguments.as_str())).collect();
    assert_eq!(calls, [("c1", "{\"a\":[2]}"), ("c2", "{}")]);
    assert_eq!((turns[2].text.as_str(), turns[2].images[0].at, turns[2].is_cached), ("seen", 4, true));
    assert!(turns[3].is_error && turns[3].answers.as_deref() == Some("c2") && !turns[2].is_error);
    assert_eq!((turns[4].text.as_str(), turns[5].text.as_str()), ("And?", ""));
}

#[test]
fn system_turns_come_before_all_others() {
    let mut body = said(json!([
        {"role": "user", "content": "Hello"},
        {"role": "system", "content": [text("Now be kind.")]},
        {"role": "assistant", "content": "Hi"},
    ]));
    body["system"] = json!([text("Be brief."), marked(&text("Be exact."))]);
    let turns = turns(&body);
    let words: Vec<_> = turns.iter().map(|turn| (turn.role, turn.text.as_str(), turn.is_cached)).collect();
    let expected = [
        (Role::System, "Be brief.\nBe exact.", true),
        (Role::System, "Now be kind.", false),
        (Role::User, "Hello", false),
        (Role::Assistant, "Hi", false),
    ];
    assert_eq!(words, expected);
}

#[test]
fn reasoning_keeps_its_proofs_at_their_places() {
    let foreign = Proof {
        kind: ProofKind::Encrypted,
        provider: Some("cloud".to_owned()),
        id: Some("rs_1".to_owned()),
        data: "e".to_owned(),
    };
    let body = said(json!([{"role": "assistant", "content": [
        {"type": "thinking", "thinking": "Hm. ", "signature": "s1"},
        text("Well."),
        {"type": "redacted_thinking", "data": "r"},
        {"type": "thinking", "thinking": "So.", "signature": foreign.written(ProofKind::Signature)},
        {"type": "tool_use", "id": "c", "name": "f", "input": {}},
        {"type": "thinking", "thinking": "Unsigned.", "signature": ""},
    ]}]));
    let [turn] = &turns(&body)[..] else { panic!("not one turn") };
    assert_eq!(turn.reasoning.as_deref(), Some("Hm. So.Unsigned."));
    let places: Vec<_> = turn.proofs.iter().map(|proof| (proof.after, proof.text_before, proof.calls_before)).collect();
    assert_eq!(places, [(4, 0, 0), (4, 5, 0), (7, 5, 0)]);
    let proofs: Vec<_> = turn.proofs.iter().map(|proof| proof.proof.clone()).collect();
    let own = |kind, data: &str| Proof { kind, provider: None, id: None, data: data.to_owned() };
    assert_eq!(proofs, [own(ProofKind::Signature, "s1"), own(ProofKind::Redacted, "r"), foreign]);
}

#[test]
fn tools_have_schemas_and_a_choice() {
    let mut body = minimal();
    body["tools"] = json!([
        {"name": "look", "description": "Looks.", "input_schema": {"type": "object"}, "strict": true,
         "cache_control": {"type": "ephemeral", "ttl": "1h"}, "eager_input_streaming": true, "defer_loading": true},
        {"type": "custom", "name": "now", "input_schema": {}},
    ]);
    let look = &prompt(&body).tools.offered[0];
    assert_eq!((look.name.as_str(), look.description.as_deref(), look.strict), ("look", Some("Looks."), Some(true)));
    assert!(look.is_cached && look.parameters.as_ref().unwrap().get() == "{\"type\":\"object\"}");
    for (choice, expected, parallel) in [
        (json!({"type": "auto", "disable_parallel_tool_use": true}), ToolChoice::Auto, Some(false)),
        (json!({"type": "any", "disable_parallel_tool_use": false}), ToolChoice::Required, None),
        (json!({"type": "none"}), ToolChoice::None, None),
        (json!({"type": "tool", "name": "now"}), ToolChoice::Function("now".to_owned()), None),
    ] {
        body["tool_choice"] = choice;
        let tools = prompt(&body).tools;
        assert_eq!((tools.choice, tools.parallel, tools.offered.len()), (Some(expected), parallel, 2));
    }
}

#[test]
fn a_mark_of_the_request_is_one_of_its_end() {
    let last = |body: &Value| turns(body).last().unwrap().is_cached;
    assert!(last(&with("cache_control", json!({"type": "ephemeral"}))) && !last(&minimal()));
}

#[test]
fn a_count_needs_no_length_of_a_reply() {
    let mut body = minimal();
    body.as_object_mut().unwrap().remove("max_tokens");
    assert!(Messages::read_to_count(&received(&body)).is_ok() && read(&body).is_err());
    body["thinking"] = json!({"type": "enabled", "budget_tokens": 5000});
    assert!(Messages::read_to_count(&received(&body)).is_ok());
}
