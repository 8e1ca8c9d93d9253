//! Verifying tokens.

use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use domain::cause::Cause;
use domain::time::{Clock, Timestamp};
use jsonwebtoken::{Algorithm, Validation, decode, decode_header};
use store::{StoreError, Table};
use telemetry::invocation::identify;

use crate::error::IdentityError;
use crate::jwt::claims::{Claims, ISSUER, ReceivedToken, TokenKind};
use crate::jwt::key_set::{KeySet, PublicKey};
use crate::jwt::lifetimes::TokenLifetimes;
use crate::jwt::proof::{LoggedIn, RefreshClaim, Verified};

#[cfg(test)]
mod tests;

/// The most bytes of a token that is read at all. This API's tokens have some 400.
const MAX_TOKEN_BYTES: usize = 4096;
/// The most that two clocks differ.
pub(super) const LEEWAY: Duration = Duration::from_secs(5);
/// The age at which a loaded key set is loaded again.
const KEY_SET_MAX_AGE: Duration = Duration::from_secs(10 * 60);
/// The time between two looks for unknown keys. Anyone can invent tokens with unknown keys for nothing.
pub(super) const UNKNOWN_KEY_PAUSE: Duration = Duration::from_secs(1);
/// Timeout for optional loads of the key set: at start-up, where the load also opens the connection, and every ten
/// minutes.
const LOAD_TIMEOUT: Duration = Duration::from_millis(500);
/// The time between an optional load that failed and the next one.
const RENEWAL_PAUSE: Duration = Duration::from_secs(10);

/// Verifies tokens with the public keys in the table, and remembers the keys.
#[derive(Debug)]
pub struct Verifier {
    key_set: KeySet,
    clock: Clock,
    validation: Validation,
    known: RwLock<KnownKeys>,
}

#[derive(Debug, Default)]
struct KnownKeys {
    keys: Arc<[PublicKey]>,
    loaded_at: Option<Timestamp>,
    /// The time of the last optional load.
    renewal_tried_at: Option<Timestamp>,
    /// The last look for an unknown key.
    look: Option<KeyLook>,
}

#[derive(Clone, Copy, Debug)]
struct KeyLook {
    at: Timestamp,
    failed: bool,
}

impl Verifier {
    /// A verifier with the key set if the table answers at once. Otherwise the first token loads it.
    pub async fn start(table: Table, clock: Clock) -> Self {
        let verifier = Self::new(table, clock);
        verifier.renew().await;
        verifier
    }

    fn new(table: Table, clock: Clock) -> Self {
        Self { key_set: KeySet::new(table), clock, validation: validation(), known: RwLock::default() }
    }

    /// The person whose request has the bearer token `bearer`.
    ///
    /// # Errors
    /// [`IdentityError::TokenNotValid`] if it is not a valid access token, [`IdentityError::Unavailable`] without any
    /// public keys.
    pub async fn logged_in(&self, bearer: &str) -> Result<LoggedIn, IdentityError> {
        let claims = self.verify(bearer, TokenKind::Access).await?;
        Ok(LoggedIn::by(&claims))
    }

    /// The person whose request has the bearer token `bearer`, also if its time is over; and whether it is.
    ///
    /// # Errors
    /// [`IdentityError::TokenNotValid`] if it neither is nor was a valid access token, [`IdentityError::Unavailable`] without
    /// any public keys.
    pub async fn logged_in_of_any_age(
        &self,
        bearer: &str,
    ) -> Result<(LoggedIn, Result<(), IdentityError>), IdentityError> {
        let claims = self.verify_but_its_age(bearer, TokenKind::Access).await?;
        Ok((LoggedIn::by(&claims), self.check_time(&claims)))
    }

    /// The claims of `token`, if it is a valid refresh token.
    ///
    /// # Errors
    /// [`IdentityError::TokenNotValid`], or [`IdentityError::Unavailable`] without any public keys.
    pub async fn refresh_claim(&self, token: &ReceivedToken) -> Result<RefreshClaim, IdentityError> {
        self.verify(&token.0, TokenKind::Refresh).await.map(|claims| RefreshClaim::from(&claims))
    }

    /// The claims of `token`, if it is or was a valid refresh token: enough to end its session.
    ///
    /// # Errors
    /// As [`Verifier::refresh_claim`].
    pub async fn refresh_claim_of_any_age(&self, token: &ReceivedToken) -> Result<RefreshClaim, IdentityError> {
        self.verify_but_its_age(&token.0, TokenKind::Refresh).await.map(|claims| RefreshClaim::from(&claims))
    }

    /// The proof that `token` is, if it is a valid token of either kind.
    ///
    /// # Errors
    /// [`IdentityError::TokenNotValid`], or [`IdentityError::Unavailable`] without any public keys.
    pub async fn any_token(&self, token: &ReceivedToken) -> Result<Verified, IdentityError> {
        let kind = TokenHeader::of(&token.0)?.kind;
        let claims = self.verify(&token.0, kind).await?;
        Ok(match kind {
            TokenKind::Access => Verified::Access(LoggedIn::by(&claims)),
            TokenKind::Refresh => Verified::Refresh(RefreshClaim::from(&claims)),
        })
    }

    #[cfg(test)]
    pub(crate) async fn verify_access(&self, token: &str) -> Result<(), IdentityError> {
        self.verify(token, TokenKind::Access).await.map(|_| ())
    }

    async fn verify(&self, token: &str, kind: TokenKind) -> Result<Claims, IdentityError> {
        let claims = self.verify_but_its_age(token, kind).await?;
        self.check_time(&claims)?;
        Ok(claims)
    }

    async fn verify_but_its_age(&self, token: &str, kind: TokenKind) -> Result<Claims, IdentityError> {
        let header = TokenHeader::of(token)?;
        if header.kind != kind {
            return Err(IdentityError::TokenNotValid("the token is of another kind"));
        }
        let key = self.key(&header.key_id).await?;
        let claims = decode::<Claims>(token, key.decoding_key(), &self.validation)
            .map_err(|_| IdentityError::TokenNotValid("the signature or a claim is wrong"))?
            .claims;
        if claims.token_type != kind {
            return Err(IdentityError::TokenNotValid("the token is of another kind"));
        }
        identify(claims.sub);
        Ok(claims)
    }

    /// Checks the times here and not in the library, because tests cannot move the library's clock. No signer of this
    /// API issues a token in the future, or with a longer lifetime than [`TokenLifetimes::LONGEST`].
    fn check_time(&self, claims: &Claims) -> Result<(), IdentityError> {
        let now = self.clock.now();
        let [issued_at, expires_at] = [claims.iat, claims.exp].map(Timestamp::from_seconds);
        if expires_at.plus(LEEWAY) <= now {
            return Err(IdentityError::TokenNotValid("the token has expired"));
        }
        if now.plus(LEEWAY) < issued_at {
            return Err(IdentityError::TokenNotValid("the token is from the future"));
        }
        if issued_at.plus(TokenLifetimes::LONGEST) < expires_at {
            return Err(IdentityError::TokenNotValid("the token lives longer than any of ours"));
        }
        Ok(())
    }

    async fn key(&self, id: &str) -> Result<PublicKey, IdentityError> {
        if let Some(key) = self.find(id) {
            if self.may_renew() {
                self.renew().await;
            }
            return Ok(key);
        }
        self.look_for_unknown_key().await?;
        self.find(id).ok_or(IdentityError::TokenNotValid("the key is not known"))
    }

    fn find(&self, id: &str) -> Option<PublicKey> {
        let now = self.clock.now();
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        known.keys.iter().find(|key| key.id() == id && key.is_valid(now)).cloned()
    }

    /// Loads the set again, for the tokens after this one. The keys of ten minutes ago are still good, so a table that
    /// does not answer delays this token by no more than [`LOAD_TIMEOUT`].
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

    /// Loads the set again because it lacks a key, unless it was loaded for that reason within the last second. If that
    /// load failed, the key may exist.
    ///
    /// A load that finds no key at all does not count: the first key of all signs as soon as it is published.
    async fn look_for_unknown_key(&self) -> Result<(), StoreError> {
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
                self.remember_look(Some(KeyLook { at, failed: true }));
                self.reload().await?;
                let has_keys = self.has_keys();
                self.remember_look(has_keys.then_some(KeyLook { at, failed: false }));
                if has_keys { Ok(()) } else { Err(no_public_keys()) }
            }
        }
    }

    fn has_keys(&self) -> bool {
        !self.known.read().unwrap_or_else(PoisonError::into_inner).keys.is_empty()
    }

    fn last_look(&self) -> Option<KeyLook> {
        self.known.read().unwrap_or_else(PoisonError::into_inner).look
    }

    fn remember_look(&self, look: Option<KeyLook>) {
        self.known.write().unwrap_or_else(PoisonError::into_inner).look = look;
    }

    async fn reload(&self) -> Result<(), StoreError> {
        let loaded_at = self.clock.now();
        let keys = self.key_set.load().await?;
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        known.keys = keys.into();
        known.loaded_at = Some(loaded_at);
        Ok(())
    }
}

fn no_public_keys() -> StoreError {
    StoreError::Unavailable(Cause::because("no public keys"))
}

/// The checks of the library: RFC 8725's list, except time.
fn validation() -> Validation {
    let mut validation = Validation::new(Algorithm::EdDSA);
    validation.set_issuer(&[ISSUER]);
    validation.set_audience(&[ISSUER]);
    validation.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
    validation.validate_exp = false;
    validation
}

/// A token's header. Nothing else in it is used: this API's tokens say no more.
struct TokenHeader {
    kind: TokenKind,
    key_id: String,
}

impl TokenHeader {
    /// The header of `token`, if this API could have issued it. Algorithm and kinds are pinned, and critical extensions
    /// are refused (RFC 7515, section 4.1.11).
    fn of(token: &str) -> Result<Self, IdentityError> {
        if token.len() > MAX_TOKEN_BYTES {
            return Err(IdentityError::TokenNotValid("the token is too long"));
        }
        let header =
            decode_header(token).map_err(|_| IdentityError::TokenNotValid("the token has no readable header"))?;
        if header.alg != Algorithm::EdDSA {
            return Err(IdentityError::TokenNotValid("the algorithm is not EdDSA"));
        }
        if header.crit.is_some() {
            return Err(IdentityError::TokenNotValid("the header has critical extensions"));
        }
        let kinds = [TokenKind::Access, TokenKind::Refresh];
        let kind = kinds.into_iter().find(|kind| header.typ.as_deref() == Some(kind.header_type()));
        Ok(Self {
            kind: kind.ok_or(IdentityError::TokenNotValid("the token is of no kind of ours"))?,
            key_id: header.kid.ok_or(IdentityError::TokenNotValid("the header names no key"))?,
        })
    }
}
