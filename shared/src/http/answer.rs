//! The answer of a handler.

use domain::cause::Cause;
use domain::ids::{ConversationId, EntryId};
use lambda_http::Body;
use lambda_http::http::header::{CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_TYPE, HeaderName, LINK, SET_COOKIE};
use lambda_http::http::{HeaderValue, StatusCode};
use ledger::Charge;
use serde::Serialize;

use crate::error::ApiError;
use crate::http::accept::{CSV, EVENT_STREAM};
use crate::http::csv_table::CsvTable;
use crate::http::refresh_cookie::RefreshCookie;

/// A response in one piece, as `lambda_http` sends it.
pub type BufferedResponse = lambda_http::Response<Body>;

pub(super) const MESSAGE_ID: HeaderName = HeaderName::from_static("x-message-id");

/// A response in the making: a status, a JSON body, and headers.
#[derive(Debug)]
pub struct Answer(BufferedResponse);

impl Answer {
    /// A JSON body about a person, which no cache may keep (RFC 9111, section 5.2.2.5).
    ///
    /// # Errors
    /// [`ApiError::Internal`] if the body has no JSON form.
    pub fn private(status: StatusCode, body: &impl Serialize) -> Result<Self, ApiError> {
        Ok(Self::json(status, body)?.header(CACHE_CONTROL, "no-store"))
    }

    /// Lines of JSON about a person, which no cache may keep.
    #[must_use]
    pub fn private_lines(lines: String) -> Self {
        let answer = Self(BufferedResponse::new(Body::Text(lines)));
        answer.header(CONTENT_TYPE, "application/x-ndjson").header(CACHE_CONTROL, "no-store")
    }

    /// A table about a person, which no cache may keep, and which a browser saves under `file_name`, a name without quotes.
    ///
    /// # Errors
    /// [`ApiError::Internal`] if the table has no text.
    pub fn private_table(file_name: &str, table: CsvTable) -> Result<Self, ApiError> {
        Ok(Self(BufferedResponse::new(Body::Text(table.into_text()?)))
            .header(CONTENT_TYPE, &format!("{CSV}; charset=utf-8"))
            .header(CONTENT_DISPOSITION, &format!("attachment; filename=\"{file_name}\""))
            .header(CACHE_CONTROL, "no-store"))
    }

    /// A JSON body for everybody, which caches may keep for `seconds`.
    ///
    /// # Errors
    /// [`ApiError::Internal`] if the body has no JSON form.
    pub fn public(body: &impl Serialize, seconds: u64) -> Result<Self, ApiError> {
        let cache = format!("public, max-age={seconds}");
        Ok(Self::json(StatusCode::OK, body)?.header(CACHE_CONTROL, &cache))
    }

    /// A text for everybody, which caches may keep for `seconds`.
    #[must_use]
    pub fn text(content_type: &str, text: String, seconds: u64) -> Self {
        Self(BufferedResponse::new(Body::Text(text)))
            .header(CONTENT_TYPE, content_type)
            .header(CACHE_CONTROL, &format!("public, max-age={seconds}"))
    }

    /// Bytes for everybody, such as a file in a coding. How long caches may keep them is for the handler to say.
    #[must_use]
    pub fn bytes(content_type: &str, bytes: &[u8]) -> Self {
        Self(BufferedResponse::new(Body::Binary(bytes.to_vec()))).header(CONTENT_TYPE, content_type)
    }

    /// The client has it already (RFC 9110, section 15.4.5).
    #[must_use]
    pub fn not_modified() -> Self {
        let mut response = BufferedResponse::new(Body::Empty);
        *response.status_mut() = StatusCode::NOT_MODIFIED;
        Self(response)
    }

    /// Success without a body (RFC 9110, section 15.3.5).
    #[must_use]
    pub fn no_content() -> Self {
        let mut response = BufferedResponse::new(Body::Empty);
        *response.status_mut() = StatusCode::NO_CONTENT;
        Self(response).header(CACHE_CONTROL, "no-store")
    }

    /// The status and headers of server-sent events (WHATWG HTML, section 9.2) about a person.
    #[must_use]
    pub fn event_stream() -> Self {
        Self(BufferedResponse::new(Body::Empty)).header(CONTENT_TYPE, EVENT_STREAM).header(CACHE_CONTROL, "no-store")
    }

    fn json(status: StatusCode, body: &impl Serialize) -> Result<Self, ApiError> {
        let body = serde_json::to_string(body).map_err(|error| ApiError::Internal(Cause::new(error)))?;
        let mut response = BufferedResponse::new(Body::Text(body));
        *response.status_mut() = status;
        Ok(Self(response).header(CONTENT_TYPE, "application/json"))
    }

    /// Adds the id of the message that this answers.
    #[must_use]
    pub fn message_id(self, id: EntryId) -> Self {
        self.header(MESSAGE_ID, &id.to_string())
    }

    /// Adds the id of the conversation that the message is a part of.
    #[must_use]
    pub fn conversation(self, id: ConversationId) -> Self {
        self.header(HeaderName::from_static("x-conversation-id"), &id.to_string())
    }

    /// Adds the cost of the message that this answers, and the balance after it.
    #[must_use]
    pub fn charge(self, charge: Charge) -> Self {
        self.header(HeaderName::from_static("x-token-cost"), &charge.cost.to_string())
            .header(HeaderName::from_static("x-token-balance"), &charge.balance.to_string())
    }

    /// Adds the address of the next page (RFC 8288), if there is one. It may be relative to this one's.
    #[must_use]
    pub fn next_page(self, address: Option<&str>) -> Self {
        match address {
            Some(address) => self.header(LINK, &format!("<{address}>; rel=\"next\"")),
            None => self,
        }
    }

    /// Tells a browser to keep or to forget a cookie, if there is one.
    ///
    /// # Errors
    /// [`ApiError::Internal`] if the cookie has characters that no header can have.
    pub fn cookie(mut self, cookie: Option<&RefreshCookie>) -> Result<Self, ApiError> {
        if let Some(cookie) = cookie {
            self.0.headers_mut().insert(SET_COOKIE, cookie.header_value()?);
        }
        Ok(self)
    }

    /// Marks an answer that an earlier request with the same idempotency key was given.
    #[must_use]
    pub fn replayed(self) -> Self {
        self.header(HeaderName::from_static("idempotent-replayed"), "true")
    }

    /// Adds a header. A value with characters that no header can have is left out.
    #[must_use]
    pub fn header(mut self, name: HeaderName, value: &str) -> Self {
        if let Ok(value) = HeaderValue::from_str(value) {
            self.0.headers_mut().insert(name, value);
        }
        self
    }

    /// The finished response.
    #[must_use]
    pub fn into_response(self) -> BufferedResponse {
        self.0
    }
}
