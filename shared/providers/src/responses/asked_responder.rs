//! The model that is asked, as its requests need to know it.

use std::collections::BTreeSet;

use crate::catalogue::{Ability, CataloguedModel};

/// A model of a server that speaks OpenAI's Responses.
#[derive(Debug)]
pub(super) struct AskedResponder {
    pub(super) id: String,
    /// The catalogue's name of the server.
    pub(super) provider: String,
    /// Whether the model reasons. Any other refuses to be told how much, and has no ciphertext of it.
    pub(super) reasons: bool,
    /// The members of a request that the catalogue lists for this model.
    pub(super) extra_parameters: BTreeSet<String>,
}

impl AskedResponder {
    /// The model as the catalogue lists it.
    pub(super) fn new(model: &CataloguedModel) -> Self {
        Self {
            id: model.provider_model.clone(),
            provider: model.provider.clone(),
            reasons: model.takes.contains(&Ability::Reasoning),
            extra_parameters: model.extra_parameters.clone(),
        }
    }
}
