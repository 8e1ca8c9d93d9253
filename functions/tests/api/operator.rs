//! The function of the operator, beyond the cases in `events/operator`.

use serde_json::{Value, json};
use testkit::gateway::Request;
use testkit::runtime_api::{Function, InvocationError, InvocationFailure};

use crate::refusals::refused;
use crate::requests::{balance, chat, log_in, refresh};
use crate::world::{PASSWORD, World, binary};

pub fn grant() -> Value {
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
    let (world, ada) = World::with_ada(100, &[]).await;
    assert_eq!(world.stack.send(balance().bearer(&ada.access)).await.status, 200);

    world.stack.invoke("operator", &json!({"action": "deactivate", "username": "ADA"})).await.unwrap();
    for request in [balance().bearer(&ada.access), refresh(&ada.refresh), log_in("ada", PASSWORD)] {
        assert_eq!(world.stack.send(request).await.json()["code"], "user_inactive");
    }

    world.stack.invoke("operator", &json!({"action": "activate", "username": "ada"})).await.unwrap();
    for request in [balance().bearer(&ada.access), refresh(&ada.refresh)] {
        assert_eq!(world.stack.send(request).await.json()["code"], "token_not_valid");
    }
    assert_eq!(world.stack.send(log_in("ada", PASSWORD)).await.status, 200);
}

#[tokio::test]
async fn a_deactivation_ends_a_key_for_good() {
    let (world, ada) = World::with_ada(10, &[]).await;
    let made = world.make_api_key(&ada.access).await;
    let operate = async |action: &str| {
        world.stack.invoke("operator", &json!({"action": action, "username": "ada"})).await.unwrap()
    };
    operate("deactivate").await;
    for request in [balance().bearer(&made.key), chat().bearer(&made.key)] {
        refused(&world, request, 401, "user_inactive").await;
    }
    operate("activate").await;
    for request in [balance(), chat()] {
        refused(&world, request.bearer(&made.key), 401, "token_not_valid").await;
    }
    let again = world.log_in("ada").await;
    let list = world.stack.send(Request::get("/keys/").bearer(&again.access)).await.json();
    assert_eq!(list, json!({"keys": []}));
    let new = world.make_api_key(&again.access).await;
    assert_eq!(world.stack.send(chat().bearer(&new.key)).await.status, 200);
}

#[tokio::test]
async fn an_operator_who_gets_no_answer_from_the_table_is_told_to_repeat_the_grant_and_not_why() {
    let world = World::start().await;
    for (name, event) in [("operator", grant()), ("audit", json!({}))] {
        let mut environment = world.stack.environment_of(name);
        environment.retain(|(name, _)| name != "AWS_ENDPOINT_URL_DYNAMODB");
        // Nothing listens on this port.
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
