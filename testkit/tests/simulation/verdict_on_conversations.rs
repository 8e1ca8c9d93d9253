//! Whether conversations are counted, and nothing is left of those that were deleted.

use std::collections::{BTreeSet, HashMap};

use crate::engine::{ACCOUNT, PREFIX_OF_TEXTS, StoredItem, partition_of};
use crate::function::is_response;
use crate::request::{Told, Wish};
use crate::verdict::entries;
use crate::verdict_on_retention::RetentionOfSchedule;
use crate::witness::Witness;
use crate::world::World;
use shared::domain::ids::{ConversationId, UserId};
use shared::domain::time::Timestamp;
use shared::ledger::account::{Account, Status};
use shared::ledger::entry::Entry;
use shared::ledger::past_exchanges::{PastExchanges, WantedExchanges};

const PREFIX_OF_CONVERSATIONS: &str = "CONVERSATION#";
const PREFIX_OF_MARKERS: &str = "GONE#";

/// The conversations of one user that are there, as the ids under which their exchanges are stored.
pub(super) struct Living(BTreeSet<ConversationId>);

impl Living {
    /// The first and that of programs are always there, the others if they have an item.
    pub(super) fn of(items: &[StoredItem], partition: &str, account: &Account) -> Self {
        let of_user = items.iter().filter(|item| item.partition == partition);
        let made = of_user.filter_map(|item| item.sort.strip_prefix(PREFIX_OF_CONVERSATIONS));
        let made = made.map(|id| ConversationId::parse(id).unwrap());
        Self(made.chain([ConversationId::COMPLETIONS, account.first_conversation()]).collect())
    }

    pub(super) fn has(&self, entry: &Entry) -> bool {
        entry.conversation.is_none_or(|id| self.0.contains(&id))
    }
}

/// Every account that is not being deleted, with its partition.
fn accounts(items: &[StoredItem]) -> impl Iterator<Item = (&str, Account)> {
    let accounts = items.iter().filter(|item| item.sort == ACCOUNT);
    let accounts = accounts.map(|item| (item.partition.as_str(), item.parsed::<Account>()));
    accounts.filter(|(_, account)| account.status != Status::Deleting)
}

/// The counts in an account are the items, at any moment, since one transaction keeps both.
pub(super) fn on_counts(items: &[StoredItem]) -> Vec<String> {
    let mut violations = Vec::new();
    for (partition, account) in accounts(items) {
        for (counted, prefix) in
            [(account.conversations, PREFIX_OF_CONVERSATIONS), (account.deleted_conversations, PREFIX_OF_MARKERS)]
        {
            let there =
                items.iter().filter(|item| item.partition == partition && item.sort.starts_with(prefix)).count();
            if u32::try_from(there) != Ok(counted) {
                violations.push(format!("{partition} counts {counted} items {prefix}, and has {there}"));
            }
        }
    }
    violations
}

/// After the sweep nothing is left of a deleted conversation but its entries.
pub(super) fn on_sweeps(items: &[StoredItem]) -> Vec<String> {
    let mut violations = Vec::new();
    for (partition, account) in accounts(items) {
        let living = Living::of(items, partition, &account);
        let of_user = || items.iter().filter(|item| item.partition == partition);
        let dead: BTreeSet<String> = entries(items)
            .filter(|(of, _, entry)| *of == partition && !living.has(entry))
            .map(|(_, id, _)| id)
            .collect();
        let is_left = |item: &&StoredItem| {
            let of_text = item.sort.strip_prefix(PREFIX_OF_TEXTS);
            let of_message = item.sort.strip_prefix("MESSAGE#").and_then(|rest| rest.split_once('#')).map(|(_, id)| id);
            of_text.or(of_message).is_some_and(|id| dead.contains(id)) || item.sort.starts_with(PREFIX_OF_MARKERS)
        };
        let left = of_user().filter(is_left);
        violations.extend(left.map(|item| format!("{} of {partition} is left of a deleted conversation", item.sort)));
    }
    violations
}

/// A model is told the exchanges of one conversation alone, and none whose time is over. `processes` are those that held
/// for them, by the id.
pub(super) async fn on_contexts(
    items: &[StoredItem],
    past: &PastExchanges,
    user_id: UserId,
    account: &Account,
    processes: &HashMap<String, usize>,
    (kept, now): (RetentionOfSchedule, Timestamp),
) -> Vec<String> {
    let partition = partition_of(user_id);
    let mut violations = Vec::new();
    for conversation in Living::of(items, &partition, account).0 {
        let wanted = WantedExchanges { most: 50, bytes: u64::MAX };
        let told = match past.last(user_id, conversation, wanted).await {
            Ok(told) => told,
            Err(error) => return vec![format!("no context: {error:?}")],
        };
        let own: Vec<usize> = entries(items)
            .filter(|(of, _, entry)| *of == partition && entry.conversation == Some(conversation))
            .filter(|(_, id, _)| !kept.is_over(id, now))
            .filter_map(|(_, id, _)| processes.get(&id).copied())
            .collect();
        let is_own = |response: &str| own.iter().any(|number| is_response(*number, response));
        let foreign = told.iter().filter(|exchange| !is_own(&exchange.response)).count();
        if foreign > 0 {
            violations
                .push(format!("{foreign} exchanges of another conversation than {conversation}, or too old, are told"));
        }
    }
    violations
}

/// An exchange whose answer was heard, or whose hold was written, before its conversation was deleted is in no living
/// conversation.
pub(super) fn on_deletions(items: &[StoredItem], world: &World, witness: &Witness) -> Vec<String> {
    let journal = world.journal.lock().unwrap();
    let (beginnings, endings) = (world.beginnings.lock().unwrap(), world.endings.lock().unwrap());
    let mut violations = Vec::new();
    for (deletion, (request, told)) in journal.iter().enumerate() {
        let (Wish::DeleteConversation { access, id }, Told::Done) = (&request.wish, told) else { continue };
        let partition = partition_of(access.user_id());
        let Some((_, account)) = accounts(items).find(|(of, _)| *of == partition) else { continue };
        let living = Living::of(items, &partition, &account);
        for (number, (request, told)) in journal.iter().enumerate() {
            let (Wish::Chat(chat), Told::Charged { id: message, .. }) = (&request.wish, told) else { continue };
            let began = beginnings[deletion].moment;
            let is_held_before = witness.hold(&message.to_string()).is_some_and(|hold| hold.moment <= began);
            let is_before = is_held_before || endings.get(&number).is_some_and(|ended| *ended <= began);
            if !is_before || chat.conversation != Some(*id) || chat.access.user_id() != access.user_id() {
                continue;
            }
            let found = entries(items).find(|(of, entry_id, _)| *of == partition && *entry_id == message.to_string());
            if found.is_some_and(|(.., entry)| living.has(&entry)) {
                violations
                    .push(format!("process {number} is in a conversation that process {deletion} deleted after it"));
            }
        }
    }
    violations
}
