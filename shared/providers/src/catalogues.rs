//! A function's view of the catalogue in the table.
//!
//! It is read at the function's start, or with the first request, and again when it was read a minute ago. A read that
//! fails changes nothing for another minute. A request keeps the catalogue that it began with.
//!
//! A document that cannot be read is never taken for none, which would be the model of the settings at other prices: the
//! catalogue that is known stays in use, and without one there is no answer.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use domain::cause::Cause;
use domain::time::{Clock, Timestamp};
use store::{StoreError, Table, WARM_UP_LIMIT};
use telemetry::metrics::{self, Metric};

use crate::catalogue::{Catalogue, CatalogueError};
use crate::stored_catalogue::StoredCatalogue;

/// Age at which the catalogue is read again: the longest time, but for a table that does not answer, in which a function
/// does not notice that it was replaced.
pub const RENEWAL_AGE: Duration = Duration::from_secs(60);

/// Timeout for reading again while there is a catalogue to go on with.
const RENEWAL_TIMEOUT: Duration = Duration::from_millis(500);

/// The catalogue that applies to a request, from its beginning to its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CurrentCatalogue {
    /// The version in the table. `None`: the settings name the one model.
    pub version: Option<u64>,
    /// The providers and the models.
    pub catalogue: Catalogue,
}

/// The view of a function.
#[derive(Debug)]
pub struct Catalogues {
    source: DocumentSource,
    clock: Clock,
    settings: Arc<CurrentCatalogue>,
    known: Mutex<Option<KnownCatalogue>>,
}

/// The place of the operator's documents.
#[derive(Debug)]
enum DocumentSource {
    Operator(Table),
    /// No operator replaces the catalogue of a unit test.
    #[cfg(any(test, feature = "test-util"))]
    Nobody,
}

/// The catalogue as it was last read.
#[derive(Clone, Debug)]
struct KnownCatalogue {
    current: Arc<CurrentCatalogue>,
    /// Version and time of the stored one. After a restore of the table a version can come back, but not at the same time.
    stored: (u64, Option<String>),
    asked_at: Timestamp,
}

impl KnownCatalogue {
    /// Whether the catalogue need not be read at `now`. A clock that was set back makes no catalogue younger.
    fn is_young(&self, now: Timestamp) -> bool {
        self.asked_at <= now && now.since(self.asked_at) < RENEWAL_AGE
    }

    fn is_of(&self, stored: &StoredCatalogue) -> bool {
        (self.stored.0, &self.stored.1) == (stored.version, &stored.changed_at)
    }
}

impl Catalogues {
    /// The view of the catalogue in `table`, or of the catalogue of the `settings` while there is none. Nothing is read
    /// yet.
    #[must_use]
    pub fn new(table: Table, clock: Clock, settings: Catalogue) -> Self {
        Self::of(DocumentSource::Operator(table), clock, settings)
    }

    /// The view of the catalogue of the `settings`, which no operator replaces.
    #[cfg(any(test, feature = "test-util"))]
    #[must_use]
    pub fn without_table(settings: Catalogue) -> Self {
        Self::of(DocumentSource::Nobody, Clock::system(), settings)
    }

    fn of(source: DocumentSource, clock: Clock, settings: Catalogue) -> Self {
        let settings = Arc::new(CurrentCatalogue { version: None, catalogue: settings });
        Self { source, clock, settings, known: Mutex::new(None) }
    }

    /// Reads the catalogue if the table answers at once. Otherwise the first request does.
    pub async fn warm_up(&self) {
        match tokio::time::timeout(WARM_UP_LIMIT, self.current()).await {
            Ok(Ok(_)) => {}
            Ok(Err(error)) => tracing::warn!(cause = error.cause(), "the catalogue cannot be read yet"),
            Err(_) => tracing::warn!("the catalogue takes too long to read: the start goes on"),
        }
    }

    /// The catalogue that applies to a request that begins now. While it is young, nothing is read.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] if no catalogue is known and the stored one cannot be read, or is none.
    pub async fn current(&self) -> Result<Arc<CurrentCatalogue>, StoreError> {
        let now = self.clock.now();
        match self.known() {
            Some(known) if known.is_young(now) => Ok(known.current),
            Some(known) => Ok(self.renewed(known, now).await),
            None => self.read(None, now).await,
        }
    }

    /// The catalogue that was read last, however old it is. `None` before the first read.
    pub(crate) fn last_read(&self) -> Option<Arc<CurrentCatalogue>> {
        self.known().map(|known| known.current)
    }

    /// The catalogue as it is now, or the `last` one for another minute if the table does not answer at once.
    async fn renewed(&self, last: KnownCatalogue, now: Timestamp) -> Arc<CurrentCatalogue> {
        match tokio::time::timeout(RENEWAL_TIMEOUT, self.read(Some(&last), now)).await {
            Ok(Ok(current)) => return current,
            Ok(Err(error)) => tracing::warn!(cause = error.cause(), "the catalogue cannot be read again"),
            Err(_) => tracing::warn!("the catalogue takes too long to read again"),
        }
        let current = last.current.clone();
        self.remember(KnownCatalogue { asked_at: now, ..last });
        current
    }

    /// Reads the catalogue. A document that is the `last` one is not parsed again.
    async fn read(
        &self,
        last: Option<&KnownCatalogue>,
        asked_at: Timestamp,
    ) -> Result<Arc<CurrentCatalogue>, StoreError> {
        let stored = self.source.read().await?;
        let current = match last {
            Some(last) if last.is_of(&stored) => last.current.clone(),
            _ => self.parsed(&stored)?,
        };
        self.remember(KnownCatalogue {
            current: current.clone(),
            stored: (stored.version, stored.changed_at),
            asked_at,
        });
        Ok(current)
    }

    fn parsed(&self, stored: &StoredCatalogue) -> Result<Arc<CurrentCatalogue>, StoreError> {
        let Some(document) = &stored.catalogue else { return Ok(self.settings.clone()) };
        let catalogue = Catalogue::parse(document).map_err(|errors| unreadable(&cause_of(stored.version, &errors)))?;
        Ok(Arc::new(CurrentCatalogue { version: Some(stored.version), catalogue }))
    }

    fn known(&self) -> Option<KnownCatalogue> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Remembers `read`, and logs a change. Of two reads at once, the later one counts.
    fn remember(&self, read: KnownCatalogue) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let now = self.clock.now();
        if known.as_ref().is_some_and(|known| known.asked_at > read.asked_at && known.asked_at <= now) {
            return;
        }
        let before = known.as_ref().map(|known| known.current.version);
        let version = read.current.version;
        let models = read.current.catalogue.models().len();
        *known = Some(read);
        match version {
            _ if before == Some(version) => {}
            Some(version) => tracing::info!(version, models, "the catalogue is in use, and the setting MODEL is not"),
            None if before.is_some() => tracing::info!("there is no catalogue any more: the setting MODEL is in use"),
            None => {}
        }
    }
}

impl DocumentSource {
    async fn read(&self) -> Result<StoredCatalogue, StoreError> {
        match self {
            Self::Operator(table) => match table.get_eventually(StoredCatalogue::key()).await {
                Ok(stored) => Ok(stored.unwrap_or_default()),
                Err(StoreError::Internal(cause)) => Err(unreadable(cause.as_str())),
                Err(unavailable @ StoreError::Unavailable(_)) => Err(unavailable),
            },
            #[cfg(any(test, feature = "test-util"))]
            Self::Nobody => Ok(StoredCatalogue::default()),
        }
    }
}

/// The first error stands for all: `operator` shows them.
fn cause_of(version: u64, errors: &[CatalogueError]) -> String {
    let first = errors.first().map(ToString::to_string).unwrap_or_default();
    format!("version {version} has {} errors, the first of them {first}", errors.len())
}

/// The operator alone can mend a stored catalogue that is none, so its failure is counted like a wrong API key.
fn unreadable(cause: &str) -> StoreError {
    metrics::emit(&[Metric::ModelMisconfigured]);
    StoreError::Unavailable(Cause::because(&format!("the catalogue in the table cannot be used: {cause}")))
}

#[cfg(test)]
mod tests;
