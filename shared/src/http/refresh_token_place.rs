//! The `X-Session` header, by which a page in a browser keeps its refresh token in a cookie.
//!
//! The header is also what keeps pages of other origins away: a browser asks before it sends one of its kind, and no answer here
//! allows cookies with it (docs/decisions/cookie-sessions.md). So nothing looks at a cookie without it.

use std::time::Duration;

use domain::invalid_field::InvalidField;
use identity::jwt::RefreshToken;
use lambda_http::http::HeaderValue;

use crate::error::ApiError;
use crate::http::body_fields::BodyFields;
use crate::http::refresh_cookie::RefreshCookie;
use crate::http::request::Request;
use crate::http::stage_root::StageRoot;

const NAME: &str = "X-Session";

/// The place where a client gets its refresh token, and from which it sends it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RefreshTokenPlace {
    /// The bodies of requests and answers.
    Body,
    /// A cookie of the paths below this root.
    Cookie(StageRoot),
}

/// A refresh token on its way to a client, in one of the two places.
#[derive(Debug, Default)]
pub struct PlacedRefreshToken {
    /// The token of the answer's body.
    pub in_body: Option<RefreshToken>,
    /// The answer's cookie.
    pub cookie: Option<RefreshCookie>,
}

impl Request {
    /// The place of the client's refresh token.
    ///
    /// # Errors
    /// [`ApiError::Invalid`] if the header `X-Session` has another word than `cookie`.
    pub fn refresh_token_place(&self) -> Result<RefreshTokenPlace, ApiError> {
        match self.headers().get(NAME).map(HeaderValue::as_bytes) {
            None => Ok(RefreshTokenPlace::Body),
            Some(b"cookie") => Ok(RefreshTokenPlace::Cookie(self.stage_root())),
            Some(_) => Err(ApiError::invalid(NAME, "Send \"cookie\", or no such header.")),
        }
    }
}

impl RefreshTokenPlace {
    /// Puts a `token` that expires after `lifetime` where the client wants it.
    #[must_use]
    pub fn put(self, token: RefreshToken, lifetime: Duration) -> PlacedRefreshToken {
        match self {
            Self::Body => PlacedRefreshToken { in_body: Some(token), cookie: None },
            Self::Cookie(root) => {
                PlacedRefreshToken { in_body: None, cookie: Some(RefreshCookie::keeping(token, lifetime, root)) }
            }
        }
    }
}

impl BodyFields {
    /// Notes an error if the body has a refresh token beside the one in the cookie: they may be of two sessions, and which one is
    /// meant would be a guess.
    pub fn take_no_refresh_token(&mut self) -> Option<()> {
        let absent = if self.has("refresh") {
            Err(InvalidField::new("With X-Session the refresh token is in the cookie, and not in the body."))
        } else {
            Ok(())
        };
        self.note("refresh", absent)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    use lambda_http::Body;

    fn place(header: Option<&[u8]>) -> Result<RefreshTokenPlace, ApiError> {
        let mut received = lambda_http::Request::new(Body::Empty);
        if let Some(header) = header {
            received.headers_mut().insert("x-session", HeaderValue::from_bytes(header).unwrap());
        }
        Request::from(received).refresh_token_place()
    }

    #[test]
    fn a_client_without_the_header_wants_no_cookie_and_the_header_has_one_word() {
        assert_eq!(place(None).unwrap(), RefreshTokenPlace::Body);
        assert_eq!(place(Some(b"cookie")).unwrap(), RefreshTokenPlace::Cookie(StageRoot::default()));
        for header in [&b""[..], b"Cookie", b"cookies", b"cookie, cookie", b"body", b"\xff"] {
            assert!(matches!(place(Some(header)), Err(ApiError::Invalid(_))), "{header:?}");
        }
    }
}
