//! Calls of tools and reasoning, as Bedrock streams them and as it sends them whole.

use proptest::prelude::*;

use super::*;

fn block(index: usize, name: &'static str, member: &str, value: &Value) -> Vec<u8> {
    event(name, &json!({"contentBlockIndex": index, member: value}))
}

fn starts(index: usize, id: &str, name: &str) -> Vec<u8> {
    block(index, "contentBlockStart", "start", &json!({"toolUse": {"toolUseId": id, "name": name}}))
}

fn delta(index: usize, delta: &Value) -> Vec<u8> {
    block(index, "contentBlockDelta", "delta", delta)
}

fn arguments(index: usize, text: &str) -> Vec<u8> {
    delta(index, &json!({"toolUse": {"input": text}}))
}

fn stops(index: usize) -> Vec<u8> {
    event("contentBlockStop", &json!({"contentBlockIndex": index}))
}

async fn pieces_of(messages: &[Vec<u8>]) -> Vec<Piece> {
    let (model, _) = model(vec![streaming(messages)]);
    model.stream(&hello(), 5).await.unwrap().map(Result::unwrap).collect().await
}

/// The choice that `pieces` are, how it ended, and the bytes that nobody sees.
fn put_together(pieces: Vec<Piece>) -> (SaidChoice, End, usize) {
    let (mut said, mut end, mut hidden) = (SaidChoice::default(), None, 0);
    for piece in pieces {
        match piece {
            Piece::Part { choice, part } => {
                assert_eq!(choice, 0);
                said.add(&part);
            }
            Piece::Finished { .. } | Piece::Counted(_) => {}
            Piece::Hidden { bytes } => hidden += bytes,
            Piece::End(last) => end = Some(last),
        }
    }
    (said, end.unwrap(), hidden)
}

fn call(id: &str, name: &str, arguments: &str) -> ToolCall {
    ToolCall { id: id.to_owned(), name: name.to_owned(), arguments: arguments.to_owned() }
}

#[tokio::test]
async fn streamed_calls_have_places_without_a_gap_though_texts_are_blocks_too() {
    let reasoning = delta(0, &json!({"reasoningContent": {"text": "Hm."}}));
    let signature = delta(0, &json!({"reasoningContent": {"signature": "c2lnbmF0dXJl"}}));
    let messages = [
        reasoning,
        signature,
        stops(0),
        delta(1, &json!({"text": "I look."})),
        stops(1),
        starts(2, "tooluse_a", "look_up"),
        arguments(2, ""),
        arguments(2, "{\"x\""),
        arguments(2, ":1}"),
        stops(2),
        starts(3, "tooluse_b", "now"),
        stops(3),
        stop("tool_use"),
        metadata(),
    ];
    let (said, end, hidden) = put_together(pieces_of(&messages).await);
    let calls = vec![call("tooluse_a", "look_up", "{\"x\":1}"), call("tooluse_b", "now", "{}")];
    let expected = SaidChoice { reasoning: Some("Hm.".to_owned()), calls, ..SaidChoice::text("I look.") };
    assert_eq!((said.clone(), end, hidden), (expected, End::new(FinishReason::ToolCalls, Some(USAGE)), 0));
}

/// Seen: a model that calls a function without arguments streams an empty text, or nothing.
#[tokio::test]
async fn a_call_without_arguments_has_an_empty_object_as_programs_read_it() {
    for input in [vec![], vec![arguments(0, "")]] {
        let messages = [vec![starts(0, "a", "now")], input, vec![stops(0), stops(0), stop("tool_use")]].concat();
        let (said, ..) = put_together(pieces_of(&messages).await);
        assert_eq!(said.calls, [call("a", "now", "{}")]);
    }
}

#[tokio::test]
async fn words_that_nobody_can_read_or_that_are_of_no_call_are_hidden() {
    let encrypted = delta(0, &json!({"reasoningContent": {"redactedContent": "AAECAw=="}}));
    let messages = [encrypted, arguments(7, "{}"), text("Hi"), stops(7), stop("end_turn")];
    let (said, _, hidden) = put_together(pieces_of(&messages).await);
    assert_eq!((said, hidden), (SaidChoice::text("Hi"), 4 + 2));
}

#[tokio::test]
async fn a_whole_answer_of_calls_alone_is_a_reply_and_its_arguments_are_json_in_a_fixed_order() {
    let called = json!({"toolUseId": "tooluse_a", "name": "look_up", "input": {"z": [1, null], "a": "x", "m": {}}});
    let encrypted = json!({"reasoningContent": {"redactedContent": "AAECAw=="}});
    let (reply, _) = reply_of(vec![answer(&json!([encrypted, {"toolUse": called}]), "tool_use")]).await;
    let calls = vec![call("tooluse_a", "look_up", r#"{"a":"x","m":{},"z":[1,null]}"#)];
    let expected = SaidChoice { calls, ..SaidChoice::default() };
    assert_eq!(reply.unwrap(), Reply::of(expected, End::new(FinishReason::ToolCalls, Some(USAGE))));
}

#[tokio::test]
async fn calls_beyond_the_most_are_one_too_many_and_are_not_remembered() {
    let messages: Vec<Vec<u8>> = (0..1000).map(|index| starts(index, "a", "f")).chain([stop("tool_use")]).collect();
    let pieces = pieces_of(&messages).await;
    let places: Vec<u32> = pieces
        .iter()
        .filter_map(|piece| match piece {
            Piece::Part { part: Part::ToolCall(delta), .. } => Some(delta.index),
            _ => None,
        })
        .collect();
    assert_eq!(places[..=128], (0..=128).collect::<Vec<u32>>());
    assert_eq!(places.iter().max(), Some(&129), "no more are remembered");
}

/// A block of an answer: reasoning, a text, or a call.
#[derive(Clone, Debug)]
enum StreamedBlock {
    Reasoning(String),
    Text(String),
    Call(String, Value),
}

fn any_block() -> impl Strategy<Value = StreamedBlock> {
    let value = prop_oneof![Just(json!(null)), any::<i64>().prop_map(Value::from), "\\PC{0,8}".prop_map(Value::from)];
    let members = prop::collection::btree_map("[a-z]{1,3}", value, 0..4);
    prop_oneof![
        "\\PC{1,12}".prop_map(StreamedBlock::Reasoning),
        "\\PC{1,12}".prop_map(StreamedBlock::Text),
        ("[a-z_]{1,9}", members).prop_map(|(name, members)| StreamedBlock::Call(
            name,
            members.into_iter().collect::<serde_json::Map<_, _>>().into()
        )),
    ]
}

/// `text` in two parts, of which one may be empty.
fn halves(text: &str, place: usize) -> [&str; 2] {
    let (one, other) = text.split_at(text.floor_char_boundary(place % (text.len() + 1)));
    [one, other]
}

fn whole(index: usize, block: &StreamedBlock) -> Value {
    match block {
        StreamedBlock::Reasoning(text) => {
            json!({"reasoningContent": {"reasoningText": {"text": text, "signature": "c2ln"}}})
        }
        StreamedBlock::Text(text) => json!({"text": text}),
        StreamedBlock::Call(name, input) => {
            json!({"toolUse": {"toolUseId": format!("id_{index}"), "name": name, "input": input}})
        }
    }
}

fn in_parts(index: usize, block: &StreamedBlock, place: usize) -> Vec<Vec<u8>> {
    let mut messages = match block {
        StreamedBlock::Reasoning(text) => {
            halves(text, place).map(|part| delta(index, &json!({"reasoningContent": {"text": part}}))).to_vec()
        }
        StreamedBlock::Text(text) => halves(text, place).map(|part| delta(index, &json!({"text": part}))).to_vec(),
        StreamedBlock::Call(name, input) => {
            let text = if input == &json!({}) { String::new() } else { input.to_string() };
            let parts = halves(&text, place).map(|part| arguments(index, part));
            [vec![starts(index, &format!("id_{index}"), name)], parts.to_vec()].concat()
        }
    };
    messages.push(stops(index));
    messages
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn the_pieces_of_a_stream_put_together_are_the_whole_answer(
        blocks in prop::collection::vec(any_block(), 0..5),
        place in any::<usize>(),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let content: Value = blocks.iter().enumerate().map(|(index, block)| whole(index, block)).collect();
        let parts = blocks.iter().enumerate().flat_map(|(index, block)| in_parts(index, block, place));
        let messages: Vec<Vec<u8>> = parts.chain([stop("end_turn"), metadata()]).collect();
        let (reply, _) = runtime.block_on(reply_of(vec![answer(&content, "end_turn")]));
        let (said, end, hidden) = put_together(runtime.block_on(pieces_of(&messages)));
        // The members that were made here have the order of their names.
        prop_assert_eq!(reply.unwrap(), Reply::of(said, end));
        prop_assert_eq!(hidden, 0);
    }
}
