//! `/`: the description of the API, and the way to the console. The console's files have tests in the function's own package.

use serde_json::{Value, json};
use testkit::gateway::{Payload, Request, Response};
use testkit::template::workspace_root;

use crate::world::World;

#[tokio::test]
async fn the_description_says_who_may_register_and_where_the_console_is_if_it_was_built() {
    let is_built = workspace_root().join("console/dist/files.json").is_file();
    for (setting, said) in [("open", "open"), ("invite", "invitation"), ("closed", "closed")] {
        let world = World::start_with(&[("REGISTRATION", setting)]).await;
        for payload in [Payload::V1, Payload::V2] {
            let response = world.stack.send_as(Request::get("/").header("Accept", "application/json"), payload).await;
            let description = response.json();
            assert_eq!((response.status, &description["registration"]), (200, &json!(said)));
            assert_eq!(description["links"]["console"], if is_built { json!("./") } else { Value::Null });
            check_links(&world, &description).await;
        }
    }
}

/// Each link leads to a path of the API.
async fn check_links(world: &World, description: &Value) {
    let links = description["links"].as_object().unwrap();
    assert_eq!(links.len(), 6);
    for link in links.values().filter_map(Value::as_str) {
        let Response { status, .. } =
            world.stack.send(Request::get(&format!("/{}", link.trim_start_matches("./")))).await;
        assert!([200, 401, 405].contains(&status), "{link}: {status}");
    }
}
