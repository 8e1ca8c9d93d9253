//! Answers in API Gateway's place, which come where no function has the path.
//!
//! A client of either protocol may get one. So the body has the members of a problem, and OpenAI's `error` beside them:
//! every client shows the sentence. The gateway's own answers, in template.yaml, have the same body.

use lambda_http::Body;
use lambda_http::http::StatusCode;
use serde::Serialize;
use telemetry::metrics::Metric;

use crate::endpoint::EndpointError;
use crate::error::ApiError;
use crate::http::{BufferedResponse, Problem, headers_of};
use crate::openai::ErrorBody;

/// An error that is answered in both shapes, for an endpoint at paths that no other endpoint has.
#[derive(Debug)]
pub struct GatewayError(ApiError);

impl From<ApiError> for GatewayError {
    fn from(error: ApiError) -> Self {
        Self(error)
    }
}

/// The members of a problem, and OpenAI's.
#[derive(Serialize)]
struct BothShapes<'a> {
    #[serde(flatten)]
    problem: Problem<'a>,
    error: ErrorBody,
}

impl EndpointError for GatewayError {
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
        let both = BothShapes { problem: Problem::of(&self.0), error: ErrorBody::of(&self.0) };
        let mut response = BufferedResponse::new(Body::Text(serde_json::to_string(&both).unwrap_or_default()));
        *response.status_mut() = self.0.status();
        *response.headers_mut() = headers_of(&self.0);
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    use serde_json::{Value, json};

    #[test]
    fn a_path_that_nobody_has_is_told_so_in_both_shapes() {
        let response = GatewayError::from(ApiError::NotFound).response();
        assert_eq!(response.status(), 404);
        assert_eq!(response.headers()["content-type"], "application/problem+json");
        let body: Value = serde_json::from_slice(response.body().as_ref()).unwrap();
        assert_eq!(
            body,
            json!({
                "type": "about:blank",
                "title": "Not Found",
                "status": 404,
                "detail": "Not found.",
                "code": "not_found",
                "error": {
                    "message": "Not found.",
                    "type": "invalid_request_error",
                    "param": null,
                    "code": "not_found",
                },
            })
        );
    }
}
