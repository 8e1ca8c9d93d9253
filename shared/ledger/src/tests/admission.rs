//! Admission: what is read and written for a caller who is refused.

use super::*;

/// The operations since the recorder was cleared.
fn operations(scene: &Scene) -> Vec<String> {
    scene.test.recorder.requests().into_iter().map(|request| request.operation).collect()
}

#[tokio::test]
async fn nothing_but_the_account_is_read_for_a_caller_who_is_refused() {
    let scene = Scene::with_balance(1).await;
    let _in_flight: Vec<_> = futures_util::future::join_all((0..MAX_HOLDS).map(|_| scene.hold(0))).await;
    scene.test.recorder.clear();
    assert!(matches!(scene.hold(1).await, Err(LedgerError::TooManyHolds { .. })));
    assert_eq!(operations(&scene), ["GetItem"]);
    scene.test.clock.advance(EXPIRY);
    scene.test.recorder.clear();
    assert!(matches!(scene.hold(2).await, Err(LedgerError::InsufficientCredits { .. })));
    assert_eq!(operations(&scene), ["GetItem"], "and the expired holds are left to a message that is paid for");
    scene.test.set(scene.account_key(), "session_epoch", number(2_u64)).await;
    for key in [None, Some("key")] {
        scene.test.recorder.clear();
        let refused = scene.order(scene.ada, 1, "Hello", key).await;
        assert!(matches!(refused, Err(LedgerError::Closed(Closed::SessionEpochPassed))));
        assert_eq!(operations(&scene), ["GetItem"], "{key:?}");
    }
}

#[tokio::test]
async fn a_repetition_reads_the_account_the_record_and_a_text_that_is_apart() {
    let scene = Scene::with_balance(10).await;
    for (key, reply, conversation, reads) in [
        ("short", "Hi".to_owned(), None, 2),
        ("long", "x".repeat(5000), None, 3),
        ("stored", "Hi".to_owned(), Some(ConversationId::FIRST), 3),
        ("long and stored", "x".repeat(5000), Some(ConversationId::FIRST), 3),
    ] {
        let first = held(scene.order(scene.ada, 1, "Hello", Some(&key.replace(' ', "-"))).await.unwrap());
        scene.captured(&first, 1, &reply, conversation).await.unwrap();
        scene.test.recorder.clear();
        let again = replay(scene.order(scene.ada, 1, "Hello", Some(&key.replace(' ', "-"))).await.unwrap());
        assert_eq!((again.id, again.reply.text), (first.id, reply), "{key}");
        assert_eq!(operations(&scene), vec!["GetItem"; reads], "{key}");
    }
}

/// The first hold's write is refused, since the other request was faster.
#[tokio::test]
async fn a_request_that_is_answered_between_admission_and_hold_is_not_charged_again() {
    let scene = Scene::with_balance(10).await;
    let remembered = Remembered::message(IdempotencyKey::parse("key").unwrap(), &message("Hello"));
    let Admission::Open(slow) = scene.ledger.admit(&scene.gate, scene.ada, Some(remembered)).await.unwrap() else {
        panic!("nothing was answered before")
    };
    let first = held(scene.with_key("Hello").await.unwrap());
    scene.capture(&first, 3).await.unwrap();
    let deadline = scene.test.clock.now().plus(Duration::from_secs(28));
    let order = Order { amount: credits(3), least: credits(3), deadline };
    let again = replay(scene.ledger.hold(slow, &order).await.unwrap());
    assert_eq!((again.id, scene.balance().await), (first.id, 7));
}

#[tokio::test]
async fn a_hold_says_how_many_more_messages_may_be_in_flight() {
    let scene = Scene::with_balance(100).await;
    let mut remaining = Vec::new();
    let mut last = None;
    for key in [None, Some("key"), None] {
        let held = held(scene.order(scene.ada, 1, "Hello", key).await.unwrap());
        assert_eq!(held.in_flight.limit, MAX_HOLDS);
        remaining.push(held.in_flight.remaining);
        last = Some(held);
    }
    assert_eq!(remaining, [2, 1, 0]);
    assert!(matches!(scene.hold(1).await, Err(LedgerError::TooManyHolds { limit: MAX_HOLDS })));
    scene.ledger.release(&last.unwrap()).await;
    assert_eq!(scene.hold(1).await.unwrap().in_flight.remaining, 0);
    scene.test.clock.advance(EXPIRY);
    assert_eq!(scene.hold(1).await.unwrap().in_flight.remaining, 2, "the others have expired");
}

#[tokio::test]
async fn a_repetition_takes_no_room_and_says_what_there_is() {
    let scene = Scene::with_balance(100).await;
    let first = held(scene.with_key("Hello").await.unwrap());
    scene.capture(&first, 1).await.unwrap();
    let _in_flight = scene.hold(1).await.unwrap();
    let again = replay(scene.with_key("Hello").await.unwrap());
    assert_eq!((again.in_flight.limit, again.in_flight.remaining), (MAX_HOLDS, MAX_HOLDS - 1));
}

#[tokio::test]
async fn unpaid_work_of_the_hour_takes_room() {
    let mut scene = Scene::with_balance(100).await;
    scene.ledger = scene.ledger.with_unpaid_per_hour(2);
    let one = scene.hold(1).await.unwrap();
    assert_eq!((one.in_flight.limit, one.in_flight.remaining), (2, 1));
    scene.ledger.release_unpaid(&one, "a model").await;
    let other = scene.hold(1).await.unwrap();
    assert_eq!((other.in_flight.limit, other.in_flight.remaining), (1, 0));
    assert!(matches!(scene.hold(1).await, Err(LedgerError::TooManyHolds { limit: 1 })));
}
