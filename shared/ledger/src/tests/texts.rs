//! Texts: where they are kept, what that costs, and who deletes them.

use domain::message::{FinishReason, Message, ToolCall};
use domain::reasoning_proof::{Proof, ProofKind, ReasoningProof};

use super::*;
use crate::capture::CAPTURE_RESERVE;
use crate::exchange::StoredReply;
use crate::history::{History, PageRequest};
use crate::texts::{ItemTexts, text_key};

impl Scene {
    async fn text(&self, id: EntryId) -> Option<String> {
        let item: Option<ItemTexts> = self.test.table.get(text_key(self.ada.user_id(), id)).await.unwrap();
        item.and_then(|item| item.texts).map(|texts| texts.response)
    }

    /// A hold whose message has `time` until its reserve begins.
    async fn hold_with(&self, time: Duration, key: Option<&str>) -> Held {
        let remembered = key.map(|key| Remembered::message(IdempotencyKey::parse(key).unwrap(), &message("Hello")));
        let Admission::Open(open) = self.ledger.admit(&self.gate, self.ada, remembered).await.unwrap() else {
            panic!("nothing was answered before")
        };
        let deadline = self.test.clock.now().plus(CAPTURE_RESERVE).plus(time);
        held(self.ledger.hold(open, &Order { amount: credits(1), least: credits(1), deadline }).await.unwrap())
    }

    fn write_units(&self) -> f64 {
        let requests = self.test.recorder.requests();
        let of_writes = requests.iter().filter(|request| !request.operation.contains("Get"));
        of_writes.map(|request| request.units().unwrap()).sum()
    }
}

#[tokio::test]
async fn a_message_costs_5_write_units_and_7_if_it_is_stored_and_1_more_for_each_kb_of_a_long_text() {
    let scene = Scene::with_balance(10).await;
    if !scene.test.isolated.is_embedded() {
        return;
    }
    scene.test.recorder.ask_for_capacity();
    for (bytes, conversation, expected) in [
        (10, None, 5.0),
        (250 * 1024, None, 5.0),
        (700, Some(ConversationId::FIRST), 7.0),
        (10 * 1024, Some(ConversationId::FIRST), 7.0 + 11.0),
        (250 * 1024, Some(ConversationId::FIRST), 7.0 + 251.0),
    ] {
        scene.test.recorder.clear();
        let held = scene.hold(1).await.unwrap();
        scene.captured(&held, 0, &"x".repeat(bytes), conversation).await.unwrap();
        assert!((scene.write_units() - expected).abs() < 0.1, "{bytes}: {}", scene.write_units());
    }
}

/// docs/costs.md: an account with nine messages in flight has more than 1 KB.
#[tokio::test]
async fn a_message_beside_nine_others_in_flight_costs_three_write_units_more() {
    let mut scene = Scene::with_balance(10).await;
    if !scene.test.isolated.is_embedded() {
        return;
    }
    scene.ledger = Ledger::new(scene.test.table.clone(), scene.test.clock.clone(), 20);
    for number in 0..9 {
        let _in_flight = scene.order(scene.ada, 0, "Hello", Some(&format!("key-{number}"))).await.unwrap();
    }
    scene.test.recorder.ask_for_capacity();
    scene.test.recorder.clear();
    let held = scene.hold(1).await.unwrap();
    scene.captured(&held, 0, "Hi", None).await.unwrap();
    assert!((scene.write_units() - 8.0).abs() < 0.1, "{}", scene.write_units());
}

#[tokio::test]
async fn a_reply_that_is_not_stored_is_kept_for_a_repetition_alone() {
    let scene = Scene::with_balance(10).await;
    let unkept = scene.hold(1).await.unwrap();
    scene.captured(&unkept, 1, &"x".repeat(5000), None).await.unwrap();
    assert_eq!(scene.text(unkept.id).await, None);
    let kept = held(scene.with_key("Hello").await.unwrap());
    scene.captured(&kept, 1, &"x".repeat(5000), None).await.unwrap();
    assert_eq!(scene.text(kept.id).await, Some("x".repeat(5000)));
    let list = History::new(scene.test.table.clone(), scene.test.clock.clone())
        .messages(scene.ada, PageRequest::default())
        .await
        .unwrap();
    assert_eq!(list.entries, []);
    scene.test.table.delete(text_key(scene.ada.user_id(), kept.id)).await.unwrap();
    assert!(matches!(scene.with_key("Hello").await, Err(LedgerError::AnswerGone)));
    assert_eq!(scene.balance().await, 8);
}

/// A conversation shows texts alone, so that the rest is kept for a repetition, and only where there can be one.
#[tokio::test]
async fn calls_of_tools_and_reasoning_are_given_again_and_no_conversation_has_them() {
    for conversation in [None, Some(ConversationId::FIRST)] {
        for bytes in [10, 5000] {
            let scene = Scene::with_balance(10).await;
            let reply = StoredReply {
                reasoning: Some("Hm.".to_owned()),
                calls: vec![ToolCall { id: "c1".to_owned(), name: "add".to_owned(), arguments: "x".repeat(bytes) }; 2],
                finish_reason: FinishReason::ToolCalls,
                ..stored_reply("")
            };
            let said = message("Hello");
            let exchange = Exchange { message: &said, reply: &reply, conversation, bill: Bill::of(credits(1)) };
            let kept = held(scene.with_key("Hello").await.unwrap());
            scene.ledger.capture(&kept, exchange).await.unwrap();
            let again = replay(scene.with_key("Hello").await.unwrap());
            assert!(again.reply == reply, "{conversation:?}, {bytes} bytes: {:?}", again.reply);
            let unkept = scene.hold(1).await.unwrap();
            scene.ledger.capture(&unkept, exchange).await.unwrap();
            assert_eq!(scene.text(unkept.id).await, None, "nothing long is left to keep");
            let history = History::new(scene.test.table.clone(), scene.test.clock.clone());
            let listed = history.messages(scene.ada, PageRequest::default()).await.unwrap().entries;
            assert_eq!(listed.len(), if conversation.is_some() { 2 } else { 0 });
            assert!(listed.iter().all(|message| message.response.is_empty() && !message.text_lost));
        }
    }
}

/// The longest message and the longest reply, whose every byte is escaped in JSON, with the most annotations that are kept.
#[tokio::test]
async fn the_longest_answer_is_given_again_and_one_with_longer_annotations_is_gone() {
    let annotations = |bytes: usize| Some(format!("[\"{}\"]", "x".repeat(bytes - 4)));
    for conversation in [None, Some(ConversationId::FIRST)] {
        for (bytes, is_kept) in [(64 * 1024, true), (64 * 1024 + 1, false), (2 * 1024 * 1024, false)] {
            let scene = Scene::with_balance(10).await;
            let call =
                ToolCall { id: "c1".to_owned(), name: "add".to_owned(), arguments: "\u{1}".repeat(2 * 1024 - 5) };
            let calls = vec![call; 128];
            let reply = StoredReply { annotations: annotations(bytes), calls, ..stored_reply("") };
            let said = Message::try_from("x".repeat(Message::MAX_BYTES)).unwrap();
            let exchange = Exchange { message: &said, reply: &reply, conversation, bill: Bill::of(credits(1)) };
            let kept = held(scene.with_key("Hello").await.unwrap());
            scene.ledger.capture(&kept, exchange).await.unwrap();
            assert_eq!(scene.balance().await, 9, "it is charged");
            match scene.with_key("Hello").await {
                Ok(again) if is_kept => assert!(replay(again).reply == reply, "{conversation:?}, {bytes} bytes"),
                Err(LedgerError::AnswerGone) if !is_kept => {}
                other => panic!("{conversation:?}, {bytes} bytes: {other:?}"),
            }
            let history = History::new(scene.test.table.clone(), scene.test.clock.clone());
            let listed = history.messages(scene.ada, PageRequest::default()).await.unwrap().entries;
            assert_eq!(listed.len(), usize::from(conversation.is_some()));
            assert!(listed.iter().all(|shown| !shown.text_lost && shown.message.len() == Message::MAX_BYTES));
        }
    }
}

#[tokio::test]
async fn proofs_share_the_room_of_annotations_and_vectors_have_one_of_their_own() {
    let reply = |of_annotations: usize, of_proof: usize, of_vectors: usize| {
        let array = |bytes: usize| (bytes > 0).then(|| format!("[\"{}\"]", "x".repeat(bytes - 4)));
        let proof = Proof { kind: ProofKind::Signature, provider: None, id: None, data: "x".repeat(of_proof) };
        let proofs = vec![ReasoningProof { proof, after: 1, text_before: 2, calls_before: 3 }];
        let stop_sequence = Some("END".to_owned());
        let (annotations, embeddings) = (array(of_annotations), array(of_vectors));
        StoredReply { annotations, proofs, stop_sequence, embeddings, ..stored_reply("") }
    };
    for (reply, is_kept) in [
        (reply(32 * 1024, 32 * 1024, 0), true),
        (reply(32 * 1024, 32 * 1024 + 1, 0), false),
        (reply(0, 64 * 1024, 320 * 1024), true),
        (reply(0, 0, 320 * 1024 + 1), false),
    ] {
        let scene = Scene::with_balance(10).await;
        let said = Message::try_from("Hello".to_owned()).unwrap();
        let exchange = Exchange { message: &said, reply: &reply, conversation: None, bill: Bill::of(credits(1)) };
        let kept = held(scene.with_key("Hello").await.unwrap());
        scene.ledger.capture(&kept, exchange).await.unwrap();
        match scene.with_key("Hello").await {
            Ok(again) if is_kept => assert!(replay(again).reply == reply),
            Err(LedgerError::AnswerGone) if !is_kept => {}
            other => panic!("{is_kept}: {other:?}"),
        }
    }
}

#[tokio::test]
async fn a_text_that_cannot_be_put_in_time_is_lost_and_the_message_is_charged_all_the_same() {
    let scene = Scene::with_balance(10).await;
    scene.test.recorder.fail_next("PutItem", Fault::NotApplied, 1000);
    for time_ms in [0, 300] {
        let key = format!("key-{time_ms}");
        let held = scene.hold_with(Duration::from_millis(time_ms), Some(&key)).await;
        scene.captured(&held, 1, &"x".repeat(5000), Some(ConversationId::FIRST)).await.unwrap();
        assert_eq!(scene.entry(held.id).await.unwrap().texts, Some(TextPlace::Lost));
        assert!(matches!(scene.order(scene.ada, 1, "Hello", Some(&key)).await, Err(LedgerError::AnswerGone)));
    }
    let list = History::new(scene.test.table.clone(), scene.test.clock.clone())
        .messages(scene.ada, PageRequest::default())
        .await
        .unwrap();
    assert!(list.entries.len() == 2 && list.entries.iter().all(|message| message.text_lost));
    assert_eq!(scene.balance().await, 8);
}

#[tokio::test]
async fn a_text_is_not_put_into_the_time_of_the_capture() {
    let scene = Scene::with_balance(10).await;
    let held = scene.hold_with(Duration::ZERO, None).await;
    scene.test.recorder.clear();
    scene.captured(&held, 1, &"x".repeat(5000), Some(ConversationId::FIRST)).await.unwrap();
    assert!(scene.test.recorder.requests().iter().all(|request| request.operation != "PutItem"));
}

#[tokio::test]
async fn a_charge_that_fails_and_a_hold_that_expires_leave_no_text() {
    let scene = Scene::with_balance(10).await;
    let failed = scene.hold(1).await.unwrap();
    scene.test.recorder.fail_next("TransactWriteItems", Fault::NotApplied, 3);
    let refused = scene.captured(&failed, 1, &"x".repeat(5000), Some(ConversationId::FIRST)).await;
    assert!(matches!(refused, Err(LedgerError::Unavailable(_))));
    assert_eq!(scene.text(failed.id).await, None);
    for key in [None, Some("key")] {
        let abandoned = held(scene.order(scene.ada, 1, "Hello", key).await.unwrap());
        let put = text_key(scene.ada.user_id(), abandoned.id).with(&serde_json::json!({"texts": {"response": "x"}}));
        let now = scene.test.clock.now();
        scene.test.table.put_until(put.unwrap(), &scene.test.clock, now).await.unwrap();
        scene.test.clock.advance(EXPIRY);
        scene.ledger.release(&held(scene.order(scene.ada, 1, "Hello", key).await.unwrap())).await;
        assert_eq!(scene.text(abandoned.id).await, None, "{key:?}");
    }
}

/// A late repetition of the hold's write puts the hold back after its capture. It expires, and is released.
#[tokio::test]
async fn the_release_of_a_hold_that_came_back_leaves_the_text_of_its_charge() {
    let scene = Scene::with_balance(10).await;
    scene.test.recorder.clear();
    let held = scene.hold(3).await.unwrap();
    scene.captured(&held, 3, &"x".repeat(5000), Some(ConversationId::FIRST)).await.unwrap();
    let requests = scene.test.recorder.requests();
    let hold = &requests.iter().find(|request| request.operation == "UpdateItem").unwrap().body;
    scene.test.isolated.call("UpdateItem", hold).await.unwrap();
    scene.test.clock.advance(EXPIRY);
    scene.ledger.release(&scene.hold(1).await.unwrap()).await;
    assert_eq!(scene.balance().await, 7);
    assert_eq!(scene.text(held.id).await, Some("x".repeat(5000)));
}
