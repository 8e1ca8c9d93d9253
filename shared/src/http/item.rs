//! The id in a path.

use std::borrow::Cow;

use lambda_http::RequestExt;
use lambda_http::request::RequestContext;

use crate::http::request::Request;

impl Request {
    /// The id that the path names in `collection`: `x` of `/sessions/x/`, and none of `/sessions/`, where `collection`
    /// is `sessions`. A final slash makes no difference.
    ///
    /// The path itself is read, since cargo-lambda's emulator and API Gateway disagree on path parameters.
    #[must_use]
    pub fn item_of(&self, collection: &str) -> Option<&str> {
        let path = self.received.raw_http_path();
        let path = path.strip_suffix('/').unwrap_or(path);
        let (parent, last) = path.rsplit_once('/').unwrap_or(("", path));
        let is_in = |path: &str| path.rsplit('/').next() == Some(collection);
        (last != collection || is_in(parent)).then_some(last)
    }

    /// The rest of the path after `collection`, of any number of segments: `a/b` of `/v1/models/a/b`, and none of
    /// `/v1/models/`, where `collection` is `models`. A final slash makes no difference. Escapes are decoded once, since
    /// clients send a slash in an id as it is or as `%2F`.
    ///
    /// The path itself is read, for the reason of [`Request::item_of`].
    #[must_use]
    pub fn rest_of(&self, collection: &str) -> Option<Cow<'_, str>> {
        let path = self.received.raw_http_path();
        let path = path.strip_suffix('/').unwrap_or(path);
        let mut segments = path.split('/');
        let end: usize =
            segments.by_ref().take_while(|segment| *segment != collection).map(|other| other.len() + 1).sum();
        let rest = path.get(end + collection.len()..)?.strip_prefix('/')?;
        Some(percent_decoded(rest))
    }

    /// The way from an address without a final slash to the same one with it, such as `./prod/`. `None`: it has one. Below a
    /// stage, the address of `/` may lack the slash that the path has.
    #[must_use]
    pub fn way_to_final_slash(&self) -> Option<String> {
        let address = match self.received.request_context_ref() {
            Some(RequestContext::ApiGatewayV1(context)) => context.path.as_deref(),
            _ => None,
        };
        let last = address.unwrap_or(self.received.raw_http_path()).rsplit('/').next().unwrap_or_default();
        // Without `./`, a colon in the segment would end the scheme of an address.
        (!last.is_empty()).then(|| format!("./{last}/"))
    }

    /// Whether the path ends in a slash: a browser resolves a page's relative addresses below it.
    #[must_use]
    pub fn has_final_slash(&self) -> bool {
        self.received.raw_http_path().ends_with('/')
    }
}

/// `text` with each `%` and two hexadecimal digits after it as the byte that they stand for. Bytes that are no UTF-8 become
/// the replacement character.
fn percent_decoded(text: &str) -> Cow<'_, str> {
    if !text.contains('%') {
        return Cow::Borrowed(text);
    }
    let mut decoded = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, after @ ..] = rest {
        let escaped = (*first == b'%').then(|| after.get(..2)).flatten().and_then(byte_of);
        decoded.push(escaped.unwrap_or(*first));
        rest = if escaped.is_some() { &after[2..] } else { after };
    }
    Cow::Owned(String::from_utf8_lossy(&decoded).into_owned())
}

/// The byte that two hexadecimal digits write.
fn byte_of(digits: &[u8]) -> Option<u8> {
    let digit = |byte: u8| char::from(byte).to_digit(16);
    let [high, low] = digits else { return None };
    u8::try_from(digit(*high)? * 16 + digit(*low)?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    use lambda_http::Body;
    use lambda_http::aws_lambda_events::apigw::ApiGatewayProxyRequestContext;

    #[test]
    fn the_id_in_a_path_is_found_with_and_without_a_final_slash() {
        for (path, id) in [
            ("/sessions", None),
            ("/sessions/", None),
            ("/sessions/x", Some("x")),
            ("/sessions/x/", Some("x")),
            ("/sessions/x//", Some("")),
            ("/sessions//", Some("")),
            ("/sessions/sessions", Some("sessions")),
            ("/sessions/sessions/", Some("sessions")),
            ("/base/sessions/", None),
            ("/base/sessions/x/", Some("x")),
            ("sessions", None),
            ("", Some("")),
        ] {
            let received = lambda_http::Request::new(Body::Empty).with_raw_http_path(path);
            let request = Request::from(received);
            assert_eq!(request.item_of("sessions"), id, "{path}");
        }
    }

    #[test]
    fn the_rest_of_a_path_may_have_slashes_which_clients_may_escape() {
        for (path, id) in [
            ("/v1/models", None),
            ("/v1/models/", None),
            ("/v1/models/x", Some("x")),
            ("/v1/models/x/", Some("x")),
            ("/v1/models/a/b", Some("a/b")),
            ("/v1/models/a%2Fb/", Some("a/b")),
            ("/v1/models/a%2fb%3A1", Some("a/b:1")),
            ("/v1/models/a%252Fb", Some("a%2Fb")),
            ("/v1/models/models", Some("models")),
            ("/v1/models/a/models/b", Some("a/models/b")),
            ("/base/v1/models/x", Some("x")),
            ("/v1/models//", Some("")),
            ("/v1/models/%", Some("%")),
            ("/v1/models/%2", Some("%2")),
            ("/v1/models/%\u{fc}/%zz", Some("%\u{fc}/%zz")),
            ("/v1/models/%ff", Some("\u{fffd}")),
            ("/v1/modelsx", None),
            ("/elsewhere", None),
            ("", None),
        ] {
            let received = lambda_http::Request::new(Body::Empty).with_raw_http_path(path);
            let request = Request::from(received);
            assert_eq!(request.rest_of("models").as_deref(), id, "{path}");
        }
    }

    #[test]
    fn an_address_without_its_final_slash_has_a_way_to_it_below_a_stage_too() {
        for (path, address, way) in [
            ("/", Some("/prod"), Some("./prod/")),
            ("/", Some("/prod/"), None),
            ("/", Some("/a/b"), Some("./b/")),
            ("/", Some("/a:b"), Some("./a:b/")),
            ("/", Some("/"), None),
            ("/", Some(""), None),
            ("/", None, None),
            ("/docs", None, Some("./docs/")),
        ] {
            let received = lambda_http::Request::new(Body::Empty).with_raw_http_path(path);
            let received = match address {
                Some(address) => {
                    let mut context = ApiGatewayProxyRequestContext::default();
                    context.path = Some(address.to_owned());
                    received.with_request_context(RequestContext::ApiGatewayV1(context))
                }
                None => received,
            };
            assert_eq!(Request::from(received).way_to_final_slash().as_deref(), way, "{path} {address:?}");
        }
    }
}
