//! API keys with budgets: never more than the budget, and whatever is not charged comes back.

use std::sync::Arc;

use domain::budget::Budget;
use domain::ids::ApiKeyId;
use domain::period::PeriodLength;
use domain::time::{Clock, Timestamp};
use futures_util::future::join_all;
use proptest::prelude::*;

use super::*;

use crate::admission::{AdmittedAccount, OpenAccount};
use crate::budgets::{BudgetPlace, SpentBudgets};
use crate::paying_key::{KeyLimits, PayingKey};
use crate::tests::remembered_keys::FakeKey;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

fn limits(budget: u64, per: PeriodLength) -> KeyLimits {
    KeyLimits { budget: Some(Budget { credits: credits(budget), per }), ..KeyLimits::default() }
}

/// Ada's account, and a key of hers.
struct BudgetScene {
    scene: Scene,
    key: FakeKey,
}

impl BudgetScene {
    async fn start(balance: u64, limits: KeyLimits) -> Self {
        let scene = Scene::with_balance(balance).await;
        let key = scene.living_key().with_limits(limits);
        Self { scene, key }
    }

    fn ledger(&self) -> &Ledger {
        &self.scene.ledger
    }

    fn clock(&self) -> &Clock {
        &self.scene.test.clock
    }

    async fn admit(&self) -> OpenAccount {
        admitted(&self.scene, &self.key).await.unwrap()
    }

    async fn hold_in(&self, open: OpenAccount, least: u64, amount: u64) -> Result<HoldOutcome, LedgerError> {
        hold_in(&self.scene, open, least, amount).await
    }

    async fn hold_between(&self, least: u64, amount: u64) -> Result<Held, LedgerError> {
        hold_by(&self.scene, &self.key, least, amount).await
    }

    async fn hold(&self, amount: u64) -> Result<Held, LedgerError> {
        self.hold_between(amount, amount).await
    }

    async fn with_key(&self, key: &str, amount: u64) -> Result<HoldOutcome, LedgerError> {
        self.scene.order(self.key.shown(&self.scene), amount, "Hello", Some(key)).await
    }

    /// The budgets' items by what follows the key's id: what is spent, and when they end.
    async fn items(&self) -> Vec<(String, u64, u64)> {
        let items = self.scene.test.isolated.items().await;
        let prefix = format!("BUDGET#{}#", self.key.id());
        let number = |item: &serde_json::Value, name: &str| item[name]["N"].as_str().unwrap_or("0").parse().unwrap();
        let of_budgets = items.iter().filter_map(|item| {
            let period = item["sk"]["S"].as_str()?.strip_prefix(&prefix)?;
            Some((period.to_owned(), number(item, "spent"), number(item, "expires_at")))
        });
        let mut items: Vec<_> = of_budgets.collect();
        items.sort();
        items
    }

    /// The credits spent by the one item that there is.
    async fn occupied(&self) -> u64 {
        let items = self.items().await;
        let [(_, spent, _)] = &items[..] else { panic!("not one item: {items:?}") };
        *spent
    }

    /// The credits that a list of keys shows as spent.
    async fn spent(&self) -> u64 {
        let user_id = self.scene.ada.user_id();
        let spent = SpentBudgets::read(&self.scene.test.table, user_id).await.unwrap();
        let budget = self.key.limits().budget.unwrap();
        spent.of_key(self.key.id(), budget, &self.scene.account().await, self.clock().now()).spent()
    }

    fn operations(&self) -> Vec<String> {
        let requests = self.scene.test.recorder.requests();
        self.scene.test.recorder.clear();
        requests.into_iter().map(|request| request.operation).collect()
    }
}

async fn admitted(scene: &Scene, key: &FakeKey) -> Result<OpenAccount, LedgerError> {
    match scene.ledger.admit(&scene.gate, key.shown(scene), None).await? {
        Admission::Open(AdmittedAccount::Read(open)) => Ok(open),
        other => panic!("was not read: {other:?}"),
    }
}

/// Holds between `least` and `amount` credits in an account that was admitted.
async fn hold_in(scene: &Scene, open: OpenAccount, least: u64, amount: u64) -> Result<HoldOutcome, LedgerError> {
    let deadline = scene.test.clock.now().plus(Duration::from_secs(28));
    let order = Order { amount: credits(amount), least: credits(least), deadline };
    scene.ledger.hold(open, &order).await
}

async fn hold_by(scene: &Scene, key: &FakeKey, least: u64, amount: u64) -> Result<Held, LedgerError> {
    hold_in(scene, admitted(scene, key).await?, least, amount).await.map(held)
}

/// The credits left and the next period's beginning, of a refusal by the budget.
fn exhausted<T: std::fmt::Debug>(outcome: Result<T, LedgerError>) -> (u64, Option<Timestamp>) {
    match outcome {
        Err(LedgerError::BudgetSpent { remaining, renews_at, .. }) => (remaining.into(), renews_at),
        other => panic!("was not refused by the budget: {other:?}"),
    }
}

#[tokio::test]
async fn a_hold_takes_from_balance_and_budget_and_a_capture_gives_back_to_both_what_it_does_not_charge() {
    let scene = BudgetScene::start(100, limits(10, PeriodLength::Day)).await;
    let held = scene.hold(6).await.unwrap();
    assert_eq!((scene.scene.balance().await, scene.occupied().await), (94, 6));
    let account = scene.scene.account().await;
    let budget = Budget { credits: credits(10), per: PeriodLength::Day };
    let place = BudgetPlace::at(scene.key.id(), budget, NOW);
    assert_eq!(account.holds.values().next().unwrap().budget, Some(place));
    assert_eq!(scene.scene.capture(&held, 2).await.unwrap(), charge(2, 98));
    assert_eq!((scene.scene.balance().await, scene.occupied().await, scene.spent().await), (98, 2, 2));
    assert_eq!(scene.scene.account().await.spent, 2);
    let entry = scene.scene.entry(held.id).await.unwrap();
    assert_eq!((entry.api_key, entry.amount), (Some(scene.key.id()), -2));
}

#[tokio::test]
async fn a_hold_shrinks_to_what_the_budget_has_left_down_to_the_least_and_then_is_refused() {
    let scene = BudgetScene::start(100, limits(10, PeriodLength::Day)).await;
    scene.hold(6).await.unwrap();
    assert_eq!(scene.hold_between(2, 9).await.unwrap().amount, credits(4));
    let midnight = NOW.plus(DAY).seconds() / 86_400 * 86_400;
    assert_eq!(exhausted(scene.hold_between(1, 9).await), (0, Some(Timestamp::from_seconds(midnight))));
    assert_eq!((scene.scene.balance().await, scene.occupied().await), (90, 10));
    // A free message needs no budget.
    assert_eq!(scene.hold_between(0, 0).await.unwrap().amount, Credits::ZERO);
}

#[tokio::test]
async fn whichever_is_short_is_named_and_the_account_first() {
    let scene = BudgetScene::start(5, limits(3, PeriodLength::Total)).await;
    assert_eq!(exhausted(scene.hold(4).await), (3, None));
    let refused = scene.hold(6).await.unwrap_err();
    assert!(
        matches!(refused, LedgerError::InsufficientCredits { balance, .. } if balance == credits(5)),
        "{refused:?}"
    );
    assert_eq!(scene.items().await, []);
}

#[tokio::test]
async fn a_refusal_by_the_budget_is_one_read_and_no_write_and_an_answer_two_requests() {
    let scene = BudgetScene::start(100, limits(3, PeriodLength::Day)).await;
    scene.operations();
    scene.hold(3).await.unwrap();
    assert_eq!(scene.operations(), ["BatchGetItem", "TransactWriteItems"]);
    exhausted(scene.hold(3).await);
    assert_eq!(scene.operations(), ["BatchGetItem"]);
}

#[tokio::test]
async fn however_many_hold_at_once_they_hold_no_more_than_the_budget() {
    let test = TestTable::start().await;
    let ada = open_account(&test, "ada", 1_000).await;
    let scene = Scene {
        ledger: Ledger::new(test.table.clone(), test.clock.clone(), 20),
        gate: Gate::without_operator(test.clock.clone()),
        ada,
        test,
    };
    let key = scene.living_key().with_limits(limits(10, PeriodLength::Week));
    let scene = BudgetScene { scene, key };
    let outcomes = join_all((0..12).map(|_| scene.hold(3))).await;
    let (made, refused): (Vec<_>, Vec<_>) = outcomes.into_iter().partition(Result::is_ok);
    assert_eq!((made.len(), refused.len()), (3, 9));
    assert!(refused.into_iter().all(|refused| exhausted(refused).0 == 1));
    assert_eq!((scene.occupied().await, scene.scene.balance().await), (9, 991));
    for held in made {
        scene.ledger().release(&held.unwrap()).await;
    }
    assert_eq!((scene.occupied().await, scene.scene.balance().await), (0, 1_000));
}

#[tokio::test]
async fn a_release_and_a_void_give_all_back_once() {
    let scene = BudgetScene::start(100, limits(10, PeriodLength::Month)).await;
    let held = scene.hold(6).await.unwrap();
    for _ in 0..3 {
        scene.ledger().release(&held).await;
    }
    assert_eq!((scene.scene.balance().await, scene.occupied().await), (100, 0));
    assert!(matches!(scene.scene.capture(&held, 6).await, Err(LedgerError::Unavailable(_))));
    assert_eq!((scene.scene.balance().await, scene.occupied().await), (100, 0));
    let held = scene.hold(6).await.unwrap();
    scene.scene.capture(&held, 5).await.unwrap();
    scene.ledger().release(&held).await;
    scene.ledger().release_unpaid(&held, "provider").await;
    assert_eq!((scene.scene.balance().await, scene.occupied().await), (95, 5));
}

#[tokio::test]
async fn a_hold_whose_answer_is_lost_is_held_once_or_given_back() {
    for (lost, is_held) in [(1, true), (3, false)] {
        let scene = BudgetScene::start(100, limits(10, PeriodLength::Day)).await;
        scene.scene.test.recorder.fail_next("TransactWriteItems", Fault::AnswerLost, lost);
        let outcome = scene.hold(6).await;
        assert_eq!(outcome.is_ok(), is_held, "{outcome:?}");
        let expected = if is_held { (94, 6) } else { (100, 0) };
        assert_eq!((scene.scene.balance().await, scene.occupied().await), expected);
    }
}

#[tokio::test]
async fn one_hold_is_released_by_two_processes_in_different_words_and_comes_back_once() {
    let scene = BudgetScene::start(100, limits(10, PeriodLength::Total)).await;
    let held = scene.hold(10).await.unwrap();
    scene.clock().advance(EXPIRY);
    // The next message releases the hold, whose process comes back and has seen a model work.
    let next = scene.hold(10).await.unwrap();
    scene.ledger().release_unpaid(&held, "provider").await;
    assert_eq!((scene.scene.balance().await, scene.occupied().await), (90, 10));
    scene.ledger().release(&next).await;
    assert_eq!((scene.scene.balance().await, scene.occupied().await), (100, 0));
}

#[tokio::test]
async fn credits_of_an_expired_hold_can_be_spent_of_the_budget_again() {
    for per in [PeriodLength::Total, PeriodLength::Day] {
        let scene = BudgetScene::start(100, limits(10, per)).await;
        scene.hold(9).await.unwrap();
        assert_eq!(exhausted(scene.hold(2).await).0, 1);
        scene.clock().advance(EXPIRY);
        assert_eq!((scene.occupied().await, scene.spent().await), (9, 0), "nothing has released it");
        let open = scene.admit().await;
        assert_eq!(open.spendable(scene.clock().now()), credits(10));
        assert_eq!(scene.hold_between(1, 50).await.unwrap().amount, credits(10));
        assert_eq!((scene.scene.balance().await, scene.occupied().await), (90, 10));
    }
}

#[tokio::test]
async fn an_expired_hold_of_the_same_idempotency_key_is_released_before_its_place_is_taken() {
    let scene = BudgetScene::start(100, limits(10, PeriodLength::Day)).await;
    let first = held(scene.with_key("once", 8).await.unwrap());
    scene.clock().advance(EXPIRY);
    let second = held(scene.with_key("once", 8).await.unwrap());
    assert_eq!((scene.scene.balance().await, scene.occupied().await), (92, 8));
    assert!(matches!(scene.scene.capture(&first, 1).await, Err(LedgerError::Unavailable(_))));
    assert_eq!(scene.scene.capture(&second, 3).await.unwrap(), charge(3, 97));
    assert_eq!((scene.scene.balance().await, scene.occupied().await), (97, 3));
    let replayed = replay(scene.with_key("once", 8).await.unwrap());
    assert_eq!((replayed.id, scene.occupied().await), (second.id, 3));
}

#[tokio::test]
async fn a_period_begins_anew_at_midnight_and_a_hold_stays_in_the_one_in_which_it_was_made() {
    let scene = BudgetScene::start(100, limits(10, PeriodLength::Day)).await;
    let midnight = Timestamp::from_seconds(NOW.plus(DAY).seconds() / 86_400 * 86_400);
    scene.clock().advance(midnight.since(NOW).checked_sub(Duration::from_millis(1)).unwrap());
    let before = scene.hold(10).await.unwrap();
    assert_eq!(exhausted(scene.hold(1).await), (0, Some(midnight)));
    scene.clock().advance(Duration::from_millis(1));
    let after = scene.hold(7).await.unwrap();
    scene.scene.capture(&before, 4).await.unwrap();
    scene.ledger().release(&after).await;
    let [(yesterday, spent_yesterday, end), (_, spent_today, _)] = &scene.items().await[..] else { panic!() };
    assert_eq!((*spent_yesterday, *spent_today), (4, 0));
    assert_eq!(yesterday, &midnight.minus(DAY).to_string()[..10]);
    assert_eq!(*end, midnight.plus(DAY).seconds());
}

#[tokio::test]
async fn a_period_that_turns_between_admission_and_hold_counts_from_the_holds_own_id() {
    let scene = BudgetScene::start(100, limits(10, PeriodLength::Day)).await;
    let midnight = Timestamp::from_seconds(NOW.plus(DAY).seconds() / 86_400 * 86_400);
    // The day's budget is spent, and its message is admitted before midnight.
    scene.clock().advance(midnight.since(NOW).checked_sub(Duration::from_secs(1)).unwrap());
    let held_before = scene.hold(10).await.unwrap();
    let open = scene.admit().await;
    scene.clock().advance(Duration::from_secs(1));
    let held_after = held(scene.hold_in(open, 10, 10).await.unwrap());
    // Of the new day nothing was read: the condition knows what is spent.
    let open = scene.admit().await;
    scene.scene.test.recorder.clear();
    assert_eq!(exhausted(scene.hold_in(open, 1, 1).await).0, 0);
    for held in [held_before, held_after] {
        scene.ledger().release(&held).await;
    }
    assert!(scene.items().await.iter().all(|(_, spent, _)| *spent == 0));
}

#[tokio::test]
async fn an_item_that_has_gone_counts_what_is_charged_and_gets_an_end() {
    for (per, is_total) in [(PeriodLength::Day, false), (PeriodLength::Total, true)] {
        let scene = BudgetScene::start(100, limits(10, per)).await;
        let held = scene.hold(6).await.unwrap();
        let [(period, _, end)] = &scene.items().await[..] else { panic!() };
        assert_eq!(*end == 253_402_300_799, is_total);
        let sort = format!("BUDGET#{}#{period}", scene.key.id());
        scene.scene.test.table.delete(Key::of_user(scene.scene.ada.user_id(), sort)).await.unwrap();
        scene.scene.capture(&held, 4).await.unwrap();
        let [(_, spent, end)] = &scene.items().await[..] else { panic!() };
        assert_eq!(*spent, 4);
        assert!(*end <= NOW.plus(3 * DAY).seconds(), "{end}");
    }
}

#[tokio::test]
async fn holds_that_are_released_after_their_budgets_item_has_gone_leave_one_that_counts_as_nothing() {
    let scene = BudgetScene::start(100, limits(10, PeriodLength::Day)).await;
    let held = [scene.hold(4).await.unwrap(), scene.hold(6).await.unwrap()];
    let [(period, ..)] = &scene.items().await[..] else { panic!() };
    let sort = format!("BUDGET#{}#{period}", scene.key.id());
    scene.scene.test.table.delete(Key::of_user(scene.scene.ada.user_id(), sort)).await.unwrap();
    for held in &held {
        scene.ledger().release(held).await;
    }
    assert_eq!((scene.scene.balance().await, scene.spent().await), (100, 0));
    // The account was at rest until the next day: nobody holds in that period any more.
    scene.clock().advance(DAY);
    scene.hold(10).await.unwrap();
    assert_eq!(exhausted(scene.hold(1).await).0, 0);
}

#[tokio::test]
async fn a_budget_that_was_lowered_below_what_is_spent_refuses_and_one_that_was_raised_goes_on() {
    let mut scene = BudgetScene::start(100, limits(10, PeriodLength::Day)).await;
    scene.hold(8).await.unwrap();
    scene.key = scene.key.with_limits(limits(5, PeriodLength::Day));
    assert_eq!(exhausted(scene.hold(1).await).0, 0);
    assert_eq!(scene.hold_between(0, 0).await.unwrap().amount, Credits::ZERO, "what is free goes on");
    scene.key = scene.key.with_limits(limits(12, PeriodLength::Day));
    assert_eq!(scene.hold_between(1, 9).await.unwrap().amount, credits(4));
    assert_eq!(scene.occupied().await, 12);
}

#[tokio::test]
async fn limits_that_change_after_the_admission_hold_nothing_until_the_caller_has_seen_them() {
    for remembered in [false, true] {
        let scene = Scene::with_balance(100).await;
        if remembered {
            scene.hold(1).await.unwrap();
        }
        let before = scene.living_key();
        let after = before.with_limits(limits(3, PeriodLength::Day));
        // The key is remembered without limits, and a read finds it with a budget.
        let admitted = after.remembered_with(&scene, KeyLimits::default(), 0);
        let Admission::Open(account) = scene.ledger.admit(&scene.gate, admitted, None).await.unwrap() else { panic!() };
        assert_eq!(matches!(account, AdmittedAccount::Remembered(_)), remembered);
        scene.end_a_key().await;
        let order = |amount| {
            let deadline = NOW.plus(Duration::from_secs(28));
            Order { amount: credits(amount), least: credits(1), deadline }
        };
        let balance = scene.balance().await;
        let outcome = scene.ledger.hold(account, &order(50)).await.unwrap();
        let HoldOutcome::LimitsChanged(open) = outcome else { panic!("{outcome:?}") };
        assert_eq!(scene.balance().await, balance);
        assert_eq!(open.key_limits(), Some(after.limits()));
        let held = held(scene.ledger.hold(*open, &order(50)).await.unwrap());
        assert_eq!(held.amount, credits(3));
    }
}

#[tokio::test]
async fn keys_without_a_budget_make_no_item_and_their_entries_name_them() {
    let scene = BudgetScene::start(100, KeyLimits::default()).await;
    let held = scene.hold(6).await.unwrap();
    scene.scene.capture(&held, 4).await.unwrap();
    assert_eq!(scene.items().await, []);
    assert_eq!(scene.scene.entry(held.id).await.unwrap().api_key, Some(scene.key.id()));
    let by_person = scene.scene.hold(1).await.unwrap();
    scene.scene.capture(&by_person, 1).await.unwrap();
    assert_eq!(scene.scene.entry(by_person.id).await.unwrap().api_key, None);
    assert_eq!(scene.scene.account().await.spent, 5);
}

#[tokio::test]
async fn a_program_gets_no_answer_to_the_request_of_another_with_the_same_idempotency_key() {
    let scene = Scene::with_balance(100).await;
    let [one, other] = [ApiKeyId::new(&scene.test.clock), ApiKeyId::new(&scene.test.clock)]
        .map(|id| scene.living_key().named(PayingKey { id, limits: Arc::default() }));
    let by_one = held(scene.order(one.shown(&scene), 1, "Hello", Some("1")).await.unwrap());
    let by_other = held(scene.order(other.shown(&scene), 1, "Bye", Some("1")).await.unwrap());
    let by_person = held(scene.order(scene.ada, 1, "Hi", Some("1")).await.unwrap());
    for held in [&by_one, &by_other, &by_person] {
        scene.capture(held, 1).await.unwrap();
    }
    assert_eq!(replay(scene.order(one.shown(&scene), 1, "Hello", Some("1")).await.unwrap()).id, by_one.id);
    assert_eq!(replay(scene.order(other.shown(&scene), 1, "Bye", Some("1")).await.unwrap()).id, by_other.id);
    let mismatch = scene.order(one.shown(&scene), 1, "Bye", Some("1")).await;
    assert!(matches!(mismatch, Err(LedgerError::IdempotencyMismatch)), "{mismatch:?}");
}

/// A step of an account with two keys that have budgets.
#[derive(Clone, Debug)]
enum BudgetStep {
    /// Holds for a key, all at once: the least and the most of each.
    Hold(usize, Vec<(u64, u64)>),
    /// Ends one of the holds: a charge, or none.
    End(prop::sample::Index, Option<u64>),
    /// Time passes.
    Wait(u64),
}

fn budget_step() -> impl Strategy<Value = BudgetStep> {
    let orders = prop::collection::vec((0..6_u64, 0..12_u64).prop_map(|(least, more)| (least, least + more)), 1..4);
    prop_oneof![
        4 => (0..2_usize, orders).prop_map(|(key, orders)| BudgetStep::Hold(key, orders)),
        4 => (any::<prop::sample::Index>(), prop::option::of(0..10_u64))
            .prop_map(|(index, charge)| BudgetStep::End(index, charge)),
        1 => (1..40_000_000_u64).prop_map(BudgetStep::Wait),
        1 => (1..90_000_u64).prop_map(BudgetStep::Wait),
    ]
}

#[test]
fn in_every_period_a_key_spends_at_most_its_budget_and_what_is_not_charged_comes_back() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let per = prop::sample::select(PeriodLength::WORDS.map(|(_, per)| per).to_vec());
    let budgets = [(0..30_u64, per.clone()), (0..30_u64, per)];
    let config = ProptestConfig::with_cases(24);
    proptest!(config, |(budgets in budgets, steps in prop::collection::vec(budget_step(), 1..25))| {
        runtime.block_on(async {
            let scene = Scene::with_balance(150).await;
            let keys = budgets.map(|(credits, per)| {
                let id = ApiKeyId::new(&scene.test.clock);
                let limits = Arc::new(limits(credits, per));
                scene.living_key().named(PayingKey { id, limits })
            });
            let mut in_flight: Vec<Held> = Vec::new();
            for step in steps {
                match step {
                    BudgetStep::Wait(milliseconds) => scene.test.clock.advance(Duration::from_millis(milliseconds)),
                    BudgetStep::Hold(key, orders) => {
                        let holds = orders.iter().map(|(least, most)| hold_by(&scene, &keys[key], *least, *most));
                        in_flight.extend(join_all(holds).await.into_iter().flatten());
                    }
                    BudgetStep::End(index, charge) if !in_flight.is_empty() => {
                        let held = in_flight.swap_remove(index.index(in_flight.len()));
                        match charge {
                            // It may have expired, and been released.
                            Some(cost) => drop(scene.capture(&held, cost).await),
                            None => scene.ledger.release(&held).await,
                        }
                    }
                    BudgetStep::End(..) => {}
                }
                check_budgets(&scene, &keys).await;
            }
        });
    });
}

/// Each item is the sum of the charges and holds of its key and period, and never more than the budget.
async fn check_budgets(scene: &Scene, keys: &[FakeKey; 2]) {
    let account = scene.account().await;
    let items = scene.test.isolated.items().await;
    for key in keys {
        let budget = key.limits().budget.unwrap();
        let prefix = format!("BUDGET#{}#", key.id());
        let mut expected = std::collections::BTreeMap::<String, u64>::new();
        for hold in account.holds.values() {
            if let Some(place) = hold.budget.filter(|place| place.to_string().starts_with(&key.id().to_string())) {
                *expected.entry(format!("BUDGET#{place}")).or_default() += u64::from(hold.amount);
            }
        }
        for item in &items {
            let id = item["sk"]["S"].as_str().unwrap().strip_prefix("ENTRY#").and_then(EntryId::parse);
            if let Some(id) = id.filter(|_| item["api_key"]["S"] == key.id().to_string()) {
                let amount: i64 = item["amount"]["N"].as_str().unwrap().parse().unwrap();
                let sort = format!("{prefix}{}", budget.per.period_at(id.made_at()));
                *expected.entry(sort).or_default() += amount.unsigned_abs();
            }
        }
        let found = items.iter().filter(|item| item["sk"]["S"].as_str().unwrap().starts_with(&prefix));
        for item in found {
            let spent: u64 = item["spent"]["N"].as_str().unwrap().parse().unwrap();
            let sort = item["sk"]["S"].as_str().unwrap();
            assert_eq!(spent, expected.remove(sort).unwrap_or(0), "{sort}");
            assert!(spent <= u64::from(budget.credits), "{sort}: {spent}");
        }
        expected.retain(|_, spent| *spent > 0);
        assert!(expected.is_empty(), "{expected:?}");
    }
}
