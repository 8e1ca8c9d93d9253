//! `/chatView/quote/`: what a message can cost, which is what the message then holds. Nothing changes by asking.

use serde_json::{Value, json};
use testkit::gateway::{Payload, Request, Response};
use wiremock::MockServer;

use crate::providers::{answer, arrived, says};
use crate::refusals::{refused, status_and_code};
use crate::requests::{
    UNKNOWN_ID, catalogue_of, catalogue_of_dummies, catalogue_with_embeddings, make_api_key_with, make_conversation,
    message, model, quote_of_message,
};
use crate::world::{Tokens, World};

/// The text of the model's replies.
const REPLY: &str = "It will be a fine day, as it was yesterday.";

/// A model that reads the conversation, with a token of input at two credits and one of output at three.
async fn with_a_reader(credits: u64, settings: &[(&str, &str)]) -> (MockServer, World, Tokens) {
    let server = MockServer::start().await;
    answer(&server, says(&json!({"content": REPLY}))).await;
    let (world, ada) = World::with_ada(credits, settings).await;
    let prices = json!({"input": 2_000_000, "output": 3_000_000, "request": 7});
    let reader = model("reader", &json!({"prices": prices, "context_tokens": 1000, "max_output_tokens": 200}));
    world.put_catalogue(Some(&catalogue_of(&server, &[reader]))).await;
    (server, world, ada)
}

/// The credits of the hold that was written last.
fn held_last(world: &World) -> u64 {
    let requests = world.stack.recorder().requests();
    let held = |update: &Value| {
        update["ExpressionAttributeValues"][":hold"]["M"]["amount"]["N"]
            .as_str()
            .map(|credits| credits.parse::<u64>().unwrap())
    };
    // With the budget of an API key the hold is an update in a transaction.
    let mut holds = requests.iter().filter_map(|request| {
        let items = request.body["TransactItems"].as_array().into_iter().flatten();
        held(&request.body).or_else(|| items.map(|item| &item["Update"]).find_map(held))
    });
    holds.next_back().unwrap()
}

/// The answer to a request for a quote, which changes nothing and asks no model.
async fn quoted(world: &World, server: &MockServer, request: Request) -> Response {
    let (items, asked) = (world.items().await, server.received_requests().await.unwrap().len());
    let response = world.stack.send(request).await;
    assert!(!response.headers.keys().any(|name| name.starts_with("x-token") || name.starts_with("x-message")));
    assert!(world.items().await == items, "a quote changed the table");
    assert_eq!(server.received_requests().await.unwrap().len(), asked, "a quote asked the model");
    response
}

fn number(quote: &Value, name: &str) -> u64 {
    quote[name].as_u64().unwrap_or_else(|| panic!("{name} of {quote}"))
}

fn header(response: &Response, name: &str) -> u64 {
    response.headers[name].parse().unwrap()
}

/// Sends messages one after the other, each after its quote, until the account cannot pay. The hold of each must be what the quote
/// says, or the balance, and the charge within it. Returns the number of turns that the model was told each time.
async fn talk(world: &World, server: &MockServer, access: &str) -> Vec<usize> {
    let mut turns = Vec::new();
    let mut balance = world.balance(access).await.0.as_u64().unwrap();
    for place in 0..8 {
        let text = "Will it rain? ".repeat(1 + place % 3);
        let quote = quoted(world, server, quote_of_message(&text).bearer(access)).await;
        let response = world.stack.send(message(&text).bearer(access)).await;
        assert_eq!(quote.status, response.status, "{quote:?}: {response:?}");
        if response.status == 402 {
            assert_eq!(quote.json(), response.json());
            break;
        }
        let (quote, held) = (quote.json(), held_last(world));
        let (least, most) = (number(&quote, "least"), number(&quote, "most"));
        assert_eq!(held, most.min(balance), "{quote}");
        assert!(least <= held && header(&response, "x-token-cost") <= held, "{quote}: {response:?}");
        // A request, two credits a token of the whole prompt, and three for each of the shortest reply.
        assert_eq!(least, 7 + 2 * number(&quote["input_tokens"], "most") + 3 * 16, "{quote}");
        balance = header(&response, "x-token-balance");
        turns.push(arrived(server).await["messages"].as_array().unwrap().len());
    }
    turns
}

#[tokio::test]
async fn a_message_holds_what_its_quote_says_of_its_whole_prompt_and_costs_no_more() {
    let settings = [("SYSTEM_PROMPT", "Be brief about the weather."), ("CONTEXT_MESSAGES", "3")];
    let (server, world, ada) = with_a_reader(100_000, &settings).await;
    // The system prompt, up to three exchanges, and the message.
    assert_eq!(talk(&world, &server, &ada.access).await, [2, 4, 6, 8, 8, 8, 8, 8]);
}

#[tokio::test]
async fn the_quote_has_as_much_of_the_context_as_the_balance_leaves_to_the_message() {
    let (server, world, ada) = with_a_reader(1_900, &[]).await;
    let turns = talk(&world, &server, &ada.access).await;
    let is_shorter = |(place, turns): (usize, &usize)| *turns < 2 * place + 1;
    assert!(turns.iter().enumerate().any(is_shorter), "the balance made no context shorter: {turns:?}");
}

#[tokio::test]
async fn a_message_by_a_key_holds_what_its_quote_says_or_what_the_budget_of_the_key_leaves() {
    let (server, world, Tokens { access, .. }) = with_a_reader(100_000, &[]).await;
    let text = "Will it rain?";
    let mut remaining =
        number(&quoted(&world, &server, quote_of_message(text).bearer(&access)).await.json(), "most") - 1;
    let budget = json!({"budget": {"credits": remaining, "per": "total"}});
    let made = world.stack.send(make_api_key_with(&budget).bearer(&access)).await.json();
    let key = made["key"].as_str().unwrap();
    let mut sent = 0;
    let refusals = loop {
        let quote = quoted(&world, &server, quote_of_message(text).bearer(key)).await;
        let response = world.stack.send(message(text).bearer(key)).await;
        assert_eq!(quote.status, response.status, "{quote:?}: {response:?}");
        if response.status != 200 {
            break [quote, response];
        }
        let held = held_last(&world);
        assert_eq!(held, number(&quote.json(), "most").min(remaining), "{quote:?}");
        assert!(header(&response, "x-token-cost") <= held, "{response:?}");
        remaining -= header(&response, "x-token-cost");
        sent += 1;
    };
    assert!(sent > 0, "the budget paid for no message");
    for refusal in refusals {
        assert_eq!(status_and_code(&refusal), (402, "insufficient_tokens".to_owned()));
        let problem = refusal.json();
        assert_eq!((&problem["limited_by"], &problem["remaining"]), (&json!("key"), &json!(remaining)), "{problem}");
    }
}

#[tokio::test]
async fn a_quote_is_of_the_conversation_and_of_the_model_that_the_message_names() {
    let (server, world, Tokens { access, .. }) = with_a_reader(100_000, &[]).await;
    let made = world.stack.send(make_conversation("The weather").bearer(&access)).await.json();
    let ask = |path: &str, conversation: &Value| {
        let body = json!({"message": "Will it rain?", "model": "reader", "conversation": conversation});
        Request::post(path).json(&body).bearer(&access)
    };
    let quote =
        async |conversation: &Value| quoted(&world, &server, ask("/chatView/quote/", conversation)).await.json();
    let (first, other) = (quote(&Value::Null).await, quote(&made["id"]).await);
    assert_eq!(first, other, "nothing was said in either");
    assert_eq!((&first["object"], &first["model"]), (&json!("quote"), &json!("reader")));
    assert_eq!(world.stack.send(ask("/chatView/", &made["id"])).await.status, 200);
    assert_eq!(quote(&Value::Null).await, first);
    let longer = quote(&made["id"]).await;
    assert!(number(&longer, "least") > number(&first, "least"), "{longer}");
    let form =
        Request::post("/chatView/quote").form(&[("message", "Will it rain?"), ("model", ""), ("conversation", "")]);
    for payload in [Payload::V1, Payload::V2] {
        let by_form =
            world.stack.send_as(form.clone().header("Accept", "text/event-stream").bearer(&access), payload).await;
        assert_eq!(by_form.json(), first, "no quote is a stream");
    }
}

#[tokio::test]
async fn a_quote_is_refused_for_what_its_message_is_refused_for() {
    let (_server, world, Tokens { access, .. }) = with_a_reader(5_000, &[]).await;
    let both = |body: &Value| ["/chatView/quote/", "/chatView/"].map(|path| Request::post(path).json(body));
    let told = async |request: Request, status: u16, code: &str| {
        refused(&world, request, status, code).await.without_request_id()
    };
    for (body, status, code) in [
        (json!({}), 400, "invalid"),
        (json!({"message": " "}), 400, "invalid"),
        (json!({"message": "Hello", "model": "nobody"}), 400, "invalid"),
        (json!({"message": "Hello", "model": 1}), 400, "invalid"),
        (json!({"message": "Hello", "conversation": UNKNOWN_ID}), 400, "invalid"),
        (json!({"message": "x".repeat(4_000)}), 400, "context_length_exceeded"),
        (json!({"message": "x".repeat(3_600)}), 402, "insufficient_tokens"),
    ] {
        let [quote, message] = both(&body).map(|request| request.bearer(&access));
        assert_eq!(told(quote, status, code).await, told(message, status, code).await, "{body}");
    }
    let [quote, message] = both(&json!({"message": "Hello"}));
    for key in ["", "two words"] {
        let keyed = |request: &Request| request.clone().bearer(&access).header("Idempotency-Key", key);
        assert_eq!(told(keyed(&quote), 400, "invalid").await, told(keyed(&message), 400, "invalid").await, "{key}");
    }
    refused(&world, quote.clone(), 401, "not_authenticated").await;
    world.deactivate("ada").await;
    refused(&world, quote.bearer(&access), 401, "user_inactive").await;
}

#[tokio::test]
async fn a_quote_is_refused_where_the_key_may_not_ask_or_nobody_may() {
    let (world, ada) = World::with_ada(100, &[]).await;
    world.put_catalogue(Some(&catalogue_of_dummies(&[("dummy", 1)]))).await;
    let made = world.stack.send(make_api_key_with(&json!({"models": ["nobody"]})).bearer(&ada.access)).await.json();
    let key = made["key"].as_str().unwrap();
    refused(&world, quote_of_message("Hello").bearer(key), 400, "invalid").await;
    assert_eq!(world.stack.send(quote_of_message("Hello").bearer(&ada.access)).await.status, 200);
    world.put_catalogue(Some(&catalogue_with_embeddings())).await;
    let of_embeddings =
        Request::post("/chatView/quote/").json(&json!({"message": "Hello", "model": "dummy-embeddings"}));
    let refusal = world.send_to_new("chat", of_embeddings.bearer(&ada.access)).await;
    assert_eq!(status_and_code(&refusal), (400, "invalid".to_owned()));
    world.set_accepting(false).await;
    let refusal = world.send_to_new("chat", quote_of_message("Hello").bearer(&ada.access)).await;
    assert_eq!(status_and_code(&refusal), (503, "not_accepting".to_owned()));
}

#[tokio::test]
async fn a_quote_takes_no_request_of_the_minute_and_no_room() {
    let (world, ada) = World::with_ada(100, &[("REQUESTS_PER_MINUTE", "2"), ("MAX_HOLDS", "1")]).await;
    for _ in 0..5 {
        assert_eq!(world.stack.send(quote_of_message("Hello").bearer(&ada.access)).await.status, 200);
    }
    for status in [200, 200, 429] {
        assert_eq!(world.stack.send(message("Hello").bearer(&ada.access)).await.status, status);
    }
    refused(&world, quote_of_message("Hello").bearer(&ada.access), 429, "throttled").await;
}
