//! The id in a path.

use lambda_http::RequestExt;

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

    /// Whether the path ends in a slash: a browser resolves a page's relative addresses below it.
    #[must_use]
    pub fn has_final_slash(&self) -> bool {
        self.received.raw_http_path().ends_with('/')
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    use lambda_http::Body;

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
}
