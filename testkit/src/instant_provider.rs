//! A provider of `OpenAI`'s protocol that replies at once, so that the time of a reply is that of whoever stands before it.

use std::convert::Infallible;
use std::io;

use axum::body::{Body, Bytes};
use axum::extract::Json;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::serve::ListenerExt;
use axum::{Router, serve};
use futures_util::stream;
use serde_json::{Value, json};
use tokio::task::{AbortHandle, yield_now};

use local::background;

/// The name of its one model.
pub const MODEL: &str = "instant";
/// The first word of every reply.
pub const FIRST_WORD: &str = "Firstly";
/// The last word of every reply.
pub const LAST_WORD: &str = "lastly";
/// The words of a reply. Of a streamed one each is a chunk.
pub const WORDS: usize = 50;

/// A running provider, which stops when it is dropped.
pub struct InstantProvider {
    port: u16,
    server: AbortHandle,
}

impl InstantProvider {
    /// Starts it on any free port of 127.0.0.1.
    ///
    /// # Errors
    /// No port can be opened.
    pub fn start() -> io::Result<Self> {
        let (listener, port) = background::listen(0)?;
        // A chunk must not wait until the one before it is acknowledged.
        let listener = listener.tap_io(|connection| {
            let _ = connection.set_nodelay(true);
        });
        let router = Router::new().route("/v1/chat/completions", post(reply));
        let serving = async move { serve(listener, router).await };
        Ok(Self { port, server: background::handle().spawn(serving).abort_handle() })
    }

    /// Its address up to and with `/v1`.
    #[must_use]
    pub fn base_url(&self) -> String {
        format!("http://127.0.0.1:{}/v1", self.port)
    }
}

impl Drop for InstantProvider {
    fn drop(&mut self) {
        self.server.abort();
    }
}

async fn reply(Json(asked): Json<Value>) -> Response {
    if asked["stream"] != true {
        let message = json!({"role": "assistant", "content": words().concat()});
        let choice = json!({"index": 0, "message": message, "finish_reason": "stop"});
        return Json(answer("chat.completion", &json!([choice]), &usage())).into_response();
    }
    let events = stream::unfold(events().into_iter(), |mut events| async move {
        // The server sends what it has while it waits, so each chunk leaves by itself.
        yield_now().await;
        Some((Ok::<_, Infallible>(events.next()?), events))
    });
    ([(CONTENT_TYPE, "text/event-stream")], Body::from_stream(events)).into_response()
}

fn words() -> Vec<String> {
    let between = (2..WORDS).map(|number| format!(" word{number}"));
    [FIRST_WORD.to_owned()].into_iter().chain(between).chain([format!(" {LAST_WORD}")]).collect()
}

fn usage() -> Value {
    json!({"prompt_tokens": 8, "completion_tokens": WORDS, "total_tokens": 8 + WORDS})
}

fn answer(object: &str, choices: &Value, usage: &Value) -> Value {
    json!({
        "id": "chatcmpl-1", "object": object, "created": 1_800_000_000, "model": MODEL, "choices": choices, "usage": usage,
    })
}

fn events() -> Vec<Bytes> {
    let chunk = |choices: Value, usage: &Value| {
        Bytes::from(format!("data: {}\n\n", answer("chat.completion.chunk", &choices, usage)))
    };
    let word =
        |word: String| chunk(json!([{"index": 0, "delta": {"content": word}, "finish_reason": null}]), &Value::Null);
    let end = chunk(json!([{"index": 0, "delta": {}, "finish_reason": "stop"}]), &Value::Null);
    let usage = chunk(json!([]), &usage());
    words().into_iter().map(word).chain([end, usage, Bytes::from_static(b"data: [DONE]\n\n")]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    use crate::loopback_client;

    #[tokio::test]
    async fn a_reply_has_its_words_whole_and_in_chunks() {
        let provider = InstantProvider::start().unwrap();
        let client = loopback_client::builder().build().unwrap();
        let ask = async |stream: bool| {
            let request = client.post(format!("{}/chat/completions", provider.base_url()));
            request.json(&json!({"model": MODEL, "stream": stream})).send().await.unwrap().text().await.unwrap()
        };
        let whole: Value = serde_json::from_str(&ask(false).await).unwrap();
        let text = whole["choices"][0]["message"]["content"].as_str().unwrap();
        assert!(
            text.starts_with(FIRST_WORD) && text.ends_with(LAST_WORD) && text.split(' ').count() == WORDS,
            "{text}"
        );
        let streamed = ask(true).await;
        let chunks = streamed.split("\n\n").filter_map(|event| event.strip_prefix("data: {"));
        let chunks: Vec<Value> = chunks.map(|event| serde_json::from_str(&format!("{{{event}")).unwrap()).collect();
        let said: String = chunks.iter().filter_map(|chunk| chunk["choices"][0]["delta"]["content"].as_str()).collect();
        assert_eq!((said.as_str(), chunks.last().unwrap()["usage"]["completion_tokens"].as_u64()), (text, Some(50)));
    }
}
