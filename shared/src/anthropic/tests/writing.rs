//! Answers, whole and streamed.

use std::time::Duration;

use domain::cause::Cause;
use domain::ids::EntryId;
use domain::message::FinishReason;
use domain::pricing::Usage;
use domain::reasoning_proof::{Proof, ProofKind};
use ledger::exchange::StoredReply;
use proptest::prelude::*;
use providers::reply::{Part, SaidChoice, ToolCallDelta};
use serde_json::{Value, json};

use crate::anthropic::whole::WholeMessage;
use crate::anthropic::{AnthropicErrors, MessageEvents, MessageForm, ShownThinking};
use crate::door::{ErrorForm, ErrorParts, InvalidParameter, ParameterFault, ProtocolError, Writer};
use crate::error::ApiError;
use crate::testing::{paid_reply, stored_reply};
use crate::till::PaidReply;

const FORM: MessageForm = MessageForm { shown_thinking: ShownThinking::Words };

fn id() -> EntryId {
    EntryId::parse("01KB05AY8G3W5VXQ7S4TB2NC6D").unwrap()
}

fn whole(paid: &PaidReply, form: MessageForm) -> Value {
    serde_json::from_str(&serde_json::to_string(&WholeMessage::of(paid, form)).unwrap()).unwrap()
}

fn proof(kind: ProofKind, data: &str) -> Part {
    Part::Proof(Proof { kind, provider: None, id: None, data: data.to_owned() })
}

fn call(index: u32, id: Option<&str>, arguments: &str) -> Part {
    let name = id.map(|_| "add".to_owned());
    Part::ToolCall(ToolCallDelta { index, id: id.map(str::to_owned), name, arguments: arguments.to_owned() })
}

/// The reply that `parts` are.
fn paid(parts: &[Part], finish_reason: FinishReason) -> PaidReply {
    let mut said = SaidChoice::default();
    for part in parts {
        said.add(part);
    }
    let SaidChoice { text, refusal, reasoning, calls, proofs, stop_sequence, .. } = said;
    let usage = Usage { cached_input_tokens: 3, cache_write_tokens: 2, reasoning_tokens: 4, ..Usage::counted(10, 9) };
    let reply =
        StoredReply { refusal, reasoning, calls, proofs, stop_sequence, usage, finish_reason, ..stored_reply(&text) };
    paid_reply(id(), reply, 7)
}

/// The names and the data of `events`. Each says its own name.
fn parsed(events: &str) -> Vec<Value> {
    let event = |event: &str| {
        let (name, data) = event.strip_prefix("event: ").unwrap().split_once("\ndata: ").unwrap();
        let data: Value = serde_json::from_str(data).unwrap();
        assert_eq!(data["type"], name);
        data
    };
    events.split_terminator("\n\n").map(event).collect()
}

/// The events of `parts` as a model writes them.
fn streamed(parts: &[Part], paid: &PaidReply, form: MessageForm) -> Vec<Value> {
    let mut writer = MessageEvents::new(paid.id, form);
    let mut events = writer.beginning("dummy", 5);
    for part in parts {
        events.push_str(&writer.part(0, part));
    }
    events.push_str(&writer.end(paid));
    parsed(&events)
}

/// The blocks of `events`, put together as Anthropic's clients do. Each is opened once, in its place, and closed before the
/// next.
fn put_together(events: &[Value]) -> Vec<Value> {
    let (mut blocks, mut open): (Vec<Value>, Option<(Value, String)>) = (Vec::new(), None);
    for event in events {
        let is_next = || assert_eq!(event["index"], blocks.len(), "{event}");
        match event["type"].as_str().unwrap() {
            "content_block_start" => {
                is_next();
                assert!(open.is_none(), "{event}");
                open = Some((event["content_block"].clone(), String::new()));
            }
            "content_block_delta" => {
                is_next();
                let (block, input) = open.as_mut().expect("a block is open");
                let delta = &event["delta"];
                let add = |block: &mut Value, name: &str| {
                    let words = block[name].as_str().unwrap().to_owned() + delta[name].as_str().unwrap();
                    block[name] = words.into();
                };
                match delta["type"].as_str().unwrap() {
                    "text_delta" => add(block, "text"),
                    "thinking_delta" => add(block, "thinking"),
                    "signature_delta" => add(block, "signature"),
                    "input_json_delta" => input.push_str(delta["partial_json"].as_str().unwrap()),
                    other => panic!("{other}"),
                }
            }
            "content_block_stop" => {
                is_next();
                let (mut block, input) = open.take().expect("a block is open");
                if !input.is_empty() {
                    let value: Option<Value> = serde_json::from_str(&input).ok();
                    let object = value.filter(Value::is_object);
                    block["input"] = object.unwrap_or_else(|| json!({"arguments": input}));
                }
                blocks.push(block);
            }
            _ => assert!(open.is_none(), "{event}"),
        }
    }
    assert!(open.is_none());
    blocks
}

#[test]
fn a_whole_answer_has_anthropics_members() {
    let parts = [
        Part::Reasoning("Hm.".to_owned()),
        proof(ProofKind::Signature, "s"),
        proof(ProofKind::Redacted, "r"),
        Part::Text("Well.".to_owned()),
        call(0, Some("c1"), "{\"a\": 1.50}"),
        call(1, Some("c2"), ""),
        call(2, Some("c3"), "[1]"),
    ];
    let expected = json!({
        "id": format!("msg_{}", id()),
        "type": "message",
        "role": "assistant",
        "model": "dummy",
        "content": [
            {"type": "thinking", "thinking": "Hm.", "signature": "s"},
            {"type": "redacted_thinking", "data": "r"},
            {"type": "text", "text": "Well."},
            {"type": "tool_use", "id": "c1", "name": "add", "input": {"a": 1.5}},
            {"type": "tool_use", "id": "c2", "name": "add", "input": {}},
            {"type": "tool_use", "id": "c3", "name": "add", "input": {"arguments": "[1]"}},
        ],
        "stop_reason": "tool_use",
        "stop_sequence": null,
        "stop_details": null,
        "usage": {
            "input_tokens": 5,
            "cache_creation_input_tokens": 2,
            "cache_read_input_tokens": 3,
            "output_tokens": 9,
            "output_tokens_details": {"thinking_tokens": 4},
            "service_tier": "standard",
            "cost": 7,
        },
    });
    assert_eq!(whole(&paid(&parts, FinishReason::ToolCalls), FORM), expected);
}

#[test]
fn each_reason_has_its_word() {
    let text = || Part::Text("a".to_owned());
    let stop = |parts: &[Part], reason| {
        let answer = whole(&paid(parts, reason), FORM);
        (answer["stop_reason"].as_str().unwrap().to_owned(), answer["stop_sequence"].clone())
    };
    let sequence = || Part::StopSequence("END".to_owned());
    for (parts, reason, expected, of_sequence) in [
        (vec![text()], FinishReason::Stop, "end_turn", Value::Null),
        (vec![text(), sequence()], FinishReason::Stop, "stop_sequence", json!("END")),
        (vec![text(), sequence()], FinishReason::Length, "max_tokens", Value::Null),
        (vec![text()], FinishReason::BrokenOff, "max_tokens", Value::Null),
        (vec![call(0, Some("c"), "{}")], FinishReason::ToolCalls, "tool_use", Value::Null),
        (vec![call(0, Some("c"), "{}")], FinishReason::Stop, "tool_use", Value::Null),
        (vec![], FinishReason::ContentFilter, "refusal", Value::Null),
        (vec![Part::Refusal("No.".to_owned())], FinishReason::Stop, "refusal", Value::Null),
    ] {
        assert_eq!(stop(&parts, reason), (expected.to_owned(), of_sequence), "{parts:?}");
    }
}

#[test]
fn a_streamed_answer_has_anthropics_events() {
    let parts = [Part::Text("Hel\n\n".to_owned()), Part::Text("lo".to_owned())];
    let paid = paid(&parts, FinishReason::Stop);
    let usage = |input: u64, output: u64| {
        json!({
            "input_tokens": input,
            "cache_creation_input_tokens": 0,
            "cache_read_input_tokens": 0,
            "output_tokens": output,
            "output_tokens_details": {"thinking_tokens": 0},
            "service_tier": "standard",
        })
    };
    let whole = whole(&paid, FORM);
    let mut message = whole.clone();
    message["content"] = json!([]);
    message["stop_reason"] = Value::Null;
    message["usage"] = usage(5, 1);
    let delta = |text: &str| json!({"type": "text_delta", "text": text});
    let expected = [
        json!({"type": "message_start", "message": message}),
        json!({"type": "ping"}),
        json!({"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}),
        json!({"type": "content_block_delta", "index": 0, "delta": delta("Hel\n\n")}),
        json!({"type": "content_block_delta", "index": 0, "delta": delta("lo")}),
        json!({"type": "content_block_stop", "index": 0}),
        json!({
            "type": "message_delta",
            "delta": {"stop_reason": "end_turn", "stop_sequence": null, "stop_details": null},
            "usage": whole["usage"],
        }),
        json!({"type": "message_stop"}),
    ];
    assert_eq!(streamed(&parts, &paid, FORM), expected);
}

#[test]
fn a_failure_comes_after_all_that_was_kept_and_is_no_end() {
    let mut writer = MessageEvents::new(id(), FORM);
    let parts = [call(0, Some("c1"), "{\"a\""), call(1, Some("c2"), "{}"), Part::Text("So.".to_owned())];
    let written: String = parts.iter().map(|part| writer.part(0, part)).collect();
    let error = ProtocolError::Api(ApiError::InProgress);
    let events = parsed(&(written + &writer.error(&ErrorParts::of::<AnthropicErrors>(&error))));
    let (last, events) = events.split_last().unwrap();
    assert_eq!(last["type"], "error");
    let blocks = put_together(events);
    assert_eq!(blocks[0]["input"], json!({"arguments": "{\"a\""}));
    assert_eq!((&blocks[1]["text"], &blocks[2]["id"]), (&json!("So."), &json!("c2")));
}

#[test]
fn errors_have_anthropics_types() {
    let body = |error: ApiError| {
        let error = ProtocolError::Api(error);
        AnthropicErrors::body(&ErrorParts::of::<AnthropicErrors>(&error))
    };
    let invalid = body(ApiError::InProgress);
    assert_eq!((&invalid["type"], &invalid["error"]["type"]), (&json!("error"), &json!("invalid_request_error")));
    let long = body(ApiError::ContextTooLong { estimated_tokens: 40, max_tokens: 30 });
    assert_eq!(long["error"]["message"], "prompt is too long: 40 tokens > 30 maximum");
    assert_eq!(long["error"]["code"], "context_length_exceeded");
    for (error, kind) in [
        (ApiError::NotAuthenticated, "authentication_error"),
        (ApiError::NotFound, "not_found_error"),
        (ApiError::TooLarge { limit_bytes: 1 }, "request_too_large"),
        (ApiError::ModelUnavailable { retry_after: None, cause: Cause::because("busy") }, "overloaded_error"),
        (ApiError::Unavailable(Cause::because("the table")), "overloaded_error"),
    ] {
        assert_eq!(body(error)["error"]["type"], kind);
    }
}

/// Claude Code looks at the type before it looks at `x-should-retry`, and in a stream there are no headers.
#[test]
fn no_error_that_forbids_a_repetition_has_the_type_after_which_claude_code_repeats() {
    let cause = || Cause::because("a test");
    for error in [
        ApiError::NotAccepting,
        ApiError::ModelFailed(cause()),
        ApiError::ReplyLost(cause()),
        ApiError::Internal(cause()),
        ApiError::OutcomeUnknown { message_id: id(), cause: cause() },
        ApiError::ModelBrokeOff { message_id: id(), cause: cause() },
        ApiError::ModelUnavailable { retry_after: Some(Duration::from_secs(61)), cause: cause() },
    ] {
        let error = ProtocolError::Api(error);
        let parts = ErrorParts::of::<AnthropicErrors>(&error);
        assert!(parts.forbids_repetition);
        assert_eq!(AnthropicErrors::body(&parts)["error"]["type"], "api_error", "{error:?}");
        assert!(!AnthropicErrors::event(&parts).contains("overloaded"), "{error:?}");
    }
}

/// By these details Anthropic's client for TypeScript sends the whole conversation instead.
#[test]
fn a_thread_is_refused_in_the_words_that_anthropics_client_knows() {
    let body = |name: &str| {
        let (fault, detail) = (ParameterFault::Unsupported, "It is not supported.".to_owned());
        let error = ProtocolError::Parameter(InvalidParameter { name: name.to_owned(), fault, detail });
        AnthropicErrors::body(&ErrorParts::of::<AnthropicErrors>(&error))
    };
    let details = json!({"error_code": "thread_unsupported_request", "unsupported": ["thread"]});
    assert_eq!(body("thread")["error"]["details"], details);
    assert_eq!(body("fallbacks")["error"].get("details"), None);
}

fn words() -> impl Strategy<Value = String> {
    "[a-z\\\\\"\n\u{e9}]{1,4}"
}

/// Reasoning that a proof ends, in parts, or a redacted one.
fn proved() -> impl Strategy<Value = Vec<Part>> {
    let signed = prop::collection::vec(words().prop_map(Part::Reasoning), 0..3).prop_map(|mut parts| {
        parts.push(proof(ProofKind::Signature, "s"));
        parts
    });
    prop_oneof![3 => signed, 1 => Just(vec![proof(ProofKind::Redacted, "r")])]
}

fn texts() -> impl Strategy<Value = Vec<Part>> {
    prop::collection::vec(words().prop_map(Part::Text), 1..3)
}

/// Calls whose parts come in any order that a stream has: each begins after the one before it.
fn calls() -> impl Strategy<Value = Vec<Part>> {
    (0..4_u32, prop::collection::vec((any::<u32>(), "[{}a1\":]{0,3}"), 0..9)).prop_map(|(count, deltas)| {
        let mut parts = Vec::new();
        for index in 0..count {
            parts.push(call(index, Some("c"), ""));
            parts.extend(
                deltas.iter().filter(|(at, _)| at % count <= index).map(|(at, words)| call(at % count, None, words)),
            );
        }
        parts
    })
}

/// The parts of a reply as models write them: reasoning and texts, of which all reasoning is proved or none, then calls.
fn replies() -> impl Strategy<Value = Vec<Part>> {
    let of_words = prop_oneof![
        prop::collection::vec(prop_oneof![proved(), texts()], 0..5).prop_map(|parts| parts.concat()),
        (prop::collection::vec(words().prop_map(Part::Reasoning), 0..3), prop::collection::vec(texts(), 0..2))
            .prop_map(|(reasoning, texts)| [reasoning, texts.concat()].concat()),
    ];
    (of_words, calls()).prop_map(|(words, calls)| [words, calls].concat())
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_events_of_any_reply_put_together_are_the_whole_answer_and_so_are_those_of_its_repetition(
        parts in replies(),
        shown_thinking in prop::sample::select(vec![ShownThinking::Words, ShownThinking::Proofs, ShownThinking::Unasked]),
    ) {
        let form = MessageForm { shown_thinking };
        let paid = paid(&parts, FinishReason::Stop);
        let content = whole(&paid, form)["content"].clone();
        prop_assert_eq!(json!(put_together(&streamed(&parts, &paid, form))), content.clone());
        let again = MessageEvents::new(paid.id, form).replayed(&paid).concat();
        prop_assert_eq!(json!(put_together(&parsed(&again))), content);
    }
}
