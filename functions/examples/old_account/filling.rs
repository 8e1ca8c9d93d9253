//! What an account has after years, past the API: copies of what one message and one conversation leave in the table.

use futures_util::future::join_all;
use serde_json::{Value, json};
use shared::domain::ids::{ConversationId, EntryId};
use shared::domain::time::{Clock, Timestamp};
use testkit::isolated_table::IsolatedTable;

/// The most items of a `BatchWriteItem`, and how many of these are under way at once.
const BATCH_ITEMS: usize = 25;
const BATCHES_AT_ONCE: usize = 4;
/// The time at which the copies begin, a millisecond after the other. It is before any message by the API.
const YEARS_AGO: Timestamp = Timestamp::from_seconds(1_700_000_000);

/// The items to copy, as the table's HTTP interface has them.
#[derive(Default)]
pub struct Filling {
    pub partition: String,
    entry: Value,
    message: Value,
    conversation: Value,
}

impl Filling {
    /// What one message in the one conversation of the table left.
    pub async fn of(table: &IsolatedTable, conversation: &str) -> Self {
        let items = table.items().await;
        let find = |prefix: &str| {
            let mut found = items.iter().filter(|item| item["sk"]["S"].as_str().unwrap().starts_with(prefix));
            found.next_back().unwrap_or_else(|| panic!("the table has no {prefix}")).clone()
        };
        let message = find(&format!("MESSAGE#{conversation}#"));
        assert_eq!(message["place"]["S"], "inline", "{message}");
        let id = message["sk"]["S"].as_str().unwrap().rsplit('#').next().unwrap();
        Self {
            partition: message["pk"]["S"].as_str().unwrap().to_owned(),
            entry: find(&format!("ENTRY#{id}")),
            message,
            conversation: find("CONVERSATION#"),
        }
    }

    /// Puts so many more exchanges into the conversation, each with its entry, and lets the account have paid for them.
    pub async fn exchanges(&self, table: &IsolatedTable, count: usize) {
        let clock = Clock::manual(YEARS_AGO);
        let copies = ids(&clock, count).flat_map(|id| [copy(&self.entry, &id), copy(&self.message, &id)]);
        put_all(table, copies).await;
        let amount: i64 = self.entry["amount"]["N"].as_str().unwrap().parse().unwrap();
        let spent = -amount * i64::try_from(count).unwrap();
        self.change_account(table, "balance = balance - :by, version = version + :one", spent).await;
    }

    /// Puts so many message items into the conversation alone, as if they came late.
    pub async fn messages_without_entries(&self, table: &IsolatedTable, count: usize) {
        let clock = Clock::manual(YEARS_AGO);
        put_all(table, ids(&clock, count).map(|id| copy(&self.message, &id))).await;
    }

    /// Puts so many more conversations, and counts them in the account.
    pub async fn conversations(&self, table: &IsolatedTable, count: usize) {
        let clock = Clock::manual(YEARS_AGO);
        let ids = std::iter::repeat_with(|| {
            clock.advance(std::time::Duration::from_millis(1));
            ConversationId::new(&clock).to_string()
        });
        put_all(table, ids.take(count).map(|id| copy(&self.conversation, &id))).await;
        self.change_account(table, "conversations = conversations + :by", i64::try_from(count).unwrap()).await;
    }

    async fn change_account(&self, table: &IsolatedTable, change: &str, by: i64) {
        let mut values = json!({":by": {"N": by.to_string()}});
        if change.contains(":one") {
            values[":one"] = json!({"N": "1"});
        }
        let update = json!({
            "TableName": table.name(), "Key": {"pk": {"S": self.partition}, "sk": {"S": "ACCOUNT"}},
            "UpdateExpression": format!("SET {change}"), "ExpressionAttributeValues": values,
        });
        table.call("UpdateItem", &update).await.unwrap();
    }
}

fn ids(clock: &Clock, count: usize) -> impl Iterator<Item = String> {
    let next = || {
        clock.advance(std::time::Duration::from_millis(1));
        EntryId::new(clock).to_string()
    };
    std::iter::repeat_with(next).take(count)
}

/// The item under another id, which is the end of its sort key.
fn copy(item: &Value, id: &str) -> Value {
    let mut copied = item.clone();
    let (kind, _) = item["sk"]["S"].as_str().unwrap().rsplit_once('#').unwrap();
    copied["sk"]["S"] = format!("{kind}#{id}").into();
    copied
}

async fn put_all(table: &IsolatedTable, mut items: impl Iterator<Item = Value>) {
    loop {
        let mut batch = || -> Vec<Value> {
            items.by_ref().take(BATCH_ITEMS).map(|item| json!({"PutRequest": {"Item": item}})).collect()
        };
        let batches: Vec<_> = (0..BATCHES_AT_ONCE).map(|_| batch()).filter(|batch| !batch.is_empty()).collect();
        if batches.is_empty() {
            return;
        }
        let writes = batches.iter().map(async |batch| {
            let answer = table.call("BatchWriteItem", &json!({"RequestItems": {table.name(): batch}})).await.unwrap();
            assert!(answer["UnprocessedItems"].as_object().is_none_or(serde_json::Map::is_empty), "{answer}");
        });
        join_all(writes).await;
    }
}
