//! Texts whose time is over: what their readers show, and who deletes them.

use std::time::Duration;

use aws_sdk_dynamodb::types::AttributeValue;
use domain::credits::Credits;
use domain::ids::{ConversationId, EntryId, UserId};
use domain::time::Timestamp;
use domain::username::Username;
use store::{Item, StoreError, partition_of, sort_key_of};
use testkit::recorder::Fault;

use super::*;
use crate::account::{Payer, Status};
use crate::admission::Admission;
use crate::audit::{Audit, DeletionProgress, Deletions, Report};
use crate::entry::{self, Entry};
use crate::error::LedgerError;
use crate::exchange::{Bill, Exchange};
use crate::gate::Gate;
use crate::history::{AnsweredMessage, Cursor, ExportCursor, History, Limit, PageRequest};
use crate::hold::{HoldOutcome, Order};
use crate::idempotency::{IdempotencyKey, Remembered};
use crate::ledger::Ledger;
use crate::past_exchanges::{PastExchanges, WantedExchanges};
use crate::testing::{TestTable, message, open_account, stored_reply};

const FOR_GOOD: Retention = Retention(None);
const WEEK: Retention = Retention::lasting(Duration::from_secs(7 * 24 * 60 * 60));
const FIRST: ConversationId = ConversationId::FIRST;

/// No test here deletes an account.
struct NoAccounts;

impl Deletions for NoAccounts {
    async fn finish(&self, user_id: UserId, _: &Username, _: Timestamp) -> Result<DeletionProgress, StoreError> {
        panic!("the account of {user_id} is not being deleted")
    }

    async fn sweep(&self, user_id: UserId, _: Timestamp) -> Result<DeletionProgress, StoreError> {
        panic!("the account of {user_id} was not deleted")
    }
}

struct RetentionScene {
    test: TestTable,
    ada: Payer,
}

impl RetentionScene {
    async fn start() -> Self {
        let test = TestTable::start().await;
        let ada = open_account(&test, "ada", 1000).await;
        Self { test, ada }
    }

    fn soon(&self) -> Timestamp {
        self.test.clock.now().plus(Duration::from_secs(900))
    }

    fn pass(&self, days: u32) {
        self.test.clock.advance(DAY * days);
    }

    async fn ask(
        &self,
        retention: Retention,
        text: &str,
        key: Option<&str>,
        conversation: Option<ConversationId>,
    ) -> Result<HoldOutcome, LedgerError> {
        self.test.clock.advance(Duration::from_millis(1));
        let ledger = Ledger::new(self.test.table.clone(), self.test.clock.clone(), 10).with_retention(retention);
        let gate = Gate::without_operator(self.test.clock.clone());
        let said = message(text);
        let remembered = key.map(|key| Remembered::message(IdempotencyKey::parse(key).unwrap(), &said));
        let open = match ledger.admit(&gate, self.ada, remembered).await? {
            Admission::Open(open) => open,
            Admission::Replay(replay) => return Ok(HoldOutcome::Replay(*replay)),
        };
        let one = Credits::new(1).unwrap();
        let order = Order { amount: one, least: one, deadline: self.soon() };
        let outcome = ledger.hold(open, &order).await?;
        if let HoldOutcome::Held(held) = &outcome {
            let (reply, bill) = (stored_reply(&format!("{text}?")), Bill::of(one));
            ledger.capture(held, Exchange { message: &said, reply: &reply, conversation, bill }).await?;
        }
        Ok(outcome)
    }

    /// Says `text` in the first conversation while texts are kept for as long as `retention` says.
    async fn say(&self, retention: Retention, text: &str) -> EntryId {
        match self.ask(retention, text, None, Some(FIRST)).await.unwrap() {
            HoldOutcome::Held(held) => held.id,
            other => panic!("was not held: {other:?}"),
        }
    }

    fn history(&self, retention: Retention) -> History {
        History::new(self.test.table.clone(), self.test.clock.clone()).with_retention(retention)
    }

    /// What a reader under `retention` is shown by each of the lists, the newest first, which must agree.
    async fn shown(&self, retention: Retention) -> Vec<String> {
        let (history, all) = (self.history(retention), PageRequest { limit: Limit::MAX, cursor: None });
        let texts = |messages: Vec<AnsweredMessage>| -> Vec<String> {
            assert!(messages.iter().all(|message| !message.text_lost), "{messages:?}");
            messages.into_iter().map(|message| message.message).collect()
        };
        let shown = texts(history.messages(self.ada, all).await.unwrap().entries);
        assert_eq!(texts(history.messages_of(self.ada, FIRST, all).await.unwrap().entries), shown);
        let mut exported = self.exported(retention).await;
        exported.reverse();
        assert_eq!(exported, shown);
        shown
    }

    async fn exported(&self, retention: Retention) -> Vec<String> {
        let history = self.history(retention);
        let account = history.account(self.ada).await.unwrap();
        let ExportCursor::AfterEntry(start) = ExportCursor::before_entries() else { panic!("no place of entries") };
        let page = history.exported_entries(&account, self.ada.user_id(), start).await.unwrap();
        assert_eq!(page.entries.len(), self.items("ENTRY#").await.len(), "entries stay");
        page.entries.into_iter().filter_map(|exported| Some(exported.texts?.message)).collect()
    }

    /// What a model is told, the oldest first.
    async fn told(&self, retention: Retention) -> Vec<String> {
        let past = PastExchanges::new(self.test.table.clone(), self.test.clock.clone()).with_retention(retention);
        let wanted = WantedExchanges { most: 50, bytes: u64::MAX };
        let told = past.last(self.ada.user_id(), FIRST, wanted).await.unwrap();
        told.into_iter().map(|exchange| exchange.message).collect()
    }

    async fn audit(&self, retention: Retention) -> Report {
        self.audit_until(retention, self.soon()).await
    }

    async fn audit_until(&self, retention: Retention, deadline: Timestamp) -> Report {
        let audit = Audit::new(self.test.table.clone(), self.test.clock.clone()).with_retention(retention);
        let report = audit.run(&NoAccounts, deadline).await.unwrap();
        assert!(report.mismatches.is_empty() && report.mispriced.is_empty(), "{report:?}");
        report
    }

    /// The items of Ada whose sort keys begin with `prefix`.
    async fn items(&self, prefix: &str) -> Vec<Item> {
        let query = self.test.table.client().query().table_name(self.test.table.name());
        let answer = query
            .key_condition_expression("pk = :pk AND begins_with(sk, :prefix)")
            .expression_attribute_values(":pk", AttributeValue::S(partition_of(self.ada.user_id())))
            .expression_attribute_values(":prefix", AttributeValue::S(prefix.to_owned()))
            .send()
            .await
            .unwrap();
        answer.items.unwrap_or_default()
    }

    /// The numbers of message items and of text items.
    async fn left(&self) -> (usize, usize) {
        (self.items("MESSAGE#").await.len(), self.items("TEXT#").await.len())
    }

    async fn erased_through(&self) -> Option<EntryId> {
        let account: Account = self.test.table.get(Account::key(self.ada.user_id())).await.unwrap().unwrap();
        account.texts_erased_through
    }

    /// Deletes items, as DynamoDB's TTL does.
    async fn expire(&self) {
        for prefix in ["MESSAGE#", "TEXT#"] {
            for item in self.items(prefix).await {
                let is_over = item
                    .get("expires_at")
                    .is_some_and(|end| end.as_n().unwrap().parse::<u64>().unwrap() <= self.test.clock.now().seconds());
                if is_over {
                    let sort = sort_key_of(&item).unwrap();
                    self.test.table.delete(store::Key::of_user(self.ada.user_id(), sort)).await.unwrap();
                }
            }
        }
    }
}

fn long(text: &str) -> String {
    format!("{text}{}", "x".repeat(2000))
}

#[tokio::test]
async fn a_text_is_shown_nowhere_from_its_time_on_whenever_it_was_stored_and_its_entry_stays() {
    for stored_under in [FOR_GOOD, WEEK, Retention::of_days(30)] {
        let scene = RetentionScene::start().await;
        scene.say(stored_under, "short").await;
        scene.say(stored_under, &long("long")).await;
        scene.pass(6);
        scene.say(stored_under, "young").await;
        let all = ["young".to_owned(), long("long"), "short".to_owned()];
        assert_eq!(scene.shown(WEEK).await, all, "{stored_under:?}");
        assert_eq!(scene.told(WEEK).await.len(), 3);
        scene.test.clock.advance(DAY.saturating_sub(Duration::from_millis(2)));
        // The first of them was asked two milliseconds before the last.
        assert_eq!(scene.shown(WEEK).await, all[..2]);
        scene.test.clock.advance(Duration::from_millis(1));
        assert_eq!(scene.shown(WEEK).await, all[..1]);
        assert_eq!(scene.told(WEEK).await, ["young"]);
        assert_eq!(scene.left().await, (3, 1), "nothing was deleted");
        scene.pass(7);
        assert_eq!((scene.shown(WEEK).await.len(), scene.told(WEEK).await.len()), (0, 0));
    }
}

#[tokio::test]
async fn a_list_ends_where_nothing_older_is_kept() {
    let scene = RetentionScene::start().await;
    for number in 0..5 {
        scene.say(FOR_GOOD, &format!("old {number}")).await;
    }
    scene.pass(7);
    scene.say(FOR_GOOD, "young").await;
    let two = PageRequest { limit: Limit::parse::<AnsweredMessage>("2").unwrap(), cursor: None };
    for retention in [FOR_GOOD, WEEK] {
        let messages = scene.history(retention).messages(scene.ada, two).await.unwrap();
        let of_first = scene.history(retention).messages_of(scene.ada, FIRST, two).await.unwrap();
        let is_whole = retention == WEEK;
        assert_eq!((messages.next.is_none(), of_first.next.is_none()), (is_whole, is_whole), "{retention:?}");
        assert_eq!(messages.entries.len(), if is_whole { 1 } else { 2 });
        let next = messages.next.map(|next| Cursor::parse::<AnsweredMessage>(&next, scene.ada.user_id()).unwrap());
        assert_eq!(next.is_some(), !is_whole);
    }
}

#[tokio::test]
async fn an_answer_is_not_given_again_once_the_time_of_its_text_is_over() {
    let hour = Retention::lasting(Duration::from_secs(60 * 60));
    for (conversation, text) in
        [(Some(FIRST), "short".to_owned()), (Some(FIRST), long("long")), (None, "short".to_owned()), (None, long("x"))]
    {
        for stored_under in [FOR_GOOD, hour] {
            let scene = RetentionScene::start().await;
            scene.ask(stored_under, &text, Some("key"), conversation).await.unwrap();
            scene.test.clock.advance(Duration::from_secs(60 * 60 - 1));
            let again = scene.ask(hour, &text, Some("key"), conversation).await;
            assert!(matches!(again, Ok(HoldOutcome::Replay(_))), "{again:?}");
            scene.test.clock.advance(Duration::from_secs(1));
            let again = scene.ask(hour, &text, Some("key"), conversation).await;
            assert!(matches!(again, Err(LedgerError::AnswerGone)), "{conversation:?}, {stored_under:?}: {again:?}");
        }
    }
}

#[tokio::test]
async fn the_audit_erases_once_what_was_stored_before_there_was_a_retention_and_leaves_the_young() {
    let scene = RetentionScene::start().await;
    scene.say(FOR_GOOD, "short").await;
    let last = scene.say(FOR_GOOD, &long("long")).await;
    scene.ask(FOR_GOOD, "of a program", None, None).await.unwrap();
    scene.pass(7);
    scene.say(FOR_GOOD, &long("young")).await;
    let before = scene.audit(FOR_GOOD).await;
    assert_eq!((before.erased, scene.left().await), (0, (3, 2)));
    // The audit looks for old texts once a day.
    scene.pass(1);
    let report = scene.audit(WEEK).await;
    assert!(report.finished && report.unsettled == 0 && report.erased == 2, "{report:?}");
    assert_eq!(scene.left().await, (1, 1));
    assert!(scene.erased_through().await > Some(last), "also entries without texts are behind it");
    scene.test.recorder.clear();
    scene.pass(1);
    assert_eq!(scene.audit(WEEK).await.erased, 0);
    let requests = scene.test.recorder.requests();
    let notes = |body: &serde_json::Value| body.to_string().contains("SET texts_erased_through");
    let has_erased = requests.iter().any(|request| request.operation == "BatchWriteItem" || notes(&request.body));
    assert!(!has_erased, "what was erased is not deleted again");
    // Nothing is called lost, also if texts are kept for good by now.
    assert_eq!(scene.shown(FOR_GOOD).await, [long("young")]);
    assert_eq!(scene.told(FOR_GOOD).await, [long("young")]);
    assert_eq!(scene.items("ENTRY#").await.len(), 5);
}

#[tokio::test]
async fn what_is_stored_under_a_retention_is_left_to_ttl_and_is_gone_also_under_a_longer_one() {
    let scene = RetentionScene::start().await;
    let short = scene.say(WEEK, "short").await;
    scene.say(WEEK, &long("long")).await;
    scene.ask(WEEK, "of a program", Some("key"), None).await.unwrap();
    let end = short.made_at().plus(DAY * 7).plus(Duration::from_secs(1)).seconds().to_string();
    for prefix in ["MESSAGE#", "TEXT#"] {
        for item in scene.items(prefix).await {
            assert_eq!(item["expires_at"], AttributeValue::N(end.clone()), "{prefix}");
        }
    }
    let stored: Entry = scene.test.table.get(entry::key(scene.ada.user_id(), short)).await.unwrap().unwrap();
    assert_eq!(stored.texts_until.map(|until| until.to_string()), Some(end));
    assert!(scene.items("ENTRY#").await.iter().all(|entry| !entry.contains_key("expires_at")), "entries stay");
    scene.pass(7);
    scene.test.clock.advance(Duration::from_secs(1));
    for deleted_by_ttl in [false, true] {
        for retention in [WEEK, Retention::of_days(30), FOR_GOOD] {
            assert!(scene.shown(retention).await.is_empty(), "{retention:?}");
            assert!(scene.told(retention).await.is_empty(), "{retention:?}");
            assert_eq!(scene.audit(retention).await.erased, 0);
        }
        assert_eq!(scene.left().await, if deleted_by_ttl { (0, 0) } else { (2, 1) });
        scene.expire().await;
    }
}

#[tokio::test]
async fn a_shorter_retention_erases_what_ttl_would_keep_and_a_longer_one_brings_nothing_back() {
    let scene = RetentionScene::start().await;
    scene.say(Retention::of_days(30), "short").await;
    scene.say(Retention::of_days(30), &long("long")).await;
    scene.pass(7);
    assert_eq!(scene.shown(Retention::of_days(30)).await.len(), 2);
    assert_eq!(scene.audit(WEEK).await.erased, 2);
    assert_eq!(scene.left().await, (0, 0));
    for retention in [Retention::of_days(30), FOR_GOOD] {
        assert!(scene.shown(retention).await.is_empty());
        let report = scene.audit(retention).await;
        assert!(report.finished && report.unsettled == 0 && report.erased == 0, "{report:?}");
    }
}

#[tokio::test]
async fn an_erasure_goes_on_where_it_stopped_and_a_failure_does_not_keep_the_audit_from_adding_up() {
    let scene = RetentionScene::start().await;
    let first = scene.say(FOR_GOOD, &long("first")).await;
    let copied: Entry = scene.test.table.get(entry::key(scene.ada.user_id(), first)).await.unwrap().unwrap();
    let stored = crate::texts::MessageItem::key(scene.ada.user_id(), FIRST, first);
    let stored: crate::texts::MessageItem = scene.test.table.get(stored).await.unwrap().unwrap();
    // More than two pages, by copies that cost nothing.
    for _ in 0..249 {
        scene.test.clock.advance(Duration::from_millis(1));
        let id = EntryId::new(&scene.test.clock);
        let key = crate::texts::MessageItem::key(scene.ada.user_id(), FIRST, id);
        let entry = Entry { amount: 0, prices: None, ..copied_of(&copied) };
        for item in [key.with(&stored).unwrap(), entry::key(scene.ada.user_id(), id).with(&entry).unwrap()] {
            scene.test.table.put_until(item, &scene.test.clock, scene.soon()).await.unwrap();
        }
    }
    scene.pass(8);
    scene.test.recorder.fail_next("BatchWriteItem", Fault::NotApplied, 40);
    let failed = scene.audit(WEEK).await;
    scene.test.recorder.forget_faults();
    assert!(failed.finished && failed.unsettled == 1 && failed.accounts == 1, "{failed:?}");
    assert_eq!(scene.erased_through().await, None);
    let mut erased = Vec::new();
    scene.pass(1);
    for _ in 0..4 {
        // A run without time.
        let report = scene.audit_until(WEEK, scene.test.clock.now()).await;
        erased.push(report.erased);
    }
    // The grant is an entry too.
    assert_eq!(erased, [99, 100, 51, 0]);
    assert_eq!(scene.left().await, (0, 0));
    assert!(scene.audit(WEEK).await.finished);
}

fn copied_of(entry: &Entry) -> Entry {
    serde_json::from_value(serde_json::to_value(entry).unwrap()).unwrap()
}

#[tokio::test]
async fn nothing_is_noted_in_an_account_that_is_being_deleted_or_is_gone() {
    let scene = RetentionScene::start().await;
    scene.say(FOR_GOOD, "short").await;
    scene.pass(7);
    scene.test.clock.advance(Duration::from_secs(1));
    let (user_id, key) = (scene.ada.user_id(), Account::key(scene.ada.user_id()));
    scene.test.set(key.clone(), "status", Status::Deleting.attribute_value()).await;
    let eraser = TextEraser::new(scene.test.table.clone(), scene.test.clock.clone(), WEEK);
    assert_eq!(eraser.erase(user_id, None, scene.soon()).await.unwrap().exchanges, 1);
    assert_eq!(scene.erased_through().await, None);
    scene.test.table.delete(key).await.unwrap();
    eraser.erase(user_id, None, scene.soon()).await.unwrap();
    assert!(scene.items("ACCOUNT").await.is_empty());
}

/// docs/costs.md says so.
#[tokio::test]
async fn an_account_costs_the_audit_a_read_unit_more_under_a_retention_and_its_mark_and_what_is_erased() {
    let scene = RetentionScene::start().await;
    if !scene.test.isolated.is_embedded() {
        return;
    }
    scene.test.recorder.ask_for_capacity();
    let units = async |retention: Retention| {
        // All that the audit does once a day it does once more.
        scene.test.table.delete(store::Key::new("AUDIT", "STATE")).await.unwrap();
        scene.test.recorder.clear();
        scene.audit(retention).await;
        let (mut read, mut written) = (0.0, 0.0);
        for request in scene.test.recorder.requests() {
            let consumed = match &request.response_body["ConsumedCapacity"] {
                serde_json::Value::Array(tables) => {
                    tables.iter().map(|table| table["CapacityUnits"].as_f64().unwrap()).sum()
                }
                table => table["CapacityUnits"].as_f64().unwrap(),
            };
            // The audit keeps its state at the end of each run.
            let is_of_account = !request.body.to_string().contains("AUDIT");
            match request.operation.as_str() {
                "GetItem" | "Query" | "BatchGetItem" => read += consumed,
                _ if is_of_account => written += consumed,
                _ => {}
            }
        }
        (read, written)
    };
    // A look at the account, which the proof has too if it is the account's day, and one at its entries.
    let of_looking = |more: f64| (0.9..1.6).contains(&more);
    scene.audit(FOR_GOOD).await;
    let (without, none) = units(FOR_GOOD).await;
    let (under_it, nothing) = units(WEEK).await;
    assert!(of_looking(under_it - without) && (none, nothing) == (0.0, 0.0), "{without} {under_it} {none} {nothing}");
    scene.say(FOR_GOOD, "short").await;
    scene.say(FOR_GOOD, &long("long")).await;
    scene.pass(8);
    scene.audit(FOR_GOOD).await;
    let (without, _) = units(FOR_GOOD).await;
    let (erasing, written) = units(WEEK).await;
    // The mark, two message items, and a text item of a little more than 4 KB.
    assert!(
        of_looking(erasing - without) && (written - (1.0 + 2.0 + 5.0)).abs() < 0.1,
        "{without} {erasing} {written}"
    );
}

#[test]
fn no_days_are_for_good() {
    assert_eq!(Retention::of_days(0), FOR_GOOD);
    assert_eq!(Retention::of_days(7), WEEK);
    assert!(!FOR_GOOD.is_over(EntryId::first_of(Timestamp::from_seconds(0)), Timestamp::from_seconds(u64::MAX / 1000)));
}
