//! Why the ledger refuses.

use domain::cause::Cause;
use domain::credits::Credits;
use domain::ids::EntryId;
use store::StoreError;

use crate::account::Closed;

/// Why a message was not held, charged or answered again. But for [`LedgerError::OutcomeUnknown`] nothing was charged.
#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    /// The account is not open to the payer.
    #[error("{0}")]
    Closed(#[from] Closed),
    /// The balance does not cover the cost.
    #[error("the balance of {balance} does not cover {cost}")]
    InsufficientCredits {
        /// The credits that the user can spend.
        balance: Credits,
        /// The least that the message costs.
        cost: Credits,
    },
    /// The user has as many messages in flight as anybody may have.
    #[error("too many messages are in flight")]
    TooManyHolds,
    /// The first request with this idempotency key is still being answered.
    #[error("the first request with this key is being answered")]
    InProgress,
    /// The idempotency key was used for another message.
    #[error("the key was used for another message")]
    IdempotencyMismatch,
    /// It cannot be found out whether the message was charged.
    #[error("{cause}")]
    OutcomeUnknown {
        /// The message whose ledger entry tells, once it can be read.
        message_id: EntryId,
        /// Why it is not known.
        cause: Cause,
    },
    /// The table cannot be reached. Nothing was charged, and nothing will be.
    #[error("{0}")]
    Unavailable(Cause),
    /// A fault of ours.
    #[error("{0}")]
    Internal(Cause),
}

impl From<StoreError> for LedgerError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Unavailable(cause) => Self::Unavailable(cause),
            StoreError::Internal(cause) => Self::Internal(cause),
        }
    }
}

/// Why a grant was not made.
#[derive(Debug, thiserror::Error)]
pub enum GrantError {
    /// There is no account.
    #[error("there is no account")]
    AccountNotFound,
    /// The account is being deleted.
    #[error("the account is being deleted")]
    DeletionInProgress,
    /// More was to be taken back than the user has.
    #[error("the balance of {balance} does not cover what is to be taken back")]
    InsufficientCredits {
        /// The credits that the user can spend.
        balance: Credits,
    },
    /// The user would have more than an amount of credits can be.
    #[error("the user has {owned} and cannot have more than {max}", max = Credits::MAX)]
    TooManyCredits {
        /// The user's credits, with those that are held.
        owned: Credits,
    },
    /// The grant's id was used for another grant.
    #[error("the grant's id was used for another grant")]
    Mismatch,
    /// The table cannot be reached, and it is not known whether the grant was made. It can be repeated without harm.
    #[error("{0}")]
    Unavailable(Cause),
    /// A fault of ours.
    #[error("{0}")]
    Internal(Cause),
}

impl From<StoreError> for GrantError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Unavailable(cause) => Self::Unavailable(cause),
            StoreError::Internal(cause) => Self::Internal(cause),
        }
    }
}
