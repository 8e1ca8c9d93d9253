//! The `Idempotency-Key` header.

use ledger::grant::GrantId;
use ledger::idempotency::IdempotencyKey;

use crate::error::ApiError;
use crate::http::request::Request;

const NAME: &str = "Idempotency-Key";

impl Request {
    /// The idempotency key, if the request has one.
    ///
    /// # Errors
    /// [`ApiError::Invalid`] if the header is not an idempotency key.
    pub fn idempotency_key(&self) -> Result<Option<IdempotencyKey>, ApiError> {
        let Some(header) = self.headers().get(NAME) else { return Ok(None) };
        // A header that is not visible ASCII is refused as an empty one is.
        let key = IdempotencyKey::parse(header.to_str().unwrap_or_default());
        key.map(Some).map_err(|error| ApiError::invalid(NAME, error.to_string()))
    }
    /// The id of the grant that is asked for, which is the idempotency key of the request. A grant needs one: without it, a
    /// repetition would give the credits twice.
    ///
    /// # Errors
    /// [`ApiError::Invalid`] if the request has no such header, or one that is no id.
    pub fn grant_id(&self) -> Result<GrantId, ApiError> {
        let header = self.headers().get(NAME).ok_or_else(|| ApiError::invalid(NAME, "This header is required."))?;
        let id = GrantId::parse_header(header.to_str().unwrap_or_default());
        id.map_err(|error| ApiError::invalid(NAME, error.to_string()))
    }
}
