//! `/v1/responses`: OpenAI's Responses, and what an answer costs in them.

use std::fs;
use std::time::Duration;

use serde_json::{Value, json};
use testkit::gateway::{Payload, Request, Response};
use testkit::template::workspace_root;
use wiremock::{MockServer, ResponseTemplate};

use crate::events::data_of_events;
use crate::providers::{self, with_openai};
use crate::requests::{RESPONSES, catalogue_of, chat, completion, model, response, response_body};
use crate::world::{Tokens, World};

/// The data of the events of this type.
fn events_of(events: &[Value], name: &str) -> Vec<Value> {
    events.iter().filter_map(|event| event.get(name).cloned()).collect()
}

/// The text of a streamed answer.
fn text_of(events: &[Value]) -> String {
    let deltas = events_of(events, "response.output_text.delta");
    deltas.iter().filter_map(|event| event["delta"].as_str()).collect()
}

/// The response in the last event.
fn last_response(events: &[Value]) -> Value {
    let (_, last) = events.last().unwrap().as_object().unwrap().iter().next().unwrap();
    last["response"].clone()
}

/// The types of the events, in their order. Each event has its number.
fn kinds(events: &[Value]) -> Vec<String> {
    let kind = |(number, event): (usize, &Value)| {
        let (name, data) = event.as_object().unwrap().iter().next().unwrap();
        assert_eq!((data["sequence_number"].as_u64(), &data["type"]), (Some(number as u64), &json!(name)));
        name.trim_start_matches("response.").to_owned()
    };
    events.iter().enumerate().map(kind).collect()
}

/// The status and the code of an error.
fn refusal(response: &Response) -> (u16, String) {
    let body = response.json();
    (response.status, body["error"]["code"].as_str().unwrap_or_else(|| panic!("{body}")).to_owned())
}

async fn refused(world: &World, request: Request, status: u16, code: &str) -> Value {
    let response = world.stack.send(request).await;
    assert_eq!(refusal(&response), (status, code.to_owned()));
    response.json()["error"].clone()
}

/// The body that the server of the model was sent last.
async fn sent(provider: &MockServer) -> Value {
    provider.received_requests().await.unwrap().last().unwrap().body_json().unwrap()
}

/// A world whose model `m` takes what is said.
async fn with_able_model(takes: &[&str]) -> (MockServer, World, String) {
    let provider = MockServer::start().await;
    let (world, Tokens { access, .. }) = World::with_ada(100_000_000, &[]).await;
    let able = json!({"takes": takes, "image_tokens": 100, "context_tokens": 200_000, "max_output_tokens": 8192});
    let catalogue = catalogue_of(&provider, &[model("m", &able)]);
    world.put_catalogue(Some(&catalogue)).await;
    (provider, world, access)
}

#[tokio::test]
async fn a_response_is_charged_once_whole_and_streamed_and_nothing_of_it_is_stored() {
    for stream in [false, true] {
        let (world, Tokens { access, .. }) = World::with_ada(10, &[("MESSAGE_COST", "3")]).await;
        let answer = world.stack.send(response(stream).bearer(&access)).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        assert_eq!(world.balance(&access).await, (json!(7), "0".to_owned()));
        let [entry] = &world.chats().await[..] else { panic!("not one chat") };
        let id = entry["sk"]["S"].as_str().unwrap().strip_prefix("ENTRY#").unwrap().to_owned();
        assert_eq!(answer.headers["x-message-id"], id);
        assert!(answer.body.contains(&format!("resp_{id}")) && answer.body.contains("\"cost\":3"));
        assert!(world.stored_exchanges(&access).await.is_empty());
    }
}

#[tokio::test]
async fn a_streamed_answer_says_the_same_as_a_whole_one() {
    let (world, Tokens { access, .. }) = World::with_ada(10, &[]).await;
    let mut whole = world.stack.send(response(false).bearer(&access)).await.json();
    let streamed = world.stack.send(response(true).bearer(&access)).await;
    let events = data_of_events(&streamed.body);
    assert_eq!(text_of(&events), "Dummy Response");
    let mut last = last_response(&events);
    for answer in [&mut whole, &mut last] {
        for place in ["/id", "/created_at", "/output/0/id"] {
            *answer.pointer_mut(place).unwrap() = Value::Null;
        }
    }
    assert_eq!(whole, last);
    assert_eq!(
        kinds(&events),
        [
            "created",
            "in_progress",
            "output_item.added",
            "content_part.added",
            "output_text.delta",
            "output_text.delta",
            "output_text.done",
            "content_part.done",
            "output_item.done",
            "completed"
        ]
    );
}

#[tokio::test]
async fn a_program_sends_its_api_key_at_either_form_of_the_path() {
    let (world, Tokens { access, .. }) = World::with_ada(10, &[]).await;
    let key = world.make_api_key(&access).await.key;
    for payload in [Payload::V1, Payload::V2] {
        for end in ["", "/"] {
            let request = Request::post(&format!("{RESPONSES}{end}")).json(&response_body(false)).bearer(&key);
            assert_eq!(world.stack.send_as(request, payload).await.status, 200);
        }
    }
}

#[tokio::test]
async fn a_repetition_gets_the_answer_again_in_either_form_and_the_key_is_this_paths() {
    let (world, Tokens { access, .. }) = World::with_ada(10, &[]).await;
    let ask = |stream: bool| response(stream).bearer(&access).header("Idempotency-Key", "once");
    let first = world.stack.send(ask(false)).await;
    let again = world.stack.send(ask(false)).await;
    assert_eq!((again.headers["idempotent-replayed"].as_str(), again.json()), ("true", first.json()));
    let streamed = world.stack.send(ask(true)).await;
    assert_eq!(last_response(&data_of_events(&streamed.body)), first.json());
    assert_eq!(world.balance(&access).await, (json!(9), "0".to_owned()));
    let elsewhere = completion(false).bearer(&access).header("Idempotency-Key", "once");
    assert_eq!(world.stack.send(elsewhere).await.status, 422);
}

#[tokio::test]
async fn refusals_have_openais_form_and_hold_nothing() {
    let (world, Tokens { access, .. }) = World::with_ada(0, &[]).await;
    refused(&world, response(false), 401, "invalid_api_key").await;
    let poor = refused(&world, response(true).bearer(&access), 402, "insufficient_quota").await;
    assert_eq!((&poor["balance"], &poor["cost"]), (&json!(0), &json!(1)));
    let function = json!([{"type": "function", "name": "f", "parameters": {"type": "object"}}]);
    for (name, value, status, code, param) in [
        ("model", json!("gpt-5"), 404, "model_not_found", "model"),
        ("tools", function, 400, "unsupported_parameter", "tools"),
        ("text", json!({"format": {"type": "json_object"}}), 400, "unsupported_parameter", "text.format"),
        ("reasoning", json!({"effort": "high"}), 400, "unsupported_parameter", "reasoning.effort"),
        ("max_cost", json!(0), 400, "invalid_value", "max_cost"),
        ("max_output_tokens", json!(15), 400, "invalid_value", "max_output_tokens"),
        ("store", json!(true), 400, "unsupported_parameter", "store"),
        ("previous_response_id", json!("resp_1"), 400, "unsupported_parameter", "previous_response_id"),
        ("conversation", json!("conv_1"), 400, "unsupported_parameter", "conversation"),
        ("background", json!(true), 400, "unsupported_parameter", "background"),
    ] {
        let mut body = response_body(false);
        body[name] = value;
        let request = Request::post(RESPONSES).json(&body).bearer(&access);
        assert_eq!(refused(&world, request, status, code).await["param"], param);
    }
    let method = world.stack.send(Request::get(RESPONSES).bearer(&access)).await;
    assert_eq!(refusal(&method), (405, "method_not_allowed".to_owned()));
    assert!(world.chats().await.is_empty());
}

#[tokio::test]
async fn what_a_model_delivered_before_it_broke_off_is_charged_and_the_response_has_failed() {
    let (world, Tokens { access, .. }) = World::with_ada(10, &[("DUMMY_FAILURE", "cut"), ("MESSAGE_COST", "3")]).await;
    let answer = world.stack.send(response(true).bearer(&access)).await;
    let events = data_of_events(&answer.body);
    assert_eq!(text_of(&events), "Dummy");
    let kinds = kinds(&events);
    assert_eq!(kinds[kinds.len() - 4..], ["content_part.done", "output_item.done", "error", "failed"]);
    let [error] = &events_of(&events, "error")[..] else { panic!("{events:?}") };
    assert_eq!((&error["code"], &error["error"]["code"]), (&json!("model_broke_off"), &json!("model_broke_off")));
    let last = last_response(&events);
    assert_eq!((&last["status"], &last["error"]["code"]), (&json!("failed"), &json!("invalid_prompt")));
    let item = &last["output"][0];
    assert_eq!((&item["status"], &item["content"][0]["text"]), (&json!("incomplete"), &json!("Dummy")));
    assert_eq!(world.balance(&access).await, (json!(7), "0".to_owned()));
}

#[tokio::test]
async fn after_15_silent_seconds_a_comment_is_read() {
    let (provider, chatting) = with_openai(&[]).await;
    let says = providers::streams(&[providers::chunk(&json!({"content": "Hi"}), Some("stop"))]);
    providers::answer(&provider, says.set_delay(Duration::from_secs(16))).await;
    let answer = chatting.world.stack.send_as(chatting.response(true), Payload::V2).await;
    let after_comment = answer.body.strip_prefix(": keep-alive\n\n").unwrap();
    assert!(after_comment.starts_with("event: response.created\n"));
    assert_eq!(text_of(&data_of_events(after_comment)), "Hi");
}

/// The first status is sent before anything is known of the model's answer.
#[tokio::test]
async fn a_model_that_turns_a_request_away_after_the_first_comment_fails_as_a_response() {
    let (provider, chatting) = with_openai(&[]).await;
    providers::answer(&provider, providers::refuses(400).set_delay(Duration::from_secs(16))).await;
    let answer = chatting.world.stack.send_as(chatting.response(true), Payload::V2).await;
    let events = data_of_events(answer.body.trim_start_matches(": keep-alive\n\n"));
    assert_eq!(kinds(&events), ["created", "in_progress", "error", "failed"]);
    assert_eq!(events[2]["error"]["code"], "model_refused");
    let last = last_response(&events);
    assert_eq!((&last["error"]["code"], &last["model"]), (&json!("invalid_prompt"), &json!("some-model")));
    assert_eq!(chatting.balance().await, (json!(5000), "0".to_owned()));
}

#[tokio::test]
async fn items_arrive_at_a_server_of_chat_completions_as_it_knows_them() {
    let (provider, world, access) = with_able_model(&["tools", "json_schema", "images", "reasoning"]).await;
    providers::answer(&provider, providers::says(&json!({"content": "Hi"}))).await;
    let url = "data:image/png;base64,iVBORw0KGgoAAAANSUhEUg==";
    let image = json!({"type": "input_image", "image_url": url, "detail": "high"});
    let body = json!({
        "model": "m",
        "instructions": "Be brief.",
        "input": [
            {"role": "developer", "content": "Be kind."},
            {"role": "user", "content": [{"type": "input_text", "text": "Look."}, image]},
            {"type": "reasoning", "id": "rs_1", "summary": [{"type": "summary_text", "text": "Hm."}],
             "encrypted_content": "abc"},
            {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "I look.", "annotations": []}]},
            {"type": "function_call", "call_id": "c1", "name": "look", "arguments": "{\"x\":1}", "id": "fc_1"},
            {"type": "custom_tool_call", "call_id": "c2", "name": "patch", "input": "-a\n+b"},
            {"type": "function_call_output", "call_id": "c1", "output": "torn"},
            {"type": "custom_tool_call_output", "call_id": "c2", "output": [{"type": "input_text", "text": "done"}]},
            {"role": "user", "content": "And?"},
        ],
        "tools": [
            {"type": "function", "name": "look", "parameters": {"type": "object"}, "strict": true},
            {"type": "custom", "name": "patch", "description": "Patches."},
            {"type": "namespace", "name": "n", "description": "", "tools": [{"type": "function", "name": "f"}]},
            {"type": "web_search"},
        ],
        "tool_choice": "required",
        "parallel_tool_calls": false,
        "reasoning": {"effort": "medium"},
        "max_output_tokens": 5000,
        "text": {"format": {"type": "json_schema", "name": "s", "schema": {"type": "object"}, "strict": true}},
    });
    let answer = world.stack.send(Request::post(RESPONSES).json(&body).bearer(&access)).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let kinds: Vec<_> = answer.json()["tools"].as_array().unwrap().iter().map(|tool| tool["type"].clone()).collect();
    assert_eq!(kinds, ["function", "custom", "namespace"]);
    let sent = sent(&provider).await;
    let call = |id: &str, name: &str, arguments: &str| json!({"id": id, "type": "function", "function": {"name": name, "arguments": arguments}});
    let calls = [call("c1", "look", "{\"x\":1}"), call("c2", "patch", "{\"input\":\"-a\\n+b\"}")];
    let shown =
        json!([{"type": "text", "text": "Look."}, {"type": "image_url", "image_url": {"url": url, "detail": "high"}}]);
    assert_eq!(
        sent["messages"],
        json!([
            {"role": "system", "content": "Be brief."},
            {"role": "system", "content": "Be kind."},
            {"role": "user", "content": shown},
            {"role": "assistant", "content": "I look.", "tool_calls": calls, "reasoning_content": "Hm."},
            {"role": "tool", "content": "torn", "tool_call_id": "c1"},
            {"role": "tool", "content": "done", "tool_call_id": "c2"},
            {"role": "user", "content": "And?"},
        ])
    );
    let names: Vec<_> = sent["tools"].as_array().unwrap().iter().map(|tool| tool["function"]["name"].clone()).collect();
    assert_eq!(names, ["look", "patch", "n__f"]);
    assert_eq!((&sent["tool_choice"], &sent["parallel_tool_calls"]), (&json!("required"), &json!(false)));
    assert_eq!((&sent["reasoning_effort"], &sent["max_tokens"]), (&json!("medium"), &json!(5000)));
    assert_eq!(sent["response_format"]["json_schema"]["name"], "s");
}

#[tokio::test]
async fn calls_of_tools_and_reasoning_become_items_under_the_names_of_the_caller() {
    let (provider, world, access) = with_able_model(&["tools"]).await;
    let begins = |index: u32, name: &str, arguments: &str| {
        let function = json!({"name": name, "arguments": arguments});
        json!({"tool_calls": [{"index": index, "id": format!("c{index}"), "type": "function", "function": function}]})
    };
    let goes_on =
        |index: u32, arguments: &str| json!({"tool_calls": [{"index": index, "function": {"arguments": arguments}}]});
    let chunks = [
        providers::chunk(&json!({"reasoning_content": "Hm."}), None),
        providers::chunk(&json!({"content": "I look."}), None),
        providers::chunk(&begins(0, "look", ""), None),
        providers::chunk(&goes_on(0, "{\"x\":"), None),
        providers::chunk(&begins(1, "n__patch", "{\"input\":"), None),
        providers::chunk(&goes_on(0, "1}"), None),
        providers::chunk(&goes_on(1, "\"-a\\n\"}"), Some("tool_calls")),
    ];
    providers::answer(&provider, providers::streams(&chunks)).await;
    let ask = |stream: bool| {
        let mut body = response_body(stream);
        body["model"] = json!("m");
        body["tools"] = json!([
            {"type": "function", "name": "look", "parameters": {"type": "object"}},
            {"type": "namespace", "name": "n", "description": "", "tools": [{"type": "custom", "name": "patch"}]},
        ]);
        Request::post(RESPONSES).json(&body).bearer(&access)
    };
    let parts = |output: &Value| {
        let item = |item: &Value| {
            let members =
                ["type", "status", "summary", "content", "call_id", "namespace", "name", "arguments", "input"];
            let there = members.into_iter().filter_map(|member| Some((member.to_owned(), item.get(member)?.clone())));
            Value::Object(there.collect())
        };
        output.as_array().unwrap().iter().map(item).collect::<Vec<_>>()
    };
    let text = json!({"type": "output_text", "text": "I look.", "annotations": [], "logprobs": []});
    let expected = [
        json!({"type": "reasoning", "status": "completed", "summary": [{"type": "summary_text", "text": "Hm."}]}),
        json!({"type": "message", "status": "completed", "content": [text]}),
        json!({"type": "function_call", "status": "completed", "call_id": "c0", "name": "look", "arguments": "{\"x\":1}"}),
        json!({"type": "custom_tool_call", "status": "completed", "call_id": "c1", "namespace": "n", "name": "patch", "input": "-a\n"}),
    ];
    let whole = world.stack.send(ask(false)).await.json();
    assert_eq!((parts(&whole["output"]), &whole["status"]), (expected.to_vec(), &json!("completed")));
    let events = data_of_events(&world.stack.send(ask(true)).await.body);
    assert_eq!(parts(&last_response(&events)["output"]), expected);
    let ended: Vec<Value> =
        events_of(&events, "response.output_item.done").iter().map(|event| event["item"].clone()).collect();
    assert_eq!(parts(&json!(ended)), expected);
    let arguments = events_of(&events, "response.function_call_arguments.delta");
    assert_eq!(arguments.iter().map(|event| event["delta"].as_str().unwrap()).collect::<String>(), "{\"x\":1}");
    let [input] = &events_of(&events, "response.custom_tool_call_input.done")[..] else { panic!("{events:?}") };
    assert_eq!((&input["input"], &input["output_index"]), (&json!("-a\n"), &json!(3)));
    kinds(&events);
}

/// The requests of Codex, recorded on 2026-11-27 with version 0.171.0, with long texts cut.
fn requests_of_codex() -> Vec<(String, Value)> {
    let folder = workspace_root().join("functions/tests/fixtures/codex");
    let mut files: Vec<_> = fs::read_dir(folder).unwrap().map(|file| file.unwrap().path()).collect();
    files.sort();
    let request = |path: &std::path::PathBuf| {
        let recorded: Value = serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap();
        (path.file_name().unwrap().to_string_lossy().into_owned(), recorded["body"].clone())
    };
    files.iter().map(request).collect()
}

/// The functions and the custom tools in `tools`, those of namespaces among them.
fn offered(tools: &Value) -> usize {
    let kinds = |tool: &Value| match tool["type"].as_str().unwrap() {
        "namespace" => offered(&tool["tools"]),
        "function" | "custom" => 1,
        "tool_search" => usize::from(tool["execution"] == "client"),
        _ => 0,
    };
    tools.as_array().map_or(0, |tools| tools.iter().map(kinds).sum())
}

#[tokio::test]
async fn what_codex_sends_is_accepted_and_arrives_at_the_model() {
    let (provider, world, access) = with_able_model(&["tools", "json_schema", "images", "reasoning"]).await;
    providers::answer(&provider, providers::streams(&[providers::chunk(&json!({"content": "Hi"}), Some("stop"))]))
        .await;
    let recorded = requests_of_codex();
    assert!(recorded.len() >= 8);
    for (name, mut body) in recorded {
        body["model"] = json!("m");
        let answer = world.stack.send(Request::post(RESPONSES).json(&body).bearer(&access)).await;
        assert_eq!(answer.status, 200, "{name}: {}", answer.body);
        assert_eq!(text_of(&data_of_events(&answer.body)), "Hi", "{name}");
        let sent = sent(&provider).await;
        let items = body["input"].as_array().unwrap();
        let among_items: usize = items.iter().map(|item| offered(&item["tools"])).sum();
        assert_eq!(sent["tools"].as_array().unwrap().len(), offered(&body["tools"]) + among_items, "{name}");
        let count =
            |kinds: &[&str]| items.iter().filter(|item| kinds.contains(&item["type"].as_str().unwrap())).count();
        let arrived = |member: &str| {
            let messages = sent["messages"].as_array().unwrap().iter();
            messages
                .map(|message| message[member].as_array().map_or(usize::from(!message[member].is_null()), Vec::len))
                .sum::<usize>()
        };
        assert_eq!(arrived("tool_calls"), count(&["function_call", "custom_tool_call", "tool_search_call"]), "{name}");
        assert_eq!(
            arrived("tool_call_id"),
            count(&["function_call_output", "custom_tool_call_output", "tool_search_output"]),
            "{name}"
        );
        assert_eq!(arrived("reasoning_content"), count(&["reasoning"]), "{name}");
        assert_eq!(
            (&sent["reasoning_effort"], &sent["verbosity"]),
            (&body["reasoning"]["effort"], &body["text"]["verbosity"])
        );
        for item in items.iter().filter(|item| item["type"] == "message") {
            for part in item["content"].as_array().unwrap() {
                let text = serde_json::to_string(&part["text"]).unwrap();
                assert!(sent["messages"].to_string().contains(text.trim_matches('"')), "{name}: {text}");
            }
        }
    }
}

#[tokio::test]
async fn a_model_that_fails_costs_nothing_and_its_words_are_repeated_nowhere() {
    let (provider, chatting) = with_openai(&[]).await;
    let secret = ResponseTemplate::new(400).set_body_json(json!({"error": {"message": "a secret"}}));
    for (answer, status, code) in [
        (secret, 400, "model_refused"),
        (providers::refuses(500), 502, "model_failed"),
        (providers::refuses(503), 503, "unavailable"),
        (providers::refuses(429), 429, "rate_limit_exceeded"),
    ] {
        providers::answer(&provider, answer).await;
        for stream in [false, true] {
            let answer = chatting.world.stack.send(chatting.response(stream)).await;
            assert!(!answer.body.contains("a secret"));
            if stream && status == 502 {
                // Codex repeats after the status, and stops after this code.
                let events = data_of_events(&answer.body);
                let [.., error, failed] = &events[..] else { panic!("{answer:?}") };
                assert_eq!((answer.status, &error["error"]["code"]), (200, &json!(code)));
                let told = &failed["response.failed"]["response"]["error"]["code"];
                assert_eq!(told, "invalid_prompt");
                continue;
            }
            assert_eq!(refusal(&answer), (status, code.to_owned()));
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
    for request in [response(false), response(true), completion(false), completion(true), chat()] {
        let before = world.balance(&access).await.0.as_u64().unwrap();
        assert_eq!(world.stack.send(request.bearer(&access)).await.status, 200);
        costs.push(before - world.balance(&access).await.0.as_u64().unwrap());
    }
    assert!(costs[0] > 0 && costs.iter().all(|cost| *cost == costs[0]), "{costs:?}");
}
