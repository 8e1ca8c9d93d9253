//! `/register/`: which names and passwords are taken, and how many registrations a network may make.

use serde_json::json;
use testkit::gateway::Request;

use crate::guessing::{ELSEWHERE, HOME, retry_after};
use crate::refusals::refused;
use crate::requests::{change_password, register};
use crate::world::{PASSWORD, World};

#[tokio::test]
async fn names_and_passwords_outside_the_rule_are_refused() {
    let world = World::start().await;
    let long_name = "x".repeat(151);
    let long_password = "x".repeat(1025);
    for (username, password) in [
        (long_name.as_str(), PASSWORD),
        ("bob smith", PASSWORD),
        ("bob\0", PASSWORD),
        ("<script>", PASSWORD),
        ("bob", "1234567"),
        ("bob", long_password.as_str()),
        ("bob.the.builder", "Bob.The.Builder"),
    ] {
        refused(&world, register(username, password), 400, "invalid").await;
        let form = Request::post("/register/").form(&[("username", username), ("password", password)]);
        refused(&world, form, 400, "invalid").await;
        let parts = Request::post("/register/").multipart(&[("username", username), ("password", password)]);
        refused(&world, parts, 400, "invalid").await;
    }
}

#[tokio::test]
async fn a_common_password_is_refused_where_the_setting_says_so() {
    let registration = |password: &str| register("bob", password);
    let world = World::start_with(&[("PASSWORD_BLOCKLIST", "true")]).await;
    for password in ["password1", "Password1", "12345678"] {
        let problem = refused(&world, registration(password), 400, "invalid").await.json();
        assert_eq!(problem["errors"], json!({"password": ["This password is too common."]}));
    }
    assert_eq!(world.stack.send(registration(PASSWORD)).await.status, 201);
    let change = change_password(PASSWORD, "password1").bearer(&world.log_in("bob").await.access);
    let problem = refused(&world, change, 400, "invalid").await.json();
    assert_eq!(problem["errors"], json!({"new_password": ["This password is too common."]}));
    let world = World::start().await;
    assert_eq!(world.stack.send(registration("password1")).await.status, 201, "by default it is not");
}

#[tokio::test]
async fn a_name_is_taken_in_any_case() {
    let world = World::start().await;
    world.register("Ada", 100).await;
    for username in ["Ada", "ada", "ADA", "Ａｄａ"] {
        refused(&world, register(username, PASSWORD), 409, "username_taken").await;
    }
}

#[tokio::test]
async fn a_name_that_two_want_at_the_same_moment_goes_to_one_of_them() {
    let world = World::start().await;
    let responses = world.send_at_once("register", &vec![register("bob", PASSWORD); 4]).await;
    let count = |status: u16| responses.iter().filter(|response| response.status == status).count();
    assert_eq!((count(201), count(409)), (1, 3), "{responses:?}");
    assert_eq!(world.items().await.len(), 3, "one login, one account, one entry");
}

#[tokio::test]
async fn a_network_that_registered_too_many_waits_for_the_next_hour_and_no_other_does() {
    let world = World::start().await;
    world.crowd(HOME).await;
    let seconds = retry_after(&world.stack.send(register("bob", PASSWORD).source_ip("127.0.113.8")).await);
    assert!((1..=3600).contains(&seconds), "{seconds}");
    assert!(world.items().await.is_empty());
    assert_eq!(world.stack.send(register("bob", PASSWORD).source_ip(ELSEWHERE)).await.status, 201);
}

#[tokio::test]
async fn registrations_are_not_counted_where_they_have_no_limit() {
    let world = World::start_with(&[("REGISTRATIONS_PER_HOUR", "0")]).await;
    world.crowd(HOME).await;
    world.stack.function("register").await;
    world.stack.recorder().clear();
    assert_eq!(world.stack.send(register("bob", PASSWORD).source_ip(HOME)).await.status, 201);
    assert_eq!(world.stack.recorder().requests().len(), 1);
}

#[tokio::test]
async fn nobody_registers_where_registrations_are_closed_whatever_the_body_is() {
    for setting in ["closed", "invite"] {
        let world = World::start_with(&[("REGISTRATION", setting)]).await;
        for request in [register("bob", PASSWORD), Request::post("/register/").json(&json!({"username": 7}))] {
            refused(&world, request, 403, "registration_closed").await;
        }
        assert!(world.items().await.is_empty(), "{setting}");
    }
}

#[tokio::test]
async fn nobody_takes_a_name_of_an_ids_form() {
    let world = World::start().await;
    for name in ["01KB05AY8G3W5VXQ7S4TB2NC6D", "01kb05ay8g3w5vxq7s4tb2nc6d"] {
        let answer = world.stack.send(register(name, PASSWORD)).await;
        assert_eq!((answer.status, answer.json()["errors"]["username"].is_array()), (400, true), "{answer:?}");
    }
}
