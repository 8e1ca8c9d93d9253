//! A conversation in the form that Converse takes: messages of two sides that alternate, beginning with the user's, in which
//! no text is blank.

use std::borrow::Cow;
use std::collections::HashMap;

use serde::Serialize;

use crate::bedrock::cache_points::CachePoint;
use crate::called_tool::{CallInput, fitting_name};
use crate::prompt::{ERROR_MARK, Image, ImageType, Role, Segment, Turn};
use domain::message::ToolCall;

/// The longest name of a tool.
const MAX_NAME: usize = 64;

/// The result of a tool that says nothing: Converse takes no blank text.
const EMPTY: &str = "(empty)";

/// How calls of tools and their results are told to the model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wording {
    /// As calls and results.
    Blocks,
    /// In words: Converse takes no calls and results in a request that names no tools.
    Texts,
}

/// All turns of one side in a row.
#[derive(Serialize)]
pub(super) struct ConverseMessage<'a> {
    role: Side,
    content: Vec<Block<'a>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Side {
    User,
    Assistant,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
enum Block<'a> {
    Text(Cow<'a, str>),
    Image(ImageBlock<'a>),
    ToolUse(CalledTool<'a>),
    ToolResult(ToolResult<'a>),
    CachePoint(CachePoint),
}

#[derive(Serialize)]
struct ImageBlock<'a> {
    format: &'static str,
    source: ImageBytes<'a>,
}

#[derive(Serialize)]
struct ImageBytes<'a> {
    /// Base64.
    bytes: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct CalledTool<'a> {
    tool_use_id: String,
    name: Cow<'a, str>,
    input: CallInput<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ToolResult<'a> {
    tool_use_id: String,
    content: Vec<ResultContent<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<&'static str>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
enum ResultContent<'a> {
    Text(&'a str),
    Image(ImageBlock<'a>),
}

impl<'a> ConverseMessage<'a> {
    /// The messages of `turns`. Blank turns are left out, and so are a reply and its calls at the beginning, with their
    /// results: what they answered is no longer in the context. There are none if no turn of the user's says or shows
    /// anything.
    pub(super) fn of(turns: &'a [Turn], wording: Wording) -> Vec<Self> {
        let said = turns.iter().filter(|turn| is_said(turn)).skip_while(|turn| turn.role != Role::User);
        let said: Vec<(Side, &Turn)> = said.map(|turn| (Side::of(turn.role), turn)).collect();
        let mut calls = CallsSoFar::new(wording);
        said.chunk_by(|one, next| one.0 == next.0)
            .map(|turns| {
                let role = turns[0].0;
                if role == Side::Assistant {
                    calls.forget_earlier();
                }
                Self { role, content: calls.content(turns.iter().map(|(_, turn)| *turn)) }
            })
            .collect()
    }

    /// Lets the model's cache keep the conversation up to the last of the user's `messages`.
    pub(super) fn keep_up_to_the_last_of_the_user(messages: &mut [Self]) {
        let last = messages.iter_mut().rev().find(|message| message.role == Side::User);
        if let Some(message) = last {
            message.content.push(Block::CachePoint(CachePoint::Default));
        }
    }
}

impl Side {
    /// The side of `role`. Results of tools come from the user's side.
    fn of(role: Role) -> Self {
        if role == Role::Assistant { Self::Assistant } else { Self::User }
    }
}

/// Whether `turn` is a part of a message.
fn is_said(turn: &Turn) -> bool {
    let has_words = || !turn.text.trim().is_empty();
    match turn.role {
        // The instructions are apart from the messages.
        Role::System => false,
        Role::User => !turn.images.is_empty() || has_words(),
        Role::Assistant => !turn.calls.is_empty() || has_words(),
        Role::Tool => true,
    }
}

/// The calls of a conversation up to a turn. They are numbered, and the numbers are their ids for Converse: callers' ids may
/// have other characters than it takes, and some programs use an id again. The numbers of earlier turns stay the same when
/// the conversation goes on, so that the model's cache finds them.
struct CallsSoFar<'a> {
    wording: Wording,
    count: usize,
    /// The calls of the model's last message, by callers' ids. Converse takes results of these alone.
    latest: HashMap<&'a str, NumberedCall<'a>>,
}

#[derive(Clone, Copy)]
struct NumberedCall<'a> {
    number: usize,
    name: &'a str,
}

impl<'a> CallsSoFar<'a> {
    fn new(wording: Wording) -> Self {
        Self { wording, count: 0, latest: HashMap::new() }
    }

    fn forget_earlier(&mut self) {
        self.latest.clear();
    }

    /// The content of a message of these turns, in their order but for results: Converse takes them before all else.
    fn content(&mut self, turns: impl Iterator<Item = &'a Turn>) -> Vec<Block<'a>> {
        let (mut results, mut others) = (Vec::new(), Vec::new());
        for turn in turns {
            // Converse knows no speakers of one side, and takes no reasoning without the signature that it came with.
            let Turn { role, text, calls, answers, .. } = turn;
            match role {
                Role::System => {}
                Role::User => others.extend(turn.segments().filter_map(Block::of_segment)),
                Role::Assistant => {
                    others.extend(Block::of_words(text));
                    others.extend(calls.iter().map(|call| self.call(call)));
                }
                Role::Tool => {
                    let answered = answers.as_deref().and_then(|id| self.latest.get(id).copied());
                    if let Some(call) = answered.filter(|_| self.wording == Wording::Blocks) {
                        results.push(Block::ToolResult(ToolResult::of(call, turn)));
                    } else {
                        others.push(Block::of_result_in_words(answered, turn));
                        others.extend(turn.images.iter().map(ImageBlock::of).map(Block::Image));
                    }
                }
            }
        }
        results.append(&mut others);
        results
    }

    fn call(&mut self, call: &'a ToolCall) -> Block<'a> {
        let ToolCall { id, name, arguments } = call;
        let numbered = NumberedCall { number: self.count, name };
        self.count += 1;
        self.latest.insert(id, numbered);
        match self.wording {
            Wording::Blocks => Block::ToolUse(CalledTool {
                tool_use_id: numbered.id(),
                name: fitting_name(name, MAX_NAME),
                input: CallInput::of(arguments),
            }),
            Wording::Texts => Block::Text(format!("[Called {} with {arguments}]", fitting_name(name, MAX_NAME)).into()),
        }
    }
}

impl NumberedCall<'_> {
    fn id(self) -> String {
        format!("call_{}", self.number)
    }
}

impl<'a> Block<'a> {
    fn of_words(words: &'a str) -> Option<Self> {
        (!words.trim().is_empty()).then_some(Self::Text(words.into()))
    }

    fn of_segment(segment: Segment<'a>) -> Option<Self> {
        match segment {
            Segment::Text(words) => Self::of_words(words),
            Segment::Image(image) => Some(Self::Image(ImageBlock::of(image))),
        }
    }

    /// The result of a call. Where there is no such call, Converse takes no result of one.
    fn of_result_in_words(call: Option<NumberedCall<'a>>, result: &Turn) -> Self {
        let name = call.map_or("a call".into(), |call| fitting_name(call.name, MAX_NAME));
        let mark = if result.is_error { ERROR_MARK } else { "" };
        Self::Text(format!("[Result of {name}: {mark}{}]", words_of_result(&result.text)).into())
    }
}

impl<'a> ImageBlock<'a> {
    /// Converse has no word for how closely the model looks.
    fn of(image: &'a Image) -> Self {
        let Image { at: _, media_type, data, detail: _ } = image;
        let format = match media_type {
            ImageType::Png => "png",
            ImageType::Jpeg => "jpeg",
            ImageType::Gif => "gif",
            ImageType::Webp => "webp",
        };
        Self { format, source: ImageBytes { bytes: data } }
    }
}

impl<'a> ToolResult<'a> {
    /// Converse takes no blank text, and no result without content.
    fn of(call: NumberedCall<'_>, result: &'a Turn) -> Self {
        let Turn { text, images, is_error, .. } = result;
        let has_words = images.is_empty() || !text.trim().is_empty();
        let words = has_words.then(|| ResultContent::Text(words_of_result(text)));
        let images = images.iter().map(ImageBlock::of).map(ResultContent::Image);
        let content = words.into_iter().chain(images).collect();
        Self { tool_use_id: call.id(), content, status: is_error.then_some("error") }
    }
}

fn words_of_result(result: &str) -> &str {
    if result.trim().is_empty() { EMPTY } else { result }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    fn sent(turns: &[Turn], wording: Wording) -> Value {
        serde_json::to_value(ConverseMessage::of(turns, wording)).unwrap()
    }

    fn call(id: &str, name: &str, arguments: &str) -> ToolCall {
        ToolCall { id: id.to_owned(), name: name.to_owned(), arguments: arguments.to_owned() }
    }

    fn calling(text: &str, calls: &[ToolCall]) -> Turn {
        Turn { calls: calls.to_vec(), ..Turn::text(Role::Assistant, text) }
    }

    fn result(id: &str, text: &str) -> Turn {
        Turn { answers: Some(id.to_owned()), ..Turn::text(Role::Tool, text) }
    }

    fn image(at: usize, media_type: ImageType, data: &str) -> Image {
        Image { at, media_type, data: data.to_owned(), detail: None }
    }

    /// A conversation in which a program uses an id again, and answers in another order than the model asked.
    fn loop_of_tools() -> [Turn; 9] {
        [
            Turn::text(Role::User, "How warm?"),
            calling(" ", &[call("a", "look_up", r#"{"z":1,"a":2}"#), call("b/1", "now", "")]),
            result("b/1", "noon"),
            result("a", " "),
            Turn::text(Role::User, "And then?"),
            calling("I look.", &[call("a", "look up!", "[1]")]),
            result("a", "7"),
            result("c", "8"),
            Turn::text(Role::Assistant, "Seven."),
        ]
    }

    #[test]
    fn calls_and_results_are_numbered_and_all_results_of_a_message_come_first() {
        let use_of =
            |id: &str, name: &str, input: Value| json!({"toolUse": {"toolUseId": id, "name": name, "input": input}});
        let result = |id: &str, text: &str| json!({"toolResult": {"toolUseId": id, "content": [{"text": text}]}});
        let first = [use_of("call_0", "look_up", json!({"z": 1, "a": 2})), use_of("call_1", "now", json!({}))];
        let second = use_of("call_2", "look_up_", json!({"arguments": "[1]"}));
        let expected = json!([
            {"role": "user", "content": [{"text": "How warm?"}]},
            {"role": "assistant", "content": first},
            {"role": "user", "content": [result("call_1", "noon"), result("call_0", "(empty)"), {"text": "And then?"}]},
            {"role": "assistant", "content": [{"text": "I look."}, second]},
            {"role": "user", "content": [result("call_2", "7"), {"text": "[Result of a call: 8]"}]},
            {"role": "assistant", "content": [{"text": "Seven."}]},
        ]);
        assert_eq!(sent(&loop_of_tools(), Wording::Blocks), expected);
    }

    #[test]
    fn without_tools_calls_and_results_are_told_in_words() {
        let texts = |texts: &[&str]| texts.iter().map(|text| json!({"text": text})).collect::<Value>();
        let expected = json!([
            {"role": "user", "content": texts(&["How warm?"])},
            {"role": "assistant", "content": texts(&[r#"[Called look_up with {"z":1,"a":2}]"#, "[Called now with ]"])},
            {"role": "user", "content": texts(&["[Result of now: noon]", "[Result of look_up: (empty)]", "And then?"])},
            {"role": "assistant", "content": texts(&["I look.", "[Called look_up_ with [1]]"])},
            {"role": "user", "content": texts(&["[Result of look_up_: 7]", "[Result of a call: 8]"])},
            {"role": "assistant", "content": texts(&["Seven."])},
        ]);
        assert_eq!(sent(&loop_of_tools(), Wording::Texts), expected);
    }

    #[test]
    fn images_stand_where_they_stood_among_the_words_and_are_something_by_themselves() {
        use ImageType::{Gif, Jpeg, Png, Webp};
        let among = [image(0, Png, "AAAA"), image(2, Jpeg, "BBBB"), image(2, Gif, "CCCC"), image(3, Webp, "DDDD")];
        let turns = [
            Turn { images: among.to_vec(), ..Turn::text(Role::User, "a b") },
            Turn { images: vec![image(0, Png, "AAAA")], ..Turn::text(Role::User, " ") },
        ];
        let shown = |format: &str, data: &str| json!({"image": {"format": format, "source": {"bytes": data}}});
        let content = [
            shown("png", "AAAA"),
            json!({"text": "a "}),
            shown("jpeg", "BBBB"),
            shown("gif", "CCCC"),
            json!({"text": "b"}),
            shown("webp", "DDDD"),
            shown("png", "AAAA"),
        ];
        assert_eq!(sent(&turns, Wording::Blocks), json!([{"role": "user", "content": content}]));
        assert_eq!(sent(&turns[1..], Wording::Blocks)[0]["content"], json!([shown("png", "AAAA")]));
    }

    #[test]
    fn a_reply_at_the_beginning_goes_with_its_calls_and_their_results() {
        let turns = [calling("Hm", &[call("a", "f", "{}")]), result("a", "7"), Turn::text(Role::User, "Hi")];
        let expected = json!([{"role": "user", "content": [{"text": "Hi"}]}]);
        assert_eq!(sent(&turns, Wording::Blocks), expected);
        assert_eq!(sent(&turns[..2], Wording::Blocks), json!([]));
    }

    fn any_turn() -> impl Strategy<Value = Turn> {
        let id = || prop::sample::select(vec!["", "a", "b", "\u{fc}/1"]);
        let calls = prop::collection::vec((id(), "[a-c ]{0,3}", r"\{\}|[a{} ]{0,3}"), 0..3);
        let role = prop_oneof![Just(Role::System), Just(Role::User), Just(Role::Assistant), Just(Role::Tool)];
        (role, "[ a-c]{0,4}", calls, id(), 0..3_usize).prop_map(|(role, text, calls, answered, images)| {
            let calls = calls.iter().map(|(id, name, arguments)| call(id, name, arguments)).collect();
            let images = vec![image(1, ImageType::Png, "AAAA"); images];
            match role {
                Role::Assistant => Turn { calls, ..Turn::text(role, text) },
                Role::Tool => result(answered, &text),
                Role::User => Turn { images, ..Turn::text(role, text) },
                Role::System => Turn::text(role, text),
            }
        })
    }

    fn blocks<'a>(messages: &'a Value, role: &'a str) -> impl Iterator<Item = &'a Value> {
        let of_role = messages.as_array().unwrap().iter().filter(move |message| message["role"] == role);
        of_role.flat_map(|message| message["content"].as_array().unwrap())
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        /// Converse's demands are met, and nothing that the user said or showed is lost.
        #[test]
        fn any_conversation_becomes_one_that_converse_takes(
            turns in prop::collection::vec(any_turn(), 0..12),
            wording in prop_oneof![Just(Wording::Blocks), Just(Wording::Texts)],
        ) {
            let messages = sent(&turns, wording);
            let mut known = Vec::new();
            for (position, message) in messages.as_array().unwrap().iter().enumerate() {
                let expected = if position % 2 == 0 { "user" } else { "assistant" };
                prop_assert_eq!(&message["role"], expected);
                let content = message["content"].as_array().unwrap();
                prop_assert!(!content.is_empty());
                let results = content.iter().take_while(|block| block.get("toolResult").is_some()).count();
                for (position, block) in content.iter().enumerate() {
                    prop_assert_eq!(block.get("toolResult").is_some(), position < results);
                    prop_assert!(block.get("text").is_none_or(|text| !text.as_str().unwrap().trim().is_empty()));
                    if let Some(call) = block.get("toolUse") {
                        prop_assert!(call["input"].is_object() && wording == Wording::Blocks);
                        prop_assert!(!known.contains(&call["toolUseId"]), "an id is used once");
                        known.push(call["toolUseId"].clone());
                    }
                    if let Some(result) = block.get("toolResult") {
                        prop_assert!(known.contains(&result["toolUseId"]) && wording == Wording::Blocks);
                        prop_assert!(!result["content"][0]["text"].as_str().unwrap().trim().is_empty());
                    }
                }
            }
            let of_users = || turns.iter().filter(|turn| turn.role == Role::User);
            let said: String = of_users().map(|turn| turn.text.as_str()).collect();
            let sent: String = blocks(&messages, "user")
                .filter_map(|block| block["text"].as_str().filter(|text| !text.starts_with("[Result")))
                .collect();
            prop_assert_eq!(sent.replace(' ', ""), said.replace(' ', ""));
            let shown = blocks(&messages, "user").filter(|block| block.get("image").is_some()).count();
            prop_assert_eq!(shown, of_users().map(|turn| turn.images.len()).sum::<usize>());
        }

        /// The model's cache finds what it has kept of a conversation that went on.
        #[test]
        fn a_conversation_that_goes_on_begins_as_it_did(turns in prop::collection::vec(any_turn(), 1..12)) {
            let (all, before) = (sent(&turns, Wording::Blocks), sent(&turns[..turns.len() - 1], Wording::Blocks));
            let (all, before) = (all.as_array().unwrap(), before.as_array().unwrap());
            // The last message may go on itself.
            let complete = before.len().saturating_sub(1);
            prop_assert_eq!(&all[..complete], &before[..complete]);
        }
    }
}
