//! The API key that a server is sent.

use std::sync::Arc;

use reqwest::header::{AUTHORIZATION, HeaderName, HeaderValue};

use crate::error::ModelError;
use crate::provider_keys::{ProviderKeys, bearer};
use crate::renewable_secret::RenewableSecret;
use cloud::SecretSource;
use domain::setting::SettingError;

/// Where a protocol has the key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum KeyHeader {
    /// In `Authorization`, as a bearer token.
    Bearer,
    /// In `X-Api-Key`, by itself.
    ApiKey,
}

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

    /// The header with the key at its place, if the server asks for a key.
    pub(crate) async fn header(&self, place: KeyHeader) -> Result<Option<(HeaderName, HeaderValue)>, ModelError> {
        let bearer = match self {
            Self::None => return Ok(None),
            Self::OfTheSettings(secret) => secret.keys().await?,
            Self::Named { keys, name } => keys.authorization(name).await?,
        };
        Ok(Some(match place {
            KeyHeader::Bearer => (AUTHORIZATION, bearer),
            KeyHeader::ApiKey => (HeaderName::from_static("x-api-key"), key_of(&bearer)),
        }))
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

/// The key in the header `Authorization`.
fn key_of(bearer: &HeaderValue) -> HeaderValue {
    let key = bearer.as_bytes().strip_prefix(b"Bearer ").unwrap_or_default();
    // A part of a header's value is one, so nothing can fail.
    let mut key = HeaderValue::from_bytes(key).unwrap_or_else(|_| HeaderValue::from_static(""));
    key.set_sensitive(true);
    key
}
