//! A proxy before `DynamoDB` that records every request, refuses requests that the caller's role does not allow, and
//! makes faults on demand.

mod fault;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::Value;
use tokio::task::AbortHandle;

use crate::late_index::DirectoryImage;
use crate::lock::lock;
use crate::loopback_client;
use crate::role::{Permission, Role};
use local::background;

pub use fault::Fault;

/// A limit on memory: a test with more requests calls [`Recorder::clear`] in between.
const REQUESTS_KEPT: usize = 10_000;

/// `DynamoDB` accepts no larger request.
const BODY_LIMIT_BYTES: usize = 16 * 1024 * 1024;

/// Longer than any timeout of the functions, so that theirs passes first.
const UPSTREAM_LIMIT: Duration = Duration::from_secs(30);

/// A request that arrived at the recorder. Each attempt of the SDK is a request of its own.
#[derive(Clone, Debug, PartialEq)]
pub struct RecordedRequest {
    /// Such as `UpdateItem`.
    pub operation: String,
    /// The request's JSON.
    pub body: Value,
    /// The HTTP status of the answer; 0 before the answer.
    pub response_status: u16,
    /// The answer's JSON.
    pub response_body: Value,
}

impl RecordedRequest {
    /// The capacity units that the answer says the request took, after [`Recorder::ask_for_capacity`]. A transaction that
    /// was refused does not say it.
    #[must_use]
    pub fn units(&self) -> Option<f64> {
        match &self.response_body["ConsumedCapacity"] {
            Value::Array(tables) => tables.iter().map(|table| table["CapacityUnits"].as_f64()).sum(),
            table => table["CapacityUnits"].as_f64(),
        }
    }

    /// Whether its units are read units.
    #[must_use]
    pub fn is_read(&self) -> bool {
        matches!(self.operation.as_str(), "GetItem" | "BatchGetItem" | "Query")
    }
}

/// Capacity units of many requests.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Units {
    /// Read units.
    pub read: f64,
    /// Write units.
    pub write: f64,
}

/// A running proxy, which stops when it is dropped.
pub struct Recorder {
    port: u16,
    records: Arc<Mutex<Records>>,
    faults: Arc<Mutex<VecDeque<(String, Fault)>>>,
    asks_for_capacity: Arc<AtomicBool>,
    late_directory: Arc<Mutex<Option<DirectoryImage>>>,
    guard: Arc<Guard>,
    server: AbortHandle,
}

#[derive(Default)]
struct Records {
    kept: VecDeque<RecordedRequest>,
    /// The number of requests that were forgotten: the position of a request plus this is its number for good.
    forgotten: usize,
    /// The units of all requests that were answered, also of those that were forgotten.
    units: Units,
}

/// The roles, and the permissions that were used or refused. A caller without a role, such as a test, may do
/// everything.
#[derive(Default)]
struct Guard {
    roles: BTreeMap<String, Role>,
    used: Mutex<BTreeSet<Permission>>,
    refusals: Mutex<Vec<String>>,
}

#[derive(Clone)]
struct Front {
    upstream_endpoint: Arc<str>,
    client: reqwest::Client,
    records: Arc<Mutex<Records>>,
    faults: Arc<Mutex<VecDeque<(String, Fault)>>>,
    asks_for_capacity: Arc<AtomicBool>,
    late_directory: Arc<Mutex<Option<DirectoryImage>>>,
    guard: Arc<Guard>,
}

impl Recorder {
    /// Starts a proxy on any free port of 127.0.0.1.
    ///
    /// # Errors
    /// No port can be opened.
    pub fn start(upstream_endpoint: &str) -> io::Result<Self> {
        Self::start_with_roles(upstream_endpoint, BTreeMap::new())
    }

    /// Starts a proxy that knows the roles of some access keys (`AWS_ACCESS_KEY_ID`).
    ///
    /// # Errors
    /// No port can be opened.
    pub fn start_with_roles(upstream_endpoint: &str, roles: BTreeMap<String, Role>) -> io::Result<Self> {
        let (listener, port) = background::listen(0)?;
        let client = loopback_client::builder().timeout(UPSTREAM_LIMIT).build();
        let front = Front {
            upstream_endpoint: upstream_endpoint.into(),
            client: client.map_err(io::Error::other)?,
            records: Arc::default(),
            faults: Arc::default(),
            asks_for_capacity: Arc::default(),
            late_directory: Arc::default(),
            guard: Arc::new(Guard { roles, ..Guard::default() }),
        };
        let records = Arc::clone(&front.records);
        let faults = Arc::clone(&front.faults);
        let asks_for_capacity = Arc::clone(&front.asks_for_capacity);
        let late_directory = Arc::clone(&front.late_directory);
        let guard = Arc::clone(&front.guard);
        let router = Router::new().fallback(pass_on).with_state(front);
        let serving = async move { axum::serve(listener, router).await };
        let server = background::handle().spawn(serving).abort_handle();
        Ok(Self { port, records, faults, asks_for_capacity, late_directory, guard, server })
    }

    /// The address for `AWS_ENDPOINT_URL_DYNAMODB`.
    #[must_use]
    pub fn endpoint(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// The requests since the start or the last [`Recorder::clear`], in the order of their arrival; the oldest are
    /// forgotten beyond ten thousand.
    #[must_use]
    pub fn requests(&self) -> Vec<RecordedRequest> {
        lock(&self.records).kept.iter().cloned().collect()
    }

    /// The permissions that functions have used so far.
    #[must_use]
    pub fn used_permissions(&self) -> BTreeSet<Permission> {
        lock(&self.guard.used).clone()
    }

    /// The requests that were refused to functions by their roles, a sentence each.
    #[must_use]
    pub fn refusals(&self) -> Vec<String> {
        lock(&self.guard.refusals).clone()
    }

    /// Makes `fault` happen to each of the next `times` requests of `operation`, after the faults that were ordered
    /// before.
    pub fn fail_next(&self, operation: &str, fault: Fault, times: usize) {
        lock(&self.faults).extend(std::iter::repeat_n((operation.to_owned(), fault), times));
    }

    /// From now on every answer has its cost in `ConsumedCapacity`: the proxy adds the member that asks for it to each
    /// request, and records the request without it.
    pub fn ask_for_capacity(&self) {
        self.asks_for_capacity.store(true, Ordering::Relaxed);
    }

    /// From now on the index `directory` is read as it was at this image, or as it is.
    pub fn set_directory(&self, image: Option<DirectoryImage>) {
        *lock(&self.late_directory) = image;
    }

    /// The units of all requests since the start or the last [`Recorder::clear`], however many they are, after
    /// [`Recorder::ask_for_capacity`].
    #[must_use]
    pub fn units(&self) -> Units {
        lock(&self.records).units
    }

    /// Cancels all faults.
    pub fn forget_faults(&self) {
        lock(&self.faults).clear();
    }

    /// Forgets the requests so far.
    pub fn clear(&self) {
        let mut records = lock(&self.records);
        records.forgotten += records.kept.len();
        records.kept.clear();
        records.units = Units::default();
    }
}

impl Front {
    fn next_fault(&self, operation: &str) -> Option<Fault> {
        let mut faults = lock(&self.faults);
        let position = faults.iter().position(|(failing, _)| failing == operation)?;
        faults.remove(position).map(|(_, fault)| fault)
    }
}

impl Front {
    /// The answer to a request that reads the index, if it is late.
    fn late_answer(&self, request: &RecordedRequest) -> Option<Value> {
        let late_directory = lock(&self.late_directory);
        let image = late_directory.as_ref().filter(|_| DirectoryImage::is_read_by(&request.operation, &request.body));
        image.map(|image| image.answer(&request.body))
    }
}

impl Guard {
    /// Whether the role of the signer allows this request.
    fn lets_through(&self, headers: &HeaderMap, request: &RecordedRequest) -> bool {
        let Some(role) = access_key_of(headers).and_then(|access_key| self.roles.get(access_key)) else { return true };
        let checked = role.check(&request.operation, &request.body);
        match checked {
            Ok(permissions) => {
                lock(&self.used).extend(permissions);
                true
            }
            Err(refusal) => {
                lock(&self.refusals).push(refusal);
                false
            }
        }
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        self.server.abort();
    }
}

impl Records {
    fn arrived(&mut self, request: RecordedRequest) -> usize {
        self.kept.push_back(request);
        if self.kept.len() > REQUESTS_KEPT {
            self.kept.pop_front();
            self.forgotten += 1;
        }
        self.forgotten + self.kept.len() - 1
    }

    fn answered(&mut self, number: usize, status: StatusCode, body: &[u8]) {
        let position = number.checked_sub(self.forgotten);
        if let Some(record) = position.and_then(|position| self.kept.get_mut(position)) {
            record.response_status = status.as_u16();
            record.response_body = json_of(body);
            let units = if record.is_read() { &mut self.units.read } else { &mut self.units.write };
            *units += record.units().unwrap_or_default();
        }
    }
}

async fn pass_on(State(front): State<Front>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let Ok(body) = axum::body::to_bytes(body, BODY_LIMIT_BYTES).await else {
        return StatusCode::PAYLOAD_TOO_LARGE.into_response();
    };
    let request = RecordedRequest {
        operation: operation_of(&parts.headers),
        body: json_of(&body),
        response_status: 0,
        response_body: Value::Null,
    };
    let number = lock(&front.records).arrived(request.clone());
    let body = if front.asks_for_capacity.load(Ordering::Relaxed) { asking_for_capacity(&request) } else { body };
    let (status, headers, body) = if front.guard.lets_through(&parts.headers, &request) {
        answer(&front, parts, body, &request).await
    } else {
        let (status, body) = fault::access_denied();
        (status, HeaderMap::new(), body)
    };
    lock(&front.records).answered(number, status, &body);
    (status, headers, Body::from(body)).into_response()
}

fn asking_for_capacity(request: &RecordedRequest) -> Bytes {
    let mut body = request.body.clone();
    body["ReturnConsumedCapacity"] = "TOTAL".into();
    body.to_string().into()
}

async fn answer(front: &Front, parts: Parts, body: Bytes, request: &RecordedRequest) -> (StatusCode, HeaderMap, Bytes) {
    let Some(fault) = front.next_fault(&request.operation) else {
        if let Some(answer) = front.late_answer(request) {
            return (StatusCode::OK, HeaderMap::new(), answer.to_string().into());
        }
        let answer = ask_upstream(front, parts, body).await;
        return answer.unwrap_or_else(|error| (StatusCode::BAD_GATEWAY, HeaderMap::new(), error.to_string().into()));
    };
    if fault == Fault::Silence {
        tokio::time::sleep(UPSTREAM_LIMIT).await;
    }
    if fault == Fault::AnswerLost {
        // The answer is dropped: that is the fault.
        let _ = ask_upstream(front, parts, body).await;
    }
    let (status, body) = fault::answer(fault, &request.operation, &request.body);
    (status, HeaderMap::new(), body)
}

async fn ask_upstream(
    front: &Front,
    parts: Parts,
    body: Bytes,
) -> Result<(StatusCode, HeaderMap, Bytes), reqwest::Error> {
    let address = format!("{}{}", front.upstream_endpoint, parts.uri);
    let headers = end_to_end(parts.headers);
    let response = front.client.request(parts.method, address).headers(headers).body(body).send().await?;
    let status = response.status();
    let headers = end_to_end(response.headers().clone());
    Ok((status, headers, response.bytes().await?))
}

/// The headers without those that belong to one connection.
fn end_to_end(mut headers: HeaderMap) -> HeaderMap {
    for name in [header::CONNECTION, header::CONTENT_LENGTH, header::HOST, header::TRANSFER_ENCODING] {
        headers.remove(name);
    }
    headers
}

fn operation_of(headers: &HeaderMap) -> String {
    let target = headers.get("x-amz-target").and_then(|target| target.to_str().ok()).unwrap_or_default();
    let (_, operation) = target.split_once('.').unwrap_or_default();
    operation.to_owned()
}

/// From `AWS4-HMAC-SHA256 Credential=<access key>/<date>/…`.
fn access_key_of(headers: &HeaderMap) -> Option<&str> {
    let authorization = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (_, credential) = authorization.split_once("Credential=")?;
    credential.split('/').next()
}

fn json_of(body: &[u8]) -> Value {
    serde_json::from_slice(body).unwrap_or(Value::Null)
}

#[cfg(test)]
mod tests {
    use axum::http::Method;
    use serde_json::json;

    use super::*;
    use local::template::TemplateFunction;

    /// Answers with the request's body and status 418.
    async fn echo(method: Method, headers: HeaderMap, body: Bytes) -> impl IntoResponse {
        let asked_by = headers.get("x-asked-by").cloned();
        let answer = json!({"method": method.as_str(), "got": json_of(&body)}).to_string();
        let mut response = (StatusCode::IM_A_TEAPOT, answer).into_response();
        if let Some(asked_by) = asked_by {
            response.headers_mut().insert("x-answer-for", asked_by);
        }
        response
    }

    fn start_upstream() -> String {
        let (listener, port) = background::listen(0).unwrap();
        let router = Router::new().fallback(echo);
        background::handle().spawn(async move { axum::serve(listener, router).await });
        format!("http://127.0.0.1:{port}")
    }

    async fn ask(recorder: &Recorder, operation: &str, body: &Value) -> reqwest::Response {
        ask_as(recorder, "local", operation, body).await
    }

    async fn ask_as(recorder: &Recorder, access_key: &str, operation: &str, body: &Value) -> reqwest::Response {
        let client = loopback_client::builder().build().unwrap();
        let request = client
            .post(recorder.endpoint())
            .header("x-amz-target", format!("DynamoDB_20120810.{operation}"))
            .header("authorization", format!("AWS4-HMAC-SHA256 Credential={access_key}/20260101/us-east-1"))
            .header("x-asked-by", "a test");
        request.body(body.to_string()).send().await.unwrap()
    }

    #[tokio::test]
    async fn what_passes_through_is_unchanged_and_remembered() {
        let recorder = Recorder::start(&start_upstream()).unwrap();
        let response = ask(&recorder, "GetItem", &json!({"Key": 1})).await;
        assert_eq!(response.status().as_u16(), 418);
        assert_eq!(response.headers()["x-answer-for"], "a test");
        let answer = json!({"method": "POST", "got": {"Key": 1}});
        assert_eq!(response.json::<Value>().await.unwrap(), answer);
        let expected = RecordedRequest {
            operation: "GetItem".to_owned(),
            body: json!({"Key": 1}),
            response_status: 418,
            response_body: answer,
        };
        assert_eq!(recorder.requests(), [expected]);
    }

    #[tokio::test]
    async fn a_fault_happens_to_its_operation_as_often_as_asked() {
        let recorder = Recorder::start(&start_upstream()).unwrap();
        recorder.fail_next("UpdateItem", Fault::Conflict, 1);
        recorder.fail_next("UpdateItem", Fault::AnswerLost, 1);
        let mut statuses = Vec::new();
        for operation in ["GetItem", "UpdateItem", "UpdateItem", "UpdateItem"] {
            statuses.push(ask(&recorder, operation, &json!({})).await.status().as_u16());
        }
        assert_eq!(statuses, [418, 400, 500, 418]);
    }

    #[tokio::test]
    async fn requests_ask_for_their_capacity_on_the_way_and_are_remembered_as_they_came() {
        let recorder = Recorder::start(&start_upstream()).unwrap();
        recorder.ask_for_capacity();
        let response = ask(&recorder, "GetItem", &json!({"Key": 1})).await;
        let got = json!({"Key": 1, "ReturnConsumedCapacity": "TOTAL"});
        assert_eq!(response.json::<Value>().await.unwrap()["got"], got);
        assert_eq!(recorder.requests()[0].body, json!({"Key": 1}));
    }

    #[test]
    fn units_are_those_of_all_requests_also_of_those_that_were_forgotten() {
        let mut records = Records::default();
        for operation in ["Query", "UpdateItem"] {
            for _ in 0..REQUESTS_KEPT {
                let (body, response_body) = (Value::Null, Value::Null);
                let request =
                    RecordedRequest { operation: operation.to_owned(), body, response_status: 0, response_body };
                let number = records.arrived(request);
                records.answered(number, StatusCode::OK, br#"{"ConsumedCapacity": {"CapacityUnits": 0.5}}"#);
            }
        }
        assert_eq!(records.units, Units { read: 5_000.0, write: 5_000.0 });
    }

    #[tokio::test]
    async fn a_function_is_refused_what_its_role_does_not_allow_and_others_are_not() {
        let function = TemplateFunction {
            logical_id: "ChatFunction".to_owned(),
            binary: "chat".to_owned(),
            routes: Vec::new(),
            properties: Value::Null,
            statements: vec![json!({
                "Effect": "Allow", "Action": "dynamodb:GetItem", "Condition": {
                    "ForAllValues:StringLike": {"dynamodb:LeadingKeys": ["USER#*"]},
                    "Null": {"dynamodb:LeadingKeys": "false"},
                },
            })],
        };
        let roles = BTreeMap::from([(function.logical_id.clone(), Role::of(&function).unwrap())]);
        let recorder = Recorder::start_with_roles(&start_upstream(), roles).unwrap();
        let mut statuses = Vec::new();
        for (access_key, partition) in [("ChatFunction", "USER#1"), ("ChatFunction", "JWKS"), ("local", "JWKS")] {
            let body = json!({"Key": {"pk": {"S": partition}}});
            statuses.push(ask_as(&recorder, access_key, "GetItem", &body).await.status().as_u16());
        }
        assert_eq!(statuses, [418, 400, 418]);
        assert!(recorder.requests()[1].response_body.to_string().contains("AccessDeniedException"));
        assert!(recorder.refusals()[0].starts_with("chat may not GetItem at JWKS"), "{:?}", recorder.refusals());
        let used: Vec<String> = recorder.used_permissions().into_iter().map(|each| each.partitions).collect();
        assert_eq!((recorder.refusals().len(), used), (1, vec!["USER#*".to_owned()]));
    }

    #[tokio::test]
    async fn clear_forgets() {
        let recorder = Recorder::start(&start_upstream()).unwrap();
        ask(&recorder, "GetItem", &json!({})).await;
        recorder.clear();
        ask(&recorder, "PutItem", &json!({})).await;
        let operations: Vec<_> = recorder.requests().into_iter().map(|request| request.operation).collect();
        assert_eq!(operations, ["PutItem"]);
    }

    #[tokio::test]
    async fn an_upstream_that_is_gone_is_a_502_and_still_remembered() {
        let recorder = Recorder::start("http://127.0.0.1:1").unwrap();
        let response = ask(&recorder, "GetItem", &json!({})).await;
        assert_eq!(response.status().as_u16(), 502);
        assert_eq!(recorder.requests()[0].response_status, 502);
    }

    #[test]
    fn the_oldest_are_forgotten_and_late_answers_find_their_request() {
        let mut records = Records::default();
        let request = RecordedRequest {
            operation: "GetItem".to_owned(),
            body: Value::Null,
            response_status: 0,
            response_body: Value::Null,
        };
        let first = records.arrived(request.clone());
        for _ in 1..REQUESTS_KEPT {
            records.arrived(request.clone());
        }
        let last = records.arrived(request);
        records.answered(first, StatusCode::CONFLICT, b"");
        records.answered(last, StatusCode::OK, b"{}");
        assert_eq!(records.kept.len(), REQUESTS_KEPT);
        assert!(records.kept.iter().all(|record| record.response_status != 409));
        assert_eq!(records.kept.back().unwrap().response_status, 200);
    }
}
