//! Bodies of comma-separated values (RFC 4180).

use lambda_http::http::header::CONTENT_TYPE;

use crate::error::ApiError;
use crate::http::accept::CSV;
use crate::http::request::Request;

impl Request {
    /// The body, which is a table of comma-separated values. A body without a content type is taken for one.
    ///
    /// # Errors
    /// [`ApiError::TooLarge`] with more than `most_bytes`, [`ApiError::UnsupportedMediaType`] if its content type is another.
    pub fn csv_body(&self, most_bytes: usize) -> Result<&[u8], ApiError> {
        let body: &[u8] = self.received.body().as_ref();
        if body.len() > most_bytes {
            return Err(ApiError::TooLarge { limit_bytes: most_bytes });
        }
        let Some(header) = self.headers().get(CONTENT_TYPE) else { return Ok(body) };
        let essence = header.to_str().unwrap_or_default().split(';').next().unwrap_or_default().trim();
        if essence.eq_ignore_ascii_case(CSV) { Ok(body) } else { Err(ApiError::UnsupportedMediaType) }
    }
}
