//! A body that is a JSON object and nothing else.

use serde_json::{Map, Value};

use crate::error::ApiError;
use crate::http::body_fields::{MediaType, media_type, not_json};
use crate::http::request::Request;

impl Request {
    /// The JSON object in the body. A body without a content type is read as JSON.
    ///
    /// # Errors
    /// [`ApiError::TooLarge`] with more than `limit_bytes`, [`ApiError::UnsupportedMediaType`] with another content type
    /// than JSON's, [`ApiError::Parse`] if the body is no JSON object.
    pub fn json_object(&self, limit_bytes: usize) -> Result<Map<String, Value>, ApiError> {
        let body: &[u8] = self.received.body().as_ref();
        if body.len() > limit_bytes {
            return Err(ApiError::TooLarge { limit_bytes });
        }
        let MediaType::Json = media_type(self.headers())? else { return Err(ApiError::UnsupportedMediaType) };
        match serde_json::from_slice(body).map_err(|error| not_json(&error))? {
            Value::Object(object) => Ok(object),
            _ => Err(ApiError::Parse("The body is not a JSON object.".to_owned())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    use lambda_http::Body;
    use lambda_http::http::HeaderValue;
    use lambda_http::http::header::CONTENT_TYPE;

    fn read(content_type: &'static str, body: &str) -> Result<Map<String, Value>, ApiError> {
        let mut received = lambda_http::Request::new(Body::from(body));
        received.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
        Request::from(received).json_object(20)
    }

    #[test]
    fn a_json_object_within_the_limit_is_read() {
        assert_eq!(read("application/json; charset=utf-8", "{\"a\":1}").unwrap()["a"], 1);
        let untyped = Request::from(lambda_http::Request::new(Body::from("{\"a\":1}")));
        assert_eq!(untyped.json_object(20).unwrap()["a"], 1);
    }

    #[test]
    fn anything_else_is_refused() {
        for body in ["", "{", "[]", "null", "\"a\"", "{} {}"] {
            assert!(matches!(read("application/json", body), Err(ApiError::Parse(_))), "{body}");
        }
        let long = format!("{{\"a\":\"{}\"}}", "x".repeat(20));
        assert!(matches!(read("application/json", &long), Err(ApiError::TooLarge { limit_bytes: 20 })));
        for content_type in ["application/x-www-form-urlencoded", "text/plain"] {
            assert!(matches!(read(content_type, "{}"), Err(ApiError::UnsupportedMediaType)), "{content_type}");
        }
    }
}
