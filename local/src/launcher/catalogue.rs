//! The catalogue of models, which the function `operator` stores before any other function starts.
//!
//! The launcher checks that the file is JSON. The function checks the rest, since a parser of catalogues in the launcher
//! would bring the clients of models with it, and delay the first line by minutes.

use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::timeout;

use super::arguments::Arguments;
use super::error::LaunchError;
use super::invocation::invoke;

/// The function that stores the catalogue.
pub(super) const KEEPER: &str = "operator";

/// A larger file is no catalogue, which has at most 64 KiB without spaces.
const MAX_FILE_BYTES: u64 = 1024 * 1024;

/// Time for one invocation, the start of the function included.
const INVOCATION_LIMIT: Duration = Duration::from_secs(60);

/// The command line's wish for the catalogue.
#[derive(Debug)]
pub(super) enum CatalogueChange {
    /// `--models`.
    Replace {
        /// The file, for messages.
        file: String,
        document: Value,
    },
    /// `--no-models`.
    Remove,
}

impl CatalogueChange {
    pub(super) fn of(arguments: &Arguments) -> Result<Option<Self>, LaunchError> {
        Ok(match &arguments.models {
            Some(path) => {
                let file = path.display().to_string();
                Some(Self::Replace { document: document(path, &file)?, file })
            }
            None => arguments.no_models.then_some(Self::Remove),
        })
    }

    /// Makes the change through the emulator at `port`, and says what has become of it.
    pub(super) async fn make(&self, port: u16) -> Result<String, LaunchError> {
        let stored = self.invoke(port, &json!({"action": "catalogue"})).await?;
        let (version, wanted) = (&stored["version"], self.document());
        // A stored document with errors is of another release. Its replacement is refused with all of them.
        if stored["catalogue"] == *wanted && stored["errors"] == json!([]) {
            return Ok(self.sentence(version, "as it was"));
        }
        let replacement = json!({"action": "catalogue", "replace": wanted, "version": version});
        let replaced = self.invoke(port, &replacement).await?;
        Ok(self.sentence(&replaced["version"], "stored now"))
    }

    fn document(&self) -> &Value {
        match self {
            Self::Replace { document, .. } => document,
            Self::Remove => &Value::Null,
        }
    }

    fn sentence(&self, version: &Value, since: &str) -> String {
        match self {
            Self::Replace { file, .. } => format!("The catalogue {file} is in use, {since} as version {version}."),
            Self::Remove => "There is no catalogue: MODEL names the model.".to_owned(),
        }
    }

    async fn invoke(&self, port: u16, event: &Value) -> Result<Value, LaunchError> {
        let file = match self {
            Self::Replace { file, .. } => file.clone(),
            Self::Remove => "--no-models".to_owned(),
        };
        let refused = |reason: String| LaunchError::Catalogue { file: file.clone(), reason };
        let answer = timeout(INVOCATION_LIMIT, invoke(port, KEEPER, event)).await;
        let answer = answer.map_err(|_| refused(format!("{KEEPER} did not answer")))?;
        let answer = answer.map_err(|error| refused(format!("{KEEPER} cannot be asked: {error}")))?;
        match answer["errorMessage"].as_str() {
            Some(reason) => Err(refused(reason.to_owned())),
            None => Ok(answer),
        }
    }
}

/// The JSON in a file.
fn document(path: &Path, shown: &str) -> Result<Value, LaunchError> {
    let unreadable = |source| LaunchError::File { path: shown.to_owned(), action: "read", source };
    let mut text = Vec::new();
    File::open(path).map_err(unreadable)?.take(MAX_FILE_BYTES + 1).read_to_end(&mut text).map_err(unreadable)?;
    if text.len() as u64 > MAX_FILE_BYTES {
        return Err(LaunchError::TooLarge { path: shown.to_owned(), most_kib: MAX_FILE_BYTES / 1024 });
    }
    serde_json::from_slice(&text)
        .map_err(|error| LaunchError::NoJson { path: shown.to_owned(), reason: error.to_string() })
}
