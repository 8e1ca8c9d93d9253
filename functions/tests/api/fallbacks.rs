//! Fallbacks of the catalogue's models: who is asked, who is charged for, and what a caller is told.

use std::net::TcpListener;

use serde_json::{Value, json};
use testkit::gateway::Request;
use wiremock::{MockServer, ResponseTemplate};

use crate::events::data_of_events;
use crate::providers::{answer, says};
use crate::requests::{completion_by, message, model};
use crate::world::{Tokens, World};

/// Two models of two servers. A token of the first costs two credits, and one of its fallback three.
struct FallbackWorld {
    world: World,
    access: String,
    first: MockServer,
    fallback: MockServer,
}

impl FallbackWorld {
    async fn start() -> Self {
        let first = MockServer::start().await;
        let address = first.uri();
        Self::with_first_at(first, &address).await
    }

    /// The first model is at `address`, which need not be that of its server.
    async fn with_first_at(first: MockServer, address: &str) -> Self {
        let (world, Tokens { access, .. }) = World::with_ada(5000, &[]).await;
        let fallback = MockServer::start().await;
        let provider = |address: &str| json!({"protocol": "openai", "base_url": format!("{address}/v1")});
        let model = |id: &str, price: u64, fallbacks: &[&str]| {
            let more = json!({
                "provider": id,
                "provider_model": format!("{id}-of-its-provider"),
                "prices": {"input": price * 1_000_000, "output": price * 1_000_000},
                "max_output_tokens": 512,
                "fallbacks": fallbacks,
            });
            model(id, &more)
        };
        let catalogue = json!({
            "providers": {"first": provider(address), "second": provider(&fallback.uri())},
            "models": [model("first", 2, &["second"]), model("second", 3, &[])],
        });
        world.put_catalogue(Some(&catalogue)).await;
        Self { world, access, first, fallback }
    }

    /// The ways to ask the first model.
    fn requests(&self) -> [Request; 3] {
        let whole = completion_by("first", false).bearer(&self.access);
        [message("Hello").bearer(&self.access), whole, completion_by("first", true).bearer(&self.access)]
    }

    async fn asked(&self) -> (usize, usize) {
        let count = async |server: &MockServer| server.received_requests().await.unwrap().len();
        (count(&self.first).await, count(&self.fallback).await)
    }
}

fn refuses(status: u16) -> ResponseTemplate {
    ResponseTemplate::new(status).set_body_json(json!({"error": {"message": "no", "type": "some_type"}}))
}

#[tokio::test]
async fn a_busy_model_is_replaced_by_its_fallback_which_is_named_and_whose_price_is_charged() {
    for status in [429, 503] {
        let scene = FallbackWorld::start().await;
        answer(&scene.first, refuses(status)).await;
        answer(&scene.fallback, says(&json!({"content": "Hi"}))).await;
        for (times, request) in (1..).zip(scene.requests()) {
            let response = scene.world.stack.send(request).await;
            assert_eq!(response.status, 200, "{response:?}");
            // 30 tokens of input and 200 of output, at three credits each.
            let cost = 690;
            assert_eq!(scene.world.balance(&scene.access).await, (json!(5000 - times * cost), "0".to_owned()));
            if response.body.contains("chat.completion.chunk") {
                let events = data_of_events(&response.body);
                assert!(events[..events.len() - 1].iter().all(|event| event["model"] == "second"), "{events:?}");
            } else if response.body.contains("chat.completion") {
                assert_eq!(response.json()["model"], "second");
                assert_eq!(response.json()["usage"]["cost"], cost);
            }
        }
        assert_eq!(scene.asked().await, (3, 3));
        let chats = scene.world.chats().await;
        assert_eq!(chats.len(), 3);
        for chat in chats {
            assert_eq!(chat["model"]["S"], "second");
        }
        let sent: Value = scene.fallback.received_requests().await.unwrap()[0].body_json().unwrap();
        assert_eq!(sent["model"], "second-of-its-provider");
    }
}

#[tokio::test]
async fn a_model_that_may_have_worked_or_does_not_take_the_request_is_not_replaced() {
    for (status, answered, code) in [
        (400, 400, "model_refused"),
        (401, 502, "model_misconfigured"),
        (404, 502, "model_misconfigured"),
        (408, 502, "model_failed"),
        (500, 502, "model_failed"),
    ] {
        let scene = FallbackWorld::start().await;
        answer(&scene.first, refuses(status)).await;
        answer(&scene.fallback, says(&json!({"content": "Hi"}))).await;
        for request in scene.requests() {
            let response = scene.world.stack.send(request).await;
            let body = response.json();
            let told = body.get("error").map_or(&body["code"], |error| &error["code"]);
            assert_eq!((response.status, told), (answered, &json!(code)), "{status}");
        }
        assert_eq!(scene.asked().await, (3, 0), "{status}");
        assert_eq!(scene.world.balance(&scene.access).await, (json!(5000), "0".to_owned()));
    }
}

#[tokio::test]
async fn a_server_that_is_not_there_is_replaced() {
    // The port is free again when the listener is dropped.
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let scene = FallbackWorld::with_first_at(MockServer::start().await, &format!("http://{nobody}")).await;
    answer(&scene.fallback, says(&json!({"content": "Hi"}))).await;
    for request in scene.requests() {
        assert_eq!(scene.world.stack.send(request).await.status, 200);
    }
    assert_eq!(scene.asked().await, (0, 3));
}

#[tokio::test]
async fn where_all_models_are_busy_the_last_one_says_when_to_come_back() {
    let scene = FallbackWorld::start().await;
    answer(&scene.first, refuses(503)).await;
    answer(&scene.fallback, refuses(429).insert_header("retry-after", "7")).await;
    for request in scene.requests() {
        let response = scene.world.stack.send(request).await;
        assert_eq!((response.status, response.headers["retry-after"].as_str()), (429, "7"));
    }
    assert_eq!(scene.world.balance(&scene.access).await, (json!(5000), "0".to_owned()));
}
