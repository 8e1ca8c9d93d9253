//! `/v1/completions`: OpenAI's older protocol, and what an answer costs in it.

use serde_json::{Value, json};
use testkit::gateway::Request;

use crate::events::data_of_events;
use crate::providers::{self, with_openai};
use crate::refusals::{refused_by_openai, status_and_openai_code};
use crate::requests::{TEXT_COMPLETIONS, completion, text_completion, text_completion_body};
use crate::world::{Tokens, World};

/// The text of a streamed answer.
fn text_of(events: &[Value]) -> String {
    events.iter().filter_map(|event| event["choices"][0]["text"].as_str()).collect()
}

#[tokio::test]
async fn a_text_is_charged_once_whole_and_streamed_and_stored_if_it_asks_for_that() {
    for (stream, store) in [(false, false), (true, false), (false, true), (true, true)] {
        let (world, Tokens { access, .. }) = World::with_ada(10, &[("MESSAGE_COST", "3")]).await;
        let mut asked = text_completion_body(stream);
        asked["store"] = json!(store);
        let response = world.stack.send(Request::post(TEXT_COMPLETIONS).json(&asked).bearer(&access)).await;
        assert_eq!(response.status, 200, "{response:?}");
        assert_eq!(world.balance(&access).await, (json!(7), "0".to_owned()));
        let [entry] = &world.chats().await[..] else { panic!("not one chat") };
        let id = entry["sk"]["S"].as_str().unwrap().strip_prefix("ENTRY#").unwrap().to_owned();
        assert_eq!(response.headers["x-message-id"], id);
        assert!(response.body.contains(&format!("cmpl-{id}")));
        assert_eq!(response.headers.contains_key("x-token-cost"), !stream, "the price of a stream comes at its end");
        let stored = if store { vec![("Hello".to_owned(), "Dummy Response".to_owned())] } else { Vec::new() };
        assert_eq!(world.stored_exchanges(&access).await, stored);
    }
}

#[tokio::test]
async fn a_streamed_answer_says_and_costs_the_same_as_a_whole_one_and_as_chat_completions() {
    let settings = [("PRICING", "usage"), ("INPUT_COST", "500000"), ("OUTPUT_COST", "900000")];
    let (world, Tokens { access, .. }) = World::with_ada(1_000_000, &settings).await;
    let whole = world.stack.send(text_completion(false).bearer(&access)).await.json();
    let mut asked = text_completion_body(true);
    asked["stream_options"] = json!({"include_usage": true});
    let streamed = world.stack.send(Request::post(TEXT_COMPLETIONS).json(&asked).bearer(&access)).await;
    let events = data_of_events(&streamed.body);
    assert_eq!(text_of(&events), whole["choices"][0]["text"].as_str().unwrap());
    let [.., finish, usage, done] = &events[..] else { panic!("{events:?}") };
    assert_eq!(finish["choices"][0]["finish_reason"], whole["choices"][0]["finish_reason"]);
    assert_eq!((&usage["usage"], done), (&whole["usage"], &json!("[DONE]")));
    let chat = world.stack.send(completion(false).bearer(&access)).await.json();
    assert!(whole["usage"]["cost"].as_u64().unwrap() > 0);
    assert_eq!(chat["usage"], whole["usage"]);
}

#[tokio::test]
async fn a_text_arrives_as_one_message_of_the_user_with_what_bears_on_the_words() {
    let (provider, chatting) = with_openai(&[]).await;
    providers::answer(&provider, providers::streams(&[providers::chunk(&json!({"content": "Hi"}), Some("stop"))]))
        .await;
    for prompt in [json!("Once upon"), json!(["Once upon"])] {
        let body = json!({
            "model": "some-model", "prompt": prompt, "max_tokens": 7, "temperature": 0.5, "stop": ["END"], "seed": 3,
            "logit_bias": {"7": -100}, "suffix": null, "echo": false, "user": "u-1", "unknown": true,
        });
        let request = Request::post(TEXT_COMPLETIONS).json(&body).bearer(&chatting.access);
        let answer = chatting.world.stack.send(request).await;
        assert_eq!((answer.status, &answer.json()["choices"][0]["text"]), (200, &json!("Hi")));
        let requests = provider.received_requests().await.unwrap();
        let sent: Value = requests.last().unwrap().body_json().unwrap();
        assert_eq!(sent["messages"], json!([{"role": "user", "content": "Once upon"}]));
        assert_eq!((&sent["temperature"], &sent["seed"], &sent["stop"]), (&json!(0.5), &json!(3), &json!(["END"])));
        assert_eq!(sent["logit_bias"], json!({"7": -100.0}));
        for left_out in ["prompt", "suffix", "echo", "user", "unknown"] {
            assert!(sent.get(left_out).is_none(), "{left_out}: {sent}");
        }
    }
}

#[tokio::test]
async fn reasoning_is_left_out_and_paid_and_a_refusal_is_a_part_of_the_text() {
    let (provider, chatting) = with_openai(&[]).await;
    let chunks = [
        providers::chunk(&json!({"reasoning_content": "Hm."}), None),
        providers::chunk(&json!({"content": "Well. "}), None),
        providers::chunk(&json!({"refusal": "I cannot."}), Some("content_filter")),
    ];
    providers::answer(&provider, providers::streams(&chunks)).await;
    let whole = chatting.world.stack.send(chatting.text_completion(false)).await.json();
    let choice = &whole["choices"][0];
    assert_eq!((&choice["text"], &choice["finish_reason"]), (&json!("Well. I cannot."), &json!("content_filter")));
    let streamed = chatting.world.stack.send(chatting.text_completion(true)).await;
    assert!(!streamed.body.contains("Hm."));
    assert_eq!(text_of(&data_of_events(&streamed.body)), "Well. I cannot.");
    assert_eq!(chatting.chats().await.len(), 2);
}

#[tokio::test]
async fn several_texts_share_one_prompt_and_one_bill() {
    let (provider, chatting) = with_openai(&[]).await;
    let other = |mut chunk: Value| {
        chunk["choices"][0]["index"] = json!(1);
        chunk
    };
    let chunks = [
        providers::chunk(&json!({"content": "a"}), None),
        other(providers::chunk(&json!({"content": "b"}), Some("length"))),
        providers::chunk(&json!({}), Some("stop")),
    ];
    providers::answer(&provider, providers::streams(&chunks)).await;
    let ask = |stream: bool| {
        let body = json!({"model": "some-model", "prompt": "Hello", "n": 2, "stream": stream});
        Request::post(TEXT_COMPLETIONS).json(&body).bearer(&chatting.access)
    };
    let whole = chatting.world.stack.send(ask(false)).await.json();
    let choices: Vec<_> = whole["choices"].as_array().unwrap().iter().map(|choice| choice["text"].clone()).collect();
    assert_eq!(choices, ["a", "b"]);
    let events = data_of_events(&chatting.world.stack.send(ask(true)).await.body);
    let ends = events.iter().filter(|event| event["choices"][0]["finish_reason"].is_string());
    let ends: Vec<_> = ends.map(|event| event["choices"][0]["finish_reason"].clone()).collect();
    assert_eq!(ends, ["stop", "length"]);
    let with_key = ask(false).header("Idempotency-Key", "8e03978e");
    let refused = refused_by_openai(&chatting.world, with_key, 400, "unsupported_parameter").await;
    assert_eq!(refused.json()["error"]["param"], "n");
}

#[tokio::test]
async fn the_same_key_gets_the_same_answer_whole_or_streamed_and_costs_once() {
    for first_is_streamed in [false, true] {
        let (world, Tokens { access, .. }) = World::with_ada(10, &[("MESSAGE_COST", "10")]).await;
        let ask = |stream: bool| text_completion(stream).bearer(&access).header("Idempotency-Key", "8e03978e");
        let first = world.stack.send(ask(first_is_streamed)).await;
        assert_eq!((first.status, first.headers.contains_key("idempotent-replayed")), (200, false));
        let (whole, streamed) = (world.stack.send(ask(false)).await, world.stack.send(ask(true)).await);
        for again in [&whole, &streamed] {
            assert_eq!((again.status, again.headers["idempotent-replayed"].as_str()), (200, "true"));
            assert_eq!(again.headers["x-message-id"], first.headers["x-message-id"]);
        }
        assert_eq!(whole.json()["choices"][0]["text"], "Dummy Response");
        assert_eq!((whole.headers["x-token-cost"].as_str(), whole.headers["x-token-balance"].as_str()), ("10", "0"));
        assert_eq!(text_of(&data_of_events(&streamed.body)), "Dummy Response");
        // The same words at another door are another question.
        let elsewhere = completion(false).bearer(&access).header("Idempotency-Key", "8e03978e");
        refused_by_openai(&world, elsewhere, 422, "idempotency_mismatch").await;
        assert_eq!(world.chats().await.len(), 1);
    }
}

#[tokio::test]
async fn a_text_costs_no_more_than_its_bound_and_one_that_is_too_low_is_refused() {
    let settings = [("PRICING", "usage"), ("INPUT_COST", "1000"), ("OUTPUT_COST", "1000000")];
    let (world, Tokens { access, .. }) = World::with_ada(1_000_000, &settings).await;
    let ask = |max_cost: u64| {
        let mut body = text_completion_body(false);
        body["max_cost"] = json!(max_cost);
        Request::post(TEXT_COMPLETIONS).json(&body).bearer(&access)
    };
    let refused = refused_by_openai(&world, ask(0), 400, "invalid_value").await;
    assert_eq!(refused.json()["error"]["param"], "max_cost");
    let paid = world.stack.send(ask(20_000)).await;
    assert_eq!(paid.status, 200, "{paid:?}");
    assert!(paid.json()["usage"]["cost"].as_u64().unwrap() <= 20_000);
}

#[tokio::test]
async fn what_cannot_be_honoured_is_refused_by_name_before_anything_is_held() {
    let (world, Tokens { access, .. }) = World::with_ada(10, &[]).await;
    for (name, value, status, code) in [
        ("model", json!("gpt-5"), 404, "model_not_found"),
        ("prompt", json!(null), 400, "missing_required_parameter"),
        ("prompt", json!([9906]), 400, "unsupported_parameter"),
        ("prompt", json!(["Hello", "Hi"]), 400, "unsupported_parameter"),
        ("suffix", json!("end"), 400, "unsupported_parameter"),
        ("best_of", json!(2), 400, "unsupported_parameter"),
        ("echo", json!(true), 400, "unsupported_parameter"),
        ("logprobs", json!(5), 400, "unsupported_parameter"),
        ("n", json!(2), 400, "unsupported_parameter"),
        ("max_tokens", json!(0), 400, "invalid_value"),
    ] {
        let mut asked = text_completion_body(false);
        asked[name] = value;
        let request = Request::post(TEXT_COMPLETIONS).json(&asked).bearer(&access);
        let response = refused_by_openai(&world, request, status, code).await;
        assert_eq!(response.json()["error"]["param"], name);
    }
    let prompt = json!({"model": "dummy", "prompt": "x".repeat(200_000)});
    let too_long = Request::post(TEXT_COMPLETIONS).json(&prompt).bearer(&access);
    let too_long = refused_by_openai(&world, too_long, 400, "context_length_exceeded").await;
    assert_eq!(too_long.json()["error"]["param"], "prompt", "it is named as this protocol names it");
}

#[tokio::test]
async fn what_broke_off_is_charged_and_a_model_that_failed_costs_nothing() {
    let (world, Tokens { access, .. }) = World::with_ada(10, &[("DUMMY_FAILURE", "cut"), ("MESSAGE_COST", "3")]).await;
    let events = data_of_events(&world.stack.send(text_completion(true).bearer(&access)).await.body);
    assert_eq!(
        (text_of(&events).as_str(), &events.last().unwrap()["error"]["code"]),
        ("Dummy", &json!("model_broke_off"))
    );
    let whole = world.stack.send(text_completion(false).bearer(&access)).await.json();
    assert_eq!(
        (&whole["choices"][0]["text"], &whole["choices"][0]["finish_reason"]),
        (&json!("Dummy"), &json!("length"))
    );
    assert_eq!(world.balance(&access).await, (json!(4), "0".to_owned()));
    let (world, Tokens { access, .. }) = World::with_ada(10, &[("DUMMY_FAILURE", "error")]).await;
    for stream in [false, true] {
        let response = world.stack.send(text_completion(stream).bearer(&access)).await;
        assert_eq!(status_and_openai_code(&response), (502, json!("model_failed")));
        assert_eq!(response.headers["x-should-retry"], "false");
    }
    assert_eq!(world.balance(&access).await, (json!(10), "0".to_owned()));
}

#[tokio::test]
async fn whoever_does_not_prove_who_they_are_or_cannot_pay_gets_nothing() {
    let (world, Tokens { access, .. }) = World::with_ada(10, &[("MESSAGE_COST", "11")]).await;
    for stream in [false, true] {
        refused_by_openai(&world, text_completion(stream), 401, "invalid_api_key").await;
        refused_by_openai(&world, text_completion(stream).bearer("garbage"), 401, "invalid_api_key").await;
        let poor = refused_by_openai(&world, text_completion(stream).bearer(&access), 402, "insufficient_quota").await;
        let error = &poor.json()["error"];
        assert_eq!((&error["balance"], &error["cost"]), (&json!(10), &json!(11)));
    }
}
