//! The error of a door.

use std::fmt;
use std::marker::PhantomData;

use lambda_http::http::{HeaderName, StatusCode};
use telemetry::metrics::Metric;

use crate::door::error::ProtocolError;
use crate::door::error_parts::{ErrorForm, ErrorParts, response_of, status};
use crate::endpoint::{EndpointError, EventError};
use crate::error::ApiError;
use crate::http::BufferedResponse;

/// A [`ProtocolError`] in the form `F`.
pub struct DoorError<F> {
    pub(super) error: ProtocolError,
    form: PhantomData<F>,
}

impl<F> fmt::Debug for DoorError<F> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.error.fmt(formatter)
    }
}

impl<F> From<ProtocolError> for DoorError<F> {
    fn from(error: ProtocolError) -> Self {
        Self { error, form: PhantomData }
    }
}

/// From [`ApiError`], and from each error that becomes one, so that `?` turns either.
impl<F, E: Into<ApiError>> From<E> for DoorError<F> {
    fn from(error: E) -> Self {
        ProtocolError::Api(error.into()).into()
    }
}

impl<F: ErrorForm> EndpointError for DoorError<F> {
    const REQUEST_ID: Option<HeaderName> = F::REQUEST_ID;

    fn status(&self) -> StatusCode {
        status(&self.error)
    }

    fn code(&self) -> &'static str {
        self.error.code()
    }

    fn cause(&self) -> Option<&str> {
        self.error.cause()
    }

    fn metric(&self) -> Option<Metric> {
        self.error.metric()
    }

    fn response(&self) -> BufferedResponse {
        response_of::<F>(&self.error)
    }
}

impl<F: ErrorForm> EventError for DoorError<F> {
    const KEEP_ALIVE: &'static str = F::KEEP_ALIVE;

    fn event(&self) -> String {
        F::event(&ErrorParts::of::<F>(&self.error))
    }
}
