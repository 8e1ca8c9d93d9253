//! `/register/`: which names and passwords are taken, and how many registrations a network may make.

use serde_json::json;
use shared::domain::code::VoucherCode;
use shared::domain::period::PeriodLength;
use shared::domain::time::Clock;
use shared::ledger::vouchers::VoucherKind;
use testkit::gateway::Request;

use crate::guessing::{ELSEWHERE, HOME, retry_after};
use crate::refusals::refused;
use crate::requests::{change_password, register, register_invited};
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
    let world = World::start_with(&[("REGISTRATION", "closed")]).await;
    let invitation = world.make_code(VoucherKind::Invitation, 5, 1).await;
    for request in [
        register("bob", PASSWORD),
        register_invited("bob", &invitation),
        Request::post("/register/").json(&json!({"username": 7})),
    ] {
        refused(&world, request, 403, "registration_closed").await;
    }
}

#[tokio::test]
async fn where_only_invitations_register_there_is_no_way_round() {
    let world = World::start_with(&[("REGISTRATION", "invite"), ("REGISTRATIONS_PER_HOUR", "0")]).await;
    let voucher = world.make_code(VoucherKind::Credits, 5, 1).await;
    let spent = world.make_code(VoucherKind::Invitation, 5, 1).await;
    assert_eq!(world.stack.send(register_invited("ada", &spent)).await.status, 201);
    let fields = [("username", "bob"), ("password", PASSWORD)];
    let with_empty = [("username", "bob"), ("password", PASSWORD), ("invitation", "")];
    for request in [
        register("bob", PASSWORD),
        Request::post("/register/").form(&fields),
        Request::post("/register/").form(&with_empty),
        Request::post("/register/").multipart(&fields),
        Request::post("/register/").multipart(&with_empty),
        register_invited("bob", "-"),
        Request::post("/register/").json(&json!({"username": "bob", "password": PASSWORD, "invitation": null})),
        Request::post("/register/").json(&json!({"username": "bob", "password": PASSWORD, "invitation": [spent]})),
        Request::post("/register/").json(&json!({"username": "bob", "password": PASSWORD, "Invitation": spent})),
        Request::post("/register/").query("invitation", &spent).json(&json!({"username": "bob", "password": PASSWORD})),
    ] {
        let problem = refused(&world, request, 400, "invalid").await.json();
        assert!(problem["errors"]["invitation"].is_array(), "{problem}");
    }
    refused(&world, register_invited("bob", &VoucherCode::new().unwrap().written()), 404, "voucher_not_found").await;
    refused(&world, register_invited("bob", &voucher), 404, "voucher_not_found").await;
    refused(&world, register_invited("bob", &spent), 409, "voucher_spent").await;
    let invitation = world.make_code(VoucherKind::Invitation, 5, 1).await.to_lowercase().replace('-', " ");
    let form = [("username", "bob"), ("password", PASSWORD), ("invitation", invitation.as_str())];
    assert_eq!(world.stack.send(Request::post("/register/").form(&form)).await.status, 201);
}

#[tokio::test]
async fn an_invited_account_has_the_invitations_credits_in_place_of_the_settings_and_the_allowance() {
    let allowance = [("ALLOWANCE_TOKENS", "50"), ("ALLOWANCE_PERIOD", "week"), ("ALLOWANCE_CAP", "80")];
    let settings = [&allowance[..], &[("STARTING_TOKENS", "100")]].concat();
    let world = World::start_with(&settings).await;
    for (name, credits) in [("ada", 7), ("grace", 0)] {
        let invitation = world.make_code(VoucherKind::Invitation, credits, 1).await;
        assert_eq!(world.stack.send(register_invited(name, &invitation)).await.status, 201);
        let access = world.log_in(name).await.access;
        assert_eq!(world.balance(&access).await.0, credits);
        let entries = world.entries_of(&world.user_id(name).await).await;
        let [entry] = &entries[..] else { panic!("{entries:?}") };
        assert_eq!((&entry["kind"]["S"], &entry["source"]["S"]), (&json!("grant"), &json!("invitation")));
    }
    assert_eq!(world.stack.send(register("bob", PASSWORD)).await.status, 201);
    let items = world.items().await;
    let account =
        |name: &str| items.values().find(|item| item["sk"]["S"] == "ACCOUNT" && item["username"]["S"] == name);
    let terms = &account("ada").unwrap()["allowance"]["M"];
    assert_eq!(
        (&terms["credits"]["N"], &terms["cap"]["N"], &terms["per"]["S"]),
        (&json!("50"), &json!("80"), &json!("week"))
    );
    let through = PeriodLength::Week.period_at(Clock::system().now()).to_string();
    assert_eq!(terms["through"]["S"], through, "the allowance begins with the next period");
    assert!(account("bob").unwrap()["allowance"].is_null(), "only those who were invited get it");
    assert_eq!(world.balance(&world.log_in("bob").await.access).await.0, 100);
}

#[tokio::test]
async fn an_invitation_registers_as_many_as_it_may_however_many_come_at_once() {
    let world = World::start_with(&[("REGISTRATIONS_PER_HOUR", "0")]).await;
    let invitation = world.make_code(VoucherKind::Invitation, 7, 2).await;
    let names = ["ada", "bob", "eve", "ivan", "mary", "ruth"];
    let responses = world.send_at_once("register", &names.map(|name| register_invited(name, &invitation))).await;
    let count = |status: u16| responses.iter().filter(|response| response.status == status).count();
    assert_eq!((count(201), count(409)), (2, 4), "{responses:?}");
    let accounts = world.items().await.into_values().filter(|item| item["sk"]["S"] == "ACCOUNT").count();
    assert_eq!(accounts, 2);
}

#[tokio::test]
async fn a_wrong_invitation_costs_no_hash_and_counts_as_a_guess() {
    let world = World::start().await;
    world.guess_codes(HOME).await;
    let code = VoucherCode::new().unwrap().written();
    let throttled = world.stack.send(register_invited("bob", &code).source_ip(HOME)).await;
    assert!((1..=3600).contains(&retry_after(&throttled)));
    let elsewhere = register_invited("bob", &code).source_ip(ELSEWHERE);
    assert_eq!(world.stack.send(elsewhere).await.status, 404, "other networks go on");
    assert_eq!(world.stack.send(register("bob", PASSWORD).source_ip(HOME)).await.status, 201, "without a code too");
}

#[tokio::test]
async fn nobody_takes_a_name_of_an_ids_form() {
    let world = World::start().await;
    for name in ["01KB05AY8G3W5VXQ7S4TB2NC6D", "01kb05ay8g3w5vxq7s4tb2nc6d"] {
        let answer = world.stack.send(register(name, PASSWORD)).await;
        assert_eq!((answer.status, answer.json()["errors"]["username"].is_array()), (400, true), "{answer:?}");
    }
}
