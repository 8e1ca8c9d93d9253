//! The errors of identity.

use std::time::Duration;

use cloud::UnreadableSecret;
use domain::cause::Cause;
use domain::voucher_end::VoucherEnd;
use ledger::account::Closed;
use ledger::authority::AuthorityLost;
use store::StoreError;

/// Why a proof was refused, or an account, a session or an API key was not changed.
#[derive(Debug, thiserror::Error)]
pub enum IdentityError {
    /// The token or API key is malformed, forged, expired, revoked or of another kind. The text is for the log.
    #[error("{0}")]
    TokenNotValid(&'static str),
    /// No user has this username, or the password is another.
    #[error("no user has this username and this password")]
    InvalidCredentials,
    /// The account is deactivated.
    #[error("the account is deactivated")]
    UserInactive,
    /// The user has nothing with this id.
    #[error("the user has nothing with this id")]
    NotFound,
    /// Another user has the username.
    #[error("another user has the username")]
    UsernameTaken,
    /// Nobody can register by the invitation any more.
    #[error("{0}")]
    InvitationSpent(VoucherEnd),
    /// The user has the most API keys that a user may have.
    #[error("the user has {limit} API keys, which is the limit")]
    TooManyKeys {
        /// The most API keys of a user.
        limit: usize,
    },
    /// Whoever asks is no superuser.
    #[error("whoever asks is no superuser")]
    NotStaff,
    /// The act takes a login of the last minutes.
    #[error("the act takes a login of the last minutes")]
    LoginRequiredAgain,
    /// There would be no active superuser any more.
    #[error("there would be no active superuser any more")]
    LastSuperuser,
    /// The act takes the password, which was not given.
    #[error("the act takes the password")]
    PasswordRequired,
    /// Too many attempts at a password, or too many registrations.
    #[error("throttled for {retry_after:?}")]
    Throttled {
        /// The time until the next attempt is admitted.
        retry_after: Duration,
    },
    /// The table or a secret cannot be reached. Whether a write was applied is not known.
    #[error("{0}")]
    Unavailable(Cause),
    /// A fault in this code or its data.
    #[error("{0}")]
    Internal(Cause),
}

impl From<StoreError> for IdentityError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Unavailable(cause) => Self::Unavailable(cause),
            StoreError::Internal(cause) => Self::Internal(cause),
        }
    }
}

impl From<Closed> for IdentityError {
    fn from(closed: Closed) -> Self {
        match closed {
            Closed::Inactive => Self::UserInactive,
            Closed::Gone => Self::TokenNotValid("the account is gone"),
            Closed::Deleting => Self::TokenNotValid("the account is being deleted"),
            Closed::SessionEpochPassed => Self::TokenNotValid("the session's epoch has passed"),
            Closed::ApiKeyEpochPassed => Self::TokenNotValid("the API key's epoch has passed"),
            Closed::ApiKeyEnded => Self::TokenNotValid("the API key has ended"),
        }
    }
}

impl From<UnreadableSecret> for IdentityError {
    fn from(UnreadableSecret(cause): UnreadableSecret) -> Self {
        Self::Unavailable(cause)
    }
}

/// A cause that comes without an error is one of cryptography, randomness or stored data: a fault that no retry mends.
impl From<Cause> for IdentityError {
    fn from(cause: Cause) -> Self {
        Self::Internal(cause)
    }
}

/// Why an account was not found, or what it may do was not changed.
#[derive(Debug, thiserror::Error)]
pub enum ChangeError {
    /// There is no such user.
    #[error("there is no such user")]
    UserNotFound,
    /// The account is being deleted.
    #[error("the account is being deleted")]
    DeletionInProgress,
    /// There would be no active superuser any more.
    #[error("there would be no active superuser any more")]
    LastSuperuser,
    /// The account is a superuser's, or would be, and the login of the actor is not of the last minutes.
    #[error("the act takes a recent login")]
    LoginRequiredAgain,
    /// The actor has lost the authority.
    #[error("{0}")]
    AuthorityLost(#[from] AuthorityLost),
    /// The table cannot be reached. Whether a write was applied is not known; it can be repeated without harm.
    #[error("{0}")]
    Unavailable(Cause),
    /// A fault in this code or its data.
    #[error("{0}")]
    Internal(Cause),
}

impl From<StoreError> for ChangeError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Unavailable(cause) => Self::Unavailable(cause),
            StoreError::Internal(cause) => Self::Internal(cause),
        }
    }
}
