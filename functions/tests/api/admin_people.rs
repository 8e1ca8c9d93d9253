//! `/admin/users/{id}/` and its acts: what staff see of a user, and what their acts do.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use testkit::gateway::Request;
use testkit::recorder::Fault;

use crate::refusals::{assert_worthless, refused};
use crate::requests::{admin_user, balance, chat, delete_account, log_in, message, register, reset_password};
use crate::world::{PASSWORD, Tokens, World};

const NEW_PASSWORD: &str = "an even better horse battery";

/// A world with Ada, who has credits and a session, and Ruth, who is staff.
async fn with_ruth() -> (World, Tokens, Tokens) {
    let (world, ada) = World::with_ada(100, &[]).await;
    let ruth = world.superuser("ruth").await;
    (world, ada, ruth)
}

fn patch(user: &str, body: &Value) -> Request {
    Request::new("PATCH", &admin_user(user, "")).json(body)
}

fn delete(user: &str) -> Request {
    Request::delete(&admin_user(user, "")).json(&json!({"reason": "They asked for it"}))
}

async fn make_reset_code(world: &World, user: &str, staff: &Tokens) -> String {
    let request = Request::post(&admin_user(user, "reset-codes")).bearer(&staff.access);
    let made = world.stack.send(request).await;
    assert_eq!(made.status, 201, "{made:?}");
    made.json()["code"].as_str().unwrap().to_owned()
}

/// The acts in the history, the oldest first, each three times.
async fn acts(world: &World) -> Vec<Value> {
    let items = world.items().await;
    let acts = |partition: &str| -> Vec<Value> {
        let of_partition = items.iter().filter(|(key, _)| key.starts_with(&format!("\"{partition}")));
        let mut acts: Vec<Value> = of_partition.map(|(_, act)| act.clone()).collect();
        acts.sort_by_key(|act| act["sk"]["S"].as_str().unwrap().to_owned());
        acts
    };
    let all = acts("ACTS\"");
    assert_eq!((acts("ACTS#BY#").len(), acts("ACTS#OF#").len()), (all.len(), all.len()));
    all
}

fn words(acts: &[Value]) -> Vec<&str> {
    acts.iter().map(|act| act["act"]["S"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn staff_see_money_sessions_and_keys_and_no_text() {
    let (world, ada, ruth) = with_ruth().await;
    let said = "What did the doctor say?";
    assert_eq!(world.stack.send(message(said).bearer(&ada.access)).await.status, 200);
    let made = world.make_api_key(&ada.access).await;
    let id = world.user_id("ada").await;
    for user in [id.as_str(), "ada", "ADA"] {
        let response = world.stack.send(Request::get(&admin_user(user, "")).bearer(&ruth.access)).await;
        assert_eq!(response.status, 200, "{response:?}");
        assert!(!response.body.contains(said) && !response.body.contains("Dummy Response"), "{response:?}");
        assert!(!response.body.contains(&made.key), "{response:?}");
        let seen = response.json();
        let told = ["id", "username", "status", "staff", "credits", "held", "spent"].map(|name| seen[name].clone());
        let expected = [json!(id), json!("ada"), json!("active"), json!(false), json!(99), json!(0), json!(1)];
        assert_eq!(told, expected, "{seen}");
        assert_eq!(seen["sessions"].as_array().unwrap().len(), 1);
        assert_eq!(
            (seen["keys"][0]["id"].as_str(), seen["keys"].as_array().unwrap().len()),
            (Some(made.id.as_str()), 1)
        );
        let kinds: Vec<_> = seen["transactions"].as_array().unwrap().iter().map(|it| it["kind"].clone()).collect();
        assert_eq!(kinds, ["chat", "grant"]);
    }
    for nobody in ["nobody", "01ARZ3NDEKTSV4RRFFQ69G5FAV", "a%20b"] {
        let request = Request::get(&admin_user(nobody, "")).bearer(&ruth.access);
        refused(&world, request, 404, "not_found").await;
    }
}

#[tokio::test]
async fn a_change_of_status_and_staff_counts_at_once_and_is_one_act() {
    let (world, ada, ruth) = with_ruth().await;
    let before = acts(&world).await.len();
    let change = json!({"status": "inactive", "staff": true, "reason": "A test of both"});
    let changed = world.stack.send(patch("ada", &change).bearer(&ruth.access)).await;
    assert_eq!(
        (changed.status, &changed.json()["status"], &changed.json()["staff"]),
        (200, &json!("inactive"), &json!(true))
    );
    let refusal = world.stack.send(balance().bearer(&ada.access)).await;
    assert_eq!((refusal.status, refusal.json()["code"].as_str()), (401, Some("user_inactive")));
    let again = world.stack.send(patch("ada", &change).bearer(&ruth.access)).await;
    assert_eq!((again.status, again.json()), (200, changed.json()));
    let acts = acts(&world).await;
    assert_eq!(acts.len(), before + 1, "a repetition is no act");
    let act = acts.last().unwrap();
    assert_eq!(act["act"]["S"], "change");
    assert_eq!(act["actor"]["S"], json!(world.user_id("ruth").await));
    assert_eq!(act["subject"]["S"], json!(world.user_id("ada").await));
    assert_eq!(act["reason"]["S"], "A test of both");
    assert_eq!(act["before"]["M"], json!({"status": {"S": "active"}, "staff": {"BOOL": false}}));
    assert_eq!(act["after"]["M"], json!({"status": {"S": "inactive"}, "staff": {"BOOL": true}}));
    assert!(act["network"]["S"].is_string() && act["request_id"]["S"].is_string(), "{act}");
}

#[tokio::test]
async fn a_change_that_names_nothing_changes_nothing_and_a_wrong_one_is_told_whole() {
    let (world, _, ruth) = with_ruth().await;
    let before = world.items().await;
    let empty = world.stack.send(patch("ada", &json!({})).bearer(&ruth.access)).await;
    assert_eq!((empty.status, world.items().await == before), (200, true));
    let wrong = json!({"status": "deleting", "staff": "perhaps", "reason": ""});
    let refusal = refused(&world, patch("ada", &wrong).bearer(&ruth.access), 400, "invalid").await.json();
    let fields: Vec<&String> = refusal["errors"].as_object().unwrap().keys().collect();
    assert_eq!(fields, ["reason", "staff", "status"]);
    for null in ["status", "staff", "reason"] {
        refused(&world, patch("ada", &json!({null: null})).bearer(&ruth.access), 400, "invalid").await;
    }
}

#[tokio::test]
async fn the_end_of_sessions_ends_tokens_and_leaves_keys_and_the_end_of_keys_does_the_reverse() {
    let (world, ada, ruth) = with_ruth().await;
    let made = world.make_api_key(&ada.access).await;
    assert_eq!(world.stack.send(chat().bearer(&made.key)).await.status, 200);
    let end = |act: &str| Request::post(&admin_user("ada", act)).bearer(&ruth.access);
    assert_eq!(world.stack.send(end("end-sessions")).await.status, 204);
    assert_worthless(&world, &ada.access).await;
    assert_eq!(world.stack.send(balance().bearer(&made.key)).await.status, 200);
    let again = world.log_in("ada").await;
    assert_eq!(world.stack.send(end("end-keys")).await.status, 204);
    for request in [balance(), chat()] {
        refused(&world, request.bearer(&made.key), 401, "token_not_valid").await;
    }
    assert_eq!(world.stack.send(balance().bearer(&again.access)).await.status, 200);
    let before = acts(&world).await;
    assert_eq!(words(&before)[before.len() - 2..], ["end_sessions", "end_keys"]);
    assert_eq!(world.stack.send(end("end-keys")).await.status, 204);
    assert_eq!(acts(&world).await.len(), before.len(), "there was nothing to end");
    let keys = world.stack.send(Request::get("/keys/").bearer(&again.access)).await.json();
    assert_eq!(keys, json!({"keys": []}));
}

#[tokio::test]
async fn all_keys_of_a_full_list_end_at_once() {
    let (world, ada, ruth) = with_ruth().await;
    let made = world.make_api_key(&ada.access).await;
    world.fill_key_list("ada", 60).await;
    assert_eq!(world.stack.send(Request::post(&admin_user("ada", "end-keys")).bearer(&ruth.access)).await.status, 204);
    refused(&world, balance().bearer(&made.key), 401, "token_not_valid").await;
    let items = world.items().await;
    assert!(!items.keys().any(|key| key.starts_with("\"APIKEY#")), "{:?}", items.keys());
}

#[tokio::test]
async fn a_reset_code_sets_one_password_and_ends_all_sessions() {
    let (world, ada, ruth) = with_ruth().await;
    let key = world.make_api_key(&ada.access).await;
    let code = make_reset_code(&world, "ada", &ruth).await;
    assert!(
        world.items().await.values().all(|item| !item.to_string().contains(&code.replace('-', ""))),
        "it is hashed"
    );
    let written_otherwise = code.to_lowercase().replace('-', " ").replace('0', "o");
    assert_eq!(world.stack.send(reset_password(&written_otherwise, NEW_PASSWORD)).await.status, 204);
    assert_worthless(&world, &ada.access).await;
    assert_eq!(world.stack.send(log_in("ada", PASSWORD)).await.status, 401);
    assert_eq!(world.stack.send(log_in("ada", NEW_PASSWORD)).await.status, 200);
    assert_eq!(world.stack.send(balance().bearer(&key.key)).await.status, 200, "programs go on");
    worthless(&world, &code, "a code is used once").await;
}

/// Checks that a code sets no password, and changes nothing but the count of guesses.
async fn worthless(world: &World, code: &str, why: &str) {
    let response = refused(world, reset_password(code, "a password that never counts"), 400, "invalid").await;
    let expected = "This code sets no password: it is unknown, used, replaced by a newer one, or too old.";
    assert_eq!(response.json()["errors"], json!({"code": [expected]}), "{why}");
}

/// Changes the items of the table whose sort key this is.
async fn change(world: &World, sort: &str, edit: impl Fn(&mut Value)) {
    let table = world.stack.table();
    for mut item in table.items().await.into_iter().filter(|item| item["sk"]["S"] == sort) {
        edit(&mut item);
        table.call("PutItem", &json!({"TableName": table.name(), "Item": item})).await.unwrap();
    }
}

#[tokio::test]
async fn a_code_that_was_overtaken_or_is_too_old_or_whose_user_is_deactivated_or_gone_sets_no_password() {
    let (world, _, ruth) = with_ruth().await;
    let older = make_reset_code(&world, "ada", &ruth).await;
    let newer = make_reset_code(&world, "ada", &ruth).await;
    worthless(&world, &older, "the newer one counts").await;
    change(&world, "RESET", |item| item["expires_at"] = json!({"N": "1"})).await;
    worthless(&world, &newer, "its day is over").await;
    let code = make_reset_code(&world, "ada", &ruth).await;
    for status in ["inactive", "active"] {
        assert_eq!(world.stack.send(patch("ada", &json!({"status": status})).bearer(&ruth.access)).await.status, 200);
        worthless(&world, &code, status).await;
    }
    let code = make_reset_code(&world, "ada", &ruth).await;
    assert_eq!(world.stack.send(delete("ada").bearer(&ruth.access)).await.status, 204);
    worthless(&world, &code, "the user is gone").await;
    world.register("ada", 0).await;
    worthless(&world, &code, "the name is another user's").await;
}

#[tokio::test]
async fn a_changed_password_makes_a_reset_code_worthless() {
    let (world, ada, ruth) = with_ruth().await;
    let code = make_reset_code(&world, "ada", &ruth).await;
    let change = crate::requests::change_password(PASSWORD, NEW_PASSWORD).bearer(&ada.access);
    assert_eq!(world.stack.send(change).await.status, 204);
    worthless(&world, &code, "the password was changed since").await;
}

#[tokio::test]
async fn of_many_who_use_a_code_at_once_one_sets_a_password() {
    let (world, _, ruth) = with_ruth().await;
    let code = make_reset_code(&world, "ada", &ruth).await;
    let passwords: Vec<String> = (0..4).map(|number| format!("password number {number}")).collect();
    let requests: Vec<Request> = passwords.iter().map(|password| reset_password(&code, password)).collect();
    let answers = world.send_at_once("password", &requests).await;
    let done: Vec<usize> = (0..4).filter(|number| answers[*number].status == 204).collect();
    let [one] = done[..] else { panic!("{answers:?}") };
    assert_eq!(world.stack.send(log_in("ada", &passwords[one])).await.status, 200);
}

#[tokio::test]
async fn a_new_password_against_the_rules_leaves_the_code_as_good_as_it_was() {
    let (world, _, ruth) = with_ruth().await;
    let code = make_reset_code(&world, "ada", &ruth).await;
    for password in ["short", "        "] {
        let refusal = refused(&world, reset_password(&code, password), 400, "invalid").await;
        assert!(refusal.json()["errors"]["new_password"].is_array(), "{refusal:?}");
    }
    assert_eq!(world.stack.send(reset_password(&code, NEW_PASSWORD)).await.status, 204);
}

#[tokio::test]
async fn guesses_at_reset_codes_are_limited_by_network_and_one_with_a_typing_mistake_is_none() {
    let (world, _, ruth) = with_ruth().await;
    let code = make_reset_code(&world, "ada", &ruth).await;
    let first = if code.starts_with('2') { "3" } else { "2" };
    let mistaken = format!("{first}{}", &code[1..]);
    world.stack.function("password").await;
    world.stack.recorder().clear();
    refused(&world, reset_password(&mistaken, NEW_PASSWORD), 400, "invalid").await;
    assert_eq!(world.stack.recorder().requests().len(), 0, "the check character tells");
    world.guess_codes("127.0.113.7").await;
    let guess = |address: &str| reset_password(&code, NEW_PASSWORD).source_ip(address);
    let refusal = world.stack.send(guess("127.0.113.7")).await;
    assert_eq!((refusal.status, refusal.json()["code"].as_str()), (429, Some("throttled")));
    assert_eq!(world.stack.send(guess("127.0.100.7")).await.status, 204, "other networks go on");
}

#[tokio::test]
async fn no_code_is_made_for_a_deactivated_user() {
    let (world, _, ruth) = with_ruth().await;
    assert_eq!(world.stack.send(patch("ada", &json!({"status": "inactive"})).bearer(&ruth.access)).await.status, 200);
    let request = Request::post(&admin_user("ada", "reset-codes")).bearer(&ruth.access);
    refused(&world, request, 409, "inactive").await;
}

#[tokio::test]
async fn staff_make_no_code_for_themselves_since_a_new_password_takes_the_old_one() {
    let world = World::start().await;
    let ruth = world.superuser("ruth").await;
    let request = Request::post(&admin_user("ruth", "reset-codes")).bearer(&ruth.access);
    refused(&world, request, 409, "own_account").await;
}

#[tokio::test]
async fn a_code_is_worthless_as_soon_as_its_maker_is_no_superuser_any_more() {
    let (world, _, ruth) = with_ruth().await;
    let code = make_reset_code(&world, "ada", &ruth).await;
    world.set_staff("ruth", false).await;
    worthless(&world, &code, "its maker was demoted").await;
    world.set_staff("ruth", true).await;
    assert_eq!(world.stack.send(reset_password(&code, NEW_PASSWORD)).await.status, 204);
}

#[tokio::test]
async fn a_deletion_by_staff_leaves_a_tombstone_and_two_acts_without_a_name() {
    let (world, ada, ruth) = with_ruth().await;
    assert_eq!(world.stack.send(chat().bearer(&ada.access)).await.status, 200);
    world.make_api_key(&ada.access).await;
    let id = world.user_id("ada").await;
    refused(&world, Request::delete(&admin_user("ada", "")).bearer(&ruth.access), 400, "invalid").await;
    assert_eq!(world.stack.send(delete("ada").bearer(&ruth.access)).await.status, 204);
    assert_worthless(&world, &ada.access).await;
    let items = world.items().await;
    let left: BTreeSet<&str> = items
        .iter()
        .filter(|(key, _)| key.starts_with(&format!("\"USER#{id}")))
        .map(|(_, item)| item["sk"]["S"].as_str().unwrap())
        .collect();
    assert_eq!(left, ["TOMBSTONE"].into());
    let acts = acts(&world).await;
    assert_eq!(words(&acts)[acts.len() - 2..], ["begin_deletion", "end_deletion"]);
    for act in &acts[acts.len() - 2..] {
        assert_eq!(
            (act["subject"]["S"].as_str(), act.to_string().contains("ada")),
            (Some(id.as_str()), false),
            "{act}"
        );
    }
    assert_eq!(world.stack.send(register("ada", PASSWORD)).await.status, 201);
    refused(&world, Request::get(&admin_user(&id, "")).bearer(&ruth.access), 404, "not_found").await;
}

#[tokio::test]
async fn a_deletion_by_staff_that_fails_half_way_goes_on_with_the_same_request_and_not_with_the_users() {
    let (world, ada, ruth) = with_ruth().await;
    assert_eq!(world.stack.send(chat().bearer(&ada.access)).await.status, 200);
    world.stack.recorder().fail_next("BatchWriteItem", Fault::NotApplied, 3);
    assert_eq!(world.stack.send(delete("ada").bearer(&ruth.access)).await.status, 503);
    world.stack.recorder().forget_faults();
    for request in [patch("ada", &json!({"status": "active"})), Request::post(&admin_user("ada", "end-keys"))] {
        refused(&world, request.bearer(&ruth.access), 409, "deletion_in_progress").await;
    }
    refused(&world, delete_account(PASSWORD).bearer(&ada.access), 401, "token_not_valid").await;
    let listed = Request::get("/admin/users/").query("status", "deleting").bearer(&ruth.access);
    assert_eq!(world.stack.send(listed).await.json()["users"][0]["username"], "ada");
    assert_eq!(world.stack.send(delete("ada").bearer(&ruth.access)).await.status, 204);
    let acts = acts(&world).await;
    let of_deletion: Vec<&str> = words(&acts).into_iter().filter(|word| word.ends_with("_deletion")).collect();
    assert_eq!(of_deletion, ["begin_deletion", "end_deletion"]);
}

#[tokio::test]
async fn a_deletion_that_a_user_began_is_the_users() {
    let (world, ada, ruth) = with_ruth().await;
    assert_eq!(world.stack.send(chat().bearer(&ada.access)).await.status, 200);
    world.stack.recorder().fail_next("BatchWriteItem", Fault::NotApplied, 3);
    assert_eq!(world.stack.send(delete_account(PASSWORD).bearer(&ada.access)).await.status, 503);
    world.stack.recorder().forget_faults();
    refused(&world, delete("ada").bearer(&ruth.access), 409, "deletion_in_progress").await;
    assert_eq!(world.stack.send(delete_account(PASSWORD).bearer(&ada.access)).await.status, 204);
    assert!(words(&acts(&world).await).iter().all(|word| !word.ends_with("_deletion")));
}

#[tokio::test]
async fn an_account_tells_its_own_user_that_it_is_staff() {
    let (world, ada, ruth) = with_ruth().await;
    let show = |tokens: &Tokens| Request::get("/account/").bearer(&tokens.access);
    assert_eq!(world.stack.send(show(&ruth)).await.json()["staff"], true);
    assert_eq!(world.stack.send(show(&ada)).await.json().get("staff"), None);
}

/// A name of an id's shape belongs to nobody who registers today. One of earlier days is found if no user has the id.
#[tokio::test]
async fn an_id_wins_over_a_name() {
    let (world, _, ruth) = with_ruth().await;
    let id = world.user_id("ada").await;
    world.register(&id, 5).await;
    let seen = world.stack.send(Request::get(&admin_user(&id, "")).bearer(&ruth.access)).await.json();
    assert_eq!(seen["username"], "ada");
    let nobodys = "01ARZ3NDEKTSV4RRFFQ69G5FAV";
    world.register(nobodys, 5).await;
    let seen = world.stack.send(Request::get(&admin_user(nobodys, "")).bearer(&ruth.access)).await.json();
    assert_eq!(seen["username"], nobodys);
}

/// A message in flight when its user is deleted stores nothing.
#[tokio::test]
async fn a_deletion_by_staff_during_a_chat_leaves_nothing_behind() {
    let (world, ada) = World::with_ada(100, &[("DUMMY_DELAY_MS", "1500")]).await;
    let ruth = world.superuser("ruth").await;
    let id = world.user_id("ada").await;
    world.stack.function("chat").await;
    let deletion = async {
        world.until_asked("UpdateItem").await;
        world.stack.send(delete("ada").bearer(&ruth.access)).await
    };
    let (chat, deleted) = tokio::join!(world.stack.send(chat().bearer(&ada.access)), deletion);
    assert_eq!((chat.status, deleted.status), (503, 204), "{chat:?}");
    let items = world.items().await;
    let left = items.keys().filter(|key| key.starts_with(&format!("\"USER#{id}"))).count();
    assert_eq!(left, 1, "the tombstone");
}
