//! `POST /admin/users/{id}/grants/`, beyond the cases in `events/admin-money`.

use serde_json::{Value, json};
use testkit::gateway::Request;
use testkit::recorder::Fault;
use testkit::stack::JWT_SIGNING_SECRET;

use crate::refusals::refused;
use crate::requests::{balance, delete_account, give, refresh};
use crate::world::{PASSWORD, Tokens, World, an_hour_ago};

/// A world in which Ada has ten credits and Ruth is staff.
async fn world(settings: &[(&str, &str)]) -> (World, Tokens) {
    let world = World::start_with(settings).await;
    world.register("ada", 10).await;
    let ruth = world.superuser("ruth").await;
    (world, ruth)
}

/// The records of grants in the history of all.
async fn acts(world: &World) -> Vec<Value> {
    let items = world.items().await.into_values();
    items.filter(|item| item["pk"]["S"] == "ACTS" && item["act"]["S"] == "grant").collect()
}

#[tokio::test]
async fn staff_give_credits_and_take_them_back_and_the_history_says_who_and_why() {
    let (world, ruth) = world(&[]).await;
    let given = world.stack.send(give("ada", 50, "one").bearer(&ruth.access)).await;
    assert_eq!((given.status, &given.json()["credits"], &given.json()["repeated"]), (201, &json!(60), &json!(false)));
    let id = world.user_id("ada").await;
    let taken = world.stack.send(give(&id, -60, "two").bearer(&ruth.access)).await.json();
    assert_eq!((&taken["amount"], &taken["credits"]), (&json!(-60), &json!(0)));

    let ada = world.log_in("ada").await.access;
    assert_eq!(world.stack.send(balance().bearer(&ada)).await.json()["tokens"], 0);
    let listed = world.stack.send(Request::get("/transactions/").bearer(&ada)).await.json();
    let kinds: Vec<&Value> = listed["transactions"].as_array().unwrap().iter().map(|entry| &entry["kind"]).collect();
    assert_eq!(kinds, ["adjustment", "grant", "grant"]);
    assert_eq!(listed["transactions"][0]["id"], taken["id"]);

    let acts = acts(&world).await;
    assert_eq!(acts.len(), 2);
    let ruth_id = world.user_id("ruth").await;
    for act in acts {
        assert_eq!((&act["actor"]["S"], &act["subject"]["S"]), (&json!(ruth_id), &json!(id)));
        assert_eq!((&act["reason"]["S"], &act["network"]["S"]), (&json!("A present"), &json!("127.0.0.0/24")));
    }
    assert!(world.stack.logs().contains("CreditsGranted"));
}

#[tokio::test]
async fn a_grant_that_is_repeated_is_given_once_and_its_key_is_for_no_other() {
    let (world, ruth) = world(&[]).await;
    let first = world.stack.send(give("ada", 5, "one").bearer(&ruth.access)).await.json();
    let before = world.items().await;
    let again = world.stack.send(give("ADA", 5, "\"one\"").bearer(&ruth.access)).await;
    assert_eq!((again.status, &again.json()["id"], &again.json()["repeated"]), (201, &first["id"], &json!(true)));
    assert!(world.items().await == before);
    refused(&world, give("ada", 6, "one").bearer(&ruth.access), 422, "idempotency_mismatch").await;
    refused(&world, give("ruth", 5, "one").bearer(&ruth.access), 422, "idempotency_mismatch").await;
    let event = json!({"action": "grant", "username": "ada", "amount": 7, "reason": "Ill", "grant_id": "get-well"});
    world.stack.invoke("operator", &event).await.unwrap();
    refused(&world, give("ada", 5, "get-well").bearer(&ruth.access), 422, "idempotency_mismatch").await;
    let requests: Vec<Request> = (0..20).map(|_| give("ada", 1, "at-once").bearer(&ruth.access)).collect();
    let answers = world.send_at_once("admin-money", &requests).await;
    assert_eq!(answers.iter().filter(|answer| answer.status == 201 && answer.json()["repeated"] == false).count(), 1);
    let ada = world.log_in("ada").await.access;
    assert_eq!(world.stack.send(balance().bearer(&ada)).await.json()["tokens"], 10 + 5 + 7 + 1);
}

#[tokio::test]
async fn an_act_gives_and_takes_no_more_than_the_settings_allow() {
    let (world, ruth) = world(&[("MAX_GRANT", "1000")]).await;
    let most = world.stack.send(give("ada", 1000, "most").bearer(&ruth.access)).await;
    assert_eq!((most.status, &most.json()["credits"]), (201, &json!(1010)));
    assert_eq!(world.stack.send(give("ada", -1000, "back").bearer(&ruth.access)).await.status, 201);
    for amount in [1001, -1001, 0, i64::MAX, i64::MIN] {
        let problem = refused(&world, give("ada", amount, "x").bearer(&ruth.access), 400, "invalid").await.json();
        assert_eq!(problem["errors"]["amount"], json!(["Give a whole number from -1000 to 1000, and not 0."]));
    }
    refused(&world, give("ada", -11, "x").bearer(&ruth.access), 409, "balance_too_low").await;
}

#[tokio::test]
async fn a_grant_needs_a_reason_an_amount_and_a_key() {
    let (world, ruth) = world(&[]).await;
    let ask = |body: Value, key: Option<&str>| {
        let request = Request::post("/admin/users/ada/grants/").json(&body).bearer(&ruth.access);
        match key {
            Some(key) => request.header("Idempotency-Key", key),
            None => request,
        }
    };
    for (body, key, field) in [
        (json!({"amount": 5}), Some("x"), "reason"),
        (json!({"amount": 5, "reason": " "}), Some("x"), "reason"),
        (json!({"reason": "A present"}), Some("x"), "amount"),
        (json!({"amount": null, "reason": "A present"}), Some("x"), "amount"),
        (json!({"amount": 1.5, "reason": "A present"}), Some("x"), "amount"),
        (json!({"amount": 5, "reason": "A present"}), None, "Idempotency-Key"),
        (json!({"amount": 5, "reason": "A present"}), Some("a b"), "Idempotency-Key"),
    ] {
        let problem = refused(&world, ask(body.clone(), key), 400, "invalid").await.json();
        assert!(problem["errors"][field].is_array(), "{body}: {problem}");
    }
}

#[tokio::test]
async fn giving_takes_a_login_of_the_last_minutes_and_a_refreshed_token_is_as_old_as_its_login() {
    let (world, _) = world(&[]).await;
    let old = world.log_in_at("ruth", an_hour_ago(), JWT_SIGNING_SECRET).await;
    let refreshed = world.stack.send(refresh(&old.refresh)).await.json();
    let access = refreshed["access_token"].as_str().unwrap();
    refused(&world, give("ada", 5, "one").bearer(access), 403, "login_required_again").await;
    refused(&world, give("nobody", 0, "one").bearer(access), 403, "login_required_again").await;
    let again = world.log_in("ruth").await.access;
    assert_eq!(world.stack.send(give("ada", 5, "one").bearer(&again)).await.status, 201);
}

#[tokio::test]
async fn whoever_is_not_staff_learns_nothing_and_gives_nothing() {
    let (world, ruth) = world(&[]).await;
    let program = world.make_api_key(&ruth.access).await.key;
    let ada = world.log_in("ada").await.access;
    world.register("ivan", 0).await;
    world.set_staff("ivan", true).await;
    let ivan = world.log_in("ivan").await.access;
    world.deactivate("ivan").await;
    let demoted = world.superuser("lise").await.access;
    world.set_staff("lise", false).await;
    let before = world.items().await;
    let elsewhere = world.stack.send(Request::get("/no-such-path/")).await.json();
    for bearer in [&program, &ada, &ivan, &demoted] {
        for user in ["ada", "nobody"] {
            let response = world.stack.send(give(user, 5, "one").bearer(bearer)).await;
            assert_eq!((response.status, response.json()), (404, elsewhere.clone()));
        }
    }
    assert_eq!(world.stack.send(give("ada", 5, "one")).await.status, 404);
    assert!(world.items().await == before);
}

#[tokio::test]
async fn users_who_are_not_there_or_are_being_deleted_get_nothing() {
    let (world, ruth) = world(&[]).await;
    for user in ["nobody", "01BX5ZZKBKACTAV9WEVGEMMVRZ"] {
        refused(&world, give(user, 5, "one").bearer(&ruth.access), 404, "not_found").await;
    }
    let ada = world.log_in("ada").await.access;
    world.make_api_key(&ada).await;
    world.stack.recorder().fail_next("BatchWriteItem", Fault::NotApplied, 3);
    assert_eq!(world.stack.send(delete_account(PASSWORD).bearer(&ada)).await.status, 503);
    world.stack.recorder().forget_faults();
    refused(&world, give("ada", 5, "one").bearer(&ruth.access), 409, "deletion_in_progress").await;
}
