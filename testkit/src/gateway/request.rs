//! An HTTP request, as a client sends it.

use serde_json::Value;

use super::{http_event, rest_event};

/// The two shapes in which a request reaches a function.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Payload {
    /// As a deployed REST API sends it.
    V1,
    /// As cargo-lambda's emulator sends it.
    V2,
}

/// An HTTP request.
#[derive(Clone, Debug)]
pub struct Request {
    pub(super) method: String,
    pub(super) path: String,
    pub(super) resource: Option<String>,
    pub(super) headers: Vec<(String, String)>,
    pub(super) query: Vec<(String, String)>,
    pub(super) body: Option<Vec<u8>>,
    pub(super) source_ip: String,
}

impl Request {
    /// A request without headers, query and body. The path is without the stage, as `/login/`, and empty where the address ends
    /// with the stage.
    #[must_use]
    pub fn new(method: &str, path: &str) -> Self {
        Self {
            method: method.to_owned(),
            path: path.to_owned(),
            resource: None,
            headers: Vec::new(),
            query: Vec::new(),
            body: None,
            source_ip: "127.0.0.1".to_owned(),
        }
    }

    /// A `GET` request.
    #[must_use]
    pub fn get(path: &str) -> Self {
        Self::new("GET", path)
    }

    /// A `POST` request.
    #[must_use]
    pub fn post(path: &str) -> Self {
        Self::new("POST", path)
    }

    /// A `PUT` request.
    #[must_use]
    pub fn put(path: &str) -> Self {
        Self::new("PUT", path)
    }

    /// A `DELETE` request.
    #[must_use]
    pub fn delete(path: &str) -> Self {
        Self::new("DELETE", path)
    }

    /// Adds a header; a name may have several.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Adds a query parameter, which is not encoded yet; a name may have several.
    #[must_use]
    pub fn query(mut self, name: &str, value: &str) -> Self {
        self.query.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Adds an access token.
    #[must_use]
    pub fn bearer(self, token: &str) -> Self {
        self.header("Authorization", &format!("Bearer {token}"))
    }

    /// Sets the client's address; the default is 127.0.0.1.
    #[must_use]
    pub fn source_ip(mut self, address: &str) -> Self {
        address.clone_into(&mut self.source_ip);
        self
    }

    /// A JSON body with its content type.
    #[must_use]
    pub fn json(self, body: &Value) -> Self {
        self.body(Some("application/json"), body.to_string().into_bytes())
    }

    /// A form as browsers send it, with its content type.
    #[must_use]
    pub fn form(self, fields: &[(&str, &str)]) -> Self {
        let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        self.body(Some("application/x-www-form-urlencoded"), body.into_bytes())
    }

    /// A form in parts (RFC 7578), as `curl -F` sends it, with its content type.
    #[must_use]
    pub fn multipart(self, fields: &[(&str, &str)]) -> Self {
        let part = |(name, value): &(&str, &str)| {
            format!("--a-boundary\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n")
        };
        let body = format!("{}--a-boundary--\r\n", fields.iter().map(part).collect::<String>());
        self.body(Some("multipart/form-data; boundary=a-boundary"), body.into_bytes())
    }

    /// Any body, with or without a content type.
    #[must_use]
    pub fn body(mut self, content_type: Option<&str>, bytes: Vec<u8>) -> Self {
        self.body = Some(bytes);
        match content_type {
            Some(content_type) => self.header("Content-Type", content_type),
            None => self,
        }
    }

    /// Sets the path of the template, as `/sessions/{id}`; the default is the path itself.
    #[must_use]
    pub fn to_resource(mut self, resource: &str) -> Self {
        self.resource = Some(resource.to_owned());
        self
    }

    /// The path, without the stage.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The method.
    #[must_use]
    pub fn method(&self) -> &str {
        &self.method
    }

    /// The event of a deployed REST API (payload v1, stage `Prod`).
    #[must_use]
    pub fn to_rest_event(&self) -> Value {
        rest_event::from_request(self)
    }

    /// The event of cargo-lambda's emulator (payload v2).
    #[must_use]
    pub fn to_http_event(&self) -> Value {
        http_event::from_request(self)
    }

    /// The event of this payload.
    #[must_use]
    pub fn to_event(&self, payload: Payload) -> Value {
        match payload {
            Payload::V1 => self.to_rest_event(),
            Payload::V2 => self.to_http_event(),
        }
    }

    /// The first value of a header, whatever its case.
    pub(super) fn header_value(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(other, _)| other.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }
}
