//! A lock between processes, by a file.

use std::fs::{self, File, TryLockError};
use std::io;
use std::path::Path;
use std::time::Duration;

use tokio::time;

/// How often a process that waits looks whether the lock is free. A wait inside the operating system could not be interrupted.
const PERIOD: Duration = Duration::from_millis(100);

/// Waits until no other process has the lock, and takes it until the file is dropped. It also ends with the process, however that
/// ends.
pub(super) async fn lock_file(path: &Path) -> io::Result<File> {
    fs::create_dir_all(path.parent().unwrap_or(path))?;
    let file = File::options().create(true).write(true).truncate(false).open(path)?;
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(file),
            Err(TryLockError::WouldBlock) => time::sleep(PERIOD).await,
            Err(TryLockError::Error(error)) => return Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn the_second_waits_until_the_first_has_ended() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("made/lock");
        let first = lock_file(&path).await.unwrap();
        assert!(time::timeout(100 * PERIOD, lock_file(&path)).await.is_err());
        drop(first);
        time::timeout(2 * PERIOD, lock_file(&path)).await.unwrap().unwrap();
    }
}
