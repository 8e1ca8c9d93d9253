//! The request that each function is measured with: the same work again and again.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use testkit::gateway::{Request, Response};
use testkit::people::{self, PASSWORD, Tokens};
use testkit::runtime_api::Function;
use testkit::stack::Stack;

use crate::binaries::BARE;

const OTHER_PASSWORD: &str = "staple battery horse correct";

/// The functions that prepare the measurement of any other: people register, log in, log out and list what they have.
pub const PREPARING: [&str; 4] = ["login", "logout", "register", "transactions"];

/// The requests of Ada and Grace.
pub struct Requests<'a> {
    stack: &'a Stack,
    ada: Tokens,
    /// Ada's tokens of a session that has ended.
    ended: Tokens,
    /// The id of Ada's newest transaction.
    transaction: String,
}

/// Registrations so far. Each has a username of its own.
static NEWCOMERS: AtomicUsize = AtomicUsize::new(0);
/// Changes of Grace's password so far.
static CHANGES: AtomicUsize = AtomicUsize::new(0);

/// An event, and the expected status if its answer is an HTTP response.
struct Asked {
    event: Value,
    status: Option<u16>,
}

impl Asked {
    fn of(request: &Request, status: u16) -> Self {
        Self { event: request.to_rest_event(), status: Some(status) }
    }

    fn directly(event: Value) -> Self {
        Self { event, status: None }
    }
}

/// Gives Ada and Grace their accounts.
pub async fn register_people(stack: &Stack) {
    people::register(stack, "ada").await;
    people::register(stack, "grace").await;
}

impl<'a> Requests<'a> {
    /// Logs Ada in. Her access token lives five minutes.
    pub async fn prepare(stack: &'a Stack) -> Self {
        let ended = people::log_in(stack, "ada", PASSWORD).await;
        people::log_out(stack, &ended, false).await;
        let ada = people::log_in(stack, "ada", PASSWORD).await;
        let listed = stack.send(Request::get("/transactions/").bearer(&ada.access)).await.json();
        let transaction =
            listed["transactions"][0]["id"].as_str().unwrap_or_else(|| panic!("no transaction: {listed}"));
        Self { stack, transaction: transaction.to_owned(), ada, ended }
    }

    /// Invokes `function` once, and returns the time that it took.
    pub async fn ask(&self, name: &str, function: &Function) -> Duration {
        let asked = self.next(name).await;
        let started = Instant::now();
        let answer = function.invoke(&asked.event).await;
        let took = started.elapsed();
        let answer = answer.unwrap_or_else(|error| panic!("{error}"));
        if let Some(status) = asked.status {
            let response = Response::from_event(&answer);
            assert_eq!(response.status, status, "{name}: {response:?}");
        }
        took
    }

    async fn next(&self, name: &str) -> Asked {
        let credentials = |username: &str| json!({"username": username, "password": PASSWORD});
        let completion = json!({"model": "dummy", "messages": [{"role": "user", "content": "Hello"}]});
        let message = json!({"model": "dummy", "max_tokens": 100, "messages": completion["messages"]});
        let newcomer = || format!("person-{}", NEWCOMERS.fetch_add(1, Ordering::Relaxed));
        match name {
            BARE => Asked::of(&Request::get("/"), 200),
            "anthropic-messages" => self.ada_posts("/v1/messages", &message),
            "account" => self.ada_gets("/account/"),
            "audit" => Asked::directly(json!({})),
            "chat" => self.ada_posts("/chatView/", &json!({"message": "Hello"})),
            "chat-completions" => self.ada_posts("/v1/chat/completions", &completion),
            "completions" => self.ada_posts("/v1/completions", &json!({"model": "dummy", "prompt": "Hello"})),
            "console" => self.ada_gets("/"),
            "conversations" => self.ada_gets("/conversations/"),
            "docs" => self.ada_gets("/docs/"),
            "embeddings" => self.ada_posts("/v1/embeddings", &json!({"model": "vectors", "input": "Hello"})),
            "export" => self.ada_gets("/export/"),
            "jwks" => self.ada_gets("/.well-known/jwks.json"),
            "keys" => self.ada_gets("/keys/"),
            "login" => Asked::of(&Request::post("/login/").json(&credentials("ada")), 200),
            "logout" => Asked::of(&Request::post("/logout/").json(&json!({"refresh": self.ended.refresh})), 204),
            "messages" => self.ada_gets("/messages/"),
            "models" => self.ada_gets("/v1/models"),
            "openapi" => self.ada_gets("/openapi.json"),
            "operator" => Asked::directly(json!({"action": "show", "username": "ada"})),
            "openai-responses" => self.ada_posts("/v1/responses", &json!({"model": "dummy", "input": "Hello"})),
            "password" => self.grace_changes_her_password().await,
            "quote" => self.ada_posts("/v1/quote", &completion),
            "receipt" => self.ada_gets(&format!("/transactions/{}/receipt/", self.transaction)),
            "receipt-keys" => self.ada_gets("/.well-known/receipt-keys.json"),
            "register" => Asked::of(&Request::post("/register/").json(&credentials(&newcomer())), 201),
            "sessions" => self.ada_gets("/sessions/"),
            "token-balance" => self.ada_gets("/token_balance/"),
            "token-refresh" => self.ada_posts("/token/refresh/", &json!({"refresh": self.ada.refresh})),
            "token-verify" => self.ada_posts("/token/verify/", &json!({"token": self.ada.access})),
            "transactions" => self.ada_gets("/transactions/"),
            _ => panic!("{name} has no request to measure it with"),
        }
    }

    fn ada_gets(&self, path: &str) -> Asked {
        Asked::of(&Request::get(path).bearer(&self.ada.access), 200)
    }

    fn ada_posts(&self, path: &str, body: &Value) -> Asked {
        Asked::of(&Request::post(path).json(body).bearer(&self.ada.access), 200)
    }

    /// Logs Grace in anew, because each change of the password revokes her access token.
    async fn grace_changes_her_password(&self) -> Asked {
        let number = CHANGES.fetch_add(1, Ordering::Relaxed);
        let [current, new] =
            if number.is_multiple_of(2) { [PASSWORD, OTHER_PASSWORD] } else { [OTHER_PASSWORD, PASSWORD] };
        let grace = people::log_in(self.stack, "grace", current).await;
        let passwords = json!({"current_password": current, "new_password": new});
        Asked::of(&Request::post("/password/").json(&passwords).bearer(&grace.access), 204)
    }
}
