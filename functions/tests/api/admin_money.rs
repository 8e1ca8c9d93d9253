//! `/admin/vouchers/`: who makes and ends codes, on which terms, and what is recorded.

use std::time::Duration;

use serde_json::{Value, json};
use testkit::gateway::Request;
use testkit::stack::JWT_SIGNING_SECRET;

use crate::refusals::refused;
use crate::requests::{make_vouchers, redeem, refresh};
use crate::world::{World, ago};

/// A world with a superuser, Ruth, and her access token.
async fn with_staff(settings: &[(&str, &str)]) -> (World, String) {
    let world = World::start_with(settings).await;
    let access = world.superuser("ruth").await.access;
    (world, access)
}

/// The records in the history of all, the oldest first, without those of `set_staff`.
async fn acts(world: &World) -> Vec<Value> {
    let items = world.items().await.into_values();
    items.filter(|item| item["pk"]["S"] == "ACTS" && item["actor"]["S"] != "operator").collect()
}

#[tokio::test]
async fn codes_are_shown_once_and_what_is_shown_later_has_none() {
    let (world, staff) = with_staff(&[]).await;
    let terms = json!({
        "amount": 200, "count": 3, "uses": 2, "expires_at": "2030-01-31", "note": "Course of autumn", "kind": "credits",
    });
    let made = world.stack.send(make_vouchers(&terms).bearer(&staff)).await;
    assert_eq!((made.status, made.headers["cache-control"].as_str()), (201, "no-store"));
    let made = made.json();
    let codes: Vec<&str> = made["codes"].as_array().unwrap().iter().map(|code| code.as_str().unwrap()).collect();
    assert_eq!(codes.len(), 3);
    let id = made["id"].as_str().unwrap();
    assert_eq!(world.stack.send(redeem(codes[1]).bearer(&staff)).await.status, 200);
    let batch = Request::get(&format!("/admin/vouchers/{id}/")).bearer(&staff);
    let shown = world.stack.send(batch).await.json();
    let used = json!([{"number": 1, "used": 0}, {"number": 2, "used": 1}, {"number": 3, "used": 0}]);
    assert_eq!(shown["codes"], used);
    let listed = world.stack.send(Request::get("/admin/vouchers/").bearer(&staff)).await.json();
    let expected = json!({
        "id": id, "kind": "credits", "amount": 200, "count": 3, "uses": 2, "note": "Course of autumn",
        "by": world.user_id("ruth").await, "created_at": shown["created_at"], "expires_at": "2030-02-01T00:00:00Z",
        "ended_at": null,
    });
    assert_eq!(listed, json!({"batches": [expected], "next": null}));
    let stored = format!("{:?}", world.items().await);
    for code in codes {
        assert!(!stored.contains(code) && !stored.contains(&code.replace('-', "")));
    }
}

#[tokio::test]
async fn terms_outside_of_their_bounds_make_nothing() {
    let (world, staff) = with_staff(&[("MAX_GRANT", "1000")]).await;
    let most = make_vouchers(&json!({"amount": 5, "count": 20, "uses": 10})).bearer(&staff);
    assert_eq!(world.stack.send(most).await.status, 201);
    for (terms, field) in [
        (json!({}), "amount"),
        (json!({"amount": null}), "amount"),
        (json!({"amount": 0}), "amount"),
        (json!({"amount": -5}), "amount"),
        (json!({"amount": 1.5}), "amount"),
        (json!({"amount": 1001}), "amount"),
        (json!({"amount": 6, "count": 20, "uses": 10}), "amount"),
        (json!({"amount": 9_007_199_254_740_991_u64, "count": 90, "uses": 100_000}), "amount"),
        (json!({"amount": u64::MAX}), "amount"),
        (json!({"amount": 1, "count": 0}), "count"),
        (json!({"amount": 1, "count": 91}), "count"),
        (json!({"amount": 1, "uses": 100_001}), "uses"),
        (json!({"amount": 1, "expires_at": "2020-01-01"}), "expires_at"),
        (json!({"amount": 1, "expires_at": "2999-01-01"}), "expires_at"),
        (json!({"amount": 1, "expires_at": "soon"}), "expires_at"),
        (json!({"amount": 1, "note": "x".repeat(201)}), "note"),
        (json!({"amount": 1, "kind": "both"}), "kind"),
    ] {
        let problem = refused(&world, make_vouchers(&terms).bearer(&staff), 400, "invalid").await.json();
        assert!(problem["errors"][field].is_array(), "{terms}: {problem}");
    }
    let form = Request::post("/admin/vouchers/").form(&[("amount", "5"), ("kind", "invitation")]).bearer(&staff);
    assert_eq!(world.stack.send(form).await.status, 201);
}

#[tokio::test]
async fn making_takes_a_login_of_the_last_minutes_and_ending_does_not() {
    let (world, _) = with_staff(&[]).await;
    let earlier = world.log_in_at("ruth", ago(Duration::from_secs(15 * 60 + 2)), JWT_SIGNING_SECRET).await;
    let renewed = world.stack.send(refresh(&earlier.refresh)).await.json();
    let access = renewed["access_token"].as_str().unwrap();
    refused(&world, make_vouchers(&json!({"amount": 5})).bearer(access), 403, "login_required_again").await;
    let fresh = world.log_in("ruth").await.access;
    let made = world.stack.send(make_vouchers(&json!({"amount": 5})).bearer(&fresh)).await;
    assert_eq!(made.status, 201);
    let batch = format!("/admin/vouchers/{}/", made.json()["id"].as_str().unwrap());
    assert_eq!(world.stack.send(Request::delete(&batch).bearer(access)).await.status, 204);
}

#[tokio::test]
async fn ended_codes_give_nothing_and_making_and_ending_are_one_act_each() {
    let (world, staff) = with_staff(&[]).await;
    let made = world.stack.send(make_vouchers(&json!({"amount": 5, "note": "By mistake"})).bearer(&staff)).await.json();
    let batch = format!("/admin/vouchers/{}/", made["id"].as_str().unwrap());
    for _ in 0..2 {
        assert_eq!(world.stack.send(Request::delete(&batch).bearer(&staff)).await.status, 204);
    }
    let code = made["codes"][0].as_str().unwrap();
    let problem = refused(&world, redeem(code).bearer(&staff), 409, "voucher_spent").await.json();
    assert_eq!(problem["detail"], "This code is no longer valid.");
    let acts = acts(&world).await;
    let told: Vec<(&Value, &Value)> = acts.iter().map(|act| (&act["act"]["S"], &act["subject"]["S"])).collect();
    let id = &made["id"];
    assert_eq!(told, [(&json!("make_vouchers"), id), (&json!("end_vouchers"), id)]);
    assert_eq!((&acts[0]["reason"]["S"], &acts[0]["network"]["S"]), (&json!("By mistake"), &json!("127.0.0.0/24")));
}

#[tokio::test]
async fn nobody_but_staff_learns_that_there_are_vouchers_and_whoever_loses_it_makes_no_more() {
    let (world, staff) = with_staff(&[]).await;
    let made = world.stack.send(make_vouchers(&json!({"amount": 5})).bearer(&staff)).await.json();
    let batch = format!("/admin/vouchers/{}/", made["id"].as_str().unwrap());
    world.register("ada", 0).await;
    let ada = world.log_in("ada").await.access;
    let program = world.make_api_key(&staff).await;
    let requests = || {
        [
            make_vouchers(&json!({"amount": 5})),
            make_vouchers(&json!({"amount": "many"})),
            Request::get("/admin/vouchers/"),
            Request::put("/admin/vouchers/"),
            Request::get(&batch),
            Request::delete(&batch),
        ]
    };
    for request in requests() {
        for bearer in [&ada, &program.key] {
            refused(&world, request.clone().bearer(bearer), 404, "not_found").await;
        }
        refused(&world, request, 404, "not_found").await;
    }
    world.set_staff("ruth", false).await;
    for request in requests() {
        refused(&world, request.bearer(&staff), 404, "not_found").await;
    }
}

#[tokio::test]
async fn batches_are_listed_page_by_page_and_a_cursor_belongs_to_its_reader() {
    let (world, staff) = with_staff(&[]).await;
    for amount in 1..=3 {
        let made = world.stack.send(make_vouchers(&json!({"amount": amount})).bearer(&staff)).await;
        assert_eq!(made.status, 201);
    }
    let list = |access: &str| Request::get("/admin/vouchers/").query("limit", "2").bearer(access);
    let first = world.stack.send(list(&staff)).await;
    assert!(first.headers["link"].contains("rel=\"next\""), "{first:?}");
    let first = first.json();
    let cursor = first["next"].as_str().unwrap();
    let rest = world.stack.send(list(&staff).query("cursor", cursor)).await.json();
    let amounts = |page: &Value| page["batches"].as_array().unwrap().iter().map(|it| it["amount"].clone()).collect();
    let amounts: Vec<Value> = [&first, &rest].into_iter().flat_map(|page| -> Vec<Value> { amounts(page) }).collect();
    assert_eq!((amounts, &rest["next"]), (vec![json!(3), json!(2), json!(1)], &Value::Null));
    let grace = world.superuser("grace").await.access;
    refused(&world, list(&grace).query("cursor", cursor), 400, "invalid").await;
    refused(&world, list(&staff).query("limit", "101"), 400, "invalid").await;
    refused(&world, Request::get("/admin/vouchers/01ARZ3NDEKTSV4RRFFQ69G5FAV/").bearer(&staff), 404, "not_found").await;
    refused(&world, Request::put("/admin/vouchers/").bearer(&staff), 405, "method_not_allowed").await;
}
