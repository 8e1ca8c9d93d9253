//! The `Idempotency-Key` header.

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
}
