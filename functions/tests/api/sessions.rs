//! Sessions, and what a thief can do with their tokens.

use serde_json::{Value, json};
use testkit::gateway::{Request, Response};

use crate::forgery;
use crate::world::{PASSWORD, Tokens, World};

fn refresh(token: &str) -> Request {
    Request::post("/token/refresh/").json(&json!({"refresh": token}))
}

fn code(response: &Response) -> (u16, String) {
    (response.status, response.json()["code"].as_str().unwrap_or_default().to_owned())
}

/// One request to each endpoint that is for people alone, to be sent with an access token.
pub fn requests_of_people() -> Vec<Request> {
    let passwords = json!({"current_password": PASSWORD, "new_password": "an even better horse"});
    vec![
        Request::get("/transactions/"),
        Request::get("/messages/"),
        Request::get("/sessions/"),
        Request::delete("/sessions/01ARZ3NDEKTSV4RRFFQ69G5FAV/"),
        Request::get("/keys/"),
        Request::post("/keys/").json(&json!({"name": "my program"})),
        Request::delete("/keys/01ARZ3NDEKTSV4RRFFQ69G5FAV/"),
        Request::get("/account/"),
        Request::post("/password/").json(&passwords),
        Request::delete("/account/").json(&json!({"password": PASSWORD})),
    ]
}

/// One request to each endpoint that wants an access token.
fn requests_with(access: &str) -> Vec<Request> {
    let both = [Request::get("/token_balance/"), Request::post("/chatView/").json(&json!({"message": "Hello"}))];
    let requests = requests_of_people().into_iter().chain(both);
    requests.map(|request| request.bearer(access)).collect()
}

/// Whoever has this access token can do nothing with it, and changes nothing by trying.
pub async fn assert_worthless(world: &World, access: &str) {
    let before = world.items().await;
    for request in requests_with(access) {
        let described = format!("{request:?}");
        let response = world.stack.send(request).await;
        assert_eq!(code(&response), (401, "token_not_valid".to_owned()), "{described}");
    }
    assert_eq!(world.items().await, before);
}

async fn two_sessions(world: &World) -> (Tokens, Tokens) {
    world.register("ada", 100).await;
    (world.log_in("ada").await, world.log_in("ada").await)
}

#[tokio::test]
async fn a_refresh_after_logout_is_refused_and_other_sessions_go_on() {
    let world = World::start().await;
    let (ended, other) = two_sessions(&world).await;
    for _ in 0..2 {
        assert_eq!(world.log_out(&ended, false).await.status, 204);
        let response = world.stack.send(refresh(&ended.refresh)).await;
        assert_eq!(code(&response), (401, "token_not_valid".to_owned()));
    }
    assert_eq!(world.stack.send(refresh(&other.refresh)).await.status, 200);
}

#[tokio::test]
async fn logout_everywhere_makes_every_stolen_token_worthless_at_once() {
    let world = World::start().await;
    let (mine, stolen) = two_sessions(&world).await;
    assert_eq!(world.log_out(&mine, true).await.status, 204);
    for tokens in [&mine, &stolen] {
        assert_worthless(&world, &tokens.access).await;
        assert_eq!(code(&world.stack.send(refresh(&tokens.refresh)).await).0, 401);
    }
    let again = world.log_in("ada").await;
    // Not even to end the sessions of who logged in again.
    assert_eq!(world.log_out(&stolen, true).await.status, 401);
    assert_eq!(world.stack.send(refresh(&again.refresh)).await.status, 200);
}

#[tokio::test]
async fn a_token_of_another_user_ends_no_session() {
    let world = World::start().await;
    let (ada, _) = two_sessions(&world).await;
    world.register("mallory", 100).await;
    let mallory = world.log_in("mallory").await;
    let id = forgery::claims(&ada.access)["sid"].as_str().unwrap().to_owned();
    let request = Request::delete(&format!("/sessions/{id}/")).bearer(&mallory.access);
    assert_eq!(code(&world.stack.send(request).await), (404, "not_found".to_owned()));
    assert_eq!(world.stack.send(refresh(&ada.refresh)).await.status, 200);
}

#[tokio::test]
async fn a_user_sees_where_they_are_logged_in_and_ends_what_they_do_not_know() {
    let world = World::start().await;
    world.register("ada", 100).await;
    let credentials = json!({"username": "ada", "password": PASSWORD});
    let log_in = |agent: &str| Request::post("/login/").json(&credentials).header("User-Agent", agent);
    let strange = world.stack.send(log_in("Nobody knows/1.0")).await.json();
    let mine = world.stack.send(log_in("Firefox/150.0")).await.json();
    let access = mine["access_token"].as_str().unwrap();
    let list = async || world.stack.send(Request::get("/sessions/").bearer(access)).await.json()["sessions"].clone();
    let sessions = list().await;
    let agents = |sessions: &Value| -> Vec<(String, bool)> {
        let sessions = sessions.as_array().unwrap().iter();
        let view = |session: &Value| {
            (session["user_agent"].as_str().unwrap().to_owned(), session["current"].as_bool().unwrap())
        };
        sessions.map(view).collect()
    };
    let expected = [("Firefox/150.0".to_owned(), true), ("Nobody knows/1.0".to_owned(), false)];
    assert_eq!(agents(&sessions), expected);

    let path = format!("/sessions/{}/", sessions[1]["id"].as_str().unwrap());
    assert_eq!(world.stack.send(Request::delete(&path).bearer(access)).await.status, 204);
    assert_eq!(agents(&list().await), expected[..1]);
    assert_eq!(world.stack.send(refresh(strange["refresh_token"].as_str().unwrap())).await.status, 401);
    let account = world.stack.send(Request::get("/account/").bearer(access)).await.json();
    assert_eq!((&account["username"], &account["sessions"]), (&json!("ada"), &json!(1)));
}

#[tokio::test]
async fn without_rotation_a_refresh_gives_no_refresh_token() {
    let world = World::start().await;
    let (ada, _) = two_sessions(&world).await;
    for _ in 0..2 {
        let answer = world.stack.send(refresh(&ada.refresh)).await.json();
        assert_eq!(answer.as_object().unwrap().keys().collect::<Vec<_>>(), ["access_token"]);
    }
}

#[tokio::test]
async fn with_rotation_two_tabs_get_the_same_successor_and_a_reused_token_ends_the_session() {
    let world = World::start_with(&[("ROTATE_REFRESH_TOKENS", "true")]).await;
    let (ada, _) = two_sessions(&world).await;
    let tabs = (0..3).map(|_| world.stack.send(refresh(&ada.refresh)));
    let mut answers = futures_util::future::join_all(tabs).await.into_iter().map(|answer| answer.json());
    let second = answers.next().unwrap()["refresh_token"].as_str().unwrap().to_owned();
    assert_ne!(second, ada.refresh);
    assert!(answers.all(|answer| answer["refresh_token"] == second), "to the letter");

    let third = world.stack.send(refresh(&second)).await.json()["refresh_token"].as_str().unwrap().to_owned();
    // The first is not the immediately previous one any more.
    for token in [&ada.refresh, &third] {
        assert_eq!(code(&world.stack.send(refresh(token)).await), (401, "token_not_valid".to_owned()));
    }
    let logs = world.stack.function("token-refresh").await.logs();
    assert!(logs.contains("\"security_event\":\"refresh_token_reused\""), "{logs}");
    assert!(!logs.contains(&ada.refresh) && !logs.contains(&third), "a token was logged");
}
