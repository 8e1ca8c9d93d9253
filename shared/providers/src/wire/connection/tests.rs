//! A model on a server that closes connections, keeps them, or loses them.

use std::thread;

use serde_json::json;
use testkit::patient_server::{Patience, PatientServer};

use super::*;
use crate::catalogue::Provider;
use crate::chat_model::ChatModel;
use crate::error::ModelError;
use crate::openai::OpenAi;
use crate::prompt::{Prompt, Role, Turn};
use crate::reply::Reply;
use crate::wire::Authorization;
use domain::time::Timestamp;

/// The time that a connection rests in these tests. A clock that is set by hand says that it was a minute.
const REST: Duration = Duration::from_millis(900);
/// A server with less patience than that.
const IMPATIENT: Patience = Patience::For(Duration::from_millis(300));

/// A model and its server.
struct Scene {
    server: PatientServer,
    model: OpenAi,
    clock: Clock,
}

impl Scene {
    fn start(patience: Patience) -> Self {
        let choice = json!({"index": 0, "message": {"content": "Hi"}, "finish_reason": "stop"});
        let body = json!({"choices": [choice]}).to_string();
        let head =
            format!("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n", body.len());
        let server = PatientServer::start(patience, head + &body);
        let clock = Clock::manual(Timestamp::from_seconds(1_000));
        let http = HttpClient::timed_by(clock.clone(), Provider::CONNECT_TIMEOUT).unwrap();
        let base_url = format!("{}/v1", server.uri());
        let model = OpenAi::new(&http, Some(&base_url), Authorization::None, "m").unwrap();
        Self { server, model, clock }
    }

    async fn reply(&self) -> Result<Reply, ModelError> {
        let prompt = Prompt { turns: vec![Turn::text(Role::User, "Hello")], ..Prompt::default() };
        self.model.reply(&prompt, 5).await
    }

    /// Lets the connection rest, and the process with it if it is `frozen`.
    async fn rest(&self, frozen: bool) {
        if frozen {
            thread::sleep(REST);
        } else {
            tokio::time::sleep(REST).await;
        }
        self.clock.advance(Duration::from_secs(60));
    }

    async fn look(&self) {
        self.model.opening().expect("the connection has rested").await;
    }

    /// The requests so far, each as its method and the number of its connection.
    fn received(&self) -> Vec<String> {
        self.server.received().into_iter().map(|(connection, method)| format!("{method} {connection}")).collect()
    }
}

#[tokio::test]
async fn a_connection_that_rested_is_looked_at_and_used_again_where_the_server_keeps_it() {
    for frozen in [false, true] {
        let scene = Scene::start(Patience::Endless);
        assert!(scene.model.opening().is_none(), "without TLS a first connection takes no time");
        scene.reply().await.unwrap();
        assert!(scene.model.opening().is_none(), "it was used just now");
        scene.rest(frozen).await;
        scene.look().await;
        assert!(scene.model.opening().is_none(), "it was looked at just now");
        scene.reply().await.unwrap();
        assert_eq!(scene.received(), ["POST 0", "HEAD 0", "POST 0"], "frozen: {frozen}");
    }
}

#[tokio::test]
async fn a_connection_that_was_closed_or_lost_while_it_rested_costs_no_error() {
    for (patience, frozen) in [(IMPATIENT, false), (IMPATIENT, true), (Patience::ForgetsFirst, true)] {
        let scene = Scene::start(patience);
        scene.reply().await.unwrap();
        scene.rest(frozen).await;
        scene.look().await;
        scene.reply().await.unwrap();
        assert_eq!(scene.received(), ["POST 0", "HEAD 1", "POST 1"], "{patience:?}, frozen: {frozen}");
    }
}

/// What the look saves: the process has not heard yet that the connection is closed.
#[tokio::test]
async fn a_request_on_a_connection_that_turns_out_to_be_closed_fails_and_is_not_sent_again() {
    for patience in [IMPATIENT, Patience::ForgetsFirst] {
        let scene = Scene::start(patience);
        scene.reply().await.unwrap();
        scene.rest(true).await;
        let error = scene.reply().await.unwrap_err();
        assert!(matches!(error, ModelError::Failed(_)), "{error}");
        assert_eq!(scene.received(), ["POST 0"], "{patience:?}");
        scene.reply().await.unwrap();
        assert_eq!(scene.received(), ["POST 0", "POST 1"], "{patience:?}");
    }
}

#[tokio::test]
async fn a_request_that_has_arrived_is_not_sent_again_although_its_connection_was_kept() {
    let scene = Scene::start(Patience::HangsUpOnFirst);
    scene.reply().await.unwrap();
    let error = scene.reply().await.unwrap_err();
    assert!(matches!(error, ModelError::Failed(_)), "{error}");
    assert_eq!(scene.received(), ["POST 0", "POST 0"]);
}

#[tokio::test]
async fn a_request_does_not_wait_for_the_look_at_a_connection_on_which_nobody_answers() {
    let scene = Scene::start(Patience::FallsSilentOnFirst);
    scene.reply().await.unwrap();
    scene.rest(false).await;
    tokio::spawn(scene.model.opening().unwrap());
    while scene.received().len() < 2 {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    scene.reply().await.unwrap();
    assert_eq!(scene.received(), ["POST 0", "HEAD 0", "POST 1"]);
}

/// Of the connections of requests that were sent at once, the others would rest until they are closed.
#[tokio::test]
async fn one_connection_rests() {
    // Both requests are under way before one of them is answered.
    let scene = Scene::start(Patience::EndlessAndSlow(Duration::from_millis(500)));
    let (one, other) = tokio::join!(scene.reply(), scene.reply());
    assert!(one.is_ok() && other.is_ok());
    scene.rest(false).await;
    let (one, other) = tokio::join!(scene.reply(), scene.reply());
    assert!(one.is_ok() && other.is_ok());
    let mut connections: Vec<usize> = scene.server.received().into_iter().map(|(connection, _)| connection).collect();
    connections.sort_unstable();
    connections.dedup();
    assert_eq!(connections, [0, 1, 2]);
}

#[tokio::test]
async fn models_of_one_server_share_its_connection_and_one_of_them_looks_at_it() {
    let scene = Scene::start(Patience::Endless);
    let http = HttpClient::timed_by(scene.clock.clone(), Provider::CONNECT_TIMEOUT).unwrap();
    let at = |path: &str| http.connection_to(&Url::parse(&scene.server.uri()).unwrap().join(path).unwrap());
    let (one, other) = (at("/v1"), at("/v2/"));
    one.last_use.note();
    scene.clock.advance(Duration::from_secs(60));
    let looks = [one.opening(), other.opening()];
    assert!(looks[0].is_some() && looks[1].is_none());
    let elsewhere = http.connection_to(&Url::parse("https://127.0.0.1:1/v1").unwrap());
    assert!(elsewhere.opening().is_some(), "a connection with TLS is opened before it is needed");
}
