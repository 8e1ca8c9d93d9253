//! The functions' roles in template.yaml. Every test checks that no role is too narrow: the recorder before DynamoDB
//! refuses a request that the function's role does not allow, and the test fails. The test here checks that no role is
//! too wide.

use std::collections::BTreeSet;
use std::time::{Duration, SystemTime};

use serde_json::{Value, json};
use shared::identity::sessions::MAX_SESSIONS;
use testkit::gateway::{Payload, Request, Response};
use testkit::recorder::Fault;
use testkit::role::{Permission, Role};
use testkit::template::Template;
use wiremock::matchers::method;
use wiremock::{Mock, MockServer};

use crate::providers;
use crate::requests::{
    EMBEDDINGS, FIRST_CONVERSATION, admin_user, anthropic_message, balance, bulk_grant, catalogue_with_embeddings,
    change_api_key, change_password, chat, completion, delete_account, delete_conversation, embeddings, end_api_key,
    end_session, give, log_in, make_conversation, make_vouchers, message_in, messages_of, quote, receipt, redeem,
    refresh, register, register_invited, rename_conversation, reset_password, response, set_accepting, text_completion,
    verify,
};
use crate::world::{PASSWORD, Tokens, World};

const NEW_PASSWORD: &str = "an even better horse";

async fn ask(world: &World, status: u16, request: Request) -> Response {
    let asked = format!("{} {}", request.method(), request.path());
    let response = world.stack.send(request).await;
    assert_eq!(response.status, status, "{asked}: {response:?}");
    response
}

/// Registers and logs in, through the endpoints.
async fn arrive(world: &World, username: &str) -> Tokens {
    ask(world, 201, register(username, PASSWORD)).await;
    let tokens = ask(world, 200, log_in(username, PASSWORD)).await.json();
    let token = |name: &str| tokens[name].as_str().unwrap().to_owned();
    Tokens { access: token("access_token"), refresh: token("refresh_token") }
}

/// Changes items in the table, past the API.
async fn change(world: &World, sort: &str, is_meant: impl Fn(&Value) -> bool, edit: impl Fn(&mut Value)) {
    let table = world.stack.table();
    let meant = table.items().await.into_iter().filter(|item| item["sk"]["S"] == sort && is_meant(item));
    let meant: Vec<Value> = meant.collect();
    assert!(!meant.is_empty(), "{sort}");
    for mut item in meant {
        edit(&mut item);
        table.call("PutItem", &json!({"TableName": table.name(), "Item": item})).await.unwrap();
    }
}

/// Lets the entries of an account be summed by whoever comes next, as if it had been sealed a minute ago.
async fn seal(world: &World, username: &str) {
    let entries = world.entries_of(&world.user_id(username).await).await;
    let newest = entries.last().unwrap()["sk"]["S"].as_str().unwrap().strip_prefix("ENTRY#").unwrap().to_owned();
    let is_meant = |item: &Value| item["username"]["S"] == username;
    change(world, "ACCOUNT", is_meant, |item| {
        item["sealed_to"] = json!({"S": newest});
        item["sealed_at"] = json!({"N": "1"});
    })
    .await;
}

/// The requests of a person for whom nothing fails but a capture.
async fn live(world: &World, ada: &Tokens) {
    for path in [
        "/token_balance/",
        "/transactions/",
        "/usage/",
        "/messages/",
        "/export/",
        "/v1/models",
        "/sessions/",
        "/account/",
        "/keys/",
    ] {
        ask(world, 200, Request::get(path).bearer(&ada.access)).await;
    }
    let listed = ask(world, 200, Request::get("/transactions/").bearer(&ada.access)).await.json();
    let id = listed["transactions"][0]["id"].as_str().unwrap();
    ask(world, 200, receipt(id).bearer(&ada.access)).await;
    for keys in ["/.well-known/jwks.json", "/.well-known/receipt-keys.json"] {
        ask(world, 200, Request::get(keys)).await;
    }
    for token in [&ada.access, &ada.refresh] {
        ask(world, 200, verify(token)).await;
    }
    for (request, key) in [
        (chat(), "one"),
        (completion(false), "another"),
        (anthropic_message(false), "a-third"),
        (text_completion(false), "a-fourth"),
        (response(false), "a-fifth"),
    ] {
        leave_a_hold(world, "ada").await;
        ask(world, 200, request.clone().bearer(&ada.access)).await;
        // With an idempotency key and twice: the second answer comes from the record.
        for _ in 0..2 {
            ask(world, 200, request.clone().bearer(&ada.access).header("Idempotency-Key", key)).await;
        }
        // The answers to the capture are lost, and the entry tells that it succeeded.
        world.stack.recorder().fail_next("TransactWriteItems", Fault::AnswerLost, 3);
        ask(world, 200, request.bearer(&ada.access)).await;
        world.stack.recorder().forget_faults();
    }
    seal(world, "ada").await;
    ask(world, 200, Request::get("/usage/").bearer(&ada.access)).await;
    ask(world, 204, change_password(PASSWORD, NEW_PASSWORD).bearer(&ada.access)).await;
}

/// The requests of somebody with conversations, who deletes the one that has a long message.
async fn have_conversations(world: &World, access: &str) {
    let made = ask(world, 201, make_conversation("My holidays").bearer(access)).await.json();
    let id = made["id"].as_str().unwrap();
    for request in [
        Request::get("/conversations/"),
        rename_conversation(id, "My journeys"),
        message_in(id, &"x".repeat(2000)),
        messages_of(id),
        messages_of(FIRST_CONVERSATION),
    ] {
        ask(world, 200, request.bearer(access)).await;
    }
    ask(world, 204, delete_conversation(id).bearer(access)).await;
}

/// The requests of programs, and those that make and end their API keys.
async fn have_a_program(world: &World, ada: &Tokens) {
    let made = world.make_api_key(&ada.access).await;
    let of_doors = [chat(), completion(false), text_completion(false), response(false), anthropic_message(false)];
    let told = ["/v1/models", "/v1/key", "/v1/credits"].map(Request::get);
    for request in of_doors.clone().into_iter().chain([quote(), balance()]).chain(told) {
        ask(world, 200, request.bearer(&made.key)).await;
    }
    // With a budget: each function reads and writes its item.
    let budget = json!({"budget": {"credits": 50, "per": "total"}});
    ask(world, 200, change_api_key(&made.id, &budget).bearer(&ada.access)).await;
    for request in of_doors.into_iter().chain([Request::get("/v1/key")]) {
        // The first request finds the budget, because the function has remembered the key without it.
        for _ in 0..2 {
            ask(world, 200, request.clone().bearer(&made.key)).await;
        }
    }
    for path in ["/keys/", "/export/"] {
        ask(world, 200, Request::get(path).bearer(&ada.access)).await;
    }
    let ended = world.make_api_key(&ada.access).await;
    ask(world, 204, end_api_key(&ended.id).bearer(&ada.access)).await;
    // Making a key deletes those that have expired by the list too.
    let expired = world.make_api_key(&ada.access).await;
    change(
        world,
        "APIKEYS",
        |item| !item["api_keys"]["M"][&expired.id].is_null(),
        |item| {
            item["api_keys"]["M"][&expired.id]["M"]["expires_at"] = json!({"N": "1"});
        },
    )
    .await;
    world.make_api_key(&ada.access).await;
}

/// Logs in beyond the largest number of sessions, and ends sessions in every way.
async fn come_and_go(world: &World) {
    world.register("grace", 100).await;
    let mut sessions = Vec::new();
    for _ in 0..MAX_SESSIONS {
        sessions.push(world.log_in("grace").await);
    }
    ask(world, 200, log_in("grace", PASSWORD)).await;
    let one = sessions.pop().unwrap();
    let list = ask(world, 200, Request::get("/sessions/").bearer(&one.access)).await.json();
    let others = list["sessions"].as_array().unwrap().iter().filter(|session| session["current"] == false);
    let other = others.map(|session| session["id"].as_str().unwrap()).next().unwrap();
    ask(world, 204, end_session(other).bearer(&one.access)).await;
    let two = sessions.pop().unwrap();
    world.make_api_key(&one.access).await;
    assert_eq!(world.log_out(&two, false).await.status, 204);
    let everything = json!({"refresh": one.refresh, "everywhere": true, "keys": true});
    ask(world, 204, Request::post("/logout/").json(&everything)).await;
}

/// Replaces refresh tokens and uses an old one again, after the signing secret has changed.
async fn rotate() -> BTreeSet<Permission> {
    let secret = "another secret of at least thirty-two characters";
    let world = World::start_with(&[("ROTATE_REFRESH_TOKENS", "true"), ("JWT_SIGNING_SECRET", secret)]).await;
    world.register("ada", 1).await;
    let first = world.log_in("ada").await.refresh;
    let next = async |token: &str| {
        let answer = ask(&world, 200, refresh(token)).await.json();
        answer["refresh_token"].as_str().unwrap().to_owned()
    };
    let second = next(&first).await;
    next(&second).await;
    ask(&world, 401, refresh(&first)).await;
    world.stack.recorder().used_permissions()
}

/// Messages to a model that reads earlier messages, whose texts are apart, and to one that fails.
async fn remember() -> BTreeSet<Permission> {
    let (provider, chatting) = providers::with_openai(&[]).await;
    providers::answer(&provider, providers::says(&json!({"content": "Hi"}))).await;
    for message in ["x".repeat(2000).as_str(), "Hello"] {
        ask(&chatting.world, 200, chatting.message(message)).await;
    }
    providers::answer(&provider, providers::refuses(500)).await;
    ask(&chatting.world, 502, chatting.message("Hello")).await;
    ask(&chatting.world, 502, chatting.completion(false)).await;
    ask(&chatting.world, 502, chatting.anthropic_message(false)).await;
    ask(&chatting.world, 502, chatting.text_completion(false)).await;
    ask(&chatting.world, 502, chatting.response(false)).await;
    chatting.world.stack.recorder().used_permissions()
}

/// Vectors: for a person whose account has an expired hold, for a program, with a key, of the longest that are kept, with
/// captures that fail, and of a model that fails.
async fn embed() -> BTreeSet<Permission> {
    let (world, ada) = World::with_ada(100_000, &[]).await;
    let provider = MockServer::start().await;
    Mock::given(method("POST")).respond_with(providers::refuses(500)).mount(&provider).await;
    let mut catalogue = catalogue_with_embeddings();
    catalogue["providers"]["p"] = json!({"protocol": "openai", "base_url": provider.uri()});
    let fails = json!({"id": "fails", "provider": "p", "takes": ["embeddings"]});
    let mut failing = catalogue["models"][1].clone();
    failing.as_object_mut().unwrap().extend(fails.as_object().unwrap().clone());
    catalogue["models"].as_array_mut().unwrap().push(failing);
    world.put_catalogue(Some(&catalogue)).await;
    leave_a_hold(&world, "ada").await;
    ask(&world, 200, embeddings().bearer(&ada.access)).await;
    let made = world.make_api_key(&ada.access).await;
    for _ in 0..2 {
        ask(&world, 200, embeddings().bearer(&made.key).header("Idempotency-Key", "short")).await;
    }
    let budget = json!({"budget": {"credits": 5000, "per": "day"}});
    ask(&world, 200, change_api_key(&made.id, &budget).bearer(&ada.access)).await;
    for _ in 0..2 {
        ask(&world, 200, embeddings().bearer(&made.key)).await;
    }
    let long = json!({"model": "dummy-embeddings", "input": "Hello", "dimensions": 1536});
    let long = || Request::post(EMBEDDINGS).json(&long).bearer(&ada.access);
    for _ in 0..2 {
        ask(&world, 200, long().header("Idempotency-Key", "long")).await;
    }
    world.stack.recorder().fail_next("TransactWriteItems", Fault::AnswerLost, 3);
    ask(&world, 200, long()).await;
    world.stack.recorder().forget_faults();
    let fails = json!({"model": "fails", "input": "Hello"});
    ask(&world, 502, Request::post(EMBEDDINGS).json(&fails).bearer(&ada.access)).await;
    world.stack.recorder().used_permissions()
}

/// A superuser gives credits to a person with an expired hold, and grants by files: one is driven by its request, and one by the
/// schedule.
async fn grant(world: &World) {
    let staff = world.superuser("rosa").await.access;
    world.register("noether", 10).await;
    leave_a_hold(world, "noether").await;
    ask(world, 201, give("noether", 5, "from-rosa").bearer(&staff)).await;
    let made = ask(world, 201, bulk_grant("row,noether,5,A course\n").bearer(&staff)).await.json();
    ask(world, 200, Request::get("/admin/jobs/").bearer(&staff)).await;
    ask(world, 200, Request::get(&format!("/admin/jobs/{}/", made["id"].as_str().unwrap())).bearer(&staff)).await;

    let event =
        bulk_grant("other,noether,5,A course\n").bearer(&staff).to_resource("/admin/jobs").to_event(Payload::V1);
    let hardly_any_time = SystemTime::now() + Duration::from_secs(4);
    world.stack.function("admin-money").await.invoke_with_deadline(&event, hardly_any_time).await.unwrap();
    let is_open = |item: &Value| item["state"]["S"] == "running";
    let items = world.stack.table().items().await;
    let sort = items.iter().find(|item| is_open(item)).unwrap()["sk"]["S"].as_str().unwrap();
    change(world, sort, is_open, |item| item["touched_at"] = json!({"N": "1"})).await;
    leave_a_hold(world, "noether").await;
    assert_eq!(world.stack.invoke("jobs", &json!({})).await.unwrap(), json!({"ended": 1, "open": 0}));
}

/// Leaves an expired hold in an account, as a process does that was killed.
async fn leave_a_hold(world: &World, username: &str) {
    let hold = json!({"M": {
        "id": {"S": "01ARZ3NDEKTSV4RRFFQ69G5FAV"}, "amount": {"N": "0"}, "expires_at": {"N": "1"},
    }});
    let is_meant = |item: &Value| item["username"]["S"] == username;
    change(world, "ACCOUNT", is_meant, |item| item["holds"]["M"]["01ARZ3NDEKTSV4RRFFQ69G5FAV"] = hold.clone()).await;
}

/// Grants credits, deactivates and activates an account, runs the audit, and deletes accounts: one by its user, and one
/// that the audit has to finish.
async fn operate(world: &World, ada: &Tokens) {
    let operator = async |event: Value| world.stack.invoke("operator", &event).await.unwrap();
    operator(json!({"action": "show", "username": "ada"})).await;
    seal(world, "ada").await;
    let summed = operator(json!({"action": "sum_again", "username": "ada"})).await;
    assert!(summed["finished"] == true && summed["entries"].as_u64() > Some(0), "{summed}");
    operator(json!({"action": "accepting", "accepting": true, "reason": "Nothing was stopped"})).await;
    operator(json!({"action": "accepting"})).await;
    operator(json!({"action": "catalogue"})).await;
    operator(json!({"action": "catalogue", "replace": null, "version": 0})).await;
    leave_a_hold(world, "ada").await;
    for _ in 0..2 {
        let reason = "She fell ill";
        let grant =
            json!({"action": "grant", "username": "ada", "amount": 5, "reason": reason, "grant_id": "get-well"});
        operator(grant).await;
    }
    let refreshed = ask(world, 200, refresh(&ada.refresh)).await.json();
    let delete = delete_account(NEW_PASSWORD);
    ask(world, 204, delete.bearer(refreshed["access_token"].as_str().unwrap())).await;

    let mary = arrive(world, "mary").await;
    world.make_api_key(&mary.access).await;
    ask(world, 200, chat().bearer(&mary.access)).await;
    world.stack.recorder().fail_next("BatchWriteItem", Fault::NotApplied, 3);
    ask(world, 503, delete_account(PASSWORD).bearer(&mary.access)).await;
    world.stack.recorder().forget_faults();
    let is_being_deleted = |item: &Value| !item["deletion_began_at"].is_null();
    change(world, "ACCOUNT", is_being_deleted, |item| item["deletion_began_at"] = json!({"N": "1"})).await;
    // The balance of this account does not match its entries.
    let eve = arrive(world, "eve").await;
    have_conversations(world, &eve.access).await;
    let markers =
        world.stack.table().items().await.into_iter().map(|item| item["sk"]["S"].as_str().unwrap().to_owned());
    let marker = markers.into_iter().find(|sort| sort.starts_with("GONE#")).unwrap();
    change(world, &marker, |_| true, |item| item["deleted_at"] = json!({"N": "1"})).await;
    change(world, "ACCOUNT", |item| item["username"]["S"] == "eve", |item| item["balance"] = json!({"N": "7"})).await;
    seal(world, "eve").await;
    for action in ["deactivate", "activate", "promote", "demote"] {
        operator(json!({"action": action, "username": "eve"})).await;
    }
    // A superuser who deletes the own account while another one stays.
    let ruth = arrive(world, "ruth").await;
    for username in ["eve", "ruth"] {
        operator(json!({"action": "promote", "username": username})).await;
    }
    ask(world, 204, delete_account(PASSWORD).bearer(&ruth.access)).await;
    let audit = world.stack.function("audit").await;
    let hardly_any_time = SystemTime::now() + Duration::from_secs(5);
    assert_eq!(audit.invoke_with_deadline(&json!({}), hardly_any_time).await.unwrap()["finished"], false);
    let report = audit.invoke(&json!({})).await.unwrap();
    let items = world.stack.table().items().await;
    let left = items.iter().filter(|item| item["sk"]["S"] == "ACCOUNT" && item["status"]["S"] == "deleting");
    let logs = || world.stack.logs().lines().filter(|line| line.contains("deletion")).collect::<Vec<_>>().join("\n");
    assert_eq!(left.count(), 0, "{report}\n{}", logs());
    assert_eq!((&report["finished"], report["mismatches"].as_array().unwrap().len()), (&json!(true), 1), "{report}");
    assert!(!items.iter().any(|item| item["sk"]["S"] == marker), "{report}");
}

/// Staff who make vouchers, look at them and end them, and people who redeem one and register by another.
async fn use_vouchers(world: &World) {
    let staff = arrive(world, "rosalind").await.access;
    world.set_staff("rosalind", true).await;
    let make = async |terms: Value| {
        let made = ask(world, 201, make_vouchers(&terms).bearer(&staff)).await.json();
        (made["id"].as_str().unwrap().to_owned(), made["codes"][0].as_str().unwrap().to_owned())
    };
    let (id, code) = make(json!({"amount": 5})).await;
    let (_, invitation) = make(json!({"amount": 5, "kind": "invitation"})).await;
    ask(world, 200, redeem(&code).bearer(&staff)).await;
    ask(world, 201, register_invited("marie", &invitation)).await;
    ask(world, 200, Request::get("/admin/vouchers/").bearer(&staff)).await;
    let batch = format!("/admin/vouchers/{id}/");
    ask(world, 200, Request::get(&batch).bearer(&staff)).await;
    ask(world, 204, Request::delete(&batch).bearer(&staff)).await;
    world.set_staff("rosalind", false).await;
}

/// Whatever the API did to accounts, the directory lists them, and what deletions left.
async fn check_directory(world: &World) {
    let is_of_a_user = |item: &Value| item["sk"]["S"] == "ACCOUNT" || item["sk"]["S"] == "TOMBSTONE";
    let items = world.stack.table().items().await;
    let mut expected: Vec<&Value> = items.iter().filter(|item| is_of_a_user(item)).map(|item| &item["pk"]).collect();
    let query = json!({
        "TableName": world.stack.table().name(), "IndexName": "directory",
        "KeyConditionExpression": "directory = :users", "ExpressionAttributeValues": {":users": {"S": "DIR#AGE"}},
    });
    let found = world.stack.table().call("Query", &query).await.unwrap();
    let listed = found["Items"].as_array().unwrap();
    for item in listed {
        let keys: BTreeSet<&str> = item.as_object().unwrap().keys().map(String::as_str).collect();
        let of_account = BTreeSet::from(["directory", "directory_sort", "pk", "sk", "status", "username"]);
        let of_tombstone = BTreeSet::from(["directory", "directory_sort", "pk", "sk"]);
        let expected = if item["sk"]["S"] == "ACCOUNT" { of_account } else { of_tombstone };
        assert_eq!(keys.difference(&BTreeSet::from(["staff"])).copied().collect::<BTreeSet<_>>(), expected, "{item}");
        assert_eq!(item["pk"]["S"], format!("USER#{}", item["directory_sort"]["S"].as_str().unwrap()));
    }
    let mut found: Vec<&Value> = listed.iter().map(|item| &item["pk"]).collect();
    expected.sort_by_key(ToString::to_string);
    found.sort_by_key(ToString::to_string);
    assert_eq!(found, expected);
    let logins = check_directory_of_names(world, &items).await;
    assert_eq!(items.iter().filter(|item| item["directory"].is_object()).count(), found.len() + logins, "it is sparse");
    assert!(items.iter().any(|item| item["sk"]["S"] == "TOMBSTONE"));
}

/// All logins are listed by their names, with copies of what their accounts are. Returns how many there are.
async fn check_directory_of_names(world: &World, items: &[Value]) -> usize {
    let query = json!({
        "TableName": world.stack.table().name(), "IndexName": "directory",
        "KeyConditionExpression": "directory = :users", "ExpressionAttributeValues": {":users": {"S": "DIR#NAME"}},
    });
    let found = world.stack.table().call("Query", &query).await.unwrap();
    let listed = found["Items"].as_array().unwrap();
    for login in listed {
        assert_eq!(login["directory_sort"]["S"], login["username"]["S"].as_str().unwrap().to_lowercase(), "{login}");
        assert!(login["password_hash"].is_null() && login["networks"].is_null(), "{login}");
        let partition = format!("USER#{}", login["user_id"]["S"].as_str().unwrap());
        let account = items.iter().find(|item| item["sk"]["S"] == "ACCOUNT" && item["pk"]["S"] == partition).unwrap();
        assert_eq!(login["status"]["S"].as_str().unwrap_or("active"), account["status"]["S"], "{login}");
        let is_staff = |item: &Value| item["staff"]["BOOL"] == true;
        assert_eq!(is_staff(login), is_staff(account), "{login}");
    }
    assert_eq!(items.iter().filter(|item| item["sk"]["S"] == "LOGIN").count(), listed.len());
    listed.len()
}

/// Staff who look for people, look at one, change one, help one who lost a password and a device, and delete two: one that the
/// audit has to finish.
async fn look_after_people(world: &World) {
    let staff = arrive(world, "lise").await.access;
    world.set_staff("lise", true).await;
    let emmy = arrive(world, "emmy").await;
    world.make_api_key(&emmy.access).await;
    let ask_as_staff = async |status: u16, request: Request| ask(world, status, request.bearer(&staff)).await;
    for order in ["name", "newest"] {
        ask_as_staff(200, Request::get("/admin/users/").query("order", order)).await;
    }
    let path = |act: &str| admin_user("emmy", act);
    ask_as_staff(200, Request::get(&path(""))).await;
    for staff in [true, false] {
        ask_as_staff(200, Request::new("PATCH", &path("")).json(&json!({"staff": staff}))).await;
    }
    let made = ask_as_staff(201, Request::post(&path("reset-codes"))).await.json();
    ask(world, 204, reset_password(made["code"].as_str().unwrap(), NEW_PASSWORD)).await;
    ask_as_staff(204, Request::post(&path("end-sessions"))).await;
    ask_as_staff(204, Request::post(&path("end-keys"))).await;
    let delete = |user: &str| Request::delete(&admin_user(user, "")).json(&json!({"reason": "They asked for it"}));
    let hedy = arrive(world, "hedy").await;
    world.make_api_key(&hedy.access).await;
    world.stack.recorder().fail_next("BatchWriteItem", Fault::NotApplied, 3);
    ask_as_staff(503, delete("hedy")).await;
    world.stack.recorder().forget_faults();
    change(
        world,
        "ACCOUNT",
        |item| item["username"]["S"] == "hedy",
        |item| {
            item["deletion_began_at"] = json!({"N": "1"});
        },
    )
    .await;
    let irene = arrive(world, "irene").await;
    world.make_api_key(&irene.access).await;
    ask_as_staff(204, delete("irene")).await;
    world.set_staff("lise", false).await;
}

/// Staff who replace the catalogue, and look at what there is: acts, settings, health, the ledger of one and the usage of all.
async fn look_after_the_deployment(world: &World) {
    let staff = arrive(world, "barbara").await.access;
    world.set_staff("barbara", true).await;
    let version = ask(world, 200, Request::get("/admin/catalogue/").bearer(&staff)).await.json()["version"].clone();
    let replacement = json!({"catalogue": null, "version": version});
    ask(world, 200, Request::put("/admin/catalogue/").json(&replacement).bearer(&staff)).await;
    let document = json!({"catalogue": {}});
    ask(world, 200, Request::post("/admin/catalogue/check/").json(&document).bearer(&staff)).await;
    ask(world, 200, set_accepting(true).bearer(&staff)).await;
    let listed = ask(world, 200, Request::get("/admin/catalogue/versions/").bearer(&staff)).await.json();
    let newest = format!("/admin/catalogue/versions/{}/", listed["versions"][0]["version"]);
    for path in [
        newest.as_str(),
        "/admin/history/",
        "/admin/settings/",
        "/admin/health/",
        "/admin/users/barbara/transactions/",
        "/admin/users/barbara/usage/",
        "/admin/usage/",
    ] {
        ask(world, 200, Request::get(path).bearer(&staff)).await;
    }
    ask(world, 200, Request::get("/admin/history/").query("actor", "barbara").bearer(&staff)).await;
    world.set_staff("barbara", false).await;
}

#[tokio::test]
async fn every_permission_of_every_role_is_used() {
    let world = World::start().await;
    let ada = arrive(&world, "ada").await;
    have_a_program(&world, &ada).await;
    live(&world, &ada).await;
    come_and_go(&world).await;
    have_conversations(&world, &arrive(&world, "joan").await.access).await;
    use_vouchers(&world).await;
    look_after_people(&world).await;
    grant(&world).await;
    operate(&world, &ada).await;
    look_after_the_deployment(&world).await;
    check_directory(&world).await;
    let mut used = world.stack.recorder().used_permissions();
    used.extend(rotate().await);
    used.extend(remember().await);
    used.extend(embed().await);
    let functions = Template::of_workspace().unwrap().functions();
    let all: BTreeSet<Permission> =
        functions.iter().flat_map(|function| Role::of(function).unwrap().permissions()).collect();
    let unused: Vec<String> =
        all.difference(&used).map(|each| format!("{}: {} {}", each.function, each.action, each.partitions)).collect();
    assert!(unused.is_empty(), "nobody uses these:\n{}", unused.join("\n"));
}
