//! `/transactions/{id}/receipt/` and `/.well-known/receipt-keys.json`: what a receipt says, that anybody can verify it, and that
//! it is nothing else.

use serde_json::{Value, json};
use shared::domain::ids::EntryId;
use shared::domain::time::{Clock, Timestamp};
use testkit::gateway::{Payload, Request};
use testkit::receipts::{NotGenuine, ReceiptVerifier};
use testkit::runtime_api::Function;

use crate::forgery;
use crate::refusals::refused;
use crate::requests::{
    UNKNOWN_ID, balance, catalogue_of_dummies, chat, completion_by, of_people, receipt, refresh, verify,
};
use crate::world::{World, binary};

const KEYS: &str = "/.well-known/receipt-keys.json";

/// The keys as they are served.
async fn verifier(world: &World) -> ReceiptVerifier {
    let response = world.stack.send(Request::get(KEYS)).await;
    assert_eq!((response.status, response.headers["cache-control"].as_str()), (200, "public, max-age=300"));
    ReceiptVerifier::of(&response.body).unwrap()
}

async fn transactions(world: &World, access: &str) -> Vec<Value> {
    let list = world.stack.send(Request::get("/transactions/").bearer(access)).await.json();
    list["transactions"].as_array().unwrap().clone()
}

/// The receipt of a transaction.
async fn receipt_of(world: &World, access: &str, transaction: &Value) -> String {
    let response = world.stack.send(receipt(transaction["id"].as_str().unwrap()).bearer(access)).await;
    assert_eq!((response.status, response.headers["cache-control"].as_str()), (200, "no-store"), "{response:?}");
    response.json()["receipt"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_receipt_says_what_its_transaction_does_and_verifies_by_the_keys_as_they_are_served() {
    let (world, ada) = World::with_ada(100, &[]).await;
    world.put_catalogue(Some(&catalogue_of_dummies(&[("dummy", 1), ("other", 7)]))).await;
    let began = Clock::system().now();
    for request in [chat(), completion_by("other", false)] {
        assert_eq!(world.stack.send(request.bearer(&ada.access)).await.status, 200);
    }
    let listed = transactions(&world, &ada.access).await;
    assert_eq!(listed.len(), 3);
    for transaction in &listed {
        let receipt = receipt_of(&world, &ada.access, transaction).await;
        let genuine = verifier(&world).await.verify(&receipt).unwrap();
        let claims = forgery::claims(&receipt);
        assert_eq!(claims["iss"], "chat-api");
        assert_eq!(
            (claims["sub"].as_str().unwrap(), &claims["jti"]),
            (&*world.user_id("ada").await, &transaction["id"])
        );
        assert!(Timestamp::from_seconds(genuine.iat) >= Timestamp::from_seconds(began.seconds()));
        for member in ["kind", "created_at", "model", "usage", "prices", "catalogue", "capped_at"] {
            assert_eq!(claims.get(member), transaction.get(member), "{member}");
        }
        assert_eq!(claims["credits"], transaction["tokens"]);
        let is_chat = transaction["kind"] == "chat";
        assert_eq!(claims.get("cost").is_some(), is_chat);
        assert_eq!(genuine.cost_computed_again().is_some(), is_chat);
        assert!(claims.get("conversation").is_none() && claims.get("key_id").is_none(), "{claims}");
    }
    assert_eq!(forgery::claims(&receipt_of(&world, &ada.access, &listed[0]).await)["cost"], 7);
}

#[tokio::test]
async fn a_receipt_that_was_changed_is_not_genuine() {
    let (world, ada) = World::with_ada(100, &[]).await;
    assert_eq!(world.stack.send(chat().bearer(&ada.access)).await.status, 200);
    let listed = transactions(&world, &ada.access).await;
    let [chat, grant] = [&listed[0], &listed[1]];
    let (of_chat, of_grant) =
        (receipt_of(&world, &ada.access, chat).await, receipt_of(&world, &ada.access, grant).await);
    let verifier = verifier(&world).await;
    let parts = |receipt: &str| receipt.split('.').map(str::to_owned).collect::<Vec<_>>();
    let (of_chat, of_grant) = (parts(&of_chat), parts(&of_grant));
    let mixed = [of_chat[0].clone(), of_grant[1].clone(), of_chat[2].clone()].join(".");
    assert_eq!(verifier.verify(&mixed), Err(NotGenuine::Signature));
    let unsigned = forgery::unsigned(&of_chat.join("."));
    assert_eq!(verifier.verify(&unsigned), Err(NotGenuine::OtherType));
}

#[tokio::test]
async fn only_their_owner_gets_a_receipt_and_nobody_one_of_what_is_not_there() {
    let (world, ada) = World::with_ada(100, &[]).await;
    world.register("grace", 100).await;
    let grace = world.log_in("grace").await.access;
    let grant = transactions(&world, &ada.access).await[0]["id"].as_str().unwrap().to_owned();
    let void = EntryId::new(&Clock::system()).to_string();
    let item = json!({
        "pk": {"S": format!("USER#{}", world.user_id("ada").await)}, "sk": {"S": format!("ENTRY#{void}")},
        "kind": {"S": "void"}, "amount": {"N": "0"}, "created_at": {"S": "2026-11-22T08:13:20Z"},
    });
    let table = world.stack.table();
    table.call("PutItem", &json!({"TableName": table.name(), "Item": item})).await.unwrap();
    for (access, id) in [
        (&grace, grant.as_str()),
        (&ada.access, &void),
        (&ada.access, UNKNOWN_ID),
        (&ada.access, "x"),
        (&ada.access, &grant.to_lowercase()),
        (&ada.access, &format!("{grant}/more")),
        (&ada.access, "%2e%2e"),
    ] {
        let path = format!("/transactions/{id}/receipt/");
        if world.stack.route(&Request::get(&path)).is_some_and(|(function, _)| function == "receipt") {
            refused(&world, Request::get(&path).bearer(access), 404, "not_found").await;
        }
    }
    let key = world.make_api_key(&ada.access).await.key;
    refused(&world, receipt(&grant).bearer(&key), 401, "token_not_valid").await;
    refused(&world, receipt(&grant), 401, "not_authenticated").await;
    world.deactivate("ada").await;
    refused(&world, receipt(&grant).bearer(&ada.access), 401, "user_inactive").await;
}

#[tokio::test]
async fn a_receipt_is_no_token_at_any_endpoint_and_no_token_is_a_receipt() {
    let (world, ada) = World::with_ada(100, &[]).await;
    let grant = &transactions(&world, &ada.access).await[0];
    let receipt = receipt_of(&world, &ada.access, grant).await;
    let opened = [balance(), chat(), completion_by("dummy", false), Request::get("/v1/models")];
    for request in of_people().into_iter().chain(opened) {
        let described = format!("{request:?}");
        let before = world.items().await;
        for as_header in [false, true] {
            let request = if as_header {
                request.clone().header("X-Api-Key", &receipt)
            } else {
                request.clone().bearer(&receipt)
            };
            let response = world.stack.send(request).await;
            assert_eq!(response.status, 401, "{described}: {response:?}");
        }
        assert_eq!(world.items().await, before, "{described}");
    }
    let log_out = |everywhere: bool| json!({"refresh": receipt, "everywhere": everywhere});
    for request in [
        verify(&receipt),
        refresh(&receipt),
        Request::post("/logout/").json(&log_out(false)),
        Request::post("/logout/").json(&log_out(true)),
    ] {
        refused(&world, request, 401, "token_not_valid").await;
    }
    let verifier = verifier(&world).await;
    assert!(verifier.verify(&receipt).is_ok());
    for token in [&ada.access, &ada.refresh] {
        assert_eq!(verifier.verify(token), Err(NotGenuine::OtherType));
    }
    // By the keys of tokens neither is a receipt.
    let keys_of_tokens = world.stack.send(Request::get("/.well-known/jwks.json")).await;
    let by_keys_of_tokens = ReceiptVerifier::of(&keys_of_tokens.body).unwrap();
    assert_eq!(by_keys_of_tokens.verify(&receipt), Err(NotGenuine::UnknownKey));
    assert_eq!(world.stack.send(refresh(&ada.refresh)).await.status, 200, "no session has ended");
}

/// A receipt with the type of an access token in its header, which its signature does not cover then, and the reverse.
#[tokio::test]
async fn a_receipt_and_a_token_that_say_to_be_the_other_are_neither() {
    let (world, ada) = World::with_ada(100, &[]).await;
    let receipt = receipt_of(&world, &ada.access, &transactions(&world, &ada.access).await[0]).await;
    let as_token = forgery::with_type(&receipt, "at+jwt");
    refused(&world, balance().bearer(&as_token), 401, "token_not_valid").await;
    let as_receipt = forgery::with_type(&ada.access, "receipt+jwt");
    assert_eq!(verifier(&world).await.verify(&as_receipt), Err(NotGenuine::UnknownKey));
}

#[tokio::test]
async fn a_receipt_verifies_after_its_secret_was_replaced_and_both_keys_are_served() {
    let (world, ada) = World::with_ada(100, &[]).await;
    let grant = transactions(&world, &ada.access).await.remove(0);
    let old = receipt_of(&world, &ada.access, &grant).await;
    let mut environment = world.stack.environment_of("receipt");
    environment.retain(|(name, _)| name != "RECEIPT_SIGNING_SECRET");
    environment.push(("RECEIPT_SIGNING_SECRET".to_owned(), "another secret, as long as a real one".to_owned()));
    let function = Function::start(&binary("receipt"), environment).held_to_contract();
    function.wait_until_ready().await.unwrap();
    let request = receipt(grant["id"].as_str().unwrap()).bearer(&ada.access);
    let answer = function.invoke(&request.to_rest_event()).await.unwrap();
    let new = testkit::gateway::Response::from_event(&answer).json()["receipt"].as_str().unwrap().to_owned();
    let verifier = verifier(&world).await;
    assert_eq!(verifier.count(), 2);
    let [old, new] = [old, new].map(|receipt| verifier.verify(&receipt).unwrap());
    assert_eq!((old.jti, old.credits), (new.jti, new.credits));
}

#[tokio::test]
async fn keys_come_in_pages_and_a_cursor_is_an_id_of_one() {
    let world = World::start().await;
    world.stack.function("receipt").await;
    for payload in [Payload::V1, Payload::V2] {
        let first = world.stack.send_as(Request::get(KEYS), payload).await;
        let document = first.json();
        assert_eq!((document["next"].clone(), document["keys"].as_array().unwrap().len()), (Value::Null, 1));
        assert!(!first.headers.contains_key("link"));
        let kid = document["keys"][0]["kid"].as_str().unwrap();
        let after = world.stack.send_as(Request::get(KEYS).query("cursor", kid), payload).await;
        assert_eq!(after.json(), json!({"keys": [], "next": null}));
    }
    let wrong = refused(&world, Request::get(KEYS).query("cursor", "x"), 400, "invalid").await.json();
    assert_eq!(wrong["errors"], json!({"cursor": ["This is not a cursor of this list."]}));
}
