//! Images in a conversation: what arrives at a provider of OpenAI's protocol, what it costs, and what is refused.

use serde_json::{Value, json};
use testkit::gateway::Request;
use wiremock::{MockServer, ResponseTemplate};

use crate::providers::{self, Chatting, answer, ask, chunk, streams};
use crate::refusals::refused_by_openai;
use crate::requests::{COMPLETIONS, QUOTE, catalogue_of, model};

/// The beginning of a PNG file, 12 bytes in base64.
const PNG: &str = "iVBORw0KGgoAAAAN";

/// The most bytes of a request's images.
const MOST_BYTES: usize = 4 * 1024 * 1024;

/// The image of so many bytes, a multiple of three.
fn image(bytes: usize) -> Value {
    let data = PNG.to_owned() + &"A".repeat(bytes / 3 * 4 - PNG.len());
    json!({"type": "image_url", "image_url": {"url": format!("data:image/png;base64,{data}")}})
}

fn text(text: &str) -> Value {
    json!({"type": "text", "text": text})
}

fn asked(model: &str, content: &Value) -> Value {
    json!({"model": model, "messages": [{"role": "user", "content": content}]})
}

/// A provider with two models at a credit a token. One sees: an image costs eleven credits, and counts at most 500 tokens.
async fn chatting() -> (MockServer, Chatting) {
    let provider = MockServer::start().await;
    let chatting = Chatting::start(&[]).await;
    let prices = json!({"input": 1_000_000, "output": 1_000_000, "image": 11});
    let model = |id: &str, takes: Value| model(id, &json!({"prices": prices, "image_tokens": 500, "takes": takes}));
    let models = [model("seeing", json!(["images"])), model("blind", json!([]))];
    chatting.world.put_catalogue(Some(&catalogue_of(&provider, &models))).await;
    (provider, chatting)
}

async fn quoted(chatting: &Chatting, body: &Value) -> Value {
    let response = chatting.world.stack.send(Request::post(QUOTE).json(body).bearer(&chatting.access)).await;
    assert_eq!(response.status, 200, "{response:?}");
    response.json()
}

/// The content of the message that arrived last at the provider.
async fn arrived(provider: &MockServer) -> Value {
    providers::arrived(provider).await["messages"][0]["content"].clone()
}

#[tokio::test]
async fn images_arrive_among_the_words_as_they_were_sent_and_cost_their_price() {
    let (provider, chatting) = chatting().await;
    let mut detailed = image(30);
    detailed["image_url"]["detail"] = json!("low");
    let content = json!([text("Which is larger, this:"), detailed, text("or this?"), image(12)]);
    let counted = json!({"prompt_tokens": 700, "completion_tokens": 5, "total_tokens": 705});
    for stream in [false, true] {
        let (before, _) = chatting.balance().await;
        let chunks = [chunk(&json!({"content": "The first."}), Some("stop")), json!({"choices": [], "usage": counted})];
        answer(&provider, streams(&chunks)).await;
        let mut body = asked("seeing", &content);
        body["stream"] = json!(stream);
        let response = ask(&chatting, &body).await;
        assert!(response.body.contains("The first."), "{}", response.body);
        assert_eq!(arrived(&provider).await, content);
        let (after, held) = chatting.balance().await;
        let cost = before.as_u64().unwrap() - after.as_u64().unwrap();
        assert_eq!((cost, held.as_str()), (700 + 5 + 2 * 11, "0"), "stream: {stream}");
        let usage = &chatting.chats().await[0]["usage"]["M"];
        assert_eq!(usage["images"]["N"], "2");
    }
}

#[tokio::test]
async fn a_quote_and_an_estimate_count_the_images() {
    let (provider, chatting) = chatting().await;
    let (plain, with_images) =
        (asked("seeing", &json!([text("Hello")])), asked("seeing", &json!([text("Hello"), image(12), image(12)])));
    let (less, more) = (quoted(&chatting, &plain).await, quoted(&chatting, &with_images).await);
    let difference = |member: &str| {
        more.pointer(member).unwrap().as_u64().unwrap() - less.pointer(member).unwrap().as_u64().unwrap()
    };
    let members = ["/least", "/most", "/input_tokens/estimated", "/input_tokens/most"].map(difference);
    assert_eq!(members, [1000 + 22, 1000 + 22, 1000, 1000]);

    // A provider that counts nothing.
    answer(&provider, streams(&[chunk(&json!({"content": "Hi"}), Some("stop"))])).await;
    let response = ask(&chatting, &with_images).await;
    assert_eq!(response.json()["usage"]["prompt_tokens"], more["input_tokens"]["estimated"]);
}

#[tokio::test]
async fn images_that_no_model_is_to_see_are_refused_before_anything_is_held() {
    let (provider, chatting) = chatting().await;
    answer(&provider, ResponseTemplate::new(500)).await;
    let remote = json!({"type": "image_url", "image_url": {"url": "https://example.org/a.png"}});
    let at = "messages[0].content[0].image_url";
    for path in [COMPLETIONS, QUOTE] {
        for (body, status, code, param) in [
            (asked("blind", &json!([image(12)])), 400, "unsupported_parameter", "image_url".to_owned()),
            (asked("seeing", &json!([remote])), 400, "invalid_value", format!("{at}.url")),
            (asked("seeing", &json!([image(MOST_BYTES + 2)])), 400, "invalid_value", at.to_owned()),
        ] {
            let request = Request::post(path).json(&body).bearer(&chatting.access);
            let response = refused_by_openai(&chatting.world, request, status, code).await;
            assert_eq!(response.json()["error"]["param"], param);
        }
        let mut long = asked("seeing", &json!([image(MOST_BYTES / 4 / 3 * 3)]));
        long["user"] = json!("x".repeat(1024 * 1024));
        let request = Request::post(path).json(&long).bearer(&chatting.access);
        refused_by_openai(&chatting.world, request, 413, "too_large").await;
    }
    assert!(provider.received_requests().await.unwrap().is_empty());
}

#[tokio::test]
async fn an_image_of_four_mebibytes_arrives() {
    let (provider, chatting) = chatting().await;
    let content = json!([image(MOST_BYTES / 3 * 3), text("What is it?")]);
    let body = asked("seeing", &content);
    quoted(&chatting, &body).await;
    answer(&provider, streams(&[chunk(&json!({"content": "Large."}), Some("stop"))])).await;
    ask(&chatting, &body).await;
    assert!(arrived(&provider).await == content, "the image arrived otherwise");
}
