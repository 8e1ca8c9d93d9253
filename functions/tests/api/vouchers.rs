//! `/vouchers/redeem/`: who gets a voucher's credits, how often, and how often a network may guess.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use shared::domain::code::VoucherCode;
use shared::ledger::vouchers::VoucherKind;
use testkit::gateway::{Request, Response};
use testkit::recorder::Fault;

use crate::guessing::{ELSEWHERE, HOME, retry_after};
use crate::refusals::refused;
use crate::requests::redeem;
use crate::world::World;

/// The item of the only code.
async fn code_item(world: &World) -> Value {
    let items = world.items().await;
    let mut codes = items.into_values().filter(|item| item["sk"]["S"] == "VOUCHER");
    codes.next().unwrap()
}

fn by_status(responses: &[Response]) -> BTreeMap<(u16, String), usize> {
    let mut found = BTreeMap::new();
    for response in responses {
        let code = response.json()["code"].as_str().unwrap_or_default().to_owned();
        *found.entry((response.status, code)).or_default() += 1;
    }
    found
}

#[tokio::test]
async fn a_code_that_a_hundred_users_redeem_at_once_gives_as_often_as_it_may() {
    let world = World::start().await;
    let code = world.make_code(VoucherKind::Credits, 200, 37).await;
    let mut users = Vec::new();
    for number in 0..100 {
        let name = format!("user-{number}");
        world.register(&name, 1).await;
        users.push(world.log_in(&name).await.access);
    }
    let requests: Vec<Request> = users.iter().map(|access| redeem(&code).bearer(access)).collect();
    let responses = world.send_at_once("vouchers", &requests).await;
    let counted = by_status(&responses);
    let expected = [((200, String::new()), 37), ((409, "voucher_spent".to_owned()), 63)];
    assert_eq!(counted, BTreeMap::from(expected));
    assert_eq!(code_item(&world).await["used"]["N"], "37");
    for (access, response) in users.iter().zip(&responses) {
        let expected = if response.status == 200 { 201 } else { 1 };
        assert_eq!(world.balance(access).await.0, expected);
    }
    let uses = world.items().await.into_values().filter(|item| item["sk"]["S"].as_str().unwrap().starts_with("USE#"));
    assert_eq!(uses.count(), 37);
}

#[tokio::test]
async fn a_code_that_a_user_redeems_a_hundred_times_at_once_gives_once() {
    let (world, ada) = World::with_ada(100, &[]).await;
    let code = world.make_code(VoucherKind::Credits, 200, 1000).await;
    let responses = world.send_at_once("vouchers", &vec![redeem(&code).bearer(&ada.access); 100]).await;
    let expected = [((200, String::new()), 1), ((409, "already_redeemed".to_owned()), 99)];
    assert_eq!(by_status(&responses), BTreeMap::from(expected));
    assert_eq!(
        (world.balance(&ada.access).await.0, code_item(&world).await["used"]["N"].clone()),
        (json!(300), json!("1"))
    );
}

#[tokio::test]
async fn a_code_is_read_in_any_way_that_people_type_it_and_in_forms() {
    let (world, ada) = World::with_ada(0, &[]).await;
    let mut balance = 0;
    for typed in [
        (|code: &str| code.to_lowercase()) as fn(&str) -> String,
        |code| code.replace('-', ""),
        |code| format!(" {} ", code.replace('-', " - ")),
        |code| code.replace('0', "O").replace('1', "l"),
    ] {
        let code = world.make_code(VoucherKind::Credits, 5, 1).await;
        let answer = world.stack.send(redeem(&typed(&code)).bearer(&ada.access)).await;
        balance += 5;
        assert_eq!((answer.status, answer.json()), (200, json!({"tokens": balance})), "{code}");
    }
    for form in [Request::form as fn(Request, &[(&str, &str)]) -> Request, Request::multipart] {
        let code = world.make_code(VoucherKind::Credits, 5, 1).await;
        let request = form(Request::post("/vouchers/redeem/"), &[("code", &code)]).bearer(&ada.access);
        assert_eq!(world.stack.send(request).await.status, 200);
    }
}

#[tokio::test]
async fn each_wrong_check_character_is_told_without_a_request_and_counts_as_no_guess() {
    let (world, ada) = World::with_ada(100, &[]).await;
    let code = world.make_code(VoucherKind::Credits, 200, 1).await;
    let (rest, right) = code.split_at(code.len() - 1);
    // So that the function has its keys and the operator's last command.
    assert_eq!(world.stack.send(redeem(&VoucherCode::new().unwrap().written()).bearer(&ada.access)).await.status, 404);
    world.stack.recorder().clear();
    for wrong in "0123456789ABCDEFGHJKMNPQRSTVWXYZ".chars().filter(|wrong| !right.contains(*wrong)) {
        let answer = world.stack.send(redeem(&format!("{rest}{wrong}")).bearer(&ada.access)).await;
        assert_eq!((answer.status, &answer.json()["errors"]["code"][0]), (400, &json!(WRONG_CHARACTER)), "{wrong}");
    }
    for text in ["", "x", "U", &code[..9]] {
        assert_eq!(world.stack.send(redeem(text).bearer(&ada.access)).await.status, 400, "{text}");
    }
    assert_eq!(world.stack.recorder().requests(), []);
    assert_eq!(world.stack.send(redeem(&code).bearer(&ada.access)).await.status, 200);
}

const WRONG_CHARACTER: &str = "Some character of this code is wrong. Ensure that it is typed as it was given.";

#[tokio::test]
async fn a_network_that_guessed_too_often_waits_for_the_next_hour_and_no_other_does() {
    let (world, ada) = World::with_ada(100, &[]).await;
    let unknown = || redeem(&VoucherCode::new().unwrap().written()).bearer(&ada.access);
    for _ in 0..100 {
        assert_eq!(world.stack.send(unknown().source_ip(ELSEWHERE)).await.status, 404);
    }
    // The hour may have turned meanwhile.
    world.guess_codes(ELSEWHERE).await;
    let throttled = world.stack.send(unknown().source_ip(ELSEWHERE)).await;
    assert!((1..=3600).contains(&retry_after(&throttled)));
    let code = world.make_code(VoucherKind::Credits, 200, 1).await;
    let right = || redeem(&code).bearer(&ada.access);
    assert_eq!(world.stack.send(right().source_ip(ELSEWHERE)).await.status, 429, "a right code is none the wiser");
    assert_eq!(world.stack.send(right().source_ip(HOME)).await.status, 200);
}

#[tokio::test]
async fn right_codes_take_their_guesses_back_and_wrong_ones_stay() {
    let (world, ada) = World::with_ada(100, &[]).await;
    let code = world.make_code(VoucherKind::Credits, 200, 5).await;
    let unknown = VoucherCode::new().unwrap().written();
    for code in [&code, &code, &unknown, &code] {
        world.stack.send(redeem(code).bearer(&ada.access)).await;
    }
    let items = world.stack.table().items().await;
    let counts = items.iter().filter(|item| item["pk"]["S"].as_str().unwrap().starts_with("GUESSES#CODE#"));
    let wrong: u64 = counts.map(|item| item["failures"]["N"].as_str().unwrap().parse::<u64>().unwrap()).sum();
    assert_eq!(wrong, 1);
}

#[tokio::test]
async fn a_voucher_that_is_unknown_spent_or_an_invitation_gives_nothing() {
    let (world, ada) = World::with_ada(100, &[]).await;
    let asked = |code: &str| redeem(code).bearer(&ada.access);
    refused(&world, asked(&VoucherCode::new().unwrap().written()), 404, "voucher_not_found").await;
    let invitation = world.make_code(VoucherKind::Invitation, 200, 1).await;
    refused(&world, asked(&invitation), 404, "voucher_not_found").await;
    let code = world.make_code(VoucherKind::Credits, 200, 1).await;
    world.register("grace", 0).await;
    let grace = world.log_in("grace").await.access;
    assert_eq!(world.stack.send(redeem(&code).bearer(&grace)).await.status, 200);
    let problem = refused(&world, asked(&code), 409, "voucher_spent").await.json();
    assert_eq!(problem["detail"], "This code has been used up.");
    refused(&world, redeem(&code).bearer(&grace), 409, "already_redeemed").await;
    assert_eq!(world.balance(&ada.access).await.0, 100);
}

#[tokio::test]
async fn whoever_is_nobody_a_program_or_deactivated_redeems_nothing_and_is_not_counted() {
    let (world, ada) = World::with_ada(100, &[]).await;
    let code = world.make_code(VoucherKind::Credits, 200, 1).await;
    let program = world.make_api_key(&ada.access).await;
    refused(&world, redeem(&code), 401, "not_authenticated").await;
    refused(&world, redeem(&code).bearer(&program.key), 401, "token_not_valid").await;
    world.deactivate("ada").await;
    refused(&world, redeem(&code).bearer(&ada.access), 401, "user_inactive").await;
    let items = world.stack.table().items().await;
    assert!(!items.iter().any(|item| item["pk"]["S"].as_str().unwrap().starts_with("GUESSES#CODE#")));
}

#[tokio::test]
async fn a_redemption_of_unknown_outcome_is_told_by_its_repetition() {
    for (fault, status) in [(Fault::AnswerLost, 409), (Fault::NotApplied, 200)] {
        let (world, ada) = World::with_ada(100, &[]).await;
        let code = world.make_code(VoucherKind::Credits, 200, 1).await;
        let request = || redeem(&code).bearer(&ada.access);
        world.stack.recorder().fail_next("TransactWriteItems", fault, 3);
        assert_eq!(world.stack.send(request()).await.status, 503);
        world.stack.recorder().forget_faults();
        assert_eq!(world.stack.send(request()).await.status, status);
        assert_eq!(world.balance(&ada.access).await.0, 300);
    }
}

#[tokio::test]
async fn nothing_is_redeemed_while_an_operator_has_stopped_messages_and_registrations() {
    let (world, ada) = World::with_ada(100, &[]).await;
    let code = world.make_code(VoucherKind::Credits, 200, 1).await;
    world.set_accepting(false).await;
    refused(&world, redeem(&code).bearer(&ada.access), 503, "not_accepting").await;
}

#[tokio::test]
async fn a_voucher_is_a_transaction_of_its_user_like_every_grant() {
    let (world, ada) = World::with_ada(100, &[]).await;
    let code = world.make_code(VoucherKind::Credits, 200, 1).await;
    assert_eq!(world.stack.send(redeem(&code).bearer(&ada.access)).await.status, 200);
    let listed =
        world.stack.send(Request::get("/transactions/").query("kind", "grant").bearer(&ada.access)).await.json();
    let newest = &listed["transactions"][0];
    assert_eq!((&newest["kind"], &newest["tokens"]), (&json!("grant"), &json!(200)));
    let report = world.stack.invoke("audit", &json!({})).await.unwrap();
    assert_eq!((&report["finished"], &report["mismatches"]), (&json!(true), &json!([])), "{report}");
}
