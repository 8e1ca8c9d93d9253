//! Refusals: how they look in each protocol, and that they change nothing.

use serde_json::{Value, json};
use testkit::gateway::{Payload, Request, Response};

use crate::requests::{self, balance, chat};
use crate::world::World;

pub fn status_and_code(response: &Response) -> (u16, String) {
    (response.status, response.json()["code"].as_str().unwrap_or_default().to_owned())
}

/// Status and code of an error of OpenAI's protocol.
pub fn status_and_openai_code(response: &Response) -> (u16, Value) {
    (response.status, response.json()["error"]["code"].clone())
}

/// Sends `request` in both payload versions. Each must be refused with the same status and code, as a problem document,
/// and leave the table as it was.
pub async fn refused(world: &World, request: Request, status: u16, code: &str) -> Response {
    let described = format!("{request:?}");
    let before = world.items().await;
    let response = world.stack.send_as(request.clone(), Payload::V2).await;
    assert_eq!((response.status, response.json()["code"].as_str()), (status, Some(code)), "{described}");
    let response = world.stack.send_as(request, Payload::V1).await;
    let problem = response.json();
    assert_eq!((response.status, problem["code"].as_str()), (status, Some(code)), "{described}");
    assert_eq!(response.headers["content-type"], "application/problem+json");
    assert_eq!(response.headers["cache-control"], "no-store");
    assert_eq!(problem["status"], status);
    assert!(["type", "title", "detail"].iter().all(|member| problem[*member].is_string()), "{problem}");
    assert_eq!(response.headers.contains_key("www-authenticate"), status == 401, "{described}");
    assert!(world.items().await == before, "was refused and changed the table: {described}");
    response
}

/// The same for OpenAI's protocol, in which an error looks otherwise.
pub async fn refused_by_openai(world: &World, request: Request, status: u16, code: &str) -> Response {
    let described = format!("{request:?}");
    let before = world.items().await;
    let mut last = None;
    for payload in [Payload::V2, Payload::V1] {
        let response = world.stack.send_as(request.clone(), payload).await;
        assert_eq!(status_and_openai_code(&response), (status, json!(code)), "{described}");
        assert_eq!(response.headers["content-type"], "application/json");
        assert_eq!(response.headers["cache-control"], "no-store");
        let error = &response.json()["error"];
        assert!(error["message"].is_string() && error["type"].is_string(), "{error}");
        assert_eq!(response.headers.contains_key("www-authenticate"), status == 401, "{described}");
        last = Some(response);
    }
    assert!(world.items().await == before, "was refused and changed the table: {described}");
    last.unwrap()
}

/// Checks that an access token opens nothing, and that nothing changes by trying.
pub async fn assert_worthless(world: &World, access: &str) {
    let before = world.items().await;
    for request in requests::of_people().into_iter().chain([balance(), chat()]) {
        let described = format!("{request:?}");
        let response = world.stack.send(request.bearer(access)).await;
        assert_eq!(status_and_code(&response), (401, "token_not_valid".to_owned()), "{described}");
    }
    assert_eq!(world.items().await, before);
}
