//! Answers that are read event by event.

use proptest::prelude::*;

use super::*;
use crate::wire::ReplyReader;

fn streaming(list: &[Value]) -> ResponseTemplate {
    let event = |event: &Value| format!("event: {}\ndata: {event}\n\n", event["type"].as_str().unwrap_or("message"));
    let text = list.iter().map(event).collect::<Vec<_>>().concat();
    ResponseTemplate::new(200).set_body_raw(text, "text/event-stream")
}

fn created() -> Value {
    json!({"type": "response.created", "sequence_number": 0, "response": response("in_progress", &json!([]))})
}

fn completed() -> Value {
    json!({"type": "response.completed", "response": response("completed", &output())})
}

fn added(place: usize, item: &Value) -> Value {
    json!({"type": "response.output_item.added", "output_index": place, "item": item})
}

fn delta(kind: &str, place: usize, delta: &str) -> Value {
    json!({"type": format!("response.{kind}.delta"), "output_index": place, "summary_index": 0, "delta": delta})
}

fn done(place: usize) -> Value {
    json!({"type": "response.output_item.done", "output_index": place, "item": output()[place]})
}

/// The answer of [`output`] as OpenAI streams it, two calls at once.
fn events() -> Vec<Value> {
    let mut second = delta("reasoning_summary_text", 0, "So.");
    second["summary_index"] = json!(1);
    vec![
        created(),
        json!({"type": "response.in_progress", "response": response("in_progress", &json!([]))}),
        added(0, &json!({"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "un"})),
        json!({"type": "response.reasoning_summary_part.added", "output_index": 0, "summary_index": 0}),
        delta("reasoning_summary_text", 0, "H"),
        delta("reasoning_summary_text", 0, "m."),
        json!({"type": "response.reasoning_summary_text.done", "output_index": 0, "text": "Hm."}),
        second,
        done(0),
        added(1, &json!({"type": "message", "id": "msg_1", "content": []})),
        json!({"type": "response.content_part.added", "output_index": 1, "part": {"type": "output_text", "text": ""}}),
        delta("output_text", 1, "I "),
        delta("output_text", 1, "look."),
        json!({"type": "response.output_text.done", "output_index": 1, "text": "I look."}),
        done(1),
        added(2, &json!({"type": "function_call", "call_id": "call_1", "name": "look_up", "arguments": ""})),
        added(3, &json!({"type": "function_call", "call_id": "call_2", "name": "now", "arguments": ""})),
        delta("function_call_arguments", 2, "{\"z\""),
        delta("function_call_arguments", 3, ""),
        delta("function_call_arguments", 2, ": 1.0}"),
        done(3),
        done(2),
        completed(),
    ]
}

#[tokio::test]
async fn a_stream_is_the_parts_of_its_items_and_an_end_with_its_count() {
    let (server, model) = answering(streaming(&events())).await;
    let (pieces, end) = pieces(&model).await;
    assert_eq!(end.unwrap(), End::new(FinishReason::ToolCalls, Some(COUNTED)));
    assert!(said(&pieces) == expected(), "{pieces:?}");
    let request = &server.received_requests().await.unwrap()[0];
    assert_eq!(request.headers["accept"], "text/event-stream");
    assert_eq!(request.body_json::<Value>().unwrap()["stream"], json!(true));
}

/// Some servers send less than OpenAI, and every item is there once all the same.
#[tokio::test]
async fn items_that_came_only_in_part_or_at_the_end_are_read_once() {
    let without = |kind: &str| -> Vec<Value> {
        events().into_iter().filter(|event| !event["type"].as_str().unwrap().contains(kind)).collect()
    };
    for list in [vec![created(), completed()], without(".delta"), without("output_item.done"), without("output_item")] {
        let (_server, model) = answering(streaming(&list)).await;
        let (pieces, end) = pieces(&model).await;
        assert_eq!(end.unwrap().finish_reason, FinishReason::ToolCalls);
        let mut said = said(&pieces);
        // The proof of an item that has no end comes with the last event.
        said.proofs.iter_mut().for_each(|placed| (placed.text_before, placed.calls_before) = (0, 0));
        assert!(said == expected(), "{pieces:?} {list:?}");
    }
}

#[tokio::test]
async fn an_end_is_what_the_last_event_says_and_without_one_the_reply_broke_off() {
    let words = || [added(0, &json!({"type": "message"})), delta("output_text", 0, "Hi")];
    let last = |kind: &str, member: &str, value: Value| {
        let mut response = response(kind, &json!([]));
        response[member] = value;
        json!({"type": format!("response.{kind}"), "response": response})
    };
    let [begin, word] = words();
    let failed = |code: &str| last("failed", "error", json!({"code": code, "message": SERVERS_WORDS}));
    let error = |code: &str| json!({"type": "error", "code": code, "message": SERVERS_WORDS, "param": null});
    let reason = json!({"reason": "max_output_tokens"});
    for (list, expected) in [
        (vec![created(), begin.clone(), word.clone(), last("completed", "error", json!(null))], Ok(FinishReason::Stop)),
        (
            vec![created(), begin.clone(), word.clone(), last("incomplete", "incomplete_details", reason)],
            Ok(FinishReason::Length),
        ),
        (vec![created(), begin.clone(), word.clone()], Err(Kind::Failed)),
        (vec![created()], Err(Kind::Failed)),
        (vec![json!([SERVERS_WORDS])], Err(Kind::Failed)),
        (vec![created(), failed("rate_limit_exceeded")], Err(Kind::Failed)),
        (vec![created(), begin, word, failed("server_error")], Err(Kind::Failed)),
        (vec![failed("rate_limit_exceeded")], Err(Kind::Throttled)),
        (vec![error("rate_limit_exceeded")], Err(Kind::Throttled)),
        (
            vec![json!({"type": "error", "error": {"code": "context_length_exceeded"}})],
            Err(Kind::Refused(Refusal::TooLong)),
        ),
        (vec![created(), error("rate_limit_exceeded")], Err(Kind::Failed)),
    ] {
        let (_server, model) = answering(streaming(&list)).await;
        let reason = pieces(&model).await.1.map(|end| end.finish_reason);
        assert_eq!(reason.map_err(|error| kind(Err::<(), _>(error))), expected, "{list:?}");
    }
}

#[tokio::test]
async fn a_refusal_and_reasoning_that_is_no_summary_are_what_they_are() {
    let list = [
        created(),
        added(0, &json!({"type": "reasoning"})),
        delta("reasoning_text", 0, "Hm"),
        added(1, &json!({"type": "message"})),
        delta("refusal", 1, "No."),
        json!({"type": "response.completed", "response": response("completed", &json!([]))}),
    ];
    let (_server, model) = answering(streaming(&list)).await;
    let said = said(&pieces(&model).await.0);
    assert_eq!((said.reasoning.as_deref(), said.refusal.as_deref()), (Some("Hm"), Some("No.")));
}

#[tokio::test]
async fn what_nobody_asked_for_is_counted_and_not_shown() {
    let list = [
        created(),
        added(0, &json!({"type": "web_search_call", "id": "ws_1"})),
        delta("output_text", 0, "Hi"),
        delta("function_call_arguments", 7, "{}"),
        json!({"type": "response.something.new", "output_index": 0, "delta": "?"}),
        json!({"type": "response.completed", "response": response("completed", &json!([{"type": "web_search_call"}]))}),
    ];
    let (_server, model) = answering(streaming(&list)).await;
    let pieces = pieces(&model).await.0;
    let hidden = [2, 2, 1].map(|bytes| Piece::Hidden { bytes });
    assert!(pieces == hidden, "{pieces:?}");
}

#[tokio::test]
async fn a_whole_answer_is_read_where_a_stream_was_asked_for() {
    let lines = serde_json::to_string_pretty(&response("completed", &output())).unwrap();
    let (_server, model) = answering(ResponseTemplate::new(200).set_body_raw(lines, "application/json")).await;
    let (pieces, end) = pieces(&model).await;
    assert_eq!(end.unwrap(), End::new(FinishReason::ToolCalls, Some(COUNTED)));
    let said = said(&pieces);
    assert!(!said.annotations.is_empty());
    let annotations = expected().annotations;
    assert!(SaidChoice { annotations, ..said } == expected(), "{pieces:?}");
}

/// An item as a server may write it.
#[derive(Clone, Debug)]
enum WrittenItem {
    Words(String),
    Refusal(String),
    Reasoning(Vec<String>, String),
    Call(String, String),
}

impl WrittenItem {
    fn whole(&self, place: usize) -> Value {
        match self {
            Self::Words(text) => json!({"type": "message", "content": [{"type": "output_text", "text": text}]}),
            Self::Refusal(text) => json!({"type": "message", "content": [{"type": "refusal", "refusal": text}]}),
            Self::Reasoning(paragraphs, data) => {
                let summary: Vec<_> =
                    paragraphs.iter().map(|text| json!({"type": "summary_text", "text": text})).collect();
                json!({"type": "reasoning", "id": format!("rs_{place}"), "summary": summary, "encrypted_content": data})
            }
            Self::Call(name, arguments) => json!({
                "type": "function_call", "call_id": format!("c{place}"), "name": name, "arguments": arguments,
            }),
        }
    }

    fn streamed(&self, place: usize, cut: usize) -> Vec<Value> {
        let cuts = |text: &str| {
            let (begin, end) = text.split_at(text.floor_char_boundary(cut % (text.len() + 1)));
            [begin.to_owned(), end.to_owned()]
        };
        let deltas =
            |kind: &str, text: &str| -> Vec<Value> { cuts(text).iter().map(|text| delta(kind, place, text)).collect() };
        let mut begin = self.whole(place);
        for member in ["content", "summary", "arguments", "encrypted_content"] {
            if let Some(members) = begin.as_object_mut() {
                members.remove(member);
            }
        }
        let parts = match self {
            Self::Words(text) => deltas("output_text", text),
            Self::Refusal(text) => deltas("refusal", text),
            Self::Call(_, arguments) => deltas("function_call_arguments", arguments),
            Self::Reasoning(paragraphs, _) => {
                let numbered = paragraphs.iter().enumerate();
                let of_paragraph = numbered.flat_map(|(number, text)| {
                    deltas("reasoning_summary_text", text).into_iter().map(move |mut delta| {
                        delta["summary_index"] = json!(number);
                        delta
                    })
                });
                of_paragraph.collect()
            }
        };
        let end = json!({"type": "response.output_item.done", "output_index": place, "item": self.whole(place)});
        [added(place, &begin)].into_iter().chain(parts).chain([end]).collect()
    }
}

fn any_written() -> impl Strategy<Value = WrittenItem> {
    prop_oneof![
        "\\PC{0,12}".prop_map(WrittenItem::Words),
        "\\PC{0,12}".prop_map(WrittenItem::Refusal),
        (prop::collection::vec("\\PC{1,9}", 0..3), "[a-z+/=]{0,9}")
            .prop_map(|(paragraphs, data)| WrittenItem::Reasoning(paragraphs, data)),
        ("[a-z_]{1,9}", "\\PC{1,12}").prop_map(|(name, arguments)| WrittenItem::Call(name, arguments)),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_pieces_of_a_stream_are_the_whole_answer(
        items in prop::collection::vec(any_written(), 0..6),
        cut in any::<usize>(),
    ) {
        let output: Vec<Value> = items.iter().enumerate().map(|(place, item)| item.whole(place)).collect();
        let answer = response("completed", &json!(output));
        let mut list = vec![created()];
        list.extend(items.iter().enumerate().flat_map(|(place, item)| item.streamed(place, cut)));
        list.push(json!({"type": "response.completed", "response": answer}));
        let whole: ReceivedResponse = serde_json::from_str(&answer.to_string()).unwrap();
        let Reply { choices, end } = whole.into_reply(ReceivedItems::of("gpt")).unwrap();
        let mut reader = ResponseReader::of("gpt");
        let pieces: Vec<Piece> = list.iter().flat_map(|event| reader.pieces(&event.to_string()).unwrap()).collect();
        prop_assert!(choices[0] == said(&pieces), "{:?} {:?}", choices, pieces);
        prop_assert_eq!(Some(end), reader.end());
    }
}
