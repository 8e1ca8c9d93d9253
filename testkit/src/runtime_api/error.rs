//! The error of an invocation.

use std::fmt;
use std::time::Duration;

use serde_json::Value;
use thiserror::Error;

/// An invocation that failed, with the function's logs.
#[derive(Debug, Error)]
pub struct InvocationError {
    /// The function's name.
    pub function: String,
    /// The failure.
    pub failure: InvocationFailure,
    /// The function's output so far.
    pub logs: String,
}

/// The failure of an invocation.
#[derive(Clone, Debug, Error)]
pub enum InvocationFailure {
    /// The handler returned an error or panicked.
    #[error("answered with the error {answer}")]
    Error {
        /// The error of the function: `errorType` and `errorMessage`.
        answer: Value,
    },
    /// The function reported that it cannot start.
    #[error("cannot start: {answer}")]
    InitError {
        /// The error of the function.
        answer: Value,
    },
    /// The process has ended.
    #[error("ended ({status})")]
    Exited {
        /// Such as `exit status: 1`.
        status: String,
    },
    /// The function is still starting.
    #[error("was not ready after {waited:?}")]
    NotReady {
        /// The time of the wait.
        waited: Duration,
    },
    /// The function is still at work, or has not got the event.
    #[error("gave no answer within {waited:?}")]
    NoAnswer {
        /// The time of the wait.
        waited: Duration,
    },
    /// The answer is not JSON.
    #[error("answered with something that is not JSON: {beginning}")]
    NotJson {
        /// How the answer begins.
        beginning: String,
    },
    /// A streamed answer broke off, or has no beginning.
    #[error("answered with a stream that broke off after {received_bytes} bytes")]
    BrokenStream {
        /// The bytes that arrived.
        received_bytes: usize,
    },
    /// The queue of events is full.
    #[error("has too many events waiting")]
    TooManyWaiting,
}

impl InvocationFailure {
    pub(super) fn not_json(body: &[u8]) -> Self {
        const SHOWN_BYTES: usize = 200;
        let beginning = &body[..body.len().min(SHOWN_BYTES)];
        Self::NotJson { beginning: String::from_utf8_lossy(beginning).into_owned() }
    }
}

impl fmt::Display for InvocationError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { function, failure, logs } = self;
        write!(formatter, "The function {function} {failure}. Its logs:\n{logs}")
    }
}
