//! `/chatView/` with `Accept: text/event-stream`: a reply as it is written, and its bill.

use std::time::Duration;

use serde_json::{Value, json};
use shared::domain::time::Clock;
use testkit::gateway::{Payload, Request};
use wiremock::ResponseTemplate;

use crate::events::data_of_events;
use crate::providers::{self, with_openai};
use crate::refusals::refused;
use crate::requests::{FIRST_CONVERSATION, chat};
use crate::world::{Tokens, World};

fn streamed(request: Request) -> Request {
    request.header("Accept", "text/event-stream")
}

fn texts(words: &[&str]) -> Vec<Value> {
    words.iter().map(|words| json!({"text": {"text": words}})).collect()
}

#[tokio::test]
async fn a_streamed_reply_is_words_and_then_what_was_paid() {
    let (world, Tokens { access, .. }) = World::with_ada(10, &[("MESSAGE_COST", "3")]).await;
    let response = world.stack.send(streamed(chat()).bearer(&access)).await;
    let id = &response.headers["x-message-id"];
    assert_eq!(response.headers["x-conversation-id"], FIRST_CONVERSATION);
    assert!(!response.headers.contains_key("x-token-cost") && !response.headers.contains_key("x-token-balance"));
    let paid = json!({"paid": {"id": id, "user": "ada", "cost": 3, "balance": 7}});
    assert_eq!(data_of_events(&response.body), [texts(&["Dummy", " Response"]), vec![paid]].concat());
    assert_eq!(world.balance(&access).await, (json!(7), "0".to_owned()));
    let [entry] = &world.chats().await[..] else { panic!("not one chat") };
    assert_eq!(entry["sk"]["S"], format!("ENTRY#{id}"));
    let stored = vec![("Hello".to_owned(), "Dummy Response".to_owned())];
    assert_eq!(world.stored_exchanges(&access).await, stored);
}

#[tokio::test]
async fn a_client_that_does_not_name_events_gets_a_whole_answer() {
    let (world, Tokens { access, .. }) = World::with_ada(10, &[]).await;
    for accept in ["*/*", "text/*", "application/json", "text/event-stream;q=0, */*"] {
        let response = world.stack.send(chat().header("Accept", accept).bearer(&access)).await;
        assert_eq!(response.json()["response"], "Dummy Response", "{accept}");
        assert_eq!(response.headers["x-token-cost"], "1");
    }
}

#[tokio::test]
async fn the_words_are_read_before_the_reply_is_paid_for() {
    let settings = [("DUMMY_DELAY_MS", "2000"), ("MESSAGE_COST", "3")];
    let (world, Tokens { access, .. }) = World::with_ada(10, &settings).await;
    world.stack.function("token-balance").await;
    let mut stream = world.stack.stream(streamed(chat()).bearer(&access)).await;
    assert_eq!(stream.prelude().await.unwrap()["statusCode"], 200);
    let mut events = stream.next().await.unwrap().unwrap();
    assert_eq!(data_of_events(&events), texts(&["Dummy"]));
    assert_eq!(world.balance(&access).await, (json!(7), "3".to_owned()), "it is not paid for yet");
    while let Some(part) = stream.next().await.unwrap() {
        events += &part;
    }
    assert_eq!(data_of_events(&events)[2]["paid"]["cost"], 3);
    assert_eq!(world.balance(&access).await, (json!(7), "0".to_owned()));
}

#[tokio::test]
async fn a_repetition_gets_the_stored_reply_whole_or_streamed_and_costs_nothing() {
    let (world, Tokens { access, .. }) = World::with_ada(10, &[]).await;
    let request = || chat().bearer(&access).header("Idempotency-Key", "key");
    let first = world.stack.send(streamed(request())).await;
    let again = world.stack.send(streamed(request())).await;
    assert_eq!(again.headers["idempotent-replayed"], "true");
    for header in ["x-message-id", "x-conversation-id"] {
        assert_eq!(again.headers[header], first.headers[header]);
    }
    let paid = data_of_events(&first.body).pop().unwrap();
    assert_eq!(data_of_events(&again.body), [texts(&["Dummy Response"]), vec![paid]].concat());
    let whole = world.stack.send(request()).await;
    assert_eq!((whole.status, &whole.json()["response"]), (200, &json!("Dummy Response")));
    assert_eq!(world.chats().await.len(), 1);
}

#[tokio::test]
async fn a_failure_before_the_first_word_has_its_status_and_costs_nothing() {
    let (world, Tokens { access, .. }) = World::with_ada(10, &[("DUMMY_FAILURE", "error")]).await;
    refused(&world, streamed(Request::post("/chatView/").json(&json!({}))).bearer(&access), 400, "invalid").await;
    refused(&world, streamed(chat()), 401, "not_authenticated").await;
    let response = world.stack.send(streamed(chat()).bearer(&access)).await;
    assert_eq!((response.status, &response.json()["code"]), (502, &json!("model_failed")));
    assert_eq!(response.headers["x-should-retry"], "false");
    assert_eq!(world.balance(&access).await, (json!(10), "0".to_owned()));
}

#[tokio::test]
async fn a_stream_that_breaks_off_ends_with_a_problem_and_its_words_are_charged() {
    let (world, Tokens { access, .. }) = World::with_ada(10, &[("DUMMY_FAILURE", "cut")]).await;
    let response = world.stack.send(streamed(chat()).bearer(&access)).await;
    let events = data_of_events(&response.body);
    assert_eq!((response.status, &events[..1]), (200, &texts(&["Dummy"])[..]));
    let problem = &events[1]["error"];
    assert_eq!((&problem["code"], &problem["status"]), (&json!("model_broke_off"), &json!(502)));
    assert_eq!(world.balance(&access).await, (json!(9), "0".to_owned()));
    assert_eq!(world.chats().await[0]["finish_reason"]["S"], "broken_off");
}

/// cargo-lambda gives no deadline, so a stream has the time of its setting, five minutes.
#[tokio::test]
async fn after_15_silent_seconds_a_comment_is_read_and_then_the_words_or_a_problem() {
    let silent = |answer: ResponseTemplate| async move {
        let (provider, chatting) = with_openai(&[("MESSAGE_COST", "3")]).await;
        providers::answer(&provider, answer.set_delay(Duration::from_secs(16))).await;
        let response = chatting.world.stack.send_as(streamed(chatting.message("Hello")), Payload::V2).await;
        let events = response.body.strip_prefix(": keep-alive\n\n").expect("the comment comes first").to_owned();
        (data_of_events(&events), chatting)
    };
    let says = providers::streams(&[providers::chunk(&json!({"content": "Hi"}), Some("stop"))]);
    let ((replied, payer), (failed, other)) = tokio::join!(silent(says), silent(ResponseTemplate::new(500)));
    assert_eq!((&replied[..1], &replied[1]["paid"]["cost"]), (&texts(&["Hi"])[..], &json!(3)));
    assert_eq!(payer.balance().await, (json!(4997), "0".to_owned()));
    assert_eq!((failed.len(), &failed[0]["error"]["code"]), (1, &json!("model_failed")));
    assert_eq!(other.balance().await, (json!(5000), "0".to_owned()));
}

/// A hold expires half a minute after its answer must be out, but for the half second in which an answer leaves.
#[tokio::test]
async fn a_whole_answer_has_a_minute_and_a_stream_the_time_of_its_setting() {
    let (world, Tokens { access, .. }) = World::with_ada(10, &[]).await;
    for (request, seconds) in [(chat(), 58), (streamed(chat()), 300)] {
        let now = Clock::system().now().seconds();
        world.stack.recorder().clear();
        assert_eq!(world.stack.send_as(request.bearer(&access), Payload::V2).await.status, 200);
        let requests = world.stack.recorder().requests();
        let hold = requests.iter().find(|request| request.operation == "UpdateItem").unwrap();
        let holds = hold.response_body["Attributes"]["holds"]["M"].as_object().unwrap();
        let expires_at = holds.values().next().unwrap()["M"]["expires_at"]["N"].as_str().unwrap();
        let has = expires_at.parse::<u64>().unwrap() - now - 30;
        assert!((seconds - 1..seconds + 10).contains(&has), "{has} and not {seconds} s");
    }
}
