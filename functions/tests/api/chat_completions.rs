//! `/v1/chat/completions`: what an answer costs, whole and as it is written, and how refusals look to OpenAI's clients.

use std::process::Command;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};
use testkit::gateway::{Payload, Request};
use wiremock::ResponseTemplate;

use crate::events::data_of_events;
use crate::providers::{self, with_openai};
use crate::refusals::{refused_by_openai, status_and_openai_code};
use crate::requests::{
    COMPLETIONS, catalogue_of_dummies, chat, completion, completion_body, completion_by, end_api_key,
};
use crate::world::{Tokens, World};

/// Limit of the wait for a capture that needs no more than the model takes.
const LIMIT: Duration = Duration::from_secs(20);

/// The text of a streamed answer.
fn text_of(events: &[Value]) -> String {
    events.iter().filter_map(|event| event["choices"][0]["delta"]["content"].as_str()).collect()
}

#[tokio::test]
async fn a_completion_is_charged_and_stored_if_it_asks_for_that() {
    for (stream, store) in [(false, false), (true, false), (false, true), (true, true)] {
        let (world, Tokens { access, .. }) = World::with_ada(10, &[("MESSAGE_COST", "3")]).await;
        let mut asked = completion_body(stream);
        asked["store"] = json!(store);
        let response = world.stack.send(Request::post(COMPLETIONS).json(&asked).bearer(&access)).await;
        assert_eq!(response.status, 200);
        assert_eq!(world.balance(&access).await, (json!(7), "0".to_owned()));
        let [entry] = &world.chats().await[..] else { panic!("not one chat") };
        let id = entry["sk"]["S"].as_str().unwrap().strip_prefix("ENTRY#").unwrap().to_owned();
        assert_eq!(response.headers["x-message-id"], id);
        assert!(response.body.contains(&format!("chatcmpl-{id}")));
        let stored = if store { vec![("Hello".to_owned(), "Dummy Response".to_owned())] } else { Vec::new() };
        assert_eq!(world.stored_exchanges(&access).await, stored);
    }
}

#[tokio::test]
async fn a_program_asks_with_an_api_key_at_the_expense_of_whoever_made_it() {
    let (world, Tokens { access, .. }) = World::with_ada(10, &[("MESSAGE_COST", "3")]).await;
    let made = world.make_api_key(&access).await;
    assert_eq!(world.stack.send(Request::get("/v1/models").bearer(&made.key)).await.status, 200);
    assert_eq!(world.stack.send(completion(false).bearer(&made.key)).await.json()["object"], "chat.completion");
    assert!(world.stack.send(completion(true).bearer(&made.key)).await.body.ends_with("data: [DONE]\n\n"));
    assert_eq!(world.balance(&access).await, (json!(4), "0".to_owned()));
    let end = end_api_key(&made.id).bearer(&access);
    assert_eq!(world.stack.send(end).await.status, 204);
    for stream in [false, true] {
        refused_by_openai(&world, completion(stream).bearer(&made.key), 401, "invalid_api_key").await;
    }
    refused_by_openai(&world, Request::get("/v1/models").bearer(&made.key), 401, "invalid_api_key").await;
}

#[tokio::test]
async fn a_streamed_answer_says_the_same_as_a_whole_one() {
    let (world, Tokens { access, .. }) = World::with_ada(10, &[]).await;
    let whole = world.stack.send(completion(false).bearer(&access)).await.json();
    let mut asked = completion_body(true);
    asked["stream_options"] = json!({"include_usage": true});
    let streamed = world.stack.send(Request::post(COMPLETIONS).json(&asked).bearer(&access)).await;
    let events = data_of_events(&streamed.body);
    assert_eq!(text_of(&events), whole["choices"][0]["message"]["content"].as_str().unwrap());
    let [.., finish, usage, done] = &events[..] else { panic!("{events:?}") };
    assert_eq!(finish["choices"][0]["finish_reason"], whole["choices"][0]["finish_reason"]);
    assert_eq!(usage["usage"], whole["usage"]);
    assert_eq!(done, "[DONE]");
}

#[tokio::test]
async fn the_beginning_of_an_answer_is_read_while_the_model_still_thinks_about_its_end() {
    let (world, Tokens { access, .. }) =
        World::with_ada(10, &[("DUMMY_DELAY_MS", "2000"), ("MESSAGE_COST", "3")]).await;
    world.stack.function("token-balance").await;
    let mut stream = world.stack.stream(completion(true).bearer(&access)).await;
    assert_eq!(stream.prelude().await.unwrap()["statusCode"], 200);
    let mut events = String::new();
    while !events.contains("Dummy") {
        events += &stream.next().await.unwrap().unwrap();
    }
    assert!(!events.contains("Response"), "{events}");
    assert_eq!(world.balance(&access).await, (json!(7), "3".to_owned()), "it is not paid for yet");
    while let Some(part) = stream.next().await.unwrap() {
        events += &part;
    }
    assert_eq!(text_of(&data_of_events(&events)), "Dummy Response");
    assert_eq!(world.balance(&access).await, (json!(7), "0".to_owned()));
}

/// cargo-lambda gives no deadline, so a stream has the time of its setting, five minutes.
#[tokio::test]
async fn after_15_silent_seconds_a_comment_is_read_and_then_the_reply_or_the_error() {
    let settings = [("MESSAGE_COST", "3")];
    let silent = |answer: ResponseTemplate| async move {
        let (provider, chatting) = with_openai(&settings).await;
        providers::answer(&provider, answer.set_delay(Duration::from_secs(16))).await;
        let response = chatting.world.stack.send_as(chatting.completion(true), Payload::V2).await;
        assert_eq!(response.status, 200);
        let id = response.headers["x-message-id"].clone();
        let events = response.body.strip_prefix(": keep-alive\n\n").expect("the comment comes first").to_owned();
        (data_of_events(&events), id, chatting)
    };
    let says = providers::streams(&[providers::chunk(&json!({"content": "Hi"}), Some("stop"))]);
    let (replied, failed) = tokio::join!(silent(says), silent(ResponseTemplate::new(500)));
    let (events, id, chatting) = replied;
    assert_eq!((text_of(&events).as_str(), events.last().unwrap()), ("Hi", &json!("[DONE]")));
    assert_eq!(events[0]["model"], "some-model");
    assert_eq!(events[0]["id"], format!("chatcmpl-{id}"));
    assert_eq!(chatting.balance().await, (json!(4997), "0".to_owned()));
    let (events, _, chatting) = failed;
    assert_eq!((events.len(), &events[0]["error"]["code"]), (1, &json!("model_failed")));
    assert_eq!(chatting.balance().await, (json!(5000), "0".to_owned()));
    assert!(chatting.chats().await.is_empty());
}

#[tokio::test]
async fn what_a_model_delivered_before_it_broke_off_is_charged() {
    // By usage: a thousandth of 31 × 500 + 2 × 900, rounded up. The question has two tokens, and a template around it.
    for (pricing, cost) in [
        (&[("MESSAGE_COST", "3")][..], 3),
        (&[("PRICING", "usage"), ("INPUT_COST", "500"), ("OUTPUT_COST", "900")], 18),
    ] {
        let settings = [&[("DUMMY_FAILURE", "cut"), ("MAX_OUTPUT_TOKENS", "3"), ("MIN_OUTPUT_TOKENS", "3")], pricing];
        let world = World::start_with(&settings.concat()).await;
        world.register("ada", 100).await;
        let access = world.log_in("ada").await.access;
        let response = world.stack.send(completion(true).bearer(&access)).await;
        let events = data_of_events(&response.body);
        assert_eq!((response.status, text_of(&events).as_str()), (200, "Dummy"));
        let last = &events.last().unwrap()["error"];
        assert_eq!((&last["code"], &last["type"]), (&json!("model_broke_off"), &json!("server_error")));
        assert_eq!(world.balance(&access).await, (json!(100 - cost), "0".to_owned()), "{pricing:?}");
        let [entry] = &world.chats().await[..] else { panic!("not one chat") };
        assert_eq!(entry["finish_reason"]["S"], "broken_off");
    }
}

#[tokio::test]
async fn a_whole_answer_that_broke_off_is_what_the_model_had_written_and_is_charged() {
    let (world, Tokens { access, .. }) = World::with_ada(10, &[("DUMMY_FAILURE", "cut")]).await;
    let response = world.stack.send(completion(false).bearer(&access)).await;
    let choice = &response.json()["choices"][0];
    assert_eq!((response.status, &choice["finish_reason"]), (200, &json!("length")));
    assert_eq!(choice["message"]["content"], "Dummy");
    assert_eq!(world.balance(&access).await, (json!(9), "0".to_owned()));
}

#[tokio::test]
async fn where_a_model_delivers_nothing_nothing_is_charged_and_clients_are_told_not_to_repeat() {
    for (failure, streams) in [("error", "always"), ("panic", "always"), ("error", "never"), ("cut", "never")] {
        for stream in [false, true] {
            let settings = [("DUMMY_FAILURE", failure), ("MODEL_STREAMS", streams)];
            let (world, Tokens { access, .. }) = World::with_ada(10, &settings).await;
            let response = world.stack.send(completion(stream).bearer(&access)).await;
            assert_eq!(status_and_openai_code(&response), (502, json!("model_failed")), "{failure}");
            assert_eq!(response.headers["x-should-retry"], "false");
            assert_eq!(world.balance(&access).await, (json!(10), "0".to_owned()));
            assert!(world.chats().await.is_empty());
        }
    }
}

#[tokio::test]
async fn an_answer_is_the_same_if_the_model_is_never_asked_for_a_stream() {
    let (world, Tokens { access, .. }) = World::with_ada(10, &[("MODEL_STREAMS", "never")]).await;
    let whole = world.stack.send(completion(false).bearer(&access)).await.json();
    assert_eq!(whole["choices"][0]["message"]["content"], "Dummy Response");
    let events = data_of_events(&world.stack.send(completion(true).bearer(&access)).await.body);
    assert_eq!((events.len(), text_of(&events).as_str()), (4, "Dummy Response"), "{events:?}");
    assert_eq!(events[3], "[DONE]");
}

#[tokio::test]
async fn a_process_that_is_killed_while_it_streams_charges_nothing_and_its_hold_expires() {
    let (world, Tokens { access, .. }) =
        World::with_ada(10, &[("DUMMY_DELAY_MS", "2000"), ("MESSAGE_COST", "3")]).await;
    let mut stream = world.stack.stream(completion(true).bearer(&access)).await;
    stream.prelude().await.unwrap();
    stream.next().await.unwrap();
    let process = world.stack.function("chat-completions").await.process_id();
    assert!(Command::new("kill").args(["-9", &process.to_string()]).status().unwrap().success());
    while let Ok(Some(part)) = stream.next().await {
        assert!(!part.contains("[DONE]"), "{part}");
    }
    assert!(world.chats().await.is_empty());
    let items = world.items().await.into_values();
    let account = items.into_iter().find(|item| item["sk"]["S"] == "ACCOUNT").unwrap();
    let hold = account["holds"]["M"].as_object().unwrap().values().next().unwrap()["M"].clone();
    assert_eq!((&account["balance"]["N"], &hold["amount"]["N"]), (&json!("7"), &json!("3")));
    let expires_at: u64 = hold["expires_at"]["N"].as_str().unwrap().parse().unwrap();
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    assert!((now..now + 28 + 30).contains(&expires_at), "half a minute after the deadline: {expires_at}, now {now}");
}

#[tokio::test]
async fn a_stream_that_nobody_reads_to_its_end_is_charged() {
    let (world, Tokens { access, .. }) = World::with_ada(10, &[("DUMMY_DELAY_MS", "500")]).await;
    let mut stream = world.stack.stream(completion(true).bearer(&access)).await;
    stream.prelude().await.unwrap();
    drop(stream);
    let charged = async {
        while world.chats().await.is_empty() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(LIMIT, charged).await.unwrap();
    assert_eq!(world.balance(&access).await, (json!(9), "0".to_owned()));
}

#[tokio::test]
async fn the_same_key_gets_the_same_answer_whole_or_streamed_and_costs_once() {
    for first_is_streamed in [false, true] {
        let (world, Tokens { access, .. }) = World::with_ada(10, &[("MESSAGE_COST", "10")]).await;
        let first =
            world.stack.send(completion(first_is_streamed).bearer(&access).header("Idempotency-Key", "8e03978e")).await;
        assert_eq!((first.status, first.headers.contains_key("idempotent-replayed")), (200, false));
        let whole = world.stack.send(completion(false).bearer(&access).header("Idempotency-Key", "8e03978e")).await;
        let streamed = world.stack.send(completion(true).bearer(&access).header("Idempotency-Key", "8e03978e")).await;
        for again in [&whole, &streamed] {
            assert_eq!((again.status, again.headers["idempotent-replayed"].as_str()), (200, "true"));
            assert_eq!(again.headers["x-message-id"], first.headers["x-message-id"]);
        }
        assert_eq!(whole.json()["choices"][0]["message"]["content"], "Dummy Response");
        assert_eq!((whole.headers["x-token-cost"].as_str(), whole.headers["x-token-balance"].as_str()), ("10", "0"));
        let events = data_of_events(&streamed.body);
        assert_eq!((text_of(&events).as_str(), events.last().unwrap()), ("Dummy Response", &json!("[DONE]")));
        let same =
            if first_is_streamed { events[0] == data_of_events(&first.body)[0] } else { whole.body == first.body };
        assert!(same, "{first:?}");
        assert_eq!(world.chats().await.len(), 1);
    }
}

#[tokio::test]
async fn a_repetition_gets_its_answer_whatever_became_of_the_model() {
    let (world, Tokens { access, .. }) = World::with_ada(100, &[]).await;
    let catalogue = |model: &str, cost: u64| {
        let mut catalogue = catalogue_of_dummies(&[(model, cost)]);
        catalogue["models"][0]["aliases"] = json!(["best"]);
        catalogue
    };
    world.put_catalogue(Some(&catalogue("old", 3))).await;
    let ask = || completion_by("best", false).bearer(&access).header("Idempotency-Key", "8e03978e");
    let first = world.stack.send(ask()).await;
    assert_eq!((first.status, &first.json()["model"], &first.json()["usage"]["cost"]), (200, &json!("old"), &json!(3)));
    // The alias means another model, no model has the name, the settings name the model, no catalogue can be read.
    let broken = json!({"models": "none"});
    for catalogue in [Some(&catalogue("new", 5)), Some(&catalogue_of_dummies(&[("new", 5)])), None, Some(&broken)] {
        world.put_catalogue(catalogue).await;
        let again = world.send_to_new("chat-completions", ask()).await;
        assert_eq!((again.status, &again.body), (200, &first.body), "{catalogue:?}");
        assert_eq!(again.headers["idempotent-replayed"], "true");
    }
    let other = completion_by("best", false).bearer(&access).header("Idempotency-Key", "another");
    let unread = world.send_to_new("chat-completions", other).await;
    assert_eq!(status_and_openai_code(&unread), (503, json!("unavailable")));
    assert_eq!(world.chats().await.len(), 1);
}

#[tokio::test]
async fn a_request_ends_at_the_prices_that_it_began_with() {
    let (world, Tokens { access, .. }) = World::with_ada(100, &[("DUMMY_DELAY_MS", "1000")]).await;
    let mut stream = world.stack.stream(completion(true).bearer(&access)).await;
    stream.prelude().await.unwrap();
    world.put_catalogue(Some(&catalogue_of_dummies(&[("dummy", 50)]))).await;
    let mut events = String::new();
    while let Some(part) = stream.next().await.unwrap() {
        events += &part;
    }
    assert!(events.ends_with("data: [DONE]\n\n"), "{events}");
    assert_eq!(world.balance(&access).await, (json!(99), "0".to_owned()));
    let later = world.send_to_new("chat-completions", completion(false).bearer(&access)).await;
    assert_eq!((later.status, later.headers["x-token-cost"].as_str()), (200, "50"));
}

#[tokio::test]
async fn a_kept_answer_that_broke_off_is_given_again_as_far_as_it_was_paid_for() {
    let (world, Tokens { access, .. }) = World::with_ada(10, &[("DUMMY_FAILURE", "cut")]).await;
    world.stack.send(completion(true).bearer(&access).header("Idempotency-Key", "8e03978e")).await;
    let again = world.stack.send(completion(false).bearer(&access).header("Idempotency-Key", "8e03978e")).await.json();
    let choice = &again["choices"][0];
    assert_eq!((&choice["message"]["content"], &choice["finish_reason"]), (&json!("Dummy"), &json!("length")));
    assert_eq!(world.chats().await.len(), 1);
}

#[tokio::test]
async fn a_key_for_another_conversation_is_a_mismatch_also_one_of_chat_view() {
    let (world, Tokens { access, .. }) = World::with_ada(10, &[]).await;
    world.stack.send(completion(false).bearer(&access).header("Idempotency-Key", "8e03978e")).await;
    let mut other = completion_body(false);
    other["temperature"] = json!(1);
    let other = Request::post(COMPLETIONS).json(&other).bearer(&access).header("Idempotency-Key", "8e03978e");
    assert_eq!(status_and_openai_code(&world.stack.send(other).await), (422, json!("idempotency_mismatch")));
    let message = chat().bearer(&access);
    assert_eq!(world.stack.send(message.header("Idempotency-Key", "8e03978e")).await.status, 422);
}

#[tokio::test]
async fn only_the_last_message_of_the_user_is_stored_and_of_that_64_kib() {
    let (world, Tokens { access, .. }) = World::with_ada(10, &[("MAX_INPUT_TOKENS", "1000000")]).await;
    let long = "x".repeat(200 * 1024);
    let messages = json!([
        {"role": "system", "content": long},
        {"role": "user", "content": "An old question"},
        {"role": "assistant", "content": "An old answer"},
        {"role": "user", "content": [{"type": "text", "text": "New:"}, {"type": "text", "text": long}]},
    ]);
    let asked = json!({"model": "dummy", "messages": messages, "store": true});
    assert_eq!(world.stack.send(Request::post(COMPLETIONS).json(&asked).bearer(&access)).await.status, 200);
    let [(stored, _)] = &world.stored_exchanges(&access).await[..] else { panic!("not one exchange") };
    assert!(stored.starts_with("New:\nxxx") && stored.len() == 64 * 1024, "{} bytes", stored.len());
    assert!(world.stack.table().items().await.iter().all(|item| !item.to_string().contains("old question")));
}

#[tokio::test]
async fn histories_that_openai_takes_are_answered_and_charged() {
    let (world, Tokens { access, .. }) = World::with_ada(10, &[]).await;
    let user = json!({"role": "user", "content": "Hello"});
    let histories = [
        json!([user, {"role": "assistant", "content": null, "refusal": "No."}, user]),
        json!([user, {"role": "assistant"}]),
        json!([{"role": "user", "content": ""}]),
        json!([{"role": "user", "content": []}]),
        json!([{"role": "system", "content": "Be brief."}]),
    ];
    for (number, history) in histories.iter().enumerate() {
        let asked = Request::post(COMPLETIONS).json(&json!({"model": "dummy", "messages": history})).bearer(&access);
        assert_eq!(world.stack.send(asked).await.status, 200, "{history}");
        assert_eq!(world.chats().await.len(), number + 1);
    }
}

#[tokio::test]
async fn a_conversation_longer_than_the_limit_is_refused_before_anything_is_held() {
    let (world, Tokens { access, .. }) = World::with_ada(10, &[("MAX_INPUT_TOKENS", "1024")]).await;
    let asked = |bytes: usize, stream: bool| {
        let messages = json!([{"role": "user", "content": "x".repeat(bytes)}]);
        let body = json!({"model": "dummy", "messages": messages, "stream": stream});
        Request::post(COMPLETIONS).json(&body).bearer(&access)
    };
    for stream in [false, true] {
        let refused = refused_by_openai(&world, asked(8000, stream), 400, "context_length_exceeded").await.json();
        assert_eq!(
            (&refused["error"]["param"], &refused["error"]["type"]),
            (&json!("messages"), &json!("invalid_request_error"))
        );
        let message = refused["error"]["message"].as_str().unwrap();
        let sentence =
            "This model's maximum context length is 1024 tokens. However, your messages resulted in 2029 tokens.";
        assert!(message.starts_with(sentence), "{message}");
    }
    assert_eq!(world.stack.send(asked(3000, false)).await.status, 200);
}

#[tokio::test]
async fn bodies_that_cannot_be_read_are_refused() {
    let (world, Tokens { access, .. }) = World::with_ada(10, &[]).await;
    let too_large = format!("{{\"model\":\"{}\"}}", "x".repeat(1024 * 1024));
    let json = Some("application/json");
    for (content_type, body, status, code) in [
        (json, "{", 400, "parse_error"),
        (json, "", 400, "parse_error"),
        (None, "hello", 400, "parse_error"),
        (json, "[]", 400, "parse_error"),
        (json, "null", 400, "parse_error"),
        (json, "{}", 400, "missing_required_parameter"),
        (json, &too_large, 413, "too_large"),
        (Some("application/x-www-form-urlencoded"), "model=dummy", 415, "unsupported_media_type"),
        (Some("multipart/form-data; boundary=x"), "--x--", 415, "unsupported_media_type"),
        (Some("text/plain"), "{}", 415, "unsupported_media_type"),
    ] {
        refused_by_openai(
            &world,
            Request::post(COMPLETIONS).body(content_type, body.into()).bearer(&access),
            status,
            code,
        )
        .await;
    }
}

#[tokio::test]
async fn what_cannot_be_honoured_is_refused_by_name() {
    let (world, Tokens { access, .. }) = World::with_ada(10, &[]).await;
    for (name, value, status, code, parameter) in [
        ("model", json!("gpt-5"), 404, "model_not_found", "model"),
        ("messages", json!([]), 400, "invalid_value", "messages"),
        (
            "messages",
            json!([{"role": "user", "content": null}]),
            400,
            "missing_required_parameter",
            "messages[0].content",
        ),
        (
            "messages",
            json!([{"role": "tool", "content": "x"}]),
            400,
            "missing_required_parameter",
            "messages[0].tool_call_id",
        ),
        ("n", json!(2), 400, "unsupported_parameter", "n"),
        ("tools", json!([{}]), 400, "missing_required_parameter", "tools[0].type"),
        ("tools", json!([{"type": "web_search"}]), 400, "unsupported_parameter", "tools[0].type"),
        ("service_tier", json!("priority"), 400, "unsupported_parameter", "service_tier"),
        ("response_format", json!({"type": "json_object"}), 400, "unsupported_parameter", "response_format"),
        ("temperature", json!(2.5), 400, "invalid_value", "temperature"),
        ("stream_options", json!({"include_usage": true}), 400, "invalid_value", "stream_options"),
        ("max_tokens", json!(0), 400, "invalid_value", "max_tokens"),
    ] {
        let mut asked = completion_body(false);
        asked[name] = value;
        let response =
            refused_by_openai(&world, Request::post(COMPLETIONS).json(&asked).bearer(&access), status, code).await;
        assert_eq!(response.json()["error"]["param"], parameter);
    }
    let request = completion(false).bearer(&access).header("Idempotency-Key", "a b");
    assert_eq!(refused_by_openai(&world, request, 400, "invalid").await.json()["error"]["param"], "Idempotency-Key");
}

#[tokio::test]
async fn whoever_does_not_prove_who_they_are_or_cannot_pay_gets_nothing() {
    let (world, Tokens { access, .. }) = World::with_ada(10, &[("MESSAGE_COST", "11")]).await;
    let refresh = world.log_in("ada").await.refresh;
    for stream in [false, true] {
        refused_by_openai(&world, completion(stream), 401, "invalid_api_key").await;
        refused_by_openai(&world, completion(stream).bearer("garbage"), 401, "invalid_api_key").await;
        refused_by_openai(&world, completion(stream).bearer(&refresh), 401, "invalid_api_key").await;
        let response = refused_by_openai(&world, completion(stream).bearer(&access), 402, "insufficient_quota").await;
        let error = &response.json()["error"];
        assert_eq!(error["type"], "insufficient_quota");
        assert_eq!((&error["balance"], &error["cost"]), (&json!(10), &json!(11)));
    }
    refused_by_openai(&world, Request::get("/v1/models"), 401, "invalid_api_key").await;
    refused_by_openai(&world, Request::get("/v1/models").bearer(&refresh), 401, "invalid_api_key").await;
}

#[tokio::test]
async fn a_wrong_method_is_told_the_right_one() {
    let world = World::start().await;
    for (path, allowed) in [(COMPLETIONS, "POST"), ("/v1/models", "GET, HEAD")] {
        for method in ["GET", "POST", "PUT", "DELETE", "OPTIONS"] {
            if !allowed.contains(method) {
                let response = refused_by_openai(&world, Request::new(method, path), 405, "method_not_allowed").await;
                assert_eq!(response.headers["allow"], allowed);
            }
        }
    }
}
