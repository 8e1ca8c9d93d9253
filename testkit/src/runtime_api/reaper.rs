//! Ends a process and its children, at the latest when this program ends, whatever its cause: AWS's emulator runs the
//! function in a process group of its own, and neither would end with a test that was killed.

use std::io;
use std::process::Stdio;
use std::sync::{Mutex, PoisonError};

use tokio::process::{ChildStdin, Command};

use local::background;

/// Waits for the end of its input. A stopped process starts no more children; where the kernel does not list them, they
/// end by themselves at their next question for work.
const SCRIPT: &str = r#"read -r line
kill -s STOP "$1"
kill -s KILL "$1" $(cat /proc/"$1"/task/*/children)"#;

pub(super) struct Reaper {
    input: Mutex<Option<ChildStdin>>,
}

impl Reaper {
    /// Waits for its order to end the process `id`, or for the end of this program.
    pub(super) fn start(id: u32) -> io::Result<Self> {
        let _inside_runtime = background::handle().enter();
        // In a group of its own, so that Ctrl-C does not end it first.
        let mut shell = Command::new("/bin/sh")
            .args(["-c", SCRIPT, "reaper", &id.to_string()])
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()?;
        let input = Mutex::new(shell.stdin.take());
        background::handle().spawn(async move { shell.wait().await });
        Ok(Self { input })
    }

    /// Ends the process and its children.
    pub(super) fn reap(&self) {
        self.input.lock().unwrap_or_else(PoisonError::into_inner).take();
    }
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead, BufReader};
    use std::os::unix::process::CommandExt;
    use std::time::Duration;

    use rustix::process::{Pid, test_kill_process};

    use super::*;

    /// What it is for, besides ending a function: the pipe of a killed program closes too.
    #[tokio::test]
    async fn children_in_groups_of_their_own_end_too() {
        // With job control a shell gives each child a group of its own, as AWS's emulator does.
        let mut parent = std::process::Command::new("/bin/sh")
            .args(["-c", "set -m; sleep 60 & echo $!; wait"])
            .process_group(0)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(parent.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let child = Pid::from_raw(line.trim().parse().unwrap()).unwrap();
        let reaper = Reaper::start(parent.id()).unwrap();
        assert!(test_kill_process(child).is_ok());
        drop(reaper);
        let gone = async {
            while parent.try_wait().unwrap().is_none() || is_running(child) {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(5), gone).await.unwrap();
    }

    /// Whether it does more than to wait for somebody to hear of its end.
    fn is_running(process: Pid) -> bool {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", process.as_raw_nonzero()));
        stat.is_ok_and(|stat| !stat.contains(") Z "))
    }
}
