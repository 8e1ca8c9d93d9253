//! The client of a server, with our own rules for repeating requests.
//!
//! The client crate sees only answers of status 2xx, for two reasons. It would also repeat requests that were cut off,
//! for which the model generates, and the server bills, twice. And it would log the bodies of failures.

use std::sync::Arc;

use async_openai::Client;
use async_openai::config::{Config, OPENAI_API_BASE};
use async_openai::error::OpenAIError;
use async_openai::middleware::HttpRequestFactory;
use reqwest::header::HeaderMap;
use reqwest::{Response, Url};
use secrecy::SecretString;

use crate::error::ModelError;
use crate::openai::failure::failure;
use crate::openai::request::Length;
use crate::wire::{self, Server};
use domain::cause::Cause;

/// A client of the server at `address`.
pub(super) fn client(address: Address, server: Server) -> Client<Address> {
    let http = server.connection.http.clone();
    let server = Arc::new(server);
    let service = tower::service_fn(move |request| send(Arc::clone(&server), request));
    Client::build(http, address).with_http_service(service)
}

/// Sends `request`, and again where the server says when.
async fn send(server: Arc<Server>, request: HttpRequestFactory) -> Result<Response, OpenAIError> {
    let make = || async { request.build().await.map_err(failure) };
    wire::send(&server, make).await.map_err(boxed)
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
    /// The address `base_url`, or OpenAI's own.
    pub(super) fn new(base_url: Option<&str>) -> Self {
        Self { base_url: base_url.unwrap_or(OPENAI_API_BASE).to_owned(), no_key: SecretString::default() }
    }

    /// The address as a URL.
    ///
    /// # Errors
    /// [`Cause`] if it is none.
    pub(super) fn parsed(&self) -> Result<Url, Cause> {
        Url::parse(&self.base_url).map_err(|error| Cause::because(&format!("is no address: {error}")))
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
