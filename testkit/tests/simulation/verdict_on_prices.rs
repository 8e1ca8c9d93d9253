//! Whether every charge is what its usage costs, at the prices of the model that answered, as they were when it was asked.

use std::time::Duration;

use providers::catalogue::{Ability, Catalogue, CataloguedModel};

use crate::catalogue_witness::CatalogueWitness;
use crate::engine::StoredItem;
use crate::function::{catalogue_of_settings, counted, quote};
use crate::process::ProcessId;
use crate::request::{Chat, Wish};
use crate::verdict::entries;
use crate::witness::{Witness, WitnessedHold};
use crate::world::World;
use shared::domain::credits::Credits;
use shared::domain::pricing::{Quote, Usage};
use shared::ledger::entry::{Entry, EntryKind};

/// The age at which an instance sends a read of the catalogue again.
const RENEWAL_AGE: Duration = Duration::from_secs(60);

/// Every charge costs what its usage costs at its prices. These are the prices of the model that answered, in a version of
/// the catalogue that was current at some time between the last read that its instance heard of and the hold. The instance
/// had sent a read in the minute before its process began, or did so in this process. The hold was what the candidates of that
/// version can cost, and covered the charge.
pub(super) fn on_prices(
    items: &[StoredItem],
    world: &World,
    witness: &Witness,
    catalogues: &CatalogueWitness,
) -> Vec<String> {
    let mut violations = Vec::new();
    for (_, id, entry) in entries(items).filter(|(.., entry)| entry.kind == EntryKind::Chat) {
        let Some(hold) = witness.hold(&id) else {
            violations.push(format!("the charge {id} has no hold"));
            continue;
        };
        let found = faults(world, hold, &entry, catalogues);
        violations.extend(found.into_iter().map(|fault| format!("the charge {id} {fault}: {entry:?}")));
    }
    violations
}

fn faults(world: &World, hold: &WitnessedHold, entry: &Entry, catalogues: &CatalogueWitness) -> Vec<&'static str> {
    let ProcessId(number) = hold.process;
    let Wish::Chat(chat) = &world.journal.lock().unwrap()[number].0.wish.clone() else {
        return vec!["is of a process that was no message's"];
    };
    let model = entry.model.as_deref().unwrap_or_default();
    let began = world.beginnings.lock().unwrap()[number].at;
    let processes = world.processes_of_instance(number);
    let mut faults = Vec::new();
    let cost = entry.prices.zip(entry.usage).map(|(prices, usage)| prices.cost(&usage));
    if cost.is_none_or(|cost| cost.spent() != entry.amount) {
        faults.push("is not what its usage costs at its prices");
    }
    if entry.usage.is_none_or(|usage| usage.images != chat.images) {
        faults.push("does not count the images of its message");
    }
    if entry.capped_at.is_some() {
        faults.push("cost more than was held");
    }
    let answered = world.answered.lock().unwrap().get(&number).cloned();
    if answered.as_ref().is_none_or(|answered| answered.id != model) {
        faults.push("names a model that did not answer");
    }
    let has_extra = answered.is_some_and(|answered| answered.has_extra);
    if catalogues.model_of(entry).is_none_or(|model| chat.gives_extra_to(&model) != has_extra) {
        faults.push("is of a model that was given other members than it lists");
    }
    // Of images some models count more than their catalogue says.
    let is_counted = |usage: Usage| usage.input_tokens == counted(chat, has_extra).input_tokens;
    if chat.images == 0 && entry.usage.is_none_or(|usage| !usage.estimated && !is_counted(usage)) {
        faults.push("does not have the input that its model counted");
    }
    let parts_of = |usage: Usage| (usage.cached_input_tokens, usage.cache_write_tokens);
    if entry.usage.is_none_or(|usage| !usage.estimated && parts_of(usage) != parts_of(counted(chat, has_extra))) {
        faults.push("does not have the parts of the input that its model counted");
    }
    if catalogues.asked_at(&processes).is_none_or(|asked_at| asked_at.plus(RENEWAL_AGE) < began) {
        faults.push("is of a catalogue that was not asked for in the minute before");
    }
    let known_since = catalogues.known_since(&processes);
    if !known_since.is_some_and(|since| catalogues.was_current(entry.catalogue, since, hold.moment)) {
        faults.push("is of a catalogue that was not current while it was asked");
    }
    let settings = catalogue_of_settings();
    let versions: Vec<&Catalogue> = match entry.catalogue {
        None => vec![&settings],
        Some(version) => catalogues.of_version(version).collect(),
    };
    let at_its_prices = |catalogue: &Catalogue| catalogue.find(model).map(|model| model.prices) == entry.prices;
    if !versions.iter().any(|catalogue| at_its_prices(catalogue)) {
        faults.push("has prices that its model never had in that catalogue");
    }
    if !versions.iter().any(|catalogue| is_held_as_quoted(catalogue, chat, model, hold.amount)) {
        faults.push("was not held as the candidates of its catalogue cost");
    }
    faults
}

/// Whether `held` is between the least cost of the first candidate and the most that any may cost, and covers the model
/// that answered.
fn is_held_as_quoted(catalogue: &Catalogue, chat: &Chat, answered: &str, held: Credits) -> bool {
    let wanted = chat.model.map_or_else(|| catalogue.models().first(), |name| catalogue.find(name));
    let Some(first) = wanted else { return false };
    let can_answer = |model: &&CataloguedModel| chat.images == 0 || model.takes.contains(&Ability::Images);
    let fallbacks = first.fallbacks.iter().filter_map(|name| catalogue.find(name)).filter(can_answer);
    let candidates: Vec<&CataloguedModel> = std::iter::once(first).chain(fallbacks).collect();
    let quotes: Vec<Quote> = candidates.iter().map(|model| quote(model, model.prices, chat)).collect();
    let most = quotes.iter().map(Quote::most).max().unwrap_or_default();
    let answers = candidates.iter().zip(&quotes).find(|(model, _)| model.id == answered);
    (quotes[0].least()..=most).contains(&held) && answers.is_some_and(|(_, quote)| quote.is_covered_by(held))
}
