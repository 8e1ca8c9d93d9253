//! More API keys than leave their list in one transaction.

use domain::budget::Budget;
use domain::period::PeriodLength;
use domain::term_change::TermChange;
use store::Key;

use super::*;

use crate::api_keys::list::{ApiKeyList, MOST_STRUCK};

/// The number of keys in most of these tests: three transactions of them.
const MANY: usize = 60;
/// The most items of a transaction of DynamoDB.
const MOST_ITEMS: usize = 100;

impl ApiKeyScene {
    /// Puts keys with budgets of all of time into the table, and a list of them, past the password that each takes.
    async fn put_keys(&self, number_of_keys: usize, end: Option<Timestamp>) -> Vec<ApiKey> {
        let user_id = self.ada.user_id();
        let credits = Credits::new(5).unwrap();
        let limits = KeyLimits { budget: Some(Budget { credits, per: PeriodLength::Total }), ..KeyLimits::default() };
        let (mut keys, mut listed) = (Vec::new(), serde_json::Map::new());
        for _ in 0..number_of_keys {
            let (id, key) = (ApiKeyId::new(&self.test.clock), ApiKey::random().unwrap());
            let mut in_both = json!({"name": "program", "epoch": 1});
            if let Some(end) = end {
                in_both["expires_at"] = json!(end.seconds());
            }
            let of_list = json!({
                "prefix": key.prefix(),
                "digest": key.digest(),
                "created_at": NOW.to_string(),
                "has_total_budget": true,
            });
            listed.insert(id.to_string(), merged(&in_both, &of_list));
            let stored = merged(&in_both, &json!({"user_id": user_id, "id": id, "limits": limits}));
            self.put(StoredApiKey::key(&key.digest()), &stored).await;
            self.put(Key::of_user(user_id, format!("BUDGET#{id}#total")), &json!({"spent": 1})).await;
            keys.push(key);
        }
        self.put(ApiKeyList::key(user_id), &json!({"api_keys": listed, "version": 1})).await;
        keys
    }

    async fn put(&self, key: Key, attributes: &serde_json::Value) {
        let table = &self.test.table;
        let item = key.with(attributes).unwrap();
        table.client().put_item().table_name(table.name()).set_item(Some(item)).send().await.unwrap();
    }

    /// The number of keys on the list, dead ones too.
    async fn length_of_list(&self) -> usize {
        let list: ApiKeyList = self.test.table.get(ApiKeyList::key(self.ada.user_id())).await.unwrap().unwrap();
        list.api_keys.len()
    }

    /// The number of budgets of all of time that end at `end`. Each still says what was spent, and the others have no end.
    async fn totals_that_end(&self, end: Timestamp) -> usize {
        let items = self.test.isolated.items().await;
        let is_total = |item: &&serde_json::Value| item["sk"]["S"].as_str().unwrap().ends_with("#total");
        let totals: Vec<_> = items.iter().filter(is_total).collect();
        assert!(totals.iter().all(|item| item["spent"]["N"] == "1"), "{totals:?}");
        let end = end.seconds().to_string();
        let (ending, others): (Vec<_>, Vec<_>) =
            totals.into_iter().partition(|item| item["expires_at"]["N"] == end.as_str());
        assert!(others.iter().all(|item| item["expires_at"].is_null()), "{others:?}");
        ending.len()
    }

    /// The number of transactions since the recorder was cleared. Each had room for all of its items.
    fn transactions(&self) -> usize {
        let requests = self.test.recorder.requests();
        self.test.recorder.clear();
        let sizes = requests.iter().filter_map(|request| request.body["TransactItems"].as_array().map(Vec::len));
        let sizes: Vec<usize> = sizes.collect();
        assert!(sizes.iter().all(|size| *size <= MOST_ITEMS), "{sizes:?}");
        sizes.len()
    }

    /// Ada with a token of the session that she begins after the end of all others.
    async fn logged_in_again(self, session_epoch: u64) -> Self {
        let ada: LoggedIn = Subject { session_epoch, ..self.test.subject(self.ada.user_id()) }.into();
        self.test.end_session_at(&ada, NOW.plus(365 * DAY)).await;
        Self { ada, ..self }
    }

    /// Makes a key, changes it and ends it: each of these acts strikes some of the dead keys off, until none is left.
    async fn strike_off_by_making_changing_and_ending(&self) {
        let end_of_totals = self.test.clock.now().plus(DAY);
        self.test.recorder.clear();
        let made = self.make(None).await.unwrap();
        let assert_left = async |dead: usize, living: usize| {
            assert_eq!((self.length_of_list().await, self.items_of_keys().await), (dead + living, dead + living));
            assert_eq!(self.totals_that_end(end_of_totals).await, MANY - dead);
            assert_eq!(self.transactions(), 1);
        };
        assert_left(MANY - MOST_STRUCK, 1).await;

        let name = TermChange::To("another".to_owned().try_into().unwrap());
        let changes = ApiKeyChanges { name, ..ApiKeyChanges::default() };
        let found = self.api_keys.find(&self.ada, made.view.id).await.unwrap();
        let patch = ApiKeyPatch { person: &self.ada, proven: None, changes: &changes };
        self.api_keys.change(patch, found, self.soon()).await.unwrap();
        assert_left(MANY - 2 * MOST_STRUCK, 1).await;
        self.opens(&made.key).await.unwrap();
        self.test.recorder.clear();

        self.end(made.view.id).await.unwrap();
        assert_left(0, 0).await;
    }
}

fn merged(one: &serde_json::Value, other: &serde_json::Value) -> serde_json::Value {
    one.as_object()
        .into_iter()
        .chain(other.as_object())
        .flatten()
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect()
}

#[tokio::test]
async fn a_logout_everywhere_ends_sixty_keys_and_their_budgets_in_transactions_that_have_room_for_them() {
    let scene = ApiKeyScene::start().await;
    let keys = scene.put_keys(MANY, None).await;
    for key in &keys {
        scene.opens(key).await.unwrap();
    }
    scene.test.recorder.clear();
    scene.log_out_everywhere(LogoutScope::SessionsAndApiKeys).await.unwrap();
    assert_eq!(scene.transactions(), MANY.div_ceil(MOST_STRUCK));
    assert_eq!((scene.length_of_list().await, scene.items_of_keys().await), (0, 0));
    assert_eq!(scene.totals_that_end(NOW.plus(DAY)).await, MANY);
    for key in &keys {
        assert!(matches!(scene.opens(key).await, Err(IdentityError::TokenNotValid(_))));
    }
}

#[tokio::test]
async fn keys_that_a_logout_everywhere_has_no_time_to_strike_off_open_nothing_and_are_struck_off_later() {
    let scene = ApiKeyScene::start().await;
    let keys = scene.put_keys(MANY, None).await;
    let no_time = scene.test.clock.now();
    scene.log_out_everywhere_until(no_time, LogoutScope::SessionsAndApiKeys).await.unwrap();
    assert_eq!((scene.length_of_list().await, scene.items_of_keys().await), (MANY - MOST_STRUCK, MANY - MOST_STRUCK));
    for key in &keys {
        assert!(matches!(scene.opens(key).await, Err(IdentityError::TokenNotValid(_))));
    }
    let scene = scene.logged_in_again(2).await;
    scene.make(None).await.unwrap();
    assert_eq!(scene.length_of_list().await, MANY - 2 * MOST_STRUCK + 1);
    assert_eq!(scene.totals_that_end(NOW.plus(DAY)).await, 2 * MOST_STRUCK);
}

#[tokio::test]
async fn sixty_keys_that_have_expired_keep_nobody_from_making_changing_and_ending_another() {
    let scene = ApiKeyScene::start().await;
    scene.put_keys(MANY, Some(NOW.plus(DAY))).await;
    scene.test.clock.advance(DAY);
    scene.strike_off_by_making_changing_and_ending().await;
}

#[tokio::test]
async fn sixty_keys_that_ended_by_their_epoch_keep_nobody_from_making_changing_and_ending_another() {
    let scene = ApiKeyScene::start().await;
    scene.put_keys(MANY, None).await;
    let (accounts, username) = (scene.test.accounts(), Username::parse("ada").unwrap());
    accounts.deactivate(&username, scene.soon()).await.unwrap();
    let (login, _) = accounts.activate(&username, scene.soon()).await.unwrap();
    let scene = scene.logged_in_again(login.session_epoch).await;
    scene.strike_off_by_making_changing_and_ending().await;
}

#[tokio::test]
async fn a_list_of_a_hundred_dead_keys_has_room_for_another_and_never_more_than_a_hundred() {
    let scene = ApiKeyScene::start().await;
    scene.put_keys(MAX_API_KEYS, Some(NOW.plus(DAY))).await;
    scene.test.clock.advance(DAY);
    for made in 1..=4 {
        scene.make(None).await.unwrap();
        assert_eq!(scene.length_of_list().await, MAX_API_KEYS - made * MOST_STRUCK + made);
    }
    assert_eq!(scene.listed().await.len(), 4);
}

#[tokio::test]
async fn a_hundred_keys_are_listed_each_with_the_budget_of_its_own_item() {
    let scene = ApiKeyScene::start().await;
    scene.put_keys(MAX_API_KEYS, None).await;
    let listed = scene.api_keys.list(&scene.ada).await.unwrap();
    assert_eq!(listed.len(), MAX_API_KEYS);
    for view in listed {
        assert_eq!(view.budget.map(|budget| (u64::from(budget.credits), budget.spent)), Some((5, 1)));
    }
}
