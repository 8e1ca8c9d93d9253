//! `/sessions/`: where a user is logged in.

use serde_json::{Value, json};
use testkit::gateway::Request;

use crate::forgery;
use crate::refusals::status_and_code;
use crate::requests::{end_session, log_in, refresh};
use crate::world::{PASSWORD, World};

#[tokio::test]
async fn a_token_of_another_user_ends_no_session() {
    let (world, ada) = World::with_ada(100, &[]).await;
    world.register("mallory", 100).await;
    let mallory = world.log_in("mallory").await;
    let id = forgery::claims(&ada.access)["sid"].as_str().unwrap().to_owned();
    let request = end_session(&id).bearer(&mallory.access);
    assert_eq!(status_and_code(&world.stack.send(request).await), (404, "not_found".to_owned()));
    assert_eq!(world.stack.send(refresh(&ada.refresh)).await.status, 200);
}

#[tokio::test]
async fn a_user_sees_where_they_are_logged_in_and_ends_what_they_do_not_know() {
    let world = World::start().await;
    world.register("ada", 100).await;
    let log_in = |agent: &str| log_in("ada", PASSWORD).header("User-Agent", agent);
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
