//! Requests on their way to a server, and our own rules for repeating them.

use std::time::Duration;

use reqwest::header::{ACCEPT, AUTHORIZATION, HeaderMap};
use reqwest::{Request, Response};

use crate::error::ModelError;
use crate::wire::answer_body::{as_events, limited};
use crate::wire::authorization::Authorization;
use crate::wire::connection::Connection;
use crate::wire::failure::transport;
use crate::wire::rejection::Rejection;

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
    pub(crate) authorization: Authorization,
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
    if let Some(authorization) = server.authorization.header().await? {
        request.headers_mut().insert(AUTHORIZATION, authorization);
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
