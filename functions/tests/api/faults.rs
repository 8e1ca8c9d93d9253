//! Faults of DynamoDB: every endpoint answers 503 within five seconds, and no message is free.

use std::time::{Duration, Instant};

use futures_util::{StreamExt, stream};
use serde_json::json;
use testkit::gateway::{Request, Response};
use testkit::recorder::Fault;
use testkit::runtime_api::Function;
use tokio::net::TcpListener;

use crate::requests::{
    FIRST_CONVERSATION, UNKNOWN_ID, anthropic_message, balance, change_password, chat, completion, count_tokens,
    delete_conversation, embeddings, end_api_key, end_session, log_in, make_api_key, make_conversation, message_in,
    messages_of, quote, quote_of_message, receipt, refresh, register, rename_conversation, response, text_completion,
    verify,
};
use crate::world::{PASSWORD, World, binary};

const LIMIT: Duration = Duration::from_secs(5);

/// With more worlds at once, functions would start while others measure their time.
const WORLDS_AT_ONCE: usize = 6;

async fn requests(world: &World) -> Vec<(&'static str, Request)> {
    world.register("ada", 100).await;
    let ada = world.log_in("ada").await;
    let api_key = format!("sk-{}", "A".repeat(43));
    vec![
        ("register", register("ada", PASSWORD)),
        ("login", log_in("ada", PASSWORD)),
        ("token-refresh", refresh(&ada.refresh)),
        ("token-verify", verify(&ada.access)),
        ("logout", Request::post("/logout/").json(&json!({"refresh": ada.refresh}))),
        ("sessions", Request::get("/sessions/").bearer(&ada.access)),
        ("sessions", end_session(UNKNOWN_ID).bearer(&ada.access)),
        ("password", change_password(PASSWORD, "an even better horse").bearer(&ada.access)),
        ("keys", make_api_key("my program").bearer(&ada.access)),
        ("keys", end_api_key(UNKNOWN_ID).bearer(&ada.access)),
        ("account", Request::get("/account/").bearer(&ada.access)),
        ("token-balance", balance().bearer(&ada.access)),
        ("chat", chat().bearer(&ada.access)),
        ("chat", chat().bearer(&api_key)),
        ("chat", quote_of_message("Hello").bearer(&ada.access)),
        ("chat-completions", completion(false).bearer(&ada.access)),
        ("chat-completions", completion(true).bearer(&ada.access)),
        ("completions", text_completion(false).bearer(&ada.access)),
        ("completions", text_completion(true).bearer(&ada.access)),
        ("embeddings", embeddings().bearer(&ada.access)),
        ("openai-responses", response(false).bearer(&ada.access)),
        ("openai-responses", response(true).bearer(&ada.access)),
        ("anthropic-messages", anthropic_message(false).bearer(&ada.access)),
        ("anthropic-messages", anthropic_message(true).bearer(&ada.access)),
        ("anthropic-messages", count_tokens().bearer(&ada.access)),
        ("quote", quote().bearer(&ada.access)),
        ("models", Request::get("/v1/models").bearer(&ada.access)),
        ("transactions", Request::get("/transactions/").bearer(&ada.access)),
        ("receipt", receipt(UNKNOWN_ID).bearer(&ada.access)),
        ("usage", Request::get("/usage/").bearer(&ada.access)),
        ("messages", Request::get("/messages/").bearer(&ada.access)),
        ("export", Request::get("/export/").bearer(&ada.access)),
        ("conversations", Request::get("/conversations/").bearer(&ada.access)),
        ("conversations", make_conversation("My holidays").bearer(&ada.access)),
        ("conversations", rename_conversation(UNKNOWN_ID, "My journeys").bearer(&ada.access)),
        ("conversations", delete_conversation(UNKNOWN_ID).bearer(&ada.access)),
        ("conversations", messages_of(FIRST_CONVERSATION).bearer(&ada.access)),
        ("chat", message_in(UNKNOWN_ID, "Hello").bearer(&ada.access)),
        ("jwks", Request::get("/.well-known/jwks.json")),
        ("receipt-keys", Request::get("/.well-known/receipt-keys.json")),
    ]
}

/// The code of a problem document, or of an error of OpenAI's protocol.
fn code(response: &Response) -> String {
    let problem = response.json();
    problem["code"].as_str().or(problem["error"]["code"].as_str()).unwrap().to_owned()
}

/// Starts `function` with DynamoDB at `endpoint`, and sends it `request`.
async fn ask(world: &World, function: &str, request: &Request, endpoint: &str) -> (Response, Duration) {
    let mut environment = world.stack.environment_of(function);
    environment.retain(|(name, _)| name != "AWS_ENDPOINT_URL_DYNAMODB");
    environment.push(("AWS_ENDPOINT_URL_DYNAMODB".to_owned(), endpoint.to_owned()));
    let function = Function::start(&binary(function), environment).held_to_contract();
    function.wait_until_ready().await.unwrap();
    let started = Instant::now();
    let answer = function.invoke(&request.to_rest_event()).await;
    (Response::from_event(&answer.unwrap_or_else(|error| panic!("{error}"))), started.elapsed())
}

async fn every_endpoint_says_unavailable(endpoint: &str) {
    let world = World::start().await;
    let requests = requests(&world).await;
    let asked = requests.iter().map(|(function, request)| ask(&world, function, request, endpoint));
    for ((response, took), (function, _)) in futures_util::future::join_all(asked).await.iter().zip(&requests) {
        assert_eq!(response.status, 503, "{function}: {response:?}");
        assert_eq!(code(response), "unavailable");
        assert_eq!(response.headers["retry-after"], "1");
        assert!(*took < LIMIT, "{function} took {took:?}");
    }
}

#[tokio::test]
async fn a_table_where_nobody_listens_is_unavailable() {
    // Nothing listens on this port.
    every_endpoint_says_unavailable("http://127.0.0.1:1").await;
}

#[tokio::test]
async fn a_table_that_never_answers_is_unavailable() {
    // The kernel accepts connections, and no program reads from them.
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    every_endpoint_says_unavailable(&format!("http://{}", listener.local_addr().unwrap())).await;
}

#[tokio::test]
async fn a_table_that_goes_silent_under_a_running_function_is_unavailable() {
    // Each request has a world of its own, since a fault is for all requests of a world.
    let indices = 0..requests(&World::start().await).await.len();
    stream::iter(indices)
        .map(|index| tokio::spawn(falls_silent_under(index)))
        .buffer_unordered(WORLDS_AT_ONCE)
        .for_each(async |outcome| outcome.unwrap())
        .await;
}

async fn falls_silent_under(index: usize) {
    let world = World::start().await;
    let (function, request) = requests(&world).await[index].clone();
    world.stack.function(function).await;
    for operation in ["BatchGetItem", "DeleteItem", "GetItem", "Query", "TransactWriteItems", "UpdateItem"] {
        world.stack.recorder().fail_next(operation, Fault::Silence, 4);
    }
    let started = Instant::now();
    let response = world.stack.send(request).await;
    assert_eq!((response.status, code(&response).as_str()), (503, "unavailable"), "{function}");
    assert!(started.elapsed() < LIMIT, "{function} took {:?}", started.elapsed());
}
