//! An operation of the document: its request's body, and its responses.

use std::collections::BTreeMap;

use serde_json::Value;

use super::schemas::{Found, SchemaCompiler, Schemas};
use super::sent_request::SentRequest;
use crate::gateway::Response;

/// Headers that belong to the content and not to the answer.
const OF_CONTENT: [&str; 2] = ["content-type", "content-length"];

pub(super) struct Operation {
    /// By media type.
    request: BTreeMap<String, Found>,
    /// By status.
    responses: BTreeMap<u16, DocumentedResponse>,
}

struct DocumentedResponse {
    /// By lower-case name.
    headers: BTreeMap<String, DocumentedHeader>,
    /// By media type.
    content: BTreeMap<String, DocumentedContent>,
}

struct DocumentedHeader {
    is_required: bool,
    schema: Found,
}

enum DocumentedContent {
    Json(Found),
    /// The schema of each event but `[DONE]`.
    Events(Found),
    /// The schema of each line.
    Lines(Found),
    /// The schema of the body as a text.
    Text(Found),
}

impl Operation {
    pub(super) fn read(source: &Value, document: &Value, compiler: &mut SchemaCompiler) -> Self {
        let bodies = source["requestBody"]["content"].as_object().into_iter().flatten();
        let request = bodies.map(|(media_type, body)| (media_type.clone(), compiler.of_requests(&body["schema"])));
        let request = request.collect();
        let responses = source["responses"].as_object().into_iter().flatten().map(|(status, response)| {
            let status = status.parse().unwrap_or_else(|_| panic!("{status} is no status"));
            (status, DocumentedResponse::read(resolved(response, document), document, compiler))
        });
        Self { request, responses: responses.collect() }
    }

    pub(super) fn check(&self, request: &SentRequest, response: &Response, schemas: &Schemas) -> Result<(), String> {
        self.check_answer(&request.method, response, schemas)?;
        if response.status < 300 { self.check_request(request, schemas) } else { Ok(()) }
    }

    pub(super) fn check_answer(&self, method: &str, response: &Response, schemas: &Schemas) -> Result<(), String> {
        let Some(documented) = self.responses.get(&response.status) else {
            return Err(format!("there is no status {}", response.status));
        };
        documented.check_headers(response, schemas)?;
        if method == "HEAD" {
            let is_empty = response.body.is_empty();
            return if is_empty { Ok(()) } else { Err("the answer to a HEAD has a body".to_owned()) };
        }
        documented.check_body(response, schemas)
    }

    fn check_request(&self, request: &SentRequest, schemas: &Schemas) -> Result<(), String> {
        if self.request.is_empty() {
            return Ok(());
        }
        let checked = match request.data() {
            Some(data) => self.check_request_body(&request.media_type(), &data, schemas),
            None => self.request_schema(&request.media_type()).map(|_| ()),
        };
        checked.map_err(|error| format!("a request succeeded though {error}"))
    }

    pub(super) fn check_request_body(&self, media_type: &str, body: &Value, schemas: &Schemas) -> Result<(), String> {
        schemas.check(self.request_schema(media_type)?, body)
    }

    fn request_schema(&self, media_type: &str) -> Result<Found, String> {
        self.request.get(media_type).copied().ok_or_else(|| format!("no request has a body of the type {media_type:?}"))
    }

    /// Checks a body of any of the answer's types, or an event's data.
    pub(super) fn check_answer_body(&self, status: u16, body: &Value, schemas: &Schemas) -> Result<(), String> {
        let response = self.responses.get(&status).ok_or_else(|| format!("there is no status {status}"))?;
        let mut differences = response.content.values().map(|content| match content {
            DocumentedContent::Json(schema)
            | DocumentedContent::Events(schema)
            | DocumentedContent::Lines(schema)
            | DocumentedContent::Text(schema) => schemas.check(*schema, body),
        });
        let first = differences.next().ok_or("there is no body")?;
        if differences.any(|other| other.is_ok()) { Ok(()) } else { first }
    }
}

impl DocumentedResponse {
    fn read(source: &Value, document: &Value, compiler: &mut SchemaCompiler) -> Self {
        let headers = source["headers"].as_object().into_iter().flatten().map(|(name, header)| {
            let header = resolved(header, document);
            let schema = compiler.of_answers(&header["schema"]);
            (name.to_ascii_lowercase(), DocumentedHeader { is_required: header["required"] == true, schema })
        });
        let headers = headers.collect();
        let content = source["content"].as_object().into_iter().flatten().map(|(media_type, content)| {
            let schema = resolved(&content["schema"], document);
            let content = match media_type.as_str() {
                "text/event-stream" => DocumentedContent::Events(compiler.of_answers(schema_of_data(schema))),
                "application/x-ndjson" => DocumentedContent::Lines(compiler.of_answers(schema)),
                json if json.ends_with("json") => DocumentedContent::Json(compiler.of_answers(schema)),
                _ => DocumentedContent::Text(compiler.of_answers(schema)),
            };
            (media_type.clone(), content)
        });
        Self { headers, content: content.collect() }
    }

    fn check_headers(&self, response: &Response, schemas: &Schemas) -> Result<(), String> {
        for (name, header) in &self.headers {
            match response.headers.get(name) {
                None if header.is_required => return Err(format!("the header {name} is missing")),
                None => {}
                Some(value) => {
                    let checked = schemas.check(header.schema, &Value::from(value.as_str()));
                    checked.map_err(|error| format!("the header {name}: {error}"))?;
                }
            }
        }
        let known = |name: &&String| self.headers.contains_key(*name) || OF_CONTENT.contains(&name.as_str());
        match response.headers.keys().find(|name| !known(name)) {
            Some(name) => Err(format!("it has no header {name}")),
            None => Ok(()),
        }
    }

    fn check_body(&self, response: &Response, schemas: &Schemas) -> Result<(), String> {
        if self.content.is_empty() {
            let is_empty = response.body.is_empty();
            return if is_empty { Ok(()) } else { Err("there is no body".to_owned()) };
        }
        let content_type = response.headers.get("content-type").map(String::as_str).unwrap_or_default();
        let media_type = content_type.strip_suffix("; charset=utf-8").unwrap_or(content_type);
        match self.content.get(media_type) {
            None => Err(format!("it has no content of the type {media_type:?}")),
            Some(DocumentedContent::Json(schema)) => schemas.check(*schema, &json_of(&response.body)?),
            Some(DocumentedContent::Events(schema)) => check_events(&response.body, *schema, schemas),
            Some(DocumentedContent::Lines(schema)) => check_lines(&response.body, *schema, schemas),
            Some(DocumentedContent::Text(schema)) => schemas.check(*schema, &Value::from(response.body.as_str())),
        }
    }
}

/// Each line has an end, and the last is of the type `page`.
fn check_lines(body: &str, schema: Found, schemas: &Schemas) -> Result<(), String> {
    let Some(lines) = body.strip_suffix('\n') else { return Err("the last line has no end".to_owned()) };
    let lines: Vec<Value> = lines.split('\n').map(json_of).collect::<Result<_, _>>()?;
    lines.iter().try_for_each(|line| schemas.check(schema, line))?;
    let is_last = |(number, line): (usize, &Value)| (line["type"] == "page") == (number + 1 == lines.len());
    if lines.iter().enumerate().all(is_last) { Ok(()) } else { Err("the line `page` is not the last alone".to_owned()) }
}

/// The comment of the streams.
const COMMENT: &str = ": keep-alive";

/// The names of the events that end a stream.
const LAST_EVENTS: [&str; 6] =
    ["paid", "message_stop", "response.completed", "response.incomplete", "response.failed", "error"];

/// Each event has one line of data and perhaps a name, and comments stand between them. The last event is `[DONE]` or one of
/// [`LAST_EVENTS`]. After the error of a response comes the failed response.
fn check_events(body: &str, schema: Found, schemas: &Schemas) -> Result<(), String> {
    let Some(events) = body.strip_suffix("\n\n") else { return Err("the last event has no end".to_owned()) };
    let mut has_ended = false;
    for event in events.split("\n\n").filter(|event| *event != COMMENT) {
        let follows_error = event.starts_with("event: response.failed\n");
        if has_ended && !follows_error {
            return Err("an event comes after [DONE] or another end".to_owned());
        }
        let (name, data) =
            name_and_data(event).ok_or_else(|| format!("an event is not one line of data: {event:?}"))?;
        if data == "[DONE]" && name.is_none() {
            has_ended = true;
            continue;
        }
        let data = json_of(data)?;
        schemas.check(schema, &data)?;
        has_ended = name.map_or_else(|| data.get("error").is_some(), |name| LAST_EVENTS.contains(&name));
    }
    if has_ended { Ok(()) } else { Err("the stream ends without [DONE] and without an error".to_owned()) }
}

/// The name of an event, if it has one, and its data.
fn name_and_data(event: &str) -> Option<(Option<&str>, &str)> {
    let named = event.strip_prefix("event: ").and_then(|rest| rest.split_once('\n'));
    let (name, data) = named.map_or((None, event), |(name, data)| (Some(name), data));
    data.strip_prefix("data: ").filter(|data| !data.contains('\n')).map(|data| (name, data))
}

/// The schema of the JSON in the events that `schema` describes.
fn schema_of_data(schema: &Value) -> &Value {
    let kinds = schema["properties"]["data"]["anyOf"].as_array().into_iter().flatten();
    let mut schemas = kinds.filter_map(|kind| kind.get("contentSchema"));
    schemas.next().unwrap_or_else(|| panic!("no data of an event has a contentSchema: {schema}"))
}

/// A body as data.
pub(super) fn json_of(text: &str) -> Result<Value, String> {
    serde_json::from_str(text).map_err(|error| format!("the body is not JSON ({error})"))
}

/// The part of `document` that `value` refers to, or `value` itself.
///
/// # Panics
/// If it refers to nothing.
#[must_use]
pub fn resolved<'a>(value: &'a Value, document: &'a Value) -> &'a Value {
    let Some(reference) = value["$ref"].as_str() else { return value };
    let found = reference.strip_prefix('#').and_then(|pointer| document.pointer(pointer));
    found.unwrap_or_else(|| panic!("the document has no {reference}"))
}
