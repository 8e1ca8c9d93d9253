//! Ways to break the ledger, each of which the simulation must find.

use serde_json::{Value, json};

use crate::simulation::engine::{Engine, Reply};

/// A rule of the ledger that is broken on the way to the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sabotage {
    /// A hold is subtracted whatever is there.
    UnconditionalDebit,
    /// A capture asks whether there is a hold at its place, not whose it is.
    CaptureOfAnyHold,
    /// A release returns credits whether or not its hold is there.
    UnconditionalRelease,
    /// Every hold looks expired.
    NothingIsLive,
    /// The idempotency record is written after the capture's transaction, if nothing intervenes.
    RecordOutsideTransaction,
    /// The entry that fences late captures is acknowledged, and was not written.
    VoidNotWritten,
}

impl Sabotage {
    /// What the table answers under this sabotage; `strikes` is a coin's toss.
    pub(super) fn answer(self, engine: &Engine, operation: &str, body: &Value, strikes: bool) -> Reply {
        let mut body = body.clone();
        match self {
            Self::UnconditionalDebit => weaken(&mut body, is_hold, "attribute_exists(pk)"),
            Self::CaptureOfAnyHold if token(&body).starts_with("capture-") => {
                weaken(&mut body, is_end_of_hold, "attribute_exists(holds.#place)");
            }
            Self::UnconditionalRelease if operation == "UpdateItem" => {
                weaken(&mut body, is_end_of_hold, "attribute_exists(pk)");
            }
            Self::RecordOutsideTransaction if token(&body).starts_with("capture-") => {
                return capture_without_record(engine, body, strikes);
            }
            Self::VoidNotWritten if token(&body).starts_with("void-") => {
                return Reply { status: 200, body: json!({}) };
            }
            _ => {}
        }
        let mut reply = engine.answer(operation, &body);
        if self == Self::NothingIsLive {
            expire_holds(&mut reply.body);
        }
        reply
    }
}

fn token(body: &Value) -> &str {
    body["ClientRequestToken"].as_str().unwrap_or_default()
}

fn is_hold(update: &Value) -> bool {
    update["ExpressionAttributeValues"][":hold"].is_object()
}

fn is_end_of_hold(update: &Value) -> bool {
    update["ExpressionAttributeValues"][":returned"].is_object()
}

/// Makes `instead` enough for the condition of the update that is `meant`. The condition stays
/// beside it, since `DynamoDB` refuses values that no expression uses.
fn weaken(body: &mut Value, meant: fn(&Value) -> bool, instead: &str) {
    let update = if body["TransactItems"].is_array() { &mut body["TransactItems"][0]["Update"] } else { body };
    if meant(update) {
        let condition = update["ConditionExpression"].as_str().unwrap();
        update["ConditionExpression"] = json!(format!("{instead} OR ({condition})"));
    }
}

fn capture_without_record(engine: &Engine, mut body: Value, record_is_lost: bool) -> Reply {
    let items = body["TransactItems"].as_array_mut().unwrap();
    let record = if items.len() > 2 { items.pop() } else { None };
    let reply = engine.answer("TransactWriteItems", &body);
    if let Some(record) = record
        && reply.is_success()
        && !record_is_lost
    {
        engine.answer("PutItem", &record["Put"]);
    }
    reply
}

fn expire_holds(value: &mut Value) {
    match value {
        Value::Object(members) => {
            if let Some(holds) = members.get_mut("holds") {
                for hold in holds["M"].as_object_mut().into_iter().flat_map(|holds| holds.values_mut()) {
                    hold["M"]["expires_at"]["N"] = json!("0");
                }
            }
            members.values_mut().for_each(expire_holds);
        }
        Value::Array(values) => values.iter_mut().for_each(expire_holds),
        _ => {}
    }
}
