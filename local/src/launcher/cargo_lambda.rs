//! cargo-lambda: found on the PATH, found where an earlier start put it, or installed there.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::process::Command;

use super::checks::{self, Plan};
use super::child_group;
use super::error::LaunchError;
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
        Ok(true) => put_in_place(&unfinished, home).await,
        _ => false,
    };
    remove(&unfinished);
    installed?;
    if is_there { Ok(()) } else { Err(LaunchError::NoCargoLambda) }
}

/// Leaves what another start has installed meanwhile, because that start runs it.
async fn put_in_place(unfinished: &Path, home: &Path) -> bool {
    if usable_version(&program_in(home)).await.is_some() {
        return true;
    }
    // It is broken, or not there.
    remove(home);
    fs::rename(unfinished, home).is_ok() || usable_version(&program_in(home)).await.is_some()
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
    Ok(done? && usable_version(&program_in(folder)).await.is_some())
}

/// Cargo prints its progress by itself.
async fn install_with_cargo(folder: &Path, interrupt: &mut Interrupt) -> Result<bool, LaunchError> {
    let mut install = Command::new(checks::cargo());
    install.args(["install", "--locked", "--root"]).arg(folder).arg(format!("cargo-lambda@{PINNED_VERSION}"));
    Ok(child_group::succeeds(install, interrupt).await? && usable_version(&program_in(folder)).await.is_some())
}

fn program_in(folder: &Path) -> PathBuf {
    folder.join("bin/cargo-lambda")
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

fn remove(folder: &Path) {
    // An error is ignored: either the folder does not exist, or the next step fails for the same reason and reports it.
    let _ = fs::remove_dir_all(folder);
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    /// A program that prints the pinned version, in place of an installation.
    fn installed_in(folder: &Path) {
        let program = program_in(folder);
        fs::create_dir_all(program.parent().unwrap()).unwrap();
        fs::write(&program, format!("#!/bin/sh\necho cargo-lambda {PINNED_VERSION}\n")).unwrap();
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    }

    #[tokio::test]
    async fn of_two_starts_that_install_at_once_the_second_takes_what_the_first_has_put_in_place() {
        let tools = tempfile::tempdir().unwrap();
        let (first, second, home) =
            (tools.path().join("unfinished-1"), tools.path().join("unfinished-2"), tools.path().join("home"));
        installed_in(&first);
        installed_in(&second);
        assert!(put_in_place(&first, &home).await);
        assert!(put_in_place(&second, &home).await);
        assert!(!first.exists(), "the first was put in place");
        assert!(second.exists(), "the second was not needed");
        assert!(usable_version(&program_in(&home)).await.is_some());
    }

    #[tokio::test]
    async fn a_broken_installation_gives_way() {
        let tools = tempfile::tempdir().unwrap();
        let (unfinished, home) = (tools.path().join("unfinished"), tools.path().join("home"));
        fs::create_dir_all(home.join("bin")).unwrap();
        installed_in(&unfinished);
        assert!(put_in_place(&unfinished, &home).await);
        assert!(usable_version(&program_in(&home)).await.is_some());
    }

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
