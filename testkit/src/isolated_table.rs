//! A table for one test alone.

use serde_json::{Value, json};

use local::dynamodb::{DynamoDb, Storage};
use local::template::Template;

use crate::loopback_client;

/// The table's name in an embedded `DynamoDB`.
pub const TABLE_NAME: &str = "chat-api";

/// The variable with the address of another `DynamoDB` for tests, such as AWS's DynamoDB Local, which has to share its
/// tables among all credentials (`-sharedDb`).
const ENDPOINT_VARIABLE: &str = "CHAT_API_TEST_DYNAMODB";

/// The engine demands a signature and does not verify it.
const AUTHORIZATION: &str = "AWS4-HMAC-SHA256 Credential=local/20260101/us-east-1/dynamodb/aws4_request, \
                             SignedHeaders=host, Signature=0";

/// The template's table: the only one in an embedded `DynamoDB`, or one with a name of its own in the `DynamoDB` that
/// `CHAT_API_TEST_DYNAMODB` names.
pub struct IsolatedTable {
    endpoint: String,
    name: String,
    client: reqwest::Client,
    /// Stops when the table is dropped.
    embedded: Option<DynamoDb>,
}

impl IsolatedTable {
    /// Creates an empty table.
    ///
    /// # Panics
    /// `DynamoDB` does not start, or refuses the template's table.
    pub async fn create(template: &Template) -> Self {
        let client = loopback_client::builder().build();
        let client = client.unwrap_or_else(|error| panic!("No HTTP client: {error}"));
        match std::env::var(ENDPOINT_VARIABLE) {
            Ok(endpoint) if !endpoint.is_empty() => Self::create_elsewhere(endpoint, template, client).await,
            _ => {
                let dynamodb = DynamoDb::start(Storage::Memory, 0, TABLE_NAME, template).await;
                let dynamodb = dynamodb.unwrap_or_else(|error| panic!("{error}"));
                let (endpoint, name) = (dynamodb.endpoint(), TABLE_NAME.to_owned());
                Self { endpoint, name, client, embedded: Some(dynamodb) }
            }
        }
    }

    /// The table has no time to live here: `DynamoDB` would delete expired items at a time of its own.
    async fn create_elsewhere(endpoint: String, template: &Template, client: reqwest::Client) -> Self {
        let random = getrandom::u64().unwrap_or_else(|error| panic!("No random name for a table: {error}"));
        let table = Self { endpoint, name: format!("{TABLE_NAME}-{random:016x}"), client, embedded: None };
        let created = table.call("CreateTable", &template.create_table_request(&table.name)).await;
        created.unwrap_or_else(|error| panic!("DynamoDB refuses the table of the template: {error}"));
        table
    }

    /// The address for `AWS_ENDPOINT_URL_DYNAMODB`.
    #[must_use]
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// The name for `TABLE_NAME`.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether it is in an embedded `DynamoDB`, and not in the one that `CHAT_API_TEST_DYNAMODB` names.
    #[must_use]
    pub fn is_embedded(&self) -> bool {
        self.embedded.is_some()
    }

    /// Sends one request to the table itself, past recorder and faults, and returns the answer.
    ///
    /// # Errors
    /// The answer of `DynamoDB` to a request that it refuses.
    ///
    /// # Panics
    /// `DynamoDB` does not answer.
    pub async fn call(&self, operation: &str, body: &Value) -> Result<Value, Value> {
        let request = self
            .client
            .post(&self.endpoint)
            .header("content-type", "application/x-amz-json-1.0")
            .header("x-amz-target", format!("DynamoDB_20120810.{operation}"))
            .header("x-amz-date", "20260101T000000Z")
            .header("authorization", AUTHORIZATION)
            .body(body.to_string());
        let response = request.send().await;
        let response =
            response.unwrap_or_else(|error| panic!("DynamoDB at {} does not answer: {error}", self.endpoint));
        let is_success = response.status().is_success();
        let answer =
            response.json().await.unwrap_or_else(|error| panic!("{operation} is answered by no JSON: {error}"));
        if is_success { Ok(answer) } else { Err(answer) }
    }

    /// Everything in the table.
    ///
    /// # Panics
    /// `DynamoDB` does not answer, or the table has more than one page.
    pub async fn items(&self) -> Vec<Value> {
        let found = self.call("Scan", &json!({"TableName": self.name, "ConsistentRead": true})).await;
        let found = found.unwrap_or_else(|error| panic!("The table cannot be scanned: {error}"));
        assert!(found["LastEvaluatedKey"].is_null(), "the table has more than a megabyte");
        found["Items"].as_array().cloned().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_is_put_is_there_and_what_is_refused_says_why() {
        let table = IsolatedTable::create(Template::of_workspace().unwrap()).await;
        let item = json!({"pk": {"S": "USER#1"}, "sk": {"S": "ACCOUNT"}});
        table.call("PutItem", &json!({"TableName": table.name(), "Item": item})).await.unwrap();
        assert_eq!(table.items().await, [item]);
        let refused = table.call("PutItem", &json!({"TableName": table.name(), "Item": {}})).await.unwrap_err();
        assert!(refused["__type"].as_str().unwrap().ends_with("ValidationException"), "{refused}");
    }
}
