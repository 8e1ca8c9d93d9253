//! Models of Amazon Bedrock, which are asked by Converse: what arrives there, what comes back, and what it costs.

use serde_json::{Value, json};
use testkit::gateway::Request;
use wiremock::matchers::{method, path};
use wiremock::{Mock, MockServer, ResponseTemplate};

use crate::providers::{Chatting, arrived, request};
use crate::refusals::refused_by_openai;
use crate::requests::{COMPLETIONS, QUOTE, model};
use crate::world::{Tokens, World};

/// Fifty turns of tools are worth 38,539 credits at the most.
const BALANCE: u64 = 100_000;

const MODEL_ID: &str = "us.anthropic.claude-haiku-4-5-20251001-v1:0";

/// Claude as `claude`, which is asked whole where there are tools, and a model of which nobody knows more as `other`. A
/// token costs a credit, one from the cache two, and one to the cache three.
fn catalogue() -> Value {
    let prices = json!({"input": 1_000_000, "cached_input": 2_000_000, "cache_write": 3_000_000, "output": 1_000_000});
    let model = |id: &str, provider_model: &str| {
        let more = json!({
            "provider": "aws",
            "provider_model": provider_model,
            "prices": prices,
            "context_tokens": 100_000,
            "max_output_tokens": 4096,
            "takes": ["tools", "json_schema", "reasoning"],
            "streams": "text_only",
        });
        model(id, &more)
    };
    let mut claude = model("claude", MODEL_ID);
    claude["guardrail"] = json!({"id": "gr1abc", "version": "DRAFT"});
    json!({
        "providers": {"aws": {"protocol": "bedrock", "region": "eu-central-1"}},
        "models": [claude, model("other", "some.model-v1:0")],
    })
}

/// Bedrock, and somebody who may ask its models.
async fn with_bedrock() -> (MockServer, Chatting) {
    let bedrock = MockServer::start().await;
    let (world, Tokens { access, .. }) =
        World::with_ada(BALANCE, &[("AWS_ENDPOINT_URL_BEDROCK_RUNTIME", &bedrock.uri())]).await;
    world.put_catalogue(Some(&catalogue())).await;
    (bedrock, Chatting { world, access })
}

async fn answer(bedrock: &MockServer, content: &Value, reason: &str) {
    bedrock.reset().await;
    let usage = json!({
        "inputTokens": 30, "outputTokens": 20, "totalTokens": 57, "cacheReadInputTokens": 4, "cacheWriteInputTokens": 3,
    });
    let message = json!({"role": "assistant", "content": content});
    let answer = json!({"output": {"message": message}, "stopReason": reason, "usage": usage});
    let converse = path(format!("/model/{}/converse", MODEL_ID.replace(':', "%3A")));
    let response = ResponseTemplate::new(200).set_body_json(answer);
    Mock::given(method("POST")).and(converse).respond_with(response).mount(bedrock).await;
}

fn weather() -> Value {
    json!({
        "type": "function",
        "function": {
            "name": "weather",
            "description": "The weather of a city.",
            "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
            "strict": true,
        },
    })
}

fn asked(messages: &Value, more: &Value) -> Value {
    let mut body = json!({"model": "claude", "messages": messages, "tools": [weather()]});
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    body
}

/// The whole body that arrives is compared: nothing is passed on that is not on the list.
#[tokio::test]
async fn a_loop_of_calls_and_results_goes_through_converse_and_costs_what_bedrock_counts() {
    let (bedrock, chatting) = with_bedrock().await;
    let question = json!({"role": "user", "content": "How warm is it in Turin?"});
    let more = json!({
        "tool_choice": "auto",
        "reasoning_effort": "low",
        "user": "u-1",
        "metadata": {"a": "b"},
        "plugins": [{"id": "web"}],
        "service_tier": "auto",
    });
    let called = json!({"toolUseId": "tooluse_1", "name": "weather", "input": {"city": "Turin"}});
    let reasoning = json!({"reasoningContent": {"reasoningText": {"text": "A city.", "signature": "c2ln"}}});
    answer(&bedrock, &json!([reasoning, {"toolUse": called}]), "tool_use").await;
    let response = chatting.world.stack.send(request(&chatting, &asked(&json!([question]), &more))).await;
    let choice = response.json()["choices"][0].clone();
    let arguments = r#"{"city":"Turin"}"#;
    let calls =
        json!([{"id": "tooluse_1", "type": "function", "function": {"name": "weather", "arguments": arguments}}]);
    assert_eq!((&choice["message"]["tool_calls"], &choice["finish_reason"]), (&calls, &json!("tool_calls")));
    assert_eq!(choice["message"]["reasoning_content"], "A city.");
    // 30 tokens, 4 from the cache, 3 to the cache, and 20 of output.
    assert_eq!(response.headers["x-token-cost"], (30 + 4 * 2 + 3 * 3 + 20).to_string());
    assert_eq!(response.json()["usage"]["prompt_tokens"], 37);

    let function = &weather()["function"];
    let tool = json!({
        "name": "weather",
        "description": "The weather of a city.",
        "inputSchema": {"json": function["parameters"]},
        "strict": true,
    });
    let point = json!({"cachePoint": {"type": "default"}});
    let mut expected = json!({
        "messages": [{"role": "user", "content": [{"text": "How warm is it in Turin?"}, point]}],
        "inferenceConfig": {"maxTokens": 4096},
        "toolConfig": {"tools": [{"toolSpec": tool}], "toolChoice": {"auto": {}}},
        "guardrailConfig": {"guardrailIdentifier": "gr1abc", "guardrailVersion": "DRAFT", "trace": "disabled"},
        "additionalModelRequestFields": {"thinking": {"type": "enabled", "budget_tokens": 1024}},
    });
    assert_eq!(arrived(&bedrock).await, expected);

    answer(&bedrock, &json!([{"text": "Warm."}]), "end_turn").await;
    let result = json!({"role": "tool", "tool_call_id": "tooluse_1", "content": "21"});
    let messages = json!([question, choice["message"], result]);
    let response = chatting.world.stack.send(request(&chatting, &asked(&messages, &more))).await;
    assert_eq!(response.json()["choices"][0]["message"]["content"], "Warm.");
    let called = json!({"toolUseId": "call_0", "name": "weather", "input": {"city": "Turin"}});
    let result = json!({"toolUseId": "call_0", "content": [{"text": "21"}]});
    expected["messages"] = json!([
        {"role": "user", "content": [{"text": "How warm is it in Turin?"}]},
        {"role": "assistant", "content": [{"toolUse": called}]},
        {"role": "user", "content": [{"toolResult": result}, point]},
    ]);
    expected.as_object_mut().unwrap().remove("additionalModelRequestFields");
    assert_eq!(arrived(&bedrock).await, expected);
}

/// An agent's session, at whose end the model may call nothing.
#[tokio::test]
async fn fifty_turns_with_tools_end_without_them() {
    let (bedrock, chatting) = with_bedrock().await;
    answer(&bedrock, &json!([{"text": "Done."}]), "end_turn").await;
    let mut messages = vec![json!({"role": "user", "content": "Go on."})];
    for turn in 0..50 {
        let function = json!({"name": "weather", "arguments": "{}"});
        let calls = json!([{"id": format!("call/{turn}"), "type": "function", "function": function}]);
        messages.push(json!({"role": "assistant", "content": null, "tool_calls": calls}));
        messages.push(json!({"role": "tool", "tool_call_id": format!("call/{turn}"), "content": turn.to_string()}));
    }
    for (choice, has_blocks) in [("auto", true), ("none", false)] {
        let body = asked(&json!(messages), &json!({"tool_choice": choice}));
        let response = chatting.world.stack.send(request(&chatting, &body)).await;
        assert_eq!(response.json()["choices"][0]["message"]["content"], "Done.", "{response:?}");
        let sent = arrived(&bedrock).await;
        let sent_messages = sent["messages"].as_array().unwrap();
        assert_eq!(sent_messages.len(), 101);
        assert_eq!(sent.get("toolConfig").is_some(), has_blocks);
        let last = &sent_messages[100]["content"][0];
        if has_blocks {
            assert_eq!(last["toolResult"], json!({"toolUseId": "call_49", "content": [{"text": "49"}]}));
        } else {
            assert_eq!(last["text"], "[Result of weather: 49]");
        }
    }
}

#[tokio::test]
async fn a_parameter_that_converse_or_the_model_cannot_be_told_is_refused_before_anything_is_held() {
    let (bedrock, chatting) = with_bedrock().await;
    let question = json!([{"role": "user", "content": "Hello"}]);
    for (more, parameter) in [
        (json!({"seed": 1}), "seed"),
        (json!({"temperature": 1.5}), "temperature"),
        (json!({"parallel_tool_calls": false}), "parallel_tool_calls"),
        (json!({"response_format": {"type": "json_object"}}), "response_format"),
        (json!({"verbosity": "low"}), "verbosity"),
        (json!({"reasoning_effort": "low", "temperature": 0.5}), "temperature"),
        (json!({"reasoning_effort": "enormous"}), "reasoning_effort"),
        (json!({"reasoning_effort": "low", "model": "other"}), "reasoning_effort"),
    ] {
        let body = asked(&question, &more);
        for address in [COMPLETIONS, QUOTE] {
            let request = Request::post(address).json(&body).bearer(&chatting.access);
            let refusal = refused_by_openai(&chatting.world, request, 400, "unsupported_parameter").await.json();
            assert_eq!(refusal["error"]["param"], parameter);
        }
    }
    assert!(bedrock.received_requests().await.unwrap().is_empty());
    assert_eq!(chatting.balance().await, (json!(BALANCE), "0".to_owned()));
}
