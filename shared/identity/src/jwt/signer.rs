//! Issuing tokens.

use std::sync::Arc;
use std::time::Duration;

use cloud::OPERATION_TIMEOUT;
use domain::ids::TokenId;
use domain::setting::SettingError;
use domain::time::{Clock, Timestamp};
use secrecy::ExposeSecret;
use store::{StoreError, Table};
use tokio::sync::Mutex;

use crate::error::IdentityError;
use crate::jwt::claims::{AccessToken, Claims, ISSUER, RefreshToken, TokenKind};
use crate::jwt::key_set::{Handover, KeySet, PublicKey};
use crate::jwt::lifetimes::TokenLifetimes;
use crate::jwt::signing_key::SigningKey;
use crate::jwt::signing_secret::{SigningSecret, SigningSecretSource};
use crate::jwt::terms::{RefreshTerms, Subject};
use crate::jwt::verifier::{LEEWAY, UNKNOWN_KEY_PAUSE};

/// The time after which a signer reads the secret and the key set again. No token is signed with a key that was
/// replaced longer ago.
const CHECK_MAX_AGE: Duration = Duration::from_secs(5 * 60);
/// The time between a key's publication and its first token. A verifier that has just looked for an unknown key does
/// not look again within [`UNKNOWN_KEY_PAUSE`], and would refuse a good token. The time is taken before the key is
/// written, which may take [`OPERATION_TIMEOUT`]; half a second is for clocks that differ.
const PUBLICITY: Duration =
    UNKNOWN_KEY_PAUSE.saturating_add(OPERATION_TIMEOUT).saturating_add(Duration::from_millis(500));
/// The time between a failed reading of the secret and the next one.
const READ_PAUSE: Duration = Duration::from_secs(30);
/// The limit on reading the secret at start-up. Lambda waits for the start; the first token reads it otherwise.
const START_TIMEOUT: Duration = Duration::from_millis(700);

/// Issues tokens, with a key that every verifier can find before it sees the first token.
#[derive(Debug)]
pub struct Signer {
    secret: SigningSecret,
    key_set: KeySet,
    clock: Clock,
    lifetimes: TokenLifetimes,
    handover: Handover,
    current: Mutex<Option<CurrentKey>>,
}

/// The key in use.
#[derive(Clone, Debug)]
struct CurrentKey {
    key: Arc<SigningKey>,
    /// The key that replaces it, and the time from which on it does.
    next: Option<(Arc<SigningKey>, Timestamp)>,
    check_again_at: Timestamp,
}

impl CurrentKey {
    fn at(self, now: Timestamp) -> Self {
        match self.next {
            Some((key, from)) if from <= now => Self { key, next: None, ..self },
            _ => self,
        }
    }
}

impl Signer {
    /// A signer with the secret of `source`. It reads the secret and publishes the key now if secret and table answer
    /// at once, and otherwise when the first token is issued.
    ///
    /// # Errors
    /// [`SettingError`] if AWS cannot be reached with what the environment says.
    pub async fn start(
        lifetimes: TokenLifetimes,
        source: SigningSecretSource,
        table: Table,
        clock: Clock,
    ) -> Result<Self, SettingError> {
        let signer = Self::new(lifetimes, SigningSecret::connect(source)?, table, clock);
        match tokio::time::timeout(START_TIMEOUT, signer.key()).await {
            Ok(Ok(_)) => {}
            Ok(Err(error)) => tracing::warn!(cause = %error, "no signing key yet"),
            Err(_) => tracing::warn!("no signing key yet: start-up does not wait for it"),
        }
        Ok(signer)
    }

    /// A signer with any secret, and with the handover that `change` leaves.
    #[cfg(any(test, feature = "test-util"))]
    #[must_use]
    pub fn with_secret(
        lifetimes: TokenLifetimes,
        secret: cloud::StoredSecret,
        table: Table,
        clock: Clock,
        change: impl FnOnce(&mut Handover),
    ) -> Self {
        let mut signer = Self::new(lifetimes, SigningSecret(secret), table, clock);
        change(&mut signer.handover);
        signer
    }

    fn new(lifetimes: TokenLifetimes, secret: SigningSecret, table: Table, clock: Clock) -> Self {
        Self {
            secret,
            key_set: KeySet::new(table),
            clock,
            lifetimes,
            handover: Handover {
                publicity: PUBLICITY,
                retirement: CHECK_MAX_AGE + PUBLICITY + lifetimes.longer() + LEEWAY,
            },
            current: Mutex::new(None),
        }
    }

    /// Makes sure that a token can be issued, before a write that needs one.
    ///
    /// # Errors
    /// [`IdentityError::Unavailable`] if the secret cannot be read or the key cannot be published.
    pub async fn ready(&self) -> Result<(), IdentityError> {
        self.key().await.map(|_| ())
    }

    /// The terms of a new refresh token.
    #[must_use]
    pub fn new_refresh_terms(&self) -> RefreshTerms {
        let issued_at = self.clock.now();
        let expires_at = issued_at.plus(self.lifetimes.refresh);
        RefreshTerms { id: TokenId::new(&self.clock), issued_at, expires_at }
    }

    /// Issues an access token.
    ///
    /// # Errors
    /// [`IdentityError::Unavailable`] if the secret cannot be read or the key cannot be published.
    pub async fn access_token(&self, subject: Subject) -> Result<AccessToken, IdentityError> {
        let issued_at = self.clock.now();
        let expires_at = issued_at.plus(self.lifetimes.access);
        let claims = claims(TokenKind::Access, subject, TokenId::new(&self.clock), issued_at, expires_at);
        self.sign(&claims).await.map(AccessToken)
    }

    /// Issues the refresh token of `terms`. With the same key its text is always the same.
    ///
    /// # Errors
    /// [`IdentityError::Unavailable`] if the secret cannot be read or the key cannot be published.
    pub async fn refresh_token(&self, subject: Subject, terms: RefreshTerms) -> Result<RefreshToken, IdentityError> {
        let RefreshTerms { id, issued_at, expires_at } = terms;
        self.sign(&claims(TokenKind::Refresh, subject, id, issued_at, expires_at)).await.map(RefreshToken)
    }

    async fn sign(&self, claims: &Claims) -> Result<String, IdentityError> {
        Ok(self.key().await?.sign(claims.token_type.header_type(), claims)?)
    }

    /// The key to sign with. Verifiers can find it, and it had not been replaced [`CHECK_MAX_AGE`] ago.
    async fn key(&self) -> Result<Arc<SigningKey>, IdentityError> {
        let mut current = self.current.lock().await;
        let known = current.clone().map(|known| known.at(self.clock.now()));
        let key = match known {
            Some(known) if self.is_fresh(&known) => known,
            known => self.check(known).await?,
        };
        Ok(current.insert(key).key.clone())
    }

    fn is_fresh(&self, current: &CurrentKey) -> bool {
        self.secret.never_changes() || self.clock.now() < current.check_again_at
    }

    /// Reads the secret and the key set again. While the secret cannot be read, the known key stays in use, unless
    /// another signer has replaced it and its tokens would end early.
    async fn check(&self, known: Option<CurrentKey>) -> Result<CurrentKey, IdentityError> {
        let now = self.clock.now();
        let (secret, keys) = tokio::join!(self.secret.read(), self.key_set.load());
        let keys = keys?;
        match (secret, known) {
            (Ok(secret), known) => {
                let key = SigningKey::derive(secret.expose_secret().as_bytes())?;
                Ok(self.hand_over(known, Arc::new(key), &keys, now.plus(CHECK_MAX_AGE)).await?)
            }
            (Err(error), Some(known)) if self.outlives_its_tokens(&known.key, &keys, now.plus(READ_PAUSE)) => {
                tracing::warn!(cause = %error, "the signing secret cannot be read again");
                Ok(CurrentKey { check_again_at: now.plus(READ_PAUSE), ..known })
            }
            (Err(error), _) => Err(error),
        }
    }

    /// Publishes `key` if it is not the current one; a signer with an older secret may have replaced it. Until `key`
    /// may sign, the known key stays in use, or else this call waits.
    async fn hand_over(
        &self,
        known: Option<CurrentKey>,
        key: Arc<SigningKey>,
        keys: &[PublicKey],
        check_again_at: Timestamp,
    ) -> Result<CurrentKey, StoreError> {
        let signs_from = self.key_set.publish(key.public_key(), keys, self.handover, &self.clock).await?;
        let now = self.clock.now();
        // A clock that is far off never makes it wait longer than for a new key.
        let wait = signs_from.map_or(Duration::ZERO, |from| from.since(now).min(self.handover.publicity));
        if wait.is_zero() {
            return Ok(CurrentKey { key, next: None, check_again_at });
        }
        let usable_at = now.plus(wait);
        match known {
            Some(known) if self.outlives_its_tokens(&known.key, keys, usable_at) => {
                Ok(CurrentKey { key: known.key, next: Some((key, usable_at)), check_again_at })
            }
            _ => {
                self.clock.sleep(wait).await;
                Ok(CurrentKey { key, next: None, check_again_at })
            }
        }
    }

    /// Whether `key` verifies until every token that it signs before `end` has expired. A signer that Lambda froze for
    /// hours may have a key that does not.
    fn outlives_its_tokens(&self, key: &SigningKey, keys: &[PublicKey], end: Timestamp) -> bool {
        let last_expiry = end.plus(self.lifetimes.longer()).plus(LEEWAY);
        keys.iter().any(|public| public.id() == key.public_key().id() && public.is_valid(last_expiry))
    }
}

fn claims(kind: TokenKind, subject: Subject, id: TokenId, issued_at: Timestamp, expires_at: Timestamp) -> Claims {
    Claims {
        iss: ISSUER.to_owned(),
        aud: ISSUER.to_owned(),
        sub: subject.user_id,
        sid: subject.session_id,
        jti: id,
        epoch: subject.session_epoch,
        iat: issued_at.seconds(),
        exp: expires_at.seconds(),
        token_type: kind,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    use cloud::SecretSource;
    use domain::ids::UserId;
    use secrecy::SecretString;

    use crate::jwt::verifier::Verifier;
    use crate::testing::TestPeople;

    const SECRET: &str = "0123456789abcdef0123456789abcdef";
    const NEXT_SECRET: &str = "fedcba9876543210fedcba9876543210";
    const LIFETIMES: TokenLifetimes =
        TokenLifetimes { access: Duration::from_secs(300), refresh: Duration::from_secs(86_400) };

    fn source(secret: &str) -> SigningSecretSource {
        SigningSecretSource::new(SecretSource::Value(SecretString::from(secret))).unwrap()
    }

    async fn signer(test: &TestPeople, secret: &str) -> Signer {
        let secret = SigningSecret::connect(source(secret)).unwrap();
        let signer = Signer::new(LIFETIMES, secret, test.table.clone(), test.clock.clone());
        signer.ready().await.unwrap();
        signer
    }

    async fn accepts(test: &TestPeople, verifier: &Verifier, signer: &Signer) -> bool {
        let subject = test.subject(UserId::new(&test.clock));
        let token = signer.access_token(subject).await.unwrap();
        verifier.verify_access(token.expose()).await.is_ok()
    }

    #[tokio::test]
    async fn a_key_is_published_before_the_first_token_is_signed_with_it() {
        let test = TestPeople::start().await;
        let signer = signer(&test, SECRET).await;
        let verifier = Verifier::start(test.table.clone(), test.clock.clone()).await;
        test.recorder.clear();
        assert!(accepts(&test, &verifier, &signer).await);
        assert!(test.recorder.requests().is_empty(), "both were ready after their start");
    }

    #[tokio::test]
    async fn a_key_that_is_published_already_costs_a_signer_one_read() {
        let test = TestPeople::start().await;
        signer(&test, SECRET).await;
        test.recorder.clear();
        signer(&test, SECRET).await;
        let operations: Vec<_> = test.recorder.requests().into_iter().map(|r| r.operation).collect();
        assert_eq!(operations, ["Query"]);
    }

    #[tokio::test]
    async fn after_a_rotation_tokens_of_both_keys_are_good_until_the_old_ones_have_expired() {
        let test = TestPeople::start().await;
        let old = signer(&test, SECRET).await;
        let verifier = Verifier::start(test.table.clone(), test.clock.clone()).await;
        let new = signer(&test, NEXT_SECRET).await;
        assert!(accepts(&test, &verifier, &new).await, "an unknown key is looked up");
        assert!(accepts(&test, &verifier, &old).await, "an old signer has five minutes to notice");

        test.clock.advance(new.handover.retirement);
        assert!(!accepts(&test, &verifier, &old).await, "the old key has expired");
        assert!(accepts(&test, &verifier, &new).await);
    }

    #[tokio::test]
    async fn a_secret_that_comes_back_makes_its_key_current_again() {
        let test = TestPeople::start().await;
        signer(&test, SECRET).await;
        signer(&test, NEXT_SECRET).await;
        let back = signer(&test, SECRET).await;
        let verifier = Verifier::start(test.table.clone(), test.clock.clone()).await;
        test.clock.advance(Duration::from_secs(365 * 24 * 60 * 60));
        assert!(accepts(&test, &verifier, &back).await);
    }

    #[tokio::test]
    async fn a_signer_that_cannot_publish_its_key_signs_nothing() {
        let test = TestPeople::start().await;
        let missing = Table::new(test.table.client().clone(), "no-such-table");
        let signer = Signer::start(LIFETIMES, source(SECRET), missing, test.clock.clone()).await.unwrap();
        let subject = test.subject(UserId::new(&test.clock));
        assert!(matches!(signer.access_token(subject).await, Err(IdentityError::Unavailable(_))));
    }
}
