//! Changing an API key, while something else happens to it between its read and its change.

use domain::requests_per_minute::RequestsPerMinute;
use domain::term_change::TermChange;

use super::*;

impl ApiKeyScene {
    async fn find(&self, made: &MadeApiKey) -> KeyToChange {
        self.api_keys.find(&self.ada, made.view.id).await.unwrap()
    }

    /// Changes a key as it was found, without the password.
    async fn change(&self, found: KeyToChange, changes: &ApiKeyChanges) -> Result<ApiKeyView, IdentityError> {
        self.change_with(found, changes, None).await
    }

    async fn change_with(
        &self,
        found: KeyToChange,
        changes: &ApiKeyChanges,
        proven: Option<&ProvenLogin>,
    ) -> Result<ApiKeyView, IdentityError> {
        let patch = ApiKeyPatch { person: &self.ada, proven, changes };
        self.api_keys.change(patch, found, self.soon()).await
    }

    /// The name and the requests a minute of a key: those that its user is shown, and those in its own item.
    async fn terms_of(&self, made: &MadeApiKey) -> [(String, Option<u32>); 2] {
        let listed = self.api_keys.list(&self.ada).await.unwrap();
        let view = json!(listed.iter().find(|view| view.id == made.view.id).unwrap());
        let item = self.item_of(made).await.unwrap();
        [terms_in(&view, &view), terms_in(&item, &item["limits"])]
    }

    /// The key's own item.
    async fn item_of(&self, made: &MadeApiKey) -> Option<serde_json::Value> {
        let found: Option<serde_json::Value> =
            self.test.table.get(StoredApiKey::key(&made.key.digest())).await.unwrap();
        found
    }

    /// How often the account has said that functions must read its keys again.
    async fn keys_version(&self) -> u64 {
        let account: Account = self.test.table.get(Account::key(self.ada.user_id())).await.unwrap().unwrap();
        account.keys_version
    }
}

fn terms_in(key: &serde_json::Value, limits: &serde_json::Value) -> (String, Option<u32>) {
    let requests = limits["requests_per_minute"].as_u64().map(|requests| requests.try_into().unwrap());
    (key["name"].as_str().unwrap().to_owned(), requests)
}

fn both(name: &str, requests: Option<u32>) -> [(String, Option<u32>); 2] {
    [(name.to_owned(), requests), (name.to_owned(), requests)]
}

/// A change of the name alone.
fn to_name(name: &str) -> ApiKeyChanges {
    ApiKeyChanges { name: TermChange::To(name.to_owned().try_into().unwrap()), ..ApiKeyChanges::default() }
}

/// A change of the requests a minute alone.
fn to_requests(requests: u32) -> ApiKeyChanges {
    let rate = ApiKeyRate(RequestsPerMinute::new(requests));
    ApiKeyChanges { requests_per_minute: TermChange::To(rate), ..ApiKeyChanges::default() }
}

#[tokio::test]
async fn a_key_that_ended_after_it_was_read_is_not_changed_and_not_made_anew() {
    let scene = ApiKeyScene::start().await;
    let made = scene.make(None).await.unwrap();
    let found = scene.find(&made).await;
    scene.end(made.view.id).await.unwrap();
    let outcome = scene.change(found, &to_name("another")).await;
    assert!(matches!(outcome, Err(IdentityError::NotFound)), "{outcome:?}");
    assert_eq!((scene.listed().await, scene.items_of_keys().await), (vec![], 0));
}

#[tokio::test]
async fn a_key_that_ends_while_it_is_changed_has_ended_whichever_comes_first() {
    for _ in 0..10 {
        let scene = ApiKeyScene::start().await;
        let made = scene.make(None).await.unwrap();
        let found = scene.find(&made).await;
        let changes = to_requests(6);
        let (changed, ended) = tokio::join!(scene.change(found, &changes), scene.end(made.view.id));
        ended.unwrap();
        assert!(matches!(changed, Ok(_) | Err(IdentityError::NotFound)), "{changed:?}");
        assert!(matches!(scene.opens(&made.key).await, Err(IdentityError::TokenNotValid(_))));
        assert_eq!((scene.listed().await, scene.items_of_keys().await), (vec![], 0));
    }
}

#[tokio::test]
async fn a_session_that_ended_after_the_key_was_read_changes_nothing() {
    let scene = ApiKeyScene::start().await;
    let made = scene.make(None).await.unwrap();
    let found = scene.find(&made).await;
    scene.end_session().await;
    let outcome = scene.change(found, &to_requests(6)).await;
    assert!(matches!(outcome, Err(IdentityError::TokenNotValid("the session has ended"))), "{outcome:?}");
    assert_eq!(scene.terms_of(&made).await, both("my program", None));
    assert_eq!(scene.keys_version().await, 0);
}

#[tokio::test]
async fn two_changes_of_a_key_as_both_have_read_it_both_count() {
    for at_once in [false, true] {
        let scene = ApiKeyScene::start().await;
        let made = scene.make(None).await.unwrap();
        let found = [scene.find(&made).await, scene.find(&made).await];
        let changes = [to_name("another"), to_requests(6)];
        let [first, second] = found;
        let mut outcomes = Vec::new();
        if at_once {
            let (first, second) = tokio::join!(scene.change(first, &changes[0]), scene.change(second, &changes[1]));
            outcomes.extend([first, second]);
        } else {
            outcomes.push(scene.change(first, &changes[0]).await);
            outcomes.push(scene.change(second, &changes[1]).await);
        }
        assert!(outcomes.iter().all(Result::is_ok), "{outcomes:?}");
        assert_eq!(scene.terms_of(&made).await, both("another", Some(6)));
        assert_eq!((scene.keys_version().await, scene.items_of_keys().await), (2, 1));
    }
}

#[tokio::test]
async fn a_change_takes_the_password_if_another_change_has_made_it_one_that_widens_the_key() {
    let scene = ApiKeyScene::start().await;
    let made = scene.make(None).await.unwrap();
    scene.change(scene.find(&made).await, &to_requests(10)).await.unwrap();
    let found = scene.find(&made).await;
    let changes = to_requests(8);
    assert!(!found.is_widened_by(&changes, scene.test.clock.now()));
    scene.change(scene.find(&made).await, &to_requests(5)).await.unwrap();
    let outcome = scene.change(found, &changes).await;
    assert!(matches!(outcome, Err(IdentityError::PasswordRequired)), "{outcome:?}");
    assert_eq!(scene.terms_of(&made).await, both("my program", Some(5)));
}

#[tokio::test]
async fn one_request_changes_a_key_once_whatever_is_lost_on_the_way() {
    for fault in [Fault::AnswerLost, Fault::Conflict, Fault::NotApplied] {
        let scene = ApiKeyScene::start().await;
        let made = scene.make(None).await.unwrap();
        let found = scene.find(&made).await;
        scene.test.recorder.fail_next("TransactWriteItems", fault, 2);
        scene.change(found, &to_requests(6)).await.unwrap();
        assert_eq!(scene.terms_of(&made).await, both("my program", Some(6)), "{fault:?}");
        assert_eq!(scene.keys_version().await, 1, "{fault:?}");
    }
}

#[tokio::test]
async fn a_change_without_an_answer_may_have_been_made_and_its_repetition_is() {
    for (fault, was_made) in [(Fault::AnswerLost, true), (Fault::NotApplied, false)] {
        let scene = ApiKeyScene::start().await;
        let made = scene.make(None).await.unwrap();
        let found = scene.find(&made).await;
        scene.test.recorder.fail_next("TransactWriteItems", fault, 3);
        let outcome = scene.change(found, &to_requests(6)).await;
        assert!(matches!(outcome, Err(IdentityError::Unavailable(_))), "{outcome:?}");
        assert_eq!(scene.terms_of(&made).await, both("my program", was_made.then_some(6)), "{fault:?}");
        scene.change(scene.find(&made).await, &to_requests(6)).await.unwrap();
        assert_eq!(scene.terms_of(&made).await, both("my program", Some(6)), "{fault:?}");
    }
}

#[tokio::test]
async fn the_password_of_somebody_else_widens_no_key() {
    let scene = ApiKeyScene::start().await;
    let made = scene.make(None).await.unwrap();
    scene.change(scene.find(&made).await, &to_requests(5)).await.unwrap();
    scene.test.register("mallory", 1).await;
    let mallory = scene.test.logins().find(&Username::parse("mallory").unwrap()).await.unwrap().unwrap();
    let outcome = scene.change_with(scene.find(&made).await, &to_requests(8), Some(&proven(&mallory))).await;
    assert!(matches!(outcome, Err(IdentityError::TokenNotValid(_))), "{outcome:?}");
    assert_eq!(scene.terms_of(&made).await, both("my program", Some(5)));
    let found = scene.find(&made).await;
    let ada = scene.test.logins().find(&found.username().unwrap()).await.unwrap().unwrap();
    scene.change_with(found, &to_requests(8), Some(&proven(&ada))).await.unwrap();
    assert_eq!(scene.terms_of(&made).await, both("my program", Some(8)));
}

/// DynamoDB goes by a clock of its own, and a function by one that is late.
#[tokio::test]
async fn a_key_whose_item_dynamodb_has_deleted_is_not_changed_and_not_made_anew() {
    let scene = ApiKeyScene::start().await;
    let made = scene.make(Some(1)).await.unwrap();
    let found = scene.find(&made).await;
    scene.test.table.delete(StoredApiKey::key(&made.key.digest())).await.unwrap();
    let outcome = scene.change(found, &to_requests(6)).await;
    assert!(matches!(outcome, Err(IdentityError::NotFound)), "{outcome:?}");
    assert!(scene.item_of(&made).await.is_none());
    assert!(matches!(scene.api_keys.find(&scene.ada, made.view.id).await, Err(IdentityError::NotFound)));
}
