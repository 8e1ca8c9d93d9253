//! Tools, forms of the reply and reasoning, passed on to a provider of OpenAI's protocol: what arrives there, what comes
//! back, and what it costs.

use serde_json::{Value, json};
use testkit::gateway::Request;
use wiremock::{MockServer, ResponseTemplate};

use crate::events::data_of_events;
use crate::providers::{Chatting, answer, arrived, ask, chunk, request, streams, with_openai};
use crate::refusals::refused_by_openai;
use crate::requests::{COMPLETIONS, catalogue_of_dummies, model};
use crate::world::{Tokens, World};

const QUESTION: &str = "How warm is it in Turin and in Oslo?";

/// A tool, with a schema in which nothing may change: neither the order of members nor a number.
fn weather() -> Value {
    json!({
        "type": "function",
        "function": {
            "name": "weather",
            "description": "The weather of a city.",
            "parameters": {
                "type": "object",
                "properties": {"city": {"type": "string"}, "days": {"type": "number", "multipleOf": 0.5}},
                "required": ["city"],
            },
            "strict": false,
        },
    })
}

fn call(id: &str, city: &str) -> Value {
    let arguments = json!({"city": city}).to_string();
    json!({"id": id, "type": "function", "function": {"name": "weather", "arguments": arguments}})
}

fn asked(more: &Value) -> Value {
    let mut body = json!({
        "model": "some-model",
        "messages": [{"role": "user", "content": QUESTION}],
        "tools": [weather()],
    });
    for (name, value) in more.as_object().unwrap() {
        body[name] = value.clone();
    }
    body
}

/// The provider's stream of two calls, in pieces as servers cut them.
fn calls_in_pieces() -> ResponseTemplate {
    let part = |call: Value| chunk(&json!({"tool_calls": [call]}), None);
    let first = |index: u32, id: &str| {
        part(json!({"index": index, "id": id, "type": "function", "function": {"name": "weather", "arguments": ""}}))
    };
    let next = |index: u32, arguments: &str| part(json!({"index": index, "function": {"arguments": arguments}}));
    streams(&[
        chunk(&json!({"role": "assistant", "content": null}), None),
        chunk(&json!({"reasoning_content": "Two "}), None),
        chunk(&json!({"reasoning_content": "cities."}), None),
        first(0, "c1"),
        next(0, "{\"city\":"),
        next(0, "\"Turin\"}"),
        first(1, "c2"),
        next(1, "{\"city\":\"Oslo\"}"),
        chunk(&json!({}), Some("tool_calls")),
        json!({"choices": [], "usage": {"prompt_tokens": 90, "completion_tokens": 40, "total_tokens": 130}}),
    ])
}

/// The message of a stream, put together as OpenAI's clients do.
fn put_together(events: &[Value]) -> Value {
    let mut message = json!({"role": "assistant", "content": null, "refusal": null});
    let mut calls: Vec<Value> = Vec::new();
    for delta in events.iter().map(|event| &event["choices"][0]["delta"]) {
        for name in ["content", "reasoning_content"] {
            if let Some(text) = delta[name].as_str().filter(|text| !text.is_empty()) {
                message[name] = json!(message[name].as_str().unwrap_or_default().to_owned() + text);
            }
        }
        for call in delta["tool_calls"].as_array().into_iter().flatten() {
            let index = usize::try_from(call["index"].as_u64().unwrap()).unwrap();
            if index == calls.len() {
                calls.push(json!({"id": call["id"], "type": call["type"], "function": call["function"]}));
            } else {
                let arguments = &mut calls[index]["function"]["arguments"];
                *arguments =
                    json!(arguments.as_str().unwrap().to_owned() + call["function"]["arguments"].as_str().unwrap());
            }
        }
    }
    if !calls.is_empty() {
        message["tool_calls"] = json!(calls);
    }
    message
}

#[tokio::test]
async fn a_loop_of_calls_and_results_is_the_same_whole_and_streamed() {
    let prices = [("PRICING", "usage"), ("INPUT_COST", "1000"), ("OUTPUT_COST", "2000")];
    let (provider, chatting) = with_openai(&prices).await;
    for stream in [false, true] {
        let (before, _) = chatting.balance().await;
        answer(&provider, calls_in_pieces()).await;
        let response = ask(&chatting, &asked(&json!({"stream": stream, "tool_choice": "auto"}))).await;
        let (message, reason) = if stream {
            let events = data_of_events(&response.body);
            let [.., last, done] = &events[..] else { panic!("{events:?}") };
            assert_eq!(done, "[DONE]");
            (put_together(&events), last["choices"][0]["finish_reason"].clone())
        } else {
            let choice = response.json()["choices"][0].clone();
            (choice["message"].clone(), choice["finish_reason"].clone())
        };
        let expected = json!({
            "role": "assistant",
            "content": null,
            "refusal": null,
            "reasoning_content": "Two cities.",
            "tool_calls": [call("c1", "Turin"), call("c2", "Oslo")],
        });
        assert_eq!((&message, &reason), (&expected, &json!("tool_calls")), "stream: {stream}");
        let sent = arrived(&provider).await;
        assert_eq!((&sent["tools"], &sent["tool_choice"]), (&json!([weather()]), &json!("auto")));
        let (after, held) = chatting.balance().await;
        assert_eq!((before.as_u64().unwrap() - after.as_u64().unwrap(), held.as_str()), (90 + 2 * 40, "0"));

        answer(&provider, streams(&[chunk(&json!({"content": "Warm, and cold."}), Some("stop"))])).await;
        let result = |id: &str, content: &str| json!({"role": "tool", "tool_call_id": id, "content": content});
        let messages = json!([{"role": "user", "content": QUESTION}, message, result("c1", "21"), result("c2", "-3")]);
        let response = ask(&chatting, &asked(&json!({"stream": stream, "messages": messages}))).await;
        assert!(response.body.contains("Warm, and cold."), "{}", response.body);
        let sent = arrived(&provider).await;
        let [_, calling, first, second] = &sent["messages"].as_array().unwrap()[..] else { panic!("{sent}") };
        assert_eq!((&calling["content"], &calling["tool_calls"]), (&Value::Null, &expected["tool_calls"]));
        assert_eq!([first, second], [&result("c1", "21"), &result("c2", "-3")]);
    }
}

/// An agent's session, at whose end the model may call nothing. The whole body that arrives is compared.
#[tokio::test]
async fn fifty_turns_with_tools_arrive_as_they_were_sent() {
    let (provider, chatting) = with_openai(&[("MAX_OUTPUT_TOKENS", "100")]).await;
    answer(&provider, streams(&[chunk(&json!({"content": "Done."}), Some("stop"))])).await;
    let mut messages = vec![json!({"role": "user", "content": QUESTION})];
    for turn in 0..50 {
        let id = format!("call/{turn}");
        messages.push(json!({"role": "assistant", "content": null, "tool_calls": [call(&id, "Turin")]}));
        messages.push(json!({"role": "tool", "tool_call_id": id, "content": turn.to_string()}));
    }
    for choice in ["auto", "none"] {
        let response = ask(&chatting, &asked(&json!({"messages": messages, "tool_choice": choice}))).await;
        assert_eq!(response.json()["choices"][0]["message"]["content"], "Done.");
        let expected = json!({
            "model": "some-model",
            "messages": messages,
            "tools": [weather()],
            "tool_choice": choice,
            "max_tokens": 100,
            "stream": true,
            "stream_options": {"include_usage": true},
        });
        assert_eq!(arrived(&provider).await, expected);
    }
}

/// The whole body that arrives is compared: members that are not on the list are not passed on.
#[tokio::test]
async fn known_members_arrive_as_they_were_sent_and_unknown_ones_do_not() {
    let (provider, chatting) = with_openai(&[("MAX_OUTPUT_TOKENS", "100")]).await;
    answer(&provider, streams(&[chunk(&json!({"content": "{}"}), Some("stop"))])).await;
    let schema = json!({"type": "object", "properties": {"b": {"const": 1.5}, "a": {}}, "additionalProperties": false});
    let format = json!({
        "type": "json_schema",
        "json_schema": {"name": "cities", "description": "Cities.", "schema": schema, "strict": true},
    });
    let body = asked(&json!({
        "response_format": format,
        "tool_choice": {"type": "function", "function": {"name": "weather"}},
        "parallel_tool_calls": false,
        "reasoning_effort": "low",
        "verbosity": "low",
        "temperature": 0.5,
        "user": "u-1",
        "metadata": {"a": "b"},
        "service_tier": "auto",
        "plugins": [{"id": "web"}],
        "extra_body": {"n": 8},
        "models": ["a", "b"],
    }));
    let mut with_unknown = body.clone();
    with_unknown["tools"][0]["function"]["price"] = json!(0);
    with_unknown["tools"][0]["cache_control"] = json!({"type": "ephemeral"});
    with_unknown["messages"][0]["cache_control"] = json!({"type": "ephemeral"});
    ask(&chatting, &with_unknown).await;
    let expected = json!({
        "model": "some-model",
        "messages": [{"role": "user", "content": QUESTION}],
        "max_tokens": 100,
        "temperature": 0.5,
        "tools": [weather()],
        "tool_choice": {"type": "function", "function": {"name": "weather"}},
        "parallel_tool_calls": false,
        "response_format": format,
        "reasoning_effort": "low",
        "verbosity": "low",
        "stream": true,
        "stream_options": {"include_usage": true},
    });
    assert_eq!(arrived(&provider).await, expected);
    let received = provider.received_requests().await.unwrap();
    let text = String::from_utf8(received.last().unwrap().body.clone()).unwrap();
    assert!(text.contains(&schema.to_string()), "the schema has another form: {text}");
    ask(
        &chatting,
        &json!({"model": "some-model", "messages": [{"role": "user", "content": "Hi"}], "tool_choice": "none"}),
    )
    .await;
    let sent = arrived(&provider).await;
    assert!(["tools", "tool_choice", "response_format"].iter().all(|name| sent.get(name).is_none()), "{sent}");
}

#[tokio::test]
async fn a_model_that_does_not_take_a_parameter_refuses_it_before_anything_is_held() {
    let provider = MockServer::start().await;
    let chatting = Chatting::start(&[]).await;
    let mut catalogue = catalogue_of_dummies(&[("dummy", 1)]);
    catalogue["providers"]["p"] = json!({"protocol": "openai", "base_url": format!("{}/v1", provider.uri())});
    let models = catalogue["models"].as_array_mut().unwrap();
    models.extend([model("plain", &json!({})), model("tools", &json!({"takes": ["tools"]}))]);
    chatting.world.put_catalogue(Some(&catalogue)).await;
    let tools = json!({"tools": [weather()]});
    let schema = json!({"response_format": {"type": "json_schema", "json_schema": {"name": "a"}}});
    let result = json!({"messages": [
        {"role": "user", "content": QUESTION},
        {"role": "assistant", "tool_calls": [call("c", "Turin")]},
        {"role": "tool", "tool_call_id": "c", "content": "21"},
    ]});
    let object = json!({"response_format": {"type": "json_object"}});
    let effort = json!({"reasoning_effort": "low"});
    for (model, more, parameter) in [
        ("plain", &tools, "tools"),
        ("plain", &result, "tools"),
        ("plain", &schema, "response_format"),
        ("tools", &schema, "response_format"),
        ("plain", &effort, "reasoning_effort"),
        ("dummy", &tools, "tools"),
        ("dummy", &object, "response_format"),
    ] {
        for stream in [false, true] {
            let mut body =
                json!({"model": model, "messages": [{"role": "user", "content": QUESTION}], "stream": stream});
            for (name, value) in more.as_object().unwrap() {
                body[name] = value.clone();
            }
            let refusal = refused_by_openai(&chatting.world, request(&chatting, &body), 400, "unsupported_parameter")
                .await
                .json();
            let sentence = format!("'{parameter}' is not supported by the model '{model}'.");
            assert_eq!(
                (&refusal["error"]["param"], &refusal["error"]["message"]),
                (&json!(parameter), &json!(sentence))
            );
        }
    }
    assert!(provider.received_requests().await.unwrap().is_empty());
    assert_eq!(chatting.balance().await, (json!(5000), "0".to_owned()));
    assert!(chatting.chats().await.is_empty());
}

/// Bodies are compared byte by byte.
#[tokio::test]
async fn a_repetition_gets_the_same_calls_whole_and_streamed_and_costs_nothing() {
    let (provider, chatting) = with_openai(&[]).await;
    for (spent, store) in [(1, false), (2, true)] {
        answer(&provider, calls_in_pieces()).await;
        let key = format!("key-{store}");
        let send = async |stream: bool, tool: Value| {
            let body = asked(&json!({"stream": stream, "store": store, "tools": [tool]}));
            chatting.world.stack.send(request(&chatting, &body).header("Idempotency-Key", &key)).await
        };
        let first = send(false, weather()).await;
        let again = send(false, weather()).await;
        assert_eq!((first.status, &first.body), (200, &again.body));
        assert_eq!(again.headers["idempotent-replayed"], "true");
        assert_eq!(
            first.json()["choices"][0]["message"]["tool_calls"],
            json!([call("c1", "Turin"), call("c2", "Oslo")])
        );
        let streamed = data_of_events(&send(true, weather()).await.body);
        assert_eq!(put_together(&streamed), first.json()["choices"][0]["message"]);
        let mut other = weather();
        other["function"]["description"] = json!("Another one.");
        assert_eq!(send(false, other).await.status, 422);
        assert_eq!(provider.received_requests().await.unwrap().len(), 1);
        assert_eq!(chatting.balance().await, (json!(5000 - spent), "0".to_owned()));
    }
}

/// Whatever a provider counts, no more is charged than was held, and the words of the tools count towards that.
#[tokio::test]
async fn the_hold_covers_what_can_be_billed_of_a_request_with_tools() {
    let prices = [("PRICING", "usage"), ("INPUT_COST", "1000"), ("OUTPUT_COST", "1000"), ("MAX_OUTPUT_TOKENS", "100")];
    let (provider, chatting) = with_openai(&prices).await;
    let counted = json!({"choices": [], "usage": {"prompt_tokens": 1_000_000, "completion_tokens": 1_000_000}});
    answer(&provider, streams(&[chunk(&json!({"content": "Hi"}), Some("stop")), counted])).await;
    let plain = json!({"tools": []});
    let tools = json!({});
    let schema = json!({"response_format": {"type": "json_schema", "json_schema": {"name": "a", "schema": weather()}}});
    let mut charged = Vec::new();
    for more in [&plain, &tools, &schema] {
        let response = ask(&chatting, &asked(more)).await;
        let usage = response.json()["usage"].clone();
        assert_eq!(usage["completion_tokens"], 100);
        let cost: usize = response.headers["x-token-cost"].parse().unwrap();
        assert_eq!(json!(cost - 100), usage["prompt_tokens"]);
        charged.push(cost);
    }
    let function = &weather()["function"];
    let words = function["parameters"].to_string().len() + "weather".len() + "The weather of a city.".len();
    assert!(charged[1] >= charged[0] + words, "{charged:?}");
    assert!(charged[2] >= charged[1] + weather().to_string().len(), "{charged:?}");
    // A balance that covers the question without its tools does not cover it with them.
    let (world, Tokens { access, .. }) = World::with_ada(
        u64::try_from(charged[0]).unwrap() - 84,
        &[
            &prices[..],
            &[("MODEL", "openai"), ("MODEL_ID", "some-model"), ("OPENAI_BASE_URL", &format!("{}/v1", provider.uri()))],
        ]
        .concat(),
    )
    .await;
    let send =
        async |more: &Value| world.stack.send(Request::post(COMPLETIONS).json(&asked(more)).bearer(&access)).await;
    assert_eq!(send(&tools).await.status, 402);
    assert_eq!(send(&plain).await.status, 200);
}
