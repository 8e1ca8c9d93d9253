//! The cause of a failure, as it is logged.

use std::error::Error;
use std::fmt;

/// The cause of a failure for the log: the text of an error and of all its sources, in one line.
///
/// It keeps the text and not the error, because the `Debug` of an SDK error shows whole items, with password hashes and
/// messages. Its `Display` does not.
#[derive(Debug)]
pub struct Cause(String);

impl Cause {
    /// The text of `error` and of all its sources.
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

    /// A cause without an error behind it.
    #[must_use]
    pub fn because(words: &str) -> Self {
        Self(words.to_owned())
    }

    /// The text for the log.
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
