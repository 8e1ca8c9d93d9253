//! A server on loopback that follows a script. It can also do what no mock can: close a connection too early, or say
//! nothing more.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::AbortHandle;

use crate::doors::case::Script;
use crate::doors::server::{Ending, Served, Server};

/// Longer than any deadline of a case.
const SILENCE: Duration = Duration::from_secs(30);

/// A running server. Models are told apart by the provider's names for them.
pub struct ScriptedServer {
    pub server: Arc<dyn Server>,
    port: u16,
    state: Arc<Mutex<State>>,
    task: AbortHandle,
}

#[derive(Default)]
struct State {
    scripts: BTreeMap<String, Script>,
    arrived: BTreeMap<String, Vec<Value>>,
}

impl ScriptedServer {
    pub async fn start(server: Arc<dyn Server>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let state = Arc::<Mutex<State>>::default();
        let (speaker, known) = (Arc::clone(&server), Arc::clone(&state));
        let task = tokio::spawn(async move {
            while let Ok((connection, _)) = listener.accept().await {
                let (speaker, known) = (Arc::clone(&speaker), Arc::clone(&known));
                tokio::spawn(async move { serve(connection, &*speaker, &known).await });
            }
        });
        Self { server, port, state, task: task.abort_handle() }
    }

    pub fn address(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// From now on the model does this.
    pub fn play(&self, model: &str, script: &Script) {
        self.state.lock().unwrap().scripts.insert(model.to_owned(), script.clone());
    }

    /// The bodies that arrived for the model since this was asked last.
    pub fn arrived(&self, model: &str) -> Vec<Value> {
        self.state.lock().unwrap().arrived.remove(model).unwrap_or_default()
    }
}

impl Drop for ScriptedServer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(mut connection: TcpStream, server: &dyn Server, state: &Mutex<State>) -> io::Result<()> {
    let (path, body) = read(&mut connection).await?;
    if body.is_empty() {
        // A client that opens its connection before there is a request.
        return connection.shutdown().await;
    }
    let body: Value = serde_json::from_slice(&body).unwrap_or_else(|error| panic!("{path}: {error}"));
    let (model, streamed) = server.asked(&path, &body);
    let script = {
        let mut state = state.lock().unwrap();
        state.arrived.entry(model.clone()).or_default().push(body);
        state.scripts[&model].clone()
    };
    write(&mut connection, server.answer(&script, streamed)).await
}

/// The path and the body of the one request of a connection.
async fn read(connection: &mut TcpStream) -> io::Result<(String, Vec<u8>)> {
    let mut bytes = Vec::new();
    let head_bytes = loop {
        if let Some(at) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            break at + 4;
        }
        if connection.read_buf(&mut bytes).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    };
    let head = String::from_utf8_lossy(&bytes[..head_bytes]).to_lowercase();
    let lengths = head.lines().find_map(|line| line.strip_prefix("content-length:"));
    let body_bytes: usize = lengths.map_or(0, |length| length.trim().parse().unwrap());
    while bytes.len() < head_bytes + body_bytes {
        if connection.read_buf(&mut bytes).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
    let first_line = String::from_utf8_lossy(&bytes[..head_bytes]).lines().next().unwrap_or_default().to_owned();
    let path = first_line.split(' ').nth(1).unwrap_or_default().to_owned();
    Ok((path, bytes.split_off(head_bytes)))
}

async fn write(connection: &mut TcpStream, served: Served) -> io::Result<()> {
    let Served { status, headers, content_type, body, ending } = served;
    if ending == Ending::NoHead {
        tokio::time::sleep(SILENCE).await;
        return Ok(());
    }
    // A byte that never comes makes a cut or a silence of the end.
    let length = body.len() + usize::from(ending != Ending::Whole);
    let headers: Vec<String> = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    let head = format!(
        "HTTP/1.1 {status} -\r\nContent-Type: {content_type}\r\n{}Connection: close\r\nContent-Length: {length}\r\n\r\n",
        headers.concat()
    );
    connection.write_all(&[head.into_bytes(), body].concat()).await?;
    connection.flush().await?;
    if ending == Ending::Silence {
        tokio::time::sleep(SILENCE).await;
    }
    connection.shutdown().await
}
