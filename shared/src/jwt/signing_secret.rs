//! The secret that the private key is derived from.

use aws_sdk_secretsmanager::error::SdkError;
use aws_sdk_secretsmanager::operation::get_secret_value::GetSecretValueError;
use secrecy::SecretString;

use crate::error::{ApiError, Cause};
use crate::settings::SigningSecretSource;
use crate::table::aws_configuration;

/// The signing secret, where it can be read again.
#[derive(Debug)]
pub(super) enum Secret {
    Value(SecretString),
    SecretsManager { client: aws_sdk_secretsmanager::Client, arn: String },
}

impl Secret {
    pub(super) async fn connect(source: SigningSecretSource) -> Self {
        match source {
            SigningSecretSource::Value(secret) => Self::Value(secret),
            SigningSecretSource::SecretsManager { arn } => {
                let client = aws_sdk_secretsmanager::Client::new(&aws_configuration().await);
                Self::SecretsManager { client, arn }
            }
        }
    }

    pub(super) fn never_changes(&self) -> bool {
        matches!(self, Self::Value(_))
    }

    pub(super) async fn read(&self) -> Result<SecretString, ApiError> {
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
