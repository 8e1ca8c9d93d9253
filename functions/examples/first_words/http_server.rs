//! Asking a server of `OpenAI`'s protocol over HTTP.

use serde_json::Value;
use testkit::loopback_client;

use crate::answer_times::{AnswerTimes, Arriving};

/// A server, and the key for it.
pub struct HttpServer {
    client: reqwest::Client,
    url: String,
    key: String,
}

impl HttpServer {
    pub fn new(base_url: &str, key: &str) -> Self {
        let client = loopback_client::builder().build().unwrap();
        Self { client, url: format!("{base_url}/chat/completions"), key: key.to_owned() }
    }

    /// Asks, and reads the answer to its end.
    pub async fn ask(&self, body: &Value) -> AnswerTimes {
        let request = self.client.post(&self.url).bearer_auth(&self.key).json(body);
        let mut arriving = Arriving::asked_now();
        let mut response = request.send().await.unwrap();
        assert_eq!(response.status().as_u16(), 200, "{}", self.url);
        while let Some(part) = response.chunk().await.unwrap() {
            arriving.part(&String::from_utf8_lossy(&part));
        }
        arriving.ended()
    }
}
