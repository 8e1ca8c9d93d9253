//! Waits until every function of the API answers.

use std::collections::BTreeSet;
use std::io;
use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use super::checks::Plan;
use super::error::LaunchError;
use super::lock::lock;
use super::progress::{PERIOD, say_every};

/// Time to start a process of each function from a slow disk. Everything is compiled already.
const READY_LIMIT: Duration = Duration::from_mins(2);

const ATTEMPT_LIMIT: Duration = Duration::from_secs(20);
const RETRY_DELAY: Duration = Duration::from_millis(100);

type Waiting = Arc<Mutex<BTreeSet<String>>>;

/// Sends a request to each function with a path, and waits for any answer.
pub(super) async fn wait_for_functions(plan: &Plan) -> Result<(), LaunchError> {
    let waiting = Waiting::default();
    let mut answers = JoinSet::new();
    for function in &plan.functions {
        let Some(route) = function.routes.first() else { continue };
        lock(&waiting).insert(function.binary.clone());
        let path = route.path.replace('{', "%7B").replace('}', "%7D");
        answers.spawn(wait_for_function(plan.port, path, function.binary.clone(), Arc::clone(&waiting)));
    }
    let all = tokio::time::timeout(READY_LIMIT, answers.join_all());
    let names = || lock(&waiting).iter().cloned().collect::<Vec<_>>().join(", ");
    match say_every(PERIOD, all, || format!("waiting for {}", names())).await {
        Ok(_) => Ok(()),
        Err(_) => Err(LaunchError::NotReady { functions: names(), limit: READY_LIMIT }),
    }
}

async fn wait_for_function(port: u16, path: String, binary: String, waiting: Waiting) {
    while !matches!(tokio::time::timeout(ATTEMPT_LIMIT, ask(port, &path)).await, Ok(Ok(()))) {
        tokio::time::sleep(RETRY_DELAY).await;
    }
    lock(&waiting).remove(&binary);
}

/// Asks with a method that every function answers without a request to the database. Without an HTTP client: a client
/// for this one request would bring TLS into the launcher, and delay its first line by minutes.
async fn ask(port: u16, path: &str) -> io::Result<()> {
    let mut connection = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await?;
    let request = format!("OPTIONS {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\n\r\n");
    connection.write_all(request.as_bytes()).await?;
    let mut answer = [0; b"HTTP/1.1 ".len()];
    connection.read_exact(&mut answer).await?;
    if answer.starts_with(b"HTTP/1.") { Ok(()) } else { Err(io::ErrorKind::InvalidData.into()) }
}
