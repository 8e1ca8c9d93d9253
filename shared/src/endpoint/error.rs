//! The error of an endpoint.

use lambda_http::http::{HeaderName, StatusCode};
use telemetry::metrics::Metric;

use crate::error::ApiError;
use crate::http::{BrokenStream, BufferedResponse, KEEP_ALIVE, Problem, named_event, problem};

/// An error that an endpoint answers with: its response, and its part in the log line and the metrics.
pub trait EndpointError: From<ApiError> + Send + Sync + 'static {
    /// A header in which clients look for the id of a request, beside the one that all responses have.
    const REQUEST_ID: Option<HeaderName> = None;

    /// The status of the response.
    fn status(&self) -> StatusCode;

    /// The API's code, also where the protocol of the response has another word.
    fn code(&self) -> &'static str;

    /// The cause, for the log alone.
    fn cause(&self) -> Option<&str>;

    /// The metric that counts this error.
    fn metric(&self) -> Option<Metric>;

    /// The response.
    fn response(&self) -> BufferedResponse;
}

/// An error that can end a stream.
pub trait EventError: EndpointError {
    /// What is sent while a stream is silent.
    const KEEP_ALIVE: &'static str = KEEP_ALIVE;

    /// The last event of a stream whose status and first events are sent already.
    fn event(&self) -> String;
}

/// The end of a stream that nothing but its error says anything about.
impl<E: EventError> From<ApiError> for BrokenStream<E> {
    fn from(error: ApiError) -> Self {
        let error = E::from(error);
        Self { event: error.event(), error }
    }
}

impl EndpointError for ApiError {
    fn status(&self) -> StatusCode {
        self.status()
    }

    fn code(&self) -> &'static str {
        self.code()
    }

    fn cause(&self) -> Option<&str> {
        self.cause()
    }

    fn metric(&self) -> Option<Metric> {
        match self {
            Self::InsufficientTokens { .. } | Self::BudgetSpent { .. } => Some(Metric::MessagesRefused),
            Self::InvalidCredentials => Some(Metric::LoginsFailed),
            Self::Throttled { .. } | Self::TooManyMessages { .. } | Self::TooManyRequests { .. } => {
                Some(Metric::RequestsThrottled)
            }
            Self::NotAccepting => Some(Metric::RequestsNotAccepted),
            _ => None,
        }
    }

    fn response(&self) -> BufferedResponse {
        problem(self)
    }
}

impl EventError for ApiError {
    fn event(&self) -> String {
        named_event("error", &Problem::of(self))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    use domain::cause::Cause;

    #[test]
    fn an_error_in_the_middle_is_an_event_with_the_problem_and_without_its_cause() {
        let event = ApiError::ModelFailed(Cause::because("the table is at 127.0.0.1")).event();
        let data = event.strip_prefix("event: error\ndata: ").and_then(|rest| rest.strip_suffix("\n\n")).unwrap();
        let problem: serde_json::Value = serde_json::from_str(data).unwrap();
        assert_eq!((&problem["status"], &problem["code"]), (&502.into(), &"model_failed".into()));
        assert!(!data.contains("127.0.0.1"));
    }
}
