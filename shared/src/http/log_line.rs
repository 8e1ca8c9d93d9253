//! The one line that the log has of a request.

use std::time::Instant;

use lambda_http::http::{Method, StatusCode};
use lambda_http::request::RequestContext;
use lambda_http::{Request, RequestExt};

use crate::error::ApiError;
use crate::invocation::Invocation;
use crate::metrics::{self, Metric, milliseconds};

/// One line per request. It holds nothing that a person wrote.
pub(super) struct LogLine {
    invocation: Invocation,
    method: Method,
    route: String,
    started: Instant,
}

impl LogLine {
    pub(super) fn begin(request: &Request) -> Self {
        let context = request.lambda_context_ref();
        Self {
            invocation: Invocation::new(context.map_or("", |context| &context.request_id)),
            method: request.method().clone(),
            route: route(request).to_owned(),
            started: Instant::now(),
        }
    }

    /// What its request is answered as a part of.
    pub(super) fn invocation(&self) -> &Invocation {
        &self.invocation
    }

    /// A stream that ends with an error had begun with another status.
    pub(super) fn end(self, status: StatusCode, error: Option<&ApiError>) {
        let Self { invocation, method, route, started } = self;
        let (request_id, user_id) = (invocation.request_id(), invocation.user_id().map(tracing::field::display));
        let (method, status) = (method.as_str(), status.as_u16());
        let (code, cause) = (error.map_or("ok", ApiError::code), error.and_then(ApiError::cause));
        let duration_ms = milliseconds(started.elapsed());
        if let Some(metric) = error.and_then(counted) {
            metrics::emit_of(Some(&invocation), &[metric]);
        }
        // A level is a constant of the line, so there are two of the same.
        if error.is_some_and(|error| error.status().is_server_error()) {
            tracing::error!(request_id, route, method, status, code, cause, duration_ms, user_id, "answered");
        } else {
            tracing::info!(request_id, route, method, status, code, cause, duration_ms, user_id, "answered");
        }
    }
}

/// Which path of the template it is, as `/keys/{id}`: ids do not belong into what is counted by path.
/// Only API Gateway says so; on a laptop it is the path itself.
fn route(request: &Request) -> &str {
    match request.request_context_ref() {
        Some(RequestContext::ApiGatewayV1(context)) => context.resource_path.as_deref(),
        _ => None,
    }
    .unwrap_or(request.raw_http_path())
}

/// What is counted of the refusals that any handler can answer with.
fn counted(error: &ApiError) -> Option<Metric> {
    match error {
        ApiError::InsufficientTokens { .. } => Some(Metric::MessagesRefused),
        ApiError::InvalidCredentials => Some(Metric::LoginsFailed),
        ApiError::Throttled { .. } => Some(Metric::RequestsThrottled),
        _ => None,
    }
}
