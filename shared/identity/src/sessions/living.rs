//! The living session of a refresh token.

use std::time::Duration;

use domain::ids::TokenId;
use domain::time::Timestamp;
use ledger::account::{Account, Closed, Epoch};
use store::from_item;

use crate::error::IdentityError;
use crate::jwt::RefreshClaim;
use crate::sessions::session::{Session, Sessions};

/// The time after its replacement at which a refresh token still gets its successor.
const ROTATION_GRACE: Duration = Duration::from_secs(10);

/// A session with its account.
pub(super) struct LivingSession {
    pub(super) account: Account,
    pub(super) session: Session,
}

/// The standing of a refresh token in its session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// The token continues the session.
    Current,
    /// The token was replaced within [`ROTATION_GRACE`].
    JustReplaced,
    /// The token was replaced earlier, and is used again.
    Reused,
}

impl Session {
    pub(super) fn standing(&self, token_id: TokenId, now: Timestamp) -> Standing {
        let replaced_at = Timestamp::from_milliseconds(self.issued_at_ms);
        if token_id == self.refresh_token_id {
            Standing::Current
        } else if Some(token_id) == self.previous_refresh_token_id && now.since(replaced_at) <= ROTATION_GRACE {
            Standing::JustReplaced
        } else {
            Standing::Reused
        }
    }
}

impl Sessions {
    /// Checks that the session of a refresh token may go on, and changes nothing.
    ///
    /// # Errors
    /// [`IdentityError::TokenNotValid`] if the session has ended or the token was replaced,
    /// [`IdentityError::UserInactive`] if the account is deactivated.
    pub async fn resume(&self, claim: &RefreshClaim) -> Result<(), IdentityError> {
        self.read_living(claim).await.map(|_| ())
    }

    /// The account of a refresh token whose session may go on.
    ///
    /// # Errors
    /// As [`Sessions::resume`].
    pub(crate) async fn account_of(&self, claim: &RefreshClaim) -> Result<Account, IdentityError> {
        Ok(self.read_living(claim).await?.account)
    }

    /// The session of a refresh token that was not replaced earlier.
    pub(super) async fn read_living(&self, claim: &RefreshClaim) -> Result<LivingSession, IdentityError> {
        let living = self.read_open(claim).await?;
        match living.session.standing(claim.token_id, self.clock.now()) {
            Standing::Current | Standing::JustReplaced => Ok(living),
            Standing::Reused => Err(IdentityError::TokenNotValid("the session has another refresh token")),
        }
    }

    /// The session of a refresh token, whatever the token's standing.
    pub(super) async fn read_open(&self, claim: &RefreshClaim) -> Result<LivingSession, IdentityError> {
        let read = self.read(claim).await?;
        // The two items are not read at one moment. A password change in between shows in the account and not yet in
        // its own session, which goes on: a second reading sees both.
        let is_torn = read.session.session_epoch < read.account.session_epoch;
        let LivingSession { account, session } = if is_torn { self.read(claim).await? } else { read };
        account.admit(Epoch::OfSessions(session.session_epoch))?;
        if session.expires_at <= self.clock.now().seconds() {
            return Err(IdentityError::TokenNotValid("the session has expired"));
        }
        Ok(LivingSession { account, session })
    }

    async fn read(&self, claim: &RefreshClaim) -> Result<LivingSession, IdentityError> {
        let keys = [Account::key(claim.user_id), Session::key(claim.user_id, claim.session_id)];
        let [account, session] = self.table.get_each(keys).await?;
        let account: Account = from_item(account.ok_or(Closed::Gone)?)?;
        let session: Session = from_item(session.ok_or(IdentityError::TokenNotValid("the session has ended"))?)?;
        Ok(LivingSession { account, session })
    }
}
