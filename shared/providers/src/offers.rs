//! The models that callers can ask, each with its connection and with the models that are asked in its place.
//!
//! Begin with [`OfferDesk::current`], then read [`Offers::find`].

mod desk;
mod offer;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::fmt;
use std::iter;
use std::sync::Arc;

use futures_util::future::join_all;

use crate::catalogue::{CataloguedModel, Provider};
use crate::catalogues::CurrentCatalogue;
use crate::model::Model;

pub use desk::OfferDesk;
pub use offer::Offer;

/// The most providers whose connections are opened before they are needed: each takes a handshake at the start.
const MOST_OPENED: usize = 4;

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

impl Candidates {
    /// Those of these models whose ids are in `models`; `None` without the first of them.
    #[must_use]
    pub fn permitted(mut self, models: &[String]) -> Option<Self> {
        self.fallbacks.retain(|offer| is_among(offer, models));
        is_among(&self.first, models).then_some(self)
    }

    /// Begins to look at the connections of these models that have rested, beside whatever the caller does before it asks.
    /// A request that comes sooner than a look ends connects for itself, and takes the connection that is ready first.
    pub fn look_at_connections(&self) {
        for opening in iter::once(&self.first).chain(&self.fallbacks).filter_map(|offer| offer.model.opening()) {
            tokio::spawn(opening);
        }
    }
}

fn is_among(offer: &Offer, models: &[String]) -> bool {
    models.iter().any(|id| id == offer.id())
}

/// All models of one version of the catalogue, or those of them that an API key may ask.
#[derive(Debug)]
pub struct Offers {
    of: Arc<CurrentCatalogue>,
    /// In the catalogue's order.
    models: Vec<Arc<Offer>>,
    /// The ids of the models that may be asked. `None`: all of them.
    permitted: Option<Box<[String]>>,
}

impl Offers {
    /// Connects every model of `current`.
    #[must_use]
    pub fn new(current: Arc<CurrentCatalogue>, connect: &dyn Connect) -> Self {
        let catalogue = &current.catalogue;
        let connected = catalogue.models().iter().map(|terms| {
            let model = connect.connect(catalogue.provider_of(terms), terms);
            let model = model.counting_images(terms.image_tokens.unwrap_or(0));
            Arc::new(Offer { terms: terms.clone(), model })
        });
        Self { models: connected.collect(), of: current, permitted: None }
    }

    /// Those of these models whose ids are in `models`, which may name some that are not here. The others are not found, under
    /// an alias either, and are no fallbacks.
    #[must_use]
    pub fn permitted(&self, models: &[String]) -> Self {
        Self { of: Arc::clone(&self.of), models: self.models.clone(), permitted: Some(models.into()) }
    }

    /// Whether these are the models of `current`, as it was read at that time.
    fn are_of(&self, current: &Arc<CurrentCatalogue>) -> bool {
        Arc::ptr_eq(&self.of, current)
    }

    /// The model with this id or alias, and its fallbacks.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<Candidates> {
        self.offer(name).map(|first| self.candidates(first))
    }

    /// The model of a request that names none: the first of the catalogue that continues conversations. If all make vectors, it
    /// is the first of them. There is always one, unless an API key may ask none of the models that are here.
    #[must_use]
    pub fn first(&self) -> Option<Candidates> {
        let permitted = || self.models.iter().filter(|offer| self.may_be_asked(offer));
        let first = permitted().find(|offer| !offer.terms.makes_embeddings());
        first.or_else(|| permitted().next()).map(|first| self.candidates(first))
    }

    /// The ids of the models that are not hidden.
    pub fn listed(&self) -> impl Iterator<Item = &str> {
        let listed = self.of.catalogue.listed().map(|model| model.id.as_str());
        listed.filter(|id| self.permitted.as_ref().is_none_or(|models| models.iter().any(|model| model == id)))
    }

    fn may_be_asked(&self, offer: &Offer) -> bool {
        self.permitted.as_ref().is_none_or(|models| is_among(offer, models))
    }

    /// Opens a connection to each of the first [`MOST_OPENED`] providers that models name.
    async fn open_connections(&self) {
        let mut named = BTreeSet::new();
        let first_of_each = self.models.iter().filter(|offer| named.insert(&offer.terms.provider)).take(MOST_OPENED);
        join_all(first_of_each.filter_map(|offer| offer.model.opening())).await;
    }

    /// A fallback's own fallbacks are not followed.
    fn candidates(&self, first: &Arc<Offer>) -> Candidates {
        let fallbacks = first.terms.fallbacks.iter().filter_map(|name| self.offer(name));
        Candidates {
            first: Arc::clone(first),
            fallbacks: fallbacks.map(Arc::clone).collect(),
            catalogue: self.of.version,
        }
    }

    fn offer(&self, name: &str) -> Option<&Arc<Offer>> {
        let found = self.of.catalogue.position(name).map(|position| &self.models[position]);
        found.filter(|offer| self.may_be_asked(offer))
    }
}
