//! The connections to servers, which are kept from request to request.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use reqwest::{Request, Response, Url, redirect};

use crate::catalogue::MAX_PROVIDERS;
use crate::last_use::{LOOK_TIMEOUT, LastUse, MAX_LOOKS};
use domain::cause::Cause;
use domain::time::Clock;

/// Longest rest of a connection that is kept. AWS's gateways to the internet forget a connection after 350 s; of the providers'
/// fronts, Cloudflare keeps it for 400 s, nginx for 75, AWS's load balancers for 60.
const IDLE_TIMEOUT: Duration = Duration::from_secs(300);
/// A function answers one request at a time. A second connection would rest until it is closed, and nobody would look at it.
const MAX_IDLE: usize = 1;

/// A client of HTTP, which all servers with the same timeout for connecting share.
#[derive(Clone, Debug)]
pub(crate) struct HttpClient {
    http: reqwest::Client,
    clock: Clock,
    /// By the root of each server.
    last_uses: Arc<Mutex<BTreeMap<Url, LastUse>>>,
}

impl HttpClient {
    /// A client without connections.
    ///
    /// # Errors
    /// [`Cause`] if TLS cannot be set up.
    pub(crate) fn new(connect_timeout: Duration) -> Result<Self, Cause> {
        Self::timed_by(Clock::system(), connect_timeout)
    }

    pub(crate) fn timed_by(clock: Clock, connect_timeout: Duration) -> Result<Self, Cause> {
        let http = reqwest::Client::builder()
            // A server may not send prompts elsewhere.
            .redirect(redirect::Policy::none())
            .connect_timeout(connect_timeout)
            .pool_idle_timeout(IDLE_TIMEOUT)
            .pool_max_idle_per_host(MAX_IDLE)
            .build()
            .map_err(Cause::new)?;
        Ok(Self { http, clock, last_uses: Arc::default() })
    }

    /// The connection to the server at `address`, which models of this server share.
    pub(crate) fn connection_to(&self, address: &Url) -> Connection {
        // An address of HTTP has a root.
        let root = address.join("/").unwrap_or_else(|_| address.clone());
        let mut last_uses = self.last_uses.lock().unwrap_or_else(PoisonError::into_inner);
        if last_uses.len() >= MAX_PROVIDERS && !last_uses.contains_key(&root) {
            last_uses.clear();
        }
        let last_use = last_uses.entry(root.clone()).or_insert_with(|| LastUse::none_yet(self.clock.clone())).clone();
        Connection { http: self.http.clone(), root, last_use }
    }
}

/// The connection to one server. While it is in use, a second one is opened for another request.
#[derive(Clone, Debug)]
pub(crate) struct Connection {
    pub(crate) http: reqwest::Client,
    root: Url,
    pub(crate) last_use: LastUse,
}

impl Connection {
    /// Sends `request`, once: a request that was sent on a connection which turns out to be closed may have arrived. It is
    /// sent on another connection only where none of it had been sent yet.
    pub(crate) async fn send(&self, request: Request) -> reqwest::Result<Response> {
        let response = self.http.execute(request).await?;
        self.last_use.note();
        Ok(response)
    }

    /// The opening of a connection, or the look at one that has rested. `None`: the next request can do without.
    ///
    /// A server without TLS is on the same machine or network, where a first connection takes no time that is worth a
    /// request.
    pub(crate) fn opening(&self) -> Option<BoxFuture<'static, ()>> {
        let is_opened_early = self.root.scheme() == "https";
        self.last_use.begin_look(is_opened_early).then(|| self.clone().look().boxed())
    }

    /// Leaves an open connection in the pool. HTTP's clients have no way to connect alone: a `HEAD` of the server's root
    /// does, without a key and without a word of anybody's. Whatever the server answers, the connection is open then.
    async fn look(self) {
        for _ in 0..MAX_LOOKS {
            let answer = self.http.head(self.root.clone()).send();
            match tokio::time::timeout(LOOK_TIMEOUT, answer).await {
                Ok(Ok(_)) => return self.last_use.note(),
                Ok(Err(error)) if !error.is_connect() => {}
                Ok(Err(error)) => {
                    let cause = Cause::new(error.without_url());
                    tracing::info!(%cause, "a provider's connection cannot be opened yet");
                    break;
                }
                Err(_) => break,
            }
        }
        self.last_use.forget();
    }
}

#[cfg(test)]
mod tests;
