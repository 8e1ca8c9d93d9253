//! Requests that are taken, and requests that are refused.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use domain::credits::Credits;
use domain::message::ToolCall;
use domain::pricing::Prices;
use lambda_http::Body;
use ledger::idempotency::{Fingerprint, IdempotencyKey};
use proptest::prelude::*;
use providers::catalogue::{CataloguedModel, may_be_extra};
use providers::dummy::Dummy;
use providers::offers::Offer;
use providers::prompt::{Detail, Image, ImageType, ResponseFormat, Role, Sampling, Tool, ToolChoice, Turn};
use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::*;
use crate::door::{InvalidParameter, MAX_BODY_BYTES, MAX_BYTES_BESIDE_IMAGES, UnknownModel};
use crate::error::ApiError;
use crate::openai::sampling::MAX_STOP_BYTES;
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

/// JSON as it is written here.
fn raw(json: &'static str) -> &'static RawValue {
    serde_json::from_str(json).unwrap()
}

/// As many biases, of tokens that have numbers.
fn biases(count: u32) -> Value {
    (0..count).map(|token| (token.to_string(), json!(-100))).collect()
}

fn messages(messages: &Value) -> Value {
    with("messages", messages.clone())
}

#[test]
fn a_conversation_and_a_model_are_enough() {
    let request = read(&minimal()).unwrap();
    assert_eq!(request.prompt.turns, [Turn::text(Role::User, "Hello")]);
    assert_eq!(request.prompt.sampling, Sampling::default());
    assert_eq!((request.max_output_tokens, request.is_streamed), (None, false));
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
        top_k: None,
    };
    assert_eq!(request.prompt.sampling, sampling);
    assert_eq!(request.max_output_tokens, Some(u32::MAX));
    assert_eq!(request.max_cost, Some(Credits::new(250).unwrap()));
    assert!(request.is_streamed && request.form.include_usage);
    assert_eq!(read(&with("max_tokens", json!(5))).unwrap().max_output_tokens, Some(5));
    assert_eq!(read(&with("stop", json!("a"))).unwrap().prompt.sampling.stop, ["a"]);
    let streamed = read(&with("stream", json!(true))).unwrap();
    assert!(streamed.is_streamed && !streamed.form.include_usage);
}

#[test]
fn what_asks_for_nothing_more_and_what_nobody_knows_is_ignored() {
    for (name, value) in [
        ("n", json!(1)),
        ("tools", json!([])),
        ("tool_choice", json!("none")),
        ("tool_choice", json!("auto")),
        ("functions", json!([])),
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
        ("service_tier", json!("default")),
        ("prompt_cache_key", json!("k")),
        ("safety_identifier", json!("s")),
        ("parallel_tool_calls", json!(false)),
        ("prompt_cache_retention", json!("24h")),
        ("thinking", json!({"type": "enabled"})),
        ("not-a-name", json!(1)),
        ("top_k", Value::Null),
    ] {
        let request = read(&with(name, value.clone())).unwrap();
        assert_eq!(
            format!("{:?}", request.prompt),
            format!("{:?}", read(&minimal()).unwrap().prompt),
            "{name}: {value}"
        );
    }
    for name in ["temperature", "stop", "n", "tools", "stream", "stream_options", "max_tokens", "audio", "seed"] {
        assert!(read(&with(name, Value::Null)).is_ok(), "{name}");
    }
}

#[test]
fn what_would_change_the_answer_and_cannot_be_honoured_is_refused_by_name() {
    for (name, value) in [
        ("functions", json!([{}])),
        ("function_call", json!({"name": "f"})),
        ("service_tier", json!("flex")),
        ("service_tier", json!("priority")),
        ("prediction", json!({"type": "content", "content": "x"})),
        ("modalities", json!(["text", "audio"])),
        ("audio", json!({"voice": "alloy"})),
        ("web_search_options", json!({})),
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
        ("n", json!(0), ParameterFault::Value),
        ("n", json!(9), ParameterFault::Value),
        ("n", json!(-1), ParameterFault::Value),
        ("n", json!("1"), ParameterFault::Type),
        ("n", json!(1.5), ParameterFault::Type),
        ("logprobs", json!(5), ParameterFault::Type),
        ("top_logprobs", json!(2), ParameterFault::Value),
        ("top_logprobs", json!(21), ParameterFault::Value),
        ("top_logprobs", json!(true), ParameterFault::Type),
        ("logit_bias", json!([]), ParameterFault::Type),
        ("logit_bias", json!({"a": 1}), ParameterFault::Value),
        ("logit_bias", json!({"+7": 1}), ParameterFault::Value),
        ("logit_bias", json!({"4294967296": 1}), ParameterFault::Value),
        ("logit_bias", json!({"7": 100.5}), ParameterFault::Value),
        ("logit_bias", json!({"7": "1"}), ParameterFault::Value),
        ("logit_bias", biases(301), ParameterFault::Value),
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
        ("reasoning_effort", json!(1), ParameterFault::Type),
        ("reasoning_effort", json!(""), ParameterFault::Value),
        ("reasoning_effort", json!("x".repeat(33)), ParameterFault::Value),
        ("verbosity", json!("HIGH"), ParameterFault::Value),
        ("response_format", json!("text"), ParameterFault::Type),
        ("tools", json!({}), ParameterFault::Type),
        ("tools", json!(vec![function("f"); 129]), ParameterFault::Value),
        ("tool_choice", json!("any"), ParameterFault::Value),
        ("tool_choice", json!("required"), ParameterFault::Value),
        ("tool_choice", json!({"type": "function", "function": {"name": "f"}}), ParameterFault::Value),
        ("tool_choice", json!(1), ParameterFault::Type),
        ("parallel_tool_calls", json!("no"), ParameterFault::Type),
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
    let Err(ProtocolError::Api(ApiError::ModelNotFound(unknown))) =
        read(&with("model", json!("gpt-5"))).unwrap().candidates(&offers)
    else {
        panic!("it is found")
    };
    assert_eq!(unknown, UnknownModel::new("gpt-5", ["dummy"]));
}

#[test]
fn a_parameter_that_the_model_does_not_know_is_refused() {
    let dummy = offer("m", Dummy::default(), Prices::default());
    read(&minimal()).unwrap().check(&dummy).unwrap();
    let refused = read(&with("verbosity", json!("low"))).unwrap().check(&dummy);
    let Err(ProtocolError::Parameter(refusal)) = refused else { panic!("{refused:?}") };
    assert_eq!((refusal.name.as_str(), refusal.fault), ("verbosity", ParameterFault::Unsupported));
    assert_eq!(refusal.detail, "'verbosity' is not supported by the model 'm'.");
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
        (json!([user, {"role": "tool", "content": "x"}]), "messages[1].tool_call_id", ParameterFault::Missing),
        (
            json!([user, {"role": "tool", "tool_call_id": 1, "content": "x"}]),
            "messages[1].tool_call_id",
            ParameterFault::Type,
        ),
        (
            json!([user, {"role": "tool", "tool_call_id": "x".repeat(257), "content": "x"}]),
            "messages[1].tool_call_id",
            ParameterFault::Value,
        ),
        (json!([user, {"role": "tool", "tool_call_id": "c"}]), "messages[1].content", ParameterFault::Missing),
        (json!([{"role": "user", "name": 1, "content": "x"}]), "messages[0].name", ParameterFault::Type),
        (
            json!([{"role": "user", "content": "x", "tool_calls": [{}]}]),
            "messages[0].tool_calls",
            ParameterFault::Unsupported,
        ),
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
            "messages[1].content[1].image_url",
            ParameterFault::Missing,
        ),
        (
            json!([user, {"role": "assistant", "content": "x", "function_call": {"name": "f"}}]),
            "messages[1].function_call",
            ParameterFault::Unsupported,
        ),
    ] {
        assert_refused(&messages(&bad), name, fault);
    }
}

const MAX_MESSAGES_AND_ONE: usize = 2049;

/// The beginning of a PNG file, 12 bytes in base64.
const PNG: &str = "iVBORw0KGgoAAAAN";

fn text_part(text: &str) -> Value {
    json!({"type": "text", "text": text})
}

/// An image of twelve bytes and so many times three more.
fn image_part(more: usize) -> Value {
    json!({"type": "image_url", "image_url": {"url": format!("data:image/png;base64,{PNG}{}", "AAAA".repeat(more))}})
}

fn of_user(parts: &[Value]) -> Value {
    messages(&json!([{"role": "user", "content": parts}]))
}

#[test]
fn images_stand_among_the_words_of_a_user() {
    let mut detailed = image_part(1);
    detailed["image_url"]["detail"] = json!("low");
    let parts = [text_part("a"), text_part("b"), image_part(0), text_part("c"), detailed, image_part(0)];
    let request = read(&of_user(&parts)).unwrap();
    let image = |at, data: String, detail| Image { at, media_type: ImageType::Png, data, detail };
    let images = vec![
        image(3, PNG.to_owned(), None),
        image(4, format!("{PNG}AAAA"), Some(Detail::Low)),
        image(4, PNG.to_owned(), None),
    ];
    let expected = Turn { images, ..Turn::text(Role::User, "a\nbc") };
    assert!(request.prompt.turns == [expected], "{:?}", request.prompt.turns);
    assert_eq!(request.message.as_str(), "a\nb\nc", "the words alone are stored");

    let request = read(&of_user(&[image_part(0)])).unwrap();
    assert_eq!((request.prompt.images(), request.message.as_str()), (1, ""));
}

#[test]
fn an_image_that_nobody_can_be_shown_is_refused_by_its_place() {
    let image = |image_url: Value| json!({"type": "image_url", "image_url": image_url});
    let url = format!("data:image/png;base64,{PNG}");
    for (part, name, fault) in [
        (json!({"type": "image_url", "image_url": url}), ".image_url", ParameterFault::Type),
        (image(json!({})), ".image_url.url", ParameterFault::Missing),
        (image(json!({"url": 1})), ".image_url.url", ParameterFault::Type),
        (image(json!({"url": "https://example.org/a.png"})), ".image_url.url", ParameterFault::Value),
        (image(json!({"url": "data:image/svg+xml;base64,PHN2Zz4="})), ".image_url.url", ParameterFault::Value),
        (image(json!({"url": format!("{url}=")})), ".image_url.url", ParameterFault::Value),
        (image(json!({"url": "data:image/png;base64,PHN2Zz4="})), ".image_url.url", ParameterFault::Value),
        (image(json!({"url": url, "detail": "original"})), ".image_url.detail", ParameterFault::Value),
        (image(json!({"url": url, "detail": 1})), ".image_url.detail", ParameterFault::Type),
        (json!({"type": "input_audio", "input_audio": {}}), "", ParameterFault::Unsupported),
        (json!({"type": "file", "file": {}}), "", ParameterFault::Unsupported),
    ] {
        assert_refused(&of_user(&[text_part("x"), part]), &format!("messages[0].content[1]{name}"), fault);
    }
    let remote = refusal(&of_user(&[image(json!({"url": "https://example.org/a.png"}))]));
    let sentence =
        "'messages[0].content[0].image_url.url' must be a 'data:' URL: nothing is fetched from other addresses.";
    assert_eq!(remote.detail, sentence);
    for role in ["system", "assistant", "tool"] {
        let message = json!({"role": role, "tool_call_id": "c", "content": [image(json!({"url": url}))]});
        assert_refused(&messages(&json!([message])), "messages[0].content[0]", ParameterFault::Unsupported);
    }
}

#[test]
fn images_have_four_mebibytes_together_and_there_are_at_most_thirty_two() {
    const MIB: usize = 1024 * 1024;
    // Base64 has four characters for three bytes, so that the last byte does not fit.
    let most = image_part((4 * MIB - 12) / 3);
    assert_eq!(read(&of_user(std::slice::from_ref(&most))).unwrap().prompt.images(), 1);
    assert_refused(&of_user(&[most, image_part(0)]), "messages[0].content[1].image_url", ParameterFault::Value);
    let too_large = image_part((4 * MIB - 12) / 3 + 1);
    assert_refused(&of_user(&[too_large]), "messages[0].content[0].image_url", ParameterFault::Value);

    let one_each = |images: usize| messages(&json!(vec![json!({"role": "user", "content": [image_part(0)]}); images]));
    assert_eq!(read(&one_each(32)).unwrap().prompt.images(), 32);
    assert_refused(&one_each(33), "messages[32].content[0].image_url", ParameterFault::Value);
}

#[test]
fn a_body_has_a_mebibyte_beside_its_images_and_six_megabytes_with_them() {
    let limit = |body: &Value| match read(body) {
        Ok(_) => None,
        Err(ProtocolError::Api(ApiError::TooLarge { limit_bytes })) => Some(limit_bytes),
        Err(other) => panic!("{other:?}"),
    };
    let of_bytes = |bytes: usize, parts: &[Value]| {
        let mut body = of_user(parts);
        body["user"] = json!("");
        body["user"] = json!("x".repeat(bytes - body.to_string().len()));
        assert_eq!(body.to_string().len(), bytes);
        body
    };
    let url_bytes = |more: usize| "'data:image/png;base64,'".len() + PNG.len() + 4 * more;
    let beside = MAX_BYTES_BESIDE_IMAGES;
    let image = image_part(500_000);
    for (parts, images) in [
        (vec![text_part("x")], 0),
        (vec![image.clone()], url_bytes(500_000)),
        (vec![image.clone(), image_part(9), text_part("x")], url_bytes(500_000) + url_bytes(9)),
    ] {
        assert_eq!(limit(&of_bytes(beside + images, &parts)), None);
        assert_eq!(limit(&of_bytes(beside + images + 1, &parts)), Some(beside));
    }
    let images = [image, image_part(800_000)];
    assert_eq!(limit(&of_bytes(MAX_BODY_BYTES, &images)), None);
    assert_eq!(limit(&of_bytes(MAX_BODY_BYTES + 1, &images)), Some(MAX_BODY_BYTES));
    let elsewhere = with("metadata", json!([{"content": images}]));
    assert_eq!(limit(&elsewhere), Some(beside), "images that no model is shown");
}

#[test]
fn the_fingerprint_covers_every_member_of_images_and_without_them_it_is_that_of_before() {
    let fingerprint = |parts: &[Value]| {
        let remembered = read(&of_user(parts)).unwrap().remembered(IdempotencyKey::parse("key").unwrap()).unwrap();
        serde_json::to_string(&remembered.fingerprint).unwrap()
    };
    let detail = |detail: &str| {
        let mut part = image_part(0);
        part["image_url"]["detail"] = json!(detail);
        part
    };
    let gif = || json!({"type": "image_url", "image_url": {"url": "data:image/gif;base64,R0lGODdhAAAAAAAA"}});
    let all = [
        vec![text_part("Hello")],
        vec![text_part("Hello"), image_part(0)],
        vec![text_part("Hello"), image_part(1)],
        vec![text_part("Hello"), gif()],
        vec![text_part("Hello"), image_part(0), image_part(0)],
        vec![image_part(0), text_part("Hello")],
        vec![text_part("Hello"), detail("low")],
        vec![text_part("Hello"), detail("high")],
    ];
    let fingerprints: BTreeSet<String> = all.iter().map(|parts| fingerprint(parts)).collect();
    assert_eq!(fingerprints.len(), all.len());
    let named_otherwise = json!({"type": "image_url", "image_url": {"url": format!("data:image/webp;base64,{PNG}")}});
    assert_eq!(fingerprint(&[named_otherwise]), fingerprint(&[image_part(0)]), "a wrong media type is corrected");
}

#[test]
fn the_fingerprint_covers_what_determines_the_answer_and_not_how_it_is_delivered() {
    let remembered = |body: &Value| {
        let key = IdempotencyKey::parse("key").unwrap();
        read(body).unwrap().remembered(key).unwrap()
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
        with("tools", json!([function("f")])),
        with("response_format", json!({"type": "json_object"})),
        with("reasoning_effort", json!("low")),
        with("verbosity", json!("low")),
        messages(&json!([{"role": "user", "content": "Hello", "name": "ada"}])),
        with("max_cost", json!(1)),
        with("logit_bias", json!({"7": 1})),
        with("top_k", json!(40)),
        with("top_k", json!(40.0)),
        messages(&json!([{"role": "system", "content": ""}, {"role": "user", "content": "Hello"}])),
        messages(&json!([{"role": "user", "content": "Hello"}, {"role": "user", "content": "Hello"}])),
    ] {
        assert_ne!(remembered(&other), plain, "{other}");
    }
    assert_ne!(remembered(&with("temperature", json!(1))), remembered(&with("top_p", json!(1))));
}

#[test]
fn several_choices_and_probabilities_and_biases_are_read() {
    let prompt = |body: &Value| read(body).unwrap().prompt;
    assert_eq!((prompt(&with("n", json!(8))).choices(), prompt(&with("n", json!(1))).choices()), (8, 1));
    let mut body = with("logprobs", json!(true));
    assert_eq!(prompt(&body).logprobs, Some(0));
    body["top_logprobs"] = json!(20);
    assert_eq!(prompt(&body).logprobs, Some(20));
    let biased = prompt(&with("logit_bias", json!({"50256": -100, "7": 0.5}))).logit_bias;
    assert_eq!(biased, BTreeMap::from([(7, 0.5), (50256, -100.0)]));
    assert_eq!(prompt(&with("logit_bias", biases(300))).logit_bias.len(), 300);
}

/// A repetition would be answered with less than the first answer.
#[test]
fn answers_that_are_not_kept_whole_are_refused_with_an_idempotency_key() {
    let remembered = |body: &Value| read(body).unwrap().remembered(IdempotencyKey::parse("key").unwrap());
    for (name, value, detail) in [
        (
            "n",
            json!(2),
            "'n' above 1 is not supported with an Idempotency-Key: such an answer is not kept for a repetition.",
        ),
        (
            "logprobs",
            json!(true),
            "'logprobs' is not supported with an Idempotency-Key: such an answer is not kept for a repetition.",
        ),
    ] {
        let Err(ProtocolError::Parameter(refusal)) = remembered(&with(name, value)) else { panic!("{name}") };
        let fault = ParameterFault::Unsupported;
        assert_eq!(refusal, InvalidParameter { name: name.to_owned(), fault, detail: detail.to_owned() });
    }
    for harmless in [with("n", json!(1)), with("logprobs", json!(false)), with("top_logprobs", json!(0))] {
        assert_eq!(remembered(&harmless).unwrap(), remembered(&minimal()).unwrap(), "{harmless}");
    }
}

#[test]
fn unknown_members_are_kept_as_they_came_and_refused_only_where_the_model_has_a_list() {
    let mut body = with("top_k", json!(40));
    body["user"] = json!("u-1");
    let kept = read(&body).unwrap();
    let extra: Vec<(&str, &str)> = kept.prompt.extra.iter().map(|(name, value)| (name.as_str(), value.get())).collect();
    assert_eq!(extra, [("top_k", "40")]);
    let too_long = read(&with("top_k", json!("x".repeat(16 * 1024)))).unwrap();
    assert!(too_long.prompt.extra.is_empty());
    let offer_of = |listed: &[&str]| {
        let extra_parameters = listed.iter().map(|name| (*name).to_owned()).collect();
        let Offer { terms, model } = Arc::unwrap_or_clone(offer("m", Dummy::default(), Prices::default()));
        Offer { terms: CataloguedModel { extra_parameters, ..terms }, model }
    };
    assert!(too_long.check(&offer_of(&[])).is_ok() && kept.check(&offer_of(&["top_k"])).is_ok());
    let Err(ProtocolError::Parameter(refusal)) = too_long.check(&offer_of(&["min_p"])) else { panic!("too long") };
    assert_eq!((refusal.name.as_str(), refusal.fault), ("extra_body", ParameterFault::Value));
}

#[test]
fn no_member_that_is_read_here_can_be_on_a_models_list() {
    for name in PARAMETERS {
        assert!(!may_be_extra(name), "{name}");
    }
}

/// Answers are kept for a day, also over a release.
#[test]
fn a_request_without_tools_has_the_fingerprint_that_it_had_before_there_were_tools() {
    let canonical = r#"{"model":"dummy","turns":[["user","Hello"]],"numbers":[null,null,null,null],"stop":[],"seed":null,"max_output_tokens":null}"#;
    let fingerprint = Fingerprint::of_request("/v1/chat/completions", raw(canonical));
    for body in [minimal(), with("tools", json!([])), with("response_format", json!({"type": "text"}))] {
        let remembered = read(&body).unwrap().remembered(IdempotencyKey::parse("key").unwrap()).unwrap();
        assert_eq!(remembered.fingerprint, fingerprint, "{body}");
    }
}

/// Each member of tools, calls and schemas, in every place where one can differ.
#[test]
fn the_fingerprint_covers_every_member_of_tools_calls_and_schemas() {
    let fingerprint = |body: &Value| {
        let remembered = read(body).unwrap().remembered(IdempotencyKey::parse("key").unwrap()).unwrap();
        serde_json::to_string(&remembered.fingerprint).unwrap()
    };
    let tool = |function: Value| json!({"type": "function", "function": function});
    let with_tool = |function: Value| with("tools", json!([tool(function)]));
    let with_choice = |name: &str, value: Value| {
        let mut body = with_tool(json!({"name": "f"}));
        body[name] = value;
        body
    };
    let schema = |schema: Value| with("response_format", json!({"type": "json_schema", "json_schema": schema}));
    let said = |message: Value| messages(&json!([{"role": "user", "content": "Hello"}, message]));
    let call = |id: &str, name: &str, arguments: &str| {
        let function = json!({"name": name, "arguments": arguments});
        let call = json!({"id": id, "type": "function", "function": function});
        said(json!({"role": "assistant", "content": "x", "tool_calls": [call]}))
    };
    let bodies = [
        with_tool(json!({"name": "f"})),
        with_tool(json!({"name": "g"})),
        with_tool(json!({"name": "f", "description": "d"})),
        with_tool(json!({"name": "f", "parameters": {}})),
        with_tool(json!({"name": "f", "parameters": {"type": "object"}})),
        with_tool(json!({"name": "f", "strict": true})),
        with_tool(json!({"name": "f", "strict": false})),
        with("tools", json!([tool(json!({"name": "f"})), tool(json!({"name": "f"}))])),
        with_choice("tool_choice", json!("none")),
        with_choice("tool_choice", json!("auto")),
        with_choice("tool_choice", json!("required")),
        with_choice("tool_choice", tool(json!({"name": "f"}))),
        with_choice("tool_choice", tool(json!({"name": "none"}))),
        with_choice("parallel_tool_calls", json!(true)),
        with_choice("parallel_tool_calls", json!(false)),
        with("response_format", json!({"type": "json_object"})),
        schema(json!({"name": "f"})),
        schema(json!({"name": "g"})),
        schema(json!({"name": "f", "description": "d"})),
        schema(json!({"name": "f", "schema": {}})),
        schema(json!({"name": "f", "strict": true})),
        said(json!({"role": "assistant", "content": "x"})),
        said(json!({"role": "assistant", "content": "x", "name": "y"})),
        said(json!({"role": "assistant", "content": "x", "reasoning_content": "y"})),
        call("a", "f", "{}"),
        call("b", "f", "{}"),
        call("a", "g", "{}"),
        call("a", "f", "{ }"),
        said(json!({"role": "tool", "tool_call_id": "a", "content": "x"})),
        said(json!({"role": "tool", "tool_call_id": "b", "content": "x"})),
    ];
    let fingerprints: BTreeSet<String> = bodies.iter().map(fingerprint).collect();
    assert_eq!(fingerprints.len(), bodies.len());
}

/// A tool without arguments.
fn function(name: &str) -> Value {
    json!({"type": "function", "function": {"name": name}})
}

#[test]
fn tools_are_read_and_their_schemas_stay_as_they_were_written() {
    let schema = r#"{"type" : "object","properties":{"a":{"type":"number","minimum":1.50}}}"#;
    let body = format!(
        r#"{{"model":"dummy","messages":[{{"role":"user","content":"Hello"}}],"parallel_tool_calls":false,
        "tools":[{{"type":"function","function":{{"name":"add","description":"Adds.","parameters":{schema},"strict":true}}}},
        {{"type":"function","function":{{"name":"now_2-b"}}}}]}}"#
    );
    let request = CompletionRequest::parse(&Request::from(lambda_http::Request::new(Body::from(body)))).unwrap();
    let [add, now] = &request.prompt.tools.offered[..] else { panic!("not two tools") };
    let Tool { name, description, parameters, strict, .. } = add;
    assert_eq!((name.as_str(), description.as_deref(), *strict), ("add", Some("Adds."), Some(true)));
    assert_eq!(parameters.as_ref().unwrap().get(), schema);
    assert!(now.name == "now_2-b" && now.description.is_none() && now.parameters.is_none() && now.strict.is_none());
    assert_eq!((request.prompt.tools.choice, request.prompt.tools.parallel), (None, Some(false)));
}

#[test]
fn a_model_is_told_whether_it_must_call_a_tool() {
    for (value, choice) in [
        (json!("none"), ToolChoice::None),
        (json!("auto"), ToolChoice::Auto),
        (json!("required"), ToolChoice::Required),
        (function("f"), ToolChoice::Function("f".to_owned())),
    ] {
        let mut body = with("tools", json!([function("f")]));
        body["tool_choice"] = value;
        assert_eq!(read(&body).unwrap().prompt.tools.choice, Some(choice));
    }
}

#[test]
fn a_tool_that_is_none_is_refused_where_it_is_wrong() {
    let of = |function: Value| json!({"type": "function", "function": function});
    for (tool, name, fault) in [
        (json!("f"), "tools[1]", ParameterFault::Type),
        (json!({}), "tools[1].type", ParameterFault::Missing),
        (json!({"type": "web_search"}), "tools[1].type", ParameterFault::Unsupported),
        (json!({"type": "custom", "custom": {"name": "f"}}), "tools[1].type", ParameterFault::Unsupported),
        (json!({"type": "function"}), "tools[1].function", ParameterFault::Missing),
        (of(json!({})), "tools[1].function.name", ParameterFault::Missing),
        (of(json!({"name": ""})), "tools[1].function.name", ParameterFault::Value),
        (of(json!({"name": "a b"})), "tools[1].function.name", ParameterFault::Value),
        (of(json!({"name": "x".repeat(65)})), "tools[1].function.name", ParameterFault::Value),
        (of(json!({"name": "f", "description": 1})), "tools[1].function.description", ParameterFault::Type),
        (of(json!({"name": "f", "parameters": []})), "tools[1].function.parameters", ParameterFault::Type),
        (of(json!({"name": "f", "strict": 1})), "tools[1].function.strict", ParameterFault::Type),
    ] {
        assert_refused(&with("tools", json!([function("f"), tool])), name, fault);
    }
    let mut allowed = with("tools", json!([function("f")]));
    allowed["tool_choice"] = json!({"type": "allowed_tools", "allowed_tools": {}});
    assert_refused(&allowed, "tool_choice.type", ParameterFault::Unsupported);
}

#[test]
fn a_form_of_the_reply_is_read_and_another_is_refused_where_it_is_wrong() {
    let format = |value: Value| with("response_format", value);
    let schema = |schema: Value| format(json!({"type": "json_schema", "json_schema": schema}));
    let read_format = |body: &Value| read(body).unwrap().prompt.response_format.unwrap();
    assert!(matches!(read_format(&format(json!({"type": "json_object"}))), ResponseFormat::JsonObject));
    let whole = json!({"name": "sum", "description": "A sum.", "schema": {"type": "object"}, "strict": true});
    let ResponseFormat::JsonSchema { name, description, schema: read_schema, strict } = read_format(&schema(whole))
    else {
        panic!("it is a schema")
    };
    assert_eq!((name.as_str(), description.as_deref(), strict), ("sum", Some("A sum."), Some(true)));
    assert_eq!(read_schema.unwrap().get(), r#"{"type":"object"}"#);
    for (body, name, fault) in [
        (format(json!({})), "response_format.type", ParameterFault::Missing),
        (format(json!({"type": "grammar"})), "response_format.type", ParameterFault::Unsupported),
        (format(json!({"type": "json_schema"})), "response_format.json_schema", ParameterFault::Missing),
        (schema(json!({})), "response_format.json_schema.name", ParameterFault::Missing),
        (schema(json!({"name": "a.b"})), "response_format.json_schema.name", ParameterFault::Value),
        (schema(json!({"name": "a", "schema": true})), "response_format.json_schema.schema", ParameterFault::Type),
    ] {
        assert_refused(&body, name, fault);
    }
}

#[test]
fn effort_and_verbosity_are_words_of_the_models_server() {
    let mut body = with("reasoning_effort", json!("minimal"));
    body["verbosity"] = json!("high");
    let Prompt { reasoning_effort, verbosity, .. } = read(&body).unwrap().prompt;
    assert_eq!((reasoning_effort.as_deref(), verbosity.as_deref()), (Some("minimal"), Some("high")));
}

#[test]
fn a_loop_of_calls_and_results_is_read_as_it_was() {
    let call = |id: &str, arguments: &str| json!({"id": id, "type": "function", "function": {"name": "add", "arguments": arguments}});
    let request = read(&messages(&json!([
        {"role": "user", "content": "Add.", "name": "ada"},
        {
            "role": "assistant",
            "content": null,
            "reasoning_content": "I add.",
            "tool_calls": [call("c1", "{\"a\": 1}"), call("c2", "no JSON")],
        },
        {"role": "tool", "tool_call_id": "c1", "content": "2"},
        {"role": "tool", "tool_call_id": "c2", "content": [{"type": "text", "text": "3"}], "name": "add"},
        {"role": "tool", "tool_call_id": "of no call", "content": ""},
        {"role": "assistant", "reasoning": {"summary": "none"}, "content": "Done."},
        {"role": "assistant", "reasoning": "Hm.", "content": "Well.", "tool_calls": []},
    ])))
    .unwrap();
    let call = |id: &str, arguments: &str| ToolCall {
        id: id.to_owned(),
        name: "add".to_owned(),
        arguments: arguments.to_owned(),
    };
    let answer = |id: &str, text: &str| Turn { answers: Some(id.to_owned()), ..Turn::text(Role::Tool, text) };
    let expected = [
        Turn { name: Some("ada".to_owned()), ..Turn::text(Role::User, "Add.") },
        Turn {
            reasoning: Some("I add.".to_owned()),
            calls: vec![call("c1", "{\"a\": 1}"), call("c2", "no JSON")],
            ..Turn::text(Role::Assistant, "")
        },
        answer("c1", "2"),
        Turn { name: Some("add".to_owned()), ..answer("c2", "3") },
        answer("of no call", ""),
        Turn::text(Role::Assistant, "Done."),
        Turn { reasoning: Some("Hm.".to_owned()), ..Turn::text(Role::Assistant, "Well.") },
    ];
    assert!(request.prompt.turns == expected, "{:?}", request.prompt.turns);
    assert_eq!(request.message.as_str(), "Add.", "results are no message of the user");
}

#[test]
fn a_call_that_is_none_is_refused_where_it_is_wrong() {
    let call = |call: Value| messages(&json!([{"role": "assistant", "tool_calls": [call]}]));
    let function = json!({"name": "f", "arguments": "{}"});
    assert!(read(&call(json!({"id": "c", "function": function}))).is_ok(), "some clients leave the type out");
    let named = |name: &str| call(json!({"id": "c", "type": "function", "function": {"name": name, "arguments": ""}}));
    assert!(read(&named("functions.f")).is_ok(), "a model wrote the name");
    let place = |member: &str| format!("messages[0].tool_calls[0]{member}");
    for (body, member, fault) in [
        (call(json!("c")), "", ParameterFault::Type),
        (call(json!({"id": "c", "type": "custom"})), ".type", ParameterFault::Unsupported),
        (call(json!({"type": "function", "function": function})), ".id", ParameterFault::Missing),
        (call(json!({"id": "x".repeat(257), "function": function})), ".id", ParameterFault::Value),
        (call(json!({"id": "c"})), ".function", ParameterFault::Missing),
        (call(json!({"id": "c", "function": {"arguments": ""}})), ".function.name", ParameterFault::Missing),
        (named(&"x".repeat(257)), ".function.name", ParameterFault::Value),
        (call(json!({"id": "c", "function": {"name": "f"}})), ".function.arguments", ParameterFault::Missing),
        (
            call(json!({"id": "c", "function": {"name": "f", "arguments": {}}})),
            ".function.arguments",
            ParameterFault::Type,
        ),
    ] {
        assert_refused(&body, &place(member), fault);
    }
    let calls = json!(vec![json!({"id": "c", "function": function}); 129]);
    let many = messages(&json!([{"role": "assistant", "tool_calls": calls}]));
    assert_refused(&many, "messages[0].tool_calls", ParameterFault::Value);
}

/// A release that remembers requests otherwise would answer and charge a repetition anew.
#[test]
fn a_bound_on_the_cost_is_a_part_of_the_fingerprint_and_without_one_it_is_that_of_before() {
    let fingerprint = |body: &Value| {
        let key = IdempotencyKey::parse("key").unwrap();
        read(body).unwrap().remembered(key).unwrap().fingerprint
    };
    let before = r#"{"model":"dummy","turns":[["user","Hello"]],"numbers":[null,null,null,null],"stop":[],"seed":null,"max_output_tokens":null}"#;
    let before = Fingerprint::of_request("/v1/chat/completions", raw(before));
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

/// A request with every object that is read, at every depth, and with schemas, which nobody here reads.
fn deep() -> Value {
    let call = json!({"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}});
    let mut image = image_part(0);
    image["image_url"]["detail"] = json!("low");
    let mut body = messages(&json!([
        {"role": "system", "content": [text_part("Be brief.")]},
        {"role": "user", "content": [text_part("What is it?"), image]},
        {"role": "assistant", "content": "I look.", "reasoning_content": "Hm", "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "c", "content": [text_part("a cat")]},
        {"role": "user", "name": "ada", "content": "And?"},
    ]));
    body["tools"] = json!([{"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}]);
    body["tool_choice"] = function("f");
    body["response_format"] =
        json!({"type": "json_schema", "json_schema": {"name": "s", "schema": {"type": "object"}}});
    body["stream_options"] = json!({"include_usage": true});
    body["stream"] = json!(true);
    body
}

/// The places of the objects in `value`.
fn objects(value: &Value) -> Vec<String> {
    let below = |name: &str, value: &Value| objects(value).into_iter().map(|place| format!("/{name}{place}")).collect();
    match value {
        Value::Object(members) => {
            let inner = members.iter().flat_map(|(name, value)| -> Vec<String> { below(name, value) });
            std::iter::once(String::new()).chain(inner).collect()
        }
        Value::Array(items) => {
            let inner = items.iter().enumerate();
            inner.flat_map(|(place, value)| -> Vec<String> { below(&place.to_string(), value) }).collect()
        }
        _ => Vec::new(),
    }
}

fn any_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        "user|assistant|system|tool|text|function|json_schema|dummy|[a-z\u{0}-\u{ff}]{0,4}".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 12, 3, |inner| {
        let name =
            "role|content|type|text|tool_calls|tool_call_id|id|function|name|arguments|json_schema|include_usage";
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            proptest::collection::btree_map(name, inner, 0..4).prop_map(|object| json!(object)),
        ]
    })
}

proptest! {
    /// The client writes a prompt and nothing else, so what is not in a prompt goes nowhere. A schema goes on as it is.
    #[test]
    fn members_that_nobody_knows_change_nothing_of_a_request_below_the_first_level_but_in_schemas(
        place: prop::sample::Index,
        name in "x_[a-z]{1,8}",
        value in any_value(),
    ) {
        let places: Vec<String> = objects(&deep()).into_iter().filter(|place| !place.is_empty()).collect();
        let mut body = deep();
        let place = place.get(&places);
        let is_schema = place.ends_with("/parameters") || place.ends_with("/schema");
        body.pointer_mut(place).unwrap()[&name] = value;
        let (plain, more) = (read(&deep()).unwrap(), read(&body).unwrap());
        let fingerprint = |request: &CompletionRequest| {
            request.remembered(IdempotencyKey::parse("key").unwrap()).unwrap().fingerprint
        };
        prop_assert_eq!(fingerprint(&more) != fingerprint(&plain), is_schema, "{}", place);
        prop_assert!(more.prompt.turns == plain.prompt.turns && more.prompt.extra.is_empty());
        if !is_schema {
            prop_assert_eq!(format!("{:?}", more), format!("{:?}", plain));
        }
    }

    #[test]
    fn whatever_is_asked_is_read_within_the_limits_or_refused_without_panic(
        name in "model|messages|temperature|top_p|stop|seed|max_tokens|max_cost|stream|stream_options|n|logprobs|top_logprobs|logit_bias|top_k|tools|tool_choice|response_format",
        value in any_value(),
    ) {
        if let Ok(request) = read(&with(&name, value)) {
            prop_assert!(!request.prompt.turns.is_empty());
            prop_assert!(request.max_output_tokens != Some(0));
            prop_assert!((1..=8).contains(&request.prompt.choices()));
            prop_assert!(request.prompt.logit_bias.values().all(|bias| (-100.0..=100.0).contains(bias)));
            prop_assert!(request.prompt.tools.offered.iter().all(|tool| !tool.name.is_empty()));
            let Sampling { temperature, top_p, stop, .. } = request.prompt.sampling;
            prop_assert!(temperature.is_none_or(|temperature| (0.0..=2.0).contains(&temperature)));
            prop_assert!(top_p.is_none_or(|top_p| (0.0..=1.0).contains(&top_p)));
            prop_assert!(stop.len() <= 4 && stop.iter().all(|stop| !stop.is_empty()));
        }
    }
}
