//! The files that the functions were built from, and whether one has changed. Cargo lists them beside each binary, so a
//! file that no function uses restarts nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use super::build::Executable;
use super::checks::Plan;

/// How often the files are looked at. A few hundred cost less than a millisecond.
const PERIOD: Duration = Duration::from_secs(1);

type Times = BTreeMap<PathBuf, Option<SystemTime>>;

pub(super) struct Sources {
    times: Times,
}

impl Sources {
    /// The sources of these executables and the manifests above them, as they are now.
    pub(super) fn of(executables: &[Executable], plan: &Plan) -> Self {
        let mut files = BTreeSet::from([plan.workspace.join("Cargo.lock")]);
        for executable in executables {
            let list = fs::read_to_string(executable.path.with_extension("d")).unwrap_or_default();
            files.extend(listed(&list));
        }
        let manifests: BTreeSet<_> = files.iter().flat_map(|file| manifests_above(file, &plan.workspace)).collect();
        files.extend(manifests);
        Self { times: times(files) }
    }

    /// Follows the sources of these executables from now on. A file that was saved while they were built has still changed.
    pub(super) fn follow(&mut self, executables: &[Executable], plan: &Plan) {
        let mut times = Self::of(executables, plan).times;
        for (file, time) in &mut times {
            if let Some(known) = self.times.get(file) {
                *time = *known;
            }
        }
        self.times = times;
    }

    /// Waits until a file differs from the last call, and no more does for a second: an editor may save many.
    pub(super) async fn changed(&mut self) {
        let mut last = self.times.clone();
        loop {
            tokio::time::sleep(PERIOD).await;
            let now = times(self.times.keys().cloned());
            if now == last && now != self.times {
                self.times = now;
                return;
            }
            last = now;
        }
    }
}

fn times(files: impl IntoIterator<Item = PathBuf>) -> Times {
    let modified = |file: &Path| fs::metadata(file).and_then(|metadata| metadata.modified()).ok();
    files.into_iter().map(|file| (modified(&file), file)).map(|(time, file)| (file, time)).collect()
}

/// The files in `target/debug/chat: src/chat.rs src/a\ name\ with\ spaces.rs`.
fn listed(text: &str) -> Vec<PathBuf> {
    let Some((_, files)) = text.lines().next().and_then(|line| line.split_once(": ")) else { return Vec::new() };
    // No path has this character, which stands for an escaped space meanwhile.
    let files = files.replace("\\ ", "\0");
    files.split(' ').filter(|file| !file.is_empty()).map(|file| PathBuf::from(file.replace('\0', " "))).collect()
}

fn manifests_above(file: &Path, workspace: &Path) -> Vec<PathBuf> {
    let folders = file.ancestors().skip(1).take_while(|folder| folder.starts_with(workspace));
    folders.map(|folder| folder.join("Cargo.toml")).filter(|manifest| manifest.is_file()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_files_that_cargo_lists_are_found_with_their_spaces() {
        let list = "/work/target/debug/chat: /work/src/chat.rs /work/my\\ folder/lib.rs\n\n/work/src/chat.rs:\n";
        assert_eq!(listed(list), [Path::new("/work/src/chat.rs"), Path::new("/work/my folder/lib.rs")]);
        assert!(listed("").is_empty());
    }

    #[test]
    fn the_manifests_above_a_file_end_with_that_of_the_workspace() {
        let folder = tempfile::tempdir().unwrap();
        let workspace = folder.path().join("workspace");
        fs::create_dir_all(workspace.join("functions/src")).unwrap();
        let manifests = [workspace.join("functions/Cargo.toml"), workspace.join("Cargo.toml")];
        for manifest in manifests.iter().chain(&[folder.path().join("Cargo.toml")]) {
            fs::write(manifest, "").unwrap();
        }
        assert_eq!(manifests_above(&workspace.join("functions/src/main.rs"), &workspace), manifests);
    }

    #[tokio::test]
    async fn a_saved_file_is_noticed_once() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("chat.rs");
        fs::write(&file, "one").unwrap();
        let mut sources = Sources { times: times([file.clone()]) };
        assert!(tokio::time::timeout(2 * PERIOD, sources.changed()).await.is_err());
        fs::remove_file(&file).unwrap();
        tokio::time::timeout(5 * PERIOD, sources.changed()).await.unwrap();
        assert!(tokio::time::timeout(2 * PERIOD, sources.changed()).await.is_err());
    }
}
