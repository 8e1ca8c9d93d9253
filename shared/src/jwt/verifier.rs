//! Verifying tokens.

use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use jsonwebtoken::{Algorithm, Validation, decode, decode_header};

use crate::error::ApiError;
use crate::jwt::claims::{Claims, ISSUER};
use crate::jwt::{KeySet, PublicKey, ReceivedToken, Subject, TokenKind};
use crate::settings::Settings;
use crate::table::Table;
use domain::cause::Cause;
use domain::ids::{SessionId, TokenId, UserId};
use domain::time::{Clock, Timestamp};
use ledger::account::{Epoch, Payer};
use telemetry::invocation::identify;

#[cfg(test)]
mod tests;

/// Our tokens have some 400 bytes. A longer one is not read at all.
const MAX_TOKEN_BYTES: usize = 4096;
/// How far clocks may be apart.
pub(super) const LEEWAY: Duration = Duration::from_secs(5);
/// How long a loaded key set is good for without asking.
const KEY_SET_MAX_AGE: Duration = Duration::from_secs(10 * 60);
/// A token with an unknown key makes us look for it, but not more often than this: such tokens
/// are free for whoever makes them up.
pub(super) const UNKNOWN_KEY_PAUSE: Duration = Duration::from_secs(1);
/// What a load is worth waiting for that nobody depends on: the first one, which also warms the
/// connection up, and those after ten minutes.
const LOAD_TIMEOUT: Duration = Duration::from_millis(500);
/// How long after such a load has failed the next one waits.
const RENEWAL_PAUSE: Duration = Duration::from_secs(10);

/// A person who has proved with an access token who they are. Only a [`Verifier`] makes one.
#[derive(Clone, Copy, Debug)]
pub struct LoggedIn(Subject);

impl LoggedIn {
    fn by(claims: &Claims) -> Self {
        Self(Subject { user_id: claims.sub, session_id: claims.sid, session_epoch: claims.epoch })
    }

    /// Who they are.
    #[must_use]
    pub fn user_id(&self) -> UserId {
        self.0.user_id
    }

    /// The session that their token belongs to.
    #[must_use]
    pub fn session_id(&self) -> SessionId {
        self.0.session_id
    }

    /// The epoch that their account must still have.
    #[must_use]
    pub fn session_epoch(&self) -> u64 {
        self.0.session_epoch
    }

    /// The payer whom the ledger knows.
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

/// What a valid refresh token claims. Whether its session still lives is for
/// [`crate::sessions::Sessions::resume`] to say.
#[derive(Clone, Copy, Debug)]
pub struct RefreshClaim {
    /// The user.
    pub user_id: UserId,
    /// Their session. What epoch it has now is for the table to say: it can outlive the token's.
    pub session_id: SessionId,
    /// The token itself.
    pub token_id: TokenId,
}

impl From<&Claims> for RefreshClaim {
    fn from(claims: &Claims) -> Self {
        Self { user_id: claims.sub, session_id: claims.sid, token_id: claims.jti }
    }
}

/// What a valid token is for. Whether it was revoked is for the table to say: [`crate::accounts`] of
/// an access token, [`crate::sessions`] of a refresh token.
#[derive(Clone, Copy, Debug)]
pub enum Verified {
    /// An access token: who it logs in.
    Access(LoggedIn),
    /// A refresh token: what it claims.
    Refresh(RefreshClaim),
}

/// Verifies tokens with the public keys in the table, which it remembers.
#[derive(Debug)]
pub struct Verifier {
    key_set: KeySet,
    clock: Clock,
    validation: Validation,
    known: RwLock<Known>,
}

#[derive(Debug, Default)]
struct Known {
    keys: Arc<[PublicKey]>,
    loaded_at: Option<Timestamp>,
    /// When a set that had grown old was last asked for again.
    renewal_tried_at: Option<Timestamp>,
    /// The last look for a key that was not known.
    look: Option<Look>,
}

#[derive(Clone, Copy, Debug)]
struct Look {
    at: Timestamp,
    failed: bool,
}

impl Verifier {
    /// A verifier that has the key set if the table answers at once, and else loads it with the
    /// first token.
    pub async fn start(table: Table, clock: Clock) -> Self {
        let verifier = Self::new(table, clock);
        verifier.renew().await;
        verifier
    }

    fn new(table: Table, clock: Clock) -> Self {
        Self { key_set: KeySet::new(table), clock, validation: validation(), known: RwLock::default() }
    }

    /// Who sent a request with the bearer token `bearer`.
    ///
    /// # Errors
    /// [`ApiError::TokenNotValid`] if it is not a valid access token, [`ApiError::Unavailable`] without any public keys.
    pub async fn logged_in(&self, bearer: &str) -> Result<LoggedIn, ApiError> {
        let claims = self.verify(bearer, TokenKind::Access).await?;
        Ok(LoggedIn::by(&claims))
    }

    /// What `token` claims, if it is a valid refresh token.
    ///
    /// # Errors
    /// [`ApiError::TokenNotValid`], or [`ApiError::Unavailable`] without any public keys.
    pub async fn refresh_claim(&self, token: &ReceivedToken) -> Result<RefreshClaim, ApiError> {
        self.verify(&token.0, TokenKind::Refresh).await.map(|claims| RefreshClaim::from(&claims))
    }

    /// What `token` claims, if it is or was a valid refresh token: enough to end its session.
    ///
    /// # Errors
    /// As [`Verifier::refresh_claim`].
    pub async fn refresh_claim_of_any_age(&self, token: &ReceivedToken) -> Result<RefreshClaim, ApiError> {
        self.verify_but_its_age(&token.0, TokenKind::Refresh).await.map(|claims| RefreshClaim::from(&claims))
    }

    /// What `token` claims, if it is a valid token of either kind.
    ///
    /// # Errors
    /// [`ApiError::TokenNotValid`], or [`ApiError::Unavailable`] without any public keys.
    pub async fn any_token(&self, token: &ReceivedToken) -> Result<Verified, ApiError> {
        let kind = Header::of(&token.0)?.kind;
        let claims = self.verify(&token.0, kind).await?;
        Ok(match kind {
            TokenKind::Access => Verified::Access(LoggedIn::by(&claims)),
            TokenKind::Refresh => Verified::Refresh(RefreshClaim::from(&claims)),
        })
    }

    #[cfg(test)]
    pub(crate) async fn verify_access(&self, token: &str) -> Result<(), ApiError> {
        self.verify(token, TokenKind::Access).await.map(|_| ())
    }

    async fn verify(&self, token: &str, kind: TokenKind) -> Result<Claims, ApiError> {
        let claims = self.verify_but_its_age(token, kind).await?;
        self.check_time(&claims)?;
        Ok(claims)
    }

    async fn verify_but_its_age(&self, token: &str, kind: TokenKind) -> Result<Claims, ApiError> {
        let header = Header::of(token)?;
        if header.kind != kind {
            return Err(ApiError::TokenNotValid("the token is of another kind"));
        }
        let key = self.key(&header.key_id).await?;
        let claims = decode::<Claims>(token, key.decoding_key(), &self.validation)
            .map_err(|_| ApiError::TokenNotValid("the signature or a claim is wrong"))?
            .claims;
        if claims.token_type != kind {
            return Err(ApiError::TokenNotValid("the token is of another kind"));
        }
        identify(claims.sub);
        Ok(claims)
    }

    /// Here and not in the library, whose clock tests cannot move. No token of ours is from the future
    /// or outlives the longest lifetime that can be set, so no signer of ours made such a one.
    fn check_time(&self, claims: &Claims) -> Result<(), ApiError> {
        let now = self.clock.now();
        let [issued_at, expires_at] = [claims.iat, claims.exp].map(Timestamp::from_seconds);
        if expires_at.plus(LEEWAY) <= now {
            return Err(ApiError::TokenNotValid("the token has expired"));
        }
        if now.plus(LEEWAY) < issued_at {
            return Err(ApiError::TokenNotValid("the token is from the future"));
        }
        if issued_at.plus(Settings::LONGEST_LIFETIME) < expires_at {
            return Err(ApiError::TokenNotValid("the token lives longer than any of ours"));
        }
        Ok(())
    }

    async fn key(&self, id: &str) -> Result<PublicKey, ApiError> {
        if let Some(key) = self.find(id) {
            if self.may_renew() {
                self.renew().await;
            }
            return Ok(key);
        }
        self.look_for_unknown_key().await?;
        self.find(id).ok_or(ApiError::TokenNotValid("the key is not known"))
    }

    fn find(&self, id: &str) -> Option<PublicKey> {
        let now = self.clock.now();
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        known.keys.iter().find(|key| key.id() == id && key.is_valid(now)).cloned()
    }

    /// Loads the set again, for whoever comes next. Keys that were good ten minutes ago are better
    /// than none, so a table that does not answer holds nobody up for long.
    async fn renew(&self) {
        match tokio::time::timeout(LOAD_TIMEOUT, self.reload()).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::warn!(cause = error.cause(), "the public keys cannot be read"),
            Err(_) => tracing::warn!("the public keys take too long to read"),
        }
    }

    fn may_renew(&self) -> bool {
        let now = self.clock.now();
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        let is_old = known.loaded_at.is_none_or(|at| now.since(at) >= KEY_SET_MAX_AGE);
        let may = is_old && known.renewal_tried_at.is_none_or(|at| now.since(at) >= RENEWAL_PAUSE);
        if may {
            known.renewal_tried_at = Some(now);
        }
        may
    }

    /// Loads the set again because of a key that it does not have, unless that was done within the
    /// last second; if it failed then, nobody can say that the key does not exist.
    ///
    /// Nor can they while there is no key at all: the first one is used as soon as it is published,
    /// so a look that found none does not count.
    async fn look_for_unknown_key(&self) -> Result<(), ApiError> {
        let at = self.clock.now();
        match self.last_look() {
            Some(look) if at.since(look.at) < UNKNOWN_KEY_PAUSE => {
                if look.failed {
                    Err(no_public_keys())
                } else {
                    Ok(())
                }
            }
            _ => {
                self.remember_look(Some(Look { at, failed: true }));
                self.reload().await?;
                let has_keys = self.has_keys();
                self.remember_look(has_keys.then_some(Look { at, failed: false }));
                if has_keys { Ok(()) } else { Err(no_public_keys()) }
            }
        }
    }

    fn has_keys(&self) -> bool {
        !self.known.read().unwrap_or_else(PoisonError::into_inner).keys.is_empty()
    }

    fn last_look(&self) -> Option<Look> {
        self.known.read().unwrap_or_else(PoisonError::into_inner).look
    }

    fn remember_look(&self, look: Option<Look>) {
        self.known.write().unwrap_or_else(PoisonError::into_inner).look = look;
    }

    async fn reload(&self) -> Result<(), ApiError> {
        let loaded_at = self.clock.now();
        let keys = self.key_set.load().await?;
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        known.keys = keys.into();
        known.loaded_at = Some(loaded_at);
        Ok(())
    }
}

fn no_public_keys() -> ApiError {
    ApiError::Unavailable(Cause::because("no public keys"))
}

/// What the library checks: RFC 8725's list, except time.
fn validation() -> Validation {
    let mut validation = Validation::new(Algorithm::EdDSA);
    validation.set_issuer(&[ISSUER]);
    validation.set_audience(&[ISSUER]);
    validation.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
    validation.validate_exp = false;
    validation
}

/// What a token's header says: one of ours says no more than this, and nothing else in it is used.
struct Header {
    kind: TokenKind,
    key_id: String,
}

impl Header {
    /// The header of `token`, if it is one of ours. Algorithm and kinds are pinned, and an extension
    /// that must be understood is not (RFC 7515, section 4.1.11).
    fn of(token: &str) -> Result<Self, ApiError> {
        if token.len() > MAX_TOKEN_BYTES {
            return Err(ApiError::TokenNotValid("the token is too long"));
        }
        let header = decode_header(token).map_err(|_| ApiError::TokenNotValid("the token has no readable header"))?;
        if header.alg != Algorithm::EdDSA {
            return Err(ApiError::TokenNotValid("the algorithm is not EdDSA"));
        }
        if header.crit.is_some() {
            return Err(ApiError::TokenNotValid("the header has critical extensions"));
        }
        let kinds = [TokenKind::Access, TokenKind::Refresh];
        let kind = kinds.into_iter().find(|kind| header.typ.as_deref() == Some(kind.header_type()));
        Ok(Self {
            kind: kind.ok_or(ApiError::TokenNotValid("the token is of no kind of ours"))?,
            key_id: header.kid.ok_or(ApiError::TokenNotValid("the header names no key"))?,
        })
    }
}
