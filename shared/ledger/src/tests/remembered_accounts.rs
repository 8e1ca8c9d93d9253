//! Accounts that a function remembers: a message costs no read before its hold, and nothing else changes.

use domain::reason::Reason;
use proptest::prelude::*;
use proptest::test_runner::{TestCaseError, TestRunner};

use super::remembered_keys::FakeKey;
use super::*;

use crate::account::{Epoch, Status};
use crate::admission::AdmittedAccount;
use crate::gate::LONGEST_UNHEARD;
use crate::switch::Switch;
use crate::testing::an_operator;

/// The unpaid messages of an hour, so few that a test meets their limit.
const UNPAID_PER_HOUR: u32 = 2;
const PROVIDER: &str = "some-model";

impl Scene {
    /// A ledger that remembers nothing: that of another function, or of one that has just started.
    fn elsewhere(&self) -> Ledger {
        let ledger = Ledger::new(self.test.table.clone(), self.test.clock.clone(), MAX_HOLDS);
        ledger.with_unpaid_per_hour(UNPAID_PER_HOUR)
    }

    /// Ada, in whose account this function has held and captured.
    async fn warm(balance: u64) -> Self {
        let mut scene = Self::with_balance(balance + 1).await;
        scene.ledger = scene.elsewhere();
        let first = scene.hold(1).await.unwrap();
        scene.capture(&first, 1).await.unwrap();
        scene.operations();
        scene
    }

    /// The operations since the last call.
    fn operations(&self) -> Vec<String> {
        let requests = self.test.recorder.requests();
        self.test.recorder.clear();
        requests.into_iter().map(|request| request.operation).collect()
    }

    fn range(&self, amount: u64, least: u64) -> Order {
        let deadline = self.test.clock.now().plus(Duration::from_secs(28));
        Order { amount: credits(amount), least: credits(least), deadline }
    }

    async fn hold_at(
        &self,
        ledger: &Ledger,
        payer: impl Into<ClaimedPayer>,
        order: &Order,
    ) -> Result<Held, LedgerError> {
        match ledger.admit(&self.gate, payer, None).await? {
            Admission::Open(open) => ledger.hold(open, order).await.map(held),
            Admission::Replay(replay) => panic!("was answered before: {replay:?}"),
        }
    }

    async fn hold_between(&self, least: u64, amount: u64) -> Result<Held, LedgerError> {
        self.hold_at(&self.ledger, self.ada, &self.range(amount, least)).await
    }

    async fn set(&self, attribute: &str, value: AttributeValue) {
        self.test.set(self.account_key(), attribute, value).await;
    }

    /// Ada's account, which this function remembers.
    async fn remembered(&self, payer: impl Into<ClaimedPayer>) -> AdmittedAccount {
        match self.ledger.admit(&self.gate, payer, None).await.unwrap() {
            Admission::Open(account @ AdmittedAccount::Remembered(_)) => account,
            other => panic!("is not remembered: {other:?}"),
        }
    }
}

fn text(word: &str) -> AttributeValue {
    AttributeValue::S(word.to_owned())
}

#[tokio::test]
async fn a_message_reads_nothing_before_its_hold_for_a_minute_after_the_last_one_at_this_function() {
    let scene = Scene::warm(10).await;
    for _ in 0..3 {
        scene.test.clock.advance(Duration::from_millis(59_999));
        let held = scene.hold(1).await.unwrap();
        assert_eq!(scene.operations(), ["UpdateItem"]);
        scene.capture(&held, 1).await.unwrap();
        assert_eq!(scene.operations(), ["TransactWriteItems"]);
    }
    scene.test.clock.advance(Duration::from_secs(60));
    scene.ledger.release(&scene.hold(1).await.unwrap()).await;
    assert_eq!(scene.operations(), ["GetItem", "UpdateItem", "UpdateItem"]);
    scene.ledger.release(&scene.hold(7).await.unwrap()).await;
    assert_eq!(scene.operations(), ["UpdateItem", "UpdateItem"], "a release leaves an account that is known");
    scene.hold_at(&scene.elsewhere(), scene.ada, &scene.range(1, 1)).await.unwrap();
    assert_eq!(scene.operations(), ["GetItem", "UpdateItem"], "another function knows nothing of it");
}

#[tokio::test]
async fn an_idempotency_key_has_account_and_record_read_and_the_next_message_too() {
    let scene = Scene::warm(10).await;
    held(scene.with_key("Hello").await.unwrap());
    assert_eq!(scene.operations(), ["GetItem", "GetItem", "TransactWriteItems"]);
    scene.hold(1).await.unwrap();
    assert_eq!(scene.operations(), ["GetItem", "UpdateItem"], "a transaction does not say what the account is");
}

/// A function that spends a balance alone sees no refused write: what it ended is known to it.
#[tokio::test]
async fn a_caller_who_holds_most_of_the_balance_is_read_only_where_it_does_not_cover_the_whole_amount() {
    let scene = Scene::warm(10).await;
    for cost in [4, 2, 3] {
        let held = scene.hold_between(1, 9).await.unwrap();
        scene.capture(&held, cost).await.unwrap();
    }
    let covered = ["UpdateItem", "TransactWriteItems"];
    let read = ["GetItem", "UpdateItem", "TransactWriteItems"];
    assert_eq!(scene.operations(), [&covered[..], &read, &read].concat());
    assert_eq!(scene.hold_between(1, 9).await.unwrap().amount, credits(1));
    assert!(matches!(scene.hold_between(1, 9).await, Err(LedgerError::InsufficientCredits { .. })));
    assert_eq!(scene.operations(), ["GetItem", "UpdateItem", "GetItem"]);
}

#[tokio::test]
async fn what_others_changed_is_found_by_the_hold_and_read_before_the_next() {
    let full = std::iter::repeat_with(|| EntryId::new(&domain::time::Clock::manual(NOW)).to_string());
    let hold = |id: &String| Hold {
        id: EntryId::parse(id).unwrap(),
        amount: credits(0),
        expires_at: u64::MAX,
        fingerprint: None,
        budget: None,
    };
    let full: crate::holds::Holds = full.take(MAX_HOLDS as usize).map(|id| (id.clone(), hold(&id))).collect();
    let attribute = |value| serde_dynamo::to_attribute_value(value).unwrap();
    let unpaid = HourlyWork { unpaid: UNPAID_PER_HOUR, ..HourlyWork::none(NOW) };
    for (attribute, value, refusal) in [
        ("status", text("inactive"), "Closed(Inactive)"),
        ("status", text("deleting"), "Closed(Deleting)"),
        ("session_epoch", number(2_u64), "Closed(SessionEpochPassed)"),
        ("balance", number(2_u64), "InsufficientCredits { balance: Credits(2), cost: Credits(3) }"),
        ("holds", attribute(serde_json::to_value(&full).unwrap()), "TooManyHolds { limit: 2 }"),
        ("hourly", attribute(serde_json::to_value(unpaid).unwrap()), "TooMuchUnpaid { limit: 2, retry_after: 3600s }"),
    ] {
        let scene = Scene::warm(10).await;
        scene.set(attribute, value).await;
        scene.operations();
        for operation in ["UpdateItem", "GetItem", "GetItem"] {
            assert_eq!(format!("{:?}", scene.hold(3).await.unwrap_err()), refusal);
            assert_eq!(scene.operations(), [operation], "{refusal}");
        }
    }
    let scene = Scene::warm(10).await;
    scene.test.isolated.call("DeleteItem", &delete(&scene)).await.unwrap();
    for operation in ["UpdateItem", "GetItem"] {
        assert!(matches!(scene.hold(3).await, Err(LedgerError::Closed(Closed::Gone))));
        assert_eq!(scene.operations(), [operation]);
    }
}

fn delete(scene: &Scene) -> serde_json::Value {
    let user = format!("USER#{}", scene.ada.user_id());
    serde_json::json!({"TableName": scene.test.table.name(), "Key": {"pk": {"S": user}, "sk": {"S": "ACCOUNT"}}})
}

#[tokio::test]
async fn credits_that_another_function_spent_are_not_spent_again_and_the_hold_takes_what_is_left() {
    let scene = Scene::warm(10).await;
    let elsewhere = scene.hold_at(&scene.elsewhere(), scene.ada, &scene.range(6, 6)).await.unwrap();
    let rest = scene.hold_between(1, 10).await.unwrap();
    assert_eq!((rest.amount, rest.balance, rest.in_flight.remaining), (credits(4), credits(0), 0));
    assert!(matches!(scene.hold_between(1, 10).await, Err(LedgerError::TooManyHolds { .. })));
    scene.elsewhere().release(&elsewhere).await;
    scene.ledger.release(&rest).await;
    assert_eq!(scene.balance().await, 10);
}

#[tokio::test]
async fn credits_that_were_granted_elsewhere_make_the_next_hold_as_large_as_anywhere() {
    let scene = Scene::warm(2).await;
    scene.ledger.release(&scene.hold_between(1, 2).await.unwrap()).await;
    scene.set("balance", number(50_u64)).await;
    scene.operations();
    assert_eq!(scene.hold_between(1, 30).await.unwrap().amount, credits(30));
    assert_eq!(scene.operations(), ["GetItem", "UpdateItem"]);
}

#[tokio::test]
async fn the_room_that_another_function_left_is_read_before_a_message_is_refused_for_want_of_it() {
    let scene = Scene::warm(10).await;
    let elsewhere = scene.hold_at(&scene.elsewhere(), scene.ada, &scene.range(1, 1)).await.unwrap();
    let here = scene.hold(1).await.unwrap();
    assert_eq!(here.in_flight.remaining, 0);
    scene.elsewhere().release(&elsewhere).await;
    scene.operations();
    assert_eq!(scene.hold(1).await.unwrap().in_flight.remaining, 0);
    assert_eq!(scene.operations(), ["GetItem", "UpdateItem"]);
}

#[tokio::test]
async fn an_hour_that_another_function_began_goes_on() {
    let scene = Scene::warm(10).await;
    scene.test.clock.advance(Duration::from_secs(3590));
    scene.ledger.release(&scene.hold(1).await.unwrap()).await;
    scene.test.clock.advance(Duration::from_secs(10));
    let elsewhere = scene.hold_at(&scene.elsewhere(), scene.ada, &scene.range(1, 1)).await.unwrap();
    scene.elsewhere().release_unpaid(&elsewhere, PROVIDER).await;
    let here = scene.hold(1).await.unwrap();
    assert_eq!((here.in_flight.limit, scene.account().await.hourly.unpaid), (1, 1));
}

#[tokio::test]
async fn nothing_is_told_of_an_account_that_is_remembered_before_it_was_read() {
    let scene = Scene::warm(10).await;
    let account = scene.remembered(scene.ada).await;
    assert_eq!(scene.operations(), [""; 0]);
    let open = scene.ledger.confirm(account).await.unwrap();
    assert_eq!((scene.operations(), open.spendable(NOW)), (vec!["GetItem".to_owned()], credits(10)));
    scene.ledger.hold(open, &scene.range(1, 1)).await.unwrap();
    let account = scene.remembered(scene.ada).await;
    scene.set("status", text("inactive")).await;
    scene.operations();
    assert!(matches!(scene.ledger.confirm(account).await, Err(LedgerError::Closed(Closed::Inactive))));
    assert_eq!(scene.operations(), ["GetItem"]);
}

#[tokio::test]
async fn a_stop_is_told_to_a_caller_whose_account_was_read() {
    let mut scene = Scene::warm(10).await;
    scene.gate = Gate::start(scene.test.table.clone(), scene.test.clock.clone()).await;
    let switch = Switch::new(scene.test.table.clone(), scene.test.clock.clone());
    let reason = Reason::try_from("a restore".to_owned()).unwrap();
    switch.turn(false, &reason, an_operator().authority(), scene.range(0, 0).deadline).await.unwrap();
    scene.test.clock.advance(LONGEST_UNHEARD);
    let stopped = |outcome: Result<Held, LedgerError>| matches!(outcome, Err(LedgerError::NotAccepting));
    assert!(stopped(scene.hold(1).await));
    scene.set("status", text("inactive")).await;
    assert!(matches!(scene.hold(1).await, Err(LedgerError::Closed(Closed::Inactive))));
}

#[tokio::test]
async fn a_key_that_ended_elsewhere_holds_nothing_in_an_account_that_is_remembered_and_another_goes_on() {
    let scene = Scene::warm(10).await;
    let (ended, living) = (scene.ended_key(), scene.living_key());
    scene
        .ledger
        .release(&scene.hold_at(&scene.ledger, living.seen_at(&scene, 0), &scene.range(1, 1)).await.unwrap())
        .await;
    assert_eq!(scene.operations(), ["UpdateItem", "UpdateItem"]);
    scene.end_a_key().await;
    scene.operations();
    let refused = scene.hold_at(&scene.ledger, ended.seen_at(&scene, 0), &scene.range(1, 1)).await;
    assert!(matches!(refused, Err(LedgerError::Closed(Closed::ApiKeyEnded))), "{refused:?}");
    assert_eq!((scene.operations(), ended.times_read()), (vec!["UpdateItem".to_owned()], 1));
    for _ in 0..2 {
        let order = scene.range(1, 1);
        scene.ledger.release(&scene.hold_at(&scene.ledger, living.seen_at(&scene, 0), &order).await.unwrap()).await;
    }
    assert_eq!(scene.operations(), ["GetItem", "UpdateItem", "UpdateItem"].repeat(2), "the account names an end");
    let order = scene.range(1, 1);
    scene.hold_at(&scene.ledger, living.seen_at(&scene, 1), &order).await.unwrap();
    assert_eq!((scene.operations(), living.times_read()), (vec!["UpdateItem".to_owned()], 2));
}

#[tokio::test]
async fn a_key_that_was_read_for_this_message_learns_what_the_hold_saw_of_the_account() {
    let scene = Scene::warm(10).await;
    scene.end_a_key().await;
    let key = scene.living_key();
    let payer = key.shown(&scene);
    scene.operations();
    scene.hold_at(&scene.ledger, payer, &scene.range(1, 1)).await.unwrap();
    assert_eq!((scene.operations(), key.times_read()), (vec!["UpdateItem".to_owned()], 0));
    assert_eq!(key.learnt(), [1]);
}

#[tokio::test]
async fn a_hold_in_a_remembered_account_whose_answer_is_lost_is_held_once_or_released() {
    for (lost, is_held) in [(1, true), (3, false)] {
        let scene = Scene::warm(10).await;
        scene.test.recorder.fail_next("UpdateItem", Fault::AnswerLost, lost);
        let outcome = scene.hold(3).await;
        assert_eq!(outcome.is_ok(), is_held, "{outcome:?}");
        assert_eq!((scene.balance().await, scene.account().await.holds.len()), if is_held { (7, 1) } else { (10, 0) });
        scene.operations();
        scene.hold(1).await.unwrap();
        let next: &[&str] = if is_held { &["UpdateItem"] } else { &["GetItem", "UpdateItem"] };
        assert_eq!(scene.operations(), next);
    }
}

/// What happens to an account. Numbers choose among the holds that exist by then.
#[derive(Clone, Copy, Debug)]
enum LedgerAct {
    /// A message at the function under test, or at another one.
    Ask {
        elsewhere: bool,
        by_key: bool,
        amount: u64,
        least: u64,
    },
    /// A message that is refused before its hold.
    Refuse {
        by_key: bool,
    },
    Capture {
        hold: usize,
        cost: u64,
    },
    Release {
        hold: usize,
    },
    ReleaseUnpaid {
        hold: usize,
    },
    Grant {
        amount: u64,
    },
    SetStatus(Status),
    /// A password change, or a logout everywhere.
    RaiseEpoch {
        logs_in: bool,
    },
    EndKey {
        this: bool,
    },
    Wait {
        seconds: u64,
    },
}

fn any_act() -> impl Strategy<Value = LedgerAct> {
    let hold = || 0..20_usize;
    prop_oneof![
        12 => (prop::bool::weighted(0.3), any::<bool>(), 0..9_u64, 0..9_u64).prop_map(|(elsewhere, by_key, amount, least)| {
            LedgerAct::Ask { elsewhere, by_key, amount, least: least.min(amount) }
        }),
        1 => any::<bool>().prop_map(|by_key| LedgerAct::Refuse { by_key }),
        8 => (hold(), 0..9_u64).prop_map(|(hold, cost)| LedgerAct::Capture { hold, cost }),
        2 => hold().prop_map(|hold| LedgerAct::Release { hold }),
        2 => hold().prop_map(|hold| LedgerAct::ReleaseUnpaid { hold }),
        2 => (1..20_u64).prop_map(|amount| LedgerAct::Grant { amount }),
        1 => prop::sample::select(vec![Status::Inactive, Status::Active, Status::Active]).prop_map(LedgerAct::SetStatus),
        1 => prop::bool::weighted(0.8).prop_map(|logs_in| LedgerAct::RaiseEpoch { logs_in }),
        1 => prop::bool::weighted(0.3).prop_map(|this| LedgerAct::EndKey { this }),
        3 => prop::sample::select(vec![1, 20, 58, 60, 3600]).prop_map(|seconds| LedgerAct::Wait { seconds }),
    ]
}

/// An account to which the acts happen.
struct Twin<'a> {
    scene: &'a Scene,
    user_id: UserId,
    /// The ledger of the function under test, if it lives on from message to message.
    warm: Option<Ledger>,
    key: FakeKey,
    /// The version of the account's keys at which the function read the key.
    key_seen_at: u64,
    /// The epoch of the person's token.
    epoch: u64,
    holds: Vec<(Held, bool)>,
}

impl<'a> Twin<'a> {
    async fn new(scene: &'a Scene, name: &str, remembers: bool) -> Self {
        let user_id = open_account(&scene.test, name, 12).await.user_id();
        let key = FakeKey::of(Payer::new(user_id, Epoch::OfApiKeys(Epoch::FIRST)));
        let warm = remembers.then(|| scene.elsewhere());
        Self { scene, user_id, warm, key, key_seen_at: 0, epoch: Epoch::FIRST, holds: Vec::new() }
    }

    fn ledger(&self, elsewhere: bool) -> Ledger {
        self.warm.clone().filter(|_| !elsewhere).unwrap_or_else(|| self.scene.elsewhere())
    }

    fn payer(&self, by_key: bool) -> ClaimedPayer {
        if by_key {
            let payer = Payer::new(self.user_id, Epoch::OfApiKeys(Epoch::FIRST));
            self.key.seen_by(payer, self.key_seen_at)
        } else {
            Payer::new(self.user_id, Epoch::OfSessions(self.epoch)).into()
        }
    }

    async fn account(&self) -> Account {
        self.scene.test.table.get(Account::key(self.user_id)).await.unwrap().unwrap()
    }

    async fn set(&self, attribute: &str, value: AttributeValue) {
        self.scene.test.set(Account::key(self.user_id), attribute, value).await;
    }

    /// What the account is after an act, but for ids.
    async fn state(&self) -> String {
        let account = self.account().await;
        let mut holds: Vec<_> = account.holds.values().map(|hold| (hold.expires_at, hold.amount)).collect();
        holds.sort_unstable();
        format!("{:?} {holds:?} {:?} {:?}", account.balance, account.hourly, account.status)
    }

    /// Does an act, and says what it answers.
    async fn take(&mut self, act: LedgerAct) -> String {
        let told = match act {
            LedgerAct::Ask { elsewhere, by_key, amount, least } => self.ask(elsewhere, by_key, amount, least).await,
            LedgerAct::Refuse { by_key } => self.refuse(by_key).await,
            LedgerAct::Capture { hold, cost } => self.capture(hold, cost).await,
            LedgerAct::Release { hold } | LedgerAct::ReleaseUnpaid { hold } => {
                let is_unpaid = matches!(act, LedgerAct::ReleaseUnpaid { .. });
                self.release(hold, is_unpaid).await
            }
            act => self.change(act).await,
        };
        if let Some(version) = self.key.last_read_again() {
            self.key_seen_at = version;
        }
        told
    }

    async fn ask(&mut self, elsewhere: bool, by_key: bool, amount: u64, least: u64) -> String {
        let (ledger, order) = (self.ledger(elsewhere), self.scene.range(amount, least));
        match self.scene.hold_at(&ledger, self.payer(by_key), &order).await {
            Ok(held) => {
                let told = format!("{:?} of {:?}, {:?}", held.amount, held.balance, held.in_flight);
                self.holds.push((held, elsewhere));
                told
            }
            Err(error) => format!("{error:?}"),
        }
    }

    async fn refuse(&self, by_key: bool) -> String {
        let ledger = self.ledger(false);
        let confirmed = match ledger.admit(&self.scene.gate, self.payer(by_key), None).await {
            Ok(Admission::Open(account)) => ledger.confirm(account).await,
            Ok(Admission::Replay(replay)) => panic!("was answered before: {replay:?}"),
            Err(error) => Err(error),
        };
        match confirmed {
            Ok(open) => format!("{:?} can be spent", open.spendable(self.scene.test.clock.now())),
            Err(error) => format!("{error:?}"),
        }
    }

    /// A hold, which is not ended again.
    fn take_hold(&mut self, number: usize) -> Option<(Held, Ledger)> {
        if self.holds.is_empty() {
            return None;
        }
        let (held, elsewhere) = self.holds.swap_remove(number % self.holds.len());
        Some((held, self.ledger(elsewhere)))
    }

    async fn capture(&mut self, hold: usize, cost: u64) -> String {
        let Some((held, ledger)) = self.take_hold(hold) else { return String::new() };
        let (reply, bill) = (stored_reply("Hi"), Bill::of(credits(cost)));
        let exchange = Exchange { message: &message("Hello"), reply: &reply, conversation: None, bill };
        ledger.capture(&held, exchange).await.map_or_else(|_| "gone".to_owned(), |charge| format!("{charge:?}"))
    }

    async fn release(&mut self, hold: usize, is_unpaid: bool) -> String {
        if let Some((held, ledger)) = self.take_hold(hold) {
            if is_unpaid {
                // A provider of its own: the failures of one for several accounts are not counted.
                ledger.release_unpaid(&held, &self.user_id.to_string()).await;
            } else {
                ledger.release(&held).await;
            }
        }
        String::new()
    }

    /// Changes the account past this function.
    async fn change(&mut self, act: LedgerAct) -> String {
        let account = self.account().await;
        match act {
            LedgerAct::Grant { amount } => self.set("balance", number(u64::from(account.balance) + amount)).await,
            LedgerAct::SetStatus(status) => self.set("status", status.attribute_value()).await,
            LedgerAct::RaiseEpoch { logs_in } => {
                self.set("session_epoch", number(account.session_epoch + 1)).await;
                if logs_in {
                    self.epoch = account.session_epoch + 1;
                }
            }
            LedgerAct::EndKey { this } => {
                self.set("keys_version", number(account.keys_version + 1)).await;
                if this {
                    self.key.end();
                }
            }
            _ => {}
        }
        String::new()
    }
}

async fn compare(scene: &Scene, case: usize, acts: Vec<LedgerAct>) -> Result<(), TestCaseError> {
    let mut warm = Twin::new(scene, &format!("warm-{case}"), true).await;
    let mut fresh = Twin::new(scene, &format!("fresh-{case}"), false).await;
    for act in acts {
        if let LedgerAct::Wait { seconds } = act {
            scene.test.clock.advance(Duration::from_secs(seconds));
        }
        prop_assert_eq!(warm.take(act).await, fresh.take(act).await, "{:?}", act);
        prop_assert_eq!(warm.state().await, fresh.state().await, "{:?}", act);
    }
    scene.test.recorder.clear();
    Ok(())
}

#[test]
fn a_function_that_remembers_accounts_answers_and_holds_as_one_that_reads_them_whatever_others_do() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let scene = runtime.block_on(Scene::with_balance(0));
    let cases = std::cell::Cell::new(0);
    let configuration = ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() };
    let outcome = TestRunner::new(configuration).run(&prop::collection::vec(any_act(), 1..40), |acts| {
        cases.set(cases.get() + 1);
        runtime.block_on(compare(&scene, cases.get(), acts))
    });
    outcome.unwrap();
}
