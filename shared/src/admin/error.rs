//! The errors of the admin API.

use lambda_http::http::StatusCode;
use telemetry::metrics::Metric;

use crate::endpoint::EndpointError;
use crate::error::ApiError;
use crate::gateway::GatewayError;
use crate::http::BufferedResponse;

/// An error of the admin API: a problem, but for [`ApiError::NoSuchPath`], whose answer has the gateway's own body. So whoever
/// is not staff cannot tell whether they asked for a path that there is.
#[derive(Debug)]
pub struct AdminError(ApiError);

impl From<ApiError> for AdminError {
    fn from(error: ApiError) -> Self {
        Self(error)
    }
}

impl EndpointError for AdminError {
    fn status(&self) -> StatusCode {
        self.0.status()
    }

    fn code(&self) -> &'static str {
        self.0.code()
    }

    fn cause(&self) -> Option<&str> {
        self.0.cause()
    }

    fn metric(&self) -> Option<Metric> {
        self.0.metric()
    }

    fn response(&self) -> BufferedResponse {
        match &self.0 {
            ApiError::NoSuchPath => GatewayError::from(ApiError::NotFound).response(),
            error => error.response(),
        }
    }
}
