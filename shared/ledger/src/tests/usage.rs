//! Reads of usage, by what is summed and what is not.

use std::time::Duration;

use aws_sdk_dynamodb::types::AttributeValue;
use domain::calendar::Day;
use domain::ids::{ApiKeyId, EntryId};
use serde_json::json;
use testkit::test_table::NOW;

use crate::account::{Account, Closed, Epoch, Payer};
use crate::checkpoint::Checkpoint;
use crate::entry;
use crate::error::LedgerError;
use crate::sealing::SEAL_AGE;
use crate::testing::{TestTable, open_account};
use crate::usage::{Days, Grouping, RowLimit, UsageRead, UsageReader};

const ALL: RowLimit = RowLimit { bytes: 1 << 20 };

struct UsageScene {
    test: TestTable,
    ada: Payer,
    reader: UsageReader,
}

impl UsageScene {
    async fn start() -> Self {
        let test = TestTable::start().await;
        let ada = open_account(&test, "ada", 100_000).await;
        let reader = UsageReader::new(test.table.clone(), test.clock.clone());
        Self { test, ada, reader }
    }

    /// Puts chats of a credit each, a millisecond after the other.
    async fn put_chats(&self, number: u32, model: &str, api_key: Option<ApiKeyId>) {
        let until = self.test.clock.now().plus(Duration::from_secs(600));
        for _ in 0..number {
            self.test.clock.advance(Duration::from_millis(1));
            let mut entry = json!({"kind": "chat", "amount": -1, "prices": {"request": 1}, "model": model,
                "usage": {"input_tokens": 1, "output_tokens": 2}, "created_at": NOW.to_string()});
            if let Some(api_key) = api_key {
                entry["api_key"] = api_key.to_string().into();
            }
            let key = entry::key(self.ada.user_id(), EntryId::new(&self.test.clock));
            self.test.table.put_until(key.with(&entry).unwrap(), &self.test.clock, until).await.unwrap();
        }
    }

    fn days(&self) -> Days {
        Days::new(None, None, Day::of(self.test.clock.now())).unwrap()
    }

    async fn read(&self) -> UsageRead {
        self.reader.read(self.ada, self.days(), ALL).await.unwrap()
    }

    async fn checkpoint(&self) -> u64 {
        let checkpoint: Option<Checkpoint> = self.test.table.get(Checkpoint::key(self.ada.user_id())).await.unwrap();
        checkpoint.map_or(0, |checkpoint| checkpoint.history.entries)
    }
}

fn credits(read: &UsageRead) -> Vec<u64> {
    let by = Grouping { by_day: false, by_model: true, by_key: true };
    by.of(&read.rows).into_values().map(|sums| sums.credits).collect()
}

#[tokio::test]
async fn a_message_counts_at_once_and_once_whether_it_is_summed_or_not() {
    let scene = UsageScene::start().await;
    assert!(scene.read().await.rows.is_empty());
    let api_key = Some(ApiKeyId::new(&scene.test.clock));
    scene.put_chats(20, "a", None).await;
    scene.put_chats(40, "a", api_key).await;
    scene.put_chats(3, "b", None).await;
    for _ in 0..3 {
        let read = scene.read().await;
        assert_eq!((credits(&read), read.next), (vec![20, 40, 3], None));
        assert_eq!(read.as_of, scene.test.clock.now());
        scene.test.clock.advance(SEAL_AGE);
    }
    assert_eq!(scene.checkpoint().await, 64, "the first read has sealed, and a later one has summed");
    scene.put_chats(1, "b", None).await;
    assert_eq!(credits(&scene.read().await), [20, 40, 4]);
}

#[tokio::test]
async fn each_read_goes_on_by_a_bounded_part_of_a_long_history_and_says_how_far() {
    let scene = UsageScene::start().await;
    scene.put_chats(2400, "a", None).await;
    let end = scene.test.clock.now();
    let first = scene.read().await;
    assert!(credits(&first) == [499] && first.as_of < end, "{:?}", credits(&first));
    let mut counted = Vec::new();
    for _ in 0..4 {
        scene.test.clock.advance(SEAL_AGE);
        let read = scene.read().await;
        counted.push((credits(&read)[0], read.as_of >= end));
    }
    assert_eq!(counted, [(1499, false), (2400, true), (2400, true), (2400, true)]);
}

#[tokio::test]
async fn a_page_ends_with_a_day_and_the_next_begins_with_the_day_after_it() {
    let scene = UsageScene::start().await;
    let mut days = Vec::new();
    for _ in 0..6 {
        days.push(Day::of(scene.test.clock.now()));
        scene.put_chats(10, "a", None).await;
        scene.put_chats(10, "b", None).await;
        scene.test.clock.advance(Duration::from_secs(24 * 3600));
    }
    for _ in 0..2 {
        scene.read().await;
        scene.test.clock.advance(SEAL_AGE);
    }
    scene.put_chats(1, "c", None).await;
    days.push(Day::of(scene.test.clock.now()));
    let (mut from, mut pages): (_, Vec<Vec<(Day, u64)>>) = (Some(days[0]), Vec::new());
    while let Some(first) = from {
        let wanted = Days::new(Some(first), None, Day::of(scene.test.clock.now())).unwrap();
        let read = scene.reader.read(scene.ada, wanted, RowLimit { bytes: 300 }).await.unwrap();
        let by = Grouping { by_day: true, by_model: false, by_key: false };
        pages.push(by.of(&read.rows).into_iter().map(|(group, sums)| (group.day.unwrap(), sums.credits)).collect());
        from = read.next;
    }
    assert!(pages.len() > 2, "{pages:?}");
    let of_days: Vec<(Day, u64)> = pages.concat();
    let expected: Vec<(Day, u64)> =
        days.iter().map(|day| (*day, if Some(day) == days.last() { 1 } else { 20 })).collect();
    assert_eq!(of_days, expected);
}

#[tokio::test]
async fn readers_that_carry_the_sums_on_at_once_count_each_message_once() {
    let scene = UsageScene::start().await;
    scene.put_chats(700, "a", None).await;
    scene.read().await;
    scene.test.clock.advance(SEAL_AGE);
    for _ in 0..3 {
        let reads = (0..4).map(|_| Box::pin(scene.reader.read(scene.ada, scene.days(), ALL)));
        for read in futures_util::future::join_all(reads).await {
            match read {
                Ok(read) => assert_eq!(credits(&read), [700]),
                Err(error) => assert!(matches!(error, LedgerError::Unavailable(_)), "{error:?}"),
            }
        }
    }
    assert_eq!(credits(&scene.read().await), [700]);
}

#[tokio::test]
async fn usage_is_read_by_the_owner_of_an_open_account_alone() {
    let scene = UsageScene::start().await;
    let old = Payer::new(scene.ada.user_id(), Epoch::OfSessions(0));
    let refused = scene.reader.read(old, scene.days(), ALL).await.unwrap_err();
    assert!(matches!(refused, LedgerError::Closed(Closed::SessionEpochPassed)), "{refused:?}");
    scene.test.set(Account::key(scene.ada.user_id()), "status", AttributeValue::S("inactive".to_owned())).await;
    let refused = scene.reader.read(scene.ada, scene.days(), ALL).await.unwrap_err();
    assert!(matches!(refused, LedgerError::Closed(Closed::Inactive)), "{refused:?}");
}

/// docs/costs.md has these figures.
#[tokio::test]
async fn a_read_costs_the_same_whatever_is_summed_already() {
    let scene = UsageScene::start().await;
    if !scene.test.isolated.is_embedded() {
        return;
    }
    scene.test.recorder.ask_for_capacity();
    let mut units = Vec::new();
    for _ in 0..3 {
        scene.put_chats(600, "a", None).await;
        for _ in 0..3 {
            scene.read().await;
            scene.test.clock.advance(SEAL_AGE);
        }
        scene.put_chats(10, "a", None).await;
        scene.test.recorder.clear();
        scene.read().await;
        units.push(scene.test.recorder.requests().iter().map(|request| request.units().unwrap()).sum::<f64>());
    }
    // Account and checkpoint, ten entries, a row, and the checkpoint again.
    assert!(units.iter().all(|units| (units - 5.0).abs() < 1.1), "{units:?}");
}

#[test]
fn days_are_thirty_up_to_today_and_at_most_a_leap_year() {
    let day = |text: &str| Day::parse(text).unwrap();
    let today = day("2026-11-27");
    let usual = Days::new(None, None, today).unwrap();
    assert_eq!((usual.from(), usual.to()), (day("2026-10-29"), today));
    assert!(Days::new(Some(day("2024-01-01")), Some(day("2024-12-31")), today).is_ok());
    assert!(Days::new(Some(day("2024-01-01")), Some(day("2025-01-01")), today).is_err());
    assert!(Days::new(Some(day("2026-11-28")), None, today).is_err());
}

#[tokio::test]
async fn staff_see_the_same_and_write_nothing() {
    let scene = UsageScene::start().await;
    scene.put_chats(120, "some", None).await;
    let look = async || scene.reader.look(scene.ada.user_id(), scene.days(), ALL).await.unwrap();
    scene.test.recorder.clear();
    let before = look().await;
    let is_read = |operation: &str| ["GetItem", "Query"].contains(&operation);
    assert!(scene.test.recorder.requests().iter().all(|request| is_read(&request.operation)));
    // The owner's read seals the account, and a later one sums.
    scene.read().await;
    scene.test.clock.advance(SEAL_AGE);
    let read = scene.read().await;
    assert_eq!(scene.checkpoint().await, 121);
    for seen in [before.rows, look().await.rows] {
        assert_eq!(seen, read.rows);
    }
    let sums: u64 = read.rows.values().map(|sums| sums.requests).sum();
    assert_eq!(sums, 120);
    scene.test.set(Account::key(scene.ada.user_id()), "status", AttributeValue::S("inactive".to_owned())).await;
    assert_eq!(look().await.rows, read.rows, "whatever the status of the account is");
}
