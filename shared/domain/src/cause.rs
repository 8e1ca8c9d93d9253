//! The cause of a failure, as it is logged.

use std::error::Error;
use std::fmt;

/// What went wrong inside: an error with all its sources in one line, for the log.
///
/// It keeps the words and not the error: an SDK error's `Debug` shows whole items, password
/// hashes and messages included; its `Display` does not.
#[derive(Debug)]
pub struct Cause(String);

impl Cause {
    /// The words of `error` and of all its sources.
    pub fn new(error: impl Error) -> Self {
        let mut words = error.to_string();
        let mut source = error.source();
        while let Some(error) = source {
            words.push_str(": ");
            words.push_str(&error.to_string());
            source = error.source();
        }
        Self(words)
    }

    /// A cause that no other error explains.
    #[must_use]
    pub fn because(words: &str) -> Self {
        Self(words.to_owned())
    }

    /// The words.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}
