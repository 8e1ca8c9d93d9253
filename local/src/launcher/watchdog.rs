//! Ends a program when the launcher is killed without a chance to do so itself, as by `kill -9`: cargo-lambda would keep
//! the port and the functions. process-wrap acts only while its own process lives, so a shell watches from outside.

use std::process::Stdio;

use tokio::process::{Child, Command};

use super::child_group::ChildGroup;
use super::error::LaunchError;

/// Waits for the end of its input, which comes with the end of the launcher, whatever its cause.
const SCRIPT: &str = "read -r line; kill -s TERM -- \"-$1\"";

pub(super) struct Watchdog {
    shell: Child,
}

impl Watchdog {
    /// Watches over a program, until dropped.
    pub(super) fn start(group: &ChildGroup) -> Result<Self, LaunchError> {
        let mut command = Command::new("/bin/sh");
        command.args(["-c", SCRIPT, "watchdog", &group.number()]).process_group(0).kill_on_drop(true);
        let shell = command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
        match shell {
            Ok(shell) => Ok(Self { shell }),
            Err(source) => Err(LaunchError::Run { program: "/bin/sh".to_owned(), source }),
        }
    }

    /// Ends the watch, before the number of the program's group can become another's.
    pub(super) async fn dismiss(mut self) {
        // It fails only if the shell is gone already.
        let _ = self.shell.kill().await;
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn sleeper() -> ChildGroup {
        let mut command = Command::new("/bin/sh");
        command.args(["-c", "sleep 60"]);
        ChildGroup::start(command).unwrap()
    }

    #[tokio::test]
    async fn it_ends_the_program_when_its_input_ends() {
        let mut group = sleeper();
        let mut watchdog = Watchdog::start(&group).unwrap();
        // What the operating system does to the pipe of a killed program.
        drop(watchdog.shell.stdin.take());
        let status = tokio::time::timeout(Duration::from_secs(5), group.ended()).await.unwrap().unwrap();
        assert!(!status.success());
    }

    #[tokio::test]
    async fn once_dismissed_it_does_nothing() {
        let mut group = sleeper();
        Watchdog::start(&group).unwrap().dismiss().await;
        assert!(tokio::time::timeout(Duration::from_millis(300), group.ended()).await.is_err());
        group.stop().await;
    }
}
