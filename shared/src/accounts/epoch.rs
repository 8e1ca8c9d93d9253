//! What revokes at once.

/// An epoch of an account: a number that only rises, and that whatever opens the account must name.
/// Raising it revokes all that was made before, and no list of that is needed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Epoch {
    /// Of access tokens, refresh tokens and sessions. Raised by a password change, by a logout
    /// everywhere, by deactivation and by deletion.
    OfSessions(u64),
    /// Of API keys. Raised by deactivation alone: a program goes on when a person changes the password.
    OfApiKeys(u64),
}

impl Epoch {
    /// A new account's, of both kinds.
    pub(crate) const FIRST: u64 = 1;

    /// The account's attribute that says which it is now.
    pub(crate) fn attribute(self) -> &'static str {
        match self {
            Self::OfSessions(_) => "session_epoch",
            Self::OfApiKeys(_) => "api_key_epoch",
        }
    }

    pub(crate) fn number(self) -> u64 {
        match self {
            Self::OfSessions(number) | Self::OfApiKeys(number) => number,
        }
    }
}
