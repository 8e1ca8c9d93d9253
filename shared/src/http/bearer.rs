//! The headers that name a caller: `Authorization`, and two for API keys alone.

use identity::api_keys::ApiKey;
use lambda_http::http::header::AUTHORIZATION;
use lambda_http::http::{HeaderName, HeaderValue};

use crate::error::ApiError;
use crate::http::request::Request;

/// The headers in which clients of other protocols send an API key: Anthropic's, then Azure's.
const API_KEY_HEADERS: [HeaderName; 2] = [HeaderName::from_static("x-api-key"), HeaderName::from_static("api-key")];

impl Request {
    /// The token that names the caller: the bearer token of the `Authorization` header (RFC 6750, section 2.1; the scheme
    /// in any case, RFC 9110, section 11.1), or without that header the API key of `x-api-key` or `api-key`.
    ///
    /// # Errors
    /// [`ApiError::NotAuthenticated`] without any of the headers or with another scheme, [`ApiError::TokenNotValid`] if
    /// `Bearer` is followed by anything but one token, or if a header for API keys has none.
    pub fn bearer(&self) -> Result<&str, ApiError> {
        if let Some(header) = self.headers().get(AUTHORIZATION) {
            return bearer_token(header);
        }
        let api_key = API_KEY_HEADERS.iter().find_map(|name| self.headers().get(name));
        api_key_of(api_key.ok_or(ApiError::NotAuthenticated)?)
    }
}

fn bearer_token(header: &HeaderValue) -> Result<&str, ApiError> {
    let mut words = text_of(header)?.split_ascii_whitespace();
    if !words.next().is_some_and(|scheme| scheme.eq_ignore_ascii_case("Bearer")) {
        return Err(ApiError::NotAuthenticated);
    }
    match (words.next(), words.next()) {
        (Some(token), None) => Ok(token),
        _ => Err(ApiError::TokenNotValid("the header is not `Bearer` and one token")),
    }
}

/// An access token is refused here: clients that know these headers keep API keys in them, and log them as such.
fn api_key_of(header: &HeaderValue) -> Result<&str, ApiError> {
    let mut words = text_of(header)?.split_ascii_whitespace();
    match (words.next(), words.next()) {
        (Some(word), None) if ApiKey::is_meant_by(word) => Ok(word),
        _ => Err(ApiError::TokenNotValid("the header is for API keys, and this is none")),
    }
}

fn text_of(header: &HeaderValue) -> Result<&str, ApiError> {
    header.to_str().map_err(|_| ApiError::TokenNotValid("the header has characters that no token has"))
}

#[cfg(test)]
mod tests {
    use super::*;

    use lambda_http::Body;

    fn token(header: &[u8]) -> Result<String, ApiError> {
        token_of(&[("authorization", header)])
    }

    fn token_of(headers: &[(&'static str, &[u8])]) -> Result<String, ApiError> {
        let mut received = lambda_http::Request::new(Body::Empty);
        for (name, value) in headers {
            received.headers_mut().insert(*name, HeaderValue::from_bytes(value).unwrap());
        }
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

    #[test]
    fn an_api_key_may_come_in_a_header_of_its_own() {
        for name in ["x-api-key", "api-key"] {
            assert_eq!(token_of(&[(name, b" sk-abc ")]).unwrap(), "sk-abc");
            for no_key in [&b"a.b.c"[..], b"", b"Bearer sk-abc", b"SK-abc", b"sk-\xff"] {
                assert!(matches!(token_of(&[(name, no_key)]), Err(ApiError::TokenNotValid(_))), "{no_key:?}");
            }
        }
    }

    #[test]
    fn authorization_wins_and_then_x_api_key() {
        let keys: [(&str, &[u8]); 2] = [("api-key", b"sk-two"), ("x-api-key", b"sk-one")];
        assert_eq!(token_of(&keys).unwrap(), "sk-one");
        let with = |authorization| token_of(&[keys[0], keys[1], ("authorization", authorization)]);
        assert_eq!(with(b"Bearer a.b.c").unwrap(), "a.b.c");
        assert!(matches!(with(b"Basic YWRhOnBhc3N3b3Jk"), Err(ApiError::NotAuthenticated)));
        assert!(matches!(with(b"Bearer"), Err(ApiError::TokenNotValid(_))));
    }
}
