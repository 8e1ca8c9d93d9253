//! Attempts on the real engine.

use futures_util::{StreamExt, stream};
use testkit::recorder::Fault;

use super::*;
use crate::testing::TestPeople;
use testkit::test_table::NOW;

/// So many requests at once: each is a connection, and a process has not many more.
const AT_ONCE: usize = 100;

fn network(number: usize) -> SourceNetwork {
    SourceNetwork::of_address(&format!("0:0:0:{number:x}::1"))
}

fn name(text: &str) -> Username {
    Username::parse(text).unwrap()
}

/// Either what was admitted, or how long to wait.
async fn attempt(test: &TestPeople, username: &str, network: SourceNetwork) -> Result<PasswordAttempt, Duration> {
    let deadline = test.clock.now().plus(Duration::from_secs(28));
    match test.logins().attempt(&name(username), network, deadline).await {
        Ok((_, attempt)) => Ok(attempt),
        Err(IdentityError::Throttled { retry_after }) => Err(retry_after),
        Err(error) => panic!("{error:?}"),
    }
}

/// A login with the right password.
async fn log_in(test: &TestPeople, username: &str, network: SourceNetwork) -> Result<(), Duration> {
    let attempt = attempt(test, username, network).await?;
    let login = test.logins().find(&name(username)).await.unwrap().unwrap();
    test.begin_session(&attempt, &login).await;
    Ok(())
}

async fn item(test: &TestPeople, username: &str) -> Item {
    let key = key(&name(username)).into_item();
    let request = test.table.client().get_item().table_name(test.table.name()).set_key(Some(key));
    request.consistent_read(true).send().await.unwrap().item.unwrap_or_default()
}

async fn recorded(test: &TestPeople, username: &str) -> usize {
    history_of(&item(test, username).await).texts().len()
}

#[tokio::test]
async fn of_a_thousand_guesses_at_the_same_moment_five_are_admitted() {
    let test = TestPeople::start().await;
    test.register("ada", 0).await;
    for username in ["ada", "nobody"] {
        let outcomes: Vec<_> = stream::iter(0..1000)
            .map(|_| attempt(&test, username, network(1)))
            .buffer_unordered(AT_ONCE)
            .map(|outcome| outcome.map(|_| ()))
            .collect()
            .await;
        let admitted = outcomes.iter().filter(|outcome| outcome.is_ok()).count();
        let refused = outcomes.iter().filter(|outcome| **outcome == Err(Duration::from_secs(1))).count();
        assert_eq!((admitted, refused), (5, 995), "{username}");
    }
}

#[tokio::test]
async fn guesses_from_many_networks_at_the_same_moment_are_never_more_than_a_hundred() {
    let test = TestPeople::start().await;
    let logins = test.logins();
    let username = name("nobody");
    let guess = async |number: usize| logins.attempt(&username, network(number), NOW).await;
    let outcomes: Vec<_> = stream::iter(0..300).map(guess).buffer_unordered(10).collect().await;
    // Those that met others too often have not been admitted either.
    let admitted = outcomes.iter().filter(|outcome| outcome.is_ok()).count();
    assert!((5..=100).contains(&admitted), "{admitted}");
    assert_eq!(recorded(&test, "nobody").await, admitted);
}

#[tokio::test]
async fn a_success_withdraws_its_own_attempt_and_no_other() {
    let test = TestPeople::start().await;
    test.register("ada", 0).await;
    for _ in 0..20 {
        log_in(&test, "ada", network(1)).await.unwrap();
    }
    assert_eq!(recorded(&test, "ada").await, 0);
    for failed in 1..=4 {
        attempt(&test, "ada", network(1)).await.unwrap();
        log_in(&test, "ada", network(1)).await.unwrap();
        assert_eq!(recorded(&test, "ada").await, failed);
    }
}

#[tokio::test]
async fn a_success_also_withdraws_an_attempt_that_was_made_to_forget_its_network() {
    let test = TestPeople::start().await;
    test.register("ada", 0).await;
    let deadline = NOW.plus(Duration::from_secs(28));
    let (login, own) = test.logins().attempt(&name("ada"), network(0), deadline).await.unwrap();
    for number in 1..=20 {
        test.clock.advance(Duration::from_millis(1));
        attempt(&test, "ada", network(number)).await.unwrap();
    }
    assert!(!history_of(&item(&test, "ada").await).texts().contains(&own.recorded.to_string()));
    test.begin_session(&own, &login.unwrap()).await;
    assert_eq!(recorded(&test, "ada").await, 20);
}

#[tokio::test]
async fn a_slowed_network_waits_with_the_right_password_too() {
    let test = TestPeople::start().await;
    test.register("ada", 0).await;
    for _ in 0..5 {
        attempt(&test, "ada", network(1)).await.unwrap();
    }
    assert_eq!(log_in(&test, "ada", network(1)).await, Err(Duration::from_secs(1)));
    assert_eq!(log_in(&test, "ada", network(2)).await, Ok(()));
    test.clock.advance(Duration::from_secs(1));
    assert_eq!(log_in(&test, "ada", network(1)).await, Ok(()));
    // It was no guess, so that the next waits no longer than this one.
    assert_eq!(log_in(&test, "ada", network(1)).await, Ok(()));
    attempt(&test, "ada", network(1)).await.unwrap();
    assert_eq!(log_in(&test, "ada", network(1)).await, Err(Duration::from_secs(2)));
}

#[tokio::test]
async fn a_stranger_cannot_lock_the_owner_out_of_a_network_that_they_logged_in_from() {
    let test = TestPeople::start().await;
    test.register("ada", 0).await;
    let home = SourceNetwork::of_address("127.0.113.7");
    log_in(&test, "ada", home).await.unwrap();
    let mut guesses = 0;
    for number in (0..30).cycle() {
        if guesses == 100 {
            break;
        }
        guesses += usize::from(attempt(&test, "ada", network(number)).await.is_ok());
        test.clock.advance(Duration::from_secs(15));
    }
    assert!(attempt(&test, "ada", network(50)).await.is_err(), "the name has no guesses left");
    assert_eq!(log_in(&test, "ada", home).await, Ok(()));
    // From elsewhere the owner waits like a stranger, and no longer than an hour.
    let elsewhere = SourceNetwork::of_address("127.0.100.7");
    let retry_after = log_in(&test, "ada", elsewhere).await.unwrap_err();
    assert!(retry_after <= Duration::from_secs(3600), "{retry_after:?}");
    test.clock.advance(retry_after);
    assert_eq!(log_in(&test, "ada", elsewhere).await, Ok(()));
}

#[tokio::test]
async fn an_attempt_whose_answer_was_lost_counts_once() {
    let test = TestPeople::start().await;
    for count in 1..=4 {
        test.recorder.fail_next("UpdateItem", Fault::AnswerLost, 1);
        attempt(&test, "nobody", network(1)).await.unwrap();
        assert_eq!(recorded(&test, "nobody").await, count);
    }
    for number in 2..=4 {
        attempt(&test, "nobody", network(number)).await.unwrap();
    }
    let seen = item(&test, "nobody").await;
    let recorded_attempt = RecordedAttempt::new(NOW, network(5)).unwrap();
    let own = PasswordAttempt { username: name("nobody"), network: network(5), recorded: recorded_attempt };
    test.recorder.fail_next("UpdateItem", Fault::AnswerLost, 1);
    Attempts::new(test.table.clone(), test.clock.clone()).write_judged(&own, seen, false, NOW).await.unwrap();
    assert_eq!(recorded(&test, "nobody").await, 8);
}

#[tokio::test]
async fn attempts_that_collide_with_others_are_made_again() {
    let test = TestPeople::start().await;
    test.recorder.fail_next("UpdateItem", Fault::Conflict, 2);
    attempt(&test, "nobody", network(1)).await.unwrap();
    assert_eq!(recorded(&test, "nobody").await, 1);
}

#[tokio::test]
async fn an_attempt_that_cannot_be_recorded_is_not_admitted() {
    let test = TestPeople::start().await;
    test.register("ada", 0).await;
    test.recorder.fail_next("UpdateItem", Fault::NotApplied, 3);
    let refused = test.logins().attempt(&name("ada"), network(1), NOW).await;
    assert!(matches!(refused, Err(IdentityError::Unavailable(_))));
}

#[tokio::test]
async fn a_refusal_writes_nothing_and_every_write_puts_off_the_expiry() {
    let test = TestPeople::start().await;
    let mut seen = Item::default();
    for other in 0..7 {
        test.clock.advance(Duration::from_secs(60));
        attempt(&test, "nobody", network(other)).await.unwrap();
        seen = item(&test, "nobody").await;
        assert_eq!(seen["expires_at"], number(test.clock.now().seconds() + 7200));
    }
    for _ in 0..4 {
        attempt(&test, "nobody", network(1)).await.unwrap();
        seen = item(&test, "nobody").await;
    }
    attempt(&test, "nobody", network(1)).await.unwrap_err();
    assert_eq!(item(&test, "nobody").await, seen);
}

#[tokio::test]
async fn old_attempts_do_not_pile_up() {
    let test = TestPeople::start().await;
    for number in 0..30 {
        test.clock.advance(Duration::from_secs(20 * 60));
        attempt(&test, "nobody", network(number)).await.unwrap();
    }
    assert!(recorded(&test, "nobody").await <= 5);
}

#[tokio::test]
async fn names_that_are_one_have_one_set_of_attempts() {
    let test = TestPeople::start().await;
    for username in ["ada", "Ada", "ADA", "aDa", "ａｄａ"] {
        attempt(&test, username, network(1)).await.unwrap();
    }
    assert_eq!(attempt(&test, "adA", network(1)).await.map(|_| ()), Err(Duration::from_secs(1)));
}

#[tokio::test]
async fn a_name_that_nobody_has_is_judged_like_one_that_somebody_has() {
    let test = TestPeople::start().await;
    test.register("ada", 0).await;
    for step in 0..120 {
        let network = network(step / 9 % 4);
        let [known, unknown] = ["ada", "nobody"].map(|username| attempt(&test, username, network));
        assert_eq!(known.await.map(|_| ()), unknown.await.map(|_| ()), "{step}");
        test.clock.advance(Duration::from_millis(700));
    }
}
