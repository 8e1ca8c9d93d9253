//! Limits on the requests of a minute, of an account and of its API keys.

use std::sync::Arc;

use domain::ids::ApiKeyId;
use domain::requests_per_minute::RequestsPerMinute;
use futures_util::future::join_all;

use super::*;

use crate::buckets::MinuteRoom;
use crate::paying_key::{KeyLimits, PayingKey};
use crate::tests::remembered_keys::FakeKey;

fn limit(requests: u32) -> Option<RequestsPerMinute> {
    RequestsPerMinute::new(requests)
}

async fn scene_with(of_user: u32) -> Scene {
    let scene = Scene::with_balance(1_000).await;
    let ledger = Ledger::new(scene.test.table.clone(), scene.test.clock.clone(), 20);
    Scene { ledger: ledger.with_requests_per_minute(limit(of_user)), ..scene }
}

fn key_with(scene: &Scene, requests: u32) -> FakeKey {
    let limits = KeyLimits { requests_per_minute: limit(requests), ..KeyLimits::default() };
    scene.living_key().named(PayingKey { id: ApiKeyId::new(&scene.test.clock), limits: Arc::new(limits) })
}

async fn ask(scene: &Scene, payer: impl Into<ClaimedPayer>) -> Result<Held, LedgerError> {
    scene.order(payer, 1, "Hello", None).await.map(held)
}

fn told(outcome: Result<Held, LedgerError>) -> (u32, Duration, Duration) {
    match outcome {
        Err(LedgerError::TooManyRequests { limit, retry_after, full_in }) => (limit, retry_after, full_in),
        other => panic!("was not refused: {other:?}"),
    }
}

fn operations(scene: &Scene) -> Vec<String> {
    let requests = scene.test.recorder.requests();
    scene.test.recorder.clear();
    requests.into_iter().map(|request| request.operation).collect()
}

#[tokio::test]
async fn a_user_gets_a_minutes_requests_at_once_and_then_one_after_the_other() {
    let scene = scene_with(3).await;
    for remaining in [2, 1, 0] {
        let room = ask(&scene, scene.ada).await.unwrap().minute.unwrap();
        assert_eq!((room.limit, room.remaining), (3, remaining));
    }
    let (interval, minute) = (Duration::from_secs(20), Duration::from_secs(60));
    operations(&scene);
    assert_eq!(told(ask(&scene, scene.ada).await), (3, interval, minute));
    assert_eq!(operations(&scene), ["GetItem"], "the account as it is refuses, and nothing is written");
    scene.test.clock.advance(interval);
    ask(&scene, scene.ada).await.unwrap();
    scene.test.clock.advance(Duration::from_millis(1));
    assert_eq!(told(ask(&scene, scene.ada).await).1, Duration::from_millis(19_999));
}

#[tokio::test]
async fn the_requests_of_a_minute_cost_no_request_to_the_table_more() {
    let (limited, free) = (scene_with(60).await, scene_with(0).await);
    for scene in [&limited, &free] {
        ask(scene, scene.ada).await.unwrap();
    }
    for scene in [&limited, &free] {
        operations(scene);
        for _ in 0..3 {
            ask(scene, scene.ada).await.unwrap();
        }
        assert_eq!(operations(scene), ["UpdateItem"; 3]);
    }
}

#[tokio::test]
async fn a_key_has_a_bucket_of_its_own_beside_that_of_its_user() {
    let scene = scene_with(5).await;
    let (one, other) = (key_with(&scene, 2), key_with(&scene, 4));
    for _ in 0..2 {
        ask(&scene, one.shown(&scene)).await.unwrap();
    }
    assert_eq!(told(ask(&scene, one.shown(&scene)).await).0, 2);
    let expected = MinuteRoom { limit: 5, remaining: 2, full_in: Duration::from_secs(36) };
    assert_eq!(ask(&scene, other.shown(&scene)).await.unwrap().minute, Some(expected));
    for _ in 0..2 {
        ask(&scene, other.shown(&scene)).await.unwrap();
    }
    assert_eq!(told(ask(&scene, other.shown(&scene)).await).0, 5, "the user's bucket is empty before the key's");
    assert_eq!(told(ask(&scene, scene.ada).await).0, 5);
}

#[tokio::test]
async fn however_many_ask_at_once_there_are_no_more_requests_than_the_bucket_has() {
    for idempotency_keys in [false, true] {
        let scene = scene_with(4).await;
        let asked = join_all((0..10).map(|number| {
            let key = format!("key-{number}");
            let (scene, remembered) = (&scene, idempotency_keys);
            async move { scene.order(scene.ada, 1, "Hello", remembered.then_some(key.as_str())).await.map(held) }
        }));
        let (made, refused): (Vec<_>, Vec<_>) = asked.await.into_iter().partition(Result::is_ok);
        assert_eq!((made.len(), refused.len()), (4, 6));
        assert!(refused.into_iter().all(|refused| told(refused).0 == 4));
        assert_eq!(scene.account().await.holds.len(), 4);
    }
}

#[tokio::test]
async fn a_request_that_is_refused_or_answered_again_takes_nothing_from_the_bucket() {
    let scene = scene_with(3).await;
    assert!(matches!(scene.order(scene.ada, 5_000, "Hello", None).await, Err(LedgerError::InsufficientCredits { .. })));
    let first = held(scene.order(scene.ada, 1, "Hello", Some("once")).await.unwrap());
    scene.capture(&first, 1).await.unwrap();
    for _ in 0..5 {
        let again = replay(scene.order(scene.ada, 1, "Hello", Some("once")).await.unwrap());
        assert_eq!(again.minute.map(|room| room.remaining), Some(2));
    }
}

#[tokio::test]
async fn buckets_of_keys_that_rest_leave_the_account() {
    let scene = scene_with(0).await;
    let keys = [(); 4].map(|()| key_with(&scene, 60));
    for key in &keys {
        let held = ask(&scene, key.shown(&scene)).await.unwrap();
        scene.ledger.release(&held).await;
    }
    let buckets = async || scene.account().await.buckets.unwrap().len();
    assert_eq!(buckets().await, 4);
    scene.test.clock.advance(Duration::from_secs(75));
    // The account is read: it is remembered for a minute.
    ask(&scene, keys[0].shown(&scene)).await.unwrap();
    assert_eq!(buckets().await, 2);
    ask(&scene, keys[0].shown(&scene)).await.unwrap();
    assert_eq!(buckets().await, 2, "what is remembered is not tidied by");
}

#[tokio::test]
async fn nobody_is_refused_from_memory() {
    let scene = scene_with(2).await;
    let elsewhere = Ledger::new(scene.test.table.clone(), scene.test.clock.clone(), 20);
    for _ in 0..2 {
        ask(&scene, scene.ada).await.unwrap();
    }
    // Another function, which has no such limit, changes the account, and what this one remembers is old.
    scene.test.set(scene.account_key(), "buckets", AttributeValue::M([].into())).await;
    ask(&scene, scene.ada).await.unwrap();
    let other = Scene { ledger: elsewhere, gate: Gate::without_operator(scene.test.clock.clone()), ..scene };
    assert!(ask(&other, other.ada).await.unwrap().minute.is_none());
}
