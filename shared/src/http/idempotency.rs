//! The `Idempotency-Key` header.

use lambda_http::Request;

use crate::error::{ApiError, FieldErrors};
use crate::ledger::IdempotencyKey;
use crate::text::InvalidField;

const NAME: &str = "Idempotency-Key";

/// The idempotency key of `request`, if it has one.
///
/// # Errors
/// [`ApiError::Invalid`] if it is not one.
pub fn idempotency_key(request: &Request) -> Result<Option<IdempotencyKey>, ApiError> {
    let Some(header) = request.headers().get(NAME) else { return Ok(None) };
    // What is not visible ASCII is no key either way.
    let key = IdempotencyKey::parse(header.to_str().unwrap_or_default());
    let refused = |error: InvalidField| ApiError::Invalid(FieldErrors::from([(NAME, vec![error.to_string()])]));
    key.map(Some).map_err(refused)
}
