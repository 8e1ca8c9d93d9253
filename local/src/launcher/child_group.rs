//! A program in a process group of its own, so that Ctrl-C reaches this program alone, and ending the program ends
//! what it has started in turn.

use std::io;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::process::{Child, Command};

use super::error::LaunchError;
use super::interrupt::Interrupt;

/// How long a program may take to end when asked politely.
const STOP_LIMIT: Duration = Duration::from_secs(3);

pub(super) struct ChildGroup {
    child: Child,
    group: Option<Pid>,
}

impl ChildGroup {
    pub(super) fn start(command: &mut Command) -> Result<Self, LaunchError> {
        let child = command.process_group(0).stdin(Stdio::null()).kill_on_drop(true).spawn();
        let child = child.map_err(|source| run_error(command, source))?;
        // The group has the number of its first process.
        let group = child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
        Ok(Self { child, group })
    }

    /// The group's number, as a shell takes it.
    pub(super) fn number(&self) -> String {
        self.group.map_or_else(String::new, |group| group.as_raw_nonzero().to_string())
    }

    /// Waits until the program ends by itself.
    pub(super) async fn ended(&mut self) -> io::Result<ExitStatus> {
        self.child.wait().await
    }

    /// Asks the group to end, and ends it if it does not.
    pub(super) async fn stop(mut self) {
        self.signal(Signal::TERM);
        let ended = tokio::time::timeout(STOP_LIMIT, self.child.wait()).await;
        // Also after a good end: the program may have left others of its group behind.
        self.signal(Signal::KILL);
        if ended.is_err() {
            // It fails only if the program is gone already.
            let _ = self.child.wait().await;
        }
    }

    fn signal(&self, signal: Signal) {
        if let Some(group) = self.group {
            // It fails only if the whole group is gone already.
            let _ = kill_process_group(group, signal);
        }
    }
}

/// Runs a program to its end, or stops it when interrupted.
pub(super) async fn run(command: &mut Command, interrupt: &mut Interrupt) -> Result<ExitStatus, LaunchError> {
    let mut group = ChildGroup::start(command)?;
    tokio::select! {
        ended = group.ended() => ended.map_err(|source| run_error(command, source)),
        () = interrupt.received() => {
            group.stop().await;
            Err(LaunchError::Interrupted)
        }
    }
}

fn run_error(command: &Command, source: io::Error) -> LaunchError {
    LaunchError::Run { program: command.as_std().get_program().to_string_lossy().into_owned(), source }
}

#[cfg(test)]
mod tests {
    use rustix::process::test_kill_process_group;
    use tokio::time::Instant;

    use super::*;

    fn shell(script: &str) -> Command {
        let mut command = Command::new("/bin/sh");
        command.args(["-c", script]).stdout(Stdio::null());
        command
    }

    #[tokio::test]
    async fn stopping_ends_what_the_program_has_started_too() {
        let group = ChildGroup::start(&mut shell("sleep 60 & sleep 60")).unwrap();
        let number = group.group.unwrap();
        assert!(test_kill_process_group(number).is_ok());
        group.stop().await;
        let gone = async {
            while test_kill_process_group(number).is_ok() {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(5), gone).await.unwrap();
    }

    #[tokio::test]
    async fn whoever_does_not_listen_is_ended_all_the_same() {
        let mut command = shell("trap '' TERM; while :; do sleep 1; done");
        let group = ChildGroup::start(&mut command).unwrap();
        // Give the shell time to set its trap.
        tokio::time::sleep(Duration::from_millis(300)).await;
        let start = Instant::now();
        group.stop().await;
        assert!(start.elapsed() < STOP_LIMIT + Duration::from_secs(2));
    }

    #[tokio::test]
    async fn a_program_that_is_not_there_is_named() {
        let error = ChildGroup::start(&mut Command::new("/nowhere/cargo")).err().unwrap().to_string();
        assert!(error.starts_with("/nowhere/cargo cannot be run: "), "{error}");
    }
}
