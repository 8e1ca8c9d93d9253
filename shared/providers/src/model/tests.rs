//! Limits on replies, and the usage of each.

use std::num::NonZeroU8;
use std::time::Duration;

use futures_util::future::BoxFuture;
use proptest::prelude::*;

use super::*;
use crate::dummy::{Dummy, DummyFailure};
use crate::error::Refusal;
use crate::prompt::{Image, ImageType, Role, Tool, Tools, Turn};
use crate::raw_array::RawArray;
use crate::reply::{Logprobs, MAX_OPAQUE_BYTES, MAX_REPLY_BYTES, Reply, SaidChoice, SaidChoices, ToolCallDelta};
use domain::message::ToolCall;
use domain::reasoning_proof::{Proof, ProofKind};

const LIMIT: Duration = Duration::from_secs(5);

/// The pieces of a reply that are handed out, except for its end.
#[derive(Debug, Default)]
struct Handed {
    texts: Vec<String>,
    refusals: Vec<String>,
    reasoning: String,
    deltas: Vec<ToolCallDelta>,
    estimate: Usage,
}

impl Handed {
    fn calls(&self) -> Vec<ToolCall> {
        let mut choice = SaidChoice::default();
        for delta in &self.deltas {
            choice.add(&Part::ToolCall(delta.clone()));
        }
        choice.calls
    }
}

fn policy(streams: bool) -> StreamPolicy {
    if streams { StreamPolicy::Always } else { StreamPolicy::Never }
}

async fn handed(model: &Model) -> (Handed, Result<(FinishReason, Usage), ModelError>) {
    handed_of(model, &hello()).await
}

async fn handed_of(model: &Model, prompt: &Prompt) -> (Handed, Result<(FinishReason, Usage), ModelError>) {
    let mut handed = Handed::default();
    let mut pieces = match model.stream(prompt, 10, LIMIT).await {
        Ok(pieces) => pieces,
        Err(error) => return (handed, Err(error)),
    };
    let end = loop {
        match pieces.next().await {
            Ok(ShownPiece::Part { part, .. }) => match part {
                Part::Text(text) => handed.texts.push(text),
                Part::Refusal(text) => handed.refusals.push(text),
                Part::Reasoning(text) => handed.reasoning.push_str(&text),
                Part::ToolCall(delta) => handed.deltas.push(delta),
                _ => {}
            },
            Ok(ShownPiece::End { finish_reasons, usage }) => break Ok((finish_reasons[0], usage)),
            Err(error) => break Err(error),
        }
    };
    handed.estimate = pieces.estimated_usage();
    (handed, end)
}

fn hello() -> Prompt {
    Prompt { turns: vec![Turn::text(Role::User, "Hello")], ..Prompt::default() }
}

fn counted(input_tokens: u64, output_tokens: u64) -> Usage {
    Usage::counted(input_tokens, output_tokens)
}

fn estimated(output_tokens: u64) -> Usage {
    Usage::estimated(hello().estimated_input_tokens(0), output_tokens)
}

/// A step of a model that does as it is told.
#[derive(Clone, Debug)]
enum Step {
    Gives(Piece),
    /// Says that the provider is busy.
    Refuses,
    Stalls,
}

/// A model that takes these steps, streamed or whole.
#[derive(Debug)]
struct Recited(Vec<Step>);

impl Recited {
    fn model(pieces: impl IntoIterator<Item = Piece>, last: Option<Step>) -> Model {
        Model::new(Self(pieces.into_iter().map(Step::Gives).chain(last).collect()))
    }

    fn steps(&self) -> ReplyStream {
        let steps = stream::iter(self.0.clone());
        let taken = steps.then(|step| async move {
            match step {
                Step::Gives(piece) => Ok(piece),
                Step::Refuses => Err(busy()),
                Step::Stalls => std::future::pending().await,
            }
        });
        taken.boxed()
    }
}

fn busy() -> ModelError {
    ModelError::Throttled { retry_after: None, cause: Cause::because("busy") }
}

impl ChatModel for Recited {
    fn unsupported(&self, _prompt: &Prompt) -> Option<&'static str> {
        None
    }

    fn reply<'a>(&'a self, _prompt: &'a Prompt, _limit: u32) -> BoxFuture<'a, Result<Reply, ModelError>> {
        async {
            let mut steps = self.steps();
            let mut choices = SaidChoices::default();
            loop {
                match steps.next().await.unwrap()? {
                    Piece::Part { choice, part } => choices.add(choice, &part),
                    Piece::Finished { choice, reason } => choices.finish(choice, reason),
                    Piece::Hidden { .. } | Piece::Counted(_) => {}
                    Piece::End(end) => return Ok(Reply { choices: choices.into_vec(), end }),
                }
            }
        }
        .boxed()
    }

    fn stream<'a>(&'a self, _prompt: &'a Prompt, _limit: u32) -> BoxFuture<'a, Result<ReplyStream, ModelError>> {
        async { Ok(self.steps()) }.boxed()
    }
}

fn says(text: impl Into<String>) -> Piece {
    Piece::text(text)
}

fn ends(finish_reason: FinishReason, usage: Option<Usage>) -> Piece {
    Piece::End(End { finish_reason, usage })
}

#[tokio::test]
async fn the_dummy_answers_as_the_django_app_did_and_counts_a_token_for_four_bytes() {
    for (streams, expected) in [(true, &["Dummy", " Response"][..]), (false, &["Dummy Response"])] {
        let (handed, end) = handed(&Model::new(Dummy::default()).streaming(policy(streams))).await;
        assert_eq!(handed.texts, expected);
        let usage = Usage::estimated(2, 4);
        assert_eq!(end.unwrap(), (FinishReason::Stop, usage));
    }
}

#[tokio::test]
async fn a_model_that_is_asked_for_whole_replies_gives_text_refusal_and_end_in_a_piece_each() {
    let pieces = [says("Hel"), says("lo"), Piece::refusal("No"), Piece::refusal(".")];
    let end = ends(FinishReason::ContentFilter, Some(counted(9, 2)));
    for streams in [true, false] {
        let model = Recited::model(pieces.iter().cloned().chain([end.clone()]), None).streaming(policy(streams));
        let (handed, last) = handed(&model).await;
        assert_eq!((handed.texts.concat().as_str(), handed.refusals.concat().as_str()), ("Hello", "No."));
        assert_eq!((handed.texts.len(), handed.refusals.len()), if streams { (2, 2) } else { (1, 1) });
        assert_eq!(last.unwrap(), (FinishReason::ContentFilter, counted(9, 2)));
    }
}

#[tokio::test]
async fn a_reply_of_the_most_bytes_is_whole() {
    let pieces = [says("x".repeat(MAX_REPLY_BYTES - 1)), says("y"), ends(FinishReason::Stop, Some(counted(1, 2)))];
    let (handed, end) = handed(&Recited::model(pieces, None)).await;
    assert_eq!(handed.texts.concat().len(), MAX_REPLY_BYTES);
    assert_eq!(end.unwrap(), (FinishReason::Stop, counted(1, 2)));
}

/// Each letter has two bytes, and the limit is in the middle of one.
#[tokio::test]
async fn a_longer_reply_is_cut_before_a_character_that_no_longer_fits() {
    for streams in [true, false] {
        for texts in [
            vec![format!("x{}", "\u{fc}".repeat(MAX_REPLY_BYTES))],
            vec!["x".to_owned(), "\u{fc}".repeat(MAX_REPLY_BYTES / 2 - 1), "\u{fc}".to_owned(), "z".to_owned()],
        ] {
            let expected = format!("x{}", "\u{fc}".repeat(MAX_REPLY_BYTES / 2 - 1));
            let pieces = texts.into_iter().map(says).chain([ends(FinishReason::Stop, Some(counted(1, 2)))]);
            let (handed, end) = handed(&Recited::model(pieces, None).streaming(policy(streams))).await;
            assert!(handed.texts.concat() == expected, "{} bytes", handed.texts.concat().len());
            assert!(handed.texts.iter().all(|text| !text.is_empty()));
            let (finish_reason, usage) = end.unwrap();
            assert_eq!((finish_reason, usage.estimated), (FinishReason::Length, streams), "{usage:?}");
        }
    }
}

#[tokio::test]
async fn text_and_refusal_share_the_limit() {
    let pieces = [says("x".repeat(MAX_REPLY_BYTES)), Piece::refusal("No")];
    let (handed, end) = handed(&Recited::model(pieces, None)).await;
    assert!(handed.refusals.is_empty());
    assert_eq!(end.unwrap().0, FinishReason::Length);
}

/// A part of the call `index`, which begins with an id and a name.
fn calls(index: u32, arguments: &str) -> Piece {
    let (id, name) = (Some(format!("call_{index}")), Some("f".to_owned()));
    Piece::tool_call(ToolCallDelta { index, id, name, arguments: arguments.to_owned() })
}

fn goes_on(index: u32, arguments: &str) -> Piece {
    Piece::tool_call(ToolCallDelta { index, arguments: arguments.to_owned(), ..ToolCallDelta::default() })
}

fn call(index: u32, arguments: &str) -> ToolCall {
    ToolCall { id: format!("call_{index}"), name: "f".to_owned(), arguments: arguments.to_owned() }
}

#[tokio::test]
async fn calls_and_reasoning_are_handed_out_streamed_and_whole() {
    let thinks = |text: &str| Piece::reasoning(text);
    let pieces = [thinks("H"), thinks("m"), says("Hi"), calls(0, "{"), goes_on(0, ""), calls(1, "[]"), goes_on(0, "}")];
    for streams in [true, false] {
        let pieces = pieces.iter().cloned().chain([ends(FinishReason::ToolCalls, None)]);
        let (handed, end) = handed(&Recited::model(pieces, None).streaming(policy(streams))).await;
        assert_eq!((handed.reasoning.as_str(), handed.texts.concat().as_str()), ("Hm", "Hi"));
        assert_eq!(handed.calls(), [call(0, "{}"), call(1, "[]")]);
        assert_eq!(handed.deltas.len(), if streams { 3 } else { 2 }, "an empty part is none");
        let bytes: u64 = 2 + 2 + 2 * 7 + 4;
        assert_eq!(
            end.unwrap(),
            (FinishReason::ToolCalls, estimated(bytes.div_ceil(4).max(if streams { 6 } else { 4 })))
        );
    }
}

#[tokio::test]
async fn calls_and_reasoning_share_the_limit_and_a_cut_call_ends_with_length() {
    let long = "x".repeat(MAX_REPLY_BYTES - 10);
    for (pieces, reasoning_bytes, expected) in [
        // 7 bytes of id and name, and 3 of arguments.
        (vec![Piece::reasoning(&long), calls(0, "{\"a\"")], long.len(), vec![call(0, "{\"a")]),
        (vec![Piece::reasoning(&long), calls(0, "{}"), calls(1, "{}")], long.len(), vec![call(0, "{}")]),
        (vec![Piece::reasoning(long.repeat(2)), calls(0, "{}")], MAX_REPLY_BYTES, vec![]),
        (vec![calls(0, &long), goes_on(0, "1234")], 0, vec![call(0, &(long.clone() + "123"))]),
    ] {
        for streams in [true, false] {
            let pieces = pieces.iter().cloned().chain([ends(FinishReason::ToolCalls, None)]);
            let (handed, end) = handed(&Recited::model(pieces, None).streaming(policy(streams))).await;
            assert!(handed.calls() == expected, "{:?}", handed.calls());
            assert_eq!(handed.reasoning.len(), reasoning_bytes);
            assert_eq!(end.unwrap().0, FinishReason::Length);
        }
    }
}

#[tokio::test]
async fn a_reply_with_a_call_too_many_ends_before_it() {
    for (number, expected) in [(128, FinishReason::ToolCalls), (129, FinishReason::Length), (500, FinishReason::Length)]
    {
        let pieces = (0..number).map(|index| calls(index, "{}")).chain([ends(FinishReason::ToolCalls, None)]);
        let (handed, end) = handed(&Recited::model(pieces, None)).await;
        assert_eq!((handed.calls().len(), end.unwrap().0), (128, expected), "{number}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_call_that_is_cut_by_the_deadline_ends_with_length() {
    let (handed, end) = handed(&Recited::model([calls(0, "{\"a\"")], Some(Step::Stalls))).await;
    assert_eq!((handed.calls(), end.unwrap().0), (vec![call(0, "{\"a\"")], FinishReason::Length));
}

#[tokio::test]
async fn a_model_that_streams_only_texts_is_asked_for_calls_of_tools_whole() {
    let tool = Tool { name: "f".to_owned(), description: None, parameters: None, strict: None, is_cached: false };
    let with_tools = Prompt { tools: Tools { offered: vec![tool], ..Tools::default() }, ..hello() };
    for (policy, prompt, parts) in [
        (StreamPolicy::Always, &with_tools, 2),
        (StreamPolicy::TextOnly, &with_tools, 1),
        (StreamPolicy::TextOnly, &hello(), 2),
        (StreamPolicy::Never, &hello(), 1),
    ] {
        let pieces = [calls(0, "{"), goes_on(0, "}"), ends(FinishReason::ToolCalls, None)];
        let (handed, _) = handed_of(&Recited::model(pieces, None).streaming(policy), prompt).await;
        assert_eq!((handed.deltas.len(), handed.calls()), (parts, vec![call(0, "{}")]), "{policy:?}");
    }
}

#[tokio::test]
async fn a_reply_that_ends_without_a_word_is_a_reply() {
    for streams in [true, false] {
        for reason in [FinishReason::Stop, FinishReason::Length, FinishReason::ContentFilter, FinishReason::ToolCalls] {
            for usage in [Some(counted(9, 100)), Some(counted(9, 0)), None] {
                let pieces = [says(""), ends(reason, usage)];
                let (handed, end) = handed(&Recited::model(pieces, None).streaming(policy(streams))).await;
                assert!(handed.texts.is_empty() && handed.refusals.is_empty());
                assert_eq!(end.unwrap(), (reason, usage.unwrap_or(estimated(0))));
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_model_that_fails_panics_breaks_off_or_is_silent_for_too_long_has_failed() {
    for (delay, failure, delivered) in [
        (Duration::ZERO, Some(DummyFailure::Error), 0),
        (Duration::ZERO, Some(DummyFailure::Panic), 0),
        (Duration::ZERO, Some(DummyFailure::Cut), 1),
        (Duration::from_secs(6), None, 0),
    ] {
        for streams in [true, false] {
            let (handed, end) = handed(&Model::new(Dummy { delay, failure }).streaming(policy(streams))).await;
            assert!(matches!(end, Err(ModelError::Failed(_))), "{failure:?}");
            assert_eq!(handed.texts.len(), if streams { delivered } else { 0 }, "{failure:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_reply_whose_time_is_up_after_its_first_words_ends_there_and_one_without_words_has_failed() {
    let hidden = || Piece::Hidden { bytes: 100 };
    for (pieces, expected) in [
        (vec![says("Hello")], Some(2)),
        (vec![hidden(), says("Hello")], Some(27)),
        (vec![Piece::refusal("No")], Some(1)),
        (vec![], None),
        (vec![says("")], None),
        (vec![hidden()], Some(25)),
    ] {
        let began = Instant::now();
        let (_, end) = handed(&Recited::model(pieces.clone(), Some(Step::Stalls))).await;
        assert_eq!(began.elapsed(), LIMIT, "{pieces:?}");
        match (end, expected) {
            (Ok(end), Some(tokens)) => assert_eq!(end, (FinishReason::Length, estimated(tokens)), "{pieces:?}"),
            (Err(ModelError::Failed(_)), None) => {}
            (end, _) => panic!("{pieces:?}: {end:?}"),
        }
    }
    let whole = Recited::model([says("Hello")], Some(Step::Stalls)).streaming(StreamPolicy::Never);
    assert!(handed(&whole).await.1.unwrap_err().may_have_worked(), "nothing of a whole reply is there");
}

#[tokio::test(start_paused = true)]
async fn a_model_ends_in_its_own_time_where_the_caller_would_wait_for_longer() {
    let seconds = Duration::from_secs;
    for (timeout, ends_after) in [(Some(seconds(2)), seconds(2)), (Some(seconds(60)), LIMIT), (None, LIMIT)] {
        let model = Recited::model([says("Hello")], Some(Step::Stalls)).ending_within(timeout);
        let began = Instant::now();
        let (_, end) = handed(&model).await;
        assert_eq!(began.elapsed(), ends_after, "{timeout:?}");
        assert_eq!(end.unwrap().0, FinishReason::Length, "{timeout:?}");
    }
}

#[tokio::test]
async fn a_provider_that_has_begun_to_write_has_accepted_the_request() {
    for (pieces, may_have_worked) in [
        (vec![], false),
        (vec![says("")], false),
        (vec![says("Hi")], true),
        (vec![Piece::refusal("No")], true),
        (vec![Piece::Hidden { bytes: 1 }], true),
    ] {
        let (_, end) = handed(&Recited::model(pieces.clone(), Some(Step::Refuses))).await;
        assert_eq!(end.unwrap_err().may_have_worked(), may_have_worked, "{pieces:?}");
    }
}

#[test]
fn only_after_a_failure_the_provider_may_have_worked() {
    let cause = || Cause::because("a reason");
    let retry_after = None;
    for (error, expected) in [
        (ModelError::Failed(cause()), true),
        (ModelError::Refused { refusal: Refusal::Unsaid, cause: cause() }, false),
        (ModelError::Throttled { retry_after, cause: cause() }, false),
        (ModelError::Misconfigured(cause()), false),
        (ModelError::Unavailable { retry_after, cause: cause() }, false),
    ] {
        assert_eq!(error.may_have_worked(), expected, "{error:?}");
        assert_eq!(error.into_cause().as_str(), "a reason");
    }
}

#[tokio::test]
async fn a_reply_that_its_provider_says_is_broken_off_has_failed_after_what_was_written() {
    for streams in [true, false] {
        let pieces = [says("Hi"), ends(FinishReason::BrokenOff, None)];
        let (handed, end) = handed(&Recited::model(pieces, None).streaming(policy(streams))).await;
        assert_eq!((handed.texts, handed.estimate), (vec!["Hi".to_owned()], estimated(1)));
        assert!(matches!(end, Err(ModelError::Failed(_))));
    }
}

/// The choices of a reply that comes in pieces, and how they and it ended.
async fn choices_of(model: &Model, n: u8) -> (Vec<SaidChoice>, Vec<FinishReason>, Usage) {
    let prompt = Prompt { n: NonZeroU8::new(n), ..hello() };
    let mut pieces = model.stream(&prompt, 10, LIMIT).await.unwrap();
    let mut choices = SaidChoices::default();
    loop {
        match pieces.next().await.unwrap() {
            ShownPiece::Part { choice, part } => choices.add(choice, &part),
            ShownPiece::End { finish_reasons, usage } => return (choices.into_vec(), finish_reasons, usage),
        }
    }
}

fn of(choice: u8, text: &str) -> Piece {
    Piece::Part { choice, part: Part::Text(text.to_owned()) }
}

fn finished(choice: u8, reason: FinishReason) -> Piece {
    Piece::Finished { choice, reason }
}

#[tokio::test]
async fn each_choice_has_its_words_and_its_reason_and_choices_that_nobody_wants_are_counted_and_hidden() {
    let pieces = [
        of(1, "b"),
        of(0, "a"),
        of(1, "b"),
        of(7, "1234567"),
        finished(7, FinishReason::Stop),
        finished(1, FinishReason::ToolCalls),
        finished(0, FinishReason::Stop),
        ends(FinishReason::Stop, None),
    ];
    for streams in [true, false] {
        let model = Recited::model(pieces.clone(), None).streaming(policy(streams));
        let (choices, reasons, usage) = choices_of(&model, 3).await;
        let texts: Vec<&str> = choices.iter().map(|choice| choice.text.as_str()).collect();
        assert_eq!(texts, ["a", "bb"]);
        assert_eq!(reasons, [FinishReason::Stop, FinishReason::ToolCalls]);
        let events = if streams { 4 } else { 3 };
        assert_eq!(usage, estimated(10_u64.div_ceil(4).max(events)));
    }
}

#[tokio::test]
async fn choices_share_the_limit_of_a_reply_and_those_that_are_cut_end_with_length() {
    let pieces = [
        of(1, &"x".repeat(MAX_REPLY_BYTES - 1)),
        finished(1, FinishReason::Stop),
        of(0, "yz"),
        finished(0, FinishReason::Stop),
        ends(FinishReason::Stop, None),
    ];
    let (choices, reasons, _) = choices_of(&Recited::model(pieces, None), 2).await;
    assert_eq!((choices[0].text.as_str(), choices[1].text.len()), ("y", MAX_REPLY_BYTES - 1));
    assert_eq!(reasons, [FinishReason::Length, FinishReason::Stop]);
}

/// A provider bills words that are not handed out too, and a whole answer has its count of them.
#[tokio::test]
async fn a_whole_answer_that_is_too_long_is_counted_to_its_end() {
    let pieces = [
        of(0, &"x".repeat(MAX_REPLY_BYTES + 1)),
        finished(0, FinishReason::Stop),
        of(1, "y"),
        finished(1, FinishReason::Stop),
        ends(FinishReason::Stop, Some(counted(9, 400_000))),
    ];
    let (choices, reasons, usage) = choices_of(&Recited::model(pieces, None).streaming(StreamPolicy::Never), 2).await;
    assert_eq!((choices.len(), choices[0].text.len()), (1, MAX_REPLY_BYTES));
    assert_eq!((reasons, usage), (vec![FinishReason::Length; 2], counted(9, 400_000)));
}

#[tokio::test]
async fn a_choice_that_ended_before_the_model_broke_off_is_a_reply() {
    for (pieces, expected) in [
        (vec![finished(0, FinishReason::ContentFilter)], vec![FinishReason::ContentFilter]),
        (vec![of(1, "b"), finished(0, FinishReason::Stop)], vec![FinishReason::Stop, FinishReason::BrokenOff]),
    ] {
        let (_, reasons, _) = choices_of(&Recited::model(pieces, Some(Step::Refuses)), 2).await;
        assert_eq!(reasons, expected);
    }
}

#[tokio::test(start_paused = true)]
async fn a_choice_that_ended_before_the_deadline_keeps_its_reason() {
    let pieces = [of(0, "a"), of(1, "b"), finished(1, FinishReason::ContentFilter)];
    let (_, reasons, _) = choices_of(&Recited::model(pieces, Some(Step::Stalls)), 2).await;
    assert_eq!(reasons, [FinishReason::Length, FinishReason::ContentFilter]);
    // Its provider bills it, also without a word.
    let (_, reasons, usage) =
        choices_of(&Recited::model([finished(0, FinishReason::Stop)], Some(Step::Stalls)), 1).await;
    assert_eq!((reasons, usage), (vec![FinishReason::Stop], estimated(0)));
}

/// They are no words: nobody is billed for them.
#[tokio::test]
async fn log_probabilities_and_annotations_that_are_too_long_are_left_out_with_all_that_follow_of_their_kind() {
    let array = |bytes: usize| RawArray::parse(&format!("[\"{}\"]", "x".repeat(bytes - 2))).unwrap();
    let logprobs = |bytes: usize| Part::Logprobs(Logprobs { content: Some(array(bytes)), refusal: None });
    let beside = |part: Part| Piece::Part { choice: 0, part };
    let pieces = [
        says("Hi"),
        beside(logprobs(1000)),
        beside(Part::Annotations(array(MAX_OPAQUE_BYTES - 1100))),
        beside(logprobs(101)),
        beside(Part::Annotations(array(99))),
        beside(logprobs(3)),
        ends(FinishReason::Stop, None),
    ];
    for (streams, of_logprobs, of_annotations) in [(true, 1000, MAX_OPAQUE_BYTES - 1000), (false, 1106, 0)] {
        let model = Recited::model(pieces.clone(), None).streaming(policy(streams));
        let (choices, _, usage) = choices_of(&model, 1).await;
        let SaidChoice { text, logprobs, annotations, .. } = &choices[0];
        assert_eq!((text.as_str(), usage), ("Hi", estimated(1)));
        assert_eq!(logprobs.as_ref().map(Logprobs::bytes), Some(of_logprobs), "{streams}");
        assert_eq!(annotations.bytes(), of_annotations, "{streams}");
    }
}

#[tokio::test]
async fn a_reply_ends_before_a_proof_that_does_not_fit() {
    let proof = |bytes: usize| {
        let data = "x".repeat(bytes);
        Piece::from(Part::Proof(Proof { kind: ProofKind::Signature, provider: None, id: None, data }))
    };
    let pieces = [proof(MAX_OPAQUE_BYTES), says("Hi"), proof(1), says("!"), ends(FinishReason::Stop, None)];
    for streams in [true, false] {
        let model = Recited::model(pieces.clone(), None).streaming(policy(streams));
        let (choices, reasons, _) = choices_of(&model, 1).await;
        assert_eq!((choices[0].text.as_str(), choices[0].proofs.len()), ("Hi", 1), "{streams}");
        assert_eq!(reasons, [FinishReason::Length]);
    }
}

#[tokio::test]
async fn vectors_that_are_too_long_are_a_failure() {
    for (bytes, is_taken) in [(MAX_EMBEDDINGS_BYTES, true), (MAX_EMBEDDINGS_BYTES + 1, false)] {
        let array = RawArray::parse(&format!("[\"{}\"]", "x".repeat(bytes - 2))).unwrap();
        let pieces = [Part::Embeddings(array).into(), ends(FinishReason::Stop, None)];
        let mut pieces = Recited::model(pieces, None).stream(&hello(), 10, LIMIT).await.unwrap();
        assert_eq!(pieces.next().await.is_ok(), is_taken);
    }
}

/// The table of docs/decisions/finished-replies.md, from the provider's count on.
#[tokio::test]
async fn a_count_that_cannot_be_true_is_replaced_by_the_estimate_number_by_number() {
    let texts = || vec![says("Hello "), says("A"), says("d"), says("a"), says("!")];
    let with_hidden = || [texts(), vec![Piece::Hidden { bytes: 400 }, Piece::Hidden { bytes: 1 }]].concat();
    let input = hello().estimated_input_tokens(0);
    for (pieces, usage, expected) in [
        (texts(), Some(counted(9, 2)), counted(9, 2)),
        (texts(), None, estimated(5)),
        (texts(), Some(counted(0, 0)), estimated(5)),
        (texts(), Some(counted(9, 0)), Usage::estimated(9, 5)),
        (texts(), Some(counted(0, 2)), Usage::estimated(input, 2)),
        (with_hidden(), None, estimated((10 + 401_u64).div_ceil(4))),
        (vec![], Some(counted(9, 0)), counted(9, 0)),
        (vec![], Some(counted(0, 0)), estimated(0)),
        (vec![], None, estimated(0)),
    ] {
        let (_, end) = handed(&Recited::model([pieces, vec![ends(FinishReason::Stop, usage)]].concat(), None)).await;
        assert_eq!(end.unwrap().1, expected, "{usage:?}");
    }
}

#[tokio::test]
async fn an_estimate_counts_the_images_of_the_prompt_as_the_catalogue_says() {
    let image = Image { at: 0, media_type: ImageType::Png, data: "iVBORw0KGgo=".to_owned(), detail: None };
    let turn = Turn { images: vec![image.clone(), image], ..Turn::text(Role::User, "Hello") };
    let prompt = Prompt { turns: vec![turn], ..Prompt::default() };
    let model = Recited::model([says("Hi")], None).counting_images(700);
    let mut pieces = model.stream(&prompt, 10, LIMIT).await.unwrap();
    assert_eq!(pieces.next().await.unwrap(), ShownPiece::Part { choice: 0, part: Part::Text("Hi".to_owned()) });
    let input_tokens = hello().estimated_input_tokens(0) + 2 * 700;
    assert_eq!(pieces.estimated_usage(), Usage::estimated(input_tokens, 1));
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever a provider counts, nobody reads or writes for nothing.
    #[test]
    fn a_reply_takes_a_token_of_input_and_of_output_where_words_were_written(
        texts in prop::collection::vec(".{0,20}", 0..6),
        usage in prop::option::of((any::<u64>(), any::<u64>())),
        zeros in (any::<bool>(), any::<bool>()),
    ) {
        let zero = |is_zero, tokens| if is_zero { 0 } else { tokens };
        let usage = usage.map(|(input, output)| counted(zero(zeros.0, input), zero(zeros.1, output)));
        let events = texts.iter().filter(|text| !text.is_empty()).count() as u64;
        let pieces: Vec<Piece> = texts.into_iter().map(says).chain([ends(FinishReason::Stop, usage)]).collect();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let (_, end) = runtime.block_on(handed(&Recited::model(pieces, None)));
        let shown = end.unwrap().1;
        prop_assert!(shown.input_tokens > 0);
        prop_assert_eq!(shown.output_tokens == 0, events == 0 && usage.is_none_or(|usage| usage.output_tokens == 0));
        prop_assert!(!shown.estimated || shown.output_tokens >= events || usage.is_some_and(|usage| usage.output_tokens > 0));
    }
}
