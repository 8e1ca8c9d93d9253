//! The catalogues that the table has accepted, in their order.

use std::collections::{HashMap, HashSet};

use serde_json::Value;

use crate::function::catalogue_of_settings;
use crate::process::ProcessId;
use providers::catalogue::{Catalogue, CataloguedModel};
use shared::domain::time::Timestamp;
use shared::ledger::entry::Entry;

/// Both keys of the catalogue's item.
pub(super) const CATALOGUE: &str = "CATALOGUE";

/// Watches the catalogue's item. It knows every version that was ever written, and when, and which process has read it.
#[derive(Default)]
pub(super) struct CatalogueWitness {
    written: Vec<WrittenCatalogue>,
    /// By the numbers of the processes.
    reads: HashMap<usize, CatalogueReads>,
    /// The tokens of transactions. A second transaction with a token is answered again and changes nothing.
    tokens: HashSet<String>,
    offences: Vec<String>,
}

/// The reads of one process.
struct CatalogueReads {
    /// The time of the last one.
    asked_at: Timestamp,
    /// The moment at which the last one was sent that the process heard an answer to.
    heard_since: Option<usize>,
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
        let puts = body["TransactItems"].as_array().into_iter().flatten().map(|part| &part["Put"]["Item"]);
        let of_catalogue: Vec<&Value> = puts.filter(|item| item["pk"]["S"] == CATALOGUE).collect();
        let is_new = !of_catalogue.is_empty() && self.tokens.insert(body["ClientRequestToken"].to_string());
        if operation != "TransactWriteItems" || !is_new {
            return;
        }
        let Some(item) = of_catalogue.iter().find(|item| item["sk"]["S"] == CATALOGUE) else {
            self.offences.push("a version of the catalogue was kept, and is not the present one".to_owned());
            return;
        };
        let version = item["version"]["N"].as_str().unwrap().parse().unwrap();
        let catalogue = item["catalogue"]["S"].as_str().map(|document| Catalogue::parse(document).unwrap());
        if self.written.iter().any(|written| written.version >= version) {
            self.offences.push(format!("version {version} of the catalogue was written again, or late"));
        }
        let is_kept = |kept: &&Value| {
            kept["sk"]["S"] == format!("VERSION#{version:020}") && kept["catalogue"] == item["catalogue"]
        };
        if !of_catalogue.iter().any(is_kept) {
            self.offences.push(format!("version {version} of the catalogue was written, and is not kept"));
        }
        self.written.push(WrittenCatalogue { version, catalogue, since: moment });
    }

    /// Whether a request is a read of the catalogue's item.
    pub(super) fn is_read(operation: &str, body: &Value) -> bool {
        operation == "GetItem" && body["Key"]["pk"]["S"] == CATALOGUE
    }

    /// Notes that `process` sends a read.
    pub(super) fn asked(&mut self, process: ProcessId, now: Timestamp) {
        let reads = self.reads.entry(process.0).or_insert(CatalogueReads { asked_at: now, heard_since: None });
        reads.asked_at = now;
    }

    /// Notes that `process` heard the answer to a read that it sent at `moment`.
    pub(super) fn heard(&mut self, process: ProcessId, moment: usize) {
        if let Some(reads) = self.reads.get_mut(&process.0) {
            reads.heard_since = Some(moment);
        }
    }

    /// The time of the last read of an instance, whose processes are given with the latest first.
    pub(super) fn asked_at(&self, processes: &[usize]) -> Option<Timestamp> {
        processes.iter().find_map(|process| self.reads.get(process)).map(|reads| reads.asked_at)
    }

    /// The moment at which the catalogue was sent for that an instance knows, whose processes are given with the latest
    /// first.
    pub(super) fn known_since(&self, processes: &[usize]) -> Option<usize> {
        processes.iter().find_map(|process| self.reads.get(process)?.heard_since)
    }

    /// The catalogues of this version: one, unless a rule was broken.
    pub(super) fn of_version(&self, version: u64) -> impl Iterator<Item = &Catalogue> {
        self.written.iter().filter(move |written| written.version == version).filter_map(|one| one.catalogue.as_ref())
    }

    /// The model that an entry names, in the entry's version. Without a version it is the model of the settings.
    pub(super) fn model_of(&self, entry: &Entry) -> Option<CataloguedModel> {
        let name = entry.model.as_deref()?;
        match entry.catalogue {
            None => catalogue_of_settings().find(name).cloned(),
            Some(version) => self.of_version(version).find_map(|catalogue| catalogue.find(name)).cloned(),
        }
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
