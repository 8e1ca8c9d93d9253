//! Attacks through the real binaries; each test is named after one. Attacks that need the signing key are unit tests of
//! the verifier, in `shared/identity/src/jwt/verifier/tests.rs`.

use std::time::Instant;

use serde_json::json;
use testkit::gateway::Request;

use crate::forgery;
use crate::refusals::refused;
use crate::requests::{balance, chat, refresh, verify};
use crate::world::{Tokens, World};

/// The requests that good `tokens` open.
fn uses(tokens: &Tokens) -> Vec<Request> {
    vec![
        balance().bearer(&tokens.access),
        Request::get("/transactions/").bearer(&tokens.access),
        Request::get("/messages/").bearer(&tokens.access),
        chat().bearer(&tokens.access),
        refresh(&tokens.refresh),
        verify(&tokens.access),
        verify(&tokens.refresh),
    ]
}

/// Checks that both tokens open nothing once `forge` has changed them.
async fn opens_nothing(world: &World, tokens: &Tokens, forge: impl Fn(&str) -> String) {
    let forged = Tokens { access: forge(&tokens.access), refresh: forge(&tokens.refresh) };
    for request in uses(&forged) {
        refused(world, request, 401, "token_not_valid").await;
    }
}

#[tokio::test]
async fn a_token_signed_with_another_key() {
    let (world, _) = World::with_ada(100, &[]).await;
    opens_nothing(&world, &forgery::token_of_another_key().await, str::to_owned).await;
}

#[tokio::test]
async fn a_token_of_another_key_under_the_name_of_the_right_one() {
    let (world, ada) = World::with_ada(100, &[]).await;
    let keys = world.stack.send(Request::get("/.well-known/jwks.json")).await.json();
    let right = keys["keys"][0]["kid"].as_str().unwrap().to_owned();
    let forged = |token: &str| forgery::with_key_id(token, &right);
    opens_nothing(&world, &forgery::token_of_another_key().await, forged).await;
    assert_eq!(world.stack.send(uses(&ada).remove(0)).await.status, 200);
}

#[tokio::test]
async fn algorithm_confusion_and_no_algorithm() {
    let (world, ada) = World::with_ada(100, &[]).await;
    opens_nothing(&world, &ada, forgery::signed_with_the_public_key).await;
    opens_nothing(&world, &ada, forgery::unsigned).await;
}

#[tokio::test]
async fn a_kid_that_is_a_path() {
    let (world, ada) = World::with_ada(100, &[]).await;
    for path in ["../../../../dev/null", "/dev/null", "JWK#x", "../USER#1/ACCOUNT"] {
        world.stack.recorder().clear();
        opens_nothing(&world, &ada, |token| forgery::with_key_id(token, path)).await;
        opens_nothing(&world, &ada, |token| forgery::signed_with_an_empty_file(token, path)).await;
        let asked: Vec<_> = world.stack.recorder().requests().into_iter().map(|request| request.body).collect();
        assert!(!json!(asked).to_string().contains(path), "{path} reached the table");
    }
}

#[tokio::test]
async fn a_refresh_token_as_an_access_token_and_the_reverse() {
    let (world, ada) = World::with_ada(100, &[]).await;
    let swapped = Tokens { access: ada.refresh, refresh: ada.access };
    for request in uses(&swapped).into_iter().take(5) {
        refused(&world, request, 401, "token_not_valid").await;
    }
}

#[tokio::test]
async fn a_token_of_a_hundred_kibibytes() {
    let (world, ada) = World::with_ada(100, &[]).await;
    let access = forgery::padded(&ada.access, 100 * 1024);
    refused(&world, balance().bearer(&access), 401, "token_not_valid").await;
    for (path, field) in [("/token/refresh/", "refresh"), ("/token/verify/", "token")] {
        let [most, too_many] = [40, 100].map(|kibibytes| forgery::padded(&ada.refresh, kibibytes * 1024));
        refused(&world, Request::post(path).json(&json!({field: most})), 401, "token_not_valid").await;
        refused(&world, Request::post(path).json(&json!({field: too_many})), 413, "too_large").await;
    }
}

#[tokio::test]
async fn a_storm_of_unknown_kids() {
    let (world, ada) = World::with_ada(100, &[]).await;
    world.stack.function("token-balance").await;
    world.stack.recorder().clear();
    let started = Instant::now();
    for number in 0..50 {
        let unknown = forgery::with_key_id(&ada.access, &format!("unknown-{number}"));
        assert_eq!(world.stack.send(balance().bearer(&unknown)).await.status, 401);
        assert_eq!(world.stack.send(balance().bearer(&ada.access)).await.status, 200, "a good token is none the worse");
    }
    let looks = world.stack.recorder().requests().iter().filter(|request| request.operation == "Query").count();
    assert!(looks as u64 <= 1 + started.elapsed().as_secs() + 1, "{looks} looks in {:?}", started.elapsed());
}
