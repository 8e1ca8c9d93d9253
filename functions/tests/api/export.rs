//! `/export/`: everything of a user, and nothing of others.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use testkit::gateway::Request;

use crate::requests::{
    FIRST_CONVERSATION, completion_body, delete_conversation, make_conversation, message, message_in, messages_of,
};
use crate::world::{Tokens, World};

/// The lines of all pages, which are asked for one after the other.
async fn export(world: &World, access: &str) -> Vec<Value> {
    let (mut lines, mut next) = (Vec::new(), None::<String>);
    loop {
        let request = Request::get("/export/").bearer(access);
        let request = match &next {
            Some(cursor) => request.query("cursor", cursor),
            None => request,
        };
        let page = world.stack.send(request).await;
        assert_eq!((page.status, &*page.headers["content-type"]), (200, "application/x-ndjson"), "{page:?}");
        lines.extend(page.body.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()));
        let end = lines.pop().unwrap();
        assert_eq!(end["type"], "page");
        match end["next"].as_str() {
            Some(cursor) => next = Some(cursor.to_owned()),
            None => return lines,
        }
    }
}

fn of_type<'a>(lines: &'a [Value], kind: &str) -> Vec<&'a Value> {
    lines.iter().filter(|line| line["type"] == kind).collect()
}

/// `line` without the members of the export.
fn without(line: &Value, members: &[&str]) -> Value {
    let mut line = line.clone();
    line.as_object_mut().unwrap().retain(|name, _| name != "type" && !members.contains(&name.as_str()));
    line
}

/// Ada talks in two conversations and deletes a third, has a program that stores, an API key and two sessions. Grace talks too.
async fn live(world: &World, ada: &Tokens) {
    world.log_in("ada").await;
    let api_key = world.make_api_key(&ada.access).await;
    let send = async |request: Request| {
        let response = world.stack.send(request).await;
        assert!(response.status < 300, "{response:?}");
        response
    };
    let mut ids = Vec::new();
    for title in ["Kept", "Deleted"] {
        let made = send(make_conversation(title).bearer(&ada.access)).await.json();
        ids.push(made["id"].as_str().unwrap().to_owned());
    }
    send(message("in the first").bearer(&ada.access)).await;
    send(message_in(&ids[0], &"in another ".repeat(300)).bearer(&ada.access)).await;
    send(message_in(&ids[1], "in the deleted").bearer(&ada.access)).await;
    let mut body = completion_body(false);
    body["store"] = json!(true);
    send(Request::post("/v1/chat/completions").json(&body).bearer(&api_key.key)).await;
    send(delete_conversation(&ids[1]).bearer(&ada.access)).await;
    world.register("grace", 10).await;
    let grace = world.log_in("grace").await.access;
    send(message("of grace").bearer(&grace)).await;
}

#[tokio::test]
async fn an_export_has_what_the_lists_show_and_nothing_of_others() {
    let (world, ada) = World::with_ada(10, &[]).await;
    live(&world, &ada).await;
    let lines = export(&world, &ada.access).await;
    let list = async |path: &str, member: &str| {
        let page = world.stack.send(Request::get(path).bearer(&ada.access)).await.json();
        let mut listed = page[member].as_array().unwrap().clone();
        listed.reverse();
        listed
    };
    let account = world.stack.send(Request::get("/account/").bearer(&ada.access)).await.json();
    assert_eq!(lines[0]["type"], "account");
    for member in ["username", "created_at", "tokens"] {
        assert_eq!(lines[0][member], account[member]);
    }
    for (kind, path, member) in [
        ("conversation", "/conversations/", "conversations"),
        ("message", "/messages/", "messages"),
        ("transaction", "/transactions/", "transactions"),
    ] {
        let more: &[&str] = if kind == "message" { &["conversation"] } else { &[] };
        let exported: Vec<Value> = of_type(&lines, kind).into_iter().map(|line| without(line, more)).collect();
        assert_eq!(exported, list(path, member).await, "{kind}");
    }
    for (kind, path, member) in [("session", "/sessions/", "sessions"), ("key", "/keys/", "keys")] {
        let mut exported: Vec<Value> = of_type(&lines, kind).into_iter().map(|line| without(line, &[])).collect();
        exported.reverse();
        assert_eq!(exported, list(path, member).await, "{kind}");
    }
    assert_eq!(of_type(&lines, "network").len(), 1);
    let in_first = world.stack.send(messages_of(FIRST_CONVERSATION).bearer(&ada.access)).await.json();
    let exported: Vec<Value> = of_type(&lines, "message")
        .into_iter()
        .filter(|line| line["conversation"] == FIRST_CONVERSATION)
        .map(|line| without(line, &["conversation"]))
        .collect();
    assert_eq!(json!(exported), in_first["messages"]);
    let of_programs = of_type(&lines, "message").into_iter().filter(|line| line["conversation"].is_null()).count();
    assert_eq!((of_type(&lines, "message").len(), of_programs), (3, 1));
    let all = json!(lines).to_string();
    assert!(!all.contains("of grace") && !all.contains("in the deleted"), "{all}");
}

#[tokio::test]
async fn an_export_has_no_secret_of_the_table() {
    let (world, ada) = World::with_ada(10, &[]).await;
    live(&world, &ada).await;
    let all = json!(export(&world, &ada.access).await).to_string();
    let mut secrets = BTreeSet::new();
    for item in world.items().await.into_values() {
        let partition = item["pk"]["S"].as_str().unwrap();
        secrets.extend(partition.strip_prefix("APIKEY#").map(str::to_owned));
        for name in ["password_hash", "refresh_token_id"] {
            secrets.extend(item[name]["S"].as_str().map(str::to_owned));
        }
    }
    // The digest of a key, the hash of the password that all have, and the tokens of three sessions.
    assert_eq!(secrets.len(), 1 + 1 + 3, "{secrets:?}");
    for secret in secrets {
        assert!(!all.contains(&secret), "{secret}");
    }
}

#[tokio::test]
async fn an_export_goes_on_with_another_access_token_and_with_what_came_meanwhile() {
    let (world, ada) = World::with_ada(100, &[]).await;
    let long = "x".repeat(60 * 1024);
    for number in 0..20 {
        let said = message(&format!("{number} {long}")).bearer(&ada.access);
        assert_eq!(world.stack.send(said).await.status, 200);
    }
    let first = world.stack.send(Request::get("/export/").bearer(&ada.access)).await;
    let last: Value = serde_json::from_str(first.body.lines().last().unwrap()).unwrap();
    let next = last["next"].as_str().unwrap();
    assert_eq!(world.stack.send(message("late").bearer(&ada.access)).await.status, 200);
    let other = world.log_in("ada").await.access;
    let mut said = Vec::new();
    for access in [&ada.access, &other] {
        let request = Request::get("/export/").query("cursor", next).bearer(access);
        let second = world.stack.send(request).await;
        let lines: Vec<Value> = second.body.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(lines.last().unwrap(), &json!({"type": "page", "next": null}));
        said.push(of_type(&lines, "message").iter().map(|line| line["message"].clone()).collect::<Vec<_>>());
    }
    assert_eq!(said[0], said[1], "the same page");
    let on_first = first.body.lines().filter(|line| line.starts_with(r#"{"type":"message""#)).count();
    assert_eq!((on_first + said[0].len(), said[0].last().unwrap()), (21, &json!("late")));
    world.register("grace", 10).await;
    let grace = world.log_in("grace").await.access;
    let of_another = world.stack.send(Request::get("/export/").query("cursor", next).bearer(&grace)).await;
    assert_eq!(of_another.status, 400);
}

#[tokio::test]
async fn a_retention_hides_texts_from_lists_and_exports_and_the_audit_erases_them() {
    let (world, ada) = World::with_ada(10, &[("MESSAGE_RETENTION_DAYS", "1")]).await;
    for text in ["old", "young"] {
        assert_eq!(world.stack.send(message(text).bearer(&ada.access)).await.status, 200);
    }
    make_old(&world, "old").await;
    let shown = async |path: &str| {
        let page = world.stack.send(Request::get(path).bearer(&ada.access)).await.json();
        page["messages"].as_array().unwrap().iter().map(|message| message["message"].clone()).collect::<Vec<_>>()
    };
    for path in ["/messages/", &format!("/conversations/{FIRST_CONVERSATION}/messages/")] {
        assert_eq!(shown(path).await, ["young"], "{path}");
    }
    let lines = export(&world, &ada.access).await;
    assert_eq!((of_type(&lines, "transaction").len(), of_type(&lines, "message").len()), (3, 1));
    let report = world.stack.invoke("audit", &json!({})).await.unwrap();
    assert_eq!((&report["finished"], &report["erased"], &report["unsettled"]), (&json!(true), &json!(1), &json!(0)));
    let items = world.items().await;
    let is_message = |item: &&Value| item["sk"]["S"].as_str().unwrap().starts_with("MESSAGE#");
    assert_eq!(items.values().filter(is_message).count(), 1);
    assert_eq!(world.entries().await.len(), 3);
}

/// Gives a stored message an id of two days ago, as if it had been stored then, without a retention.
async fn make_old(world: &World, text: &str) {
    use shared::domain::ids::EntryId;
    let old = EntryId::new(&crate::world::days_ago(2)).to_string();
    let table = world.stack.table();
    let items = world.items().await;
    let is_meant = |item: &&Value| item["texts"]["M"]["message"]["S"] == text;
    let message = items.values().find(is_meant).unwrap();
    let id = message["sk"]["S"].as_str().unwrap().rsplit('#').next().unwrap();
    for item in items.values().filter(|item| item["sk"]["S"].as_str().unwrap().ends_with(id)) {
        let mut moved = item.clone();
        moved["sk"] = json!({"S": item["sk"]["S"].as_str().unwrap().replace(id, &old)});
        for name in ["expires_at", "texts_until"] {
            moved.as_object_mut().unwrap().remove(name);
        }
        table.call("PutItem", &json!({"TableName": table.name(), "Item": moved})).await.unwrap();
        let key = json!({"pk": item["pk"], "sk": item["sk"]});
        table.call("DeleteItem", &json!({"TableName": table.name(), "Key": key})).await.unwrap();
    }
}
