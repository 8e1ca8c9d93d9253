//! Attempts on the real engine.

use std::collections::BTreeMap;
use std::time::Duration;

use aws_sdk_dynamodb::types::AttributeValue;
use domain::password::Password;
use futures_util::{StreamExt, stream};
use store::number;
use testkit::recorder::Fault;
use testkit::test_table::NOW;

use super::*;
use crate::login::{Login, ProvenLogin};
use crate::password_hash::PasswordHash;
use crate::testing::TestPeople;

/// The number of requests at once: each is a connection, and a process has not many more.
const AT_ONCE: usize = 100;

const HOUR: Duration = Duration::from_secs(60 * 60);

fn network(number: usize) -> SourceNetwork {
    SourceNetwork::of_address(&format!("0:0:0:{number:x}::1"))
}

fn home() -> SourceNetwork {
    SourceNetwork::of_address("127.0.113.7")
}

fn name(text: &str) -> Username {
    Username::parse(text).unwrap()
}

/// Either the attempt that was counted, or the time to wait.
async fn attempt(test: &TestPeople, username: &str, network: SourceNetwork) -> Result<CountedAttempt, Duration> {
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
    Attempts::new(test.table.clone(), test.clock.clone()).take_back(&attempt).await;
    let login = test.logins().find(&name(username)).await.unwrap().unwrap();
    test.begin_session(&ProvenLogin::unproven(login, &name(username), network)).await;
    Ok(())
}

/// The number of attempts that are admitted, of many that are made at once.
async fn admitted_at_once(
    test: &TestPeople,
    attempts: usize,
    of: impl Fn(usize) -> (String, SourceNetwork),
) -> (usize, usize) {
    let outcomes: Vec<bool> = stream::iter((0..attempts).map(of))
        .map(|(username, network)| async move { attempt(test, &username, network).await.is_ok() })
        .buffer_unordered(AT_ONCE)
        .collect()
        .await;
    let admitted = outcomes.iter().filter(|admitted| **admitted).count();
    (admitted, attempts - admitted)
}

/// The counts of this hour, by partition and attribute.
async fn counts(test: &TestPeople) -> BTreeMap<(String, String), u64> {
    let mut counts = BTreeMap::new();
    for item in test.isolated.items().await {
        let partition = item["pk"]["S"].as_str().unwrap();
        if !partition.starts_with("GUESSES#") {
            continue;
        }
        for (attribute, value) in item.as_object().unwrap() {
            if !["pk", "sk", "expires_at"].contains(&attribute.as_str()) {
                let count = value["N"].as_str().unwrap().parse().unwrap();
                counts.insert((partition.to_owned(), attribute.clone()), count);
            }
        }
    }
    counts
}

/// Sets a count of a network past the API.
async fn set_count(test: &TestPeople, network: SourceNetwork, attribute: &str, count: u64) {
    let key = ClockHour::of(test.clock.now()).key(format!("GUESSES#NETWORK#{network}"));
    test.set(key, attribute, number(count)).await;
}

#[tokio::test]
async fn of_a_thousand_guesses_of_a_network_at_a_name_at_the_same_moment_twenty_are_admitted() {
    let test = TestPeople::start().await;
    test.register("ada", 0).await;
    for (number, username) in ["ada", "nobody"].into_iter().enumerate() {
        let admitted = admitted_at_once(&test, 1000, |_| (username.to_owned(), network(number))).await;
        assert_eq!(admitted, (20, 980), "{username}");
    }
}

#[tokio::test]
async fn of_a_thousand_guesses_of_many_networks_at_a_name_at_the_same_moment_ninety_six_are_admitted() {
    let test = TestPeople::start().await;
    test.register("ada", 0).await;
    for (number, username) in ["ada", "nobody"].into_iter().enumerate() {
        let admitted =
            admitted_at_once(&test, 1000, |guess| (username.to_owned(), network(number * 1000 + guess))).await;
        assert_eq!(admitted, (96, 904), "{username}");
    }
}

#[tokio::test]
async fn of_a_thousand_guesses_of_a_network_at_a_thousand_names_at_the_same_moment_three_hundred_are_admitted() {
    let test = TestPeople::start().await;
    let admitted = admitted_at_once(&test, 1000, |guess| (format!("user{guess}"), network(1))).await;
    assert_eq!(admitted, (300, 700));
    assert!(attempt(&test, "somebody-else", network(1)).await.is_err());
    assert!(attempt(&test, "somebody-else", network(2)).await.is_ok(), "other networks have failures of their own");
}

#[tokio::test]
async fn a_name_has_no_more_than_2400_guesses_of_strangers_in_any_24_hours() {
    let test = TestPeople::start().await;
    test.register("ada", 0).await;
    let mut admitted_at = Vec::new();
    // A second before each full hour, at it, and half an hour later.
    test.clock.advance(Duration::from_secs(3599));
    for step in 0..27 * 3 {
        for guess in 0.. {
            if attempt(&test, "ada", network(guess / 19)).await.is_err() {
                break;
            }
            admitted_at.push(test.clock.now());
        }
        test.clock.advance(Duration::from_secs([1, 1800, 1799][step % 3]));
    }
    let day = Duration::from_secs(24 * 60 * 60);
    let within = |from: &Timestamp| admitted_at.iter().filter(|at| **at >= *from && at.since(*from) < day).count();
    let most = admitted_at.iter().map(within).max().unwrap();
    assert_eq!(most, 2400);
}

#[tokio::test]
async fn a_stranger_cannot_lock_the_owner_out_of_a_network_that_they_logged_in_from() {
    let test = TestPeople::start().await;
    test.register("ada", 0).await;
    log_in(&test, "ada", home()).await.unwrap();
    for guess in 0..200 {
        let _ = attempt(&test, "ada", network(guess % 10)).await;
    }
    assert!(attempt(&test, "ada", network(50)).await.is_err(), "strangers have no guesses left");
    for _ in 0..30 {
        assert_eq!(log_in(&test, "ada", home()).await, Ok(()));
    }
    // From elsewhere the owner waits like a stranger, and no longer than an hour.
    let elsewhere = SourceNetwork::of_address("127.0.100.7");
    let retry_after = log_in(&test, "ada", elsewhere).await.unwrap_err();
    assert!(retry_after <= HOUR, "{retry_after:?}");
    test.clock.advance(retry_after);
    assert_eq!(log_in(&test, "ada", elsewhere).await, Ok(()));
}

#[tokio::test]
async fn a_stranger_behind_the_owners_address_does_not_lock_the_owner_out_by_guesses_at_other_names() {
    let test = TestPeople::start().await;
    test.register("ada", 0).await;
    log_in(&test, "ada", home()).await.unwrap();
    assert_eq!(admitted_at_once(&test, 400, |guess| (format!("user{guess}"), home())).await, (300, 100));
    assert_eq!(log_in(&test, "ada", home()).await, Ok(()));
}

#[tokio::test]
async fn the_names_that_know_a_network_have_three_thousand_failures_from_it_apart_from_the_strange_ones() {
    let test = TestPeople::start().await;
    test.register("ada", 0).await;
    log_in(&test, "ada", home()).await.unwrap();
    set_count(&test, home(), "known", FAILURES_OF_A_KNOWN_NETWORK - 1).await;
    attempt(&test, "ada", home()).await.unwrap();
    assert!(attempt(&test, "ada", home()).await.is_err());
    assert!(attempt(&test, "ada", network(1)).await.is_ok());
    assert!(attempt(&test, "newcomer", home()).await.is_ok(), "the failures of the others are not a newcomer's");
}

#[tokio::test]
async fn a_known_network_has_twenty_attempts_an_hour_like_any_other() {
    let test = TestPeople::start().await;
    test.register("ada", 0).await;
    log_in(&test, "ada", home()).await.unwrap();
    assert_eq!(admitted_at_once(&test, 50, |_| ("ada".to_owned(), home())).await, (20, 30));
    assert_eq!(log_in(&test, "ada", home()).await, Err(HOUR), "the right password waits too");
    assert_eq!(log_in(&test, "ada", network(1)).await, Ok(()));
    test.clock.advance(HOUR);
    assert_eq!(log_in(&test, "ada", home()).await, Ok(()));
}

#[tokio::test]
async fn whoever_waits_as_told_is_let_in_and_not_a_moment_earlier() {
    let test = TestPeople::start().await;
    test.clock.advance(Duration::from_millis(1_234_567));
    for _ in 0..20 {
        attempt(&test, "nobody", network(1)).await.unwrap();
    }
    let retry_after = attempt(&test, "nobody", network(1)).await.unwrap_err();
    assert_eq!(retry_after, Duration::from_millis(3_600_000 - 1_234_567), "the clock started at a full hour");
    test.clock.advance(retry_after.checked_sub(Duration::from_millis(1)).unwrap());
    assert_eq!(attempt(&test, "nobody", network(1)).await.map(drop), Err(Duration::from_millis(1)));
    test.clock.advance(Duration::from_millis(1));
    assert!(attempt(&test, "nobody", network(1)).await.is_ok());
}

#[tokio::test]
async fn a_right_password_is_no_failure_of_its_name_or_network_and_a_wrong_one_is() {
    let test = TestPeople::start().await;
    let password = Password::parse("correct horse").unwrap();
    let (logins, deadline) = (test.logins(), NOW.plus(Duration::from_secs(28)));
    let hash = PasswordHash::of(&password).unwrap();
    test.accounts()
        .register(ledger::gate::Accepting::unasked(), &name("ada"), hash, domain::credits::Credits::ZERO, deadline)
        .await
        .unwrap();
    for _ in 0..3 {
        logins.prove(&name("ada"), &password, home(), deadline).await.unwrap();
    }
    assert!(counts(&test).await.values().all(|count| *count == 0));
    let wrong = Password::parse("wrong horse").unwrap();
    for username in ["ada", "nobody"] {
        let outcome = logins.prove(&name(username), &wrong, home(), deadline).await;
        assert!(matches!(outcome, Err(IdentityError::InvalidCredentials)));
    }
    logins.prove(&name("ada"), &password, home(), deadline).await.unwrap();
    let mut found: Vec<(&str, u64)> = Vec::new();
    let counts = counts(&test).await;
    for ((partition, attribute), count) in &counts {
        let item = if partition.starts_with("GUESSES#NAME#") { "name" } else { "network" };
        let attribute = if attribute.starts_with("from_") { "group" } else { attribute.as_str() };
        found.push((attribute, *count));
        assert!((item == "network") == (attribute == "strange"), "{partition} {attribute}");
    }
    found.sort_unstable();
    let expected = [("group", 1), ("group", 1), ("strange", 2), ("strangers", 1), ("strangers", 1)];
    assert_eq!(found, expected);
}

#[tokio::test]
async fn more_logins_at_once_than_a_limit_allows_leave_nothing_counted() {
    let test = TestPeople::start().await;
    test.register("ada", 0).await;
    for _ in 0..ATTEMPTS_OF_STRANGERS + 10 {
        let own = attempt(&test, "ada", network(1)).await.unwrap();
        Attempts::new(test.table.clone(), test.clock.clone()).take_back(&own).await;
    }
    assert!(counts(&test).await.values().all(|count| *count == 0));
}

#[tokio::test]
async fn a_refusal_reads_three_items_and_writes_nothing() {
    let test = TestPeople::start().await;
    for _ in 0..20 {
        attempt(&test, "nobody", network(1)).await.unwrap();
    }
    test.recorder.clear();
    attempt(&test, "nobody", network(1)).await.unwrap_err();
    let operations: Vec<String> = test.recorder.requests().into_iter().map(|request| request.operation).collect();
    assert_eq!(operations, ["GetItem", "BatchGetItem"]);
}

#[tokio::test]
async fn the_fullest_item_of_a_name_stays_below_one_write_unit_and_expires() {
    let test = TestPeople::start().await;
    // Logins from thousands of networks take their attempts back, and leave a zero.
    for round in 0..20 {
        for place in 0..15 {
            let own = attempt(&test, "ada", network(1000 + round * 15 + place)).await.unwrap();
            Attempts::new(test.table.clone(), test.clock.clone()).take_back(&own).await;
        }
    }
    for guess in 0..96 {
        attempt(&test, "ada", network(guess)).await.unwrap();
    }
    let items = test.isolated.items().await;
    let item = items.iter().find(|item| item["pk"]["S"].as_str().unwrap().starts_with("GUESSES#NAME#")).unwrap();
    let item = item.as_object().unwrap();
    let bytes: usize = item.iter().map(|(attribute, value)| attribute.len() + bytes_of(value)).sum();
    assert!(item.len() > 60 && item.len() <= 64 + 4 && bytes <= 900, "{} attributes, {bytes} bytes", item.len());
    assert_eq!(item["expires_at"]["N"], NOW.plus(HOUR).plus(HOUR).seconds().to_string());
}

/// The bytes of a value as DynamoDB counts them, at most: a number has a byte for each two digits begun, and one more.
fn bytes_of(value: &serde_json::Value) -> usize {
    match (value["S"].as_str(), value["N"].as_str()) {
        (Some(text), _) => text.len(),
        (_, Some(digits)) => digits.len().div_ceil(2) + 2,
        _ => panic!("{value}"),
    }
}

#[tokio::test]
async fn the_fullest_login_of_the_longest_name_is_one_read_unit() {
    let test = TestPeople::start().await;
    let username = "\u{10428}".repeat(Username::MAX_CHARACTERS);
    test.register(&username, 0).await;
    for number in 0..50 {
        test.clock.advance(Duration::from_secs(1));
        let network = SourceNetwork::of_address(&format!("1111:2222:3333:{:x}::1", 0x4444 + number));
        log_in(&test, &username, network).await.unwrap();
    }
    // A hash of today's parameters.
    let hash = PasswordHash::of(&Password::parse("correct horse").unwrap()).unwrap();
    test.set(Login::key(&name(&username)), "password_hash", AttributeValue::S(hash.as_str().to_owned())).await;
    let login = test.logins().find(&name(&username)).await.unwrap().unwrap();
    assert_eq!((login.sessions.len(), login.networks.len()), (50, 20));
    test.recorder.ask_for_capacity();
    test.recorder.clear();
    attempt(&test, &username, network(1)).await.unwrap();
    let read = &test.recorder.requests()[0];
    assert_eq!((read.operation.as_str(), read.units()), ("GetItem", Some(1.0)));
}

#[tokio::test]
async fn an_attempt_whose_answer_was_lost_is_admitted_and_counts_twice_at_most() {
    let test = TestPeople::start().await;
    test.recorder.fail_next("UpdateItem", Fault::AnswerLost, 2);
    attempt(&test, "nobody", network(1)).await.unwrap();
    assert!(counts(&test).await.values().all(|count| (1..=2).contains(count)));
}

#[tokio::test]
async fn an_attempt_that_cannot_be_counted_is_not_admitted() {
    let test = TestPeople::start().await;
    test.register("ada", 0).await;
    for operation in ["UpdateItem", "BatchGetItem", "GetItem"] {
        test.recorder.fail_next(operation, Fault::NotApplied, 10);
        let refused = test.logins().attempt(&name("ada"), network(1), NOW).await;
        assert!(matches!(refused, Err(IdentityError::Unavailable(_))), "{operation}");
        test.recorder.forget_faults();
    }
}

#[tokio::test]
async fn an_attempt_that_cannot_be_taken_back_counts_and_turns_nobody_away() {
    let test = TestPeople::start().await;
    test.register("ada", 0).await;
    let own = attempt(&test, "ada", network(1)).await.unwrap();
    test.recorder.fail_next("UpdateItem", Fault::NotApplied, 10);
    Attempts::new(test.table.clone(), test.clock.clone()).take_back(&own).await;
    test.recorder.forget_faults();
    assert!(counts(&test).await.values().all(|count| *count == 1));
}

#[tokio::test]
async fn an_attempt_of_an_hour_that_was_deleted_is_taken_back_without_a_trace() {
    let test = TestPeople::start().await;
    let own = attempt(&test, "nobody", network(1)).await.unwrap();
    let hour = ClockHour::of(NOW);
    for partition in [format!("GUESSES#NAME#{}", digest_of("nobody")), format!("GUESSES#NETWORK#{}", network(1))] {
        let key = hour.key(partition).into_item();
        let delete = test.table.client().delete_item().table_name(test.table.name()).set_key(Some(key));
        delete.send().await.unwrap();
    }
    Attempts::new(test.table.clone(), test.clock.clone()).take_back(&own).await;
    assert!(counts(&test).await.is_empty());
}

#[tokio::test]
async fn names_that_are_one_are_counted_as_one() {
    let test = TestPeople::start().await;
    for guess in 0..20 {
        let username = ["ada", "Ada", "ADA", "aDa", "ａｄａ"][guess % 5];
        attempt(&test, username, network(1)).await.unwrap();
    }
    assert!(attempt(&test, "adA", network(1)).await.is_err());
}

#[tokio::test]
async fn a_name_that_nobody_has_is_judged_like_one_that_somebody_has() {
    let test = TestPeople::start().await;
    test.register("ada", 0).await;
    for step in 0..400 {
        let network = network(step / 9 % 7);
        let [known, unknown] = ["ada", "nobody"].map(|username| attempt(&test, username, network));
        assert_eq!(known.await.map(drop), unknown.await.map(drop), "{step}");
        test.clock.advance(Duration::from_secs(13));
    }
}

#[tokio::test]
async fn the_table_has_nothing_that_was_typed_where_a_name_belongs() {
    let test = TestPeople::start().await;
    attempt(&test, "hunter2-is-my-password", network(1)).await.unwrap();
    let everything = serde_json::json!(test.isolated.items().await).to_string();
    assert!(everything.contains("GUESSES#NAME#") && !everything.contains("hunter2"));
}
