//! Why an invocation has no answer.

use std::fmt;
use std::time::Duration;

use serde_json::Value;
use thiserror::Error;

/// An invocation that failed, with all that helps to see why.
#[derive(Debug, Error)]
pub struct InvocationError {
    /// The function's name.
    pub function: String,
    /// What happened.
    pub failure: InvocationFailure,
    /// What the function wrote until then.
    pub logs: String,
}

/// What happened instead of an answer.
#[derive(Clone, Debug, Error)]
pub enum InvocationFailure {
    /// The handler returned an error or panicked.
    #[error("answered with the error {answer}")]
    Error {
        /// The function's own words: `errorType` and `errorMessage`.
        answer: Value,
    },
    /// The function reported that it cannot start.
    #[error("cannot start: {answer}")]
    InitError {
        /// The function's own words.
        answer: Value,
    },
    /// The process is gone.
    #[error("ended ({status})")]
    Exited {
        /// Such as `exit status: 1`.
        status: String,
    },
    /// It is still starting.
    #[error("was not ready after {waited:?}")]
    NotReady {
        /// How long it was waited for.
        waited: Duration,
    },
    /// It is still working, or was never asked for work.
    #[error("gave no answer within {waited:?}")]
    NoAnswer {
        /// How long it was waited for.
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
        /// How far it came.
        received_bytes: usize,
    },
    /// The line of waiting events is full.
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
