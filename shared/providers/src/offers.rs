//! The models that callers can ask, each with its connection and with the models that are asked in its place.
//!
//! Begin with [`OfferDesk::current`], then read [`Offers::find`].

mod desk;
mod offer;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use crate::catalogue::{CataloguedModel, Provider};
use crate::catalogues::CurrentCatalogue;
use crate::model::Model;

pub use desk::OfferDesk;
pub use offer::Offer;

/// How a model of the catalogue is connected to its provider.
pub trait Connect: fmt::Debug + Send + Sync {
    /// A connection to `model` of `provider`. It never fails: a provider that cannot be used makes a model whose every
    /// reply is [`ModelError::Misconfigured`](crate::error::ModelError::Misconfigured).
    fn connect(&self, provider: &Provider, model: &CataloguedModel) -> Model;
}

/// The model that a caller asks for, and the models that may answer in its place.
#[derive(Clone, Debug)]
pub struct Candidates {
    /// The model that the caller named.
    pub first: Arc<Offer>,
    /// The models that are asked, in this order, where the one before turned the request away.
    pub fallbacks: Vec<Arc<Offer>>,
    /// The version of the catalogue that they are in. `None`: the model of the settings.
    pub catalogue: Option<u64>,
}

/// All models of one version of the catalogue.
#[derive(Debug)]
pub struct Offers {
    /// In the catalogue's order.
    models: Vec<Arc<Offer>>,
    /// Ids and aliases, and the place of their model in `models`.
    names: HashMap<String, usize>,
    catalogue: Option<u64>,
}

impl Offers {
    /// Connects every model of `current`.
    #[must_use]
    pub fn new(current: &CurrentCatalogue, connect: &dyn Connect) -> Self {
        let catalogue = &current.catalogue;
        let connected = catalogue.models().iter().map(|terms| {
            let model = connect.connect(catalogue.provider_of(terms), terms);
            let model = model.counting_images(terms.image_tokens.unwrap_or(0));
            Arc::new(Offer { terms: terms.clone(), model })
        });
        let models: Vec<Arc<Offer>> = connected.collect();
        let names = models.iter().enumerate();
        let names = names.flat_map(|(place, offer)| offer.terms.names().map(move |name| (name.to_owned(), place)));
        let names = names.collect();
        Self { models, names, catalogue: current.version }
    }

    /// The model with this id or alias, and its fallbacks.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<Candidates> {
        self.names.get(name).map(|place| self.candidates(&self.models[*place]))
    }

    /// The model of a request that names none: the first of the catalogue, which has at least one.
    #[must_use]
    pub fn first(&self) -> Candidates {
        self.candidates(&self.models[0])
    }

    /// The ids of the models that are not hidden.
    pub fn listed(&self) -> impl Iterator<Item = &str> {
        self.models.iter().filter(|offer| !offer.terms.hidden).map(|offer| offer.id())
    }

    /// A fallback's own fallbacks are not followed.
    fn candidates(&self, first: &Arc<Offer>) -> Candidates {
        let fallbacks = first.terms.fallbacks.iter().filter_map(|name| self.names.get(name));
        Candidates {
            first: Arc::clone(first),
            fallbacks: fallbacks.map(|place| Arc::clone(&self.models[*place])).collect(),
            catalogue: self.catalogue,
        }
    }
}
