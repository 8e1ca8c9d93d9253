//! The console's build, which the function `console` has in it. Nothing here ends a start: without the console, the API works.

use std::fs::{self, File};
use std::hash::{DefaultHasher, Hasher};
use std::io;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::SystemTime;

use tokio::process::Command;

use super::checks::Plan;
use super::child_group;
use super::error::LaunchError;
use super::interrupt::Interrupt;
use super::node::{self, Node};
use super::progress::{PERIOD, say, say_every, step};

/// The number of this step.
const STEP: u8 = 3;

/// The last file that the console's build writes.
const LIST: &str = "dist/files.json";

/// Folders in the console's that are no sources.
const MADE: [&str; 2] = ["dist", "node_modules"];

/// Types of TypeScript alone, which are made for the checks and are no part of a build.
const TYPES: &str = ".d.ts";

/// Where the digest of the sources that were built last is kept, and what npm printed, in the workspace.
const DIGEST: &str = ".local/console-sources";
const LOG: &str = ".local/console-build.log";

/// Whether a build of the console is there.
pub(super) fn is_built(plan: &Plan) -> bool {
    folder(plan).join(LIST).is_file()
}

/// The console's folder, in the workspace.
fn folder(plan: &Plan) -> PathBuf {
    plan.workspace.join("console")
}

/// Builds the console if its sources have changed since it was built.
pub(super) async fn build(plan: &Plan, interrupt: &mut Interrupt) -> Result<(), LaunchError> {
    let console = folder(plan);
    if !console.join("package.json").is_file() {
        step(STEP, "There is no console in this workspace.");
        return Ok(());
    }
    // A source that cannot be read is npm's to complain of.
    let sources = ConsoleSources::in_folder(&console).ok();
    let kept = plan.workspace.join(DIGEST);
    if sources.as_ref().is_some_and(|sources| sources.are_built(&console, &kept)) {
        step(STEP, "The console is built.");
        return Ok(());
    }
    step(STEP, "Building the console: a minute the first time, then seconds.");
    let Some(node) = node::find_or_install(plan, interrupt).await? else {
        say(
            "The console is left out: it takes Node 20.19 or 22.12 or later, or Python with pip, which can install it.",
        );
        return Ok(());
    };
    let log = plan.workspace.join(LOG);
    let built = run_npm(&node, &console, &log, interrupt);
    let is_done = say_every(PERIOD, built, || format!("still building, with Node {}", node.version)).await?;
    if let (true, Some(sources)) = (is_done, sources) {
        // If it cannot be kept, the next start builds the console again.
        let _ = fs::write(kept, sources.digest.to_string());
    } else if !is_done {
        let then = if is_built(plan) { "it stays as it was" } else { "it is left out" };
        say(format_args!("The console could not be built, and {then}; {} says why.", plan.shown(&log)));
    }
    Ok(())
}

/// Installs the console's packages unless they are there, and builds it. Whether that succeeded.
async fn run_npm(node: &Node, console: &Path, log: &Path, interrupt: &mut Interrupt) -> Result<bool, LaunchError> {
    let Ok(printed) = fs::create_dir_all(log.parent().unwrap_or(log)).and_then(|()| File::create(log)) else {
        return Ok(false);
    };
    let npm = |arguments: &[&str]| -> io::Result<Command> {
        let mut npm = node.npm(console);
        npm.args(arguments)
            .env("NO_COLOR", "1")
            .stdout(Stdio::from(printed.try_clone()?))
            .stderr(Stdio::from(printed.try_clone()?));
        Ok(npm)
    };
    let (Ok(install), Ok(build)) =
        (npm(&["ci", "--omit=dev", "--no-audit", "--no-fund", "--no-update-notifier"]), npm(&["run", "build"]))
    else {
        return Ok(false);
    };
    if !has_packages(console) && !child_group::succeeds(install, interrupt).await? {
        return Ok(false);
    }
    child_group::succeeds(build, interrupt).await
}

/// Whether the packages of the lock file are installed, perhaps with those for the checks, which an installation for the build alone
/// would take away.
fn has_packages(console: &Path) -> bool {
    let time = |name: &str| fs::metadata(console.join(name)).and_then(|metadata| metadata.modified()).ok();
    // npm writes the first of these last.
    let (installed, locked) = (time("node_modules/.package-lock.json"), time("package-lock.json"));
    installed.is_some() && installed >= locked
}

/// The sources of the console: all that is in its folder and was not made from it.
struct ConsoleSources {
    /// It tells sources from others. Rust may make another one of the same sources in a later version: then they are built again.
    digest: u64,
    /// When the newest was written.
    newest: SystemTime,
}

impl ConsoleSources {
    fn in_folder(console: &Path) -> io::Result<Self> {
        let mut files = Vec::new();
        list(console, &mut files)?;
        files.sort();
        let mut hasher = DefaultHasher::new();
        let mut newest = SystemTime::UNIX_EPOCH;
        for file in files {
            newest = newest.max(fs::metadata(&file)?.modified()?);
            let name = file.strip_prefix(console).unwrap_or(&file);
            for part in [name.as_os_str().as_encoded_bytes(), &fs::read(&file)?] {
                // With its length, so that no two lists of parts are the same bytes.
                hasher.write_usize(part.len());
                hasher.write(part);
            }
        }
        Ok(Self { digest: hasher.finish(), newest })
    }

    /// Whether the build that is there was made of these sources: by a start, which kept their digest, or by hand, after the last
    /// change.
    fn are_built(&self, console: &Path, kept: &Path) -> bool {
        let Ok(built_at) = fs::metadata(console.join(LIST)).and_then(|list| list.modified()) else { return false };
        let built_by_a_start = fs::read_to_string(kept).is_ok_and(|digest| digest == self.digest.to_string());
        built_by_a_start || built_at > self.newest
    }
}

/// Adds the sources in `folder` to `files`.
fn list(folder: &Path, files: &mut Vec<PathBuf>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let (name, kind) = (entry.file_name(), entry.file_type()?);
        if kind.is_dir() && MADE.iter().all(|made| name != *made) {
            list(&entry.path(), files)?;
        } else if kind.is_file() && !name.to_string_lossy().ends_with(TYPES) {
            files.push(entry.path());
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tempfile::TempDir;

    use super::*;

    fn console_of(files: &[(&str, &str)]) -> TempDir {
        let folder = tempfile::tempdir().unwrap();
        for (name, content) in files {
            write(folder.path(), name, content);
        }
        folder
    }

    fn write(console: &Path, name: &str, content: &str) {
        let path = console.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }

    fn digest(console: &Path) -> u64 {
        ConsoleSources::in_folder(console).unwrap().digest
    }

    #[test]
    fn a_digest_changes_with_names_and_content_and_with_nothing_that_was_made() {
        let console = console_of(&[("src/a.ts", "1"), ("package.json", "{}")]);
        let before = digest(console.path());
        for made in ["dist/files.json", "node_modules/vite/vite.js", "src/api/schema.d.ts"] {
            write(console.path(), made, "made");
            assert_eq!(digest(console.path()), before, "{made}");
        }
        assert_eq!(digest(console_of(&[("package.json", "{}"), ("src/a.ts", "1")]).path()), before);
        for other in [
            &[("src/a.ts", "2"), ("package.json", "{}")][..],
            &[("src/b.ts", "1"), ("package.json", "{}")],
            &[("src/a.ts", "1{}"), ("package.json", "")],
            &[("package.json", "{}")],
        ] {
            assert_ne!(digest(console_of(other).path()), before, "{other:?}");
        }
    }

    #[test]
    fn sources_are_built_if_a_start_says_so_or_if_none_is_newer_than_the_build() {
        let console = console_of(&[("src/a.ts", "1")]);
        let kept = console.path().join("dist/kept");
        let are_built = || ConsoleSources::in_folder(console.path()).unwrap().are_built(console.path(), &kept);
        assert!(!are_built(), "there is no build");
        write(console.path(), LIST, "[]");
        let list = File::options().write(true).open(console.path().join(LIST)).unwrap();
        list.set_modified(SystemTime::now() + Duration::from_secs(60)).unwrap();
        assert!(are_built(), "the build is newer");
        list.set_modified(SystemTime::UNIX_EPOCH).unwrap();
        assert!(!are_built(), "the sources are newer");
        fs::write(&kept, digest(console.path()).to_string()).unwrap();
        assert!(are_built(), "the sources are those of the build");
        write(console.path(), "src/a.ts", "2");
        assert!(!are_built(), "the sources have changed");
    }
}
