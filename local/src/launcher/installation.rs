//! Programs that the launcher installs under `.local/tools`.

use std::fs;
use std::path::Path;

/// Renames `unfinished`, a finished installation, to `home`. An installation that another start has put there meanwhile stays,
/// because that start runs it; one that is broken gives way. Whether `home` is usable then.
pub(super) async fn put_in_place(unfinished: &Path, home: &Path, is_usable: impl AsyncFn(&Path) -> bool) -> bool {
    // First, so that nothing is deleted where nothing was: a folder with something in it is not replaced.
    if fs::rename(unfinished, home).is_ok() || is_usable(home).await {
        return true;
    }
    remove(home);
    fs::rename(unfinished, home).is_ok() || is_usable(home).await
}

pub(super) fn remove(folder: &Path) {
    // An error is ignored: either the folder does not exist, or the next step fails for the same reason and reports it.
    let _ = fs::remove_dir_all(folder);
}

#[cfg(test)]
mod tests {
    use super::*;

    const PROGRAM: &str = "program";

    fn installed_in(folder: &Path, content: &str) {
        fs::create_dir_all(folder).unwrap();
        fs::write(folder.join(PROGRAM), content).unwrap();
    }

    async fn is_usable(folder: &Path) -> bool {
        fs::read_to_string(folder.join(PROGRAM)).is_ok_and(|content| content != "broken")
    }

    #[tokio::test]
    async fn of_two_starts_that_install_at_once_the_second_takes_what_the_first_has_put_in_place() {
        let tools = tempfile::tempdir().unwrap();
        let [first, second, home] = ["unfinished-1", "unfinished-2", "home"].map(|name| tools.path().join(name));
        installed_in(&first, "first");
        installed_in(&second, "second");
        assert!(put_in_place(&first, &home, is_usable).await);
        assert!(put_in_place(&second, &home, is_usable).await);
        assert_eq!(fs::read_to_string(home.join(PROGRAM)).unwrap(), "first");
        assert!(second.exists(), "the second was not needed");
    }

    #[tokio::test]
    async fn a_broken_installation_gives_way() {
        let tools = tempfile::tempdir().unwrap();
        let (unfinished, home) = (tools.path().join("unfinished"), tools.path().join("home"));
        installed_in(&home, "broken");
        installed_in(&unfinished, "whole");
        assert!(put_in_place(&unfinished, &home, is_usable).await);
        assert_eq!(fs::read_to_string(home.join(PROGRAM)).unwrap(), "whole");
    }

    #[tokio::test]
    async fn an_installation_that_is_not_there_is_not_put_in_place() {
        let tools = tempfile::tempdir().unwrap();
        assert!(!put_in_place(&tools.path().join("unfinished"), &tools.path().join("home"), is_usable).await);
    }
}
