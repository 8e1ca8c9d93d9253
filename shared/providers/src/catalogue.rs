//! The catalogue: providers, and the models that they serve at their prices, as an operator writes them in `models.json`.
//!
//! It is parsed whole or not at all, and every error names its place in the file. Nothing here connects to anything.
//! The format is described by `docs/models.schema.json`. Begin with [`Catalogue::parse`].

mod catalogued_model;
mod error;
mod parse;
mod place;
mod provider;

use std::collections::{BTreeMap, HashMap};

use serde_json::Value;

use crate::catalogue::parse::CatalogueOrigin;

pub use catalogued_model::{Ability, CataloguedModel, Guardrail, StreamPolicy};
pub use error::CatalogueError;
pub use parse::{MAX_CATALOGUE_BYTES, MAX_ID_BYTES, MAX_PROVIDERS, may_be_extra};
pub use provider::{Protocol, Provider};

/// Providers, and models in the order of the file. Each model's provider is one of these providers, and every name, be it
/// an id or an alias, means one model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Catalogue {
    providers: BTreeMap<String, Provider>,
    /// Not empty.
    models: Vec<CataloguedModel>,
    /// The positions of the models by id and alias.
    names: HashMap<String, usize>,
}

impl Catalogue {
    /// The catalogue in `json`, as it is stored. Names of extra parameters that an earlier release accepted and this one
    /// refuses are left out.
    ///
    /// # Errors
    /// Every [`CatalogueError`] of the text, in its order, or the one that it is too long or no JSON.
    pub fn parse(json: &str) -> Result<Self, Vec<CatalogueError>> {
        let (providers, models) = parse::catalogue(&parse::json(json)?, CatalogueOrigin::Table)?;
        Ok(Self::new(providers, models))
    }

    /// The catalogue that `json` is, as an operator sends it.
    ///
    /// # Errors
    /// Every [`CatalogueError`] of the value, in its order.
    pub fn from_value(json: &Value) -> Result<Self, Vec<CatalogueError>> {
        let (providers, models) = parse::catalogue(json, CatalogueOrigin::Operator)?;
        Ok(Self::new(providers, models))
    }

    /// The catalogue of one model, as the settings name it. Its names are not judged.
    #[must_use]
    pub fn of_one(provider: Provider, model: CataloguedModel) -> Self {
        Self::new(BTreeMap::from([(model.provider.clone(), provider)]), vec![model])
    }

    fn new(providers: BTreeMap<String, Provider>, models: Vec<CataloguedModel>) -> Self {
        let names = models.iter().enumerate().flat_map(|(position, model)| {
            model.names().map(move |name| (name.to_owned(), position)).collect::<Vec<_>>()
        });
        Self { names: names.collect(), providers, models }
    }

    /// The models in the order of the file. There is at least one.
    #[must_use]
    pub fn models(&self) -> &[CataloguedModel] {
        &self.models
    }

    /// The models that are not hidden, in the same order.
    pub fn listed(&self) -> impl Iterator<Item = &CataloguedModel> {
        self.models.iter().filter(|model| !model.hidden)
    }

    /// The model with this id or alias, hidden or not.
    #[must_use]
    pub fn find(&self, id_or_alias: &str) -> Option<&CataloguedModel> {
        self.position(id_or_alias).map(|position| &self.models[position])
    }

    /// The position, in [`Catalogue::models`], of the model with this id or alias.
    pub(crate) fn position(&self, id_or_alias: &str) -> Option<usize> {
        self.names.get(id_or_alias).copied()
    }

    /// The provider of `model`.
    ///
    /// # Panics
    /// For a model of another catalogue.
    #[must_use]
    pub fn provider_of(&self, model: &CataloguedModel) -> &Provider {
        &self.providers[&model.provider]
    }
}

#[cfg(test)]
mod tests;
