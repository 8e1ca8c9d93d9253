//! Whether every charge is what its usage costs, at the prices of the model that answered, as they were when it was asked.

use std::time::Duration;

use providers::catalogue::{Ability, Catalogue, CataloguedModel};

use crate::catalogue_witness::CatalogueWitness;
use crate::engine::StoredItem;
use crate::function::{catalogue_of_settings, counted, quote};
use crate::key_witness::KeyWitness;
use crate::process::ProcessId;
use crate::request::{Chat, Wish};
use crate::verdict::entries;
use crate::witness::{Witness, WitnessedHold};
use crate::world::World;
use shared::domain::credits::Credits;
use shared::domain::pricing::{Quote, Usage};
use shared::ledger::entry::{Entry, EntryKind};
use shared::ledger::paying_key::KeyLimits;

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
    keys: &KeyWitness,
) -> Vec<String> {
    let mut violations = Vec::new();
    for (_, id, entry) in entries(items).filter(|(.., entry)| entry.kind == EntryKind::Chat) {
        let Some(hold) = witness.hold(&id) else {
            violations.push(format!("the charge {id} has no hold"));
            continue;
        };
        let found = faults(world, hold, &entry, catalogues, keys);
        violations.extend(found.into_iter().map(|fault| format!("the charge {id} {fault}: {entry:?}")));
    }
    violations
}

fn faults(
    world: &World,
    hold: &WitnessedHold,
    entry: &Entry,
    catalogues: &CatalogueWitness,
    keys: &KeyWitness,
) -> Vec<&'static str> {
    let ProcessId(number) = hold.process;
    let Wish::Chat(chat) = &world.journal.lock().unwrap()[number].0.wish.clone() else {
        return vec!["is of a process that was no message's"];
    };
    let model = entry.model.as_deref().unwrap_or_default();
    let (began, moment) = {
        let beginning = &world.beginnings.lock().unwrap()[number];
        (beginning.at, beginning.moment)
    };
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
    let limits = match &chat.program {
        None => vec![KeyLimits::default()],
        Some(program) => {
            keys.limits_between(&program.key.partition(), moment, hold.moment).into_iter().cloned().collect()
        }
    };
    // A question that was asked within some limits may be held within those that followed.
    let is_as_quoted = |catalogue: &&Catalogue| {
        limits.iter().any(|asked| {
            let within = |held| is_held_as_quoted(catalogue, chat, [asked, held], model, hold.amount);
            limits.iter().any(within)
        })
    };
    if !versions.iter().any(is_as_quoted) {
        faults.push("was not held as the candidates of its catalogue cost");
    }
    faults
}

/// Whether `held` is between the least cost of the first candidate and the most that any may cost, and covers the model
/// that answered. The candidates are those that an API key may ask within all of these limits.
fn is_held_as_quoted(
    catalogue: &Catalogue,
    chat: &Chat,
    limits: [&KeyLimits; 2],
    answered: &str,
    held: Credits,
) -> bool {
    let is_permitted = |model: &&CataloguedModel| limits.iter().all(|limits| limits.permit_model(&model.id));
    // The first of a catalogue is chosen within the limits under which it was asked.
    let mut models = catalogue.models().iter().filter(|model| limits[0].permit_model(&model.id));
    let wanted = chat.model.map_or_else(|| models.next(), |name| catalogue.find(name));
    let Some(first) = wanted.filter(is_permitted) else { return false };
    let can_answer =
        |model: &&CataloguedModel| is_permitted(model) && (chat.images == 0 || model.takes.contains(&Ability::Images));
    let fallbacks = first.fallbacks.iter().filter_map(|name| catalogue.find(name)).filter(can_answer);
    let candidates: Vec<&CataloguedModel> = std::iter::once(first).chain(fallbacks).collect();
    let quotes: Vec<Quote> = candidates.iter().map(|model| quote(model, model.prices, chat)).collect();
    let most = quotes.iter().map(Quote::most).max().unwrap_or_default();
    let answers = candidates.iter().zip(&quotes).find(|(model, _)| model.id == answered);
    (quotes[0].least()..=most).contains(&held) && answers.is_some_and(|(_, quote)| quote.is_covered_by(held))
}
