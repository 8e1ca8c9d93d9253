//! `/v1/embeddings`: vectors of texts, and what they cost.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use testkit::gateway::{Payload, Request, Response};
use testkit::process_usage::ProcessUsage;
use wiremock::matchers::{method, path};
use wiremock::{Mock, MockServer, ResponseTemplate};

use crate::refusals::{refused, refused_by_openai, status_and_openai_code};
use crate::requests::{
    EMBEDDINGS, anthropic_body, catalogue_of, catalogue_with_embeddings, completion_body, completion_by, embeddings,
    model, text_completion_body,
};
use crate::world::{Tokens, World};

/// The most bytes of memory of a function that hands on the longest answer, in a debug build. The smallest function of Lambda has
/// 128 MiB.
const MOST_MEMORY_BYTES: u64 = 80 * 1024 * 1024;

/// A world in which Ada has `credits`, with the dummy and one more dummy, which makes vectors at a credit a token.
async fn with_dummies(credits: u64) -> (World, String) {
    with_settings(credits, &[]).await
}

async fn with_settings(credits: u64, settings: &[(&str, &str)]) -> (World, String) {
    let (world, Tokens { access, .. }) = World::with_ada(credits, settings).await;
    world.put_catalogue(Some(&catalogue_with_embeddings())).await;
    (world, access)
}

/// A provider and a world with its model `m`, which makes vectors at a credit a token, with the members of `more`.
async fn with_provider(credits: u64, more: &Value) -> (MockServer, World, String) {
    let provider = MockServer::start().await;
    let (world, Tokens { access, .. }) = World::with_ada(credits, &[]).await;
    let mut of_model = json!({"takes": ["embeddings"], "prices": {"input": 1_000_000, "output": 0}});
    of_model.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    world.put_catalogue(Some(&catalogue_of(&provider, &[model("m", &of_model), model("talks", &json!({}))]))).await;
    (provider, world, access)
}

/// Lets `provider` answer with these vectors, for which it counts `tokens`.
async fn answer(provider: &MockServer, vectors: &[Value], tokens: Option<u64>) {
    let item = |(index, embedding)| json!({"object": "embedding", "index": index, "embedding": embedding});
    let data: Vec<Value> = vectors.iter().enumerate().map(item).collect();
    let mut body = json!({"object": "list", "data": data, "model": "m"});
    if let Some(tokens) = tokens {
        body["usage"] = json!({"prompt_tokens": tokens, "total_tokens": tokens});
    }
    respond(provider, ResponseTemplate::new(200).set_body_json(body)).await;
}

async fn respond(provider: &MockServer, response: ResponseTemplate) {
    provider.reset().await;
    Mock::given(method("POST")).and(path("/v1/embeddings")).respond_with(response).mount(provider).await;
}

async fn arrived(provider: &MockServer) -> Value {
    provider.received_requests().await.unwrap().last().unwrap().body_json().unwrap()
}

/// A request to the model `m`.
fn ask(access: &str, body: &Value) -> Request {
    let mut asked = json!({"model": "m"});
    asked.as_object_mut().unwrap().extend(body.as_object().unwrap().clone());
    Request::post(EMBEDDINGS).json(&asked).bearer(access)
}

fn numbers(vector: &Value) -> Vec<f32> {
    match vector {
        Value::String(base64) => {
            let bytes = STANDARD.decode(base64).unwrap();
            bytes.chunks_exact(4).map(|bytes| f32::from_le_bytes(bytes.try_into().unwrap())).collect()
        }
        vector => serde_json::from_value(vector.clone()).unwrap(),
    }
}

fn vectors(response: &Response) -> Vec<Vec<f32>> {
    assert_eq!(response.status, 200, "{response:?}");
    let answer = response.json();
    let items = answer["data"].as_array().unwrap();
    assert!(items.iter().enumerate().all(|(place, item)| item["index"] == place));
    items.iter().map(|item| numbers(&item["embedding"])).collect()
}

#[tokio::test]
async fn vectors_are_charged_once_by_their_inputs_and_nothing_of_them_is_stored() {
    let (world, access) = with_dummies(100).await;
    let response = world.stack.send(embeddings().bearer(&access)).await;
    assert_eq!(vectors(&response).len(), 1);
    assert_eq!((response.headers["x-token-cost"].as_str(), response.headers["x-token-balance"].as_str()), ("2", "98"));
    assert_eq!(response.json()["usage"], json!({"prompt_tokens": 2, "total_tokens": 2, "cost": 2}));
    assert_eq!(world.balance(&access).await, (json!(98), "0".to_owned()));
    let [entry] = &world.chats().await[..] else { panic!("not one charge") };
    assert_eq!(entry["sk"]["S"], format!("ENTRY#{}", response.headers["x-message-id"]));
    assert_eq!(entry["model"]["S"], "dummy-embeddings");
    assert!(world.stored_exchanges(&access).await.is_empty());
    let items = world.items().await;
    assert!(!items.keys().any(|key| key.contains("TEXT#") || key.contains("MESSAGE#")), "{:?}", items.keys());
}

#[tokio::test]
async fn a_text_has_the_same_vector_as_numbers_and_as_base64_and_as_long_as_it_is_wanted() {
    let (world, access) = with_dummies(1000).await;
    let asked = |format: &str, dimensions: Option<u32>| {
        let body = json!({
            "model": "dummy-embeddings", "input": ["Hello", "Goodbye"], "encoding_format": format,
            "dimensions": dimensions,
        });
        Request::post(EMBEDDINGS).json(&body).bearer(&access)
    };
    for dimensions in [None, Some(3), Some(300)] {
        let as_numbers = vectors(&world.stack.send(asked("float", dimensions)).await);
        let as_base64 = vectors(&world.stack.send(asked("base64", dimensions)).await);
        assert_eq!(as_numbers, as_base64);
        let length = dimensions.map_or(8, |dimensions| usize::try_from(dimensions).unwrap());
        assert!(as_numbers.len() == 2 && as_numbers.iter().all(|vector| vector.len() == length));
    }
}

#[tokio::test]
async fn inputs_arrive_as_they_were_sent_with_the_members_that_the_catalogue_lists() {
    let (provider, world, access) = with_provider(1000, &json!({"extra_parameters": ["input_type"]})).await;
    for (input, sent) in [
        (json!("Hello"), json!(["Hello"])),
        (json!(["Hello", "Goodbye"]), json!(["Hello", "Goodbye"])),
        (json!([9906, 0]), json!([[9906, 0]])),
        (json!([[9906], [0]]), json!([[9906], [0]])),
    ] {
        answer(&provider, &vec![json!([0.5]); sent.as_array().unwrap().len()], Some(3)).await;
        let body = json!({"input": input, "dimensions": 1, "input_type": "query", "user": "u-1", "unknown": 1});
        let response = world.stack.send(ask(&access, &body)).await;
        assert_eq!(response.headers["x-token-cost"], "3");
        assert!(vectors(&response).iter().all(|vector| vector == &[0.5]));
        assert_eq!(
            arrived(&provider).await,
            json!({"model": "m", "input": sent, "dimensions": 1, "input_type": "query"})
        );
    }
    // A server that knows numbers alone.
    answer(&provider, &[json!([1.0, -1.0])], Some(3)).await;
    let response = world.stack.send(ask(&access, &json!({"input": "Hello", "encoding_format": "base64"}))).await;
    assert_eq!(response.json()["data"][0]["embedding"], "AACAPwAAgL8=");
    assert_eq!(arrived(&provider).await["encoding_format"], "base64");
}

#[tokio::test]
async fn what_the_provider_counts_is_charged_up_to_what_was_held_and_an_estimate_where_it_counts_nothing() {
    let (provider, world, access) = with_provider(1000, &json!({})).await;
    // A text of five bytes has at most so many tokens, and what a server writes around it.
    for (counted, cost) in [(Some(4), 4), (Some(900), 21), (None, 2), (Some(0), 2)] {
        answer(&provider, &[json!([0.5])], counted).await;
        let before = world.balance(&access).await.0.as_u64().unwrap();
        let response = world.stack.send(ask(&access, &json!({"input": "Hello"}))).await;
        assert_eq!((response.status, response.json()["usage"]["cost"].as_u64()), (200, Some(cost)), "{counted:?}");
        assert_eq!(world.balance(&access).await, (json!(before - cost), "0".to_owned()));
    }
}

#[tokio::test]
async fn the_same_key_gets_the_same_vectors_and_costs_once() {
    let (world, access) = with_dummies(100).await;
    let ask = || embeddings().bearer(&access).header("Idempotency-Key", "8e03978e");
    let first = world.stack.send(ask()).await;
    assert_eq!((first.status, first.headers.contains_key("idempotent-replayed")), (200, false));
    for payload in [Payload::V1, Payload::V2] {
        let again = world.stack.send_as(ask(), payload).await;
        assert_eq!((again.status, &again.body), (200, &first.body));
        assert_eq!(again.headers["idempotent-replayed"], "true");
        for header in ["x-message-id", "x-token-cost", "x-token-balance"] {
            assert_eq!(again.headers[header], first.headers[header]);
        }
    }
    let other = json!({"model": "dummy-embeddings", "input": "Goodbye"});
    let other = Request::post(EMBEDDINGS).json(&other).bearer(&access).header("Idempotency-Key", "8e03978e");
    refused_by_openai(&world, other, 422, "idempotency_mismatch").await;
    assert_eq!((world.chats().await.len(), world.balance(&access).await.0), (1, json!(98)));
}

/// 320 KiB of vectors are kept: the room of an item of `DynamoDB` beside all else that may be in it.
#[tokio::test]
async fn vectors_that_are_too_long_to_be_kept_are_handed_out_and_charged_once_and_their_repetition_is_told_so() {
    let (world, access) = with_dummies(1000).await;
    for (count, is_kept) in [(39, true), (41, false)] {
        let body = json!({
            "model": "dummy-embeddings", "input": vec!["Hello"; count], "dimensions": 1536, "encoding_format": "base64",
        });
        let ask =
            || Request::post(EMBEDDINGS).json(&body).bearer(&access).header("Idempotency-Key", &count.to_string());
        let first = world.stack.send(ask()).await;
        assert_eq!(vectors(&first).len(), count);
        let balance = world.balance(&access).await;
        let again = world.stack.send(ask()).await;
        if is_kept {
            assert!(again.body == first.body && again.headers["idempotent-replayed"] == "true");
        } else {
            assert_eq!(status_and_openai_code(&again), (409, json!("answer_gone")));
        }
        assert_eq!(world.balance(&access).await, balance, "nothing is charged again");
    }
    assert_eq!(world.chats().await.len(), 2);
}

#[tokio::test]
async fn a_model_of_vectors_says_nothing_and_a_model_that_talks_makes_none() {
    let (provider, world, access) = with_provider(1000, &json!({"aliases": ["vectors"]})).await;
    let of = |path: &str, mut body: Value| {
        body["model"] = json!("m");
        Request::post(path).json(&body).bearer(&access)
    };
    for stream in [false, true] {
        for (request, parameter) in [
            (completion_by("vectors", stream).bearer(&access), "messages"),
            (of("/v1/completions", text_completion_body(stream)), "prompt"),
        ] {
            let refused = refused_by_openai(&world, request, 400, "unsupported_parameter").await;
            assert_eq!(refused.json()["error"]["param"], parameter);
        }
        let refused = world.stack.send(of("/v1/messages", anthropic_body(stream))).await;
        assert_eq!((refused.status, &refused.json()["error"]["param"]), (400, &json!("messages")));
    }
    let quoted = of("/v1/quote", completion_body(false));
    assert_eq!(
        refused_by_openai(&world, quoted, 400, "unsupported_parameter").await.json()["error"]["param"],
        "messages"
    );
    let chat = Request::post("/chatView/").json(&json!({"message": "Hello", "model": "m"})).bearer(&access);
    let told = refused(&world, chat, 400, "invalid").await.json();
    assert_eq!(told["errors"]["model"][0], "The model 'm' makes embeddings, and nothing else.");
    let talks = Request::post(EMBEDDINGS).json(&json!({"model": "talks", "input": "Hello"})).bearer(&access);
    let refused = refused_by_openai(&world, talks, 400, "unsupported_parameter").await;
    assert_eq!(refused.json()["error"]["message"], "'input' is not supported by the model 'talks'.");
    assert!(provider.received_requests().await.unwrap().is_empty());
    let listed = world.stack.send(Request::get("/v1/models").bearer(&access)).await.json();
    assert_eq!(listed["data"][0]["supported_parameters"], json!(["dimensions", "encoding_format"]));
}

/// The first model of the catalogue is asked at `/chatView/`, unless it makes vectors.
#[tokio::test]
async fn people_talk_to_the_first_model_that_talks() {
    let (world, Tokens { access, .. }) = World::with_ada(10, &[]).await;
    let mut catalogue = catalogue_with_embeddings();
    catalogue["models"].as_array_mut().unwrap().reverse();
    world.put_catalogue(Some(&catalogue)).await;
    let chat = Request::post("/chatView/").json(&json!({"message": "Hello"})).bearer(&access);
    assert_eq!(world.stack.send(chat).await.json()["response"], "Dummy Response");
}

#[tokio::test]
async fn a_provider_that_fails_or_answers_otherwise_costs_nothing_and_its_words_are_repeated_nowhere() {
    let (provider, world, access) = with_provider(1000, &json!({})).await;
    let json = |body: Value| ResponseTemplate::new(200).set_body_json(body);
    let secret = json!({"error": {"message": "a secret", "param": "dimensions"}});
    for (response, status, code) in [
        (ResponseTemplate::new(400).set_body_json(secret), 400, "unsupported_parameter"),
        (ResponseTemplate::new(401), 502, "model_misconfigured"),
        (ResponseTemplate::new(429), 429, "rate_limit_exceeded"),
        (ResponseTemplate::new(500), 502, "model_failed"),
        (ResponseTemplate::new(503), 503, "unavailable"),
        (json(json!({"data": []})), 502, "model_failed"),
        (json(json!({"data": [{"embedding": "a secret"}]})), 502, "model_failed"),
        (json(json!({"data": [{"index": 0, "embedding": null}]})), 502, "model_failed"),
        (ResponseTemplate::new(200).set_body_string("a secret"), 502, "model_failed"),
    ] {
        respond(&provider, response).await;
        let response = world.stack.send(ask(&access, &json!({"input": "Hello", "dimensions": 2}))).await;
        assert_eq!(status_and_openai_code(&response), (status, json!(code)));
        assert!(!response.body.contains("secret"), "{}", response.body);
        assert_eq!(response.headers.contains_key("x-should-retry"), status == 502, "{code}");
    }
    assert_eq!(world.balance(&access).await, (json!(1000), "0".to_owned()));
    assert!(world.chats().await.is_empty());
}

#[tokio::test]
async fn vectors_that_come_too_late_are_lost_and_cost_nothing() {
    let (provider, world, access) = with_provider(1000, &json!({})).await;
    let mut catalogue = catalogue_of(&provider, &[model("m", &json!({"takes": ["embeddings"]}))]);
    catalogue["providers"]["p"]["timeout_ms"] = json!(1000);
    world.put_catalogue(Some(&catalogue)).await;
    let late = json!({"data": [{"embedding": [0.5]}]});
    respond(&provider, ResponseTemplate::new(200).set_body_json(late).set_delay(std::time::Duration::from_secs(3)))
        .await;
    let response = world.stack.send(ask(&access, &json!({"input": "Hello"}))).await;
    assert_eq!(status_and_openai_code(&response), (502, json!("model_failed")));
    assert_eq!(world.balance(&access).await, (json!(1000), "0".to_owned()));
}

#[tokio::test]
async fn each_input_has_the_models_context_and_all_of_them_are_held() {
    let (world, access) = with_dummies(5000).await;
    let ask = |inputs: Value| {
        Request::post(EMBEDDINGS).json(&json!({"model": "dummy-embeddings", "input": inputs})).bearer(&access)
    };
    // 4,096 tokens of four bytes each fit.
    let (fits, too_long) = ("x".repeat(4 * 4096), "x".repeat(4 * 4096 + 1));
    let refused = refused_by_openai(&world, ask(json!(["a", too_long])), 400, "context_length_exceeded").await;
    assert_eq!(refused.json()["error"]["param"], "input");
    // The hold counts a token for each byte, and the balance does not cover so many.
    let refused = refused_by_openai(&world, ask(json!([fits, fits])), 402, "insufficient_quota").await;
    let least = 2 * (4 * 4096 + 16);
    assert_eq!(refused.json()["error"]["cost"], least);
    world.add_to_balance("ada", least).await;
    let paid = world.stack.send(ask(json!([fits, fits]))).await;
    assert_eq!((paid.status, paid.json()["usage"]["cost"].as_u64()), (200, Some(2 * 4096)));
}

#[tokio::test]
async fn vectors_cost_no_more_than_their_bound_and_whoever_cannot_pay_gets_none() {
    let (world, access) = with_dummies(10).await;
    let bounded = |max_cost: u64| {
        let body = json!({"model": "dummy-embeddings", "input": "a", "max_cost": max_cost});
        Request::post(EMBEDDINGS).json(&body).bearer(&access)
    };
    let refused = refused_by_openai(&world, bounded(16), 400, "invalid_value").await;
    assert_eq!(refused.json()["error"]["param"], "max_cost");
    let refused = refused_by_openai(&world, bounded(17), 402, "insufficient_quota").await;
    assert_eq!((&refused.json()["error"]["balance"], &refused.json()["error"]["cost"]), (&json!(10), &json!(17)));
    refused_by_openai(&world, embeddings(), 401, "invalid_api_key").await;
    world.add_to_balance("ada", 7).await;
    assert_eq!(world.stack.send(bounded(17)).await.headers["x-token-cost"], "1");
}

#[tokio::test]
async fn a_dummy_that_fails_makes_no_vectors() {
    for failure in ["error", "panic", "cut"] {
        // A dummy of the catalogue never fails, so that the model of the settings makes the vectors.
        let (world, access) = with_settings(100, &[("DUMMY_FAILURE", failure)]).await;
        assert_eq!(world.stack.send(embeddings().bearer(&access)).await.status, 200, "{failure}");
    }
}

#[tokio::test]
async fn the_longest_answer_passes_in_little_memory_and_a_longer_one_is_a_failure() {
    let (provider, world, access) = with_provider(100_000, &json!({})).await;
    // 2,047 vectors of 1,536 numbers: 16 MiB of text.
    let count = 2047;
    let vector = STANDARD.encode(vec![63_u8; 4 * 1536]);
    answer(&provider, &vec![json!(vector); count], Some(2047)).await;
    let body = json!({"input": vec!["a"; count], "encoding_format": "base64"});
    let usage = ProcessUsage::of(world.stack.function("embeddings").await);
    let at_rest = usage.resident_memory_bytes();
    let response = world.stack.send(ask(&access, &body)).await;
    assert_eq!((response.status, response.headers["x-token-cost"].as_str()), (200, "2047"));
    assert!(response.body.len() > 16_700_000 && response.body.contains(&vector));
    let peak = usage.peak_memory_bytes();
    println!("{} bytes of an answer: {at_rest} bytes of memory before, {peak} at the peak", response.body.len());
    assert!(peak <= MOST_MEMORY_BYTES, "{peak} bytes");
    let before = world.balance(&access).await;
    answer(&provider, &vec![json!(vector); count + 1], Some(2048)).await;
    let body = json!({"input": vec!["a"; count + 1], "encoding_format": "base64"});
    let response = world.stack.send(ask(&access, &body)).await;
    assert_eq!(status_and_openai_code(&response), (502, json!("model_failed")));
    assert_eq!(world.balance(&access).await, before);
}
