//! Allowances: each period gives once, whatever else the hold does that takes the step, and whatever fails.

use domain::allowance::AllowanceTerms;
use domain::budget::Budget;
use domain::period::PeriodLength;
use domain::reason::Reason;
use domain::time::{Clock, Timestamp};
use futures_util::future::join_all;
use serde_json::json;

use super::*;

use crate::allowance::{Allowance, allowance_at_its_beginning};
use crate::entry::EntrySource;
use crate::grant::{Grant, GrantAmount, GrantId};
use crate::paying_key::KeyLimits;
use crate::sealing::ExpiredHolds;
use crate::testing::{admitted, an_operator};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);
/// The time from the beginning of a test until its day ends.
const UNTIL_MIDNIGHT: Duration = Duration::from_secs(16 * 60 * 60);

fn a_day(amount: u64, cap: u64) -> AllowanceTerms {
    AllowanceTerms::new(credits(amount), PeriodLength::Day, credits(cap)).unwrap()
}

/// Ada's account with a daily allowance, which has begun at the beginning of the test.
struct AllowanceScene(Scene);

impl AllowanceScene {
    async fn start(balance: u64, amount: u64, cap: u64) -> Self {
        let scene = Self(Scene::with_balance(balance).await);
        scene.set_allowance(Some(allowance_at_its_beginning(a_day(amount, cap), NOW))).await;
        scene
    }

    /// The same, a day later.
    async fn a_day_later(balance: u64, amount: u64, cap: u64) -> Self {
        let scene = Self::start(balance, amount, cap).await;
        scene.0.test.clock.advance(DAY);
        scene.operations();
        scene
    }

    async fn set_allowance(&self, allowance: Option<Allowance>) {
        let key = self.0.account_key();
        let Some(allowance) = allowance else {
            let table = &self.0.test.table;
            let update = table.client().update_item().table_name(table.name()).set_key(Some(key.into_item()));
            update.update_expression("REMOVE allowance").send().await.unwrap();
            return;
        };
        self.0.test.set(key, "allowance", allowance.attribute_value().unwrap()).await;
    }

    fn now(&self) -> Timestamp {
        self.0.test.clock.now()
    }

    /// A ledger of another function.
    fn elsewhere(&self) -> Ledger {
        Ledger::new(self.0.test.table.clone(), self.0.test.clock.clone(), 20)
    }

    /// The operations since the last call.
    fn operations(&self) -> Vec<String> {
        let requests = self.0.test.recorder.requests();
        self.0.test.recorder.clear();
        requests.into_iter().map(|request| request.operation).collect()
    }

    fn order(&self, amount: u64, least: u64) -> Order {
        Order { amount: credits(amount), least: credits(least), deadline: self.now().plus(Duration::from_secs(28)) }
    }

    async fn hold_at(&self, ledger: &Ledger, amount: u64) -> Result<Held, LedgerError> {
        ledger.hold(admitted(ledger, self.0.ada).await, &self.order(amount, amount)).await.map(held)
    }

    /// The amounts that the allowance has given, the oldest first.
    async fn given(&self) -> Vec<i64> {
        let mut items = self.0.test.isolated.items().await;
        items.retain(|item| item["source"]["S"] == "allowance");
        items.sort_by_key(|item| item["sk"]["S"].as_str().unwrap().to_owned());
        items.iter().map(|item| item["amount"]["N"].as_str().unwrap().parse().unwrap()).collect()
    }

    /// What the account has, with its holds. It is the sum of its entries.
    async fn owned(&self) -> u64 {
        let account = self.0.account().await;
        let owned = account.holds.values().fold(account.balance, |sum, hold| sum.saturating_plus(hold.amount));
        let items = self.0.test.isolated.items().await;
        let entries = items.iter().filter(|item| item["sk"]["S"].as_str().unwrap().starts_with("ENTRY#"));
        let sum: i64 = entries.map(|item| item["amount"]["N"].as_str().unwrap().parse::<i64>().unwrap()).sum();
        assert_eq!(owned.gained(), sum, "the account does not add up");
        owned.into()
    }

    async fn spendable(&self) -> u64 {
        self.0.account().await.spendable_and_held(self.now()).0.into()
    }

    async fn grant(&self, amount: i64) {
        let grant = Grant {
            amount: GrantAmount::try_from(json!(amount)).unwrap(),
            reason: Reason::try_from("a present".to_owned()).unwrap(),
            id: GrantId::try_from(format!("{amount}")).unwrap(),
        };
        let soon = self.now().plus(Duration::from_secs(28));
        self.elsewhere().grant(self.0.ada.user_id(), &grant, &an_operator(), soon).await.unwrap();
    }
}

#[tokio::test]
async fn the_first_hold_of_a_period_gives_what_is_due_with_an_entry_and_the_next_ones_give_nothing() {
    let scene = AllowanceScene::start(3, 10, 25).await;
    scene.operations();
    scene.0.hold(1).await.unwrap();
    assert_eq!(scene.operations(), ["GetItem", "UpdateItem"], "the period in which it begins is decided");
    scene.0.test.clock.advance(DAY);
    let first = scene.0.hold(1).await.unwrap();
    let before = AllowanceEntry::of(&scene, first.id).await;
    assert_eq!(before, AllowanceEntry { amount: 10, created_at: first.id.made_at().to_string() });
    assert_eq!((scene.owned().await, first.balance), (13, credits(12)), "the hold of the day before has expired");
    let second = scene.0.hold(1).await.unwrap();
    assert_eq!((scene.given().await, second.balance), (vec![10], credits(11)));
    scene.0.capture(&second, 1).await.unwrap();
    scene.0.test.clock.advance(DAY * 3);
    scene.0.hold(1).await.unwrap();
    assert_eq!((scene.given().await, scene.owned().await), (vec![10, 13], 25), "no more than the cap");
}

/// The entry of an allowance that stands before a hold.
#[derive(Debug, PartialEq)]
struct AllowanceEntry {
    amount: i64,
    created_at: String,
}

impl AllowanceEntry {
    async fn of(scene: &AllowanceScene, hold: EntryId) -> Self {
        let entry = scene.0.entry(hold.preceding()).await.unwrap();
        assert_eq!((entry.kind, entry.source), (EntryKind::Grant, Some(EntrySource::Allowance)));
        Self { amount: entry.amount, created_at: entry.created_at }
    }
}

#[tokio::test]
async fn the_step_of_a_full_account_is_one_update_and_its_period_gives_nothing_later() {
    let scene = AllowanceScene::a_day_later(25, 10, 25).await;
    let held = scene.0.hold(20).await.unwrap();
    assert_eq!(scene.operations(), ["GetItem", "UpdateItem"]);
    scene.0.capture(&held, 20).await.unwrap();
    scene.0.hold(1).await.unwrap();
    assert_eq!((scene.given().await, scene.spendable().await), (vec![], 4));
    scene.0.test.clock.advance(DAY);
    assert_eq!(scene.spendable().await, 15);
}

#[tokio::test]
async fn balances_quotes_and_refusals_count_what_is_due_and_write_nothing() {
    let scene = AllowanceScene::a_day_later(3, 10, 25).await;
    assert_eq!((scene.spendable().await, scene.0.balance().await), (13, 3));
    let open = scene.elsewhere().confirm(admitted(&scene.elsewhere(), scene.0.ada).await).await.unwrap();
    assert_eq!(open.spendable(scene.now()), credits(13));
    open.check_covers(credits(13), scene.now()).unwrap();
    assert!(matches!(
        open.check_covers(credits(14), scene.now()),
        Err(LedgerError::InsufficientCredits { balance, .. }) if balance == credits(13)
    ));
    let refused = scene.0.hold(14).await;
    assert!(matches!(refused, Err(LedgerError::InsufficientCredits { balance, .. }) if balance == credits(13)));
    assert_eq!((scene.given().await, scene.0.balance().await), (vec![], 3));
    let all = scene.0.hold(13).await.unwrap();
    assert_eq!((all.balance, scene.given().await, scene.owned().await), (Credits::ZERO, vec![10], 13));
}

#[tokio::test]
async fn a_hold_takes_all_that_is_due_where_its_highest_cost_is_not_covered() {
    let scene = AllowanceScene::a_day_later(3, 10, 25).await;
    let open = admitted(&scene.0.ledger, scene.0.ada).await;
    let held = held(scene.0.ledger.hold(open, &scene.order(40, 5)).await.unwrap());
    assert_eq!((held.amount, held.balance, scene.owned().await), (credits(13), Credits::ZERO, 13));
}

#[tokio::test]
async fn of_twenty_holds_at_once_one_takes_the_step_and_all_are_held() {
    for balance in [0, 25] {
        let scene = AllowanceScene::a_day_later(balance, 20, 25).await;
        let ledgers: Vec<Ledger> = (0..20).map(|_| scene.elsewhere()).collect();
        let outcomes = join_all(ledgers.iter().map(|ledger| scene.hold_at(ledger, 1))).await;
        assert!(outcomes.iter().all(Result::is_ok), "{outcomes:?}");
        let given = if balance == 0 { vec![20] } else { vec![] };
        assert_eq!((scene.given().await, scene.owned().await), (given, if balance == 0 { 20 } else { 25 }));
    }
}

#[tokio::test]
async fn a_release_keeps_what_the_hold_has_given() {
    let scene = AllowanceScene::a_day_later(0, 10, 25).await;
    scene.0.ledger.release(&scene.0.hold(4).await.unwrap()).await;
    assert_eq!((scene.0.balance().await, scene.given().await), (10, vec![10]));
}

#[tokio::test]
async fn a_step_whose_answer_is_lost_is_taken_once_and_one_that_never_arrives_is_taken_by_the_next_hold() {
    for (fault, times) in [(Fault::AnswerLost, 1), (Fault::AnswerLost, 2), (Fault::NotApplied, 2), (Fault::Conflict, 3)]
    {
        let scene = AllowanceScene::a_day_later(0, 10, 25).await;
        scene.0.test.recorder.fail_next("TransactWriteItems", fault, times);
        let held = scene.0.hold(4).await.unwrap();
        assert_eq!((scene.given().await, scene.owned().await), (vec![10], 10), "{fault:?}");
        scene.0.capture(&held, 4).await.unwrap();
        scene.0.hold(1).await.unwrap();
        assert_eq!((scene.given().await, scene.owned().await), (vec![10], 6), "{fault:?}");
    }
    for (fault, given) in [(Fault::AnswerLost, 1), (Fault::NotApplied, 0)] {
        let scene = AllowanceScene::a_day_later(0, 10, 25).await;
        scene.0.test.recorder.fail_next("TransactWriteItems", fault, 3);
        assert!(matches!(scene.0.hold(4).await, Err(LedgerError::Unavailable(_))), "{fault:?}");
        assert_eq!((scene.given().await.len(), scene.0.account().await.holds.len()), (given, 0), "{fault:?}");
        scene.0.hold(10).await.unwrap();
        assert_eq!((scene.given().await, scene.owned().await), (vec![10], 10), "{fault:?}");
    }
}

/// The write of a hold arrives again, after it was released: the step is not as it was seen.
#[tokio::test]
async fn a_late_repetition_of_a_hold_gives_nothing_again() {
    let scene = AllowanceScene::a_day_later(0, 10, 25).await;
    let held = scene.0.hold(4).await.unwrap();
    let requests = scene.0.test.recorder.requests();
    let written = requests.into_iter().find(|request| request.operation == "TransactWriteItems").unwrap();
    scene.0.ledger.release(&held).await;
    for token in [None, Some("another, since DynamoDB forgets tokens after ten minutes")] {
        let mut late = written.body.clone();
        if token.is_some() {
            late["ClientRequestToken"] = json!("another");
        }
        // It is answered as before under its token, and refused under another one.
        assert_eq!(scene.0.test.isolated.call("TransactWriteItems", &late).await.is_ok(), token.is_none());
        assert_eq!((scene.given().await, scene.owned().await), (vec![10], 10));
        assert_eq!(scene.0.account().await.holds.len(), 0);
    }
}

#[tokio::test]
async fn a_hold_with_an_idempotency_key_takes_the_step_in_its_transaction() {
    let scene = AllowanceScene::a_day_later(0, 10, 25).await;
    let first = held(scene.0.with_key("Hello").await.unwrap());
    assert_eq!(scene.operations(), ["GetItem", "GetItem", "TransactWriteItems"]);
    AllowanceEntry::of(&scene, first.id).await;
    assert_eq!((first.balance, scene.owned().await), (credits(7), 10));
    assert!(matches!(scene.0.with_key("Hello").await, Err(LedgerError::InProgress)));
    scene.0.capture(&first, 3).await.unwrap();
    scene.0.test.clock.advance(DAY / 2);
    assert_eq!(replay(scene.0.with_key("Hello").await.unwrap()).id, first.id);
    assert_eq!(scene.given().await, [10]);
}

/// Another request with the same key was answered while this one was on its way: neither the record nor the entry is there
/// twice.
#[tokio::test]
async fn a_hold_that_is_refused_by_the_record_of_its_key_takes_no_step() {
    let scene = AllowanceScene::start(20, 10, 25).await;
    let remembered = Remembered::message(IdempotencyKey::parse("key").unwrap(), &message("Hello"));
    let admission = scene.0.ledger.admit(&scene.0.gate, scene.0.ada, Some(remembered)).await.unwrap();
    let Admission::Open(open) = admission else { panic!("was answered before") };
    let first = held(scene.0.with_key("Hello").await.unwrap());
    scene.0.capture(&first, 3).await.unwrap();
    scene.0.test.clock.advance(UNTIL_MIDNIGHT);
    let outcome = scene.0.ledger.hold(open, &scene.order(3, 3)).await.unwrap();
    assert_eq!(replay(outcome).id, first.id);
    assert_eq!((scene.given().await, scene.owned().await), (vec![], 17));
}

#[tokio::test]
async fn a_hold_that_takes_over_another_one_takes_the_step_and_counts_the_other_as_owned() {
    let scene = AllowanceScene::start(5, 10, 12).await;
    scene.0.order(scene.0.ada, 5, "Hello", Some("key")).await.unwrap();
    scene.0.test.clock.advance(DAY);
    assert_eq!(scene.spendable().await, 12);
    let held = held(scene.0.order(scene.0.ada, 12, "Hello", Some("key")).await.unwrap());
    assert_eq!((held.balance, scene.given().await, scene.owned().await), (Credits::ZERO, vec![7], 12));
    assert_eq!(scene.0.account().await.holds.len(), 1);
}

#[tokio::test]
async fn a_hold_in_a_budget_takes_the_step_and_no_more_than_the_budget() {
    for key in [None, Some("key")] {
        let scene = AllowanceScene::a_day_later(0, 10, 25).await;
        let budget = Some(Budget { credits: credits(6), per: PeriodLength::Day });
        let program = scene.0.living_key().with_limits(KeyLimits { budget, ..KeyLimits::default() });
        let order = |amount| scene.0.order(program.shown(&scene.0), amount, "Hello", key);
        assert!(matches!(order(7).await, Err(LedgerError::BudgetSpent { .. })), "the allowance is no budget");
        assert_eq!(scene.given().await, Vec::<i64>::new());
        let first = held(order(4).await.unwrap());
        AllowanceEntry::of(&scene, first.id).await;
        assert_eq!((first.balance, scene.owned().await), (credits(6), 10));
        scene.0.capture(&first, 3).await.unwrap();
        assert_eq!(scene.0.balance().await, 7);
    }
}

/// Another request took the step and spent the budget since both were read.
#[tokio::test]
async fn a_hold_that_is_refused_by_its_budget_gives_nothing_again() {
    let scene = AllowanceScene::a_day_later(10, 10, 25).await;
    let budget = Some(Budget { credits: credits(6), per: PeriodLength::Day });
    let program = scene.0.living_key().with_limits(KeyLimits { budget, ..KeyLimits::default() });
    let admit = || scene.0.ledger.admit(&scene.0.gate, program.shown(&scene.0), None);
    let [one, other] = [admit().await.unwrap(), admit().await.unwrap()].map(|admission| match admission {
        Admission::Open(open) => open,
        Admission::Replay(replay) => panic!("was answered before: {replay:?}"),
    });
    scene.0.ledger.hold(one, &scene.order(5, 5)).await.unwrap();
    assert_eq!(scene.given().await, [10]);
    scene.0.test.clock.advance(Duration::from_millis(1));
    assert!(matches!(
        scene.0.ledger.hold(other, &scene.order(5, 5)).await,
        Err(LedgerError::BudgetSpent { remaining, .. }) if remaining == credits(1)
    ));
    assert_eq!((scene.given().await, scene.owned().await), (vec![10], 20));
}

#[tokio::test]
async fn an_account_is_remembered_within_a_period_and_read_once_where_the_next_one_begins() {
    let scene = AllowanceScene::start(5, 10, 25).await;
    scene.0.test.clock.advance(UNTIL_MIDNIGHT.saturating_sub(Duration::from_millis(20)));
    scene.0.capture(&scene.0.hold(1).await.unwrap(), 1).await.unwrap();
    scene.operations();
    scene.0.capture(&scene.0.hold(1).await.unwrap(), 1).await.unwrap();
    assert_eq!(scene.operations(), ["UpdateItem", "TransactWriteItems"]);
    scene.0.test.clock.advance(Duration::from_millis(20));
    scene.0.capture(&scene.0.hold(1).await.unwrap(), 1).await.unwrap();
    assert_eq!(scene.operations(), ["GetItem", "TransactWriteItems", "TransactWriteItems"]);
    scene.0.capture(&scene.0.hold(1).await.unwrap(), 1).await.unwrap();
    assert_eq!(scene.operations(), ["GetItem", "UpdateItem", "TransactWriteItems"], "a transaction tells nothing");
    scene.0.capture(&scene.0.hold(1).await.unwrap(), 1).await.unwrap();
    assert_eq!(scene.operations(), ["UpdateItem", "TransactWriteItems"]);
    assert_eq!((scene.given().await, scene.owned().await), (vec![10], 10));
}

/// The period turns between admission and hold, so that the remembered account has a step after all.
#[tokio::test]
async fn a_remembered_account_whose_period_turns_is_held_in_as_it_is_remembered_or_else_as_it_is() {
    for is_changed in [false, true] {
        let scene = AllowanceScene::start(5, 10, 25).await;
        scene.0.test.clock.advance(UNTIL_MIDNIGHT.saturating_sub(Duration::from_millis(20)));
        scene.0.capture(&scene.0.hold(1).await.unwrap(), 1).await.unwrap();
        let open = admitted(&scene.0.ledger, scene.0.ada).await;
        if is_changed {
            scene.grant(20).await;
        }
        scene.0.test.clock.advance(Duration::from_millis(20));
        scene.0.ledger.hold(open, &scene.order(2, 2)).await.unwrap();
        let given = if is_changed { 1 } else { 10 };
        assert_eq!((scene.given().await, scene.owned().await), (vec![given], if is_changed { 25 } else { 14 }));
    }
}

#[tokio::test]
async fn a_charge_between_read_and_hold_is_counted_by_the_step() {
    let scene = AllowanceScene::start(30, 10, 30).await;
    scene.0.test.clock.advance(UNTIL_MIDNIGHT.saturating_sub(Duration::from_millis(20)));
    let held = scene.0.hold(5).await.unwrap();
    scene.0.test.clock.advance(Duration::from_millis(20));
    let open = admitted(&scene.0.ledger, scene.0.ada).await;
    scene.0.capture(&held, 5).await.unwrap();
    scene.0.ledger.hold(open, &scene.order(1, 1)).await.unwrap();
    assert_eq!((scene.given().await, scene.owned().await), (vec![5], 30));
}

#[tokio::test]
async fn a_grant_before_the_first_message_of_a_period_comes_after_what_is_due() {
    for granted in [20, 25, -3, -15] {
        let scene = AllowanceScene::a_day_later(5, 10, 30).await;
        let open = admitted(&scene.0.ledger, scene.0.ada).await;
        scene.grant(granted).await;
        let after = u64::try_from(5 + 10 + granted).unwrap();
        assert_eq!((scene.given().await, scene.owned().await), (vec![10], after), "{granted}");
        let held = scene.0.ledger.hold(open, &scene.order(1, 1)).await;
        assert_eq!((held.is_ok(), scene.given().await, scene.owned().await), (after > 0, vec![10], after), "{granted}");
    }
}

#[tokio::test]
async fn what_is_taken_back_from_a_full_account_is_not_due_again() {
    let scene = AllowanceScene::a_day_later(30, 10, 30).await;
    scene.grant(-30).await;
    assert!(matches!(scene.0.hold(1).await, Err(LedgerError::InsufficientCredits { .. })));
    assert_eq!((scene.given().await, scene.owned().await), (vec![], 0));
}

#[tokio::test]
async fn terms_that_change_between_read_and_hold_are_those_that_count() {
    for (now, given) in [(None, vec![]), (Some(allowance_at_its_beginning(a_day(3, 9), NOW)), vec![3])] {
        let scene = AllowanceScene::a_day_later(5, 10, 30).await;
        let open = admitted(&scene.0.ledger, scene.0.ada).await;
        scene.set_allowance(now).await;
        scene.0.ledger.hold(open, &scene.order(1, 1)).await.unwrap();
        assert_eq!(scene.given().await, given);
        scene.owned().await;
    }
}

/// A clock that is behind makes ids just above the seal, of a time that it has not reached: the period is that of the id, for
/// what is asked and for what is given.
#[tokio::test]
async fn a_function_whose_clock_is_behind_gives_above_the_seal_in_the_period_of_its_id() {
    let scene = AllowanceScene::start(1, 10, 25).await;
    scene.0.test.clock.advance(UNTIL_MIDNIGHT.saturating_sub(Duration::from_secs(60)));
    let ahead = Ledger::new(scene.0.test.table.clone(), Clock::manual(scene.now().plus(Duration::from_secs(120))), 10);
    let entry = Entry::starting_grant(Credits::ZERO, String::new());
    let of_the_future = EntryId::new(&ahead.clock);
    let put = scene.0.test.table.put_new(entry::key(scene.0.ada.user_id(), of_the_future).with(&entry).unwrap());
    let soon = scene.now().plus(Duration::from_secs(28));
    scene.0.test.table.transact("future", vec![put.unwrap()], &scene.0.test.clock, soon).await.unwrap();
    ahead.seal(scene.0.ada.user_id(), ExpiredHolds::Keep).await.unwrap();
    assert_eq!(scene.0.account().await.sealed_to, Some(of_the_future));
    let held = scene.0.hold(11).await.unwrap();
    assert!(held.id.preceding() > of_the_future && held.id.made_at() > scene.now().plus(Duration::from_secs(60)));
    assert_eq!((scene.given().await, scene.owned().await), (vec![10], 11));
    AllowanceEntry::of(&scene, held.id).await;
    scene.0.ledger.release(&held).await;
    scene.0.hold(11).await.unwrap();
    assert_eq!(scene.given().await, [10]);
}

/// The account was sealed since it was read, beyond the id of its hold, and with it that of the entry.
#[tokio::test]
async fn a_step_that_is_refused_for_the_seal_takes_new_ids() {
    let scene = AllowanceScene::a_day_later(1, 10, 25).await;
    let open = admitted(&scene.0.ledger, scene.0.ada).await;
    let seal = EntryId::first_of(scene.now().plus(Duration::from_secs(60)));
    scene.0.test.set(scene.0.account_key(), "sealed_to", AttributeValue::S(seal.to_string())).await;
    let held = held(scene.0.ledger.hold(open, &scene.order(11, 11)).await.unwrap());
    assert!(held.id.preceding() > seal);
    AllowanceEntry::of(&scene, held.id).await;
    assert_eq!((scene.given().await, scene.owned().await), (vec![10], 11));
}

#[tokio::test]
async fn an_inactive_account_gets_nothing_before_it_is_active_again() {
    let scene = AllowanceScene::a_day_later(1, 10, 25).await;
    let status = |word: &str| scene.0.test.set(scene.0.account_key(), "status", AttributeValue::S(word.to_owned()));
    status("inactive").await;
    assert!(matches!(scene.0.hold(1).await, Err(LedgerError::Closed(Closed::Inactive))));
    assert_eq!(scene.given().await, Vec::<i64>::new());
    status("active").await;
    scene.0.capture(&scene.0.hold(3).await.unwrap(), 2).await.unwrap();
    assert_eq!((scene.given().await, scene.owned().await), (vec![10], 9));
}
