//! The frame around every handler: preflights, methods, panics, the log line and its id in a header.

use std::future::Future;
use std::panic::AssertUnwindSafe;

use domain::cause::Cause;
use futures_util::FutureExt;
use lambda_http::http::header::VARY;
use lambda_http::http::{HeaderMap, HeaderName, HeaderValue, Method};

use crate::endpoint::error::EndpointError;
use crate::endpoint::log_line::LogLine;
use crate::error::ApiError;
use crate::http::{Answer, CorsOrigins, Request, allows, is_preflight, listed, preflight};

/// The header by which a response and its log line find each other. OpenAI's clients show it.
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The outcome of a request, with its log line and the headers that its response has whatever the outcome.
pub struct Answered<A, E> {
    pub(super) outcome: Result<A, E>,
    pub(super) headers: HeaderMap,
    /// Whether the response has no body, whatever the outcome: the request is a `HEAD`.
    pub(super) is_head: bool,
    pub(super) line: LogLine,
}

/// The methods of a path.
#[derive(Clone, Copy)]
pub(super) struct PathMethods<'a> {
    pub(super) methods: &'a [Method],
    /// Whether the handler gets other methods too, and says itself who learns that they are not allowed.
    pub(super) are_hidden: bool,
}

#[cfg(test)]
impl<'a> From<&'a [Method]> for PathMethods<'a> {
    /// Methods that everybody may know.
    fn from(methods: &'a [Method]) -> Self {
        Self { methods, are_hidden: false }
    }
}

/// Answers `request` with `answer` if it has one of the `methods` of its path, or as a preflight. Without methods there is no
/// such path.
pub(super) async fn answered<A: From<Answer>, E: EndpointError, F>(
    methods: Option<PathMethods<'_>>,
    cors_origins: &CorsOrigins,
    request: Request,
    answer: impl FnOnce(Request) -> F,
) -> Answered<A, E>
where
    F: Future<Output = Result<A, E>>,
{
    let line = LogLine::begin(&request);
    let is_head = request.method() == Method::HEAD;
    let cors = cors_origins.headers(request.headers());
    let outcome = line.invocation().during(outcome(methods, &cors, request, answer)).await;
    let mut headers = cors;
    if let Ok(id) = HeaderValue::from_str(line.invocation().request_id()) {
        if let Some(name) = E::REQUEST_ID {
            headers.insert(name, id.clone());
        }
        headers.insert(REQUEST_ID, id);
    }
    Answered { outcome, headers, is_head, line }
}

async fn outcome<A: From<Answer>, E: EndpointError, F>(
    methods: Option<PathMethods<'_>>,
    cors: &HeaderMap,
    request: Request,
    answer: impl FnOnce(Request) -> F,
) -> Result<A, E>
where
    F: Future<Output = Result<A, E>>,
{
    let PathMethods { methods, are_hidden } = methods.ok_or(ApiError::NotFound)?;
    if is_preflight(&request, cors) {
        return Ok(preflight(methods).into());
    }
    let is_allowed = allows(methods, request.method());
    if !is_allowed && !are_hidden {
        return Err(method_not_allowed(request.method(), methods).into());
    }
    let request = if is_allowed && request.method() == Method::HEAD { request.into_get() } else { request };
    // Without the guard, API Gateway would answer a panic with a bare 502.
    AssertUnwindSafe(answer(request))
        .catch_unwind()
        .await
        .unwrap_or_else(|_| Err(ApiError::Internal(Cause::because("the handler panicked")).into()))
}

/// Adds `added`, the headers of every answer, to those of one. An answer may depend on the origin and on other headers, which one
/// `Vary` lists: the prelude of a streamed answer has one value for a name.
pub(super) fn add_headers(headers: &mut HeaderMap, mut added: HeaderMap) {
    let both = [headers.get(VARY), added.get(VARY)].map(|vary| vary.and_then(|value| value.to_str().ok()));
    if let [Some(own), Some(other)] = both
        && let Ok(listed) = HeaderValue::from_str(&format!("{own}, {other}"))
    {
        added.insert(VARY, listed);
    }
    headers.extend(added);
}

fn method_not_allowed(method: &Method, allowed: &[Method]) -> ApiError {
    ApiError::MethodNotAllowed { method: method.to_string(), allow: listed(allowed) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_answer_depends_on_is_one_list() {
        let vary = |own: Option<&'static str>, added: Option<&'static str>| {
            let map = |value: Option<&'static str>| {
                value.map(|it| (VARY, HeaderValue::from_static(it))).into_iter().collect()
            };
            let mut headers: HeaderMap = map(own);
            add_headers(&mut headers, map(added));
            let values: Vec<_> =
                headers.get_all(VARY).into_iter().map(|value| value.to_str().unwrap().to_owned()).collect();
            values
        };
        assert_eq!(vary(Some("Accept"), Some("Origin")), ["Accept, Origin"]);
        assert_eq!(vary(Some("Accept"), None), ["Accept"]);
        assert_eq!(vary(None, Some("Origin")), ["Origin"]);
        assert!(vary(None, None).is_empty());
    }
}
