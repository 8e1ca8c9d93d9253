//! `HEAD`, which works where `GET` does: the same status and headers, and no body.

use std::collections::BTreeMap;

use testkit::gateway::{Payload, Request, Response};
use testkit::template::Template;

use crate::logs::logs_with;
use crate::requests::{UNKNOWN_ID, path_with_id};
use crate::world::{Tokens, World};

/// Every path of the API, with its `Allow`.
async fn paths(world: &World, staff: &str) -> Vec<(String, String)> {
    let functions = Template::of_workspace().unwrap().functions();
    let mut paths = Vec::new();
    for route in functions.into_iter().flat_map(|function| function.routes) {
        let path = path_with_id(&route.path, UNKNOWN_ID);
        let response = world.stack.send(Request::new("BREW", &path).bearer(staff)).await;
        paths.push((path, response.headers["allow"].clone()));
    }
    paths
}

/// The headers of a response but its own id.
fn headers(response: &Response) -> BTreeMap<String, String> {
    let mut headers = response.headers.clone();
    assert!(headers.remove("x-request-id").is_some());
    headers
}

#[tokio::test]
async fn head_says_what_get_says_but_the_body() {
    let (world, Tokens { access, .. }) = World::with_ada(10, &[]).await;
    let staff = world.token_for_all_paths().await;
    let mut compared = 0;
    for (path, allow) in paths(&world, &staff).await {
        assert_eq!(allow.contains("GET"), allow.contains("GET, HEAD"), "{path}: {allow}");
        if !allow.contains("HEAD") {
            continue;
        }
        for payload in [Payload::V1, Payload::V2] {
            for is_logged_in in [true, false] {
                let request = |method: &str| {
                    let request = Request::new(method, &path);
                    let access = if path.starts_with("/admin/") { &staff } else { &access };
                    if is_logged_in { request.bearer(access) } else { request }
                };
                let get = world.stack.send_as(request("GET"), payload).await;
                let head = world.stack.send_as(request("HEAD"), payload).await;
                assert_eq!((head.status, headers(&head)), (get.status, headers(&get)), "{path}");
                assert!(head.body.is_empty() && !get.body.is_empty(), "{path}: {head:?}");
                compared += 1;
            }
        }
    }
    assert!(compared >= 4 * 8, "{compared}");
    logs_with(&world, "\"method\":\"HEAD\"", compared).await;
}

#[tokio::test]
async fn head_is_not_allowed_where_get_is_not_and_has_no_body_there_either() {
    let world = World::start().await;
    let staff = world.token_for_all_paths().await;
    for (path, allow) in paths(&world, &staff).await {
        if !allow.contains("GET") {
            let response = world.stack.send(Request::new("HEAD", &path).bearer(&staff)).await;
            assert_eq!((response.status, response.body.as_str()), (405, ""), "{path}");
            assert_eq!(response.headers["allow"], allow, "{path}");
        }
    }
}
