//! The proofs that verified tokens are.

use domain::ids::{SessionId, TokenId, UserId};
use ledger::account::{Epoch, Payer};

use crate::jwt::claims::Claims;
use crate::jwt::terms::Subject;

/// A person who has proved with an access token who they are. Only a [`Verifier`](crate::jwt::Verifier) makes one.
#[derive(Clone, Copy, Debug)]
pub struct LoggedIn(Subject);

impl LoggedIn {
    pub(super) fn by(claims: &Claims) -> Self {
        Self(Subject { user_id: claims.sub, session_id: claims.sid, session_epoch: claims.epoch })
    }

    /// The user.
    #[must_use]
    pub fn user_id(&self) -> UserId {
        self.0.user_id
    }

    /// The session that the access token belongs to.
    #[must_use]
    pub fn session_id(&self) -> SessionId {
        self.0.session_id
    }

    /// The epoch of sessions that the account must still have.
    #[must_use]
    pub fn session_epoch(&self) -> u64 {
        self.0.session_epoch
    }

    /// The payer of this person's messages.
    #[must_use]
    pub fn payer(&self) -> Payer {
        Payer::new(self.0.user_id, Epoch::OfSessions(self.0.session_epoch))
    }
}

#[cfg(any(test, feature = "test-util"))]
impl From<Subject> for LoggedIn {
    fn from(subject: Subject) -> Self {
        Self(subject)
    }
}

/// The claims of a valid refresh token. Its session may have ended: the table tells.
#[derive(Clone, Copy, Debug)]
pub struct RefreshClaim {
    /// The user.
    pub user_id: UserId,
    /// The user's session. Its epoch is in the table: a password change may have raised it after the token was issued.
    pub session_id: SessionId,
    /// The token's id.
    pub token_id: TokenId,
}

impl From<&Claims> for RefreshClaim {
    fn from(claims: &Claims) -> Self {
        Self { user_id: claims.sub, session_id: claims.sid, token_id: claims.jti }
    }
}

/// A valid token of either kind. It may have been revoked: the account revokes access tokens, and the session refresh
/// tokens.
#[derive(Clone, Copy, Debug)]
pub enum Verified {
    /// An access token, and the person whom it logs in.
    Access(LoggedIn),
    /// A refresh token, and its claims.
    Refresh(RefreshClaim),
}
