//! Requests for vectors, and answers.

use serde_json::{Value, json};
use wiremock::matchers::{header, method, path};
use wiremock::{Mock, MockServer, ResponseTemplate};

use super::*;
use crate::catalogue::{Ability, Protocol};
use crate::prompt::Input;
use crate::raw_json::RawJson;
use crate::reply::End;
use crate::reply::MAX_EMBEDDINGS_BYTES;
use domain::message::FinishReason;
use domain::pricing::{Prices, Usage};

fn inputs(texts: &[&str], dimensions: Option<u32>, base64: bool) -> EmbeddingInputs {
    let texts = texts.iter().map(|text| Input::Text((*text).to_owned())).collect();
    EmbeddingInputs { texts, dimensions, base64 }
}

fn prompt(inputs: EmbeddingInputs) -> Prompt {
    Prompt { inputs: Some(inputs), ..Prompt::default() }
}

fn read(answer: &Value, inputs: &EmbeddingInputs) -> Result<Reply, ModelError> {
    reply(answer.to_string().as_bytes(), inputs)
}

fn array_of(reply: &Reply) -> &str {
    let [choice] = &reply.choices[..] else { panic!("{reply:?}") };
    choice.embeddings.as_ref().unwrap().as_str()
}

async fn embedder(server: &MockServer) -> Embedder {
    let provider = Provider { base_url: Some(format!("{}/v1", server.uri())), ..Provider::new(Protocol::OpenAi) };
    let mut model = CataloguedModel::of_the_settings("small", Prices::default(), 8192, 1);
    model.takes = BTreeSet::from([Ability::Embeddings]);
    model.extra_parameters = BTreeSet::from(["input_type".to_owned()]);
    let http = HttpClient::new(Provider::CONNECT_TIMEOUT).unwrap();
    Embedder::catalogued(&http, &provider, &model, &Arc::new(ProviderKeys::connect(None).await.unwrap())).unwrap()
}

async fn answering(answer: ResponseTemplate) -> MockServer {
    let server = MockServer::start().await;
    Mock::given(method("POST"))
        .and(path("/v1/embeddings"))
        .and(header("accept", "application/json"))
        .respond_with(answer)
        .mount(&server)
        .await;
    server
}

#[tokio::test]
async fn inputs_are_sent_as_they_came_and_their_vectors_come_back() {
    let data = json!([
        {"object": "embedding", "index": 1, "embedding": [0.5, 0.25]},
        {"object": "embedding", "index": 0, "embedding": [1.0, -1.0]},
    ]);
    let answer = json!({"object": "list", "data": data, "usage": {"prompt_tokens": 7, "total_tokens": 7}});
    let server = answering(ResponseTemplate::new(200).set_body_json(answer)).await;
    let texts = vec![Input::Text("a".to_owned()), Input::Tokens(vec![9906, 0])];
    let inputs = EmbeddingInputs { texts, dimensions: Some(2), base64: false };
    let raw = |json: &str| RawJson::from(serde_json::value::RawValue::from_string(json.to_owned()).unwrap());
    let extra = [("input_type", raw("\"query\"")), ("unlisted", raw("1"))].map(|(name, raw)| (name.to_owned(), raw));
    let prompt = Prompt { extra: extra.into(), ..prompt(inputs) };
    let reply = embedder(&server).await.reply(&prompt, 0).await.unwrap();
    assert_eq!(array_of(&reply), "[[1.0,-1.0],[0.5,0.25]]");
    assert_eq!(reply.end, End::new(FinishReason::Stop, Some(Usage::counted(7, 0))));
    let sent: Value = server.received_requests().await.unwrap()[0].body_json().unwrap();
    let expected = json!({"model": "small", "input": ["a", [9906, 0]], "dimensions": 2, "input_type": "query"});
    assert_eq!(sent, expected);
}

#[tokio::test]
async fn base64_is_asked_for_where_it_is_wanted_and_made_where_the_server_knows_numbers_alone() {
    for embedding in [json!("AACAPwAAgL8="), json!([1.0, -1.0])] {
        let answer = json!({"data": [{"embedding": embedding}]});
        let server = answering(ResponseTemplate::new(200).set_body_json(answer)).await;
        let reply = embedder(&server).await.reply(&prompt(inputs(&["a"], None, true)), 0).await.unwrap();
        assert_eq!(array_of(&reply), "[\"AACAPwAAgL8=\"]");
        assert_eq!(reply.end.usage, None, "the server counts nothing");
        let sent: Value = server.received_requests().await.unwrap()[0].body_json().unwrap();
        assert_eq!(sent, json!({"model": "small", "input": ["a"], "encoding_format": "base64"}));
    }
}

#[tokio::test]
async fn a_failure_is_what_it_is_in_chat_completions_and_a_parameter_is_named() {
    let refuses = json!({"error": {"type": "invalid_request_error", "param": "dimensions", "message": "a secret"}});
    let server = answering(ResponseTemplate::new(400).set_body_json(refuses)).await;
    let error = embedder(&server).await.reply(&prompt(inputs(&["a"], Some(2), false)), 0).await.unwrap_err();
    assert!(matches!(error, ModelError::Refused { refusal: Refusal::Parameter("dimensions"), .. }), "{error:?}");
    assert!(!error.to_string().contains("secret"));
    let server = answering(ResponseTemplate::new(429)).await;
    let error = embedder(&server).await.reply(&prompt(inputs(&["a"], None, false)), 0).await.unwrap_err();
    assert!(matches!(error, ModelError::Throttled { .. }), "{error:?}");
    let error = embedder(&server).await.reply(&Prompt::default(), 9).await.unwrap_err();
    assert!(matches!(error, ModelError::Refused { refusal: Refusal::Parameter("messages"), .. }), "{error:?}");
}

#[test]
fn vectors_are_in_the_order_of_their_numbers_if_each_is_there_once() {
    let two = inputs(&["a", "b"], None, false);
    for (first, second, expected) in [
        (json!(1), json!(0), "[[2],[1]]"),
        (json!(0), json!(1), "[[1],[2]]"),
        (json!(0), json!(0), "[[1],[2]]"),
        (json!(null), json!(0), "[[1],[2]]"),
        (json!(2), json!(1), "[[1],[2]]"),
    ] {
        let data = json!([{"index": first, "embedding": [1]}, {"index": second, "embedding": [2]}]);
        assert_eq!(array_of(&read(&json!({"data": data}), &two).unwrap()), expected);
    }
}

#[test]
fn an_answer_without_a_vector_for_each_input_is_a_failure() {
    let one = inputs(&["a"], None, false);
    for answer in [
        json!({}),
        json!({"data": null}),
        json!({"data": []}),
        json!({"data": [{"embedding": [1]}, {"embedding": [1]}]}),
        json!({"data": [{"index": 0}]}),
        json!({"data": [{"embedding": []}]}),
        json!({"data": [7]}),
        json!([]),
    ] {
        assert!(matches!(read(&answer, &one), Err(ModelError::Failed(_))), "{answer}");
    }
    let failed = json!({"error": {"code": "rate_limit_exceeded"}, "data": [{"embedding": [1]}]});
    assert!(matches!(read(&failed, &one), Err(ModelError::Throttled { .. })));
    let too_long = json!({"data": [{"embedding": "A".repeat(MAX_EMBEDDINGS_BYTES)}]});
    assert!(matches!(read(&too_long, &inputs(&["a"], None, true)), Err(ModelError::Failed(_))));
}
