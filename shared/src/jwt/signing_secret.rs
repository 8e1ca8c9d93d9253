//! The secret that the private key is derived from.

use secrecy::{ExposeSecret, SecretString};

use crate::error::ApiError;
use crate::settings::SigningSecretSource;
use cloud::SecretSource;
use cloud::StoredSecret;
use domain::cause::Cause;
use domain::setting::SettingError;

/// The signing secret, where it can be read again.
#[derive(Debug)]
pub(super) struct Secret(pub(super) StoredSecret);

impl Secret {
    pub(super) fn connect(source: SigningSecretSource) -> Result<Self, SettingError> {
        StoredSecret::connect(SecretSource::from(source)).map(Self)
    }

    #[cfg(any(test, feature = "test-util"))]
    pub(super) fn in_secrets_manager(client: aws_sdk_secretsmanager::Client) -> Self {
        Self(StoredSecret::SecretsManager { client, arn: "secret".to_owned() })
    }

    pub(super) fn never_changes(&self) -> bool {
        self.0.never_changes()
    }

    pub(super) async fn read(&self) -> Result<SecretString, ApiError> {
        let secret = self.0.read().await?;
        if secret.expose_secret().chars().count() < SigningSecretSource::MIN_CHARACTERS {
            return Err(ApiError::Internal(Cause::because("the signing secret is too short")));
        }
        Ok(secret)
    }
}
