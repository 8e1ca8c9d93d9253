//! Functions that remember accounts from their last messages: each message is admitted by its hold, and whatever another
//! function has changed counts at once.

use serde_json::json;
use testkit::gateway::{Request, Response};
use testkit::runtime_api::Function;

use crate::providers;
use crate::refusals::status_and_openai_code;
use crate::requests::{completion, completion_by, delete_account, end_api_key};
use crate::world::{PASSWORD, Tokens, World, binary};

const FUNCTION: &str = "chat-completions";

/// A process of the function, beside others.
struct WarmFunction(Function);

impl WarmFunction {
    async fn start(world: &World) -> Self {
        let function = Function::start(&binary(FUNCTION), world.stack.environment_of(FUNCTION)).held_to_contract();
        function.wait_until_ready().await.unwrap();
        Self(function)
    }

    async fn send(&self, request: Request) -> Response {
        Response::from_event(&self.0.invoke(&request.to_rest_event()).await.unwrap())
    }
}

/// The requests to DynamoDB since the last call.
fn operations(world: &World) -> Vec<String> {
    let requests = world.stack.recorder().requests();
    world.stack.recorder().clear();
    requests.into_iter().map(|request| request.operation).collect()
}

/// A change of Ada's account by a function that takes no messages.
#[derive(Clone, Copy, Debug)]
enum Change {
    Deactivation,
    LogoutEverywhere,
    EndOfKey,
    LogoutThatEndsKeys,
    Deletion,
}

#[tokio::test]
async fn functions_that_remember_an_account_ask_no_model_for_it_once_another_function_has_closed_it_to_the_caller() {
    for change in
        [Change::Deactivation, Change::LogoutEverywhere, Change::EndOfKey, Change::LogoutThatEndsKeys, Change::Deletion]
    {
        let (provider, chatting) = providers::with_openai(&[]).await;
        providers::answer(&provider, providers::says(&json!({"content": "Hi"}))).await;
        let world = &chatting.world;
        let ada = world.log_in("ada").await;
        let api_key = world.make_api_key(&ada.access).await;
        let bearer = if matches!(change, Change::LogoutEverywhere) { &ada.access } else { &api_key.key };
        let known = || completion_by("some-model", false).bearer(bearer);
        let unknown = || completion_by("another-model", false).bearer(bearer);

        let functions = [WarmFunction::start(world).await, WarmFunction::start(world).await];
        for function in &functions {
            assert_eq!(function.send(known()).await.status, 200);
            operations(world);
            assert_eq!(function.send(known()).await.status, 200);
            assert_eq!(
                operations(world),
                ["UpdateItem", "TransactWriteItems"],
                "{change:?}: the account is remembered"
            );
        }
        close(world, &ada, &api_key.id, change).await;

        let (items, asked) = (world.items().await, provider.received_requests().await.unwrap().len());
        for requests in [[unknown(), known()], [known(), unknown()]] {
            for (function, request) in functions.iter().zip(requests) {
                let refusal = function.send(request).await;
                assert_eq!(
                    status_and_openai_code(&refusal),
                    (401, json!("invalid_api_key")),
                    "{change:?}: {refusal:?}"
                );
            }
        }
        assert!(world.items().await == items, "{change:?}: a refusal changed the table");
        assert_eq!(provider.received_requests().await.unwrap().len(), asked, "{change:?}: the model was asked");
    }
}

async fn close(world: &World, ada: &Tokens, key_id: &str, change: Change) {
    let log_out = |keys| {
        let body = json!({"refresh": ada.refresh, "everywhere": true, "keys": keys});
        Request::post("/logout/").json(&body)
    };
    let request = match change {
        Change::Deactivation => {
            let command = json!({"action": "deactivate", "username": "ada"});
            world.stack.invoke("operator", &command).await.unwrap();
            return;
        }
        Change::LogoutEverywhere => log_out(false),
        Change::LogoutThatEndsKeys => log_out(true),
        Change::EndOfKey => end_api_key(key_id).bearer(&ada.access),
        Change::Deletion => delete_account(PASSWORD).bearer(&ada.access),
    };
    let response = world.stack.send(request).await;
    assert_eq!(response.status, 204, "{change:?}: {response:?}");
}

#[tokio::test]
async fn credits_are_spent_once_by_functions_that_remember_the_same_balance() {
    let (world, ada) = World::with_ada(5, &[]).await;
    let functions = [WarmFunction::start(&world).await, WarmFunction::start(&world).await];
    let statuses = async |numbers: &[usize]| {
        let mut statuses = Vec::new();
        for number in numbers {
            statuses.push(functions[*number].send(completion(false).bearer(&ada.access)).await.status);
        }
        statuses
    };
    // The second function remembers 3 credits, and two messages of the first leave one of them.
    assert_eq!(statuses(&[0, 1, 0, 0]).await, [200; 4]);
    assert_eq!(statuses(&[1, 0, 1, 0]).await, [200, 402, 402, 402]);
    assert_eq!(world.balance(&ada.access).await, (json!(0), "0".to_owned()));
    world.add_to_balance("ada", 2).await;
    assert_eq!(statuses(&[1, 0, 1]).await, [200, 200, 402], "a grant counts at once");
}

#[tokio::test]
async fn a_refusal_in_an_account_that_is_remembered_reads_it_before_it_is_told() {
    let (world, ada) = World::with_ada(100, &[]).await;
    let function = WarmFunction::start(&world).await;
    let unknown = || completion_by("another-model", false).bearer(&ada.access);
    for _ in 0..2 {
        assert_eq!(function.send(completion(false).bearer(&ada.access)).await.status, 200);
        operations(&world);
        let refusal = function.send(unknown()).await;
        assert_eq!(status_and_openai_code(&refusal), (404, json!("model_not_found")));
        assert_eq!(operations(&world), ["GetItem"]);
    }
}
