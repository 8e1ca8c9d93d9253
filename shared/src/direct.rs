//! Functions that are invoked directly, by an operator or a schedule, and not through HTTP.
//!
//! An event is JSON, the result is JSON, and a failure is the function's error: a stable
//! `errorType` for programs and an `errorMessage` for people.

use std::fmt;
use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::FutureExt;
use lambda_http::lambda_runtime::{self, Diagnostic, LambdaEvent, service_fn};
use serde::Serialize;
use serde_json::Value;

use crate::credits::Credits;
use crate::error::{ApiError, Cause};
use crate::invocation::Invocation;
use crate::metrics::milliseconds;
use crate::time::{Clock, Timestamp};

/// What ends a function at its start.
pub type Error = lambda_runtime::Error;

/// Why a directly invoked function failed. Each variant's name is its `errorType`.
#[derive(Debug)]
pub enum DirectError {
    /// The event is not what the function takes. The text says what is wrong.
    InvalidRequest(String),
    /// Nobody has this name.
    UserNotFound,
    /// The account is being deleted.
    DeletionInProgress,
    /// More was to be taken back than the user has.
    InsufficientTokens {
        /// What the user has.
        balance: Credits,
    },
    /// The user would have more than an amount of credits can be.
    TooManyTokens {
        /// What the user has, with what is held.
        owned: Credits,
    },
    /// The grant's id was used for another grant.
    GrantMismatch,
    /// Something that we need cannot be reached, and it is not known whether the request was done.
    /// Each request can be repeated without harm.
    Unavailable(Cause),
    /// A fault of ours.
    Internal(Cause),
}

impl DirectError {
    /// The stable word that programs compare.
    #[must_use]
    pub fn error_type(&self) -> &'static str {
        match self {
            Self::InvalidRequest(_) => "InvalidRequest",
            Self::UserNotFound => "UserNotFound",
            Self::DeletionInProgress => "DeletionInProgress",
            Self::InsufficientTokens { .. } => "InsufficientTokens",
            Self::TooManyTokens { .. } => "TooManyTokens",
            Self::GrantMismatch => "GrantMismatch",
            Self::Unavailable(_) => "Unavailable",
            Self::Internal(_) => "Internal",
        }
    }

    /// What went wrong inside, for the log alone.
    #[must_use]
    pub fn cause(&self) -> Option<&Cause> {
        match self {
            Self::Unavailable(cause) | Self::Internal(cause) => Some(cause),
            _ => None,
        }
    }
}

impl fmt::Display for DirectError {
    /// A sentence for the person who invoked the function.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::InvalidRequest(problem) => formatter.write_str(problem),
            Self::UserNotFound => formatter.write_str("Nobody has this username."),
            Self::DeletionInProgress => formatter.write_str("The account is being deleted."),
            Self::InsufficientTokens { balance } => {
                write!(formatter, "The balance is {balance}, which does not cover what is to be taken back.")
            }
            Self::TooManyTokens { owned } => {
                write!(formatter, "The user has {owned} and cannot have more than {}.", Credits::MAX)
            }
            Self::GrantMismatch => formatter.write_str("This grant_id was used for another user, amount or reason."),
            Self::Unavailable(_) => formatter.write_str(
                "It is not known whether this was done. Repeat it as it is, a grant with the same grant_id: \
                 what was done already is not done again.",
            ),
            Self::Internal(_) => formatter.write_str("A fault of ours; the log has the cause."),
        }
    }
}

impl From<ApiError> for DirectError {
    fn from(error: ApiError) -> Self {
        match error {
            ApiError::Unavailable(cause) | ApiError::OutcomeUnknown { cause, .. } => Self::Unavailable(cause),
            ApiError::Internal(cause) => Self::Internal(cause),
            error => Self::Internal(Cause::because(error.code())),
        }
    }
}

impl From<DirectError> for Diagnostic {
    fn from(error: DirectError) -> Self {
        Self { error_type: error.error_type().to_owned(), error_message: error.to_string() }
    }
}

/// A function that is invoked directly: a state that outlives events, and a handler.
pub trait Task: Send + Sync + 'static {
    /// The result, as JSON.
    type Outcome: Serialize + Send + 'static;

    /// Does what one event asks for, by `deadline`.
    fn run(&self, event: Value, deadline: Timestamp)
    -> impl Future<Output = Result<Self::Outcome, DirectError>> + Send;
}

/// Serves `task` until Lambda ends the process. An event has `timeout` where Lambda does not say
/// so itself.
///
/// # Errors
/// [`Error`] if the Lambda Runtime API cannot be reached.
pub async fn serve<T: Task>(task: T, clock: Clock, timeout: Duration) -> Result<(), Error> {
    let task = Arc::new(task);
    lambda_runtime::run(service_fn(move |event: LambdaEvent<Value>| {
        let task = task.clone();
        let deadline = clock.deadline(Timestamp::from_milliseconds(event.context.deadline), timeout);
        // Boxed: the compiler gives up on a future of this many layers.
        async move { Box::pin(respond(&*task, event, deadline)).await }
    }))
    .await
}

async fn respond<T: Task>(task: &T, event: LambdaEvent<Value>, deadline: Timestamp) -> Result<T::Outcome, DirectError> {
    let started = Instant::now();
    let invocation = Invocation::new(&event.context.request_id);
    // The runtime would answer a panic with the panic's words, which are not for everybody.
    let outcome = invocation
        .during(AssertUnwindSafe(task.run(event.payload, deadline)).catch_unwind())
        .await
        .unwrap_or_else(|_| Err(DirectError::Internal(Cause::because("the handler panicked"))));
    let error = outcome.as_ref().err();
    tracing::info!(
        request_id = invocation.request_id(),
        code = error.map_or("ok", DirectError::error_type),
        cause = error.and_then(DirectError::cause).map(tracing::field::display),
        duration_ms = milliseconds(started.elapsed()),
        "answered"
    );
    outcome
}

#[cfg(test)]
mod tests {
    use super::*;
    use lambda_http::Context;

    struct Panics;

    impl Task for Panics {
        type Outcome = ();

        async fn run(&self, _event: Value, _deadline: Timestamp) -> Result<(), DirectError> {
            panic!("a secret")
        }
    }

    #[tokio::test]
    async fn a_panic_is_a_fault_of_ours_and_its_words_stay_inside() {
        let event = LambdaEvent::new(Value::Null, Context::default());
        let error = respond(&Panics, event, Timestamp::from_seconds(1)).await.unwrap_err();
        let diagnostic = Diagnostic::from(error);
        assert_eq!(diagnostic.error_type, "Internal");
        assert!(!diagnostic.error_message.contains("secret"), "{}", diagnostic.error_message);
    }

    #[test]
    fn causes_are_not_told() {
        let error = DirectError::from(ApiError::Unavailable(Cause::because("127.0.0.1 refused")));
        assert_eq!(error.error_type(), "Unavailable");
        assert!(error.to_string().contains("same grant_id"));
        assert!(!error.to_string().contains("127.0.0.1"));
    }
}
