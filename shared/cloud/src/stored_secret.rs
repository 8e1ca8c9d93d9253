//! Secrets that can be read again, because Secrets Manager may have replaced them.

use aws_sdk_secretsmanager::error::SdkError;
use aws_sdk_secretsmanager::operation::get_secret_value::GetSecretValueError;
use domain::cause::Cause;
use domain::setting::SettingError;
use secrecy::SecretString;

use crate::{Service, configuration};

/// The place of a secret.
#[derive(Clone, Debug)]
pub enum SecretSource {
    /// The secret itself, as on a laptop.
    Value(SecretString),
    /// A secret in AWS Secrets Manager, as deployed.
    SecretsManager {
        /// The secret's ARN.
        arn: String,
    },
}

/// A secret at its place, with the client that reads it. It never prints.
#[derive(Debug)]
pub enum StoredSecret {
    /// The secret itself.
    Value(SecretString),
    /// A secret in AWS Secrets Manager.
    SecretsManager {
        /// The client that reads the secret.
        client: aws_sdk_secretsmanager::Client,
        /// The secret's ARN.
        arn: String,
    },
}

impl StoredSecret {
    /// The secret at `source`. Nothing is sent before the first read.
    ///
    /// # Errors
    /// [`SettingError`] for a setting of [`configuration`] that is missing or cannot be used.
    pub fn connect(source: SecretSource) -> Result<Self, SettingError> {
        match source {
            SecretSource::Value(secret) => Ok(Self::Value(secret)),
            SecretSource::SecretsManager { arn } => {
                let client = aws_sdk_secretsmanager::Client::new(&configuration(Service::SecretsManager)?);
                Ok(Self::SecretsManager { client, arn })
            }
        }
    }

    /// Whether every read returns the same secret.
    #[must_use]
    pub fn never_changes(&self) -> bool {
        matches!(self, Self::Value(_))
    }

    /// Reads the current secret.
    ///
    /// # Errors
    /// [`UnreadableSecret`] if Secrets Manager does not return it.
    pub async fn read(&self) -> Result<SecretString, UnreadableSecret> {
        let (client, arn) = match self {
            Self::Value(secret) => return Ok(secret.clone()),
            Self::SecretsManager { client, arn } => (client, arn),
        };
        let answer = client.get_secret_value().secret_id(arn).send().await.map_err(unreadable)?;
        Ok(SecretString::from(answer.secret_string.unwrap_or_default()))
    }
}

fn unreadable(error: SdkError<GetSecretValueError>) -> UnreadableSecret {
    UnreadableSecret(Cause::new(error))
}

/// The error of a secret that Secrets Manager did not return.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct UnreadableSecret(pub Cause);
