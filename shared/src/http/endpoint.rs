//! What every function does around its handler.

use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use lambda_http::http::{HeaderMap, Method};
use lambda_http::{Request, RequestExt, service_fn};

use crate::error::{ApiError, Cause};
use crate::http::log_line::LogLine;
use crate::http::{Answer, CorsOrigins, Response, cors, problem};
use crate::time::{Clock, Timestamp};

/// What ends a function at its start.
pub type Error = lambda_http::Error;

/// One endpoint of the API: a state that outlives requests, and a handler.
pub trait Endpoint: Send + Sync + 'static {
    /// The methods that it answers; to any other it says 405 by itself, because API Gateway would
    /// say 403 "Missing Authentication Token".
    const METHODS: &'static [Method];

    /// The methods that it answers at the path of `request`, if that depends on the path.
    #[must_use]
    fn methods(_request: &Request) -> &'static [Method] {
        Self::METHODS
    }

    /// Answers one request.
    fn answer(&self, request: Request) -> impl Future<Output = Result<Answer, ApiError>> + Send;

    /// How an error looks, where clients expect another protocol's.
    #[must_use]
    fn problem(error: &ApiError) -> Response {
        problem::response(error)
    }
}

/// Serves `endpoint`, to pages of these origins too, until Lambda ends the process.
///
/// # Errors
/// [`Error`] if the Lambda Runtime API cannot be reached.
pub async fn serve<E: Endpoint>(endpoint: E, cors_origins: CorsOrigins) -> Result<(), Error> {
    let served = Arc::new((endpoint, cors_origins));
    lambda_http::run(service_fn(move |request: Request| {
        let served = served.clone();
        async move { Ok::<Response, Error>(respond(&served.0, &served.1, request).await) }
    }))
    .await
}

async fn respond<E: Endpoint>(endpoint: &E, cors_origins: &CorsOrigins, request: Request) -> Response {
    let line = LogLine::begin(&request);
    let cors = cors_origins.headers(request.headers());
    let answered = checked(E::methods(&request), &cors, request, |request| endpoint.answer(request));
    let (mut response, error) = match line.invocation().during(answered).await {
        Ok(answer) => (Answer::into_response(answer), None),
        Err(error) => (E::problem(&error), Some(error)),
    };
    response.headers_mut().extend(cors);
    line.end(response.status(), error.as_ref());
    response
}

/// What `answer` says to `request`, if it has one of these `methods`; to a browser that asks beforehand,
/// what it may send.
pub(super) async fn checked<T: From<Answer>, F>(
    methods: &[Method],
    cors: &HeaderMap,
    request: Request,
    answer: impl FnOnce(Request) -> F,
) -> Result<T, ApiError>
where
    F: Future<Output = Result<T, ApiError>>,
{
    if cors::is_preflight(&request, cors) {
        return Ok(cors::preflight(methods).into());
    }
    if !methods.contains(request.method()) {
        return Err(method_not_allowed(request.method(), methods));
    }
    // A panic would end as a bare 502 from the gateway; this way it is a problem like any other.
    AssertUnwindSafe(answer(request))
        .catch_unwind()
        .await
        .unwrap_or_else(|_| Err(ApiError::Internal(Cause::because("the handler panicked"))))
}

fn method_not_allowed(method: &Method, allowed: &[Method]) -> ApiError {
    let allow: Vec<&str> = allowed.iter().map(Method::as_str).collect();
    ApiError::MethodNotAllowed { method: method.to_string(), allow: allow.join(", ") }
}

/// When the answer to `request` must be out: Lambda's own deadline, or `function_timeout` from
/// now where that has passed already, as cargo-lambda's emulator says 1970.
#[must_use]
pub fn deadline(request: &Request, clock: &Clock, function_timeout: Duration) -> Timestamp {
    let given = request.lambda_context_ref().map_or(0, |context| context.deadline);
    clock.deadline(Timestamp::from_milliseconds(given), function_timeout)
}

#[cfg(test)]
mod tests {
    use super::*;
    use lambda_http::{Body, Context};

    const NOW: Timestamp = Timestamp::from_seconds(1_000_000);

    struct Panics;

    impl Endpoint for Panics {
        const METHODS: &'static [Method] = &[Method::GET, Method::DELETE];

        async fn answer(&self, _request: Request) -> Result<Answer, ApiError> {
            panic!("on purpose")
        }
    }

    fn request_until(deadline_ms: u64) -> Request {
        let mut context = Context::default();
        context.deadline = deadline_ms;
        Request::new(Body::Empty).with_lambda_context(context)
    }

    #[tokio::test]
    async fn a_panic_is_answered_as_a_fault_of_ours() {
        let response = respond(&Panics, &CorsOrigins::None, Request::new(Body::Empty)).await;
        assert_eq!(response.status(), 500);
    }

    #[tokio::test]
    async fn a_wrong_method_is_told_the_right_ones() {
        let mut request = Request::new(Body::Empty);
        *request.method_mut() = Method::POST;
        let response = respond(&Panics, &CorsOrigins::None, request).await;
        assert_eq!(response.status(), 405);
        assert_eq!(response.headers()["allow"], "GET, DELETE");
    }

    #[test]
    fn the_deadline_is_lambdas_where_it_lies_ahead_and_else_the_functions_timeout() {
        let clock = Clock::manual(NOW);
        let timeout = Duration::from_secs(28);
        let ahead = NOW.milliseconds() + 3_000;
        assert_eq!(deadline(&request_until(ahead), &clock, timeout), Timestamp::from_milliseconds(ahead));
        assert_eq!(deadline(&request_until(1_000), &clock, timeout), NOW.plus(timeout));
        assert_eq!(deadline(&Request::new(Body::Empty), &clock, timeout), NOW.plus(timeout));
    }
}
