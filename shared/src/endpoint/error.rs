//! The error of an endpoint.

use lambda_http::http::StatusCode;
use telemetry::metrics::Metric;

use crate::error::ApiError;
use crate::http::{BufferedResponse, problem};

/// An error that an endpoint answers with: its response, and its part in the log line and the metrics.
pub trait EndpointError: From<ApiError> + Send + Sync + 'static {
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
    /// The last event of a stream whose status and first events are sent already.
    fn event(&self) -> String;
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
            Self::InsufficientTokens { .. } => Some(Metric::MessagesRefused),
            Self::InvalidCredentials => Some(Metric::LoginsFailed),
            Self::Throttled { .. } | Self::TooManyMessages { .. } => Some(Metric::RequestsThrottled),
            Self::NotAccepting => Some(Metric::RequestsNotAccepted),
            _ => None,
        }
    }

    fn response(&self) -> BufferedResponse {
        problem(self)
    }
}
