//! `/messages/`: what was said, in pages.

use serde_json::Value;
use testkit::gateway::Request;

use crate::requests::message;
use crate::world::World;

/// All messages of a user, page by page until there is no next one.
async fn all_messages(world: &World, access: &str, limit: usize) -> Vec<String> {
    let mut messages = Vec::new();
    let mut request = Request::get("/messages/");
    loop {
        let response = world.stack.send(request.query("limit", &limit.to_string()).bearer(access)).await;
        assert_eq!(response.status, 200, "{response:?}");
        let page = response.json();
        let found = page["messages"].as_array().unwrap();
        assert!(found.len() <= limit, "{page}");
        messages.extend(found.iter().map(|message| message["message"].as_str().unwrap().to_owned()));
        let Value::String(cursor) = &page["next"] else { return messages };
        request = Request::get("/messages/").query("cursor", cursor);
    }
}

#[tokio::test]
async fn pages_lead_from_the_newest_message_to_the_oldest_and_have_nothing_of_other_users() {
    let (world, ada) = World::with_ada(10, &[]).await;
    world.register("grace", 10).await;
    let grace = world.log_in("grace").await;
    for (user, text) in [(&ada, "One"), (&grace, "Hers"), (&ada, "Two"), (&ada, "Three")] {
        assert_eq!(world.stack.send(message(text).bearer(&user.access)).await.status, 200);
    }
    for limit in [1, 2, 3, 100] {
        assert_eq!(all_messages(&world, &ada.access, limit).await, ["Three", "Two", "One"], "in pages of {limit}");
    }
    assert_eq!(all_messages(&world, &grace.access, 1).await, ["Hers"]);
}
