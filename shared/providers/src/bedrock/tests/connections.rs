//! The connection to Bedrock, which is kept from request to request.

use std::thread;
use std::time::Duration;

use cloud::KeptConnections;
use testkit::patient_server::{Patience, PatientServer};

use super::*;
use domain::time::Timestamp;

/// The time that a connection rests in these tests. A clock that is set by hand says that it was a minute.
const REST: Duration = Duration::from_millis(900);
const IMPATIENT: Patience = Patience::For(Duration::from_millis(300));

/// A stand-in for Bedrock.
struct Scene {
    server: PatientServer,
    model: Bedrock,
    clock: Clock,
}

impl Scene {
    fn start(patience: Patience, content_type: &str, body: &[u8]) -> Self {
        let head = "HTTP/1.1 200 OK\r\ncontent-type: ";
        let head = format!("{head}{content_type}\r\ntransfer-encoding: chunked\r\n\r\n{:x}\r\n", body.len());
        let server = PatientServer::start(patience, [head.as_bytes(), body, b"\r\n0\r\n\r\n"].concat());
        let clock = Clock::manual(Timestamp::from_seconds(1_000));
        let kept = KeptConnections { most: 1, ..KeptConnections::ALL };
        let http = cloud::http_client(RootCertStore::empty(), kept).unwrap();
        let region = region_of(configuration().endpoint_url(server.uri()).http_client(http), clock.clone());
        Self { server, model: Bedrock::catalogued(region, &terms(MODEL_ID)), clock }
    }

    fn whole(patience: Patience) -> Self {
        let output = json!({"message": {"role": "assistant", "content": [{"text": "Hi"}]}});
        let usage = json!({"inputTokens": 9, "outputTokens": 2, "totalTokens": 11});
        let body = json!({"output": output, "stopReason": "end_turn", "usage": usage});
        Self::start(patience, "application/json", body.to_string().as_bytes())
    }

    async fn reply(&self) -> Result<Reply, ModelError> {
        self.model.reply(&hello(), 5).await
    }

    /// Lets the connection rest, and the process with it.
    fn rest_frozen(&self) {
        thread::sleep(REST);
        self.clock.advance(Duration::from_secs(60));
    }

    fn received(&self) -> Vec<String> {
        self.server.received().into_iter().map(|(connection, method)| format!("{method} {connection}")).collect()
    }
}

#[tokio::test]
async fn a_connection_that_rested_is_looked_at_and_used_again_where_bedrock_keeps_it() {
    let scene = Scene::whole(Patience::Endless);
    assert!(scene.model.opening().is_none(), "a stand-in without TLS is not worth a request");
    scene.reply().await.unwrap();
    assert!(scene.model.opening().is_none(), "it was used just now");
    scene.rest_frozen();
    scene.model.opening().unwrap().await;
    scene.reply().await.unwrap();
    assert_eq!(scene.received(), ["POST 0", "HEAD 0", "POST 0"]);
}

#[tokio::test]
async fn a_connection_that_was_closed_or_lost_while_it_rested_costs_no_error() {
    for patience in [IMPATIENT, Patience::ForgetsFirst] {
        let scene = Scene::whole(patience);
        scene.reply().await.unwrap();
        scene.rest_frozen();
        scene.model.opening().unwrap().await;
        scene.reply().await.unwrap();
        assert_eq!(scene.received(), ["POST 0", "HEAD 1", "POST 1"], "{patience:?}");
    }
}

#[tokio::test]
async fn a_request_on_a_connection_that_turns_out_to_be_closed_is_not_sent_again() {
    for patience in [IMPATIENT, Patience::ForgetsFirst, Patience::HangsUpOnFirst] {
        let scene = Scene::whole(patience);
        scene.reply().await.unwrap();
        scene.rest_frozen();
        assert_eq!(kind(scene.reply().await), Kind::Failed, "{patience:?}");
        let arrived = if patience == Patience::HangsUpOnFirst { 2 } else { 1 };
        assert_eq!(scene.received(), vec!["POST 0"; arrived], "{patience:?}");
    }
}

#[tokio::test]
async fn the_end_of_a_stream_leaves_its_connection_open_and_is_its_last_use() {
    let events = [text("Hi"), stop("end_turn"), metadata()].concat();
    let scene = Scene::start(Patience::Endless, "application/vnd.amazon.eventstream", &events);
    for _ in 0..2 {
        let mut pieces = scene.model.stream(&hello(), 5).await.unwrap();
        scene.clock.advance(Duration::from_secs(60));
        while let Some(piece) = pieces.next().await {
            piece.unwrap();
        }
        assert!(scene.model.opening().is_none(), "the stream has just ended");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(scene.received(), ["POST 0", "POST 0"]);
}
