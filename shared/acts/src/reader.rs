//! Reading the history.

use aws_sdk_dynamodb::types::AttributeValue;
use domain::cause::Cause;
use domain::ids::ActId;
use serde::Serialize;
use serde_json::Value;
use store::{Item, Key, StoreError, Table, from_item, sort_key_of};

use crate::act::ActSubject;
use crate::actor::Actor;
use crate::record::{ActRecord, OF_ALL, partition_by, partition_of};

/// The most acts of a page.
pub const MAX_ACTS_OF_A_PAGE: u16 = 100;

/// The most records that a page reads where it leaves some of them out.
const MAX_FILTERED: i32 = 500;

/// The acts that a list has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ActFilter {
    /// The acts of this actor alone.
    pub actor: Option<Actor>,
    /// The acts on this subject alone.
    pub subject: Option<ActSubject>,
}

/// An act as it was recorded. Names are not in it: whoever shows it looks for them.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RecordedAct {
    /// The record's id.
    pub id: ActId,
    /// The time of the act, in RFC 3339.
    pub at: String,
    /// The id of a user, or `operator`.
    pub actor: String,
    /// The word for the kind of the act.
    pub act: String,
    /// The id of a user, of a batch of vouchers or of a job; `catalogue`, or `deployment`.
    pub subject: String,
    /// The attributes that the act changed, as they were.
    pub before: Value,
    /// The same attributes, as they were afterwards.
    pub after: Value,
    /// The reason, if one was given.
    pub reason: Option<String>,
    /// The network of the request, if it came through the API.
    pub network: Option<String>,
    /// The id of the request.
    pub request_id: String,
}

/// A part of the history, the newest act first.
#[derive(Clone, Debug, PartialEq)]
pub struct ActPage {
    /// The acts. There may be fewer than were asked for, and none, although more follow.
    pub acts: Vec<RecordedAct>,
    /// The act after which the next page begins, if there may be one.
    pub next: Option<ActId>,
}

/// The history, for reading.
#[derive(Clone, Debug)]
pub struct ActReader {
    table: Table,
}

impl ActReader {
    /// The history in `table`.
    #[must_use]
    pub fn new(table: Table) -> Self {
        Self { table }
    }

    /// At most `limit` acts, and at most [`MAX_ACTS_OF_A_PAGE`], which are older than the act `after`. One consistent query
    /// reads them: of the subject's acts if one is asked for, else of the actor's, else of all.
    ///
    /// # Errors
    /// [`StoreError`] if the table cannot be read, or a record is none.
    pub async fn page(&self, filter: ActFilter, after: Option<ActId>, limit: u16) -> Result<ActPage, StoreError> {
        let limit = limit.clamp(1, MAX_ACTS_OF_A_PAGE);
        let partition = match filter {
            ActFilter { subject: Some(subject), .. } => partition_of(&subject.to_string()),
            ActFilter { actor: Some(actor), .. } => partition_by(&actor.to_string()),
            ActFilter { .. } => OF_ALL.to_owned(),
        };
        let left_out = filter.actor.filter(|_| filter.subject.is_some());
        let query = self.table.client().query().table_name(self.table.name());
        let query = query
            .key_condition_expression("pk = :partition")
            .expression_attribute_values(":partition", AttributeValue::S(partition.clone()))
            .set_exclusive_start_key(after.map(|id| Key::new(partition, id.to_string()).into_item()))
            .scan_index_forward(false)
            .consistent_read(true);
        let query = match left_out {
            None => query.limit(limit.into()),
            Some(actor) => query
                .limit(MAX_FILTERED)
                .filter_expression("actor = :actor")
                .expression_attribute_values(":actor", AttributeValue::S(actor.to_string())),
        };
        let answer = query.send().await?;
        let last_read = answer.last_evaluated_key.as_ref().map(id_of).transpose()?;
        let found = answer.items.unwrap_or_default();
        let is_cut = found.len() > usize::from(limit);
        let acts: Vec<RecordedAct> = found.into_iter().take(limit.into()).map(recorded).collect::<Result<_, _>>()?;
        let next = if is_cut { acts.last().map(|act| act.id) } else { last_read };
        Ok(ActPage { acts, next })
    }
}

fn recorded(item: Item) -> Result<RecordedAct, StoreError> {
    let id = id_of(&item)?;
    let ActRecord { at, actor, act, subject, before, after, reason, network, request_id } = from_item(item)?;
    Ok(RecordedAct { id, at, actor, act, subject, before, after, reason, network, request_id })
}

fn id_of(item: &Item) -> Result<ActId, StoreError> {
    let id = sort_key_of(item).and_then(ActId::parse);
    id.ok_or_else(|| StoreError::Internal(Cause::because("the record of an act has no id")))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    use domain::ids::{JobId, UserId};
    use domain::reason::Reason;
    use domain::source_network::SourceNetwork;
    use serde_json::json;
    use store::item_bytes;
    use testkit::test_table::{NOW, TestTable};

    use crate::act::{Act, Deed};
    use crate::actor::ActOrigin;
    use crate::signature::Signature;

    struct HistoryScene {
        test: TestTable,
        reader: ActReader,
        ada: UserId,
    }

    impl HistoryScene {
        async fn start() -> Self {
            let test = TestTable::start().await;
            Self { reader: ActReader::new(test.table.clone()), ada: UserId::new(&test.clock), test }
        }

        /// Records an act a millisecond after the one before it.
        async fn record(&self, actor: Actor, act: &Act<'_>) {
            self.test.clock.advance(Duration::from_millis(1));
            let network = SourceNetwork::of_address("127.0.113.7");
            let signature = Signature::new(actor, ActOrigin::new(Some(network), "a-request"));
            let parts = signature.parts(act, &self.test.table, &self.test.clock).unwrap();
            let token = ActId::new(&self.test.clock).to_string();
            let until = NOW.plus(Duration::from_secs(28));
            self.test.table.transact(&token, parts.into(), &self.test.clock, until).await.unwrap();
        }

        async fn page(&self, actor: Option<Actor>, subject: Option<ActSubject>, after: Option<ActId>) -> ActPage {
            self.reader.page(ActFilter { actor, subject }, after, 2).await.unwrap()
        }
    }

    fn act(subject: ActSubject, number: u64) -> Act<'static> {
        Act { deed: Deed::Change, subject, before: json!({"number": number}), after: json!({}), reason: None }
    }

    fn numbers(page: &ActPage) -> Vec<u64> {
        page.acts.iter().map(|act| act.before["number"].as_u64().unwrap()).collect()
    }

    #[tokio::test]
    async fn an_act_is_read_as_it_was_recorded() {
        let scene = HistoryScene::start().await;
        let reason = Reason::try_from("a present".to_owned()).unwrap();
        let grant = Act {
            deed: Deed::Grant,
            subject: ActSubject::User(scene.ada),
            before: json!({}),
            after: json!({"amount": -50, "staff": true, "nothing": null}),
            reason: Some(&reason),
        };
        scene.record(Actor::Operator, &grant).await;
        let page = scene.page(None, None, None).await;
        let [read] = &page.acts[..] else { panic!("{page:?}") };
        let expected = RecordedAct {
            id: read.id,
            at: scene.test.clock.now().to_string(),
            actor: "operator".to_owned(),
            act: "grant".to_owned(),
            subject: scene.ada.to_string(),
            before: json!({}),
            after: json!({"amount": -50, "staff": true, "nothing": null}),
            reason: Some("a present".to_owned()),
            network: Some("127.0.113.0/24".to_owned()),
            request_id: "a-request".to_owned(),
        };
        assert_eq!(page, ActPage { acts: vec![expected], next: None });
    }

    #[tokio::test]
    async fn a_list_has_all_acts_or_those_of_an_actor_or_a_subject_page_by_page() {
        let scene = HistoryScene::start().await;
        let (ada, bob) = (ActSubject::User(scene.ada), ActSubject::User(UserId::new(&scene.test.clock)));
        let staff = Actor::Staff(scene.ada);
        let acts = [(staff, ada), (Actor::Operator, bob), (staff, bob), (staff, ActSubject::Catalogue), (staff, bob)];
        for (number, (actor, subject)) in (0..).zip(acts) {
            scene.record(actor, &act(subject, number)).await;
        }
        let first = scene.page(None, None, None).await;
        assert_eq!(numbers(&first), [4, 3]);
        let second = scene.page(None, None, first.next).await;
        assert_eq!(numbers(&second), [2, 1]);
        assert_eq!(numbers(&scene.page(None, None, second.next).await), [0]);
        assert_eq!(numbers(&scene.page(Some(Actor::Operator), None, None).await), [1]);
        assert_eq!(numbers(&scene.page(None, Some(bob), None).await), [4, 2]);
        let both = scene.page(Some(staff), Some(bob), None).await;
        assert_eq!((numbers(&both), both.next), (vec![4, 2], None));
        let one = scene.reader.page(ActFilter { actor: Some(staff), subject: Some(bob) }, None, 1).await.unwrap();
        assert_eq!(numbers(&one), [4]);
        assert_eq!(numbers(&scene.page(Some(staff), Some(bob), one.next).await), [2]);
        let nothing = scene.page(None, Some(ActSubject::Job(JobId::new(&scene.test.clock))), None).await;
        assert_eq!(nothing, ActPage { acts: Vec::new(), next: None });
    }

    #[tokio::test]
    async fn the_longest_record_has_4_kib_and_a_longer_state_is_refused() {
        let scene = HistoryScene::start().await;
        let reason = Reason::try_from("\u{1f600}".repeat(Reason::MAX_CHARACTERS)).unwrap();
        let state = |bytes: usize| json!({"a": "x".repeat(bytes - r#"{"a":""}"#.len())});
        let most = Act::MAX_STATE_BYTES;
        let longest =
            Act { before: state(most), after: state(most), reason: Some(&reason), ..act(ActSubject::Deployment, 0) };
        scene.record(Actor::Staff(scene.ada), &longest).await;
        let items =
            scene.test.table.get_all([Key::new(OF_ALL, scene.page(None, None, None).await.acts[0].id.to_string())]);
        let bytes = item_bytes(&items.await.unwrap()[0]);
        assert!(bytes <= 4096, "{bytes}");
        let longer = Act { after: state(most + 1), ..act(ActSubject::Deployment, 0) };
        let signature = Signature::new(Actor::Operator, ActOrigin::new(None, ""));
        assert!(signature.parts(&longer, &scene.test.table, &scene.test.clock).is_err());
    }

    #[test]
    fn an_actor_is_a_users_id_or_a_word_that_is_none() {
        let ada = Actor::Staff(UserId::new(&domain::time::Clock::system()));
        for actor in [ada, Actor::Operator] {
            assert_eq!(Actor::parse(&actor.to_string()), Some(actor));
            assert_eq!(serde_json::from_value::<Actor>(json!(actor)).unwrap(), actor);
        }
        for text in ["", "Operator", "ada"] {
            assert_eq!(Actor::parse(text), None, "{text}");
        }
    }
}
