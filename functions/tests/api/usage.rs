//! `GET /usage/`, beyond the cases in `events/usage`.

use serde_json::{Value, json};
use testkit::gateway::Request;

use crate::requests::{chat, completion, end_api_key};
use crate::world::World;

fn usage(access: &str, query: &[(&str, &str)]) -> Request {
    query.iter().fold(Request::get("/usage/").bearer(access), |request, (name, value)| request.query(name, value))
}

async fn read(world: &World, access: &str, query: &[(&str, &str)]) -> Value {
    let response = world.stack.send(usage(access, query)).await;
    assert_eq!(response.status, 200);
    response.json()
}

#[tokio::test]
async fn messages_of_people_and_programs_are_told_apart_by_the_names_of_keys_until_these_end() {
    let (world, ada) = World::with_ada(100, &[]).await;
    let key = world.make_api_key(&ada.access).await;
    for _ in 0..2 {
        assert_eq!(world.stack.send(chat().bearer(&ada.access)).await.status, 200);
    }
    assert_eq!(world.stack.send(completion(false).bearer(&key.key)).await.status, 200);
    let all = read(&world, &ada.access, &[]).await;
    assert_eq!(all["next"], Value::Null);
    let requests: u64 = all["usage"].as_array().unwrap().iter().map(|row| row["requests"].as_u64().unwrap()).sum();
    assert_eq!(requests, 3, "{all}");
    let by_model = read(&world, &ada.access, &[("by", "model")]).await;
    let row = &by_model["usage"][0];
    assert_eq!(
        (&row["model"], &row["requests"], &row["credits"]),
        (&json!("dummy"), &json!(3), &json!(3)),
        "{by_model}"
    );
    assert!(row.get("day").is_none() && row.get("key_id").is_none(), "{row}");
    world.stack.send(end_api_key(&key.id).bearer(&ada.access)).await;
    let by_key = read(&world, &ada.access, &[("by", "key")]).await;
    assert!(by_key["usage"].as_array().unwrap().iter().all(|row| row["key_name"].is_null()), "{by_key}");
}

#[tokio::test]
async fn a_table_has_the_columns_that_rows_are_told_apart_by() {
    let (world, ada) = World::with_ada(100, &[]).await;
    world.stack.send(chat().bearer(&ada.access)).await;
    let table = world.stack.send(usage(&ada.access, &[("by", "model")]).header("Accept", "text/csv")).await;
    let lines: Vec<&str> = table.body.lines().collect();
    assert_eq!(lines.len(), 2, "{lines:?}");
    let columns = "model,requests,input_tokens,cached_input_tokens,cache_write_tokens,output_tokens,reasoning_tokens,images,credits";
    assert_eq!(lines[0], columns);
    assert!(lines[1].starts_with("dummy,1,") && lines[1].ends_with(",1"), "{}", lines[1]);
}
