//! The secret that the private key is derived from.

use cloud::{SecretSource, StoredSecret};
use domain::cause::Cause;
use domain::setting::SettingError;
use secrecy::{ExposeSecret, SecretString};

use crate::error::IdentityError;

/// The source of the signing secret. A secret of fewer than [`SigningSecretSource::MIN_CHARACTERS`] is refused: a value
/// here, and a secret in Secrets Manager when it is read.
#[derive(Clone, Debug)]
pub struct SigningSecretSource(SecretSource);

impl SigningSecretSource {
    /// The fewest characters of a signing secret: 32 random characters have more than 128 bits.
    pub const MIN_CHARACTERS: usize = 32;

    /// The signing secret at `source`.
    ///
    /// # Errors
    /// [`SecretTooShort`] if `source` is a value with too few characters.
    pub fn new(source: SecretSource) -> Result<Self, SecretTooShort> {
        if let SecretSource::Value(secret) = &source {
            check_length(secret)?;
        }
        Ok(Self(source))
    }
}

/// A signing secret has fewer than [`SigningSecretSource::MIN_CHARACTERS`].
#[derive(Debug, thiserror::Error)]
#[error("must have at least {} characters", SigningSecretSource::MIN_CHARACTERS)]
pub struct SecretTooShort;

fn check_length(secret: &SecretString) -> Result<(), SecretTooShort> {
    if secret.expose_secret().chars().count() < SigningSecretSource::MIN_CHARACTERS {
        return Err(SecretTooShort);
    }
    Ok(())
}

/// The signing secret where it can be read again.
#[derive(Debug)]
pub(crate) struct SigningSecret(pub(crate) StoredSecret);

impl SigningSecret {
    pub(crate) fn connect(SigningSecretSource(source): SigningSecretSource) -> Result<Self, SettingError> {
        StoredSecret::connect(source).map(Self)
    }

    pub(crate) fn never_changes(&self) -> bool {
        self.0.never_changes()
    }

    pub(crate) async fn read(&self) -> Result<SecretString, IdentityError> {
        let secret = self.0.read().await?;
        check_length(&secret).map_err(|_| Cause::because("the signing secret is too short"))?;
        Ok(secret)
    }
}
