//! The part of a request that the document describes.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value};

/// A request as a function got it.
#[derive(Clone, Debug)]
pub struct SentRequest {
    pub(super) method: String,
    pub(super) path: String,
    content_type: Option<String>,
    body: Vec<u8>,
}

impl SentRequest {
    /// The request in an event of API Gateway, of payload v1 or v2, or `None` if the event is another.
    #[must_use]
    pub fn in_event(event: &Value) -> Option<Self> {
        let of_v2 = &event["requestContext"]["http"];
        // cargo-lambda also sets members of payload v1, whatever the request.
        let method = of_v2["method"].as_str().or(event["httpMethod"].as_str())?;
        let path = event["rawPath"].as_str().or(event["path"].as_str())?;
        let mut headers = event["headers"].as_object().into_iter().flatten();
        let content_type = headers.find(|(name, _)| name.eq_ignore_ascii_case("content-type"));
        let body = event["body"].as_str().unwrap_or_default();
        let body = match event["isBase64Encoded"].as_bool() {
            Some(true) => STANDARD.decode(body).unwrap_or_default(),
            _ => body.as_bytes().to_vec(),
        };
        Some(Self {
            method: method.to_owned(),
            path: path.to_owned(),
            content_type: content_type.and_then(|(_, value)| value.as_str()).map(str::to_owned),
            body,
        })
    }

    /// The media type of the body. Without a header it is JSON's.
    pub(super) fn media_type(&self) -> String {
        let header = self.content_type.as_deref().unwrap_or("application/json");
        header.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
    }

    /// The body as data, or `None` for a form in parts, whose fields are those of the other form.
    pub(super) fn data(&self) -> Option<Value> {
        match self.media_type().as_str() {
            "application/json" if self.body.is_empty() => Some(Value::Object(Map::new())),
            "application/json" => serde_json::from_slice(&self.body).ok(),
            "application/x-www-form-urlencoded" => {
                let fields = form_urlencoded::parse(&self.body);
                let fields = fields.map(|(name, value)| (name.into_owned(), Value::String(value.into_owned())));
                Some(Value::Object(fields.collect()))
            }
            _ => None,
        }
    }
}
