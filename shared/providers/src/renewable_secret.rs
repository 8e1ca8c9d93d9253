//! A secret of API keys, which is read again when a server refuses one of them.

use std::fmt;
use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use tokio::sync::Mutex;
use tokio::time::{Instant, timeout};

use crate::error::ModelError;
use cloud::{SecretSource, StoredSecret, UnreadableSecret};
use domain::cause::Cause;
use domain::setting::SettingError;

/// How long a function's start waits for the secret. Later it is read by the first request.
const FIRST_READ_LIMIT: Duration = Duration::from_millis(500);
/// However often a server refuses a key, Secrets Manager is asked no more often.
const READ_INTERVAL: Duration = Duration::from_secs(60);

/// A secret, and the keys in it once it is read. They never print.
#[derive(Debug)]
pub(crate) struct RenewableSecret<K> {
    /// The setting that holds or names the secret, for the log.
    name: &'static str,
    stored: StoredSecret,
    parse: Parse<K>,
    known: Mutex<Option<KnownSecret<K>>>,
}

/// The keys in a secret, or a predicate that says why it has none, as in "is empty". It does not quote the secret.
type Parse<K> = fn(&str) -> Result<K, &'static str>;

/// The keys in a secret, as they were last read.
struct KnownSecret<K> {
    keys: Result<K, &'static str>,
    read_at: Instant,
    is_refused: bool,
}

impl<K: Clone> RenewableSecret<K> {
    /// The secret of the setting `name`, which is at `source`. It is read if it can be read at once.
    ///
    /// # Errors
    /// [`SettingError`] if Secrets Manager cannot be reached with the environment's settings.
    pub(crate) async fn connect(
        name: &'static str,
        source: SecretSource,
        parse: Parse<K>,
    ) -> Result<Self, SettingError> {
        let secret = Self::new(name, StoredSecret::connect(source)?, parse);
        match timeout(FIRST_READ_LIMIT, secret.keys()).await {
            Ok(Ok(_)) => {}
            Ok(Err(error)) => tracing::warn!(secret = name, %error, "a secret of API keys cannot be read yet"),
            Err(_) => tracing::warn!(secret = name, "a secret of API keys takes too long to read: the start goes on"),
        }
        Ok(secret)
    }

    pub(crate) fn new(name: &'static str, stored: StoredSecret, parse: Parse<K>) -> Self {
        Self { name, stored, parse, known: Mutex::default() }
    }

    /// The keys. They are read if they are not known, and also if one of them [`RenewableSecret::was_refused`].
    ///
    /// # Errors
    /// [`ModelError::Unavailable`] if the secret cannot be read and never could, [`ModelError::Misconfigured`] if it is
    /// not what it should be.
    pub(crate) async fn keys(&self) -> Result<K, ModelError> {
        let secret = self.name;
        let mut known = self.known.lock().await;
        match &mut *known {
            Some(known) if !known.is_due(&self.stored) => {}
            Some(known) => {
                known.read_at = Instant::now();
                match self.read().await {
                    Ok(read) => known.renew(secret, read),
                    Err(error) => tracing::warn!(secret, %error, "a secret of API keys cannot be read again"),
                }
            }
            None => *known = Some(self.read().await?),
        }
        let keys = known.as_ref().map_or(Err("has no key"), |known| known.keys.clone());
        keys.map_err(|problem| ModelError::Misconfigured(Cause::because(&format!("{secret} {problem}"))))
    }

    /// A server refused one of the keys that [`RenewableSecret::keys`] gave, or one that is needed is not among them.
    pub(crate) async fn was_refused(&self) {
        if let Some(known) = &mut *self.known.lock().await {
            known.is_refused = true;
        }
    }

    async fn read(&self) -> Result<KnownSecret<K>, ModelError> {
        let unreadable = |UnreadableSecret(cause)| ModelError::Unavailable { retry_after: None, cause };
        let secret: SecretString = self.stored.read().await.map_err(unreadable)?;
        let keys = (self.parse)(secret.expose_secret());
        Ok(KnownSecret { is_refused: keys.is_err(), keys, read_at: Instant::now() })
    }
}

impl<K> KnownSecret<K> {
    fn is_due(&self, stored: &StoredSecret) -> bool {
        self.is_refused && !stored.never_changes() && self.read_at.elapsed() >= READ_INTERVAL
    }

    /// Keys stay in use until there are others: a secret that was saved with a mistake changes nothing.
    fn renew(&mut self, secret: &'static str, read: Self) {
        match &read.keys {
            Err(problem) if self.keys.is_ok() => {
                tracing::warn!(secret, problem, "a secret of API keys was saved with a mistake");
            }
            _ => *self = read,
        }
    }
}

impl<K> fmt::Debug for KnownSecret<K> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("KnownSecret").field("is_refused", &self.is_refused).finish_non_exhaustive()
    }
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

        fn secret(&self) -> RenewableSecret<String> {
            let connector = SharedHttpConnector::new(self.clone());
            let configuration = aws_sdk_secretsmanager::Config::builder()
                .behavior_version(BehaviorVersion::latest())
                .region(Region::new("us-east-1"))
                .allow_no_auth()
                .endpoint_url("http://secrets.invalid")
                .http_client(http_client_fn(move |_, _| connector.clone()))
                .build();
            let client = aws_sdk_secretsmanager::Client::from_conf(configuration);
            let stored = StoredSecret::SecretsManager { client, arn: "key".to_owned() };
            RenewableSecret::new("API_KEY", stored, |text| {
                if text == "broken" { Err("is broken") } else { Ok(text.to_owned()) }
            })
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

    #[tokio::test(start_paused = true)]
    async fn a_key_that_is_refused_is_read_again_but_at_most_once_a_minute() {
        let store = Store::default();
        store.put(Some("old"));
        let key = store.secret();
        assert_eq!(key.keys().await.unwrap(), "old");
        store.put(Some("new"));
        tokio::time::advance(READ_INTERVAL).await;
        assert_eq!((key.keys().await.unwrap().as_str(), store.reads()), ("old", 1), "nobody refused it");
        key.was_refused().await;
        assert_eq!((key.keys().await.unwrap().as_str(), store.reads()), ("new", 2));
        key.was_refused().await;
        key.keys().await.unwrap();
        assert_eq!(store.reads(), 2, "within the minute");
        tokio::time::advance(READ_INTERVAL).await;
        key.keys().await.unwrap();
        assert_eq!(store.reads(), 3);
    }

    #[tokio::test(start_paused = true)]
    async fn a_key_that_cannot_be_read_is_asked_for_by_the_next_request() {
        let store = Store::default();
        let key = store.secret();
        assert!(matches!(key.keys().await, Err(ModelError::Unavailable { .. })));
        store.put(Some("late"));
        assert_eq!(key.keys().await.unwrap(), "late");
    }

    #[tokio::test(start_paused = true)]
    async fn a_refused_key_stays_in_use_until_there_is_another() {
        let store = Store::default();
        store.put(Some("old"));
        let key = store.secret();
        key.keys().await.unwrap();
        store.put(None);
        key.was_refused().await;
        tokio::time::advance(READ_INTERVAL).await;
        assert_eq!((key.keys().await.unwrap().as_str(), store.reads()), ("old", 2));
        key.keys().await.unwrap();
        assert_eq!(store.reads(), 2, "a failure too is waited for");
        store.put(Some("new"));
        tokio::time::advance(READ_INTERVAL).await;
        assert_eq!(key.keys().await.unwrap(), "new");
    }

    #[tokio::test(start_paused = true)]
    async fn a_broken_secret_is_read_once_a_minute_and_changes_nothing_where_there_were_keys() {
        let store = Store::default();
        store.put(Some("broken"));
        let key = store.secret();
        for _ in 0..3 {
            let error = key.keys().await.unwrap_err();
            assert!(
                matches!(&error, ModelError::Misconfigured(cause) if cause.as_str() == "API_KEY is broken"),
                "{error}"
            );
        }
        assert_eq!(store.reads(), 1);
        store.put(Some("mended"));
        tokio::time::advance(READ_INTERVAL).await;
        assert_eq!(key.keys().await.unwrap(), "mended");
        store.put(Some("broken"));
        key.was_refused().await;
        tokio::time::advance(READ_INTERVAL).await;
        assert_eq!((key.keys().await.unwrap().as_str(), store.reads()), ("mended", 3));
    }

    #[tokio::test(start_paused = true)]
    async fn a_key_never_prints() {
        let store = Store::default();
        store.put(Some("swordfish"));
        let key = store.secret();
        key.keys().await.unwrap();
        assert!(!format!("{key:?}").contains("swordfish"));
    }
}
