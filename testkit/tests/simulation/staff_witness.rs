//! A witness of superusers: whoever gives credits is staff, and active, when the table accepts it.

use std::collections::HashSet;

use serde_json::{Value, json};
use testkit::isolated_table::TABLE_NAME;

use crate::engine::{ACCOUNT, Engine};

/// What superusers gave without being any.
#[derive(Default)]
pub(super) struct StaffWitness {
    /// The tokens of transactions. A second transaction with a token is answered again and changes nothing.
    tokens: HashSet<String>,
    offences: Vec<String>,
}

impl StaffWitness {
    pub(super) fn offences(&self) -> &[String] {
        &self.offences
    }

    /// Notes a request that was accepted, and looks at the account of whoever gives credits by it.
    pub(super) fn accepted(&mut self, engine: &Engine, body: &Value) {
        let parts = body["TransactItems"].as_array().into_iter().flatten();
        let actor = parts.filter_map(|part| part["Put"]["Item"]["by"]["S"].as_str()).find(|actor| *actor != "operator");
        let Some(actor) = actor else { return };
        if !self.tokens.insert(body["ClientRequestToken"].as_str().unwrap().to_owned()) {
            return;
        }
        let key = json!({"pk": {"S": format!("USER#{actor}")}, "sk": {"S": ACCOUNT}});
        let account = engine.answer("GetItem", &json!({"TableName": TABLE_NAME, "Key": key}));
        let account = &account.body["Item"];
        if account["staff"]["BOOL"] != true || account["status"]["S"] != "active" {
            self.offences.push(format!("{actor} gives credits and is no superuser"));
        }
    }
}
