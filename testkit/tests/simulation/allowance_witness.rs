//! A witness of allowances: it sees each account right after each write, and knows what a step may give.

use std::collections::{HashMap, HashSet};

use serde_json::{Value, json};
use testkit::isolated_table::TABLE_NAME;

use crate::engine::{ACCOUNT, Engine, plain};
use shared::domain::ids::{EntryId, TokenId};
use shared::domain::period::Period;
use shared::ledger::allowance::Allowance;

/// The allowances of all accounts, and what they gave.
#[derive(Default)]
pub(super) struct AllowanceWitness {
    /// Whether there are allowances in the schedule. Without any, nobody looks.
    is_watching: bool,
    /// The accounts after their last write, by partitions.
    accounts: HashMap<String, SeenAccount>,
    /// The entries of allowances that were put. A repetition under a token that is known puts none again.
    entries: HashSet<String>,
    /// The credits that allowances gave, by partitions.
    given: HashMap<String, i64>,
    counts: AllowanceCounts,
    offences: Vec<String>,
}

/// How many times something was seen.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct AllowanceCounts {
    /// Steps that gave credits.
    pub(super) giving: usize,
    /// Steps that gave the credits of several periods.
    pub(super) of_several_periods: usize,
    /// Steps that gave less than their periods have, because of the cap.
    pub(super) capped: usize,
    /// Changes of terms.
    pub(super) changed: usize,
}

/// What an account has, held credits included, and its allowance.
#[derive(Clone, Copy)]
struct SeenAccount {
    owned: i64,
    allowance: Option<Allowance>,
}

/// An account before and after a write of it.
struct Written<'a> {
    partition: &'a str,
    before: SeenAccount,
    after: SeenAccount,
    /// The id of the hold that the write puts, if it does.
    hold: Option<EntryId>,
    /// Ids and amounts of the allowance's entries that it puts.
    entries: Vec<(String, i64)>,
}

impl AllowanceWitness {
    pub(super) fn watch(&mut self) {
        self.is_watching = true;
    }

    /// Notes a request that was accepted, and looks at the accounts that it wrote.
    pub(super) fn accepted(&mut self, engine: &Engine, operation: &str, body: &Value) {
        if !self.is_watching || !matches!(operation, "DeleteItem" | "PutItem" | "TransactWriteItems" | "UpdateItem") {
            return;
        }
        let parts: Vec<&Value> = match body["TransactItems"].as_array() {
            Some(items) => items.iter().filter_map(|item| item.as_object()?.values().next()).collect(),
            None => vec![body],
        };
        let is_write = |part: &&&Value| part["UpdateExpression"].is_string() || part["Item"].is_object();
        for part in parts.iter().filter(is_write) {
            let key = if part["Key"].is_object() { &part["Key"] } else { &part["Item"] };
            if let (true, Some(partition)) = (key["sk"]["S"] == ACCOUNT, key["pk"]["S"].as_str()) {
                let entries = self.new_entries(partition, &parts);
                let hold = part["ExpressionAttributeValues"][":hold"]["M"]["id"]["S"].as_str().and_then(EntryId::parse);
                let after = look(engine, partition);
                let before = self.accounts.get(partition).copied();
                if let (Some(before), Some(after)) = (before, after) {
                    let token = body["ClientRequestToken"].as_str().and_then(TokenId::parse);
                    self.judge(&Written { partition, before, after, hold, entries }, token);
                }
                match after {
                    Some(after) => self.accounts.insert(partition.to_owned(), after),
                    None => self.accounts.remove(partition),
                };
            }
        }
    }

    fn new_entries(&mut self, partition: &str, parts: &[&Value]) -> Vec<(String, i64)> {
        let items = parts.iter().map(|part| &part["Item"]);
        let of_user = items.filter(|item| item["source"]["S"] == "allowance" && item["pk"]["S"] == partition);
        let entries: Vec<(String, i64)> = of_user
            .filter_map(|item| {
                let id = item["sk"]["S"].as_str()?.strip_prefix("ENTRY#")?.to_owned();
                Some((id, item["amount"]["N"].as_str()?.parse().ok()?))
            })
            .collect();
        entries.into_iter().filter(|(id, _)| self.entries.insert(id.clone())).collect()
    }

    fn judge(&mut self, written: &Written<'_>, token: Option<TokenId>) {
        let Written { partition, before, after, entries, .. } = written;
        *self.given.entry((*partition).to_owned()).or_default() +=
            entries.iter().map(|(_, amount)| amount).sum::<i64>();
        match (before.allowance, after.allowance) {
            (Some(seen), Some(now)) if seen.terms() == now.terms() && through(seen) != through(now) => {
                self.judge_step(written, seen, now);
            }
            (seen, now) => {
                if !entries.is_empty() {
                    self.offences.push(format!("the allowance of {partition} gave {entries:?} again"));
                }
                if seen != now {
                    self.counts.changed += 1;
                    self.judge_change(partition, seen, now, token);
                }
            }
        }
    }

    /// A step moves the decided periods up to that of its hold, or of its entry, and gives exactly what is due, with an entry that says it.
    fn judge_step(&mut self, written: &Written<'_>, seen: Allowance, now: Allowance) {
        let Written { partition, before, after, hold, entries } = written;
        let (terms, periods) = (seen.terms(), through(now).periods_since(through(seen)));
        // A grant or a voucher takes the step before it, in a write of its own.
        let alone = || entries.first().and_then(|(id, _)| EntryId::parse(id));
        let moment = hold.or_else(alone).map(|id| id.made_at());
        if periods == 0 || moment.is_some_and(|moment| through(now) != terms.per().period_at(moment)) {
            self.offences.push(format!("the allowance of {partition} went from {seen:?} to {now:?} with {hold:?}"));
        }
        let (cap, of_periods) = (terms.cap().gained(), terms.credits().gained() * i64::from(periods));
        let due = of_periods.min((cap - before.owned).max(0));
        let given: i64 = entries.iter().map(|(_, amount)| amount).sum();
        let gained = after.owned - before.owned;
        if gained > due && after.owned > cap {
            self.offences.push(format!("a step brought {partition} to {}, beyond its cap of {cap}", after.owned));
        } else if gained != due {
            self.offences.push(format!("a step gave {partition} {gained}, and {due} was due"));
        }
        let precedes = |id: &str| hold.is_none_or(|hold| id == hold.preceding().to_string());
        if given != gained || !entries.iter().all(|(id, _)| precedes(id)) {
            self.offences.push(format!("a step gave {partition} {gained}, and its entries are {entries:?}"));
        }
        self.counts.giving += usize::from(due > 0);
        self.counts.of_several_periods += usize::from(due > terms.credits().gained());
        self.counts.capped += usize::from(due < of_periods);
    }

    /// A new allowance begins with the period after the one in which it was given. Other terms of the same period leave what is
    /// decided.
    fn judge_change(
        &mut self,
        partition: &str,
        seen: Option<Allowance>,
        now: Option<Allowance>,
        token: Option<TokenId>,
    ) {
        let Some(now) = now else { return };
        let per = now.terms().per();
        let expected = match seen.filter(|seen| seen.terms().per() == per) {
            Some(seen) => Some(through(seen)),
            None => token.map(|token| per.period_at(token.made_at())),
        };
        if expected != Some(through(now)) {
            self.offences.push(format!("the allowance of {partition} began as {now:?}, after {seen:?}"));
        }
    }

    /// The credits that the allowance of an account gave.
    pub(super) fn given(&self, partition: &str) -> i64 {
        self.given.get(partition).copied().unwrap_or_default()
    }

    pub(super) fn counts(&self) -> AllowanceCounts {
        self.counts
    }

    pub(super) fn offences(&self) -> &[String] {
        &self.offences
    }
}

/// The account as it is now.
fn look(engine: &Engine, partition: &str) -> Option<SeenAccount> {
    let key = json!({"pk": {"S": partition}, "sk": {"S": ACCOUNT}});
    let answer = engine.answer("GetItem", &json!({"TableName": TABLE_NAME, "Key": key}));
    let item = answer.body.get("Item")?;
    let held: i64 = item["holds"]["M"].as_object()?.values().map(|hold| number(&hold["M"]["amount"])).sum();
    let allowance = item.get("allowance").map(|map| serde_json::from_value(plain(map)).unwrap());
    Some(SeenAccount { owned: number(&item["balance"]) + held, allowance })
}

/// The last period that is decided.
fn through(allowance: Allowance) -> Period {
    let stored = serde_json::to_value(allowance).unwrap();
    Period::parse(stored["through"].as_str().unwrap()).unwrap()
}

fn number(value: &Value) -> i64 {
    value["N"].as_str().and_then(|number| number.parse().ok()).unwrap_or_default()
}
