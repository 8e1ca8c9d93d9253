//! Acts of people who use the API, each a request to its endpoint.

use serde_json::{Value, json};

use crate::gateway::{Request, Response};
use crate::stack::Stack;

/// Everybody's password.
pub const PASSWORD: &str = "correct horse battery staple";

/// An API key.
pub struct MadeApiKey {
    /// The id, with which the key is ended.
    pub id: String,
    /// The key itself, which is secret.
    pub key: String,
}

/// The tokens of a person who is logged in.
pub struct Tokens {
    /// The access token.
    pub access: String,
    /// The refresh token.
    pub refresh: String,
}

/// Gives `username` an account with [`PASSWORD`].
///
/// # Panics
/// The API refuses.
pub async fn register(stack: &Stack, username: &str) {
    let credentials = json!({"username": username, "password": PASSWORD});
    expect(201, &stack.send(Request::post("/register/").json(&credentials)).await);
}

/// Logs `username` in.
///
/// # Panics
/// The API refuses.
pub async fn log_in(stack: &Stack, username: &str, password: &str) -> Tokens {
    let credentials = json!({"username": username, "password": password});
    let answer = expect(200, &stack.send(Request::post("/login/").json(&credentials)).await);
    Tokens { access: member(&answer, "access_token"), refresh: member(&answer, "refresh_token") }
}

/// Ends the session of these tokens, or all sessions.
pub async fn log_out(stack: &Stack, tokens: &Tokens, everywhere: bool) -> Response {
    let body = json!({"refresh": tokens.refresh, "everywhere": everywhere});
    stack.send(Request::post("/logout/").json(&body)).await
}

/// Makes an API key with an access token, for somebody with [`PASSWORD`].
///
/// # Panics
/// The API refuses.
pub async fn make_api_key(stack: &Stack, access: &str) -> MadeApiKey {
    let request = Request::post("/keys/").json(&json!({"name": "my program", "password": PASSWORD})).bearer(access);
    let answer = expect(201, &stack.send(request).await);
    MadeApiKey { id: member(&answer, "id"), key: member(&answer, "key") }
}

/// Deactivates `username`'s account, as an operator does.
///
/// # Panics
/// The API refuses.
pub async fn deactivate(stack: &Stack, username: &str) {
    let answer = stack.invoke("operator", &json!({"action": "deactivate", "username": username})).await;
    let answer = answer.unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(answer["status"], "inactive", "{answer}");
}

fn expect(status: u16, response: &Response) -> Value {
    assert_eq!(response.status, status, "{response:?}");
    response.json()
}

fn member(answer: &Value, name: &str) -> String {
    let text = answer[name].as_str();
    text.unwrap_or_else(|| panic!("The answer has no text {name}: {answer}")).to_owned()
}
