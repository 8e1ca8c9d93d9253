//! Requests that are taken.

use domain::credits::Credits;
use domain::message::ToolCall;
use domain::reasoning_proof::{Proof, ProofKind, ReasoningProof};
use lambda_http::Body;
use providers::prompt::{Detail, Prompt, ResponseFormat, Role, ToolChoice, Turn};
use serde_json::{Value, json};

use crate::door::{Door, DoorRequest, ProtocolError};
use crate::http::Request;
use crate::responses::Responses;

/// The `data:` URL of the first bytes of a PNG file.
pub(super) const PNG: &str = "data:image/png;base64,iVBORw0KGgoAAAANSUhEUg==";

pub(super) fn minimal() -> Value {
    json!({"model": "dummy", "input": "Hello"})
}

/// The minimal request with one member more, or another one.
pub(super) fn with(name: &str, value: Value) -> Value {
    let mut body = minimal();
    body[name] = value;
    body
}

pub(super) fn read(body: &Value) -> Result<DoorRequest<Responses>, ProtocolError> {
    Responses::read(&Request::from(lambda_http::Request::new(Body::from(body.to_string()))))
}

fn prompt(body: &Value) -> Prompt {
    read(body).unwrap().prompt
}

fn turns(input: Value) -> Vec<Turn> {
    prompt(&with("input", input)).turns
}

fn call(id: &str, name: &str, arguments: &str) -> ToolCall {
    ToolCall { id: id.to_owned(), name: name.to_owned(), arguments: arguments.to_owned() }
}

#[test]
fn the_least_request_asks_for_nothing_more() {
    let request = read(&minimal()).unwrap();
    assert_eq!(request.prompt.turns, [Turn::text(Role::User, "Hello")]);
    assert_eq!((request.max_output_tokens, request.max_cost), (None, None));
    assert!(!request.is_streamed && !request.store && !request.prompt.reasoning_is_a_hint);
    assert_eq!(request.message.as_str(), "Hello");
}

#[test]
fn instructions_come_first_and_messages_keep_their_places() {
    let mut body = with(
        "input",
        json!([
            {"role": "developer", "content": "Be kind."},
            {"type": "message", "role": "user", "content": [
                {"type": "input_text", "text": "Look."},
                {"type": "input_text", "text": "Here."},
                {"type": "input_image", "image_url": PNG, "detail": "original"},
            ], "id": "msg_1", "status": "completed"},
            {"role": "system", "content": "Be short."},
            {"role": "assistant", "content": [{"type": "refusal", "refusal": "No."}]},
            {"role": "assistant", "content": "Well.", "phase": "commentary"},
            {"role": "user", "content": ""},
        ]),
    );
    body["instructions"] = json!("Be brief.");
    let turns = prompt(&body).turns;
    let said: Vec<_> = turns.iter().map(|turn| (turn.role, turn.text.as_str())).collect();
    assert_eq!(
        said,
        [
            (Role::System, "Be brief."),
            (Role::System, "Be kind."),
            (Role::User, "Look.\nHere."),
            (Role::System, "Be short."),
            (Role::Assistant, "No.\nWell."),
            (Role::User, ""),
        ]
    );
    assert_eq!((turns[2].images[0].at, turns[2].images[0].detail), (11, Some(Detail::High)));
    assert_eq!(turns[2].borders.len() + turns[4].borders.len(), 2);
}

#[test]
fn items_of_the_model_that_follow_each_other_are_one_turn_and_each_result_is_one() {
    let turns = turns(json!([
        {"type": "reasoning", "id": "rs_1", "summary": [
            {"type": "summary_text", "text": "Hm."}, {"type": "summary_text", "text": "So."},
        ], "encrypted_content": "ZW5j"},
        {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "I look.", "annotations": []}]},
        {"type": "web_search_call", "id": "ws_1", "status": "completed", "action": {"type": "search", "query": "q"}},
        {"type": "function_call", "call_id": "c1", "name": "look", "arguments": "{}"},
        {"type": "reasoning", "id": "rs_2", "summary": [], "content": [{"type": "reasoning_text", "text": "Ah."}]},
        {"type": "custom_tool_call", "call_id": "c2", "name": "patch", "namespace": "n", "input": "-\"a\""},
        {"type": "function_call_output", "call_id": "c1", "output": "found"},
        {"type": "custom_tool_call_output", "call_id": "c2", "output": [
            {"type": "input_text", "text": "done"}, {"type": "input_image", "image_url": PNG},
        ]},
        {"type": "function_call", "call_id": "c3", "name": "spawn", "namespace": "n", "arguments": ""},
    ]));
    let [reply, found, done, next] = &turns[..] else { panic!("{turns:?}") };
    let proof =
        Proof { kind: ProofKind::Encrypted, provider: None, id: Some("rs_1".to_owned()), data: "ZW5j".to_owned() };
    assert_eq!(reply.proofs, [ReasoningProof { proof, after: 8, text_before: 0, calls_before: 0 }]);
    assert_eq!((reply.text.as_str(), reply.reasoning.as_deref()), ("I look.", Some("Hm.\n\nSo.Ah.")));
    assert_eq!(reply.calls, [call("c1", "look", "{}"), call("c2", "n__patch", "{\"input\":\"-\\\"a\\\"\"}")]);
    let results = [found, done].map(|turn| (turn.role, turn.answers.as_deref(), turn.text.as_str(), turn.images.len()));
    assert_eq!(results, [(Role::Tool, Some("c1"), "found", 0), (Role::Tool, Some("c2"), "done", 1)]);
    assert_eq!(next.calls, [call("c3", "n__spawn", "")]);
}

#[test]
fn a_proof_that_was_wrapped_here_is_what_it_was() {
    for (kind, id) in [(ProofKind::Encrypted, Some("rs_9")), (ProofKind::Signature, None), (ProofKind::Redacted, None)]
    {
        let (provider, id) = (Some("a".to_owned()), id.map(str::to_owned));
        let proof = Proof { kind, provider, id, data: "x:y".to_owned() };
        let written = proof.written(ProofKind::Encrypted);
        let item = json!({"type": "reasoning", "id": "rs_of_ours", "summary": [], "encrypted_content": written});
        assert_eq!(turns(json!([item]))[0].proofs[0].proof, proof);
    }
}

#[test]
fn tools_are_functions_and_those_that_no_model_here_has_are_left_out() {
    let mut body = with(
        "tools",
        json!([
            {"type": "function", "name": "look", "description": "Looks.", "parameters": {"type": "object"}, "strict": true},
            {"type": "web_search", "external_web_access": true},
            {"type": "tool_search"},
            {"type": "custom", "name": "patch", "description": "Patches.", "format": {
                "type": "grammar", "syntax": "lark", "definition": "start: \"a\"",
            }},
            {"type": "namespace", "name": "n", "description": "", "tools": [
                {"type": "function", "name": "f", "parameters": null, "strict": null},
                {"type": "custom", "name": "c"},
            ]},
        ]),
    );
    body["tool_choice"] = json!({"type": "custom", "name": "patch"});
    body["parallel_tool_calls"] = json!(false);
    let request = read(&body).unwrap();
    let tools = &request.prompt.tools;
    let names: Vec<_> = tools.offered.iter().map(|tool| tool.name.as_str()).collect();
    assert_eq!(names, ["look", "patch", "n__f", "n__c"]);
    assert_eq!((tools.choice.clone(), tools.parallel), (Some(ToolChoice::Function("patch".to_owned())), Some(false)));
    let patch = &tools.offered[1];
    let told = "Patches.\n\n`input` matches this grammar (lark):\nstart: \"a\"";
    assert_eq!(patch.description.as_deref(), Some(told));
    let schema: Value = serde_json::from_str(patch.parameters.as_ref().unwrap().get()).unwrap();
    assert_eq!((&schema["required"], &schema["properties"]["input"]["type"]), (&json!(["input"]), &json!("string")));
    assert_eq!((tools.offered[0].strict, tools.offered[2].strict), (Some(true), None));
    let written: Vec<Value> =
        request.form.parts().tools.iter().map(|tool| serde_json::from_str(tool.get()).unwrap()).collect();
    let kinds: Vec<_> = written.iter().map(|tool| tool["type"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["function", "custom", "namespace"]);
}

#[test]
fn tools_among_the_items_are_offered_and_the_last_of_a_name_counts() {
    let tools = |description: &str| json!([{"type": "function", "name": "f", "description": description}]);
    let mut body = with(
        "input",
        json!([
            {"type": "additional_tools", "role": "developer", "tools": tools("second")},
            {"role": "user", "content": "Hello"},
            {"type": "additional_tools", "role": "developer", "tools": [{"type": "custom", "name": "g"}]},
        ]),
    );
    body["tools"] = tools("first");
    let offered = prompt(&body).tools.offered;
    let told: Vec<_> = offered.iter().map(|tool| (tool.name.as_str(), tool.description.as_deref())).collect();
    assert_eq!(told, [("f", Some("second")), ("g", None)]);
}

#[test]
fn a_search_that_the_caller_runs_is_a_function_and_the_tools_that_it_found_are_offered() {
    let function = |name: &str| json!({"type": "function", "name": name});
    let found = json!([{"type": "namespace", "name": "n", "description": "", "tools": [function("a"), function("b")]}]);
    let mut body = with(
        "input",
        json!([
            {"type": "tool_search_call", "call_id": "c1", "execution": "client", "arguments": {"query": "mail"}},
            {"type": "tool_search_output", "call_id": "c1", "execution": "client", "status": "completed", "tools": found},
            {"type": "tool_search_call", "call_id": null, "execution": "server", "arguments": {"paths": []}},
            {"type": "tool_search_output", "call_id": null, "execution": "server", "tools": [function("c")]},
        ]),
    );
    let schema = json!({"type": "object"});
    body["tools"] =
        json!([{"type": "tool_search", "execution": "client", "description": "Finds.", "parameters": schema}]);
    let prompt = prompt(&body);
    let names: Vec<_> = prompt.tools.offered.iter().map(|tool| tool.name.as_str()).collect();
    assert_eq!(names, ["tool_search", "n__a", "n__b", "c"]);
    assert_eq!(prompt.tools.offered[0].description.as_deref(), Some("Finds."));
    let [asked, told] = &prompt.turns[..] else { panic!("{:?}", prompt.turns) };
    assert_eq!(asked.calls, [call("c1", "tool_search", "{\"query\":\"mail\"}")]);
    assert_eq!((told.answers.as_deref(), told.text.as_str()), (Some("c1"), "Found: n__a, n__b."));
}

#[test]
fn tools_that_are_not_allowed_are_not_offered() {
    let function = |name: &str| json!({"type": "function", "name": name});
    let mut body = with(
        "tools",
        json!([function("a"), function("b"), {"type": "namespace", "name": "n", "description": "", "tools": [function("c")]}]),
    );
    body["tool_choice"] = json!({"type": "allowed_tools", "mode": "required", "tools": [function("b"), {"type": "namespace", "name": "n"}]});
    let tools = prompt(&body).tools;
    let names: Vec<_> = tools.offered.iter().map(|tool| tool.name.as_str()).collect();
    assert_eq!((names, tools.choice), (vec!["b", "n__c"], Some(ToolChoice::Required)));
}

#[test]
fn without_tools_there_is_nothing_to_choose_from() {
    for choice in ["none", "auto"] {
        let mut body = with("tool_choice", json!(choice));
        body["tools"] = json!([{"type": "web_search"}]);
        body["parallel_tool_calls"] = json!(true);
        let tools = prompt(&body).tools;
        assert!(tools.choice.is_none() && tools.parallel.is_none() && tools.offered.is_empty());
    }
}

#[test]
fn forms_and_reasoning_are_read_and_defaults_ask_for_nothing() {
    let schema = json!({"type": "json_schema", "name": "s", "schema": {"type": "object"}, "strict": true});
    let mut body = with("text", json!({"format": schema, "verbosity": "low"}));
    body["reasoning"] = json!({"effort": "high", "summary": "auto", "context": "all_turns"});
    body["include"] = json!(["reasoning.encrypted_content", "file_search_call.results"]);
    body["max_output_tokens"] = json!(16);
    body["max_cost"] = json!(7);
    body["temperature"] = json!(2);
    body["stream"] = json!(true);
    let request = read(&body).unwrap();
    let prompt = &request.prompt;
    assert!(
        matches!(&prompt.response_format, Some(ResponseFormat::JsonSchema { name, strict: Some(true), .. }) if name == "s")
    );
    assert_eq!(prompt.verbosity.as_deref(), Some("low"));
    assert_eq!(prompt.reasoning_effort.as_deref(), Some("high"));
    assert_eq!((prompt.reasoning_summary.as_deref(), prompt.thinking_is_shown), (Some("auto"), Some(true)));
    assert_eq!((request.max_output_tokens, request.max_cost), (Some(16), Credits::new(7).ok()));
    assert!(request.is_streamed && request.form.parts().shows_proofs);
    let mut body = with("text", json!({"format": {"type": "text"}, "verbosity": "medium"}));
    body["reasoning"] = json!({"generate_summary": "concise", "mode": "standard"});
    let prompt = self::prompt(&body);
    assert!(prompt.response_format.is_none() && prompt.verbosity.is_none() && prompt.reasoning_effort.is_none());
    assert_eq!(prompt.reasoning_summary.as_deref(), Some("concise"));
}

#[test]
fn what_clients_send_beside_and_work_without_changes_nothing() {
    let plain = format!("{:?}", prompt(&minimal()));
    for (name, value) in [
        ("store", json!(false)),
        ("background", json!(false)),
        ("truncation", json!("auto")),
        ("service_tier", json!("default")),
        ("metadata", json!({"a": "b"})),
        ("prompt_cache_key", json!("k")),
        ("prompt_cache_retention", json!("24h")),
        ("safety_identifier", json!("u")),
        ("user", json!("u")),
        ("client_metadata", json!({"thread_id": "t"})),
        ("stream_options", json!({"include_obfuscation": false})),
        ("max_tool_calls", json!(3)),
        ("top_logprobs", json!(0)),
        ("context_management", json!([])),
        ("include", json!(["web_search_call.action.sources"])),
        ("previous_response_id", Value::Null),
        ("tools", json!([])),
    ] {
        assert_eq!(format!("{:?}", prompt(&with(name, value))), plain, "{name}");
    }
}
