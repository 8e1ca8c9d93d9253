use std::collections::{BTreeMap, BTreeSet};

use cloud::SecretSource;
use domain::pricing::Prices;
use serde_json::json;
use wiremock::matchers::{header, method, path};
use wiremock::{Mock, MockServer, ResponseTemplate};

use super::*;
use crate::catalogue::Ability;
use crate::error::ModelError;
use crate::model::ShownPiece;
use crate::prompt::{Prompt, Role, Turn};
use crate::reply::Part;
use crate::settings::{BedrockSettings, OpenAiSettings};

const LIMIT: Duration = Duration::from_secs(5);

async fn connections(keys: Option<&str>) -> Connections {
    let keys = keys.map(|keys| SecretSource::Value(keys.into()));
    Connections::start(&ModelSettings::Dummy(Dummy::default()), true, keys).await.unwrap()
}

fn at(base_url: &str) -> Provider {
    Provider { base_url: Some(format!("{base_url}/v1")), ..Provider::new(Protocol::OpenAi) }
}

/// A model of a catalogue: its id differs from its provider's name for it.
fn model() -> CataloguedModel {
    CataloguedModel {
        provider: "p".to_owned(),
        provider_model: "their-name".to_owned(),
        ..CataloguedModel::of_the_settings("our-name", Prices::default(), 100, 10)
    }
}

fn hello() -> Prompt {
    Prompt { turns: vec![Turn::text(Role::User, "Hello")], ..Prompt::default() }
}

async fn text(model: &Model) -> Result<String, ModelError> {
    let mut pieces = model.stream(&hello(), 10, LIMIT).await?;
    let mut text = String::new();
    loop {
        match pieces.next().await? {
            ShownPiece::Part { part: Part::Text(piece) | Part::Refusal(piece), .. } => text.push_str(&piece),
            ShownPiece::Part { .. } => {}
            ShownPiece::End { .. } => return Ok(text),
        }
    }
}

async fn server(response: ResponseTemplate) -> MockServer {
    let server = MockServer::start().await;
    Mock::given(method("POST")).and(path("/v1/chat/completions")).respond_with(response).mount(&server).await;
    server
}

fn says(text: &str) -> ResponseTemplate {
    ResponseTemplate::new(200).set_body_json(json!({
        "choices": [{"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 9, "completion_tokens": 2, "total_tokens": 11},
    }))
}

#[tokio::test]
async fn a_provider_is_sent_its_own_name_for_the_model_its_key_and_its_headers() {
    let server = MockServer::start().await;
    let expected = Mock::given(method("POST"))
        .and(path("/v1/chat/completions"))
        .and(header("authorization", "Bearer sk-2"))
        .and(header("x-title", "A chat"))
        .and(header("accept", "text/event-stream"));
    expected.respond_with(says("Hi")).mount(&server).await;
    let provider = Provider {
        key: Some("second".to_owned()),
        headers: BTreeMap::from([("x-title".to_owned(), "A chat".to_owned())]),
        ..at(&server.uri())
    };
    let connections = connections(Some(r#"{"first": "sk-1", "second": "sk-2"}"#)).await;
    assert_eq!(text(&connections.connect(&provider, &model())).await.unwrap(), "Hi");
    let sent: serde_json::Value = server.received_requests().await.unwrap()[0].body_json().unwrap();
    assert_eq!((&sent["model"], &sent["stream"]), (&json!("their-name"), &json!(true)));
}

#[tokio::test]
async fn a_model_that_cannot_stream_is_asked_for_whole_replies() {
    let server = server(says("Hi")).await;
    let connections = connections(None).await;
    for (streams, sent) in
        [(StreamPolicy::Never, json!(null)), (StreamPolicy::TextOnly, json!(true)), (StreamPolicy::Always, json!(true))]
    {
        let model = CataloguedModel { streams, ..model() };
        assert_eq!(text(&connections.connect(&at(&server.uri()), &model)).await.unwrap(), "Hi");
        let last: serde_json::Value = server.received_requests().await.unwrap().last().unwrap().body_json().unwrap();
        assert_eq!(last["stream"], sent, "{streams:?}");
    }
}

#[tokio::test]
async fn a_provider_without_its_key_is_not_asked() {
    let server = server(says("Hi")).await;
    let provider = Provider { key: Some("openrouter".to_owned()), ..at(&server.uri()) };
    for keys in [None, Some(r#"{"openai": "sk-1"}"#), Some("no object")] {
        let error = text(&connections(keys).await.connect(&provider, &model())).await.unwrap_err();
        assert!(matches!(error, ModelError::Misconfigured(_)), "{error}");
    }
    assert!(server.received_requests().await.unwrap().is_empty());
}

#[tokio::test]
async fn a_reply_ends_in_the_providers_time_where_the_caller_would_wait_for_longer() {
    let server = server(says("Hi").set_delay(Duration::from_secs(60))).await;
    let provider = Provider { timeout: Some(Duration::from_millis(200)), ..at(&server.uri()) };
    let error = text(&connections(None).await.connect(&provider, &model())).await.unwrap_err();
    assert!(matches!(&error, ModelError::Failed(cause) if cause.as_str() == "the model took too long"), "{error}");
}

/// An address that a catalogue takes may still be none: the parser does not know all rules of URLs.
#[tokio::test]
async fn a_provider_that_cannot_be_connected_turns_requests_away_and_spoils_no_other() {
    let connections = connections(None).await;
    let error = text(&connections.connect(&at("http://1.2.3.999"), &model())).await.unwrap_err();
    assert!(matches!(error, ModelError::Misconfigured(_)), "{error}");
    let server = server(says("Hi")).await;
    assert_eq!(text(&connections.connect(&at(&server.uri()), &model())).await.unwrap(), "Hi");
}

#[tokio::test]
async fn the_model_of_the_settings_is_the_one_that_the_start_connected() {
    let server = server(says("Hi")).await;
    let settings = ModelSettings::OpenAi(OpenAiSettings {
        base_url: Some(format!("{}/v1", server.uri())),
        model_id: "m".to_owned(),
        api_key: Some(SecretSource::Value("sk-0".into())),
    });
    let connections = Connections::start(&settings, false, None).await.unwrap();
    let (provider, model) = settings.catalogued(Prices::default(), 100, 10);
    assert_eq!(text(&connections.connect(&provider, &model)).await.unwrap(), "Hi");
    let request = &server.received_requests().await.unwrap()[0];
    assert_eq!(request.headers["authorization"], "Bearer sk-0");
    assert_eq!(request.body_json::<serde_json::Value>().unwrap().get("stream"), None);
    let takes = BTreeSet::from([Ability::Tools, Ability::JsonSchema, Ability::Reasoning]);
    assert_eq!((provider.protocol, model.takes), (Protocol::OpenAi, takes));
    let bedrock = ModelSettings::Bedrock(BedrockSettings { model_id: "b".to_owned() });
    assert_eq!(bedrock.catalogued(Prices::default(), 100, 10).0, Provider::new(Protocol::Bedrock));
}

#[tokio::test]
async fn the_dummy_of_a_catalogue_answers() {
    let model = connections(None).await.connect(&Provider::new(Protocol::Dummy), &model());
    assert_eq!(text(&model).await.unwrap(), "Dummy Response");
}

/// A client of HTTP reads the system's certificates when it is made, so providers share it.
#[tokio::test]
async fn providers_share_a_client_and_a_new_catalogue_makes_none_for_those_that_it_keeps() {
    let connections = connections(None).await;
    let slow = Provider { connect_timeout: Duration::from_secs(9), ..at("http://127.0.0.1:3") };
    let catalogues = [vec![at("http://127.0.0.1:1"), at("http://127.0.0.1:2")], vec![at("http://127.0.0.1:2"), slow]];
    let made = catalogues.map(|providers| {
        for provider in providers {
            connections.connect(&provider, &model());
        }
        connections.servers.0.lock().unwrap().len()
    });
    assert_eq!(made, [1, 2]);
}

#[test]
fn there_are_never_more_clients_than_a_catalogue_can_have_providers() {
    let kept = KeptClients::default();
    for key in 0..=120_u32 {
        assert_eq!(kept.get(key, || Ok(key)).unwrap(), key);
        assert!(kept.0.lock().unwrap().len() <= MAX_PROVIDERS);
    }
    let fails = kept.get(7, || Err(Cause::because("no certificates")));
    assert_eq!(fails.unwrap_err().as_str(), "no certificates");
    assert_eq!(kept.get(7, || Ok(8)).unwrap(), 8, "a failure is not kept");
}
