//! The connection to the server: one connection pool, and our own rules for repeating requests.
//!
//! The client crate sees only answers of status 2xx, for two reasons. It would also repeat requests that were cut off,
//! for which the model generates, and the server bills, twice. And it would log the bodies of failures.

use std::sync::Arc;
use std::time::Duration;

use async_openai::Client;
use async_openai::config::{Config, OPENAI_API_BASE};
use async_openai::error::OpenAIError;
use async_openai::middleware::HttpRequestFactory;
use reqwest::header::HeaderMap;
use reqwest::{Response, Url, redirect};
use secrecy::SecretString;

use crate::error::ModelError;
use crate::openai::failure::failure;
use crate::openai::request::Length;
use crate::wire::{self, Server};
use domain::cause::Cause;

/// Shorter than any server's or network's own patience with a connection that is not used.
const IDLE_TIMEOUT: Duration = Duration::from_secs(30);

/// The connections to servers, which all of them can share.
pub(crate) fn http_client(connect_timeout: Duration) -> Result<reqwest::Client, Cause> {
    reqwest::Client::builder()
        // Whoever is at the other end may not send prompts elsewhere.
        .redirect(redirect::Policy::none())
        .connect_timeout(connect_timeout)
        .pool_idle_timeout(IDLE_TIMEOUT)
        .build()
        .map_err(Cause::new)
}

/// A client of `server`, which is at `base_url` or is OpenAI's own.
///
/// # Errors
/// [`Cause`] for an address that is none.
pub(super) fn client(http: reqwest::Client, base_url: Option<&str>, server: Server) -> Result<Client<Address>, Cause> {
    let base_url = base_url.unwrap_or(OPENAI_API_BASE);
    Url::parse(base_url).map_err(|error| Cause::because(&format!("is no address: {error}")))?;
    let server = Arc::new(server);
    let service = tower::service_fn({
        let http = http.clone();
        move |request| send(http.clone(), Arc::clone(&server), request)
    });
    Ok(Client::build(http, Address::new(base_url)).with_http_service(service))
}

/// Opens a connection to the server at `address`, and leaves it in the pool. HTTP's clients have no way to connect alone:
/// a `HEAD` of the server's root does, without a key and without a word of anybody's. Whatever the server answers, the
/// connection is open then.
///
/// A server without TLS is on the same machine or network, where a connection takes no time that is worth a request.
pub(super) async fn open_connection(http: &reqwest::Client, address: &Address) {
    let Some(root) = address.root().filter(|root| root.scheme() == "https") else { return };
    if let Err(error) = http.head(root).send().await {
        let cause = Cause::new(error.without_url());
        tracing::info!(%cause, "a provider's connection cannot be opened yet");
    }
}

/// Sends `request`, and again where the server says when.
async fn send(
    http: reqwest::Client,
    server: Arc<Server>,
    request: HttpRequestFactory,
) -> Result<Response, OpenAIError> {
    let make = || async { request.build().await.map_err(failure) };
    wire::send(&http, &server, make).await.map_err(boxed)
}

fn boxed(error: ModelError) -> OpenAIError {
    OpenAIError::Boxed(Box::new(error))
}

/// Where the server is. It adds no headers of its own: [`wire::send`] adds the key.
#[derive(Clone, Debug)]
pub(super) struct Address {
    base_url: String,
    no_key: SecretString,
}

impl Address {
    pub(super) fn new(base_url: &str) -> Self {
        Self { base_url: base_url.to_owned(), no_key: SecretString::default() }
    }

    /// The root of the server.
    fn root(&self) -> Option<Url> {
        Url::parse(&self.base_url).ok()?.join("/").ok()
    }

    /// Whether messages may have reasoning in them. OpenAI, whose models do not show theirs, refuses members that it does
    /// not know; others want it back with the results of tools.
    pub(super) fn reads_reasoning(&self) -> bool {
        !self.is_of_openai()
    }

    /// How this server wants to hear how long a reply may be.
    pub(super) fn length(&self, max_output_tokens: u32) -> Length {
        if self.is_of_openai() {
            Length::MaxCompletionTokens(max_output_tokens)
        } else {
            Length::MaxTokens(max_output_tokens)
        }
    }

    fn is_of_openai(&self) -> bool {
        self.base_url == OPENAI_API_BASE
    }
}

impl Config for Address {
    fn headers(&self) -> HeaderMap {
        HeaderMap::new()
    }

    fn url(&self, path: &str) -> String {
        format!("{}{path}", self.base_url)
    }

    fn query(&self) -> Vec<(&str, &str)> {
        Vec::new()
    }

    fn api_base(&self) -> &str {
        &self.base_url
    }

    fn api_key(&self) -> &SecretString {
        &self.no_key
    }
}
