//! What a path says.

use lambda_http::{Request, RequestExt};

/// The last segment of the path of `request`, without a final slash: of `/sessions/x/` it is `x`.
///
/// The path itself is read, since cargo-lambda's emulator and API Gateway disagree on path
/// parameters.
#[must_use]
pub fn last_segment(request: &Request) -> &str {
    let path = request.raw_http_path();
    let path = path.strip_suffix('/').unwrap_or(path);
    path.rsplit('/').next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use lambda_http::Body;

    #[test]
    fn the_last_segment_is_found_with_and_without_a_final_slash() {
        for (path, segment) in
            [("/sessions/x", "x"), ("/sessions/x/", "x"), ("/sessions/x//", ""), ("/", ""), ("", ""), ("x", "x")]
        {
            let request = Request::new(Body::Empty).with_raw_http_path(path);
            assert_eq!(last_segment(&request), segment, "{path}");
        }
    }
}
