//! The catalogues that the table has accepted, in their order.

use serde_json::Value;

use providers::catalogue::Catalogue;
use shared::ledger::entry::Entry;

/// Watches the catalogue's item. It knows every version that was ever written, and when.
#[derive(Default)]
pub(super) struct CatalogueWitness {
    written: Vec<WrittenCatalogue>,
    offences: Vec<String>,
}

/// A version of the catalogue.
struct WrittenCatalogue {
    version: u64,
    /// `None`: the settings name the one model.
    catalogue: Option<Catalogue>,
    /// The moment at which it was written: the number of requests that the table had accepted.
    since: usize,
}

impl WrittenCatalogue {
    /// The version as a function sees it.
    fn seen(&self) -> Option<u64> {
        self.catalogue.as_ref().map(|_| self.version)
    }
}

impl CatalogueWitness {
    /// Notes a request that was accepted.
    pub(super) fn accepted(&mut self, operation: &str, body: &Value, moment: usize) {
        let item = &body["Item"];
        if operation != "PutItem" || item["pk"]["S"] != "CATALOGUE" {
            return;
        }
        let version = item["version"]["N"].as_str().unwrap().parse().unwrap();
        let catalogue = item["catalogue"]["S"].as_str().map(|document| Catalogue::parse(document).unwrap());
        if self.written.iter().any(|written| written.version >= version) {
            self.offences.push(format!("version {version} of the catalogue was written again, or late"));
        }
        self.written.push(WrittenCatalogue { version, catalogue, since: moment });
    }

    /// The catalogues of this version: one, unless a rule was broken.
    pub(super) fn of_version(&self, version: u64) -> impl Iterator<Item = &Catalogue> {
        self.written.iter().filter(move |written| written.version == version).filter_map(|one| one.catalogue.as_ref())
    }

    /// The most tokens of an image, of the model that an entry names. The model of the settings takes none.
    pub(super) fn image_tokens(&self, entry: &Entry) -> u32 {
        let versions = entry.catalogue.into_iter().flat_map(|version| self.of_version(version));
        let mut models = versions.filter_map(|catalogue| catalogue.find(entry.model.as_deref()?));
        models.next().and_then(|model| model.image_tokens).unwrap_or(0)
    }

    /// Whether an operator's document was stored as this version. Without a document the settings name the model.
    pub(super) fn has(&self, version: u64, document: Option<&Value>) -> bool {
        let wanted = document.map(|document| Catalogue::from_value(document).unwrap());
        self.written.iter().any(|written| written.version == version && written.catalogue == wanted)
    }

    /// Whether `version` was the current one at some time between two moments. `None`: there was no catalogue.
    pub(super) fn was_current(&self, version: Option<u64>, from: usize, to: usize) -> bool {
        let before = std::iter::once((None, 0));
        let states: Vec<(Option<u64>, usize)> =
            before.chain(self.written.iter().map(|written| (written.seen(), written.since))).collect();
        let ends = states.iter().skip(1).map(|(_, since)| *since).chain([usize::MAX]);
        states.iter().zip(ends).any(|((seen, since), end)| *seen == version && *since <= to && end > from)
    }

    pub(super) fn offences(&self) -> &[String] {
        &self.offences
    }
}
