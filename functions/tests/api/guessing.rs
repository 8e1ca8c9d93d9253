//! Guesses at passwords, and how long they have to wait.

use std::time::Duration;

use serde_json::json;
use shared::domain::time::Clock;
use shared::identity::attempts::FAILURES_OF_A_STRANGE_NETWORK;
use testkit::gateway::{Payload, Request, Response};

use crate::requests;
use crate::world::{PASSWORD, World, ago};

pub const HOME: &str = "127.0.113.7";
pub const ELSEWHERE: &str = "127.0.100.7";

fn log_in(username: &str, password: &str, address: &str) -> Request {
    requests::log_in(username, password).source_ip(address)
}

/// The seconds that a throttled client has to wait.
pub fn retry_after(response: &Response) -> u64 {
    assert_eq!((response.status, &response.json()["code"]), (429, &json!("throttled")), "{response:?}");
    response.headers["retry-after"].parse().unwrap()
}

/// The answer without the seconds to wait: one may pass between two requests.
fn without_seconds(mut response: Response) -> Response {
    response.headers.remove("retry-after");
    response.body.retain(|character| !character.is_ascii_digit());
    response
}

#[tokio::test]
async fn a_name_that_nobody_has_is_answered_as_one_that_somebody_has_at_each_step() {
    let world = World::start().await;
    world.register("ada", 100).await;
    for payload in [Payload::V1, Payload::V2] {
        let address = if payload == Payload::V1 { HOME } else { ELSEWHERE };
        for _ in 0..5 {
            let [known, unknown] = ["ada", "nobody"].map(|name| log_in(name, "a wrong password", address));
            let known = world.stack.send_as(known, payload).await;
            assert_eq!(known.status, 401);
            let unknown = world.stack.send_as(unknown, payload).await;
            assert_eq!(known.without_request_id(), unknown.without_request_id());
        }
    }
    for name in ["ada", "nobody"] {
        world.slow_down(name, "127.0.2.7").await;
    }
    let known = world.stack.send(log_in("ada", "a wrong password", "127.0.2.7")).await;
    let unknown = world.stack.send(log_in("nobody", "a wrong password", "127.0.2.7")).await;
    assert!(retry_after(&known).abs_diff(retry_after(&unknown)) <= 2, "{known:?} {unknown:?}");
    assert_eq!(without_seconds(known.without_request_id()), without_seconds(unknown.without_request_id()));
}

#[tokio::test]
async fn the_right_password_waits_like_a_wrong_one_until_the_hour_ends() {
    let world = World::start().await;
    world.register("ada", 100).await;
    // The guesses of an hour ago no longer count.
    let an_hour_ago = ago(Duration::from_secs(3600));
    while world.guess("ada", HOME, &an_hour_ago).await.is_ok() {}
    assert_eq!(world.stack.send(log_in("ada", PASSWORD, HOME)).await.status, 200);
    world.slow_down("ada", HOME).await;
    for password in [PASSWORD, "a wrong password"] {
        let seconds = retry_after(&world.stack.send(log_in("ada", password, HOME)).await);
        assert!((1..=3600).contains(&seconds), "{seconds}");
    }
    assert_eq!(world.stack.send(log_in("ada", PASSWORD, ELSEWHERE)).await.status, 200);
}

#[tokio::test]
async fn one_leaked_password_is_tried_at_three_hundred_names_an_hour_from_a_network_and_at_no_more() {
    let world = World::start().await;
    world.register("ada", 100).await;
    world.register("grace", 100).await;
    assert_eq!(world.stack.send(log_in("ada", PASSWORD, HOME)).await.status, 200);
    let clock = Clock::manual(Clock::system().now());
    // In this hour and in the next one, which may begin during the test.
    for hour in 0..2 {
        for name in 0..FAILURES_OF_A_STRANGE_NETWORK {
            world.guess(&format!("name-{hour}-{name}"), HOME, &clock).await.unwrap();
        }
        clock.advance(Duration::from_secs(3600));
    }
    for (name, password) in [("grace", PASSWORD), ("nobody", PASSWORD), ("grace", "a wrong password")] {
        retry_after(&world.stack.send(log_in(name, password, HOME)).await);
    }
    assert_eq!(world.stack.send(log_in("grace", PASSWORD, ELSEWHERE)).await.status, 200);
    assert_eq!(world.stack.send(log_in("ada", PASSWORD, HOME)).await.status, 200, "she is at home there");
}

#[tokio::test]
async fn a_stolen_access_token_is_no_way_around_the_wait() {
    let world = World::start().await;
    world.register("ada", 100).await;
    let access = world.log_in("ada").await.access;
    let change =
        |password: &str| requests::change_password(password, "an even better horse").bearer(&access).source_ip(HOME);
    let delete = |password: &str| requests::delete_account(password).bearer(&access).source_ip(HOME);
    let make = |password: &str| {
        let terms = json!({"name": "mine now", "password": password});
        Request::post("/keys/").json(&terms).bearer(&access).source_ip(HOME)
    };
    for request in [change("wrong 1"), delete("wrong 2"), make("wrong 3"), delete("wrong 4"), change("wrong 5")] {
        assert_eq!(world.stack.send(request).await.json()["code"], "invalid_credentials");
    }
    world.slow_down("ada", HOME).await;
    for request in [change(PASSWORD), delete(PASSWORD), make(PASSWORD), log_in("ada", PASSWORD, HOME)] {
        retry_after(&world.stack.send(request).await);
    }
    assert_eq!(world.stack.send(change(PASSWORD).source_ip(ELSEWHERE)).await.status, 204);
}

#[tokio::test]
async fn no_header_is_a_way_around_the_wait_or_into_that_of_another() {
    let world = World::start().await;
    world.register("ada", 100).await;
    world.slow_down("ada", HOME).await;
    for payload in [Payload::V1, Payload::V2] {
        for header in ["X-Forwarded-For", "X-Real-IP", "Forwarded"] {
            let forged = log_in("ada", PASSWORD, HOME).header(header, ELSEWHERE);
            retry_after(&world.stack.send_as(forged, payload).await);
        }
        let framed = log_in("ada", PASSWORD, ELSEWHERE).header("X-Forwarded-For", HOME);
        assert_eq!(world.stack.send_as(framed, payload).await.status, 200);
    }
    retry_after(&world.stack.send(log_in("ada", PASSWORD, "127.0.113.200")).await);
}

#[tokio::test]
async fn a_stranger_who_uses_all_guesses_up_does_not_lock_the_owner_out_at_home() {
    let world = World::start().await;
    world.register("ada", 100).await;
    assert_eq!(world.stack.send(log_in("ada", PASSWORD, HOME)).await.status, 200);
    world.use_up_guesses("ada").await;
    retry_after(&world.stack.send(log_in("ada", PASSWORD, ELSEWHERE)).await);
    for _ in 0..3 {
        assert_eq!(world.stack.send(log_in("ada", PASSWORD, HOME)).await.status, 200);
    }
    retry_after(&world.stack.send(log_in("ada", PASSWORD, ELSEWHERE)).await);
}
