//! `/transactions/`: its conditions, its pages and its table, and the rules for pages that it shares with `/messages/`.

use serde_json::{Value, json};
use shared::domain::ids::EntryId;
use shared::domain::time::Timestamp;
use testkit::gateway::{Payload, Request, Response};

use crate::refusals::refused;
use crate::requests::{balance, catalogue_of_dummies, chat, completion_by};
use crate::world::{Tokens, World};

#[tokio::test]
async fn a_page_that_nobody_has_is_refused_and_says_which_parameter_is_wrong() {
    let world = World::start().await;
    for username in ["ada", "grace"] {
        world.register(username, 100).await;
    }
    let access = world.log_in("ada").await.access;
    let first = world.stack.send(Request::get("/transactions/").query("limit", "1").bearer(&access)).await;
    let cursor = first.json()["next"].as_str().unwrap().to_owned();
    let grace = world.log_in("grace").await.access;
    let tampered = cursor.replacen(|character: char| character.is_ascii_lowercase(), "_", 1);
    for (path, token, parameter, value) in [
        ("/transactions/", &grace, "cursor", cursor.as_str()),
        ("/messages/", &access, "cursor", &cursor),
        ("/transactions/", &access, "cursor", &tampered),
        ("/transactions/", &access, "cursor", ""),
        ("/messages/", &access, "cursor", "ÿ&limit=1"),
        ("/transactions/", &access, "limit", "0"),
        ("/transactions/", &access, "limit", "501"),
        ("/transactions/", &access, "from", "2026-11"),
        ("/transactions/", &access, "to", ""),
        ("/transactions/", &access, "kind", "void"),
        ("/transactions/", &access, "key", "sk-1"),
        ("/transactions/", &access, "model", " "),
        ("/messages/", &access, "limit", "101"),
        ("/messages/", &access, "limit", "ten"),
        ("/messages/", &access, "limit", ""),
    ] {
        let request = Request::get(path).query(parameter, value).bearer(token);
        let problem = refused(&world, request, 400, "invalid").await.json();
        assert_eq!(problem["errors"].as_object().unwrap().keys().collect::<Vec<_>>(), [parameter], "{problem}");
    }
    let both = Request::get("/messages/").query("limit", "x").query("cursor", "x").bearer(&access);
    assert_eq!(refused(&world, both, 400, "invalid").await.json()["errors"].as_object().unwrap().len(), 2);
}

fn transactions(access: &str, query: &[(&str, &str)]) -> Request {
    query
        .iter()
        .fold(Request::get("/transactions/").bearer(access), |request, (name, value)| request.query(name, value))
}

async fn listed(world: &World, access: &str, query: &[(&str, &str)]) -> Vec<Value> {
    let response = world.stack.send(transactions(access, query)).await;
    assert_eq!(response.status, 200, "{response:?}");
    response.json()["transactions"].as_array().unwrap().clone()
}

async fn ids(world: &World, access: &str, query: &[(&str, &str)]) -> Vec<Value> {
    listed(world, access, query).await.iter().map(|transaction| transaction["id"].clone()).collect()
}

/// The moment at which the id of a transaction was made.
fn made_at(transaction: &Value) -> Timestamp {
    EntryId::parse(transaction["id"].as_str().unwrap()).unwrap().made_at()
}

/// Ada asks two models, the second of which has an id that begins as a formula does, and one by an API key.
async fn ada_with_three_messages() -> (World, Tokens, String) {
    let (world, ada) = World::with_ada(100, &[]).await;
    world.put_catalogue(Some(&catalogue_of_dummies(&[("dummy", 1), ("@cf/dummy", 2)]))).await;
    let key = world.make_api_key(&ada.access).await;
    for request in [
        chat().bearer(&ada.access),
        completion_by("@cf/dummy", false).bearer(&ada.access),
        completion_by("dummy", false).bearer(&key.key),
    ] {
        assert_eq!(world.stack.send(request).await.status, 200);
    }
    (world, ada, key.id)
}

#[tokio::test]
async fn conditions_choose_by_model_kind_and_time() {
    let (world, ada, _) = ada_with_three_messages().await;
    let all = listed(&world, &ada.access, &[]).await;
    let [by_key, of_other_model, first, grant] = &all[..] else { panic!("{all:?}") };
    let expected = [(&json!("dummy"), &json!(-1)), (&json!("@cf/dummy"), &json!(-2))];
    assert_eq!([by_key, of_other_model].map(|it| (&it["model"], &it["tokens"])), expected);
    assert_eq!(first["conversation"], "00000000000000000000000000");
    assert!(of_other_model.get("conversation").is_none(), "{of_other_model}");
    let id = |transaction: &Value| transaction["id"].clone();
    assert_eq!(ids(&world, &ada.access, &[("model", "@cf/dummy")]).await, [id(of_other_model)]);
    assert_eq!(ids(&world, &ada.access, &[("kind", "grant")]).await, [id(grant)]);
    let [from, to] = [first, of_other_model].map(|it| made_at(it).to_string());
    let within = ids(&world, &ada.access, &[("from", &from), ("to", &to)]).await;
    assert_eq!(within, [id(of_other_model), id(first)]);
    let one = ids(&world, &ada.access, &[("from", &from), ("to", &to), ("model", "dummy")]).await;
    assert_eq!(one, [id(first)]);
    let today = &from[..10];
    assert!(!listed(&world, &ada.access, &[("from", today)]).await.is_empty());
    assert!(listed(&world, &ada.access, &[("from", "9999-01-01")]).await.is_empty());
    assert!(listed(&world, &ada.access, &[("from", &to), ("to", "2026-01-01")]).await.is_empty());
    assert_eq!(listed(&world, &ada.access, &[("unknown", "x"), ("limit", "500")]).await.len(), 4);
}

#[tokio::test]
async fn a_key_chooses_what_it_paid_for() {
    let (world, ada, key_id) = ada_with_three_messages().await;
    let entry = world.entries().await.into_iter().find(|entry| entry["model"]["S"] == "@cf/dummy").unwrap();
    let mut paid_by_key = entry.clone();
    paid_by_key["api_key"] = json!({"S": key_id});
    let table = world.stack.table();
    table.call("PutItem", &json!({"TableName": table.name(), "Item": paid_by_key})).await.unwrap();
    let of_key = listed(&world, &ada.access, &[("key", &key_id), ("model", "@cf/dummy")]).await;
    assert_eq!((of_key.len(), &of_key[0]["key_id"]), (1, &json!(key_id)));
    let other = world.make_api_key(&ada.access).await.id;
    assert!(listed(&world, &ada.access, &[("key", &other)]).await.is_empty());
}

/// The request of the page that the header `Link` of `response` leads to.
fn next_request(response: &Response, access: &str) -> Option<Request> {
    let link = response.headers.get("link")?;
    let query = link.strip_prefix("<?").and_then(|rest| rest.strip_suffix(">; rel=\"next\"")).unwrap();
    let pairs = form_urlencoded::parse(query.as_bytes());
    Some(
        pairs
            .fold(Request::get("/transactions/").bearer(access), |request, (name, value)| request.query(&name, &value)),
    )
}

#[tokio::test]
async fn the_link_leads_through_all_pages_of_the_same_conditions_in_both_forms() {
    let (world, ada, _) = ada_with_three_messages().await;
    let query = [("limit", "1"), ("model", "dummy"), ("from", "2026-01-01T00:00:00+01:00")];
    let expected = ids(&world, &ada.access, &query[1..]).await;
    assert_eq!(expected.len(), 2);
    for payload in [Payload::V1, Payload::V2] {
        for accept in ["application/json", "text/csv"] {
            let (mut found, mut next) = (Vec::new(), Some(transactions(&ada.access, &query)));
            while let Some(request) = next {
                let response = world.stack.send_as(request.header("Accept", accept), payload).await;
                assert_eq!(response.status, 200, "{response:?}");
                if accept == "text/csv" {
                    let rows = response.body.lines().skip(1);
                    found.extend(rows.map(|row| json!(row.split(',').next().unwrap())));
                } else {
                    let page = response.json();
                    assert_eq!(page["next"].is_null(), !response.headers.contains_key("link"));
                    found.extend(page["transactions"].as_array().unwrap().iter().map(|it| it["id"].clone()));
                }
                next = next_request(&response, &ada.access);
            }
            assert_eq!(found, expected, "{accept}");
        }
    }
}

#[tokio::test]
async fn a_cursor_of_other_conditions_is_refused() {
    let (world, ada, _) = ada_with_three_messages().await;
    let first = world.stack.send(transactions(&ada.access, &[("limit", "1"), ("model", "dummy")])).await;
    let cursor = first.json()["next"].as_str().unwrap().to_owned();
    for query in [&[][..], &[("model", "@cf/dummy")], &[("model", "dummy"), ("kind", "chat")]] {
        let query = [query, &[("cursor", &cursor)]].concat();
        let problem = refused(&world, transactions(&ada.access, &query), 400, "invalid").await.json();
        assert_eq!(problem["errors"], json!({"cursor": ["This is not a cursor of this list."]}), "{query:?}");
    }
    let again = listed(&world, &ada.access, &[("model", "dummy"), ("cursor", &cursor), ("limit", "500")]).await;
    assert_eq!(again.len(), 1);
}

#[tokio::test]
async fn a_table_has_what_the_list_has_and_no_formulas() {
    let (world, ada, _) = ada_with_three_messages().await;
    let response = world.stack.send(transactions(&ada.access, &[]).header("Accept", "text/csv")).await;
    let headers = ["content-type", "content-disposition", "cache-control"].map(|name| response.headers[name].as_str());
    assert_eq!(headers, ["text/csv; charset=utf-8", "attachment; filename=\"transactions.csv\"", "no-store"]);
    assert!(response.body.ends_with("\r\n"));
    let rows: Vec<Vec<&str>> = response.body.lines().map(|line| line.split(',').collect()).collect();
    let listed = listed(&world, &ada.access, &[]).await;
    assert_eq!(rows.len(), 1 + listed.len());
    let column = |name: &str| rows[0].iter().position(|column| *column == name).unwrap();
    for (row, transaction) in rows[1..].iter().zip(&listed) {
        for name in
            ["id", "created_at", "kind", "tokens", "model", "finish_reason", "catalogue", "key_id", "conversation"]
        {
            let member = &transaction[name];
            let text = member.as_str().map_or_else(|| member.to_string(), str::to_owned).replace("null", "");
            let cell = row[column(name)];
            assert_eq!(cell, if text.starts_with('@') { format!("'{text}") } else { text }, "{name}");
        }
        let usage = &transaction["usage"];
        for name in ["input_tokens", "output_tokens"] {
            assert_eq!(row[column(name)], usage[name].to_string().replace("null", ""), "{name}");
        }
        let price = if usage.is_null() { "" } else { &transaction["prices"]["request"].to_string() };
        assert_eq!(row[column("request_price")], price);
    }
    assert!(response.body.contains(",'@cf/dummy,"));
}

/// Credits that were spent are the sum of the column, as a spreadsheet adds it up.
#[tokio::test]
async fn the_tokens_of_a_table_add_up_to_the_balance() {
    let (world, ada, _) = ada_with_three_messages().await;
    let table = world.stack.send(transactions(&ada.access, &[]).header("Accept", "text/csv, */*;q=0.1")).await;
    let tokens = table.body.lines().skip(1).map(|line| line.split(',').nth(3).unwrap().parse::<i64>().unwrap());
    let left = world.stack.send(balance().bearer(&ada.access)).await.json();
    assert_eq!(left["tokens"], tokens.sum::<i64>());
}
