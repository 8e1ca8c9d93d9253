//! The API keys of providers: one secret, a JSON object of names and keys.

use std::collections::BTreeMap;
use std::sync::Arc;

use http::HeaderValue;
use serde_json::Value;

use crate::error::ModelError;
use crate::renewable_secret::RenewableSecret;
use cloud::SecretSource;
use domain::cause::Cause;
use domain::setting::SettingError;

/// The keys of all providers. They never print.
#[derive(Debug)]
pub struct ProviderKeys(Option<RenewableSecret<Arc<NamedKeys>>>);

/// The header `Authorization` of each key.
type NamedKeys = BTreeMap<String, HeaderValue>;

impl ProviderKeys {
    /// The keys in the secret at `source`, read if it can be read at once. Without a secret there are none.
    ///
    /// # Errors
    /// [`SettingError`] if Secrets Manager cannot be reached with the environment's settings.
    pub async fn connect(source: Option<SecretSource>) -> Result<Self, SettingError> {
        Ok(Self(match source {
            Some(source) => Some(RenewableSecret::connect("PROVIDER_KEYS", source, named_keys).await?),
            None => None,
        }))
    }

    /// The header `Authorization` with the key `name`. A key that is not there is looked for again after a minute.
    pub(crate) async fn authorization(&self, name: &str) -> Result<HeaderValue, ModelError> {
        let missing =
            |problem: &str| ModelError::Misconfigured(Cause::because(&format!("the API key {name} {problem}")));
        let Some(secret) = &self.0 else {
            return Err(missing("is not there, because PROVIDER_KEYS is not set"));
        };
        if let Some(key) = secret.keys().await?.get(name) {
            return Ok(key.clone());
        }
        secret.was_refused().await;
        secret.keys().await?.get(name).cloned().ok_or_else(|| missing("is not in the secret of keys"))
    }

    /// A server refused a key. All of them are read again, at most once a minute.
    pub(crate) async fn was_refused(&self) {
        if let Some(secret) = &self.0 {
            secret.was_refused().await;
        }
    }
}

/// The keys in the text of a secret.
fn named_keys(text: &str) -> Result<Arc<NamedKeys>, &'static str> {
    // The error of serde_json may quote the text.
    let Ok(Value::Object(members)) = serde_json::from_str(text) else {
        return Err("is no JSON object of names and keys");
    };
    let keys = members.into_iter().map(|(name, key)| {
        let key = key.as_str().ok_or("has a key that is no text")?;
        Ok((name, bearer(key)?))
    });
    keys.collect::<Result<_, _>>().map(Arc::new)
}

/// The header `Authorization` with `key`.
pub(crate) fn bearer(key: &str) -> Result<HeaderValue, &'static str> {
    // Whoever saves a key from an editor saves its last line break too.
    let authorization = HeaderValue::from_str(&format!("Bearer {}", key.trim()));
    let mut authorization = authorization.map_err(|_| "cannot be sent in a header")?;
    authorization.set_sensitive(true);
    Ok(authorization)
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn keys(text: &str) -> ProviderKeys {
        ProviderKeys::connect(Some(SecretSource::Value(text.into()))).await.unwrap()
    }

    async fn problem(keys: &ProviderKeys, name: &str) -> String {
        match keys.authorization(name).await {
            Err(ModelError::Misconfigured(cause)) => cause.as_str().to_owned(),
            other => panic!("{other:?}"),
        }
    }

    #[tokio::test]
    async fn each_provider_is_sent_the_key_of_its_name() {
        let keys = keys(r#"{"openai": "sk-1\n", "openrouter": "or-2"}"#).await;
        assert_eq!(keys.authorization("openai").await.unwrap(), "Bearer sk-1");
        assert_eq!(keys.authorization("openrouter").await.unwrap(), "Bearer or-2");
    }

    #[tokio::test]
    async fn a_key_that_is_not_there_is_the_operators_to_mend_and_nothing_is_sent_without_it() {
        let named = "the API key azure is not in the secret of keys";
        assert_eq!(problem(&keys(r#"{"openai": "sk-1"}"#).await, "azure").await, named);
        let without = ProviderKeys::connect(None).await.unwrap();
        assert_eq!(
            problem(&without, "azure").await,
            "the API key azure is not there, because PROVIDER_KEYS is not set"
        );
    }

    #[tokio::test]
    async fn a_secret_that_is_no_object_of_texts_is_the_operators_to_mend_and_is_not_quoted() {
        for (text, expected) in [
            ("swordfish", "is no JSON object of names and keys"),
            ("[\"swordfish\"]", "is no JSON object of names and keys"),
            ("{\"openai\": {\"key\": \"swordfish\"}}", "has a key that is no text"),
            ("{\"openai\": \"swordfish\\nof two lines\"}", "cannot be sent in a header"),
        ] {
            assert_eq!(problem(&keys(text).await, "openai").await, format!("PROVIDER_KEYS {expected}"));
        }
    }

    #[tokio::test]
    async fn keys_never_print() {
        let keys = keys(r#"{"openai": "swordfish"}"#).await;
        keys.authorization("openai").await.unwrap();
        assert!(!format!("{keys:?}").contains("swordfish"));
    }
}
