//! The gate: when a stop is heard.

use super::*;

use std::time::Instant;

use domain::credits::Credits;
use domain::ids::UserId;
use domain::reason::Reason;
use testkit::recorder::Fault;
use testkit::test_table::TestTable;

use crate::admission::Admission;
use crate::error::LedgerError;
use crate::exchange::{Bill, Exchange};
use crate::hold::{HoldOutcome, Order};
use crate::idempotency::{IdempotencyKey, Remembered};
use crate::ledger::Ledger;
use crate::switch::Switch;
use crate::testing::{an_operator, message, open_account, payer, stored_reply};

struct Scene {
    test: TestTable,
    gate: Gate,
    switch: Switch,
}

impl Scene {
    async fn start() -> Self {
        let test = TestTable::start().await;
        let gate = Gate::start(test.table.clone(), test.clock.clone()).await;
        let switch = Switch::new(test.table.clone(), test.clock.clone());
        test.recorder.clear();
        Self { test, gate, switch }
    }

    async fn turn(&self, accepting: bool) {
        let reason = Reason::try_from("A restore".to_owned()).unwrap();
        let deadline = self.test.clock.now().plus(Duration::from_secs(28));
        self.switch.turn(accepting, &reason, an_operator().authority(), deadline).await.unwrap();
    }

    /// Sends a request each second, and returns how many were accepted before the first that was not.
    async fn seconds_until(&self, accepting: bool) -> u32 {
        for second in 0..=120 {
            if self.gate.accepting().await.is_ok() == accepting {
                return second;
            }
            self.test.clock.advance(Duration::from_secs(1));
        }
        panic!("nothing is heard in two minutes")
    }

    /// The number of reads since the recorder was cleared, retries included.
    fn reads(&self) -> usize {
        self.test.recorder.requests().iter().filter(|request| request.operation == "GetItem").count()
    }
}

#[tokio::test]
async fn a_stop_and_a_resumption_are_heard_within_a_minute_under_a_steady_load() {
    let scene = Scene::start().await;
    for accepting in [false, true] {
        scene.turn(accepting).await;
        let seconds = scene.seconds_until(accepting).await;
        assert!((1..=60).contains(&seconds), "{accepting}: {seconds}");
    }
}

#[tokio::test]
async fn a_stop_is_heard_by_the_first_request_after_a_quiet_time_and_by_the_first_of_a_start() {
    let scene = Scene::start().await;
    scene.turn(false).await;
    let _accepted = scene.gate.accepting().await.unwrap();
    scene.test.clock.advance(LONGEST_UNHEARD);
    assert!(matches!(scene.gate.accepting().await, Err(GateError::NotAccepting)));
    let another = Gate::start(scene.test.table.clone(), scene.test.clock.clone()).await;
    assert!(matches!(another.accepting().await, Err(GateError::NotAccepting)));
}

#[tokio::test]
async fn half_a_unit_each_half_minute_is_read_and_nothing_between() {
    let scene = Scene::start().await;
    scene.test.recorder.ask_for_capacity();
    for _ in 0..60 {
        let _accepted = scene.gate.accepting().await.unwrap();
        scene.test.clock.advance(Duration::from_secs(1));
    }
    let requests = scene.test.recorder.requests();
    assert_eq!(requests.len(), 1, "at the thirtieth second: {requests:?}");
    assert_eq!(requests[0].body["ConsistentRead"], false);
}

#[tokio::test]
async fn a_process_whose_table_cannot_be_read_begins_nothing_after_a_minute() {
    let scene = Scene::start().await;
    scene.turn(false).await;
    let mut passed = 0;
    for (second, begins) in [(0, true), (29, true), (30, true), (45, true), (59, true), (60, false), (3600, false)] {
        scene.test.clock.advance(Duration::from_secs(second - passed));
        passed = second;
        scene.test.recorder.forget_faults();
        scene.test.recorder.fail_next("GetItem", Fault::NotApplied, 10);
        match scene.gate.accepting().await {
            Ok(_) => assert!(begins, "{second}"),
            Err(GateError::Unheard(StoreError::Unavailable(_))) => assert!(!begins, "{second}"),
            Err(error) => panic!("{error}"),
        }
    }
    scene.test.recorder.forget_faults();
    assert!(matches!(scene.gate.accepting().await, Err(GateError::NotAccepting)));
}

#[tokio::test]
async fn a_table_that_is_silent_delays_a_request_by_half_a_second_while_the_last_word_counts() {
    let scene = Scene::start().await;
    scene.test.clock.advance(RENEWAL_AGE);
    scene.test.recorder.fail_next("GetItem", Fault::Silence, 10);
    let started = Instant::now();
    let _accepted = scene.gate.accepting().await.unwrap();
    assert!(started.elapsed() < 3 * RENEWAL_TIMEOUT, "{:?}", started.elapsed());
}

#[tokio::test]
async fn a_clock_that_was_set_back_makes_no_word_younger() {
    let scene = Scene::start().await;
    let earlier = Clock::manual(scene.test.clock.now().minus(Duration::from_secs(3600)));
    scene.turn(false).await;
    let gate =
        Gate { source: CommandSource::Operator(scene.test.table.clone()), clock: earlier, heard: scene.gate.heard };
    assert!(matches!(gate.accepting().await, Err(GateError::NotAccepting)));
}

#[tokio::test]
async fn an_item_that_cannot_be_read_opens_nothing() {
    let scene = Scene::start().await;
    scene.turn(true).await;
    let nonsense = aws_sdk_dynamodb::types::AttributeValue::S("perhaps".to_owned());
    scene.test.set(Acceptance::key(), "accepting", nonsense).await;
    scene.test.clock.advance(LONGEST_UNHEARD);
    assert!(matches!(scene.gate.accepting().await, Err(GateError::Unheard(StoreError::Internal(_)))));
}

#[tokio::test]
async fn a_refusal_reads_the_account_alone_and_an_old_word_is_read_after_it() {
    let scene = Scene::start().await;
    let ada = open_account(&scene.test, "ada", 10).await;
    let nobody = payer(UserId::new(&scene.test.clock));
    let ledger = Ledger::new(scene.test.table.clone(), scene.test.clock.clone(), 3);
    for accepting in [false, true] {
        scene.turn(accepting).await;
        scene.test.clock.advance(LONGEST_UNHEARD);
        for reads in [2, 1] {
            scene.test.recorder.clear();
            let closed = ledger.admit(&scene.gate, nobody, None).await;
            assert!(matches!(closed, Err(LedgerError::Closed(_))), "the account comes first: {closed:?}");
            scene.test.recorder.clear();
            let outcome = ledger.admit(&scene.gate, ada, None).await;
            let is_as_told = match outcome {
                Ok(Admission::Open(_)) => accepting,
                Err(LedgerError::NotAccepting) => !accepting,
                other => panic!("{other:?}"),
            };
            assert!(is_as_told, "{accepting}");
            assert_eq!(scene.reads(), reads, "{accepting}");
        }
    }
}

#[tokio::test]
async fn an_answer_that_was_paid_for_passes_a_closed_gate() {
    let scene = Scene::start().await;
    let ada = open_account(&scene.test, "ada", 10).await;
    let ledger = Ledger::new(scene.test.table.clone(), scene.test.clock.clone(), 3);
    let remembered = || Remembered::message(IdempotencyKey::parse("key").unwrap(), &message("Hello"));
    let Ok(Admission::Open(open)) = ledger.admit(&scene.gate, ada, Some(remembered())).await else {
        panic!("nothing was answered before")
    };
    let one = Credits::new(1).unwrap();
    let order = Order { amount: one, least: one, deadline: scene.test.clock.now().plus(Duration::from_secs(28)) };
    let Ok(HoldOutcome::Held(held)) = ledger.hold(open, &order).await else { panic!("nothing was answered before") };
    let bill = Bill::of(one);
    let exchange = Exchange { message: &message("Hello"), reply: &stored_reply("Hi"), conversation: None, bill };
    ledger.capture(&held, exchange).await.unwrap();

    scene.turn(false).await;
    scene.test.clock.advance(LONGEST_UNHEARD);
    let again = ledger.admit(&scene.gate, ada, Some(remembered())).await;
    assert!(matches!(again, Ok(Admission::Replay(_))), "{again:?}");
    assert!(matches!(ledger.admit(&scene.gate, ada, None).await, Err(LedgerError::NotAccepting)));
}
