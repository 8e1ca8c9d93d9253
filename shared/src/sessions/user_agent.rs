//! What a client calls itself.

use lambda_http::Request;
use lambda_http::http::header::USER_AGENT;
use serde::{Deserialize, Serialize};

/// What a client calls itself, for people to tell their sessions apart: the beginning of the
/// `User-Agent` header (RFC 9110, section 10.1.5). It may be anything and proves nothing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct UserAgent(String);

impl UserAgent {
    /// The most characters that are kept.
    pub const MAX_CHARACTERS: usize = 200;

    /// The user agent of `request`, if it names one in visible ASCII.
    #[must_use]
    pub fn of(request: &Request) -> Option<Self> {
        let header = request.headers().get(USER_AGENT)?.to_str().ok()?.trim();
        if header.is_empty() {
            return None;
        }
        Some(Self(header.chars().take(Self::MAX_CHARACTERS).collect()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use lambda_http::Body;
    use lambda_http::http::HeaderValue;

    fn user_agent(header: &[u8]) -> Option<UserAgent> {
        let mut request = Request::new(Body::Empty);
        request.headers_mut().insert(USER_AGENT, HeaderValue::from_bytes(header).unwrap());
        UserAgent::of(&request)
    }

    #[test]
    fn a_user_agent_is_kept_up_to_its_limit() {
        assert_eq!(user_agent(b" curl/8.5.0 "), Some(UserAgent("curl/8.5.0".to_owned())));
        assert_eq!(user_agent(&[b'x'; 5000]), Some(UserAgent("x".repeat(200))));
    }

    #[test]
    fn a_client_need_not_call_itself_anything() {
        assert_eq!(UserAgent::of(&Request::new(Body::Empty)), None);
        assert_eq!(user_agent(b""), None);
        assert_eq!(user_agent(b"\xff\xfe"), None);
    }
}
