//! The model that is asked, as its requests need to know it.

use std::collections::BTreeSet;

use crate::catalogue::{Ability, CataloguedModel};
use crate::converse::ReasoningStyle;

/// A model of a server that speaks Anthropic's protocol.
#[derive(Debug)]
pub(super) struct AskedClaude {
    pub(super) id: String,
    /// The catalogue's name of the server.
    pub(super) provider: String,
    /// How the model is told how much to reason, if it can be told.
    pub(super) reasoning: Option<ReasoningStyle>,
    /// Whether calls of tools are kept to their schemas where the caller wants it. Models that do not reply in JSON of a
    /// schema refuse to be told.
    pub(super) is_strict: bool,
    /// Whether requests say what the provider's cache keeps. A write to the cache costs more than other input: it is for
    /// operators who have said what they take for it.
    pub(super) keeps_what_it_read: bool,
    /// The members of a request that the catalogue lists for this model.
    pub(super) extra_parameters: BTreeSet<String>,
}

impl AskedClaude {
    /// The model as the catalogue lists it.
    pub(super) fn new(model: &CataloguedModel) -> Self {
        let id = &model.provider_model;
        let takes = |ability| model.takes.contains(&ability);
        Self {
            id: id.clone(),
            provider: model.provider.clone(),
            reasoning: ReasoningStyle::at_anthropic(id).filter(|_| takes(Ability::Reasoning)),
            is_strict: takes(Ability::JsonSchema),
            keeps_what_it_read: model.prices_its_cache(),
            extra_parameters: model.extra_parameters.clone(),
        }
    }
}
