//! The output of a process, up to a limit.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, BufReader};
use tokio::task::JoinHandle;

use crate::lock::lock;
use local::background;

/// Beyond this the oldest lines are forgotten.
const KEPT_LIMIT_BYTES: usize = 1024 * 1024;

/// A longer line is split, so that a line without end cannot fill the memory.
const LINE_LIMIT_BYTES: u64 = 64 * 1024;

/// The lines of a process's standard output and error, in the order of their arrival.
#[derive(Clone, Default)]
pub(super) struct ProcessLogs {
    lines: Arc<Mutex<Lines>>,
}

#[derive(Default)]
struct Lines {
    kept: VecDeque<String>,
    size_bytes: usize,
}

impl ProcessLogs {
    /// Reads until the process closes its end.
    pub(super) fn follow(&self, source: impl AsyncRead + Send + Unpin + 'static) -> JoinHandle<()> {
        let logs = self.clone();
        background::handle().spawn(async move {
            let mut source = BufReader::new(source);
            while let Some(line) = read_line(&mut source).await {
                logs.push(line);
            }
        })
    }

    pub(super) fn text(&self) -> String {
        let lines = lock(&self.lines);
        let mut text = String::with_capacity(lines.size_bytes + lines.kept.len());
        for line in &lines.kept {
            text.push_str(line);
            text.push('\n');
        }
        text
    }

    fn push(&self, line: String) {
        let mut lines = lock(&self.lines);
        lines.size_bytes += line.len();
        lines.kept.push_back(line);
        while lines.size_bytes > KEPT_LIMIT_BYTES {
            let Some(oldest) = lines.kept.pop_front() else { break };
            lines.size_bytes -= oldest.len();
        }
    }
}

async fn read_line(source: &mut (impl AsyncBufReadExt + Unpin)) -> Option<String> {
    let mut line = Vec::new();
    let read_bytes = source.take(LINE_LIMIT_BYTES).read_until(b'\n', &mut line).await.ok()?;
    if read_bytes == 0 {
        return None;
    }
    if line.last() == Some(&b'\n') {
        line.pop();
    }
    Some(String::from_utf8_lossy(&line).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn lines_are_kept_as_they_came_even_the_last_without_an_end() {
        let logs = ProcessLogs::default();
        logs.follow(&b"one\n\ntwo"[..]).await.unwrap();
        assert_eq!(logs.text(), "one\n\ntwo\n");
    }

    #[tokio::test]
    async fn only_the_end_of_very_much_is_kept() {
        let logs = ProcessLogs::default();
        for number in 0..200_000 {
            logs.push(format!("line {number}"));
        }
        let text = logs.text();
        assert!(text.len() < 2 * KEPT_LIMIT_BYTES);
        assert!(text.ends_with("line 199999\n"));
    }

    #[tokio::test]
    async fn a_line_without_end_is_broken() {
        let logs = ProcessLogs::default();
        let endless = tokio::io::repeat(b'x').take(3 * LINE_LIMIT_BYTES);
        logs.follow(endless).await.unwrap();
        assert_eq!(logs.text().lines().count(), 3);
    }
}
