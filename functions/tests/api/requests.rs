//! The requests that many tests send: a test says what matters to it, and the rest is as usual.

use serde_json::{Value, json};
use testkit::gateway::Request;
use wiremock::MockServer;

use crate::world::PASSWORD;

pub const COMPLETIONS: &str = "/v1/chat/completions";

pub const TEXT_COMPLETIONS: &str = "/v1/completions";

pub const EMBEDDINGS: &str = "/v1/embeddings";

pub const MESSAGES: &str = "/v1/messages";

pub const COUNT_TOKENS: &str = "/v1/messages/count_tokens";

pub const RESPONSES: &str = "/v1/responses";

pub const QUOTE: &str = "/v1/quote";

/// The id of everybody's first conversation.
pub const FIRST_CONVERSATION: &str = "00000000000000000000000000";

/// An id that no session, no API key and no transaction has.
pub const UNKNOWN_ID: &str = "01ARZ3NDEKTSV4RRFFQ69G5FAV";

/// A code that nobody made, whose check character is right.
pub const UNKNOWN_CODE: &str = "0000-0000-0000-0000-0000";

pub fn register(username: &str, password: &str) -> Request {
    Request::post("/register/").json(&json!({"username": username, "password": password}))
}

pub fn register_invited(username: &str, code: &str) -> Request {
    Request::post("/register/").json(&json!({"username": username, "password": PASSWORD, "invitation": code}))
}

pub fn redeem(code: &str) -> Request {
    Request::post("/vouchers/redeem/").json(&json!({"code": code}))
}

pub fn make_vouchers(terms: &Value) -> Request {
    Request::post("/admin/vouchers/").json(terms)
}

pub fn log_in(username: &str, password: &str) -> Request {
    Request::post("/login/").json(&json!({"username": username, "password": password}))
}

/// `request` of a page in a browser, whose refresh token is in a cookie.
pub fn of_page(request: Request) -> Request {
    request.header("X-Session", "cookie")
}

/// `request` with the cookie of a page, among others.
pub fn with_cookie(request: Request, token: &str) -> Request {
    request.header("Cookie", &format!("theme=dark; refresh_token={token}; language=en"))
}

pub fn reset_password(code: &str, new_password: &str) -> Request {
    Request::post("/password/reset/").json(&json!({"code": code, "new_password": new_password}))
}

/// The path of a user, or of an act on one, in the admin API.
pub fn admin_user(user: &str, act: &str) -> String {
    if act.is_empty() { format!("/admin/users/{user}/") } else { format!("/admin/users/{user}/{act}/") }
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

/// A request for what [`message`] costs.
pub fn quote_of_message(text: &str) -> Request {
    Request::post("/chatView/quote/").json(&json!({"message": text}))
}

pub fn completion(stream: bool) -> Request {
    Request::post(COMPLETIONS).json(&completion_body(stream))
}

pub fn completion_body(stream: bool) -> Value {
    json!({"model": "dummy", "messages": [{"role": "user", "content": "Hello"}], "stream": stream})
}

/// A request in OpenAI's older protocol.
pub fn text_completion(stream: bool) -> Request {
    Request::post(TEXT_COMPLETIONS).json(&text_completion_body(stream))
}

pub fn text_completion_body(stream: bool) -> Value {
    json!({"model": "dummy", "prompt": "Hello", "stream": stream})
}

/// A request for the vector of a text, of a model of [`catalogue_with_embeddings`].
pub fn embeddings() -> Request {
    Request::post(EMBEDDINGS).json(&json!({"model": "dummy-embeddings", "input": "Hello"}))
}

/// A request in Anthropic's protocol.
pub fn anthropic_message(stream: bool) -> Request {
    Request::post(MESSAGES).json(&anthropic_body(stream))
}

pub fn anthropic_body(stream: bool) -> Value {
    let messages = json!([{"role": "user", "content": "Hello"}]);
    json!({"model": "dummy", "max_tokens": 100, "messages": messages, "stream": stream})
}

pub fn count_tokens() -> Request {
    Request::post(COUNT_TOKENS).json(&anthropic_body(false))
}

/// A request in the protocol of OpenAI's Responses.
pub fn response(stream: bool) -> Request {
    Request::post(RESPONSES).json(&response_body(stream))
}

pub fn response_body(stream: bool) -> Value {
    json!({"model": "dummy", "input": "Hello", "stream": stream})
}

pub fn quote() -> Request {
    Request::post(QUOTE).json(&completion_body(false))
}

pub fn change_password(current: &str, new: &str) -> Request {
    Request::post("/password/").json(&json!({"current_password": current, "new_password": new}))
}

pub fn delete_account(password: &str) -> Request {
    Request::delete("/account/").json(&json!({"password": password}))
}

pub fn give(user: &str, amount: i64, id: &str) -> Request {
    let body = json!({"amount": amount, "reason": "A present"});
    Request::post(&format!("/admin/users/{user}/grants/")).header("Idempotency-Key", id).json(&body)
}

/// A stop by staff, or its end.
pub fn set_accepting(accepting: bool) -> Request {
    Request::put("/admin/accepting/").json(&json!({"accepting": accepting, "reason": "A provider's wild bill"}))
}

/// A bulk grant of these rows.
pub fn bulk_grant(rows: &str) -> Request {
    let file = format!("id,username,amount,reason\n{rows}");
    Request::post("/admin/jobs/").body(Some("text/csv"), file.into_bytes())
}

pub fn make_api_key(name: &str) -> Request {
    Request::post("/keys/").json(&json!({"name": name, "password": PASSWORD}))
}

pub fn make_api_key_with(limits: &Value) -> Request {
    let mut body = json!({"name": "my program", "password": PASSWORD});
    body.as_object_mut().unwrap().extend(limits.as_object().unwrap().clone());
    Request::post("/keys/").json(&body)
}

pub fn change_api_key(id: &str, changes: &Value) -> Request {
    Request::new("PATCH", &format!("/keys/{id}/")).json(changes)
}

pub fn end_api_key(id: &str) -> Request {
    Request::delete(&format!("/keys/{id}/"))
}

pub fn end_session(id: &str) -> Request {
    Request::delete(&format!("/sessions/{id}/"))
}

pub fn make_conversation(title: &str) -> Request {
    Request::post("/conversations/").json(&json!({"title": title}))
}

pub fn rename_conversation(id: &str, title: &str) -> Request {
    Request::new("PATCH", &format!("/conversations/{id}/")).json(&json!({"title": title}))
}

pub fn delete_conversation(id: &str) -> Request {
    Request::delete(&format!("/conversations/{id}/"))
}

pub fn messages_of(conversation: &str) -> Request {
    Request::get(&format!("/conversations/{conversation}/messages/"))
}

/// The receipt of a transaction.
pub fn receipt(id: &str) -> Request {
    Request::get(&format!("/transactions/{id}/receipt/"))
}

/// A message in a conversation.
pub fn message_in(conversation: &str, text: &str) -> Request {
    Request::post("/chatView/").json(&json!({"message": text, "conversation": conversation}))
}

/// A catalogue of the dummy under these names, each with its price of a request in credits. Further members of a model
/// can be set.
pub fn catalogue_of_dummies(models: &[(&str, u64)]) -> Value {
    let model = |(id, cost): &(&str, u64)| {
        json!({
            "id": id,
            "provider": "dummy",
            "provider_model": "dummy",
            "prices": {"input": 0, "output": 0, "request": cost},
            "context_tokens": 4096,
            "max_output_tokens": 512,
        })
    };
    let models: Vec<Value> = models.iter().map(model).collect();
    json!({"providers": {"dummy": {"protocol": "dummy"}}, "models": models})
}

/// A catalogue of the dummy, and of one that makes vectors at a credit a token.
pub fn catalogue_with_embeddings() -> Value {
    let mut catalogue = catalogue_of_dummies(&[("dummy", 1), ("dummy-embeddings", 0)]);
    let embedder = &mut catalogue["models"][1];
    embedder["takes"] = json!(["embeddings"]);
    embedder["prices"]["input"] = json!(1_000_000);
    catalogue
}

/// A model of the provider `p` at a credit a token, with the members of `more` in place of the usual ones or beside them.
pub fn model(id: &str, more: &Value) -> Value {
    let mut model = json!({
        "id": id,
        "provider": "p",
        "provider_model": id,
        "prices": {"input": 1_000_000, "output": 1_000_000},
        "context_tokens": 4096,
        "max_output_tokens": 100,
    });
    model.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    model
}

/// A catalogue of these models, for which `server` with OpenAI's protocol is the provider `p`.
pub fn catalogue_of(server: &MockServer, models: &[Value]) -> Value {
    json!({
        "providers": {"p": {"protocol": "openai", "base_url": format!("{}/v1", server.uri())}},
        "models": models,
    })
}

/// A completion by the model of this name.
pub fn completion_by(model: &str, stream: bool) -> Request {
    let mut body = completion_body(stream);
    body["model"] = json!(model);
    Request::post(COMPLETIONS).json(&body)
}

/// A path of the template, with `id` in place of its parameter, which may take the rest of the path.
pub fn path_with_id(route: &str, id: &str) -> String {
    route.replace("{id}", id).replace("{id+}", id).replace("{version}", "7")
}

/// One request to each endpoint that is for people and not for programs, to be sent with an access token.
pub fn of_people() -> Vec<Request> {
    vec![
        Request::get("/transactions/"),
        receipt(UNKNOWN_ID),
        Request::get("/usage/"),
        Request::get("/messages/"),
        Request::get("/export/"),
        Request::get("/conversations/"),
        make_conversation("My holidays"),
        rename_conversation(UNKNOWN_ID, "My journeys"),
        delete_conversation(UNKNOWN_ID),
        messages_of(FIRST_CONVERSATION),
        Request::get("/sessions/"),
        end_session(UNKNOWN_ID),
        Request::get("/keys/"),
        make_api_key("my program"),
        end_api_key(UNKNOWN_ID),
        Request::get("/account/"),
        change_password(PASSWORD, "an even better horse"),
        delete_account(PASSWORD),
        redeem(UNKNOWN_CODE),
    ]
}
