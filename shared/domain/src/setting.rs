//! Why a setting cannot be used.

use std::fmt;

/// A setting that cannot be used. It names the variable and the rule.
#[derive(PartialEq, Eq, thiserror::Error)]
#[error("{name} {problem}")]
pub struct SettingError {
    name: &'static str,
    problem: String,
}

impl SettingError {
    /// The variable `name` has a value that cannot be used: `problem` goes on with the sentence.
    #[must_use]
    pub fn new(name: &'static str, problem: impl Into<String>) -> Self {
        Self { name, problem: problem.into() }
    }
}

impl fmt::Debug for SettingError {
    /// The sentence itself: this is how `main` prints the error that it ends with.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}
