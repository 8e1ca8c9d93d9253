//! The process of a function.

use std::io;
use std::path::Path;
use std::process::Stdio;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::process::{Child, Command};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::process_logs::ProcessLogs;
use super::server::Progress;
use crate::lock::lock;
use local::background;

/// The exit is polled, since an await would borrow the child, which `kill` needs meanwhile.
const EXIT_CHECK_INTERVAL: Duration = Duration::from_millis(10);

/// A grandchild may keep the pipes open after the process has ended.
const LAST_LINES_LIMIT: Duration = Duration::from_secs(1);

pub(super) struct Process {
    id: u32,
    child: Arc<Mutex<Child>>,
}

impl Process {
    /// Starts the command with `environment` and no other variables.
    pub(super) fn start(
        command: &mut Command,
        environment: impl Iterator<Item = (String, String)>,
        logs: &ProcessLogs,
        progress: watch::Sender<Progress>,
    ) -> io::Result<Self> {
        let _inside_runtime = background::handle().enter();
        let mut child = command
            .env_clear()
            .envs(environment)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()?;
        let output = child.stdout.take().map(|output| logs.follow(output));
        let errors = child.stderr.take().map(|errors| logs.follow(errors));
        let id = child.id().unwrap_or_default();
        let child = Arc::new(Mutex::new(child));
        let readers = [output, errors];
        background::handle().spawn(report_exit(Arc::clone(&child), readers, progress));
        Ok(Self { id, child })
    }

    pub(super) fn id(&self) -> u32 {
        self.id
    }

    pub(super) fn kill(&self) {
        // It fails only if the process has ended already.
        let _ = lock(&self.child).start_kill();
    }
}

/// The name of the function.
pub(super) fn name_of(binary: &Path) -> String {
    binary.file_stem().unwrap_or_default().to_string_lossy().into_owned()
}

async fn report_exit(
    child: Arc<Mutex<Child>>,
    readers: [Option<JoinHandle<()>>; 2],
    progress: watch::Sender<Progress>,
) {
    let status = loop {
        match lock(&child).try_wait() {
            Ok(Some(status)) => break status.to_string(),
            Ok(None) => {}
            Err(error) => break error.to_string(),
        }
        tokio::time::sleep(EXIT_CHECK_INTERVAL).await;
    };
    for reader in readers.into_iter().flatten() {
        // Later lines are lost.
        let _ = tokio::time::timeout(LAST_LINES_LIMIT, reader).await;
    }
    progress.send_modify(|progress| progress.exited = Some(status));
}
