//! `DynamoDB` in process: dynoxide, called with the JSON of the wire.

use dynoxide::storage_backend::ManualClock;
use dynoxide::{Database, DynoxideError};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};
use testkit::isolated_table::TABLE_NAME;
use testkit::template::Template;

use crate::NOW;
use shared::domain::ids::UserId;

/// The sort key of an account.
pub(super) const ACCOUNT: &str = "ACCOUNT";
/// The beginning of the sort keys of sessions.
pub(super) const PREFIX_OF_SESSIONS: &str = "SESSION#";
/// The beginning of the sort keys of texts, which alone are put without a look at the account.
pub(super) const PREFIX_OF_TEXTS: &str = "TEXT#";
/// The beginning of the sort keys of budgets.
pub(super) const PREFIX_OF_BUDGETS: &str = "BUDGET#";

/// The partition key of all items of a user.
pub(super) fn partition_of(user_id: UserId) -> String {
    format!("USER#{user_id}")
}

/// A database with the template's table in it.
pub(super) struct Engine {
    database: Database,
}

/// An answer of `DynamoDB`: the HTTP status and the body.
#[derive(Clone, Debug)]
pub(super) struct Reply {
    pub(super) status: u16,
    pub(super) body: Value,
}

impl Reply {
    pub(super) fn is_success(&self) -> bool {
        self.status == 200
    }

    pub(super) fn error(status: u16, code: &str) -> Self {
        Self { status, body: json!({"__type": format!("com.amazonaws.dynamodb.v20120810#{code}"), "message": code}) }
    }
}

/// An item as plain JSON, with its key.
pub(super) struct StoredItem {
    pub(super) partition: String,
    pub(super) sort: String,
    pub(super) attributes: Value,
}

impl StoredItem {
    pub(super) fn parsed<T: DeserializeOwned>(&self) -> T {
        T::deserialize(&self.attributes).unwrap()
    }
}

thread_local! {
    static CREATE_TABLE: Value = Template::of_workspace().unwrap().create_table_request(TABLE_NAME);
}

impl Engine {
    pub(super) fn start() -> Self {
        let clock = ManualClock::new(NOW.seconds());
        let database = Database::memory_with_clock(clock.arc()).unwrap();
        let request = CREATE_TABLE.with(Value::clone);
        database.create_table(serde_json::from_value(request).unwrap()).unwrap();
        Self { database }
    }

    /// The answer to a request, as dynoxide's own server gives it.
    pub(super) fn answer(&self, operation: &str, body: &Value) -> Reply {
        let database = &self.database;
        match operation {
            "BatchGetItem" => answer(body, |request| database.batch_get_item(request)),
            "BatchWriteItem" => answer(body, |request| database.batch_write_item(request)),
            "DeleteItem" => answer(body, |request| database.delete_item(request)),
            "GetItem" => answer(body, |request| database.get_item(request)),
            "PutItem" => answer(body, |request| database.put_item(request)),
            "Query" => answer(body, |request| database.query(request)),
            "TransactWriteItems" => answer(body, |request| database.transact_write_items(request)),
            "UpdateItem" => answer(body, |request| database.update_item(request)),
            _ => panic!("the simulation does not know {operation}"),
        }
    }

    /// All items.
    pub(super) fn items(&self) -> Vec<StoredItem> {
        let request = serde_json::from_value(json!({"TableName": TABLE_NAME})).unwrap();
        let answer = serde_json::to_value(self.database.scan(request).unwrap()).unwrap();
        assert!(answer["LastEvaluatedKey"].is_null(), "a schedule stores less than a megabyte");
        let items = answer["Items"].as_array().unwrap().iter().map(|item| {
            let attributes = Value::Object(item.as_object().unwrap().iter().map(plain_member).collect());
            let text = |name: &str| attributes[name].as_str().unwrap().to_owned();
            StoredItem { partition: text("pk"), sort: text("sk"), attributes }
        });
        items.collect()
    }
}

fn answer<Q: DeserializeOwned, A: Serialize>(
    body: &Value,
    execute: impl FnOnce(Q) -> Result<A, DynoxideError>,
) -> Reply {
    match execute(Q::deserialize(body).unwrap()) {
        Ok(answer) => Reply { status: 200, body: serde_json::to_value(answer).unwrap() },
        Err(error) => Reply { status: error.status_code(), body: serde_json::from_str(&error.to_json()).unwrap() },
    }
}

fn plain_member((name, value): (&String, &Value)) -> (String, Value) {
    (name.clone(), plain(value))
}

/// The plain JSON of a value: 1 for `{"N": "1"}`.
pub(super) fn plain(value: &Value) -> Value {
    let (kind, value) = value.as_object().unwrap().iter().next().unwrap();
    match kind.as_str() {
        "S" | "BOOL" | "SS" => value.clone(),
        "N" => json!(value.as_str().unwrap().parse::<i64>().unwrap()),
        "NULL" => Value::Null,
        "L" => Value::Array(value.as_array().unwrap().iter().map(plain).collect()),
        "M" => Value::Object(value.as_object().unwrap().iter().map(plain_member).collect::<Map<_, _>>()),
        _ => panic!("the ledger stores nothing of kind {kind}"),
    }
}
