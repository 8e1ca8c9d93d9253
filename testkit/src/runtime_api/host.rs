//! What runs a function and hands it its events: one of ours, or AWS's.

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::InvocationFailure;
use super::aws_emulator::AwsEmulator;
use super::process_logs::ProcessLogs;
use super::server::Answer;
use super::tiny_lambda::TinyLambda;

/// Where AWS's Lambda Runtime Interface Emulator is, for functions to run under it.
const EMULATOR_VARIABLE: &str = "CHAT_API_TEST_RIE";

/// Which one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum HostKind {
    TinyLambda,
    /// The program `aws-lambda-rie`.
    AwsEmulator(PathBuf),
}

/// One that runs.
pub(super) enum Host {
    TinyLambda(TinyLambda),
    AwsEmulator(AwsEmulator),
}

/// What a test may need of the host of its functions, and AWS's emulator does not have.
#[derive(Clone, Copy, Debug)]
pub enum Ability {
    /// A stream is handed on while it is written.
    PassStreamsOn,
    /// Each event has the deadline that one chooses.
    ChooseDeadlines,
}

impl Ability {
    /// Whether the test that runs, and needs this, is to be skipped; then it also says why.
    #[must_use]
    pub fn skips_this_test(self) -> bool {
        let is_missing = self.is_missing_in(&HostKind::of_environment());
        if is_missing {
            let thread = std::thread::current();
            let test = thread.name().unwrap_or_default();
            // Past the test harness, which shows what is printed only of tests that fail. It is no matter if nobody
            // listens.
            let _ = writeln!(io::stderr(), "Skipped: {test}, since AWS's emulator {}.", self.why_not());
        }
        is_missing
    }

    fn is_missing_in(self, kind: &HostKind) -> bool {
        match self {
            Self::PassStreamsOn | Self::ChooseDeadlines => matches!(kind, HostKind::AwsEmulator(_)),
        }
    }

    fn why_not(self) -> &'static str {
        match self {
            Self::PassStreamsOn => "hands a stream on when it has ended",
            Self::ChooseDeadlines => "gives every event of a function the same time",
        }
    }
}

impl HostKind {
    pub(super) fn of_environment() -> Self {
        match std::env::var_os(EMULATOR_VARIABLE) {
            Some(program) if !program.is_empty() => Self::AwsEmulator(program.into()),
            _ => Self::TinyLambda,
        }
    }
}

impl Host {
    pub(super) fn start(
        kind: &HostKind,
        binary: &Path,
        environment: impl Iterator<Item = (String, String)>,
        logs: &ProcessLogs,
    ) -> io::Result<Self> {
        match kind {
            HostKind::TinyLambda => Ok(Self::TinyLambda(TinyLambda::start(binary, environment, logs)?)),
            HostKind::AwsEmulator(program) => {
                Ok(Self::AwsEmulator(AwsEmulator::start(program, binary, environment, logs)?))
            }
        }
    }

    pub(super) async fn wait_until_ready(&self) -> Result<(), InvocationFailure> {
        match self {
            Self::TinyLambda(host) => host.wait_until_ready().await,
            Self::AwsEmulator(host) => host.wait_until_ready().await,
        }
    }

    /// The answer, or its beginning.
    pub(super) async fn answer(&self, event: String, deadline: SystemTime) -> Result<Answer, InvocationFailure> {
        match self {
            Self::TinyLambda(host) => host.answer(event, deadline).await,
            Self::AwsEmulator(host) => host.answer(event).await,
        }
    }

    pub(super) fn process_id(&self) -> u32 {
        match self {
            Self::TinyLambda(host) => host.process_id(),
            Self::AwsEmulator(host) => host.process_id(),
        }
    }

    /// Ends the function.
    pub(super) fn end(&self) {
        match self {
            Self::TinyLambda(host) => host.end(),
            Self::AwsEmulator(host) => host.end(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn our_own_host_lacks_nothing_that_awss_emulator_lacks() {
        let emulator = HostKind::AwsEmulator("aws-lambda-rie".into());
        for ability in [Ability::PassStreamsOn, Ability::ChooseDeadlines] {
            assert!(!ability.is_missing_in(&HostKind::TinyLambda));
            assert!(ability.is_missing_in(&emulator));
        }
    }
}
