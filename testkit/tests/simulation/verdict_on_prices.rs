//! Whether every charge is what its usage costs, at the prices of the model that answered, as they were when it was asked.

use providers::catalogue::{Ability, Catalogue, CataloguedModel};

use crate::catalogue_witness::CatalogueWitness;
use crate::engine::StoredItem;
use crate::function::{catalogue_of_settings, quote};
use crate::process::ProcessId;
use crate::request::{Chat, Wish};
use crate::verdict::entries;
use crate::witness::{Witness, WitnessedHold};
use crate::world::World;
use shared::domain::credits::Credits;
use shared::domain::pricing::Quote;
use shared::ledger::entry::{Entry, EntryKind};

/// Every charge costs what its usage costs at its prices. These are the prices of the model that answered, in a version of
/// the catalogue that was current at some time between the beginning of the request and its hold. The hold was what the
/// candidates of that version can cost, and covered the charge.
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
    let began = world.beginnings.lock().unwrap()[number];
    let mut faults = Vec::new();
    if entry.cost_by_its_prices().is_none_or(|cost| cost.spent() != entry.amount) {
        faults.push("is not what its usage costs at its prices");
    }
    if entry.usage.is_none_or(|usage| usage.images != chat.images) {
        faults.push("does not count the images of its message");
    }
    if entry.capped_at.is_some() {
        faults.push("cost more than was held");
    }
    if world.answered.lock().unwrap().get(&number).is_none_or(|answered| answered != model) {
        faults.push("names a model that did not answer");
    }
    if !catalogues.was_current(entry.catalogue, began, hold.moment) {
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
    let quotes: Vec<Quote> = candidates.iter().map(|model| quote(model, chat)).collect();
    let most = quotes.iter().map(Quote::most).max().unwrap_or_default();
    let answers = candidates.iter().zip(&quotes).find(|(model, _)| model.id == answered);
    (quotes[0].least()..=most).contains(&held) && answers.is_some_and(|(_, quote)| quote.is_covered_by(held))
}
