//! Failures of requests to the table.

use aws_sdk_dynamodb::error::{BuildError, SdkError};
use domain::cause::Cause;

/// A failure of a request, other than a condition that was not met.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The table cannot be reached, or not in time. It is not known whether a write was applied.
    #[error("{0}")]
    Unavailable(Cause),
    /// A fault of ours: an item that cannot be read, or a request that cannot be built.
    #[error("{0}")]
    Internal(Cause),
}

impl StoreError {
    /// The cause, for the log.
    #[must_use]
    pub fn cause(&self) -> &str {
        match self {
            Self::Unavailable(cause) | Self::Internal(cause) => cause.as_str(),
        }
    }
}

impl<E: std::error::Error + 'static> From<SdkError<E>> for StoreError {
    fn from(error: SdkError<E>) -> Self {
        Self::Unavailable(Cause::new(error))
    }
}

impl From<BuildError> for StoreError {
    fn from(error: BuildError) -> Self {
        Self::Internal(Cause::new(error))
    }
}

impl From<serde_dynamo::Error> for StoreError {
    fn from(error: serde_dynamo::Error) -> Self {
        Self::Internal(Cause::new(error))
    }
}
