//! CORS (WHATWG Fetch, section 3.3): the permission for pages in browsers to use the API.
//!
//! No answer allows credentials in Fetch's sense, which are cookies: a page of another origin sends its token itself.

use std::fmt;

use lambda_http::http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_METHOD, ORIGIN, VARY,
};
use lambda_http::http::{HeaderMap, HeaderValue, Method};

use crate::http::answer::Answer;
use crate::http::methods::listed;
use crate::http::request::Request;

/// The headers that a page may send. The star permits the headers that OpenAI's and Anthropic's clients add, whose names change
/// with their versions. The star does not include `Authorization`, and old browsers do not know it.
const ALLOWED_HEADERS: &str = "Anthropic-Beta, Anthropic-Dangerous-Direct-Browser-Access, Anthropic-Version, Authorization, \
                               Api-Key, Content-Type, Idempotency-Key, X-Api-Key, *";

/// The headers that a page may read besides those that Fetch always permits. API Gateway renames `WWW-Authenticate`.
const EXPOSED_HEADERS: HeaderValue = HeaderValue::from_static(
    "Idempotent-Replayed, Link, Request-Id, Retry-After, WWW-Authenticate, X-Amzn-Remapped-WWW-Authenticate, X-Conversation-Id, \
     X-Message-Id, X-RateLimit-Limit-Requests, X-RateLimit-Remaining-Requests, X-RateLimit-Reset-Requests, X-Request-Id, X-Should-Retry, \
     X-Token-Balance, X-Token-Cost, X-Token-Held",
);

/// How long a browser may keep the answer to a preflight: two hours, Chromium's upper limit.
const MAX_AGE_SECONDS: &str = "7200";

/// The origins whose pages may use the API.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum CorsOrigins {
    /// No origin. Answers have no CORS headers.
    #[default]
    None,
    /// Every origin.
    Any,
    /// The origins of a list.
    Listed(Vec<Origin>),
}

impl CorsOrigins {
    /// The most origins of a list.
    pub const MAX_ORIGINS: usize = 20;

    /// Reads `*`, or origins with commas between them.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        if text.trim() == "*" {
            return Some(Self::Any);
        }
        let origins: Vec<Origin> = text.split(',').map(|origin| Origin::parse(origin.trim())).collect::<Option<_>>()?;
        (origins.len() <= Self::MAX_ORIGINS).then_some(Self::Listed(origins))
    }

    /// The CORS headers of the answer to a request with the headers `request`. `Vary` is there whenever the origin makes
    /// a difference, also for a request without one: a cache must not give its answer to a page.
    pub(crate) fn headers(&self, request: &HeaderMap) -> HeaderMap {
        let mut headers = HeaderMap::new();
        let allowed = match self {
            Self::None => None,
            Self::Any => Some(HeaderValue::from_static("*")),
            Self::Listed(origins) => {
                headers.insert(VARY, HeaderValue::from_static("Origin"));
                request
                    .get(ORIGIN)
                    .filter(|asking| origins.iter().any(|origin| origin.0.as_bytes() == asking.as_bytes()))
                    .cloned()
            }
        };
        if let Some(allowed) = allowed {
            headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, allowed);
            headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED_HEADERS);
        }
        headers
    }
}

/// The origin of a page, as browsers write it in `Origin`: scheme, host, and port if it is not the scheme's default.
#[derive(Clone, PartialEq, Eq)]
pub struct Origin(String);

impl Origin {
    /// The most bytes of an origin; a name in the DNS has 253.
    const MAX_BYTES: usize = 300;

    /// Reads an origin in a form that a browser would send.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        // Browsers write scheme and host in lower case.
        let text = text.to_ascii_lowercase();
        let (scheme, authority) = text.split_once("://")?;
        let (host, port) = match authority.rsplit_once(':') {
            // The last colon inside brackets belongs to an IPv6 address.
            Some((host, port)) if !port.ends_with(']') => (host, Some(port)),
            _ => (authority, None),
        };
        let is_scheme = scheme.starts_with(|letter: char| letter.is_ascii_alphabetic())
            && scheme.chars().all(|letter| letter.is_ascii_alphanumeric() || "+-.".contains(letter));
        let is_port = port.is_none_or(|port| {
            let is_default = matches!((scheme, port), ("http", "80") | ("https", "443"));
            !is_default && !port.starts_with(['0', '+']) && port.parse::<u16>().is_ok()
        });
        (is_scheme && is_host(host) && is_port && text.len() <= Self::MAX_BYTES).then_some(Self(text))
    }
}

impl fmt::Debug for Origin {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// Whether `text` is a name in the form that browsers send, or an IPv6 address in brackets.
fn is_host(text: &str) -> bool {
    match text.strip_prefix('[').and_then(|text| text.strip_suffix(']')) {
        Some(address) => address.parse::<std::net::Ipv6Addr>().is_ok(),
        None => !text.is_empty() && text.chars().all(|letter| letter.is_ascii_alphanumeric() || ".-_".contains(letter)),
    }
}

/// Whether `request` is a preflight from an allowed origin. `cors` are the CORS headers of its answer.
pub(crate) fn is_preflight(request: &Request, cors: &HeaderMap) -> bool {
    request.method() == Method::OPTIONS
        && request.headers().contains_key(ORIGIN)
        && request.headers().contains_key(ACCESS_CONTROL_REQUEST_METHOD)
        && cors.contains_key(ACCESS_CONTROL_ALLOW_ORIGIN)
}

/// The answer to a preflight at a path with these `methods`.
pub(crate) fn preflight(methods: &[Method]) -> Answer {
    Answer::no_content()
        .header(ACCESS_CONTROL_ALLOW_METHODS, &listed(methods))
        .header(ACCESS_CONTROL_ALLOW_HEADERS, ALLOWED_HEADERS)
        .header(ACCESS_CONTROL_MAX_AGE, MAX_AGE_SECONDS)
}

#[cfg(test)]
mod tests {
    use super::*;

    use lambda_http::Body;

    fn headers(setting: &str, origin: Option<&str>) -> HeaderMap {
        let mut request = HeaderMap::new();
        if let Some(origin) = origin {
            request.insert(ORIGIN, HeaderValue::from_str(origin).unwrap());
        }
        CorsOrigins::parse(setting).unwrap().headers(&request)
    }

    #[test]
    fn an_origin_is_read_as_browsers_write_it() {
        for (text, read) in [
            ("https://app.example.com", "https://app.example.com"),
            ("HTTPS://App.Example.com", "https://app.example.com"),
            ("http://localhost:5173", "http://localhost:5173"),
            ("http://127.0.0.1:80801", ""),
            ("http://[::1]", "http://[::1]"),
            ("http://[::1]:3000", "http://[::1]:3000"),
            ("capacitor://localhost", "capacitor://localhost"),
            ("https://app.example.com/", ""),
            ("https://app.example.com/page", ""),
            ("https://user@app.example.com", ""),
            ("https://*.example.com", ""),
            ("https://app.example.com:443", ""),
            ("http://app.example.com:80", ""),
            ("https://app.example.com:", ""),
            ("https://app.example.com:+8", ""),
            ("https://", ""),
            ("://app.example.com", ""),
            ("1http://app.example.com", ""),
            ("http://[::1", ""),
            ("http://::1", ""),
            ("https://b\u{fc}cher.example", ""),
            ("app.example.com", ""),
            ("null", ""),
            ("", ""),
        ] {
            assert_eq!(Origin::parse(text).map(|origin| origin.0).unwrap_or_default(), read, "{text}");
        }
    }

    #[test]
    fn a_list_has_few_origins_and_the_star_stands_alone() {
        let parse = |number: usize| {
            let origins: Vec<_> = (1..=number).map(|number| format!("http://127.0.0.1:{number}00")).collect();
            CorsOrigins::parse(&origins.join(" , "))
        };
        assert!(matches!(parse(CorsOrigins::MAX_ORIGINS), Some(CorsOrigins::Listed(origins)) if origins.len() == 20));
        assert_eq!(parse(CorsOrigins::MAX_ORIGINS + 1), None);
        assert_eq!(CorsOrigins::parse("*"), Some(CorsOrigins::Any));
        for text in ["*,https://app.example.com", "https://app.example.com,", "https://a.example https://b.example"] {
            assert_eq!(CorsOrigins::parse(text), None, "{text}");
        }
    }

    #[test]
    fn a_listed_origin_is_let_in_and_every_answer_says_that_it_depends_on_the_origin() {
        let setting = "https://app.example.com, http://localhost:5173";
        let told = headers(setting, Some("http://localhost:5173"));
        assert_eq!(told[ACCESS_CONTROL_ALLOW_ORIGIN], "http://localhost:5173");
        assert_eq!(told[VARY], "Origin");
        assert!(told.contains_key(ACCESS_CONTROL_EXPOSE_HEADERS));
        for origin in [
            None,
            Some("http://localhost"),
            Some("https://app.example.com.evil.example"),
            Some("https://app.example.com:8443"),
            Some("null"),
        ] {
            let told = headers(setting, origin);
            assert_eq!((told.len(), &told[VARY]), (1, &HeaderValue::from_static("Origin")), "{origin:?}");
        }
    }

    #[test]
    fn the_star_lets_anybody_in_and_without_a_setting_nothing_is_said() {
        for origin in [None, Some("https://app.example.com"), Some("null")] {
            let told = headers("*", origin);
            assert_eq!(told[ACCESS_CONTROL_ALLOW_ORIGIN], "*");
            assert!(!told.contains_key(VARY));
        }
        let mut request = HeaderMap::new();
        request.insert(ORIGIN, HeaderValue::from_static("https://app.example.com"));
        assert!(CorsOrigins::None.headers(&request).is_empty());
    }

    #[test]
    fn only_options_with_what_a_browser_adds_asks_beforehand() {
        let cors = headers("*", None);
        let request = |method: Method, names: &[&'static str]| {
            let mut received = lambda_http::Request::new(Body::Empty);
            *received.method_mut() = method;
            for name in names {
                received.headers_mut().insert(*name, HeaderValue::from_static("POST"));
            }
            Request::from(received)
        };
        let both = ["origin", "access-control-request-method"];
        assert!(is_preflight(&request(Method::OPTIONS, &both), &cors));
        assert!(!is_preflight(&request(Method::OPTIONS, &both), &HeaderMap::new()));
        assert!(!is_preflight(&request(Method::POST, &both), &cors));
        for name in both {
            assert!(!is_preflight(&request(Method::OPTIONS, &[name]), &cors), "{name}");
        }
    }
}
