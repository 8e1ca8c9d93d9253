//! Whether texts go when their time is over.

use std::collections::{BTreeSet, HashSet};

use crate::engine::{ACCOUNT, PREFIX_OF_TEXTS, StoredItem};
use crate::verdict::entries;
use shared::domain::ids::{EntryId, UserId};
use shared::domain::time::Timestamp;
use shared::ledger::account::{Account, Status};
use shared::ledger::entry::Entry;
use shared::ledger::history::{AnsweredMessage, ExportCursor, History};
use shared::ledger::retention::Retention;

/// The retention of a schedule, and whether texts are stored under it. Otherwise it began after they were stored.
#[derive(Clone, Copy, Default)]
pub(super) struct RetentionOfSchedule {
    pub(super) retention: Retention,
    pub(super) is_stored_under: bool,
}

impl RetentionOfSchedule {
    /// The retention under which texts are stored.
    pub(super) fn of_ledger(self) -> Retention {
        if self.is_stored_under { self.retention } else { Retention::default() }
    }

    /// Whether the texts of an entry are shown no more.
    pub(super) fn is_over(self, id: &str, now: Timestamp) -> bool {
        EntryId::parse(id).is_some_and(|id| self.retention.is_over(id, now))
    }
}

/// After the audit that began at `audited_at` nothing is left of an exchange whose time was over then, but what DynamoDB's
/// TTL deletes.
pub(super) fn on_erasures(items: &[StoredItem], kept: RetentionOfSchedule, audited_at: Timestamp) -> Vec<String> {
    let is_open = |item: &&StoredItem| item.sort == ACCOUNT && item.parsed::<Account>().status != Status::Deleting;
    let open: HashSet<&str> = items.iter().filter(is_open).map(|item| item.partition.as_str()).collect();
    let is_stored = |entry: &Entry| entry.conversation.is_some();
    let over: BTreeSet<String> = entries(items)
        .filter(|(of, id, entry)| open.contains(of) && is_stored(entry) && kept.is_over(id, audited_at))
        .map(|(_, id, _)| id)
        .collect();
    let is_left = |item: &&StoredItem| {
        let of_text = item.sort.strip_prefix(PREFIX_OF_TEXTS);
        let of_message = item.sort.strip_prefix("MESSAGE#").and_then(|rest| rest.split_once('#')).map(|(_, id)| id);
        let ends_by_ttl = item.parsed::<Expiring>().expires_at.is_some_and(|end| end <= audited_at.seconds());
        of_text.or(of_message).is_some_and(|id| over.contains(id)) && !ends_by_ttl
    };
    let left = items.iter().filter(is_left);
    left.map(|item| format!("{} of {} is left although its time is over", item.sort, item.partition)).collect()
}

#[derive(serde::Deserialize)]
struct Expiring {
    #[serde(default)]
    expires_at: Option<u64>,
}

/// An export has the messages of the user's list, and no others.
pub(super) async fn on_export(
    history: &History,
    user_id: UserId,
    account: &Account,
    listed: &[AnsweredMessage],
) -> Vec<String> {
    let ExportCursor::AfterEntry(mut place) = ExportCursor::before_entries() else { return Vec::new() };
    let mut exported = BTreeSet::new();
    loop {
        let page = match history.exported_entries(account, user_id, place).await {
            Ok(page) => page,
            Err(error) => return vec![format!("no export: {error:?}")],
        };
        let messages = page.entries.into_iter().filter_map(|each| Some((each.transaction.id, each.texts?)));
        exported.extend(messages.map(|(id, texts)| (id, texts.response, texts.text_lost)));
        let Some(next) = page.next else { break };
        place = next;
    }
    let listed = listed.iter().map(|message| (message.id, message.response.clone(), message.text_lost));
    let differing: Vec<_> = exported.symmetric_difference(&listed.collect()).cloned().collect();
    if differing.is_empty() { Vec::new() } else { vec![format!("an export differs from the list by {differing:?}")] }
}
