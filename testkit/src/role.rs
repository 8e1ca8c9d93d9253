//! The role of a function, and the requests that `DynamoDB` would refuse to it.
//!
//! It knows as much of IAM as template.yaml uses: statements that allow, and three kinds of conditions. Anything else
//! in a statement is an error. Source: [actions, resources and condition keys of DynamoDB][keys] in the Service
//! Authorization Reference.
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

/// A permission of a role: an action, and a pattern of partitions, or `(scan)`.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Permission {
    /// The Cargo binary of the function that has it.
    pub function: String,
    /// Such as `UpdateItem`.
    pub action: String,
    /// Such as `USER#*`.
    pub partitions: String,
}

#[derive(Clone, Debug)]
struct Statement {
    actions: Vec<String>,
    condition: Condition,
}

#[derive(Clone, Debug)]
enum Condition {
    /// Each partition key of the request matches one of these patterns.
    LeadingKeys(Vec<String>),
    /// The request names its attributes, and all are among these.
    Attributes(BTreeSet<String>),
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
            let partitions = statement.condition.partitions();
            let actions = statement.actions.clone().into_iter();
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
        let condition =
            Condition::parse(&statement["Condition"]).ok_or_else(|| format!("{sid} has another condition"))?;
        Ok(Self { actions: actions.collect::<Result<_, _>>()?, condition })
    }

    /// The patterns by which it allows an access, if it allows it.
    fn allows(&self, access: &Access) -> Option<BTreeSet<String>> {
        if !self.actions.contains(&access.action) {
            return None;
        }
        match &self.condition {
            Condition::LeadingKeys(patterns) => {
                let matching = |key: &String| patterns.iter().find(|pattern| matches(pattern, key)).cloned();
                let matched: Option<BTreeSet<String>> = access.leading_keys.iter().map(matching).collect();
                matched.filter(|matched| !matched.is_empty())
            }
            Condition::Attributes(allowed) => {
                let named = access.attributes.as_ref().filter(|named| !named.is_empty())?;
                (access.selects_attributes && named.is_subset(allowed)).then(|| self.condition.partitions())
            }
        }
    }
}

impl Condition {
    /// A condition has one of two shapes in the template.
    fn parse(condition: &Value) -> Option<Self> {
        let members = condition.as_object()?;
        let keys = &condition["ForAllValues:StringLike"]["dynamodb:LeadingKeys"];
        if members.len() == 2 && condition["Null"]["dynamodb:LeadingKeys"] == "false" && !keys.is_null() {
            return Some(Self::LeadingKeys(texts(keys)));
        }
        let attributes = &condition["ForAllValues:StringEquals"]["dynamodb:Attributes"];
        let is_scan = members.len() == 3
            && condition["Null"]["dynamodb:Attributes"] == "false"
            && condition["StringEquals"]["dynamodb:Select"] == "SPECIFIC_ATTRIBUTES";
        (is_scan && !attributes.is_null()).then(|| Self::Attributes(texts(attributes).into_iter().collect()))
    }

    fn partitions(&self) -> BTreeSet<String> {
        match self {
            Self::LeadingKeys(patterns) => patterns.iter().cloned().collect(),
            Self::Attributes(_) => BTreeSet::from(["(scan)".to_owned()]),
        }
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
        role(vec![json!({
            "Sid": "Scan", "Effect": "Allow", "Action": "dynamodb:Scan", "Resource": {"Fn::GetAtt": ["Table", "Arn"]},
            "Condition": {
                "ForAllValues:StringEquals": {"dynamodb:Attributes": ["pk", "balance"]},
                "StringEquals": {"dynamodb:Select": "SPECIFIC_ATTRIBUTES"},
                "Null": {"dynamodb:Attributes": "false"},
            },
        })])
        .unwrap()
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
    fn a_scan_is_allowed_for_the_attributes_that_it_names_and_only_so() {
        let scan = |names: Value, projection: &str| {
            let select = "SPECIFIC_ATTRIBUTES";
            json!({"ExpressionAttributeNames": names, "ProjectionExpression": projection, "Select": select})
        };
        assert!(audit().check("Scan", &scan(json!({"#b": "balance"}), "pk, #b")).is_ok());
        assert!(audit().check("Scan", &scan(json!({"#b": "password_hash"}), "pk, #b")).is_err());
        let mut filtering = scan(json!({}), "pk");
        filtering["FilterExpression"] = json!("sk = :account");
        assert!(audit().check("Scan", &filtering).is_err(), "what is filtered by is read too");
        assert!(audit().check("Scan", &json!({"ProjectionExpression": "pk"})).is_err());
        assert!(audit().check("Scan", &json!({"Select": "SPECIFIC_ATTRIBUTES"})).is_err());
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
    }
}
