//! The HTTP client of all AWS clients: HTTP/1.1 over connections that are kept, with one configuration of TLS.
//!
//! The SDK's own client (aws-smithy-http-client 1.5) does the same and more, and no feature leaves the rest out: HTTP/2,
//! proxies, the system's certificates (docs/decisions/cold-starts.md).

use std::collections::HashMap;
use std::error::Error;
use std::fmt::Debug;
use std::iter;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use aws_smithy_runtime_api::client::connection::{CaptureSmithyConnection, ConnectionMetadata};
use aws_smithy_runtime_api::client::http::{
    HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient, SharedHttpConnector, http_client_fn,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_types::body::SdkBody;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::connect::{
    CaptureConnection, Connect, Connected, HttpConnector as TcpConnector, capture_connection,
};
use hyper_util::client::legacy::{self, Client};
use hyper_util::rt::{TokioExecutor, TokioTimer};
use rustls::crypto::aws_lc_rs;
use rustls::{ClientConfig, RootCertStore};
use tower::ServiceExt;
use tower::timeout::Timeout;
use tower::timeout::error::Elapsed;

/// For clients that set no timeout for a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// The connections to a host that are kept while nobody uses them.
#[derive(Clone, Copy, Debug)]
pub struct KeptConnections {
    /// The most of them.
    pub most: usize,
    /// Longest rest of each.
    pub idle_timeout: Duration,
}

impl KeptConnections {
    /// All of them, as long as the SDK's own client keeps them. A request that finds its connection closed is sent again.
    pub const ALL: Self = Self { most: usize::MAX, idle_timeout: Duration::from_secs(90) };
}

/// A client that trusts the authorities in `roots`. Clients of services with the same timeout for a connection share their
/// connections.
///
/// It knows no timeout for reading: the clients of [`configuration`](crate::configuration) have one for each attempt.
///
/// # Errors
/// [`rustls::Error`] if TLS cannot be set up.
pub fn http_client(roots: RootCertStore, kept: KeptConnections) -> Result<SharedHttpClient, rustls::Error> {
    let https = https_connector(roots)?;
    let connectors: Mutex<HashMap<Duration, SharedHttpConnector>> = Mutex::default();
    Ok(http_client_fn(move |settings: &HttpConnectorSettings, _| {
        let timeout = settings.connect_timeout().unwrap_or(CONNECT_TIMEOUT);
        let mut connectors = connectors.lock().unwrap_or_else(PoisonError::into_inner);
        connectors.entry(timeout).or_insert_with(|| pooled_connector(https.clone(), timeout, kept)).clone()
    }))
}

fn https_connector(roots: RootCertStore) -> Result<HttpsConnector<TcpConnector>, rustls::Error> {
    let tls = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    let mut tcp = TcpConnector::new();
    tcp.enforce_http(false);
    tcp.set_nodelay(true);
    Ok(HttpsConnectorBuilder::new().with_tls_config(tls).https_or_http().enable_http1().wrap_connector(tcp))
}

/// A pool of connections. Each is open within `timeout`, its TLS included.
fn pooled_connector(
    https: HttpsConnector<TcpConnector>,
    timeout: Duration,
    kept: KeptConnections,
) -> SharedHttpConnector {
    let connect = Timeout::new(https, timeout).map_future(Box::pin);
    let mut client = Client::builder(TokioExecutor::new());
    client.pool_timer(TokioTimer::new()).pool_max_idle_per_host(kept.most).pool_idle_timeout(kept.idle_timeout);
    SharedHttpConnector::new(PooledConnector(client.build(connect)))
}

#[derive(Debug)]
struct PooledConnector<C>(Client<C, SdkBody>);

impl<C: Connect + Clone + Debug + Send + Sync + 'static> HttpConnector for PooledConnector<C> {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let mut request = match request.try_into_http1x() {
            Ok(request) => request,
            Err(error) => return HttpConnectorFuture::ready(Err(ConnectorError::user(error.into()))),
        };
        let connection = capture_connection(&mut request);
        if let Some(capture) = request.extensions().get::<CaptureSmithyConnection>() {
            capture.set_connection_retriever(move || metadata(connection.clone()));
        }
        let response = self.0.request(request);
        HttpConnectorFuture::new(async move {
            let response = response.await.map_err(connector_error)?.map(SdkBody::from_body_1_x);
            HttpResponse::try_from(response).map_err(|error| ConnectorError::other(error.into(), None))
        })
    }
}

/// The way to close a connection after its request: the SDK does so after an error that passes.
fn metadata(connection: CaptureConnection) -> Option<ConnectionMetadata> {
    connection.connection_metadata().as_ref()?;
    let poison = move || connection.connection_metadata().iter().for_each(Connected::poison);
    Some(ConnectionMetadata::builder().proxied(false).poison_fn(poison).build())
}

/// Both kinds are repeated by the SDK, unless the client forbids it.
fn connector_error(error: legacy::Error) -> ConnectorError {
    let mut chain = iter::successors(error.source(), |error| (*error).source());
    if chain.any(<dyn Error>::is::<Elapsed>) {
        ConnectorError::timeout(error.into())
    } else {
        ConnectorError::io(error.into())
    }
}

#[cfg(test)]
mod tests;
