//! The client before servers on the loopback interface, in order and not.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::*;

const TIMEOUT: Duration = Duration::from_millis(200);

fn connector() -> SharedHttpConnector {
    pooled_connector(https_connector(RootCertStore::empty()).unwrap(), TIMEOUT, KeptConnections::ALL)
}

/// A server that treats each of its connections in the same way, and counts them.
async fn server<F>(treat: impl Fn(TcpStream) -> F + Send + 'static) -> (SocketAddr, Arc<AtomicUsize>)
where
    F: Future<Output = ()> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let connections = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&connections);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            count.fetch_add(1, Ordering::Relaxed);
            tokio::spawn(treat(stream));
        }
    });
    (address, connections)
}

/// Answers each request, which has no body.
async fn answer(mut stream: TcpStream) {
    let mut request = Vec::new();
    while let Ok(byte) = stream.read_u8().await {
        request.push(byte);
        if request.ends_with(b"\r\n\r\n") {
            stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await.unwrap();
            request.clear();
        }
    }
}

fn request(address: &str) -> HttpRequest {
    let mut request = HttpRequest::empty();
    request.set_uri(address.to_owned()).unwrap();
    request
}

async fn error_of(address: &str) -> ConnectorError {
    connector().call(request(address)).await.unwrap_err()
}

fn is_of_connecting(error: &ConnectorError) -> bool {
    let mut chain = iter::successors(error.source(), |error| (*error).source());
    chain.any(|error| error.downcast_ref::<legacy::Error>().is_some_and(legacy::Error::is_connect))
}

/// Sends a request, reads the answer, and returns the way to its connection.
async fn connection_of(connector: &SharedHttpConnector, address: &str) -> ConnectionMetadata {
    let capture = CaptureSmithyConnection::new();
    let mut request = request(address);
    request.add_extension(capture.clone());
    let response = connector.call(request).await.unwrap();
    assert_eq!(response.status().as_u16(), 200);
    // The connection is free again when its task has run.
    tokio::time::sleep(Duration::from_millis(20)).await;
    capture.get().unwrap()
}

#[tokio::test]
async fn a_connection_is_kept_until_the_sdk_finds_it_broken() {
    let (address, connections) = server(answer).await;
    let (connector, address) = (connector(), format!("http://{address}/"));
    connection_of(&connector, &address).await;
    let kept = connection_of(&connector, &address).await;
    assert_eq!(connections.load(Ordering::Relaxed), 1);
    kept.poison();
    connection_of(&connector, &address).await;
    assert_eq!(connections.load(Ordering::Relaxed), 2);
}

#[tokio::test]
async fn an_address_where_nobody_listens_is_an_error_of_connecting() {
    let address = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let error = error_of(&format!("http://{address}/")).await;
    assert!(error.is_io() && is_of_connecting(&error), "{error:?}");
}

#[tokio::test]
async fn a_server_that_never_says_a_word_of_tls_has_a_time_limit() {
    let (address, _) = server(|stream| async move {
        tokio::time::sleep(TIMEOUT * 10).await;
        drop(stream);
    })
    .await;
    let error = error_of(&format!("https://{address}/")).await;
    assert!(error.is_timeout() && is_of_connecting(&error), "{error:?}");
}

#[tokio::test]
async fn a_connection_that_breaks_under_a_request_is_none_of_connecting() {
    let (address, _) = server(|mut stream| async move {
        stream.read_u8().await.unwrap();
    })
    .await;
    let error = error_of(&format!("http://{address}/")).await;
    assert!(error.is_io() && !is_of_connecting(&error), "{error:?}");
}
