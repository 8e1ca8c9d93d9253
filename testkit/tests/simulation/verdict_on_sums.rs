//! Whether checkpoints, sums of days and of keys, and reads of usage are the sums of the entries, each of which counts once.

use std::collections::BTreeMap;

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;

use crate::NOW;
use crate::engine::{StoredItem, partition_of};
use crate::usage_witness::{FourSums, SUMS_OF_ALL, UsageWitness, add, day_and_model};
use crate::verdict::entries;
use shared::domain::calendar::Day;
use shared::domain::ids::{ApiKeyId, EntryId, UserId};
use shared::domain::period::PeriodLength;
use shared::domain::time::Timestamp;
use shared::ledger::account::{Account, Epoch, Payer};
use shared::ledger::entry::{Entry, EntryKind};
use shared::ledger::key_sums::KeySums;
use shared::ledger::key_usage::KeyUsage;
use shared::ledger::usage::{Days, RowLimit, UsageReader};
use store::Table;

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

/// The charges of each API key of a partition up to `through`, by the sort key of its sums: in all, in the day, the week and
/// the month of its last use, and the time of that.
fn keys_of(items: &[StoredItem], partition: &str, through: Option<&str>) -> BTreeMap<String, [u64; 5]> {
    let mut chats: BTreeMap<String, BTreeMap<Timestamp, u64>> = BTreeMap::new();
    for (of, id, entry) in entries(items) {
        let is_summed = of == partition && through.is_none_or(|through| id.as_str() <= through);
        if let Some(api_key) = entry.api_key.filter(|_| is_summed && entry.kind == EntryKind::Chat) {
            let of_key = chats.entry(format!("KEY#{api_key}")).or_default();
            *of_key.entry(EntryId::parse(&id).unwrap().made_at()).or_default() += entry.amount.unsigned_abs();
        }
    }
    let sums = chats.into_iter().map(|(key, chats)| {
        let last = *chats.last_key_value().unwrap().0;
        let of_length = |length: PeriodLength| {
            let period = length.period_at(last);
            chats.iter().filter(|(moment, _)| length.period_at(**moment) == period).map(|(_, credits)| credits).sum()
        };
        let [total, day, week, month] = PeriodLength::WORDS.map(|(_, length)| of_length(length));
        (key, [total, day, week, month, last.seconds()])
    });
    sums.collect()
}

/// The digest of an account's entries up to `through`, void ones left out: that of the digest before and the bytes of the next
/// entry, again and again. It is computed from what the table has, by none of the ledger's code.
fn chain_of(items: &[StoredItem], partition: &str, through: &str) -> String {
    let last = format!("ENTRY#{through}");
    let is_summed = |item: &&StoredItem| {
        let is_entry = item.sort.starts_with("ENTRY#") && item.sort <= last;
        item.partition == partition && is_entry && item.attributes["kind"] != "void"
    };
    let mut summed: Vec<&StoredItem> = items.iter().filter(is_summed).collect();
    summed.sort_by_key(|item| &item.sort);
    summed.iter().fold(String::new(), |before, item| {
        let mut bytes = before.into_bytes();
        let attributes = item.attributes.as_object().unwrap();
        put_members(&mut bytes, attributes.iter().filter(|(name, _)| *name != "pk"));
        URL_SAFE_NO_PAD.encode(digest(&SHA256, &bytes))
    })
}

/// Names and values, in the order of the names.
fn put_members<'a>(bytes: &mut Vec<u8>, members: impl Iterator<Item = (&'a String, &'a Value)>) {
    for (name, value) in members.collect::<BTreeMap<_, _>>() {
        put_text(bytes, name);
        put_value(bytes, value);
    }
}

/// A value of an entry: a letter for its kind, and what it is. Numbers of entries are whole.
fn put_value(bytes: &mut Vec<u8>, value: &Value) {
    match value {
        Value::String(text) => {
            bytes.push(b'S');
            put_text(bytes, text);
        }
        Value::Number(number) => {
            bytes.push(b'N');
            put_text(bytes, &number.to_string());
        }
        Value::Bool(value) => bytes.extend([b'T', u8::from(*value)]),
        Value::Object(members) => {
            bytes.push(b'M');
            put_length(bytes, members.len());
            put_members(bytes, members.iter());
        }
        Value::Array(values) => {
            bytes.push(b'L');
            put_length(bytes, values.len());
            for value in values {
                put_value(bytes, value);
            }
        }
        Value::Null => panic!("an attribute of an entry is null"),
    }
}

fn put_text(bytes: &mut Vec<u8>, text: &str) {
    put_length(bytes, text.len());
    bytes.extend(text.as_bytes());
}

fn put_length(bytes: &mut Vec<u8>, length: usize) {
    bytes.extend((length as u64).to_be_bytes());
}

/// The checkpoint of every account is the sum of its entries up to it, and so are the sums of days and of keys. An account
/// that is being deleted has lost some of them.
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
        let chain = chain_of(items, partition, through.unwrap_or_default());
        if history["chain"] != chain {
            violations
                .push(format!("{partition} has the chain {} of entries whose chain is {chain}", history["chain"]));
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
        let stored = items.iter().filter(|item| item.partition == *partition && item.sort.starts_with("KEY#"));
        let stored: BTreeMap<String, [u64; 5]> = stored
            .map(|item| {
                let of = |period: &str| item.attributes[period]["credits"].as_u64().unwrap_or(0);
                let last = item.attributes["last_chat"].as_str().and_then(EntryId::parse).unwrap();
                let (total, last) = (number(item, "credits"), last.made_at().seconds());
                (item.sort.clone(), [total, of("of_day"), of("of_week"), of("of_month"), last])
            })
            .collect();
        let expected = keys_of(items, partition, through);
        if stored != expected {
            violations.push(format!("{partition} has the keys' sums {stored:?} of chats of {expected:?}"));
        }
    }
    violations
}

/// The sums of all accounts are those of the accounts that there are, and of those that were deleted.
pub(super) fn on_sums_of_all(items: &[StoredItem], witness: &UsageWitness) -> Vec<String> {
    let sums_of = |item: &StoredItem| {
        ["requests", "input_tokens", "output_tokens", "credits"]
            .map(|name| item.attributes.get(name).and_then(Value::as_i64).unwrap_or(0))
    };
    let (mut stored, mut expected) = (BTreeMap::new(), witness.gone().clone());
    for item in items {
        let (sums, place) = if item.partition == SUMS_OF_ALL {
            let (day, rest) = item.sort.split_once('#').unwrap();
            let (model, _shard) = rest.rsplit_once('#').unwrap();
            (&mut stored, Some((day.to_owned(), model.to_owned())))
        } else {
            (&mut expected, day_and_model(&item.sort))
        };
        if let Some(place) = place {
            add(sums.entry(place).or_default(), sums_of(item));
        }
    }
    for sums in [&mut stored, &mut expected] {
        sums.retain(|_, sums| *sums != FourSums::default());
    }
    if stored == expected {
        Vec::new()
    } else {
        vec![format!("the sums of all are {stored:?}, and those of the accounts {expected:?}")]
    }
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

/// A read of the usage of API keys tells all chats that they paid for, whatever is summed.
pub(super) async fn on_keys(items: &[StoredItem], table: &Table, user_id: UserId) -> Vec<String> {
    let expected = keys_of(items, &partition_of(user_id), None);
    let keys = expected.keys().map(|sort| ApiKeyId::parse(&sort["KEY#".len()..]).unwrap()).collect();
    let usage = KeyUsage::read(table, user_id, &keys).await.unwrap();
    let told: BTreeMap<String, [u64; 5]> = keys
        .iter()
        .filter_map(|key| Some((format!("KEY#{key}"), usage.of_key(*key)?)))
        .map(|(sort, sums)| {
            let KeySums { credits, of_day, of_week, of_month, .. } = sums;
            (sort, [*credits, of_day.credits, of_week.credits, of_month.credits, sums.last_used_at().seconds()])
        })
        .collect();
    if told == expected {
        Vec::new()
    } else {
        vec![format!("the usage of the keys of {user_id} is told as {told:?}, and is {expected:?}")]
    }
}
