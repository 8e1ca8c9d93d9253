//! The deployment-wide stop: messages and registrations are refused, and everything else goes on.

use serde_json::{Value, json};
use testkit::gateway::{Request, Response};
use testkit::recorder::Fault;
use testkit::runtime_api::Function;

use crate::events::data_of_events;
use crate::refusals::{refused, refused_by_openai};
use crate::requests::{
    balance, change_password, chat, completion, delete_account, embeddings, end_api_key, log_in, make_api_key, quote,
    refresh, register, set_accepting, text_completion, verify,
};
use crate::world::{PASSWORD, World, binary};

const NEW_PASSWORD: &str = "an even better horse";

async fn ask(world: &World, status: u16, request: Request) -> Response {
    let described = format!("{request:?}");
    let response = world.stack.send(request).await;
    assert_eq!(response.status, status, "{described}: {response:?}");
    response
}

/// The answer of a process that starts now, and so has heard every stop.
async fn ask_a_new_process(world: &World, function: &str, request: &Request) -> Response {
    let function = Function::start(&binary(function), world.stack.environment_of(function));
    function.wait_until_ready().await.unwrap();
    Response::from_event(&function.invoke(&request.to_rest_event()).await.unwrap())
}

fn told_to_wait(response: &Response) {
    assert_eq!(response.headers["retry-after"], "120");
    assert_eq!(response.headers["x-should-retry"], "false", "OpenAI's clients would come back at once");
}

#[tokio::test]
async fn a_stop_refuses_whatever_costs_and_nothing_else() {
    let (world, ada) = World::with_ada(100, &[]).await;
    let program = world.make_api_key(&ada.access).await;
    world.set_accepting(false).await;

    for bearer in [&ada.access, &program.key] {
        told_to_wait(&refused(&world, chat().bearer(bearer), 503, "not_accepting").await);
        for stream in [false, true] {
            for request in [completion(stream), text_completion(stream), embeddings()] {
                told_to_wait(&refused_by_openai(&world, request.bearer(bearer), 503, "not_accepting").await);
            }
        }
    }
    told_to_wait(&refused(&world, register("bob", PASSWORD), 503, "not_accepting").await);
    let items = world.stack.table().items().await;
    let is_count = |item: &Value| item["pk"]["S"].as_str().unwrap().starts_with("REGISTRATIONS#");
    assert!(!items.iter().any(is_count), "nobody uses up registrations by asking");

    for request in [balance(), Request::get("/v1/models"), quote()] {
        ask(&world, 200, request.bearer(&program.key)).await;
    }
    for path in
        ["/transactions/", "/usage/", "/messages/", "/conversations/", "/export/", "/sessions/", "/account/", "/keys/"]
    {
        ask(&world, 200, Request::get(path).bearer(&ada.access)).await;
    }
    ask(&world, 200, log_in("ada", PASSWORD)).await;
    ask(&world, 200, refresh(&ada.refresh)).await;
    ask(&world, 200, verify(&ada.access)).await;
    let made = ask(&world, 201, make_api_key("my program").bearer(&ada.access)).await.json();
    ask(&world, 204, end_api_key(made["id"].as_str().unwrap()).bearer(&ada.access)).await;
    ask(&world, 204, change_password(PASSWORD, NEW_PASSWORD).bearer(&ada.access)).await;
    let access = world.log_in("ada").await.access;
    ask(&world, 204, delete_account(NEW_PASSWORD).bearer(&access)).await;
}

#[tokio::test]
async fn a_reply_under_way_is_captured_after_the_stop_and_no_other_begins() {
    let (world, ada) = World::with_ada(10, &[("DUMMY_DELAY_MS", "3000")]).await;
    for function in ["operator", "token-balance"] {
        world.stack.function(function).await;
    }
    let mut stream = world.stack.stream(completion(true).bearer(&ada.access)).await;
    stream.prelude().await.unwrap();
    let mut events = String::new();
    while !events.contains("Dummy") {
        events += &stream.next().await.unwrap().unwrap();
    }
    world.set_accepting(false).await;
    let refused = ask_a_new_process(&world, "chat-completions", &completion(true).bearer(&ada.access)).await;
    assert_eq!((refused.status, &refused.json()["error"]["code"]), (503, &json!("not_accepting")));
    assert_eq!(world.balance(&ada.access).await, (json!(9), "1".to_owned()), "its credits are still held");

    while let Some(part) = stream.next().await.unwrap() {
        events += &part;
    }
    assert_eq!(data_of_events(&events).last().unwrap(), "[DONE]");
    assert_eq!(world.chats().await.len(), 1);
    assert_eq!(world.balance(&ada.access).await, (json!(9), "0".to_owned()));
    let report = world.stack.invoke("audit", &json!({})).await.unwrap();
    assert_eq!((&report["finished"], &report["mismatches"]), (&json!(true), &json!([])));
}

#[tokio::test]
async fn an_answer_that_was_paid_for_is_given_again_during_a_stop() {
    let (world, ada) = World::with_ada(10, &[]).await;
    let with_key = || chat().bearer(&ada.access).header("Idempotency-Key", "once");
    let first = ask_a_new_process(&world, "chat", &with_key()).await;
    world.set_accepting(false).await;
    let again = ask_a_new_process(&world, "chat", &with_key()).await;
    assert_eq!((again.status, again.json()), (200, first.json()));
    assert_eq!(world.chats().await.len(), 1);
    let other = ask_a_new_process(&world, "chat", &chat().bearer(&ada.access)).await;
    assert_eq!((other.status, &other.json()["code"]), (503, &json!("not_accepting")));
}

#[tokio::test]
async fn a_caller_who_may_do_nothing_is_told_so_during_a_stop_too() {
    let (world, ada) = World::with_ada(10, &[]).await;
    world.set_accepting(false).await;
    refused(&world, chat(), 401, "not_authenticated").await;
    world.deactivate("ada").await;
    refused(&world, chat().bearer(&ada.access), 401, "user_inactive").await;
}

#[tokio::test]
async fn after_a_resumption_messages_and_registrations_are_accepted() {
    let (world, ada) = World::with_ada(10, &[]).await;
    for (accepting, status) in [(false, 503), (true, 200)] {
        world.set_accepting(accepting).await;
        let shown = world.stack.invoke("operator", &json!({"action": "accepting"})).await.unwrap();
        assert_eq!((&shown["accepting"], &shown["reason"]), (&json!(accepting), &json!("A restore of the table")));
        let answer = ask_a_new_process(&world, "chat", &chat().bearer(&ada.access)).await;
        assert_eq!(answer.status, status, "{answer:?}");
    }
    assert_eq!(ask_a_new_process(&world, "register", &register("bob", PASSWORD)).await.status, 201);
}

#[tokio::test]
async fn a_process_that_started_while_the_table_was_away_asks_with_its_first_request() {
    let (world, ada) = World::with_ada(10, &[]).await;
    world.set_accepting(false).await;
    world.stack.recorder().fail_next("GetItem", Fault::NotApplied, 3);
    let answer = ask_a_new_process(&world, "chat", &chat().bearer(&ada.access)).await;
    assert_eq!((answer.status, &answer.json()["code"]), (503, &json!("not_accepting")));
}

#[tokio::test]
async fn a_stop_is_logged_and_counted_by_the_functions_that_hear_it() {
    let (world, ada) = World::with_ada(10, &[]).await;
    world.set_accepting(false).await;
    ask(&world, 503, chat().bearer(&ada.access)).await;
    let logs = crate::logs::logs_with(&world, "RequestsNotAccepted\":1", 1).await;
    assert!(logs.contains("an operator has stopped messages and registrations"), "{logs}");
    assert!(!logs.contains("A restore of the table"), "{logs}");
}

/// The acts in the history on the deployment, the newest first: the act, its actor's name and its reason.
async fn acts_on_the_deployment(world: &World, staff: &str) -> Vec<[Value; 3]> {
    let history = Request::get("/admin/history/").query("subject", "deployment").bearer(staff);
    let acts = ask(world, 200, history).await.json();
    let acts = acts["acts"].as_array().unwrap().iter();
    acts.map(|act| ["act", "actor_name", "reason"].map(|name| act[name].clone())).collect()
}

#[tokio::test]
async fn staff_stop_and_resume_as_an_operator_does_and_each_is_one_act() {
    let (world, ada) = World::with_ada(10, &[]).await;
    let ruth = world.superuser("ruth").await.access;
    for (accepting, status) in [(false, 503), (true, 200)] {
        // A repetition changes nothing.
        for _ in 0..2 {
            let said = ask(&world, 200, set_accepting(accepting).bearer(&ruth)).await.json();
            assert_eq!(said, json!({"accepting": accepting, "reason": "A provider's wild bill"}));
        }
        let health = ask(&world, 200, Request::get("/admin/health/").bearer(&ruth)).await.json();
        let of_operator = world.stack.invoke("operator", &json!({"action": "accepting"})).await.unwrap();
        for seen in [health, of_operator] {
            assert_eq!((&seen["accepting"], &seen["reason"]), (&json!(accepting), &json!("A provider's wild bill")));
        }
        let answer = ask_a_new_process(&world, "chat", &chat().bearer(&ada.access)).await;
        assert_eq!(answer.status, status, "{answer:?}");
    }
    world.set_accepting(false).await;
    let expected = [
        [json!("stop"), Value::Null, json!("A restore of the table")],
        [json!("resume"), json!("ruth"), json!("A provider's wild bill")],
        [json!("stop"), json!("ruth"), json!("A provider's wild bill")],
    ];
    assert_eq!(acts_on_the_deployment(&world, &ruth).await, expected);
}

#[tokio::test]
async fn a_body_that_does_not_say_what_and_why_stops_nothing_and_a_form_may_say_it() {
    let world = World::start().await;
    let ruth = world.superuser("ruth").await.access;
    for (body, field) in [
        (json!({}), "accepting"),
        (json!({"reason": "A restore"}), "accepting"),
        (json!({"accepting": null, "reason": "A restore"}), "accepting"),
        (json!({"accepting": "no", "reason": "A restore"}), "accepting"),
        (json!({"accepting": 0, "reason": "A restore"}), "accepting"),
        (json!({"accepting": false}), "reason"),
        (json!({"accepting": false, "reason": " "}), "reason"),
        (json!({"accepting": false, "reason": "x".repeat(501)}), "reason"),
    ] {
        let request = Request::put("/admin/accepting/").json(&body).bearer(&ruth);
        let refusal = refused(&world, request, 400, "invalid").await;
        assert!(refusal.json()["errors"][field].is_array(), "{body}: {refusal:?}");
    }
    let form = Request::put("/admin/accepting").form(&[("accepting", "False"), ("reason", "A restore")]);
    assert_eq!(ask(&world, 200, form.bearer(&ruth)).await.json()["accepting"], false);
}

#[tokio::test]
async fn a_stop_by_staff_whose_answer_was_lost_is_one_act_and_an_unreachable_table_is_told() {
    let world = World::start().await;
    let ruth = world.superuser("ruth").await.access;
    world.stack.function("admin-people").await;
    world.stack.recorder().fail_next("TransactWriteItems", Fault::AnswerLost, 1);
    ask(&world, 200, set_accepting(false).bearer(&ruth)).await;
    world.stack.recorder().fail_next("TransactWriteItems", Fault::NotApplied, 3);
    ask(&world, 503, set_accepting(true).bearer(&ruth)).await;
    world.stack.recorder().forget_faults();
    assert_eq!(acts_on_the_deployment(&world, &ruth).await.len(), 1);
}
