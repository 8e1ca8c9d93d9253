//! The cases in `events/`, each sent to the real binary of its function in both payload versions.
//!
//! `events/<function>/cases.json` lists the requests of clients and the responses that they get. The body of a request
//! is its `json`, `form` or `text`, the body of a response its `json`, `problem`, `events` (of a stream), `lines` (of JSON)
//! or `text`; without one it is empty. [`ExpectedResponse`] says which headers come with each. A function that is invoked directly
//! has an `event` in place of a request, and a `result` or an `error` in place of a response.
//!
//! In a response, `"*"` stands for any text but none, `"#"` for any number above zero, `"#0"` for any number, and `"{*}"` for any
//! object or array but an empty one. In a request, [`Cast::stand_in`] replaces `{{access_token}}` and the other placeholders. In a case with
//! an `Origin`, pages of `https://app.example.com` are allowed. The cases of `embeddings` have a catalogue with a dummy that makes
//! them.
//!
//! A case with a `file` has complete events as documentation: `<file>.json` as API Gateway sends it, and
//! `<file>-locally.json` as cargo-lambda does. To write them anew:
//! `CHAT_API_UPDATE_EVENTS=1 cargo test -p functions --test api complete_event`.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use futures_util::StreamExt;
use futures_util::stream;
use lambda_http::http::StatusCode;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use shared::domain::code::VoucherCode;
use shared::identity::api_keys::MAX_API_KEYS;
use shared::ledger::vouchers::VoucherKind;
use testkit::gateway::{Payload, Request, Response};
use testkit::json_text::written_out;
use testkit::runtime_api::{InvocationError, InvocationFailure, cargo_lambda_deadline};
use testkit::stack::JWT_SIGNING_SECRET;
use testkit::template::{Template, workspace_root};
use tokio::sync::OnceCell;

use crate::forgery;
use crate::requests::{catalogue_with_embeddings, redeem, refresh, reset_password};
use crate::world::{MadeApiKey, PASSWORD, Tokens, World, an_hour_ago, days_ago};

/// More worlds at once would wait for each other on two cores.
const WORLDS_AT_ONCE: usize = 4;

/// The endpoints of the Django app that this project replaces: their failures have complete events too.
const OF_THE_DJANGO_APP: [&str; 5] = ["chat", "login", "register", "token-balance", "token-refresh"];

const ALLOWED_ORIGIN: (&str, &str) = ("CORS_ORIGINS", "https://app.example.com");

/// A case as it stands in a file, with its placeholders.
#[derive(Clone)]
struct Case {
    function: String,
    name: String,
    file: Option<String>,
    is_success: bool,
    source: Value,
}

impl Case {
    /// All cases of all functions.
    fn all() -> Vec<Self> {
        let functions = fs::read_dir(workspace_root().join("events")).unwrap();
        let mut functions: Vec<_> =
            functions.map(|folder| folder.unwrap().file_name().into_string().unwrap()).collect();
        functions.sort();
        functions.iter().flat_map(|function| Self::of_function(function)).collect()
    }

    fn of_function(function: &str) -> Vec<Self> {
        let sources: Vec<Value> = serde_json::from_value(read(&path_of(function, "cases"))).unwrap();
        let cases: Vec<Self> = sources.into_iter().map(|source| Self::new(function, source)).collect();
        let names: BTreeSet<&str> = cases.iter().map(|case| case.name.as_str()).collect();
        assert_eq!(names.len(), cases.len(), "two cases of {function} have the same name");
        cases
    }

    fn new(function: &str, source: Value) -> Self {
        let text = |member: &str| source[member].as_str().map(str::to_owned);
        let answer = &source["answer"];
        Self {
            function: function.to_owned(),
            name: text("name").unwrap_or_else(|| panic!("a case of {function} has no name: {source}")),
            file: text("file"),
            is_success: answer["status"].as_u64().map_or(answer.get("result").is_some(), |status| status < 400),
            source,
        }
    }

    fn is_direct(&self) -> bool {
        self.source.get("event").is_some()
    }

    /// The complete events that the case is sent as, and the ends of their files' names.
    fn complete_events(&self) -> Vec<(&'static str, Value)> {
        if self.is_direct() {
            return vec![("", DirectCase::read(&self.source).event)];
        }
        let case = RequestCase::read(&self.source);
        vec![("", case.event(None, Payload::V1)), ("-locally", case.event(None, Payload::V2))]
    }
}

/// A case of a function of the API.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RequestCase {
    #[serde(rename = "name")]
    _name: String,
    #[serde(rename = "file")]
    _file: Option<String>,
    method: String,
    path: String,
    #[serde(default)]
    query: BTreeMap<String, String>,
    /// The client's address.
    from: Option<String>,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    json: Option<Value>,
    form: Option<String>,
    text: Option<String>,
    /// Whether the body arrives encoded although it is text. API Gateway does so for media types that it is told to.
    #[serde(default)]
    base64: bool,
    answer: ExpectedResponse,
}

impl RequestCase {
    fn read(source: &Value) -> Self {
        Deserialize::deserialize(source).unwrap_or_else(|error| panic!("{error}: {source}"))
    }

    fn request(&self) -> Request {
        let mut request = Request::new(&self.method, &self.path);
        for (name, value) in &self.query {
            request = request.query(name, value);
        }
        for (name, value) in &self.headers {
            request = request.header(name, value);
        }
        if let Some(address) = &self.from {
            request = request.source_ip(address);
        }
        match (&self.json, &self.form, &self.text) {
            (None, None, None) => request,
            (Some(value), None, None) => request.json(value),
            (None, Some(form), None) => {
                request.body(Some("application/x-www-form-urlencoded"), form.clone().into_bytes())
            }
            (None, None, Some(text)) => request.body(None, text.clone().into_bytes()),
            _ => panic!("a request has one body: {} {}", self.method, self.path),
        }
    }

    /// The event for the template's path `resource`, which is the case's own path where that has no parameters.
    fn event(&self, resource: Option<&str>, payload: Payload) -> Value {
        let request = self.request();
        let mut event = match resource {
            Some(resource) => request.to_resource(resource).to_event(payload),
            None => request.to_event(payload),
        };
        if self.base64 {
            let body = STANDARD.encode(event["body"].as_str().unwrap());
            (event["body"], event["isBase64Encoded"]) = (json!(body), json!(true));
        }
        event
    }
}

/// The response that a client gets.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ExpectedResponse {
    status: u16,
    /// Besides those of the body's kind, or in their place. An empty text is no such header.
    #[serde(default)]
    headers: BTreeMap<String, String>,
    json: Option<Value>,
    /// The members of a problem document but `type`, `title` and `status`.
    problem: Option<Map<String, Value>>,
    /// The data of the events of a stream, each under the event's name if it has one.
    events: Option<Value>,
    /// The lines of an export.
    lines: Option<Value>,
    /// A body of a type that `headers` names.
    text: Option<Value>,
}

impl ExpectedResponse {
    fn body(&self) -> Value {
        let problem = self.problem.as_ref().map(|members| {
            let title = StatusCode::from_u16(self.status).unwrap().canonical_reason();
            let mut problem = json!({"type": "about:blank", "title": title, "status": self.status});
            problem.as_object_mut().unwrap().extend(members.clone());
            problem
        });
        let bodies = [self.json.clone(), problem, self.events.clone(), self.lines.clone(), self.text.clone()];
        bodies.into_iter().flatten().next().unwrap_or_default()
    }

    /// Every header that must be there; nothing of the API but what is public may be cached.
    fn headers(&self) -> BTreeMap<String, String> {
        let content_type = match (&self.json, &self.problem, &self.events, &self.lines, &self.text) {
            (None, None, None, None, _) => "",
            (Some(_), None, None, None, None) => "application/json",
            (None, Some(_), None, None, None) => "application/problem+json",
            (None, None, Some(_), None, None) => "text/event-stream",
            (None, None, None, Some(_), None) => "application/x-ndjson",
            _ => panic!("an answer has one body"),
        };
        let usual = [("cache-control", "no-store"), ("content-type", content_type), ("x-request-id", "*")];
        let mut headers: BTreeMap<String, String> =
            usual.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
        headers.extend(self.headers.clone());
        headers
    }

    fn compare(&self, response: &Response) -> Result<(), String> {
        if response.status != self.status {
            return Err(format!("status {} and not {}: {}", response.status, self.status, response.body));
        }
        for (name, value) in self.headers() {
            let found = response.headers.get(&name).cloned().unwrap_or_default();
            if !matches(&json!(found), &json!(value)) {
                return Err(format!("the header {name} is {found:?} and not {value:?}"));
            }
        }
        let found = match response.headers.get("content-type").map(String::as_str) {
            _ if response.body.is_empty() => Value::Null,
            Some("text/event-stream") => Value::from(data_of_events(&response.body)),
            Some("application/x-ndjson") => {
                response.body.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()).collect()
            }
            _ if self.text.is_some() => Value::from(response.body.as_str()),
            _ => response.json(),
        };
        compare_json("body", &found, &self.body())
    }
}

/// A case of a function that is invoked directly.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct DirectCase {
    #[serde(rename = "name")]
    _name: String,
    #[serde(rename = "file")]
    _file: Option<String>,
    event: Value,
    answer: ExpectedOutcome,
}

impl DirectCase {
    fn read(source: &Value) -> Self {
        Deserialize::deserialize(source).unwrap_or_else(|error| panic!("{error}: {source}"))
    }
}

/// The outcome of a direct invocation.
#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum ExpectedOutcome {
    Result(Value),
    /// `errorType` and `errorMessage`.
    Error(Value),
}

impl ExpectedOutcome {
    fn compare(&self, found: Result<Value, InvocationError>) -> Result<(), String> {
        match (found, self) {
            (Ok(found), Self::Result(result)) => compare_json("result", &found, result),
            (Err(InvocationError { failure: InvocationFailure::Error { answer }, .. }), Self::Error(error)) => {
                compare_json("error", &answer, error)
            }
            (Ok(found), Self::Error(_)) => Err(format!("no error: {found}")),
            (Err(error), Self::Result(_) | Self::Error(_)) => Err(error.to_string()),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_event_gets_its_answer() {
    let all = Case::all().into_iter().flat_map(|case| {
        let worlds: &[&[Payload]] = match (case.is_direct(), case.is_success) {
            (true, _) => &[&[Payload::V1]],
            (false, true) => &[&[Payload::V1], &[Payload::V2]],
            // A refused request leaves the world as it was, so that both payloads find the same world.
            (false, false) => &[&[Payload::V1, Payload::V2]],
        };
        worlds.iter().map(move |payloads| (case.clone(), *payloads))
    });
    let failures: Vec<String> = stream::iter(all)
        .map(|(case, payloads)| tokio::spawn(async move { check(&case, payloads).await.err() }))
        .buffer_unordered(WORLDS_AT_ONCE)
        .filter_map(|outcome| async { outcome.unwrap() })
        .collect()
        .await;
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

/// Sends `case` in a world of its own, once in each of these payload versions. If it is refused, it must leave the
/// table as it was.
async fn check(case: &Case, payloads: &[Payload]) -> Result<(), String> {
    let source = case.source.to_string();
    let cast = Cast::start(if source.contains("\"Origin\"") { &[ALLOWED_ORIGIN] } else { &[] }).await;
    if case.function == "embeddings" {
        cast.world.put_catalogue(Some(&catalogue_with_embeddings())).await;
    }
    let source = cast.fill_in(source).await;
    let world = &cast.world;
    let before = world.items().await;
    for payload in payloads {
        let outcome = if case.is_direct() {
            let DirectCase { event, answer, .. } = DirectCase::read(&source);
            answer.compare(world.stack.invoke(&case.function, &event).await)
        } else {
            send(world, &case.function, &RequestCase::read(&source), *payload).await
        };
        let described = format!("{}: {} ({payload:?})", case.function, case.name);
        outcome.map_err(|difference| format!("{described}: {difference}"))?;
        if !case.is_success && world.items().await != before {
            return Err(format!("{described}: it was refused and changed the table"));
        }
    }
    Ok(())
}

async fn send(world: &World, function: &str, case: &RequestCase, payload: Payload) -> Result<(), String> {
    let request = case.request();
    let Some((found, resource)) = world.stack.route(&request) else { return Err("no route leads there".to_owned()) };
    if found != function {
        return Err(format!("its path leads to {found}"));
    }
    let event = case.event(Some(resource), payload);
    let function = world.stack.function(function).await;
    let answer = match payload {
        Payload::V1 => function.invoke(&event).await,
        Payload::V2 => function.invoke_with_deadline(&event, cargo_lambda_deadline()).await,
    };
    case.answer.compare(&Response::from_event(&answer.map_err(|error| error.to_string())?))
}

/// The event with its JSON body as data. The order of members in the text depends on the features of `serde_json` that
/// other crates of the build enable.
fn with_parsed_body(mut event: Value) -> Value {
    let parsed = event["body"].as_str().and_then(|body| serde_json::from_str(body).ok());
    if let Some(parsed) = parsed {
        event["body"] = parsed;
    }
    event
}

#[test]
fn every_complete_event_is_what_its_case_becomes() {
    let mut documented = BTreeSet::new();
    let mut differences = Vec::new();
    for case in Case::all() {
        let Some(file) = &case.file else { continue };
        for (end, event) in case.complete_events() {
            let path = path_of(&case.function, &format!("{file}{end}"));
            let event = with_fixed_stamps(event);
            if std::env::var_os("CHAT_API_UPDATE_EVENTS").is_some() {
                fs::write(&path, written_out(&event, 0) + "\n").unwrap();
            }
            let written = fs::read_to_string(&path).ok().and_then(|text| serde_json::from_str(&text).ok());
            if written.map(with_parsed_body) != Some(with_parsed_body(event.clone())) {
                differences.push(format!("{} should be:\n{event:#}", path.display()));
            }
            assert!(documented.insert(path.clone()), "two cases name {}", path.display());
        }
    }
    assert!(differences.is_empty(), "{}", differences.join("\n"));
    let functions = fs::read_dir(workspace_root().join("events")).unwrap();
    for file in functions.flat_map(|folder| fs::read_dir(folder.unwrap().path()).unwrap()) {
        let path = file.unwrap().path();
        let is_known = documented.contains(&path) || path.file_name().unwrap() == "cases.json";
        assert!(is_known, "no case is documented by {}", path.display());
    }
}

#[test]
fn every_function_has_events_of_both_payload_versions_for_success_and_failure() {
    let cases = Case::all();
    let functions: Vec<String> =
        Template::of_workspace().unwrap().functions().into_iter().map(|function| function.binary).collect();
    for function in &functions {
        let has = |test: &dyn Fn(&Case) -> bool| cases.iter().any(|case| case.function == *function && test(case));
        assert!(has(&|case| case.is_success && case.file.is_some()), "{function}");
        // These are given nothing that they could refuse.
        assert!(["audit", "jobs"].contains(&function.as_str()) || has(&|case| !case.is_success), "{function}");
        let is_of_the_django_app = OF_THE_DJANGO_APP.contains(&function.as_str());
        assert!(!is_of_the_django_app || has(&|case| !case.is_success && case.file.is_some()), "{function}");
    }
    assert!(cases.iter().all(|case| functions.contains(&case.function)));
}

/// The people of a case: Ada has 100 credits, Grace none, and Ivan's account is deactivated.
struct Cast {
    world: World,
    ada: Tokens,
    api_key_of_ada: OnceCell<MadeApiKey>,
    conversation_of_ada: OnceCell<String>,
}

impl Cast {
    async fn start(settings: &[(&str, &str)]) -> Self {
        let world = World::start_with(settings).await;
        world.register("ada", 100).await;
        world.register("grace", 0).await;
        world.register("ivan", 100).await;
        let ada = world.log_in("ada").await;
        Self { world, ada, api_key_of_ada: OnceCell::new(), conversation_of_ada: OnceCell::new() }
    }

    /// The case in `source` with every placeholder replaced.
    async fn fill_in(&self, mut source: String) -> Value {
        while let Some((before, rest)) = source.split_once("{{") {
            let (placeholder, after) = rest.split_once("}}").unwrap();
            let value = self.stand_in(placeholder).await;
            source = format!("{before}{value}{after}");
        }
        self.world.deactivate("ivan").await;
        serde_json::from_str(&source).unwrap()
    }

    /// The value of a placeholder. Some placeholders change the world first: `ended_api_key` makes a key and ends it.
    async fn stand_in(&self, placeholder: &str) -> String {
        let Self { world, ada, .. } = self;
        match placeholder {
            "access_token" => ada.access.clone(),
            "refresh_token" => ada.refresh.clone(),
            "session_id" => session_id(&ada.access),
            "unsigned_access_token" => forgery::unsigned(&ada.access),
            "access_token_by_hs256" => forgery::signed_with_the_public_key(&ada.access),
            "access_token_of_another_key" => forgery::token_of_another_key().await.access,
            "expired_access_token" => world.log_in_at("ada", an_hour_ago(), JWT_SIGNING_SECRET).await.access,
            "expired_refresh_token" => world.log_in_at("ada", days_ago(2), JWT_SIGNING_SECRET).await.refresh,
            "transaction_id" => self.transaction_id(&ada.access).await,
            "transaction_id_of_grace" => self.transaction_id(&world.log_in("grace").await.access).await,
            "ended_refresh_token" => self.log_out(world.log_in("ada").await, false).await.refresh,
            "access_token_of_a_passed_epoch" => self.log_out(world.log_in("ada").await, true).await.access,
            "api_key" => self.api_key().await.key.clone(),
            "api_key_id" => self.api_key().await.id.clone(),
            "limited_api_key" => self.limited_api_key().await.key,
            "limited_api_key_id" => self.limited_api_key().await.id,
            "ended_api_key" => self.ended_api_key().await,
            "expired_api_key" => self.expired_api_key().await,
            "conversation_id" => {
                self.conversation_of_ada.get_or_init(|| make_conversation(world, &ada.access)).await.clone()
            }
            "conversation_id_of_grace" => make_conversation(world, &world.log_in("grace").await.access).await,
            "access_token_of_grace" => world.log_in("grace").await.access,
            "session_id_of_grace" => session_id(&world.log_in("grace").await.access),
            "api_key_id_of_grace" => world.make_api_key(&world.log_in("grace").await.access).await.id,
            "access_token_of_ivan" => world.log_in("ivan").await.access,
            "api_key_of_ivan" => world.make_api_key(&world.log_in("ivan").await.access).await.key,
            "access_token_of_ruth_who_is_staff" => {
                world.register("ruth", 0).await;
                world.set_staff("ruth", true).await;
                world.log_in("ruth").await.access
            }
            "access_token_of_rosa_who_is_staff_since_an_hour" => self.staff_since_an_hour("rosa").await,
            "reset_code" => self.reset_code("grace").await,
            "used_reset_code" => self.used_reset_code("grace").await,
            "id_of_ada" => world.user_id("ada").await,
            "id_of_grace" => world.user_id("grace").await,
            "access_token_of_hedy_with_one_api_key" => self.register_with_api_keys("hedy", 1).await,
            "access_token_of_katherine_with_all_api_keys" => {
                let access = self.register_with_api_keys("katherine", 1).await;
                self.world.fill_key_list("katherine", MAX_API_KEYS).await;
                access
            }
            "access_token_of_mary_with_two_messages" => self.register_and_talk("mary").await,
            "access_token_during_a_stop" => {
                world.set_accepting(false).await;
                ada.access.clone()
            }
            "address_during_a_stop" => {
                world.set_accepting(false).await;
                "127.0.113.7".to_owned()
            }
            "address_of_a_guesser" => {
                world.slow_down("ada", "127.0.113.7").await;
                "127.0.113.7".to_owned()
            }
            "voucher_code" => world.make_code(VoucherKind::Credits, 200, 1).await,
            "voucher_code_without_its_last_character" => {
                let code = world.make_code(VoucherKind::Credits, 200, 1).await;
                code[..code.len() - 1].to_owned()
            }
            "used_voucher_code" => {
                let code = world.make_code(VoucherKind::Credits, 200, 1).await;
                self.redeem(&code, "grace").await
            }
            "voucher_code_that_ada_has_redeemed" => {
                let code = world.make_code(VoucherKind::Credits, 200, 2).await;
                self.redeem(&code, "ada").await
            }
            "unknown_voucher_code" => VoucherCode::new().unwrap().written(),
            "invitation_code" => world.make_code(VoucherKind::Invitation, 200, 1).await,
            "batch_id" => world.make_batch(VoucherKind::Credits, 200, 1).await.0,
            "address_of_a_guesser_of_codes" => {
                world.guess_codes("127.0.113.7").await;
                "127.0.113.7".to_owned()
            }
            "address_of_a_crowd" => {
                world.crowd("127.0.113.7").await;
                "127.0.113.7".to_owned()
            }
            unknown => panic!("no such placeholder: {unknown}"),
        }
    }

    /// A token of a superuser who logged in an hour ago and has refreshed it since.
    async fn staff_since_an_hour(&self, username: &str) -> String {
        self.world.register(username, 0).await;
        self.world.set_staff(username, true).await;
        let tokens = self.world.log_in_at(username, an_hour_ago(), JWT_SIGNING_SECRET).await;
        let refreshed = self.world.stack.send(refresh(&tokens.refresh)).await.json();
        refreshed["access_token"].as_str().unwrap().to_owned()
    }

    /// A code that staff make for `username`.
    async fn reset_code(&self, username: &str) -> String {
        let staff = self.world.superuser("lise").await.access;
        let request = Request::post(&format!("/admin/users/{username}/reset-codes/")).bearer(&staff);
        let made = self.world.stack.send(request).await.json();
        made["code"].as_str().unwrap().to_owned()
    }

    async fn used_reset_code(&self, username: &str) -> String {
        let code = self.reset_code(username).await;
        assert_eq!(self.world.stack.send(reset_password(&code, PASSWORD)).await.status, 204);
        code
    }

    /// The grant of somebody's registration.
    async fn transaction_id(&self, access: &str) -> String {
        let list = self.world.stack.send(Request::get("/transactions/").bearer(access)).await.json();
        list["transactions"][0]["id"].as_str().unwrap().to_owned()
    }

    /// Redeems a code for `username`, and returns it.
    async fn redeem(&self, code: &str, username: &str) -> String {
        let access = self.world.log_in(username).await.access;
        assert_eq!(self.world.stack.send(redeem(code).bearer(&access)).await.status, 200);
        code.to_owned()
    }

    async fn log_out(&self, tokens: Tokens, everywhere: bool) -> Tokens {
        assert_eq!(self.world.log_out(&tokens, everywhere).await.status, 204);
        tokens
    }

    async fn api_key(&self) -> &MadeApiKey {
        self.api_key_of_ada.get_or_init(|| self.world.make_api_key(&self.ada.access)).await
    }

    async fn limited_api_key(&self) -> MadeApiKey {
        let limits = json!({
            "name": "my program",
            "password": PASSWORD,
            "budget": {"credits": 50, "per": "total"},
            "requests_per_minute": 20,
            "models": ["dummy"],
        });
        let request = Request::post("/keys/").json(&limits).bearer(&self.ada.access);
        let made = self.world.stack.send(request).await.json();
        let [id, key] = ["id", "key"].map(|member| made[member].as_str().unwrap().to_owned());
        MadeApiKey { id, key }
    }

    async fn ended_api_key(&self) -> String {
        let MadeApiKey { id, key } = self.world.make_api_key(&self.ada.access).await;
        let request = Request::delete(&format!("/keys/{id}/")).bearer(&self.ada.access);
        assert_eq!(self.world.stack.send(request).await.status, 204);
        key
    }

    async fn expired_api_key(&self) -> String {
        let expired = self.world.make_api_key(&self.ada.access).await;
        self.world.expire(&expired).await;
        expired.key
    }

    async fn register_with_api_keys(&self, username: &str, number: usize) -> String {
        self.world.register(username, 100).await;
        let access = self.world.log_in(username).await.access;
        for _ in 0..number {
            self.world.make_api_key(&access).await;
        }
        access
    }

    /// Gives `username` 10 credits, of which two messages cost two.
    async fn register_and_talk(&self, username: &str) -> String {
        self.world.register(username, 10).await;
        let access = self.world.log_in(username).await.access;
        for message in ["Good morning", "Good night"] {
            let request = Request::post("/chatView/").json(&json!({"message": message})).bearer(&access);
            assert_eq!(self.world.stack.send(request).await.status, 200);
        }
        access
    }
}

/// Makes a conversation, and returns its id.
async fn make_conversation(world: &World, access: &str) -> String {
    let request = Request::post("/conversations/").json(&json!({"title": "My holidays"})).bearer(access);
    world.stack.send(request).await.json()["id"].as_str().unwrap().to_owned()
}

/// The session that a token belongs to.
fn session_id(token: &str) -> String {
    forgery::claims(token)["sid"].as_str().unwrap().to_owned()
}

/// `event` with an id and a time that are always the same.
fn with_fixed_stamps(mut event: Value) -> Value {
    let stamps = [
        ("/requestContext/requestId", json!("6f1c2a34-5b67-4c89-9d01-23456789abcd")),
        ("/headers/lambda-runtime-aws-request-id", json!("6f1c2a34-5b67-4c89-9d01-23456789abcd")),
        ("/requestContext/requestTime", json!("22/Nov/2026:08:13:20 +0000")),
        ("/requestContext/requestTimeEpoch", json!(1_795_335_200_000_u64)),
        ("/requestContext/time", json!("22/Nov/2026:08:13:20 +0000")),
        ("/requestContext/timeEpoch", json!(1_795_335_200)),
    ];
    for (pointer, stamp) in stamps {
        if let Some(member) = event.pointer_mut(pointer) {
            *member = stamp;
        }
    }
    event
}

/// The data of the events of a stream: JSON, or the text `[DONE]`. An event with a name is an object of the name and the data.
pub fn data_of_events(events: &str) -> Vec<Value> {
    assert!(events.ends_with("\n\n"), "{events:?}");
    events.split_terminator("\n\n").map(data_of_event).collect()
}

fn data_of_event(event: &str) -> Value {
    if let Some((name, data)) = event.strip_prefix("event: ").and_then(|rest| rest.split_once('\n')) {
        return json!({name: data_of_event(data)});
    }
    let data = event.strip_prefix("data: ").unwrap_or_else(|| panic!("{event:?} has no data"));
    serde_json::from_str(data).unwrap_or_else(|_| Value::from(data))
}

fn compare_json(what: &str, found: &Value, expected: &Value) -> Result<(), String> {
    if matches(found, expected) { Ok(()) } else { Err(format!("the {what} is {found} and not {expected}")) }
}

/// Whether `found` is `expected`, in which `"*"` is any text but none, `"#"` any number above zero, `"#0"` any number, and `"{*}"`
/// any object or array but an empty one.
fn matches(found: &Value, expected: &Value) -> bool {
    match (found, expected) {
        (Value::String(text), Value::String(any)) if any == "*" => !text.is_empty(),
        (Value::Number(number), Value::String(any)) if any == "#" => number.as_f64().is_some_and(|found| found > 0.0),
        (Value::Number(_), Value::String(any)) if any == "#0" => true,
        (Value::Object(members), Value::String(any)) if any == "{*}" => !members.is_empty(),
        (Value::Array(items), Value::String(any)) if any == "{*}" => !items.is_empty(),
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

/// A file of `events/`.
fn path_of(function: &str, name: &str) -> PathBuf {
    workspace_root().join("events").join(function).join(format!("{name}.json"))
}

fn read(file: &Path) -> Value {
    let text = fs::read_to_string(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", file.display()))
}

/// Anything but the wildcards matches only itself, so that a case cannot pass by accident.
#[test]
fn only_the_wildcards_match_more_than_themselves() {
    assert!(matches(&json!({"a": 1}), &json!({"a": "#"})));
    assert!(!matches(&json!({"a": 0}), &json!({"a": "#"})));
    assert!(matches(&json!({"a": 0}), &json!({"a": "#0"})) && !matches(&json!({"a": "0"}), &json!({"a": "#0"})));
    assert!(!matches(&json!({"a": "1"}), &json!({"a": "#"})));
    assert!(matches(&json!({"a": ["x"]}), &json!({"a": ["*"]})));
    assert!(!matches(&json!({"a": [""]}), &json!({"a": ["*"]})));
    assert!(matches(&json!([{"a": 1}, [1]]), &json!(["{*}", "{*}"])));
    assert!(!matches(&json!([{}]), &json!(["{*}"])) && !matches(&json!(["x"]), &json!(["{*}"])));
    assert!(!matches(&json!({"a": 1, "b": 2}), &json!({"a": 1})));
    assert!(!matches(&json!({"a": 1}), &json!({"a": 1, "b": 2})));
    assert!(!matches(&json!({"a": 1}), &json!({"a": "*"})));
    assert!(!matches(&json!("x"), &json!("y")));
}
