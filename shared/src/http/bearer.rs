//! The `Authorization` header.

use lambda_http::http::header::AUTHORIZATION;

use crate::error::ApiError;
use crate::http::request::Request;

impl Request {
    /// The bearer token of the `Authorization` header (RFC 6750, section 2.1; the scheme in any case, RFC 9110,
    /// section 11.1).
    ///
    /// # Errors
    /// [`ApiError::NotAuthenticated`] without the header or with another scheme, [`ApiError::TokenNotValid`] if
    /// `Bearer` is followed by anything but one token.
    pub fn bearer(&self) -> Result<&str, ApiError> {
        let header = self.headers().get(AUTHORIZATION).ok_or(ApiError::NotAuthenticated)?;
        let header =
            header.to_str().map_err(|_| ApiError::TokenNotValid("the header has characters that no token has"))?;
        let mut words = header.split_ascii_whitespace();
        if !words.next().is_some_and(|scheme| scheme.eq_ignore_ascii_case("Bearer")) {
            return Err(ApiError::NotAuthenticated);
        }
        match (words.next(), words.next()) {
            (Some(token), None) => Ok(token),
            _ => Err(ApiError::TokenNotValid("the header is not `Bearer` and one token")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    use lambda_http::Body;
    use lambda_http::http::HeaderValue;

    fn token(header: &[u8]) -> Result<String, ApiError> {
        let mut received = lambda_http::Request::new(Body::Empty);
        received.headers_mut().insert(AUTHORIZATION, HeaderValue::from_bytes(header).unwrap());
        Request::from(received).bearer().map(str::to_owned)
    }

    #[test]
    fn the_scheme_may_be_written_in_any_case() {
        for header in ["Bearer a.b.c", "bearer a.b.c", "BEARER  a.b.c ", "bEaReR\ta.b.c"] {
            assert_eq!(token(header.as_bytes()).unwrap(), "a.b.c", "{header:?}");
        }
    }

    #[test]
    fn without_a_bearer_token_nobody_is_authenticated() {
        let without = Request::from(lambda_http::Request::new(Body::Empty));
        assert!(matches!(without.bearer(), Err(ApiError::NotAuthenticated)));
        for header in ["", "Basic YWRhOnBhc3N3b3Jk", "Bearera.b.c", "Token a.b.c"] {
            assert!(matches!(token(header.as_bytes()), Err(ApiError::NotAuthenticated)), "{header:?}");
        }
    }

    #[test]
    fn a_bearer_header_that_is_not_one_token_is_refused() {
        for header in [&b"Bearer"[..], b"Bearer ", b"Bearer a b", b"Bearer \xff"] {
            assert!(matches!(token(header), Err(ApiError::TokenNotValid(_))), "{header:?}");
        }
    }
}
