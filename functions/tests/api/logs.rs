//! The logs of the functions: one JSON line for each request, and no secret in any line.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::{Value, json};
use testkit::gateway::Request;
use testkit::recorder::Fault;
use testkit::stack::{JWT_SIGNING_SECRET, RECEIPT_SIGNING_SECRET};
use testkit::template::Template;

use crate::requests::{
    COMPLETIONS, COUNT_TOKENS, EMBEDDINGS, MESSAGES, QUOTE, RESPONSES, TEXT_COMPLETIONS, admin_user, balance,
    bulk_grant, change_api_key, change_password, delete_account, delete_conversation, end_api_key, give, log_in,
    make_api_key, make_conversation, make_vouchers, message, message_in, messages_of, of_page, quote_of_message,
    receipt, redeem, refresh, register, rename_conversation, reset_password, verify, with_cookie,
};
use crate::world::{MadeApiKey, PASSWORD, World};

const MESSAGE: &str = "What did the doctor say?";

const NEW_PASSWORD: &str = "an even better horse";

const NAME_OF_KEY: &str = "The doctor's program";
/// The title of a conversation.
const TITLE: &str = "A journey that nobody may read of";

/// The reason of a grant, and its id.
const REASON: &str = "Nobody may read why";
const GRANT: &str = "an-id-of-a-grant";

/// The number of requests of [`use_everything`].
const REQUESTS: usize = 93;

/// An API key that was never made.
const API_KEY: &str = "sk-0123456789abcdefghijklmnopqrstuvwxyzABCDEFG";

/// The number of requests of [`go_wrong`].
const REQUESTS_GONE_WRONG: usize = 20;

/// Waits until the logs have `text` this many `times`: a line may arrive after the answer that it is about.
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

/// Uses every endpoint, with good and bad input, and returns the texts that no log may have.
async fn use_everything(world: &World) -> Vec<String> {
    world.stack.send(register("ada", PASSWORD)).await;
    let tokens = world.stack.send(log_in("ada", PASSWORD)).await.json();
    let access = tokens["access_token"].as_str().unwrap();
    let refresh_token = tokens["refresh_token"].as_str().unwrap();
    world.stack.send(log_in("ada", "wrong password")).await;
    let refreshed = world.stack.send(refresh(refresh_token)).await.json();
    let refreshed = refreshed["access_token"].as_str().unwrap();
    world.stack.send(refresh(access)).await;
    let token_of_cookie = use_a_page(world).await;
    world.stack.send(verify(access)).await;
    world.stack.send(verify(&format!("{refresh_token}x"))).await;
    world.stack.send(balance().bearer(access)).await;
    world.stack.send(balance().bearer(&format!("{access}x"))).await;
    world.stack.send(message(MESSAGE).bearer(access)).await;
    world.stack.send(quote_of_message(MESSAGE).bearer(access)).await;
    world.stack.send(message(MESSAGE).bearer(refresh_token)).await;
    for stream in [false, true] {
        let body = json!({"model": "dummy", "messages": [{"role": "user", "content": MESSAGE}], "stream": stream});
        world.stack.send(Request::post(COMPLETIONS).json(&body).bearer(access)).await;
    }
    for stream in [false, true] {
        let body = json!({"model": "dummy", "prompt": MESSAGE, "stream": stream});
        world.stack.send(Request::post(TEXT_COMPLETIONS).json(&body).bearer(access)).await;
        let body = json!({"model": "dummy", "input": MESSAGE, "stream": stream});
        world.stack.send(Request::post(RESPONSES).json(&body).bearer(access)).await;
    }
    let body = json!({"model": "dummy", "input": [MESSAGE]});
    world.stack.send(Request::post(EMBEDDINGS).json(&body).bearer(access)).await;
    for (path, stream) in [(MESSAGES, false), (MESSAGES, true), (COUNT_TOKENS, false)] {
        let messages = json!([{"role": "user", "content": MESSAGE}]);
        let body = json!({"model": "dummy", "max_tokens": 9, "messages": messages, "stream": stream});
        world.stack.send(Request::post(path).json(&body).bearer(access)).await;
    }
    let body = json!({"model": "dummy", "messages": [{"role": "user", "content": MESSAGE}]});
    world.stack.send(Request::post(QUOTE).json(&body).bearer(access)).await;
    world.stack.send(Request::get("/v1/models").bearer(access)).await;
    world.stack.send(Request::get("/v1/models/dummy").bearer(access)).await;
    let listed = world.stack.send(Request::get("/transactions/").bearer(access)).await.json();
    let paid = listed["transactions"][0]["id"].as_str().unwrap();
    let signed = world.stack.send(receipt(paid).bearer(access)).await.json();
    let signed = signed["receipt"].as_str().unwrap();
    world.stack.send(Request::get("/usage/").bearer(access)).await;
    world.stack.send(Request::get("/messages/").bearer(access)).await;
    world.stack.send(Request::get("/export/").bearer(access)).await;
    use_a_conversation(world, access).await;
    let reset_codes = use_people(world, access).await;
    use_the_deployment(world, access).await;
    let keys = ["/.well-known/jwks.json", "/.well-known/receipt-keys.json"];
    let pages = ["/", "/assets/main.js", "/openapi.json", "/docs/", "/docs/start.js"];
    let public = [&keys[..], &pages].concat();
    for path in public {
        world.stack.send(Request::get(path)).await;
    }
    let made = use_an_api_key(world, access).await;
    let codes = use_vouchers(world, access).await;
    give_credits(world, access).await;
    let sessions = world.stack.send(Request::get("/sessions/").bearer(access)).await.json();
    let session = format!("/sessions/{}/", sessions["sessions"][0]["id"].as_str().unwrap());
    world.stack.send(change_password("wrong password", NEW_PASSWORD).bearer(access)).await;
    world.stack.send(Request::delete(&session).bearer(access)).await;
    world.stack.send(Request::post("/logout/").json(&json!({"refresh": refresh_token}))).await;
    world.stack.send(Request::get("/account/").bearer(access)).await;
    world.stack.send(delete_account(PASSWORD).bearer(access)).await;
    let secrets = [
        PASSWORD,
        "wrong password",
        NEW_PASSWORD,
        MESSAGE,
        access,
        refresh_token,
        JWT_SIGNING_SECRET,
        RECEIPT_SIGNING_SECRET,
        "Dummy Response",
        // Of the two headers about cookies.
        "refresh_token=",
        "SameSite",
    ];
    let made_here = [refreshed, signed, made.key.as_str(), NAME_OF_KEY, TITLE, REASON, GRANT, &token_of_cookie];
    secrets.into_iter().chain(made_here).map(str::to_owned).chain(codes).chain(reset_codes).collect()
}

/// Logs in, refreshes and logs out as a page in a browser does, and returns the token of its cookie.
async fn use_a_page(world: &World) -> String {
    let logged_in = world.stack.send(of_page(log_in("ada", PASSWORD))).await;
    let cookie = &logged_in.headers["set-cookie"];
    let token = cookie.strip_prefix("refresh_token=").and_then(|rest| rest.split(';').next()).unwrap();
    for path in ["/token/refresh/", "/logout/"] {
        assert!(world.stack.send(of_page(with_cookie(Request::post(path), token))).await.status < 300);
    }
    token.to_owned()
}

/// Makes vouchers as staff, redeems one, lists them and ends them. Returns the codes, as they are written and as they are stored.
async fn use_vouchers(world: &World, access: &str) -> Vec<String> {
    world.set_staff("ada", true).await;
    let made = world.stack.send(make_vouchers(&json!({"amount": 5, "count": 2, "note": MESSAGE})).bearer(access)).await;
    let made = made.json();
    let codes: Vec<String> = serde_json::from_value(made["codes"].clone()).unwrap();
    let batch = format!("/admin/vouchers/{}/", made["id"].as_str().unwrap());
    for request in [redeem(&codes[0]), Request::get("/admin/vouchers/"), Request::get(&batch), Request::delete(&batch)]
    {
        assert!(world.stack.send(request.bearer(access)).await.status < 300);
    }
    assert_eq!(world.stack.send(redeem(&codes[1]).bearer(access)).await.status, 409);
    world.set_staff("ada", false).await;
    let canonical: Vec<String> = codes.iter().map(|code| code.replace('-', "")).collect();
    [codes, canonical].concat()
}

/// Looks for a user as staff, looks at one, changes and deletes one who has set a password with a code. Returns the codes, as they
/// are written and as they are stored.
async fn use_people(world: &World, access: &str) -> Vec<String> {
    world.register("emmy", 0).await;
    world.set_staff("ada", true).await;
    let path = |act: &str| admin_user("emmy", act);
    let made = world.stack.send(Request::post(&path("reset-codes")).bearer(access)).await.json();
    let code = made["code"].as_str().unwrap().to_owned();
    assert_eq!(world.stack.send(reset_password(&code, NEW_PASSWORD)).await.status, 204);
    assert_eq!(world.stack.send(reset_password(&code, NEW_PASSWORD)).await.status, 400);
    let reason = json!({"reason": MESSAGE});
    for request in [
        Request::get("/admin/users/").query("search", "emmy"),
        Request::get(&path("")),
        Request::new("PATCH", &path("")).json(&json!({"status": "inactive", "reason": MESSAGE})),
        Request::post(&path("end-sessions")),
        Request::post(&path("end-keys")),
        Request::delete(&path("")).json(&reason),
    ] {
        let response = world.stack.send(request.bearer(access)).await;
        assert!(response.status < 300, "{response:?}");
    }
    world.set_staff("ada", false).await;
    vec![code.replace('-', ""), code]
}

/// Looks at the deployment as staff, and replaces its catalogue.
async fn use_the_deployment(world: &World, access: &str) {
    world.set_staff("ada", true).await;
    let document = json!({"catalogue": {"models": [MESSAGE]}});
    for request in [
        Request::get("/admin/catalogue/"),
        Request::put("/admin/catalogue/").json(&json!({"catalogue": null, "version": 0})),
        Request::post("/admin/catalogue/check/").json(&document),
        Request::put("/admin/accepting/").json(&json!({"accepting": true, "reason": MESSAGE})),
        Request::get("/admin/catalogue/versions/"),
        Request::get("/admin/catalogue/versions/1/"),
        Request::get("/admin/history/").query("subject", "ada"),
        Request::get("/admin/settings/"),
        Request::get("/admin/health/"),
        Request::get("/admin/usage/"),
        Request::get("/admin/users/ada/transactions/"),
        Request::get("/admin/users/ada/usage/"),
    ] {
        let response = world.stack.send(request.bearer(access)).await;
        assert!(response.status < 300, "{response:?}");
    }
    world.set_staff("ada", false).await;
}

/// Makes a conversation, gives it another title, talks in it, lists it and deletes it.
async fn use_a_conversation(world: &World, access: &str) {
    let made = world.stack.send(make_conversation(TITLE).bearer(access)).await.json();
    let id = made["id"].as_str().unwrap();
    for request in [
        Request::get("/conversations/"),
        rename_conversation(id, TITLE),
        message_in(id, MESSAGE),
        messages_of(id),
        delete_conversation(id),
    ] {
        assert!(world.stack.send(request.bearer(access)).await.status < 300);
    }
}

/// Gives credits as staff, alone and by a file, and looks at the report.
async fn give_credits(world: &World, access: &str) {
    world.set_staff("ada", true).await;
    assert_eq!(world.stack.send(give("ada", 5, GRANT).bearer(access)).await.status, 201);
    let made = world.stack.send(bulk_grant(&format!("{GRANT}-2,ada,5,{REASON}\n")).bearer(access)).await.json();
    let job = format!("/admin/jobs/{}/", made["id"].as_str().unwrap());
    for request in [Request::get("/admin/jobs/"), Request::get(&job), Request::post(&job)] {
        assert_eq!(world.stack.send(request.bearer(access)).await.status, 200);
    }
    world.set_staff("ada", false).await;
}

/// Makes an API key, lists it, uses it where it is accepted and where it is refused, and ends it.
async fn use_an_api_key(world: &World, access: &str) -> MadeApiKey {
    let made = world.stack.send(make_api_key(NAME_OF_KEY).bearer(access)).await.json();
    let [id, key] = ["id", "key"].map(|member| made[member].as_str().unwrap().to_owned());
    world.stack.send(Request::get("/keys/").bearer(access)).await;
    world.stack.send(message(MESSAGE).header("X-Api-Key", &key)).await;
    world.stack.send(Request::get("/account/").bearer(&key)).await;
    world.stack.send(Request::get("/v1/key").bearer(&key)).await;
    world.stack.send(Request::get("/v1/credits").bearer(&key)).await;
    world.stack.send(change_api_key(&id, &json!({"name": NAME_OF_KEY, "models": [MESSAGE]})).bearer(access)).await;
    world.stack.send(end_api_key(&id).bearer(access)).await;
    world.stack.send(balance().header("api-key", &key)).await;
    MadeApiKey { id, key }
}

/// Makes requests that go wrong, each with a secret in it, and returns the secrets.
async fn go_wrong(world: &World) -> Vec<String> {
    world.register("grace", 0).await;
    world.register("ada", 100).await;
    let [ada, grace] = [world.log_in("ada").await, world.log_in("grace").await];
    let chat = |text: &str| message(text).bearer(&ada.access);
    let statuses = [
        (409, register("ada", PASSWORD)),
        (400, register("hedy", "short")),
        (400, Request::post("/login/").body(Some("application/json"), format!("{{{PASSWORD:?}}}").into_bytes())),
        (415, Request::post("/login/").body(Some("text/plain"), PASSWORD.into())),
        (413, log_in("ada", &PASSWORD.repeat(9999))),
        (401, log_in("nobody", PASSWORD)),
        (405, Request::put("/chatView/").bearer(&ada.access)),
        (402, message(MESSAGE).bearer(&grace.access)),
        (200, chat(MESSAGE).header("Idempotency-Key", "a-key-of-ada")),
        (422, chat("And then?").header("Idempotency-Key", "a-key-of-ada")),
        (400, Request::get("/messages/").query("cursor", MESSAGE).bearer(&ada.access)),
        (404, end_api_key(API_KEY).bearer(&ada.access)),
        (401, balance().bearer(API_KEY)),
        (401, balance().header("Authorization", &format!("Basic {PASSWORD}"))),
        (400, Request::post(COMPLETIONS).json(&json!({"model": "dummy", "messages": MESSAGE})).bearer(&ada.access)),
        (404, Request::post(COMPLETIONS).json(&conversation_with(MESSAGE)).bearer(&ada.access)),
        (400, Request::post(RESPONSES).json(&json!({"model": "dummy", "input": [MESSAGE]})).bearer(&ada.access)),
        (400, Request::post(MESSAGES).json(&json!({"model": "dummy", "messages": MESSAGE})).bearer(&ada.access)),
    ];
    for (status, request) in statuses {
        let text = format!("{request:?}");
        assert_eq!(world.stack.send(request).await.status, status, "{text}");
    }
    world.stack.recorder().fail_next("TransactWriteItems", Fault::NotApplied, 3);
    assert_eq!(world.stack.send(chat(MESSAGE)).await.status, 503);
    world.stack.recorder().forget_faults();
    world.slow_down("ada", "127.0.113.7").await;
    let guess = log_in("ada", PASSWORD).source_ip("127.0.113.7");
    assert_eq!(world.stack.send(guess).await.status, 429);
    [
        PASSWORD,
        MESSAGE,
        "And then?",
        "Dummy Response",
        "a-key-of-ada",
        API_KEY,
        &ada.access,
        &ada.refresh,
        &grace.access,
    ]
    .map(str::to_owned)
    .into()
}

fn conversation_with(model: &str) -> Value {
    json!({"model": model, "messages": [{"role": "user", "content": MESSAGE}]})
}

/// Waits until this many requests are logged, and returns their lines.
async fn answered(world: &World, number: usize) -> Vec<Value> {
    let logs = logs_with(world, "\"answered\"", number).await;
    let lines = logs.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let lines: Vec<Value> = lines.filter(|line| line["message"] == "answered").collect();
    assert_eq!(lines.len(), number, "{logs}");
    lines
}

fn assert_in_none(logs: &str, secrets: Vec<String>) {
    assert!(logs.contains("answered"));
    for secret in secrets {
        assert!(!logs.contains(&secret), "{secret}");
    }
}

#[tokio::test]
async fn each_request_is_one_line_of_json_and_none_holds_what_people_wrote() {
    // The level that logs most.
    let world = World::start_with(&[("LOG_LEVEL", "trace")]).await;
    let secrets = use_everything(&world).await;
    let lines = answered(&world, REQUESTS).await;
    assert_in_none(&world.stack.logs(), secrets);
    for line in &lines {
        assert!(line["timestamp"].is_string() && line["level"] == "INFO", "{line}");
        assert!(line["request_id"].is_string() && line["method"].is_string() && line["code"].is_string(), "{line}");
        assert!(line["status"].is_u64() && line["duration_ms"].is_f64(), "{line}");
        // An answer that is not public names the user who got it.
        let keys = ["/.well-known/jwks.json", "/.well-known/receipt-keys.json"];
        let public = [&keys[..], &["/", "/assets/{name}", "/openapi.json", "/docs", "/docs/{name}"]].concat();
        let is_public = public.contains(&line["route"].as_str().unwrap());
        let was_refused = line["status"].as_u64().unwrap() >= 400;
        assert!(line["user_id"].is_string() || is_public || was_refused, "{line}");
    }
    // Emmy set a password with a code.
    let of_ada = lines.iter().filter(|line| line["route"] != "/password/reset");
    let users: BTreeSet<&str> = of_ada.filter_map(|line| line["user_id"].as_str()).collect();
    assert_eq!(users.len(), 1, "it was Ada, all the time");
    let routes: BTreeSet<String> = lines.iter().map(|line| line["route"].as_str().unwrap().to_owned()).collect();
    let template = Template::of_workspace().unwrap();
    let all = template.functions().into_iter().flat_map(|function| function.routes).map(|route| route.path);
    assert_eq!(routes, all.collect(), "every endpoint was used, and its line names it as the template does");
}

#[tokio::test]
async fn what_goes_wrong_is_in_the_log_and_what_people_wrote_is_not() {
    let world = World::start_with(&[("LOG_LEVEL", "trace")]).await;
    let secrets = go_wrong(&world).await;
    let lines = answered(&world, REQUESTS_GONE_WRONG).await;
    assert_in_none(&world.stack.logs(), secrets);
    let unavailable = lines.iter().find(|line| line["code"] == "unavailable").unwrap();
    assert_eq!((&unavailable["level"], &unavailable["status"]), (&json!("ERROR"), &json!(503)));
    assert!(unavailable["cause"].is_string(), "{unavailable}");
    for line in lines.iter().filter(|line| line["status"].as_u64().unwrap() < 500) {
        assert_eq!(line["level"], "INFO", "{line}");
    }
}

#[tokio::test]
async fn a_panic_is_a_line_of_json_that_says_where_it_was_and_not_what_it_said() {
    let world = World::start_with(&[("LOG_LEVEL", "error"), ("DUMMY_FAILURE", "panic")]).await;
    world.register("ada", 100).await;
    let access = world.log_in("ada").await.access;
    let request = message(MESSAGE).bearer(&access);
    assert_eq!(world.stack.send(request).await.status, 502);
    let logs = logs_with(&world, "panicked", 1).await;
    let lines: Vec<Value> = logs.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    let panicked = lines.iter().find(|line| line["message"] == "panicked").unwrap();
    assert!(panicked["location"].as_str().unwrap().contains("dummy.rs:"), "{panicked}");
    assert!(!logs.contains("told to panic"), "{logs}");
}

#[tokio::test]
async fn the_cause_of_an_error_is_in_the_log() {
    let world = World::start().await;
    world.stack.send(balance().bearer("garbage")).await;
    logs_with(&world, "the token has no readable header", 1).await;
}
