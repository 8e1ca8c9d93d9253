//! Answers on the wire. They are read leniently, because some servers speak the protocol only nearly: unknown members are
//! ignored, and optional ones may be missing.

use serde::Deserialize;
use serde_json::Value;

use crate::error::ModelError;
use crate::openai::calls::{CallReader, SentCalls};
use crate::openai::finish_reason::finish_reason;
use crate::openai::lenient::{LenientText, Weight};
use crate::openai::rejection::ErrorObject;
use crate::openai::usage::Counted;
use crate::reply::Piece;
use domain::message::FinishReason;
use domain::pricing::Usage;

/// An answer, or a chunk of one in a stream: they differ in the name of what was said.
#[derive(Deserialize)]
pub(super) struct ServerAnswer {
    choices: Option<Vec<Choice>>,
    #[serde(default)]
    usage: Counted,
    /// Some servers answer 200 and then say that they failed.
    error: Option<ErrorObject>,
}

/// The one choice that is asked for.
#[derive(Default, Deserialize)]
struct Choice {
    #[serde(alias = "delta")]
    message: Option<Said>,
    finish_reason: Option<String>,
}

/// The model's words, or the news of them.
#[derive(Default, Deserialize)]
struct Said {
    #[serde(default)]
    content: LenientText,
    #[serde(default)]
    refusal: LenientText,
    /// Reasoning has two names, and some servers send it under both.
    #[serde(default)]
    reasoning_content: Value,
    #[serde(default)]
    reasoning: Value,
    #[serde(default)]
    tool_calls: SentCalls,
    /// No request of ours offers tools under this old name.
    #[serde(default)]
    function_call: Weight,
}

/// The news in a [`ServerAnswer`].
pub(super) struct News {
    /// Words, none of them empty.
    pub(super) pieces: Vec<Piece>,
    pub(super) finish_reason: Option<FinishReason>,
    pub(super) usage: Option<Usage>,
}

impl ServerAnswer {
    /// The news, in which `calls` are the calls of the answer's earlier chunks.
    pub(super) fn into_news(self, calls: &mut CallReader) -> Result<News, ModelError> {
        if let Some(error) = self.error {
            return Err(error.into());
        }
        let choice = self.choices.and_then(|choices| choices.into_iter().next()).unwrap_or_default();
        Ok(News {
            pieces: choice.message.map(|said| said.into_pieces(calls)).unwrap_or_default(),
            finish_reason: choice.finish_reason.as_deref().and_then(finish_reason),
            usage: self.usage.usage(),
        })
    }
}

impl Said {
    fn into_pieces(self, calls: &mut CallReader) -> Vec<Piece> {
        let Self { content, refusal, reasoning_content, reasoning, tool_calls, function_call } = self;
        let reasonings = [reasoning_content, reasoning].map(|value| (LenientText::of(&value).0, Weight::of(&value).0));
        let weight = reasonings.iter().map(|(_, weight)| *weight).max().unwrap_or_default();
        let reasoning = reasonings.into_iter().map(|(text, _)| text).find(|text| !text.is_empty());
        // Reasoning in a form that is no text.
        let unread = if reasoning.is_none() { weight } else { 0 };
        let bytes = unread + tool_calls.hidden_bytes + function_call.0;
        let hidden = (bytes > 0).then_some(Piece::Hidden { bytes });
        let text = Some(content.0).filter(|text| !text.is_empty()).map(Piece::Text);
        let refusal = Some(refusal.0).filter(|text| !text.is_empty()).map(Piece::Refusal);
        let calls = calls.news(tool_calls).into_iter().map(Piece::ToolCall);
        [hidden, reasoning.map(Piece::Reasoning), text, refusal].into_iter().flatten().chain(calls).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::iter;

    use domain::message::ToolCall;
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::openai::whole;
    use crate::reply::{End, GatheredCalls, Reply};

    fn any_calls() -> impl Strategy<Value = Vec<ToolCall>> {
        // A name that has its beginning twice could not be told from one that is repeated.
        let call = ("[a-m]{1,6}_[n-z]{0,6}", "\\PC{0,20}");
        prop::collection::vec(call, 0..5).prop_map(|calls| {
            let with_id = |(position, (name, arguments))| ToolCall { id: format!("id_{position}"), name, arguments };
            calls.into_iter().enumerate().map(with_id).collect()
        })
    }

    /// `text` cut at these places, in characters. Some parts may be empty.
    fn cut(text: &str, places: &[usize]) -> Vec<String> {
        let characters: Vec<char> = text.chars().collect();
        let mut places: Vec<usize> = places.iter().map(|place| place % (characters.len() + 1)).collect();
        places.sort_unstable();
        let ends = places.iter().copied().chain([characters.len()]);
        let begins = iter::once(0).chain(places.iter().copied());
        begins.zip(ends).map(|(begin, end)| characters[begin..end].iter().collect()).collect()
    }

    /// The deltas of a server that streams `calls`. One that `repeats` says in each part of which call it is.
    fn call_deltas(calls: &[ToolCall], places: &[usize], repeats: bool, cuts_names: bool) -> Vec<Value> {
        let deltas = calls.iter().enumerate().flat_map(|(index, call)| {
            let parts = cut(&call.arguments, places).into_iter().enumerate();
            let names = if cuts_names { cut(&call.name, &[1]) } else { vec![call.name.clone()] };
            parts.map(move |(position, arguments)| {
                let mut function = json!({"arguments": arguments});
                let mut part = json!({"index": index});
                if position == 0 || repeats {
                    part["id"] = json!(call.id);
                    function["name"] = json!(call.name);
                }
                if cuts_names && position < names.len() {
                    function["name"] = json!(names[position]);
                }
                part["function"] = function;
                json!({"tool_calls": [part]})
            })
        });
        deltas.collect()
    }

    fn chunk(delta: &Value) -> ServerAnswer {
        serde_json::from_value(json!({"choices": [{"index": 0, "delta": delta}]})).unwrap()
    }

    fn gathered(deltas: &[Value]) -> Reply {
        let end = End { finish_reason: FinishReason::ToolCalls, usage: None };
        let (mut reply, mut calls, mut reader) =
            (Reply::text("", end), GatheredCalls::default(), CallReader::default());
        for delta in deltas {
            for piece in chunk(delta).into_news(&mut reader).unwrap().pieces {
                match piece {
                    Piece::Text(text) => reply.text.push_str(&text),
                    Piece::Refusal(text) => reply.refusal.get_or_insert_default().push_str(&text),
                    Piece::Reasoning(text) => reply.reasoning.get_or_insert_default().push_str(&text),
                    Piece::ToolCall(delta) => calls.add(&delta),
                    Piece::Hidden { .. } | Piece::End(_) => panic!("{piece:?}"),
                }
            }
        }
        Reply { calls: calls.into_calls(), ..reply }
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn the_pieces_of_a_stream_put_together_are_the_whole_answer(
            words in ["\\PC{0,20}", "\\PC{0,20}", "\\PC{0,20}"],
            calls in any_calls(),
            places in prop::collection::vec(any::<usize>(), 1..4),
            style in 0..3,
        ) {
            let [text, refusal, reasoning] = &words;
            let words = [("reasoning_content", reasoning), ("content", text), ("refusal", refusal)];
            let word_deltas = words.into_iter().flat_map(|(member, words)| {
                cut(words, &places).into_iter().map(move |part| json!({member: part}))
            });
            let deltas: Vec<Value> =
                word_deltas.chain(call_deltas(&calls, &places, style == 1, style == 2)).collect();
            let tool_calls: Vec<Value> = calls
                .iter()
                .map(|call| json!({"id": call.id, "function": {"name": call.name, "arguments": call.arguments}}))
                .collect();
            let message = json!({
                "content": text, "refusal": refusal, "reasoning_content": reasoning, "tool_calls": tool_calls,
            });
            let answer = json!({"choices": [{"message": message, "finish_reason": "tool_calls"}]});
            let whole = whole::reply(serde_json::from_value(answer).unwrap()).unwrap();
            prop_assert!(gathered(&deltas) == whole, "{deltas:?}");
            let expected = |words: &String| Some(words.clone()).filter(|words| !words.is_empty());
            prop_assert_eq!((&whole.text, &whole.refusal), (text, &expected(refusal)));
            prop_assert_eq!((&whole.reasoning, &whole.calls), (&expected(reasoning), &calls));
        }
    }
}
