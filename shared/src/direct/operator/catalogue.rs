//! The commands about the catalogue of models, and their results.

use domain::time::Timestamp;
use ledger::authority::RecentAuthority;
use providers::stored_catalogue::CatalogueKeeper;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

use crate::catalogue::{CatalogueJudgement, ReplacedCatalogue, ShownCatalogue, replace};
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
    Checked(CatalogueJudgement),
    /// The catalogue was replaced.
    Replaced(ReplacedCatalogue),
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
        authority: &RecentAuthority,
        deadline: Timestamp,
    ) -> Result<CatalogueOutcome, DirectError> {
        match self {
            Self::Show => Ok(CatalogueOutcome::Shown(keeper.read().await?.into())),
            Self::Check { catalogue } => Ok(CatalogueOutcome::Checked(CatalogueJudgement::of(&catalogue))),
            Self::Replace { catalogue, version } => {
                let replaced = replace(keeper, catalogue.as_ref(), version, authority, deadline).await?;
                Ok(CatalogueOutcome::Replaced(replaced))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    use ledger::entry::MAX_MODEL_BYTES;
    use providers::catalogue::MAX_ID_BYTES;
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
    fn an_entry_of_the_ledger_has_room_for_every_id() {
        assert_eq!(MAX_ID_BYTES, MAX_MODEL_BYTES);
    }
}
