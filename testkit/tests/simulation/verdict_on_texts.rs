//! Whether texts are where the ledger says, and nobody sees others.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use crate::engine::{ACCOUNT, PREFIX_OF_TEXTS, StoredItem, partition_of};
use crate::function::is_response;
use crate::process::ProcessId;
use crate::request::Told;
use crate::text_witness::TextWitness;
use crate::verdict::entries;
use crate::verdict_on_conversations::Living;
use crate::verdict_on_retention::{self, RetentionOfSchedule};
use crate::world::World;
use shared::domain::ids::UserId;
use shared::domain::time::Timestamp;
use shared::ledger::account::{Account, Epoch, Payer, Status};
use shared::ledger::entry::{Entry, EntryKind};
use shared::ledger::history::{AnsweredMessage, Cursor, History, PageRequest};
use shared::ledger::texts::TextPlace;

/// A user's list of messages has exactly the charged exchanges that are stored in conversations which are not deleted, and
/// whose time is not over, with the words of their models.
/// `processes` are those that held for them, by the id.
pub(super) async fn on_list(
    items: &[StoredItem],
    history: &History,
    user_id: UserId,
    account: &Account,
    processes: &HashMap<String, usize>,
    (kept, now): (RetentionOfSchedule, Timestamp),
) -> Vec<String> {
    if account.status != Status::Active {
        return Vec::new();
    }
    let listed = match all_messages(history, user_id, account).await {
        Ok(listed) => listed,
        Err(error) => return vec![error],
    };
    let partition = partition_of(user_id);
    let mut violations = verdict_on_retention::on_export(history, user_id, account, &listed).await;
    let living = Living::of(items, &partition, account);
    let mut stored: BTreeMap<String, Entry> = entries(items)
        .filter(|(of, _, entry)| *of == partition && entry.kind == EntryKind::Chat && entry.conversation.is_some())
        .filter(|(_, id, entry)| living.has(entry) && !kept.is_over(id, now))
        .map(|(_, id, entry)| (id, entry))
        .collect();
    for message in listed {
        let id = message.id.to_string();
        let Some(entry) = stored.remove(&id) else {
            violations.push(format!(
                "the list of {partition} shows {id}, which is no stored charge in a living conversation, or too old"
            ));
            continue;
        };
        let is_lost = entry.texts == Some(TextPlace::Lost);
        if message.tokens != -entry.amount || Some(message.usage) != entry.usage {
            violations.push(format!("the list of {partition} shows {id} with another price or usage than its entry"));
        }
        let is_reply = processes.get(&id).is_some_and(|number| is_response(*number, &message.response));
        if message.text_lost != is_lost || (!is_lost && !is_reply) {
            let place = entry.texts;
            violations.push(format!("the list of {partition} shows {id}, whose texts are {place:?}, as {message:?}"));
        }
    }
    violations.extend(stored.keys().map(|id| format!("the list of {partition} does not show {id}")));
    violations
}

async fn all_messages(history: &History, user_id: UserId, account: &Account) -> Result<Vec<AnsweredMessage>, String> {
    let owner = Payer::new(user_id, Epoch::OfSessions(account.session_epoch));
    let (mut all, mut wanted) = (Vec::new(), PageRequest::default());
    loop {
        let page = history.messages(owner, wanted).await.map_err(|error| format!("no list: {error:?}"))?;
        all.extend(page.entries);
        let Some(next) = page.next else { return Ok(all) };
        wanted.cursor = Some(Cursor::parse::<AnsweredMessage>(&next, user_id).map_err(|error| error.to_string())?);
    }
}

/// Every text belongs to a charge, unless nobody can be blamed that it is left.
pub(super) fn on_texts(items: &[StoredItem], world: &World, witness: &TextWitness) -> Vec<String> {
    let charged: HashMap<String, Entry> =
        entries(items).filter(|(.., entry)| entry.kind == EntryKind::Chat).map(|(_, id, entry)| (id, entry)).collect();
    let mut violations = on_message_items(items, world.retention, world.clock.now());
    let journal = world.journal.lock().unwrap();
    let has_died = |ProcessId(number): ProcessId| matches!(journal.get(number), Some((_, Told::Nothing)));
    let texts = items.iter().filter_map(|item| item.sort.strip_prefix(PREFIX_OF_TEXTS));
    violations.extend(texts.filter(|id| !charged.contains_key(*id)).filter_map(|id| witness.offence(id, has_died)));
    violations
}

/// A message item is there for each stored charge, in its conversation, and for nothing else. That of a deleted
/// conversation, and one whose time is over, may be there for some time.
pub(super) fn on_message_items(items: &[StoredItem], kept: RetentionOfSchedule, now: Timestamp) -> Vec<String> {
    let living: HashMap<&str, Living> = items
        .iter()
        .filter(|item| item.sort == ACCOUNT)
        .map(|item| (item.partition.as_str(), Living::of(items, &item.partition, &item.parsed())))
        .collect();
    let charged = entries(items).filter(|(.., entry)| entry.kind == EntryKind::Chat && entry.conversation.is_some());
    let of_the_living = |(of, id, entry): &(&str, String, Entry)| {
        living.get(of).is_some_and(|living| living.has(entry)) && !kept.is_over(id, now)
    };
    let (stored, dead): (Vec<_>, Vec<_>) = charged.partition(of_the_living);
    let sort = |(_, id, entry): (&str, String, Entry)| format!("MESSAGE#{}#{id}", entry.conversation.unwrap());
    let (stored, dead): (BTreeSet<String>, BTreeSet<String>) =
        (stored.into_iter().map(sort).collect(), dead.into_iter().map(sort).collect());
    let is_deleted = |item: &&StoredItem| !living.contains_key(item.partition.as_str());
    let messages = items.iter().filter(|item| item.sort.starts_with("MESSAGE#") && !is_deleted(item));
    let messages = messages.map(|item| item.sort.clone()).filter(|sort| !dead.contains(sort));
    let messages: BTreeSet<String> = messages.collect();
    let differing = stored.symmetric_difference(&messages);
    differing.map(|sort| format!("{sort} is a message without its charge, or a charge without its message")).collect()
}
