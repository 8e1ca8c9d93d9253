//! Issuing tokens.

use std::sync::Arc;
use std::time::Duration;

use aws_sdk_secretsmanager::error::SdkError;
use aws_sdk_secretsmanager::operation::get_secret_value::GetSecretValueError;
use jsonwebtoken::{Algorithm, Header, encode};
use secrecy::{ExposeSecret, SecretString};
use tokio::sync::Mutex;

use crate::error::{ApiError, Cause};
use crate::ids::{SessionId, TokenId, UserId};
use crate::jwt::claims::{Claims, ISSUER};
use crate::jwt::{AccessToken, KeySet, RefreshToken, SigningKey, TokenKind};
use crate::settings::{Settings, SigningSecretSource};
use crate::table::{Table, aws_configuration};
use crate::time::{Clock, Timestamp};

/// How long a signer goes on with the secret it has read: after a rotation, no token is signed
/// with the old key for longer.
const SECRET_MAX_AGE: Duration = Duration::from_secs(5 * 60);
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
    current: Mutex<Option<Current>>,
}

/// The key in use.
#[derive(Clone, Debug)]
struct Current {
    key: Arc<SigningKey>,
    read_again_at: Timestamp,
    is_published: bool,
}

impl Signer {
    /// A signer with the secret of `source`. It reads the secret and publishes the key now, if
    /// that can be done at once, and otherwise when the first token is issued.
    pub async fn start(settings: &Settings, source: SigningSecretSource, table: Table, clock: Clock) -> Self {
        let signer = Self::new(settings, Secret::connect(source).await, table, clock);
        match tokio::time::timeout(START_TIMEOUT, signer.key()).await {
            Ok(Ok(_)) => {}
            Ok(Err(error)) => tracing::warn!(cause = error.cause(), "no signing key yet"),
            Err(_) => tracing::warn!("no signing key yet: start-up does not wait for it"),
        }
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

    /// The key to sign with: of a secret read in the last five minutes, and published.
    async fn key(&self) -> Result<Arc<SigningKey>, ApiError> {
        let mut current = self.current.lock().await;
        let mut key = match current.clone() {
            Some(known) if self.is_fresh(&known) => known,
            known => self.renew(known).await?,
        };
        if !key.is_published {
            let retire_at = self.clock.now().plus(SECRET_MAX_AGE).plus(self.longest_token_lifetime);
            self.key_set.publish(key.key.public_key(), retire_at).await?;
            key.is_published = true;
        }
        Ok(current.insert(key).key.clone())
    }

    fn is_fresh(&self, current: &Current) -> bool {
        self.secret.never_changes() || self.clock.now() < current.read_again_at
    }

    /// Reads the secret again. While that fails, the key that is known goes on: more people are
    /// served by a token that may end early than by none.
    async fn renew(&self, known: Option<Current>) -> Result<Current, ApiError> {
        let now = self.clock.now();
        match (self.secret.read().await, known) {
            (Ok(secret), known) => {
                let key = SigningKey::derive(secret.expose_secret().as_bytes()).map_err(ApiError::Internal)?;
                let is_published = known
                    .is_some_and(|known| known.is_published && known.key.public_key().id() == key.public_key().id());
                Ok(Current { key: Arc::new(key), read_again_at: now.plus(SECRET_MAX_AGE), is_published })
            }
            (Err(error), Some(known)) => {
                tracing::warn!(cause = error.cause(), "the signing secret cannot be read again");
                Ok(Current { read_again_at: now.plus(READ_PAUSE), ..known })
            }
            (Err(error), None) => Err(error),
        }
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

/// The signing secret, where it can be read again.
#[derive(Debug)]
enum Secret {
    Value(SecretString),
    SecretsManager { client: aws_sdk_secretsmanager::Client, arn: String },
}

impl Secret {
    async fn connect(source: SigningSecretSource) -> Self {
        match source {
            SigningSecretSource::Value(secret) => Self::Value(secret),
            SigningSecretSource::SecretsManager { arn } => {
                let client = aws_sdk_secretsmanager::Client::new(&aws_configuration().await);
                Self::SecretsManager { client, arn }
            }
        }
    }

    fn never_changes(&self) -> bool {
        matches!(self, Self::Value(_))
    }

    async fn read(&self) -> Result<SecretString, ApiError> {
        let (client, arn) = match self {
            Self::Value(secret) => return Ok(secret.clone()),
            Self::SecretsManager { client, arn } => (client, arn),
        };
        let answer = client.get_secret_value().secret_id(arn).send().await.map_err(unreadable)?;
        let secret = answer.secret_string.unwrap_or_default();
        if secret.chars().count() < SigningSecretSource::MIN_CHARACTERS {
            return Err(ApiError::Internal(Cause::because("the signing secret is too short")));
        }
        Ok(SecretString::from(secret))
    }
}

fn unreadable(error: SdkError<GetSecretValueError>) -> ApiError {
    ApiError::Unavailable(Cause::new(error))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::jwt::Verifier;
    use crate::testing::TestTable;

    const SECRET: &str = "0123456789abcdef0123456789abcdef";
    const NEXT_SECRET: &str = "fedcba9876543210fedcba9876543210";

    fn source(secret: &str) -> SigningSecretSource {
        SigningSecretSource::Value(SecretString::from(secret))
    }

    async fn signer(test: &TestTable, secret: &str) -> Signer {
        let settings = Settings::read(|_| None).unwrap();
        let secret = Secret::connect(source(secret)).await;
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

        let settings = Settings::read(|_| None).unwrap();
        test.clock.advance(SECRET_MAX_AGE + settings.longest_token_lifetime());
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
        let signer = Signer::start(&settings, source(SECRET), missing, test.clock.clone()).await;
        let subject = test.subject(UserId::new(&test.clock));
        assert!(matches!(signer.access_token(subject).await, Err(ApiError::Unavailable(_))));
    }
}
