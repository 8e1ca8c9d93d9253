//! Changing a password and deleting an account, and what may happen meanwhile.

use serde_json::json;
use testkit::gateway::Request;
use testkit::recorder::Fault;

use crate::sessions::assert_worthless;
use crate::world::{PASSWORD, Tokens, World};

const NEW_PASSWORD: &str = "an even better horse battery";

fn log_in(password: &str) -> Request {
    Request::post("/login/").json(&json!({"username": "ada", "password": password}))
}

fn change_password(tokens: &Tokens) -> Request {
    let passwords = json!({"current_password": PASSWORD, "new_password": NEW_PASSWORD});
    Request::post("/password/").json(&passwords).bearer(&tokens.access)
}

fn delete_account(tokens: &Tokens) -> Request {
    Request::delete("/account/").json(&json!({"password": PASSWORD})).bearer(&tokens.access)
}

fn refresh(tokens: &Tokens) -> Request {
    Request::post("/token/refresh/").json(&json!({"refresh": tokens.refresh}))
}

async fn ada(world: &World) -> Tokens {
    world.register("ada", 100).await;
    world.log_in("ada").await
}

/// The keys of everything in the table, but of the guesses at passwords, which expire.
async fn left(world: &World) -> Vec<String> {
    world.items().await.into_keys().filter(|key| !key.contains("ATTEMPTS")).collect()
}

#[tokio::test]
async fn after_a_password_change_only_its_own_session_goes_on() {
    let world = World::start().await;
    let mine = ada(&world).await;
    let stolen = world.log_in("ada").await;
    assert_eq!(world.stack.send(change_password(&mine)).await.status, 204);
    assert_worthless(&world, &stolen.access).await;
    assert_worthless(&world, &mine.access).await;
    assert_eq!(world.stack.send(refresh(&stolen)).await.status, 401);
    let access = world.stack.send(refresh(&mine)).await.json()["access_token"].as_str().unwrap().to_owned();
    let sessions = world.stack.send(Request::get("/sessions/").bearer(&access)).await.json();
    assert_eq!(sessions["sessions"].as_array().unwrap().len(), 1);
    assert_eq!(world.stack.send(log_in(PASSWORD)).await.json()["code"], "invalid_credentials");
    assert_eq!(world.stack.send(log_in(NEW_PASSWORD)).await.status, 200);
}

#[tokio::test]
async fn a_login_that_overlaps_a_password_change_gets_no_lasting_session() {
    let world = World::start().await;
    let mine = ada(&world).await;
    let (changed, overlapping) =
        tokio::join!(world.stack.send(change_password(&mine)), world.stack.send(log_in(PASSWORD)));
    assert_eq!(changed.status, 204);
    // Whichever was first: the login lost, or it was over before the change, which ended its session.
    if overlapping.status == 200 {
        let tokens = overlapping.json();
        assert_worthless(&world, tokens["access_token"].as_str().unwrap()).await;
        let refresh = Request::post("/token/refresh/").json(&json!({"refresh": tokens["refresh_token"]}));
        assert_eq!(world.stack.send(refresh).await.status, 401);
    } else {
        assert_eq!(overlapping.json()["code"], "invalid_credentials");
    }
}

#[tokio::test]
async fn a_token_of_a_deleted_and_registered_again_name_opens_nothing() {
    let world = World::start().await;
    let old = ada(&world).await;
    assert_eq!(world.stack.send(delete_account(&old)).await.status, 204);
    assert!(left(&world).await.is_empty(), "{:?}", left(&world).await);
    world.register("ada", 100).await;
    assert_worthless(&world, &old.access).await;
    assert_eq!(world.stack.send(refresh(&old)).await.status, 401);
    let new = world.log_in("ada").await;
    let balance = world.stack.send(Request::get("/token_balance/").bearer(&new.access)).await;
    assert_eq!(balance.json(), json!({"tokens": 100}));
}

#[tokio::test]
async fn no_answer_tells_a_deleted_user_from_a_session_that_has_ended_or_a_name_that_never_was() {
    let world = World::start().await;
    let deleted = ada(&world).await;
    world.register("grace", 100).await;
    let ended = world.log_in("grace").await;
    assert_eq!(world.stack.send(delete_account(&deleted)).await.status, 204);
    assert_eq!(world.log_out(&ended, false).await.status, 204);
    let one = world.stack.send(refresh(&deleted)).await;
    assert_eq!((one.status, one), (401, world.stack.send(refresh(&ended)).await));
    let nobody = Request::post("/login/").json(&json!({"username": "nobody", "password": PASSWORD}));
    let one = world.stack.send(log_in(PASSWORD)).await;
    assert_eq!((one.status, one), (401, world.stack.send(nobody).await));
}

#[tokio::test]
async fn a_deletion_that_fails_half_way_goes_on_with_the_same_request() {
    let world = World::start().await;
    let tokens = ada(&world).await;
    let talk = || Request::post("/chatView/").json(&json!({"message": "Hello"})).bearer(&tokens.access);
    assert_eq!(world.stack.send(talk()).await.status, 200);
    world.stack.recorder().fail_next("BatchWriteItem", Fault::NotApplied, 3);
    assert_eq!(world.stack.send(delete_account(&tokens)).await.status, 503);

    // It is closed, and the name is not free.
    assert_eq!(world.stack.send(talk()).await.json()["code"], "token_not_valid");
    assert_eq!(world.stack.send(log_in(PASSWORD)).await.json()["code"], "invalid_credentials");
    let register = Request::post("/register/").json(&json!({"username": "ada", "password": PASSWORD}));
    assert_eq!(world.stack.send(register).await.status, 409);
    let guess = Request::delete("/account/").json(&json!({"password": "wrong horse"})).bearer(&tokens.access);
    assert_eq!(world.stack.send(guess).await.json()["code"], "invalid_credentials");

    assert_eq!(world.stack.send(delete_account(&tokens)).await.status, 204);
    assert!(left(&world).await.is_empty(), "{:?}", left(&world).await);
}

#[tokio::test]
async fn a_deletion_during_a_chat_leaves_nothing_behind() {
    let world = World::start_with(&[("DUMMY_DELAY_MS", "1500")]).await;
    let tokens = ada(&world).await;
    world.stack.function("chat").await;
    let talk = Request::post("/chatView/").json(&json!({"message": "Hello"})).bearer(&tokens.access);
    let deletion = async {
        while world.stack.recorder().requests().iter().all(|request| request.operation != "UpdateItem") {
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
        world.stack.send(delete_account(&tokens)).await
    };
    let (chat, deleted) = tokio::join!(world.stack.send(talk), deletion);
    assert_eq!((chat.status, deleted.status), (503, 204), "{chat:?}");
    assert!(left(&world).await.is_empty(), "{:?}", left(&world).await);
}

#[tokio::test]
async fn a_deletion_during_logins_leaves_nothing_behind() {
    let world = World::start().await;
    let tokens = ada(&world).await;
    let logins = futures_util::future::join_all((0..4).map(|_| world.stack.send(log_in(PASSWORD))));
    let (logins, deleted) = tokio::join!(logins, world.stack.send(delete_account(&tokens)));
    assert_eq!(deleted.status, 204);
    assert!(logins.iter().all(|login| [200, 401].contains(&login.status)), "{logins:?}");
    assert!(left(&world).await.is_empty(), "{:?}", left(&world).await);
}
