//! A server that is asked in JSON.

use std::sync::Arc;

use futures_util::future::BoxFuture;
use reqwest::header::{ACCEPT, CONTENT_TYPE, HeaderValue};
use reqwest::{Response, Url};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::catalogue::Provider;
use crate::error::{ModelError, Refusal};
use crate::provider_keys::ProviderKeys;
use crate::wire::authorization::KeyHeader;
use crate::wire::connection::HttpClient;
use crate::wire::events::{Events, events};
use crate::wire::failure::{failed, transport, unreadable};
use crate::wire::sending::{EVENT_STREAM, Server, send};
use domain::cause::Cause;

/// The content type of requests, and of answers that come whole.
const JSON: &str = "application/json";

/// A server at its address.
#[derive(Debug)]
pub(crate) struct HttpProvider {
    base_url: String,
    server: Server,
}

impl HttpProvider {
    /// A `provider` of the catalogue, which is at `base_url` if the catalogue does not say where, and whose key is one of
    /// `keys`.
    ///
    /// # Errors
    /// [`Cause`] for an address or a header that is none.
    pub(crate) fn catalogued(
        http: &HttpClient,
        provider: &Provider,
        base_url: &str,
        key_header: KeyHeader,
        keys: &Arc<ProviderKeys>,
    ) -> Result<Self, Cause> {
        let base_url = provider.base_url.as_deref().unwrap_or(base_url).to_owned();
        let address = Url::parse(&base_url).map_err(|error| Cause::because(&format!("is no address: {error}")))?;
        let server = Server::catalogued(http.connection_to(&address), provider, key_header, keys)?;
        Ok(Self { base_url, server })
    }

    /// The same server, which is sent the header `name` unless the catalogue has another value for it.
    pub(crate) fn with_default_header(mut self, name: &'static str, value: HeaderValue) -> Self {
        self.server.headers.entry(name).or_insert(value);
        self
    }

    /// The opening of the connection to the server, or the look at one that has rested.
    pub(crate) fn opening(&self) -> Option<BoxFuture<'static, ()>> {
        self.server.connection.opening()
    }

    /// Sends `body` to `path`, and reads the whole answer.
    ///
    /// # Errors
    /// [`ModelError`] unless the answer has a status of 2xx and is an `A`.
    pub(crate) async fn whole<A: DeserializeOwned>(&self, path: &str, body: &impl Serialize) -> Result<A, ModelError> {
        let response = self.post(path, body, JSON).await?;
        parsed(&response.bytes().await.map_err(transport)?)
    }

    /// The same, where `read` makes the answer of a body that may have megabytes. It is there once: it is read into one place
    /// as it comes.
    ///
    /// # Errors
    /// [`ModelError`] unless the answer has a status of 2xx, and as `read`.
    pub(crate) async fn whole_by<A>(
        &self,
        path: &str,
        body: &impl Serialize,
        read: impl FnOnce(&[u8]) -> Result<A, ModelError>,
    ) -> Result<A, ModelError> {
        let mut response = self.post(path, body, JSON).await?;
        let mut json = Vec::new();
        while let Some(bytes) = response.chunk().await.map_err(transport)? {
            json.extend_from_slice(&bytes);
        }
        read(&json)
    }

    /// Sends `body` to `path`, and reads the answer event by event. One that comes whole, in JSON, is one event.
    ///
    /// # Errors
    /// [`ModelError`] unless the answer has a status of 2xx.
    pub(crate) async fn events(&self, path: &str, body: &impl Serialize) -> Result<Events, ModelError> {
        Ok(events(self.post(path, body, EVENT_STREAM).await?))
    }

    async fn post(&self, path: &str, body: &impl Serialize, accept: &'static str) -> Result<Response, ModelError> {
        let unwritable = |error| ModelError::Refused { refusal: Refusal::Unsaid, cause: Cause::new(error) };
        let body = serde_json::to_vec(body).map_err(unwritable)?;
        let request = self.server.connection.http.post(format!("{}{path}", self.base_url)).body(body);
        let request = request.header(CONTENT_TYPE, JSON).header(ACCEPT, accept).build().map_err(transport)?;
        // A body of bytes can be sent again.
        let again = || request.try_clone().ok_or_else(|| failed("the request cannot be sent"));
        send(&self.server, || async { again() }).await
    }
}

/// The JSON in the body of an answer.
///
/// # Errors
/// [`ModelError::Failed`] if it is none that the protocol has. Nothing of what the server sent is in its words.
pub(crate) fn parsed<'de, A: Deserialize<'de>>(json: &'de [u8]) -> Result<A, ModelError> {
    serde_json::from_slice(json).map_err(|error| unreadable(&error))
}
