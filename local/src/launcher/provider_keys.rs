//! The API keys of the catalogue's providers, in a file beside the data that git ignores.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use serde_json::Value;

use super::error::LaunchError;

/// Its name in the data's folder.
pub(super) const FILE_NAME: &str = "provider-keys.json";

/// The most bytes of the file.
const READ_LIMIT_BYTES: u64 = 64 * 1024;

/// The text of the file, if there is one. What it says is in no message.
pub(super) fn load(data: &Path) -> Result<Option<String>, LaunchError> {
    let path = data.join(FILE_NAME);
    let shown = path.display().to_string();
    let mut text = String::new();
    match File::open(&path).and_then(|file| file.take(READ_LIMIT_BYTES).read_to_string(&mut text)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(source) => return Err(LaunchError::File { path: shown, action: "read", source }),
        Ok(_) => {}
    }
    match serde_json::from_str(&text) {
        Ok(Value::Object(keys)) if keys.values().all(Value::is_string) => Ok(Some(text)),
        _ => Err(LaunchError::NoKeys { path: shown }),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn the_file_is_read_if_there_is_one() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(load(folder.path()).unwrap(), None);
        let keys = r#"{"openai": "sk-1"}"#;
        fs::write(folder.path().join(FILE_NAME), keys).unwrap();
        assert_eq!(load(folder.path()).unwrap().as_deref(), Some(keys));
    }

    #[test]
    fn a_file_that_is_no_object_of_texts_is_named_and_not_quoted() {
        let folder = tempfile::tempdir().unwrap();
        for text in ["swordfish", "[\"swordfish\"]", "{\"openai\": {\"key\": \"swordfish\"}}"] {
            fs::write(folder.path().join(FILE_NAME), text).unwrap();
            let error = load(folder.path()).unwrap_err().to_string();
            assert!(error.ends_with("provider-keys.json are no JSON object of names and keys."), "{error}");
            assert!(!error.contains("swordfish"), "{error}");
        }
    }
}
