//! The events in `events/`, each sent to its function, and what it must answer.
//!
//! `events/<function>/<case>.json` is what API Gateway (or cargo-lambda) sends, or whoever invokes
//! the function directly; beside it, `<case>.answer.json` is the answer, in which `"*"` stands for any
//! text and `"#"` for any number above zero; the body of a stream is the list of its events. In an event,
//! `{{access_token}}`, `{{api_key}}` and the like stand for what the people of [`cast`] have, and
//! `{{address_of_a_guesser}}` and `{{address_of_a_crowd}}` for where too many requests came from. Where a
//! browser says which page an event comes from, those of `https://app.example.com` are let in.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use futures_util::StreamExt;
use futures_util::stream;
use local::gateway::{Request, Response};
use local::runtime_api::{InvocationError, InvocationFailure};
use local::stack::JWT_SIGNING_SECRET;
use local::template::{Template, workspace_root};
use serde_json::{Value, json};
use shared::api_keys::MAX_API_KEYS;

use crate::forgery;
use crate::world::{World, an_hour_ago, days_ago};

/// So many worlds at once: more would wait for each other on two cores.
const WORLDS_AT_ONCE: usize = 4;

/// The answer that must come.
#[derive(serde::Deserialize)]
#[serde(untagged)]
enum Expected {
    /// Of a function of the API.
    Response { status: u16, headers: BTreeMap<String, String>, body: Value },
    /// Of a function that is invoked directly.
    Result { result: Value },
    /// Its failure: `errorType` and `errorMessage`.
    Error { error: Value },
}

impl Expected {
    fn of(file: &Path) -> Self {
        let answer = answer_file(file);
        serde_json::from_value(read(&answer)).unwrap_or_else(|error| panic!("{}: {error}", answer.display()))
    }

    fn is_success(&self) -> bool {
        match self {
            Self::Response { status, .. } => *status < 400,
            Self::Result { .. } => true,
            Self::Error { .. } => false,
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_event_gets_its_answer() {
    let failures: Vec<String> = stream::iter(event_files())
        .map(|file| tokio::spawn(async move { check(&file).await.err() }))
        .buffer_unordered(WORLDS_AT_ONCE)
        .filter_map(|outcome| async { outcome.unwrap() })
        .collect()
        .await;
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

#[test]
fn every_function_has_events_of_both_payload_versions_for_success_and_failure() {
    let events: Vec<(String, Value, Expected)> =
        event_files().iter().map(|file| (function_of(file), read(file), Expected::of(file))).collect();
    for function in Template::of_workspace().unwrap().functions() {
        let has = |test: &dyn Fn(&Value, &Expected) -> bool| {
            events.iter().any(|(name, event, expected)| *name == function.binary && test(event, expected))
        };
        let succeeds = |test: &dyn Fn(&Value) -> bool| has(&|event, expected| test(event) && expected.is_success());
        if function.routes.is_empty() {
            assert!(succeeds(&|_| true), "{}", function.binary);
            continue;
        }
        assert!(succeeds(&|event| event["resource"].is_string()), "{}", function.binary);
        assert!(succeeds(&|event| event["version"] == "2.0"), "{}", function.binary);
        assert!(has(&|_, expected| !expected.is_success()), "{}", function.binary);
    }
}

async fn check(file: &Path) -> Result<(), String> {
    let event = fs::read_to_string(file).unwrap();
    let is_from_a_page = event.to_lowercase().contains("\"origin\"");
    let world = cast(if is_from_a_page { &[("CORS_ORIGINS", "https://app.example.com")] } else { &[] }).await;
    let event = with_tokens(&world, &event).await;
    let before = world.items().await;
    let answer = world.stack.invoke(&function_of(file), &event).await;
    let expected = Expected::of(file);
    compare(answer, &expected).map_err(|difference| format!("{}: {difference}", file.display()))?;
    if !expected.is_success() && world.items().await != before {
        return Err(format!("{}: was refused and changed the table", file.display()));
    }
    Ok(())
}

/// Ada has 100 credits, Grace none, and Ivan's account is deactivated.
async fn cast(settings: &[(&str, &str)]) -> World {
    let world = World::start_with(settings).await;
    world.register("ada", 100).await;
    world.register("grace", 0).await;
    world.register("ivan", 100).await;
    world
}

/// Mary has 10 credits and spends two of them on messages.
async fn mary_talks(world: &World) -> String {
    world.register("mary", 10).await;
    let access = world.log_in("mary").await.access;
    for message in ["Good morning", "Good night"] {
        let request = Request::post("/chatView/").json(&json!({"message": message})).bearer(&access);
        assert_eq!(world.stack.send(request).await.status, 200);
    }
    access
}

async fn with_tokens(world: &World, event: &str) -> Value {
    let ada = world.log_in("ada").await;
    let mut event = event
        .replace("{{access_token}}", &ada.access)
        .replace("{{refresh_token}}", &ada.refresh)
        .replace("{{access_token_of_grace}}", &world.log_in("grace").await.access)
        .replace("{{access_token_of_ivan}}", &world.log_in("ivan").await.access)
        .replace("{{unsigned_access_token}}", &forgery::unsigned(&ada.access))
        .replace("{{access_token_by_hs256}}", &forgery::signed_with_the_public_key(&ada.access));
    event = with_api_keys(world, event, &ada.access).await;
    world.deactivate("ivan").await;
    event = event.replace("{{session_id}}", &session_id(&ada.access));
    if event.contains("{{session_id_of_grace}}") {
        event = event.replace("{{session_id_of_grace}}", &session_id(&world.log_in("grace").await.access));
    }
    if event.contains("{{ended_refresh_token}}") {
        let ended = world.log_in("ada").await;
        assert_eq!(world.log_out(&ended, false).await.status, 204);
        event = event.replace("{{ended_refresh_token}}", &ended.refresh);
    }
    if event.contains("{{access_token_of_a_passed_epoch}}") {
        assert_eq!(world.log_out(&ada, true).await.status, 204);
        event = event.replace("{{access_token_of_a_passed_epoch}}", &ada.access);
    }
    if event.contains("{{expired_refresh_token}}") {
        let expired = world.log_in_at("ada", days_ago(2), JWT_SIGNING_SECRET).await;
        event = event.replace("{{expired_refresh_token}}", &expired.refresh);
    }
    if event.contains("{{access_token_of_mary}}") {
        event = event.replace("{{access_token_of_mary}}", &mary_talks(world).await);
    }
    if event.contains("{{expired_access_token}}") {
        let expired = world.log_in_at("ada", an_hour_ago(), JWT_SIGNING_SECRET).await;
        event = event.replace("{{expired_access_token}}", &expired.access);
    }
    if event.contains("{{access_token_of_another_key}}") {
        event = event.replace("{{access_token_of_another_key}}", &forgery::token_of_another_key().await.access);
    }
    if event.contains("{{address_of_a_guesser}}") {
        world.slow_down("ada", "127.0.113.7").await;
        event = event.replace("{{address_of_a_guesser}}", "127.0.113.7");
    }
    if event.contains("{{address_of_a_crowd}}") {
        world.crowd("127.0.113.7").await;
        event = event.replace("{{address_of_a_crowd}}", "127.0.113.7");
    }
    assert!(!event.contains("{{"), "no such token: {event}");
    serde_json::from_str(&event).unwrap()
}

/// Hedy has one API key, and Katherine has as many as one may have.
async fn with_api_keys(world: &World, mut event: String, ada: &str) -> String {
    for (name, number) in [("hedy", 1), ("katherine", MAX_API_KEYS)] {
        let placeholder = format!("{{{{access_token_of_{name}}}}}");
        if event.contains(&placeholder) {
            world.register(name, 100).await;
            let access = world.log_in(name).await.access;
            for _ in 0..number {
                world.make_api_key(&access).await;
            }
            event = event.replace(&placeholder, &access);
        }
    }
    if event.contains("{{api_key_id_of_grace}}") {
        let access = world.log_in("grace").await.access;
        event = event.replace("{{api_key_id_of_grace}}", &world.make_api_key(&access).await.id);
    }
    if event.contains("{{api_key_of_ivan}}") {
        let access = world.log_in("ivan").await.access;
        event = event.replace("{{api_key_of_ivan}}", &world.make_api_key(&access).await.key);
    }
    if event.contains("{{ended_api_key}}") {
        let ended = world.make_api_key(ada).await;
        let request = Request::delete(&format!("/keys/{}/", ended.id)).bearer(ada);
        assert_eq!(world.stack.send(request).await.status, 204);
        event = event.replace("{{ended_api_key}}", &ended.key);
    }
    if event.contains("{{expired_api_key}}") {
        let expired = world.make_api_key(ada).await;
        world.expire(&expired).await;
        event = event.replace("{{expired_api_key}}", &expired.key);
    }
    if event.contains("{{api_key") {
        let made = world.make_api_key(ada).await;
        event = event.replace("{{api_key}}", &made.key).replace("{{api_key_id}}", &made.id);
    }
    event
}

/// The session that a token belongs to.
fn session_id(token: &str) -> String {
    forgery::claims(token)["sid"].as_str().unwrap().to_owned()
}

fn compare(answer: Result<Value, InvocationError>, expected: &Expected) -> Result<(), String> {
    match (answer, expected) {
        (Ok(event), Expected::Response { status, headers, body }) => {
            compare_response(&Response::from_event(&event), *status, headers, body)
        }
        (Ok(found), Expected::Result { result }) => compare_json("result", &found, result),
        (Err(InvocationError { failure: InvocationFailure::Error { answer }, .. }), Expected::Error { error }) => {
            compare_json("error", &answer, error)
        }
        (Ok(found), Expected::Error { .. }) => Err(format!("no error: {found}")),
        (Err(error), _) => Err(error.to_string()),
    }
}

fn compare_response(
    response: &Response,
    status: u16,
    headers: &BTreeMap<String, String>,
    body: &Value,
) -> Result<(), String> {
    if response.status != status {
        return Err(format!("status {} and not {status}: {}", response.status, response.body));
    }
    for (name, value) in headers {
        let found = response.headers.get(name).cloned().unwrap_or_default();
        if !matches(&Value::from(found.clone()), &Value::from(value.clone())) {
            return Err(format!("the header {name} is {found:?} and not {value:?}"));
        }
    }
    // Null is no body at all.
    let found = match response.headers.get("content-type").map(String::as_str) {
        _ if response.body.is_empty() => Value::Null,
        Some("text/event-stream") => Value::from(data_of_events(&response.body)),
        _ => response.json(),
    };
    compare_json("body", &found, body)
}

/// What the events of a stream say.
pub fn data_of_events(events: &str) -> Vec<Value> {
    assert!(events.ends_with("\n\n"), "{events:?}");
    let lines = events.split_terminator("\n\n").map(|event| event.strip_prefix("data: ").unwrap());
    lines.map(|data| serde_json::from_str(data).unwrap_or_else(|_| Value::from(data))).collect()
}

fn compare_json(what: &str, found: &Value, expected: &Value) -> Result<(), String> {
    if matches(found, expected) { Ok(()) } else { Err(format!("the {what} is {found} and not {expected}")) }
}

/// Whether `found` is `expected`, in which `"*"` is any text but none, and `"#"` any number above zero.
fn matches(found: &Value, expected: &Value) -> bool {
    match (found, expected) {
        (Value::String(text), Value::String(any)) if any == "*" => !text.is_empty(),
        (Value::Number(number), Value::String(any)) if any == "#" => number.as_f64().is_some_and(|found| found > 0.0),
        (Value::Object(found), Value::Object(expected)) => {
            found.len() == expected.len()
                && expected.iter().all(|(name, value)| found.get(name).is_some_and(|found| matches(found, value)))
        }
        (Value::Array(found), Value::Array(expected)) => {
            found.len() == expected.len() && found.iter().zip(expected).all(|(found, value)| matches(found, value))
        }
        _ => found == expected,
    }
}

fn event_files() -> Vec<PathBuf> {
    let functions = fs::read_dir(workspace_root().join("events")).unwrap();
    let mut files: Vec<PathBuf> = functions
        .flat_map(|function| fs::read_dir(function.unwrap().path()).unwrap())
        .map(|file| file.unwrap().path())
        .filter(|file| !file.to_str().unwrap().ends_with(".answer.json"))
        .collect();
    files.sort();
    files
}

fn answer_file(file: &Path) -> PathBuf {
    file.with_extension("answer.json")
}

fn function_of(file: &Path) -> String {
    file.parent().unwrap().file_name().unwrap().to_str().unwrap().to_owned()
}

fn read(file: &Path) -> Value {
    let text = fs::read_to_string(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", file.display()))
}

/// Anything but the wildcards matches only itself, so that a fixture cannot pass by accident.
#[test]
fn only_the_wildcards_match_more_than_themselves() {
    assert!(matches(&json!({"a": 1}), &json!({"a": "#"})));
    assert!(!matches(&json!({"a": 0}), &json!({"a": "#"})));
    assert!(!matches(&json!({"a": "1"}), &json!({"a": "#"})));
    assert!(matches(&json!({"a": ["x"]}), &json!({"a": ["*"]})));
    assert!(!matches(&json!({"a": [""]}), &json!({"a": ["*"]})));
    assert!(!matches(&json!({"a": 1, "b": 2}), &json!({"a": 1})));
    assert!(!matches(&json!({"a": 1}), &json!({"a": 1, "b": 2})));
    assert!(!matches(&json!({"a": 1}), &json!({"a": "*"})));
    assert!(!matches(&json!("x"), &json!("y")));
}
