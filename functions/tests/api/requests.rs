//! The requests that many tests send: a test says what matters to it, and the rest is as usual.

use serde_json::{Value, json};
use testkit::gateway::Request;

use crate::world::PASSWORD;

pub const COMPLETIONS: &str = "/v1/chat/completions";

/// An id that no session and no API key has.
pub const UNKNOWN_ID: &str = "01ARZ3NDEKTSV4RRFFQ69G5FAV";

pub fn register(username: &str, password: &str) -> Request {
    Request::post("/register/").json(&json!({"username": username, "password": password}))
}

pub fn log_in(username: &str, password: &str) -> Request {
    Request::post("/login/").json(&json!({"username": username, "password": password}))
}

pub fn refresh(refresh_token: &str) -> Request {
    Request::post("/token/refresh/").json(&json!({"refresh": refresh_token}))
}

pub fn verify(token: &str) -> Request {
    Request::post("/token/verify/").json(&json!({"token": token}))
}

pub fn balance() -> Request {
    Request::get("/token_balance/")
}

pub fn chat() -> Request {
    message("Hello")
}

pub fn message(text: &str) -> Request {
    Request::post("/chatView/").json(&json!({"message": text}))
}

pub fn completion(stream: bool) -> Request {
    Request::post(COMPLETIONS).json(&completion_body(stream))
}

pub fn completion_body(stream: bool) -> Value {
    json!({"model": "dummy", "messages": [{"role": "user", "content": "Hello"}], "stream": stream})
}

pub fn change_password(current: &str, new: &str) -> Request {
    Request::post("/password/").json(&json!({"current_password": current, "new_password": new}))
}

pub fn delete_account(password: &str) -> Request {
    Request::delete("/account/").json(&json!({"password": password}))
}

pub fn make_api_key(name: &str) -> Request {
    Request::post("/keys/").json(&json!({"name": name, "password": PASSWORD}))
}

pub fn end_api_key(id: &str) -> Request {
    Request::delete(&format!("/keys/{id}/"))
}

pub fn end_session(id: &str) -> Request {
    Request::delete(&format!("/sessions/{id}/"))
}

/// One request to each endpoint that is for people and not for programs, to be sent with an access token.
pub fn of_people() -> Vec<Request> {
    vec![
        Request::get("/transactions/"),
        Request::get("/messages/"),
        Request::get("/sessions/"),
        end_session(UNKNOWN_ID),
        Request::get("/keys/"),
        make_api_key("my program"),
        end_api_key(UNKNOWN_ID),
        Request::get("/account/"),
        change_password(PASSWORD, "an even better horse"),
        delete_account(PASSWORD),
    ]
}
