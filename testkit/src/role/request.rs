//! The accesses of a request, as IAM sees them: actions, each with its partition keys.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde_json::Value;

/// One action of a request, with its partition keys.
#[derive(Debug)]
pub(super) struct Access {
    pub action: String,
    /// The index that is queried, if it is not the table itself.
    pub index: Option<String>,
    pub leading_keys: BTreeSet<String>,
}

impl fmt::Display for Access {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let keys: Vec<&str> = self.leading_keys.iter().map(String::as_str).collect();
        write!(formatter, "{} at {}", self.action, keys.join(" and "))
    }
}

/// The accesses of a request. A transaction has those of its parts; a batch is one action.
pub(super) fn accesses(operation: &str, body: &Value) -> Result<Vec<Access>, String> {
    let not_understood = || format!("a {operation} that is not understood: {body}");
    let mut keys: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let mut add = |action: &str, key: Option<String>| {
        key.map(|key| keys.entry(action.to_owned()).or_default().insert(key)).ok_or_else(not_understood)
    };
    match operation {
        "GetItem" | "DeleteItem" | "UpdateItem" => add(operation, partition(&body["Key"])).map(drop)?,
        "PutItem" => add(operation, partition(&body["Item"])).map(drop)?,
        "Query" => add(operation, queried_partition(body)).map(drop)?,
        "BatchGetItem" => {
            for key in each(&body["RequestItems"]).flat_map(|table| each(&table["Keys"])) {
                add(operation, partition(key))?;
            }
        }
        "BatchWriteItem" => {
            for request in each(&body["RequestItems"]).flat_map(each) {
                let key = partition(&request["PutRequest"]["Item"]);
                add(operation, key.or_else(|| partition(&request["DeleteRequest"]["Key"])))?;
            }
        }
        "TransactGetItems" | "TransactWriteItems" => {
            for part in each(&body["TransactItems"]) {
                let (kind, part) = part.as_object().and_then(|part| part.iter().next()).ok_or_else(not_understood)?;
                let action =
                    if kind == "ConditionCheck" { "ConditionCheckItem".to_owned() } else { format!("{kind}Item") };
                let key = partition(&part["Key"]).or_else(|| partition(&part["Item"]));
                add(&action, key)?;
            }
        }
        _ => return Err(not_understood()),
    }
    let index = body["IndexName"].as_str().map(str::to_owned);
    let access = |(action, leading_keys)| Access { action, index: index.clone(), leading_keys };
    Ok(keys.into_iter().map(access).collect())
}

fn words(expression: &str) -> impl Iterator<Item = &str> {
    let is_of_word = |character: char| character.is_ascii_alphanumeric() || "#:_-".contains(character);
    expression.split(move |character| !is_of_word(character)).filter(|word| !word.is_empty())
}

/// The partition of a Query: the value of the partition key in its key condition. The index's partition key has the
/// index's name.
fn queried_partition(body: &Value) -> Option<String> {
    let condition = body["KeyConditionExpression"].as_str()?;
    let (name, rest) = condition.split_once('=')?;
    let name = name.trim();
    let name = body["ExpressionAttributeNames"][name].as_str().unwrap_or(name);
    let value = words(rest).next()?;
    let value = body["ExpressionAttributeValues"][value]["S"].as_str()?;
    (name == body["IndexName"].as_str().unwrap_or("pk")).then(|| value.to_owned())
}

fn partition(key: &Value) -> Option<String> {
    key["pk"]["S"].as_str().map(str::to_owned)
}

fn each(value: &Value) -> Box<dyn Iterator<Item = &Value> + '_> {
    match value {
        Value::Array(values) => Box::new(values.iter()),
        Value::Object(members) => Box::new(members.values()),
        _ => Box::new(std::iter::empty()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn shown(operation: &str, body: &Value) -> Vec<String> {
        accesses(operation, body).unwrap().iter().map(Access::to_string).collect()
    }

    #[test]
    fn every_kind_of_request_names_its_partitions() {
        let key = |partition: &str| json!({"pk": {"S": partition}, "sk": {"S": "ACCOUNT"}});
        assert_eq!(shown("UpdateItem", &json!({"Key": key("A")})), ["UpdateItem at A"]);
        assert_eq!(shown("PutItem", &json!({"Item": key("A")})), ["PutItem at A"]);
        let batch = json!({"RequestItems": {"t": {"Keys": [key("A"), key("B")]}}});
        assert_eq!(shown("BatchGetItem", &batch), ["BatchGetItem at A and B"]);
        let batch =
            json!({"RequestItems": {"t": [{"PutRequest": {"Item": key("A")}}, {"DeleteRequest": {"Key": key("B")}}]}});
        assert_eq!(shown("BatchWriteItem", &batch), ["BatchWriteItem at A and B"]);
        let parts = json!([
            {"ConditionCheck": {"Key": key("A")}}, {"Put": {"Item": key("A")}}, {"Put": {"Item": key("B")}},
        ]);
        let expected = ["ConditionCheckItem at A", "PutItem at A and B"];
        assert_eq!(shown("TransactWriteItems", &json!({"TransactItems": parts})), expected);
    }

    #[test]
    fn a_query_is_about_what_its_partition_key_equals() {
        let query = |condition: &str| {
            let values = json!({":user": {"S": "USER#1"}, ":entry": {"S": "ENTRY#"}});
            json!({"KeyConditionExpression": condition, "ExpressionAttributeValues": values, "ExpressionAttributeNames": {"#p": "pk"}})
        };
        for condition in ["pk = :user", "#p = :user AND begins_with(sk, :entry)"] {
            assert_eq!(shown("Query", &query(condition)), ["Query at USER#1"], "{condition}");
        }
        assert!(accesses("Query", &query("sk = :entry AND pk = :user")).is_err());
        let mut of_index = query("#p = :user");
        of_index["IndexName"] = json!("directory");
        assert!(accesses("Query", &of_index).is_err(), "pk is not the partition key of the index");
        of_index["ExpressionAttributeNames"]["#p"] = json!("directory");
        assert_eq!(shown("Query", &of_index), ["Query at USER#1"]);
    }

    #[test]
    fn what_is_not_understood_is_said_and_not_let_through() {
        for (operation, body) in [
            ("ExecuteStatement", json!({"Statement": "SELECT * FROM t"})),
            ("Scan", json!({"TableName": "t"})),
            ("GetItem", json!({"Key": {"id": {"S": "1"}}})),
            ("TransactWriteItems", json!({"TransactItems": [{}]})),
        ] {
            assert!(accesses(operation, &body).is_err(), "{operation}");
        }
    }
}
