//! Requests that are taken, requests that are refused, and answers.

use domain::credits::Credits;
use domain::ids::EntryId;
use domain::message::FinishReason;
use domain::time::{Clock, Timestamp};
use lambda_http::Body;
use ledger::exchange::StoredReply;
use ledger::idempotency::IdempotencyKey;
use providers::catalogue::may_be_extra;
use providers::prompt::{Role, Turn};
use providers::reply::{Part, SaidChoice};
use serde_json::{Value, json};

use super::request::PARAMETERS;
use super::{TextChunks, TextCompletionErrors, TextCompletions, WholeTextCompletion};
use crate::door::{
    Door, DoorRequest, ErrorForm, InvalidParameter, MAX_BYTES_BESIDE_IMAGES, ParameterFault, ProtocolError, Writer,
};
use crate::error::ApiError;
use crate::http::Request;
use crate::openai::ChatCompletions;
use crate::testing::{paid_reply, stored_reply};
use crate::till::PaidReply;

fn minimal() -> Value {
    json!({"model": "dummy", "prompt": "Hello"})
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

fn read(body: &Value) -> Result<DoorRequest<TextCompletions>, ProtocolError> {
    TextCompletions::read(&received(body))
}

fn refusal(body: &Value) -> InvalidParameter {
    match read(body) {
        Err(ProtocolError::Parameter(refusal)) => refusal,
        other => panic!("{body}: {other:?}"),
    }
}

fn id() -> EntryId {
    EntryId::new(&Clock::manual(Timestamp::from_seconds(1_800_000_000)))
}

fn paid(reply: StoredReply) -> PaidReply {
    paid_reply(id(), reply, 7)
}

fn data(events: &str) -> Vec<Value> {
    let lines = events.split_terminator("\n\n").map(|event| event.strip_prefix("data: ").unwrap());
    lines.map(|line| serde_json::from_str(line).unwrap_or_else(|_| line.into())).collect()
}

#[test]
fn a_text_is_one_message_of_the_user_also_alone_in_an_array() {
    for prompt in [json!("Hello"), json!(["Hello"])] {
        let request = read(&with("prompt", prompt)).unwrap();
        assert_eq!(request.prompt.turns, [Turn::text(Role::User, "Hello")]);
        assert_eq!((request.message.as_str(), request.max_output_tokens), ("Hello", None));
        assert!(!request.is_streamed && !request.store);
    }
}

#[test]
fn everything_that_can_be_honoured_is_read() {
    let mut body = minimal();
    let members = json!({
        "max_tokens": 20, "temperature": 0.5, "top_p": 0.25, "presence_penalty": 1.0, "frequency_penalty": -1.0,
        "stop": ["END"], "seed": 7, "n": 2, "logit_bias": {"7": -100}, "max_cost": 3, "stream": true,
        "stream_options": {"include_usage": true}, "store": true, "user": "u-1", "top_k": 40,
    });
    body.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
    let request = read(&body).unwrap();
    let sampling = &request.prompt.sampling;
    assert_eq!((request.max_output_tokens, request.max_cost), (Some(20), Credits::new(3).ok()));
    assert_eq!((sampling.temperature, sampling.top_p, sampling.seed), (Some(0.5), Some(0.25), Some(7)));
    assert_eq!((sampling.presence_penalty, sampling.frequency_penalty), (Some(1.0), Some(-1.0)));
    assert_eq!((&sampling.stop[..], request.prompt.choices()), (&["END".to_owned()][..], 2));
    assert_eq!((request.prompt.logit_bias[&7], request.prompt.extra["top_k"].get()), (-100.0, "40"));
    assert!(request.is_streamed && request.form.include_usage && request.store);
    assert_eq!(request.prompt.extra.len(), 1, "who asks is nobody's business");
}

#[test]
fn what_would_change_the_answer_and_cannot_be_honoured_is_refused_by_name() {
    for (name, value, fault) in [
        ("prompt", json!(null), ParameterFault::Missing),
        ("prompt", json!(7), ParameterFault::Type),
        ("prompt", json!([]), ParameterFault::Value),
        ("prompt", json!([7, 8]), ParameterFault::Unsupported),
        ("prompt", json!([[7, 8]]), ParameterFault::Unsupported),
        ("prompt", json!(["a", "b"]), ParameterFault::Unsupported),
        ("suffix", json!("end"), ParameterFault::Unsupported),
        ("best_of", json!(2), ParameterFault::Unsupported),
        ("echo", json!(true), ParameterFault::Unsupported),
        ("logprobs", json!(0), ParameterFault::Unsupported),
        ("logprobs", json!(true), ParameterFault::Unsupported),
        ("max_tokens", json!(0), ParameterFault::Value),
        ("n", json!(9), ParameterFault::Value),
        ("stream_options", json!({"include_usage": true}), ParameterFault::Value),
        ("model", json!(null), ParameterFault::Missing),
    ] {
        let refusal = refusal(&with(name, value.clone()));
        assert_eq!((refusal.name.as_str(), refusal.fault), (name, fault), "{name}: {value}");
        assert!(refusal.detail.ends_with('.'), "{}", refusal.detail);
    }
    for (name, harmless) in
        [("suffix", json!("")), ("best_of", json!(1)), ("echo", json!(false)), ("logprobs", json!(null))]
    {
        assert!(read(&with(name, harmless)).is_ok(), "{name}");
    }
}

#[test]
fn a_text_is_as_long_as_the_texts_of_chat_completions_may_be() {
    let with_bytes = |bytes: usize| with("prompt", json!("x".repeat(bytes)));
    let beside = with_bytes(0).to_string().len();
    assert!(read(&with_bytes(MAX_BYTES_BESIDE_IMAGES - beside)).is_ok());
    let too_long = read(&with_bytes(MAX_BYTES_BESIDE_IMAGES - beside + 1));
    assert!(matches!(too_long, Err(ProtocolError::Api(ApiError::TooLarge { .. }))));
}

#[test]
fn no_member_that_is_read_here_can_be_on_a_models_list() {
    for name in PARAMETERS {
        assert!(!may_be_extra(name), "{name}");
    }
}

#[test]
fn the_same_key_at_another_door_is_another_request() {
    let key = || IdempotencyKey::parse("key").unwrap();
    let here = read(&minimal()).unwrap().remembered(key()).unwrap();
    let body = json!({"model": "dummy", "messages": [{"role": "user", "content": "Hello"}]});
    let there = ChatCompletions::read(&received(&body)).unwrap().remembered(key()).unwrap();
    assert_ne!(here.fingerprint, there.fingerprint);
    let Err(ProtocolError::Parameter(refusal)) = read(&with("n", json!(2))).unwrap().remembered(key()) else {
        panic!("several choices are not kept")
    };
    assert_eq!(refusal.name, "n");
}

#[test]
fn a_whole_answer_has_openais_members() {
    let paid = paid(stored_reply("Hello"));
    let expected = json!({
        "id": format!("cmpl-{}", paid.id),
        "object": "text_completion",
        "created": 1_800_000_000,
        "model": "dummy",
        "choices": [{"text": "Hello", "index": 0, "logprobs": null, "finish_reason": "stop"}],
        "usage": {
            "prompt_tokens": 1,
            "completion_tokens": 2,
            "total_tokens": 3,
            "prompt_tokens_details": {"cached_tokens": 0},
            "completion_tokens_details": {"reasoning_tokens": 0},
            "cost": 7,
        },
    });
    assert_eq!(json!(WholeTextCompletion::of(&paid)), expected);
    assert!(!format!("{:?}", WholeTextCompletion::of(&paid)).contains("Hello"));
}

#[test]
fn a_streamed_answer_has_openais_events_and_says_the_same() {
    for include_usage in [false, true] {
        let paid = paid(stored_reply("Hello"));
        let mut chunks = TextChunks::new(paid.id, include_usage);
        assert_eq!(chunks.beginning("dummy", 1), "");
        let events = [chunks.part(0, &Part::Text("Hel".to_owned())), chunks.part(0, &Part::Text("lo".to_owned()))];
        let events = data(&(events.concat() + &chunks.end(&paid)));
        let chunk = |text: &str, reason: Value| {
            let mut chunk = json!({
                "id": format!("cmpl-{}", paid.id),
                "object": "text_completion",
                "created": 1_800_000_000,
                "model": "dummy",
                "choices": [{"text": text, "index": 0, "logprobs": null, "finish_reason": reason}],
            });
            if include_usage {
                chunk["usage"] = Value::Null;
            }
            chunk
        };
        let expected = [chunk("Hel", Value::Null), chunk("lo", Value::Null), chunk("", json!("stop"))];
        assert_eq!(events[..3], expected);
        let whole = json!(WholeTextCompletion::of(&paid));
        if include_usage {
            assert_eq!((&events[3]["choices"], &events[3]["usage"]), (&json!([]), &whole["usage"]));
        }
        assert_eq!(events.last().unwrap(), "[DONE]");
        assert_eq!(events.len(), if include_usage { 5 } else { 4 });
    }
}

#[test]
fn a_refusal_is_a_part_of_the_text_and_reasoning_is_left_out() {
    let reply = StoredReply {
        reasoning: Some("Hm.".to_owned()),
        refusal: Some("I cannot.".to_owned()),
        finish_reason: FinishReason::ContentFilter,
        ..stored_reply("Well. ")
    };
    let paid = PaidReply { others: vec![SaidChoice::text("b")], ..paid(reply) };
    let whole = json!(WholeTextCompletion::of(&paid));
    let choice = |index: u8| &whole["choices"][usize::from(index)];
    assert_eq!(
        (&choice(0)["text"], &choice(0)["finish_reason"]),
        (&json!("Well. I cannot."), &json!("content_filter"))
    );
    assert_eq!((&choice(1)["text"], &choice(1)["index"]), (&json!("b"), &json!(1)));
    let events = data(&TextChunks::new(paid.id, false).replayed(&paid).concat());
    let text: String = events.iter().filter_map(|event| event["choices"][0]["text"].as_str()).collect();
    assert_eq!(text, "Well. I cannot.");
    let called = StoredReply { finish_reason: FinishReason::ToolCalls, ..stored_reply("") };
    assert_eq!(json!(WholeTextCompletion::of(&paid_reply(id(), called, 0)))["choices"][0]["finish_reason"], "stop");
}

#[test]
fn errors_name_the_parameters_of_completions() {
    for (name, here) in [("messages", "prompt"), ("max_completion_tokens", "max_tokens"), ("seed", "seed")] {
        assert_eq!(TextCompletionErrors::parameter(name), here);
    }
}
