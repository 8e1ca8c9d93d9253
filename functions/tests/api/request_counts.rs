//! What each endpoint asks of DynamoDB once it is started. It is what a request costs in time and
//! money, and it does not vary.

use local::gateway::Request;
use serde_json::json;

use crate::world::{PASSWORD, World};

/// The operations of `request`, which must succeed, sent to a function that has started.
async fn operations(world: &World, function: &str, request: Request) -> Vec<String> {
    world.stack.function(function).await;
    world.stack.recorder().clear();
    let response = world.stack.send(request).await;
    assert!(response.status < 300, "{response:?}");
    world.stack.recorder().requests().into_iter().map(|request| request.operation).collect()
}

#[tokio::test]
async fn registering_is_one_request() {
    let world = World::start().await;
    let request = Request::post("/register/").json(&json!({"username": "bob", "password": PASSWORD}));
    assert_eq!(operations(&world, "register", request).await, ["TransactWriteItems"]);
}

#[tokio::test]
async fn logging_in_is_two_requests() {
    let world = World::start().await;
    world.register("ada", 100).await;
    let request = Request::post("/login/").json(&json!({"username": "ada", "password": PASSWORD}));
    assert_eq!(operations(&world, "login", request).await, ["GetItem", "TransactWriteItems"]);
}

#[tokio::test]
async fn refreshing_is_one_request() {
    let world = World::start().await;
    world.register("ada", 100).await;
    let refresh = world.log_in("ada").await.refresh;
    let request = Request::post("/token/refresh/").json(&json!({"refresh": refresh}));
    assert_eq!(operations(&world, "token-refresh", request).await, ["BatchGetItem"]);
}

#[tokio::test]
async fn asking_for_the_balance_is_one_request() {
    let world = World::start().await;
    world.register("ada", 100).await;
    let request = Request::get("/token_balance/").bearer(&world.log_in("ada").await.access);
    assert_eq!(operations(&world, "token-balance", request).await, ["GetItem"]);
}

#[tokio::test]
async fn a_message_is_two_requests() {
    let world = World::start().await;
    world.register("ada", 100).await;
    let access = world.log_in("ada").await.access;
    let request = || Request::post("/chatView/").json(&json!({"message": "Hello"})).bearer(&access);
    assert_eq!(operations(&world, "chat", request()).await, ["UpdateItem", "TransactWriteItems"]);
    assert_eq!(operations(&world, "chat", request()).await, ["UpdateItem", "TransactWriteItems"]);
}

#[tokio::test]
async fn a_list_is_two_requests_at_once() {
    let world = World::start().await;
    world.register("ada", 100).await;
    let access = world.log_in("ada").await.access;
    for list in ["transactions", "messages"] {
        let mut operations = operations(&world, list, Request::get(&format!("/{list}/")).bearer(&access)).await;
        operations.sort();
        assert_eq!(operations, ["GetItem", "Query"], "{list}");
    }
}

#[tokio::test]
async fn the_public_keys_are_one_request() {
    let world = World::start().await;
    let request = Request::get("/.well-known/jwks.json");
    assert_eq!(operations(&world, "jwks", request).await, ["Query"]);
}
