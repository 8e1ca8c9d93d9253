//! Settings that cannot be used.

use std::fmt;

/// The error of a setting that cannot be used. It names the variable and the rule.
#[derive(PartialEq, Eq, thiserror::Error)]
#[error("{name} {problem}")]
pub struct SettingError {
    name: &'static str,
    problem: String,
}

impl SettingError {
    /// The error of the variable `name`. `problem` continues the sentence that the name begins.
    #[must_use]
    pub fn new(name: &'static str, problem: impl Into<String>) -> Self {
        Self { name, problem: problem.into() }
    }
}

impl fmt::Debug for SettingError {
    /// The sentence itself, because `main` prints its error with `Debug`.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}
