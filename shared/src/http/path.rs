//! The id in a path.

use lambda_http::{Request, RequestExt};

/// The id that the path of `request` names in `collection`: `x` of `/sessions/x/`, and none of `/sessions/`, where
/// `collection` is `sessions`. A final slash makes no difference.
///
/// The path itself is read, since cargo-lambda's emulator and API Gateway disagree on path parameters.
#[must_use]
pub fn item_of<'a>(request: &'a Request, collection: &str) -> Option<&'a str> {
    let path = request.raw_http_path();
    let path = path.strip_suffix('/').unwrap_or(path);
    let (parent, last) = path.rsplit_once('/').unwrap_or(("", path));
    let is_in = |path: &str| path.rsplit('/').next() == Some(collection);
    (last != collection || is_in(parent)).then_some(last)
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
            let request = Request::new(Body::Empty).with_raw_http_path(path);
            assert_eq!(item_of(&request, "sessions"), id, "{path}");
        }
    }
}
