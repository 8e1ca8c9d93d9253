//! Replacements: the version that was seen, and the answers that were lost.

use std::time::Duration;

use acts::{ActFilter, ActOrigin, ActReader, RecordedAct};
use aws_sdk_dynamodb::types::AttributeValue;
use domain::ids::UserId;
use ledger::account::Account;
use ledger::authority::Authority;
use testkit::recorder::Fault;
use testkit::test_table::TestTable;

use super::*;
use crate::testing::an_operator;

struct Scene {
    test: TestTable,
    keeper: CatalogueKeeper,
}

impl Scene {
    async fn start() -> Self {
        let test = TestTable::start().await;
        Self { keeper: CatalogueKeeper::new(test.table.clone(), test.clock.clone()), test }
    }

    async fn replace(&self, catalogue: Option<&Value>, seen: u64) -> Result<Replaced, StoreError> {
        self.replace_by(&an_operator(), catalogue, seen).await
    }

    async fn replace_by(
        &self,
        authority: &RecentAuthority,
        catalogue: Option<&Value>,
        seen: u64,
    ) -> Result<Replaced, StoreError> {
        self.keeper.replace(catalogue, seen, authority, self.test.clock.now().plus(Duration::from_secs(3))).await
    }

    /// A superuser of the first epoch of sessions, and the authority of one request.
    async fn superuser(&self) -> (UserId, RecentAuthority) {
        let user_id = UserId::new(&self.test.clock);
        self.set(user_id, "status", AttributeValue::S("active".to_owned())).await;
        self.set(user_id, "session_epoch", number(1_u64)).await;
        self.set(user_id, "staff", AttributeValue::Bool(true)).await;
        let authority = Authority::of_staff(user_id, 1, ActOrigin::new(None, "a-request"));
        (user_id, RecentAuthority::of_recent_login(authority))
    }

    async fn set(&self, user_id: UserId, attribute: &str, value: AttributeValue) {
        self.test.set(Account::key(user_id), attribute, value).await;
    }

    /// All acts, the newest first.
    async fn acts(&self) -> Vec<RecordedAct> {
        let reader = ActReader::new(self.test.table.clone());
        reader.page(ActFilter::default(), None, 100).await.unwrap().acts
    }
}

fn written(version: u64, catalogue: Option<&Value>) -> Replaced {
    Replaced::Written(StoredCatalogue {
        version,
        catalogue: catalogue.map(Value::to_string),
        changed_at: Some(testkit::test_table::NOW.to_string()),
    })
}

#[tokio::test]
async fn each_replacement_of_the_version_that_was_seen_has_the_next_number() {
    let scene = Scene::start().await;
    assert_eq!(scene.keeper.read().await.unwrap(), StoredCatalogue::default());
    let (one, two) = (json!({"models": 1}), json!({"models": 2}));
    for (version, catalogue) in [(1, Some(&one)), (2, Some(&two)), (3, None), (4, Some(&one))] {
        let replaced = scene.replace(catalogue, version - 1).await.unwrap();
        assert_eq!(replaced, written(version, catalogue));
        assert_eq!(replaced, Replaced::Written(scene.keeper.read().await.unwrap()));
    }
}

#[tokio::test]
async fn a_catalogue_that_somebody_else_has_replaced_is_left_as_it_is() {
    let scene = Scene::start().await;
    let (one, two, three) = (json!({"models": 1}), json!({"models": 2}), json!({"models": 3}));
    for seen in [1, 7, u64::MAX] {
        assert_eq!(scene.replace(Some(&one), seen).await.unwrap(), Replaced::Changed { version: 0 });
    }
    scene.replace(Some(&one), 0).await.unwrap();
    scene.replace(Some(&two), 1).await.unwrap();
    for (catalogue, seen) in [(Some(&three), 0), (Some(&three), 1), (Some(&two), 0), (None, 1), (Some(&three), 3)] {
        assert_eq!(scene.replace(catalogue, seen).await.unwrap(), Replaced::Changed { version: 2 }, "{seen}");
    }
    assert_eq!(scene.keeper.read().await.unwrap().catalogue, Some(two.to_string()));
}

#[tokio::test]
async fn a_replacement_whose_answer_was_lost_can_be_repeated() {
    let scene = Scene::start().await;
    let one = json!({"models": 1});
    for (version, catalogue) in [(1, Some(&one)), (2, None)] {
        // The client's own repetition finds what the first attempt wrote.
        scene.test.recorder.fail_next("TransactWriteItems", Fault::AnswerLost, 1);
        assert_eq!(scene.replace(catalogue, version - 1).await.unwrap(), written(version, catalogue));
        // So does the operator's.
        let stored = scene.keeper.read().await.unwrap();
        assert_eq!(scene.replace(catalogue, version - 1).await.unwrap(), Replaced::Written(stored));
        assert_eq!(scene.keeper.read().await.unwrap().version, version);
    }
}

#[tokio::test]
async fn a_repetition_may_have_its_members_in_another_order() {
    let scene = Scene::start().await;
    let [one, other] = [r#"{"a": 1, "b": 2}"#, r#"{"b": 2, "a": 1}"#].map(|text| serde_json::from_str(text).unwrap());
    let first = scene.replace(Some(&one), 0).await.unwrap();
    assert_eq!(scene.replace(Some(&other), 0).await.unwrap(), first);
}

#[tokio::test]
async fn of_two_replacements_at_once_one_is_written() {
    let scene = Scene::start().await;
    let (one, two) = (json!({"models": 1}), json!({"models": 2}));
    let (first, second) = tokio::join!(scene.replace(Some(&one), 0), scene.replace(Some(&two), 0));
    let outcomes = [first.unwrap(), second.unwrap()];
    assert_eq!(
        outcomes.iter().filter(|outcome| **outcome == Replaced::Changed { version: 1 }).count(),
        1,
        "{outcomes:?}"
    );
    let stored = Replaced::Written(scene.keeper.read().await.unwrap());
    assert!(outcomes.contains(&stored), "{outcomes:?}");
}

#[tokio::test]
async fn a_replacement_whose_fate_is_unknown_says_so() {
    let scene = Scene::start().await;
    scene.test.recorder.fail_next("TransactWriteItems", Fault::NotApplied, 10);
    let outcome = scene.replace(None, 0).await;
    assert!(matches!(outcome, Err(StoreError::Unavailable(_))), "{outcome:?}");
}

#[tokio::test]
async fn each_replacement_keeps_its_version_and_is_an_act() {
    let scene = Scene::start().await;
    let (ada, authority) = scene.superuser().await;
    let one = json!({"models": 1});
    scene.replace(Some(&one), 0).await.unwrap();
    scene.test.clock.advance(Duration::from_secs(1));
    scene.replace_by(&authority, None, 1).await.unwrap();
    // A repetition finds everything done.
    scene.replace_by(&authority, None, 1).await.unwrap();
    let now = scene.test.clock.now().to_string();
    let [actor, operator] = [ada.to_string(), "operator".to_owned()];
    let kept = scene.keeper.version(2).await.unwrap().unwrap();
    assert_eq!(kept, CatalogueVersion { version: 2, catalogue: None, changed_at: now, by: actor.clone() });
    assert_eq!(scene.keeper.version(1).await.unwrap().unwrap().catalogue, Some(one.to_string()));
    assert_eq!(scene.keeper.version(3).await.unwrap(), None);
    let acts: Vec<_> =
        scene.acts().await.into_iter().map(|act| (act.actor, act.act, act.subject, act.before, act.after)).collect();
    let act = |actor, before: u64| {
        let [deed, subject] = ["replace_catalogue", "catalogue"].map(str::to_owned);
        (actor, deed, subject, json!({"version": before}), json!({"version": before + 1}))
    };
    assert_eq!(acts, [act(actor, 1), act(operator, 0)]);
}

#[tokio::test]
async fn versions_are_listed_newest_first_page_by_page_without_documents() {
    let scene = Scene::start().await;
    for seen in 0..12 {
        scene.replace(Some(&json!({"models": seen})), seen).await.unwrap();
    }
    let (mut found, mut before) = (Vec::new(), None);
    loop {
        let page = scene.keeper.versions(before, 5).await.unwrap();
        assert!(page.versions.len() <= 5 && page.versions.iter().all(|version| version.by == "operator"));
        found.extend(page.versions.into_iter().map(|version| version.version));
        before = page.next;
        if before.is_none() {
            break;
        }
    }
    assert_eq!(found, (1..=12).rev().collect::<Vec<u64>>());
    let requests = scene.test.recorder.requests();
    assert!(!requests.last().unwrap().response_body.to_string().contains("models"));
}

#[tokio::test]
async fn whoever_ceases_to_be_staff_after_the_read_replaces_nothing_and_leaves_no_trace() {
    let catalogue = json!({"models": 1});
    for (attribute, value) in [
        ("staff", AttributeValue::Bool(false)),
        ("status", AttributeValue::S("inactive".to_owned())),
        ("session_epoch", number(2_u64)),
    ] {
        let scene = Scene::start().await;
        let (ada, authority) = scene.superuser().await;
        let seen = scene.keeper.read().await.unwrap().version;
        scene.set(ada, attribute, value).await;
        let outcome = scene.replace_by(&authority, Some(&catalogue), seen).await.unwrap();
        assert_eq!(outcome, Replaced::Unauthorized(AuthorityLost), "{attribute}");
        assert_eq!(scene.keeper.read().await.unwrap(), StoredCatalogue::default());
        assert_eq!((scene.keeper.version(1).await.unwrap(), scene.acts().await), (None, vec![]));
        // They do not learn either which version there is.
        scene.replace(Some(&json!({"models": 2})), 0).await.unwrap();
        let outcome = scene.replace_by(&authority, Some(&catalogue), 0).await.unwrap();
        assert_eq!(outcome, Replaced::Unauthorized(AuthorityLost), "{attribute}");
    }
}

/// A version that is kept is never written again, also where the present catalogue is gone.
#[tokio::test]
async fn a_catalogue_that_was_deleted_by_hand_does_not_come_back_under_a_number_that_is_kept() {
    let scene = Scene::start().await;
    scene.replace(Some(&json!({"models": 1})), 0).await.unwrap();
    scene.test.table.delete(StoredCatalogue::key()).await.unwrap();
    let outcome = scene.replace(Some(&json!({"models": 2})), 0).await;
    assert!(matches!(outcome, Err(StoreError::Internal(_))), "{outcome:?}");
}

/// 8.5 read units where an eventual read is enough, at most once a minute in each process.
#[test]
fn the_longest_catalogue_is_an_item_of_64_kb_and_little_more() {
    let stored = StoredCatalogue {
        version: u64::MAX,
        catalogue: Some("a".repeat(crate::catalogue::MAX_CATALOGUE_BYTES)),
        changed_at: Some(testkit::test_table::NOW.to_string()),
    };
    let bytes = store::item_bytes(&StoredCatalogue::key().with(&stored).unwrap());
    assert!(bytes <= 65 * 1024, "{bytes}");
}
