//! `/chatView/`: what a reply costs, what a failure does not, and what it means to repeat a message.

use std::time::Duration;
use std::time::SystemTime;

use serde_json::{Value, json};
use testkit::gateway::{Payload, Request, Response};
use wiremock::MockServer;

use crate::providers;
use crate::refusals::refused;
use crate::requests::{balance, catalogue_of_dummies, chat, message};
use crate::world::{PASSWORD, Tokens, World};

#[tokio::test]
async fn a_model_that_fails_or_panics_costs_nothing() {
    for failure in ["error", "panic"] {
        let (world, Tokens { access, .. }) = World::with_ada(10, &[("DUMMY_FAILURE", failure)]).await;
        for request in [chat().bearer(&access), chat().bearer(&access).header("Idempotency-Key", "key")] {
            let response = world.stack.send(request).await;
            assert_eq!((response.status, &response.json()["code"]), (502, &json!("model_failed")));
            assert_eq!(response.headers["x-should-retry"], "false", "the provider may have worked");
        }
        assert_eq!(world.balance(&access).await, (json!(10), "0".to_owned()));
        assert_eq!(world.chats().await.len(), 0);
    }
}

#[tokio::test]
async fn a_model_that_takes_too_long_costs_nothing() {
    let (world, Tokens { access, .. }) = World::with_ada(10, &[("DUMMY_DELAY_MS", "60000")]).await;
    let function = world.stack.function("chat").await;
    // 12 s of the deadline are reserved for text, charge and answer.
    let deadline = SystemTime::now() + Duration::from_secs(13);
    let answer = function.invoke_with_deadline(&chat().bearer(&access).to_rest_event(), deadline).await;
    let response = Response::from_event(&answer.unwrap());
    assert_eq!((response.status, &response.json()["code"]), (502, &json!("model_failed")));
    assert!(SystemTime::now() < deadline, "the answer is out in time");
    assert_eq!(world.balance(&access).await, (json!(10), "0".to_owned()));
}

#[tokio::test]
async fn a_reply_that_takes_longer_than_there_is_time_is_what_there_is_of_it_and_is_charged() {
    let (world, Tokens { access, .. }) = World::with_ada(10, &[("DUMMY_DELAY_MS", "1500")]).await;
    let function = world.stack.function("chat").await;
    let deadline = SystemTime::now() + Duration::from_millis(14_200);
    let answer = function.invoke_with_deadline(&chat().bearer(&access).to_rest_event(), deadline).await;
    let response = Response::from_event(&answer.unwrap());
    assert_eq!((response.status, &response.json()["response"]), (200, &json!("Dummy")));
    assert!(SystemTime::now() < deadline, "the answer is out in time");
    assert_eq!(world.balance(&access).await, (json!(9), "0".to_owned()));
    assert_eq!(world.chats().await[0]["finish_reason"]["S"], "length");
}

#[tokio::test]
async fn a_message_that_the_balance_does_not_cover_costs_nothing() {
    let world = World::start_with(&[("MESSAGE_COST", "5")]).await;
    world.register("grace", 4).await;
    let access = world.log_in("grace").await.access;
    let problem = refused(&world, chat().bearer(&access), 402, "insufficient_tokens").await.json();
    assert_eq!((&problem["balance"], &problem["cost"]), (&json!(4), &json!(5)));
}

/// The five endpoints of the Django app, of which `/token_balance/` takes no body.
#[tokio::test]
async fn a_session_of_forms_in_parts_goes_as_one_of_json() {
    let world = World::start_with(&[("STARTING_TOKENS", "3")]).await;
    let credentials = [("username", "ada"), ("password", PASSWORD)];
    assert_eq!(world.stack.send(Request::post("/register/").multipart(&credentials)).await.status, 201);
    let login = world.stack.send(Request::post("/login/").multipart(&credentials)).await.json();
    let refresh = [("refresh", login["refresh_token"].as_str().unwrap())];
    let refreshed = world.stack.send(Request::post("/token/refresh/").multipart(&refresh)).await.json();
    let access = refreshed["access_token"].as_str().unwrap();
    let message = Request::post("/chatView/").multipart(&[("message", "a\r\nb \u{e9}")]).bearer(access);
    for payload in [Payload::V1, Payload::V2] {
        let reply = world.stack.send_as(message.clone(), payload).await;
        assert_eq!((reply.status, &reply.json()["message"]), (200, &json!("a\r\nb \u{e9}")));
    }
    assert_eq!(world.stack.send(balance().bearer(access)).await.json()["tokens"], 1);
}

#[tokio::test]
async fn without_a_model_the_first_of_the_catalogue_replies() {
    let (world, Tokens { access, .. }) = World::with_ada(100, &[]).await;
    let mut catalogue = catalogue_of_dummies(&[("dear", 7), ("cheap", 2)]);
    // The first one is the default, also if lists leave it out.
    catalogue["models"][0]["hidden"] = json!(true);
    catalogue["models"][1]["aliases"] = json!(["small"]);
    world.put_catalogue(Some(&catalogue)).await;
    let fields = |model: &'static str| [("message", "Hello"), ("model", model)];
    let chat_view = || Request::post("/chatView/").bearer(&access);
    for (request, model, cost) in [
        (chat_view().json(&json!({"message": "Hello"})), "dear", "7"),
        (chat_view().json(&json!({"message": "Hello", "model": null})), "dear", "7"),
        (chat_view().json(&json!({"message": "Hello", "model": ""})), "dear", "7"),
        (chat_view().form(&fields("")), "dear", "7"),
        (chat_view().multipart(&fields("")), "dear", "7"),
        (chat_view().json(&json!({"message": "Hello", "model": "dear"})), "dear", "7"),
        (chat_view().json(&json!({"message": "Hello", "model": "cheap"})), "cheap", "2"),
        (chat_view().form(&fields("small")), "cheap", "2"),
        (chat_view().multipart(&fields("cheap")), "cheap", "2"),
    ] {
        let response = world.stack.send(request).await;
        assert_eq!((response.status, response.headers["x-token-cost"].as_str()), (200, cost), "{response:?}");
        let chats = world.chats().await;
        assert_eq!(chats.last().unwrap()["model"]["S"], model);
    }
    let unknown = chat_view().json(&json!({"message": "Hello", "model": "gpt-5"}));
    let problem = refused(&world, unknown, 400, "invalid").await.json();
    let sentence = "The model 'gpt-5' does not exist. You may ask: cheap.";
    assert_eq!(problem["errors"], json!({"model": [sentence]}));
    let both = chat_view().json(&json!({"message": " ", "model": 1}));
    let problem = refused(&world, both, 400, "invalid").await.json();
    assert_eq!(problem["errors"].as_object().unwrap().len(), 2, "{problem}");
}

#[tokio::test]
async fn a_key_for_another_model_is_a_mismatch() {
    let (world, Tokens { access, .. }) = World::with_ada(10, &[]).await;
    let ask = |body: Value| Request::post("/chatView/").json(&body).bearer(&access).header("Idempotency-Key", "key");
    let named = || ask(json!({"message": "Hello", "model": "dummy"}));
    let first = world.stack.send(named()).await;
    let again = world.stack.send(named()).await;
    assert_eq!((again.status, &again.body, again.headers["idempotent-replayed"].as_str()), (200, &first.body, "true"));
    refused(&world, ask(json!({"message": "Hello"})), 422, "idempotency_mismatch").await;
    assert_eq!(world.chats().await.len(), 1);
}

#[tokio::test]
async fn the_same_key_and_message_get_the_same_answer_and_cost_once() {
    let (world, Tokens { access, .. }) = World::with_ada(10, &[]).await;
    let first = world.stack.send(chat().bearer(&access).header("Idempotency-Key", "\"8e03978e\"")).await;
    assert_eq!(first.status, 200);
    assert!(!first.headers.contains_key("idempotent-replayed"));
    let form = Request::post("/chatView/").form(&[("message", "Hello")]).bearer(&access);
    for again in
        [chat().bearer(&access).header("Idempotency-Key", "8e03978e"), form.header("idempotency-key", "8e03978e")]
    {
        let again = world.stack.send(again).await;
        assert_eq!((again.status, &again.body), (200, &first.body));
        assert_eq!(again.headers["idempotent-replayed"], "true");
        for header in ["x-message-id", "x-token-cost", "x-token-balance"] {
            assert_eq!(again.headers[header], first.headers[header], "{header}");
        }
    }
    assert_eq!(world.chats().await.len(), 1);
}

#[tokio::test]
async fn a_kept_answer_is_given_also_at_balance_zero() {
    let (world, Tokens { access, .. }) = World::with_ada(10, &[("MESSAGE_COST", "10")]).await;
    let first = world.stack.send(chat().bearer(&access).header("Idempotency-Key", "key")).await;
    let again = world.stack.send(chat().bearer(&access).header("Idempotency-Key", "key")).await;
    assert_eq!((again.status, &again.body), (200, &first.body));
    assert_eq!(world.stack.send(chat().bearer(&access).header("Idempotency-Key", "another")).await.status, 402);
}

#[tokio::test]
async fn a_key_for_another_message_is_a_mismatch() {
    let (world, Tokens { access, .. }) = World::with_ada(10, &[]).await;
    world.stack.send(chat().bearer(&access).header("Idempotency-Key", "key")).await;
    let other = world.stack.send(message("Bye").bearer(&access).header("Idempotency-Key", "key")).await;
    assert_eq!((other.status, &other.json()["code"]), (422, &json!("idempotency_mismatch")));
    assert_eq!(world.chats().await.len(), 1);
}

#[tokio::test]
async fn a_refusal_is_not_kept() {
    let (world, Tokens { access, .. }) = World::with_ada(10, &[]).await;
    assert_eq!(world.stack.send(message(" ").bearer(&access).header("Idempotency-Key", "key")).await.status, 400);
    assert_eq!(world.stack.send(chat().bearer(&access).header("Idempotency-Key", "key")).await.status, 200);
}

#[tokio::test]
async fn a_key_that_is_none_is_refused_and_costs_nothing() {
    let (world, Tokens { access, .. }) = World::with_ada(10, &[]).await;
    for key in ["", "a b", "schl\u{fc}ssel", &"x".repeat(256)] {
        let response = world.stack.send(chat().bearer(&access).header("Idempotency-Key", key)).await;
        assert_eq!((response.status, &response.json()["code"]), (400, &json!("invalid")), "{key:?}");
        assert!(response.json()["errors"]["Idempotency-Key"].is_array());
    }
    assert_eq!(world.chats().await.len(), 0);
}

#[tokio::test]
async fn another_users_same_key_is_another_key() {
    let (world, Tokens { access, .. }) = World::with_ada(10, &[]).await;
    world.register("grace", 10).await;
    let grace = world.log_in("grace").await.access;
    world.stack.send(chat().bearer(&access).header("Idempotency-Key", "key")).await;
    let response = world.stack.send(message("Bye").bearer(&grace).header("Idempotency-Key", "key")).await;
    assert_eq!((response.status, &response.json()["user"]), (200, &json!("grace")));
}

#[tokio::test]
async fn first_requests_with_one_key_at_the_same_moment_are_charged_once() {
    let (world, Tokens { access, .. }) = World::with_ada(10, &[("DUMMY_DELAY_MS", "500")]).await;
    let responses = world.send_at_once("chat", &vec![chat().bearer(&access).header("Idempotency-Key", "key"); 4]).await;
    let answered = responses.iter().filter(|response| response.status == 200).count();
    assert_eq!(answered, 1, "{responses:?}");
    for response in responses.iter().filter(|response| response.status != 200) {
        assert_eq!((response.status, &response.json()["code"]), (409, &json!("in_progress")));
        assert_eq!(response.headers["retry-after"], "1");
    }
    assert_eq!(world.chats().await.len(), 1);
    assert_eq!(
        world.stack.send(chat().bearer(&access).header("Idempotency-Key", "key")).await.headers["idempotent-replayed"],
        "true"
    );
}

#[tokio::test]
async fn more_messages_in_flight_than_allowed_are_throttled() {
    let (world, Tokens { access, .. }) = World::with_ada(10, &[("DUMMY_DELAY_MS", "1000"), ("MAX_HOLDS", "2")]).await;
    let responses = world.send_at_once("chat", &vec![chat().bearer(&access); 4]).await;
    let with_status = |status| responses.iter().filter(move |response| response.status == status);
    assert_eq!((with_status(200).count(), with_status(429).count()), (2, 2), "{responses:?}");
    for response in with_status(429) {
        assert_eq!(response.json()["code"], "throttled");
        assert_eq!(response.headers["retry-after"], "1");
    }
    assert_eq!(world.balance(&access).await, (json!(8), "0".to_owned()));
}

#[tokio::test]
async fn the_last_credits_are_spent_once_however_many_want_them_at_the_same_moment() {
    let (world, Tokens { access, .. }) = World::with_ada(2, &[]).await;
    let responses = world.send_at_once("chat", &vec![chat().bearer(&access); 6]).await;
    let count = |status: u16| responses.iter().filter(|response| response.status == status).count();
    assert_eq!((count(200), count(402)), (2, 4), "{responses:?}");
    let balance = world.stack.send(balance().bearer(&access)).await;
    assert_eq!(balance.json(), json!({"tokens": 0}));
    let amounts: Vec<Value> = world.entries().await.iter().map(|entry| entry["amount"]["N"].clone()).collect();
    assert_eq!(amounts, ["2", "-1", "-1"]);
}

/// The texts of the last request to `provider`.
async fn last_prompt(provider: &MockServer) -> Vec<String> {
    let requests = provider.received_requests().await.unwrap();
    let body: Value = serde_json::from_slice(&requests.last().unwrap().body).unwrap();
    let messages = body["messages"].as_array().unwrap().iter();
    messages.map(|message| message["content"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn the_oldest_exchanges_are_left_out_and_only_a_message_that_is_too_long_by_itself_is_refused() {
    let (provider, chatting) = providers::with_openai(&[("MAX_INPUT_TOKENS", "1024")]).await;
    providers::answer(&provider, providers::says(&json!({"content": "Hi"}))).await;
    // A token for four bytes: 750, 500 and 25.
    let [long, middling, short] = [3000, 2000, 100].map(|bytes| "x".repeat(bytes));
    for text in [&long, &middling, &short] {
        assert_eq!(chatting.world.stack.send(chatting.message(text)).await.status, 200);
    }
    assert_eq!(last_prompt(&provider).await, [&middling, "Hi", &short]);
    let before = chatting.world.balance(&chatting.access).await;
    let refused = chatting.world.stack.send(chatting.message(&"x".repeat(5000))).await;
    assert_eq!((refused.status, &refused.json()["code"]), (400, &json!("context_length_exceeded")));
    assert_eq!(chatting.world.balance(&chatting.access).await, before);
    assert_eq!(provider.received_requests().await.unwrap().len(), 3);
}

#[tokio::test]
async fn the_context_is_as_long_as_the_balance_pays_for() {
    // Of 5,000 credits, 64 tokens for the prompt, 16 for each turn and one for each byte are held, at ten credits each.
    let prices = [("PRICING", "usage"), ("INPUT_COST", "10000"), ("OUTPUT_COST", "0")];
    let (provider, chatting) = providers::with_openai(&prices).await;
    // Thirty tokens of input are charged.
    providers::answer(&provider, providers::says(&json!({"content": "Hi"}))).await;
    let text = "x".repeat(150);
    for turns in [1, 3, 3, 1] {
        assert_eq!(chatting.world.stack.send(chatting.message(&text)).await.status, 200);
        assert_eq!(last_prompt(&provider).await.len(), turns);
    }
}
