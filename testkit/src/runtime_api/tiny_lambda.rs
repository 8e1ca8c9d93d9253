//! Our own host of a function: a Runtime API and the binary's process, with nothing between them.

use std::io;
use std::path::Path;
use std::time::{Duration, SystemTime};

use tokio::process::Command;

use super::InvocationFailure;
use super::process::Process;
use super::process_logs::ProcessLogs;
use super::server::{Answer, Progress, RuntimeApi};

pub(super) struct TinyLambda {
    api: RuntimeApi,
    process: Process,
}

impl TinyLambda {
    pub(super) fn start(
        binary: &Path,
        environment: impl Iterator<Item = (String, String)>,
        logs: &ProcessLogs,
    ) -> io::Result<Self> {
        let api = RuntimeApi::start()?;
        let environment = environment.chain([("AWS_LAMBDA_RUNTIME_API".to_owned(), api.address())]);
        let process = Process::start(&mut Command::new(binary), environment, logs, api.progress_sender())?;
        Ok(Self { api, process })
    }

    /// Waits until the function has asked for its first event.
    pub(super) async fn wait_until_ready(&self) -> Result<(), InvocationFailure> {
        let mut progress = self.api.progress();
        let settled = progress.wait_for(|progress| progress.ready || progress.has_ended()).await;
        match settled.map(|progress| progress.end()) {
            Ok(None) => Ok(()),
            Ok(Some(failure)) => Err(failure),
            Err(_) => Err(InvocationFailure::NotReady { waited: Duration::ZERO }),
        }
    }

    pub(super) async fn answer(&self, event: String, deadline: SystemTime) -> Result<Answer, InvocationFailure> {
        let answer = self.api.submit(event, deadline).ok_or(InvocationFailure::TooManyWaiting)?;
        let mut progress = self.api.progress();
        let gone = InvocationFailure::NoAnswer { waited: Duration::ZERO };
        tokio::select! {
            // A function may answer and end at once: then the answer counts.
            biased;
            Ok(answer) = answer => Ok(answer),
            Ok(progress) = progress.wait_for(Progress::has_ended) => Err(progress.end().unwrap_or(gone)),
            else => Err(gone),
        }
    }

    pub(super) fn process_id(&self) -> u32 {
        self.process.id()
    }

    pub(super) fn end(&self) {
        self.process.kill();
    }
}
