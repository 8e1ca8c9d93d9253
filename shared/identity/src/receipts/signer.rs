//! Issuing receipts.

use std::sync::Arc;
use std::time::Duration;

use domain::setting::SettingError;
use domain::time::{Clock, Timestamp};
use ledger::history::ReadTransaction;
use secrecy::ExposeSecret;
use store::Table;
use tokio::sync::Mutex;

use crate::error::IdentityError;
use crate::jwt::{SigningSecret, SigningSecretSource};
use crate::receipts::public_keys::ReceiptKeys;
use crate::receipts::receipt::{Receipt, SignedReceipt};
use crate::receipts::receipt_key::ReceiptKey;

/// The time after which the secret is read again.
const CHECK_MAX_AGE: Duration = Duration::from_secs(5 * 60);
/// The time between a failed reading of the secret and the next one.
const READ_PAUSE: Duration = Duration::from_secs(30);
/// The limit on reading the secret at start-up. Lambda waits for the start; the first receipt reads it otherwise.
const START_TIMEOUT: Duration = Duration::from_millis(700);

/// Issues receipts, with a key that everybody can find before the first receipt is out.
///
/// A key is never retired. So a new one signs as soon as it is published, and while the secret cannot be read again the known
/// one goes on.
#[derive(Debug)]
pub struct ReceiptSigner {
    secret: SigningSecret,
    keys: ReceiptKeys,
    clock: Clock,
    current: Mutex<Option<CurrentReceiptKey>>,
}

/// The key in use, which is published.
#[derive(Clone, Debug)]
struct CurrentReceiptKey {
    key: Arc<ReceiptKey>,
    check_again_at: Timestamp,
}

impl ReceiptSigner {
    /// A signer with the secret of `source`. It reads the secret and publishes the key now if secret and table answer at
    /// once, and otherwise when the first receipt is issued.
    ///
    /// # Errors
    /// [`SettingError`] if AWS cannot be reached with what the environment says.
    pub async fn start(source: SigningSecretSource, table: Table, clock: Clock) -> Result<Self, SettingError> {
        let signer = Self::new(SigningSecret::connect(source)?, table, clock);
        match tokio::time::timeout(START_TIMEOUT, signer.key()).await {
            Ok(Ok(_)) => {}
            Ok(Err(error)) => tracing::warn!(cause = %error, "no key for receipts yet"),
            Err(_) => tracing::warn!("no key for receipts yet: start-up does not wait for it"),
        }
        Ok(signer)
    }

    /// A signer with any secret.
    #[cfg(any(test, feature = "test-util"))]
    #[must_use]
    pub fn with_secret(secret: cloud::StoredSecret, table: Table, clock: Clock) -> Self {
        Self::new(SigningSecret(secret), table, clock)
    }

    fn new(secret: SigningSecret, table: Table, clock: Clock) -> Self {
        Self { secret, keys: ReceiptKeys::new(table), clock, current: Mutex::default() }
    }

    /// Issues the receipt of a transaction that was read.
    ///
    /// # Errors
    /// [`IdentityError::Unavailable`] if the secret cannot be read or the key cannot be published.
    pub async fn sign(&self, read: &ReadTransaction) -> Result<SignedReceipt, IdentityError> {
        let key = self.key().await?;
        Ok(key.sign(&Receipt::of(read, self.clock.now()))?)
    }

    /// The key to sign with. Everybody can find it.
    async fn key(&self) -> Result<Arc<ReceiptKey>, IdentityError> {
        let mut current = self.current.lock().await;
        if let Some(known) = current.as_ref().filter(|known| self.is_fresh(known)) {
            return Ok(known.key.clone());
        }
        let checked = self.check(current.as_ref()).await?;
        Ok(current.insert(checked).key.clone())
    }

    fn is_fresh(&self, known: &CurrentReceiptKey) -> bool {
        self.secret.never_changes() || self.clock.now() < known.check_again_at
    }

    /// Reads the secret again, and publishes its key if that is another one.
    async fn check(&self, known: Option<&CurrentReceiptKey>) -> Result<CurrentReceiptKey, IdentityError> {
        let now = self.clock.now();
        match (self.secret.read().await, known) {
            (Ok(secret), known) => {
                let key = ReceiptKey::derive(secret.expose_secret().as_bytes())?;
                if known.is_none_or(|known| known.key.public_key().id() != key.public_key().id()) {
                    self.keys.publish(key.public_key(), &self.clock).await?;
                }
                Ok(CurrentReceiptKey { key: Arc::new(key), check_again_at: now.plus(CHECK_MAX_AGE) })
            }
            (Err(error), Some(known)) => {
                tracing::warn!(cause = %error, "the secret of receipts cannot be read again");
                Ok(CurrentReceiptKey { check_again_at: now.plus(READ_PAUSE), ..known.clone() })
            }
            (Err(error), None) => Err(error),
        }
    }
}

#[cfg(test)]
mod tests;
