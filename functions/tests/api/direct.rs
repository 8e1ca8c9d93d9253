//! The functions that are invoked directly, beyond what their events in `events/` show.

use serde_json::{Value, json};
use testkit::gateway::Request;
use testkit::runtime_api::{Ability, Function, InvocationError, InvocationFailure, cargo_lambda_deadline};

use crate::world::{PASSWORD, World, binary};

fn grant() -> Value {
    json!({"action": "grant", "username": "ada", "amount": 5, "reason": "She fell ill", "grant_id": "get-well"})
}

fn error_of(error: InvocationError) -> Value {
    match error.failure {
        InvocationFailure::Error { answer } => answer,
        other => panic!("{other}"),
    }
}

#[tokio::test]
async fn a_deactivated_person_is_locked_out_at_once_and_logs_in_again_when_activated() {
    let world = World::start().await;
    world.register("ada", 100).await;
    let ada = world.log_in("ada").await;
    let balance = || Request::get("/token_balance/").bearer(&ada.access);
    let refresh = || Request::post("/token/refresh/").json(&json!({"refresh": ada.refresh}));
    let log_in = || Request::post("/login/").json(&json!({"username": "ada", "password": PASSWORD}));
    assert_eq!(world.stack.send(balance()).await.status, 200);

    world.stack.invoke("operator", &json!({"action": "deactivate", "username": "ADA"})).await.unwrap();
    for request in [balance(), refresh(), log_in()] {
        assert_eq!(world.stack.send(request).await.json()["code"], "user_inactive");
    }

    world.stack.invoke("operator", &json!({"action": "activate", "username": "ada"})).await.unwrap();
    for request in [balance(), refresh()] {
        assert_eq!(world.stack.send(request).await.json()["code"], "token_not_valid");
    }
    assert_eq!(world.stack.send(log_in()).await.status, 200);
}

#[tokio::test]
async fn cargo_lambdas_deadline_of_1970_is_not_taken_at_its_word() {
    if Ability::ChooseDeadlines.skips_this_test() {
        return;
    }
    let world = World::start().await;
    world.register("ada", 100).await;
    let invoke = async |name: &str, event: Value| {
        world.stack.function(name).await.invoke_with_deadline(&event, cargo_lambda_deadline()).await.unwrap()
    };
    world.stack.recorder().fail_next("TransactWriteItems", testkit::recorder::Fault::Conflict, 2);
    assert_eq!(invoke("operator", grant()).await["balance"], 105, "there is time to repeat a collision");
    assert_eq!(invoke("audit", json!({})).await["finished"], true);
}

#[tokio::test]
async fn an_operator_who_gets_no_answer_from_the_table_is_told_to_repeat_the_grant_and_not_why() {
    let world = World::start().await;
    for (name, event) in [("operator", grant()), ("audit", json!({}))] {
        let mut environment = world.stack.environment_of(name);
        environment.retain(|(name, _)| name != "AWS_ENDPOINT_URL_DYNAMODB");
        // A port that needs privileges to listen on, and that nobody uses.
        environment.push(("AWS_ENDPOINT_URL_DYNAMODB".to_owned(), "http://127.0.0.1:1".to_owned()));
        let function = Function::start(&binary(name), environment);
        let error = error_of(function.invoke(&event).await.unwrap_err());
        assert_eq!(error["errorType"], "Unavailable");
        let message = error["errorMessage"].as_str().unwrap();
        assert!(message.contains("same grant_id") && !message.contains("127.0.0.1"), "{message}");
    }
}

#[tokio::test]
async fn the_log_of_an_operator_names_nobody() {
    let world = World::start_with(&[("LOG_LEVEL", "trace")]).await;
    world.register("ada", 100).await;
    world.stack.invoke("operator", &grant()).await.unwrap();
    world.stack.invoke("operator", &json!({"action": "show", "username": "ada"})).await.unwrap();
    let logs = world.stack.logs();
    for secret in ["ada", "She fell ill", "get-well"] {
        assert!(!logs.contains(secret), "{secret}: {logs}");
    }
}
