//! An operator has the entries of an account summed again, whoever is killed meanwhile, sums or reads.

use std::time::Duration;

use aws_sdk_dynamodb::types::AttributeValue;
use domain::calendar::Day;
use domain::ids::{ApiKeyId, EntryId, UserId};
use domain::time::Timestamp;
use testkit::recorder::Fault;

use super::summing::{SummingScene, chat, put, sealed};
use crate::account::Account;
use crate::checkpoint::Checkpoint;
use crate::entry;
use crate::summing::{CheckpointMove, Step};
use crate::summing_again::{AccountClosed, SummedAgain};
use crate::usage::{Days, RowLimit, UsageReader};

/// More than one transaction deletes.
const MODELS: u32 = 95;

/// A summed account with a chat of each of many models, some of them by an API key, and the id of the last.
async fn summed() -> (SummingScene, EntryId) {
    let scene = SummingScene::start().await;
    let clock = &scene.ledgers[1].clock;
    let api_key = ApiKeyId::new(clock).to_string();
    let mut last = EntryId::new(clock);
    for number in 0..MODELS {
        clock.advance(Duration::from_millis(1));
        last = EntryId::new(clock);
        let mut entry = chat(&format!("model-{number}"));
        if number.is_multiple_of(3) {
            entry["api_key"] = api_key.clone().into();
        }
        put(&scene, last, entry).await;
    }
    sealed(&scene).await;
    scene.sum_all().await;
    scene.check().await;
    (scene, last)
}

/// Changes an entry as an operator does by hand. The sums are then those of other entries.
async fn mend(scene: &SummingScene, entry: EntryId) {
    let key = entry::key(scene.user(), entry);
    scene.test.set(key.clone(), "model", AttributeValue::S("mended".to_owned())).await;
    scene.test.set(key, "amount", AttributeValue::N("-7".to_owned())).await;
}

fn later(scene: &SummingScene) -> Timestamp {
    scene.ledgers[1].clock.now().plus(Duration::from_secs(60))
}

/// The requests and the credits that a reader of usage is told.
async fn told(scene: &SummingScene) -> (u64, u64) {
    let clock = &scene.ledgers[1].clock;
    let reader = UsageReader::new(scene.test.table.clone(), clock.clone());
    let days = Days::new(None, None, Day::of(clock.now())).unwrap();
    let read = reader.read(scene.ada, days, RowLimit { bytes: 1 << 20 }).await.unwrap();
    assert_eq!(read.as_of, clock.now(), "all entries have room in what is read");
    read.rows.values().fold((0, 0), |(requests, credits), sums| (requests + sums.requests, credits + sums.credits))
}

#[tokio::test]
async fn the_sums_are_those_of_the_entries_again_after_one_was_mended() {
    let (scene, last) = summed().await;
    mend(&scene, last).await;
    let through = scene.checkpoint().await.through;
    let summed = scene.ledgers[1].sum_again(scene.user(), later(&scene)).await.unwrap();
    let sum = 100_000 - (i64::from(MODELS) - 1) - 7;
    let began_at = Some(scene.ledgers[1].clock.now().to_string());
    assert_eq!(summed, Ok(SummedAgain { finished: true, began_at, through, entries: u64::from(MODELS) + 1, sum }));
    scene.check().await;
    let checkpoint = scene.checkpoint().await;
    assert_eq!((checkpoint.is_clearing, checkpoint.again, checkpoint.times_again), (false, None, 1));
    assert_eq!(scene.ledgers[1].sum_again(scene.user(), later(&scene)).await.unwrap(), summed, "begun anew");
    assert_eq!(scene.checkpoint().await.times_again, 2);
}

#[tokio::test]
async fn whoever_is_killed_is_followed_by_one_who_goes_on_and_nobody_is_told_half_a_sum_meanwhile() {
    let (scene, last) = summed().await;
    mend(&scene, last).await;
    let expected = (u64::from(MODELS), u64::from(MODELS) - 1 + 7);
    let mut states = Vec::new();
    for call in 0..40 {
        let fault = [Fault::NotApplied, Fault::AnswerLost][call % 2];
        // A lost answer to the last transaction would let the next call begin anew.
        let seen = scene.checkpoint().await;
        let is_summed = seen.again.is_some_and(|again| seen.through >= Some(again.to));
        if call % 3 > 0 && !is_summed {
            scene.test.recorder.fail_next("TransactWriteItems", fault, 3);
        }
        // Without time, a call does one thing.
        let outcome = scene.ledgers[1].sum_again(scene.user(), Timestamp::from_seconds(0)).await;
        scene.test.recorder.forget_faults();
        let checkpoint = scene.checkpoint().await;
        states.push((checkpoint.is_clearing, checkpoint.history.entries));
        if checkpoint.times_again > 0 {
            assert!(
                matches!(scene.ledgers[0].sum_step(scene.user()).await, Ok(Step::Done(_))) || !checkpoint.is_clearing
            );
            scene.check_usage_of_keys().await;
            assert_eq!(told(&scene).await, expected, "{checkpoint:?}");
        }
        if let Ok(Ok(SummedAgain { finished: true, .. })) = outcome {
            break;
        }
    }
    assert!(states.iter().filter(|(is_clearing, _)| *is_clearing).count() > 2, "{states:?}");
    let checkpoint = scene.checkpoint().await;
    assert_eq!((checkpoint.is_clearing, checkpoint.again, checkpoint.times_again), (false, None, 1));
    scene.sum_all().await;
    scene.check().await;
}

#[tokio::test]
async fn several_who_sum_again_at_once_and_others_who_take_steps_add_nothing_twice() {
    let (scene, last) = summed().await;
    mend(&scene, last).await;
    let again = scene.ledgers.iter().map(|ledger| ledger.sum_again(scene.user(), later(&scene)));
    let steps = async {
        for _ in 0..30 {
            scene.ledgers[2].sum_step(scene.user()).await.unwrap();
        }
    };
    let (outcomes, ()) = futures_util::join!(futures_util::future::join_all(again), steps);
    for outcome in outcomes {
        outcome.unwrap().unwrap();
    }
    // A call that begins anew would throw away what the others have added twice.
    if scene.checkpoint().await.again.is_some() {
        scene.ledgers[1].sum_again(scene.user(), later(&scene)).await.unwrap().unwrap();
    }
    scene.check().await;
}

#[tokio::test]
async fn a_deletion_of_rows_that_is_late_deletes_nothing() {
    let (scene, _) = summed().await;
    scene.ledgers[1].sum_again(scene.user(), Timestamp::from_seconds(0)).await.unwrap().unwrap();
    let clearing = scene.checkpoint().await;
    assert!(clearing.is_clearing);
    scene.ledgers[1].sum_again(scene.user(), later(&scene)).await.unwrap().unwrap();
    let rows = scene.test.table.querying(scene.user(), "USAGE#").limit(45).send().await.unwrap().items.unwrap();
    assert_eq!(rows.len(), 45);
    assert_eq!(scene.ledgers[1].delete_rows(scene.user(), &clearing, rows).await.unwrap(), CheckpointMove::Overtaken);
    scene.check().await;
}

/// A transaction that arrives once more, minutes later, finds the checkpoint as it was while other rows are thrown away.
#[tokio::test]
async fn rows_that_are_gone_are_not_taken_back_from_the_sums_of_all_once_more() {
    let (scene, _) = summed().await;
    scene.ledgers[1].sum_again(scene.user(), Timestamp::from_seconds(0)).await.unwrap().unwrap();
    let clearing = scene.checkpoint().await;
    let rows = scene.test.table.querying(scene.user(), "USAGE#").limit(5).send().await.unwrap().items.unwrap();
    for expected in [CheckpointMove::Done, CheckpointMove::Overtaken] {
        let outcome = scene.ledgers[2].delete_rows(scene.user(), &clearing, rows.clone()).await;
        assert_eq!(outcome.unwrap(), expected);
    }
    scene.ledgers[1].sum_again(scene.user(), later(&scene)).await.unwrap().unwrap();
    scene.check().await;
}

#[tokio::test]
async fn entries_that_are_gone_are_in_no_sum_and_a_seal_that_is_young_is_waited_for() {
    let (scene, last) = summed().await;
    scene.test.table.delete(entry::key(scene.user(), last)).await.unwrap();
    let sealed_at = scene.ledgers[1].clock.now().milliseconds().to_string();
    scene.test.set(Account::key(scene.user()), "sealed_at", AttributeValue::N(sealed_at)).await;
    let SummedAgain { finished, entries, .. } =
        scene.ledgers[1].sum_again(scene.user(), later(&scene)).await.unwrap().unwrap();
    assert_eq!((finished, entries), (false, 0));
    assert_eq!(told(&scene).await, (u64::from(MODELS) - 1, u64::from(MODELS) - 1));
    scene.ledgers[1].clock.advance(Duration::from_secs(60));
    let SummedAgain { finished, entries, .. } =
        scene.ledgers[1].sum_again(scene.user(), later(&scene)).await.unwrap().unwrap();
    assert_eq!((finished, entries), (true, u64::from(MODELS)));
    let account: Account = scene.test.table.get(Account::key(scene.user())).await.unwrap().unwrap();
    assert_eq!(scene.checkpoint().await.through, account.sealed_to, "or the account would never be sealed again");
    assert_eq!(scene.checkpoint().await.times_again, 1);
    scene.check().await;
}

#[tokio::test]
async fn nothing_is_summed_again_in_an_account_that_was_never_summed_is_gone_or_is_being_deleted() {
    let scene = SummingScene::start().await;
    let nothing = SummedAgain { finished: true, began_at: None, through: None, entries: 0, sum: 0 };
    assert_eq!(scene.ledgers[1].sum_again(scene.user(), later(&scene)).await.unwrap(), Ok(nothing));
    assert_eq!(scene.checkpoint().await, Checkpoint::default());
    scene.test.set(Account::key(scene.user()), "status", AttributeValue::S("deleting".to_owned())).await;
    for user in [scene.user(), UserId::new(&scene.test.clock)] {
        assert_eq!(scene.ledgers[1].sum_again(user, later(&scene)).await.unwrap(), Err(AccountClosed));
    }
}
