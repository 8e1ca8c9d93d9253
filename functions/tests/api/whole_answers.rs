//! Providers of OpenAI's protocol that answer whole, in JSON, where a stream is asked for.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::thread;

use serde_json::{Value, json};
use wiremock::{MockServer, ResponseTemplate};

use crate::events::data_of_events;
use crate::logs::logs_with;
use crate::providers::{Chatting, answer, ask, request};
use crate::requests::{catalogue_of, model};

/// The most bytes of a whole answer that should be a stream.
const MOST_BYTES: usize = 4 * 1024 * 1024;

/// A provider with a model at a credit a token.
async fn chatting() -> (MockServer, Chatting) {
    let provider = MockServer::start().await;
    let chatting = Chatting::start(&[]).await;
    chatting.world.put_catalogue(Some(&catalogue_of(&provider, &[model("m", &json!({}))]))).await;
    (provider, chatting)
}

fn asked(choices: u8, stream: bool) -> Value {
    let messages = json!([{"role": "user", "content": "Hello"}]);
    json!({"model": "m", "messages": messages, "n": choices, "stream": stream})
}

/// A whole answer as text, of the media type of JSON.
fn in_json(text: String) -> ResponseTemplate {
    ResponseTemplate::new(200).set_body_raw(text, "application/json")
}

fn counted(tokens: u32) -> Value {
    json!({"prompt_tokens": 9, "completion_tokens": tokens, "total_tokens": 9 + tokens})
}

/// The words of each choice, of an answer that came whole or as a stream.
fn words(body: &str, choices: usize, stream: bool) -> Vec<String> {
    let mut words = vec![String::new(); choices];
    let answers = if stream { data_of_events(body) } else { vec![serde_json::from_str(body).unwrap()] };
    for choice in answers.iter().flat_map(|answer| answer["choices"].as_array().cloned().unwrap_or_default()) {
        let said = if stream { &choice["delta"] } else { &choice["message"] };
        let place = usize::try_from(choice["index"].as_u64().unwrap()).unwrap();
        words[place] += said["content"].as_str().unwrap_or_default();
    }
    words
}

/// Some servers write an answer for people. The lines must not end the event that the answer becomes.
#[tokio::test]
async fn an_answer_on_many_lines_comes_whole_with_its_annotations_and_its_count() {
    let (provider, chatting) = chatting().await;
    let annotation = json!({"type": "url_citation", "url_citation": {"url": "https://example.org", "title": "A\nB"}});
    let message = json!({"role": "assistant", "content": "Hi\nthere", "annotations": [annotation]});
    let choice = json!({"index": 0, "message": message, "finish_reason": "stop"});
    let lines = serde_json::to_string_pretty(&json!({"choices": [choice], "usage": counted(4)})).unwrap();
    assert!(lines.lines().count() > 20, "{lines}");
    for text in [lines.clone(), lines.replace('\n', "\r\n")] {
        for stream in [false, true] {
            let (before, _) = chatting.balance().await;
            answer(&provider, in_json(text.clone())).await;
            let response = ask(&chatting, &asked(1, stream)).await;
            assert_eq!(words(&response.body, 1, stream), ["Hi\nthere"]);
            let given = if stream {
                let events = data_of_events(&response.body);
                let deltas = events.iter().map(|event| &event["choices"][0]["delta"]["annotations"]);
                deltas.filter(|annotations| annotations.is_array()).cloned().collect::<Vec<_>>()
            } else {
                vec![response.json()["choices"][0]["message"]["annotations"].clone()]
            };
            assert_eq!(given, [json!([annotation])]);
            let (after, held) = chatting.balance().await;
            let cost = before.as_u64().unwrap() - after.as_u64().unwrap();
            assert_eq!((cost, held.as_str()), (9 + 4, "0"), "stream: {stream}");
        }
    }
}

/// Clients read the choices in the order of the list.
#[tokio::test]
async fn choices_that_all_have_one_number_or_none_are_each_handed_out_and_charged() {
    let (provider, chatting) = chatting().await;
    for number in [json!(0), Value::Null] {
        let choice = |text: &str| json!({"index": number, "message": {"content": text}, "finish_reason": "stop"});
        let body = json!({"choices": [choice("Hi"), choice("Hey"), choice("Hello")], "usage": counted(6)});
        for stream in [false, true] {
            let (before, _) = chatting.balance().await;
            answer(&provider, in_json(body.to_string())).await;
            let response = ask(&chatting, &asked(3, stream)).await;
            assert_eq!(words(&response.body, 3, stream), ["Hi", "Hey", "Hello"], "{number}, stream: {stream}");
            let (after, held) = chatting.balance().await;
            let cost = before.as_u64().unwrap() - after.as_u64().unwrap();
            assert_eq!((cost, held.as_str()), (9 + 6, "0"), "{number}, stream: {stream}");
        }
    }
}

/// The answer cannot be read in part, so nobody is told any of it. The provider has worked, and the account's hour says so.
#[tokio::test]
async fn an_answer_beyond_the_most_bytes_of_an_event_is_a_failure_that_costs_nothing_and_counts_as_unpaid() {
    let (provider, chatting) = chatting().await;
    let choice = |text: &str| json!({"index": 0, "message": {"content": text}, "finish_reason": "stop"});
    let body = |text: &str| json!({"choices": [choice(text)], "usage": counted(4)}).to_string();
    let room = MOST_BYTES - body("").len();
    for (times, stream) in (1..).zip([false, true]) {
        answer(&provider, in_json(body(&"x".repeat(room + 1)))).await;
        let response = chatting.world.stack.send(request(&chatting, &asked(1, stream))).await;
        assert_eq!((response.status, &response.json()["error"]["code"]), (502, &json!("model_failed")));
        assert_eq!(chatting.balance().await, (json!(5000), "0".to_owned()), "stream: {stream}");
        assert_eq!(provider.received_requests().await.unwrap().len(), 1, "it is not asked again");
        let items = chatting.world.items().await.into_values();
        let account = items.into_iter().find(|item| item["sk"]["S"] == "ACCOUNT").unwrap();
        assert_eq!(account["hourly"]["M"]["unpaid"]["N"], times.to_string());
        logs_with(&chatting.world, "the provider's answer is longer than is read", times).await;
    }
    // A reply is cut at 256 KiB, and estimated: the rest of a stream is not read. The input is 31 tokens, and the output the
    // 100 that were asked for.
    answer(&provider, in_json(body(&"x".repeat(room)))).await;
    let response = ask(&chatting, &asked(1, false)).await;
    assert_eq!(response.json()["choices"][0]["finish_reason"], "length");
    assert_eq!(chatting.balance().await, (json!(5000 - 131), "0".to_owned()));
}

/// Reads a request on the first connection, and answers it with JSON that has no end. Returns the bytes that were written
/// until nobody read them.
fn answer_without_end(listener: &TcpListener) -> usize {
    let (mut connection, _) = listener.accept().unwrap();
    let mut request = Vec::new();
    while !request.ends_with(b"}") {
        let mut buffer = [0; 4096];
        let bytes = connection.read(&mut buffer).unwrap();
        request.extend_from_slice(&buffer[..bytes]);
    }
    let head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n\r\n{\"choices\": \"";
    let words = vec![b'x'; 64 * 1024];
    let mut written = 0;
    let mut part = head.as_bytes();
    while connection.write_all(part).is_ok() {
        written += part.len();
        part = &words;
    }
    written
}

#[tokio::test]
async fn an_answer_without_end_is_read_no_further_than_the_longest() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let base_url = format!("http://{}/v1", listener.local_addr().unwrap());
    let chatting = Chatting::start(&[]).await;
    let providers = json!({"p": {"protocol": "openai", "base_url": base_url}});
    let catalogue = json!({"providers": providers, "models": [model("m", &json!({}))]});
    chatting.world.put_catalogue(Some(&catalogue)).await;
    let provider = thread::spawn(move || answer_without_end(&listener));
    let response = chatting.world.stack.send(request(&chatting, &asked(1, true))).await;
    assert_eq!((response.status, &response.json()["error"]["code"]), (502, &json!("model_failed")));
    assert_eq!(chatting.balance().await, (json!(5000), "0".to_owned()));
    // The connection's buffers took some of the bytes that were written.
    let written = provider.join().unwrap();
    assert!((MOST_BYTES..MOST_BYTES + 16 * 1024 * 1024).contains(&written), "{written}");
}
