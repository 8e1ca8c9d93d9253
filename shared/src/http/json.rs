//! A body that is a JSON object and nothing else.

use lambda_http::Request;
use serde_json::{Map, Value};

use crate::error::ApiError;
use crate::http::fields::{MediaType, media_type, not_json};

/// The JSON object that the body of `request` is. Without a content type a body is taken for JSON.
///
/// # Errors
/// [`ApiError::TooLarge`] with more than `limit_bytes`, [`ApiError::UnsupportedMediaType`] with another
/// content type than JSON's, [`ApiError::Parse`] if it is no JSON object.
pub fn json_object(request: &Request, limit_bytes: usize) -> Result<Map<String, Value>, ApiError> {
    let body: &[u8] = request.body().as_ref();
    if body.len() > limit_bytes {
        return Err(ApiError::TooLarge { limit_bytes });
    }
    let MediaType::Json = media_type(request)? else { return Err(ApiError::UnsupportedMediaType) };
    match serde_json::from_slice(body).map_err(|error| not_json(&error))? {
        Value::Object(object) => Ok(object),
        _ => Err(ApiError::Parse("The body is not a JSON object.".to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use lambda_http::Body;
    use lambda_http::http::HeaderValue;
    use lambda_http::http::header::CONTENT_TYPE;

    fn read(content_type: &'static str, body: &str) -> Result<Map<String, Value>, ApiError> {
        let mut request = Request::new(Body::from(body));
        request.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
        json_object(&request, 20)
    }

    #[test]
    fn a_json_object_within_the_limit_is_read() {
        assert_eq!(read("application/json; charset=utf-8", "{\"a\":1}").unwrap()["a"], 1);
        assert_eq!(json_object(&Request::new(Body::from("{\"a\":1}")), 20).unwrap()["a"], 1);
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
