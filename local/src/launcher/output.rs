//! The output of cargo-lambda and the functions, which passes through the launcher. Until everything is ready it holds
//! back the lines that the launcher's own requests cause.

use std::io::{self, BufRead, BufReader, PipeReader, PipeWriter};
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde_json::Value;
use tokio::process::Command;
use tokio::sync::oneshot;

use super::error::LaunchError;
use super::progress::say;

/// Time for the last lines of programs that have ended.
const LAST_LINES_LIMIT: Duration = Duration::from_secs(1);

/// Time between an answer and the function's line about it.
const LINE_DELAY: Duration = Duration::from_millis(200);

/// Levels of a log line that say that all is well.
const ROUTINE_LEVELS: [&str; 3] = ["INFO", "DEBUG", "TRACE"];

/// One pipe for all programs: one for each process would be more files than macOS lets a program open.
pub(super) struct Output {
    writer: PipeWriter,
    everything: Arc<AtomicBool>,
    ended: oneshot::Receiver<()>,
}

/// Where a program writes.
pub(super) struct OutputWriter(PipeWriter);

impl Output {
    pub(super) fn open() -> Result<Self, LaunchError> {
        let (reader, writer) = io::pipe().map_err(refused)?;
        let everything = Arc::new(AtomicBool::new(false));
        let (end, ended) = oneshot::channel();
        let passes_everything = Arc::clone(&everything);
        let print = move || {
            print_lines(reader, &passes_everything);
            // Nobody waits if the launcher has ended already.
            let _ = end.send(());
        };
        std::thread::Builder::new().name("output".to_owned()).spawn(print).map_err(refused)?;
        Ok(Self { writer, everything, ended })
    }

    pub(super) fn writer(&self) -> Result<OutputWriter, LaunchError> {
        Ok(OutputWriter(self.writer.try_clone().map_err(refused)?))
    }

    /// Prints every line from now on, after the lines about answers that have just arrived.
    pub(super) async fn pass_everything_soon(&self) {
        tokio::time::sleep(LINE_DELAY).await;
        self.everything.store(true, Ordering::Relaxed);
    }

    /// Waits for the last lines of programs that have ended.
    pub(super) async fn finish(self) {
        drop(self.writer);
        // A program that goes on keeps the pipe open: its lines are not waited for.
        let _ = tokio::time::timeout(LAST_LINES_LIMIT, self.ended).await;
    }
}

impl OutputWriter {
    pub(super) fn attach(&self, command: &mut Command) -> Result<(), LaunchError> {
        let [output, errors] = [self.0.try_clone().map_err(refused)?, self.0.try_clone().map_err(refused)?];
        command.stdout(Stdio::from(output)).stderr(Stdio::from(errors));
        Ok(())
    }
}

fn refused(source: io::Error) -> LaunchError {
    LaunchError::System { what: "a pipe", source }
}

fn print_lines(reader: PipeReader, everything: &AtomicBool) {
    let mut reader = BufReader::new(reader);
    let mut line = Vec::new();
    while matches!(reader.read_until(b'\n', &mut line), Ok(1..)) {
        let text = String::from_utf8_lossy(&line);
        let text = text.trim_end();
        if everything.load(Ordering::Relaxed) || !is_routine(text) {
            say(text);
        }
        line.clear();
    }
}

/// Whether this is a function's line about a request that went well, or its metrics, which have no level.
fn is_routine(line: &str) -> bool {
    let Ok(Value::Object(members)) = serde_json::from_str(line) else { return false };
    members.get("level").is_none_or(|level| level.as_str().is_some_and(|level| ROUTINE_LEVELS.contains(&level)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn until_all_is_ready_only_lines_about_answers_and_metrics_are_held_back() {
        assert!(is_routine(r#"{"timestamp":"…","level":"INFO","message":"answered","method":"OPTIONS","status":204}"#));
        assert!(is_routine(r#"{"_aws":{"CloudWatchMetrics":[]},"Requests":1}"#));
        assert!(!is_routine(r#"{"timestamp":"…","level":"ERROR","message":"the function cannot start"}"#));
        assert!(!is_routine(r#"{"timestamp":"…","level":"WARN","message":"slow"}"#));
        assert!(!is_routine("thread 'main' panicked at src/main.rs:1:1"));
        assert!(!is_routine("404"));
        assert!(!is_routine(""));
    }

    #[tokio::test]
    async fn the_end_of_all_programs_is_the_end_of_the_output() {
        let output = Output::open().unwrap();
        let mut command = Command::new("/bin/sh");
        command.args(["-c", "exit 0"]);
        output.writer().unwrap().attach(&mut command).unwrap();
        assert!(command.status().await.unwrap().success());
        drop(command);
        let started = tokio::time::Instant::now();
        output.finish().await;
        assert!(started.elapsed() < LAST_LINES_LIMIT);
    }
}
