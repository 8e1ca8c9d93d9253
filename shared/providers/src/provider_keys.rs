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

/// The header `Authorization` of each key, or why it cannot be sent.
type NamedKeys = BTreeMap<String, Result<HeaderValue, &'static str>>;

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

    /// The header `Authorization` with the key `name`. A key that is not there, or cannot be sent, is looked for again
    /// after a minute.
    pub(crate) async fn authorization(&self, name: &str) -> Result<HeaderValue, ModelError> {
        let unusable =
            |problem: &str| ModelError::Misconfigured(Cause::because(&format!("the API key {name} {problem}")));
        let Some(secret) = &self.0 else {
            return Err(unusable("is not there, because PROVIDER_KEYS is not set"));
        };
        if let Some(Ok(key)) = secret.keys().await?.get(name) {
            return Ok(key.clone());
        }
        secret.was_refused().await;
        let key = secret.keys().await?.get(name).cloned();
        key.unwrap_or(Err("is not in the secret of keys")).map_err(unusable)
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
    // A mistake in one key leaves the others in use.
    let keys = members.into_iter().map(|(name, key)| (name, key.as_str().ok_or("is no text").and_then(bearer)));
    Ok(Arc::new(keys.collect()))
}

/// The header `Authorization` with `key`, or what is wrong with the key.
pub(crate) fn bearer(key: &str) -> Result<HeaderValue, &'static str> {
    // A key that was saved in an editor ends in a line break.
    let key = key.trim();
    if key.is_empty() {
        return Err("is empty");
    }
    let mut authorization =
        HeaderValue::from_str(&format!("Bearer {key}")).map_err(|_| "cannot be sent in a header")?;
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
    async fn a_secret_that_is_no_object_is_the_operators_to_mend_and_is_not_quoted() {
        for text in ["swordfish", "[\"swordfish\"]"] {
            let expected = "PROVIDER_KEYS is no JSON object of names and keys";
            assert_eq!(problem(&keys(text).await, "openai").await, expected);
        }
    }

    #[tokio::test]
    async fn a_bad_key_disables_only_itself_and_is_not_quoted() {
        for (bad, expected) in [
            (r#"{"key": "swordfish"}"#, "the API key openai is no text"),
            (r#""swordfish\nof two lines""#, "the API key openai cannot be sent in a header"),
            (r#""""#, "the API key openai is empty"),
            (r#"" \n""#, "the API key openai is empty"),
            ("null", "the API key openai is no text"),
        ] {
            let keys = keys(&format!(r#"{{"openai": {bad}, "openrouter": "or-2"}}"#)).await;
            assert_eq!(problem(&keys, "openai").await, expected);
            assert_eq!(keys.authorization("openrouter").await.unwrap(), "Bearer or-2");
        }
    }

    #[tokio::test]
    async fn keys_never_print() {
        let keys = keys(r#"{"openai": "swordfish"}"#).await;
        keys.authorization("openai").await.unwrap();
        assert!(!format!("{keys:?}").contains("swordfish"));
    }
}
