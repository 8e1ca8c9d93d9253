//! Invocations of functions without a path, through the emulator.

use std::io;
use std::net::Ipv4Addr;

use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// Invokes a function as `cargo lambda invoke` does. In HTTP 1.0 the connection's end is the answer's, and there is no HTTP
/// client, for the reason that [`super::readiness`] gives.
pub(super) async fn invoke(port: u16, function: &str, event: &Value) -> io::Result<Value> {
    let mut connection = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await?;
    let body = event.to_string();
    let head = format!(
        "POST /2015-03-31/functions/{function}/invocations HTTP/1.0\r\nHost: 127.0.0.1:{port}\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    connection.write_all(head.as_bytes()).await?;
    connection.write_all(body.as_bytes()).await?;
    let mut answer = String::new();
    connection.read_to_string(&mut answer).await?;
    let body = answer.split_once("\r\n\r\n").map_or("", |(_, body)| body);
    serde_json::from_str(body).map_err(|_| io::Error::other("its answer is no JSON"))
}
