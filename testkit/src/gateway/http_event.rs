//! The event of cargo-lambda 1.9.2's emulator: payload v2, as its `furls_handler` writes it.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};

use super::{Request, stamp};

const HOST: &str = "127.0.0.1:9000";

pub(super) fn from_request(request: &Request) -> Value {
    let request_id = stamp::request_id();
    let query = query_of(request);
    let (body, is_base64_encoded) = body_of(request);
    let mut event = json!({
        "type": null,
        "methodArn": null,
        // Not the request's method: the emulator leaves this member at its default.
        "httpMethod": "GET",
        "identitySource": null,
        "authorizationToken": null,
        "resource": null,
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": request.path,
        "rawQueryString": (!query.is_empty()).then_some(query),
        "headers": headers_of(request, &request_id),
        "requestContext": context_of(request, &request_id),
        "stageVariables": {},
        "isBase64Encoded": is_base64_encoded,
    });
    // The emulator leaves empty members out.
    let optional = [
        ("body", body.map(Value::String)),
        ("cookies", cookies_of(request)),
        ("queryStringParameters", query_parameters_of(request)),
    ];
    for (name, value) in optional {
        if let Some(value) = value {
            event[name] = value;
        }
    }
    event
}

fn context_of(request: &Request, request_id: &str) -> Value {
    let now = stamp::now();
    json!({
        "routeKey": "$default",
        "accountId": null,
        "stage": "$default",
        "requestId": request_id,
        "apiId": null,
        "domainName": "localhost",
        // The emulator writes the function's name, which a request does not know.
        "domainPrefix": "chat-api",
        "time": stamp::request_time(now),
        "timeEpoch": now.as_secs(),
        "http": {
            "method": request.method,
            "path": request.path,
            "protocol": "http",
            // The emulator always writes 127.0.0.1, the default of a request here.
            "sourceIp": request.source_ip,
            "userAgent": "cargo-lambda",
        },
    })
}

/// Names in lower case; the first of several values.
fn headers_of(request: &Request, request_id: &str) -> Value {
    let content_length = request.body.as_ref().map(|body| body.len().to_string());
    let mut headers = Map::new();
    let mut add = |name: &str, value: &str| {
        headers.entry(name.to_ascii_lowercase()).or_insert_with(|| json!(value));
    };
    for (name, value) in &request.headers {
        add(name, value);
    }
    add("accept", "*/*");
    add("host", HOST);
    add("lambda-runtime-aws-request-id", request_id);
    add("user-agent", "curl/8.5.0");
    if let Some(content_length) = content_length {
        add("content-length", &content_length);
    }
    Value::Object(headers)
}

fn body_of(request: &Request) -> (Option<String>, bool) {
    let Some(bytes) = request.body.as_ref().filter(|bytes| !bytes.is_empty()) else {
        return (None, false);
    };
    let is_text = request
        .header_value("content-type")
        .is_none_or(|kind| kind.starts_with("text/") || kind.starts_with("application/json"));
    match std::str::from_utf8(bytes) {
        Ok(text) if is_text => (Some(text.to_owned()), false),
        Ok(_) | Err(_) => (Some(STANDARD.encode(bytes)), true),
    }
}

fn cookies_of(request: &Request) -> Option<Value> {
    let cookies = request.header_value("cookie")?;
    Some(cookies.split("; ").map(str::trim).collect())
}

fn query_of(request: &Request) -> String {
    form_urlencoded::Serializer::new(String::new()).extend_pairs(&request.query).finish()
}

/// Several values of a name are joined with commas.
fn query_parameters_of(request: &Request) -> Option<Value> {
    let mut joined = Map::new();
    for (name, value) in &request.query {
        let text = match joined.get(name).and_then(Value::as_str) {
            Some(before) => format!("{before},{value}"),
            None => value.clone(),
        };
        joined.insert(name.clone(), Value::String(text));
    }
    (!joined.is_empty()).then_some(Value::Object(joined))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_is_text_and_everything_else_is_base64() {
        let json = Request::post("/login/").json(&json!({})).to_http_event();
        assert_eq!((&json["body"], &json["isBase64Encoded"]), (&json!("{}"), &json!(false)));
        assert_eq!(json["headers"]["content-length"], "2");
        let form = Request::post("/login/").form(&[("a", "b")]).to_http_event();
        assert_eq!((&form["body"], &form["isBase64Encoded"]), (&json!("YT1i"), &json!(true)));
        let untyped = Request::post("/login/").body(None, b"hi".to_vec()).to_http_event();
        assert_eq!((&untyped["body"], &untyped["isBase64Encoded"]), (&json!("hi"), &json!(false)));
    }

    #[test]
    fn a_bare_request_leaves_members_out() {
        let event = Request::get("/token_balance/").to_http_event();
        for member in ["body", "cookies", "queryStringParameters", "pathParameters"] {
            assert!(event.get(member).is_none(), "{member}");
        }
        assert_eq!(event["rawPath"], "/token_balance/");
        assert_eq!(event["rawQueryString"], Value::Null);
        assert_eq!(event["requestContext"]["http"]["method"], "GET");
    }

    #[test]
    fn a_client_is_local_unless_it_says_otherwise() {
        let source_ip = |request: Request| request.to_http_event()["requestContext"]["http"]["sourceIp"].clone();
        assert_eq!(source_ip(Request::get("/")), "127.0.0.1");
        assert_eq!(source_ip(Request::get("/").source_ip("127.0.0.9")), "127.0.0.9");
    }

    #[test]
    fn headers_are_lower_case_and_the_first_value_counts() {
        let event = Request::get("/").header("X-A", "1").header("x-a", "2").header("Cookie", "a=1; b=2");
        let event = event.query("q", "1 2").query("q", "3").to_http_event();
        assert_eq!(event["headers"]["x-a"], "1");
        assert_eq!(event["cookies"], json!(["a=1", "b=2"]));
        assert_eq!(event["rawQueryString"], "q=1+2&q=3");
        assert_eq!(event["queryStringParameters"], json!({"q": "1 2,3"}));
    }
}
