//! Compiles every function before the first request, and again when a source changes.

use std::collections::BTreeSet;
use std::fs;
use std::io::{self, IsTerminal};
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::Mutex;
use std::time::{Duration, SystemTime};

use serde::Deserialize;
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, BufReader};
use tokio::process::{ChildStdout, Command};

use super::checks::{self, Plan};
use super::child_group::ChildGroup;
use super::environment::Environment;
use super::error::LaunchError;
use super::lock::lock;
use super::progress::{complain, say_every};

/// A target that needs what tests need. With it, Cargo builds the functions with the features that they have in
/// `cargo test` too, and nothing is compiled a second time for other features (docs/decisions/local-start.md).
const TARGET_OF_TESTS: [&str; 2] = ["--example", "local"];

/// How often a build that has no terminal says how far it is.
const PROGRESS_EVERY: Duration = Duration::from_secs(15);

/// Cargo's words for what it does, without which a log is shorter. All else is a message of the compiler.
const STATUS_WORDS: [&str; 11] = [
    "Adding",
    "Blocking",
    "Building",
    "Compiling",
    "Downloaded",
    "Downloading",
    "Finished",
    "Fresh",
    "Locking",
    "Running",
    "Updating",
];

const READ_BYTES: usize = 8192;

/// A function's binary, as Cargo built it.
#[derive(Clone, Debug)]
pub(super) struct Executable {
    pub(super) binary: String,
    pub(super) path: PathBuf,
    /// When its file was written. Cargo's word that it is fresh would not do: a build that failed at another function may have
    /// written it.
    pub(super) built_at: Option<SystemTime>,
}

/// Builds the functions until `stop` is ready. A terminal shows Cargo's own progress, and a log a line now and then.
pub(super) async fn functions(
    plan: &Plan,
    environment: &Environment,
    stop: impl Future<Output = ()>,
) -> Result<Vec<Executable>, LaunchError> {
    let names: BTreeSet<_> = plan.functions.iter().map(|function| function.binary.as_str()).collect();
    binaries(&names, plan, environment, stop).await
}

/// The same for the binaries of these names.
pub(super) async fn binaries(
    names: &BTreeSet<&str>,
    plan: &Plan,
    environment: &Environment,
    stop: impl Future<Output = ()>,
) -> Result<Vec<Executable>, LaunchError> {
    let on_terminal = io::stderr().is_terminal();
    let mut cargo = ChildGroup::start(command(names, plan, environment, on_terminal))?;
    let (artifacts, messages) = cargo.take_pipes();
    let progress = Mutex::new(String::new());
    let built = async {
        let read_messages = async {
            if let Some(messages) = messages {
                follow(messages, &progress).await;
            }
        };
        let (executables, (), status) = tokio::join!(executables(artifacts, names), read_messages, cargo.ended());
        (executables, status)
    };
    let still = || if on_terminal { String::new() } else { lock(&progress).clone() };
    let finished = tokio::select! {
        finished = say_every(PROGRESS_EVERY, built, still) => Some(finished),
        () = stop => None,
    };
    match finished {
        Some((executables, Ok(status))) if status.success() => Ok(executables),
        Some((_, Ok(status))) => Err(LaunchError::BuildFailed { status: status.to_string() }),
        Some((_, Err(source))) => Err(LaunchError::Run { program: "cargo build".to_owned(), source }),
        None => {
            cargo.stop().await;
            Err(LaunchError::Interrupted)
        }
    }
}

fn command(names: &BTreeSet<&str>, plan: &Plan, environment: &Environment, on_terminal: bool) -> Command {
    let mut command = Command::new(checks::cargo());
    command.args(["build", "--message-format", "json-render-diagnostics"]).args(TARGET_OF_TESTS);
    for name in names {
        command.args(["--bin", name]);
    }
    environment.apply(&mut command);
    command.current_dir(&plan.workspace).stdout(Stdio::piped());
    if !on_terminal {
        command.stderr(Stdio::piped()).env("CARGO_TERM_PROGRESS_WHEN", "always").env("CARGO_TERM_PROGRESS_WIDTH", "80");
    }
    command
}

/// A line of Cargo's about something that it made.
#[derive(Deserialize)]
struct Artifact {
    target: Target,
    executable: Option<PathBuf>,
}

#[derive(Deserialize)]
struct Target {
    kind: Vec<String>,
    name: String,
}

async fn executables(artifacts: Option<ChildStdout>, wanted: &BTreeSet<&str>) -> Vec<Executable> {
    let Some(artifacts) = artifacts else { return Vec::new() };
    let mut lines = BufReader::new(artifacts).lines();
    let mut found = Vec::new();
    while let Ok(Some(line)) = lines.next_line().await {
        // Lines about other things lack these members.
        let Ok(Artifact { target, executable: Some(path) }) = serde_json::from_str(&line) else { continue };
        if target.kind == ["bin"] && wanted.contains(target.name.as_str()) {
            let built_at = fs::metadata(&path).and_then(|metadata| metadata.modified()).ok();
            found.push(Executable { binary: target.name, path, built_at });
        }
    }
    found
}

/// Prints the compiler's messages, and remembers how far Cargo is.
async fn follow(mut messages: impl AsyncRead + Unpin, progress: &Mutex<String>) {
    let mut unfinished = Vec::new();
    let mut bytes = vec![0; READ_BYTES];
    while let Ok(count @ 1..) = messages.read(&mut bytes).await {
        for byte in &bytes[..count] {
            // A line of progress ends with a carriage return, and is written over.
            if !matches!(byte, b'\n' | b'\r') {
                unfinished.push(*byte);
                continue;
            }
            let line = String::from_utf8_lossy(&unfinished).into_owned();
            unfinished.clear();
            match CargoLine::of(&line) {
                CargoLine::Progress(count) => *lock(progress) = format!("{count} compiled"),
                CargoLine::Status => {}
                CargoLine::Other => complain(line),
            }
        }
    }
}

#[derive(Debug, PartialEq)]
enum CargoLine<'a> {
    /// Such as `120/316`.
    Progress(&'a str),
    Status,
    Other,
}

impl<'a> CargoLine<'a> {
    fn of(line: &'a str) -> Self {
        let plain = line.trim_start_matches("\u{1b}[K");
        let Some(word) = plain.split_whitespace().next() else { return Self::Status };
        let is_status = plain.starts_with(' ') && STATUS_WORDS.contains(&word);
        match plain.split_once("] ").map(|(_, rest)| rest.split(':').next().unwrap_or_default()) {
            Some(count) if is_status && word == "Building" => Self::Progress(count),
            _ if is_status => Self::Status,
            _ => Self::Other,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cargos_progress_is_told_from_the_compilers_messages() {
        let bar = "    Building [=======>                 ] 120/316: aws-sdk-dynamodb, tokio";
        assert_eq!(CargoLine::of(bar), CargoLine::Progress("120/316"));
        assert_eq!(CargoLine::of("   Compiling tokio v1.54.1"), CargoLine::Status);
        assert_eq!(CargoLine::of("    Blocking waiting for file lock on package cache"), CargoLine::Status);
        assert_eq!(CargoLine::of("\u{1b}[K    Finished `dev` profile in 0.4s"), CargoLine::Status);
        assert_eq!(CargoLine::of("error[E0425]: cannot find value `x` in this scope"), CargoLine::Other);
        assert_eq!(CargoLine::of("  --> functions/src/bin/chat.rs:7:5"), CargoLine::Other);
        assert_eq!(CargoLine::of(" 7 |     Building"), CargoLine::Other);
    }
}
