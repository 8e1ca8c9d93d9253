//! What is asked, and what is refused.

use domain::pricing::Prices;
use futures_util::future::BoxFuture;
use lambda_http::Body;
use proptest::prelude::*;
use providers::chat_model::ChatModel;
use providers::error::ModelError;
use providers::prompt::Role;
use providers::reply::{Reply, ReplyStream};
use serde_json::{Value, json};

use super::*;
use crate::openai::error::InvalidParameter;
use crate::testing::{offer, offers_of_the_dummy};

fn minimal() -> Value {
    json!({"model": "dummy", "messages": [{"role": "user", "content": "Hello"}]})
}

fn received(body: &Value) -> Request {
    Request::from(lambda_http::Request::new(Body::from(body.to_string())))
}

fn read(body: &Value) -> Result<CompletionRequest, ProtocolError> {
    CompletionRequest::parse(&received(body))
}

/// The minimal request with one member more, or another one.
fn with(name: &str, value: Value) -> Value {
    let mut body = minimal();
    body[name] = value;
    body
}

fn refusal(body: &Value) -> InvalidParameter {
    match read(body) {
        Err(ProtocolError::Parameter(refusal)) => refusal,
        other => panic!("{body}: {other:?}"),
    }
}

fn assert_refused(body: &Value, name: &str, fault: ParameterFault) {
    let refusal = refusal(body);
    assert_eq!((refusal.name.as_str(), refusal.fault), (name, fault), "{body}");
    assert!(refusal.detail.ends_with('.'), "{}", refusal.detail);
}

fn messages(messages: &Value) -> Value {
    with("messages", messages.clone())
}

#[test]
fn a_conversation_and_a_model_are_enough() {
    let request = read(&minimal()).unwrap();
    assert_eq!(request.prompt.turns, [Turn { role: Role::User, text: "Hello".to_owned() }]);
    assert_eq!(request.prompt.sampling, Sampling::default());
    assert_eq!((request.max_output_tokens, request.delivery), (None, Delivery::Whole));
    assert_eq!(request.message.as_str(), "Hello");
}

#[test]
fn everything_that_can_be_honoured_is_read() {
    let mut body = with("temperature", json!(0.5));
    for (name, value) in [
        ("top_p", json!(1)),
        ("presence_penalty", json!(-2)),
        ("frequency_penalty", json!(2.0)),
        ("stop", json!(["a", "b"])),
        ("seed", json!(-5)),
        ("max_completion_tokens", json!(99_999_999_999_u64)),
        ("max_cost", json!(250)),
        ("stream", json!(true)),
        ("stream_options", json!({"include_usage": true, "include_obfuscation": false})),
    ] {
        body[name] = value;
    }
    let request = read(&body).unwrap();
    let sampling = Sampling {
        temperature: Some(0.5),
        top_p: Some(1.0),
        presence_penalty: Some(-2.0),
        frequency_penalty: Some(2.0),
        stop: vec!["a".to_owned(), "b".to_owned()],
        seed: Some(-5),
    };
    assert_eq!(request.prompt.sampling, sampling);
    assert_eq!(request.max_output_tokens, Some(u32::MAX));
    assert_eq!(request.max_cost, Some(Credits::new(250).unwrap()));
    assert_eq!(request.delivery, Delivery::Streamed { include_usage: true });
    assert_eq!(read(&with("max_tokens", json!(5))).unwrap().max_output_tokens, Some(5));
    assert_eq!(read(&with("stop", json!("a"))).unwrap().prompt.sampling.stop, ["a"]);
    assert_eq!(read(&with("stream", json!(true))).unwrap().delivery, Delivery::Streamed { include_usage: false });
}

#[test]
fn what_asks_for_nothing_more_and_what_nobody_knows_is_ignored() {
    for (name, value) in [
        ("n", json!(1)),
        ("tools", json!([])),
        ("tool_choice", json!("none")),
        ("function_call", json!("auto")),
        ("response_format", json!({"type": "text"})),
        ("logprobs", json!(false)),
        ("top_logprobs", json!(0)),
        ("logit_bias", json!({})),
        ("modalities", json!(["text"])),
        ("verbosity", json!("medium")),
        ("user", json!("u-1")),
        ("metadata", json!({"a": "b"})),
        ("service_tier", json!("auto")),
        ("prompt_cache_key", json!("k")),
        ("safety_identifier", json!("s")),
        ("parallel_tool_calls", json!(false)),
        ("something_new", json!([1])),
    ] {
        assert!(read(&with(name, value)).is_ok(), "{name}");
    }
    for name in ["temperature", "stop", "n", "tools", "stream", "stream_options", "max_tokens", "audio", "seed"] {
        assert!(read(&with(name, Value::Null)).is_ok(), "{name}");
    }
}

#[test]
fn what_would_change_the_answer_and_cannot_be_honoured_is_refused_by_name() {
    for (name, value) in [
        ("n", json!(2)),
        ("n", json!("1")),
        ("tools", json!([{"type": "function"}])),
        ("functions", json!([{}])),
        ("tool_choice", json!("required")),
        ("tool_choice", json!({"type": "function"})),
        ("function_call", json!({"name": "f"})),
        ("response_format", json!({"type": "json_object"})),
        ("response_format", json!("text")),
        ("logprobs", json!(true)),
        ("top_logprobs", json!(2)),
        ("logit_bias", json!({"50256": -100})),
        ("modalities", json!(["text", "audio"])),
        ("audio", json!({"voice": "alloy"})),
        ("web_search_options", json!({})),
        ("reasoning_effort", json!("low")),
        ("verbosity", json!("high")),
    ] {
        assert_refused(&with(name, value), name, ParameterFault::Unsupported);
    }
}

#[test]
fn parameters_outside_their_range_or_of_another_type_are_refused_by_name() {
    let long_stop = "x".repeat(MAX_STOP_BYTES + 1);
    for (name, value, fault) in [
        ("temperature", json!(2.1), ParameterFault::Value),
        ("temperature", json!("1"), ParameterFault::Type),
        ("top_p", json!(-0.1), ParameterFault::Value),
        ("presence_penalty", json!(-2.5), ParameterFault::Value),
        ("frequency_penalty", json!(3), ParameterFault::Value),
        ("stop", json!(["a", "b", "c", "d", "e"]), ParameterFault::Value),
        ("stop", json!(""), ParameterFault::Value),
        ("stop", json!([long_stop]), ParameterFault::Value),
        ("stop", json!([1]), ParameterFault::Type),
        ("stop", json!(1), ParameterFault::Type),
        ("seed", json!(1.5), ParameterFault::Type),
        ("seed", json!(u64::MAX), ParameterFault::Type),
        ("max_tokens", json!(0), ParameterFault::Value),
        ("max_tokens", json!(-1), ParameterFault::Value),
        ("max_completion_tokens", json!(1.5), ParameterFault::Type),
        ("max_completion_tokens", json!("1"), ParameterFault::Type),
        ("stream", json!("true"), ParameterFault::Type),
        ("store", json!("true"), ParameterFault::Type),
        ("stream_options", json!({}), ParameterFault::Value),
        ("stream_options", json!(true), ParameterFault::Type),
        ("model", json!(1), ParameterFault::Type),
        ("model", Value::Null, ParameterFault::Missing),
    ] {
        assert_refused(&with(name, value), name, fault);
    }
    let mut both = with("max_tokens", json!(1));
    both["max_completion_tokens"] = json!(1);
    assert_refused(&both, "max_tokens", ParameterFault::Value);
    let mut usage = with("stream", json!(true));
    usage["stream_options"] = json!({"include_usage": 1});
    assert_refused(&usage, "stream_options.include_usage", ParameterFault::Type);
}

#[test]
fn a_reply_is_stored_where_the_request_says_so() {
    assert!(!read(&minimal()).unwrap().store);
    for (value, store) in [(json!(true), true), (json!(false), false), (Value::Null, false)] {
        assert_eq!(read(&with("store", value)).unwrap().store, store);
    }
}

#[tokio::test]
async fn another_model_is_not_found() {
    let offers = offers_of_the_dummy().current().await.unwrap();
    assert_eq!(read(&minimal()).unwrap().candidates(&offers).unwrap().first.id(), "dummy");
    let Err(ProtocolError::ModelNotFound(unknown)) = read(&with("model", json!("gpt-5"))).unwrap().candidates(&offers)
    else {
        panic!("it is found")
    };
    assert_eq!(unknown, UnknownModel::new("gpt-5", ["dummy"]));
}

/// A model that knows no seed.
#[derive(Debug)]
struct Seedless;

impl ChatModel for Seedless {
    fn unsupported(&self, sampling: &Sampling) -> Option<&'static str> {
        sampling.seed.map(|_| "seed")
    }

    fn reply<'a>(&'a self, _prompt: &'a Prompt, _limit: u32) -> BoxFuture<'a, Result<Reply, ModelError>> {
        panic!("is never asked")
    }

    fn stream<'a>(&'a self, _prompt: &'a Prompt, _limit: u32) -> BoxFuture<'a, Result<ReplyStream, ModelError>> {
        panic!("is never asked")
    }
}

#[test]
fn a_parameter_that_the_model_does_not_know_is_refused() {
    let seedless = offer("seedless", Seedless, Prices::default());
    read(&minimal()).unwrap().check(&seedless).unwrap();
    let refused = read(&with("seed", json!(1))).unwrap().check(&seedless);
    let Err(ProtocolError::Parameter(refusal)) = refused else { panic!("{refused:?}") };
    assert_eq!((refusal.name.as_str(), refusal.fault), ("seed", ParameterFault::Unsupported));
    assert_eq!(refusal.detail, "'seed' is not supported here: the model does not know it.");
}

#[test]
fn a_conversation_has_roles_and_texts() {
    let request = read(&messages(&json!([
        {"role": "system", "content": "Be brief."},
        {"role": "developer", "content": [{"type": "text", "text": "In"}, {"type": "text", "text": "verse."}]},
        {"role": "user", "content": "Hello", "name": "ada"},
        {"role": "assistant", "content": "Hi!", "tool_calls": [], "refusal": null},
        {"role": "user", "content": "And now?"},
        {"role": "assistant", "content": "Well,"},
    ])))
    .unwrap();
    let turns: Vec<(Role, &str)> = request.prompt.turns.iter().map(|turn| (turn.role, turn.text.as_str())).collect();
    let expected = [
        (Role::System, "Be brief."),
        (Role::System, "In\nverse."),
        (Role::User, "Hello"),
        (Role::Assistant, "Hi!"),
        (Role::User, "And now?"),
        (Role::Assistant, "Well,"),
    ];
    assert_eq!(turns, expected);
    assert_eq!(request.message.as_str(), "And now?");
}

#[test]
fn histories_that_openai_takes_are_taken() {
    let user = json!({"role": "user", "content": "Hello"});
    let refused = json!({"role": "assistant", "content": null, "refusal": "No."});
    let parts = json!([{"type": "text", "text": "Well,"}, {"type": "refusal", "refusal": "no."}]);
    let refused_in_parts = json!({"role": "assistant", "content": parts});
    for (history, texts, stored) in [
        (json!([user, refused]), &["Hello", "No."][..], "Hello"),
        (json!([user, refused_in_parts]), &["Hello", "Well,\nno."], "Hello"),
        (json!([user, {"role": "assistant"}, user]), &["Hello", "", "Hello"], "Hello"),
        (json!([user, {"role": "user", "content": ""}]), &["Hello", ""], ""),
        (json!([user, {"role": "user", "content": " \n"}]), &["Hello", " \n"], " \n"),
        (json!([user, {"role": "user", "content": []}]), &["Hello", ""], ""),
        (json!([user, {"role": "assistant", "content": []}]), &["Hello", ""], "Hello"),
        (json!([{"role": "system", "content": "Be brief."}]), &["Be brief."], ""),
        (json!([{"role": "assistant", "content": "Hi!"}]), &["Hi!"], ""),
        (json!([{"role": "user", "content": "nul\0"}]), &["nul\0"], "nul\0"),
    ] {
        let request = read(&messages(&history)).unwrap();
        let read: Vec<&str> = request.prompt.turns.iter().map(|turn| turn.text.as_str()).collect();
        assert_eq!((read.as_slice(), request.message.as_str()), (texts, stored), "{history}");
    }
}

/// JSON that `json!` cannot write.
#[test]
fn a_text_that_is_no_unicode_and_a_number_beyond_all_are_refused_by_name() {
    for (member, name, fault) in [
        (r#""messages":[{"role":"user","content":"\ud800"}]"#, "messages[0].content", ParameterFault::Value),
        (r#""messages":[{"role":"\udc00","content":""}]"#, "messages[0].role", ParameterFault::Value),
        (r#""messages":[{"role":"user","x":"\ud800","content":""}]"#, "messages[0]", ParameterFault::Value),
        (r#""messages":[],"stop":"\ud800""#, "stop", ParameterFault::Value),
        (r#""messages":[],"temperature":1e999"#, "temperature", ParameterFault::Type),
        (r#""messages":[],"seed":1e999"#, "seed", ParameterFault::Type),
    ] {
        let body = format!(r#"{{"model":"dummy",{member}}}"#);
        let request = Request::from(lambda_http::Request::new(Body::from(body)));
        let refused = CompletionRequest::parse(&request);
        let Err(ProtocolError::Parameter(refusal)) = refused else { panic!("{member}: {refused:?}") };
        assert_eq!((refusal.name.as_str(), refusal.fault), (name, fault), "{member}");
    }
}

#[test]
fn the_last_of_two_members_with_the_same_name_counts() {
    let body = r#"{"model":"x","messages":1,"messages":[{"role":"user","content":"a","content":"b"}],"model":"dummy"}"#;
    let request = Request::from(lambda_http::Request::new(Body::from(body)));
    assert_eq!(CompletionRequest::parse(&request).unwrap().message.as_str(), "b");
}

#[test]
fn a_conversation_that_cannot_be_continued_is_refused_where_it_is_wrong() {
    let user = json!({"role": "user", "content": "Hello"});
    for (bad, name, fault) in [
        (json!([]), "messages", ParameterFault::Value),
        (Value::Null, "messages", ParameterFault::Missing),
        (json!("Hello"), "messages", ParameterFault::Type),
        (json!(vec![user.clone(); MAX_MESSAGES_AND_ONE]), "messages", ParameterFault::Value),
        (json!([user, "Hello"]), "messages[1]", ParameterFault::Type),
        (json!([user, {"content": "x"}]), "messages[1].role", ParameterFault::Missing),
        (json!([user, {"role": 1, "content": "x"}]), "messages[1].role", ParameterFault::Type),
        (json!([user, {"role": "boss", "content": "x"}]), "messages[1].role", ParameterFault::Value),
        (json!([user, {"role": "tool", "content": "x"}]), "messages[1].role", ParameterFault::Unsupported),
        (json!([user, {"role": "function", "content": "x"}]), "messages[1].role", ParameterFault::Unsupported),
        (json!([user, {"role": "user"}]), "messages[1].content", ParameterFault::Missing),
        (json!([user, {"role": "user", "content": null}]), "messages[1].content", ParameterFault::Missing),
        (json!([user, {"role": "assistant", "content": {}}]), "messages[1].content", ParameterFault::Type),
        (json!([user, {"role": "user", "content": 1}]), "messages[1].content", ParameterFault::Type),
        (json!([user, {"role": "user", "content": ["x"]}]), "messages[1].content[0].type", ParameterFault::Type),
        (
            json!([user, {"role": "user", "content": [{"type": "refusal", "refusal": "x"}]}]),
            "messages[1].content[0]",
            ParameterFault::Unsupported,
        ),
        (
            json!([user, {"role": "assistant", "content": [{"type": "refusal"}]}]),
            "messages[1].content[0].refusal",
            ParameterFault::Type,
        ),
        (
            json!([user, {"role": "user", "content": [{"type": "text", "text": 1}]}]),
            "messages[1].content[0].text",
            ParameterFault::Type,
        ),
        (
            json!([user, {"role": "user", "content": [{"type": "text", "text": "x"}, {"type": "image_url"}]}]),
            "messages[1].content[1]",
            ParameterFault::Unsupported,
        ),
        (
            json!([user, {"role": "assistant", "content": "x", "tool_calls": [{}]}]),
            "messages[1].tool_calls",
            ParameterFault::Unsupported,
        ),
    ] {
        assert_refused(&messages(&bad), name, fault);
    }
}

const MAX_MESSAGES_AND_ONE: usize = 2049;

#[test]
fn the_fingerprint_covers_what_determines_the_answer_and_not_how_it_is_delivered() {
    let remembered = |body: &Value| {
        let key = IdempotencyKey::parse("key").unwrap();
        read(body).unwrap().remembered(key)
    };
    let plain = remembered(&minimal());
    let mut streamed = with("stream", json!(true));
    streamed["stream_options"] = json!({"include_usage": true});
    for same in [streamed, with("user", json!("u")), with("temperature", Value::Null)] {
        assert_eq!(remembered(&same), plain, "{same}");
    }
    for other in [
        with("model", json!("an-alias")),
        with("temperature", json!(1)),
        with("top_p", json!(1)),
        with("stop", json!("x")),
        with("seed", json!(1)),
        with("max_tokens", json!(1)),
        with("max_cost", json!(1)),
        messages(&json!([{"role": "system", "content": ""}, {"role": "user", "content": "Hello"}])),
        messages(&json!([{"role": "user", "content": "Hello"}, {"role": "user", "content": "Hello"}])),
    ] {
        assert_ne!(remembered(&other), plain, "{other}");
    }
    assert_ne!(remembered(&with("temperature", json!(1))), remembered(&with("top_p", json!(1))));
}

/// A release that remembers requests otherwise would answer and charge a repetition anew.
#[test]
fn a_bound_on_the_cost_is_a_part_of_the_fingerprint_and_without_one_it_is_that_of_before() {
    let fingerprint = |body: &Value| {
        let key = IdempotencyKey::parse("key").unwrap();
        read(body).unwrap().remembered(key).fingerprint
    };
    let before = br#"{"model":"dummy","turns":[["user","Hello"]],"numbers":[null,null,null,null],"stop":[],"seed":null,"max_output_tokens":null}"#;
    let before = Fingerprint::of_request("/v1/chat/completions", before);
    assert_eq!(fingerprint(&minimal()), before);
    assert_eq!(fingerprint(&with("max_cost", Value::Null)), before);
    assert_ne!(fingerprint(&with("max_cost", json!(1))), fingerprint(&with("max_cost", json!(2))));
}

#[test]
fn a_bound_on_the_cost_is_whole_credits_from_nothing_on() {
    for (value, bound) in [(json!(0), Some(0)), (json!(7), Some(7)), (Value::Null, None)] {
        assert_eq!(read(&with("max_cost", value)).unwrap().max_cost.map(u64::from), bound);
    }
    assert_eq!(read(&with("max_cost", json!(u64::MAX))).unwrap().max_cost, Some(Credits::MAX));
    for value in [json!(-1), json!(i64::MIN)] {
        assert_refused(&with("max_cost", value), "max_cost", ParameterFault::Value);
    }
    for value in [json!("1"), json!(1.5), json!(true), json!([1])] {
        assert_refused(&with("max_cost", value), "max_cost", ParameterFault::Type);
    }
}

fn any_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        "user|assistant|system|text|dummy|[a-z\u{0}-\u{ff}]{0,4}".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 12, 3, |inner| {
        let name = "role|content|type|text|tool_calls|include_usage";
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            proptest::collection::btree_map(name, inner, 0..4).prop_map(|object| json!(object)),
        ]
    })
}

proptest! {
    #[test]
    fn whatever_is_asked_is_read_within_the_limits_or_refused_without_panic(
        name in "model|messages|temperature|top_p|stop|seed|max_tokens|max_cost|stream|stream_options|n|tools|tool_choice",
        value in any_value(),
    ) {
        if let Ok(request) = read(&with(&name, value)) {
            prop_assert!(!request.prompt.turns.is_empty());
            prop_assert!(request.max_output_tokens != Some(0));
            let Sampling { temperature, top_p, stop, .. } = request.prompt.sampling;
            prop_assert!(temperature.is_none_or(|temperature| (0.0..=2.0).contains(&temperature)));
            prop_assert!(top_p.is_none_or(|top_p| (0.0..=1.0).contains(&top_p)));
            prop_assert!(stop.len() <= 4 && stop.iter().all(|stop| !stop.is_empty()));
        }
    }
}
