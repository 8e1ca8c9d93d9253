//! Requests that are taken, requests that are refused, and answers.

use domain::credits::Credits;
use domain::ids::EntryId;
use domain::pricing::Usage;
use domain::time::{Clock, Timestamp};
use lambda_http::Body;
use ledger::exchange::StoredReply;
use ledger::idempotency::IdempotencyKey;
use providers::catalogue::may_be_extra;
use providers::prompt::{EmbeddingInputs, Input};
use serde_json::{Value, json};

use super::request::{MAX_BYTES, MAX_INPUTS, PARAMETERS};
use super::{EmbeddingErrors, Embeddings, Unstreamed, WholeEmbeddings};
use crate::door::{Door, DoorRequest, ErrorForm, InvalidParameter, ParameterFault, ProtocolError, Writer};
use crate::error::ApiError;
use crate::http::Request;
use crate::testing::{paid_reply, stored_reply};

fn minimal() -> Value {
    json!({"model": "small", "input": "Hello"})
}

/// The minimal request with one member more, or another one.
fn with(name: &str, value: Value) -> Value {
    let mut body = minimal();
    body[name] = value;
    body
}

fn received(body: &Value) -> Request {
    Request::from(lambda_http::Request::new(Body::from(body.to_string())))
}

fn read(body: &Value) -> Result<DoorRequest<Embeddings>, ProtocolError> {
    Embeddings::read(&received(body))
}

fn inputs(body: &Value) -> EmbeddingInputs {
    read(body).unwrap().prompt.inputs.unwrap()
}

fn refusal(body: &Value) -> InvalidParameter {
    match read(body) {
        Err(ProtocolError::Parameter(refusal)) => refusal,
        other => panic!("{body}: {other:?}"),
    }
}

fn text(text: &str) -> Input {
    Input::Text(text.to_owned())
}

#[test]
fn an_input_is_a_text_or_tokens_and_there_may_be_several_of_one_kind() {
    for (input, expected) in [
        (json!("Hello"), vec![text("Hello")]),
        (json!(["Hello"]), vec![text("Hello")]),
        (json!(["a", "b"]), vec![text("a"), text("b")]),
        (json!([9906, 0]), vec![Input::Tokens(vec![9906, 0])]),
        (json!([[9906], [0, 1]]), vec![Input::Tokens(vec![9906]), Input::Tokens(vec![0, 1])]),
    ] {
        assert_eq!(inputs(&with("input", input.clone())).texts, expected, "{input}");
    }
    let many = with("input", json!(vec!["a"; MAX_INPUTS]));
    assert_eq!(inputs(&many).texts.len(), MAX_INPUTS);
}

#[test]
fn everything_that_can_be_honoured_is_read_and_nothing_is_stored_or_streamed() {
    let mut body = minimal();
    let members = json!({
        "dimensions": 256, "encoding_format": "base64", "max_cost": 3, "user": "u-1", "input_type": "query",
        "stream": true, "store": true,
    });
    body.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
    let request = read(&body).unwrap();
    let inputs = request.prompt.inputs.as_ref().unwrap();
    assert_eq!((inputs.dimensions, inputs.base64), (Some(256), true));
    assert_eq!(request.max_cost, Credits::new(3).ok());
    assert_eq!(request.prompt.extra["input_type"].get(), "\"query\"");
    assert_eq!(request.prompt.extra.len(), 1);
    assert!(!request.is_streamed && !request.store && request.message.as_str().is_empty());
    for format in [json!(null), json!("float")] {
        assert!(!self::inputs(&with("encoding_format", format)).base64);
    }
}

#[test]
fn what_is_no_input_is_refused_by_name() {
    for (name, value, fault) in [
        ("model", json!(null), ParameterFault::Missing),
        ("input", json!(null), ParameterFault::Missing),
        ("input", json!(7), ParameterFault::Type),
        ("input", json!({}), ParameterFault::Type),
        ("input", json!(""), ParameterFault::Value),
        ("input", json!([]), ParameterFault::Value),
        ("input", json!(["a", ""]), ParameterFault::Value),
        ("input", json!(["a", 7]), ParameterFault::Type),
        ("input", json!([7, "a"]), ParameterFault::Type),
        ("input", json!([[7], "a"]), ParameterFault::Type),
        ("input", json!([[7], []]), ParameterFault::Value),
        ("input", json!([-1]), ParameterFault::Type),
        ("input", json!([1.5]), ParameterFault::Type),
        ("input", json!([null]), ParameterFault::Type),
        ("input", json!(vec!["a"; MAX_INPUTS + 1]), ParameterFault::Value),
        ("dimensions", json!(0), ParameterFault::Value),
        ("dimensions", json!(65_537), ParameterFault::Value),
        ("dimensions", json!("8"), ParameterFault::Type),
        ("encoding_format", json!("int8"), ParameterFault::Value),
        ("max_cost", json!(-1), ParameterFault::Value),
    ] {
        let refusal = refusal(&with(name, value.clone()));
        assert_eq!((refusal.name.as_str(), refusal.fault), (name, fault), "{name}: {value}");
        assert!(refusal.detail.ends_with('.'), "{}", refusal.detail);
    }
}

#[test]
fn vectors_that_no_answer_has_room_for_are_refused_before_anything_is_held() {
    let asking = |count: usize, dimensions: u32, format: &str| json!({"model": "m", "input": vec!["a"; count], "dimensions": dimensions, "encoding_format": format});
    for (count, dimensions, format, fits) in [
        (2047, 1536, "base64", true),
        (2048, 1536, "base64", false),
        (2048, 700, "float", true),
        (2048, 1024, "float", false),
        (2048, 8192, "float", false),
    ] {
        let outcome = read(&asking(count, dimensions, format));
        assert_eq!(outcome.is_ok(), fits, "{count} × {dimensions} {format}");
    }
    let refusal = refusal(&asking(2048, 1536, "base64"));
    assert_eq!((refusal.name.as_str(), refusal.fault), ("input", ParameterFault::Value));
}

#[test]
fn a_body_has_four_mebibytes() {
    let with_bytes = |bytes: usize| with("input", json!("x".repeat(bytes)));
    let beside = with_bytes(0).to_string().len();
    assert!(read(&with_bytes(MAX_BYTES - beside)).is_ok());
    let too_long = read(&with_bytes(MAX_BYTES - beside + 1));
    assert!(matches!(too_long, Err(ProtocolError::Api(ApiError::TooLarge { .. }))));
}

#[test]
fn no_member_that_is_read_here_can_be_on_a_models_list() {
    for name in PARAMETERS {
        assert!(!may_be_extra(name), "{name}");
    }
}

/// The fingerprint covers the form too: a repetition gets the text that was kept.
#[test]
fn the_fingerprint_covers_inputs_dimensions_and_form() {
    let fingerprint = |body: &Value| {
        let remembered = read(body).unwrap().remembered(IdempotencyKey::parse("key").unwrap()).unwrap();
        serde_json::to_string(&remembered.fingerprint).unwrap()
    };
    let bodies = [
        minimal(),
        with("input", json!("Goodbye")),
        with("input", json!(["Hello", "Goodbye"])),
        with("input", json!([9906])),
        with("dimensions", json!(8)),
        with("encoding_format", json!("base64")),
        with("max_cost", json!(8)),
        with("input_type", json!("query")),
    ];
    let fingerprints: Vec<String> = bodies.iter().map(fingerprint).collect();
    for (place, one) in fingerprints.iter().enumerate() {
        assert!(!fingerprints[place + 1..].contains(one), "{}", bodies[place]);
    }
    assert_eq!(fingerprint(&with("encoding_format", json!("float"))), fingerprints[0]);
    assert_eq!(fingerprint(&with("input", json!(["Hello"]))), fingerprints[0]);
}

#[test]
fn an_answer_has_openais_members_and_prints_no_vector() {
    let id = EntryId::new(&Clock::manual(Timestamp::from_seconds(1_800_000_000)));
    let embeddings = Some("[[0.5,-1e-7],\"AACAPw==\"]".to_owned());
    let reply = StoredReply { embeddings, usage: Usage::counted(9, 0), ..stored_reply("") };
    let paid = paid_reply(id, reply, 7);
    let expected = json!({
        "object": "list",
        "data": [
            {"object": "embedding", "index": 0, "embedding": [0.5, -1e-7]},
            {"object": "embedding", "index": 1, "embedding": "AACAPw=="},
        ],
        "model": "dummy",
        "usage": {"prompt_tokens": 9, "total_tokens": 9, "cost": 7},
    });
    let answer = WholeEmbeddings::of(&paid).unwrap();
    assert_eq!(json!(answer), expected);
    assert!(!format!("{answer:?}").contains("AAC"));
    assert!(WholeEmbeddings::of(&paid_reply(id, stored_reply("Hello"), 7)).is_err(), "a text is no vector");
}

#[test]
fn errors_name_the_parameters_of_embeddings_and_nothing_is_streamed() {
    assert_eq!((EmbeddingErrors::parameter("messages"), EmbeddingErrors::parameter("model")), ("input", "model"));
    let id = EntryId::new(&Clock::manual(Timestamp::from_seconds(1_800_000_000)));
    assert!(Unstreamed.replayed(&paid_reply(id, stored_reply("Hello"), 7)).is_empty());
}
