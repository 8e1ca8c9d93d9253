//! Answers on the wire. They are read leniently, because some servers speak the protocol only nearly: unknown members are
//! ignored, and optional ones may be missing.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use crate::error::ModelError;
use crate::openai::calls::{CallReader, SentCalls};
use crate::openai::finish_reason::finish_reason;
use crate::openai::lenient::{LenientText, Weight};
use crate::openai::rejection::ErrorObject;
use crate::openai::usage::Counted;
use crate::prompt::Prompt;
use crate::raw_array::RawArray;
use crate::reply::{Logprobs, Part, Piece};
use domain::message::FinishReason;
use domain::pricing::Usage;

/// An answer, or a chunk of one in a stream: they differ in the name of what was said.
#[derive(Deserialize)]
pub(super) struct ServerAnswer {
    choices: Option<Vec<AnsweredChoice>>,
    #[serde(default)]
    usage: Counted,
    /// Some servers answer 200 and then say that they failed.
    error: Option<ErrorObject>,
}

/// A choice, or the news of one.
#[derive(Deserialize)]
struct AnsweredChoice {
    #[serde(default)]
    index: Value,
    #[serde(alias = "delta")]
    message: Option<Said>,
    finish_reason: Option<String>,
    logprobs: Option<Box<RawValue>>,
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
    annotations: Option<Box<RawValue>>,
}

/// The log probabilities of a choice. They are read if they have the protocol's form.
#[derive(Deserialize)]
struct SentLogprobs<'a> {
    #[serde(borrow)]
    content: Option<&'a RawValue>,
    #[serde(borrow)]
    refusal: Option<&'a RawValue>,
}

/// The news in a [`ServerAnswer`].
pub(super) struct News {
    /// Parts, none of them empty, and the bytes of what is hidden.
    pub(super) pieces: Vec<Piece>,
    pub(super) usage: Option<Usage>,
}

/// The choices of an answer so far, as far as it takes to read the next chunk.
#[derive(Debug)]
pub(super) struct AnswerReader {
    wanted: u8,
    reads_logprobs: bool,
    calls: BTreeMap<u8, CallReader>,
    ended: BTreeMap<u8, FinishReason>,
}

impl AnswerReader {
    /// A reader of an answer to `prompt`, of which nothing has come.
    pub(super) fn of(prompt: &Prompt) -> Self {
        Self {
            wanted: prompt.choices(),
            reads_logprobs: prompt.logprobs.is_some(),
            calls: BTreeMap::new(),
            ended: BTreeMap::new(),
        }
    }

    /// Whether all choices that were asked for have ended.
    pub(super) fn has_ended(&self) -> bool {
        self.ended.len() >= usize::from(self.wanted)
    }

    /// The reason for which the answer has ended: that of its first choice. One that broke off counts only if all did.
    pub(super) fn finish_reason(&self) -> Option<FinishReason> {
        let mut reasons = self.ended.values().copied();
        let first = reasons.next()?;
        let is_whole = |reason: &FinishReason| *reason != FinishReason::BrokenOff;
        Some(if is_whole(&first) { first } else { reasons.find(is_whole).unwrap_or(first) })
    }

    /// The place of a choice. Where one is asked for, the first is it, whatever number the server gives it.
    fn place(&self, position: usize, index: &Value) -> u8 {
        let position = position as u64;
        let place = if self.wanted == 1 { position } else { index.as_u64().unwrap_or(position) };
        u8::try_from(place).unwrap_or(u8::MAX)
    }

    fn pieces(&mut self, choice: u8, news: AnsweredChoice) -> Vec<Piece> {
        let AnsweredChoice { index: _, message, finish_reason: reason, logprobs } = news;
        let (parts, hidden_bytes) = message.unwrap_or_default().into_parts(self.calls.entry(choice).or_default());
        // Some servers send them unasked, and no repetition has them.
        let logprobs = logprobs.filter(|_| self.reads_logprobs);
        let logprobs = logprobs.as_deref().and_then(read_logprobs).map(Part::Logprobs);
        let reason = reason.as_deref().and_then(finish_reason);
        if let Some(reason) = reason.filter(|_| choice < self.wanted) {
            self.ended.insert(choice, reason);
        }
        let hidden = (hidden_bytes > 0).then_some(Piece::Hidden { bytes: hidden_bytes });
        let parts = parts.into_iter().chain(logprobs).map(|part| Piece::Part { choice, part });
        let finished = reason.map(|reason| Piece::Finished { choice, reason });
        hidden.into_iter().chain(parts).chain(finished).collect()
    }
}

impl ServerAnswer {
    /// The news, which `reader` reads after the answer's earlier chunks.
    pub(super) fn into_news(self, reader: &mut AnswerReader) -> Result<News, ModelError> {
        if let Some(error) = self.error {
            return Err(error.into());
        }
        let pieces = self.choices.unwrap_or_default().into_iter().enumerate().flat_map(|(position, choice)| {
            let place = reader.place(position, &choice.index);
            reader.pieces(place, choice)
        });
        Ok(News { pieces: pieces.collect(), usage: self.usage.usage() })
    }
}

impl Said {
    /// The parts, and the bytes of what is hidden.
    fn into_parts(self, calls: &mut CallReader) -> (Vec<Part>, usize) {
        let Self { content, refusal, reasoning_content, reasoning, tool_calls, function_call, annotations } = self;
        let reasonings = [reasoning_content, reasoning].map(|value| (LenientText::of(&value).0, Weight::of(&value).0));
        let weight = reasonings.iter().map(|(_, weight)| *weight).max().unwrap_or_default();
        let reasoning = reasonings.into_iter().map(|(text, _)| text).find(|text| !text.is_empty());
        // Reasoning in a form that is no text.
        let unread = if reasoning.is_none() { weight } else { 0 };
        let hidden_bytes = unread + tool_calls.hidden_bytes + function_call.0;
        let text = Some(content.0).filter(|text| !text.is_empty()).map(Part::Text);
        let refusal = Some(refusal.0).filter(|text| !text.is_empty()).map(Part::Refusal);
        let words = [reasoning.map(Part::Reasoning), text, refusal].into_iter().flatten();
        let calls = calls.news(tool_calls).into_iter().map(Part::ToolCall);
        let annotations = annotations.and_then(|annotations| RawArray::parse(annotations.get()));
        let annotations = annotations.filter(|annotations| !annotations.is_empty()).map(Part::Annotations);
        (words.chain(calls).chain(annotations).collect(), hidden_bytes)
    }
}

fn read_logprobs(sent: &RawValue) -> Option<Logprobs> {
    let SentLogprobs { content, refusal } = serde_json::from_str(sent.get()).ok()?;
    let [content, refusal] = [content, refusal].map(|array| RawArray::parse(array?.get()));
    (content.is_some() || refusal.is_some()).then_some(Logprobs { content, refusal })
}

#[cfg(test)]
mod tests {
    use std::iter;

    use domain::message::ToolCall;
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::openai::whole;
    use crate::reply::{End, Reply, SaidChoices};

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
        let (mut choices, mut reader) = (SaidChoices::default(), AnswerReader::of(&Prompt::default()));
        for delta in deltas {
            for piece in chunk(delta).into_news(&mut reader).unwrap().pieces {
                match piece {
                    Piece::Part { choice, part } => choices.add(choice, &part),
                    Piece::Finished { choice, reason } => choices.finish(choice, reason),
                    Piece::Hidden { .. } | Piece::End(_) => panic!("{piece:?}"),
                }
            }
        }
        Reply { choices: choices.into_vec(), end }
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
