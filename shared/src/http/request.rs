//! The request that a handler answers.

use std::time::Duration;

use domain::time::{Clock, Timestamp};
use lambda_http::RequestExt;
use lambda_http::http::{HeaderMap, Method};
use lambda_http::request::RequestContext;

/// One request, with the deadline of its answer.
///
/// Each method parses its part of the request when it is called. So a handler decides in which order errors are found,
/// and a part that no handler asks for may be malformed.
pub struct Request {
    pub(super) received: lambda_http::Request,
    deadline: Timestamp,
}

impl Request {
    /// The request `received`, whose answer must be out by `deadline`.
    #[must_use]
    pub fn new(received: lambda_http::Request, deadline: Timestamp) -> Self {
        Self { received, deadline }
    }

    /// The request `received` from Lambda, with Lambda's own deadline, or `timeout` from now where that lies in the past:
    /// cargo-lambda's emulator says 1970.
    pub(crate) fn from_lambda(received: lambda_http::Request, clock: &Clock, timeout: Duration) -> Self {
        let given = received.lambda_context_ref().map_or(0, |context| context.deadline);
        let deadline = clock.deadline(Timestamp::from_milliseconds(given), timeout);
        Self::new(received, deadline)
    }

    /// The method.
    #[must_use]
    pub fn method(&self) -> &Method {
        self.received.method()
    }

    /// The same request as a `GET`, by which a handler answers a `HEAD`.
    pub(crate) fn into_get(mut self) -> Self {
        *self.received.method_mut() = Method::GET;
        self
    }

    /// The time by which the answer must be out.
    #[must_use]
    pub fn deadline(&self) -> Timestamp {
        self.deadline
    }

    /// The path, without the stage.
    #[must_use]
    pub fn path(&self) -> &str {
        self.received.raw_http_path()
    }

    /// The length of the body in bytes.
    pub(crate) fn body_bytes(&self) -> usize {
        let body: &[u8] = self.received.body().as_ref();
        body.len()
    }

    pub(crate) fn headers(&self) -> &HeaderMap {
        self.received.headers()
    }

    /// Lambda's id of the invocation.
    pub(crate) fn id(&self) -> &str {
        self.received.lambda_context_ref().map_or("", |context| &context.request_id)
    }

    /// The path as template.yaml writes it, such as `/keys/{id}`, so that log lines can be counted by it. Only API
    /// Gateway says it; on a laptop it is the path itself.
    #[must_use]
    pub fn route(&self) -> &str {
        match self.received.request_context_ref() {
            Some(RequestContext::ApiGatewayV1(context)) => context.resource_path.as_deref(),
            _ => None,
        }
        .unwrap_or(self.received.raw_http_path())
    }
}

#[cfg(test)]
impl From<lambda_http::Request> for Request {
    /// A request for tests in which the deadline makes no difference.
    fn from(received: lambda_http::Request) -> Self {
        Self::new(received, Timestamp::from_seconds(0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    use lambda_http::{Body, Context};

    const NOW: Timestamp = Timestamp::from_seconds(1_000_000);

    fn received_until(deadline_ms: u64) -> lambda_http::Request {
        let mut context = Context::default();
        context.deadline = deadline_ms;
        lambda_http::Request::new(Body::Empty).with_lambda_context(context)
    }

    #[test]
    fn the_deadline_is_lambdas_where_it_lies_ahead_and_else_the_functions_timeout() {
        let clock = Clock::manual(NOW);
        let timeout = Duration::from_secs(28);
        let deadline = |received| Request::from_lambda(received, &clock, timeout).deadline();
        let ahead = NOW.milliseconds() + 3_000;
        assert_eq!(deadline(received_until(ahead)), Timestamp::from_milliseconds(ahead));
        assert_eq!(deadline(received_until(1_000)), NOW.plus(timeout));
        assert_eq!(deadline(lambda_http::Request::new(Body::Empty)), NOW.plus(timeout));
    }
}
