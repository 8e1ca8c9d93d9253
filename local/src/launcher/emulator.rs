//! `cargo lambda watch`: the functions behind HTTP, restarted when their source changes.

use tokio::process::Command;

use super::cargo_lambda::CargoLambda;
use super::checks::Plan;
use super::child_group::ChildGroup;
use super::environment::Environment;
use super::error::LaunchError;
use super::orphans;
use super::progress::say;
use super::watchdog::Watchdog;

const EMULATOR_LOG_VARIABLE: &str = "RUST_LOG";

pub(super) struct Emulator {
    group: ChildGroup,
    watchdog: Watchdog,
}

impl Emulator {
    pub(super) fn start(
        cargo_lambda: &CargoLambda,
        plan: &Plan,
        environment: &Environment,
    ) -> Result<Self, LaunchError> {
        orphans::adopt();
        say(format_args!("Starting cargo lambda watch on 127.0.0.1:{}.", plan.port));
        let mut command = Command::new(&cargo_lambda.program);
        command
            .args(["lambda", "watch", "--invoke-address", "127.0.0.1", "--invoke-port", &plan.port.to_string()])
            .args(["--concurrency", &plan.concurrency.to_string()])
            // The functions answer CORS themselves, as they do when deployed.
            .arg("--disable-cors")
            .current_dir(&plan.workspace);
        if std::env::var_os(EMULATOR_LOG_VARIABLE).is_none() {
            // cargo-lambda's own messages at a lower level are noise; the functions' lines appear at any level.
            command.env(EMULATOR_LOG_VARIABLE, "cargo_lambda=warn");
        }
        environment.apply(&mut command);
        let group = ChildGroup::start(command)?;
        let watchdog = Watchdog::start(&group)?;
        Ok(Self { group, watchdog })
    }

    /// Waits until cargo-lambda ends by itself, which is an error.
    pub(super) async fn ended(&mut self) -> LaunchError {
        let status = match self.group.ended().await {
            Ok(status) => status.to_string(),
            Err(error) => error.to_string(),
        };
        LaunchError::EmulatorEnded { status }
    }

    /// Ends cargo-lambda and the functions.
    pub(super) async fn stop(self) {
        self.watchdog.dismiss().await;
        self.group.stop().await;
        orphans::end();
    }
}
