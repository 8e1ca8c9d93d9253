//! A program in a process group of its own: Ctrl-C reaches the launcher alone, and the end of the group is the end of
//! everything that the program has started.

use std::io;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use nix::sys::signal::Signal;
use process_wrap::tokio::{ChildWrapper, CommandWrap, KillOnDrop, ProcessGroup};
use tokio::process::{ChildStderr, ChildStdout, Command};

use super::error::LaunchError;
use super::interrupt::Interrupt;

/// How long a program may take to end after SIGTERM.
const STOP_LIMIT: Duration = Duration::from_secs(3);

pub(super) struct ChildGroup {
    child: Box<dyn ChildWrapper>,
    /// The number of the group, which is that of its first process.
    number: u32,
    /// Until the program has ended: then the number may become another's.
    is_running: bool,
}

impl ChildGroup {
    pub(super) fn start(mut command: Command) -> Result<Self, LaunchError> {
        command.stdin(Stdio::null());
        let name = name_of(&command);
        let child = CommandWrap::from(command).wrap(KillOnDrop).wrap(ProcessGroup::leader()).spawn();
        let child = child.map_err(|source| LaunchError::Run { program: name, source })?;
        let number = child.id().unwrap_or_default();
        Ok(Self { child, number, is_running: true })
    }

    /// The group's number, as a shell takes it.
    pub(super) fn number(&self) -> String {
        self.number.to_string()
    }

    /// The program's output and errors, where they are piped to the launcher.
    pub(super) fn take_pipes(&mut self) -> (Option<ChildStdout>, Option<ChildStderr>) {
        (self.child.stdout().take(), self.child.stderr().take())
    }

    /// Waits until the program ends by itself.
    pub(super) async fn ended(&mut self) -> io::Result<ExitStatus> {
        let status = self.child.wait().await?;
        self.is_running = false;
        Ok(status)
    }

    /// Ends the group: by SIGTERM, and by SIGKILL if that has no effect.
    pub(super) async fn stop(mut self) {
        // Signals fail only if the whole group is gone already.
        let _ = self.child.signal(Signal::SIGTERM as i32);
        let ended = tokio::time::timeout(STOP_LIMIT, self.child.wait()).await;
        // Also after the program has ended: others of its group may be left.
        let _ = self.child.start_kill();
        if ended.is_err() {
            // It fails only if the program is gone already.
            let _ = self.child.wait().await;
        }
        self.is_running = false;
    }
}

impl Drop for ChildGroup {
    /// Ends everything that the program has started.
    fn drop(&mut self) {
        if self.is_running {
            let _ = self.child.start_kill();
        }
    }
}

/// Runs a program to its end, or stops it when interrupted.
pub(super) async fn run(command: Command, interrupt: &mut Interrupt) -> Result<ExitStatus, LaunchError> {
    let name = name_of(&command);
    let mut group = ChildGroup::start(command)?;
    tokio::select! {
        ended = group.ended() => ended.map_err(|source| LaunchError::Run { program: name, source }),
        () = interrupt.received() => {
            group.stop().await;
            Err(LaunchError::Interrupted)
        }
    }
}

/// The same, and whether it succeeded. A program that cannot be started counts as one that failed: there is another way.
pub(super) async fn succeeds(command: Command, interrupt: &mut Interrupt) -> Result<bool, LaunchError> {
    match run(command, interrupt).await {
        Ok(status) => Ok(status.success()),
        Err(LaunchError::Interrupted) => Err(LaunchError::Interrupted),
        Err(_) => Ok(false),
    }
}

fn name_of(command: &Command) -> String {
    command.as_std().get_program().to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use nix::sys::signal::killpg;
    use nix::unistd::Pid;
    use tokio::time::Instant;

    use super::*;

    fn shell(script: &str) -> Command {
        let mut command = Command::new("/bin/sh");
        command.args(["-c", script]).stdout(Stdio::null());
        command
    }

    #[tokio::test]
    async fn stopping_ends_what_the_program_has_started_too() {
        let group = ChildGroup::start(shell("sleep 60 & sleep 60")).unwrap();
        let number = Pid::from_raw(group.number.try_into().unwrap());
        assert!(killpg(number, None).is_ok());
        group.stop().await;
        let gone = async {
            while killpg(number, None).is_ok() {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(5), gone).await.unwrap();
    }

    #[tokio::test]
    async fn a_program_that_ignores_sigterm_is_ended_all_the_same() {
        let group = ChildGroup::start(shell("trap '' TERM; while :; do sleep 1; done")).unwrap();
        // Give the shell time to set its trap.
        tokio::time::sleep(Duration::from_millis(300)).await;
        let start = Instant::now();
        group.stop().await;
        assert!(start.elapsed() < STOP_LIMIT + Duration::from_secs(2));
    }

    #[tokio::test]
    async fn a_program_that_is_not_there_is_named() {
        let error = ChildGroup::start(Command::new("/nowhere/cargo")).err().unwrap().to_string();
        assert!(error.starts_with("/nowhere/cargo cannot be run: "), "{error}");
    }
}
