//! The methods of a path. `HEAD` works where `GET` does (RFC 9110, section 9.3.2).

use lambda_http::http::Method;

/// Whether a path with these `methods` takes a request with `method`.
pub(crate) fn allows(methods: &[Method], method: &Method) -> bool {
    methods.contains(method) || (method == Method::HEAD && methods.contains(&Method::GET))
}

/// The methods of a path with these `methods`, as a header lists them.
pub(crate) fn listed(methods: &[Method]) -> String {
    let words = methods.iter().map(|method| if method == Method::GET { "GET, HEAD" } else { method.as_str() });
    words.collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn head_is_taken_and_listed_where_get_is() {
        let (with, without) = ([Method::DELETE, Method::GET], [Method::POST]);
        assert!(allows(&with, &Method::HEAD) && allows(&with, &Method::GET) && allows(&with, &Method::DELETE));
        assert!(!allows(&with, &Method::POST) && !allows(&without, &Method::HEAD));
        assert_eq!((listed(&with), listed(&without)), ("DELETE, GET, HEAD".to_owned(), "POST".to_owned()));
    }
}
