//! Whether the ledger is right, and the clients were told what it says.

use std::collections::HashMap;

use crate::catalogue_witness::CatalogueWitness;
use crate::chronicle::Chronicle;
use crate::engine::{PREFIX_OF_TEXTS, StoredItem, partition_of};
use crate::function::{catalogue_of_settings, counted, estimated_input, is_response, most_input, quote, response};
use crate::request::{Chat, Told, Wish};
use crate::verdict_on_conversations::Living;
use crate::witness::Witness;
use crate::world::World;
use providers::catalogue::CataloguedModel;
use providers::prompt::estimated_tokens;
use shared::domain::credits::Credits;
use shared::domain::ids::EntryId;
use shared::domain::pricing::Usage;
use shared::ledger::account::{Account, Status};
use shared::ledger::entry::{Entry, EntryKind};

/// `balance + holds = sum of the entries`, and `balance >= 0`. Of an account that is being deleted
/// the entries go first.
pub(super) fn on_accounts(items: &[StoredItem]) -> Vec<String> {
    let mut violations = Vec::new();
    for item in items.iter().filter(|item| item.sort == "ACCOUNT") {
        // Before it is parsed: credits have no sign.
        let balance = item.attributes["balance"].as_i64().unwrap();
        if balance < 0 {
            violations.push(format!("{} has a balance of {balance}", item.partition));
            continue;
        }
        let account = account(item);
        if account.status == Status::Deleting {
            continue;
        }
        let held: u64 = account.holds.values().map(|hold| u64::from(hold.amount)).sum();
        let entries: i64 =
            entries(items).filter(|(of, ..)| *of == item.partition).map(|(.., entry)| entry.amount).sum();
        if balance + held.cast_signed() != entries {
            let partition = &item.partition;
            violations.push(format!("{partition} has {balance}, and {held} held, of entries of {entries}"));
        }
    }
    violations
}

/// No account has a hold.
pub(super) fn on_holds(items: &[StoredItem]) -> Vec<String> {
    let accounts = items.iter().filter(|item| item.sort == "ACCOUNT" && item.attributes["balance"].is_u64());
    let holding = accounts.filter(|item| !account(item).holds.is_empty());
    holding.map(|item| format!("{} still holds after everything has expired", item.partition)).collect()
}

/// Every answer to a message agrees with the ledger, which has nothing of a deleted user.
pub(super) fn on_messages(
    items: &[StoredItem],
    world: &World,
    chronicle: &Chronicle,
    witness: &Witness,
    catalogues: &CatalogueWitness,
) -> Vec<String> {
    let charges = Charges::of(items, witness);
    let journal = world.journal.lock().unwrap();
    let mut violations = charges.repeated.clone();
    let mut charged_keys = HashMap::new();
    for (number, (request, told)) in journal.iter().enumerate() {
        let Wish::Chat(chat) = &request.wish else { continue };
        let partition = partition_of(chat.access.user_id());
        let user = chronicle.user(&partition).unwrap();
        if user.is_closed {
            continue;
        }
        let is_turned_away = chat.program.is_none() && matches!(told, Told::Refused("token_not_valid"));
        if is_turned_away && user.session_epoch == chat.access.session_epoch() {
            violations.push(format!("process {number} was turned away with a token that is valid"));
        }
        if let Some(what) = charges.contradiction(number, chat, told, catalogues) {
            violations.push(format!("process {number}, {what}: it was told {told:?}"));
        }
        // Equal keys of two programs are two.
        let program = chat.program.as_ref().map(|program| program.key.id);
        if let (Some(key), true) = (&chat.key, charges.by_process.contains_key(&number))
            && let Some(other) = charged_keys.insert((partition, program, key), number)
        {
            violations.push(format!("{key} was charged for process {other} and for process {number}"));
        }
    }
    drop(journal);
    violations.extend(on_records(items, &charges, chronicle));
    violations.extend(on_kept_replies(items, world, chronicle));
    violations
}

/// Every idempotency record names a charge.
fn on_records(items: &[StoredItem], charges: &Charges, chronicle: &Chronicle) -> Vec<String> {
    let records = items.iter().filter(|item| item.sort.starts_with("IDEMPOTENCY#"));
    // A deletion that has begun may have removed the entries already.
    let open = |record: &&StoredItem| !chronicle.user(&record.partition).is_some_and(|user| user.is_closed);
    let ids = records.filter(open).map(|record| record.attributes["entry_id"].as_str().unwrap().to_owned());
    ids.filter(|id| !charges.by_id.contains_key(id)).map(|id| format!("a record names {id}, no charge")).collect()
}

/// Every idempotency record whose text is apart has it, and only lost texts make an answer that is gone.
fn on_kept_replies(items: &[StoredItem], world: &World, chronicle: &Chronicle) -> Vec<String> {
    let open = |record: &&StoredItem| !chronicle.user(&record.partition).is_some_and(|user| user.is_closed);
    let records: Vec<&StoredItem> =
        items.iter().filter(|item| item.sort.starts_with("IDEMPOTENCY#")).filter(open).collect();
    let is_of_deleted = |record: &StoredItem| {
        let found = items.iter().find(|item| item.sort == "ACCOUNT" && item.partition == record.partition);
        let living = found.map(|item| Living::of(items, &item.partition, &account(item)));
        let id = record.attributes["entry_id"].as_str().unwrap();
        let entry = entries(items).find(|(of, entry_id, _)| *of == record.partition && entry_id == id);
        living.zip(entry).is_some_and(|(living, (.., entry))| !living.has(&entry))
    };
    let has_text = |record: &StoredItem| {
        let sort = format!("{PREFIX_OF_TEXTS}{}", record.attributes["entry_id"].as_str().unwrap());
        items.iter().any(|item| item.partition == record.partition && item.sort == sort)
    };
    let textless = records
        .iter()
        .filter(|record| record.attributes["place"] == "apart" && !has_text(record) && !is_of_deleted(record));
    let mut violations: Vec<String> = textless.map(|record| format!("{} has no text", record.sort)).collect();
    for (number, (request, told)) in world.journal.lock().unwrap().iter().enumerate() {
        let (Wish::Chat(chat), Told::Refused("answer_gone")) = (&request.wish, told) else { continue };
        let partition = partition_of(chat.access.user_id());
        let is_closed = chronicle.user(&partition).is_some_and(|user| user.is_closed);
        let lost = |record: &&&StoredItem| {
            record.partition == partition && (record.attributes["place"] == "lost" || is_of_deleted(record))
        };
        if !is_closed && records.iter().find(lost).is_none() {
            violations.push(format!("process {number} was told that an answer is gone, and none is lost"));
        }
    }
    violations
}

/// The charges.
struct Charges {
    /// Ids and entries by the number of the process that held for them.
    by_process: HashMap<usize, (String, Entry)>,
    /// Cost and process by the id.
    by_id: HashMap<String, (u64, usize)>,
    /// Charges beside another one of their process, or without a hold.
    repeated: Vec<String>,
}

impl Charges {
    fn of(items: &[StoredItem], witness: &Witness) -> Self {
        let mut charges = Self { by_process: HashMap::new(), by_id: HashMap::new(), repeated: Vec::new() };
        for (_, id, entry) in entries(items).filter(|(.., entry)| entry.kind == EntryKind::Chat) {
            let Some(number) = witness.process_of(&id) else {
                charges.repeated.push(format!("{id} was charged without a hold"));
                continue;
            };
            charges.by_id.insert(id.clone(), (entry.amount.unsigned_abs(), number));
            if charges.by_process.insert(number, (id, entry)).is_some() {
                charges.repeated.push(format!("process {number} was charged for twice"));
            }
        }
        charges
    }

    /// The contradiction between the ledger and the answer of a process, if there is one.
    fn contradiction(&self, number: usize, chat: &Chat, told: &Told, catalogues: &CatalogueWitness) -> Option<String> {
        let charge = self.by_process.get(&number);
        let model = charge.and_then(|(_, entry)| catalogues.model_of(entry));
        let model = &model.unwrap_or_else(|| catalogue_of_settings().models()[0].clone());
        match told {
            Told::Charged { id, cost, held, .. } => {
                let usage = of_a_whole_reply(number, chat, model);
                let agreed = Agreed { usage, chat, model, held: *held };
                let is_right = charge.is_some_and(|charge| agreed.is_charged_by(charge, *id, Some(*cost)));
                (!is_right).then(|| format!("which agreed to {usage:?}, has the entry {charge:?}"))
            }
            Told::BrokenOff { id, held } => {
                let usage = of_what_was_delivered(number, chat, model);
                let agreed = Agreed { usage, chat, model, held: *held };
                let is_right = charge.is_some_and(|charge| agreed.is_charged_by(charge, *id, None));
                (!is_right).then(|| format!("which agreed to {usage:?}, has the entry {charge:?}"))
            }
            Told::Replayed { id, cost, response } => {
                let first = self.by_id.get(&id.to_string());
                let is_there = first.is_some_and(|(first, number)| first == cost && is_response(*number, response));
                (!is_there || charge.is_some()).then(|| format!("has the entry {charge:?}, and the first {first:?}"))
            }
            Told::Refused(_) => charge.map(|charge| format!("has the entry {charge:?}")),
            Told::Unknown | Told::Nothing => None,
            Told::Wrong(what) => Some(what.clone()),
            Told::Registered(_) | Told::Admitted(_) | Told::Made(_) | Told::KeyMade(_) | Told::Done => {
                Some("which was to chat".to_owned())
            }
        }
    }
}

/// The usage that a message was to be charged for.
struct Agreed<'a> {
    /// As the model counted it, or as it is estimated.
    usage: Usage,
    chat: &'a Chat,
    /// The model that answered.
    model: &'a CataloguedModel,
    held: u64,
}

impl Agreed<'_> {
    /// Whether a charge has this id, the usage as far as the hold pays for it at the entry's prices, all images, and the
    /// cost of both.
    fn is_charged_by(&self, (id, entry): &(String, Entry), told: EntryId, told_cost: Option<u64>) -> bool {
        let Some(prices) = entry.prices else { return false };
        let Self { chat, model, .. } = self;
        let most_input = most_input(model, chat);
        let held = Credits::new(self.held).unwrap();
        let most_output = u64::from(quote(model, prices, chat).max_output_tokens(held)) * u64::from(chat.choices);
        let usage = Usage { images: chat.images, ..self.usage.within(most_input, most_output) };
        let cost = prices.cost(&usage);
        *id == told.to_string()
            && entry.usage == Some(usage)
            && entry.amount == cost.spent()
            && told_cost.is_none_or(|told| told == u64::from(cost))
    }
}

fn account(item: &StoredItem) -> Account {
    serde_json::from_value(item.attributes.clone()).unwrap()
}

/// All ledger entries, each with its partition and id.
pub(super) fn entries(items: &[StoredItem]) -> impl Iterator<Item = (&str, String, Entry)> {
    items.iter().filter_map(|item| {
        let id = item.sort.strip_prefix("ENTRY#")?;
        Some((item.partition.as_str(), id.to_owned(), serde_json::from_value(item.attributes.clone()).unwrap()))
    })
}

/// A count of no tokens for a text is not believed, whether the model has written or read it.
fn of_a_whole_reply(number: usize, chat: &Chat, model: &CataloguedModel) -> Usage {
    let counted = counted(chat, chat.gives_extra_to(model));
    if chat.is_for_vectors() {
        let input_tokens = estimated_input(0, chat);
        return if counted.input_tokens > 0 { counted } else { Usage::estimated(input_tokens, 0) };
    }
    if counted.output_tokens > 0 {
        return counted;
    }
    let estimate = of_what_was_delivered(number, chat, model);
    Usage { output_tokens: estimate.output_tokens, estimated: true, ..counted }
}

/// A model that breaks off has sent its whole reply, and no count of tokens.
fn of_what_was_delivered(number: usize, chat: &Chat, model: &CataloguedModel) -> Usage {
    let input_tokens = estimated_input(model.image_tokens.unwrap_or(0), chat);
    let responses = response(number, chat.is_long).repeat(chat.choices.into());
    Usage::estimated(input_tokens, estimated_tokens(&responses))
}
