//! `/account/`: deleting an account, and requests that overlap a deletion.

use std::collections::BTreeSet;

use futures_util::future::join_all;
use serde_json::json;
use testkit::gateway::Request;
use testkit::recorder::Fault;

use crate::refusals::{assert_worthless, refused};
use crate::requests::{balance, chat, delete_account, log_in, make_api_key, refresh, register};
use crate::world::{PASSWORD, World};

/// Checks that the table has no item of any user but the tombstone of the one who was deleted. [`World::items`] leaves
/// out counts of attempts, which expire.
async fn assert_deleted(world: &World) {
    let items = world.items().await;
    let [(key, tombstone)] = &items.iter().collect::<Vec<_>>()[..] else { panic!("{:?}", items.into_keys()) };
    assert!(key.ends_with(" \"TOMBSTONE\""), "{key}");
    let members: BTreeSet<&str> = tombstone.as_object().unwrap().keys().map(String::as_str).collect();
    let expected = ["deleted_at", "directory", "directory_sort", "pk", "sk"];
    assert_eq!(members, expected.into(), "it says who was deleted and when, and nothing else");
    assert_eq!(format!("USER#{}", tombstone["directory_sort"]["S"].as_str().unwrap()), tombstone["pk"]["S"]);
}

#[tokio::test]
async fn a_token_of_a_deleted_and_registered_again_name_opens_nothing() {
    let (world, old) = World::with_ada(100, &[]).await;
    assert_eq!(world.stack.send(delete_account(PASSWORD).bearer(&old.access)).await.status, 204);
    assert_deleted(&world).await;
    world.register("ada", 100).await;
    assert_worthless(&world, &old.access).await;
    assert_eq!(world.stack.send(refresh(&old.refresh)).await.status, 401);
    let new = world.log_in("ada").await;
    let balance = world.stack.send(balance().bearer(&new.access)).await;
    assert_eq!(balance.json(), json!({"tokens": 100}));
}

#[tokio::test]
async fn no_answer_tells_a_deleted_user_from_a_session_that_has_ended_or_a_name_that_never_was() {
    let (world, deleted) = World::with_ada(100, &[]).await;
    world.register("grace", 100).await;
    let ended = world.log_in("grace").await;
    assert_eq!(world.stack.send(delete_account(PASSWORD).bearer(&deleted.access)).await.status, 204);
    assert_eq!(world.log_out(&ended, false).await.status, 204);
    let answer = async |request| world.stack.send(request).await.without_request_id();
    let one = answer(refresh(&deleted.refresh)).await;
    assert_eq!((one.status, one), (401, answer(refresh(&ended.refresh)).await));
    let one = answer(log_in("ada", PASSWORD)).await;
    assert_eq!((one.status, one), (401, answer(log_in("nobody", PASSWORD)).await));
}

#[tokio::test]
async fn a_deletion_that_fails_half_way_goes_on_with_the_same_request() {
    let (world, tokens) = World::with_ada(100, &[]).await;
    let talk = || chat().bearer(&tokens.access);
    assert_eq!(world.stack.send(talk()).await.status, 200);
    world.stack.recorder().fail_next("BatchWriteItem", Fault::NotApplied, 3);
    assert_eq!(world.stack.send(delete_account(PASSWORD).bearer(&tokens.access)).await.status, 503);

    // The account is closed, and its name is still taken.
    assert_eq!(world.stack.send(talk()).await.json()["code"], "token_not_valid");
    assert_eq!(world.stack.send(log_in("ada", PASSWORD)).await.json()["code"], "invalid_credentials");
    assert_eq!(world.stack.send(register("ada", PASSWORD)).await.status, 409);
    let guess = delete_account("wrong horse").bearer(&tokens.access);
    assert_eq!(world.stack.send(guess).await.json()["code"], "invalid_credentials");

    assert_eq!(world.stack.send(delete_account(PASSWORD).bearer(&tokens.access)).await.status, 204);
    assert_deleted(&world).await;
}

#[tokio::test]
async fn a_deletion_during_a_chat_leaves_nothing_behind() {
    let (world, tokens) = World::with_ada(100, &[("DUMMY_DELAY_MS", "1500")]).await;
    world.stack.function("chat").await;
    let talk = chat().bearer(&tokens.access);
    let deletion = async {
        world.until_asked("UpdateItem").await;
        world.stack.send(delete_account(PASSWORD).bearer(&tokens.access)).await
    };
    let (chat, deleted) = tokio::join!(world.stack.send(talk), deletion);
    assert_eq!((chat.status, deleted.status), (503, 204), "{chat:?}");
    assert_deleted(&world).await;
}

#[tokio::test]
async fn a_deletion_during_logins_leaves_nothing_behind() {
    let (world, tokens) = World::with_ada(100, &[]).await;
    let logins = join_all((0..4).map(|_| world.stack.send(log_in("ada", PASSWORD))));
    let (logins, deleted) = tokio::join!(logins, world.stack.send(delete_account(PASSWORD).bearer(&tokens.access)));
    assert_eq!(deleted.status, 204);
    assert!(logins.iter().all(|login| [200, 401].contains(&login.status)), "{logins:?}");
    assert_deleted(&world).await;
}

#[tokio::test]
async fn a_deletion_leaves_no_key_and_the_next_who_has_the_name_has_none() {
    let (world, ada) = World::with_ada(10, &[]).await;
    let made = world.make_api_key(&ada.access).await;
    world.make_api_key(&ada.access).await;
    let delete = delete_account(PASSWORD).bearer(&ada.access);
    assert_eq!(world.stack.send(delete).await.status, 204);
    assert_deleted(&world).await;
    world.register("ada", 10).await;
    for request in [balance(), chat()] {
        refused(&world, request.bearer(&made.key), 401, "token_not_valid").await;
    }
    let again = world.log_in("ada").await;
    let list = world.stack.send(Request::get("/keys/").bearer(&again.access)).await.json();
    assert_eq!(list, json!({"keys": []}));
}

#[tokio::test]
async fn keys_that_are_made_during_a_deletion_leave_nothing_behind() {
    let (world, ada) = World::with_ada(10, &[]).await;
    world.make_api_key(&ada.access).await;
    let make = || make_api_key("late").bearer(&ada.access);
    let made = join_all((0..4).map(|_| world.stack.send(make())));
    let delete = delete_account(PASSWORD).bearer(&ada.access);
    let (made, deleted) = tokio::join!(made, world.stack.send(delete));
    assert_eq!(deleted.status, 204);
    assert!(made.iter().all(|response| [201, 401].contains(&response.status)), "{made:?}");
    assert_deleted(&world).await;
}
