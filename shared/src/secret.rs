//! Secrets, where they can be read again: Secrets Manager may have replaced them.

use aws_sdk_secretsmanager::error::SdkError;
use aws_sdk_secretsmanager::operation::get_secret_value::GetSecretValueError;
use secrecy::SecretString;

use crate::aws::{self, Service};
use crate::error::{ApiError, Cause};
use crate::settings::{SecretSource, SettingError};

/// A secret that can be read again. It never prints.
#[derive(Debug)]
pub(crate) enum StoredSecret {
    Value(SecretString),
    SecretsManager { client: aws_sdk_secretsmanager::Client, arn: String },
}

impl StoredSecret {
    /// The secret at `source`. Nothing is sent before it is read.
    ///
    /// # Errors
    /// [`SettingError`] if AWS cannot be reached with what the environment says.
    pub(crate) fn connect(source: SecretSource) -> Result<Self, SettingError> {
        match source {
            SecretSource::Value(secret) => Ok(Self::Value(secret)),
            SecretSource::SecretsManager { arn } => {
                let client = aws_sdk_secretsmanager::Client::new(&aws::configuration(Service::SecretsManager)?);
                Ok(Self::SecretsManager { client, arn })
            }
        }
    }

    pub(crate) fn never_changes(&self) -> bool {
        matches!(self, Self::Value(_))
    }

    /// The secret as it is now.
    ///
    /// # Errors
    /// [`ApiError::Unavailable`] if Secrets Manager does not give it.
    pub(crate) async fn read(&self) -> Result<SecretString, ApiError> {
        let (client, arn) = match self {
            Self::Value(secret) => return Ok(secret.clone()),
            Self::SecretsManager { client, arn } => (client, arn),
        };
        let answer = client.get_secret_value().secret_id(arn).send().await.map_err(unreadable)?;
        Ok(SecretString::from(answer.secret_string.unwrap_or_default()))
    }
}

fn unreadable(error: SdkError<GetSecretValueError>) -> ApiError {
    ApiError::Unavailable(Cause::new(error))
}
