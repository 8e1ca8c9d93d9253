//! Attacks on the admin API. Nobody but staff learns that there is such a path, and whoever has ceased to be staff, or has not
//! just logged in, changes nothing.

use std::time::Duration;

use serde_json::{Value, json};
use testkit::gateway::{Request, Response};
use testkit::recorder::RecordedRequest;
use testkit::stack::JWT_SIGNING_SECRET;
use testkit::template::Template;

use crate::costs::change_account;
use crate::refusals::{refused, status_and_code};
use crate::requests::{admin_user, balance, delete_account, path_with_id, refresh};
use crate::world::{PASSWORD, Tokens, World, ago, an_hour_ago};

const METHODS: [&str; 7] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];

/// More than the age of a login that counts as recent.
const NOT_RECENT: Duration = Duration::from_secs(15 * 60 + 1);

/// Each path of the admin API with its function, as the template has them: so that a path of tomorrow is among them.
fn admin_paths(id: &str) -> Vec<(String, String)> {
    let functions = Template::of_workspace().unwrap().functions().into_iter();
    let paths = functions.flat_map(|function| {
        let of_admin = function.routes.into_iter().filter(|route| route.path.starts_with("/admin"));
        of_admin.map(|route| (function.binary.clone(), route.path)).collect::<Vec<_>>()
    });
    let paths: Vec<(String, String)> = paths
        .map(|(binary, path)| (binary, format!("{}/", path_with_id(&path, id).replace("{version}", "1"))))
        .collect();
    assert!(paths.len() >= 5, "{paths:?}");
    paths
}

/// The requests for the account that an act is about, and for nothing else.
fn reads_an_account_alone(recorded: &[RecordedRequest]) -> bool {
    recorded.iter().all(|request| request.operation == "GetItem" && request.body["Key"]["sk"]["S"] == "ACCOUNT")
}

/// Sends all methods to all paths of the admin API, and checks that each answer is that of a path that is not there.
async fn is_told_of_nothing(world: &World, bearer: Option<&str>, most_reads: usize) {
    let id = world.user_id("ada").await;
    for (function, path) in admin_paths(&id) {
        world.stack.function(&function).await;
        for method in METHODS {
            let send = async |path: &str| {
                let request = Request::new(method, path).json(&json!({"reason": "Because", "staff": true}));
                let request = if let Some(bearer) = bearer { request.bearer(bearer) } else { request };
                world.stack.send(request).await
            };
            let elsewhere = send("/no-such-path/").await;
            world.stack.recorder().clear();
            let Response { status, body, .. } = send(&path).await;
            let recorded = world.stack.recorder().requests();
            assert_eq!(status, 404, "{method} {path}: {body}");
            if method == "HEAD" {
                assert_eq!(body, "", "{path}");
            } else {
                let body: Value = serde_json::from_str(&body).unwrap();
                assert_eq!(body, elsewhere.json(), "{method} {path}");
            }
            assert!(recorded.len() <= most_reads && reads_an_account_alone(&recorded), "{method} {path}: {recorded:?}");
        }
    }
}

#[tokio::test]
async fn nobody_and_a_plain_user_are_told_of_no_path_by_any_method() {
    let (world, ada) = World::with_ada(100, &[]).await;
    is_told_of_nothing(&world, None, 0).await;
    is_told_of_nothing(&world, Some("no.to.ken"), 0).await;
    is_told_of_nothing(&world, Some(&ada.access), 1).await;
    is_told_of_nothing(&world, Some(&ada.refresh), 0).await;
}

#[tokio::test]
async fn an_api_key_of_staff_opens_no_path() {
    let (world, _) = World::with_ada(100, &[]).await;
    let ruth = world.superuser("ruth").await;
    let made = world.make_api_key(&ruth.access).await;
    is_told_of_nothing(&world, Some(&made.key), 0).await;
}

#[tokio::test]
async fn a_deactivated_superuser_is_told_of_no_path() {
    let (world, _) = World::with_ada(100, &[]).await;
    let ruth = world.superuser("ruth").await;
    world.deactivate("ruth").await;
    is_told_of_nothing(&world, Some(&ruth.access), 1).await;
}

#[tokio::test]
async fn a_demotion_counts_with_the_next_request() {
    let (world, _) = World::with_ada(100, &[]).await;
    let ruth = world.superuser("ruth").await;
    let look = || Request::get("/admin/users/").bearer(&ruth.access);
    assert_eq!(world.stack.send(look()).await.status, 200);
    world.set_staff("ruth", false).await;
    assert_eq!(world.stack.send(look()).await.status, 404);
    world.set_staff("ruth", true).await;
    assert_eq!(world.stack.send(look()).await.status, 200, "the token is as good as before");
}

#[tokio::test]
async fn an_expired_token_is_told_to_staff_alone() {
    let (world, _) = World::with_ada(100, &[]).await;
    world.superuser("ruth").await;
    let expired = async |username: &str| world.log_in_at(username, an_hour_ago(), JWT_SIGNING_SECRET).await.access;
    let look = |access: &str| Request::get("/admin/users/").bearer(access);
    refused(&world, look(&expired("ruth").await), 401, "token_not_valid").await;
    let plain = world.stack.send(look(&expired("ada").await)).await;
    assert_eq!((plain.status, plain.json()["error"]["code"].as_str()), (404, Some("not_found")));
}

/// The acts on a user, by their requests.
fn acts_on(user: &str) -> Vec<(&'static str, Request)> {
    let patch = |body: &Value| Request::new("PATCH", &admin_user(user, "")).json(body);
    vec![
        ("status", patch(&json!({"status": "inactive"}))),
        ("staff", patch(&json!({"staff": true}))),
        ("status and staff", patch(&json!({"staff": true, "status": "inactive"}))),
        ("allowance", patch(&json!({"allowance": {"credits": 5, "per": "month", "cap": 9}, "reason": "A course"}))),
        ("reset code", Request::post(&admin_user(user, "reset-codes"))),
        ("end of sessions", Request::post(&admin_user(user, "end-sessions"))),
        ("end of keys", Request::post(&admin_user(user, "end-keys"))),
        ("deletion", Request::delete(&admin_user(user, "")).json(&json!({"reason": "They asked for it"}))),
    ]
}

/// The acts that take a login of the last minutes.
const TAKES_A_RECENT_LOGIN: [&str; 5] = ["staff", "status and staff", "allowance", "reset code", "deletion"];

/// A session of `username` that began so long ago, and has been refreshed since.
async fn old_session(world: &World, username: &str, age: Duration) -> Tokens {
    let old = world.log_in_at(username, ago(age), JWT_SIGNING_SECRET).await;
    let refreshed = world.stack.send(refresh(&old.refresh)).await.json();
    Tokens { access: refreshed["access_token"].as_str().unwrap().to_owned(), ..old }
}

#[tokio::test]
async fn an_act_that_gives_access_takes_a_login_of_the_last_minutes_and_a_refresh_is_none() {
    let (world, _) = World::with_ada(100, &[]).await;
    world.superuser("ruth").await;
    let old = old_session(&world, "ruth", NOT_RECENT).await;
    for (name, request) in acts_on("ada") {
        if TAKES_A_RECENT_LOGIN.contains(&name) {
            refused(&world, request.bearer(&old.access), 403, "login_required_again").await;
        }
    }
    let status = Request::new("PATCH", &admin_user("ada", "")).json(&json!({"status": "inactive"}));
    assert_eq!(world.stack.send(status.bearer(&old.access)).await.status, 200, "this gives nobody anything");
    // A superuser who is shut out, or let in again, is one more or one less who may do everything.
    world.superuser("rosa").await;
    for status in ["inactive", "active"] {
        let change = Request::new("PATCH", &admin_user("rosa", "")).json(&json!({"status": status}));
        refused(&world, change.bearer(&old.access), 403, "login_required_again").await;
        world.deactivate("rosa").await;
    }
    let new = world.log_in("ruth").await;
    let staff = Request::new("PATCH", &admin_user("ada", "")).json(&json!({"staff": true}));
    assert_eq!(world.stack.send(staff.bearer(&new.access)).await.status, 200);
}

#[tokio::test]
async fn staff_who_are_demoted_between_the_read_and_the_write_change_nothing() {
    let (world, ada) = World::with_ada(100, &[]).await;
    let ruth = world.superuser("ruth").await;
    world.stack.function("admin-people").await;
    world.make_api_key(&ada.access).await;
    for (name, request) in acts_on("ada") {
        let demotion = async {
            world.set_staff("ruth", false).await;
            world.items().await
        };
        let (response, before) = world.send_while(request.bearer(&ruth.access), Box::pin(demotion)).await;
        assert_eq!((response.status, response.json()["error"]["code"].as_str()), (404, Some("not_found")), "{name}");
        assert!(world.items().await == before, "{name} was refused and changed the table");
        world.set_staff("ruth", true).await;
    }
}

#[tokio::test]
async fn api_keys_that_end_between_the_read_and_the_write_of_a_change_stay_ended() {
    let (world, ada) = World::with_ada(100, &[]).await;
    let ruth = world.superuser("ruth").await;
    let key = world.make_api_key(&ada.access).await.key;
    world.stack.function("admin-people").await;
    let epoch = json!({"api_key_epoch": {"N": "2"}});
    let allowance = json!({"allowance": {"credits": 5, "per": "month", "cap": 9}, "reason": "A course"});
    let change = Request::new("PATCH", &admin_user("ada", "")).json(&allowance).bearer(&ruth.access);
    let (changed, ()) = world.send_while(change, change_account(&world, "ada", &epoch)).await;
    assert_eq!(changed.status, 200, "it is made of the account as it is now");
    assert_eq!(world.stack.send(balance().bearer(&key)).await.status, 401);
}

#[tokio::test]
async fn the_last_superuser_stays_whatever_they_try() {
    let world = World::start().await;
    let ruth = world.superuser("ruth").await;
    for body in [json!({"staff": false}), json!({"status": "inactive"}), json!({"staff": false, "status": "inactive"})]
    {
        let request = Request::new("PATCH", &admin_user("ruth", "")).json(&body).bearer(&ruth.access);
        refused(&world, request, 409, "last_superuser").await;
    }
    refused(&world, delete_account(PASSWORD).bearer(&ruth.access), 409, "last_superuser").await;
    let own = Request::delete(&admin_user("ruth", "")).json(&json!({"reason": "I go"})).bearer(&ruth.access);
    refused(&world, own, 409, "own_account").await;
    world.superuser("rosa").await;
    let own = Request::new("PATCH", &admin_user("ruth", "")).json(&json!({"staff": false})).bearer(&ruth.access);
    assert_eq!(world.stack.send(own).await.status, 200, "another one stays");
    assert_eq!(world.stack.send(Request::get("/admin/users/").bearer(&ruth.access)).await.status, 404);
}

#[tokio::test]
async fn of_two_who_demote_each_other_at_once_one_is_left() {
    let world = World::start().await;
    let (ruth, rosa) = (world.superuser("ruth").await, world.superuser("rosa").await);
    for _ in 0..20 {
        let demote = |user: &str, by: &Tokens| {
            Request::new("PATCH", &admin_user(user, "")).json(&json!({"staff": false})).bearer(&by.access)
        };
        let both = world.send_at_once("admin-people", &[demote("rosa", &ruth), demote("ruth", &rosa)]).await;
        let done = both.iter().filter(|response| response.status == 200).count();
        assert_eq!(done, 1, "{:?}", both.iter().map(status_and_code).collect::<Vec<_>>());
        let items = world.stack.table().items().await;
        let are_staff = items.iter().filter(|item| item["sk"]["S"] == "ACCOUNT" && item["staff"]["BOOL"] == true);
        assert_eq!(are_staff.count(), 1);
        for username in ["ruth", "rosa"] {
            world.set_staff(username, true).await;
        }
    }
}
