//! The secrets that the functions sign with, each made once and kept beside the data.

use std::fs::{self, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::error::LaunchError;

/// The name of the secret of tokens in the data's folder.
pub(super) const OF_TOKENS: &str = "jwt-signing-secret";

/// The name of the secret of receipts there.
pub(super) const OF_RECEIPTS: &str = "receipt-signing-secret";

const RANDOM_BYTES: usize = 48;

/// The shortest secret that the functions accept.
const MINIMUM_CHARACTERS: usize = 32;

/// A larger file is not a secret.
const READ_LIMIT_BYTES: u64 = 4096;

/// Reads the secret of an earlier start, or makes a new one in a file that only this user may read.
pub(super) fn load_or_create(data: &Path, file_name: &str) -> Result<String, LaunchError> {
    let path = data.join(file_name);
    let shown = path.display().to_string();
    let secret = match read(&path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => create(&path),
        read => read,
    };
    match secret {
        Ok(secret) if secret.chars().count() < MINIMUM_CHARACTERS => Err(LaunchError::ShortSecret { path: shown }),
        Ok(secret) => Ok(secret),
        Err(source) => Err(LaunchError::File { path: shown, action: "read or written", source }),
    }
}

fn read(path: &Path) -> io::Result<String> {
    let mut secret = String::new();
    fs::File::open(path)?.take(READ_LIMIT_BYTES).read_to_string(&mut secret)?;
    Ok(secret.trim().to_owned())
}

/// Writes another file first and renames it, so that an interrupted start leaves no incomplete secret.
fn create(path: &Path) -> io::Result<String> {
    let mut random = [0_u8; RANDOM_BYTES];
    getrandom::fill(&mut random).map_err(io::Error::other)?;
    let secret = URL_SAFE_NO_PAD.encode(random);
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    let unfinished = path.with_extension(std::process::id().to_string());
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&unfinished)?;
    writeln!(file, "{secret}")?;
    fs::rename(&unfinished, path)?;
    Ok(secret)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn it_is_made_once_and_only_its_owner_may_read_it() {
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().join("data");
        let secret = load_or_create(&data, OF_TOKENS).unwrap();
        assert_eq!(secret.len(), 64);
        assert_eq!(load_or_create(&data, OF_TOKENS).unwrap(), secret);
        let mode = fs::metadata(data.join(OF_TOKENS)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert_eq!(fs::read_dir(&data).unwrap().count(), 1);
        assert_ne!(load_or_create(&data, OF_RECEIPTS).unwrap(), secret);
    }

    #[test]
    fn two_folders_have_two_secrets() {
        let folders = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
        let [first, second] = folders.each_ref().map(|folder| load_or_create(folder.path(), OF_TOKENS).unwrap());
        assert_ne!(first, second);
    }

    #[test]
    fn a_damaged_one_is_not_used() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join(OF_TOKENS), "swordfish\n").unwrap();
        let error = load_or_create(folder.path(), OF_TOKENS).unwrap_err().to_string();
        assert!(error.ends_with("has fewer than 32 characters; delete the file and a new one is made."), "{error}");
    }
}
