//! `GET /admin/users/`: the list of users, its conditions, its pages and its price.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use shared::domain::ids::UserId;
use shared::domain::time::Clock;
use testkit::gateway::Request;

use crate::refusals::refused;
use crate::requests::admin_user;
use crate::world::World;

/// The accounts whose list is counted.
const MANY: usize = 10_000;

fn list(parameters: &[(&str, &str)]) -> Request {
    parameters.iter().fold(Request::get("/admin/users/"), |request, (name, value)| request.query(name, value))
}

/// A world with these users, and Ruth, who is staff. Returns her access token.
async fn with_users(usernames: &[&str]) -> (World, String) {
    let world = World::start().await;
    world.stack.function("admin-read").await;
    let ruth = world.superuser("ruth").await;
    for username in usernames {
        world.register(username, 5).await;
    }
    (world, ruth.access)
}

/// The names on all pages of a list, in its order.
async fn names(world: &World, staff: &str, parameters: &[(&str, &str)]) -> Vec<String> {
    let (mut names, mut cursor) = (Vec::new(), None::<String>);
    for _ in 0..100 {
        let request = list(parameters).bearer(staff);
        let request = if let Some(cursor) = &cursor { request.query("cursor", cursor) } else { request };
        let response = world.stack.send(request).await;
        assert_eq!(response.status, 200, "{response:?}");
        let page = response.json();
        let users = page["users"].as_array().unwrap();
        names.extend(users.iter().map(|user| user["username"].as_str().unwrap().to_owned()));
        let Some(next) = page["next"].as_str() else { return names };
        cursor = Some(next.to_owned());
    }
    panic!("the list has no end: {names:?}")
}

#[tokio::test]
async fn users_are_listed_by_name_and_newest_first_page_by_page() {
    let (world, staff) = with_users(&["grace", "Ada", "joan", "émilie", "ada.l"]).await;
    for limit in ["1", "2", "100"] {
        assert_eq!(
            names(&world, &staff, &[("limit", limit)]).await,
            ["Ada", "ada.l", "grace", "joan", "ruth", "émilie"],
            "{limit}"
        );
        assert_eq!(
            names(&world, &staff, &[("order", "newest"), ("limit", limit)]).await,
            ["ada.l", "émilie", "joan", "Ada", "grace", "ruth"],
            "{limit}"
        );
    }
    let page = world.stack.send(list(&[("search", "grace")]).bearer(&staff)).await.json();
    let user = &page["users"][0];
    let members: BTreeSet<&str> = user.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(members, ["created_at", "credits", "held", "id", "staff", "status", "username"].into());
    assert_eq!((&user["credits"], &user["held"], &user["status"]), (&json!(5), &json!(0), &json!("active")));
    assert_eq!(page["next"], Value::Null);
}

#[tokio::test]
async fn a_search_finds_the_beginnings_of_names_however_they_are_written() {
    let (world, staff) = with_users(&["Ada", "ada.l", "adele", "Straße", "grace"]).await;
    for (search, found) in [
        ("ADA", &["Ada", "ada.l"][..]),
        ("ad", &["Ada", "ada.l", "adele"]),
        ("ada.", &["ada.l"]),
        ("STRASS", &["Straße"]),
        ("zzz", &[]),
    ] {
        assert_eq!(names(&world, &staff, &[("search", search), ("limit", "2")]).await, found, "{search}");
    }
}

#[tokio::test]
async fn a_search_that_is_made_of_key_syntax_finds_nobody_and_asks_nothing() {
    let (world, staff) = with_users(&["ada"]).await;
    // The function starts, and knows the public keys from then on.
    assert_eq!(world.stack.send(list(&[]).bearer(&staff)).await.status, 200);
    let tricks =
        ["DIR#AGE", "DIR#NAME", "#", "USER#", "LOGIN#ada", "ada#", "a/b", " ", "ada\u{0}", "%", "*", "ada,ruth"];
    for search in tricks {
        world.stack.recorder().clear();
        let response = world.stack.send(list(&[("search", search)]).bearer(&staff)).await;
        assert_eq!((response.status, response.json()), (200, json!({"users": [], "next": null})), "{search:?}");
        let asked = world.stack.recorder().requests();
        assert!(asked.iter().all(|request| request.operation == "GetItem"), "{search:?}: {asked:?}");
    }
    for search in ["", &"x".repeat(151), &"#".repeat(10 * 1024)] {
        refused(&world, list(&[("search", search)]).bearer(&staff), 400, "invalid").await;
    }
}

#[tokio::test]
async fn conditions_on_status_and_staff_let_those_through_who_meet_both() {
    let (world, staff) = with_users(&["ada", "grace", "joan"]).await;
    world.superuser("rosa").await;
    let deactivate = Request::new("PATCH", &admin_user("grace", "")).json(&json!({"status": "inactive"}));
    assert_eq!(world.stack.send(deactivate.bearer(&staff)).await.status, 200);
    for order in ["name", "newest"] {
        for (conditions, mut found) in [
            (&[("staff", "true")][..], vec!["rosa", "ruth"]),
            (&[("staff", "false")], vec!["ada", "grace", "joan"]),
            (&[("status", "inactive")], vec!["grace"]),
            (&[("status", "active"), ("staff", "false")], vec!["ada", "joan"]),
            (&[("status", "deleting")], vec![]),
        ] {
            let parameters = [conditions, &[("order", order), ("limit", "1")]].concat();
            let mut listed = names(&world, &staff, &parameters).await;
            if order == "newest" {
                listed.sort();
                found.sort_unstable();
            }
            assert_eq!(listed, found, "{order} {conditions:?}");
        }
    }
}

#[tokio::test]
async fn whoever_the_table_says_otherwise_of_than_the_directory_is_left_out() {
    let (world, staff) = with_users(&["ada", "grace"]).await;
    // Past the copy in the login, as if the index were late.
    world.deactivate("ada").await;
    assert_eq!(names(&world, &staff, &[("status", "active")]).await, ["grace", "ruth"]);
    let page = world.stack.send(list(&[("search", "ada")]).bearer(&staff)).await.json();
    assert_eq!(page["users"][0]["status"], "inactive", "the status is the account's");
}

#[tokio::test]
async fn a_cursor_is_one_of_its_own_list_alone() {
    let (world, staff) = with_users(&["ada", "adele", "grace"]).await;
    let lists: [&[(&str, &str)]; 6] = [
        &[],
        &[("order", "newest")],
        &[("search", "ad")],
        &[("search", "a")],
        &[("staff", "false")],
        &[("status", "active")],
    ];
    for of_list in lists {
        let first = world.stack.send(list(of_list).query("limit", "1").bearer(&staff)).await.json();
        let cursor = first["next"].as_str().unwrap();
        for other in lists {
            let request = list(other).query("cursor", cursor).bearer(&staff);
            if other == of_list {
                assert_eq!(world.stack.send(request).await.status, 200);
            } else {
                refused(&world, request, 400, "invalid").await;
            }
        }
    }
    for cursor in ["", "x", "AAAA", &"A".repeat(5000)] {
        refused(&world, list(&[("cursor", cursor)]).bearer(&staff), 400, "invalid").await;
    }
}

#[tokio::test]
async fn wrong_parameters_are_told_together() {
    let (world, staff) = with_users(&[]).await;
    let wrong = [("order", "age"), ("status", "gone"), ("staff", "1"), ("limit", "101"), ("search", "")];
    let refusal = refused(&world, list(&wrong).bearer(&staff), 400, "invalid").await.json();
    let told: BTreeSet<&str> = refusal["errors"].as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(told, ["limit", "order", "search", "staff", "status"].into());
    let both = list(&[("order", "newest"), ("search", "a")]).bearer(&staff);
    let refusal = refused(&world, both, 400, "invalid").await.json();
    assert!(refusal["errors"]["order"].is_array(), "{refusal}");
}

/// Puts [`MANY`] logins into the table, past the API, and the accounts of the first hundred by name.
async fn fill(world: &World) {
    let table = world.stack.table();
    let clock = Clock::system();
    let text = |value: &str| json!({"S": value});
    let pattern = table.items().await.into_iter().find(|item| item["sk"]["S"] == "ACCOUNT").unwrap();
    let mut items = Vec::new();
    for number in 0..MANY {
        let (id, name) = (UserId::new(&clock).to_string(), format!("a{number:05}"));
        let partition = format!("LOGIN#{name}");
        items.push(json!({
            "pk": text(&partition), "sk": text("LOGIN"), "directory": text("DIR#NAME"), "directory_sort": text(&name),
            "user_id": text(&id), "username": text(&name), "password_hash": text("hash"), "session_epoch": {"N": "1"},
        }));
        if number < 100 {
            let mut account = pattern.clone();
            account["pk"] = text(&format!("USER#{id}"));
            account["directory_sort"] = text(&id);
            account["username"] = text(&name);
            account["staff"] = json!({"BOOL": false});
            items.push(account);
        }
    }
    for batch in items.chunks(25) {
        let puts: Vec<Value> = batch.iter().map(|item| json!({"PutRequest": {"Item": item}})).collect();
        table.call("BatchWriteItem", &json!({"RequestItems": {table.name(): puts}})).await.unwrap();
    }
}

/// The read units of a request, without that for the account of whoever asks.
async fn units(world: &World, request: Request) -> (Value, f64) {
    world.stack.recorder().clear();
    let response = world.stack.send(request).await;
    assert_eq!(response.status, 200, "{response:?}");
    (response.json(), world.stack.recorder().units().read - 1.0)
}

#[tokio::test]
async fn among_ten_thousand_accounts_a_page_costs_what_it_shows_and_all_staff_are_found_for_a_few_hundred_units() {
    let (world, staff) = with_users(&[]).await;
    world.superuser("zoe").await;
    fill(&world).await;
    world.stack.recorder().ask_for_capacity();
    let (page, read) = units(&world, list(&[("limit", "100")]).bearer(&staff)).await;
    assert_eq!(page["users"].as_array().unwrap().len(), 100);
    assert!(read <= 104.0, "{read}");
    let (mut found, mut read, mut cursor) = (Vec::new(), 0.0, None::<String>);
    loop {
        let request = list(&[("staff", "true")]).bearer(&staff);
        let request = if let Some(cursor) = &cursor { request.query("cursor", cursor) } else { request };
        let (page, of_page) = units(&world, request).await;
        read += of_page;
        found.extend(page["users"].as_array().unwrap().iter().map(|user| user["username"].clone()));
        let Some(next) = page["next"].as_str() else { break };
        cursor = Some(next.to_owned());
    }
    assert_eq!(found, ["ruth", "zoe"]);
    assert!(read <= 350.0 + 2.0, "{read}");
    let (page, read) = units(&world, list(&[("search", "a00042")]).bearer(&staff)).await;
    assert_eq!((page["users"].as_array().unwrap().len(), read), (1, 1.5));
}
