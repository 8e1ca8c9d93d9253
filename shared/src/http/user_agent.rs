//! The `User-Agent` header.

use identity::sessions::UserAgent;
use lambda_http::http::header::USER_AGENT;

use crate::http::request::Request;

impl Request {
    /// The client's name for itself (RFC 9110, section 10.1.5), if it sends one in visible ASCII.
    #[must_use]
    pub fn user_agent(&self) -> Option<UserAgent> {
        UserAgent::of(self.headers().get(USER_AGENT)?.to_str().ok()?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    use lambda_http::Body;
    use lambda_http::http::HeaderValue;

    #[test]
    fn a_client_need_not_call_itself_anything() {
        let mut received = lambda_http::Request::new(Body::Empty);
        let user_agent = |received: &lambda_http::Request| Request::from(received.clone()).user_agent();
        assert_eq!(user_agent(&received), None);
        for header in [&b""[..], b"\xff\xfe"] {
            received.headers_mut().insert(USER_AGENT, HeaderValue::from_bytes(header).unwrap());
            assert_eq!(user_agent(&received), None, "{header:?}");
        }
        received.headers_mut().insert(USER_AGENT, HeaderValue::from_static(" curl/8.5.0 "));
        assert_eq!(user_agent(&received), UserAgent::of("curl/8.5.0"));
    }
}
