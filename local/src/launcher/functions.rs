//! The processes of the functions. Each asks the emulator for one request at a time, as on Lambda, so that a function
//! answers as many at once as it has processes.

use std::collections::BTreeMap;
use std::fmt::{self, Display, Formatter};
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::process::Command;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::template::TemplateFunction;

use super::build::Executable;
use super::checks::Plan;
use super::emulator;
use super::environment::Environment;
use super::error::LaunchError;
use super::output::{Output, OutputWriter};

/// A process that ends by itself this soon would end as soon again.
const START_LIMIT: Duration = Duration::from_secs(5);

/// Time for the first process of a changed function to fail before the others are started.
const TRIAL: Duration = Duration::from_secs(1);

/// Time between two starts. All at once would keep a small machine from answering for seconds.
const SPACING: Duration = Duration::from_millis(100);

/// Time between the end of a process and the start of the one in its place.
const RESTART_DELAY: Duration = Duration::from_millis(500);

/// The most processes of a function that asks no model. While one of them hashes a password, the other one answers: eight would
/// only take memory.
const MOST_WITHOUT_STREAMS: u16 = 2;

/// The end of a process, which nobody asked for.
pub(super) struct Ended {
    pub(super) binary: String,
    pub(super) status: String,
    /// Whether another one takes its place.
    pub(super) replaced: bool,
}

impl Display for Ended {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        let Self { binary, status, replaced } = self;
        let then = if *replaced { "another process takes its place" } else { "it starts again when it has changed" };
        write!(formatter, "{binary} has ended ({status}); {then}.")
    }
}

pub(super) struct Functions<'a> {
    plan: &'a Plan,
    environment: &'a Environment,
    output: &'a Output,
    running: BTreeMap<String, Running>,
    notify: mpsc::UnboundedSender<Ended>,
    ended: mpsc::UnboundedReceiver<Ended>,
}

/// The processes of one function. They end with it.
struct Running {
    processes: JoinSet<()>,
    process: Arc<Process>,
}

/// Starts the processes of one function.
struct Process {
    executable: Executable,
    workspace: PathBuf,
    port: u16,
    environment: Environment,
    output: OutputWriter,
    /// Set once a process has ended at its start.
    broken: AtomicBool,
    notify: mpsc::UnboundedSender<Ended>,
}

impl<'a> Functions<'a> {
    /// No function runs yet.
    pub(super) fn new(plan: &'a Plan, environment: &'a Environment, output: &'a Output) -> Self {
        let (notify, ended) = mpsc::unbounded_channel();
        Self { plan, environment, output, running: BTreeMap::new(), notify, ended }
    }

    /// Starts one process of each function that has none yet, and that is `wanted`.
    pub(super) fn start(
        &mut self,
        executables: &[Executable],
        wanted: impl Fn(&Executable) -> bool,
    ) -> Result<(), LaunchError> {
        for executable in executables.iter().filter(|executable| wanted(executable)) {
            if !self.running.contains_key(&executable.binary) {
                self.start_first(executable)?;
            }
        }
        Ok(())
    }

    /// Starts the other processes of each function, one after the other and each function's next before anyone's next but
    /// one.
    pub(super) fn start_the_others(&mut self) {
        let mut delay = TRIAL;
        for number in 1..usize::from(self.plan.concurrency) {
            for function in &self.plan.functions {
                if number >= most_processes(function, self.plan.concurrency) {
                    continue;
                }
                let Some(running) = self.running.get_mut(&function.binary) else { continue };
                if running.processes.len() <= number {
                    running.processes.spawn(Arc::clone(&running.process).keep_running(delay));
                    delay += SPACING;
                }
            }
        }
    }

    /// Ends the processes of functions that were built anew, and starts new ones. Returns how many functions these are.
    pub(super) fn replace(&mut self, executables: &[Executable]) -> Result<usize, LaunchError> {
        let changed: Vec<_> = executables.iter().filter(|executable| !self.runs(executable)).collect();
        for executable in &changed {
            self.start_first(executable)?;
        }
        self.start_the_others();
        Ok(changed.len())
    }

    /// Whether the processes of this function are of this file.
    fn runs(&self, executable: &Executable) -> bool {
        let running = self.running.get(&executable.binary);
        running.is_some_and(|running| running.process.executable.built_at == executable.built_at)
    }

    /// Waits for the end of a process.
    pub(super) async fn ended(&mut self) -> Ended {
        match self.ended.recv().await {
            Some(ended) => ended,
            // Cannot be: this side has a sender too.
            None => std::future::pending().await,
        }
    }

    fn start_first(&mut self, executable: &Executable) -> Result<(), LaunchError> {
        let process = Arc::new(Process {
            executable: executable.clone(),
            workspace: self.plan.workspace.clone(),
            port: self.plan.port,
            environment: self.environment.clone(),
            output: self.output.writer()?,
            broken: AtomicBool::new(false),
            notify: self.notify.clone(),
        });
        let mut processes = JoinSet::new();
        processes.spawn(Arc::clone(&process).keep_running(Duration::ZERO));
        // The old processes end here.
        self.running.insert(executable.binary.clone(), Running { processes, process });
        Ok(())
    }
}

/// As many as `concurrency` says where messages wait for a model, fewer where answers are a matter of milliseconds, and one
/// without a path.
fn most_processes(function: &TemplateFunction, concurrency: u16) -> usize {
    usize::from(if function.streams() {
        concurrency
    } else if function.routes.is_empty() {
        1
    } else {
        concurrency.min(MOST_WITHOUT_STREAMS)
    })
}

impl Process {
    /// Runs it, and again when it ends, unless it ends at its start.
    async fn keep_running(self: Arc<Self>, delay: Duration) {
        tokio::time::sleep(delay).await;
        while !self.broken.load(Ordering::Relaxed) {
            let started = Instant::now();
            let (status, by_itself) = match self.run().await {
                Ok(status) => (status.to_string(), status.code().is_some()),
                Err(error) => (error.to_string(), true),
            };
            // A process that somebody has killed says nothing about the next one.
            let replaced = !by_itself || started.elapsed() > START_LIMIT;
            if !replaced && self.broken.swap(true, Ordering::Relaxed) {
                return;
            }
            let ended = Ended { binary: self.executable.binary.clone(), status, replaced };
            // Nobody listens if the launcher ends.
            let _ = self.notify.send(ended);
            tokio::time::sleep(RESTART_DELAY).await;
        }
    }

    async fn run(&self) -> Result<ExitStatus, LaunchError> {
        let Executable { binary, path, .. } = &self.executable;
        let mut command = Command::new(path);
        self.environment.apply(&mut command);
        command
            .envs(emulator::variables(binary, self.port))
            .current_dir(&self.workspace)
            .stdin(Stdio::null())
            // Ctrl-C is for the launcher alone.
            .process_group(0)
            .kill_on_drop(true);
        self.output.attach(&mut command)?;
        let refused = |source| LaunchError::Run { program: path.display().to_string(), source };
        command.spawn().map_err(refused)?.wait().await.map_err(refused)
    }
}
