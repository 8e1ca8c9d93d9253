//! The offers of the newest catalogue that the process has read.

use std::sync::{Arc, Mutex, PoisonError};

use store::{StoreError, WARM_UP_LIMIT};

use crate::catalogues::{Catalogues, CurrentCatalogue};
use crate::offers::{Connect, Offers};

/// The offers of the catalogue in the table, connected once for each version. A request keeps the offers that it began
/// with, also if the catalogue is replaced meanwhile.
#[derive(Debug)]
pub struct OfferDesk {
    catalogues: Catalogues,
    connect: Box<dyn Connect>,
    connected: Mutex<Option<Arc<Offers>>>,
}

impl OfferDesk {
    /// The offers of `catalogues`, connected by `connect`. Nothing is read or connected yet.
    #[must_use]
    pub fn new(catalogues: Catalogues, connect: Box<dyn Connect>) -> Self {
        Self { catalogues, connect, connected: Mutex::new(None) }
    }

    /// Connects the models of the catalogue that was read already, if one was, and opens the connections to their providers
    /// that can be opened at once, so that the first request need not. Nothing is read.
    pub async fn warm_up(&self) {
        let Some(known) = self.catalogues.last_read() else { return };
        let offers = self.connected(known);
        if tokio::time::timeout(WARM_UP_LIMIT, offers.open_connections()).await.is_err() {
            tracing::info!("a provider's connection takes too long to open: the start goes on");
        }
    }

    /// The offers of the current catalogue, as [`Catalogues::current`] reads it.
    ///
    /// # Errors
    /// As [`Catalogues::current`].
    pub async fn current(&self) -> Result<Arc<Offers>, StoreError> {
        Ok(self.connected(self.catalogues.current().await?))
    }

    fn connected(&self, current: Arc<CurrentCatalogue>) -> Arc<Offers> {
        let mut connected = self.connected.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(offers) = connected.as_ref().filter(|offers| offers.are_of(&current)) {
            return Arc::clone(offers);
        }
        let offers = Arc::new(Offers::new(current, self.connect.as_ref()));
        *connected = Some(Arc::clone(&offers));
        offers
    }
}
