//! What the functions write: one JSON line per request, and nothing that people keep to themselves.

use std::time::Duration;

use local::gateway::Request;
use local::stack::JWT_SIGNING_SECRET;
use serde_json::{Value, json};

use crate::world::{PASSWORD, World};

const MESSAGE: &str = "What did the doctor say?";

const NEW_PASSWORD: &str = "an even better horse";

/// How many requests [`use_everything`] makes.
const REQUESTS: usize = 20;

/// The logs once they hold `text` so many `times`: a line may arrive after the answer it is about.
pub async fn logs_with(world: &World, text: &str, times: usize) -> String {
    for _ in 0..100 {
        let logs = world.stack.logs();
        if logs.matches(text).count() >= times {
            return logs;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("{text:?} is not there {times} times:\n{}", world.stack.logs())
}

/// Uses every endpoint, well and badly, and returns what must not be in the logs.
async fn use_everything(world: &World) -> Vec<String> {
    let credentials = json!({"username": "ada", "password": PASSWORD});
    world.stack.send(Request::post("/register/").json(&credentials)).await;
    let tokens = world.stack.send(Request::post("/login/").json(&credentials)).await.json();
    let access = tokens["access_token"].as_str().unwrap();
    let refresh = tokens["refresh_token"].as_str().unwrap();
    world.stack.send(Request::post("/login/").json(&json!({"username": "ada", "password": "wrong password"}))).await;
    world.stack.send(Request::post("/token/refresh/").json(&json!({"refresh": refresh}))).await;
    world.stack.send(Request::post("/token/refresh/").json(&json!({"refresh": access}))).await;
    world.stack.send(Request::post("/token/verify/").json(&json!({"token": access}))).await;
    world.stack.send(Request::post("/token/verify/").json(&json!({"token": format!("{refresh}x")}))).await;
    world.stack.send(Request::get("/token_balance/").bearer(access)).await;
    world.stack.send(Request::get("/token_balance/").bearer(&format!("{access}x"))).await;
    world.stack.send(Request::post("/chatView/").json(&json!({"message": MESSAGE})).bearer(access)).await;
    world.stack.send(Request::post("/chatView/").json(&json!({"message": MESSAGE})).bearer(refresh)).await;
    world.stack.send(Request::get("/transactions/").bearer(access)).await;
    world.stack.send(Request::get("/messages/").bearer(access)).await;
    world.stack.send(Request::get("/.well-known/jwks.json")).await;
    let sessions = world.stack.send(Request::get("/sessions/").bearer(access)).await.json();
    let session = format!("/sessions/{}/", sessions["sessions"][0]["id"].as_str().unwrap());
    let passwords = json!({"current_password": "wrong password", "new_password": NEW_PASSWORD});
    world.stack.send(Request::post("/password/").json(&passwords).bearer(access)).await;
    world.stack.send(Request::delete(&session).bearer(access)).await;
    world.stack.send(Request::post("/logout/").json(&json!({"refresh": refresh}))).await;
    world.stack.send(Request::get("/account/").bearer(access)).await;
    world.stack.send(Request::delete("/account/").json(&json!({"password": PASSWORD})).bearer(access)).await;
    [PASSWORD, "wrong password", NEW_PASSWORD, MESSAGE, access, refresh, JWT_SIGNING_SECRET].map(str::to_owned).into()
}

#[tokio::test]
async fn each_request_is_one_line_of_json_and_none_holds_what_people_wrote() {
    // Even the most talkative level.
    let world = World::start_with(&[("LOG_LEVEL", "trace")]).await;
    let secrets = use_everything(&world).await;
    let logs = logs_with(&world, "answered", REQUESTS).await;
    for secret in secrets {
        assert!(!logs.contains(&secret), "{secret}");
    }
    let lines: Vec<Value> = logs.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    let answered: Vec<&Value> = lines.iter().filter(|line| line["message"] == "answered").collect();
    assert_eq!(answered.len(), REQUESTS, "{logs}");
    for line in answered {
        assert!(line["timestamp"].is_string() && line["level"].is_string(), "{line}");
        assert!(line["request_id"].is_string() && line["path"].is_string(), "{line}");
        assert!(line["status"].is_u64() && line["code"].is_string() && line["duration_ms"].is_f64(), "{line}");
    }
}

#[tokio::test]
async fn the_cause_of_an_error_is_in_the_log() {
    let world = World::start().await;
    world.stack.send(Request::get("/token_balance/").bearer("garbage")).await;
    logs_with(&world, "the token has no readable header", 1).await;
}
