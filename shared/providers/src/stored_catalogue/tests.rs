//! Replacements: the version that was seen, and the answers that were lost.

use std::time::Duration;

use serde_json::json;
use testkit::recorder::Fault;
use testkit::test_table::TestTable;

use super::*;

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
        self.keeper.replace(catalogue, seen, self.test.clock.now().plus(Duration::from_secs(3))).await
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
        scene.test.recorder.fail_next("PutItem", Fault::AnswerLost, 1);
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
    scene.test.recorder.fail_next("PutItem", Fault::NotApplied, 10);
    let outcome = scene.replace(None, 0).await;
    assert!(matches!(outcome, Err(StoreError::Unavailable(_))), "{outcome:?}");
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
