//! Entity tags (RFC 9110, section 8.8.3), by which a client finds that it has an answer already.

use lambda_http::http::header::IF_NONE_MATCH;

use crate::http::request::Request;

impl Request {
    /// Whether the client has what `tag` names, an entity tag without a comma. The comparison is the weak one of RFC 9110, section
    /// 8.8.3.2: a proxy on the way may have made a tag weak.
    #[must_use]
    pub fn has_stored(&self, tag: &str) -> bool {
        let values = self.headers().get_all(IF_NONE_MATCH).into_iter().filter_map(|value| value.to_str().ok());
        let mut stored = values.flat_map(|value| value.split(',')).map(str::trim);
        stored.any(|stored| stored == "*" || opaque(stored) == opaque(tag))
    }
}

/// A tag without the mark of a weak one.
fn opaque(tag: &str) -> &str {
    tag.strip_prefix("W/").unwrap_or(tag)
}

#[cfg(test)]
mod tests {
    use super::*;

    use lambda_http::Body;
    use lambda_http::http::HeaderValue;

    #[test]
    fn a_tag_is_found_in_any_list_whether_it_is_weak_or_not() {
        let has_stored = |values: &[&'static str]| {
            let mut received = lambda_http::Request::new(Body::Empty);
            for value in values {
                received.headers_mut().append(IF_NONE_MATCH, HeaderValue::from_static(value));
            }
            let request = Request::from(received);
            let found = request.has_stored("\"a-tag\"");
            assert_eq!(found, request.has_stored("W/\"a-tag\""), "{values:?}");
            found
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
