//! Answers that are read event by event.

use proptest::prelude::*;

use super::*;
use crate::prompt::generated::any_json;
use crate::wire::ReplyReader;

fn events(events: &[Value]) -> String {
    let event = |event: &Value| format!("event: {}\ndata: {event}\n\n", event["type"].as_str().unwrap_or("message"));
    events.iter().map(event).collect::<Vec<_>>().concat()
}

fn event_stream(text: &str) -> ResponseTemplate {
    ResponseTemplate::new(200).set_body_raw(text, "text/event-stream")
}

fn streaming(list: &[Value]) -> ResponseTemplate {
    event_stream(&events(list))
}

fn start() -> Value {
    let usage = json!({
        "input_tokens": 10, "cache_creation_input_tokens": 50, "cache_read_input_tokens": 900, "output_tokens": 1,
    });
    json!({"type": "message_start", "message": {
        "id": "msg_1", "type": "message", "role": "assistant", "content": [], "model": "claude-sonnet-4-5",
        "stop_reason": null, "stop_sequence": null, "usage": usage,
    }})
}

fn begins(index: u64, block: &Value) -> Value {
    json!({"type": "content_block_start", "index": index, "content_block": block})
}

fn goes_on(index: u64, delta: &Value) -> Value {
    json!({"type": "content_block_delta", "index": index, "delta": delta})
}

fn ends(index: u64) -> Value {
    json!({"type": "content_block_stop", "index": index})
}

fn text(words: &str) -> [Value; 3] {
    let delta = json!({"type": "text_delta", "text": words});
    [begins(0, &json!({"type": "text", "text": ""})), goes_on(0, &delta), ends(0)]
}

fn stops(reason: &str, usage: &Value) -> Value {
    json!({"type": "message_delta", "delta": {"stop_reason": reason, "stop_sequence": null}, "usage": usage})
}

fn is_over() -> Value {
    json!({"type": "message_stop"})
}

const COUNTED: Usage = Usage { cached_input_tokens: 900, cache_write_tokens: 50, ..Usage::counted(960, 15) };

#[tokio::test]
async fn a_stream_is_the_parts_of_its_blocks_and_an_end_with_the_latest_counts() {
    let list = [
        start(),
        json!({"type": "ping"}),
        begins(0, &json!({"type": "thinking", "thinking": "", "signature": ""})),
        goes_on(0, &json!({"type": "thinking_delta", "thinking": "Hm"})),
        goes_on(0, &json!({"type": "thinking_delta", "thinking": "."})),
        goes_on(0, &json!({"type": "signature_delta", "signature": "c2ln"})),
        ends(0),
        begins(1, &json!({"type": "redacted_thinking", "data": "cmVk"})),
        ends(1),
        begins(2, &json!({"type": "text", "text": ""})),
        goes_on(2, &json!({"type": "text_delta", "text": "I "})),
        json!({"type": "something_new", "index": 2, "text": "?"}),
        goes_on(2, &json!({"type": "text_delta", "text": "look."})),
        ends(2),
        begins(3, &json!({"type": "tool_use", "id": "toolu_1", "name": "look_up", "input": {}})),
        goes_on(3, &json!({"type": "input_json_delta", "partial_json": ""})),
        goes_on(3, &json!({"type": "input_json_delta", "partial_json": "{\"z\": 1"})),
        goes_on(3, &json!({"type": "input_json_delta", "partial_json": ".0}"})),
        ends(3),
        begins(4, &json!({"type": "tool_use", "id": "toolu_2", "name": "now", "input": {}})),
        ends(4),
        stops("tool_use", &json!({"output_tokens": 15, "output_tokens_details": {"thinking_tokens": 4}})),
        is_over(),
    ];
    let (_server, model) = answering(streaming(&list)).await;
    let (pieces, end) = pieces(&model).await;
    let counted = Usage { reasoning_tokens: 4, ..COUNTED };
    assert_eq!(end.unwrap(), End::new(FinishReason::ToolCalls, Some(counted)));
    let of_the_input = Usage { output_tokens: 1, ..COUNTED };
    assert_eq!(pieces[0], Piece::Counted(of_the_input), "if the reply is cut, the cache is known");
    let parts: Vec<_> = pieces[1..].iter().filter(|piece| !matches!(piece, Piece::Part { .. })).collect();
    assert!(parts.is_empty(), "{parts:?}");
    let said = said(&pieces);
    assert_eq!((said.text.as_str(), said.reasoning.as_deref()), ("I look.", Some("Hm.")));
    assert_eq!(said.calls, [call("toolu_1", "look_up", r#"{"z": 1.0}"#), call("toolu_2", "now", "{}")]);
    let proofs: Vec<Proof> = said.proofs.into_iter().map(|placed| placed.proof).collect();
    assert_eq!(proofs, [proof(ProofKind::Signature, "c2ln"), proof(ProofKind::Redacted, "cmVk")]);
}

#[tokio::test]
async fn a_stream_that_said_why_it_stopped_is_whole_and_any_other_broke_off() {
    let stop = || stops("max_tokens", &json!({"output_tokens": 15}));
    let [begin, word, end] = text("Hi");
    let cut = Err(Kind::Failed);
    for (list, expected) in [
        (vec![start(), begin.clone(), word.clone(), end, stop()], Ok(FinishReason::Length)),
        (
            vec![start(), begin.clone(), word.clone(), stop(), json!({"type": "error", "error": {}})],
            Ok(FinishReason::Length),
        ),
        (vec![start(), stop(), json!([])], Ok(FinishReason::Length)),
        (vec![start(), begin.clone(), word.clone()], cut),
        (vec![start()], Err(Kind::Failed)),
        (vec![start(), begin, word, is_over()], Err(Kind::Failed)),
        (vec![], Err(Kind::Failed)),
        (vec![json!([SERVERS_WORDS])], Err(Kind::Failed)),
    ] {
        let (_server, model) = answering(streaming(&list)).await;
        let reason = pieces(&model).await.1.map(|end| end.finish_reason);
        assert_eq!(reason.map_err(|error| kind(Err::<(), _>(error))), expected, "{list:?}");
    }
}

/// A server that has begun to answer works, and bills the input.
#[tokio::test]
async fn an_error_turns_a_request_away_only_before_the_server_has_begun_to_answer() {
    let error = |word: &str| json!({"type": "error", "error": {"type": word, "message": SERVERS_WORDS}});
    let [begin, word, _] = text("Hi");
    for (list, expected) in [
        (vec![error("overloaded_error")], Kind::Unavailable(None)),
        (vec![error("rate_limit_error")], Kind::Throttled(None)),
        (vec![error("api_error")], Kind::Failed),
        (vec![error("invalid_request_error")], Kind::Refused(Refusal::Unsaid)),
        (vec![start(), error("overloaded_error")], Kind::Failed),
        (vec![start(), begin, word, error("overloaded_error")], Kind::Failed),
    ] {
        let (_server, model) = answering(streaming(&list)).await;
        assert_eq!(kind(pieces(&model).await.1), expected, "{list:?}");
    }
}

#[tokio::test]
async fn of_each_count_the_latest_that_is_there_counts() {
    let nothing = json!({"type": "message_start", "message": {"usage": {"input_tokens": 0, "output_tokens": 0}}});
    let late = json!({"input_tokens": 10, "cache_read_input_tokens": 900, "cache_creation_input_tokens": 50, "output_tokens": 15});
    for list in [
        vec![nothing, stops("end_turn", &late), is_over()],
        vec![start(), stops("end_turn", &late), is_over()],
        vec![
            start(),
            stops("end_turn", &json!({"output_tokens": 7})),
            stops("end_turn", &json!({"output_tokens": 15})),
        ],
        vec![start(), stops("end_turn", &json!({"input_tokens": 0, "output_tokens": 15})), is_over()],
    ] {
        let (_server, model) = answering(streaming(&list)).await;
        let end = pieces(&model).await.1.unwrap();
        assert_eq!(end, End::new(FinishReason::Stop, Some(COUNTED)), "{list:?}");
    }
}

#[tokio::test]
async fn arguments_that_came_with_the_beginning_of_a_call_are_its_arguments() {
    let begin = begins(0, &json!({"type": "tool_use", "id": "c", "name": "f", "input": {"a": 1}}));
    let (_server, model) =
        answering(streaming(&[start(), begin, ends(0), stops("tool_use", &json!({})), is_over()])).await;
    assert_eq!(said(&pieces(&model).await.0).calls, [call("c", "f", r#"{"a":1}"#)]);
}

#[tokio::test]
async fn what_nobody_asked_for_is_counted_and_not_shown() {
    let list = [
        start(),
        begins(0, &json!({"type": "server_tool_use", "id": "s", "name": "web_search", "input": {}})),
        goes_on(0, &json!({"type": "input_json_delta", "partial_json": "{\"query\""})),
        ends(0),
        goes_on(9, &json!({"type": "text_delta", "text": "Hi"})),
        stops("end_turn", &json!({"output_tokens": 15})),
        is_over(),
    ];
    let (_server, model) = answering(streaming(&list)).await;
    let pieces = pieces(&model).await.0;
    assert!(said(&pieces) == SaidChoice::default());
    let hidden: usize = pieces.iter().map(|piece| if let Piece::Hidden { bytes } = piece { *bytes } else { 0 }).sum();
    assert_eq!(hidden, "{}".len() + "{\"query\"".len() + "Hi".len());
}

#[tokio::test]
async fn a_whole_answer_is_read_where_a_stream_was_asked_for() {
    let mut answer = message();
    answer["content"] =
        json!([{"type": "text", "text": "Hi"}, {"type": "tool_use", "id": "c", "name": "f", "input": {"a": 1}}]);
    let lines = serde_json::to_string_pretty(&answer).unwrap();
    let (_server, model) = answering(ResponseTemplate::new(200).set_body_raw(lines, "application/json")).await;
    let (pieces, end) = pieces(&model).await;
    assert_eq!(end.unwrap(), End::new(FinishReason::Stop, Some(Usage::counted(9, 2))));
    assert_eq!(said(&pieces).text, "Hi");
}

#[tokio::test]
async fn a_stream_that_is_asked_for_says_so() {
    let (server, model) = answering(streaming(&[start(), stops("end_turn", &json!({})), is_over()])).await;
    pieces(&model).await.1.unwrap();
    let request = &server.received_requests().await.unwrap()[0];
    assert_eq!(request.headers["accept"], "text/event-stream");
    assert_eq!(request.body_json::<Value>().unwrap()["stream"], json!(true));
}

/// A block as a server may write it: its members, and its parts in a stream.
#[derive(Clone, Debug)]
enum WrittenBlock {
    Text(String),
    Thinking(String, String),
    Redacted(String),
    Call(String, Value),
}

impl WrittenBlock {
    fn whole(&self, place: usize) -> Value {
        match self {
            Self::Text(text) => json!({"type": "text", "text": text}),
            Self::Thinking(words, signature) => json!({"type": "thinking", "thinking": words, "signature": signature}),
            Self::Redacted(data) => json!({"type": "redacted_thinking", "data": data}),
            Self::Call(name, input) => {
                json!({"type": "tool_use", "id": format!("c{place}"), "name": name, "input": input})
            }
        }
    }

    fn streamed(&self, place: usize, cut: usize) -> Vec<Value> {
        let cuts = |text: &str| {
            let (begin, end) = text.split_at(text.floor_char_boundary(cut % (text.len() + 1)));
            [begin.to_owned(), end.to_owned()]
        };
        let (begin, deltas) = match self {
            Self::Text(text) => (
                json!({"type": "text", "text": ""}),
                cuts(text).map(|text| json!({"type": "text_delta", "text": text})).to_vec(),
            ),
            Self::Thinking(words, signature) => {
                let mut deltas = cuts(words).map(|words| json!({"type": "thinking_delta", "thinking": words})).to_vec();
                deltas.push(json!({"type": "signature_delta", "signature": signature}));
                (json!({"type": "thinking", "thinking": "", "signature": ""}), deltas)
            }
            Self::Redacted(_) => (self.whole(place), Vec::new()),
            Self::Call(name, input) => (
                json!({"type": "tool_use", "id": format!("c{place}"), "name": name, "input": {}}),
                cuts(&input.to_string()).map(|json| json!({"type": "input_json_delta", "partial_json": json})).to_vec(),
            ),
        };
        let index = place as u64;
        let deltas = deltas.into_iter().map(|delta| goes_on(index, &delta));
        [begins(index, &begin)].into_iter().chain(deltas).chain([ends(index)]).collect()
    }
}

fn any_written() -> impl Strategy<Value = WrittenBlock> {
    let input = prop::collection::btree_map("[a-z]{0,4}", ".{0,6}", 0..3).prop_map(|members| json!(members));
    prop_oneof![
        "\\PC{0,12}".prop_map(WrittenBlock::Text),
        ("\\PC{0,12}", "[a-z+/=]{0,9}").prop_map(|(words, signature)| WrittenBlock::Thinking(words, signature)),
        "[a-z+/=]{0,9}".prop_map(WrittenBlock::Redacted),
        ("[a-z_]{1,9}", input).prop_map(|(name, input)| WrittenBlock::Call(name, input)),
    ]
}

/// All pieces that `reader` reads of these events.
fn read(mut reader: ClaudeReader, list: &[Value]) -> (SaidChoice, Option<End>) {
    let pieces: Vec<Piece> = list.iter().flat_map(|event| reader.pieces(&event.to_string()).unwrap()).collect();
    assert!(reader.is_complete());
    (said(&pieces), reader.end())
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_pieces_of_a_stream_are_the_whole_answer(
        blocks in prop::collection::vec(any_written(), 0..6),
        cut in any::<usize>(),
        counts in prop::array::uniform4(0..1000_u64),
    ) {
        let [input, written, read_tokens, output] = counts;
        let usage = json!({
            "input_tokens": input, "cache_creation_input_tokens": written, "cache_read_input_tokens": read_tokens,
            "output_tokens": output,
        });
        let content: Vec<Value> = blocks.iter().enumerate().map(|(place, block)| block.whole(place)).collect();
        let answer = json!({"type": "message", "content": content, "stop_reason": "end_turn", "usage": usage});
        let mut list = vec![json!({"type": "message_start", "message": {"usage": usage}})];
        list.extend(blocks.iter().enumerate().flat_map(|(place, block)| block.streamed(place, cut)));
        list.extend([stops("end_turn", &json!({"output_tokens": output})), is_over()]);
        let whole: ClaudeAnswer = serde_json::from_str(&answer.to_string()).unwrap();
        let Reply { choices, end } = whole.into_reply(ReceivedBlocks::of("claude")).unwrap();
        let (streamed, streams_end) = read(ClaudeReader::of("claude"), &list);
        prop_assert!(choices[0] == streamed, "{:?} {:?}", choices, streamed);
        prop_assert_eq!(Some(end), streams_end);
    }

    /// Whatever a server sends, it is read or it is a failure.
    #[test]
    fn no_event_makes_the_reader_panic(list in prop::collection::vec(any_event(), 0..6)) {
        let mut reader = ClaudeReader::of("claude");
        for event in list {
            if let Err(error) = reader.pieces(&event.to_string()) {
                prop_assert!(!error.turned_away(), "{}", event);
            }
        }
    }
}

/// An event of a known type, whose members are anything.
fn any_event() -> impl Strategy<Value = Value> {
    let types = vec![
        "message_start",
        "content_block_start",
        "content_block_delta",
        "content_block_stop",
        "message_delta",
        "message_stop",
        "message",
    ];
    let block = prop_oneof![
        any_json(),
        any_written().prop_map(|block| block.whole(0)),
        any_written().prop_map(|block| { block.streamed(0, 1).remove(1)["delta"].take() })
    ];
    let members = (any_json(), block, any_json(), any_json());
    (prop::sample::select(types), prop_oneof![Just(json!(0)), any_json()], members).prop_map(
        |(r#type, index, (message, block, usage, content))| {
            json!({
                "type": r#type, "index": index, "message": message, "content_block": block, "delta": block,
                "usage": usage, "content": content,
            })
        },
    )
}
