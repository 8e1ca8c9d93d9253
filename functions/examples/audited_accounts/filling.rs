//! Accounts and entries, put into the table past the ledger.

use std::time::Duration;

use serde_json::{Value, json};
use shared::domain::ids::{EntryId, UserId};
use testkit::test_table::TestTable;

/// The most items of one request.
const BATCH: usize = 25;

/// The credits of a new account, more than its messages cost.
const CREDITS: u64 = 100_000_000;

async fn put(test: &TestTable, items: &[Value]) {
    for items in items.chunks(BATCH) {
        let requests: Vec<Value> = items.iter().map(|item| json!({"PutRequest": {"Item": item}})).collect();
        let body = json!({"RequestItems": {test.isolated.name(): requests}});
        test.isolated.call("BatchWriteItem", &body).await.unwrap();
    }
}

fn entry(test: &TestTable, user: UserId, members: &Value) -> Value {
    test.clock.advance(Duration::from_millis(1));
    let mut item = json!({
        "pk": {"S": format!("USER#{user}")}, "sk": {"S": format!("ENTRY#{}", EntryId::new(&test.clock))},
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
        items.push(entry(test, user, &json!({"kind": {"S": "grant"}, "amount": {"N": CREDITS.to_string()}})));
        users.push(user);
    }
    put(test, &items).await;
    users
}

/// Puts `each` chats of one credit into each account, as captures leave them: each lowers the balance and raises the version.
pub async fn chats(test: &TestTable, users: &[UserId], each: usize) {
    for user in users {
        let mut items = Vec::new();
        for _ in 0..each {
            let usage = json!({"M": {"input_tokens": {"N": "120"}, "output_tokens": {"N": "340"}}});
            items.push(entry(
                test,
                *user,
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
}
