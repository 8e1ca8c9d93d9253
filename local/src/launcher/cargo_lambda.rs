//! cargo-lambda: found on the PATH, found where an earlier start put it, or installed there.

use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::process::Command;

use super::checks::{self, Plan};
use super::child_group;
use super::error::LaunchError;
use super::installation::{put_in_place, remove};
use super::interrupt::Interrupt;
use super::progress::{PERIOD, say, say_every, step};

const PINNED_VERSION: &str = "1.9.2";

/// The first version whose emulator behaves as this project expects.
const OLDEST_VERSION: (u32, u32) = (1, 9);

/// Time for cargo-lambda to print its version.
const VERSION_LIMIT: Duration = Duration::from_secs(20);

/// A program whose version is new enough.
pub(super) struct CargoLambda {
    pub(super) program: PathBuf,
}

pub(super) async fn find_or_install(plan: &Plan, interrupt: &mut Interrupt) -> Result<CargoLambda, LaunchError> {
    let home = plan.workspace.join(".local/tools").join(format!("cargo-lambda-{PINNED_VERSION}"));
    let known = [PathBuf::from("cargo-lambda"), program_in(&home)];
    for program in known {
        if let Some(version) = usable_version(&program).await {
            step(1, format_args!("cargo-lambda {version} is here ({}).", plan.shown(&program)));
            return Ok(CargoLambda { program });
        }
    }
    install(plan, &home, interrupt).await?;
    Ok(CargoLambda { program: program_in(&home) })
}

/// Installs into another folder and renames that at the end, so that an unfinished installation is never used.
async fn install(plan: &Plan, home: &Path, interrupt: &mut Interrupt) -> Result<(), LaunchError> {
    let unfinished = home.with_file_name(format!("unfinished-{}", std::process::id()));
    let folder = plan.shown(home);
    step(1, format_args!("Installing cargo-lambda {PINNED_VERSION} from PyPI into {folder}: 15 MB, some seconds."));
    let installed = install_into(&unfinished, interrupt).await;
    let is_there = match installed {
        Ok(true) => put_in_place(&unfinished, home, has_usable).await,
        _ => false,
    };
    remove(&unfinished);
    installed?;
    if is_there { Ok(()) } else { Err(LaunchError::NoCargoLambda) }
}

async fn install_into(folder: &Path, interrupt: &mut Interrupt) -> Result<bool, LaunchError> {
    if install_wheel(folder, interrupt).await? {
        return Ok(true);
    }
    say("That failed; compiling cargo-lambda with `cargo install` instead, which takes several minutes.");
    remove(folder);
    install_with_cargo(folder, interrupt).await
}

async fn install_wheel(folder: &Path, interrupt: &mut Interrupt) -> Result<bool, LaunchError> {
    let mut create = Command::new("python3");
    create.args(["-m", "venv"]).arg(folder);
    let mut fill = Command::new(folder.join("bin/python"));
    // Its only dependency is zig, which the emulator does not use. A source package would compile for minutes
    // without a message.
    fill.args(["-m", "pip", "install", "--no-deps", "--only-binary=:all:", "--disable-pip-version-check"])
        .arg(format!("cargo-lambda=={PINNED_VERSION}"));
    let steps =
        async { Ok(child_group::succeeds(create, interrupt).await? && child_group::succeeds(fill, interrupt).await?) };
    let done: Result<bool, LaunchError> = say_every(PERIOD, steps, || "still installing".to_owned()).await;
    Ok(done? && has_usable(folder).await)
}

/// Cargo prints its progress by itself.
async fn install_with_cargo(folder: &Path, interrupt: &mut Interrupt) -> Result<bool, LaunchError> {
    let mut install = Command::new(checks::cargo());
    install.args(["install", "--locked", "--root"]).arg(folder).arg(format!("cargo-lambda@{PINNED_VERSION}"));
    Ok(child_group::succeeds(install, interrupt).await? && has_usable(folder).await)
}

fn program_in(folder: &Path) -> PathBuf {
    folder.join("bin/cargo-lambda")
}

async fn has_usable(home: &Path) -> bool {
    usable_version(&program_in(home)).await.is_some()
}

async fn usable_version(program: &Path) -> Option<String> {
    let asked = Command::new(program).args(["lambda", "--version"]).kill_on_drop(true).output();
    let output = tokio::time::timeout(VERSION_LIMIT, asked).await.ok()?.ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    new_enough(&text).map(str::to_owned)
}

/// The version in `cargo-lambda 1.9.2 (67129fc 2026-08-21Z)`, if it is new enough.
fn new_enough(text: &str) -> Option<&str> {
    let version = text.strip_prefix("cargo-lambda ")?.split_whitespace().next()?;
    let mut numbers = version.split('.').map(str::parse::<u32>);
    let (Some(Ok(major)), Some(Ok(minor))) = (numbers.next(), numbers.next()) else { return None };
    ((major, minor) >= OLDEST_VERSION).then_some(version)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_from_1_9_on_are_new_enough() {
        assert_eq!(new_enough("cargo-lambda 1.9.2 (67129fc 2026-08-21Z)"), Some("1.9.2"));
        assert_eq!(new_enough("cargo-lambda 1.10.0"), Some("1.10.0"));
        assert_eq!(new_enough("cargo-lambda 2.0.0-beta.1\n"), Some("2.0.0-beta.1"));
        assert_eq!(new_enough("cargo-lambda 1.8.6 (c3e4ab2)"), None);
        assert_eq!(new_enough("cargo-lambda: command not found"), None);
        assert_eq!(new_enough(""), None);
    }
}
