//! The operations of the ledger, one by one and against each other.

#![expect(unused_must_use, reason = "many tests are about holds that are left alone")]

use std::time::Duration;

use aws_sdk_dynamodb::types::AttributeValue;
use domain::credits::Credits;
use domain::ids::{ConversationId, EntryId, UserId};
use store::{Key, number};
use testkit::recorder::Fault;
use testkit::test_table::NOW;

use crate::account::{Account, Closed, Payer};
use crate::admission::Admission;
use crate::claimed_payer::ClaimedPayer;
use crate::entry::{self, Entry, EntryKind};
use crate::error::LedgerError;
use crate::exchange::{Bill, Exchange};
use crate::gate::Gate;
use crate::hold::{HoldOutcome, Order};
use crate::holds::Hold;
use crate::hourly::HourlyWork;
use crate::idempotency::{IdempotencyKey, Remembered};
use crate::ledger::{Charge, Held, Ledger};
use crate::replay::Replay;
use crate::testing::{TestTable, message, open_account, payer, stored_reply};
use crate::texts::TextPlace;

mod admission;
mod allowances;
mod budgets;
mod remembered_accounts;
mod remembered_keys;
mod requests_per_minute;
mod sealing;
mod summing;
mod summing_again;
mod texts;
mod unpaid;
mod usage;

const MAX_HOLDS: u32 = 3;
/// The time of a request and the margin after it. A hold has expired by then.
const EXPIRY: Duration = Duration::from_secs(28 + 30);

struct Scene {
    test: TestTable,
    ledger: Ledger,
    gate: Gate,
    ada: Payer,
}

impl Scene {
    async fn with_balance(balance: u64) -> Self {
        let test = TestTable::start().await;
        let ledger = Ledger::new(test.table.clone(), test.clock.clone(), MAX_HOLDS);
        let gate = Gate::without_operator(test.clock.clone());
        let ada = open_account(&test, "ada", balance).await;
        Self { test, ledger, gate, ada }
    }

    async fn order(
        &self,
        payer: impl Into<ClaimedPayer>,
        amount: u64,
        text: &str,
        key: Option<&str>,
    ) -> Result<HoldOutcome, LedgerError> {
        let remembered = key.map(|key| Remembered::message(IdempotencyKey::parse(key).unwrap(), &message(text)));
        let open = match self.ledger.admit(&self.gate, payer, remembered).await? {
            Admission::Open(open) => open,
            Admission::Replay(replay) => return Ok(HoldOutcome::Replay(*replay)),
        };
        let deadline = self.test.clock.now().plus(Duration::from_secs(28));
        let amount = credits(amount);
        self.ledger.hold(open, &Order { amount, least: amount, deadline }).await
    }

    async fn hold(&self, amount: u64) -> Result<Held, LedgerError> {
        self.order(self.ada, amount, "Hello", None).await.map(held)
    }

    async fn with_key(&self, text: &str) -> Result<HoldOutcome, LedgerError> {
        self.order(self.ada, 3, text, Some("key")).await
    }

    async fn capture(&self, held: &Held, cost: u64) -> Result<Charge, LedgerError> {
        self.captured(held, cost, "Dummy Response", Some(ConversationId::FIRST)).await
    }

    async fn captured(
        &self,
        held: &Held,
        cost: u64,
        reply: &str,
        conversation: Option<ConversationId>,
    ) -> Result<Charge, LedgerError> {
        let bill = Bill::of(credits(cost));
        let exchange = Exchange { message: &message("Hello"), reply: &stored_reply(reply), conversation, bill };
        self.ledger.capture(held, exchange).await
    }

    async fn account(&self) -> Account {
        self.test.table.get(Account::key(self.ada.user_id())).await.unwrap().unwrap()
    }

    async fn balance(&self) -> u64 {
        self.account().await.balance.into()
    }

    async fn entry(&self, id: EntryId) -> Option<Entry> {
        self.test.table.get(entry::key(self.ada.user_id(), id)).await.unwrap()
    }

    fn account_key(&self) -> Key {
        Account::key(self.ada.user_id())
    }
}

fn held(outcome: HoldOutcome) -> Held {
    match outcome {
        HoldOutcome::Held(held) => held,
        other => panic!("was not held: {other:?}"),
    }
}

fn replay(outcome: HoldOutcome) -> Replay {
    match outcome {
        HoldOutcome::Replay(replay) => replay,
        other => panic!("was held again: {other:?}"),
    }
}

fn credits(amount: u64) -> Credits {
    Credits::new(amount).unwrap()
}

fn charge(cost: u64, balance: u64) -> Charge {
    Charge { cost: credits(cost), balance: credits(balance) }
}

#[tokio::test]
async fn a_hold_sets_credits_aside_until_after_the_deadline() {
    let scene = Scene::with_balance(10).await;
    let held = scene.hold(3).await.unwrap();
    assert_eq!((held.username.as_str(), held.balance), ("ada", credits(7)));
    let account = scene.account().await;
    assert_eq!(account.balance, credits(7));
    assert_eq!(account.version, 1);
    let expires_at = NOW.plus(EXPIRY).seconds();
    let expected = Hold { id: held.id, amount: credits(3), expires_at, fingerprint: None, budget: None };
    assert_eq!(account.holds[&held.id.to_string()], expected);
}

#[tokio::test]
async fn a_capture_turns_the_hold_into_an_entry_with_the_reply() {
    let scene = Scene::with_balance(10).await;
    let held = scene.hold(3).await.unwrap();
    assert_eq!(scene.capture(&held, 3).await.unwrap(), charge(3, 7));
    let account = scene.account().await;
    assert_eq!(account.balance, credits(7));
    assert!(account.holds.is_empty());
    let entry = scene.entry(held.id).await.unwrap();
    assert_eq!((entry.kind, entry.amount), (EntryKind::Chat, -3));
    assert_eq!((entry.conversation, entry.texts), (Some(ConversationId::FIRST), Some(TextPlace::Inline)));
}

#[tokio::test]
async fn a_capture_returns_the_rest_of_the_hold_and_never_takes_more_than_was_held() {
    let scene = Scene::with_balance(10).await;
    let held = scene.hold(5).await.unwrap();
    assert_eq!(scene.capture(&held, 2).await.unwrap(), charge(2, 8));
    assert_eq!(scene.balance().await, 8);
    let entry = scene.entry(held.id).await.unwrap();
    assert_eq!((entry.amount, entry.capped_at, entry.cost_by_its_prices()), (-2, None, Some(credits(2))));
    let held = scene.hold(5).await.unwrap();
    assert_eq!(scene.capture(&held, 9).await.unwrap(), charge(5, 3));
    assert_eq!(scene.balance().await, 3);
    let entry = scene.entry(held.id).await.unwrap();
    assert_eq!((entry.amount, entry.capped_at, entry.cost_by_its_prices()), (-5, Some(credits(5)), Some(credits(9))));
}

#[tokio::test]
async fn a_capture_that_is_repeated_charges_once() {
    let scene = Scene::with_balance(10).await;
    let held = scene.hold(3).await.unwrap();
    for _ in 0..3 {
        assert_eq!(scene.capture(&held, 3).await.unwrap(), charge(3, 7));
    }
    assert_eq!(scene.balance().await, 7);
}

#[tokio::test]
async fn a_release_returns_all_credits_once() {
    let scene = Scene::with_balance(10).await;
    let held = scene.hold(3).await.unwrap();
    for _ in 0..3 {
        scene.ledger.release(&held).await;
    }
    assert_eq!(scene.balance().await, 10);
    assert!(scene.entry(held.id).await.is_none());
}

#[tokio::test]
async fn a_released_hold_cannot_be_captured() {
    let scene = Scene::with_balance(10).await;
    let held = scene.hold(3).await.unwrap();
    scene.ledger.release(&held).await;
    assert!(matches!(scene.capture(&held, 3).await, Err(LedgerError::Unavailable(_))));
    assert_eq!(scene.balance().await, 10);
    let entry = scene.entry(held.id).await.unwrap();
    assert_eq!((entry.kind, entry.amount), (EntryKind::Void, 0));
}

#[tokio::test]
async fn a_captured_hold_cannot_be_released() {
    let scene = Scene::with_balance(10).await;
    let held = scene.hold(3).await.unwrap();
    scene.capture(&held, 3).await.unwrap();
    scene.ledger.release(&held).await;
    assert_eq!(scene.balance().await, 7);
}

#[tokio::test]
async fn a_balance_that_does_not_cover_the_cost_is_left_alone() {
    let scene = Scene::with_balance(2).await;
    let Err(LedgerError::InsufficientCredits { balance, cost }) = scene.hold(3).await else {
        panic!("two credits paid for three")
    };
    assert_eq!((balance, cost), (credits(2), credits(3)));
    assert_eq!(scene.account().await.version, 0);
}

#[tokio::test]
async fn however_many_spend_at_once_the_balance_never_goes_below_zero() {
    let scene = Scene::with_balance(5).await;
    let holds = futures_util::future::join_all((0..30).map(|_| scene.hold(2))).await;
    assert_eq!(holds.iter().filter(|hold| hold.is_ok()).count(), 2);
    assert_eq!(scene.balance().await, 1);
}

#[tokio::test]
async fn only_so_many_messages_are_in_flight_at_once() {
    let scene = Scene::with_balance(100).await;
    let holds = futures_util::future::join_all((0..20).map(|_| scene.hold(1))).await;
    assert_eq!(holds.iter().filter(|hold| hold.is_ok()).count(), MAX_HOLDS as usize);
    assert!(holds.iter().all(|hold| matches!(hold, Ok(_) | Err(LedgerError::TooManyHolds { .. }))));
    scene.ledger.release(holds.into_iter().find_map(Result::ok).as_ref().unwrap()).await;
    scene.hold(1).await.unwrap();
}

#[tokio::test]
async fn a_hold_that_has_expired_can_be_spent() {
    let scene = Scene::with_balance(3).await;
    let dead = scene.hold(3).await.unwrap();
    assert!(matches!(scene.hold(3).await, Err(LedgerError::InsufficientCredits { .. })));
    scene.test.clock.advance(EXPIRY);
    let (spendable, held) = scene.account().await.spendable_and_held(scene.test.clock.now());
    assert_eq!((spendable, held), (credits(3), Credits::ZERO));
    let next = scene.hold(3).await.unwrap();
    assert_eq!(next.balance, Credits::ZERO);
    assert!(matches!(scene.capture(&dead, 3).await, Err(LedgerError::Unavailable(_))), "its hold was released");
    assert_eq!(scene.capture(&next, 3).await.unwrap(), charge(3, 0));
    assert_eq!(scene.balance().await, 0);
}

#[tokio::test]
async fn holds_that_have_expired_are_released_by_the_next_hold_even_if_it_needs_neither_room_nor_credits() {
    let scene = Scene::with_balance(10).await;
    scene.hold(3).await.unwrap();
    scene.hold(2).await.unwrap();
    scene.test.clock.advance(EXPIRY);
    let next = scene.hold(1).await.unwrap();
    assert_eq!(next.balance, credits(9));
    let account = scene.account().await;
    assert_eq!((account.balance, account.holds.len()), (credits(9), 1));
}

#[tokio::test]
async fn holds_that_have_expired_make_room() {
    let scene = Scene::with_balance(10).await;
    for _ in 0..MAX_HOLDS {
        scene.hold(1).await.unwrap();
    }
    assert!(matches!(scene.hold(1).await, Err(LedgerError::TooManyHolds { .. })));
    scene.test.clock.advance(EXPIRY);
    scene.hold(1).await.unwrap();
    assert_eq!(scene.account().await.holds.len(), 1);
}

#[tokio::test]
async fn an_expired_hold_that_nobody_needed_can_still_be_captured() {
    let scene = Scene::with_balance(3).await;
    let slow = scene.hold(3).await.unwrap();
    scene.test.clock.advance(EXPIRY);
    assert_eq!(scene.capture(&slow, 3).await.unwrap(), charge(3, 0));
    assert_eq!(scene.balance().await, 0);
}

#[tokio::test]
async fn the_same_key_and_message_get_the_same_answer_and_one_charge() {
    let scene = Scene::with_balance(3).await;
    let first = held(scene.with_key("Hello").await.unwrap());
    scene.capture(&first, 3).await.unwrap();
    for _ in 0..2 {
        let again = replay(scene.with_key("Hello").await.unwrap());
        assert_eq!((again.id, again.cost, again.balance), (first.id, credits(3), Credits::ZERO));
        assert_eq!((again.username.as_str(), again.reply.text.as_str()), ("ada", "Dummy Response"));
    }
    assert_eq!(scene.balance().await, 0);
}

#[tokio::test]
async fn a_key_is_for_one_message() {
    let scene = Scene::with_balance(10).await;
    let first = held(scene.with_key("Hello").await.unwrap());
    assert!(matches!(scene.with_key("Bye").await, Err(LedgerError::IdempotencyMismatch)), "while it is answered");
    scene.capture(&first, 3).await.unwrap();
    assert!(matches!(scene.with_key("Bye").await, Err(LedgerError::IdempotencyMismatch)), "and afterwards");
}

#[tokio::test]
async fn a_key_whose_first_request_is_being_answered_is_in_progress() {
    let scene = Scene::with_balance(10).await;
    let first = held(scene.with_key("Hello").await.unwrap());
    assert!(matches!(scene.with_key("Hello").await, Err(LedgerError::InProgress)));
    scene.ledger.release(&first).await;
    held(scene.with_key("Hello").await.unwrap());
}

#[tokio::test]
async fn two_first_requests_with_one_key_at_the_same_moment_are_one_hold() {
    let scene = Scene::with_balance(10).await;
    let started = futures_util::future::join_all((0..10).map(|_| scene.with_key("Hello"))).await;
    assert_eq!(started.iter().filter(|started| started.is_ok()).count(), 1);
    assert_eq!(scene.balance().await, 7);
}

#[tokio::test]
async fn an_expired_hold_of_a_key_is_taken_over_and_its_capture_refused() {
    let scene = Scene::with_balance(3).await;
    let dead = held(scene.with_key("Hello").await.unwrap());
    scene.test.clock.advance(EXPIRY);
    let successor = held(scene.with_key("Hello").await.unwrap());
    assert_eq!(scene.balance().await, 0, "the credits of the dead pay for the living");
    assert!(matches!(scene.capture(&dead, 3).await, Err(LedgerError::Unavailable(_))));
    assert_eq!(scene.capture(&successor, 3).await.unwrap(), charge(3, 0));
    assert_eq!(replay(scene.with_key("Hello").await.unwrap()).id, successor.id);
}

/// Two holds have one place if they have one idempotency key. The amounts differ, so that a release of
/// the wrong hold would show in the balance too.
#[tokio::test]
async fn a_release_leaves_a_hold_of_another_id_in_its_place_alone() {
    let scene = Scene::with_balance(10).await;
    let late = held(scene.order(scene.ada, 3, "Hello", Some("key")).await.unwrap());
    scene.test.clock.advance(EXPIRY);
    let successor = held(scene.order(scene.ada, 5, "Hello", Some("key")).await.unwrap());
    assert_eq!(late.place, successor.place);
    let before = scene.account().await;
    scene.ledger.release(&late).await;
    let after = scene.account().await;
    assert_eq!((after.balance, after.holds, after.version), (before.balance, before.holds, before.version));
    assert_eq!(scene.capture(&successor, 5).await.unwrap(), charge(5, 5));
}

#[tokio::test]
async fn a_takeover_pays_or_returns_the_difference() {
    for (amount, left) in [(5, 5), (1, 9)] {
        let scene = Scene::with_balance(10).await;
        held(scene.with_key("Hello").await.unwrap());
        scene.test.clock.advance(EXPIRY);
        let next = held(scene.order(scene.ada, amount, "Hello", Some("key")).await.unwrap());
        assert_eq!(next.balance, credits(left));
        assert_eq!(scene.balance().await, left);
    }
}

#[tokio::test]
async fn a_takeover_that_the_balance_does_not_cover_is_refused_unless_other_expired_holds_help() {
    let scene = Scene::with_balance(5).await;
    held(scene.with_key("Hello").await.unwrap());
    let other = scene.hold(2).await.unwrap();
    scene.test.clock.advance(EXPIRY);
    let Err(LedgerError::InsufficientCredits { balance, .. }) = scene.order(scene.ada, 6, "Hello", Some("key")).await
    else {
        panic!("five credits paid for six")
    };
    assert_eq!(balance, credits(5));
    held(scene.order(scene.ada, 5, "Hello", Some("key")).await.unwrap());
    assert_eq!(scene.balance().await, 0);
    assert!(matches!(scene.capture(&other, 2).await, Err(LedgerError::Unavailable(_))));
}

#[tokio::test]
async fn a_key_is_forgotten_after_a_day() {
    let scene = Scene::with_balance(10).await;
    let first = held(scene.with_key("Hello").await.unwrap());
    scene.capture(&first, 3).await.unwrap();
    scene.test.clock.advance(Duration::from_secs(24 * 60 * 60));
    let second = held(scene.with_key("Something else").await.unwrap());
    scene.capture(&second, 3).await.unwrap();
    assert_eq!(scene.balance().await, 4);
}

#[tokio::test]
async fn a_key_belongs_to_its_user() {
    let scene = Scene::with_balance(10).await;
    let bob = open_account(&scene.test, "bob", 10).await;
    let ada = held(scene.with_key("Hello").await.unwrap());
    scene.capture(&ada, 3).await.unwrap();
    held(scene.order(bob, 3, "Hello", Some("key")).await.unwrap());
}

#[tokio::test]
async fn a_step_whose_answer_was_lost_is_taken_once() {
    let scene = Scene::with_balance(20).await;
    let recorder = &scene.test.recorder;
    recorder.fail_next("UpdateItem", Fault::AnswerLost, 1);
    let first = scene.hold(3).await.unwrap();
    recorder.fail_next("TransactWriteItems", Fault::AnswerLost, 1);
    assert_eq!(scene.capture(&first, 3).await.unwrap(), charge(3, 17));
    let second = scene.hold(3).await.unwrap();
    recorder.fail_next("UpdateItem", Fault::AnswerLost, 1);
    scene.ledger.release(&second).await;
    recorder.fail_next("TransactWriteItems", Fault::AnswerLost, 1);
    let third = held(scene.with_key("Hello").await.unwrap());
    assert_eq!(third.balance, credits(14));
    assert_eq!(scene.balance().await, 14);
}

#[tokio::test]
async fn a_capture_of_which_no_answer_arrives_is_found_by_its_entry() {
    let scene = Scene::with_balance(10).await;
    let held = scene.hold(3).await.unwrap();
    scene.test.recorder.fail_next("TransactWriteItems", Fault::AnswerLost, 3);
    assert_eq!(scene.capture(&held, 3).await.unwrap(), charge(3, 7));
    assert_eq!(scene.balance().await, 7);
}

#[tokio::test]
async fn a_capture_that_does_not_arrive_is_released_before_it_is_called_free() {
    let scene = Scene::with_balance(10).await;
    let held = scene.hold(3).await.unwrap();
    scene.test.recorder.fail_next("TransactWriteItems", Fault::NotApplied, 3);
    assert!(matches!(scene.capture(&held, 3).await, Err(LedgerError::Unavailable(_))));
    assert_eq!(scene.balance().await, 10);
    assert!(scene.account().await.holds.is_empty());
}

#[tokio::test]
async fn a_capture_that_can_be_neither_found_nor_voided_has_an_unknown_outcome() {
    for fault in [Fault::NotApplied, Fault::AnswerLost] {
        let scene = Scene::with_balance(10).await;
        let held = scene.hold(3).await.unwrap();
        scene.test.recorder.fail_next("TransactWriteItems", fault, 6);
        let Err(LedgerError::OutcomeUnknown { message_id, .. }) = scene.capture(&held, 3).await else {
            panic!("an outcome that nobody can know")
        };
        assert_eq!(message_id, held.id);
    }
}

#[tokio::test]
async fn a_message_that_was_called_free_stays_free_if_hold_and_capture_arrive_late() {
    let scene = Scene::with_balance(10).await;
    let held = scene.hold(3).await.unwrap();
    scene.test.recorder.fail_next("TransactWriteItems", Fault::NotApplied, 3);
    assert!(matches!(scene.capture(&held, 3).await, Err(LedgerError::Unavailable(_))));
    // The first update was the hold, the first transaction after the registration the capture.
    let requests = scene.test.recorder.requests();
    let sent = |operation: &str, number| requests.iter().filter(|sent| sent.operation == operation).nth(number);
    let hold = &sent("UpdateItem", 0).unwrap().body;
    let capture = &sent("TransactWriteItems", 1).unwrap().body;
    let table = &scene.test.isolated;
    assert!(table.call("UpdateItem", hold).await.is_err(), "the hold does not know of the unpaid work since");
    let forgotten = serde_dynamo::to_attribute_value(HourlyWork::none(NOW)).unwrap();
    scene.test.set(scene.account_key(), "hourly", forgotten).await;
    table.call("UpdateItem", hold).await.unwrap();
    assert_eq!(scene.balance().await, 7, "the hold is there again");
    assert!(table.call("TransactWriteItems", capture).await.is_err(), "and cannot be captured");
    scene.test.clock.advance(EXPIRY);
    scene.ledger.release(&scene.hold(1).await.unwrap()).await;
    assert_eq!(scene.balance().await, 10);
}

#[tokio::test]
async fn a_hold_whose_write_gets_no_answer_is_released() {
    for key in [None, Some("key")] {
        let scene = Scene::with_balance(10).await;
        let operation = if key.is_some() { "TransactWriteItems" } else { "UpdateItem" };
        scene.test.recorder.fail_next(operation, Fault::AnswerLost, 3);
        assert!(matches!(scene.order(scene.ada, 3, "Hello", key).await, Err(LedgerError::Unavailable(_))));
        assert_eq!(scene.balance().await, 10);
    }
}

#[tokio::test]
async fn nothing_is_written_for_an_account_that_cannot_be_read() {
    let scene = Scene::with_balance(10).await;
    scene.test.recorder.clear();
    scene.test.recorder.fail_next("GetItem", Fault::NotApplied, 3);
    assert!(matches!(scene.with_key("Hello").await, Err(LedgerError::Unavailable(_))));
    assert!(scene.test.recorder.requests().iter().all(|request| request.operation == "GetItem"));
    assert_eq!(scene.balance().await, 10);
    held(scene.with_key("Hello").await.unwrap());
}

#[tokio::test]
async fn a_collision_with_another_write_is_repeated() {
    let scene = Scene::with_balance(10).await;
    scene.test.recorder.fail_next("UpdateItem", Fault::Conflict, 2);
    let held = scene.hold(3).await.unwrap();
    scene.test.recorder.fail_next("TransactWriteItems", Fault::Conflict, 2);
    assert_eq!(scene.capture(&held, 3).await.unwrap(), charge(3, 7));
}

#[tokio::test]
async fn a_hold_is_refused_to_old_tokens_inactive_users_and_accounts_that_are_gone() {
    for key in [None, Some("key")] {
        let scene = Scene::with_balance(0).await;
        scene.test.set(scene.account_key(), "session_epoch", number(2_u64)).await;
        assert!(matches!(
            scene.order(scene.ada, 1, "x", key).await,
            Err(LedgerError::Closed(Closed::SessionEpochPassed))
        ));
        scene.test.set(scene.account_key(), "status", AttributeValue::S("inactive".to_owned())).await;
        assert!(matches!(scene.order(scene.ada, 1, "x", key).await, Err(LedgerError::Closed(Closed::Inactive))));
        let nobody = payer(UserId::new(&scene.test.clock));
        assert!(matches!(scene.order(nobody, 1, "x", key).await, Err(LedgerError::Closed(Closed::Gone))));
    }
}

#[tokio::test]
async fn a_kept_answer_is_not_handed_to_old_tokens() {
    let scene = Scene::with_balance(3).await;
    let first = held(scene.with_key("Hello").await.unwrap());
    scene.capture(&first, 3).await.unwrap();
    scene.test.set(scene.account_key(), "session_epoch", number(2_u64)).await;
    assert!(matches!(scene.with_key("Hello").await, Err(LedgerError::Closed(Closed::SessionEpochPassed))));
}
