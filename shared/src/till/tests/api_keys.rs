//! API keys that end while a message is on its way.

use domain::ids::{ApiKeyId, EntryId};
use identity::api_keys::{ApiKey, ApiKeys};
use identity::callers::Caller;
use ledger::LedgerError;
use ledger::account::Closed;
use ledger::admission::{Admission, AdmittedAccount};
use serde_json::json;
use store::Key;
use store::transaction;

use super::*;

const KEY: &str = "sk-AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

/// Ada, whose key a function remembers.
struct RememberedScene {
    replies: ReplyScene,
    api_keys: ApiKeys,
}

impl RememberedScene {
    async fn start() -> Self {
        let replies = ReplyScene::with(10_000, saying("Hi", Some(counted(2, 3)), false)).await;
        let test = &replies.test;
        let stored =
            json!({"user_id": replies.ada.user_id(), "id": ApiKeyId::new(&test.clock), "name": "a", "epoch": 1});
        let put = test.table.put_new(key_item().with(&stored).unwrap()).unwrap();
        // Tokens are a table's own on the embedded engine alone.
        let token = EntryId::new(&test.clock).to_string();
        test.table.transact(&token, vec![put], &test.clock, soon(test)).await.unwrap();
        let api_keys = ApiKeys::new(test.table.clone(), test.clock.clone());
        api_keys.holder(KEY).await.unwrap();
        Self { replies, api_keys }
    }

    async fn caller(&self) -> Caller {
        Caller::Program(self.api_keys.holder(KEY).await.unwrap())
    }

    /// Ends the key, or another one of the account.
    async fn end(&self, is_this_key: bool) {
        let test = &self.replies.test;
        let mut items = vec![Account::raise_keys_version(&test.table, self.replies.ada).unwrap()];
        if is_this_key {
            items.push(transaction::delete(test.table.deleting(key_item())).unwrap());
        }
        let token = EntryId::new(&test.clock).to_string();
        test.table.transact(&token, items, &test.clock, soon(test)).await.unwrap();
    }

    async fn admit(&self, key: Option<&str>) -> Result<Admission<AdmittedAccount>, LedgerError> {
        let message = Message::try_from("Hello".to_owned()).unwrap();
        let remembered = key.map(|key| Remembered::message(IdempotencyKey::parse(key).unwrap(), &message));
        let till = &self.replies.till;
        till.ledger.admit(&till.gate, self.caller().await, remembered).await
    }

    async fn hold(&self, admitted: Admission<AdmittedAccount>) -> Result<HeldOrReplay, ApiError> {
        let Admission::Open(account) = admitted else { panic!("was answered before") };
        let question = Question {
            candidates: self.replies.candidates(),
            prompt: prompt(),
            limits: CallerLimits::default(),
            conversation: None,
            message: Message::try_from("Hello".to_owned()).unwrap(),
            deadline: soon(&self.replies.test),
        };
        self.replies.till.hold(account, question).await
    }

    fn operations(&self) -> Vec<String> {
        let requests = self.replies.test.recorder.requests();
        self.replies.test.recorder.clear();
        requests.into_iter().map(|request| request.operation).collect()
    }
}

fn key_item() -> Key {
    Key::new(format!("APIKEY#{}", ApiKey::parse(KEY).unwrap().digest()), "APIKEY")
}

fn soon(test: &TestTable) -> domain::time::Timestamp {
    test.clock.now().plus(Duration::from_secs(28))
}

#[tokio::test]
async fn a_message_by_a_key_that_is_remembered_reads_the_account_and_holds() {
    let scene = RememberedScene::start().await;
    scene.operations();
    let admitted = scene.admit(None).await.unwrap();
    assert!(matches!(scene.hold(admitted).await, Ok(HeldOrReplay::Question(_))));
    assert_eq!(scene.operations(), ["GetItem", "UpdateItem"]);
}

#[tokio::test]
async fn a_key_that_ended_before_the_admission_is_refused_after_one_more_read() {
    let scene = RememberedScene::start().await;
    scene.end(true).await;
    scene.operations();
    assert!(matches!(scene.admit(None).await, Err(LedgerError::Closed(Closed::ApiKeyEnded))));
    assert_eq!(scene.operations(), ["GetItem", "GetItem"]);
}

#[tokio::test]
async fn a_key_that_ends_between_admission_and_hold_is_refused_and_nothing_is_held() {
    for key in [None, Some("once")] {
        let scene = RememberedScene::start().await;
        let admitted = scene.admit(key).await.unwrap();
        scene.end(true).await;
        let refused = scene.hold(admitted).await;
        assert!(matches!(refused, Err(ApiError::TokenNotValid("the API key has ended"))), "{refused:?}");
        assert_eq!(scene.replies.account().await, (10_000, 0));
    }
}

#[tokio::test]
async fn a_key_goes_on_after_one_more_read_when_another_of_the_account_ends_before_or_after_the_admission() {
    for key in [None, Some("once")] {
        let scene = RememberedScene::start().await;
        scene.end(false).await;
        let admitted = scene.admit(key).await.unwrap();
        scene.end(false).await;
        let HeldOrReplay::Question(question) = scene.hold(admitted).await.unwrap() else { panic!("was answered") };
        scene.replies.till.reply(question).await.unwrap();

        // The key was read for the first of these, and is remembered for the second.
        scene.admit(None).await.unwrap();
        let admitted = scene.admit(None).await.unwrap();
        scene.end(false).await;
        scene.operations();
        let HeldOrReplay::Question(_question) = scene.hold(admitted).await.unwrap() else { panic!("was answered") };
        assert_eq!(scene.operations(), ["UpdateItem", "GetItem", "UpdateItem"], "a refused hold, the key, the hold");
    }
}

#[tokio::test]
async fn an_answer_that_came_between_admission_and_hold_is_given_to_a_key_that_was_read_once_more() {
    let scene = RememberedScene::start().await;
    let slow = scene.admit(Some("once")).await.unwrap();
    let quick = scene.admit(Some("once")).await.unwrap();
    let HeldOrReplay::Question(question) = scene.hold(quick).await.unwrap() else { panic!("was answered before") };
    let first = scene.replies.till.reply(question).await.unwrap();
    scene.end(false).await;
    let HeldOrReplay::Replay(again) = scene.hold(slow).await.unwrap() else { panic!("was held again") };
    assert_eq!(again.id, first.id);
}
