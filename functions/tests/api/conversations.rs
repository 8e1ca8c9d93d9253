//! `/conversations/`: what is said in each, and what is left of those that are deleted.

use serde_json::{Value, json};
use testkit::gateway::{Request, Response};

use crate::refusals::status_and_code;
use crate::requests::{
    FIRST_CONVERSATION, balance, chat, completion_body, delete_conversation, make_conversation, message, message_in,
    messages_of, rename_conversation,
};
use crate::world::World;
use crate::{costs, providers};

async fn make(world: &World, access: &str, title: &str) -> String {
    let made = world.stack.send(make_conversation(title).bearer(access)).await;
    assert_eq!(made.status, 201, "{made:?}");
    made.json()["id"].as_str().unwrap().to_owned()
}

async fn ask(world: &World, access: &str, request: Request) -> Response {
    world.stack.send(request.bearer(access)).await
}

/// The messages of a list, newest first.
async fn said(world: &World, access: &str, request: Request) -> Vec<String> {
    let response = ask(world, access, request).await;
    assert_eq!(response.status, 200, "{response:?}");
    let page = response.json();
    page["messages"].as_array().unwrap().iter().map(|message| message["message"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn a_message_is_a_part_of_the_conversation_that_it_names_or_of_the_first() {
    let (world, ada) = World::with_ada(10, &[]).await;
    let id = make(&world, &ada.access, "My holidays").await;
    for (request, conversation) in [
        (message("to the first"), FIRST_CONVERSATION),
        (message_in(FIRST_CONVERSATION, "to the first by its id"), FIRST_CONVERSATION),
        (message_in("", "to the first by a form"), FIRST_CONVERSATION),
        (message_in(&id, "to the other"), id.as_str()),
    ] {
        let response = ask(&world, &ada.access, request).await;
        assert_eq!((response.status, &response.headers["x-conversation-id"]), (200, &conversation.to_owned()));
    }
    let first = ["to the first by a form", "to the first by its id", "to the first"];
    assert_eq!(said(&world, &ada.access, messages_of(FIRST_CONVERSATION)).await, first);
    assert_eq!(said(&world, &ada.access, messages_of(&id)).await, ["to the other"]);
    assert_eq!(said(&world, &ada.access, Request::get("/messages/")).await.len(), 4);
}

#[tokio::test]
async fn a_model_is_told_its_own_conversation_and_no_other() {
    let (provider, chatting) = providers::with_openai(&[]).await;
    providers::answer(&provider, providers::says(&json!({"content": "Yes"}))).await;
    let (world, access) = (&chatting.world, &chatting.access);
    let id = make(world, access, "My holidays").await;
    for (conversation, text) in [(&*id, "one"), (FIRST_CONVERSATION, "two"), (&*id, "three")] {
        assert_eq!(ask(world, access, message_in(conversation, text)).await.status, 200);
    }
    assert_eq!(last_words_to(&provider).await, ["one", "Yes", "three"]);
    ask(world, access, message("four")).await;
    assert_eq!(last_words_to(&provider).await, ["two", "Yes", "four"]);
    assert_eq!(ask(world, access, delete_conversation(FIRST_CONVERSATION)).await.status, 204);
    ask(world, access, message("five")).await;
    assert_eq!(last_words_to(&provider).await, ["five"]);
}

/// The turns of the last request to the provider.
async fn last_words_to(provider: &wiremock::MockServer) -> Vec<String> {
    let requests = provider.received_requests().await.unwrap();
    let body: Value = requests.last().unwrap().body_json().unwrap();
    let turns = body["messages"].as_array().unwrap().iter();
    turns.map(|turn| turn["content"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn a_deleted_conversation_is_shown_nowhere_and_what_it_cost_stays() {
    let (world, ada) = World::with_ada(10, &[]).await;
    let id = make(&world, &ada.access, "My holidays").await;
    let long = "x".repeat(3000);
    for (conversation, text) in [(&*id, "short"), (&*id, &long), (FIRST_CONVERSATION, "kept")] {
        assert_eq!(ask(&world, &ada.access, message_in(conversation, text)).await.status, 200);
    }
    assert_eq!(ask(&world, &ada.access, delete_conversation(&id)).await.status, 204);
    for request in [messages_of(&id), delete_conversation(&id), rename_conversation(&id, "Again")] {
        let refused = ask(&world, &ada.access, request).await;
        assert_eq!(status_and_code(&refused), (404, "not_found".to_owned()));
    }
    let refused = ask(&world, &ada.access, message_in(&id, "late")).await;
    assert_eq!(refused.json()["errors"], json!({"conversation": ["You have no conversation with this id."]}));
    assert_eq!(said(&world, &ada.access, Request::get("/messages/")).await, ["kept"]);
    let list = ask(&world, &ada.access, Request::get("/conversations/")).await.json();
    assert_eq!(list, json!({"conversations": [], "next": null}));
    assert_eq!(ask(&world, &ada.access, balance()).await.json()["tokens"], 7);
    let transactions = ask(&world, &ada.access, Request::get("/transactions/")).await.json();
    assert_eq!(transactions["transactions"].as_array().unwrap().len(), 4);
    let items = world.stack.table().items().await;
    let sort_keys: Vec<&str> = items.iter().map(|item| item["sk"]["S"].as_str().unwrap()).collect();
    let left = |prefix: &str| sort_keys.iter().filter(|sort| sort.starts_with(prefix)).count();
    assert_eq!((left("MESSAGE#"), left("TEXT#"), left("CONVERSATION#"), left("GONE#")), (1, 0, 0, 1));
}

#[tokio::test]
async fn nothing_is_held_for_a_message_to_a_conversation_that_is_not_there() {
    let (world, ada) = World::with_ada(10, &[]).await;
    world.register("grace", 10).await;
    let of_grace = make(&world, &world.log_in("grace").await.access, "Hers").await;
    world.stack.recorder().clear();
    for id in [&of_grace, "00000000000000000000000001", "not an id"] {
        let refused = ask(&world, &ada.access, message_in(id, "Hello")).await;
        assert_eq!((refused.status, refused.json()["code"].clone()), (400, json!("invalid")), "{id}");
    }
    let not_a_text = Request::post("/chatView/").json(&json!({"message": "Hello", "conversation": 7}));
    let refused = ask(&world, &ada.access, not_a_text).await;
    assert_eq!(refused.json()["errors"], json!({"conversation": ["Not a valid string."]}));
    let writes = world.stack.recorder().requests();
    let writes: Vec<_> = writes.iter().filter(|request| request.operation.contains("Update")).collect();
    assert!(writes.is_empty(), "{writes:?}");
}

#[tokio::test]
async fn exchanges_of_programs_are_in_no_conversation_that_a_person_sees() {
    let (world, ada) = World::with_ada(10, &[]).await;
    let mut body = completion_body(false);
    body["store"] = json!(true);
    assert_eq!(ask(&world, &ada.access, Request::post("/v1/chat/completions").json(&body)).await.status, 200);
    assert_eq!(said(&world, &ada.access, Request::get("/messages/")).await.len(), 1);
    assert!(said(&world, &ada.access, messages_of(FIRST_CONVERSATION)).await.is_empty());
    let refused = ask(&world, &ada.access, messages_of("00000000000000000000000001")).await;
    assert_eq!(refused.status, 404);
}

#[tokio::test]
async fn a_key_is_one_request_in_one_conversation_and_its_answer_goes_with_it() {
    let (world, ada) = World::with_ada(10, &[]).await;
    let (one, two) = (make(&world, &ada.access, "One").await, make(&world, &ada.access, "Two").await);
    let with_key = |request: Request| request.header("Idempotency-Key", "a-key");
    let first = ask(&world, &ada.access, with_key(message_in(&one, "Hello"))).await;
    let again = ask(&world, &ada.access, with_key(message_in(&one, "Hello"))).await;
    assert_eq!((first.status, &again.headers["idempotent-replayed"]), (200, &"true".to_owned()));
    assert_eq!(again.headers["x-conversation-id"], one);
    for request in [message_in(&two, "Hello"), chat()] {
        let refused = ask(&world, &ada.access, with_key(request)).await;
        assert_eq!(status_and_code(&refused), (422, "idempotency_mismatch".to_owned()));
    }
    assert_eq!(ask(&world, &ada.access, delete_conversation(&one)).await.status, 204);
    let gone = ask(&world, &ada.access, with_key(message_in(&one, "Hello"))).await;
    assert_eq!(status_and_code(&gone), (409, "answer_gone".to_owned()));
    assert_eq!(ask(&world, &ada.access, balance()).await.json()["tokens"], 9);
}

#[tokio::test]
async fn nobody_has_more_than_a_thousand_conversations() {
    let (world, ada) = World::with_ada(10, &[]).await;
    let id = make(&world, &ada.access, "The last").await;
    costs::change_account(&world, "ada", &json!({"conversations": {"N": "1000"}})).await;
    let refused = ask(&world, &ada.access, make_conversation("One more")).await;
    assert_eq!(status_and_code(&refused), (409, "too_many_conversations".to_owned()));
    assert_eq!(ask(&world, &ada.access, delete_conversation(&id)).await.status, 204);
    make(&world, &ada.access, "One more").await;
}

#[tokio::test]
async fn a_deleted_account_leaves_no_conversation() {
    let (world, ada) = World::with_ada(10, &[]).await;
    let (one, two) = (make(&world, &ada.access, "One").await, make(&world, &ada.access, "Two").await);
    for id in [&one, &two] {
        assert_eq!(ask(&world, &ada.access, message_in(id, "Hello")).await.status, 200);
    }
    assert_eq!(ask(&world, &ada.access, delete_conversation(&one)).await.status, 204);
    let delete = crate::requests::delete_account(crate::world::PASSWORD);
    assert_eq!(ask(&world, &ada.access, delete).await.status, 204);
    let items = world.stack.table().items().await;
    let of_users = items.iter().filter(|item| item["pk"]["S"].as_str().unwrap().starts_with("USER#"));
    let left: Vec<&str> = of_users.map(|item| item["sk"]["S"].as_str().unwrap()).collect();
    assert_eq!(left, ["TOMBSTONE"]);
}
