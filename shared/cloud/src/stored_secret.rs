//! Secrets, where they can be read again: Secrets Manager may have replaced them.

use aws_sdk_secretsmanager::error::SdkError;
use aws_sdk_secretsmanager::operation::get_secret_value::GetSecretValueError;
use domain::cause::Cause;
use domain::setting::SettingError;
use secrecy::SecretString;

use crate::{Service, configuration};

/// Where a secret is.
#[derive(Clone, Debug)]
pub enum SecretSource {
    /// The secret itself, as on a laptop.
    Value(SecretString),
    /// Its name in AWS Secrets Manager, as deployed.
    SecretsManager {
        /// The secret's ARN.
        arn: String,
    },
}

/// A secret that can be read again. It never prints.
#[derive(Debug)]
pub enum StoredSecret {
    /// The secret itself.
    Value(SecretString),
    /// Where Secrets Manager has it.
    SecretsManager {
        /// Reads it.
        client: aws_sdk_secretsmanager::Client,
        /// The secret's ARN.
        arn: String,
    },
}

impl StoredSecret {
    /// The secret at `source`. Nothing is sent before it is read.
    ///
    /// # Errors
    /// [`SettingError`] if AWS cannot be reached with what the environment says.
    pub fn connect(source: SecretSource) -> Result<Self, SettingError> {
        match source {
            SecretSource::Value(secret) => Ok(Self::Value(secret)),
            SecretSource::SecretsManager { arn } => {
                let client = aws_sdk_secretsmanager::Client::new(&configuration(Service::SecretsManager)?);
                Ok(Self::SecretsManager { client, arn })
            }
        }
    }

    /// Whether every reading gives the same secret.
    #[must_use]
    pub fn never_changes(&self) -> bool {
        matches!(self, Self::Value(_))
    }

    /// The secret as it is now.
    ///
    /// # Errors
    /// [`UnreadableSecret`] if Secrets Manager does not give it.
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

/// Secrets Manager did not give a secret.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct UnreadableSecret(pub Cause);
