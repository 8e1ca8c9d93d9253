//! Payers by API keys that are remembered.

use std::sync::{Arc, Mutex};

use domain::conversation_title::ConversationTitle;
use domain::ids::ApiKeyId;

use super::*;

use crate::account::Epoch;
use crate::admission::AdmittedAccount;
use crate::claimed_payer::{SecondRead, ShownKey};
use crate::conversations::ConversationKeeper;
use crate::paying_key::{KeyLimits, PayingKey};

/// An API key of Ada's.
#[derive(Clone, Debug)]
pub(super) struct FakeKey {
    /// Nobody if the key has ended.
    payer: Option<Payer>,
    /// The key as a read finds it.
    paying: PayingKey,
    /// The versions because of which it was read again.
    read_again: Arc<Mutex<Vec<u64>>>,
    learnt: Arc<Mutex<Vec<u64>>>,
}

impl ShownKey for FakeKey {
    fn read_again(&self, keys_version: u64) -> SecondRead<'_> {
        self.read_again.lock().unwrap().push(keys_version);
        Box::pin(async { Ok(self.payer.map(|payer| (payer, self.paying.clone()))) })
    }

    fn learn(&self, keys_version: u64) {
        self.learnt.lock().unwrap().push(keys_version);
    }
}

impl FakeKey {
    /// A key of this payer's.
    pub(super) fn of(payer: Payer) -> Self {
        let paying = PayingKey { id: ApiKeyId::first_of(NOW), limits: Arc::default() };
        Self { payer: Some(payer), paying, read_again: Arc::default(), learnt: Arc::default() }
    }

    pub(super) fn id(&self) -> ApiKeyId {
        self.paying.id
    }

    pub(super) fn limits(&self) -> &KeyLimits {
        &self.paying.limits
    }

    /// The same key with these limits from now on.
    pub(super) fn with_limits(&self, limits: KeyLimits) -> Self {
        self.named(PayingKey { id: self.id(), limits: Arc::new(limits) })
    }

    /// Another key of the same payer.
    pub(super) fn named(&self, paying: PayingKey) -> Self {
        Self { paying, ..self.clone() }
    }

    /// The payer who remembers the key with these limits, which a read does not find any more.
    pub(super) fn remembered_with(&self, scene: &Scene, limits: KeyLimits, keys_version: u64) -> ClaimedPayer {
        let PayingKey { id, .. } = self.paying;
        let paying = PayingKey { id, limits: Arc::new(limits) };
        ClaimedPayer::by_remembered_key(scene.by_key(), paying, self.clone(), keys_version)
    }

    /// The payer by this key, which was read for the request.
    pub(super) fn shown(&self, scene: &Scene) -> ClaimedPayer {
        ClaimedPayer::by_key(scene.by_key(), self.paying.clone(), self.clone())
    }

    pub(super) fn end(&mut self) {
        self.payer = None;
    }

    /// The versions that it took note of.
    pub(super) fn learnt(&self) -> Vec<u64> {
        self.learnt.lock().unwrap().clone()
    }

    /// The version because of which it was read again last.
    pub(super) fn last_read_again(&self) -> Option<u64> {
        self.read_again.lock().unwrap().last().copied()
    }

    pub(super) fn times_read(&self) -> usize {
        self.read_again.lock().unwrap().len()
    }

    /// The payer who remembers the key as it was at this version.
    pub(super) fn seen_at(&self, scene: &Scene, keys_version: u64) -> ClaimedPayer {
        self.seen_by(scene.by_key(), keys_version)
    }

    /// The same for another payer.
    pub(super) fn seen_by(&self, payer: Payer, keys_version: u64) -> ClaimedPayer {
        ClaimedPayer::by_remembered_key(payer, self.paying.clone(), self.clone(), keys_version)
    }
}

impl Scene {
    pub(super) fn by_key(&self) -> Payer {
        Payer::new(self.ada.user_id(), Epoch::OfApiKeys(Epoch::FIRST))
    }

    pub(super) fn living_key(&self) -> FakeKey {
        FakeKey::of(self.by_key())
    }

    pub(super) fn ended_key(&self) -> FakeKey {
        FakeKey { payer: None, ..self.living_key() }
    }

    /// Counts an end of a key.
    pub(super) async fn end_a_key(&self) {
        let end = Account::raise_keys_version(&self.test.table, self.ada).unwrap();
        let token = EntryId::new(&self.test.clock).to_string();
        let deadline = self.test.clock.now().plus(Duration::from_secs(28));
        self.test.table.transact(&token, vec![end], &self.test.clock, deadline).await.unwrap();
    }

    async fn admit(&self, payer: ClaimedPayer, key: Option<&str>) -> Result<Admission<AdmittedAccount>, LedgerError> {
        let remembered = key.map(|key| Remembered::message(IdempotencyKey::parse(key).unwrap(), &message("Hello")));
        self.ledger.admit(&self.gate, payer, remembered).await
    }

    async fn hold_in(&self, admission: Admission<AdmittedAccount>) -> Result<HoldOutcome, LedgerError> {
        let Admission::Open(open) = admission else { panic!("was answered before") };
        let deadline = self.test.clock.now().plus(Duration::from_secs(28));
        self.ledger.hold(open, &Order { amount: credits(3), least: credits(3), deadline }).await
    }
}

fn has_ended<T>(outcome: &Result<T, LedgerError>) -> bool {
    matches!(outcome, Err(LedgerError::Closed(Closed::ApiKeyEnded)))
}

#[tokio::test]
async fn a_key_that_is_remembered_is_not_read_until_a_key_of_the_account_ends_and_then_once() {
    let scene = Scene::with_balance(10).await;
    for version in 0..3 {
        for idempotency_key in [None, Some("key")] {
            let key = scene.living_key();
            let first = held(scene.order(key.seen_at(&scene, version), 1, "Hello", idempotency_key).await.unwrap());
            scene.ledger.release(&first).await;
            assert_eq!((key.times_read(), &*key.learnt.lock().unwrap()), (0, &vec![version]));
            let second = scene.order(key.seen_at(&scene, version + 1), 1, "Hello", idempotency_key).await;
            scene.ledger.release(&held(second.unwrap())).await;
            assert_eq!(*key.read_again.lock().unwrap(), [version], "the version that the account has");
            let ended = scene.ended_key();
            let refused = scene.order(ended.seen_at(&scene, version + 1), 1, "Hello", idempotency_key).await;
            assert!(has_ended(&refused), "{refused:?}");
        }
        scene.end_a_key().await;
    }
    assert_eq!(scene.balance().await, 10);
}

#[tokio::test]
async fn a_key_that_ends_between_admission_and_hold_holds_nothing_and_another_is_read_and_holds() {
    for version in 0..2 {
        for idempotency_key in [None, Some("key")] {
            let scene = Scene::with_balance(10).await;
            for _ in 0..version {
                scene.end_a_key().await;
            }
            let (ended, living) = (scene.ended_key(), scene.living_key());
            let of_ended = scene.admit(ended.seen_at(&scene, version), idempotency_key).await.unwrap();
            let of_living = scene.admit(living.seen_at(&scene, version), idempotency_key).await.unwrap();
            scene.end_a_key().await;
            let refused = scene.hold_in(of_ended).await;
            assert!(has_ended(&refused), "{refused:?}");
            assert_eq!(scene.account().await.holds.len(), 0);
            held(scene.hold_in(of_living).await.unwrap());
            assert_eq!((ended.times_read(), living.times_read(), scene.balance().await), (1, 1, 7));
        }
    }
}

#[tokio::test]
async fn a_remembered_key_is_confirmed_where_it_names_a_conversation_that_was_made() {
    let scene = Scene::with_balance(10).await;
    let keeper = ConversationKeeper::new(scene.test.table.clone(), scene.test.clock.clone());
    let deadline = scene.test.clock.now().plus(Duration::from_secs(28));
    let title = ConversationTitle::try_from("one".to_owned()).unwrap();
    let one = keeper.make(scene.ada, title, deadline).await.unwrap().id;
    for version in 0..2 {
        let (ended, living) = (scene.ended_key(), scene.living_key());
        let admitted = scene.ledger.admit_to(&scene.gate, living.seen_at(&scene, version), one, None).await;
        assert!(matches!(admitted, Ok(Admission::Open(_))) && living.times_read() == 0, "{admitted:?}");
        scene.end_a_key().await;
        let refused = scene.ledger.admit_to(&scene.gate, ended.seen_at(&scene, version), one, None).await;
        assert!(has_ended(&refused), "{refused:?}");
        let admitted = scene.ledger.admit_to(&scene.gate, living.seen_at(&scene, version), one, None).await;
        assert!(matches!(admitted, Ok(Admission::Open(_))) && living.times_read() == 1, "{admitted:?}");
    }
}

#[tokio::test]
async fn a_key_is_read_once_however_many_keys_end_while_a_hold_is_tried() {
    let scene = Scene::with_balance(10).await;
    let key = scene.living_key();
    let admission = scene.admit(key.seen_at(&scene, 7), None).await.unwrap();
    for _ in 0..3 {
        scene.end_a_key().await;
    }
    held(scene.hold_in(admission).await.unwrap());
    assert_eq!(*key.read_again.lock().unwrap(), [0]);
}

#[tokio::test]
async fn a_key_that_ends_while_expired_holds_are_released_for_it_holds_nothing() {
    let scene = Scene::with_balance(9).await;
    for _ in 0..MAX_HOLDS {
        scene.hold(3).await.unwrap();
    }
    scene.test.clock.advance(EXPIRY);
    let (ended, living) = (scene.ended_key(), scene.living_key());
    let of_ended = scene.admit(ended.seen_at(&scene, 0), None).await.unwrap();
    let of_living = scene.admit(living.seen_at(&scene, 0), None).await.unwrap();
    scene.end_a_key().await;
    assert!(has_ended(&scene.hold_in(of_ended).await));
    held(scene.hold_in(of_living).await.unwrap());
    assert_eq!((ended.times_read(), living.times_read(), scene.balance().await), (1, 1, 6));
}

#[tokio::test]
async fn a_hold_whose_answer_was_lost_before_its_key_ended_is_held() {
    for idempotency_key in [None, Some("key")] {
        let scene = Scene::with_balance(10).await;
        let key = scene.ended_key();
        let admission = scene.admit(key.seen_at(&scene, 0), idempotency_key).await.unwrap();
        let operation = if idempotency_key.is_some() { "TransactWriteItems" } else { "UpdateItem" };
        scene.test.recorder.fail_next(operation, Fault::AnswerLost, 1);
        let held = held(scene.hold_in(admission).await.unwrap());
        scene.end_a_key().await;
        assert_eq!(u64::from(scene.capture(&held, 3).await.unwrap().balance), 7);
        assert_eq!(key.times_read(), 0);
    }
}

#[tokio::test]
async fn an_answer_that_was_given_before_is_not_given_again_to_a_key_that_has_ended() {
    let scene = Scene::with_balance(10).await;
    let (ended, living) = (scene.ended_key(), scene.living_key());
    let first = held(scene.order(living.shown(&scene), 3, "Hello", Some("key")).await.unwrap());
    scene.capture(&first, 3).await.unwrap();
    replay(scene.order(ended.seen_at(&scene, 0), 3, "Hello", Some("key")).await.unwrap());
    scene.end_a_key().await;
    let refused = scene.order(ended.seen_at(&scene, 0), 3, "Hello", Some("key")).await;
    assert!(has_ended(&refused), "{refused:?}");
    replay(scene.order(living.seen_at(&scene, 0), 3, "Hello", Some("key")).await.unwrap());
}

#[tokio::test]
async fn a_key_that_was_read_for_the_request_is_not_read_again_whichever_keys_end() {
    let scene = Scene::with_balance(10).await;
    let key = scene.ended_key();
    let payer = key.shown(&scene);
    let admission = scene.admit(payer, None).await.unwrap();
    scene.end_a_key().await;
    held(scene.hold_in(admission).await.unwrap());
    assert_eq!((key.times_read(), &*key.learnt.lock().unwrap()), (0, &vec![0]));
}

#[tokio::test]
async fn an_epoch_that_has_passed_ends_a_key_that_is_remembered_without_a_read() {
    let scene = Scene::with_balance(10).await;
    let key = scene.living_key();
    let admission = scene.admit(key.seen_at(&scene, 0), None).await.unwrap();
    scene.test.set(scene.account_key(), "api_key_epoch", number(2_u64)).await;
    for refused in [scene.hold_in(admission).await, scene.order(key.seen_at(&scene, 0), 3, "Hello", None).await] {
        assert!(matches!(refused, Err(LedgerError::Closed(Closed::ApiKeyEpochPassed))), "{refused:?}");
    }
    assert_eq!(key.times_read(), 0);
}

#[tokio::test]
async fn an_account_whose_keys_never_ended_has_no_version_of_them() {
    let scene = Scene::with_balance(10).await;
    scene.hold(1).await.unwrap();
    let items = scene.test.isolated.items().await;
    assert!(items.iter().all(|item| item["keys_version"].is_null()), "{items:?}");
}
