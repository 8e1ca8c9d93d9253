//! The API key that a server is sent.

use std::sync::Arc;

use reqwest::header::HeaderValue;

use crate::error::ModelError;
use crate::provider_keys::{ProviderKeys, bearer};
use crate::renewable_secret::RenewableSecret;
use cloud::SecretSource;
use domain::setting::SettingError;

/// The key of a server, at its place. It never prints.
#[derive(Debug)]
pub(crate) enum Authorization {
    /// The server asks for no key.
    None,
    /// The key is a secret of its own.
    OfTheSettings(RenewableSecret<HeaderValue>),
    /// The key has a name in the secret of keys.
    Named {
        /// All keys.
        keys: Arc<ProviderKeys>,
        /// The name of the server's.
        name: String,
    },
}

impl Authorization {
    /// The key at `source`, read if it can be read at once.
    pub(crate) async fn of_the_settings(source: Option<SecretSource>) -> Result<Self, SettingError> {
        Ok(match source {
            Some(source) => Self::OfTheSettings(RenewableSecret::connect("OPENAI_API_KEY", source, bearer).await?),
            None => Self::None,
        })
    }

    /// The header `Authorization`, if the server asks for a key.
    pub(crate) async fn header(&self) -> Result<Option<HeaderValue>, ModelError> {
        Ok(match self {
            Self::None => None,
            Self::OfTheSettings(secret) => Some(secret.keys().await?),
            Self::Named { keys, name } => Some(keys.authorization(name).await?),
        })
    }

    /// The server refused what [`Authorization::header`] gave.
    pub(crate) async fn was_refused(&self) {
        match self {
            Self::None => {}
            Self::OfTheSettings(secret) => secret.was_refused().await,
            Self::Named { keys, .. } => keys.was_refused().await,
        }
    }
}
