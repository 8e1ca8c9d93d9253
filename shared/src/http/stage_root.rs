//! The root of the API, as its clients address it.

use std::fmt;

use lambda_http::RequestExt;
use lambda_http::request::RequestContext;

use crate::http::request::Request;

/// The path below which all paths of the API are, with a slash at both ends: `/prod/` at the address of a stage, the path of the
/// mapping at a domain of one's own, and `/` on a laptop.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StageRoot(String);

impl StageRoot {
    /// The most bytes of a root. The path of a mapping has at most 300 characters.
    const MAX_BYTES: usize = 512;

    /// The characters of a root besides letters and digits: those of a path (RFC 3986, section 3.3) but `;`, which would end the
    /// path of a cookie, and `,`.
    const OTHERS: &[u8] = b"/-._~!$&'()*+=:@%";

    /// The part of `path` before `resource`, which is `/login` of `/prod/login/`. `None` if the one does not end in the other, and for
    /// a root with an empty segment: an address that begins with `//` names another host (RFC 3986, section 4.2).
    fn before(resource: &str, path: &str) -> Option<Self> {
        let root = path.strip_suffix('/').unwrap_or(path).strip_suffix(resource)?;
        let is_of_path = |byte: u8| byte.is_ascii_alphanumeric() || Self::OTHERS.contains(&byte);
        let begins_well = root.is_empty() || root.starts_with('/');
        let has_empty_segment = root.contains("//") || root.ends_with('/');
        let is_root = begins_well && !has_empty_segment && root.len() < Self::MAX_BYTES && root.bytes().all(is_of_path);
        is_root.then(|| Self(format!("{root}/")))
    }
}

impl Default for StageRoot {
    /// The root of the host.
    fn default() -> Self {
        Self("/".to_owned())
    }
}

impl fmt::Display for StageRoot {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl Request {
    /// The root of the API at the address that the client asked: the path of that address without the path of the template. Only
    /// API Gateway puts something before the latter; a path that it would not send counts as the host's root.
    pub(super) fn stage_root(&self) -> StageRoot {
        let Some(RequestContext::ApiGatewayV1(context)) = self.received.request_context_ref() else {
            return StageRoot::default();
        };
        let paths = context.resource_path.as_deref().zip(context.path.as_deref());
        paths.and_then(|(resource, path)| StageRoot::before(resource, path)).unwrap_or_default()
    }

    /// The root of the API, of a request at the root itself whose address lacks the final slash, as `/prod` does: a browser resolves
    /// a page's relative addresses beside that and not below it.
    #[must_use]
    pub fn root_without_final_slash(&self) -> Option<StageRoot> {
        let Some(RequestContext::ApiGatewayV1(context)) = self.received.request_context_ref() else { return None };
        let path = context.path.as_deref().filter(|path| !path.is_empty() && !path.ends_with('/'))?;
        StageRoot::before("", path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    use lambda_http::Body;
    use lambda_http::aws_lambda_events::apigw::ApiGatewayProxyRequestContext;
    use proptest::prelude::*;

    fn root(resource: &str, path: &str) -> Option<String> {
        StageRoot::before(resource, path).map(|root| root.to_string())
    }

    #[test]
    fn the_root_is_what_comes_before_the_path_of_the_template() {
        for (resource, path, expected) in [
            ("/login", "/prod/login/", Some("/prod/")),
            ("/login", "/prod/login", Some("/prod/")),
            ("/login", "/login/", Some("/")),
            ("/login", "/login", Some("/")),
            ("/token/refresh", "/prod/token/refresh/", Some("/prod/")),
            ("/login", "/chat/v2/login/", Some("/chat/v2/")),
            ("/login", "/login/login/", Some("/login/")),
            ("/login", "/$default/login/", Some("/$default/")),
            ("/login", "/prodlogin/", None),
            ("/login", "/prod/login//", None),
            ("/login", "/prod/logout/", None),
            ("/login", "prod/login/", None),
            ("/login", "//login/", None),
            ("/login", "/prod//login/", None),
            ("/login", "//example.com/login/", None),
            ("/login", "/prod//v2/login/", None),
            ("/login", "/pr;od/login/", None),
            ("/login", "/pr od/login/", None),
            ("/login", "/pr\u{f6}d/login/", None),
            ("/login", "", None),
        ] {
            assert_eq!(root(resource, path).as_deref(), expected, "{resource} of {path}");
        }
        assert_eq!(root("/login", &format!("/{}/login", "x".repeat(600))), None);
    }

    #[test]
    fn the_address_of_a_stage_may_lack_its_final_slash() {
        for (path, expected) in [
            ("/prod", Some("/prod/")),
            ("/prod/", None),
            ("/a/b", Some("/a/b/")),
            ("/", None),
            ("", None),
            ("//example.com", None),
        ] {
            let mut context = ApiGatewayProxyRequestContext::default();
            context.path = Some(path.to_owned());
            let received = lambda_http::Request::new(Body::Empty);
            let request = Request::from(received.with_request_context(RequestContext::ApiGatewayV1(context)));
            let root = request.root_without_final_slash().map(|root| root.to_string());
            assert_eq!(root.as_deref(), expected, "{path}");
        }
        assert!(Request::from(lambda_http::Request::new(Body::Empty)).root_without_final_slash().is_none());
    }

    proptest! {
        #[test]
        fn no_root_can_end_the_path_of_a_cookie_or_name_another_host(before in "(.{0,40}|[/a-z.]{0,12})") {
            if let Some(root) = root("/login", &format!("{before}/login/")) {
                prop_assert!(root.starts_with('/') && root.ends_with('/') && !root.contains("//"), "{}", root);
                prop_assert!(!root.contains([';', ',', ' ', '\r', '\n', '\0']) && root.is_ascii(), "{}", root);
            }
        }
    }
}
