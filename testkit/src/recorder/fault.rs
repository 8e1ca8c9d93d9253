//! Faults between a client and `DynamoDB`, made on purpose.

use axum::body::Bytes;
use axum::http::StatusCode;
use serde_json::{Value, json};

/// The fault of one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The request is not applied, and is answered with an error of the server.
    NotApplied,
    /// The request is applied, and is answered with an error of the server.
    AnswerLost,
    /// The request is not applied, and gets no answer for longer than the client waits.
    Silence,
    /// The request is not applied: a transaction is under way at the same item. Dynoxide never answers so by itself.
    Conflict,
}

/// The status and body of `DynamoDB`'s answer to a request with `fault`.
pub(super) fn answer(fault: Fault, operation: &str, request: &Value) -> (StatusCode, Bytes) {
    let (status, body) = match (fault, operation) {
        (Fault::NotApplied | Fault::AnswerLost | Fault::Silence, _) => {
            (StatusCode::INTERNAL_SERVER_ERROR, problem("InternalServerError", &json!({})))
        }
        (Fault::Conflict, "TransactWriteItems") => {
            let items = request["TransactItems"].as_array().map_or(0, Vec::len);
            let reasons = vec![json!({"Code": "TransactionConflict"}); items];
            let more = json!({"CancellationReasons": reasons});
            (StatusCode::BAD_REQUEST, problem("TransactionCanceledException", &more))
        }
        (Fault::Conflict, _) => (StatusCode::BAD_REQUEST, problem("TransactionConflictException", &json!({}))),
    };
    (status, body.to_string().into())
}

/// The status and body of `DynamoDB`'s answer to a request that a role does not allow.
pub(super) fn access_denied() -> (StatusCode, Bytes) {
    let body = json!({
        "__type": "com.amazon.coral.service#AccessDeniedException",
        "Message": "The function's role in template.yaml does not allow this.",
    });
    (StatusCode::BAD_REQUEST, body.to_string().into())
}

fn problem(name: &str, more: &Value) -> Value {
    let mut problem = more.clone();
    problem["__type"] = format!("com.amazonaws.dynamodb.v20120810#{name}").into();
    problem["message"] = "on purpose".into();
    problem
}
