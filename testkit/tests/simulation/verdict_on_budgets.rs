//! Whether API keys keep within their limits, whatever fails and whoever changes them.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use crate::NOW;
use crate::engine::{PREFIX_OF_BUDGETS, StoredItem};
use crate::key_witness::KeyWitness;
use crate::request::{Program, Told, Wish};
use crate::verdict::entries;
use crate::witness::{Witness, WitnessedHold, WitnessedRequest};
use crate::world::World;
use shared::domain::budget::Budget;
use shared::domain::ids::{EntryId, UserId};
use shared::domain::period::{Period, PeriodLength};
use shared::domain::requests_per_minute::RequestsPerMinute;
use shared::ledger::account::{Account, Status};
use shared::ledger::budgets::SpentBudgets;
use shared::ledger::entry::{Entry, EntryKind};
use shared::ledger::paying_key::KeyLimits;
use store::Table;

/// The name of the bucket of all requests of an account.
const BUCKET_OF_USER: &str = "user";
/// Longer than every schedule. The item of a budget that is made anew ends sooner.
const LONG: Duration = Duration::from_secs(100 * 24 * 60 * 60);

/// At any moment: each budget's item is the sum of the charges and of the holds that are there, and each account has spent the
/// sum of its charges. An item that DynamoDB's TTL has deleted may be made anew by a release: nobody reads its sum, and it ends.
pub(super) fn on_sums(items: &[StoredItem], witness: &Witness) -> Vec<String> {
    let mut violations = Vec::new();
    for item in items.iter().filter(|item| item.sort == "ACCOUNT" && item.attributes["balance"].is_u64()) {
        let account: Account = item.parsed();
        if account.status == Status::Deleting {
            continue;
        }
        let charges: Vec<(String, Entry)> = entries(items)
            .filter(|(of, _, entry)| *of == item.partition && entry.kind == EntryKind::Chat)
            .map(|(_, id, entry)| (id, entry))
            .collect();
        let charged: u64 = charges.iter().map(|(_, entry)| entry.amount.unsigned_abs()).sum();
        if account.spent != charged {
            violations.push(format!("{} says that it has spent {}, and {charged} was", item.partition, account.spent));
        }
        let mut expected: BTreeMap<String, u64> = BTreeMap::new();
        for (id, entry) in &charges {
            if let Some(budget) = witness.hold(id).and_then(|hold| hold.budget.as_ref()) {
                *expected.entry(budget.place.clone()).or_default() += entry.amount.unsigned_abs();
            }
        }
        for hold in account.holds.values() {
            if let Some(place) = hold.budget {
                *expected.entry(place.to_string()).or_default() += u64::from(hold.amount);
            }
        }
        expected.retain(|place, _| !witness.is_gone_budget(place));
        for budget in items.iter().filter(|other| other.partition == item.partition) {
            let Some(place) = budget.sort.strip_prefix(PREFIX_OF_BUDGETS) else { continue };
            if witness.is_gone_budget(place) {
                let ends = budget.attributes["expires_at"].as_u64().is_some_and(|end| end < NOW.plus(LONG).seconds());
                violations.extend((!ends).then(|| format!("the budget {place} was made anew and stays for ever")));
                continue;
            }
            let (spent, expected) = (budget.attributes["spent"].as_i64(), expected.remove(place).unwrap_or(0));
            if spent.unwrap_or(0) != expected.cast_signed() {
                violations.push(format!("the budget {place} says {spent:?}, and {expected} was charged and is held"));
            }
        }
        for (place, expected) in expected.into_iter().filter(|(_, expected)| *expected > 0) {
            violations.push(format!("the budget {place} has no item, and {expected} was charged and is held"));
        }
    }
    violations
}

/// Each message of a program was held and charged within limits that its key had meanwhile, and its entry names the key. No
/// budget was exceeded, and no bucket gave more requests than it had.
pub(super) fn on_limits(items: &[StoredItem], world: &World, witness: &Witness, keys: &KeyWitness) -> Vec<String> {
    let beginnings: Vec<usize> = world.beginnings.lock().unwrap().iter().map(|beginning| beginning.moment).collect();
    let journal = world.journal.lock().unwrap();
    let charges: HashMap<String, Entry> =
        entries(items).filter(|(.., entry)| entry.kind == EntryKind::Chat).map(|(_, id, entry)| (id, entry)).collect();
    let mut violations = Vec::new();
    let mut charged: BTreeMap<&str, (u64, u64)> = BTreeMap::new();
    for (id, hold) in witness.holds() {
        // The schedule itself holds nothing, for people.
        let Some((request, _)) = journal.get(hold.process.0) else { continue };
        let Wish::Chat(chat) = &request.wish else { continue };
        let program = chat.program.as_ref();
        let charge = charges.get(id);
        violations.extend(out_of_minute_of_user(id, hold, world.requests_per_minute));
        if let Some(entry) = charge
            && entry.api_key != program.map(|program| program.key.id)
        {
            violations.push(format!("{id} was charged for another API key than the one that was shown"));
        }
        let Some(program) = program else {
            violations.extend(hold.budget.as_ref().map(|_| format!("{id} was held in the budget of nobody's key")));
            continue;
        };
        let partition = program.key.partition();
        let current = keys.limits_between(&partition, beginnings[hold.process.0], hold.moment);
        violations.extend(out_of_limits(id, hold, charge, &current));
        violations.extend(out_of_minute_of_key(id, hold, program, &current));
        if let (Some(entry), Some(budget)) = (charge, &hold.budget) {
            let of_period = |budget: &Budget| budget.per == length_of(&hold.budget.as_ref().unwrap().place);
            let most = keys.all_limits(&partition).filter_map(|limits| limits.budget).filter(of_period);
            let most = most.map(|budget| u64::from(budget.credits)).max().unwrap_or(0);
            let sum = charged.entry(&budget.place).or_default();
            *sum = (sum.0 + entry.amount.unsigned_abs(), most);
        }
    }
    let exceeded = charged.into_iter().filter(|(_, (charged, most))| charged > most);
    violations.extend(
        exceeded
            .map(|(place, (charged, most))| format!("{charged} was charged of the budget {place}, of at most {most}")),
    );
    violations.extend(on_buckets(witness));
    violations
}

/// The budget of a period of this place.
fn period_of(place: &str) -> Period {
    Period::parse(place.split_once('#').unwrap().1).unwrap()
}

fn length_of(place: &str) -> PeriodLength {
    period_of(place).length()
}

/// The fault of a hold by a key that had `current` limits between the beginning of its process and the hold.
fn out_of_limits(id: &str, hold: &WitnessedHold, charge: Option<&Entry>, current: &[&KeyLimits]) -> Option<String> {
    if current.is_empty() {
        // The key ended before; another verdict judges that.
        return None;
    }
    let is_current = match &hold.budget {
        None => {
            hold.amount == shared::domain::credits::Credits::ZERO
                || current.iter().any(|limits| limits.budget.is_none())
        }
        Some(held) => current
            .iter()
            .filter_map(|limits| limits.budget)
            .any(|budget| u64::from(budget.credits) == held.limit && budget.per == length_of(&held.place)),
    };
    if !is_current {
        return Some(format!("{id} was not held within limits that its key had meanwhile"));
    }
    if let Some(held) = &hold.budget {
        let period = period_of(&held.place);
        if period != period.length().period_at(EntryId::parse(id).unwrap().made_at()) {
            return Some(format!("{id} was held in the budget of another period than that of its id"));
        }
    }
    let model = charge.and_then(|entry| entry.model.as_ref())?;
    let is_permitted = current.iter().any(|limits| limits.permit_model(model));
    (!is_permitted).then(|| format!("{id} was answered by {model}, which its key might not ask"))
}

/// A hold takes a request from its user's bucket, if there is a limit on the requests of users.
fn out_of_minute_of_user(id: &str, hold: &WitnessedHold, limit: Option<RequestsPerMinute>) -> Option<String> {
    let taken = hold.requests.iter().find(|request| request.bucket == BUCKET_OF_USER);
    let is_right = takes_one_within(taken, limit);
    (!is_right).then(|| format!("{id} did not take a request from its user's bucket as the limit says"))
}

/// A hold by a key takes a request from the key's bucket, if the key had a limit on its requests meanwhile.
fn out_of_minute_of_key(id: &str, hold: &WitnessedHold, program: &Program, current: &[&KeyLimits]) -> Option<String> {
    let taken = hold.requests.iter().find(|request| request.bucket != BUCKET_OF_USER);
    let is_of_key = taken.is_none_or(|request| program.key.id.to_string().ends_with(&request.bucket));
    let is_right = is_of_key && current.iter().any(|limits| takes_one_within(taken, limits.requests_per_minute));
    // Another verdict judges holds by keys that ended before.
    (!is_right && !current.is_empty())
        .then(|| format!("{id} did not take a request from its key's bucket as the limits say"))
}

/// Whether a request was taken from the bucket of this limit, or none without one.
fn takes_one_within(taken: Option<&WitnessedRequest>, limit: Option<RequestsPerMinute>) -> bool {
    match (taken, limit) {
        (None, None) => true,
        (Some(taken), Some(limit)) => {
            taken.interval.is_none_or(|interval| Duration::from_micros(interval) == limit.interval())
        }
        _ => false,
    }
}

/// The requests that were taken from each bucket while it had one interval, with the moments of their holds: by account, name
/// and interval.
type RequestsByBucket<'a> = BTreeMap<(&'a str, &'a str, u64), Vec<(usize, &'a WitnessedRequest)>>;

/// A bucket of `r` requests that regains one after each interval gives no more than `r` and those that it regains, in
/// whatever span of time.
fn on_buckets(witness: &Witness) -> Vec<String> {
    let mut taken = RequestsByBucket::new();
    for (_, hold) in witness.holds() {
        for request in &hold.requests {
            let WitnessedRequest { account, bucket, interval: Some(interval), .. } = request else { continue };
            taken.entry((account, bucket, *interval)).or_default().push((hold.moment, request));
        }
    }
    let mut violations = Vec::new();
    for ((_, bucket, interval), mut requests) in taken {
        requests.sort_by_key(|(moment, _)| *moment);
        let most = WitnessedRequest::most_of_bucket(interval);
        let is_exceeded = requests.iter().enumerate().any(|(first, (_, begin))| {
            requests.iter().enumerate().skip(first).any(|(last, (_, end))| {
                let regained = end.taken_at.saturating_sub(begin.taken_at) / interval;
                (last - first + 1) as u64 > most + regained
            })
        });
        if is_exceeded {
            violations.push(format!("more requests were taken from the bucket {bucket} than it had"));
        }
    }
    violations
}

/// The budgets' items of a user can be read, whatever TTL has deleted and releases have made anew.
pub(super) async fn on_reads(table: &Table, user_id: UserId) -> Option<String> {
    let read = SpentBudgets::read(table, user_id).await;
    read.err().map(|error| format!("what is spent of the budgets of {user_id} cannot be read: {error:?}"))
}

/// Whether the answer refuses somebody because of limits on budgets or on the requests of a minute.
pub(super) fn is_out_of_limits(told: &Told) -> bool {
    matches!(told, Told::Refused("budget_spent" | "too_many_requests"))
}
