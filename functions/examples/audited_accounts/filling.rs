//! Accounts and entries, put into the table past the ledger.

use std::collections::BTreeMap;
use std::mem;
use std::time::Duration;

use serde_json::{Value, json};
use shared::domain::calendar::Day;
use shared::domain::ids::{EntryId, UserId};
use testkit::test_table::TestTable;

/// The most items of one request.
const BATCH: usize = 25;

/// The number of batches that are in memory at once.
const BATCHES_AT_ONCE: usize = 100;

/// The credits of a new account, more than its messages cost.
const CREDITS: u64 = 100_000_000;

async fn put(test: &TestTable, items: &[Value]) {
    for items in items.chunks(BATCH) {
        let requests: Vec<Value> = items.iter().map(|item| json!({"PutRequest": {"Item": item}})).collect();
        let body = json!({"RequestItems": {test.isolated.name(): requests}});
        test.isolated.call("BatchWriteItem", &body).await.unwrap();
    }
}

fn entry(test: &TestTable, user: UserId, id: EntryId, members: &Value) -> Value {
    let mut item = json!({
        "pk": {"S": format!("USER#{user}")}, "sk": {"S": format!("ENTRY#{id}")},
        "created_at": {"S": test.clock.now().to_string()},
    });
    item.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
    item
}

/// Accounts with the grant that they began with.
pub async fn accounts(test: &TestTable, number: usize) -> Vec<UserId> {
    let mut users = Vec::new();
    let mut items = Vec::new();
    for _ in 0..number {
        let user = UserId::new(&test.clock);
        items.push(json!({
            "pk": {"S": format!("USER#{user}")}, "sk": {"S": "ACCOUNT"}, "directory": {"S": "DIR#AGE"},
            "directory_sort": {"S": user.to_string()}, "username": {"S": format!("user-{}", users.len())},
            "balance": {"N": CREDITS.to_string()}, "holds": {"M": {}}, "status": {"S": "active"},
            "session_epoch": {"N": "1"}, "api_key_epoch": {"N": "1"}, "version": {"N": "0"},
            "hourly": {"M": {"began_at": {"N": "0"}, "unpaid": {"N": "0"}, "charged": {"N": "0"}}},
            "created_at": {"S": test.clock.now().to_string()},
        }));
        let grant = json!({"kind": {"S": "grant"}, "amount": {"N": CREDITS.to_string()}});
        items.push(entry(test, user, next_id(test), &grant));
        users.push(user);
    }
    put(test, &items).await;
    users
}

/// Puts `each` chats of one credit into each account, as captures leave them: each lowers the balance and raises the version.
/// `apart` is the time from one to the next. Returns the ids of all of them.
pub async fn chats(test: &TestTable, users: &[UserId], each: usize, apart: Duration) -> Vec<EntryId> {
    let mut ids = Vec::new();
    for user in users {
        let mut items = Vec::new();
        for _ in 0..each {
            test.clock.advance(apart);
            if items.len() == BATCHES_AT_ONCE * BATCH {
                put(test, &mem::take(&mut items)).await;
            }
            let id = next_id(test);
            ids.push(id);
            let usage = json!({"M": {"input_tokens": {"N": "120"}, "output_tokens": {"N": "340"}}});
            items.push(entry(
                test,
                *user,
                id,
                &json!({
                    "kind": {"S": "chat"}, "amount": {"N": "-1"}, "model": {"S": "some-model"}, "usage": usage,
                    "prices": {"M": {"request": {"N": "1"}}}, "catalogue": {"N": "7"}, "finish_reason": {"S": "stop"},
                    "conversation": {"S": "00000000000000000000000000"}, "texts": {"S": "inline"},
                    "json_bytes": {"N": "420"},
                }),
            ));
        }
        put(test, &items).await;
        let update = json!({
            "TableName": test.isolated.name(), "Key": {"pk": {"S": format!("USER#{user}")}, "sk": {"S": "ACCOUNT"}},
            "UpdateExpression": "SET balance = balance - :spent, version = version + :spent",
            "ExpressionAttributeValues": {":spent": {"N": each.to_string()}},
        });
        test.isolated.call("UpdateItem", &update).await.unwrap();
    }
    ids
}

/// The id of the next entry, a millisecond later than the one before.
fn next_id(test: &TestTable) -> EntryId {
    test.clock.advance(Duration::from_millis(1));
    EntryId::new(&test.clock)
}

/// An account with chats of one credit that are sealed and summed, as the audit leaves it in months. The chain of digests is
/// left out: only the proof reads it, and that of the day is done.
pub async fn summed_account(test: &TestTable, entries: usize, apart: Duration) -> UserId {
    let user = accounts(test, 1).await[0];
    let ids = chats(test, &[user], entries, apart).await;
    let mut of_days = BTreeMap::new();
    for id in &ids {
        *of_days.entry(Day::of(id.made_at())).or_insert(0_u64) += 1;
    }
    let partition = format!("USER#{user}");
    let number = |number: u64| json!({"N": number.to_string()});
    let rows = of_days.into_iter().map(|(day, chats)| {
        json!({
            "pk": {"S": partition}, "sk": {"S": format!("USAGE#{day}#-#some-model")}, "requests": number(chats),
            "input_tokens": number(120 * chats), "output_tokens": number(340 * chats), "credits": number(chats),
            "expires_at": number(day.plus_days(400).end().seconds()),
        })
    });
    let mut items: Vec<Value> = rows.collect();
    let (last, entries) = (ids[ids.len() - 1], entries as u64);
    let history = json!({"M": {
        "entries": number(entries + 1), "amount": number(CREDITS - entries), "chain": {"S": "x".repeat(43)},
        "unpriced": number(0), "unreadable": number(0), "mispriced": number(0),
    }});
    items.push(json!({
        "pk": {"S": partition}, "sk": {"S": "CHECKPOINT"}, "through": {"S": last.to_string()}, "history": history,
        "version": number(entries / 250),
    }));
    items.push(json!({
        "pk": {"S": "AUDIT"}, "sk": {"S": "STATE"}, "version": number(1),
        "proved_through": number(Day::of(test.clock.now()).number().into()),
    }));
    put(test, &items).await;
    let update = json!({
        "TableName": test.isolated.name(), "Key": {"pk": {"S": partition}, "sk": {"S": "ACCOUNT"}},
        "UpdateExpression": "SET sealed_to = :seal, sealed_at = :at",
        "ExpressionAttributeValues": {":seal": {"S": last.to_string()}, ":at": number(test.clock.now().milliseconds())},
    });
    test.isolated.call("UpdateItem", &update).await.unwrap();
    user
}
