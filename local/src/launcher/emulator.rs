//! `cargo lambda watch`: API Gateway and the Lambda Runtime API on one port. The launcher runs the functions itself:
//! cargo-lambda starts each process by `cargo run`, which takes turns with every other and looks at all crates first.

use std::net::Ipv4Addr;
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::process::Command;

use super::cargo_lambda::CargoLambda;
use super::checks::Plan;
use super::child_group::ChildGroup;
use super::environment::Environment;
use super::error::LaunchError;
use super::output::Output;
use super::watchdog::Watchdog;

const LOG_VARIABLE: &str = "RUST_LOG";

const RETRY_DELAY: Duration = Duration::from_millis(50);

pub(super) struct Emulator {
    group: ChildGroup,
    watchdog: Watchdog,
}

impl Emulator {
    pub(super) fn start(
        cargo_lambda: &CargoLambda,
        plan: &Plan,
        environment: &Environment,
        output: &Output,
    ) -> Result<Self, LaunchError> {
        let mut command = Command::new(&cargo_lambda.program);
        command
            .args(["lambda", "watch", "--only-lambda-apis"])
            .args(["--invoke-address", "127.0.0.1", "--invoke-port", &plan.port.to_string()])
            // The functions answer CORS themselves, as they do when deployed.
            .arg("--disable-cors")
            .current_dir(&plan.workspace);
        if std::env::var_os(LOG_VARIABLE).is_none() {
            // cargo-lambda's own messages at a lower level are noise.
            command.env(LOG_VARIABLE, "cargo_lambda=warn");
        }
        environment.apply(&mut command);
        output.writer()?.attach(&mut command)?;
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

    /// Ends cargo-lambda.
    pub(super) async fn stop(self) {
        self.watchdog.dismiss().await;
        self.group.stop().await;
    }
}

/// Waits until the emulator listens: a function that starts earlier ends at once.
pub(super) async fn listening(port: u16) {
    while TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await.is_err() {
        tokio::time::sleep(RETRY_DELAY).await;
    }
}

/// The variables that Lambda sets for a function, as cargo-lambda sets them.
pub(super) fn variables(binary: &str, port: u16) -> [(&'static str, String); 4] {
    [
        ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "4096".to_owned()),
        ("AWS_LAMBDA_FUNCTION_NAME", binary.to_owned()),
        ("AWS_LAMBDA_FUNCTION_VERSION", "1".to_owned()),
        ("AWS_LAMBDA_RUNTIME_API", format!("http://127.0.0.1:{port}/.rt/{binary}")),
    ]
}
