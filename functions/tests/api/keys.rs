//! `/keys/`: what a program can do with an API key, what it cannot, and when a key ends.

use futures_util::future::join_all;
use serde_json::{Value, json};
use testkit::gateway::{Request, Response};

use crate::refusals::refused;
use crate::requests::{
    self, balance, change_api_key, change_password, chat, completion, end_api_key, make_api_key, quote,
};
use crate::world::{MadeApiKey, PASSWORD, Tokens, World};

const NEW_PASSWORD: &str = "an even better horse";

async fn ada_with_a_key() -> (World, Tokens, MadeApiKey) {
    let (world, ada) = World::with_ada(10, &[]).await;
    let made = world.make_api_key(&ada.access).await;
    (world, ada, made)
}

/// Checks that a program can do nothing with `key`.
async fn assert_ended(world: &World, key: &str) {
    for request in [balance(), chat()] {
        refused(world, request.bearer(key), 401, "token_not_valid").await;
    }
}

#[tokio::test]
async fn a_program_talks_and_pays_from_the_balance_of_whoever_made_its_key() {
    let (world, ada, made) = ada_with_a_key().await;
    let reply = world.stack.send(chat().bearer(&made.key)).await;
    assert_eq!(reply.json(), json!({"user": "ada", "message": "Hello", "response": "Dummy Response"}));
    assert_eq!(reply.headers["x-token-balance"], "9");
    for bearer in [&made.key, &ada.access] {
        assert_eq!(world.stack.send(balance().bearer(bearer)).await.json(), json!({"tokens": 9}));
    }
    let messages = world.stack.send(Request::get("/messages/").bearer(&ada.access)).await.json();
    assert_eq!(messages["messages"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn a_program_repeats_a_message_with_an_idempotency_key_and_pays_once_and_another_with_the_same_key_is_a_stranger()
{
    let (world, ada, made) = ada_with_a_key().await;
    let other = world.make_api_key(&ada.access).await;
    let mut answers = Vec::new();
    for (bearer, balance) in [(&made.key, "9"), (&other.key, "8"), (&ada.access, "7")] {
        for _ in 0..2 {
            let response = world.stack.send(chat().bearer(bearer).header("Idempotency-Key", "once")).await;
            assert_eq!((response.status, response.headers["x-token-balance"].as_str()), (200, balance), "{response:?}");
            answers.push(response.headers["x-message-id"].clone());
        }
    }
    let distinct: std::collections::BTreeSet<&String> = answers.iter().collect();
    assert_eq!(distinct.len(), 3);
}

#[tokio::test]
async fn a_key_opens_nothing_that_is_for_people() {
    let (world, _, made) = ada_with_a_key().await;
    for request in requests::of_people() {
        refused(&world, request.clone().bearer(&made.key), 401, "token_not_valid").await;
        // An access token is accepted, even if the request is refused for another reason.
        let access = world.log_in("ada").await.access;
        let response = world.stack.send(request.clone().bearer(&access)).await;
        assert!(!response.body.contains("token_not_valid"), "{request:?}: {response:?}");
    }
    for (path, field) in [("/token/refresh/", "refresh"), ("/token/verify/", "token"), ("/logout/", "refresh")] {
        refused(&world, Request::post(path).json(&json!({field: made.key})), 401, "token_not_valid").await;
    }
}

#[tokio::test]
async fn a_key_in_a_header_of_its_own_opens_what_it_opens_as_a_bearer_and_an_access_token_there_opens_nothing() {
    let (world, ada, made) = ada_with_a_key().await;
    for name in ["api-key", "X-API-Key"] {
        let quotes = [quote(), requests::quote_of_message("Hello")];
        let others = [balance(), chat(), completion(true), Request::get("/v1/models")];
        for request in quotes.into_iter().chain(others) {
            let response = world.stack.send(request.header(name, &made.key)).await;
            assert_eq!(response.status, 200, "{name}: {response:?}");
        }
        for worthless in ["sk-AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", &ada.access, &ada.refresh] {
            refused(&world, balance().header(name, worthless), 401, "token_not_valid").await;
            refused(&world, chat().header(name, worthless), 401, "token_not_valid").await;
        }
        for request in requests::of_people() {
            refused(&world, request.header(name, &made.key), 401, "token_not_valid").await;
        }
        let both = balance().bearer("garbage").header(name, &made.key);
        refused(&world, both, 401, "token_not_valid").await;
        let both = balance().bearer(&ada.access).header(name, "sk-garbage");
        assert_eq!(world.stack.send(both).await.status, 200, "Authorization wins");
    }
}

#[tokio::test]
async fn a_key_is_shown_once_and_recognised_by_its_prefix() {
    let (world, ada, made) = ada_with_a_key().await;
    let list = world.stack.send(Request::get("/keys/").bearer(&ada.access)).await;
    assert!(!list.body.contains(&made.key));
    let keys = list.json()["keys"].clone();
    assert_eq!((keys.as_array().unwrap().len(), &keys[0]["id"]), (1, &json!(made.id)));
    assert!(made.key.starts_with(keys[0]["prefix"].as_str().unwrap()));
    let everything = json!(world.stack.table().items().await).to_string();
    assert!(!everything.contains(&made.key[3..]), "the table has a key");
}

#[tokio::test]
async fn a_key_that_was_ended_is_refused_at_once_and_the_others_go_on() {
    let (world, ada, made) = ada_with_a_key().await;
    let other = world.make_api_key(&ada.access).await;
    assert_eq!(world.stack.send(chat().bearer(&made.key)).await.status, 200);
    let end = || end_api_key(&made.id).bearer(&ada.access);
    assert_eq!(world.stack.send(end()).await.status, 204);
    assert_ended(&world, &made.key).await;
    assert_eq!(world.stack.send(balance().bearer(&other.key)).await.status, 200);
    refused(&world, end(), 404, "not_found").await;
}

/// The reads of API keys since the recorder was cleared.
fn reads_of_keys(world: &World) -> usize {
    let requests = world.stack.recorder().requests().into_iter();
    requests.filter(|request| request.body["Key"]["sk"]["S"] == "APIKEY").count()
}

#[tokio::test]
async fn a_key_that_is_ended_is_refused_at_once_by_all_functions_that_remember_it_and_another_key_goes_on() {
    let (world, ada) = World::with_ada(100, &[]).await;
    let made = world.make_api_key(&ada.access).await;
    let other = world.make_api_key(&ada.access).await;
    let once = |request: Request| request.header("Idempotency-Key", "once");
    // Each path is a function of its own.
    let requests =
        || [chat(), once(completion(false)), completion(true), balance(), quote(), Request::get("/v1/models")];
    for key in [&made.key, &other.key, &made.key, &other.key] {
        for request in requests() {
            assert_eq!(world.stack.send(request.bearer(key)).await.status, 200);
        }
    }
    world.stack.recorder().clear();
    for request in requests() {
        assert_eq!(world.stack.send(request.bearer(&made.key)).await.status, 200);
    }
    assert_eq!(reads_of_keys(&world), 0, "all of them remember it");
    assert_eq!(world.stack.send(end_api_key(&made.id).bearer(&ada.access)).await.status, 204);
    let before = world.items().await;
    for _ in 0..2 {
        for request in requests() {
            let refusal = world.stack.send(request.bearer(&made.key)).await;
            assert_eq!(refusal.status, 401, "{refusal:?}");
        }
    }
    assert_eq!(world.items().await, before, "nothing was held, charged or stored");
    for request in requests() {
        assert_eq!(world.stack.send(request.bearer(&other.key)).await.status, 200);
    }
    world.stack.recorder().clear();
    for request in requests() {
        assert_eq!(world.stack.send(request.bearer(&other.key)).await.status, 200);
    }
    assert_eq!(reads_of_keys(&world), 0, "it was read once more, and is remembered again");
}

#[tokio::test]
async fn a_key_that_a_logout_or_a_deletion_ends_is_refused_at_once_by_functions_that_remember_it() {
    let (world, ada, made) = ada_with_a_key().await;
    let warm = async |key: &str| {
        for request in [chat(), balance()] {
            assert_eq!(world.stack.send(request.bearer(key)).await.status, 200);
        }
    };
    warm(&made.key).await;
    let body = json!({"refresh": ada.refresh, "everywhere": true, "keys": true});
    assert_eq!(world.stack.send(Request::post("/logout/").json(&body)).await.status, 204);
    assert_ended(&world, &made.key).await;

    let access = world.log_in("ada").await.access;
    let made = world.make_api_key(&access).await;
    warm(&made.key).await;
    assert_eq!(world.stack.send(requests::delete_account(PASSWORD).bearer(&access)).await.status, 204);
    assert_ended(&world, &made.key).await;
    world.register("ada", 10).await;
    assert_ended(&world, &made.key).await;
}

#[tokio::test]
async fn a_key_of_somebody_else_is_not_found_and_goes_on() {
    let (world, _, made) = ada_with_a_key().await;
    world.register("mallory", 100).await;
    let mallory = world.log_in("mallory").await;
    let end = end_api_key(&made.id).bearer(&mallory.access);
    refused(&world, end, 404, "not_found").await;
    assert_eq!(world.stack.send(balance().bearer(&made.key)).await.status, 200);
}

#[tokio::test]
async fn a_key_outlives_a_logout_a_logout_everywhere_and_a_new_password() {
    let (world, ada, made) = ada_with_a_key().await;
    let other = world.log_in("ada").await;
    assert_eq!(world.log_out(&ada, false).await.status, 204);
    assert_eq!(world.stack.send(chat().bearer(&made.key)).await.status, 200);
    let change = change_password(PASSWORD, NEW_PASSWORD).bearer(&other.access);
    assert_eq!(world.stack.send(change).await.status, 204);
    assert_eq!(world.stack.send(chat().bearer(&made.key)).await.status, 200);
    assert_eq!(world.log_out(&other, true).await.status, 204);
    assert_eq!(world.stack.send(balance().bearer(&made.key)).await.json(), json!({"tokens": 8}));
    let again = world.log_in("ada").await;
    let list = world.stack.send(Request::get("/keys/").bearer(&again.access)).await.json();
    assert_eq!(list["keys"][0]["id"], json!(made.id));
}

#[tokio::test]
async fn a_stolen_access_token_makes_no_key_without_the_password() {
    let (world, ada, _) = ada_with_a_key().await;
    let make = |password: Value| Request::post("/keys/").json(&json!({"name": "mine now", "password": password}));
    for (password, status, code) in
        [(Value::Null, 400, "invalid"), (json!(""), 400, "invalid"), (json!("wrong horse"), 401, "invalid_credentials")]
    {
        refused(&world, make(password).bearer(&ada.access), status, code).await;
    }
    let without = Request::post("/keys/").json(&json!({"name": "mine now"})).bearer(&ada.access);
    let refusal = refused(&world, without, 400, "invalid").await;
    assert_eq!(refusal.json()["errors"], json!({"password": ["This field is required."]}));
    let list = world.stack.send(Request::get("/keys/").bearer(&ada.access)).await.json();
    assert_eq!(list["keys"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn a_logout_everywhere_that_says_so_ends_every_key_and_no_other_logout_does() {
    let (world, ada, made) = ada_with_a_key().await;
    let other = world.make_api_key(&ada.access).await;
    let end = |tokens: &Tokens, everywhere: bool| {
        let body = json!({"refresh": tokens.refresh, "everywhere": everywhere, "keys": true});
        Request::post("/logout/").json(&body)
    };
    refused(&world, end(&ada, false), 400, "invalid").await;
    assert_eq!(world.stack.send(balance().bearer(&made.key)).await.status, 200);
    assert_eq!(world.stack.send(end(&ada, true)).await.status, 204);
    for key in [&made.key, &other.key] {
        assert_ended(&world, key).await;
    }
    let again = world.log_in("ada").await;
    let list = world.stack.send(Request::get("/keys/").bearer(&again.access)).await.json();
    assert_eq!(list, json!({"keys": []}));
    let new = world.make_api_key(&again.access).await;
    assert_eq!(world.stack.send(balance().bearer(&new.key)).await.status, 200);
}

#[tokio::test]
async fn a_key_that_has_expired_is_forged_or_is_none_of_ours_is_refused_and_never_says_why() {
    let (world, ada, made) = ada_with_a_key().await;
    let expired = world.make_api_key(&ada.access).await;
    world.expire(&expired).await;
    let forged = "sk-AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA".to_owned();
    let bearers = [expired.key, forged, made.key[..45].to_owned(), "sk-".to_owned(), made.key.replace("sk-", "SK-")];
    let mut answers: Vec<Value> = Vec::new();
    for bearer in bearers {
        assert_ended(&world, &bearer).await;
        answers.push(world.stack.send(balance().bearer(&bearer)).await.json());
    }
    assert!(answers.iter().all(|answer| *answer == answers[0]), "{answers:?}");
}

#[tokio::test]
async fn of_many_keys_that_are_made_at_once_no_more_than_a_hundred_are() {
    let (world, ada, _) = ada_with_a_key().await;
    world.fill_key_list("ada", 98).await;
    let make = || make_api_key("one more").bearer(&ada.access);
    let responses = join_all((0..6).map(|_| world.stack.send(make()))).await;
    let made: Vec<Value> = responses.iter().filter(|response| response.status == 201).map(Response::json).collect();
    assert_eq!(made.len(), 2, "{responses:?}");
    let refusals = responses.iter().filter(|response| response.status != 201);
    refusals.for_each(|response| assert_eq!(response.json()["code"], "too_many_keys"));
    for made in made {
        assert_eq!(world.stack.send(balance().bearer(made["key"].as_str().unwrap())).await.status, 200);
    }
}

#[tokio::test]
async fn a_hundred_keys_are_listed_each_with_the_limits_of_its_own_item_and_one_of_them_is_changed() {
    let (world, ada, made) = ada_with_a_key().await;
    world.fill_key_list("ada", 100).await;
    let listed = async || {
        let list = world.stack.send(Request::get("/keys/").bearer(&ada.access)).await;
        assert_eq!(list.status, 200, "{list:?}");
        let mut limits: Vec<Option<u64>> = Vec::new();
        limits.extend(list.json()["keys"].as_array().unwrap().iter().map(|key| key["requests_per_minute"].as_u64()));
        limits.sort_unstable();
        limits
    };
    let of_others = || (2..=100).map(Some);
    assert_eq!(listed().await, std::iter::once(None).chain(of_others()).collect::<Vec<_>>());
    let change = change_api_key(&made.id, &json!({"requests_per_minute": 101})).bearer(&ada.access);
    assert_eq!(world.stack.send(change).await.status, 200);
    assert_eq!(listed().await, of_others().chain([Some(101)]).collect::<Vec<_>>());
    refused(&world, make_api_key("one more").bearer(&ada.access), 409, "too_many_keys").await;
}
