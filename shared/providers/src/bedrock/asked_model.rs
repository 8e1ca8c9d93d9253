//! The model that is asked, as its requests need to know it.

use crate::bedrock::cache_points::CachePoints;
use crate::catalogue::{Ability, CataloguedModel, Guardrail};
use crate::converse::ReasoningStyle;

/// A model of Bedrock.
#[derive(Debug)]
pub(super) struct AskedModel {
    /// The id or the ARN of the model or of an inference profile.
    pub(super) id: String,
    /// How the model is told how much to reason, if it can be told.
    pub(super) reasoning: Option<ReasoningStyle>,
    /// Whether the catalogue says so too.
    pub(super) takes_reasoning: bool,
    /// Whether calls of tools are kept to their schemas where the caller wants it. Models that do not reply in JSON of a
    /// schema refuse to be told.
    pub(super) is_strict: bool,
    pub(super) cache_points: CachePoints,
    pub(super) guardrail: Option<Guardrail>,
}

impl AskedModel {
    /// The model as the catalogue lists it.
    pub(super) fn new(model: &CataloguedModel) -> Self {
        let id = &model.provider_model;
        Self {
            id: id.clone(),
            reasoning: ReasoningStyle::of(id),
            takes_reasoning: model.takes.contains(&Ability::Reasoning),
            is_strict: model.takes.contains(&Ability::JsonSchema),
            // A write to the cache costs more than other input: it is for operators who have said what they take for it.
            cache_points: if model.prices_its_cache() { CachePoints::of(id) } else { CachePoints::None },
            guardrail: model.guardrail.clone(),
        }
    }

    /// The model `id`, of which nothing else is said.
    pub(super) fn of_the_settings(id: &str) -> Self {
        Self {
            id: id.to_owned(),
            reasoning: ReasoningStyle::of(id),
            takes_reasoning: false,
            is_strict: false,
            cache_points: CachePoints::None,
            guardrail: None,
        }
    }
}
