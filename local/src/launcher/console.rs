//! The console's build, which the function `console` has in it. Nothing here ends a start: without the console, the API works.

use std::fs::{self, File};
use std::hash::{DefaultHasher, Hasher};
use std::io;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use tokio::process::Command;

use super::checks::Plan;
use super::child_group;
use super::error::LaunchError;
use super::file_lock::lock_file;
use super::interrupt::Interrupt;
use super::node::{self, Node};
use super::progress::{PERIOD, say, say_every, step};

/// The number of this step.
const STEP: u8 = 3;

/// The last file that the console's build writes.
const LIST: &str = "dist/files.json";

/// The digest of the sources of a build, beside the build: the next build begins by deleting both.
const DIGEST: &str = "dist/sources-digest";

/// Folders in the console's that are no sources.
const MADE: [&str; 2] = ["dist", "node_modules"];

/// Types of TypeScript alone, which are made for the checks and are no part of a build.
const TYPES: &str = ".d.ts";

/// npm's output, in the workspace.
const LOG: &str = ".local/console-build.log";

/// The file that a start locks while it looks at the build and builds: two builds at once would delete each other's files.
const LOCK: &str = ".local/console-build.lock";

/// npm's arguments to install the packages of a build. By npm's own limits, a start without a network would wait for minutes.
const INSTALL: [&str; 8] = [
    "ci",
    "--omit=dev",
    "--no-audit",
    "--no-fund",
    "--no-update-notifier",
    "--fetch-retries=1",
    "--fetch-retry-mintimeout=1000",
    "--fetch-timeout=30000",
];

/// Whether a build of the console is there.
pub(super) fn is_built(plan: &Plan) -> bool {
    has_build(&folder(plan))
}

fn has_build(console: &Path) -> bool {
    console.join(LIST).is_file()
}

/// The console's folder, in the workspace.
fn folder(plan: &Plan) -> PathBuf {
    plan.workspace.join("console")
}

/// Builds the console unless a start has built the sources that are there.
pub(super) async fn build(plan: &Plan, interrupt: &mut Interrupt) -> Result<(), LaunchError> {
    let console = folder(plan);
    if !console.join("package.json").is_file() {
        step(STEP, "There is no console in this workspace.");
        return Ok(());
    }
    let _lock = lock(plan, interrupt).await?;
    // A source that cannot be read leaves no digest: npm runs, and its message names the file.
    let sources = SourcesDigest::of_sources(&console).ok();
    if sources.is_some() && sources == SourcesDigest::of_build(&console) {
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
    if say_every(PERIOD, built, || format!("still building, with Node {}", node.version)).await? {
        SourcesDigest::keep(sources, &console);
    } else {
        let then = if has_build(&console) { "it stays as it was" } else { "it is left out" };
        say(format_args!("The console could not be built, and {then}; {} says why.", plan.shown(&log)));
    }
    Ok(())
}

/// Waits until no other start in this workspace looks at the build or builds. `None`: the file cannot be locked, and this start
/// goes on without.
async fn lock(plan: &Plan, interrupt: &mut Interrupt) -> Result<Option<File>, LaunchError> {
    let path = plan.workspace.join(LOCK);
    let free = say_every(PERIOD, lock_file(&path), || "waiting for another start, which builds the console".to_owned());
    tokio::select! {
        locked = free => Ok(locked.ok()),
        () = interrupt.received() => Err(LaunchError::Interrupted),
    }
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
    let (Ok(install), Ok(build)) = (npm(&INSTALL), npm(&["run", "build"])) else { return Ok(false) };
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

/// A digest of the console's sources: of all that is in its folder and was not made from it. Rust may make another one of the same
/// sources in a later version: then they are built again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct SourcesDigest(u64);

impl SourcesDigest {
    fn of_sources(console: &Path) -> io::Result<Self> {
        let mut files = Vec::new();
        list(console, &mut files)?;
        files.sort();
        let mut hasher = DefaultHasher::new();
        for file in files {
            let name = file.strip_prefix(console).unwrap_or(&file);
            for part in [name.as_os_str().as_encoded_bytes(), &fs::read(&file)?] {
                // With its length, so that no two lists of parts are the same bytes.
                hasher.write_usize(part.len());
                hasher.write(part);
            }
        }
        Ok(Self(hasher.finish()))
    }

    /// The digest of the sources of the build that is there. `None`: there is no build, or it was made by hand, of sources that
    /// nobody knows.
    fn of_build(console: &Path) -> Option<Self> {
        let kept = has_build(console).then(|| fs::read_to_string(console.join(DIGEST)).ok())??;
        kept.parse().ok().map(Self)
    }

    /// Keeps the digest that the sources had before the build, unless they have changed meanwhile: the build may have each of them
    /// as it was or as it is.
    fn keep(before: Option<Self>, console: &Path) {
        let after = Self::of_sources(console).ok();
        if let (Some(Self(digest)), true) = (before, before == after) {
            // If it cannot be kept, the next start builds the console again.
            let _ = fs::write(console.join(DIGEST), digest.to_string());
        }
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

    fn digest(console: &Path) -> SourcesDigest {
        SourcesDigest::of_sources(console).unwrap()
    }

    /// Does as `npm run build`: writes another build in the place of the last one.
    fn npm_run_build(console: &Path) {
        let _ = fs::remove_dir_all(console.join("dist"));
        write(console, LIST, "[]");
    }

    /// Does as a start that builds.
    fn start(console: &Path) {
        let before = digest(console);
        npm_run_build(console);
        SourcesDigest::keep(Some(before), console);
    }

    fn is_of_sources(console: &Path) -> bool {
        SourcesDigest::of_build(console) == Some(digest(console))
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
    fn a_build_is_of_the_sources_of_which_a_start_has_made_it() {
        let console = console_of(&[("src/a.ts", "1")]);
        let console = console.path();
        assert!(!is_of_sources(console), "there is no build");
        start(console);
        assert!(is_of_sources(console));
        write(console, "src/a.ts", "2");
        assert!(!is_of_sources(console), "a source has changed");
        write(console, "src/a.ts", "1");
        assert!(is_of_sources(console), "the source is as it was");
        fs::remove_file(console.join(LIST)).unwrap();
        assert!(!is_of_sources(console), "the build was deleted");
    }

    #[test]
    fn a_build_by_hand_takes_the_digest_of_the_build_before_it_away() {
        let console = console_of(&[("src/a.ts", "1")]);
        let console = console.path();
        start(console);
        write(console, "src/a.ts", "2");
        npm_run_build(console);
        assert!(!is_of_sources(console));
        write(console, "src/a.ts", "1");
        assert!(!is_of_sources(console), "the build is of the other sources");
    }

    #[test]
    fn of_sources_that_change_while_they_are_built_no_digest_is_kept() {
        let console = console_of(&[("src/a.ts", "1")]);
        let console = console.path();
        let before = digest(console);
        npm_run_build(console);
        write(console, "src/a.ts", "2");
        SourcesDigest::keep(Some(before), console);
        assert_eq!(SourcesDigest::of_build(console), None);
        write(console, "src/a.ts", "1");
        assert!(!is_of_sources(console));
    }
}
