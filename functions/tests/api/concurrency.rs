//! Many at once.

use futures_util::future::join_all;
use serde_json::{Value, json};
use testkit::gateway::Request;
use testkit::runtime_api::Function;

use crate::world::{PASSWORD, World, binary};

/// Sends `request` to `processes` of one function at the same moment, as Lambda would.
async fn send_at_once(world: &World, function: &str, request: &Request, processes: usize) -> Vec<u16> {
    let started = (0..processes).map(|_| Function::start(&binary(function), world.stack.environment_of(function)));
    let functions: Vec<Function> = started.collect();
    join_all(functions.iter().map(Function::wait_until_ready)).await.into_iter().for_each(|ready| ready.unwrap());
    let event = request.to_rest_event();
    let answers = join_all(functions.iter().map(|function| function.invoke(&event))).await;
    answers.into_iter().map(|answer| status(&answer.unwrap())).collect()
}

fn status(answer: &Value) -> u16 {
    answer["statusCode"].as_u64().unwrap().try_into().unwrap()
}

fn count(statuses: &[u16], status: u16) -> usize {
    statuses.iter().filter(|found| **found == status).count()
}

#[tokio::test]
async fn a_name_that_two_want_at_the_same_moment_goes_to_one_of_them() {
    let world = World::start().await;
    let request = Request::post("/register/").json(&json!({"username": "bob", "password": PASSWORD}));
    let statuses = send_at_once(&world, "register", &request, 4).await;
    assert_eq!((count(&statuses, 201), count(&statuses, 409)), (1, 3), "{statuses:?}");
    assert_eq!(world.items().await.len(), 3, "one login, one account, one entry");
}

#[tokio::test]
async fn the_last_credits_are_spent_once_however_many_want_them_at_the_same_moment() {
    let world = World::start().await;
    world.register("ada", 2).await;
    let access = world.log_in("ada").await.access;
    let request = Request::post("/chatView/").json(&json!({"message": "Hello"})).bearer(&access);
    let statuses = send_at_once(&world, "chat", &request, 6).await;
    assert_eq!((count(&statuses, 200), count(&statuses, 402)), (2, 4), "{statuses:?}");
    let balance = world.stack.send(Request::get("/token_balance/").bearer(&access)).await;
    assert_eq!(balance.json(), json!({"tokens": 0}));
    let amounts: Vec<Value> = world.entries().await.iter().map(|entry| entry["amount"]["N"].clone()).collect();
    assert_eq!(amounts, ["2", "-1", "-1"]);
}
