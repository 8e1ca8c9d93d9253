//! The view of a function: when a replacement is noticed, and what a broken document does.

use std::time::Instant;

use aws_sdk_dynamodb::types::AttributeValue;
use domain::pricing::Prices;
use serde_json::Value;
use testkit::recorder::Fault;
use testkit::test_table::TestTable;

use super::*;
use crate::catalogue::{CataloguedModel, Protocol, Provider};
use crate::stored_catalogue::{CatalogueKeeper, Replaced};
use crate::testing::{an_operator, small_catalogue};

struct Scene {
    test: TestTable,
    catalogues: Catalogues,
    keeper: CatalogueKeeper,
}

impl Scene {
    async fn start() -> Self {
        let test = TestTable::start().await;
        let keeper = CatalogueKeeper::new(test.table.clone(), test.clock.clone());
        Self { catalogues: view(&test), test, keeper }
    }

    async fn replace(&self, catalogue: Option<Value>, seen: u64) {
        let deadline = self.test.clock.now().plus(Duration::from_secs(28));
        let replaced = self.keeper.replace(catalogue.as_ref(), seen, &an_operator(), deadline).await.unwrap();
        assert!(matches!(replaced, Replaced::Written(_)), "{replaced:?}");
    }

    async fn break_document(&self) {
        let nonsense = AttributeValue::S("{\"models\": []}".to_owned());
        self.test.set(StoredCatalogue::key(), "catalogue", nonsense).await;
    }

    async fn current(&self) -> (Option<u64>, String) {
        let current = self.catalogues.current().await.unwrap();
        (current.version, current.catalogue.models()[0].id.clone())
    }

    fn reads(&self) -> usize {
        self.test.recorder.requests().iter().filter(|request| request.operation == "GetItem").count()
    }
}

fn view(test: &TestTable) -> Catalogues {
    let model = CataloguedModel::of_the_settings("of the settings", Prices::default(), 100, 10);
    let settings = Catalogue::of_one(Provider::new(Protocol::Dummy), model);
    Catalogues::new(test.table.clone(), test.clock.clone(), settings)
}

fn of_the_settings() -> (Option<u64>, String) {
    (None, "of the settings".to_owned())
}

#[tokio::test]
async fn the_settings_name_the_model_while_there_is_no_catalogue_and_after_its_end() {
    let scene = Scene::start().await;
    assert_eq!(scene.current().await, of_the_settings());
    scene.replace(Some(small_catalogue("a")), 0).await;
    scene.test.clock.advance(RENEWAL_AGE);
    assert_eq!(scene.current().await, (Some(1), "a".to_owned()));
    scene.replace(None, 1).await;
    scene.test.clock.advance(RENEWAL_AGE);
    assert_eq!(scene.current().await, of_the_settings());
}

#[tokio::test]
async fn a_replacement_is_noticed_after_a_minute_and_between_nothing_is_read() {
    let scene = Scene::start().await;
    scene.replace(Some(small_catalogue("a")), 0).await;
    scene.catalogues.warm_up().await;
    scene.replace(Some(small_catalogue("b")), 1).await;
    scene.test.recorder.clear();
    for _ in 0..60 {
        assert_eq!(scene.current().await, (Some(1), "a".to_owned()));
        scene.test.clock.advance(Duration::from_secs(1));
    }
    assert_eq!(scene.reads(), 0);
    assert_eq!(scene.current().await, (Some(2), "b".to_owned()));
    assert_eq!(scene.reads(), 1);
    assert_eq!(scene.test.recorder.requests()[0].body["ConsistentRead"], false);
}

/// Its connections are made of it once, so a catalogue that did not change has to stay the same one.
#[tokio::test]
async fn a_catalogue_that_did_not_change_stays_the_same_one() {
    let scene = Scene::start().await;
    for version in 0..2 {
        let first = scene.catalogues.current().await.unwrap();
        scene.test.clock.advance(RENEWAL_AGE);
        assert!(Arc::ptr_eq(&first, &scene.catalogues.current().await.unwrap()), "version {version}");
        scene.replace(Some(small_catalogue("a")), version).await;
        scene.test.clock.advance(RENEWAL_AGE);
        assert!(!Arc::ptr_eq(&first, &scene.catalogues.current().await.unwrap()), "version {version}");
    }
}

/// After a restore of the table a number may stand for another document.
#[tokio::test]
async fn a_version_that_comes_back_with_another_document_is_noticed() {
    let scene = Scene::start().await;
    scene.replace(Some(small_catalogue("a")), 0).await;
    assert_eq!(scene.current().await, (Some(1), "a".to_owned()));
    let of_another_past = AttributeValue::S(small_catalogue("b").to_string());
    scene.test.set(StoredCatalogue::key(), "catalogue", of_another_past).await;
    scene.test.clock.advance(RENEWAL_AGE);
    let now = AttributeValue::S(scene.test.clock.now().to_string());
    scene.test.set(StoredCatalogue::key(), "changed_at", now).await;
    assert_eq!(scene.current().await, (Some(1), "b".to_owned()));
}

#[tokio::test]
async fn a_read_that_fails_keeps_the_last_catalogue_for_another_minute() {
    let scene = Scene::start().await;
    scene.replace(Some(small_catalogue("a")), 0).await;
    scene.catalogues.warm_up().await;
    scene.replace(Some(small_catalogue("b")), 1).await;
    scene.test.clock.advance(RENEWAL_AGE);
    scene.test.recorder.fail_next("GetItem", Fault::NotApplied, 10);
    assert_eq!(scene.current().await, (Some(1), "a".to_owned()));
    scene.test.recorder.forget_faults();
    scene.test.recorder.clear();
    scene.test.clock.advance(Duration::from_secs(59));
    assert_eq!((scene.current().await.0, scene.reads()), (Some(1), 0));
    scene.test.clock.advance(Duration::from_secs(1));
    assert_eq!(scene.current().await, (Some(2), "b".to_owned()));
}

#[tokio::test]
async fn a_table_that_is_silent_delays_a_request_by_half_a_second_where_a_catalogue_is_known() {
    let scene = Scene::start().await;
    scene.catalogues.warm_up().await;
    scene.test.clock.advance(RENEWAL_AGE);
    scene.test.recorder.fail_next("GetItem", Fault::Silence, 10);
    let started = Instant::now();
    assert_eq!(scene.current().await, of_the_settings());
    assert!(started.elapsed() < 3 * RENEWAL_TIMEOUT, "{:?}", started.elapsed());
}

#[tokio::test]
async fn without_a_first_read_there_is_no_answer_and_the_next_request_reads() {
    let scene = Scene::start().await;
    scene.replace(Some(small_catalogue("a")), 0).await;
    scene.test.recorder.fail_next("GetItem", Fault::NotApplied, 10);
    scene.catalogues.warm_up().await;
    assert!(matches!(scene.catalogues.current().await, Err(StoreError::Unavailable(_))));
    scene.test.recorder.forget_faults();
    assert_eq!(scene.current().await, (Some(1), "a".to_owned()));
}

#[tokio::test]
async fn a_broken_document_is_never_the_model_of_the_settings() {
    let scene = Scene::start().await;
    scene.replace(Some(small_catalogue("a")), 0).await;
    scene.break_document().await;
    let error = scene.catalogues.current().await.unwrap_err();
    let cause =
        "the catalogue in the table cannot be used: version 1 has 2 errors, the first of them providers: is missing";
    assert!(matches!(&error, StoreError::Unavailable(_)), "{error}");
    assert_eq!(error.cause(), cause);
    let nonsense = AttributeValue::S("one".to_owned());
    scene.test.set(StoredCatalogue::key(), "version", nonsense).await;
    assert!(matches!(scene.catalogues.current().await, Err(StoreError::Unavailable(_))));
}

#[tokio::test]
async fn a_document_that_breaks_later_leaves_the_known_catalogue_in_use() {
    let scene = Scene::start().await;
    scene.replace(Some(small_catalogue("a")), 0).await;
    assert_eq!(scene.current().await, (Some(1), "a".to_owned()));
    scene.replace(Some(small_catalogue("b")), 1).await;
    scene.break_document().await;
    scene.test.clock.advance(RENEWAL_AGE);
    assert_eq!(scene.current().await, (Some(1), "a".to_owned()));
    scene.replace(Some(small_catalogue("c")), 2).await;
    scene.test.clock.advance(RENEWAL_AGE);
    assert_eq!(scene.current().await, (Some(3), "c".to_owned()));
}

#[tokio::test]
async fn a_clock_that_was_set_back_makes_no_catalogue_younger() {
    let scene = Scene::start().await;
    assert_eq!(scene.current().await, of_the_settings());
    scene.replace(Some(small_catalogue("a")), 0).await;
    let earlier = Clock::manual(scene.test.clock.now().minus(Duration::from_secs(3600)));
    let view = Catalogues { clock: earlier, ..scene.catalogues };
    assert_eq!(view.current().await.unwrap().version, Some(1));
}

#[tokio::test]
async fn without_a_table_the_settings_name_the_model() {
    let model = CataloguedModel::of_the_settings("m", Prices::default(), 100, 10);
    let view = Catalogues::without_table(Catalogue::of_one(Provider::new(Protocol::Dummy), model));
    assert_eq!(view.current().await.unwrap().catalogue.find("m").unwrap().id, "m");
}
