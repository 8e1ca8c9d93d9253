//! The cookie in which a browser keeps a refresh token, so that no script of a page can read it.
//!
//! One name is read and one line is written, which a crate for cookies would not make shorter: it knows dates, jars and
//! encodings, and none of them is used.

use std::time::Duration;

use domain::cause::Cause;
use identity::jwt::{ReceivedToken, RefreshToken};
use lambda_http::http::HeaderValue;
use lambda_http::http::header::COOKIE;

use crate::error::ApiError;
use crate::http::request::Request;
use crate::http::stage_root::StageRoot;

const NAME: &str = "refresh_token";

/// The most bytes of `Cookie` headers that are read. API Gateway passes on no more bytes of all headers together.
const MAX_COOKIE_BYTES: usize = 10_240;

/// A cookie that a browser is told to keep or to forget (RFC 6265, section 4.1). Its token never prints.
#[derive(Debug)]
pub struct RefreshCookie {
    /// Without one the browser forgets the cookie.
    token: Option<RefreshToken>,
    lifetime: Duration,
    root: StageRoot,
}

impl RefreshCookie {
    /// A cookie that a browser keeps for `lifetime`, and sends to the paths below `root`.
    pub(super) fn keeping(token: RefreshToken, lifetime: Duration, root: StageRoot) -> Self {
        Self { token: Some(token), lifetime, root }
    }

    /// The end of the cookie at `root`.
    #[must_use]
    pub fn clearing(root: StageRoot) -> Self {
        Self { token: None, lifetime: Duration::ZERO, root }
    }

    /// The value of `Set-Cookie`. Whatever prints the header does not print it.
    ///
    /// # Errors
    /// [`ApiError::Internal`] if it has characters that no header can have.
    pub(super) fn header_value(&self) -> Result<HeaderValue, ApiError> {
        let token = self.token.as_ref().map_or("", RefreshToken::expose);
        let (seconds, root) = (self.lifetime.as_secs(), &self.root);
        let text = format!("{NAME}={token}; Max-Age={seconds}; Path={root}; Secure; HttpOnly; SameSite=Strict");
        let mut value = HeaderValue::try_from(text).map_err(|error| ApiError::Internal(Cause::new(error)))?;
        value.set_sensitive(true);
        Ok(value)
    }
}

impl Request {
    /// The refresh token in the browser's cookie, if there is one. Of several cookies with the name the first counts: browsers
    /// send the one with the longest path first (RFC 6265, section 5.4), so another API at the root of the host is not in the way.
    /// An empty cookie is none.
    ///
    /// # Errors
    /// [`ApiError::TokenNotValid`] if the cookie has characters that no token has, or there are more than 10,240 bytes of cookies.
    pub fn refresh_cookie(&self) -> Result<Option<ReceivedToken>, ApiError> {
        let headers = || self.headers().get_all(COOKIE).iter().map(HeaderValue::as_bytes);
        if headers().map(<[u8]>::len).sum::<usize>() > MAX_COOKIE_BYTES {
            return Err(ApiError::TokenNotValid("there are too many bytes of cookies"));
        }
        // Other cookies of the host may have any bytes.
        let mut cookies = headers().flat_map(|header| header.split(|byte| *byte == b';'));
        match cookies.find_map(|cookie| value_of(cookie.trim_ascii())) {
            None | Some(b"") => Ok(None),
            Some(value) => received(value).map(Some).ok_or(ApiError::TokenNotValid("the cookie is no token")),
        }
    }
}

/// The value of a cookie that has the name.
fn value_of(cookie: &[u8]) -> Option<&[u8]> {
    cookie.strip_prefix(NAME.as_bytes())?.strip_prefix(b"=")
}

fn received(value: &[u8]) -> Option<ReceivedToken> {
    let text = std::str::from_utf8(value).ok()?;
    let is_visible = text.bytes().all(|byte| byte.is_ascii_graphic());
    is_visible.then(|| ReceivedToken::try_from(text.to_owned()).ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    use lambda_http::Body;

    /// Whether there is a cookie, or the code of the error.
    fn found(headers: &[&[u8]]) -> Result<bool, &'static str> {
        let mut received = lambda_http::Request::new(Body::Empty);
        for header in headers {
            received.headers_mut().append(COOKIE, HeaderValue::from_bytes(header).unwrap());
        }
        let cookie = Request::from(received).refresh_cookie();
        cookie.map(|cookie| cookie.is_some()).map_err(|error| error.code())
    }

    #[test]
    fn the_cookie_is_found_among_others_and_nothing_else_is_taken_for_it() {
        for (header, is_there) in [
            (&b"refresh_token=a.b.c"[..], true),
            (b"theme=dark; refresh_token=a.b.c; lang=en", true),
            (b"theme=dark;refresh_token=a.b.c", true),
            (b"other=\xff\xfe; refresh_token=a.b.c", true),
            (b"refresh_token=a.b.c; refresh_token=", true),
            (b"", false),
            (b"theme=dark", false),
            (b"refresh_token=", false),
            (b"refresh_token", false),
            (b"refresh_token =a.b.c", false),
            (b"Refresh_Token=a.b.c", false),
            (b"refresh_token2=a.b.c", false),
            (b"x_refresh_token=a.b.c", false),
            (b"x=refresh_token=a.b.c", false),
        ] {
            assert_eq!(found(&[header]), Ok(is_there), "{:?}", String::from_utf8_lossy(header));
        }
        assert_eq!(found(&[]), Ok(false));
        assert_eq!(found(&[b"theme=dark", b"refresh_token=a.b.c"]), Ok(true), "browsers of HTTP/2 may send several");
    }

    #[test]
    fn a_cookie_that_can_be_no_token_is_refused() {
        for header in
            [&b"refresh_token=\xff"[..], b"refresh_token=a b", b"refresh_token=a\tb", b"refresh_token=\xc3\xa4"]
        {
            assert_eq!(found(&[header]), Err("token_not_valid"), "{header:?}");
        }
        let cookies = |bytes: usize| format!("refresh_token=a.b.c; x={}", "x".repeat(bytes - 23));
        assert_eq!(found(&[cookies(MAX_COOKIE_BYTES).as_bytes()]), Ok(true));
        assert_eq!(found(&[cookies(MAX_COOKIE_BYTES + 1).as_bytes()]), Err("token_not_valid"));
        assert_eq!(found(&[cookies(MAX_COOKIE_BYTES).as_bytes(), b"y"]), Err("token_not_valid"));
    }

    #[test]
    fn a_cookie_is_cleared_with_the_attributes_that_it_was_set_with_and_does_not_print() {
        let value = RefreshCookie::clearing(StageRoot::default()).header_value().unwrap();
        assert_eq!(value, "refresh_token=; Max-Age=0; Path=/; Secure; HttpOnly; SameSite=Strict");
        assert_eq!(format!("{value:?}"), "Sensitive");
    }
}
