//! `/v1/quote`: what a completion can cost, which is what the completion then holds; and `max_cost`, which bounds it.

use serde_json::{Value, json};
use testkit::gateway::Request;
use wiremock::MockServer;

use crate::providers::{answer, says};
use crate::refusals::{refused_by_openai, status_and_openai_code};
use crate::requests::{COMPLETIONS, QUOTE, catalogue_of, completion_body, end_api_key, model, quote};
use crate::world::{Tokens, World};

fn completion_of(body: &Value) -> Request {
    Request::post(COMPLETIONS).json(body)
}

fn quote_of(body: &Value) -> Request {
    Request::post(QUOTE).json(body)
}

/// The usual body with other members.
fn with(members: &Value) -> Value {
    let mut body = completion_body(false);
    body.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
    body
}

/// Models of the dummy and one of Bedrock, a token of each at its price in credits. The first has a dearer fallback.
fn catalogue() -> Value {
    let model = |id: &str, provider: &str, input: u64, output: u64| {
        let prices = json!({"input": input * 1_000_000, "output": output * 1_000_000, "request": 7});
        let more = json!({"provider": provider, "prices": prices, "context_tokens": 1000, "max_output_tokens": 200});
        model(id, &more)
    };
    let mut first = model("vendor/first", "dummy", 2, 3);
    first["aliases"] = json!(["best"]);
    first["fallbacks"] = json!(["dear"]);
    json!({
        "providers": {"dummy": {"protocol": "dummy"}, "aws": {"protocol": "bedrock", "region": "eu-central-1"}},
        "models": [first, model("dear", "dummy", 5, 1), model("of-bedrock", "aws", 1, 1)],
    })
}

/// The credits of the hold that was written last.
fn held_last(world: &World) -> u64 {
    let requests = world.stack.recorder().requests();
    let mut holds = requests.iter().filter_map(|request| {
        request.body["ExpressionAttributeValues"][":hold"]["M"]["amount"]["N"].as_str().map(str::to_owned)
    });
    holds.next_back().unwrap().parse().unwrap()
}

#[tokio::test]
async fn a_completion_holds_what_its_quote_says_and_is_refused_below_the_least() {
    let (world, ada) = World::with_ada(100_000, &[]).await;
    world.put_catalogue(Some(&catalogue())).await;
    // The input has at most 85 tokens, the reply at most 200 and at least 16.
    let first = 85 * 2 + 7;
    let dear = 85 * 5 + 7;
    for (name, members, model, least, most, max_output_tokens) in [
        ("alone", json!({"model": "dear"}), "dear", dear + 16, dear + 200, 200),
        ("by-an-alias", json!({"model": "best"}), "vendor/first", first + 3 * 16, first + 3 * 200, 200),
        ("dearer-fallback", json!({"model": "best", "max_tokens": 20}), "vendor/first", first + 3 * 16, dear + 20, 20),
        ("few-tokens", json!({"model": "best", "max_tokens": 2}), "vendor/first", first + 6, dear + 2, 2),
        ("bounded", json!({"model": "best", "max_cost": 300}), "vendor/first", first + 48, 300, 41),
        ("at-the-least", json!({"model": "best", "max_cost": 225}), "vendor/first", first + 48, first + 48, 16),
        ("above-the-most", json!({"model": "dear", "max_cost": 1_000_000}), "dear", dear + 16, dear + 200, 200),
    ] {
        let body = with(&members);
        let quoted = world.stack.send(quote_of(&body).bearer(&ada.access)).await.json();
        let expected = json!({
            "object": "quote",
            "model": model,
            "least": least,
            "most": most,
            "input_tokens": {"estimated": 31, "most": 85},
            "max_output_tokens": max_output_tokens,
        });
        assert_eq!(quoted, expected, "{name}");

        let response = world.stack.send(completion_of(&body).bearer(&ada.access)).await;
        assert_eq!((response.status, held_last(&world)), (200, most), "{name}");

        for (suffix, balance, status) in [("-poor", least - 1, 402), ("-rich-enough", least, 200)] {
            let username = format!("{name}{suffix}");
            world.register(&username, balance).await;
            let access = world.log_in(&username).await.access;
            assert_eq!(world.stack.send(quote_of(&body).bearer(&access)).await.json(), expected, "{username}");
            let response = world.stack.send(completion_of(&body).bearer(&access)).await;
            assert_eq!(response.status, status, "{username}");
            match status {
                402 => assert_eq!(response.json()["error"]["cost"], least, "{username}"),
                _ => assert_eq!(held_last(&world), least, "{username}"),
            }
        }
    }
}

fn look_up() -> Value {
    json!({"type": "function", "function": {"name": "look_up"}})
}

#[tokio::test]
async fn a_quote_is_refused_for_what_a_completion_is_refused_for() {
    let (world, Tokens { access, .. }) = World::with_ada(100_000, &[]).await;
    world.put_catalogue(Some(&catalogue())).await;
    for (members, status, code) in [
        (json!({"model": "gpt-5"}), 404, "model_not_found"),
        (json!({"model": null}), 400, "missing_required_parameter"),
        (json!({"model": "dear", "messages": "Hello"}), 400, "invalid_type"),
        (json!({"model": "dear", "messages": []}), 400, "invalid_value"),
        (json!({"model": "dear", "temperature": 3}), 400, "invalid_value"),
        (json!({"model": "dear", "tools": [{}]}), 400, "missing_required_parameter"),
        (json!({"model": "dear", "tools": [look_up()]}), 400, "unsupported_parameter"),
        (json!({"model": "of-bedrock", "tools": [look_up()]}), 400, "unsupported_parameter"),
        (json!({"model": "of-bedrock", "seed": 1}), 400, "unsupported_parameter"),
        (json!({"model": "of-bedrock", "temperature": 1.5}), 400, "unsupported_parameter"),
        (
            json!({"model": "dear", "messages": [{"role": "user", "content": "x".repeat(4000)}]}),
            400,
            "context_length_exceeded",
        ),
        (json!({"model": "dear", "max_cost": -1}), 400, "invalid_value"),
        (json!({"model": "dear", "max_cost": "1"}), 400, "invalid_type"),
        (json!({"model": "dear", "max_cost": 1.5}), 400, "invalid_type"),
        (json!({"model": "dear", "max_cost": 447}), 400, "invalid_value"),
    ] {
        let body = with(&members);
        let quote = refused_by_openai(&world, quote_of(&body).bearer(&access), status, code).await;
        let completion = refused_by_openai(&world, completion_of(&body).bearer(&access), status, code).await;
        assert_eq!(quote.json(), completion.json(), "{members}");
    }
    let body = with(&json!({"model": "dear"}));
    for key in ["", "a key", &"x".repeat(256)] {
        let refusal = async |request: Request| {
            let response = world.stack.send(request.bearer(&access).header("Idempotency-Key", key)).await;
            assert_eq!(response.status, 400, "{key:?}: {response:?}");
            response.json()
        };
        assert_eq!(refusal(quote_of(&body)).await, refusal(completion_of(&body)).await, "{key:?}");
    }
    for (content_type, text) in [("application/json", "{"), ("text/plain", "{}")] {
        let refusal = async |path: &str| {
            let request = Request::post(path).body(Some(content_type), text.into()).bearer(&access);
            let response = world.stack.send(request).await;
            (response.status, response.json())
        };
        assert_eq!(refusal(QUOTE).await, refusal(COMPLETIONS).await);
    }
}

#[tokio::test]
async fn a_quote_changes_nothing_and_is_for_open_accounts_alone() {
    let (world, ada) = World::with_ada(0, &[]).await;
    let made = world.make_api_key(&ada.access).await;
    world.stack.function("quote").await;
    let before = world.items().await;
    for bearer in [&ada.access, &made.key] {
        let response = world.stack.send(quote().bearer(bearer)).await;
        assert_eq!((response.status, &response.json()["most"]), (200, &json!(1)), "an empty balance gets a quote too");
    }
    assert!(world.items().await == before);
    refused_by_openai(&world, quote(), 401, "invalid_api_key").await;
    refused_by_openai(&world, quote().bearer(&ada.refresh), 401, "invalid_api_key").await;
    assert_eq!(world.stack.send(end_api_key(&made.id).bearer(&ada.access)).await.status, 204);
    refused_by_openai(&world, quote().bearer(&made.key), 401, "invalid_api_key").await;
    world.deactivate("ada").await;
    refused_by_openai(&world, quote().bearer(&ada.access), 401, "invalid_api_key").await;
}

#[tokio::test]
async fn a_quote_is_of_the_catalogue_and_without_one_of_the_settings() {
    let prices = [("PRICING", "usage"), ("INPUT_COST", "1000"), ("OUTPUT_COST", "2000"), ("MAX_OUTPUT_TOKENS", "50")];
    let (world, Tokens { access, .. }) = World::with_ada(10, &prices).await;
    let quoted = world.stack.send(quote().bearer(&access)).await.json();
    assert_eq!((&quoted["least"], &quoted["most"]), (&json!(85 + 2 * 16), &json!(85 + 2 * 50)));
    world.put_catalogue(Some(&json!({"models": "none"}))).await;
    let unread = world.send_to_new("quote", quote().bearer(&access)).await;
    assert_eq!(status_and_openai_code(&unread), (503, json!("unavailable")));
    world.put_catalogue(Some(&catalogue())).await;
    let body = with(&json!({"model": "dear"}));
    let quoted = world.send_to_new("quote", quote_of(&body).bearer(&access)).await.json();
    assert_eq!((&quoted["model"], &quoted["least"]), (&json!("dear"), &json!(448)));
}

#[tokio::test]
async fn a_quote_needs_no_idempotency_key_and_refuses_one_that_a_completion_refuses() {
    let (world, Tokens { access, .. }) = World::with_ada(5000, &[]).await;
    let body = completion_body(false);
    let quoted = world.stack.send(quote_of(&body).bearer(&access)).await;
    let keyed = |request: Request, key: &str| request.bearer(&access).header("Idempotency-Key", key);
    assert_eq!(world.stack.send(keyed(quote_of(&body), "key")).await.json(), quoted.json());
    for key in ["", "two words", &"x".repeat(256)] {
        let quote = refused_by_openai(&world, keyed(quote_of(&body), key), 400, "invalid").await;
        let completion = refused_by_openai(&world, keyed(completion_of(&body), key), 400, "invalid").await;
        assert_eq!(quote.json(), completion.json(), "{key}");
    }
}

#[tokio::test]
async fn a_bound_on_the_cost_makes_a_reply_shorter_or_is_refused_with_the_least() {
    let server = MockServer::start().await;
    answer(&server, says(&json!({"content": "Hi"}))).await;
    let (world, Tokens { access, .. }) = World::with_ada(5000, &[]).await;
    let prices = json!({"input": 1_000_000, "output": 10_000_000});
    let model = model("m", &json!({"prices": prices, "context_tokens": 1000, "max_output_tokens": 200}));
    world.put_catalogue(Some(&catalogue_of(&server, &[model]))).await;
    let ask = |members: Value| {
        let mut members = members;
        members["model"] = json!("m");
        completion_of(&with(&members)).bearer(&access)
    };
    let asked_for = async || -> Value {
        let requests = server.received_requests().await.unwrap();
        let body: Value = requests.last().unwrap().body_json().unwrap();
        body["max_completion_tokens"].as_u64().or(body["max_tokens"].as_u64()).into()
    };
    // The server counts 30 tokens of input and 200 of output, of which no more than was held is charged.
    for (bound, tokens, stream) in [(245, 16, false), (300, 21, true), (85 + 2000, 200, false), (9999, 200, true)] {
        let before = world.balance(&access).await.0.as_u64().unwrap();
        let response = world.stack.send(ask(json!({"max_cost": bound, "stream": stream}))).await;
        assert_eq!((response.status, asked_for().await), (200, json!(tokens)), "{bound}");
        let charged = before - world.balance(&access).await.0.as_u64().unwrap();
        assert_eq!(charged, 30 + 10 * tokens, "{bound}");
        assert!(charged <= bound);
    }
    for stream in [false, true] {
        let refusal =
            refused_by_openai(&world, ask(json!({"max_cost": 244, "stream": stream})), 400, "invalid_value").await;
        let error = &refusal.json()["error"];
        let sentence = "'max_cost' must be at least 245, the credits that the shortest reply to this may cost.";
        assert_eq!((&error["message"], &error["param"]), (&json!(sentence), &json!("max_cost")));
    }
    let keyed = |bound: u64| ask(json!({"max_cost": bound})).header("Idempotency-Key", "8e03978e");
    let first = world.stack.send(keyed(300)).await;
    let again = world.stack.send(keyed(300)).await;
    assert_eq!((first.status, &again.body), (200, &first.body));
    assert_eq!(again.headers["idempotent-replayed"], "true");
    assert_eq!(status_and_openai_code(&world.stack.send(keyed(301)).await), (422, json!("idempotency_mismatch")));
}
