//! Unpaid work: how much of it an account may have in an hour, and what counts.

use super::*;

const HOUR: Duration = Duration::from_secs(60 * 60);
const PROVIDER: &str = "some-model";

impl Scene {
    /// A ledger with room for so many holds that unpaid work is the only limit.
    async fn with_room(balance: u64) -> Self {
        let mut scene = Self::with_balance(balance).await;
        scene.ledger = Ledger::new(scene.test.table.clone(), scene.test.clock.clone(), 20);
        scene
    }

    async fn waste(&self, payer: Payer) -> Result<(), LedgerError> {
        let wasted = held(self.order(payer, 1, "Hello", None).await?);
        self.ledger.release_unpaid(&wasted, PROVIDER).await;
        Ok(())
    }

    async fn pay(&self, payer: Payer) {
        let paid = held(self.order(payer, 1, "Hello", None).await.unwrap());
        self.capture(&paid, 0).await.unwrap();
    }
}

#[tokio::test]
async fn twenty_messages_of_an_hour_may_stay_unpaid_and_then_the_account_waits_for_the_next() {
    let scene = Scene::with_room(10).await;
    for _ in 0..20 {
        scene.waste(scene.ada).await.unwrap();
    }
    scene.test.clock.advance(Duration::from_secs(600));
    let Err(LedgerError::TooMuchUnpaid { limit: 20, retry_after }) = scene.waste(scene.ada).await else {
        panic!("the twenty-first message was held")
    };
    assert_eq!(retry_after, Duration::from_secs(3000));
    scene.test.clock.advance(retry_after);
    scene.waste(scene.ada).await.unwrap();
    let hourly = scene.account().await.hourly;
    assert_eq!((hourly.began_at, hourly.unpaid, hourly.charged), (NOW.plus(HOUR).seconds(), 1, 0));
}

#[tokio::test]
async fn twenty_charged_messages_of_the_hour_allow_one_more() {
    let scene = Scene::with_room(10).await;
    for _ in 0..20 {
        scene.pay(scene.ada).await;
        scene.waste(scene.ada).await.unwrap();
    }
    scene.waste(scene.ada).await.unwrap();
    assert!(matches!(scene.waste(scene.ada).await, Err(LedgerError::TooMuchUnpaid { limit: 21, .. })));
}

#[tokio::test]
async fn messages_that_were_turned_away_do_not_count() {
    let scene = Scene::with_room(10).await;
    for _ in 0..30 {
        scene.ledger.release(&scene.hold(1).await.unwrap()).await;
    }
    assert_eq!(scene.account().await.hourly.unpaid, 0);
}

#[tokio::test]
async fn charges_that_fail_after_the_reply_count() {
    let scene = Scene::with_room(10).await;
    let held = scene.hold(1).await.unwrap();
    scene.test.recorder.fail_next("TransactWriteItems", Fault::NotApplied, 3);
    assert!(matches!(scene.capture(&held, 1).await, Err(LedgerError::Unavailable(_))));
    assert_eq!(scene.account().await.hourly.unpaid, 1);
}

#[tokio::test]
async fn a_release_that_is_repeated_counts_once() {
    let scene = Scene::with_room(10).await;
    let wasted = scene.hold(1).await.unwrap();
    scene.test.recorder.fail_next("UpdateItem", Fault::AnswerLost, 2);
    scene.ledger.release_unpaid(&wasted, PROVIDER).await;
    scene.ledger.release_unpaid(&wasted, PROVIDER).await;
    assert_eq!(scene.account().await.hourly.unpaid, 1);
}

#[tokio::test]
async fn holds_that_expire_count_whether_they_are_released_or_taken_over() {
    for key in [None, Some("key")] {
        let scene = Scene::with_room(10).await;
        held(scene.order(scene.ada, 1, "Hello", key).await.unwrap());
        scene.test.clock.advance(EXPIRY);
        held(scene.order(scene.ada, 1, "Hello", key).await.unwrap());
        assert_eq!(scene.account().await.hourly.unpaid, 1, "{key:?}");
    }
}

/// Holds that an earlier hour left behind lock nobody out.
#[tokio::test]
async fn holds_of_an_earlier_hour_do_not_count() {
    for key in [None, Some("key")] {
        let scene = Scene::with_room(10).await;
        for _ in 0..19 {
            held(scene.order(scene.ada, 0, "Hello", None).await.unwrap());
        }
        held(scene.order(scene.ada, 1, "Hello", key).await.unwrap());
        scene.test.clock.advance(HOUR);
        held(scene.order(scene.ada, 1, "Hello", key).await.unwrap());
        assert_eq!(scene.account().await.hourly.unpaid, 0, "{key:?}");
    }
}

/// A message in flight may become an unpaid one, so it takes one of the places that are left.
#[tokio::test]
async fn however_many_are_asked_at_once_no_more_can_stay_unpaid_than_the_hour_allows() {
    let mut scene = Scene::with_room(100).await;
    scene.ledger = scene.ledger.with_unpaid_per_hour(3);
    scene.waste(scene.ada).await.unwrap();
    let asked = futures_util::future::join_all((0..20).map(|_| scene.hold(1))).await;
    let in_flight: Vec<&Held> = asked.iter().filter_map(|asked| asked.as_ref().ok()).collect();
    assert_eq!(in_flight.len(), 2);
    assert!(asked.iter().all(|asked| matches!(asked, Ok(_) | Err(LedgerError::TooManyHolds { .. }))));
    futures_util::future::join_all(in_flight.iter().map(|held| scene.ledger.release_unpaid(held, PROVIDER))).await;
    assert!(matches!(scene.hold(1).await, Err(LedgerError::TooMuchUnpaid { .. })));
    assert_eq!(scene.account().await.hourly.unpaid, 3);
}

#[tokio::test]
async fn failures_of_a_provider_that_fails_for_several_accounts_are_not_counted() {
    let scene = Scene::with_room(10).await;
    let mut accounts = vec![scene.ada];
    for name in ["bob", "eve", "mary"] {
        accounts.push(open_account(&scene.test, name, 10).await);
    }
    for payer in &accounts {
        scene.pay(*payer).await;
        scene.waste(*payer).await.unwrap();
    }
    for _ in 0..30 {
        scene.waste(scene.ada).await.unwrap();
    }
    assert_eq!(scene.account().await.hourly.unpaid, 1, "the first of all");
    // The next window looks at the one before, and the one after that begins anew.
    scene.test.clock.advance(Duration::from_secs(600));
    scene.waste(scene.ada).await.unwrap();
    assert_eq!(scene.account().await.hourly.unpaid, 1);
    scene.test.clock.advance(Duration::from_secs(1200));
    scene.waste(scene.ada).await.unwrap();
    assert_eq!(scene.account().await.hourly.unpaid, 2);
}

/// Nobody is charged during an outage, so the accounts' last charges lie further and further back.
#[tokio::test]
async fn an_outage_of_hours_locks_nobody_out() {
    let scene = Scene::with_room(10).await;
    let mut accounts = vec![scene.ada];
    for name in ["bob", "eve", "mary"] {
        accounts.push(open_account(&scene.test, name, 10).await);
    }
    for payer in &accounts {
        scene.pay(*payer).await;
    }
    for _ in 0..6 * 20 {
        scene.test.clock.advance(Duration::from_secs(180));
        for payer in &accounts {
            scene.waste(*payer).await.unwrap();
        }
    }
}

/// Accounts cost nothing: a person could have some that only fail.
#[tokio::test]
async fn accounts_that_have_paid_nothing_make_no_outage() {
    let scene = Scene::with_room(10).await;
    for number in 0..5 {
        let payer = open_account(&scene.test, &format!("user{number}"), 10).await;
        scene.waste(payer).await.unwrap();
    }
    for _ in 0..20 {
        scene.waste(scene.ada).await.unwrap();
    }
    assert!(matches!(scene.waste(scene.ada).await, Err(LedgerError::TooMuchUnpaid { .. })));
}
