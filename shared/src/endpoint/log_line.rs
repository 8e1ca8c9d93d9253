//! The log line of a request.

use std::time::Instant;

use lambda_http::http::{Method, StatusCode};
use telemetry::invocation::Invocation;
use telemetry::metrics::{self, milliseconds};

use crate::endpoint::error::EndpointError;
use crate::http::Request;

/// The one line that the log has of a request. It contains nothing that a person wrote.
pub(super) struct LogLine {
    invocation: Invocation,
    method: Method,
    route: String,
    started: Instant,
}

impl LogLine {
    pub(super) fn begin(request: &Request) -> Self {
        Self {
            invocation: Invocation::new(request.id()),
            method: request.method().clone(),
            route: request.route().to_owned(),
            started: Instant::now(),
        }
    }

    /// The invocation that this log line belongs to.
    pub(super) fn invocation(&self) -> &Invocation {
        &self.invocation
    }

    /// Writes the line, and the metric of `error`. `status` is the one that was sent: a stream can end with an error
    /// after it began with 200.
    pub(super) fn end<E: EndpointError>(self, status: StatusCode, error: Option<&E>) {
        let Self { invocation, method, route, started } = self;
        let (request_id, user_id) = (invocation.request_id(), invocation.user_id().map(tracing::field::display));
        let (method, status) = (method.as_str(), status.as_u16());
        let (code, cause) = (error.map_or("ok", E::code), error.and_then(E::cause));
        let duration_ms = milliseconds(started.elapsed());
        if let Some(metric) = error.and_then(E::metric) {
            metrics::emit_of(Some(&invocation), &[metric]);
        }
        // The level of a tracing event is a constant, so there are two events.
        if error.is_some_and(|error| error.status().is_server_error()) {
            tracing::error!(request_id, route, method, status, code, cause, duration_ms, user_id, "answered");
        } else {
            tracing::info!(request_id, route, method, status, code, cause, duration_ms, user_id, "answered");
        }
    }
}
