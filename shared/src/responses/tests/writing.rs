//! Answers, whole and streamed.

use domain::ids::EntryId;
use domain::message::FinishReason;
use domain::pricing::Usage;
use domain::reasoning_proof::{Proof, ProofKind};
use ledger::exchange::StoredReply;
use proptest::prelude::*;
use providers::raw_array::RawArray;
use providers::reply::{Part, SaidChoice, ToolCallDelta};
use serde_json::{Value, json};

use super::reading::{read, with};
use crate::door::{ErrorForm, ErrorParts, ProtocolError, Writer};
use crate::error::ApiError;
use crate::responses::{ResponseEvents, ResponseForm, ResponsesErrors, response_object};
use crate::testing::{paid_reply, stored_reply};
use crate::till::PaidReply;

fn id() -> EntryId {
    EntryId::parse("01KB05AY8G3W5VXQ7S4TB2NC6D").unwrap()
}

/// The form of a request that offers a function, a custom tool and one in a namespace, and wants proofs.
fn form() -> ResponseForm {
    let mut body = with("include", json!(["reasoning.encrypted_content"]));
    body["tools"] = json!([
        {"type": "function", "name": "add"},
        {"type": "custom", "name": "patch"},
        {"type": "namespace", "name": "n", "description": "", "tools": [{"type": "function", "name": "add"}]},
        {"type": "tool_search", "execution": "client", "description": "Finds tools.", "parameters": {"type": "object"}},
    ]);
    read(&body).unwrap().form
}

fn whole(paid: &PaidReply, form: &ResponseForm) -> Value {
    response_object::whole(paid, form, |response| serde_json::to_value(response).unwrap())
}

fn proof(kind: ProofKind, data: &str) -> Proof {
    let id = (kind == ProofKind::Encrypted).then(|| "rs_of_openai".to_owned());
    Proof { kind, provider: Some("p".to_owned()), id, data: data.to_owned() }
}

fn call(index: u32, name: Option<&str>, arguments: &str) -> Part {
    let id = name.map(|_| format!("c{index}"));
    let (name, arguments) = (name.map(str::to_owned), arguments.to_owned());
    Part::ToolCall(ToolCallDelta { index, id, name, arguments })
}

fn text(words: &str) -> Part {
    Part::Text(words.to_owned())
}

fn reasoning(words: &str) -> Part {
    Part::Reasoning(words.to_owned())
}

/// The reply that `parts` are.
fn paid(parts: &[Part], finish_reason: FinishReason) -> PaidReply {
    let mut said = SaidChoice::default();
    for part in parts {
        said.add(part);
    }
    let SaidChoice { text, refusal, reasoning, calls, proofs, annotations, .. } = said;
    let usage = Usage { cached_input_tokens: 3, cache_write_tokens: 2, reasoning_tokens: 4, ..Usage::counted(10, 9) };
    let annotations = Some(annotations.into_text());
    let reply =
        StoredReply { refusal, reasoning, calls, proofs, annotations, usage, finish_reason, ..stored_reply(&text) };
    paid_reply(id(), reply, 7)
}

/// The data of `events`. Each says its own name and its number.
fn parsed(events: &str) -> Vec<Value> {
    let event = |(number, event): (usize, &str)| {
        let (name, data) = event.strip_prefix("event: ").unwrap().split_once("\ndata: ").unwrap();
        let data: Value = serde_json::from_str(data).unwrap();
        assert_eq!((&data["type"], &data["sequence_number"]), (&json!(name), &json!(number)));
        data
    };
    events.split_terminator("\n\n").enumerate().map(event).collect()
}

/// The events of `parts` as a model writes them.
fn streamed(parts: &[Part], paid: &PaidReply, form: &ResponseForm) -> Vec<Value> {
    let mut writer = ResponseEvents::new(paid.id, form.clone());
    let mut events = writer.beginning("dummy", 5);
    for part in parts {
        events.push_str(&writer.part(0, part));
    }
    events.push_str(&writer.end(paid));
    parsed(&events)
}

fn kinds(events: &[Value]) -> Vec<&str> {
    events.iter().map(|event| event["type"].as_str().unwrap().trim_start_matches("response.")).collect()
}

/// The items of a stream as a client puts them together: as they ended, each at its place.
fn put_together(events: &[Value]) -> Vec<Value> {
    let mut items: Vec<Value> = Vec::new();
    let mut words: Vec<String> = Vec::new();
    for event in events {
        let place = event["output_index"].as_u64().map(|place| usize::try_from(place).unwrap());
        match (event["type"].as_str().unwrap(), place) {
            ("response.output_item.added", Some(place)) => {
                assert_eq!((place, &event["item"]["status"]), (items.len(), &json!("in_progress")));
                items.push(event["item"].clone());
                words.push(String::new());
            }
            ("response.output_item.done", Some(place)) => {
                assert_eq!(items[place]["id"], event["item"]["id"]);
                items[place] = event["item"].clone();
            }
            (_, Some(place)) if event.get("delta").is_some() => {
                assert_eq!((&items[place]["id"], &items[place]["status"]), (&event["item_id"], &json!("in_progress")));
                words[place].push_str(event["delta"].as_str().unwrap());
            }
            (_, Some(place)) => assert_eq!(items[place]["id"], event["item_id"]),
            _ => {}
        }
    }
    for (item, words) in items.iter().zip(words) {
        assert_eq!(words_of(item), words);
    }
    items
}

/// All words of an item.
fn words_of(item: &Value) -> String {
    let parts = ["content", "summary"].into_iter().filter_map(|name| item[name].as_array()).flatten();
    let of_parts = parts.filter_map(|part| part["text"].as_str().or(part["refusal"].as_str()));
    let own = ["arguments", "input"].into_iter().filter_map(|name| item[name].as_str());
    of_parts.chain(own).collect()
}

#[test]
fn a_text_is_an_item_of_one_part_and_the_response_repeats_what_was_asked() {
    let parts = [text("Hel"), text("lo")];
    let paid = paid(&parts, FinishReason::Stop);
    let whole = whole(&paid, &form());
    let part = json!({"type": "output_text", "text": "Hello", "annotations": [], "logprobs": []});
    let message = json!({
        "type": "message", "id": "msg_01KB05AY8G3W5VXQ7S4TB2NC6D_0", "status": "completed", "role": "assistant", "content": [part],
    });
    assert_eq!(whole["output"], json!([message]));
    assert_eq!((&whole["id"], &whole["status"]), (&json!("resp_01KB05AY8G3W5VXQ7S4TB2NC6D"), &json!("completed")));
    assert_eq!(whole["tools"].as_array().unwrap().len(), 4);
    assert_eq!(
        whole["usage"],
        json!({
            "input_tokens": 10,
            "input_tokens_details": {"cached_tokens": 3, "cache_write_tokens": 2},
            "output_tokens": 9,
            "output_tokens_details": {"reasoning_tokens": 4},
            "total_tokens": 19,
            "cost": 7,
        })
    );
    let events = streamed(&parts, &paid, &form());
    assert_eq!(events.last().unwrap()["response"], whole);
    assert_eq!(
        (&events[0]["response"]["status"], &events[0]["response"]["usage"]),
        (&json!("in_progress"), &Value::Null)
    );
}

#[test]
fn reasoning_ends_with_its_proof_which_says_who_made_it() {
    let parts = [
        reasoning("Hm."),
        Part::Proof(proof(ProofKind::Encrypted, "ZW5j")),
        Part::Proof(proof(ProofKind::Redacted, "x")),
        text("Hi"),
    ];
    let paid = paid(&parts, FinishReason::Stop);
    let events = streamed(&parts, &paid, &form());
    let items = put_together(&events);
    assert_eq!(json!(items), whole(&paid, &form())["output"]);
    let written = |kind, data: &str| json!(proof(kind, data).written(ProofKind::Encrypted));
    assert_eq!(items[0]["encrypted_content"], written(ProofKind::Encrypted, "ZW5j"));
    assert_eq!(items[0]["summary"], json!([{"type": "summary_text", "text": "Hm."}]));
    assert_eq!(items[1]["encrypted_content"], written(ProofKind::Redacted, "x"));
    assert_eq!((&items[1]["summary"], &items[2]["type"]), (&json!([]), &json!("message")));
    assert_eq!(
        kinds(&events)[2..8],
        [
            "output_item.added",
            "reasoning_summary_part.added",
            "reasoning_summary_text.delta",
            "reasoning_summary_text.done",
            "reasoning_summary_part.done",
            "output_item.done",
        ]
    );
    // Nobody asked for proofs.
    let form = read(&with("include", json!([]))).unwrap().form;
    let items = put_together(&streamed(&parts, &paid, &form));
    assert_eq!((items.len(), items[0].get("encrypted_content")), (2, None));
}

#[test]
fn calls_that_a_server_writes_at_once_are_items_side_by_side_under_the_callers_names() {
    let parts = [
        text("I add."),
        call(0, Some("add"), ""),
        call(1, Some("patch"), "{\"input\":"),
        call(0, None, "{\"a\":"),
        call(2, Some("n__add"), "{}"),
        call(0, None, "1}"),
        call(1, None, "\"-a\\n\"}"),
        call(3, Some("made_up"), ""),
    ];
    let paid = paid(&parts, FinishReason::ToolCalls);
    let items = put_together(&streamed(&parts, &paid, &form()));
    let summary = |item: &Value| {
        ["type", "namespace", "name", "call_id", "arguments", "input"]
            .map(|name| item[name].as_str().unwrap_or("-").to_owned())
    };
    let expected = [
        ["message", "-", "-", "-", "-", "-"],
        ["function_call", "-", "add", "c0", "{\"a\":1}", "-"],
        ["custom_tool_call", "-", "patch", "c1", "-", "-a\n"],
        ["function_call", "n", "add", "c2", "{}", "-"],
        ["function_call", "-", "made_up", "c3", "", "-"],
    ];
    assert_eq!(items.iter().map(summary).collect::<Vec<_>>(), expected);
}

#[test]
fn a_call_ends_when_the_next_item_begins_and_its_arguments_are_complete() {
    let parts = [
        call(0, Some("add"), "{\"a\":1"),
        call(0, None, "} "),
        call(1, Some("patch"), "{\"input\":\"a\"}"),
        // Nothing follows an object.
        call(0, None, " "),
        text("So."),
        call(2, Some("tool_search"), "{\"query\":\"mail\"}"),
        call(3, Some("tool_search"), "mail"),
    ];
    let paid = paid(&parts, FinishReason::ToolCalls);
    let events = streamed(&parts, &paid, &form());
    let order: Vec<_> = events
        .iter()
        .filter(|event| event["type"].as_str().unwrap().starts_with("response.output_item"))
        .map(|event| (event["output_index"].as_u64().unwrap(), event["type"] == "response.output_item.done"))
        .collect();
    let expected: Vec<_> = (0..5).flat_map(|place| [(place, false), (place, true)]).collect();
    assert_eq!(order, expected);
    let items = put_together(&events);
    assert_eq!((&items[0]["arguments"], &items[1]["input"]), (&json!("{\"a\":1} "), &json!("a")));
    let searches = [&items[3], &items[4]].map(|item| (&item["type"], &item["execution"], &item["arguments"]));
    let (kind, execution, query) = (json!("tool_search_call"), json!("client"), json!({"query": "mail"}));
    assert_eq!(searches, [(&kind, &execution, &query), (&kind, &execution, &query)]);
}

#[test]
fn a_reply_that_is_shorter_than_it_would_have_been_is_incomplete() {
    for (reason, status, detail) in [
        (FinishReason::Stop, "completed", Value::Null),
        (FinishReason::ToolCalls, "completed", Value::Null),
        (FinishReason::Length, "incomplete", json!({"reason": "max_output_tokens"})),
        (FinishReason::BrokenOff, "incomplete", json!({"reason": "max_output_tokens"})),
        (FinishReason::ContentFilter, "incomplete", json!({"reason": "content_filter"})),
    ] {
        let parts = [reasoning("Hm."), text("He")];
        let paid = paid(&parts, reason);
        let events = streamed(&parts, &paid, &form());
        let last = events.last().unwrap();
        assert_eq!(last["type"], format!("response.{status}"));
        assert_eq!((&last["response"]["status"], &last["response"]["incomplete_details"]), (&json!(status), &detail));
        let statuses: Vec<_> = put_together(&events).iter().map(|item| item["status"].clone()).collect();
        assert_eq!(statuses, [json!("completed"), json!(status)]);
    }
}

#[test]
fn a_refusal_and_citations_are_parts_of_a_message() {
    let citation = r#"[{"type":"url_citation","url_citation":{"url":"u","title":"t","start_index":0,"end_index":2}}]"#;
    let parts = [text("Hi"), Part::Annotations(RawArray::parse(citation).unwrap()), Part::Refusal("No.".to_owned())];
    let paid = paid(&parts, FinishReason::Stop);
    let events = streamed(&parts, &paid, &form());
    let flat = json!({"type": "url_citation", "url": "u", "title": "t", "start_index": 0, "end_index": 2});
    let added = events.iter().find(|event| event["type"] == "response.output_text.annotation.added").unwrap();
    assert_eq!(
        (&added["annotation"], &added["annotation_index"], &added["content_index"]),
        (&flat, &json!(0), &json!(0))
    );
    let items = put_together(&events);
    assert_eq!(items.len(), 1);
    assert_eq!(items[0]["content"][0]["annotations"], json!([flat]));
    assert_eq!(items[0]["content"][1], json!({"type": "refusal", "refusal": "No."}));
}

#[test]
fn citations_that_come_after_a_call_belong_to_the_text_before_it() {
    let citation = RawArray::parse("[{\"type\":\"url_citation\",\"url\":\"u\"}]").unwrap();
    let parts = [text("Hi"), call(0, Some("add"), "{}"), Part::Annotations(citation)];
    let paid = paid(&parts, FinishReason::ToolCalls);
    let whole = whole(&paid, &form())["output"].clone();
    assert_eq!((whole.as_array().unwrap().len(), &whole[0]["content"][0]["annotations"][0]["url"]), (2, &json!("u")));
    assert_eq!(streamed(&parts, &paid, &form()).last().unwrap()["response"]["output"], whole);
}

#[test]
fn calls_come_in_their_order_also_without_arguments() {
    let parts = [call(0, Some("add"), ""), call(1, Some("add"), "{}")];
    let paid = paid(&parts, FinishReason::ToolCalls);
    let items = put_together(&streamed(&parts, &paid, &form()));
    let ids: Vec<_> = items.iter().map(|item| item["call_id"].clone()).collect();
    assert_eq!(ids, ["c0", "c1"]);
}

#[test]
fn an_answer_has_a_limit_of_items_and_no_text_is_lost_beyond_it() {
    let parts: Vec<_> = (0..3000).map(|number| if number % 2 == 0 { reasoning("a") } else { text("b") }).collect();
    let paid = paid(&parts, FinishReason::Stop);
    let items = streamed(&parts, &paid, &form()).last().unwrap()["response"]["output"].clone();
    let items = items.as_array().unwrap();
    assert_eq!(items.len(), 1024);
    let said: String = items.iter().filter(|item| item["type"] == "message").map(words_of).collect();
    assert_eq!(said.len(), 1500);
}

#[test]
fn an_error_ends_all_items_and_is_told_twice() {
    let error =
        ProtocolError::Api(ApiError::ModelBrokeOff { message_id: id(), cause: domain::cause::Cause::because("x") });
    let error = ErrorParts::of::<ResponsesErrors>(&error);
    let mut writer = ResponseEvents::new(id(), form());
    let mut events = writer.beginning("dummy", 5);
    for part in [text("He"), call(0, Some("add"), "{\"a"), call(1, Some("patch"), "{\"inp")] {
        events.push_str(&writer.part(0, &part));
    }
    events.push_str(&writer.error(&error));
    let events = parsed(&events);
    let [.., told, last] = &events[..] else { panic!("{events:?}") };
    assert_eq!(
        (&told["type"], &told["code"], &told["error"]["code"]),
        (&json!("error"), &json!("model_broke_off"), &json!("model_broke_off"))
    );
    assert_eq!(
        (&last["type"], &last["response"]["error"]["code"]),
        (&json!("response.failed"), &json!("invalid_prompt"))
    );
    let items = put_together(&events);
    assert_eq!(last["response"]["output"], json!(items));
    assert_eq!((&items[2]["input"], &items[2]["status"]), (&json!(""), &json!("incomplete")));
    assert_eq!((&told["error"]["type"], &items[1]["status"]), (&json!("invalid_request_error"), &json!("incomplete")));
}

#[test]
fn an_error_before_everything_follows_a_beginning() {
    let error = ProtocolError::Api(ApiError::ContextTooLong { estimated_tokens: 9, max_tokens: 8 });
    let mut writer = ResponseEvents::new(id(), form());
    let events = parsed(&writer.error(&ErrorParts::of::<ResponsesErrors>(&error)));
    assert_eq!(kinds(&events), ["created", "in_progress", "error", "failed"]);
    assert_eq!(events[2]["param"], "input");
    assert_eq!(events[3]["response"]["error"]["code"], "context_length_exceeded");
}

#[test]
fn an_error_without_a_writer_is_an_event() {
    let error = ProtocolError::Api(ApiError::ModelFailed(domain::cause::Cause::because("x")));
    let events = parsed(&ResponsesErrors::event(&ErrorParts::of::<ResponsesErrors>(&error)));
    assert_eq!(events[0]["error"]["code"], "model_failed");
    assert_eq!(events[1]["response"]["error"]["code"], "invalid_prompt");
}

fn without_citations(mut output: Value) -> Value {
    let items = output.as_array_mut().unwrap().iter_mut();
    for part in items.filter_map(|item| item["content"].as_array_mut()).flatten() {
        part["annotations"] = Value::Null;
    }
    output
}

fn any_part() -> impl Strategy<Value = Part> {
    let name = prop::sample::select(vec![None, Some("add"), Some("patch"), Some("n__add"), Some("x")]);
    let arguments = prop::sample::select(vec!["", "{", "\"input\":", "\"a\"", "}"]);
    prop_oneof![
        ".{0,3}".prop_map(Part::Text),
        ".{0,3}".prop_map(Part::Refusal),
        ".{0,3}".prop_map(Part::Reasoning),
        Just(Part::Proof(proof(ProofKind::Encrypted, "ZW5j"))),
        Just(Part::Proof(proof(ProofKind::Signature, "c2ln"))),
        (0..3_u32, name, arguments).prop_map(|(index, name, arguments)| call(index, name, arguments)),
        Just(Part::Annotations(RawArray::parse("[{\"type\":\"url_citation\",\"url\":\"u\"}]").unwrap())),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn events_put_together_are_the_last_response_and_no_word_is_lost(parts in prop::collection::vec(any_part(), 0..12)) {
        let paid = paid(&parts, FinishReason::Stop);
        let events = streamed(&parts, &paid, &form());
        let items = put_together(&events);
        // Citations that come after their text has ended are in the last event alone.
        prop_assert_eq!(
            without_citations(events.last().unwrap()["response"]["output"].clone()),
            without_citations(json!(items))
        );
        let said = |name: &str| items.iter().filter_map(|item| item[name].as_array()).flatten()
            .filter_map(|part| part["text"].as_str()).collect::<String>();
        prop_assert_eq!(said("content"), paid.reply.text.as_str());
        prop_assert_eq!(said("summary"), paid.reply.reasoning.as_deref().unwrap_or_default());
    }
}
