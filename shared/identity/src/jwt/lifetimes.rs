//! The lifetimes of tokens.

use std::time::Duration;

/// The lifetimes that a signer gives its tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TokenLifetimes {
    /// The lifetime of an access token.
    pub access: Duration,
    /// The lifetime of a refresh token, and of its session.
    pub refresh: Duration,
}

impl TokenLifetimes {
    /// The longest lifetime that a token may have: a year. A verifier refuses a token with a longer one.
    pub const LONGEST: Duration = Duration::from_secs(365 * 24 * 60 * 60);

    /// The longer of the two lifetimes.
    #[must_use]
    pub fn longer(self) -> Duration {
        self.access.max(self.refresh)
    }
}
