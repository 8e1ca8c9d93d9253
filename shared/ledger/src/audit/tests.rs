//! The audit against tables that add up, and tables that do not.

use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

use aws_sdk_dynamodb::types::AttributeValue;
use domain::calendar::Day;
use domain::credits::Credits;
use domain::ids::{ConversationId, EntryId, UserId};
use domain::pricing::Prices;
use domain::time::{Clock, Timestamp};
use domain::username::Username;
use serde_json::json;
use store::directory::DirectoryKey;
use store::{Key, StoreError};
use testkit::recorder::Fault;
use testkit::test_table::NOW;

use crate::account::{Account, Payer};
use crate::admission::Admission;
use crate::audit::attending::Attended;
use crate::audit::auditor::{MARGIN, RunTime};
use crate::audit::listing::ListedKind;
use crate::audit::proof::{ProofWalk, Proved};
use crate::audit::state::AuditState;
use crate::audit::tombstone::Tombstone;
use crate::audit::{AlteredHistory, Audit, DeletionProgress, Deletions, Mismatch, MispricedEntry, Report};
use crate::checkpoint::Checkpoint;
use crate::entry;
use crate::error::LedgerError;
use crate::exchange::{Bill, Exchange};
use crate::gate::Gate;
use crate::hold::{HoldOutcome, Order};
use crate::idempotency::{IdempotencyKey, IdempotencyRecord, Remembered};
use crate::ledger::{Charge, Held, Ledger};
use crate::testing::{TestTable, message, open_account, stored_reply};
use crate::texts::text_key;

/// No test here has an account that is being deleted.
struct NoDeletions;

impl Deletions for NoDeletions {
    async fn finish(&self, user_id: UserId, _: &Username, _: Timestamp) -> Result<DeletionProgress, StoreError> {
        panic!("the account of {user_id} is not being deleted")
    }

    async fn sweep(&self, user_id: UserId, _: Timestamp) -> Result<DeletionProgress, StoreError> {
        panic!("the account of {user_id} was not deleted")
    }
}

struct Scene {
    test: TestTable,
    ledger: Ledger,
}

impl Scene {
    async fn start() -> Self {
        let test = TestTable::start().await;
        let ledger = Ledger::new(test.table.clone(), test.clock.clone(), 10);
        Self { test, ledger }
    }

    fn audit(&self) -> Audit {
        Audit::new(self.test.table.clone(), self.test.clock.clone())
    }

    fn paged(&self, page_items: i32) -> Audit {
        let mut audit = self.audit();
        audit.reader.page_items = page_items.min(100);
        audit
    }

    /// A run with enough time for all accounts.
    async fn run(&self) -> Report {
        let report =
            self.audit().run(&NoDeletions, self.test.clock.now().plus(Duration::from_secs(900))).await.unwrap();
        Report { proved: 0, waiting_since: None, ..report }
    }

    /// Runs until one finishes.
    async fn run_to_the_end(&self) -> Report {
        loop {
            let report = self.run().await;
            if report.finished {
                return report;
            }
        }
    }

    /// An account of sixty chats that are summed, and the ids of these.
    async fn with_summed_chats(&self) -> (Payer, Vec<EntryId>) {
        let ada = open_account(&self.test, "ada", 1000).await;
        let ids = self.put_chats(ada, 60).await;
        self.run().await;
        self.wait();
        self.forget_judgement(ada).await;
        assert_eq!(self.run().await, clean(1));
        (ada, ids)
    }

    /// Puts chats of a credit each, and takes their cost from the balance.
    async fn put_chats(&self, payer: Payer, number: u32) -> Vec<EntryId> {
        let mut ids = Vec::new();
        for _ in 0..number {
            self.test.clock.advance(Duration::from_millis(1));
            let id = EntryId::new(&self.test.clock);
            let entry = json!({"kind": "chat", "amount": -1, "prices": {"request": 1}, "model": "dummy",
                "usage": {"input_tokens": 1, "output_tokens": 2}, "created_at": NOW.to_string()});
            let item = entry::key(payer.user_id(), id).with(&entry).unwrap();
            self.test.table.put_until(item, &self.test.clock, later()).await.unwrap();
            ids.push(id);
        }
        let balance = self.account(payer).await.balance.gained() - i64::from(number);
        self.tamper_with_balance(payer, balance).await;
        ids
    }

    /// Lets a quarter of an hour pass, after which seals are old enough.
    fn wait(&self) {
        self.test.clock.advance(Duration::from_secs(15 * 60));
    }

    async fn account(&self, payer: Payer) -> Account {
        self.test.table.get(Account::key(payer.user_id())).await.unwrap().unwrap()
    }

    async fn checkpoint(&self, payer: Payer) -> Option<Checkpoint> {
        self.test.table.get(Checkpoint::key(payer.user_id())).await.unwrap()
    }

    /// Runs that read one page of `page_items` each, until one finishes. Returns their joint report, and their number.
    async fn run_page_by_page(&self, page_items: i32) -> (Report, usize) {
        let audit = self.paged(page_items);
        let mut all = Report::default();
        for runs in 1..2000 {
            let report = audit.run(&NoDeletions, NOW).await.unwrap();
            let is_finished = report.finished;
            all.add(Report { proved: 0, waiting_since: None, ..report });
            if is_finished {
                all.finished = true;
                return (all, runs);
            }
        }
        panic!("the audit does not get on");
    }

    async fn hold(&self, payer: Payer, key: Option<&str>) -> Held {
        self.hold_of(payer, 1, key).await
    }

    async fn hold_of(&self, payer: Payer, amount: u64, key: Option<&str>) -> Held {
        let remembered = key.map(|key| Remembered::message(IdempotencyKey::parse(key).unwrap(), &message("Hello")));
        let amount = Credits::new(amount).unwrap();
        let deadline = self.test.clock.now().plus(Duration::from_secs(28));
        let gate = Gate::without_operator(self.test.clock.clone());
        let Admission::Open(open) = self.ledger.admit(&gate, payer, remembered).await.unwrap() else {
            panic!("was answered before")
        };
        match self.ledger.hold(open, &Order { amount, least: amount, deadline }).await.unwrap() {
            HoldOutcome::Held(held) => held,
            other => panic!("was not held: {other:?}"),
        }
    }

    async fn chat(&self, payer: Payer, key: Option<&str>) -> EntryId {
        let held = self.hold(payer, key).await;
        self.capture(&held, Bill::of(held.amount)).await.unwrap();
        held.id
    }

    /// A chat at a credit a token, which costs three. The audit reads it after those before.
    async fn chat_by_tokens(&self, payer: Payer, held: u64) -> EntryId {
        self.test.clock.advance(Duration::from_millis(1));
        let (held, million) = (self.hold_of(payer, held, None).await, Credits::new(1_000_000).unwrap());
        let bill = Bill { prices: Prices::per_token(million, million), catalogue: Some(7) };
        self.capture(&held, bill).await.unwrap();
        held.id
    }

    async fn capture(&self, held: &Held, bill: Bill) -> Result<Charge, LedgerError> {
        let (message, reply, conversation) = (message("Hello"), stored_reply("Hi"), Some(ConversationId::FIRST));
        self.ledger.capture(held, Exchange { message: &message, reply: &reply, conversation, bill }).await
    }

    async fn tamper_with_entry(&self, payer: Payer, entry: EntryId, attribute: &str, value: AttributeValue) {
        self.test.set(entry::key(payer.user_id(), entry), attribute, value).await;
    }

    async fn remove_from_entry(&self, payer: Payer, entry: EntryId, attribute: &str) {
        let update = self.test.table.client().update_item().table_name(self.test.table.name());
        let key = entry::key(payer.user_id(), entry).into_item();
        let update = update.set_key(Some(key)).update_expression("REMOVE #attribute");
        update.expression_attribute_names("#attribute", attribute).send().await.unwrap();
    }

    async fn tamper_with_balance(&self, payer: Payer, balance: i64) {
        let balance = AttributeValue::N(balance.to_string());
        self.test.set(Account::key(payer.user_id()), "balance", balance).await;
    }

    /// All capacity units of the requests since the recorder was cleared.
    fn units(&self) -> f64 {
        self.test.recorder.requests().iter().map(|request| request.units().unwrap()).sum()
    }

    /// The read units of a run that finishes.
    async fn read_units_of_a_run(&self) -> f64 {
        self.test.recorder.clear();
        assert!(self.run().await.finished);
        let is_read = |operation: &str| ["GetItem", "Query", "BatchGetItem"].contains(&operation);
        let requests = self.test.recorder.requests();
        requests.iter().filter(|request| is_read(&request.operation)).map(|request| request.units().unwrap()).sum()
    }

    /// Lets the next pass look at the account again, as a change of it would.
    async fn forget_judgement(&self, payer: Payer) {
        let update = self.test.table.client().update_item().table_name(self.test.table.name());
        let key = Account::key(payer.user_id()).into_item();
        update.set_key(Some(key)).update_expression("REMOVE audited_version").send().await.unwrap();
    }

    async fn remove_from_directory(&self, payer: Payer) {
        let update = self.test.table.client().update_item().table_name(self.test.table.name());
        let key = Account::key(payer.user_id()).into_item();
        update.set_key(Some(key)).update_expression("REMOVE directory, directory_sort").send().await.unwrap();
    }

    async fn state(&self) -> AuditState {
        self.test.table.get(AuditState::key()).await.unwrap().unwrap_or_default()
    }
}

fn later() -> Timestamp {
    NOW.plus(Duration::from_secs(900))
}

fn clean(accounts: u64) -> Report {
    Report { finished: true, accounts, ..Report::default() }
}

fn mismatch(payer: Payer, balance: i64, held: i64, entries: i64) -> Mismatch {
    Mismatch { user_id: payer.user_id(), balance, held, entries }
}

#[tokio::test]
async fn an_empty_table_adds_up() {
    assert_eq!(Scene::start().await.run().await, clean(0));
}

#[tokio::test]
async fn a_table_in_use_adds_up_with_holds_voids_and_idempotency_records() {
    let scene = Scene::start().await;
    let ada = open_account(&scene.test, "ada", 10).await;
    scene.chat(ada, None).await;
    scene.chat(ada, Some("key")).await;
    let _left_to_expire = scene.hold(ada, None).await;
    let released = scene.hold(ada, Some("another")).await;
    scene.ledger.release(&released).await;
    assert!(scene.capture(&released, Bill::of(released.amount)).await.is_err(), "leaves a void entry");
    open_account(&scene.test, "bob", 0).await;
    assert_eq!(scene.run().await, clean(2));
    scene.test.clock.advance(Duration::from_secs(48 * 3600));
    let audit = scene.audit();
    let deadline = scene.test.clock.now().plus(Duration::from_secs(900));
    assert_eq!(Report { proved: 0, waiting_since: None, ..audit.run(&NoDeletions, deadline).await.unwrap() }, clean(2));
    let key = IdempotencyKey::parse("key").unwrap();
    let record: Option<serde_json::Value> =
        scene.test.table.get(IdempotencyRecord::key(ada.user_id(), &key)).await.unwrap();
    assert!(record.is_some(), "the audit deletes no expired record");
}

#[tokio::test]
async fn a_balance_that_was_tampered_with_is_found_also_below_zero() {
    let scene = Scene::start().await;
    let ada = open_account(&scene.test, "ada", 10).await;
    let bob = open_account(&scene.test, "bob", 10).await;
    open_account(&scene.test, "eve", 10).await;
    scene.tamper_with_balance(ada, 11).await;
    scene.tamper_with_balance(bob, -1).await;
    let mut report = scene.run().await;
    report.mismatches.sort_by_key(|found| std::cmp::Reverse(found.balance));
    assert_eq!(report.mismatches, [mismatch(ada, 11, 0, 10), mismatch(bob, -1, 0, 10)]);
    assert_eq!((report.finished, report.accounts, report.unsettled), (true, 3, 0));
}

#[tokio::test]
async fn an_entry_that_was_tampered_with_is_found_and_holds_are_counted() {
    let scene = Scene::start().await;
    let ada = open_account(&scene.test, "ada", 10).await;
    let entry = scene.chat(ada, None).await;
    let _held = scene.hold(ada, None).await;
    let cheaper = AttributeValue::N("-3".to_owned());
    scene.test.set(entry::key(ada.user_id(), entry), "amount", cheaper).await;
    assert_eq!(scene.run().await.mismatches, [mismatch(ada, 8, 1, 7)]);
}

/// Of each chat another part is changed, so that the amount is no longer what the usage costs at the prices.
#[tokio::test]
async fn an_amount_a_price_or_a_usage_that_was_tampered_with_is_found_once_however_often_it_is_read() {
    let scene = Scene::start().await;
    let ada = open_account(&scene.test, "ada", 100).await;
    let number = |number: u64| AttributeValue::N(number.to_string());
    let map = |members: &[(&str, u64)]| {
        AttributeValue::M(members.iter().map(|(name, value)| ((*name).to_owned(), number(*value))).collect())
    };
    let mut expected = Vec::new();
    for (attribute, value, amount, cost) in [
        ("amount", AttributeValue::N("-2".to_owned()), -2, 3),
        ("amount", AttributeValue::N("3".to_owned()), 3, 3),
        ("prices", map(&[("output", 1_000_000)]), -3, 2),
        ("prices", map(&[]), -3, 0),
        ("usage", map(&[("input_tokens", 1), ("output_tokens", 3)]), -3, 4),
        ("usage", AttributeValue::Null(true), -3, 0),
        ("capped_at", number(2), -3, 2),
    ] {
        let entry = scene.chat_by_tokens(ada, 5).await;
        scene.tamper_with_entry(ada, entry, attribute, value).await;
        let cost = Credits::new(cost).unwrap();
        expected.push(MispricedEntry { user_id: ada.user_id(), entry, amount, cost });
    }
    scene.chat_by_tokens(ada, 5).await;
    let report = scene.run().await;
    assert_eq!(report.mispriced, expected);
    assert_eq!((report.mismatches.len(), report.unsettled), (1, 0), "two amounts are not what the balance says");
    scene.tamper_with_balance(ada, 100 - 6 * 3 - 2 + 3).await;
    for page_items in [1, 3, 500] {
        let (report, _) = scene.run_page_by_page(page_items).await;
        assert_eq!((report.mispriced.as_slice(), report.mismatches.len()), (expected.as_slice(), 0));
    }
    assert_eq!(scene.account(ada).await.audited_version, None, "the next pass tells them too");
}

/// Whatever is told once is forgotten by an alarm.
#[tokio::test]
async fn a_wrong_price_is_told_in_every_pass_also_after_it_was_summed() {
    let scene = Scene::start().await;
    let ada = open_account(&scene.test, "ada", 100).await;
    let entry = scene.chat_by_tokens(ada, 5).await;
    scene.tamper_with_entry(ada, entry, "amount", AttributeValue::N("-2".to_owned())).await;
    scene.tamper_with_balance(ada, 98).await;
    let cost = Credits::new(3).unwrap();
    let found = [MispricedEntry { user_id: ada.user_id(), entry, amount: -2, cost }];
    scene.test.clock.advance(Duration::from_secs(24 * 3600));
    for _ in 0..4 {
        let report = scene.run().await;
        assert_eq!((report.mispriced.as_slice(), report.mismatches.len()), (&found[..], 0));
        scene.wait();
    }
    assert_eq!(scene.checkpoint(ada).await.unwrap().history.mispriced, 1);
}

#[tokio::test]
async fn a_chat_that_cost_more_than_was_held_is_right_at_what_was_held() {
    let scene = Scene::start().await;
    let ada = open_account(&scene.test, "ada", 10).await;
    let capped = scene.chat_by_tokens(ada, 2).await;
    assert_eq!(scene.run().await, clean(1));
    scene.remove_from_entry(ada, capped, "capped_at").await;
    assert_eq!(scene.run().await, clean(1), "balance and holds are as they were: nothing is read again");
    scene.chat(ada, None).await;
    let cost = Credits::new(3).unwrap();
    let found = MispricedEntry { user_id: ada.user_id(), entry: capped, amount: -2, cost };
    assert_eq!(scene.run().await.mispriced, [found]);
}

#[tokio::test]
async fn chats_of_releases_before_the_catalogue_are_counted_and_not_judged() {
    let scene = Scene::start().await;
    for name in ["ada", "bob"] {
        let payer = open_account(&scene.test, name, 100).await;
        scene.chat_by_tokens(payer, 5).await;
        for _ in 0..3 {
            let entry = scene.chat_by_tokens(payer, 5).await;
            scene.remove_from_entry(payer, entry, "prices").await;
            scene.remove_from_entry(payer, entry, "catalogue").await;
        }
    }
    assert_eq!(scene.run().await, Report { unpriced: 6, ..clean(2) });
    assert_eq!(scene.run().await, clean(2), "they are no longer new");
}

/// The pass tells what is wrong with it, and the proof of the day has nothing to add.
#[tokio::test]
async fn what_is_wrong_with_an_account_counts_once_in_a_run_that_proves_it_too() {
    for tampers_with_amount in [false, true] {
        let scene = Scene::start().await;
        let proof = ProofWalk::due(None, Day::of(scene.test.clock.now())).unwrap();
        let mut accounts = 0;
        let payer = loop {
            let payer = open_account(&scene.test, &format!("user{accounts}"), 100).await;
            accounts += 1;
            if proof.includes(payer.user_id()) {
                break payer;
            }
        };
        let entry = scene.chat_by_tokens(payer, 5).await;
        scene.remove_from_entry(payer, entry, "prices").await;
        if tampers_with_amount {
            let entry = scene.chat_by_tokens(payer, 5).await;
            scene.tamper_with_entry(payer, entry, "amount", AttributeValue::S("many".to_owned())).await;
        }
        let expected = Report { unpriced: 1, unsettled: u64::from(tampers_with_amount), ..clean(accounts) };
        assert_eq!(scene.run().await, expected);
    }
}

/// Another release may have written it.
#[tokio::test]
async fn an_entry_whose_cost_cannot_be_computed_again_is_counted_and_its_account_is_judged_all_the_same() {
    let text = || AttributeValue::S("other".to_owned());
    let scene = Scene::start().await;
    let ada = open_account(&scene.test, "ada", 100).await;
    for attribute in ["kind", "usage", "prices", "capped_at"] {
        let entry = scene.chat_by_tokens(ada, 5).await;
        scene.tamper_with_entry(ada, entry, attribute, text()).await;
    }
    let without_id = Key::of_user(ada.user_id(), format!("{}other", entry::SORT_KEY_PREFIX));
    let without_id = without_id.with(&json!({"kind": "grant", "amount": 0})).unwrap();
    scene.test.table.put_until(without_id, &scene.test.clock, later()).await.unwrap();
    let found = Report { unreadable: 5, ..clean(1) };
    assert_eq!(scene.run().await, found);
    scene.forget_judgement(ada).await;
    scene.tamper_with_balance(ada, 99).await;
    let found = Report { mismatches: vec![mismatch(ada, 99, 0, 100 - 4 * 3)], ..found };
    assert_eq!(scene.run().await, found, "once, although it was added up twice");
}

#[tokio::test]
async fn an_amount_that_cannot_be_read_hides_no_wrong_price_beside_it() {
    let scene = Scene::start().await;
    let ada = open_account(&scene.test, "ada", 100).await;
    let (unreadable, mispriced) = (scene.chat_by_tokens(ada, 5).await, scene.chat_by_tokens(ada, 5).await);
    scene.tamper_with_entry(ada, unreadable, "amount", AttributeValue::S("many".to_owned())).await;
    scene.tamper_with_entry(ada, mispriced, "amount", AttributeValue::N("-2".to_owned())).await;
    let report = scene.run().await;
    assert_eq!((report.mispriced.len(), report.mismatches.len(), report.unsettled), (1, 0, 1));
    assert_eq!(report.mispriced[0].entry, mispriced);
}

#[tokio::test]
async fn a_report_names_a_hundred_entries() {
    let scene = Scene::start().await;
    let ada = open_account(&scene.test, "ada", 10).await;
    for _ in 0..=Report::MAX_MISPRICED {
        let key = entry::key(ada.user_id(), EntryId::new(&scene.test.clock));
        let prices = json!({"request": 1});
        let entry = json!({"kind": "chat", "amount": 0, "prices": prices, "created_at": NOW.to_string()});
        scene.test.table.put_until(key.with(&entry).unwrap(), &scene.test.clock, later()).await.unwrap();
    }
    let report = scene.run().await;
    assert_eq!((report.mispriced.len(), report.mismatches.len()), (Report::MAX_MISPRICED, 0));
}

#[tokio::test]
async fn an_amount_that_is_no_number_is_unsettled_and_does_not_stop_the_others() {
    let scene = Scene::start().await;
    let ada = open_account(&scene.test, "ada", 10).await;
    let bob = open_account(&scene.test, "bob", 10).await;
    let eve = open_account(&scene.test, "eve", 10).await;
    let text = || AttributeValue::S("ten".to_owned());
    scene.test.set(Account::key(ada.user_id()), "balance", text()).await;
    let entry = scene.chat(bob, None).await;
    scene.test.set(entry::key(bob.user_id(), entry), "amount", text()).await;
    scene.tamper_with_balance(eve, 9).await;
    let report = scene.run().await;
    assert_eq!((report.accounts, report.unsettled), (3, 2));
    assert_eq!(report.mismatches, [mismatch(eve, 9, 0, 10)]);
}

#[tokio::test]
async fn a_candidate_that_adds_up_at_a_second_look_is_no_mismatch() {
    let scene = Scene::start().await;
    let ada = open_account(&scene.test, "ada", 10).await;
    let audit = scene.audit();
    let as_it_was = audit.reader.account(ada.user_id()).await.unwrap().unwrap();
    scene.chat(ada, None).await;
    let time = RunTime { deadline: later() };
    let attended = audit.judge_again(ada.user_id(), as_it_was, time, Report::default()).await.unwrap();
    let Attended::Done(report) = attended else { panic!("{attended:?}") };
    let found = Report { waiting_since: None, ..report };
    assert_eq!(found, Report::default(), "the first look is at an account of a moment ago");
}

#[tokio::test]
async fn an_audit_out_of_time_goes_on_at_the_next_run_and_examines_every_account_once() {
    let scene = Scene::start().await;
    let mut tampered = BTreeSet::new();
    for number in 0..20 {
        let person = open_account(&scene.test, &format!("user{number}"), 10).await;
        scene.chat(person, None).await;
        if number % 5 == 0 {
            scene.tamper_with_balance(person, 8).await;
            tampered.insert(person.user_id());
        }
    }
    for page_items in [1, 3, 7, 100] {
        let (report, runs) = scene.run_page_by_page(page_items).await;
        assert!(runs >= 20, "{runs}");
        assert_eq!((report.accounts, report.unsettled), (20, 0), "with pages of {page_items}");
        let found: BTreeSet<UserId> = report.mismatches.iter().map(|found| found.user_id).collect();
        assert_eq!((report.mismatches.len(), &found), (4, &tampered));
        assert_eq!(scene.state().await.pass, None, "a finished pass leaves nothing");
    }
}

/// A run without time gets on by a page of entries, as soon as the account is sealed.
#[tokio::test]
async fn an_audit_out_of_time_goes_on_inside_an_account_with_many_entries() {
    let scene = Scene::start().await;
    let ada = open_account(&scene.test, "ada", 1000).await;
    scene.put_chats(ada, 700).await;
    let audit = scene.audit();
    let mut summed = Vec::new();
    let report = loop {
        let report = audit.run(&NoDeletions, NOW).await.unwrap();
        if report.finished {
            break report;
        }
        summed.push(scene.checkpoint(ada).await.map_or(0, |checkpoint| checkpoint.history.entries));
        assert!(summed.len() < 20, "{summed:?}");
        scene.wait();
    };
    assert_eq!(Report { proved: 0, waiting_since: None, ..report }, clean(1));
    assert!(summed.starts_with(&[0, 250, 500]), "{summed:?}");
}

#[tokio::test]
async fn an_audit_without_a_moment_left_still_gets_on() {
    let scene = Scene::start().await;
    open_account(&scene.test, "ada", 10).await;
    open_account(&scene.test, "bob", 10).await;
    let report = scene.audit().run(&NoDeletions, NOW).await.unwrap();
    assert_eq!((report.finished, report.accounts), (false, 1));
    assert!(scene.state().await.pass.unwrap().listed.is_some());
    assert_eq!(scene.audit().run(&NoDeletions, NOW.plus(MARGIN)).await.unwrap().accounts, 1);
}

#[tokio::test]
async fn an_audit_that_fails_goes_on_where_it_was() {
    let scene = Scene::start().await;
    for name in ["ada", "bob", "eve"] {
        open_account(&scene.test, name, 10).await;
    }
    let audit = scene.paged(2);
    scene.test.recorder.fail_next("Query", Fault::NotApplied, 1);
    assert_eq!(
        Report { proved: 0, waiting_since: None, ..audit.run(&NoDeletions, later()).await.unwrap() },
        clean(3),
        "the SDK repeats it"
    );
    assert_eq!(audit.run(&NoDeletions, NOW).await.unwrap().accounts, 1);
    scene.test.recorder.fail_next("Query", Fault::NotApplied, 3);
    assert!(matches!(audit.run(&NoDeletions, later()).await, Err(StoreError::Unavailable(_))));
    assert_eq!(audit.run(&NoDeletions, later()).await.unwrap(), clean(2));
}

#[tokio::test]
async fn an_account_that_fails_keeps_no_other_from_being_audited_and_many_in_a_row_end_the_run() {
    let scene = Scene::start().await;
    let mut people = Vec::new();
    for number in 0..8 {
        people.push(open_account(&scene.test, &format!("user{number}"), 10).await);
    }
    // Their checkpoints cannot be read.
    let broken = |payer: &Payer| Checkpoint::key(payer.user_id()).with(&json!({"version": "much"})).unwrap();
    scene.test.table.put_until(broken(&people[1]), &scene.test.clock, later()).await.unwrap();
    let report = scene.run().await;
    assert_eq!((report.finished, report.accounts, report.unsettled), (true, 8, 1));
    for payer in &people {
        scene.forget_judgement(*payer).await;
        scene.test.table.put_until(broken(payer), &scene.test.clock, later()).await.unwrap();
    }
    assert!(scene.audit().run(&NoDeletions, later()).await.is_err());
}

#[tokio::test]
async fn of_two_runs_at_once_one_ends_and_leaves_the_state_to_the_other() {
    let scene = Scene::start().await;
    for number in 0..30 {
        open_account(&scene.test, &format!("user{number}"), 10).await;
    }
    let audit = scene.paged(3);
    let runs = [(); 2].map(|()| Box::pin(audit.run(&NoDeletions, later())));
    let reports: Vec<Report> = futures_util::future::try_join_all(runs).await.unwrap();
    let finished = reports.iter().filter(|report| report.finished).count();
    assert!(finished <= 1, "{finished}");
    assert_eq!(scene.run().await.mismatches, []);
}

#[tokio::test]
async fn accounts_that_are_used_all_the_while_are_no_false_alarm() {
    let scene = Scene::start().await;
    let people = [open_account(&scene.test, "ada", 100).await, open_account(&scene.test, "bob", 100).await];
    let audit = scene.paged(3);
    let chats = async {
        for _ in 0..20 {
            futures_util::future::join_all(people.iter().map(|payer| scene.chat(*payer, None))).await;
        }
    };
    let audits = async {
        for _ in 0..15 {
            let report = audit.run(&NoDeletions, later()).await.unwrap();
            assert_eq!((report.mismatches.as_slice(), report.accounts), (&[][..], 2));
        }
    };
    futures_util::future::join(chats, audits).await;
    assert_eq!(scene.run().await, clean(2));
}

#[tokio::test]
async fn the_directory_says_whom_the_audit_reads_and_what_stands_still_is_looked_at_and_not_read() {
    let scene = Scene::start().await;
    let ada = open_account(&scene.test, "ada", 10).await;
    scene.run().await;
    let operations = async || {
        scene.test.recorder.clear();
        scene.run().await;
        let requests = scene.test.recorder.requests();
        requests.into_iter().map(|request| request.operation).collect::<Vec<_>>()
    };
    // The state, a page of the directory, and the accounts that it lists, at half the price of a consistent read.
    assert_eq!(operations().await, ["GetItem", "Query", "BatchGetItem", "PutItem"]);
    scene.chat(ada, None).await;
    let of_new = ["GetItem", "Query", "BatchGetItem", "GetItem", "Query", "UpdateItem", "PutItem"];
    assert_eq!(operations().await, of_new, "the checkpoint, the entries behind it, and the judgement");
    assert_eq!(operations().await, ["GetItem", "Query", "BatchGetItem", "PutItem"]);
}

/// Texts, messages, records and sessions are in no read of the audit, whose cost depends on accounts and entries alone.
#[tokio::test]
async fn an_audit_reads_as_many_units_after_a_megabyte_of_texts_as_before() {
    let scene = Scene::start().await;
    let ada = open_account(&scene.test, "ada", 10).await;
    scene.run().await;
    scene.chat(ada, Some("key")).await;
    scene.test.recorder.ask_for_capacity();
    let before = scene.read_units_of_a_run().await;
    for _ in 0..4 {
        let key = text_key(ada.user_id(), EntryId::new(&scene.test.clock));
        let item = key.with(&json!({"texts": {"response": "x".repeat(256 * 1024)}})).unwrap();
        scene.test.table.put_until(item, &scene.test.clock, later()).await.unwrap();
    }
    scene.forget_judgement(ada).await;
    let after = scene.read_units_of_a_run().await;
    assert!((before - after).abs() < 0.1, "{before} {after}");
    // The state, half a unit each for the directory, the account and the checkpoint, and a page of entries.
    assert!((before - 3.5).abs() < 0.1, "{before}");
}

/// docs/costs.md has these figures.
#[tokio::test]
async fn a_pass_takes_half_a_read_unit_for_an_account_at_rest_and_little_more_for_one_with_new_messages() {
    let scene = Scene::start().await;
    let mut people = Vec::new();
    for number in 0..20 {
        people.push(open_account(&scene.test, &format!("user{number}"), 100).await);
    }
    scene.run().await;
    scene.test.recorder.ask_for_capacity();
    let run = async || {
        let reads = scene.read_units_of_a_run().await;
        (reads, scene.units() - reads)
    };
    let of_the_run = 1.0 + 0.5;
    let (reads, writes) = run().await;
    assert!((reads - of_the_run - 20.0 * 0.5).abs() < 0.1, "{reads}");
    assert!((writes - 1.0).abs() < 0.1, "the state alone: {writes}");
    for payer in &people {
        scene.chat(*payer, None).await;
    }
    let (reads, writes) = run().await;
    assert!((reads - of_the_run - 20.0 * (0.5 + 0.5 + 1.0)).abs() < 0.1, "{reads}");
    assert!((writes - 1.0 - 20.0).abs() < 0.1, "{writes}");
}

#[tokio::test]
async fn what_waits_is_summed_when_it_is_much_or_old_and_an_account_at_rest_is_not_written() {
    let scene = Scene::start().await;
    let ada = open_account(&scene.test, "ada", 1000).await;
    let bob = open_account(&scene.test, "bob", 1000).await;
    scene.put_chats(ada, 60).await;
    for _ in 0..2 {
        assert_eq!(scene.run().await, clean(2));
        scene.wait();
    }
    let summed = async |payer: Payer| scene.checkpoint(payer).await.map(|checkpoint| checkpoint.history.entries);
    assert_eq!((summed(ada).await, summed(bob).await), (None, None), "sealed in the first pass, and at rest since");
    scene.chat(ada, None).await;
    scene.run().await;
    assert_eq!(summed(ada).await, Some(61), "all that was sealed");
    scene.test.clock.advance(Duration::from_secs(24 * 3600));
    scene.chat(bob, None).await;
    scene.run().await;
    scene.wait();
    scene.chat(bob, None).await;
    assert_eq!(scene.run().await.mismatches, []);
    assert_eq!(summed(bob).await, Some(2), "the oldest waited for a day");
    assert_eq!(scene.run_to_the_end().await, clean(2));
    assert_eq!(scene.account(ada).await.audited_version, Some(scene.account(ada).await.version));
}

#[tokio::test]
async fn the_chats_of_an_account_that_has_come_to_rest_are_summed_after_a_day_and_until_then_the_health_says_so() {
    let scene = Scene::start().await;
    let ada = open_account(&scene.test, "ada", 10).await;
    let asked = scene.chat(ada, None).await.made_at();
    scene.run().await;
    let summed_through = async || scene.audit().health().await.unwrap().summed_through.unwrap();
    assert!(summed_through().await <= asked);
    scene.test.recorder.clear();
    scene.wait();
    scene.run().await;
    let requests = scene.test.recorder.requests();
    assert!(requests.iter().all(|request| request.operation != "UpdateItem"), "it is at rest: {requests:?}");
    scene.test.clock.advance(Duration::from_secs(24 * 3600));
    for _ in 0..2 {
        // It is sealed, and a quarter of an hour later summed.
        assert_eq!(scene.run().await, clean(1));
        scene.wait();
    }
    assert_eq!(scene.checkpoint(ada).await.unwrap().history.entries, 2);
    let now = scene.test.clock.now();
    scene.run().await;
    assert!(summed_through().await > asked && summed_through().await > now.minus(Duration::from_secs(3600)));
    scene.test.clock.advance(Duration::from_secs(48 * 3600));
    scene.test.recorder.clear();
    scene.run().await;
    let requests = scene.test.recorder.requests();
    assert!(requests.iter().all(|request| request.operation != "UpdateItem"), "nothing waits: {requests:?}");
}

#[tokio::test]
async fn an_entry_below_the_checkpoint_that_is_changed_added_or_gone_is_found_within_thirty_days_and_told_from_then_on()
{
    type Tampering = fn(&Scene, Payer, Vec<EntryId>) -> std::pin::Pin<Box<dyn Future<Output = ()> + '_>>;
    let change: Tampering = |scene, payer, ids| {
        Box::pin(
            async move { scene.tamper_with_entry(payer, ids[3], "model", AttributeValue::S("other".to_owned())).await },
        )
    };
    let add: Tampering = |scene, payer, ids| {
        Box::pin(async move {
            let key = entry::key(payer.user_id(), ids[3].preceding());
            let entry = json!({"kind": "grant", "amount": 0, "created_at": ""});
            scene.test.table.put_until(key.with(&entry).unwrap(), &scene.test.clock, later()).await.unwrap();
        })
    };
    let remove: Tampering = |scene, payer, ids| {
        Box::pin(async move { scene.test.table.delete(entry::key(payer.user_id(), ids[3])).await.unwrap() })
    };
    for tamper in [change, add, remove] {
        let scene = Scene::start().await;
        let (ada, ids) = scene.with_summed_chats().await;
        let through = scene.checkpoint(ada).await.unwrap().through.unwrap();
        tamper(&scene, ada, ids).await;
        let mut days = 0;
        let found = loop {
            let report = scene.run().await;
            if !report.altered.is_empty() {
                break report;
            }
            days += 1;
            assert!(days <= 30);
            scene.test.clock.advance(Duration::from_secs(24 * 3600));
        };
        let altered = vec![AlteredHistory { user_id: ada.user_id(), through }];
        assert_eq!(found, Report { altered, ..clean(1) });
        for _ in 0..2 {
            scene.wait();
            assert_eq!(scene.run().await, found, "until it is mended");
        }
    }
}

#[tokio::test]
async fn an_altered_history_is_told_until_its_entries_are_summed_again_and_a_proof_of_before_does_not_tell_it_once_more()
 {
    let scene = Scene::start().await;
    let (ada, ids) = scene.with_summed_chats().await;
    let before = scene.audit().history_to_prove(ada.user_id()).await.unwrap().unwrap();
    // The operator takes back a credit that should never have been charged.
    scene.tamper_with_entry(ada, ids[3], "amount", AttributeValue::N("0".to_owned())).await;
    scene.tamper_with_entry(ada, ids[3], "prices", AttributeValue::M(HashMap::new())).await;
    scene.tamper_with_balance(ada, 941).await;
    scene.forget_judgement(ada).await;
    assert_eq!(scene.run().await.mismatches, [mismatch(ada, 941, 0, 940)], "the entry was summed as it was");
    let deadline = scene.test.clock.now().plus(Duration::from_secs(60));
    let summed = scene.ledger.sum_again(ada.user_id(), deadline).await.unwrap().unwrap();
    assert_eq!((summed.finished, summed.entries, summed.sum), (true, 61, 941));
    assert_eq!(scene.run().await, clean(1));
    let time = RunTime { deadline: scene.test.clock.now().plus(Duration::from_secs(900)) };
    assert_eq!(scene.audit().prove(before, time).await.unwrap(), Proved::Done(Report::default()));
    scene.forget_judgement(ada).await;
    assert_eq!(scene.run().await, clean(1));
}

#[tokio::test]
async fn a_balance_that_was_tampered_with_at_rest_is_found_by_the_proof() {
    let scene = Scene::start().await;
    let ada = open_account(&scene.test, "ada", 10).await;
    scene.run().await;
    scene.tamper_with_balance(ada, 11).await;
    let mut days = 0;
    while scene.run().await.mismatches != [mismatch(ada, 11, 0, 10)] {
        days += 1;
        assert!(days <= 30);
        scene.test.clock.advance(Duration::from_secs(24 * 3600));
    }
    scene.wait();
    assert_eq!(scene.run().await.mismatches.len(), 1, "every pass finds it from now on");
}

#[tokio::test]
async fn thirty_days_prove_each_account_once_and_a_run_that_is_killed_proves_the_rest_later() {
    let scene = Scene::start().await;
    for number in 0..40 {
        open_account(&scene.test, &format!("user{number}"), 10).await;
    }
    let audit = scene.paged(7);
    let mut proved = 0;
    for day in 0..30 {
        // Every third day has no time for it at all.
        let deadline = scene.test.clock.now().plus(Duration::from_secs(if day % 3 == 0 { 0 } else { 900 }));
        proved += audit.run(&NoDeletions, deadline).await.unwrap().proved;
        scene.test.clock.advance(Duration::from_secs(24 * 3600));
    }
    let deadline = scene.test.clock.now().plus(Duration::from_secs(900));
    proved += audit.run(&NoDeletions, deadline).await.unwrap().proved;
    assert!((40..=44).contains(&proved), "thirty-one days: {proved}");
}

#[tokio::test]
async fn no_message_changes_what_the_directory_lists_or_pays_for_it() {
    let scene = Scene::start().await;
    let listed = open_account(&scene.test, "ada", 10).await;
    let unlisted = open_account(&scene.test, "bob", 10).await;
    let place = scene.test.isolated.items().await.into_iter().find(|item| item["username"]["S"] == "ada").unwrap();
    scene.remove_from_directory(unlisted).await;
    scene.test.recorder.ask_for_capacity();
    let mut units = Vec::new();
    for payer in [listed, unlisted] {
        scene.test.recorder.clear();
        scene.chat(payer, None).await;
        scene.chat(payer, Some("key")).await;
        let released = scene.hold(payer, None).await;
        scene.ledger.release(&released).await;
        units.push(scene.units());
    }
    assert!((units[0] - units[1]).abs() < 0.1 && units[0] > 0.0, "{units:?}");
    let used = scene.test.isolated.items().await.into_iter().find(|item| item["username"]["S"] == "ada").unwrap();
    assert_ne!(used["version"], place["version"]);
    for attribute in ["directory", "directory_sort"] {
        assert!(used[attribute].is_object() && used[attribute] == place[attribute], "{used}");
    }
    assert_eq!(scene.run().await, clean(1), "an account that the directory does not list is not found");
}

/// The directory is late: it still lists what is gone.
#[tokio::test]
async fn what_is_gone_or_is_no_users_is_skipped_and_only_the_latter_is_told() {
    let scene = Scene::start().await;
    let ada = open_account(&scene.test, "ada", 10).await.user_id();
    let audit = scene.audit();
    let time = RunTime { deadline: later() };
    for gone in [ListedKind::Account(UserId::new(&scene.test.clock)), ListedKind::Tombstone(ada)] {
        assert_eq!(audit.attend_to(gone, None, &NoDeletions, time).await.unwrap(), Attended::nothing(), "{gone:?}");
    }
    let foreign = DirectoryKey::by_age(ada, "FOREIGN").into_item();
    scene.test.table.put_until(foreign, &scene.test.clock, later()).await.unwrap();
    assert_eq!(scene.run().await, Report { unsettled: 1, ..clean(1) });
}

/// AWS changes the index after the table.
#[tokio::test]
async fn a_late_directory_hides_a_new_account_until_a_later_pass_and_one_that_is_deleted_does_no_harm() {
    let scene = Scene::start().await;
    let ada = open_account(&scene.test, "ada", 10).await;
    open_account(&scene.test, "bob", 10).await;
    let image = scene.test.directory().await;
    scene.test.recorder.set_directory(Some(image));
    let cleo = open_account(&scene.test, "cleo", 10).await;
    scene.tamper_with_balance(cleo, 11).await;
    // Of ada the tombstone is left.
    let everything = scene.test.isolated.items().await;
    let of_ada = everything.iter().filter(|item| item["pk"]["S"] == format!("USER#{}", ada.user_id()));
    for item in of_ada {
        let delete = json!({"TableName": scene.test.isolated.name(), "Key": {"pk": item["pk"], "sk": item["sk"]}});
        scene.test.isolated.call("DeleteItem", &delete).await.unwrap();
    }
    let tombstone = Tombstone::item(ada.user_id(), NOW).unwrap();
    scene.test.table.put_until(tombstone, &scene.test.clock, later()).await.unwrap();
    for _ in 0..2 {
        assert_eq!(scene.run().await, clean(1), "bob's account alone is listed and there");
        assert_eq!(scene.run_page_by_page(1).await.0, clean(1), "also where a page ends with what is gone");
    }
    scene.test.recorder.set_directory(None);
    let found = vec![mismatch(cleo, 11, 0, 10)];
    assert_eq!(scene.run().await, Report { mismatches: found, ..clean(2) });
}

#[test]
fn a_report_is_what_the_docs_say() {
    let user_id = UserId::new(&Clock::system());
    let mismatches = vec![Mismatch { user_id, balance: 11, held: 1, entries: 10 }];
    let (entry, cost) = (EntryId::new(&Clock::system()), Credits::new(3).unwrap());
    let mispriced = vec![MispricedEntry { user_id, entry, amount: -2, cost }];
    let altered = vec![AlteredHistory { user_id, through: entry }];
    let report = Report { mismatches, mispriced, altered, unpriced: 4, unreadable: 5, proved: 2, ..clean(3) };
    let found = json!([{"user_id": user_id.to_string(), "balance": 11, "held": 1, "entries": 10}]);
    let mispriced = json!([{"user_id": user_id.to_string(), "entry": entry.to_string(), "amount": -2, "cost": 3}]);
    let expected = json!({
        "finished": true, "accounts": 3, "mismatches": found, "mispriced": mispriced,
        "altered": [{"user_id": user_id.to_string(), "through": entry.to_string()}], "unpriced": 4, "unreadable": 5,
        "unsettled": 0, "proved": 2, "deletions": 0, "tombstones": 0, "conversations": 0, "erased": 0,
    });
    assert_eq!(serde_json::to_value(report).unwrap(), expected);
}
