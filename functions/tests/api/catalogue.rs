//! The catalogue of models from the operator to the bill: who replaces it, whom it asks, and what a message costs.

use std::fs;

use serde_json::{Value, json};
use testkit::runtime_api::{InvocationError, InvocationFailure};
use wiremock::matchers::{header, method, path};
use wiremock::{Mock, MockServer, ResponseTemplate};

use crate::refusals::refused;
use crate::requests::{balance, catalogue_of_dummies, chat, completion_by, message};
use crate::world::{World, binary};

async fn operate(world: &World, mut event: Value) -> Result<Value, Value> {
    event["action"] = json!("catalogue");
    world.stack.invoke("operator", &event).await.map_err(|InvocationError { failure, .. }| match failure {
        InvocationFailure::Error { answer } => answer,
        other => panic!("{other}"),
    })
}

/// The catalogue of one model at a server that is sent the key `main`.
fn catalogue_of(server: &MockServer) -> Value {
    json!({
        "providers": {
            "server": {
                "protocol": "openai",
                "base_url": format!("{}/v1/", server.uri()),
                "key": "main",
                "headers": {"X-Title": "A chat"},
            },
        },
        "models": [{
            "id": "vendor/large",
            "provider": "server",
            "provider_model": "large-2026-11",
            "prices": {
                "input": 10_000_000, "cached_input": 1_000_000, "cache_write": 12_000_000, "output": 100_000_000,
                "request": 7,
            },
            "context_tokens": 4096,
            "max_output_tokens": 100,
            "aliases": ["large"],
        }],
    })
}

#[tokio::test]
async fn an_operator_replaces_the_version_that_they_have_seen_and_nothing_else() {
    let world = World::start().await;
    let (one, two) = (catalogue_of_dummies(&[("one", 1)]), catalogue_of_dummies(&[("two", 2), ("three", 3)]));
    let nothing = json!({"version": 0, "changed_at": null, "catalogue": null, "errors": []});
    assert_eq!(operate(&world, json!({})).await.unwrap(), nothing);

    let refusal = operate(&world, json!({"replace": one, "version": 1})).await.unwrap_err();
    assert_eq!(refusal["errorType"], "CatalogueChanged");
    assert_eq!(
        refusal["errorMessage"],
        "The catalogue has version 0, and nothing was changed. Look at it again before you replace it."
    );

    let replaced = operate(&world, json!({"replace": one, "version": 0})).await.unwrap();
    assert_eq!((&replaced["version"], &replaced["models"]), (&json!(1), &json!(["one"])));
    let again = operate(&world, json!({"replace": one, "version": 0})).await.unwrap();
    assert_eq!(again, replaced, "the answer may have been lost");
    assert_eq!(
        operate(&world, json!({"replace": two, "version": 0})).await.unwrap_err()["errorType"],
        "CatalogueChanged"
    );
    let replaced = operate(&world, json!({"replace": two, "version": 1})).await.unwrap();
    assert_eq!((&replaced["version"], &replaced["models"]), (&json!(2), &json!(["two", "three"])));

    let shown = operate(&world, json!({})).await.unwrap();
    let expected = json!({"version": 2, "changed_at": replaced["changed_at"], "catalogue": two, "errors": []});
    assert_eq!(shown, expected);
    let back = operate(&world, json!({"replace": null, "version": 2})).await.unwrap();
    assert_eq!((&back["version"], &back["models"]), (&json!(3), &json!([])));
    assert_eq!(operate(&world, json!({})).await.unwrap()["catalogue"], Value::Null);
}

#[tokio::test]
async fn a_bad_catalogue_is_refused_with_every_error_and_changes_nothing() {
    let world = World::start().await;
    let good = catalogue_of_dummies(&[("one", 1)]);
    operate(&world, json!({"replace": good, "version": 0})).await.unwrap();
    let mut bad = catalogue_of_dummies(&[("one", 1), ("one", 2)]);
    bad["models"][0]["prices"] = json!({"input": 0.5, "output": 1});
    let refusal = operate(&world, json!({"replace": bad, "version": 1})).await.unwrap_err();
    assert_eq!(refusal["errorType"], "InvalidCatalogue");
    let lines: Vec<&str> = refusal["errorMessage"].as_str().unwrap().lines().collect();
    let expected = [
        "This is no catalogue, and nothing was changed.",
        "models[0].prices.input: must be a whole number from 0 to 1000000000000",
        "models[1].id: is a name of models[0] too",
    ];
    assert_eq!(lines, expected);
    let judged = operate(&world, json!({"check": bad})).await.unwrap();
    assert_eq!((&judged["valid"], &judged["models"]), (&json!(false), &json!([])));
    let paths: Vec<&Value> = judged["errors"].as_array().unwrap().iter().map(|error| &error["path"]).collect();
    assert_eq!(paths, ["models[0].prices.input", "models[1].id"]);
    let judged = operate(&world, json!({"check": good})).await.unwrap();
    assert_eq!(judged, json!({"valid": true, "errors": [], "models": ["one"]}));
    let shown = operate(&world, json!({})).await.unwrap();
    assert_eq!((&shown["version"], &shown["catalogue"]), (&json!(1), &good));
}

/// A later release may know more members than this one, to which somebody goes back.
#[tokio::test]
async fn a_catalogue_that_this_release_cannot_read_stops_messages_and_the_operator_can_replace_it() {
    let (world, ada) = World::with_ada(100, &[]).await;
    let mut later = catalogue_of_dummies(&[("one", 1)]);
    later["tariffs"] = json!({});
    world.put_catalogue(Some(&later)).await;
    refused(&world, chat().bearer(&ada.access), 503, "unavailable").await;
    assert_eq!(world.stack.send(balance().bearer(&ada.access)).await.json()["tokens"], 100, "nothing is charged");
    let shown = operate(&world, json!({})).await.unwrap();
    assert_eq!((&shown["catalogue"], &shown["errors"][0]["path"]), (&later, &json!("tariffs")));
    operate(&world, json!({"replace": null, "version": shown["version"]})).await.unwrap();
    assert_eq!(world.stack.send(chat().bearer(&ada.access)).await.status, 200);
}

#[tokio::test]
async fn cached_and_reasoning_tokens_of_a_provider_are_paid_at_their_prices() {
    let server = MockServer::start().await;
    let keys = [("PROVIDER_KEYS", r#"{"main": "sk-main", "other": "sk-other"}"#)];
    let (world, ada) = World::with_ada(1_000_000, &keys).await;
    operate(&world, json!({"replace": catalogue_of(&server), "version": 0})).await.unwrap();
    // xAI counts the reasoning beside the completion, and the total has both.
    let answer = json!({
        "choices": [{"index": 0, "message": {"role": "assistant", "content": "Hi"}, "finish_reason": "stop"}],
        "usage": {
            "prompt_tokens": 30, "completion_tokens": 2, "total_tokens": 52,
            "prompt_tokens_details": {"cached_tokens": 20, "cache_write_tokens": 5},
            "completion_tokens_details": {"reasoning_tokens": 20},
        },
    });
    let expected = Mock::given(method("POST"))
        .and(path("/v1/chat/completions"))
        .and(header("authorization", "Bearer sk-main"))
        .and(header("x-title", "A chat"));
    expected.respond_with(ResponseTemplate::new(200).set_body_json(answer)).mount(&server).await;

    // 5 tokens at ten credits, 20 at one, 5 at twelve, 22 at a hundred, and the request.
    let cost = 50 + 20 + 60 + 2200 + 7;
    let asked = [message("Hello"), completion_by("large", false), completion_by("vendor/large", true)];
    for (times, request) in (1_u64..).zip(asked) {
        let response = world.stack.send(request.bearer(&ada.access)).await;
        assert_eq!(response.status, 200, "{response:?}");
        let left = world.stack.send(balance().bearer(&ada.access)).await.json();
        assert_eq!(left["tokens"], 1_000_000 - times * cost);
    }
    let items = world.stack.table().items().await;
    let charges: Vec<&Value> = items.iter().filter(|item| item["kind"]["S"] == "chat").collect();
    assert_eq!(charges.len(), 3);
    for entry in charges {
        assert_eq!((&entry["model"]["S"], &entry["catalogue"]["N"]), (&json!("vendor/large"), &json!("1")), "{entry}");
    }
    let sent = server.received_requests().await.unwrap();
    assert!(sent.iter().all(|request| request.body_json::<Value>().unwrap()["model"] == "large-2026-11"));
}

#[tokio::test]
async fn a_model_without_its_key_is_the_operators_to_mend_and_costs_nothing() {
    let server = MockServer::start().await;
    for keys in ["", r#"{"other": "swordfish"}"#, "swordfish"] {
        let (world, ada) = World::with_ada(1_000_000, &[("PROVIDER_KEYS", keys), ("LOG_LEVEL", "trace")]).await;
        operate(&world, json!({"replace": catalogue_of(&server), "version": 0})).await.unwrap();
        let response = world.stack.send(chat().bearer(&ada.access)).await;
        assert_eq!((response.status, &response.json()["code"]), (502, &json!("model_misconfigured")));
        assert_eq!(world.stack.send(balance().bearer(&ada.access)).await.json()["tokens"], 1_000_000);
        assert!(!world.stack.logs().contains("swordfish"), "{keys}");
    }
    assert!(server.received_requests().await.unwrap().is_empty());
}

#[tokio::test]
async fn a_document_in_the_table_that_is_no_json_is_shown_as_the_text_that_it_is() {
    let world = World::start().await;
    world.put_catalogue(None).await;
    let update = json!({
        "TableName": world.stack.table().name(),
        "Key": {"pk": {"S": "CATALOGUE"}, "sk": {"S": "CATALOGUE"}},
        "UpdateExpression": "SET catalogue = :text",
        "ExpressionAttributeValues": {":text": {"S": "{"}},
    });
    world.stack.table().call("UpdateItem", &update).await.unwrap();
    let shown = operate(&world, json!({})).await.unwrap();
    assert_eq!((&shown["catalogue"], &shown["errors"][0]["path"]), (&json!("{"), &json!("")));
}

/// They read the catalogue, and ask no model: a client would make them larger and slower to start.
#[test]
fn functions_that_only_read_the_catalogue_link_no_client_of_models() {
    let has = |name: &str, text: &str| {
        let binary = fs::read(binary(name)).unwrap();
        binary.windows(text.len()).any(|window| window == text.as_bytes())
    };
    for text in ["https://api.openai.com/v1", "bedrock-runtime-fips"] {
        assert!(has("chat", text), "{text} is no string of the clients any more");
        for name in ["models", "operator", "quote"] {
            assert!(!has(name, text), "{name} has {text}");
        }
    }
}
