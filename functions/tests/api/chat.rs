//! The chat flow: what a reply costs, what a failure does not, and what repeating a message means.

use std::time::{Duration, SystemTime};

use futures_util::future::join_all;
use serde_json::{Value, json};
use testkit::gateway::{Request, Response};
use testkit::runtime_api::{Ability, Function};

use crate::world::{World, binary};

fn chat(access: &str, message: &str) -> Request {
    Request::post("/chatView/").json(&json!({"message": message})).bearer(access)
}

fn with_key(access: &str, message: &str, key: &str) -> Request {
    chat(access, message).header("Idempotency-Key", key)
}

async fn ada(settings: &[(&str, &str)]) -> (World, String) {
    let world = World::start_with(settings).await;
    world.register("ada", 10).await;
    let access = world.log_in("ada").await.access;
    (world, access)
}

async fn balance(world: &World, access: &str) -> (Value, String) {
    let response = world.stack.send(Request::get("/token_balance/").bearer(access)).await;
    (response.json()["tokens"].clone(), response.headers["x-token-held"].clone())
}

async fn chats(world: &World) -> usize {
    world.entries().await.iter().filter(|entry| entry["kind"]["S"] == "chat").count()
}

#[tokio::test]
async fn a_model_that_fails_or_panics_costs_nothing() {
    for failure in ["error", "panic"] {
        let (world, access) = ada(&[("DUMMY_FAILURE", failure)]).await;
        for request in [chat(&access, "Hello"), with_key(&access, "Hello", "key")] {
            let response = world.stack.send(request).await;
            assert_eq!((response.status, &response.json()["code"]), (502, &json!("model_failed")));
        }
        assert_eq!(balance(&world, &access).await, (json!(10), "0".to_owned()));
        assert_eq!(chats(&world).await, 0);
    }
}

#[tokio::test]
async fn a_model_that_takes_too_long_costs_nothing() {
    if Ability::ChooseDeadlines.skips_this_test() {
        return;
    }
    let (world, access) = ada(&[("DUMMY_DELAY_MS", "60000")]).await;
    let function = world.stack.function("chat").await;
    // The model leaves ten seconds for the charge.
    let deadline = SystemTime::now() + Duration::from_secs(12);
    let answer = function.invoke_with_deadline(&chat(&access, "Hello").to_rest_event(), deadline).await;
    let response = Response::from_event(&answer.unwrap());
    assert_eq!((response.status, &response.json()["code"]), (502, &json!("model_failed")));
    assert!(SystemTime::now() < deadline, "the answer is out in time");
    assert_eq!(balance(&world, &access).await, (json!(10), "0".to_owned()));
}

#[tokio::test]
async fn what_is_being_answered_is_held_and_shown_as_such() {
    let (world, access) = ada(&[("DUMMY_DELAY_MS", "1500"), ("MESSAGE_COST", "3")]).await;
    world.stack.function("token-balance").await;
    let asking = world.stack.send(chat(&access, "Hello"));
    let looking = async {
        loop {
            let (tokens, held) = balance(&world, &access).await;
            if held != "0" {
                return (tokens, held);
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    let (response, seen) = tokio::join!(asking, looking);
    assert_eq!(response.headers["x-token-balance"], "7");
    assert_eq!(seen, (json!(7), "3".to_owned()));
    assert_eq!(balance(&world, &access).await, (json!(7), "0".to_owned()));
}

#[tokio::test]
async fn the_same_key_and_message_get_the_same_answer_and_cost_once() {
    let (world, access) = ada(&[]).await;
    let first = world.stack.send(with_key(&access, "Hello", "\"8e03978e\"")).await;
    assert_eq!(first.status, 200);
    assert!(!first.headers.contains_key("idempotent-replayed"));
    let form = Request::post("/chatView/").form(&[("message", "Hello")]).bearer(&access);
    for again in [with_key(&access, "Hello", "8e03978e"), form.header("idempotency-key", "8e03978e")] {
        let again = world.stack.send(again).await;
        assert_eq!((again.status, &again.body), (200, &first.body));
        assert_eq!(again.headers["idempotent-replayed"], "true");
        for header in ["x-message-id", "x-token-cost", "x-token-balance"] {
            assert_eq!(again.headers[header], first.headers[header], "{header}");
        }
    }
    assert_eq!(chats(&world).await, 1);
}

#[tokio::test]
async fn a_kept_answer_is_given_also_at_balance_zero() {
    let (world, access) = ada(&[("MESSAGE_COST", "10")]).await;
    let first = world.stack.send(with_key(&access, "Hello", "key")).await;
    let again = world.stack.send(with_key(&access, "Hello", "key")).await;
    assert_eq!((again.status, &again.body), (200, &first.body));
    assert_eq!(world.stack.send(with_key(&access, "Hello", "another")).await.status, 402);
}

#[tokio::test]
async fn a_key_for_another_message_is_a_mismatch() {
    let (world, access) = ada(&[]).await;
    world.stack.send(with_key(&access, "Hello", "key")).await;
    let other = world.stack.send(with_key(&access, "Bye", "key")).await;
    assert_eq!((other.status, &other.json()["code"]), (422, &json!("idempotency_mismatch")));
    assert_eq!(chats(&world).await, 1);
}

#[tokio::test]
async fn a_refusal_is_not_kept() {
    let (world, access) = ada(&[]).await;
    assert_eq!(world.stack.send(with_key(&access, " ", "key")).await.status, 400);
    assert_eq!(world.stack.send(with_key(&access, "Hello", "key")).await.status, 200);
}

#[tokio::test]
async fn a_key_that_is_none_is_refused_and_costs_nothing() {
    let (world, access) = ada(&[]).await;
    for key in ["", "a b", "schl\u{fc}ssel", &"x".repeat(256)] {
        let response = world.stack.send(with_key(&access, "Hello", key)).await;
        assert_eq!((response.status, &response.json()["code"]), (400, &json!("invalid")), "{key:?}");
        assert!(response.json()["errors"]["Idempotency-Key"].is_array());
    }
    assert_eq!(chats(&world).await, 0);
}

#[tokio::test]
async fn another_users_same_key_is_another_key() {
    let (world, access) = ada(&[]).await;
    world.register("grace", 10).await;
    let grace = world.log_in("grace").await.access;
    world.stack.send(with_key(&access, "Hello", "key")).await;
    let response = world.stack.send(with_key(&grace, "Bye", "key")).await;
    assert_eq!((response.status, &response.json()["user"]), (200, &json!("grace")));
}

/// Sends each request to a chat process of its own, at the same moment.
async fn send_at_once(world: &World, requests: Vec<Request>) -> Vec<Response> {
    let start = |_: &Request| Function::start(&binary("chat"), world.stack.environment_of("chat"));
    let functions: Vec<Function> = requests.iter().map(start).collect();
    for function in &functions {
        function.wait_until_ready().await.unwrap();
    }
    let events: Vec<Value> = requests.iter().map(Request::to_rest_event).collect();
    let answers = join_all(functions.iter().zip(&events).map(|(function, event)| function.invoke(event))).await;
    answers.into_iter().map(|answer| Response::from_event(&answer.unwrap())).collect()
}

#[tokio::test]
async fn first_requests_with_one_key_at_the_same_moment_are_charged_once() {
    let (world, access) = ada(&[("DUMMY_DELAY_MS", "500")]).await;
    let responses = send_at_once(&world, vec![with_key(&access, "Hello", "key"); 4]).await;
    let answered = responses.iter().filter(|response| response.status == 200).count();
    assert_eq!(answered, 1, "{responses:?}");
    for response in responses.iter().filter(|response| response.status != 200) {
        assert_eq!((response.status, &response.json()["code"]), (409, &json!("in_progress")));
        assert_eq!(response.headers["retry-after"], "1");
    }
    assert_eq!(chats(&world).await, 1);
    assert_eq!(world.stack.send(with_key(&access, "Hello", "key")).await.headers["idempotent-replayed"], "true");
}

#[tokio::test]
async fn more_messages_in_flight_than_allowed_are_throttled() {
    let (world, access) = ada(&[("DUMMY_DELAY_MS", "1000"), ("MAX_HOLDS", "2")]).await;
    let responses = send_at_once(&world, vec![chat(&access, "Hello"); 4]).await;
    let with_status = |status| responses.iter().filter(move |response| response.status == status);
    assert_eq!((with_status(200).count(), with_status(429).count()), (2, 2), "{responses:?}");
    for response in with_status(429) {
        assert_eq!(response.json()["code"], "throttled");
        assert_eq!(response.headers["retry-after"], "1");
    }
    assert_eq!(balance(&world, &access).await, (json!(8), "0".to_owned()));
}
