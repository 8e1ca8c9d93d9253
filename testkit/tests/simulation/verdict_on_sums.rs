//! Whether checkpoints, days' sums and reads of usage are the sums of the entries, each of which counts once.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::NOW;
use crate::engine::{StoredItem, partition_of};
use crate::verdict::entries;
use shared::domain::calendar::Day;
use shared::domain::ids::{EntryId, UserId};
use shared::ledger::account::{Account, Epoch, Payer};
use shared::ledger::entry::{Entry, EntryKind};
use shared::ledger::usage::{Days, RowLimit, UsageReader};

/// Requests, tokens read and written, and credits, by the sort key of the row.
type Rows = BTreeMap<String, [u64; 4]>;

/// The chats of a partition up to `through`, as rows.
fn rows_of(items: &[StoredItem], partition: &str, through: Option<&str>) -> Rows {
    let mut rows = Rows::new();
    for (of, id, entry) in entries(items) {
        let is_summed = of == partition && through.is_none_or(|through| id.as_str() <= through);
        if !is_summed || entry.kind != EntryKind::Chat {
            continue;
        }
        let Entry { model, api_key, usage, amount, .. } = entry;
        let day = Day::of(EntryId::parse(&id).unwrap().made_at());
        let api_key = api_key.map_or("-".to_owned(), |api_key| api_key.to_string());
        let usage = usage.unwrap_or_default();
        let row = rows.entry(format!("USAGE#{day}#{api_key}#{}", model.unwrap_or_default())).or_default();
        let added = [1, usage.input_tokens, usage.output_tokens, amount.unsigned_abs()];
        row.iter_mut().zip(added).for_each(|(sum, added)| *sum += added);
    }
    rows
}

/// The checkpoint of every account is the sum of its entries up to it, and so are the days' sums. An account that is being
/// deleted has lost some of them.
pub(super) fn on_sums(items: &[StoredItem]) -> Vec<String> {
    let is_open = |partition: &str| {
        items.iter().any(|item| {
            item.partition == partition && item.sort == "ACCOUNT" && item.attributes["status"] != "deleting"
        })
    };
    let mut violations = Vec::new();
    for checkpoint in items.iter().filter(|item| item.sort == "CHECKPOINT" && is_open(&item.partition)) {
        let (partition, history) = (&checkpoint.partition, &checkpoint.attributes["history"]);
        let through = checkpoint.attributes["through"].as_str();
        let summed = entries(items)
            .filter(|(of, id, entry)| of == partition && Some(id.as_str()) <= through && entry.kind != EntryKind::Void);
        let (count, sum) = summed.fold((0, 0), |(count, sum), (.., entry)| (count + 1, sum + entry.amount));
        if (history["entries"].as_i64(), history["amount"].as_i64()) != (Some(count), Some(sum)) {
            violations.push(format!("{partition} has the checkpoint {history} of {count} entries of {sum}"));
        }
        let number = |item: &StoredItem, name: &str| item.attributes.get(name).and_then(Value::as_u64).unwrap_or(0);
        let stored = items.iter().filter(|item| item.partition == *partition && item.sort.starts_with("USAGE#"));
        let stored: Rows = stored
            .map(|item| {
                let sums = ["requests", "input_tokens", "output_tokens", "credits"].map(|name| number(item, name));
                (item.sort.clone(), sums)
            })
            .collect();
        let expected = rows_of(items, partition, through);
        if stored != expected {
            violations.push(format!("{partition} has the days' sums {stored:?} of chats of {expected:?}"));
        }
    }
    violations
}

/// A read of usage tells all chats of an account, whatever is summed.
pub(super) async fn on_reads(
    items: &[StoredItem],
    reader: &UsageReader,
    user_id: UserId,
    account: &Account,
) -> Vec<String> {
    let partition = partition_of(user_id);
    let payer = Payer::new(user_id, Epoch::OfSessions(account.session_epoch));
    let expected = rows_of(items, &partition, None);
    let first = entries(items).filter(|(of, ..)| *of == partition).filter_map(|(_, id, _)| EntryId::parse(&id)).min();
    let from = Day::of(first.map_or(NOW, |first| first.made_at()));
    let days = Days::new(Some(from), Some(from.plus_days(5)), from).unwrap();
    let read = match reader.read(payer, days, RowLimit { bytes: 1 << 20 }).await {
        Ok(read) => read,
        Err(error) => return vec![format!("the usage of {user_id} cannot be read: {error:?}")],
    };
    let told: Rows = read
        .rows
        .iter()
        .map(|(place, sums)| {
            let api_key = place.api_key.map_or("-".to_owned(), |api_key| api_key.to_string());
            let sums = [sums.requests, sums.input_tokens, sums.output_tokens, sums.credits];
            (format!("USAGE#{}#{api_key}#{}", place.day, place.model), sums)
        })
        .collect();
    if told == expected {
        Vec::new()
    } else {
        vec![format!("the usage of {user_id} is told as {told:?}, and is {expected:?}")]
    }
}
