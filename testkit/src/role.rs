//! The role of a function, and the requests that `DynamoDB` would refuse to it.
//!
//! It knows as much of IAM as template.yaml uses: statements that allow, about the table or its index, on a condition of
//! partition keys. Anything else in a statement is an error. Source: [actions, resources and condition keys of
//! DynamoDB][keys] in the Service Authorization Reference.
//!
//! [keys]: https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazondynamodb.html

mod request;

use std::collections::BTreeSet;

use serde_json::Value;

use local::template::TemplateFunction;

use request::Access;

const PREFIX: &str = "dynamodb:";

/// The permissions of a function at the table.
#[derive(Clone, Debug)]
pub struct Role {
    function: String,
    statements: Vec<Statement>,
}

/// A permission of a role: an action, and a pattern of partitions.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Permission {
    /// The Cargo binary of the function that has it.
    pub function: String,
    /// Such as `UpdateItem`.
    pub action: String,
    /// Such as `USER#*`, or `DIR#AGE` of an index.
    pub partitions: String,
}

#[derive(Clone, Debug)]
struct Statement {
    actions: Vec<String>,
    /// The index that it is about. The table itself if there is none.
    index: Option<String>,
    /// Each partition key of the request matches one of these patterns.
    leading_keys: Vec<String>,
}

impl Role {
    /// The role of a function of the template.
    ///
    /// # Errors
    /// A statement about the table has a part that is not understood here.
    pub fn of(function: &TemplateFunction) -> Result<Self, String> {
        let about_the_table = function.statements.iter().filter(|statement| statement.to_string().contains(PREFIX));
        let statements = about_the_table.map(Statement::parse).collect::<Result<_, _>>();
        let statements = statements.map_err(|reason| format!("the role of {}: {reason}", function.logical_id))?;
        Ok(Self { function: function.binary.clone(), statements })
    }

    /// The permissions by which a request is allowed.
    ///
    /// # Errors
    /// A sentence: the role does not allow the request, or the request is of a kind that is not understood here.
    pub fn check(&self, operation: &str, body: &Value) -> Result<BTreeSet<Permission>, String> {
        let accesses = request::accesses(operation, body)?;
        let mut used = BTreeSet::new();
        for access in accesses {
            let allowing = self.statements.iter().find_map(|statement| statement.allows(&access));
            let partitions = allowing.ok_or_else(|| format!("{} may not {access}: {body}", self.function))?;
            used.extend(partitions.into_iter().map(|partitions| self.permission(&access.action, &partitions)));
        }
        Ok(used)
    }

    /// All its permissions.
    #[must_use]
    pub fn permissions(&self) -> BTreeSet<Permission> {
        let of_statement = |statement: &Statement| {
            let actions = statement.actions.clone().into_iter();
            let partitions = statement.leading_keys.clone();
            actions
                .flat_map(|action| {
                    partitions.iter().map(|partitions| self.permission(&action, partitions)).collect::<Vec<_>>()
                })
                .collect::<Vec<_>>()
        };
        self.statements.iter().flat_map(of_statement).collect()
    }

    fn permission(&self, action: &str, partitions: &str) -> Permission {
        Permission { function: self.function.clone(), action: action.to_owned(), partitions: partitions.to_owned() }
    }
}

impl Statement {
    fn parse(statement: &Value) -> Result<Self, String> {
        let sid = statement["Sid"].as_str().unwrap_or("a statement without a Sid");
        let members = ["Sid", "Effect", "Action", "Resource", "Condition"];
        let known =
            statement.as_object().is_some_and(|object| object.keys().all(|key| members.contains(&key.as_str())));
        if !known || statement["Effect"] != "Allow" {
            return Err(format!("{sid} says more than what it allows"));
        }
        let actions = texts(&statement["Action"]).into_iter().map(|action| {
            let action = action.strip_prefix(PREFIX).filter(|action| !action.contains('*'));
            action.map(str::to_owned).ok_or_else(|| format!("{sid} is not only about single actions on the table"))
        });
        let leading_keys =
            leading_keys(&statement["Condition"]).ok_or_else(|| format!("{sid} has another condition"))?;
        let index = index(&statement["Resource"]).map_err(|()| format!("{sid} is about several things"))?;
        Ok(Self { actions: actions.collect::<Result<_, _>>()?, index, leading_keys })
    }

    /// The patterns by which it allows an access, if it allows it.
    fn allows(&self, access: &Access) -> Option<BTreeSet<String>> {
        if !self.actions.contains(&access.action) || self.index != access.index {
            return None;
        }
        let matching = |key: &String| self.leading_keys.iter().find(|pattern| matches(pattern, key)).cloned();
        let matched: Option<BTreeSet<String>> = access.leading_keys.iter().map(matching).collect();
        matched.filter(|matched| !matched.is_empty())
    }
}

/// The patterns of partition keys in a condition, which has one shape in the template.
fn leading_keys(condition: &Value) -> Option<Vec<String>> {
    let keys = &condition["ForAllValues:StringLike"]["dynamodb:LeadingKeys"];
    let is_whole = condition.as_object()?.len() == 2 && condition["Null"]["dynamodb:LeadingKeys"] == "false";
    (is_whole && !keys.is_null()).then(|| texts(keys))
}

/// The index in a statement's resource, which is about one thing whatever the template's conditions say.
fn index(resource: &Value) -> Result<Option<String>, ()> {
    let choices = match &resource["Fn::If"] {
        Value::Array(choice) => choice.get(1..).unwrap_or_default(),
        _ => std::slice::from_ref(resource),
    };
    let name = |choice: &Value| Some(choice["Fn::Sub"].as_str()?.split_once("/index/")?.1.to_owned());
    let indexes: BTreeSet<Option<String>> = choices.iter().map(name).collect();
    let mut indexes = indexes.into_iter();
    match (indexes.next(), indexes.next()) {
        (Some(index), None) => Ok(index),
        _ => Err(()),
    }
}

/// IAM's `StringLike`, with a star at the end alone, as the template uses it.
fn matches(pattern: &str, text: &str) -> bool {
    pattern.strip_suffix('*').map_or(pattern == text, |start| text.starts_with(start))
}

fn texts(value: &Value) -> Vec<String> {
    match value {
        Value::String(text) => vec![text.clone()],
        Value::Array(values) => values.iter().flat_map(texts).collect(),
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn statement(actions: &Value, keys: &Value) -> Value {
        json!({
            "Sid": "Some", "Effect": "Allow", "Action": actions, "Resource": {"Fn::GetAtt": ["Table", "Arn"]},
            "Condition": {
                "ForAllValues:StringLike": {"dynamodb:LeadingKeys": keys},
                "Null": {"dynamodb:LeadingKeys": "false"},
            },
        })
    }

    fn role(statements: Vec<Value>) -> Result<Role, String> {
        Role::of(&TemplateFunction {
            logical_id: "ChatFunction".to_owned(),
            binary: "chat".to_owned(),
            routes: Vec::new(),
            properties: json!({}),
            statements,
        })
    }

    fn chat() -> Role {
        let of_users =
            statement(&json!(["dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:UpdateItem"]), &json!(["USER#*"]));
        let of_keys = statement(&json!("dynamodb:Query"), &json!(["JWKS"]));
        let log = json!({"Sid": "WriteLogs", "Effect": "Allow", "Action": "logs:PutLogEvents", "Resource": "*"});
        role(vec![of_users, of_keys, log]).unwrap()
    }

    fn audit() -> Role {
        let mut of_index = statement(&json!("dynamodb:Query"), &json!(["DIR#AGE"]));
        of_index["Resource"] = json!({"Fn::If": ["OwnsTable", {"Fn::Sub": "${Table.Arn}/index/directory"},
            {"Fn::Sub": "${ExistingTableArn}/index/directory"}]});
        role(vec![of_index]).unwrap()
    }

    fn get(partition: &str) -> Value {
        json!({"Key": {"pk": {"S": partition}, "sk": {"S": "ACCOUNT"}}})
    }

    #[test]
    fn what_is_allowed_says_by_what_and_all_else_is_refused() {
        let permission = |action: &str, partitions: &str| {
            BTreeSet::from([Permission {
                function: "chat".to_owned(),
                action: action.to_owned(),
                partitions: partitions.to_owned(),
            }])
        };
        assert_eq!(chat().check("GetItem", &get("USER#1")), Ok(permission("GetItem", "USER#*")));
        for (operation, partition) in [("GetItem", "LOGIN#1"), ("GetItem", "JWKS"), ("DeleteItem", "USER#1")] {
            assert!(chat().check(operation, &get(partition)).is_err(), "{operation} {partition}");
        }
        let refusal = chat().check("GetItem", &get("LOGIN#1")).unwrap_err();
        assert!(refusal.starts_with("chat may not GetItem at LOGIN#1: "), "{refusal}");
        assert!(chat().check("Scan", &json!({})).is_err());
    }

    #[test]
    fn a_transaction_needs_the_actions_of_its_parts_each_for_all_its_partitions() {
        let put = |partition: &str| json!({"Put": {"Item": {"pk": {"S": partition}}}});
        let update = |partition: &str| json!({"Update": {"Key": {"pk": {"S": partition}}}});
        let allowed = |parts: Vec<Value>| chat().check("TransactWriteItems", &json!({"TransactItems": parts}));
        assert_eq!(allowed(vec![put("USER#1"), update("USER#2")]).unwrap().len(), 2);
        assert!(allowed(vec![put("USER#1"), put("LOGIN#1")]).is_err());
        assert!(allowed(vec![put("USER#1"), json!({"Delete": {"Key": {"pk": {"S": "USER#1"}}}})]).is_err());
        // IAM sees the keys of one request together, and no single statement allows both.
        let [one, other] = ["A#*", "B#*"].map(|key| statement(&json!("dynamodb:PutItem"), &json!([key])));
        let role = role(vec![one, other]).unwrap();
        assert!(role.check("TransactWriteItems", &json!({"TransactItems": [put("A#1"), put("B#1")]})).is_err());
    }

    #[test]
    fn a_permission_on_an_index_is_none_on_the_table_and_the_other_way_round() {
        let query = |index: Value, name: &str, partition: &str| {
            let values = json!({":list": {"S": partition}});
            let condition = format!("{name} = :list");
            json!({"IndexName": index, "KeyConditionExpression": condition, "ExpressionAttributeValues": values})
        };
        let of_index = |partition: &str| query(json!("directory"), "directory", partition);
        assert!(audit().check("Query", &of_index("DIR#AGE")).is_ok());
        assert!(audit().check("Query", &of_index("DIR#NAME")).is_err());
        assert!(audit().check("Query", &query(Value::Null, "pk", "DIR#AGE")).is_err());
        assert!(chat().check("Query", &query(Value::Null, "pk", "JWKS")).is_ok());
        assert!(chat().check("Query", &of_index("JWKS")).is_err());
    }

    #[test]
    fn permissions_are_pairs_of_action_and_partitions() {
        let permissions: Vec<_> =
            chat().permissions().into_iter().map(|each| format!("{} {}", each.action, each.partitions)).collect();
        assert_eq!(permissions, ["GetItem USER#*", "PutItem USER#*", "Query JWKS", "UpdateItem USER#*"]);
    }

    #[test]
    fn a_statement_that_is_not_understood_is_an_error_and_not_overlooked() {
        let usual = statement(&json!("dynamodb:GetItem"), &json!(["USER#*"]));
        let changed = |change: &dyn Fn(&mut Value)| {
            let mut statement = usual.clone();
            change(&mut statement);
            role(vec![statement]).is_err()
        };
        assert!(!changed(&|_| ()));
        assert!(changed(&|statement| statement["Effect"] = json!("Deny")));
        assert!(changed(&|statement| statement["NotAction"] = json!("dynamodb:Scan")));
        assert!(changed(&|statement| statement["Action"] = json!("dynamodb:*")));
        assert!(changed(&|statement| statement["Condition"] = Value::Null));
        assert!(changed(&|statement| statement["Condition"]["Bool"] = json!({"aws:SecureTransport": "true"})));
        assert!(changed(&|statement| statement["Condition"]["Null"] = Value::Null));
        let two =
            json!({"Fn::If": ["OwnsTable", {"Fn::GetAtt": ["Table", "Arn"]}, {"Fn::Sub": "${Table.Arn}/index/i"}]});
        assert!(changed(&|statement| statement["Resource"] = two.clone()));
    }
}
