//! AWS's own host of a function: the Lambda Runtime Interface Emulator, which starts the binary and starts it anew when it
//! has ended. It takes one event at a time, waits for the end of a stream before it hands it on, and exists for Linux only.
//!
//! What it answers was found out by trying the one of aws-sam-cli 1.170.

use std::io;
use std::net::Ipv4Addr;
use std::path::Path;
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::Duration;

use axum::body::{Body, Bytes};
use reqwest::StatusCode;
use serde_json::Value;
use tokio::net::TcpStream;
use tokio::process::Command;
use tokio::sync::{Mutex, watch};

use super::process::Process;
use super::process_logs::ProcessLogs;
use super::reaper::Reaper;
use super::server::{Answer, Progress};
use super::stream::{self, Stream};
use super::{DEFAULT_TIMEOUT, InvocationFailure};
use local::background;

const INVOCATION_PORT: u16 = 2015;
const RUNTIME_API_PORT: u16 = 2018;

/// It says nothing when it begins to listen.
const START_CHECK_INTERVAL: Duration = Duration::from_millis(5);

/// No function can read it, so each says so without doing anything.
const EVENT_OF_NOTHING: &str = "no event";

/// The beginning of what it says, with the status 200, when the time of an event is up.
const TIMED_OUT: &[u8] = b"Task timed out";

pub(super) struct AwsEmulator {
    url: String,
    address: Ipv4Addr,
    client: reqwest::Client,
    progress: watch::Sender<Progress>,
    process: Process,
    reaper: Reaper,
    /// Two events at once it would refuse.
    line: Mutex<()>,
}

impl AwsEmulator {
    pub(super) fn start(
        program: &Path,
        binary: &Path,
        environment: impl Iterator<Item = (String, String)>,
        logs: &ProcessLogs,
    ) -> io::Result<Self> {
        let address = own_address();
        let invocation_address = format!("{address}:{INVOCATION_PORT}");
        let mut command = Command::new(program);
        command
            // Else the function's LOG_LEVEL would be its own.
            .args(["--log-level", "error"])
            .args(["--runtime-interface-emulator-address", &invocation_address])
            .args(["--runtime-api-address", &format!("{address}:{RUNTIME_API_PORT}")])
            .arg(binary)
            // Ctrl-C would end it before the reaper finds its children.
            .process_group(0);
        let timeout = ("AWS_LAMBDA_FUNCTION_TIMEOUT".to_owned(), DEFAULT_TIMEOUT.as_secs().to_string());
        let progress = watch::Sender::default();
        let client = reqwest::Client::builder().no_proxy().build().map_err(io::Error::other)?;
        let process = Process::start(&mut command, environment.chain([timeout]), logs, progress.clone())?;
        let reaper = Reaper::start(process.id())?;
        let url = format!("http://{invocation_address}/2015-03-31/functions/function/invocations");
        Ok(Self { url, address, client, progress, process, reaper, line: Mutex::default() })
    }

    /// Waits until it listens and the function has started, which it does at the first event only.
    pub(super) async fn wait_until_ready(&self) -> Result<(), InvocationFailure> {
        self.answer(EVENT_OF_NOTHING.to_owned()).await.map(|_| ())
    }

    pub(super) async fn answer(&self, event: String) -> Result<Answer, InvocationFailure> {
        let _alone = self.line.lock().await;
        self.wait_until_it_listens().await?;
        let answer = self.client.post(&self.url).body(event).send().await.map_err(|error| unreadable(&error))?;
        let status = answer.status();
        let body = answer.bytes().await.map_err(|error| unreadable(&error))?;
        read(status, body)
    }

    pub(super) fn process_id(&self) -> u32 {
        self.process.id()
    }

    pub(super) fn end(&self) {
        self.reaper.reap();
    }

    async fn wait_until_it_listens(&self) -> Result<(), InvocationFailure> {
        loop {
            // Before the look at the port, which another's might answer.
            if let Some(end) = self.progress.borrow().end() {
                return Err(end);
            }
            if TcpStream::connect((self.address, INVOCATION_PORT)).await.is_ok() {
                return Ok(());
            }
            tokio::time::sleep(START_CHECK_INTERVAL).await;
        }
    }
}

/// A loopback address for each emulator, since it cannot choose free ports by itself: of another program that runs these
/// tests at the same time, all are others.
fn own_address() -> Ipv4Addr {
    static STARTED: AtomicU16 = AtomicU16::new(0);
    let of_program = 1 + (std::process::id() % 250).to_be_bytes()[3];
    let [high, low] = STARTED.fetch_add(1, Ordering::Relaxed).to_be_bytes();
    Ipv4Addr::new(127, of_program, high, low)
}

/// Errors of a function have the status 200, as in Lambda, and its header that tells them from answers is left out.
fn read(status: StatusCode, body: Bytes) -> Result<Answer, InvocationFailure> {
    let json: Option<Value> = serde_json::from_slice(&body).ok();
    let error = json.filter(|json| json["errorType"].is_string() && json["errorMessage"].is_string());
    match (status, error) {
        (StatusCode::OK, Some(error)) => Ok(Answer::Error(error)),
        (StatusCode::OK, None) if body.starts_with(TIMED_OUT) => {
            Err(InvocationFailure::NoAnswer { waited: DEFAULT_TIMEOUT })
        }
        (StatusCode::OK, None) if stream::is_one(&body) => {
            let (stream, passed_on) = Stream::of(Body::from(body));
            background::handle().spawn(passed_on);
            Ok(Answer::Stream(stream))
        }
        (StatusCode::OK, None) => Ok(Answer::Response(body)),
        (StatusCode::BAD_GATEWAY, Some(error)) if error["errorType"] == "Runtime.ExitError" => {
            Err(InvocationFailure::Exited { status: error["errorMessage"].to_string() })
        }
        (StatusCode::BAD_GATEWAY, Some(answer)) => Err(InvocationFailure::InitError { answer }),
        (StatusCode::BAD_GATEWAY, None) => Err(InvocationFailure::Exited { status: "as it started".to_owned() }),
        (status, _) => Err(InvocationFailure::Refused { status: status.as_u16() }),
    }
}

/// The connection broke off, as it does when the emulator ends.
fn unreadable(error: &reqwest::Error) -> InvocationFailure {
    InvocationFailure::Exited { status: error.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome(status: u16, body: &'static [u8]) -> String {
        match read(StatusCode::from_u16(status).unwrap(), Bytes::from_static(body)) {
            Ok(Answer::Response(body)) => format!("response {}", String::from_utf8_lossy(&body)),
            Ok(Answer::Stream(_)) => "stream".to_owned(),
            Ok(Answer::Error(error)) => format!("error {}", error["errorType"]),
            Err(failure) => failure.to_string(),
        }
    }

    #[tokio::test]
    async fn answers_are_told_from_streams_errors_and_ends() {
        assert_eq!(outcome(200, b"{\"statusCode\":200}"), "response {\"statusCode\":200}");
        assert_eq!(outcome(200, b"{\"statusCode\":200}\0\0\0\0\0\0\0\0one two"), "stream");
        assert_eq!(outcome(200, b"{\"errorType\":\"Panic\",\"errorMessage\":\"no\"}"), "error \"Panic\"");
        assert_eq!(outcome(200, b"Task timed out after 28.00 seconds"), "gave no answer within 28s");
        let exited = b"{\"errorType\":\"Runtime.ExitError\",\"errorMessage\":\"exit status 4\"}";
        assert_eq!(outcome(502, exited), "ended (\"exit status 4\")");
        let init_error = outcome(502, b"{\"errorType\":\"X\",\"errorMessage\":\"no\"}");
        assert!(init_error.starts_with("cannot start: {"), "{init_error}");
        assert_eq!(outcome(502, b""), "ended (as it started)");
        assert_eq!(outcome(400, b""), "was refused an event: the emulator answered 400");
    }

    #[test]
    fn each_emulator_has_an_address_of_its_own_and_all_are_loopback() {
        let (one, other) = (own_address(), own_address());
        assert!(one != other && one.is_loopback() && other.is_loopback());
    }
}
