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
use reqwest::header::{ACCEPT, AUTHORIZATION, HeaderMap};
use reqwest::{Response, Url, redirect};
use secrecy::SecretString;

use crate::error::ModelError;
use crate::openai::answer_body::{as_events, limited};
use crate::openai::authorization::Authorization;
use crate::openai::failure::{failure, transport};
use crate::openai::rejection::Rejection;
use crate::openai::request::Length;
use domain::cause::Cause;

/// Shorter than any server's or network's own patience with a connection that is not used.
const IDLE_TIMEOUT: Duration = Duration::from_secs(30);
const MAX_REPETITIONS: u32 = 2;
/// All waits for repetitions together: somebody is waiting for the reply.
const MAX_WAIT: Duration = Duration::from_secs(5);
/// The content type of a request that wants a stream.
pub(super) const EVENT_STREAM: &str = "text/event-stream";

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

/// A server: the headers that it is sent, and its key.
#[derive(Debug)]
pub(super) struct Server {
    pub(super) headers: HeaderMap,
    pub(super) authorization: Authorization,
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
    let mut remaining_wait = MAX_WAIT;
    let mut repetitions = 0;
    loop {
        let rejection = match attempt(&http, &server, &request).await.map_err(boxed)? {
            Ok(response) => return Ok(response),
            Err(rejection) => rejection,
        };
        match rejection.invites_after().filter(|wait| *wait <= remaining_wait && repetitions < MAX_REPETITIONS) {
            Some(wait) => {
                tracing::info!(?rejection, "asking the model again");
                tokio::time::sleep(wait).await;
                remaining_wait -= wait;
                repetitions += 1;
            }
            None => return Err(boxed(rejection.into())),
        }
    }
}

async fn attempt(
    http: &reqwest::Client,
    server: &Server,
    request: &HttpRequestFactory,
) -> Result<Result<Response, Rejection>, ModelError> {
    let mut request = request.build().await.map_err(failure)?;
    let headers = server.headers.iter().map(|(name, value)| (name.clone(), value.clone()));
    request.headers_mut().extend(headers);
    if let Some(authorization) = server.authorization.header().await? {
        request.headers_mut().insert(AUTHORIZATION, authorization);
    }
    let wants_events = request.headers().get(ACCEPT).is_some_and(|kind| kind == EVENT_STREAM);
    let response = http.execute(request).await.map_err(transport)?;
    if response.status().is_success() {
        return Ok(Ok(if wants_events { as_events(response) } else { limited(response) }));
    }
    let rejection = Rejection::read(response).await;
    if rejection.is_of_the_key() {
        server.authorization.was_refused().await;
    }
    Ok(Err(rejection))
}

fn boxed(error: ModelError) -> OpenAIError {
    OpenAIError::Boxed(Box::new(error))
}

/// Where the server is. It adds no headers of its own: [`send`] adds the key.
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
