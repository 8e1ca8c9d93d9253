//! Compiles every function before the first request, so that no request waits for the compiler.

use tokio::process::Command;

use super::checks::{self, Plan};
use super::child_group;
use super::environment::Environment;
use super::error::LaunchError;
use super::interrupt::Interrupt;
use super::progress::say;

/// Builds the functions, with cargo's own progress on the terminal.
pub(super) async fn functions(
    plan: &Plan,
    environment: &Environment,
    interrupt: &mut Interrupt,
) -> Result<(), LaunchError> {
    say(format_args!("Building {} functions; the first time takes a few minutes.", plan.functions.len()));
    let mut command = Command::new(checks::cargo());
    command.arg("build").current_dir(&plan.workspace);
    // cargo-lambda names binaries one by one too. With `--package functions` cargo would choose other features of
    // shared dependencies, and cargo-lambda would compile everything again at the first request.
    for function in &plan.functions {
        command.args(["--bin", &function.binary]);
    }
    environment.apply(&mut command);
    let status = child_group::run(command, interrupt).await?;
    if status.success() { Ok(()) } else { Err(LaunchError::BuildFailed { status: status.to_string() }) }
}
