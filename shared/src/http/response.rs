//! What is answered when all went well.

use lambda_http::Body;
use lambda_http::http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderName};
use lambda_http::http::{HeaderValue, StatusCode};
use serde::Serialize;

use crate::error::{ApiError, Cause};

/// A response as Lambda takes it.
pub type Response = lambda_http::Response<Body>;

/// A response in the making: a status, a JSON body, headers for what the body has no room for.
#[derive(Debug)]
pub struct Answer(Response);

impl Answer {
    /// A JSON body about a person, which no cache may keep (RFC 9111, section 5.2.2.5).
    ///
    /// # Errors
    /// [`ApiError::Internal`] if the body has no JSON form.
    pub fn private(status: StatusCode, body: &impl Serialize) -> Result<Self, ApiError> {
        Ok(Self::json(status, body)?.header(CACHE_CONTROL, "no-store"))
    }

    /// A JSON body for everybody, which caches may keep for `seconds`.
    ///
    /// # Errors
    /// [`ApiError::Internal`] if the body has no JSON form.
    pub fn public(body: &impl Serialize, seconds: u64) -> Result<Self, ApiError> {
        let cache = format!("public, max-age={seconds}");
        Ok(Self::json(StatusCode::OK, body)?.header(CACHE_CONTROL, &cache))
    }

    /// Done, and there is nothing to say (RFC 9110, section 15.3.5).
    #[must_use]
    pub fn no_content() -> Self {
        let mut response = Response::new(Body::Empty);
        *response.status_mut() = StatusCode::NO_CONTENT;
        Self(response).header(CACHE_CONTROL, "no-store")
    }

    /// The beginning of an answer that is written event by event (WHATWG HTML, section 9.2), to one person.
    #[must_use]
    pub fn event_stream() -> Self {
        Self(Response::new(Body::Empty)).header(CONTENT_TYPE, "text/event-stream").header(CACHE_CONTROL, "no-store")
    }

    fn json(status: StatusCode, body: &impl Serialize) -> Result<Self, ApiError> {
        let body = serde_json::to_string(body).map_err(|error| ApiError::Internal(Cause::new(error)))?;
        let mut response = Response::new(Body::Text(body));
        *response.status_mut() = status;
        Ok(Self(response).header(CONTENT_TYPE, "application/json"))
    }

    /// Adds a header. One whose value has characters that no header has is left out.
    #[must_use]
    pub fn header(mut self, name: HeaderName, value: &str) -> Self {
        if let Ok(value) = HeaderValue::from_str(value) {
            self.0.headers_mut().insert(name, value);
        }
        self
    }

    /// The response.
    #[must_use]
    pub fn into_response(self) -> Response {
        self.0
    }
}
