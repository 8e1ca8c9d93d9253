use serde_json::json;

use super::*;
use crate::gateway::Request;

/// A document with one path, at which one shape of an error is possible.
fn contract() -> Contract {
    let header = json!({"required": true, "schema": {"type": "string", "pattern": "^[0-9]+$"}});
    let data = json!({"type": "object", "required": ["id"], "properties": {"id": {"const": 1}}});
    let event = json!({"properties": {"data": {"anyOf": [{"const": "[DONE]"}, {"contentSchema": data}]}}});
    let errors = json!({
        "allOf": [{"$ref": "#/components/schemas/Problem"}, {"properties": {"code": {"enum": ["too_many"]}}}],
    });
    let status =
        |content: Value| json!({"headers": {"X-Count": {"$ref": "#/components/headers/X-Count"}}, "content": content});
    let body =
        json!({"type": "object", "required": ["name"], "properties": {"name": {"type": "string", "maxLength": 3}}});
    Contract::of(&json!({
        "paths": {"/things/{id}/": {
            "parameters": [],
            "post": {
                "requestBody": {"content": {
                    "application/json": {"schema": body},
                    "application/x-www-form-urlencoded": {"schema": body},
                }},
                "responses": {
                    "200": status(json!({
                        "application/json": {"schema": {"$ref": "#/components/schemas/Thing"}},
                        "text/plain": {"schema": {"type": "string", "maxLength": 3}},
                        "text/event-stream": {"schema": event},
                    })),
                    "204": {},
                    "405": {"content": {"application/problem+json": {"schema": errors}}},
                    "409": status(json!({"application/problem+json": {"schema": errors}})),
                },
            },
        }},
        "components": {
            "headers": {"X-Count": header},
            "schemas": {
                "Problem": {"type": "object", "required": ["code"], "properties": {"code": {"type": "string"}}},
                "Thing": {"type": "object", "required": ["id"], "properties": {"id": {"type": "integer"}}},
            },
        },
    }))
}

fn response(status: u16, content_type: &str, body: &str) -> Response {
    let headers = [("content-type", content_type), ("x-count", "7")];
    let headers = headers.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
    Response { status, headers, body: body.to_owned() }
}

fn json_response(status: u16, body: &Value) -> Response {
    response(status, "application/json", &body.to_string())
}

fn problem(status: u16, code: &str) -> Response {
    response(status, "application/problem+json", &json!({"code": code}).to_string())
}

fn post(body: &Value) -> Request {
    Request::post("/things/1").json(body)
}

/// The difference between the contract and an answer, whose event is of either payload.
fn difference(request: &Request, response: &Response) -> String {
    let [of_v1, of_v2] = [request.to_rest_event(), request.to_http_event()].map(|event| {
        let sent = SentRequest::in_event(&event).unwrap();
        contract().check(&sent, response).err().unwrap_or_default()
    });
    assert_eq!(of_v1, of_v2);
    of_v1
}

#[test]
fn an_answer_that_the_document_describes_keeps_the_contract() {
    let good = post(&json!({"name": "a", "more": 1}));
    assert_eq!(difference(&good, &json_response(200, &json!({"id": 1}))), "");
    assert_eq!(difference(&good, &problem(409, "too_many")), "");
    assert_eq!(
        difference(&Request::post("/things/1/").form(&[("name", "a")]), &json_response(200, &json!({"id": 1}))),
        ""
    );
    let events = response(200, "text/event-stream", "data: {\"id\":1}\n\ndata: [DONE]\n\n");
    assert_eq!(difference(&good, &events), "");
    let named = ": keep-alive\n\nevent: text\ndata: {\"id\":1}\n\nevent: paid\ndata: {\"id\":1}\n\n";
    assert_eq!(difference(&good, &response(200, "text/event-stream", named)), "");
    assert_eq!(difference(&good, &response(200, "text/plain", "abc")), "");
    assert!(SentRequest::in_event(&json!({"action": "grant"})).is_none(), "no gateway sent it");
}

#[test]
fn a_wrong_status_type_body_header_or_code_breaks_the_contract() {
    let good = post(&json!({"name": "a"}));
    let breaks = |response: &Response, reason: &str| {
        let difference = difference(&good, response);
        assert!(difference.contains(reason), "{reason}: {difference}");
    };
    breaks(&json_response(201, &json!({"id": 1})), "there is no status 201");
    breaks(&json_response(409, &json!({"code": "too_many"})), "no content of the type");
    breaks(&json_response(200, &json!({"id": "1"})), "want integer");
    breaks(&json_response(200, &json!({})), "missing properties 'id'");
    breaks(&json_response(200, &json!({"id": 1, "secret": 2})), "additionalProperties 'secret' not allowed");
    breaks(&response(200, "application/json", "{"), "not JSON");
    breaks(&response(200, "text/plain", "abcd"), "length must be <=3");
    breaks(&problem(409, "too_few"), "value must be 'too_many'");
    breaks(&json_response(204, &json!({})), "it has no header x-count");
    let mut without = json_response(200, &json!({"id": 1}));
    without.headers.remove("x-count");
    breaks(&without, "the header x-count is missing");
    let mut wrong = json_response(200, &json!({"id": 1}));
    wrong.headers.insert("x-count".to_owned(), "seven".to_owned());
    breaks(&wrong, "the header x-count: ");
    let mut unknown = json_response(200, &json!({"id": 1}));
    unknown.headers.insert("x-other".to_owned(), "1".to_owned());
    breaks(&unknown, "it has no header x-other");
}

#[test]
fn an_event_that_the_document_does_not_describe_breaks_the_contract() {
    let good = post(&json!({"name": "a"}));
    for (events, reason) in [
        ("data: {\"id\":2}\n\ndata: [DONE]\n\n", "value must be 1"),
        ("data: {\"id\":1}\n\n", "ends without [DONE]"),
        ("data: {\"id\":1}\n\ndata: [DONE]", "has no end"),
        ("data: [DONE]\n\ndata: {\"id\":1}\n\n", "after [DONE]"),
        ("event: paid\ndata: {\"id\":1}\n\ndata: {\"id\":1}\n\n", "after [DONE]"),
        ("event: text\ndata: {\"id\":1}\n\n", "ends without [DONE]"),
        (": a comment\n\ndata: [DONE]\n\n", "not one line of data"),
    ] {
        let difference = difference(&good, &response(200, "text/event-stream", events));
        assert!(difference.contains(reason), "{events:?}: {difference}");
    }
}

#[test]
fn a_request_that_succeeds_and_is_not_documented_breaks_the_contract() {
    let success = json_response(200, &json!({"id": 1}));
    for request in [
        post(&json!({"name": "abcd"})),
        post(&json!({})),
        Request::post("/things/1").form(&[("name", "abcd")]),
        Request::post("/things/1").body(Some("text/plain"), b"name".to_vec()),
    ] {
        assert!(difference(&request, &success).contains("succeeded"), "{request:?}");
        assert_eq!(difference(&request, &problem(409, "too_many")), "", "a refused request may be anything");
    }
}

#[test]
fn an_unknown_path_is_a_404_and_an_unknown_method_a_405() {
    let (path, method) = (Request::get("/things/"), Request::get("/things/1"));
    assert_eq!(difference(&path, &problem(404, "not_found")), "");
    assert!(difference(&path, &problem(200, "not_found")).contains("no such path"));
    assert!(difference(&path, &response(404, "application/json", "[]")).contains("want object"));
    let mut not_allowed = problem(405, "too_many");
    not_allowed.headers.remove("x-count");
    assert_eq!(difference(&method, &not_allowed), "");
    assert!(difference(&method, &problem(200, "too_many")).contains("no such method"));
    assert!(
        difference(&Request::new("OPTIONS", "/things/1"), &response(204, "", ""))
            .contains("access-control-allow-origin")
    );
}
