//! Entity tags (RFC 9110, section 8.8.3), by which a client finds that it has an answer already.

use lambda_http::http::header::IF_NONE_MATCH;

use crate::http::request::Request;

impl Request {
    /// Whether the client has what `tag` names, a strong entity tag with its quotes and without a comma.
    #[must_use]
    pub fn has_stored(&self, tag: &str) -> bool {
        let values = self.headers().get_all(IF_NONE_MATCH).into_iter().filter_map(|value| value.to_str().ok());
        let mut stored = values.flat_map(|value| value.split(',')).map(str::trim);
        // The comparison is the weak one: a proxy on the way may have made a tag weak.
        stored.any(|stored| stored == "*" || stored.strip_prefix("W/").unwrap_or(stored) == tag)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    use lambda_http::Body;
    use lambda_http::http::HeaderValue;

    #[test]
    fn a_tag_is_found_in_any_list_whether_it_became_weak_or_not() {
        let has_stored = |values: &[&'static str]| {
            let mut received = lambda_http::Request::new(Body::Empty);
            for value in values {
                received.headers_mut().append(IF_NONE_MATCH, HeaderValue::from_static(value));
            }
            Request::from(received).has_stored("\"a-tag\"")
        };
        for values in
            [&["\"a-tag\""][..], &["W/\"a-tag\""], &["\"other\" , \"a-tag\""], &["\"other\"", "\"a-tag\""], &["*"]]
        {
            assert!(has_stored(values), "{values:?}");
        }
        for values in [&[][..], &[""], &["a-tag"], &["\"a-tag-2\""], &["w/\"a-tag\""]] {
            assert!(!has_stored(values), "{values:?}");
        }
    }
}
