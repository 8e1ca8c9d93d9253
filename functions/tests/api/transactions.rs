//! `/transactions/`, and the rules for pages that it shares with `/messages/`.

use testkit::gateway::Request;

use crate::refusals::refused;
use crate::world::World;

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
