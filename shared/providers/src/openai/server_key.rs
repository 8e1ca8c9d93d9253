//! The server's API key, which is read again when the server refuses it.

use std::time::Duration;

use reqwest::header::HeaderValue;
use secrecy::ExposeSecret;
use tokio::sync::Mutex;
use tokio::time::{Instant, timeout};

use crate::error::ModelError;
use cloud::{SecretSource, StoredSecret, UnreadableSecret};
use domain::cause::Cause;
use domain::setting::SettingError;

/// How long a function's start waits for the key. Later it is read by the first request.
const FIRST_READ_LIMIT: Duration = Duration::from_millis(500);
/// However often the server refuses the key, Secrets Manager is asked no more often.
const READ_INTERVAL: Duration = Duration::from_secs(60);

/// The key, if the server asks for one. It never prints.
#[derive(Debug)]
pub(super) struct ServerKey {
    stored: Option<StoredSecret>,
    known: Mutex<Option<KnownKey>>,
}

#[derive(Debug)]
struct KnownKey {
    authorization: HeaderValue,
    read_at: Instant,
    is_refused: bool,
}

impl ServerKey {
    pub(super) async fn connect(source: Option<SecretSource>) -> Result<Self, SettingError> {
        let key = Self::new(source.map(StoredSecret::connect).transpose()?);
        match timeout(FIRST_READ_LIMIT, key.authorization()).await {
            Ok(Ok(_)) => {}
            Ok(Err(error)) => tracing::warn!(%error, "the model's API key cannot be read yet"),
            Err(_) => tracing::warn!("the model's API key is not there yet"),
        }
        Ok(key)
    }

    pub(super) fn new(stored: Option<StoredSecret>) -> Self {
        Self { stored, known: Mutex::default() }
    }

    /// The header `Authorization`, if there is a key.
    pub(super) async fn authorization(&self) -> Result<Option<HeaderValue>, ModelError> {
        let Some(stored) = &self.stored else { return Ok(None) };
        let mut known = self.known.lock().await;
        match &mut *known {
            Some(known) if !known.is_due(stored) => return Ok(Some(known.authorization.clone())),
            Some(known) => {
                known.read_at = Instant::now();
                match read(stored).await {
                    Ok(authorization) => known.renew(authorization),
                    Err(error) => tracing::warn!(%error, "the model's API key cannot be read again"),
                }
            }
            None => *known = Some(KnownKey::new(read(stored).await?)),
        }
        Ok(known.as_ref().map(|known| known.authorization.clone()))
    }

    /// The server refused what [`ServerKey::authorization`] gave.
    pub(super) async fn was_refused(&self) {
        if let Some(known) = &mut *self.known.lock().await {
            known.is_refused = true;
        }
    }
}

impl KnownKey {
    fn new(authorization: HeaderValue) -> Self {
        Self { authorization, read_at: Instant::now(), is_refused: false }
    }

    fn is_due(&self, stored: &StoredSecret) -> bool {
        self.is_refused && !stored.never_changes() && self.read_at.elapsed() >= READ_INTERVAL
    }

    fn renew(&mut self, authorization: HeaderValue) {
        *self = Self::new(authorization);
    }
}

async fn read(stored: &StoredSecret) -> Result<HeaderValue, ModelError> {
    let unreadable = |UnreadableSecret(cause)| ModelError::Unavailable { retry_after: None, cause };
    let key = stored.read().await.map_err(unreadable)?;
    // Whoever saves a key from an editor saves its last line break too.
    let authorization = HeaderValue::from_str(&format!("Bearer {}", key.expose_secret().trim()));
    let mut authorization = authorization
        .map_err(|_| ModelError::Misconfigured(Cause::because("the API key cannot be sent in a header")))?;
    authorization.set_sensitive(true);
    Ok(authorization)
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use aws_sdk_secretsmanager::config::{BehaviorVersion, Region};
    use aws_smithy_runtime_api::client::http::{
        HttpConnector, HttpConnectorFuture, SharedHttpConnector, http_client_fn,
    };
    use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
    use serde_json::json;

    use super::*;

    /// A Secrets Manager that holds one key, or none that may be read. It counts how often it is asked.
    #[derive(Clone, Debug, Default)]
    struct Store(Arc<Mutex<(Option<&'static str>, usize)>>);

    impl Store {
        fn put(&self, key: Option<&'static str>) {
            self.0.lock().unwrap().0 = key;
        }

        fn reads(&self) -> usize {
            self.0.lock().unwrap().1
        }

        fn key(&self) -> ServerKey {
            let connector = SharedHttpConnector::new(self.clone());
            let configuration = aws_sdk_secretsmanager::Config::builder()
                .behavior_version(BehaviorVersion::latest())
                .region(Region::new("us-east-1"))
                .allow_no_auth()
                .endpoint_url("http://secrets.invalid")
                .http_client(http_client_fn(move |_, _| connector.clone()))
                .build();
            let client = aws_sdk_secretsmanager::Client::from_conf(configuration);
            ServerKey::new(Some(StoredSecret::SecretsManager { client, arn: "key".to_owned() }))
        }
    }

    impl HttpConnector for Store {
        fn call(&self, _request: HttpRequest) -> HttpConnectorFuture {
            let mut stored = self.0.lock().unwrap();
            stored.1 += 1;
            let (status, body) = match stored.0 {
                Some(key) => (200, json!({"SecretString": key})),
                // Of a kind that the SDK does not repeat, which would take time.
                None => (400, json!({"__type": "AccessDeniedException", "message": "not now"})),
            };
            HttpConnectorFuture::ready(Ok(HttpResponse::new(status.try_into().unwrap(), body.to_string().into())))
        }
    }

    async fn sent(key: &ServerKey) -> Result<String, ModelError> {
        Ok(key.authorization().await?.unwrap().to_str().unwrap().to_owned())
    }

    #[tokio::test(start_paused = true)]
    async fn a_key_that_is_refused_is_read_again_but_at_most_once_a_minute() {
        let store = Store::default();
        store.put(Some("old"));
        let key = store.key();
        assert_eq!(sent(&key).await.unwrap(), "Bearer old");
        store.put(Some("new"));
        tokio::time::advance(READ_INTERVAL).await;
        assert_eq!((sent(&key).await.unwrap().as_str(), store.reads()), ("Bearer old", 1), "nobody refused it");
        key.was_refused().await;
        assert_eq!((sent(&key).await.unwrap().as_str(), store.reads()), ("Bearer new", 2));
        key.was_refused().await;
        sent(&key).await.unwrap();
        assert_eq!(store.reads(), 2, "within the minute");
        tokio::time::advance(READ_INTERVAL).await;
        sent(&key).await.unwrap();
        assert_eq!(store.reads(), 3);
    }

    #[tokio::test(start_paused = true)]
    async fn a_key_that_cannot_be_read_is_asked_for_by_the_next_request() {
        let store = Store::default();
        let key = store.key();
        assert!(matches!(sent(&key).await, Err(ModelError::Unavailable { .. })));
        store.put(Some("late"));
        assert_eq!(sent(&key).await.unwrap(), "Bearer late");
    }

    #[tokio::test(start_paused = true)]
    async fn a_refused_key_stays_in_use_until_there_is_another() {
        let store = Store::default();
        store.put(Some("old"));
        let key = store.key();
        sent(&key).await.unwrap();
        store.put(None);
        key.was_refused().await;
        tokio::time::advance(READ_INTERVAL).await;
        assert_eq!((sent(&key).await.unwrap().as_str(), store.reads()), ("Bearer old", 2));
        sent(&key).await.unwrap();
        assert_eq!(store.reads(), 2, "a failure too is waited for");
        store.put(Some("new"));
        tokio::time::advance(READ_INTERVAL).await;
        assert_eq!(sent(&key).await.unwrap(), "Bearer new");
    }

    #[tokio::test(start_paused = true)]
    async fn a_key_never_prints() {
        let store = Store::default();
        store.put(Some("swordfish"));
        let key = store.key();
        sent(&key).await.unwrap();
        assert!(!format!("{key:?}").contains("swordfish"));
    }
}
