//! Random input through the real binaries: requests as API Gateway and cargo-lambda hand them over, and events that
//! neither would make. Every request must get an answer, and never a server error. The seed is fixed, so that every run
//! sends the same.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use proptest::collection::{btree_map, vec};
use proptest::prelude::*;
use proptest::sample::select;
use proptest::test_runner::{RngAlgorithm, RngSeed, TestRunner};
use serde_json::{Value, json};
use testkit::gateway::{Payload, Request, Response};
use testkit::runtime_api::{InvocationFailure, cargo_lambda_deadline};
use testkit::template::Template;

use crate::requests::path_with_id;
use crate::world::World;

/// Both numbers take some seconds in a debug build on two cores.
const REQUESTS: u32 = 1500;
const EVENTS: u32 = 120;

/// A path of the API, to which requests are sent.
#[derive(Clone, Debug)]
struct Target {
    function: String,
    path: String,
    /// The methods that the path allows.
    methods: Vec<String>,
}

/// A request, of which a client may choose every part.
#[derive(Clone, Debug)]
struct Sent {
    route: Target,
    is_rest: bool,
    method: String,
    is_logged_in: bool,
    content_type: Option<String>,
    body: Option<Vec<u8>>,
    is_base64: bool,
    headers: Vec<(String, String)>,
    query: Vec<(String, String)>,
    /// A malformed query. Only cargo-lambda passes it on unchanged.
    raw_query: Option<String>,
    path_parameters: BTreeMap<String, String>,
}

impl Sent {
    fn event(&self, access_token: &str) -> Value {
        let mut request = Request::new(&self.method, &self.route.path);
        if self.is_logged_in {
            request = request.bearer(access_token);
        }
        for (name, value) in &self.headers {
            request = request.header(name, value);
        }
        for (name, value) in &self.query {
            request = request.query(name, value);
        }
        if let Some(body) = &self.body {
            request = request.body(self.content_type.as_deref(), body.clone());
        }
        let mut event = request.to_event(if self.is_rest { Payload::V1 } else { Payload::V2 });
        if let (Some(body), true) = (&self.body, self.is_base64) {
            (event["body"], event["isBase64Encoded"]) = (json!(STANDARD.encode(body)), json!(true));
        }
        if let (Some(query), false) = (&self.raw_query, self.is_rest) {
            event["rawQueryString"] = json!(query);
        }
        if !self.path_parameters.is_empty() {
            event["pathParameters"] = json!(self.path_parameters);
        }
        event
    }

    async fn send(&self, world: &World, access_token: &str) -> Result<Response, TestCaseError> {
        let function = world.stack.function(&self.route.function).await;
        let event = self.event(access_token);
        let answer = if self.is_rest {
            function.invoke(&event).await
        } else {
            function.invoke_with_deadline(&event, cargo_lambda_deadline()).await
        };
        answer.map(|answer| Response::from_event(&answer)).map_err(|error| TestCaseError::fail(error.to_string()))
    }
}

fn any_request(routes: &[Target]) -> impl Strategy<Value = Sent> + use<> {
    let what = (any_content_type(), prop::option::weighted(0.9, any_body()), any::<bool>());
    let parameter = (prop_oneof![select(vec!["limit", "cursor"]).prop_map(str::to_owned), any_text()], any_text());
    let around = (
        vec((any_header_name(), any_header_value()), 0..4),
        vec(parameter, 0..3),
        prop::option::of("[!$-;=?-~]{0,60}"),
        btree_map(any_text(), any_text(), 0..3),
    );
    // Most paths have nothing more to say to somebody who is not logged in.
    let sender = (any::<bool>(), prop::bool::weighted(0.8));
    let sent = (select(routes.to_vec()), any_method(), sender, what, around);
    sent.prop_map(|(route, method, (is_rest, is_logged_in), what, (headers, query, raw_query, path_parameters))| {
        let (content_type, body, is_base64) = what;
        let method = method.of(&route);
        Sent {
            route,
            is_rest,
            method,
            is_logged_in,
            content_type,
            body,
            is_base64,
            headers,
            query,
            raw_query,
            path_parameters,
        }
    })
}

/// Every path of the API, with the methods that `Allow` names there.
async fn routes(world: &World) -> Vec<Target> {
    let staff = world.token_for_all_paths().await;
    let mut routes = Vec::new();
    for function in Template::of_workspace().unwrap().functions() {
        for route in &function.routes {
            let path = path_with_id(&route.path, "01BX5ZZKBKACTAV9WEVGEMMVRZ");
            let response = world.stack.send(Request::new("BREW", &path).bearer(&staff)).await;
            let methods: Vec<String> = response.headers["allow"].split(", ").map(str::to_owned).collect();
            // Without its slash, the root is the address that ends with the stage.
            let path = path.trim_end_matches('/').to_owned();
            for path in [format!("{path}/"), path] {
                routes.push(Target { function: function.binary.clone(), path, methods: methods.clone() });
            }
        }
    }
    routes
}

#[derive(Clone, Debug)]
enum ChosenMethod {
    Answered(prop::sample::Index),
    Other(&'static str),
}

impl ChosenMethod {
    fn of(&self, route: &Target) -> String {
        match self {
            Self::Answered(index) => index.get(&route.methods).clone(),
            Self::Other(method) => (*method).to_owned(),
        }
    }
}

fn any_method() -> impl Strategy<Value = ChosenMethod> {
    let methods = vec!["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "HEAD", "TRACE", "BREW"];
    prop_oneof![
        9 => any::<prop::sample::Index>().prop_map(ChosenMethod::Answered),
        1 => select(methods).prop_map(ChosenMethod::Other),
    ]
}

fn any_content_type() -> impl Strategy<Value = Option<String>> {
    let usual = vec![
        "application/json",
        "application/json; charset=utf-8",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=-",
    ];
    prop_oneof![
        8 => select(usual).prop_map(|kind| Some(kind.to_owned())),
        1 => Just(None),
        1 => any_header_value().prop_map(Some),
    ]
}

/// The fields that some function reads. The others ignore them.
const FIELDS: [&str; 21] = [
    "username",
    "password",
    "refresh",
    "token",
    "message",
    "title",
    "everywhere",
    "current_password",
    "new_password",
    "name",
    "expires_in_days",
    "allowance",
    "amount",
    "code",
    "count",
    "expires_at",
    "invitation",
    "kind",
    "status",
    "staff",
    "reason",
];

fn any_body() -> impl Strategy<Value = Vec<u8>> {
    let json_value = prop_oneof![6 => any_text().prop_map(Value::from), 1 => any_json()];
    let as_json = vec(prop::option::weighted(0.8, json_value), FIELDS.len()).prop_map(|values| {
        let fields = FIELDS.iter().zip(values).filter_map(|(name, value)| Some((*name, value?)));
        json!(fields.collect::<BTreeMap<_, _>>()).to_string().into_bytes()
    });
    let as_form = vec((select(FIELDS.to_vec()), any_text()), 0..8).prop_map(|fields| {
        let pairs = fields.iter().map(|(name, value)| format!("{name}={}", value.replace(['&', '%', '+'], "")));
        pairs.collect::<Vec<_>>().join("&").into_bytes()
    });
    // Random fields seldom make anything.
    let newcomer = json!({"username": "grace", "password": "correct horse battery staple"});
    let of_staff = [json!({"amount": 5, "reason": "A course"}), json!({"status": "active"})];
    let of_people = [json!({"title": "Plans"}), json!({"name": "A program"}), newcomer];
    let well = select([&of_staff[..], &of_people].concat());
    let long = (any_text(), 0_usize..20_000).prop_map(|(text, times)| json!({"message": text.repeat(times)}));
    prop_oneof![
        5 => as_json,
        15 => well.prop_map(|body| body.to_string().into_bytes()),
        1 => any_completion(),
        2 => as_form,
        1 => any_json().prop_map(|value| value.to_string().into_bytes()),
        1 => vec(any::<u8>(), 0..80),
        1 => long.prop_map(|body| body.to_string().into_bytes()),
    ]
}

/// A body of OpenAI's protocol or of Anthropic's, most often with a mistake.
fn any_completion() -> impl Strategy<Value = Vec<u8>> {
    let role = select(vec!["user", "user", "assistant", "system", "tool"]);
    let content = prop_oneof![4 => any_text().prop_map(Value::from), 1 => any_json()];
    let messages = vec((role, content).prop_map(|(role, content)| json!({"role": role, "content": content})), 1..4);
    let names = vec![
        "temperature",
        "stop",
        "seed",
        "max_tokens",
        "stream_options",
        "n",
        "tools",
        "tool_choice",
        "response_format",
        "system",
        "thinking",
        "output_config",
        "cache_control",
        "input",
        "dimensions",
        "encoding_format",
        "instructions",
        "text",
        "reasoning",
        "include",
        "metadata",
        "something",
    ];
    let more = prop::option::weighted(0.3, (select(names), any_json()));
    (messages, any::<[bool; 2]>(), more).prop_map(|(messages, [stream, are_items], more)| {
        let prompt = messages[0]["content"].clone();
        let mut body = if are_items {
            json!({"model": "dummy", "input": messages, "stream": stream})
        } else {
            json!({"model": "dummy", "max_tokens": 9, "messages": messages, "prompt": prompt, "stream": stream})
        };
        if let Some((name, value)) = more {
            body[name] = value;
        }
        body.to_string().into_bytes()
    })
}

fn any_text() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => "[a-z]{1,24}",
        3 => ".{0,40}",
        1 => "[\\x00-\\x7f]{0,40}",
        1 => "[0-9]{0,4}",
        1 => Just("a.b.c".to_owned()),
    ]
}

fn any_header_name() -> impl Strategy<Value = String> {
    let known = vec![
        "Accept-Encoding",
        "Api-Key",
        "Authorization",
        "Content-Encoding",
        "Content-Length",
        "Cookie",
        "Expect",
        "Forwarded",
        "Idempotency-Key",
        "If-None-Match",
        "Origin",
        "Transfer-Encoding",
        "X-Api-Key",
        "X-Forwarded-For",
        "X-HTTP-Method-Override",
        "X-Session",
    ];
    prop_oneof![4 => select(known).prop_map(str::to_owned), 1 => "[A-Za-z][A-Za-z0-9_-]{0,20}"]
}

/// Any value that HTTP allows.
fn any_header_value() -> impl Strategy<Value = String> {
    prop_oneof!["[ -~]{0,60}", "[\\t -~\u{80}-\u{2fff}]{0,60}", "Bearer [!-~]{0,60}", "[!-~]{1,300}"]
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        any_text().prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 16, 4, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..4).prop_map(Value::from),
            btree_map(any_text(), inner, 0..4).prop_map(|object| json!(object)),
        ]
    })
}

fn runner(cases: u32) -> TestRunner {
    TestRunner::new(ProptestConfig {
        cases,
        failure_persistence: None,
        rng_algorithm: RngAlgorithm::ChaCha,
        rng_seed: RngSeed::Fixed(1),
        ..ProptestConfig::default()
    })
}

async fn world_of_ada() -> (World, String, Vec<Target>) {
    let world = World::start().await;
    let routes = routes(&world).await;
    world.register("ada", 1_000_000).await;
    // Everybody else is told the same at each path of the admin API.
    world.set_staff("ada", true).await;
    let access_token = world.log_in("ada").await.access;
    (world, access_token, routes)
}

/// Checks that a refusal is a problem document with the status of the status line, or an error of OpenAI's protocol.
fn check(sent: &Sent, response: &Response) -> Result<(), TestCaseError> {
    let Response { status, headers, body } = response;
    // The client has the file already, or its address lacks the final slash.
    let is_elsewhere = [304, 308].contains(status) && sent.route.function == "console";
    prop_assert!(is_elsewhere || (200..300).contains(status) || (400..500).contains(status), "{response:?}");
    prop_assert!(headers.contains_key("x-request-id") && !headers.contains_key("access-control-allow-credentials"));
    if sent.method == "HEAD" || is_elsewhere {
        prop_assert_eq!(body, "");
        return Ok(());
    }
    let is_cached = headers.get("cache-control").is_none_or(|cache| cache != "no-store");
    if *status < 300 {
        let is_stream = headers.get("content-type").is_some_and(|kind| kind == "text/event-stream");
        let is_page = ["console", "docs"].contains(&sent.route.function.as_str());
        let ends = ["data: [DONE]\n\n", "event: paid\n", "event: message_stop\n", "event: response.completed\n"];
        let is_whole = ends.iter().any(|end| body.contains(end));
        let is_lines = headers.get("content-type").is_some_and(|kind| kind == "application/x-ndjson");
        let is_well_formed = if is_stream {
            is_whole
        } else if is_lines {
            body.lines().all(is_empty_or_json)
        } else {
            is_empty_or_json(body)
        };
        prop_assert!(is_well_formed || is_page, "{response:?}");
        let is_public = ["console", "docs", "jwks", "openapi", "receipt-keys"].contains(&sent.route.function.as_str());
        prop_assert!(!is_cached || is_public, "{response:?}");
        return Ok(());
    }
    let problem: Value = serde_json::from_str(body).map_err(|error| TestCaseError::fail(error.to_string()))?;
    prop_assert!(!is_cached, "{response:?}");
    if sent.route.path.starts_with("/v1/") {
        prop_assert_eq!(&headers["content-type"], "application/json");
        let error = problem["error"].as_object().cloned().unwrap_or_default();
        prop_assert!(["message", "type", "code"].iter().all(|member| error[*member].is_string()), "{}", problem);
        return Ok(());
    }
    prop_assert_eq!(&headers["content-type"], "application/problem+json");
    prop_assert_eq!(&problem["status"], *status);
    let texts = ["type", "title", "detail", "code"];
    prop_assert!(texts.iter().all(|member| problem[*member].is_string()), "{}", problem);
    Ok(())
}

fn is_empty_or_json(body: &str) -> bool {
    body.is_empty() || serde_json::from_str::<Value>(body).is_ok()
}

#[test]
fn every_request_is_answered_and_none_with_a_server_error() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let (world, access_token, routes) = runtime.block_on(world_of_ada());
    let answers = RefCell::new(BTreeMap::<u16, u32>::new());
    let outcome = runner(REQUESTS).run(&any_request(&routes), |sent| {
        let response = runtime.block_on(sent.send(&world, &access_token))?;
        *answers.borrow_mut().entry(response.status).or_default() += 1;
        check(&sent, &response)
    });
    outcome.unwrap_or_else(|error| panic!("{error}"));
    // Without these statuses, the requests would be so random that all end at the same check.
    let answers = answers.into_inner();
    assert!([200, 201, 400, 401, 405, 413, 415].iter().all(|status| answers.contains_key(status)), "{answers:?}");
}

/// A way to make an event that no gateway sends.
#[derive(Clone, Debug)]
enum Garbage {
    /// Any JSON in place of an event.
    Other(Value),
    /// A member has another value.
    Member(prop::sample::Index, Value),
    Missing(prop::sample::Index),
    Header(String, String),
    /// A body that is marked as base64 and is none.
    NotBase64(String),
    Nested(usize),
}

impl Garbage {
    fn event(&self, good: &Value) -> Value {
        let mut event = good.clone();
        let names: Vec<String> = good.as_object().unwrap().keys().cloned().collect();
        match self {
            Self::Other(value) => return value.clone(),
            Self::Member(index, value) => event[index.get(&names)] = value.clone(),
            Self::Missing(index) => drop(event.as_object_mut().unwrap().remove(index.get(&names))),
            Self::Header(name, value) => event["headers"][name] = json!(value),
            Self::NotBase64(body) => (event["body"], event["isBase64Encoded"]) = (json!(body), json!(true)),
            Self::Nested(depth) => event["requestContext"] = (0..*depth).fold(json!(1), |inner, _| json!([inner])),
        }
        event
    }
}

fn any_garbage() -> impl Strategy<Value = Garbage> {
    let host = select(vec!["Host", "host", "X-Forwarded-Proto", "x-forwarded-proto"]).prop_map(str::to_owned);
    prop_oneof![
        2 => any_json().prop_map(Garbage::Other),
        4 => (any::<prop::sample::Index>(), any_json()).prop_map(|(index, value)| Garbage::Member(index, value)),
        2 => any::<prop::sample::Index>().prop_map(Garbage::Missing),
        3 => (prop_oneof![host, any_text()], "[ -~]{0,20}").prop_map(|(name, value)| Garbage::Header(name, value)),
        1 => any_text().prop_map(Garbage::NotBase64),
        1 => (0_usize..1000).prop_map(Garbage::Nested),
    ]
}

/// The runtime answers such an event with an error of its own, and the function goes on with the next request.
#[test]
fn an_event_that_no_gateway_makes_does_not_end_a_function() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let (world, access_token, routes) = runtime.block_on(world_of_ada());
    let errors = Cell::new(0_u32);
    let outcome = runner(EVENTS).run(&(any_request(&routes), any_garbage()), |(sent, garbage)| {
        let event = garbage.event(&sent.event(&access_token));
        match runtime.block_on(world.stack.invoke(&sent.route.function, &event)) {
            Ok(answer) => prop_assert!(answer["statusCode"].as_u64().is_some_and(|status| status < 500), "{}", answer),
            Err(error) => {
                prop_assert!(matches!(error.failure, InvocationFailure::Error { .. }), "{}", error);
                errors.set(errors.get() + 1);
            }
        }
        Ok(())
    });
    outcome.unwrap_or_else(|error| panic!("{error}"));
    assert!((EVENTS / 20..EVENTS).contains(&errors.get()), "of {EVENTS} events {} were refused", errors.get());
    for Target { function, path, methods } in routes {
        let request = Request::new(&methods[0], &path).bearer(&access_token);
        let response = runtime.block_on(world.stack.send(request));
        assert!(response.status < 500, "{function}: {response:?}");
    }
}
