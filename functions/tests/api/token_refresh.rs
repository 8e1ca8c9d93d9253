//! `/token/refresh/`: with rotation and without.

use testkit::stack::JWT_SIGNING_SECRET;

use crate::forgery;
use crate::refusals::{refused, status_and_code};
use crate::requests::refresh;
use crate::world::{World, days_ago};

#[tokio::test]
async fn only_a_refresh_token_of_a_living_session_refreshes() {
    let (world, ada) = World::with_ada(100, &[]).await;
    let expired = world.log_in_at("ada", days_ago(2), JWT_SIGNING_SECRET).await.refresh;
    let other_key = forgery::token_of_another_key().await.refresh;
    for token in [
        "garbage",
        &ada.access,
        &expired,
        &other_key,
        &forgery::unsigned(&ada.refresh),
        &forgery::signed_with_the_public_key(&ada.refresh),
    ] {
        refused(&world, refresh(token), 401, "token_not_valid").await;
    }
}

#[tokio::test]
async fn without_rotation_a_refresh_gives_no_refresh_token() {
    let (world, ada) = World::with_ada(100, &[]).await;
    for _ in 0..2 {
        let answer = world.stack.send(refresh(&ada.refresh)).await.json();
        assert_eq!(answer.as_object().unwrap().keys().collect::<Vec<_>>(), ["access_token"]);
    }
}

#[tokio::test]
async fn with_rotation_two_tabs_get_the_same_successor_and_a_reused_token_ends_the_session() {
    let (world, ada) = World::with_ada(100, &[("ROTATE_REFRESH_TOKENS", "true")]).await;
    let tabs = (0..3).map(|_| world.stack.send(refresh(&ada.refresh)));
    let mut answers = futures_util::future::join_all(tabs).await.into_iter().map(|answer| answer.json());
    let second = answers.next().unwrap()["refresh_token"].as_str().unwrap().to_owned();
    assert_ne!(second, ada.refresh);
    assert!(answers.all(|answer| answer["refresh_token"] == second), "to the letter");

    let third = world.stack.send(refresh(&second)).await.json()["refresh_token"].as_str().unwrap().to_owned();
    // The first token is not the last one before the current one any more.
    for token in [&ada.refresh, &third] {
        assert_eq!(status_and_code(&world.stack.send(refresh(token)).await), (401, "token_not_valid".to_owned()));
    }
    let logs = world.stack.function("token-refresh").await.logs();
    assert!(logs.contains("\"security_event\":\"refresh_token_reused\""), "{logs}");
    assert!(!logs.contains(&ada.refresh) && !logs.contains(&third), "a token was logged");
}
