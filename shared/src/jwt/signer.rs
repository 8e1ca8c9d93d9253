//! Issuing tokens.

use std::sync::Arc;
use std::time::Duration;

use jsonwebtoken::{Algorithm, Header, encode};
use secrecy::ExposeSecret;
use tokio::sync::Mutex;

use crate::error::ApiError;
use crate::jwt::claims::{Claims, ISSUER};
use crate::jwt::key_set::Handover;
use crate::jwt::signing_secret::Secret;
use crate::jwt::verifier::{LEEWAY, UNKNOWN_KEY_PAUSE};
use crate::jwt::{AccessToken, KeySet, PublicKey, RefreshToken, SigningKey, TokenKind};
use crate::settings::{Settings, SigningSecretSource};
use crate::table::Table;
use cloud::OPERATION_TIMEOUT;
use domain::cause::Cause;
use domain::ids::{SessionId, TokenId, UserId};
use domain::setting::SettingError;
use domain::time::{Clock, Timestamp};

/// How long a signer goes on without reading the secret and the key set again. So no token is signed
/// with a key that was replaced longer ago than this.
const CHECK_MAX_AGE: Duration = Duration::from_secs(5 * 60);
/// How long a key is public before the first token is signed with it. A verifier that has just
/// looked for a key that does not exist looks for no other within [`UNKNOWN_KEY_PAUSE`], and would
/// refuse a good token. The time is taken before the key is written, which may take as long as
/// [`OPERATION_TIMEOUT`]; half a second is for clocks that differ.
const PUBLICITY: Duration =
    UNKNOWN_KEY_PAUSE.saturating_add(OPERATION_TIMEOUT).saturating_add(Duration::from_millis(500));
/// How long a signer waits with the next reading after one that failed.
const READ_PAUSE: Duration = Duration::from_secs(30);
/// At start-up nobody waits for an answer yet, but Lambda waits for the start.
const START_TIMEOUT: Duration = Duration::from_millis(700);

/// Whom a token is for.
#[derive(Clone, Copy, Debug)]
pub struct Subject {
    /// The user.
    pub user_id: UserId,
    /// Their session.
    pub session_id: SessionId,
    /// The epoch of the session.
    pub session_epoch: u64,
}

/// What makes a refresh token the one that it is, so that it can be issued again as the same text.
#[derive(Clone, Copy, Debug)]
pub struct RefreshTerms {
    /// The token's id.
    pub id: TokenId,
    /// When it was first issued.
    pub issued_at: Timestamp,
    /// When it expires, and its session with it.
    pub expires_at: Timestamp,
}

/// Issues tokens, with a key that everybody can look up before they see the first one.
#[derive(Debug)]
pub struct Signer {
    secret: Secret,
    key_set: KeySet,
    clock: Clock,
    access_token_lifetime: Duration,
    refresh_token_lifetime: Duration,
    longest_token_lifetime: Duration,
    handover: Handover,
    current: Mutex<Option<Current>>,
}

/// The key in use.
#[derive(Clone, Debug)]
struct Current {
    key: Arc<SigningKey>,
    /// The key that replaces it, and when.
    next: Option<(Arc<SigningKey>, Timestamp)>,
    check_again_at: Timestamp,
}

impl Current {
    fn at(self, now: Timestamp) -> Self {
        match self.next {
            Some((key, from)) if from <= now => Self { key, next: None, ..self },
            _ => self,
        }
    }
}

impl Signer {
    /// A signer with the secret of `source`. It reads the secret and publishes the key now, if
    /// that can be done at once, and otherwise when the first token is issued.
    ///
    /// # Errors
    /// [`SettingError`] if AWS cannot be reached with what the environment says.
    pub async fn start(
        settings: &Settings,
        source: SigningSecretSource,
        table: Table,
        clock: Clock,
    ) -> Result<Self, SettingError> {
        let signer = Self::new(settings, Secret::connect(source)?, table, clock);
        match tokio::time::timeout(START_TIMEOUT, signer.key()).await {
            Ok(Ok(_)) => {}
            Ok(Err(error)) => tracing::warn!(cause = error.cause(), "no signing key yet"),
            Err(_) => tracing::warn!("no signing key yet: start-up does not wait for it"),
        }
        Ok(signer)
    }

    /// A signer that reads its secret with `client`, and hands over from one key to the next as
    /// `change` leaves it.
    #[cfg(any(test, feature = "test-util"))]
    #[must_use]
    pub fn with_client(
        settings: &Settings,
        client: aws_sdk_secretsmanager::Client,
        table: Table,
        clock: Clock,
        change: impl FnOnce(&mut Handover),
    ) -> Self {
        let secret = Secret::in_secrets_manager(client);
        let mut signer = Self::new(settings, secret, table, clock);
        change(&mut signer.handover);
        signer
    }

    fn new(settings: &Settings, secret: Secret, table: Table, clock: Clock) -> Self {
        Self {
            secret,
            key_set: KeySet::new(table),
            clock,
            access_token_lifetime: settings.access_token_lifetime,
            refresh_token_lifetime: settings.refresh_token_lifetime,
            longest_token_lifetime: settings.longest_token_lifetime(),
            handover: Handover {
                publicity: PUBLICITY,
                retirement: CHECK_MAX_AGE + PUBLICITY + settings.longest_token_lifetime() + LEEWAY,
            },
            current: Mutex::new(None),
        }
    }

    /// Makes sure that a token can be issued, before anything is written that needs one.
    ///
    /// # Errors
    /// [`ApiError::Unavailable`] if the secret cannot be read or the key not be published.
    pub async fn ready(&self) -> Result<(), ApiError> {
        self.key().await.map(|_| ())
    }

    /// The terms of a new refresh token.
    #[must_use]
    pub fn new_refresh_terms(&self) -> RefreshTerms {
        let issued_at = self.clock.now();
        let expires_at = issued_at.plus(self.refresh_token_lifetime);
        RefreshTerms { id: TokenId::new(&self.clock), issued_at, expires_at }
    }

    /// Issues an access token.
    ///
    /// # Errors
    /// [`ApiError::Unavailable`] if the secret cannot be read or the key not be published.
    pub async fn access_token(&self, subject: Subject) -> Result<AccessToken, ApiError> {
        let issued_at = self.clock.now();
        let expires_at = issued_at.plus(self.access_token_lifetime);
        let claims = claims(TokenKind::Access, subject, TokenId::new(&self.clock), issued_at, expires_at);
        self.sign(&claims).await.map(AccessToken)
    }

    /// Issues the refresh token of `terms`: with the same key, always the same text.
    ///
    /// # Errors
    /// [`ApiError::Unavailable`] if the secret cannot be read or the key not be published.
    pub async fn refresh_token(&self, subject: Subject, terms: RefreshTerms) -> Result<RefreshToken, ApiError> {
        let RefreshTerms { id, issued_at, expires_at } = terms;
        self.sign(&claims(TokenKind::Refresh, subject, id, issued_at, expires_at)).await.map(RefreshToken)
    }

    async fn sign(&self, claims: &Claims) -> Result<String, ApiError> {
        let key = self.key().await?;
        let mut header = Header::new(Algorithm::EdDSA);
        header.typ = Some(claims.token_type.header_type().to_owned());
        header.kid = Some(key.public_key().id().to_owned());
        encode(&header, claims, &key.encoding_key).map_err(|error| ApiError::Internal(Cause::new(error)))
    }

    /// The key to sign with: one that verifiers can find, and that had not been replaced five minutes
    /// ago.
    async fn key(&self) -> Result<Arc<SigningKey>, ApiError> {
        let mut current = self.current.lock().await;
        let known = current.clone().map(|known| known.at(self.clock.now()));
        let key = match known {
            Some(known) if self.is_fresh(&known) => known,
            known => self.check(known).await?,
        };
        Ok(current.insert(key).key.clone())
    }

    fn is_fresh(&self, current: &Current) -> bool {
        self.secret.never_changes() || self.clock.now() < current.check_again_at
    }

    /// Reads the secret and the key set again. While the secret cannot be read, the key that is known
    /// goes on, unless another signer has replaced it and its tokens would end early.
    async fn check(&self, known: Option<Current>) -> Result<Current, ApiError> {
        let now = self.clock.now();
        let (secret, keys) = tokio::join!(self.secret.read(), self.key_set.load());
        let keys = keys?;
        match (secret, known) {
            (Ok(secret), known) => {
                let key = SigningKey::derive(secret.expose_secret().as_bytes()).map_err(ApiError::Internal)?;
                self.hand_over(known, Arc::new(key), &keys, now.plus(CHECK_MAX_AGE)).await
            }
            (Err(error), Some(known)) if self.outlives_its_tokens(&known.key, &keys, now.plus(READ_PAUSE)) => {
                tracing::warn!(cause = error.cause(), "the signing secret cannot be read again");
                Ok(Current { check_again_at: now.plus(READ_PAUSE), ..known })
            }
            (Err(error), _) => Err(error),
        }
    }

    /// Publishes `key` where it is not the current one; a signer that had read an older secret may
    /// have replaced it. Until it may be used, the key that is known goes on, or everybody waits.
    async fn hand_over(
        &self,
        known: Option<Current>,
        key: Arc<SigningKey>,
        keys: &[PublicKey],
        check_again_at: Timestamp,
    ) -> Result<Current, ApiError> {
        let signs_from = self.key_set.publish(key.public_key(), keys, self.handover, &self.clock).await?;
        let now = self.clock.now();
        // Not longer than a new key takes, however far a clock is off.
        let wait = signs_from.map_or(Duration::ZERO, |from| from.since(now).min(self.handover.publicity));
        if wait.is_zero() {
            return Ok(Current { key, next: None, check_again_at });
        }
        let usable_at = now.plus(wait);
        match known {
            Some(known) if self.outlives_its_tokens(&known.key, keys, usable_at) => {
                Ok(Current { key: known.key, next: Some((key, usable_at)), check_again_at })
            }
            _ => {
                self.clock.sleep(wait).await;
                Ok(Current { key, next: None, check_again_at })
            }
        }
    }

    /// Whether `key` verifies longer than any token lives that is signed until `end`. A signer that
    /// was frozen for hours may still have one that does not.
    fn outlives_its_tokens(&self, key: &SigningKey, keys: &[PublicKey], end: Timestamp) -> bool {
        let last_expiry = end.plus(self.longest_token_lifetime).plus(LEEWAY);
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
    use crate::jwt::Verifier;
    use crate::testing::TestTable;

    use secrecy::SecretString;

    const SECRET: &str = "0123456789abcdef0123456789abcdef";
    const NEXT_SECRET: &str = "fedcba9876543210fedcba9876543210";

    fn source(secret: &str) -> SigningSecretSource {
        SigningSecretSource::Value(SecretString::from(secret))
    }

    async fn signer(test: &TestTable, secret: &str) -> Signer {
        let settings = Settings::read(|_| None).unwrap();
        let secret = Secret::connect(source(secret)).unwrap();
        let signer = Signer::new(&settings, secret, test.table.clone(), test.clock.clone());
        signer.ready().await.unwrap();
        signer
    }

    async fn accepts(test: &TestTable, verifier: &Verifier, signer: &Signer) -> bool {
        let subject = test.subject(UserId::new(&test.clock));
        let token = signer.access_token(subject).await.unwrap();
        verifier.verify_access(token.expose()).await.is_ok()
    }

    #[tokio::test]
    async fn a_key_is_published_before_the_first_token_is_signed_with_it() {
        let test = TestTable::start().await;
        let signer = signer(&test, SECRET).await;
        let verifier = Verifier::start(test.table.clone(), test.clock.clone()).await;
        test.recorder.clear();
        assert!(accepts(&test, &verifier, &signer).await);
        assert!(test.recorder.requests().is_empty(), "both were ready after their start");
    }

    #[tokio::test]
    async fn a_key_that_is_published_already_costs_a_signer_one_read() {
        let test = TestTable::start().await;
        signer(&test, SECRET).await;
        test.recorder.clear();
        signer(&test, SECRET).await;
        let operations: Vec<_> = test.recorder.requests().into_iter().map(|r| r.operation).collect();
        assert_eq!(operations, ["Query"]);
    }

    #[tokio::test]
    async fn after_a_rotation_tokens_of_both_keys_are_good_until_the_old_ones_have_expired() {
        let test = TestTable::start().await;
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
        let test = TestTable::start().await;
        signer(&test, SECRET).await;
        signer(&test, NEXT_SECRET).await;
        let back = signer(&test, SECRET).await;
        let verifier = Verifier::start(test.table.clone(), test.clock.clone()).await;
        test.clock.advance(Duration::from_secs(365 * 24 * 60 * 60));
        assert!(accepts(&test, &verifier, &back).await);
    }

    #[tokio::test]
    async fn a_signer_that_cannot_publish_its_key_signs_nothing() {
        let test = TestTable::start().await;
        let missing = Table::new(test.table.client().clone(), "no-such-table");
        let settings = Settings::read(|_| None).unwrap();
        let signer = Signer::start(&settings, source(SECRET), missing, test.clock.clone()).await.unwrap();
        let subject = test.subject(UserId::new(&test.clock));
        assert!(matches!(signer.access_token(subject).await, Err(ApiError::Unavailable(_))));
    }
}
