//! `/v1/messages` and `/v1/messages/count_tokens`: Anthropic's protocol, and what an answer costs in it.

use std::fs;
use std::time::Duration;

use serde_json::{Value, json};
use testkit::gateway::{Payload, Request, Response};
use testkit::template::workspace_root;
use wiremock::ResponseTemplate;

use crate::events::data_of_events;
use crate::providers::{self, with_openai};
use crate::requests::{
    COUNT_TOKENS, MESSAGES, anthropic_body, anthropic_message, catalogue_of, chat, completion, count_tokens, model,
    quote,
};
use crate::world::{Tokens, World};

/// The data of the events of this name.
fn events_of(events: &[Value], name: &str) -> Vec<Value> {
    events.iter().filter_map(|event| event.get(name).cloned()).collect()
}

/// The text of a streamed answer.
fn text_of(events: &[Value]) -> String {
    let deltas = events_of(events, "content_block_delta");
    deltas.iter().filter_map(|event| event["delta"]["text"].as_str()).collect()
}

/// The status, the type and the code of an error.
fn refusal(response: &Response) -> (u16, String, String) {
    let body = response.json();
    assert_eq!(body["type"], "error", "{body}");
    let text = |member: &str| body["error"][member].as_str().unwrap().to_owned();
    (response.status, text("type"), text("code"))
}

async fn refused(world: &World, request: Request, status: u16, kind: &str, code: &str) -> Response {
    let response = world.stack.send(request).await;
    assert_eq!(refusal(&response), (status, kind.to_owned(), code.to_owned()));
    response
}

#[tokio::test]
async fn a_message_is_charged_once_whole_and_streamed_and_nothing_of_it_is_stored() {
    for stream in [false, true] {
        let (world, Tokens { access, .. }) = World::with_ada(10, &[("MESSAGE_COST", "3")]).await;
        let response = world.stack.send(anthropic_message(stream).bearer(&access)).await;
        assert_eq!(response.status, 200, "{response:?}");
        assert_eq!(world.balance(&access).await, (json!(7), "0".to_owned()));
        let [entry] = &world.chats().await[..] else { panic!("not one chat") };
        let id = entry["sk"]["S"].as_str().unwrap().strip_prefix("ENTRY#").unwrap().to_owned();
        assert_eq!(response.headers["x-message-id"], id);
        assert_eq!(response.headers["request-id"], response.headers["x-request-id"]);
        assert!(response.body.contains(&format!("msg_{id}")) && response.body.contains("\"cost\":3"));
        assert!(world.stored_exchanges(&access).await.is_empty());
    }
}

#[tokio::test]
async fn a_streamed_answer_says_the_same_as_a_whole_one() {
    let (world, Tokens { access, .. }) = World::with_ada(10, &[]).await;
    let whole = world.stack.send(anthropic_message(false).bearer(&access)).await.json();
    let streamed = world.stack.send(anthropic_message(true).bearer(&access)).await;
    let events = data_of_events(&streamed.body);
    assert_eq!(whole["content"], json!([{"type": "text", "text": text_of(&events)}]));
    let [last] = &events_of(&events, "message_delta")[..] else { panic!("{events:?}") };
    assert_eq!((&last["usage"], &last["delta"]["stop_reason"]), (&whole["usage"], &whole["stop_reason"]));
    assert_eq!(*events.last().unwrap(), json!({"message_stop": {"type": "message_stop"}}));
}

/// As Anthropic's clients send it, at either form of a path.
#[tokio::test]
async fn a_program_sends_its_api_key_in_anthropics_header() {
    let (world, Tokens { access, .. }) = World::with_ada(10, &[]).await;
    let key = world.make_api_key(&access).await.key;
    for payload in [Payload::V1, Payload::V2] {
        for path in [MESSAGES, COUNT_TOKENS] {
            for end in ["", "/"] {
                let request = Request::post(&format!("{path}{end}")).query("beta", "true").json(&anthropic_body(false));
                let request = request.header("X-Api-Key", &key).header("anthropic-version", "2023-06-01");
                let response = world.stack.send_as(request, payload).await;
                let is_count = response.json().as_object().unwrap().len() == 1;
                assert_eq!((response.status, is_count), (200, path == COUNT_TOKENS), "{path}{end}");
            }
        }
    }
}

#[tokio::test]
async fn tokens_are_counted_by_the_estimate_for_nothing() {
    let (world, Tokens { access, .. }) = World::with_ada(10, &[]).await;
    let quoted = world.stack.send(quote().bearer(&access)).await.json();
    let mut body = anthropic_body(false);
    body.as_object_mut().unwrap().remove("max_tokens");
    let counted = world.stack.send(Request::post(COUNT_TOKENS).json(&body).bearer(&access)).await.json();
    assert_eq!(counted, json!({"input_tokens": quoted["input_tokens"]["estimated"]}));
    assert_eq!(world.balance(&access).await, (json!(10), "0".to_owned()));
    refused(&world, count_tokens(), 401, "authentication_error", "invalid_api_key").await;
    body["model"] = json!("gpt-5");
    let unknown = Request::post(COUNT_TOKENS).json(&body).bearer(&access);
    refused(&world, unknown, 404, "not_found_error", "model_not_found").await;
}

#[tokio::test]
async fn a_repetition_gets_the_answer_again_in_either_form_and_the_key_is_this_paths() {
    let (world, Tokens { access, .. }) = World::with_ada(10, &[]).await;
    let ask = |stream: bool| anthropic_message(stream).bearer(&access).header("Idempotency-Key", "once");
    let first = world.stack.send(ask(false)).await;
    let again = world.stack.send(ask(false)).await;
    assert_eq!((again.headers["idempotent-replayed"].as_str(), again.json()), ("true", first.json()));
    let streamed = world.stack.send(ask(true)).await;
    assert_eq!(text_of(&data_of_events(&streamed.body)), "Dummy Response");
    assert_eq!(world.balance(&access).await, (json!(9), "0".to_owned()));
    let elsewhere = completion(false).bearer(&access).header("Idempotency-Key", "once");
    assert_eq!(world.stack.send(elsewhere).await.status, 422);
}

#[tokio::test]
async fn refusals_have_anthropics_form_and_hold_nothing() {
    let (world, Tokens { access, .. }) = World::with_ada(0, &[]).await;
    refused(&world, anthropic_message(false), 401, "authentication_error", "invalid_api_key").await;
    let poor =
        refused(&world, anthropic_message(true).bearer(&access), 402, "billing_error", "insufficient_quota").await;
    assert_eq!((&poor.json()["error"]["balance"], &poor.json()["error"]["cost"]), (&json!(0), &json!(1)));
    for (name, value, status, kind, code, param) in [
        ("model", json!("gpt-5"), 404, "not_found_error", "model_not_found", "model"),
        (
            "tools",
            json!([{"name": "f", "input_schema": {}}]),
            400,
            "invalid_request_error",
            "unsupported_parameter",
            "tools",
        ),
        (
            "output_config",
            json!({"format": {"type": "json_schema", "schema": {}}}),
            400,
            "invalid_request_error",
            "unsupported_parameter",
            "output_config.format",
        ),
        ("max_cost", json!(0), 400, "invalid_request_error", "invalid_value", "max_cost"),
        ("temperature", json!(2), 400, "invalid_request_error", "invalid_value", "temperature"),
        ("thread", json!({"type": "create"}), 400, "invalid_request_error", "unsupported_parameter", "thread"),
    ] {
        let mut body = anthropic_body(false);
        body[name] = value;
        let request = Request::post(MESSAGES).json(&body).bearer(&access);
        let response = refused(&world, request, status, kind, code).await;
        assert_eq!(response.json()["error"]["param"], param);
    }
    let method = world.stack.send(Request::get(MESSAGES).bearer(&access)).await;
    assert_eq!(refusal(&method), (405, "invalid_request_error".to_owned(), "method_not_allowed".to_owned()));
    assert!(world.chats().await.is_empty());
}

/// Claude Code shortens what it sends when it reads these words.
#[tokio::test]
async fn a_prompt_that_is_too_long_is_refused_in_the_words_that_claude_code_knows() {
    let (provider, chatting) = with_openai(&[("MAX_INPUT_TOKENS", "1024")]).await;
    providers::answer(&provider, providers::says(&json!({"content": "Hi"}))).await;
    let mut body = anthropic_body(true);
    body["model"] = json!("some-model");
    body["system"] = json!("x".repeat(5000));
    let request = Request::post(MESSAGES).json(&body).bearer(&chatting.access);
    let response = refused(&chatting.world, request, 400, "invalid_request_error", "context_length_exceeded").await;
    let message = response.json()["error"]["message"].as_str().unwrap().to_owned();
    assert!(message.starts_with("prompt is too long: ") && message.ends_with(" tokens > 1024 maximum"), "{message}");
}

#[tokio::test]
async fn a_closed_account_is_told_so_whatever_it_asks_for() {
    let (world, Tokens { access, .. }) = World::with_ada(10, &[]).await;
    assert_eq!(world.stack.send(anthropic_message(false).bearer(&access)).await.status, 200);
    world.stack.invoke("operator", &json!({"action": "deactivate", "username": "ada"})).await.unwrap();
    for name in ["dummy", "gpt-5"] {
        let mut body = anthropic_body(false);
        body["model"] = json!(name);
        let request = Request::post(MESSAGES).json(&body).bearer(&access);
        refused(&world, request, 401, "authentication_error", "invalid_api_key").await;
    }
}

#[tokio::test]
async fn what_a_model_delivered_before_it_broke_off_is_charged_and_the_error_is_the_last_event() {
    let (world, Tokens { access, .. }) = World::with_ada(10, &[("DUMMY_FAILURE", "cut"), ("MESSAGE_COST", "3")]).await;
    let response = world.stack.send(anthropic_message(true).bearer(&access)).await;
    let events = data_of_events(&response.body);
    assert_eq!(text_of(&events), "Dummy");
    let [.., stop, error] = &events[..] else { panic!("{events:?}") };
    assert_eq!(stop["content_block_stop"]["index"], 0);
    let error = &error["error"]["error"];
    assert_eq!((&error["type"], &error["code"]), (&json!("api_error"), &json!("model_broke_off")));
    assert_eq!(world.balance(&access).await, (json!(7), "0".to_owned()));
}

#[tokio::test]
async fn after_15_silent_seconds_a_ping_is_read() {
    let (provider, chatting) = with_openai(&[]).await;
    let says = providers::streams(&[providers::chunk(&json!({"content": "Hi"}), Some("stop"))]);
    providers::answer(&provider, says.set_delay(Duration::from_secs(16))).await;
    let response = chatting.world.stack.send_as(chatting.anthropic_message(true), Payload::V2).await;
    assert!(response.body.starts_with("event: ping\ndata: {\"type\":\"ping\"}\n\nevent: message_start\n"));
    assert_eq!(text_of(&data_of_events(&response.body)), "Hi");
}

/// The body that the server of the model was sent last.
async fn sent(provider: &wiremock::MockServer) -> Value {
    provider.received_requests().await.unwrap().last().unwrap().body_json().unwrap()
}

/// A world whose model `m` takes all that a catalogue can say.
async fn with_able_model(takes: &[&str]) -> (wiremock::MockServer, World, String) {
    let provider = wiremock::MockServer::start().await;
    let (world, Tokens { access, .. }) = World::with_ada(100_000_000, &[]).await;
    let able = json!({"takes": takes, "image_tokens": 100, "context_tokens": 200_000, "max_output_tokens": 8192});
    let catalogue = catalogue_of(&provider, &[model("m", &able)]);
    world.put_catalogue(Some(&catalogue)).await;
    (provider, world, access)
}

#[tokio::test]
async fn blocks_arrive_at_a_server_of_chat_completions_as_it_knows_them() {
    let (provider, world, access) = with_able_model(&["tools", "json_schema", "images", "reasoning"]).await;
    providers::answer(&provider, providers::says(&json!({"content": "Hi"}))).await;
    let png = "iVBORw0KGgoAAAANSUhEUg==";
    let image = json!({"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": png}});
    let body = json!({
        "model": "m",
        "max_tokens": 5000,
        "system": [{"type": "text", "text": "Be brief.", "cache_control": {"type": "ephemeral"}}],
        "messages": [
            {"role": "user", "content": "Look."},
            {"role": "assistant", "content": [
                {"type": "thinking", "thinking": "Hm.", "signature": "s"},
                {"type": "tool_use", "id": "c1", "name": "look", "input": {"x": 1}},
            ]},
            {"role": "user", "content": [
                {"type": "tool_result", "tool_use_id": "c1", "is_error": true, "content": [
                    {"type": "text", "text": "torn"}, image,
                ]},
                {"type": "text", "text": "And?"},
            ]},
        ],
        "tools": [{"name": "look", "input_schema": {"type": "object"}}],
        "tool_choice": {"type": "any", "disable_parallel_tool_use": true},
        "thinking": {"type": "enabled", "budget_tokens": 4999},
        "stop_sequences": ["END"],
    });
    let response = world.stack.send(Request::post(MESSAGES).json(&body).bearer(&access)).await;
    assert_eq!(response.status, 200, "{response:?}");
    let sent = sent(&provider).await;
    let url = format!("data:image/png;base64,{png}");
    let call = json!({"id": "c1", "type": "function", "function": {"name": "look", "arguments": "{\"x\":1}"}});
    assert_eq!(
        sent["messages"],
        json!([
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": "Look."},
            {"role": "assistant", "content": null, "tool_calls": [call], "reasoning_content": "Hm."},
            {"role": "tool", "content": "Error: torn", "tool_call_id": "c1"},
            {"role": "user", "content": [{"type": "image_url", "image_url": {"url": url}}]},
            {"role": "user", "content": "And?"},
        ])
    );
    assert_eq!((&sent["reasoning_effort"], &sent["max_tokens"]), (&json!("medium"), &json!(5000)));
    assert_eq!((&sent["tool_choice"], &sent["parallel_tool_calls"]), (&json!("required"), &json!(false)));
    assert_eq!(sent["stop"], json!(["END"]));
    assert!(sent.get("top_k").is_none() && !sent.to_string().contains("cache_control"));
}

#[tokio::test]
async fn a_model_that_cannot_be_told_how_much_to_reason_is_asked_without() {
    let (provider, world, access) = with_able_model(&[]).await;
    providers::answer(&provider, providers::says(&json!({"content": "Hi"}))).await;
    let mut body = anthropic_body(false);
    body["model"] = json!("m");
    body["thinking"] = json!({"type": "adaptive"});
    body["output_config"] = json!({"effort": "high"});
    let response = world.stack.send(Request::post(MESSAGES).json(&body).bearer(&access)).await;
    assert_eq!(response.status, 200, "{response:?}");
    assert!(sent(&provider).await.get("reasoning_effort").is_none());
    body["top_k"] = json!(5);
    let request = Request::post(MESSAGES).json(&body).bearer(&access);
    let response = refused(&world, request, 400, "invalid_request_error", "unsupported_parameter").await;
    assert_eq!(response.json()["error"]["param"], "top_k");
}

#[tokio::test]
async fn calls_of_tools_and_reasoning_become_blocks_and_a_tool_call_ends_the_turn() {
    let (provider, world, access) = with_able_model(&["tools"]).await;
    let calls = |index: u32, id: &str, arguments: &str| {
        let function = json!({"name": "look", "arguments": arguments});
        json!({"tool_calls": [{"index": index, "id": id, "type": "function", "function": function}]})
    };
    let chunks = [
        providers::chunk(&json!({"reasoning_content": "Hm."}), None),
        providers::chunk(&json!({"content": "I look."}), None),
        providers::chunk(&calls(0, "c1", ""), None),
        providers::chunk(&json!({"tool_calls": [{"index": 0, "function": {"arguments": "{\"x\":"}}]}), None),
        providers::chunk(&calls(1, "c2", "{}"), None),
        providers::chunk(&json!({"tool_calls": [{"index": 0, "function": {"arguments": "1}"}}]}), Some("tool_calls")),
    ];
    providers::answer(&provider, providers::streams(&chunks)).await;
    let ask = |stream: bool| {
        let mut body = anthropic_body(stream);
        body["model"] = json!("m");
        body["thinking"] = json!({"type": "adaptive"});
        body["tools"] = json!([{"name": "look", "input_schema": {"type": "object"}}]);
        Request::post(MESSAGES).json(&body).bearer(&access)
    };
    let whole = world.stack.send(ask(false)).await.json();
    assert_eq!(
        whole["content"],
        json!([
            {"type": "thinking", "thinking": "Hm.", "signature": ""},
            {"type": "text", "text": "I look."},
            {"type": "tool_use", "id": "c1", "name": "look", "input": {"x": 1}},
            {"type": "tool_use", "id": "c2", "name": "look", "input": {}},
        ])
    );
    assert_eq!(whole["stop_reason"], "tool_use");
    let events = data_of_events(&world.stack.send(ask(true)).await.body);
    let starts = events_of(&events, "content_block_start");
    let kinds: Vec<&str> = starts.iter().map(|start| start["content_block"]["type"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["thinking", "text", "tool_use", "tool_use"]);
    let places: Vec<u64> = starts.iter().map(|start| start["index"].as_u64().unwrap()).collect();
    assert_eq!(places, [0, 1, 2, 3]);
}

/// The requests of Claude Code, recorded on 2026-11-27 with version 2.1.197, with long texts cut.
fn requests_of_claude_code() -> Vec<(String, Value)> {
    let folder = workspace_root().join("functions/tests/fixtures/claude-code");
    let mut files: Vec<_> = fs::read_dir(folder).unwrap().map(|file| file.unwrap().path()).collect();
    files.sort();
    let request = |path: &std::path::PathBuf| {
        let recorded: Value = serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap();
        (path.file_name().unwrap().to_string_lossy().into_owned(), recorded["body"].clone())
    };
    files.iter().map(request).collect()
}

#[tokio::test]
async fn what_claude_code_sends_is_accepted_and_arrives_at_the_model() {
    let (provider, world, access) = with_able_model(&["tools", "json_schema", "images", "reasoning"]).await;
    providers::answer(&provider, providers::streams(&[providers::chunk(&json!({"content": "Hi"}), Some("stop"))]))
        .await;
    let recorded = requests_of_claude_code();
    assert!(recorded.len() >= 10);
    for (name, mut body) in recorded {
        body["model"] = json!("m");
        let request = Request::post(MESSAGES).query("beta", "true").json(&body).bearer(&access);
        let response = world.stack.send(request).await;
        assert_eq!(response.status, 200, "{name}: {}", response.body);
        assert_eq!(text_of(&data_of_events(&response.body)), "Hi", "{name}");
        let sent = sent(&provider).await;
        let tools = body["tools"].as_array().map_or(0, Vec::len);
        assert_eq!(sent["tools"].as_array().map_or(0, Vec::len), tools, "{name}");
        let calls = |body: &Value, word: &str| body["messages"].to_string().matches(word).count();
        assert_eq!(calls(&sent, "\"tool_call_id\":"), calls(&body, "\"tool_use_id\":"), "{name}");
        assert_eq!(calls(&sent, "\"image_url\":{"), calls(&body, "\"type\":\"image\""), "{name}");
        assert_eq!(calls(&sent, "\"content\":\"Error: "), calls(&body, "\"is_error\":true"), "{name}");
    }
}

#[tokio::test]
async fn a_model_that_fails_costs_nothing_and_its_words_are_repeated_nowhere() {
    let (provider, chatting) = with_openai(&[]).await;
    let secret = ResponseTemplate::new(400).set_body_json(json!({"error": {"message": "a secret"}}));
    for (answer, status, kind) in [
        (secret, 400, "invalid_request_error"),
        (providers::refuses(500), 502, "api_error"),
        (providers::refuses(503), 503, "overloaded_error"),
        (providers::refuses(429), 429, "rate_limit_error"),
    ] {
        providers::answer(&provider, answer).await;
        for stream in [false, true] {
            let response = chatting.world.stack.send(chatting.anthropic_message(stream)).await;
            let (told, of_kind, _) = refusal(&response);
            assert_eq!((told, of_kind.as_str()), (status, kind));
            assert!(!response.body.contains("a secret"));
        }
    }
    assert_eq!(chatting.balance().await, (json!(5000), "0".to_owned()));
    assert!(chatting.chats().await.is_empty());
}

/// The same question costs the same at every path that asks a model.
#[tokio::test]
async fn the_bill_is_the_one_of_chat_completions_and_of_people() {
    let settings = [("PRICING", "usage"), ("INPUT_COST", "500000"), ("OUTPUT_COST", "900000")];
    let (world, Tokens { access, .. }) = World::with_ada(1_000_000, &settings).await;
    let mut costs = Vec::new();
    for request in [anthropic_message(false), anthropic_message(true), completion(false), completion(true), chat()] {
        let before = world.balance(&access).await.0.as_u64().unwrap();
        assert_eq!(world.stack.send(request.bearer(&access)).await.status, 200);
        costs.push(before - world.balance(&access).await.0.as_u64().unwrap());
    }
    assert!(costs[0] > 0 && costs.iter().all(|cost| *cost == costs[0]), "{costs:?}");
}
