//! Requests on their way to a server, and our own rules for repeating them.

use std::sync::Arc;
use std::time::Duration;

use reqwest::header::{ACCEPT, HeaderMap, HeaderName, HeaderValue};
use reqwest::{Request, Response};

use crate::catalogue::Provider;
use crate::error::ModelError;
use crate::provider_keys::ProviderKeys;
use crate::wire::answer_body::{as_events, limited};
use crate::wire::authorization::{Authorization, KeyHeader};
use crate::wire::connection::Connection;
use crate::wire::failure::transport;
use crate::wire::rejection::Rejection;
use domain::cause::Cause;

const MAX_REPETITIONS: u32 = 2;
/// All waits for repetitions together: somebody is waiting for the reply.
const MAX_WAIT: Duration = Duration::from_secs(5);
/// The content type of a request that wants a stream.
pub(crate) const EVENT_STREAM: &str = "text/event-stream";

/// A server: the connection to it, the headers that it is sent, and its key.
#[derive(Debug)]
pub(crate) struct Server {
    pub(crate) connection: Connection,
    pub(crate) headers: HeaderMap,
    pub(crate) key_header: KeyHeader,
    pub(crate) authorization: Authorization,
}

impl Server {
    /// A `provider` of the catalogue at the other end of `connection`, whose key is one of `keys`.
    ///
    /// # Errors
    /// [`Cause`] for a header that is none.
    pub(crate) fn catalogued(
        connection: Connection,
        provider: &Provider,
        key_header: KeyHeader,
        keys: &Arc<ProviderKeys>,
    ) -> Result<Self, Cause> {
        let authorization = match &provider.key {
            Some(name) => Authorization::Named { keys: Arc::clone(keys), name: name.clone() },
            None => Authorization::None,
        };
        let mut headers = HeaderMap::new();
        for (name, value) in &provider.headers {
            let name = HeaderName::try_from(name).map_err(Cause::new)?;
            headers.insert(name, HeaderValue::try_from(value).map_err(Cause::new)?);
        }
        Ok(Self { connection, headers, key_header, authorization })
    }
}

/// Sends the request that `make` makes, and again where the server says when.
///
/// # Errors
/// [`ModelError`] unless the answer has a status of 2xx.
pub(crate) async fn send<M: Future<Output = Result<Request, ModelError>>>(
    server: &Server,
    make: impl Fn() -> M,
) -> Result<Response, ModelError> {
    let mut remaining_wait = MAX_WAIT;
    let mut repetitions = 0;
    loop {
        let rejection = match attempt(server, make().await?).await? {
            Ok(response) => return Ok(response),
            Err(rejection) => rejection,
        };
        match rejection.invites_after().filter(|wait| *wait <= remaining_wait && repetitions < MAX_REPETITIONS) {
            Some(wait) => {
                tracing::info!(?rejection, "asking the model again");
                tokio::time::sleep(wait).await;
                if let Some(opening) = server.connection.opening() {
                    opening.await;
                }
                remaining_wait -= wait;
                repetitions += 1;
            }
            None => return Err(rejection.into()),
        }
    }
}

async fn attempt(server: &Server, mut request: Request) -> Result<Result<Response, Rejection>, ModelError> {
    let headers = server.headers.iter().map(|(name, value)| (name.clone(), value.clone()));
    request.headers_mut().extend(headers);
    if let Some((name, key)) = server.authorization.header(server.key_header).await? {
        request.headers_mut().insert(name, key);
    }
    let wants_events = request.headers().get(ACCEPT).is_some_and(|kind| kind == EVENT_STREAM);
    let response = server.connection.send(request).await.map_err(transport)?;
    if response.status().is_success() {
        let last_use = server.connection.last_use.clone();
        return Ok(Ok(if wants_events { as_events(response, last_use) } else { limited(response, last_use) }));
    }
    let rejection = Rejection::read(response).await;
    if rejection.is_of_the_key() {
        server.authorization.was_refused().await;
    }
    Ok(Err(rejection))
}
