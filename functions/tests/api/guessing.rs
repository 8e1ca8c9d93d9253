//! Guesses at passwords, and how long they have to wait.

use std::time::Duration;

use serde_json::json;
use shared::domain::time::Clock;
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
            assert_eq!(known, world.stack.send_as(unknown, payload).await);
        }
    }
    for name in ["ada", "nobody"] {
        world.slow_down(name, "127.0.2.7").await;
    }
    let known = world.stack.send(log_in("ada", "a wrong password", "127.0.2.7")).await;
    let unknown = world.stack.send(log_in("nobody", "a wrong password", "127.0.2.7")).await;
    assert!(retry_after(&known).abs_diff(retry_after(&unknown)) <= 2, "{known:?} {unknown:?}");
    assert_eq!(without_seconds(known), without_seconds(unknown));
}

#[tokio::test]
async fn the_right_password_waits_like_a_wrong_one_and_is_let_in_when_it_was_told() {
    let world = World::start().await;
    world.register("ada", 100).await;
    // Seven attempts, the last of them now. After seven a network waits for four seconds.
    let clock = ago(Duration::from_secs(3));
    for wait in [0, 0, 0, 0, 0, 1, 2] {
        clock.advance(Duration::from_secs(wait));
        world.guess("ada", HOME, &clock).await.unwrap();
    }
    let refused = world.stack.send(log_in("ada", PASSWORD, HOME)).await;
    let seconds = retry_after(&refused);
    assert!((1..=4).contains(&seconds), "{seconds}");
    tokio::time::sleep(Duration::from_secs(seconds)).await;
    assert_eq!(world.stack.send(log_in("ada", PASSWORD, HOME)).await.status, 200);
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
    let clock = Clock::system();
    for guess in 0..100 {
        world.guess("ada", &format!("0:0:0:{:x}::1", guess % 25), &clock).await.unwrap();
    }
    retry_after(&world.stack.send(log_in("ada", PASSWORD, ELSEWHERE)).await);
    for _ in 0..3 {
        assert_eq!(world.stack.send(log_in("ada", PASSWORD, HOME)).await.status, 200);
    }
    retry_after(&world.stack.send(log_in("ada", PASSWORD, ELSEWHERE)).await);
}
