//! The header `X-Request-Id`: every answer has the id of its line in the log.

use std::collections::BTreeSet;

use serde_json::Value;
use testkit::gateway::{Payload, Request, Response};
use testkit::template::Template;

use crate::logs::logs_with;
use crate::requests::{
    UNKNOWN_ID, anthropic_message, balance, chat, completion, embeddings, message, path_with_id, response,
    text_completion,
};
use crate::world::{Tokens, World};

/// A request of this method to every path of the template.
fn everywhere(method: &str) -> Vec<Request> {
    let functions = Template::of_workspace().unwrap().functions();
    let paths = functions.into_iter().flat_map(|function| function.routes).map(|route| route.path);
    paths.map(|path| Request::new(method, &path_with_id(&path, UNKNOWN_ID))).collect()
}

/// The ids of the answers, which must all be different.
fn ids_of(responses: &[Response]) -> BTreeSet<String> {
    let id = |response: &Response| response.headers.get("x-request-id").cloned().unwrap_or_default();
    let ids: BTreeSet<String> = responses.iter().map(id).collect();
    assert_eq!(ids.len(), responses.len(), "{responses:?}");
    assert!(ids.iter().all(|id| !id.is_empty()), "{responses:?}");
    ids
}

#[tokio::test]
async fn every_answer_has_the_id_of_its_line_in_the_log() {
    let (world, Tokens { access, .. }) =
        World::with_ada(2, &[("CORS_ORIGINS", "*"), ("DUMMY_DELAY_MS", "1"), ("MESSAGE_COST", "1")]).await;
    let preflight = Request::new("OPTIONS", "/chatView/")
        .header("Origin", "https://app.example.com")
        .header("Access-Control-Request-Method", "POST");
    let mut requests = vec![
        (200, balance().bearer(&access)),
        (200, chat().bearer(&access)),
        (200, completion(true).bearer(&access)),
        (402, completion(true).bearer(&access)),
        (400, message("").bearer(&access)),
        (401, completion(false).header("X-Request-Id", "chosen-by-the-client")),
        (402, text_completion(true).bearer(&access)),
        (401, text_completion(false)),
        (401, embeddings()),
        (402, response(false).bearer(&access)),
        (401, response(true)),
        (402, anthropic_message(false).bearer(&access)),
        (401, anthropic_message(true)),
        (204, preflight),
    ];
    let staff = world.token_for_all_paths().await;
    requests.extend(everywhere("BREW").into_iter().map(|request| (405, request.bearer(&staff))));
    let mut responses = Vec::new();
    for (number, (status, request)) in requests.into_iter().enumerate() {
        let payload = if number % 2 == 0 { Payload::V1 } else { Payload::V2 };
        let response = world.stack.send_as(request, payload).await;
        assert_eq!(response.status, status, "{response:?}");
        responses.push(response);
    }
    let logs = logs_with(&world, "\"answered\"", responses.len()).await;
    let lines = logs.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let answered = lines.filter(|line| line["message"] == "answered");
    let logged: BTreeSet<String> = answered.map(|line| line["request_id"].as_str().unwrap().to_owned()).collect();
    assert_eq!(ids_of(&responses), logged);
}
