//! Every function compiled before the first request, so that none waits for the compiler.

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
    // Named one by one from the root, as cargo-lambda will: `--package functions` would choose other features of
    // shared dependencies, and everything would be compiled once more at the first request.
    for function in &plan.functions {
        command.args(["--bin", &function.binary]);
    }
    environment.apply(&mut command);
    let status = child_group::run(command, interrupt).await?;
    if status.success() { Ok(()) } else { Err(LaunchError::BuildFailed { status: status.to_string() }) }
}
