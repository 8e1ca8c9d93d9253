//! A witness of every request that the table accepts.

use std::collections::{HashMap, HashSet};

use serde_json::Value;

use crate::process::ProcessId;
use shared::domain::credits::Credits;
use shared::domain::ids::EntryId;
use shared::domain::time::Timestamp;

/// Microseconds in a minute.
const MINUTE: u64 = 60_000_000;

/// Watches that only the process of a hold ends it before it has expired. At the end of a schedule the ledger cannot
/// show that: the credits add up, and the process was only refused.
#[derive(Default)]
pub(super) struct Witness {
    holds: HashMap<String, WitnessedHold>,
    /// The places of the budgets whose items DynamoDB's TTL has deleted.
    gone_budgets: HashSet<String>,
    offences: Vec<String>,
}

/// A hold, as it was written first.
pub(super) struct WitnessedHold {
    pub(super) process: ProcessId,
    pub(super) amount: Credits,
    /// The number of requests that the table had accepted by then.
    pub(super) moment: usize,
    /// In seconds since the Unix epoch.
    expires_at: u64,
    /// The budget from which it took, if it did.
    pub(super) budget: Option<WitnessedBudget>,
    /// The requests that it took from buckets.
    pub(super) requests: Vec<WitnessedRequest>,
}

/// The budget of a hold, as its transaction has it.
pub(super) struct WitnessedBudget {
    /// The API key and the period, as the hold remembers them.
    pub(super) place: String,
    /// The credits that the process took for the budget's.
    pub(super) limit: u64,
}

/// A hold that has just taken from a budget.
pub(super) struct HoldOfBudget {
    id: String,
    /// The key of the budget's item.
    pub(super) key: Value,
    limit: u64,
}

/// A request that a hold took from a bucket.
pub(super) struct WitnessedRequest {
    /// The partition of the account.
    pub(super) account: String,
    /// The name of the bucket in the account.
    pub(super) bucket: String,
    /// The time of the process, in microseconds since the Unix epoch.
    pub(super) taken_at: u64,
    /// The time in which the bucket regains a request, in microseconds. `None` if the write does not say it.
    pub(super) interval: Option<u64>,
}

impl WitnessedRequest {
    /// The most requests of a bucket that regains one in `interval`, which is rounded up.
    pub(super) fn most_of_bucket(interval: u64) -> u64 {
        MINUTE.div_ceil(interval)
    }
}

impl Witness {
    /// Notes a request that was accepted.
    pub(super) fn accepted(
        &mut self,
        process: ProcessId,
        operation: &str,
        body: &Value,
        now: Timestamp,
        moment: usize,
    ) {
        match operation {
            "UpdateItem" => self.updated(process, body, &Value::Null, now, moment),
            "TransactWriteItems" => {
                let [first, second] = [0, 1].map(|place| &body["TransactItems"][place]["Update"]);
                self.updated(process, first, second, now, moment);
            }
            _ => {}
        }
    }

    fn updated(&mut self, process: ProcessId, update: &Value, second: &Value, now: Timestamp, moment: usize) {
        let values = &update["ExpressionAttributeValues"];
        let ended = [&values[":id"]["S"], &values[":predecessor"]["S"]].into_iter().find_map(Value::as_str);
        if let Some(hold) = ended.and_then(|id| self.holds.get(id))
            && hold.process != process
            && hold.expires_at > now.seconds()
        {
            let (ended, owner) = (ended.unwrap_or_default(), hold.process);
            self.offences.push(format!("{process} ended the hold {ended} of {owner}, which had not expired"));
        }
        let hold = &values[":hold"]["M"];
        let number = |name: &str| hold[name]["N"].as_str()?.parse::<u64>().ok();
        if let (Some(id), Some(expires_at), Some(amount)) =
            (hold["id"]["S"].as_str(), number("expires_at"), number("amount"))
        {
            let amount = Credits::new(amount).unwrap();
            let (budget, requests) = (budget_of(hold, second), requests_of(update, id));
            let hold = WitnessedHold { process, amount, moment, expires_at, budget, requests };
            self.holds.entry(id.to_owned()).or_insert(hold);
        }
    }

    /// The hold of a transaction that takes from a budget, if it is the first attempt that succeeded.
    pub(super) fn new_hold_of_budget(&self, operation: &str, body: &Value) -> Option<HoldOfBudget> {
        let [hold, budget] = [0, 1].map(|place| &body["TransactItems"][place]["Update"]);
        let hold = &hold["ExpressionAttributeValues"][":hold"]["M"];
        let id =
            hold["id"]["S"].as_str().filter(|id| operation == "TransactWriteItems" && !self.holds.contains_key(*id))?;
        let limit = budget_of(hold, budget)?.limit;
        Some(HoldOfBudget { id: id.to_owned(), key: budget["Key"].clone(), limit })
    }

    /// Checks the budget's `item`, right after the hold.
    pub(super) fn look_at_budget(&mut self, hold: &HoldOfBudget, item: &Value) {
        let HoldOfBudget { id, limit, .. } = hold;
        if let Some(spent) = number_of(&item["spent"]).filter(|spent| spent > limit) {
            self.offences.push(format!("the hold {id} brought a budget of {limit} to {spent}"));
        }
    }

    /// Notes that DynamoDB's TTL has deleted the item of a budget.
    pub(super) fn budget_has_gone(&mut self, place: &str) {
        self.gone_budgets.insert(place.to_owned());
    }

    /// Whether TTL has deleted the item of the budget at this place. A release may have made it anew since.
    pub(super) fn is_gone_budget(&self, place: &str) -> bool {
        self.gone_budgets.contains(place)
    }

    /// All holds, by their ids.
    pub(super) fn holds(&self) -> impl Iterator<Item = (&str, &WitnessedHold)> {
        self.holds.iter().map(|(id, hold)| (id.as_str(), hold))
    }

    /// The hold of this id, which is also its charge's.
    pub(super) fn hold(&self, id: &str) -> Option<&WitnessedHold> {
        self.holds.get(id)
    }

    /// The numbers of the processes that held, by the ids of their holds.
    pub(super) fn processes(&self) -> HashMap<String, usize> {
        self.holds.iter().map(|(id, hold)| (id.clone(), hold.process.0)).collect()
    }

    /// The number of the process that held and charged under this id.
    pub(super) fn process_of(&self, id: &str) -> Option<usize> {
        self.hold(id).map(|hold| hold.process.0)
    }

    pub(super) fn offences(&self) -> &[String] {
        &self.offences
    }
}

/// The budget that `hold` remembers, and the limit in the part of its transaction that takes from it.
fn budget_of(hold: &Value, update: &Value) -> Option<WitnessedBudget> {
    let place = hold["budget"]["S"].as_str()?.to_owned();
    let number = |name: &str| number_of(&update["ExpressionAttributeValues"][name]).unwrap_or_default();
    Some(WitnessedBudget { place, limit: number(":most") + number(":added") })
}

/// The requests that the hold `id` takes from buckets in the update of an account. The first hold with a limit makes the buckets,
/// and has the time of its id, unless that was raised above a seal: then the intervals are not known.
fn requests_of(update: &Value, id: &str) -> Vec<WitnessedRequest> {
    let (names, values) = (&update["ExpressionAttributeNames"], &update["ExpressionAttributeValues"]);
    let account = update["Key"]["pk"]["S"].as_str().unwrap_or_default();
    let request = |bucket: &str, taken_at, interval| {
        let (account, bucket) = (account.to_owned(), bucket.to_owned());
        WitnessedRequest { account, bucket, taken_at, interval }
    };
    if let Some(made) = values[":buckets"]["M"].as_object() {
        let taken_at = EntryId::parse(id).map_or(0, |id| id.made_at().milliseconds() * 1000);
        let interval = |full_at: &Value| number_of(full_at)?.checked_sub(taken_at).filter(|left| is_interval(*left));
        return made.iter().map(|(bucket, full_at)| request(bucket, taken_at, interval(full_at))).collect();
    }
    let Some(taken_at) = number_of(&values[":now_us"]) else { return Vec::new() };
    let requests = (0..2).filter_map(|place| {
        let after = number_of(&values[format!(":after_{place}")]).map(|after| after - taken_at);
        let interval = after.or_else(|| number_of(&values[format!(":interval_{place}")]));
        Some(request(names[format!("#bucket_{place}")].as_str()?, taken_at, interval))
    });
    requests.collect()
}

/// Whether a bucket of a whole number of requests regains one in this time.
fn is_interval(microseconds: u64) -> bool {
    let is_possible = (1..=MINUTE).contains(&microseconds);
    is_possible && MINUTE.div_ceil(WitnessedRequest::most_of_bucket(microseconds)) == microseconds
}

fn number_of(value: &Value) -> Option<u64> {
    value["N"].as_str()?.parse().ok()
}
