//! The HTTP response that API Gateway makes of a function's answer.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

/// An HTTP response.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Response {
    /// Such as 200.
    pub status: u16,
    /// By lower-case name; several values of a name are joined with `, `.
    pub headers: BTreeMap<String, String>,
    /// The body; bytes that are not UTF-8 show as `�`.
    pub body: String,
}

impl Response {
    /// Reads a function's answer, of payload v1 or v2.
    ///
    /// # Panics
    /// The answer is not one that API Gateway understands: it would answer 502.
    #[must_use]
    pub fn from_event(answer: &Value) -> Self {
        let status = answer["statusCode"].as_u64().and_then(|status| u16::try_from(status).ok());
        let Some(status) = status else { panic!("API Gateway would answer 502 to this: {answer}") };
        Self { status, headers: headers_of(answer), body: body_of(answer) }
    }

    /// The body as JSON.
    ///
    /// # Panics
    /// It is not JSON.
    #[must_use]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("The body is not JSON ({error}): {self:?}"))
    }

    /// The response without the id of its request, which tells it from every other.
    #[must_use]
    pub fn without_request_id(mut self) -> Self {
        self.headers.remove("x-request-id");
        self
    }

    /// API Gateway's own response to a path without a route, as the template's `GatewayResponses` describe it.
    pub(crate) fn no_such_route() -> Self {
        let headers = [
            ("content-type", "application/problem+json"),
            ("x-amzn-errortype", "MissingAuthenticationTokenException"),
            ("x-request-id", "6f1c2a34-5b67-4c89-9d01-23456789abcd"),
        ];
        let status = 404;
        let body = json!({
            "type": "about:blank", "title": "Not Found", "status": status, "detail": "Not found.", "code": "not_found",
            "error": {
                "message": "Not found.", "type": "invalid_request_error", "param": null, "code": "not_found",
            },
        });
        Self {
            status,
            headers: headers.map(|(name, value)| (name.to_owned(), value.to_owned())).into(),
            body: body.to_string(),
        }
    }
}

fn headers_of(answer: &Value) -> BTreeMap<String, String> {
    let mut values: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (name, list) in answer["multiValueHeaders"].as_object().into_iter().flatten() {
        let list = list.as_array().into_iter().flatten().map(text_of);
        values.entry(name.to_ascii_lowercase()).or_default().extend(list);
    }
    for (name, value) in answer["headers"].as_object().into_iter().flatten() {
        let list = values.entry(name.to_ascii_lowercase()).or_default();
        let value = text_of(value);
        // The gateway sends a value that stands in both members once.
        if !list.contains(&value) {
            list.push(value);
        }
    }
    let cookies = answer["cookies"].as_array().into_iter().flatten().map(text_of);
    for cookie in cookies {
        values.entry("set-cookie".to_owned()).or_default().push(cookie);
    }
    values.into_iter().map(|(name, list)| (name, list.join(", "))).collect()
}

fn text_of(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn body_of(answer: &Value) -> String {
    let body = answer["body"].as_str().unwrap_or_default();
    if answer["isBase64Encoded"] != true {
        return body.to_owned();
    }
    match STANDARD.decode(body) {
        Ok(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
        Err(error) => panic!("API Gateway would answer 502 to a body that is not base64 ({error}): {body}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn payload_v1_keeps_headers_in_lists() {
        let answer = json!({
            "statusCode": 401,
            "headers": {},
            "multiValueHeaders": {"WWW-Authenticate": ["Bearer", "Basic"], "Cache-Control": ["no-store"]},
            "body": "{\"code\":\"not_authenticated\"}",
            "isBase64Encoded": false,
        });
        let response = Response::from_event(&answer);
        assert_eq!(response.status, 401);
        assert_eq!(response.headers["www-authenticate"], "Bearer, Basic");
        assert_eq!(response.headers["cache-control"], "no-store");
        assert_eq!(response.json()["code"], "not_authenticated");
    }

    #[test]
    fn payload_v2_has_cookies_apart() {
        let answer = json!({
            "statusCode": 200,
            "headers": {"content-type": "text/plain"},
            "multiValueHeaders": {"content-type": ["text/plain"]},
            "cookies": ["a=1", "b=2"],
            "body": "aGk=",
            "isBase64Encoded": true,
        });
        let response = Response::from_event(&answer);
        assert_eq!(response.headers["content-type"], "text/plain");
        assert_eq!(response.headers["set-cookie"], "a=1, b=2");
        assert_eq!(response.body, "hi");
    }

    #[test]
    fn an_answer_without_a_body_has_an_empty_one() {
        let response = Response::from_event(&json!({"statusCode": 204, "body": null}));
        assert_eq!((response.status, response.body.as_str()), (204, ""));
    }

    #[test]
    #[should_panic(expected = "API Gateway would answer 502")]
    fn anything_else_is_no_answer() {
        let _ = Response::from_event(&json!({"message": "hello"}));
    }
}
