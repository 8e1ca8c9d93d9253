//! The parts of tokens that sessions decide.

use domain::ids::{SessionId, TokenId, UserId};
use domain::time::Timestamp;

/// The session that a token is issued for.
#[derive(Clone, Copy, Debug)]
pub struct Subject {
    /// The user.
    pub user_id: UserId,
    /// The user's session.
    pub session_id: SessionId,
    /// The epoch of the session.
    pub session_epoch: u64,
}

/// The terms of one refresh token. With the same key and terms a signer issues the same text again.
#[derive(Clone, Copy, Debug)]
pub struct RefreshTerms {
    /// The token's id.
    pub id: TokenId,
    /// The time at which the token was first issued.
    pub issued_at: Timestamp,
    /// The time at which the token and its session expire.
    pub expires_at: Timestamp,
}
