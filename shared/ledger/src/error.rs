//! Errors of the ledger.

use std::time::Duration;

use domain::cause::Cause;
use domain::credits::Credits;
use domain::ids::EntryId;
use domain::random;
use domain::time::Timestamp;
use domain::voucher_end::VoucherEnd;
use store::StoreError;

use crate::account::Closed;
use crate::authority::AuthorityLost;
use crate::buckets::NoRequestLeft;
use crate::crediting::OutOfBounds;
use crate::gate::GateError;

/// The reason why a message was not held, charged or answered again. Nothing was charged, unless the error is
/// [`LedgerError::OutcomeUnknown`].
#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    /// An operator has stopped messages and registrations.
    #[error("an operator has stopped messages and registrations")]
    NotAccepting,
    /// The account is not open to the payer.
    #[error("{0}")]
    Closed(#[from] Closed),
    /// The balance does not cover the cost.
    #[error("the balance of {balance} does not cover {cost}")]
    InsufficientCredits {
        /// The credits that the user can spend.
        balance: Credits,
        /// The lowest cost of the message.
        cost: Credits,
    },
    /// The budget of the payer's API key does not cover the cost.
    #[error("{remaining} of the API key's budget do not cover {cost}")]
    BudgetSpent {
        /// The credits that can still be spent in the budget's period.
        remaining: Credits,
        /// The lowest cost of the message.
        cost: Credits,
        /// The moment at which the budget begins anew, if it ever does.
        renews_at: Option<Timestamp>,
    },
    /// The user, or the payer's API key, has made as many requests as a minute has.
    #[error("too many requests were made")]
    TooManyRequests {
        /// The most requests of a minute.
        limit: u32,
        /// The time until one may be made.
        retry_after: Duration,
        /// The time until the bucket is full again.
        full_in: Duration,
    },
    /// The user has as many messages in flight as the ledger allows.
    #[error("too many messages are in flight")]
    TooManyHolds {
        /// The most messages in flight.
        limit: u32,
    },
    /// Models may have worked for so many messages of this hour that nobody paid that the account has to wait.
    #[error("too many messages stayed unpaid")]
    TooMuchUnpaid {
        /// The most such messages of this hour.
        limit: u32,
        /// The time until the hour ends.
        retry_after: Duration,
    },
    /// The first request with this idempotency key is still being answered.
    #[error("the first request with this key is being answered")]
    InProgress,
    /// The message was answered and charged before, under the same idempotency key, and its answer is no longer kept.
    #[error("the answer is no longer kept")]
    AnswerGone,
    /// The idempotency key was used for another message.
    #[error("the key was used for another message")]
    IdempotencyMismatch,
    /// The user has no conversation with this id.
    #[error("there is no such conversation")]
    NoConversation,
    /// The user has the most conversations that a user may have.
    #[error("there are too many conversations")]
    TooManyConversations {
        /// The most conversations of a user.
        limit: u32,
    },
    /// The audit has not swept enough of the user's deleted conversations yet.
    #[error("too many deletions wait for the audit")]
    TooManyDeletions {
        /// The time after which some may be done.
        retry_after: Duration,
    },
    /// It cannot be found out whether the message was charged.
    #[error("{cause}")]
    OutcomeUnknown {
        /// The message. Its ledger entry tells whether it was charged, once the table can be read.
        message_id: EntryId,
        /// The failure that hides the outcome.
        cause: Cause,
    },
    /// The table cannot be reached. Nothing was charged, and nothing will be.
    #[error("{0}")]
    Unavailable(Cause),
    /// A fault of ours.
    #[error("{0}")]
    Internal(Cause),
}

impl From<NoRequestLeft> for LedgerError {
    fn from(NoRequestLeft { limit, retry_after, full_in }: NoRequestLeft) -> Self {
        Self::TooManyRequests { limit, retry_after, full_in }
    }
}

impl From<GateError> for LedgerError {
    fn from(error: GateError) -> Self {
        match error {
            GateError::NotAccepting => Self::NotAccepting,
            GateError::Unheard(error) => error.into(),
        }
    }
}

impl From<StoreError> for LedgerError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Unavailable(cause) => Self::Unavailable(cause),
            StoreError::Internal(cause) => Self::Internal(cause),
        }
    }
}

/// The reason why a grant was not made.
#[derive(Debug, thiserror::Error)]
pub enum GrantError {
    /// There is no account.
    #[error("there is no account")]
    AccountNotFound,
    /// The account is being deleted.
    #[error("the account is being deleted")]
    DeletionInProgress,
    /// The user has less than the grant takes back.
    #[error("the balance of {balance} does not cover the credits to take back")]
    InsufficientCredits {
        /// The credits that the user can spend.
        balance: Credits,
    },
    /// The user would have more than [`Credits::MAX`].
    #[error("the user has {owned} and cannot have more than {max}", max = Credits::MAX)]
    TooManyCredits {
        /// The user's credits, including held ones.
        owned: Credits,
    },
    /// The grant's id was used for another grant.
    #[error("the grant's id was used for another grant")]
    Mismatch,
    /// The actor has lost the authority.
    #[error("{0}")]
    AuthorityLost(#[from] AuthorityLost),
    /// The grant is a row of a bulk job, which another driver has claimed.
    #[error("another driver has claimed the job")]
    ClaimLost,
    /// The table cannot be reached, and it is not known whether the grant was made. Repeating it does no harm.
    #[error("{0}")]
    Unavailable(Cause),
    /// A fault of ours.
    #[error("{0}")]
    Internal(Cause),
}

impl From<OutOfBounds> for GrantError {
    fn from(error: OutOfBounds) -> Self {
        match error {
            OutOfBounds::BelowZero { balance } => Self::InsufficientCredits { balance },
            OutOfBounds::AboveMost { owned } => Self::TooManyCredits { owned },
        }
    }
}

impl From<StoreError> for GrantError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Unavailable(cause) => Self::Unavailable(cause),
            StoreError::Internal(cause) => Self::Internal(cause),
        }
    }
}

/// The reason why a voucher was not redeemed.
#[derive(Debug, thiserror::Error)]
pub enum RedeemError {
    /// The voucher gives nothing any more.
    #[error("{0}")]
    Spent(VoucherEnd),
    /// The user has redeemed the voucher before.
    #[error("the user has redeemed the voucher before")]
    AlreadyRedeemed,
    /// The user would have more than [`Credits::MAX`].
    #[error("the user has {owned} and cannot have more than {max}", max = Credits::MAX)]
    TooManyCredits {
        /// The user's credits, including held ones.
        owned: Credits,
    },
    /// The account is not open to the payer.
    #[error("{0}")]
    Closed(#[from] Closed),
    /// The table cannot be reached, and it is not known whether the voucher was redeemed. Repeating it does no harm.
    #[error("{0}")]
    Unavailable(Cause),
    /// A fault of ours.
    #[error("{0}")]
    Internal(Cause),
}

impl From<OutOfBounds> for RedeemError {
    fn from(error: OutOfBounds) -> Self {
        match error {
            OutOfBounds::AboveMost { owned } => Self::TooManyCredits { owned },
            OutOfBounds::BelowZero { .. } => Self::Internal(Cause::because("a voucher took credits away")),
        }
    }
}

impl From<StoreError> for RedeemError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Unavailable(cause) => Self::Unavailable(cause),
            StoreError::Internal(cause) => Self::Internal(cause),
        }
    }
}

/// The reason why staff did not get, make or end vouchers.
#[derive(Debug, thiserror::Error)]
pub enum BatchError {
    /// There is no such batch.
    #[error("there is no such batch")]
    NotFound,
    /// The actor has lost the authority.
    #[error("{0}")]
    AuthorityLost(#[from] AuthorityLost),
    /// The table cannot be reached. Whether a write was applied is not known.
    #[error("{0}")]
    Unavailable(Cause),
    /// A fault of ours.
    #[error("{0}")]
    Internal(Cause),
}

impl From<StoreError> for BatchError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Unavailable(cause) => Self::Unavailable(cause),
            StoreError::Internal(cause) => Self::Internal(cause),
        }
    }
}

impl From<random::Error> for BatchError {
    fn from(error: random::Error) -> Self {
        Self::Internal(Cause::new(error))
    }
}
