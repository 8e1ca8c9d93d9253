//! The catalogue of models, as those who run the deployment see, judge and replace it: operators and staff alike.

use domain::time::Timestamp;
use ledger::authority::{AuthorityLost, RecentAuthority};
use providers::catalogue::{Catalogue, CatalogueError};
use providers::stored_catalogue::{CatalogueKeeper, CatalogueVersion, Replaced, StoredCatalogue};
use serde::Serialize;
use serde_json::Value;
use store::StoreError;

use crate::error::{ApiError, FieldErrors};

/// The catalogue as it is stored. It need not be one that this release can read.
#[derive(Debug, Serialize)]
pub struct ShownCatalogue {
    version: u64,
    changed_at: Option<String>,
    catalogue: Value,
    errors: Vec<CatalogueError>,
}

/// A version of the catalogue, as it is kept.
#[derive(Debug, Serialize)]
pub struct ShownVersion {
    #[serde(flatten)]
    shown: ShownCatalogue,
    actor: String,
}

/// The judgement on a document.
#[derive(Debug, Serialize)]
pub struct CatalogueJudgement {
    /// Whether it is a catalogue.
    valid: bool,
    /// The errors, if it is none.
    errors: Vec<CatalogueError>,
    /// The ids of its models, if it is one.
    models: Vec<String>,
}

/// A catalogue that was replaced.
#[derive(Debug, Serialize)]
pub struct ReplacedCatalogue {
    /// The new version.
    version: u64,
    /// The time of the replacement.
    changed_at: Option<String>,
    /// The ids of the models. There are none if the settings name the model.
    models: Vec<String>,
}

/// The reason why a catalogue was not replaced. Nothing was changed, unless the outcome is not known.
#[derive(Debug)]
pub enum ReplacementRefused {
    /// The document is no catalogue.
    Invalid(Vec<CatalogueError>),
    /// Another version is stored than the one that was seen.
    Changed {
        /// The version that is stored.
        version: u64,
    },
    /// The actor is no longer staff.
    Unauthorized(AuthorityLost),
    /// The table cannot be reached, or has something wrong.
    Store(StoreError),
}

impl From<StoredCatalogue> for ShownCatalogue {
    /// The document as JSON, or as the text that it is.
    fn from(stored: StoredCatalogue) -> Self {
        let StoredCatalogue { version, catalogue, changed_at } = stored;
        let errors = catalogue.as_deref().and_then(|text| Catalogue::parse(text).err()).unwrap_or_default();
        let catalogue = catalogue.map(|text| serde_json::from_str(&text).unwrap_or(Value::String(text)));
        Self { version, changed_at, catalogue: catalogue.unwrap_or_default(), errors }
    }
}

impl From<CatalogueVersion> for ShownVersion {
    fn from(kept: CatalogueVersion) -> Self {
        let CatalogueVersion { version, catalogue, changed_at, by } = kept;
        let stored = StoredCatalogue { version, catalogue, changed_at: Some(changed_at) };
        Self { shown: stored.into(), actor: by }
    }
}

impl CatalogueJudgement {
    /// The judgement on `document`.
    #[must_use]
    pub fn of(document: &Value) -> Self {
        match models_of(document) {
            Ok(models) => Self { valid: true, errors: Vec::new(), models },
            Err(errors) => Self { valid: false, errors, models: Vec::new() },
        }
    }
}

/// Judges `catalogue`, and stores it in place of the version `seen`. `None` goes back to the model of the settings.
///
/// # Errors
/// [`ReplacementRefused`].
pub async fn replace(
    keeper: &CatalogueKeeper,
    catalogue: Option<&Value>,
    seen: u64,
    authority: &RecentAuthority,
    deadline: Timestamp,
) -> Result<ReplacedCatalogue, ReplacementRefused> {
    let models = catalogue.map(models_of).transpose();
    let models = models.map_err(ReplacementRefused::Invalid)?.unwrap_or_default();
    match keeper.replace(catalogue, seen, authority, deadline).await? {
        Replaced::Written(StoredCatalogue { version, changed_at, .. }) => {
            tracing::warn!(version, models = models.len(), "the catalogue was replaced");
            Ok(ReplacedCatalogue { version, changed_at, models })
        }
        Replaced::Changed { version } => Err(ReplacementRefused::Changed { version }),
        Replaced::Unauthorized(lost) => Err(ReplacementRefused::Unauthorized(lost)),
    }
}

/// The ids of the models in a document.
fn models_of(document: &Value) -> Result<Vec<String>, Vec<CatalogueError>> {
    let catalogue = Catalogue::from_value(document)?;
    Ok(catalogue.models().iter().map(|model| model.id.clone()).collect())
}

impl From<StoreError> for ReplacementRefused {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl From<ReplacementRefused> for ApiError {
    fn from(refused: ReplacementRefused) -> Self {
        match refused {
            ReplacementRefused::Invalid(errors) => Self::InvalidCatalogue(by_path(errors)),
            ReplacementRefused::Changed { version } => Self::CatalogueChanged { version },
            ReplacementRefused::Unauthorized(lost) => lost.into(),
            ReplacementRefused::Store(error) => error.into(),
        }
    }
}

fn by_path(errors: Vec<CatalogueError>) -> FieldErrors {
    let mut by_path = FieldErrors::new();
    for CatalogueError { path, problem } in errors {
        by_path.entry(path.into()).or_default().push(problem);
    }
    by_path
}

#[cfg(test)]
mod tests {
    use super::*;

    use providers::testing::small_catalogue;
    use serde_json::json;

    #[test]
    fn a_stored_document_is_shown_also_if_nobody_can_read_it() {
        let shown = |catalogue: Option<&str>| {
            let stored = StoredCatalogue { version: 3, catalogue: catalogue.map(str::to_owned), changed_at: None };
            serde_json::to_value(ShownCatalogue::from(stored)).unwrap()
        };
        let good = small_catalogue("a");
        let expected = json!({"version": 3, "changed_at": null, "catalogue": good, "errors": []});
        assert_eq!(shown(Some(&good.to_string())), expected);
        assert_eq!(shown(None)["catalogue"], Value::Null);
        let later = shown(Some(r#"{"providers": {}, "models": [], "tariffs": 1}"#));
        assert_eq!(later["catalogue"]["tariffs"], 1);
        assert_eq!(later["errors"][2]["path"], "tariffs");
        assert_eq!(shown(Some("{"))["catalogue"], "{");
    }

    #[test]
    fn errors_are_told_by_their_paths() {
        let error = |path: &str, problem: &str| CatalogueError { path: path.to_owned(), problem: problem.to_owned() };
        let errors = vec![error("models[0].id", "is missing"), error("", "is empty"), error("models[0].id", "is odd")];
        let ApiError::InvalidCatalogue(told) = ReplacementRefused::Invalid(errors).into() else {
            panic!("another error")
        };
        assert_eq!(told["models[0].id"], ["is missing", "is odd"]);
        assert_eq!(told[""], ["is empty"]);
    }
}
