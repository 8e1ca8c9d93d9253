//! Seals, and what is written above and below them by functions whose clocks differ.

use std::time::Duration;

use domain::credits::Credits;
use domain::ids::EntryId;
use domain::reason::Reason;
use domain::time::{Clock, Timestamp};
use testkit::recorder::Fault;
use testkit::test_table::NOW;

use crate::account::{Account, Payer};
use crate::entry::{self, Entry, EntryKind};
use crate::error::LedgerError;
use crate::exchange::{Bill, Exchange};
use crate::grant::{Grant, GrantAmount, GrantId};
use crate::hold::{HoldOutcome, Order};
use crate::ledger::{Charge, Held, Ledger};
use crate::sealing::ExpiredHolds;
use crate::testing::{TestTable, admitted, an_operator, message, open_account, stored_reply};

const TEN_MINUTES: Duration = Duration::from_secs(600);

/// A table that two functions use, one whose clock is right, and one whose clock is ten minutes ahead.
struct SealingScene {
    test: TestTable,
    ada: Payer,
    right: Ledger,
    ahead: Ledger,
}

impl SealingScene {
    async fn start() -> Self {
        let test = TestTable::start().await;
        let ada = open_account(&test, "ada", 1000).await;
        let right = Ledger::new(test.table.clone(), test.clock.clone(), 10);
        let ahead = Ledger::new(test.table.clone(), Clock::manual(NOW.plus(TEN_MINUTES)), 10);
        Self { test, ada, right, ahead }
    }

    async fn account(&self) -> Account {
        self.test.table.get(Account::key(self.ada.user_id())).await.unwrap().unwrap()
    }

    async fn seal(&self, by: &Ledger) -> Option<EntryId> {
        by.seal(self.ada.user_id(), ExpiredHolds::Release).await.unwrap();
        self.account().await.sealed_to
    }

    async fn hold(&self, by: &Ledger) -> Held {
        by.clock.advance(Duration::from_millis(1));
        let amount = Credits::new(3).unwrap();
        let order = Order { amount, least: amount, deadline: by.clock.now().plus(Duration::from_secs(28)) };
        let open = admitted(by, self.ada).await;
        match by.hold(open, &order).await.unwrap() {
            HoldOutcome::Held(held) => held,
            other => panic!("was not held: {other:?}"),
        }
    }

    async fn capture(&self, by: &Ledger, held: &Held) -> Result<Charge, LedgerError> {
        let (message, reply, bill) = (message("Hello"), stored_reply("Hi"), Bill::of(held.amount));
        by.capture(held, Exchange { message: &message, reply: &reply, conversation: None, bill }).await
    }

    async fn chat(&self, by: &Ledger) -> EntryId {
        let held = self.hold(by).await;
        self.capture(by, &held).await.unwrap();
        held.id
    }

    async fn grant(&self, by: &Ledger) -> EntryId {
        let grant = Grant {
            amount: GrantAmount::try_from(serde_json::json!(1)).unwrap(),
            reason: Reason::try_from("a present".to_owned()).unwrap(),
            id: GrantId::try_from("one".to_owned()).unwrap(),
        };
        let deadline = by.clock.now().plus(Duration::from_secs(28));
        by.grant(self.ada.user_id(), &grant, &an_operator(), deadline).await.unwrap().entry_id
    }

    async fn kind_of(&self, id: EntryId) -> Option<EntryKind> {
        let entry: Option<Entry> = self.test.table.get(entry::key(self.ada.user_id(), id)).await.unwrap();
        entry.map(|entry| entry.kind)
    }
}

#[tokio::test]
async fn a_seal_is_the_newest_entry_below_every_hold_and_moves_only_up() {
    let scene = SealingScene::start().await;
    let first = scene.chat(&scene.right).await;
    let held = scene.hold(&scene.right).await;
    let above = scene.chat(&scene.right).await;
    assert_eq!(scene.seal(&scene.right).await, Some(first));
    scene.capture(&scene.right, &held).await.unwrap();
    assert_eq!(scene.seal(&scene.right).await, Some(above));
    let account = scene.account().await;
    scene.test.clock.advance(Duration::from_secs(1));
    assert_eq!(scene.seal(&scene.right).await, Some(above));
    assert_eq!(scene.account().await.sealed_at, account.sealed_at, "what is sealed is not sealed again");
    assert_eq!(scene.account().await.version, account.version, "a seal is no change of balance or holds");
}

#[tokio::test]
async fn a_function_whose_clock_is_behind_holds_and_grants_above_the_seal() {
    let scene = SealingScene::start().await;
    let _remembered = scene.chat(&scene.right).await;
    let of_the_future = scene.chat(&scene.ahead).await;
    assert_eq!(scene.seal(&scene.ahead).await, Some(of_the_future));
    for _ in 0..2 {
        let id = scene.chat(&scene.right).await;
        assert!(id > of_the_future && id.made_at() == of_the_future.made_at().plus(Duration::from_millis(1)));
    }
    assert!(scene.grant(&scene.right).await > of_the_future);
}

#[tokio::test]
async fn a_clock_that_is_ahead_does_not_become_that_of_all_others() {
    let scene = SealingScene::start().await;
    let now = scene.chat(&scene.right).await;
    let of_the_future = scene.chat(&scene.ahead).await;
    assert_eq!(scene.seal(&scene.right).await, Some(now));
    let next = scene.chat(&scene.right).await;
    assert!(now < next && next < of_the_future);
}

#[tokio::test]
async fn a_hold_that_was_refused_for_the_seal_takes_a_new_id_also_if_the_account_was_read_before() {
    let scene = SealingScene::start().await;
    let open = admitted(&scene.right, scene.ada).await;
    let of_the_future = scene.chat(&scene.ahead).await;
    scene.seal(&scene.ahead).await;
    let amount = Credits::new(3).unwrap();
    let order = Order { amount, least: amount, deadline: NOW.plus(Duration::from_secs(28)) };
    scene.test.recorder.clear();
    let HoldOutcome::Held(held) = scene.right.hold(open, &order).await.unwrap() else { panic!("was not answered") };
    assert!(held.id > of_the_future);
    assert_eq!(scene.test.recorder.requests().len(), 2, "one refusal, and no read");
}

#[tokio::test]
async fn a_capture_needs_no_id_above_the_seal_because_no_seal_passes_its_hold() {
    let scene = SealingScene::start().await;
    let held = scene.hold(&scene.right).await;
    scene.chat(&scene.right).await;
    assert!(scene.seal(&scene.ahead).await.is_some_and(|seal| seal < held.id));
    scene.capture(&scene.right, &held).await.unwrap();
    assert_eq!(scene.kind_of(held.id).await, Some(EntryKind::Chat));
}

/// The hold expired and was released, and the account was sealed beyond it: no capture can come any more.
#[tokio::test]
async fn a_message_whose_id_is_below_the_seal_is_not_charged_and_leaves_no_void() {
    let scene = SealingScene::start().await;
    let held = scene.hold(&scene.right).await;
    let later = scene.chat(&scene.right).await;
    scene.right.release(&held).await;
    assert_eq!(scene.seal(&scene.right).await, Some(later));
    assert!(matches!(scene.capture(&scene.right, &held).await, Err(LedgerError::Unavailable(_))));
    assert_eq!(scene.kind_of(held.id).await, None);
}

#[tokio::test]
async fn a_capture_whose_answer_is_lost_is_found_charged_below_the_seal_too() {
    let scene = SealingScene::start().await;
    let held = scene.hold(&scene.right).await;
    scene.test.recorder.fail_next("TransactWriteItems", Fault::AnswerLost, 3);
    let sealed = async {
        scene.capture(&scene.right, &held).await.unwrap();
        scene.seal(&scene.right).await
    };
    assert_eq!(sealed.await, Some(held.id));
    assert_eq!(scene.kind_of(held.id).await, Some(EntryKind::Chat));
}

/// Their clock may be ahead: a hold that has just expired there may be captured here.
#[tokio::test]
async fn only_holds_that_have_expired_on_every_clock_are_released_for_a_seal_and_a_reader_releases_none() {
    let scene = SealingScene::start().await;
    let before = scene.seal(&scene.right).await;
    let held = scene.hold(&scene.right).await;
    scene.chat(&scene.right).await;
    assert_eq!(scene.seal(&scene.ahead).await, before);
    assert_eq!(scene.account().await.holds.len(), 1);
    scene.test.clock.advance(TEN_MINUTES + Duration::from_secs(60));
    scene.right.seal(scene.ada.user_id(), ExpiredHolds::Keep).await.unwrap();
    assert_eq!((scene.account().await.sealed_to, scene.account().await.holds.len()), (before, 1));
    assert!(scene.seal(&scene.right).await.is_some_and(|seal| seal > held.id));
    assert_eq!(scene.account().await.holds.len(), 0);
}

#[tokio::test]
async fn an_account_that_changes_at_every_look_keeps_its_seal_and_one_without_entries_gets_none() {
    let scene = SealingScene::start().await;
    let stranger = domain::ids::UserId::new(&Clock::manual(Timestamp::from_seconds(1)));
    scene.right.seal(stranger, ExpiredHolds::Release).await.unwrap();
    assert!(scene.test.table.get::<Account>(Account::key(stranger)).await.unwrap().is_none(), "no torso of an account");
    scene.test.recorder.fail_next("UpdateItem", Fault::Conflict, 2);
    assert!(scene.seal(&scene.right).await.is_some(), "collisions are repeated");
}
