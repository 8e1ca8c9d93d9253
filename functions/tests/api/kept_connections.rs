//! Connections to providers, which are open before the first request and rest while a function is frozen.

use std::process::Command;
use std::time::Duration;

use serde_json::json;
use testkit::patient_server::{Patience, PatientServer};
use testkit::recorder::Fault;
use testkit::tls_front::TlsFront;

use crate::providers::Chatting;

/// Longer than a connection may rest before it is looked at.
const REST: Duration = Duration::from_secs(4);
/// The time for which a server keeps a connection: longer than a hold takes, and shorter than the rest.
const PATIENCE: Duration = Duration::from_secs(3);

fn provider(patience: Patience) -> PatientServer {
    let choice = json!({"index": 0, "message": {"content": "Hi"}, "finish_reason": "stop"});
    let body = json!({"choices": [choice]}).to_string();
    let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: ";
    PatientServer::start(patience, format!("{head}{}\r\n\r\n{body}", body.len()))
}

/// Lets the function rest as Lambda does: its process stands still, and the kernel goes on.
async fn freeze(chatting: &Chatting) {
    let process = chatting.world.stack.function("chat-completions").await.process_id().to_string();
    let signal = |name: &str| assert!(Command::new("kill").args([name, &process]).status().unwrap().success());
    signal("-STOP");
    tokio::time::sleep(REST).await;
    signal("-CONT");
}

/// Asks for a completion. The hold takes a second, so that a look at the connection ends before the model is asked.
async fn ask(chatting: &Chatting) {
    chatting.world.stack.recorder().fail_next("UpdateItem", Fault::Silence, 1);
    let response = chatting.world.stack.send(chatting.completion(false)).await;
    assert_eq!(response.status, 200, "{response:?}");
}

/// The requests so far, each as its method and the number of its connection.
fn received(provider: &PatientServer) -> Vec<String> {
    provider.received().into_iter().map(|(connection, method)| format!("{method} {connection}")).collect()
}

#[tokio::test]
async fn a_connection_with_tls_is_open_before_the_first_request_and_is_not_lost_while_the_function_is_frozen() {
    let provider = provider(Patience::Endless);
    let front = TlsFront::start(&provider.uri()).await;
    let (base_url, certificate) = (format!("{}/v1", front.endpoint()), front.certificate());
    let certificate = certificate.to_str().unwrap();
    let settings = [("MODEL", "openai"), ("OPENAI_BASE_URL", &base_url), ("SSL_CERT_FILE", certificate)];
    let chatting = Chatting::start(&settings).await;
    chatting.world.stack.function("chat-completions").await;
    assert_eq!(received(&provider), ["HEAD 0"], "the function has started");
    tokio::time::sleep(REST).await;
    ask(&chatting).await;
    assert_eq!(received(&provider)[1..], ["HEAD 0", "POST 0"]);
    freeze(&chatting).await;
    ask(&chatting).await;
    assert_eq!(received(&provider)[3..], ["HEAD 0", "POST 0"]);
    assert_eq!(chatting.balance().await, (json!(4998), "0".to_owned()));
}

#[tokio::test]
async fn a_connection_that_is_closed_or_lost_while_the_function_is_frozen_costs_the_caller_nothing() {
    for patience in [Patience::For(PATIENCE), Patience::ForgetsFirst] {
        let provider = provider(patience);
        let base_url = format!("{}/v1", provider.uri());
        let chatting = Chatting::start(&[("MODEL", "openai"), ("OPENAI_BASE_URL", &base_url)]).await;
        ask(&chatting).await;
        freeze(&chatting).await;
        ask(&chatting).await;
        assert_eq!(received(&provider), ["POST 0", "HEAD 1", "POST 1"], "{patience:?}");
        assert_eq!(chatting.balance().await, (json!(4998), "0".to_owned()), "{patience:?}");
        assert_eq!(chatting.chats().await.len(), 2, "{patience:?}");
    }
}
