//! The commands about the catalogue of models, and their results.

use domain::time::Timestamp;
use providers::catalogue::{Catalogue, CatalogueError};
use providers::stored_catalogue::{CatalogueKeeper, Replaced, StoredCatalogue};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

use crate::direct::DirectError;

/// The command about the catalogue.
#[derive(Debug, PartialEq, Deserialize)]
#[serde(try_from = "CatalogueFields")]
pub enum CatalogueCommand {
    /// Show it as it is stored.
    Show,
    /// Say whether a document is a catalogue. Nothing is changed.
    Check {
        /// The document.
        catalogue: Value,
    },
    /// Store another one.
    Replace {
        /// The document. `None`: the settings name the one model again.
        catalogue: Option<Value>,
        /// The version that the operator has seen: 0 if there was none.
        version: u64,
    },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CatalogueFields {
    #[serde(default, deserialize_with = "also_null")]
    check: Option<Value>,
    #[serde(default, deserialize_with = "also_null")]
    replace: Option<Value>,
    version: Option<u64>,
}

/// A member that is there, also if it is null.
fn also_null<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Value>, D::Error> {
    Value::deserialize(deserializer).map(Some)
}

impl TryFrom<CatalogueFields> for CatalogueCommand {
    type Error = &'static str;

    fn try_from(fields: CatalogueFields) -> Result<Self, Self::Error> {
        match fields {
            CatalogueFields { check: None, replace: None, version: None } => Ok(Self::Show),
            CatalogueFields { check: Some(catalogue), replace: None, version: None } => Ok(Self::Check { catalogue }),
            CatalogueFields { check: None, replace: Some(catalogue), version: Some(version) } => {
                Ok(Self::Replace { catalogue: Some(catalogue).filter(|catalogue| !catalogue.is_null()), version })
            }
            _ => Err("give `check` alone, or `replace` and the `version` that you have seen, or none of them"),
        }
    }
}

/// The result of a command about the catalogue.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub enum CatalogueOutcome {
    /// The catalogue as it is stored.
    Shown(ShownCatalogue),
    /// The judgement on a document.
    Checked {
        /// Whether it is a catalogue.
        valid: bool,
        /// The errors, if it is none.
        errors: Vec<CatalogueError>,
        /// The ids of its models, if it is one.
        models: Vec<String>,
    },
    /// The catalogue was replaced.
    Replaced {
        /// The new version.
        version: u64,
        /// The time of the replacement.
        changed_at: Option<String>,
        /// The ids of the models. There are none if the settings name the model.
        models: Vec<String>,
    },
}

/// The catalogue as it is stored. It need not be one that this release can read.
#[derive(Debug, Serialize)]
pub struct ShownCatalogue {
    version: u64,
    changed_at: Option<String>,
    catalogue: Value,
    errors: Vec<CatalogueError>,
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

impl CatalogueCommand {
    /// Carries the command out by `deadline`.
    ///
    /// # Errors
    /// [`DirectError::InvalidCatalogue`] if the new document is no catalogue, [`DirectError::CatalogueChanged`] if
    /// another version is stored than the one that the operator has seen. Nothing was changed then.
    pub async fn carry_out(
        self,
        keeper: &CatalogueKeeper,
        deadline: Timestamp,
    ) -> Result<CatalogueOutcome, DirectError> {
        match self {
            Self::Show => Ok(CatalogueOutcome::Shown(keeper.read().await?.into())),
            Self::Check { catalogue } => Ok(match models_of(&catalogue) {
                Ok(models) => CatalogueOutcome::Checked { valid: true, errors: Vec::new(), models },
                Err(errors) => CatalogueOutcome::Checked { valid: false, errors, models: Vec::new() },
            }),
            Self::Replace { catalogue, version } => {
                let models = catalogue.as_ref().map(models_of).transpose();
                let models = models.map_err(DirectError::InvalidCatalogue)?.unwrap_or_default();
                match keeper.replace(catalogue.as_ref(), version, deadline).await? {
                    Replaced::Written(StoredCatalogue { version, changed_at, .. }) => {
                        tracing::warn!(version, models = models.len(), "an operator has replaced the catalogue");
                        Ok(CatalogueOutcome::Replaced { version, changed_at, models })
                    }
                    Replaced::Changed { version } => Err(DirectError::CatalogueChanged { version }),
                }
            }
        }
    }
}

/// The ids of the models in a document.
fn models_of(document: &Value) -> Result<Vec<String>, Vec<CatalogueError>> {
    let catalogue = Catalogue::from_value(document)?;
    Ok(catalogue.models().iter().map(|model| model.id.clone()).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    use ledger::entry::MAX_MODEL_BYTES;
    use providers::catalogue::MAX_ID_BYTES;
    use providers::testing::small_catalogue;
    use serde_json::json;

    #[test]
    fn a_document_that_is_null_is_not_the_same_as_none() {
        let parsed = |fields: Value| serde_json::from_value::<CatalogueCommand>(fields).unwrap();
        assert_eq!(parsed(json!({})), CatalogueCommand::Show);
        assert_eq!(parsed(json!({"check": null})), CatalogueCommand::Check { catalogue: Value::Null });
        let back = CatalogueCommand::Replace { catalogue: None, version: 3 };
        assert_eq!(parsed(json!({"replace": null, "version": 3})), back);
        for fields in [
            json!({"version": 3}),
            json!({"replace": null}),
            json!({"replace": {}}),
            json!({"check": {}, "version": 3}),
            json!({"check": {}, "replace": {}, "version": 3}),
        ] {
            let error = serde_json::from_value::<CatalogueCommand>(fields).unwrap_err().to_string();
            assert!(
                error.starts_with("give `check` alone, or `replace` and the `version` that you have seen"),
                "{error}"
            );
        }
    }

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
    fn an_entry_of_the_ledger_has_room_for_every_id() {
        assert_eq!(MAX_ID_BYTES, MAX_MODEL_BYTES);
    }
}
