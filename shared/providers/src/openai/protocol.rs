//! Answers on the wire. They are read leniently, because some servers speak the protocol only nearly: unknown members are
//! ignored, and optional ones may be missing.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use crate::error::ModelError;
use crate::openai::calls::{CallReader, ReceivedCalls};
use crate::openai::usage::Counted;
use crate::prompt::Prompt;
use crate::raw_array::RawArray;
use crate::reply::{Logprobs, Part, Piece};
use crate::wire::{ErrorObject, LenientText, Weight, finish_reason};
use domain::message::FinishReason;
use domain::pricing::Usage;

/// An answer, or a chunk of one in a stream.
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
    /// In a whole answer.
    message: Option<Said>,
    /// In a chunk of a stream.
    delta: Option<Said>,
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
    tool_calls: ReceivedCalls,
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
    /// Whether there is a choice in it, also one without words: then the model is at work.
    pub(super) has_choice: bool,
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

    /// The places of choices that come together. Where one is asked for, the first is it, whatever number the server gives it.
    /// Where a whole answer has a number twice, as some servers write it, its choices are in the order of their places.
    fn places(&self, choices: &[AnsweredChoice]) -> Vec<u8> {
        let positions = || (0..).take(choices.len());
        let number = |(position, choice): (u64, &AnsweredChoice)| choice.index.as_u64().unwrap_or(position);
        let numbers: Vec<u64> = positions().zip(choices).map(number).collect();
        let is_whole = choices.iter().all(|choice| choice.delta.is_none());
        let has_one_twice = numbers.iter().collect::<BTreeSet<_>>().len() < numbers.len();
        let is_in_order = self.wanted == 1 || (is_whole && has_one_twice);
        let places = if is_in_order { positions().collect() } else { numbers };
        places.into_iter().map(|place| u8::try_from(place).unwrap_or(u8::MAX)).collect()
    }

    fn pieces(&mut self, choice: u8, news: AnsweredChoice) -> Vec<Piece> {
        let AnsweredChoice { index: _, message, delta, finish_reason: reason, logprobs } = news;
        let said = delta.or(message).unwrap_or_default();
        let (parts, hidden_bytes) = said.into_parts(self.calls.entry(choice).or_default());
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
        let choices = self.choices.unwrap_or_default();
        let has_choice = !choices.is_empty();
        let places = reader.places(&choices);
        let pieces = places.into_iter().zip(choices).flat_map(|(place, choice)| reader.pieces(place, choice));
        Ok(News { pieces: pieces.collect(), usage: self.usage.usage(), has_choice })
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
    use std::num::NonZeroU8;

    use domain::message::ToolCall;
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::openai::whole;
    use crate::reply::{SaidChoice, SaidChoices};

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

    /// A choice as a server may write it.
    #[derive(Clone, Debug)]
    struct WrittenChoice {
        /// Reasoning, text, refusal.
        words: [String; 3],
        calls: Vec<ToolCall>,
        /// Of the text and of the refusal, if there are any.
        logprobs: [Option<Vec<String>>; 2],
        annotations: Vec<String>,
        is_cut: bool,
    }

    /// The numbers of choices in a whole answer, as servers write them.
    #[derive(Clone, Copy, Debug)]
    enum Numbered {
        EachByItself,
        AllZero,
        NotAtAll,
    }

    impl Numbered {
        fn number(self, place: usize) -> Value {
            match self {
                Self::EachByItself => json!(place),
                Self::AllZero => json!(0),
                Self::NotAtAll => Value::Null,
            }
        }
    }

    fn any_choice() -> impl Strategy<Value = WrittenChoice> {
        let words = ["\\PC{0,20}", "\\PC{0,20}", "\\PC{0,20}"];
        let logprobs = prop::option::of(prop::collection::vec("\\PC{0,6}", 1..4));
        let annotations = prop::collection::vec("\\PC{0,6}", 0..3);
        (words, any_calls(), [logprobs.clone(), logprobs], annotations, any::<bool>()).prop_map(
            |(words, calls, logprobs, annotations, is_cut)| WrittenChoice {
                words,
                calls,
                logprobs,
                annotations,
                is_cut,
            },
        )
    }

    fn logprob(token: &String) -> Value {
        json!({"token": token, "logprob": -0.5, "top_logprobs": []})
    }

    fn annotation(url: &String) -> Value {
        json!({"type": "url_citation", "url_citation": {"url": url}})
    }

    impl WrittenChoice {
        fn members_with_words(&self) -> [(&'static str, &String); 3] {
            let [reasoning, text, refusal] = &self.words;
            [("reasoning_content", reasoning), ("content", text), ("refusal", refusal)]
        }

        fn reason(&self) -> &'static str {
            if self.is_cut { "length" } else { "stop" }
        }

        fn logprobs(&self) -> Value {
            let [content, refusal] = self.logprobs.each_ref().map(|tokens| {
                let tokens = tokens.as_ref()?;
                Some(tokens.iter().map(logprob).collect::<Vec<_>>())
            });
            if content.is_none() && refusal.is_none() {
                json!(null)
            } else {
                json!({"content": content, "refusal": refusal})
            }
        }

        /// The choice in a whole answer.
        fn whole(&self, index: &Value) -> Value {
            let calls = self.calls.iter();
            let calls =
                calls.map(|call| json!({"id": call.id, "function": {"name": call.name, "arguments": call.arguments}}));
            let annotations = self.annotations.iter().map(annotation);
            let mut message =
                json!({"tool_calls": calls.collect::<Vec<_>>(), "annotations": annotations.collect::<Vec<_>>()});
            for (name, words) in self.members_with_words() {
                message[name] = json!(words);
            }
            json!({"index": index, "message": message, "logprobs": self.logprobs(), "finish_reason": self.reason()})
        }

        /// The same as a server streams it.
        fn streamed(&self, index: usize, places: &[usize], style: u8) -> Vec<Value> {
            let words = self.members_with_words().into_iter();
            let words =
                words.flat_map(|(name, words)| cut(words, places).into_iter().map(move |part| json!({name: part})));
            let calls = call_deltas(&self.calls, places, style == 1, style == 2);
            let annotations = self.annotations.iter().map(|url| json!({"annotations": [annotation(url)]}));
            let deltas = words.chain(calls).chain(annotations);
            let deltas = deltas.map(|delta| json!({"index": index, "delta": delta, "logprobs": null}));
            let kinds = ["content", "refusal"].into_iter().zip(&self.logprobs);
            let tokens = kinds.flat_map(|(kind, tokens)| tokens.iter().flatten().map(move |token| (kind, token)));
            let logprobs = tokens.map(|(kind, token)| {
                json!({"index": index, "delta": {}, "logprobs": {kind: [logprob(token)]}, "finish_reason": null})
            });
            let end = json!({"index": index, "delta": {}, "finish_reason": self.reason()});
            deltas.chain(logprobs).chain([end]).collect()
        }

        fn read(&self) -> SaidChoice {
            let [reasoning, text, refusal] = self.words.clone();
            let there = |words: String| Some(words).filter(|words| !words.is_empty());
            let [content, refused] = self.logprobs.each_ref().map(|tokens| {
                let tokens: Vec<Value> = tokens.as_ref()?.iter().map(logprob).collect();
                RawArray::parse(&json!(tokens).to_string())
            });
            let has_logprobs = content.is_some() || refused.is_some();
            let annotations: Vec<Value> = self.annotations.iter().map(annotation).collect();
            SaidChoice {
                text,
                refusal: there(refusal),
                reasoning: there(reasoning),
                calls: self.calls.clone(),
                logprobs: has_logprobs.then_some(Logprobs { content, refusal: refused }),
                annotations: RawArray::parse(&json!(annotations).to_string()).unwrap(),
                finish_reason: Some(if self.is_cut { FinishReason::Length } else { FinishReason::Stop }),
                ..SaidChoice::default()
            }
        }
    }

    /// The chunks of a stream whose choices are written side by side, each in chunks of its own or several in one.
    fn side_by_side(choices: &[Vec<Value>], in_one: bool) -> Vec<Value> {
        let longest = choices.iter().map(Vec::len).max().unwrap_or_default();
        let rounds = (0..longest).map(|round| choices.iter().filter_map(|chunks| chunks.get(round).cloned()).collect());
        let rounds =
            rounds.flat_map(
                |round: Vec<Value>| {
                    if in_one { vec![round] } else { round.into_iter().map(|choice| vec![choice]).collect() }
                },
            );
        rounds.map(|choices| json!({"choices": choices})).collect()
    }

    fn gathered(chunks: &[Value], prompt: &Prompt) -> Vec<SaidChoice> {
        let (mut choices, mut reader) = (SaidChoices::default(), AnswerReader::of(prompt));
        for chunk in chunks {
            let chunk: ServerAnswer = serde_json::from_value(chunk.clone()).unwrap();
            for piece in chunk.into_news(&mut reader).unwrap().pieces {
                match piece {
                    Piece::Part { choice, part } => choices.add(choice, &part),
                    Piece::Finished { choice, reason } => choices.finish(choice, reason),
                    Piece::Hidden { .. } | Piece::Counted(_) | Piece::End(_) => panic!("{piece:?}"),
                }
            }
        }
        assert!(reader.has_ended());
        choices.into_vec()
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn the_pieces_of_a_stream_put_together_are_the_whole_answer(
            choices in prop::collection::vec(any_choice(), 1..4),
            places in prop::collection::vec(any::<usize>(), 1..4),
            style in 0..3_u8,
            in_one: bool,
            numbered in prop::sample::select(vec![Numbered::EachByItself, Numbered::AllZero, Numbered::NotAtAll]),
        ) {
            let n = u8::try_from(choices.len()).ok().and_then(NonZeroU8::new);
            let prompt = Prompt { n, logprobs: Some(0), ..Prompt::default() };
            let whole: Vec<Value> =
                choices.iter().enumerate().map(|(index, choice)| choice.whole(&numbered.number(index))).collect();
            let whole = serde_json::from_value(json!({"choices": whole})).unwrap();
            let whole = whole::reply(whole, AnswerReader::of(&prompt)).unwrap();
            let read: Vec<SaidChoice> = choices.iter().map(WrittenChoice::read).collect();
            prop_assert!(whole.choices == read, "{choices:?}: {whole:?}");
            let streamed: Vec<Vec<Value>> =
                choices.iter().enumerate().map(|(index, choice)| choice.streamed(index, &places, style)).collect();
            let streamed = gathered(&side_by_side(&streamed, in_one), &prompt);
            prop_assert!(streamed == read, "{choices:?}: {streamed:?}");
        }
    }

    #[test]
    fn where_one_choice_is_asked_for_the_first_is_it_and_others_are_found_by_their_number_or_their_place() {
        let of = |n: u8, choices: Value| {
            let prompt = Prompt { n: NonZeroU8::new(n), ..Prompt::default() };
            let answer: ServerAnswer = serde_json::from_value(json!({"choices": choices})).unwrap();
            answer.into_news(&mut AnswerReader::of(&prompt)).unwrap().pieces
        };
        let says = |choice: u8, text: &str| Piece::Part { choice, part: Part::Text(text.to_owned()) };
        let choice = |index: Value, text: &str| json!({"index": index, "delta": {"content": text}});
        assert_eq!(of(1, json!([choice(json!(7), "a"), choice(json!(0), "b")])), [says(0, "a"), says(1, "b")]);
        assert_eq!(of(3, json!([choice(json!(2), "a"), choice(json!(null), "b")])), [says(2, "a"), says(1, "b")]);
        assert_eq!(of(3, json!([choice(json!(9), "a"), choice(json!(900), "b")])), [says(9, "a"), says(255, "b")]);
        let twice = [choice(json!(0), "a"), choice(json!(0), "b")];
        assert_eq!(of(3, json!(twice)), [says(0, "a"), says(0, "b")], "two parts of one choice");
    }

    #[test]
    fn choices_of_a_whole_answer_are_in_the_order_of_their_places_where_one_number_is_there_twice() {
        let of = |numbers: [Value; 3]| -> Vec<u8> {
            let choices = numbers.map(|number| json!({"index": number, "message": {"content": "a"}}));
            let answer: ServerAnswer = serde_json::from_value(json!({"choices": choices})).unwrap();
            let prompt = Prompt { n: NonZeroU8::new(3), ..Prompt::default() };
            let pieces = answer.into_news(&mut AnswerReader::of(&prompt)).unwrap().pieces;
            pieces
                .iter()
                .map(|piece| match piece {
                    Piece::Part { choice, .. } => *choice,
                    other => panic!("{other:?}"),
                })
                .collect()
        };
        assert_eq!(of([json!(0), json!(0), json!(0)]), [0, 1, 2]);
        assert_eq!(of([json!(null), json!("1"), json!(-1)]), [0, 1, 2]);
        assert_eq!(of([json!(1), json!(null), json!(0)]), [0, 1, 2]);
        assert_eq!(of([json!(2), json!(0), json!(1)]), [2, 0, 1], "each has a number of its own");
    }

    #[test]
    fn log_probabilities_are_read_where_they_were_asked_for_and_have_a_form() {
        let pieces = |logprobs: Option<u8>, sent: Value| {
            let prompt = Prompt { logprobs, ..Prompt::default() };
            let answer = json!({"choices": [{"delta": {}, "logprobs": sent}]});
            let answer: ServerAnswer = serde_json::from_value(answer).unwrap();
            answer.into_news(&mut AnswerReader::of(&prompt)).unwrap().pieces
        };
        let sent = || json!({"content": [{"token": "Hi"}], "refusal": null});
        let content = RawArray::parse(r#"[{"token":"Hi"}]"#);
        let expected = Piece::from(Part::Logprobs(Logprobs { content, refusal: None }));
        assert_eq!(pieces(Some(5), sent()), [expected]);
        assert_eq!(pieces(None, sent()), [], "no repetition has them");
        for odd in [json!(null), json!([]), json!(7), json!({}), json!({"content": {}}), json!({"tokens": ["Hi"]})] {
            assert_eq!(pieces(Some(0), odd.clone()), [], "{odd}");
        }
    }
}
