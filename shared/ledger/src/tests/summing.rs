//! Whatever is done to an account, in whatever order and by functions whose clocks differ, its sums are those of its entries,
//! each of which counts once.

use std::collections::BTreeMap;
use std::time::Duration;

use aws_sdk_dynamodb::types::AttributeValue;
use domain::calendar::Day;
use domain::credits::Credits;
use domain::ids::{ApiKeyId, ConversationId, EntryId, UserId};
use domain::time::Clock;
use serde_json::{Value, json};
use store::{Key, from_item};
use testkit::recorder::Fault;
use testkit::test_table::NOW;

use crate::account::{Account, Payer};
use crate::audited_entry::AuditedEntry;
use crate::checkpoint::{Checkpoint, HistorySum};
use crate::entry;
use crate::entry_pages::EntryRange;
use crate::exchange::{Bill, Exchange};
use crate::hold::{HoldOutcome, Order};
use crate::key_sums::KeySums;
use crate::key_usage::KeyUsage;
use crate::ledger::{Held, Ledger};
use crate::sealing::{ExpiredHolds, SEAL_AGE};
use crate::summing::Step;
use crate::testing::{TestTable, admitted, message, open_account, stored_reply};
use crate::usage::{Days, RowLimit, UsageOfAllReader};
use crate::usage_sums::{UsagePlace, UsageSums};

pub(super) struct SummingScene {
    pub(super) test: TestTable,
    pub(super) ada: Payer,
    /// Of functions whose clocks differ: behind, right and ahead.
    pub(super) ledgers: [Ledger; 3],
    held: Vec<Held>,
    api_keys: [Option<ApiKeyId>; 3],
}

impl SummingScene {
    pub(super) async fn start() -> Self {
        let test = TestTable::start().await;
        let ada = open_account(&test, "ada", 100_000).await;
        let ten_minutes = Duration::from_secs(600);
        let clocks = [NOW.minus(ten_minutes), NOW, NOW.plus(ten_minutes)].map(Clock::manual);
        let api_keys = [None, Some(ApiKeyId::new(&test.clock)), Some(ApiKeyId::new(&test.clock))];
        let ledgers = clocks.map(|clock| Ledger::new(test.table.clone(), clock, 15));
        Self { test, ada, ledgers, held: Vec::new(), api_keys }
    }

    pub(super) fn user(&self) -> UserId {
        self.ada.user_id()
    }

    fn pass_time(&self, time: Duration) {
        self.ledgers.iter().for_each(|ledger| ledger.clock.advance(time));
    }

    async fn hold(&mut self, by: usize) {
        let by = &self.ledgers[by];
        let amount = Credits::new(3).unwrap();
        let order = Order { amount, least: amount, deadline: by.clock.now().plus(Duration::from_secs(28)) };
        let open = admitted(by, self.ada).await;
        if let Ok(HoldOutcome::Held(held)) = by.hold(open, &order).await {
            self.held.push(held);
        }
    }

    /// Ends a hold, mostly by a chat of one of three models and one of three keys.
    async fn end_hold(&mut self, number: usize) {
        let Some(held) = (!self.held.is_empty()).then(|| self.held.swap_remove(number % self.held.len())) else {
            return;
        };
        let by = &self.ledgers[number % 3];
        if number.is_multiple_of(7) {
            by.release(&held).await;
            return;
        }
        let (message, mut reply, bill) = (message("Hello"), stored_reply("Hi"), Bill::of(held.amount));
        reply.model = format!("model-{}", number % 3);
        let conversation = Some(ConversationId::COMPLETIONS);
        let charged = by.capture(&held, Exchange { message: &message, reply: &reply, conversation, bill }).await;
        if let (Ok(_), Some(api_key)) = (charged, self.api_keys[number % 5 % 3]) {
            let api_key = AttributeValue::S(api_key.to_string());
            self.test.set(entry::key(self.user(), held.id), "api_key", api_key).await;
        }
    }

    pub(super) async fn checkpoint(&self) -> Checkpoint {
        self.test.table.get(Checkpoint::key(self.user())).await.unwrap().unwrap_or_default()
    }

    /// Steps until nothing below the seal waits.
    pub(super) async fn sum_all(&self) {
        loop {
            match self.ledgers[2].sum_step(self.user()).await.unwrap() {
                Step::Moved(_) | Step::Overtaken => {}
                Step::Done(_) => return,
                step => panic!("{step:?}"),
            }
        }
    }

    /// Compares checkpoint, days' sums and keys' sums with the entries.
    pub(super) async fn check(&self) {
        let checkpoint = self.checkpoint().await;
        let mut history = HistorySum::default();
        let mut rows: BTreeMap<UsagePlace, UsageSums> = BTreeMap::new();
        let mut of_keys: BTreeMap<ApiKeyId, KeySums> = BTreeMap::new();
        if let Some(through) = checkpoint.through {
            let page =
                EntryRange::after(self.user(), None).through(through).next_page(&self.test.table, 5000, true).await;
            for item in page.unwrap().items {
                let entry = AuditedEntry::of(&item).unwrap();
                history.add(&item, &entry);
                if let Some((place, sums)) = entry.usage() {
                    if let Some(api_key) = place.api_key {
                        let chat = entry.id.unwrap();
                        let of_key = of_keys.entry(api_key).or_insert_with(|| KeySums::of_first(chat, sums.credits));
                        of_key.add(chat, sums.credits);
                    }
                    rows.entry(place).or_default().add(&sums);
                }
            }
        }
        assert_eq!(checkpoint.history, history);
        let mut stored = BTreeMap::new();
        let partition = store::partition_of(self.user());
        for item in self.test.isolated.items().await.into_iter().filter(|item| item["pk"]["S"] == partition) {
            let sort = item["sk"]["S"].as_str().unwrap();
            let item = Key::of_user(self.user(), sort).into_item();
            let found: store::Item =
                self.test.table.get_all([Key::of_user(self.user(), sort)]).await.unwrap().remove(0);
            if let Some(place) = UsagePlace::of(&item) {
                stored.insert(place, UsageSums::of(&found));
            }
        }
        assert_eq!(stored, rows);
        self.check_sums_of_all(&rows).await;
        for (api_key, sums) in of_keys {
            let found = self.test.table.get_all([KeySums::key(self.user(), api_key)]).await.unwrap().remove(0);
            assert_eq!(from_item::<KeySums>(found).unwrap(), sums);
        }
        self.check_usage_of_keys().await;
    }

    /// Compares the sums of all accounts, of which this is the only one, with its `rows`.
    async fn check_sums_of_all(&self, rows: &BTreeMap<UsagePlace, UsageSums>) {
        let mut expected: BTreeMap<UsagePlace, UsageSums> = BTreeMap::new();
        for (place, sums) in rows {
            expected.entry(UsagePlace { api_key: None, ..place.clone() }).or_default().add(sums);
        }
        let today = Day::of(self.test.clock.now());
        let days = Days::new(Some(today.minus_days(100)), Some(today.plus_days(100)), today).unwrap();
        let reader = UsageOfAllReader::new(self.test.table.clone());
        let mut read = reader.read(days, RowLimit { bytes: usize::MAX }).await.unwrap();
        // What was taken back leaves sums of nothing.
        read.rows.retain(|_, sums| *sums != UsageSums::default());
        assert_eq!((read.rows, read.next), (expected, None));
    }

    /// Compares what is told of the keys' usage with all entries, summed or not.
    pub(super) async fn check_usage_of_keys(&self) {
        let page = EntryRange::after(self.user(), None).next_page(&self.test.table, 5000, true).await;
        let mut of_keys: BTreeMap<ApiKeyId, (u64, Option<EntryId>)> = BTreeMap::new();
        for item in page.unwrap().items {
            let entry = AuditedEntry::of(&item).unwrap();
            let Some((UsagePlace { api_key: Some(api_key), .. }, sums)) = entry.usage() else { continue };
            let (credits, last) = of_keys.entry(api_key).or_default();
            *credits += sums.credits;
            *last = entry.id;
        }
        let keys = of_keys.keys().copied().collect();
        let usage = KeyUsage::read(&self.test.table, self.user(), &keys).await.unwrap();
        for (api_key, (credits, last)) in of_keys {
            let told = usage.of_key(api_key).unwrap();
            assert_eq!((told.credits, told.last_used_at()), (credits, last.unwrap().made_at()));
        }
    }
}

#[tokio::test]
async fn whatever_is_interleaved_each_entry_counts_once() {
    for seed in 0..6 {
        let mut scene = SummingScene::start().await;
        let mut random = Numbers(seed);
        for _ in 0..60 {
            let number = random.next();
            let by = number % 3;
            match number % 11 {
                0..=2 => scene.hold(by).await,
                3..=5 => scene.end_hold(number).await,
                6 => {
                    let releases = if number.is_multiple_of(2) { ExpiredHolds::Release } else { ExpiredHolds::Keep };
                    scene.ledgers[by].seal(scene.user(), releases).await.unwrap();
                }
                7 => {
                    scene.ledgers[by].sum_step(scene.user()).await.unwrap();
                }
                8 => {
                    let steps = scene.ledgers.iter().map(|ledger| ledger.sum_step(scene.user()));
                    let outcomes = futures_util::future::join_all(steps).await;
                    assert!(outcomes.iter().filter(|step| matches!(step, Ok(Step::Moved(_)))).count() <= 1);
                }
                9 => {
                    let fault = if number.is_multiple_of(2) { Fault::AnswerLost } else { Fault::NotApplied };
                    scene.test.recorder.fail_next("TransactWriteItems", fault, 3);
                    let _lost = scene.ledgers[by].sum_step(scene.user()).await;
                    scene.test.recorder.forget_faults();
                }
                _ => scene.pass_time([SEAL_AGE, Duration::from_secs(90), Duration::from_secs(1000)][by]),
            }
        }
        while !scene.held.is_empty() {
            scene.end_hold(1).await;
        }
        scene.pass_time(Duration::from_secs(3600));
        scene.ledgers[2].seal(scene.user(), ExpiredHolds::Release).await.unwrap();
        scene.pass_time(SEAL_AGE);
        scene.sum_all().await;
        scene.check().await;
        let account: Account = scene.test.table.get(Account::key(scene.user())).await.unwrap().unwrap();
        let sum = scene.checkpoint().await.history.amount;
        assert_eq!(sum, account.balance.gained(), "seed {seed}: all entries are below the seal");
    }
}

/// The numbers of a seed.
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap()
    }
}

pub(super) async fn put(scene: &SummingScene, id: EntryId, entry: Value) {
    let item = entry::key(scene.user(), id).with(&entry).unwrap();
    scene.test.table.put_until(item, &scene.test.clock, NOW.plus(Duration::from_secs(60))).await.unwrap();
}

pub(super) fn chat(model: &str) -> Value {
    json!({"kind": "chat", "amount": -1, "created_at": "x", "model": model, "prices": {"request": 1},
        "usage": {"input_tokens": 1, "output_tokens": 2}})
}

pub(super) async fn sealed(scene: &SummingScene) {
    scene.pass_time(Duration::from_secs(1));
    scene.ledgers[1].seal(scene.user(), ExpiredHolds::Release).await.unwrap();
    scene.pass_time(SEAL_AGE);
}

#[tokio::test]
async fn a_step_stops_before_the_rows_of_a_transaction_are_too_many_and_the_next_goes_on() {
    let scene = SummingScene::start().await;
    for number in 0..90 {
        scene.ledgers[1].clock.advance(Duration::from_millis(1));
        put(&scene, EntryId::new(&scene.ledgers[1].clock), chat(&format!("model-{number}"))).await;
    }
    sealed(&scene).await;
    let mut entries = Vec::new();
    while let Step::Moved(checkpoint) = scene.ledgers[1].sum_step(scene.user()).await.unwrap() {
        entries.push(checkpoint.history.entries);
    }
    assert_eq!(entries, [31, 61, 91], "the first entry is the grant");
    scene.check().await;
}

#[tokio::test]
async fn nothing_is_summed_beyond_an_amount_that_cannot_be_read_or_up_to_a_young_seal() {
    let scene = SummingScene::start().await;
    let mut ids = Vec::new();
    for _ in 0..3 {
        scene.ledgers[1].clock.advance(Duration::from_millis(1));
        ids.push(EntryId::new(&scene.ledgers[1].clock));
        put(&scene, ids[ids.len() - 1], chat("model")).await;
    }
    scene.test.set(entry::key(scene.user(), ids[1]), "amount", AttributeValue::S("much".to_owned())).await;
    scene.pass_time(Duration::from_secs(1));
    scene.ledgers[1].seal(scene.user(), ExpiredHolds::Keep).await.unwrap();
    assert!(matches!(scene.ledgers[1].sum_step(scene.user()).await.unwrap(), Step::Done(_)), "the seal is young");
    scene.pass_time(SEAL_AGE);
    let Step::Moved(checkpoint) = scene.ledgers[1].sum_step(scene.user()).await.unwrap() else { panic!("no step") };
    assert_eq!((checkpoint.through, checkpoint.history.entries), (Some(ids[0]), 2));
    assert!(matches!(scene.ledgers[1].sum_step(scene.user()).await.unwrap(), Step::Blocked));
    scene.test.set(entry::key(scene.user(), ids[1]), "amount", AttributeValue::N("-2".to_owned())).await;
    let Step::Moved(checkpoint) = scene.ledgers[1].sum_step(scene.user()).await.unwrap() else { panic!("no step") };
    assert_eq!((checkpoint.history.entries, checkpoint.history.mispriced), (4, 1));
    assert_eq!(checkpoint.history.first_mispriced[0].entry, ids[1]);
    scene.check().await;
}

#[tokio::test]
async fn nothing_is_summed_in_an_account_that_is_gone_or_being_deleted() {
    let scene = SummingScene::start().await;
    sealed(&scene).await;
    scene.test.set(Account::key(scene.user()), "status", AttributeValue::S("deleting".to_owned())).await;
    assert!(matches!(scene.ledgers[1].sum_step(scene.user()).await.unwrap(), Step::Closed));
    let stranger = UserId::new(&scene.test.clock);
    assert!(matches!(scene.ledgers[1].sum_step(stranger).await.unwrap(), Step::Closed));
    assert_eq!(scene.checkpoint().await, Checkpoint::default());
}
