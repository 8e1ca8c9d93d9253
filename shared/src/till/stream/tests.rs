//! The charge for streamed replies.

use std::num::NonZeroU8;
use std::time::Duration;

use domain::cause::Cause;
use domain::credits::Credits;
use domain::ids::ConversationId;
use domain::message::Message;
use domain::pricing::{Prices, Usage};
use futures_util::future::BoxFuture;
use futures_util::{FutureExt, StreamExt, stream};
use ledger::account::{Account, Payer};
use ledger::entry::Entry;
use ledger::exchange::StoredReply;
use proptest::prelude::*;
use providers::chat_model::ChatModel;
use providers::error::ModelError;
use providers::offers::{Candidates, Offer};
use providers::prompt::{Prompt, Role, Turn};
use providers::reply::{End, MAX_REPLY_BYTES, Piece, Reply, ReplyStream, ToolCallDelta};
use testkit::recorder::Fault;

use super::*;
use crate::testing::{TestTable, offer, open_account, stored_message, till};
use crate::till::hold::HeldOrReplay;
use crate::till::question::{CallerLimits, Question};
use crate::till::tests::Stalls;

const BALANCE: u64 = 1000;
const MESSAGE_COST: u64 = 7;
/// A request's time, and the margin after it: then its hold has expired.
const TIMEOUT: Duration = Duration::from_secs(28);
const EXPIRY: Duration = Duration::from_secs(28 + 30);

/// A model that takes these steps.
#[derive(Clone, Debug)]
struct ScriptedStream(Vec<StreamStep>, Stalls);

#[derive(Clone, Debug)]
enum StreamStep {
    Says(String),
    /// In the choice at this place.
    SaysIn(u8, String),
    Refuses(String),
    Thinks,
    Reasons(String),
    Calls(ToolCallDelta),
    Ends(Option<Usage>),
    EndsWith(FinishReason),
    Fails,
    Panics,
    /// Says nothing more, for ever.
    Stalls,
    /// Says nothing for so long. tokio's clock runs ahead meanwhile.
    Waits(Duration),
}

impl ChatModel for ScriptedStream {
    fn unsupported(&self, _prompt: &Prompt) -> Option<&'static str> {
        None
    }

    fn reply<'a>(&'a self, _prompt: &'a Prompt, _limit: u32) -> BoxFuture<'a, Result<Reply, ModelError>> {
        async { panic!("these are streamed") }.boxed()
    }

    fn stream<'a>(&'a self, _prompt: &'a Prompt, _limit: u32) -> BoxFuture<'a, Result<ReplyStream, ModelError>> {
        let Self(steps, stalls) = self.clone();
        let pieces = stream::iter(steps).zip(stream::repeat(stalls)).then(|(step, stalls)| async move {
            match step {
                StreamStep::Says(text) => Ok(Piece::text(text)),
                StreamStep::SaysIn(choice, text) => Ok(Piece::Part { choice, part: Part::Text(text) }),
                StreamStep::Refuses(text) => Ok(Piece::refusal(text)),
                StreamStep::Thinks => Ok(Piece::Hidden { bytes: 40 }),
                StreamStep::Reasons(text) => Ok(Piece::reasoning(text)),
                StreamStep::Calls(delta) => Ok(Piece::tool_call(delta)),
                StreamStep::Ends(usage) => Ok(Piece::End(End { finish_reason: FinishReason::Stop, usage })),
                StreamStep::EndsWith(finish_reason) => Ok(Piece::End(End { finish_reason, usage: None })),
                StreamStep::Fails => Err(ModelError::Failed(Cause::because("it was told to fail"))),
                StreamStep::Panics => panic!("it was told to panic"),
                StreamStep::Stalls => stalls.for_ever().await,
                StreamStep::Waits(time) => {
                    tokio::time::pause();
                    tokio::time::sleep(time).await;
                    tokio::time::resume();
                    Ok(Piece::Hidden { bytes: 0 })
                }
            }
        });
        async { Ok(pieces.boxed()) }.boxed()
    }
}

fn says(text: &str) -> StreamStep {
    StreamStep::Says(text.to_owned())
}

fn by_message() -> Prices {
    Prices::per_request(credits(MESSAGE_COST))
}

/// A credit for each token read or written.
fn by_usage() -> Prices {
    Prices::per_token(credits(1_000_000), credits(1_000_000))
}

fn credits(amount: u64) -> Credits {
    Credits::new(amount).unwrap()
}

struct StreamScene {
    test: TestTable,
    till: Arc<Till>,
    model: Arc<Offer>,
    stalls: Stalls,
    ada: Payer,
}

/// The texts and the end of a stream.
type HeardStream = (Vec<String>, Result<PaidReply, ApiError>);

impl StreamScene {
    async fn start(steps: &[StreamStep], prices: Prices) -> Self {
        let test = TestTable::start().await;
        let stalls = Stalls::default();
        let till = Arc::new(till(&test, 1));
        let model = offer("scripted", ScriptedStream(steps.to_vec(), stalls.clone()), prices);
        let ada = open_account(&test, "ada", BALANCE).await;
        Self { test, till, model, stalls, ada }
    }

    async fn stream_for(&self, timeout: Duration) -> Result<TillStream, ApiError> {
        self.till.stream(self.hold_for(timeout).await?).await
    }

    async fn hold_for(&self, timeout: Duration) -> Result<HeldQuestion, ApiError> {
        self.hold_of(prompt(), timeout).await
    }

    async fn hold_of(&self, prompt: Prompt, timeout: Duration) -> Result<HeldQuestion, ApiError> {
        let first = Arc::clone(&self.model);
        let question = Question {
            candidates: Candidates { first, fallbacks: Vec::new(), catalogue: None },
            prompt,
            message: Message::try_from("12345678".to_owned()).unwrap(),
            limits: CallerLimits::default(),
            conversation: Some(ConversationId::FIRST),
            deadline: self.test.clock.now().plus(timeout),
        };
        match self.till.admit_and_hold(self.ada, None, |_| Ok::<_, ApiError>(question)).await? {
            HeldOrReplay::Question(question) => Ok(question),
            HeldOrReplay::Replay(replay) => panic!("was answered before: {replay:?}"),
        }
    }

    /// The same reply, whole.
    async fn whole(&self) -> Result<PaidReply, ApiError> {
        self.till.reply(self.hold_for(TIMEOUT).await?).await
    }

    async fn hear(&self) -> HeardStream {
        match self.stream_for(TIMEOUT).await {
            Ok(stream) => to_its_end(stream).await,
            Err(error) => (Vec::new(), Err(error)),
        }
    }

    /// The spendable and the held credits.
    async fn spendable_and_held(&self) -> (u64, u64) {
        let account: Account = self.test.table.get(Account::key(self.ada.user_id())).await.unwrap().unwrap();
        let (spendable, held) = account.spendable_and_held(self.test.clock.now());
        (spendable.into(), held.into())
    }

    /// The stored response to the message of this id.
    async fn stored_response(&self, id: EntryId) -> String {
        stored_message(&self.test.table, self.ada, id).await.response
    }

    async fn entry(&self, id: EntryId) -> Option<Entry> {
        self.test.table.get(ledger::entry::key(self.ada.user_id(), id)).await.unwrap()
    }
}

fn prompt() -> Prompt {
    let turns = vec![Turn::text(Role::User, "12345678")];
    Prompt { turns, ..Prompt::default() }
}

/// Our estimate of the question: two tokens, and what a chat template puts around them.
const INPUT: u64 = 2 + 5 + 3 + 21;

/// Reads the beginning of `stream`.
async fn begins(stream: &mut TillStream) {
    let beginning = stream.next().await;
    assert!(
        matches!(&beginning, Some(Ok(ReplyPiece::Begins { model_id, .. })) if model_id == "scripted"),
        "{beginning:?}"
    );
}

async fn to_its_end(mut stream: TillStream) -> HeardStream {
    let mut texts = Vec::new();
    loop {
        match stream.next().await.expect("a stream has an end") {
            Ok(ReplyPiece::Part { part: Part::Text(text), .. }) => texts.push(text),
            Ok(ReplyPiece::Begins { .. } | ReplyPiece::Part { .. }) => {}
            end => {
                assert!(stream.next().await.is_none(), "nothing comes after the end");
                return (texts, end.map(|end| if let ReplyPiece::Paid(reply) = end { *reply } else { unreachable!() }));
            }
        }
    }
}

#[tokio::test]
async fn a_reply_that_ends_is_charged_and_stored_before_its_end_is_heard() {
    let counted = Usage::counted(20, 3);
    for (prices, usage, cost) in [
        (by_message(), Some(counted), MESSAGE_COST),
        (by_usage(), Some(counted), 23),
        // Three tokens are guessed of the reply.
        (by_usage(), None, INPUT + 3),
    ] {
        let scene = StreamScene::start(&[says("Hello "), says("Ada!"), StreamStep::Ends(usage)], prices).await;
        let (texts, end) = scene.hear().await;
        let reply = end.unwrap();
        assert_eq!(texts, ["Hello ", "Ada!"]);
        assert_eq!((u64::from(reply.charge.cost), u64::from(reply.charge.balance)), (cost, BALANCE - cost));
        assert_eq!(scene.spendable_and_held().await, (BALANCE - cost, 0));
        let entry = scene.entry(reply.id).await.unwrap();
        assert_eq!(scene.stored_response(reply.id).await, "Hello Ada!");
        assert_eq!(entry.finish_reason, Some(FinishReason::Stop));
    }
}

#[tokio::test]
async fn while_a_reply_is_being_written_its_price_is_held() {
    let scene = StreamScene::start(&[says("Hello "), says("Ada!"), StreamStep::Ends(None)], by_message()).await;
    let mut stream = scene.stream_for(TIMEOUT).await.unwrap();
    begins(&mut stream).await;
    for _ in 0..2 {
        assert!(matches!(stream.next().await, Some(Ok(ReplyPiece::Part { part: Part::Text(_), .. }))));
        assert_eq!(scene.spendable_and_held().await, (BALANCE - MESSAGE_COST, MESSAGE_COST));
        assert!(scene.entry(stream.id()).await.is_none());
    }
    assert!(matches!(stream.next().await, Some(Ok(ReplyPiece::Paid(_)))));
    assert_eq!(scene.spendable_and_held().await, (BALANCE - MESSAGE_COST, 0));
}

#[tokio::test]
async fn a_model_that_breaks_off_is_paid_for_what_it_delivered() {
    for last in [Some(StreamStep::Fails), Some(StreamStep::Panics), None] {
        for (prices, cost) in [(by_message(), MESSAGE_COST), (by_usage(), INPUT + 3)] {
            let steps: Vec<StreamStep> = [says("Hello "), says("Ada!")].into_iter().chain(last.clone()).collect();
            let scene = StreamScene::start(&steps, prices).await;
            let (texts, end) = scene.hear().await;
            assert_eq!(texts, ["Hello ", "Ada!"]);
            let Err(ApiError::ModelBrokeOff { message_id, .. }) = end else { panic!("{last:?}: {end:?}") };
            assert_eq!(scene.spendable_and_held().await, (BALANCE - cost, 0), "{last:?}");
            let entry = scene.entry(message_id).await.unwrap();
            assert_eq!(scene.stored_response(message_id).await, "Hello Ada!");
            assert_eq!(entry.finish_reason, Some(FinishReason::BrokenOff));
        }
    }
}

#[tokio::test]
async fn a_reply_whose_time_is_up_ends_there_and_costs_what_there_is_of_it() {
    for (prices, cost) in [(by_message(), MESSAGE_COST), (by_usage(), INPUT + 2)] {
        let scene = StreamScene::start(&[says("Hello"), StreamStep::Stalls], prices).await;
        let (texts, end) = scene.hear().await;
        let reply = end.unwrap().reply;
        assert_eq!((texts, reply.text.as_str()), (vec!["Hello".to_owned()], "Hello"));
        assert_eq!(reply.finish_reason, FinishReason::Length);
        assert_eq!(scene.spendable_and_held().await, (BALANCE - cost, 0));
        // Text and capture need 11.5 s at the worst, and a reader who does not read 5 s before them.
        assert_eq!(scene.stalls.seconds(), [28 - 16]);
        let paid = scene.whole().await.unwrap();
        assert_eq!((paid.reply.text.as_str(), paid.reply.finish_reason), ("Hello", FinishReason::Length));
        assert_eq!(scene.spendable_and_held().await, (BALANCE - 2 * cost, 0));
        assert_eq!(scene.stalls.seconds(), [28 - 16, 28 - 11]);
    }
}

#[tokio::test]
async fn a_whole_reply_that_breaks_off_is_what_was_written_until_then() {
    for last in [Some(StreamStep::Fails), Some(StreamStep::Panics), None] {
        let steps: Vec<StreamStep> = [says("Hello "), says("Ada!")].into_iter().chain(last).collect();
        let scene = StreamScene::start(&steps, by_usage()).await;
        let PaidReply { reply, charge, .. } = scene.whole().await.unwrap();
        assert_eq!((reply.text.as_str(), reply.finish_reason), ("Hello Ada!", FinishReason::BrokenOff));
        assert_eq!(u64::from(charge.cost), INPUT + 3);
        assert_eq!(scene.spendable_and_held().await, (BALANCE - INPUT - 3, 0));
    }
}

/// A reply that ended was billed by its provider, and is charged.
#[tokio::test]
async fn the_parts_of_calls_are_put_together_by_their_places() {
    let part = |index: u32, id: Option<&str>, name: Option<&str>, arguments: &str| {
        let (id, name) = (id.map(str::to_owned), name.map(str::to_owned));
        StreamStep::Calls(ToolCallDelta { index, id, name, arguments: arguments.to_owned() })
    };
    let steps = [
        StreamStep::Reasons("Two ".to_owned()),
        StreamStep::Reasons("calls.".to_owned()),
        part(0, Some("c0"), Some("now"), "{"),
        part(1, Some("c1"), Some("ad"), ""),
        part(1, None, Some("d"), "{\"a\":"),
        part(0, None, None, "}"),
        part(1, None, None, "1}"),
        StreamStep::EndsWith(FinishReason::ToolCalls),
    ];
    let scene = StreamScene::start(&steps, by_usage()).await;
    let (_, streamed) = scene.hear().await;
    for paid in [streamed.unwrap(), scene.whole().await.unwrap()] {
        let StoredReply { text, reasoning, calls, finish_reason, .. } = paid.reply;
        assert_eq!(
            (text.as_str(), reasoning.as_deref(), finish_reason),
            ("", Some("Two calls."), FinishReason::ToolCalls)
        );
        let calls: Vec<[&str; 3]> = calls.iter().map(|call| [&*call.id, &call.name, &call.arguments]).collect();
        assert_eq!(calls, [["c0", "now", "{}"], ["c1", "add", "{\"a\":1}"]]);
    }
}

/// Whole, reasoning that broke off was free before it was shown, and is.
#[tokio::test]
async fn reasoning_that_broke_off_is_charged_where_it_was_heard() {
    let steps = [StreamStep::Reasons("Hm.".to_owned()), StreamStep::Fails];
    let scene = StreamScene::start(&steps, by_message()).await;
    assert!(matches!(scene.whole().await, Err(ApiError::ModelFailed(_))));
    assert_eq!(scene.spendable_and_held().await, (BALANCE, 0));
    assert!(matches!(scene.hear().await.1, Err(ApiError::ModelBrokeOff { .. })));
    assert_eq!(scene.spendable_and_held().await, (BALANCE - MESSAGE_COST, 0));
}

#[tokio::test]
async fn a_reply_without_a_text_is_charged_and_handed_out_whole_and_streamed() {
    let refuses = || vec![StreamStep::Refuses("I can".to_owned()), StreamStep::Refuses("not.".to_owned())];
    for (steps, refusal, tokens) in [
        (vec![], None, 0),
        (vec![says("")], None, 0),
        (refuses(), Some("I cannot."), 3),
        (vec![StreamStep::Thinks, StreamStep::Thinks], None, 20),
    ] {
        for reason in [FinishReason::Stop, FinishReason::Length, FinishReason::ContentFilter, FinishReason::ToolCalls] {
            let steps = [&steps[..], &[StreamStep::EndsWith(reason)]].concat();
            let scene = StreamScene::start(&steps, by_usage()).await;
            let mut stream = scene.stream_for(TIMEOUT).await.unwrap();
            let mut heard = String::new();
            let streamed = loop {
                match stream.next().await.unwrap().unwrap() {
                    ReplyPiece::Part { part: Part::Refusal(text), .. } => heard.push_str(&text),
                    ReplyPiece::Paid(paid) => break *paid,
                    ReplyPiece::Begins { .. } => {}
                    other @ ReplyPiece::Part { .. } => panic!("{other:?}"),
                }
            };
            assert_eq!(heard, refusal.unwrap_or_default());
            for PaidReply { reply, charge, .. } in [streamed, scene.whole().await.unwrap()] {
                assert_eq!((reply.text.as_str(), reply.refusal.as_deref()), ("", refusal), "{steps:?}");
                assert_eq!(reply.finish_reason, reason);
                assert_eq!(reply.shown(), refusal.unwrap_or_default());
                assert_eq!(u64::from(charge.cost), INPUT + tokens, "{steps:?}");
            }
            assert_eq!(scene.spendable_and_held().await, (BALANCE - 2 * (INPUT + tokens), 0));
        }
    }
}

#[tokio::test]
async fn a_model_that_has_only_thought_by_its_deadline_is_paid_for_that() {
    let scene = StreamScene::start(&[StreamStep::Thinks, StreamStep::Stalls], by_message()).await;
    let paid = scene.whole().await.unwrap();
    assert_eq!((paid.reply.text.as_str(), paid.reply.finish_reason), ("", FinishReason::Length));
    assert!(paid.reply.usage.output_tokens > 0);
    assert_eq!(scene.spendable_and_held().await, (BALANCE - MESSAGE_COST, 0));
}

#[tokio::test]
async fn a_model_that_delivers_nothing_is_not_paid() {
    for steps in [
        vec![StreamStep::Fails],
        vec![StreamStep::Panics],
        vec![StreamStep::Stalls],
        vec![],
        vec![says(""), StreamStep::Fails],
        vec![says(""), StreamStep::Stalls],
        vec![StreamStep::Thinks, StreamStep::Fails],
        vec![StreamStep::EndsWith(FinishReason::BrokenOff)],
    ] {
        for prices in [by_message(), by_usage()] {
            let scene = StreamScene::start(&steps, prices).await;
            let error = scene.hear().await.1.err();
            assert!(matches!(error, Some(ApiError::ModelFailed(_))), "{steps:?}: {error:?}");
            let error = scene.whole().await.err();
            assert!(matches!(error, Some(ApiError::ModelFailed(_))), "{steps:?}: {error:?}");
            assert_eq!(scene.spendable_and_held().await, (BALANCE, 0), "{steps:?}");
        }
    }
}

/// A minute leaves the model some 44 s.
const MINUTE: Duration = Duration::from_secs(60);

#[tokio::test]
async fn after_15_silent_seconds_a_stream_is_handed_out_and_its_reply_is_charged_when_there_is_one() {
    for (prices, cost) in [(by_message(), MESSAGE_COST), (by_usage(), INPUT + 2)] {
        let silence = StreamStep::Waits(Duration::from_secs(40));
        let scene = StreamScene::start(&[silence, says("Hello"), StreamStep::Ends(None)], prices).await;
        let began = tokio::time::Instant::now();
        let mut stream = scene.stream_for(MINUTE).await.unwrap();
        assert_eq!(began.elapsed().as_secs(), 15);
        begins(&mut stream).await;
        assert_eq!(began.elapsed().as_secs(), 40);
        assert!(scene.spendable_and_held().await.1 > 0 && scene.entry(stream.id()).await.is_none());
        let (texts, end) = to_its_end(stream).await;
        assert_eq!((texts, u64::from(end.unwrap().charge.cost)), (vec!["Hello".to_owned()], cost));
        assert_eq!(scene.spendable_and_held().await, (BALANCE - cost, 0));
    }
}

#[tokio::test]
async fn a_model_that_fails_after_15_silent_seconds_is_not_paid_and_the_hold_is_released() {
    for last in [StreamStep::Fails, StreamStep::Panics, StreamStep::Stalls] {
        let silence = StreamStep::Waits(Duration::from_secs(20));
        let scene = StreamScene::start(&[silence, last], by_usage()).await;
        let mut stream = scene.stream_for(MINUTE).await.unwrap();
        assert!(scene.spendable_and_held().await.1 > 0);
        let id = stream.id();
        let end = stream.next().await;
        assert!(matches!(end, Some(Err(ApiError::ModelFailed(_)))), "{end:?}");
        assert!(stream.next().await.is_none());
        assert_eq!(scene.spendable_and_held().await, (BALANCE, 0));
        assert!(scene.entry(id).await.is_none());
    }
}

#[tokio::test]
async fn a_process_that_ends_before_the_capture_charges_nothing() {
    for prices in [by_message(), by_usage()] {
        let scene = StreamScene::start(&[says("Hello"), StreamStep::Stalls], prices).await;
        let mut stream = scene.stream_for(TIMEOUT).await.unwrap();
        begins(&mut stream).await;
        assert!(matches!(stream.next().await, Some(Ok(ReplyPiece::Part { part: Part::Text(_), .. }))));
        let id = stream.id();
        drop(stream);
        assert!(scene.spendable_and_held().await.1 > 0);
        scene.test.clock.advance(EXPIRY);
        assert_eq!(scene.spendable_and_held().await, (BALANCE, 0));
        assert!(scene.entry(id).await.is_none());
    }
}

#[tokio::test]
async fn a_capture_that_fails_is_what_the_stream_ends_with() {
    for last in [StreamStep::Ends(None), StreamStep::Fails] {
        let scene = StreamScene::start(&[says("Hello"), last], by_message()).await;
        // So often does the SDK try.
        scene.test.recorder.fail_next("TransactWriteItems", Fault::NotApplied, 3);
        let (texts, end) = scene.hear().await;
        assert_eq!(texts, ["Hello"]);
        assert!(matches!(end, Err(ApiError::ReplyLost(_))), "{end:?}");
        assert_eq!(scene.spendable_and_held().await, (BALANCE, 0));
    }
}

#[tokio::test]
async fn where_nobody_can_tell_whether_it_was_charged_the_stream_says_so_and_nothing_is_lost() {
    for last in [StreamStep::Ends(None), StreamStep::Fails] {
        let scene = StreamScene::start(&[says("Hello"), last], by_message()).await;
        let stream = scene.stream_for(TIMEOUT).await.unwrap();
        let id = stream.id();
        // Neither the capture nor the void entry that would settle it gets through.
        scene.test.recorder.fail_next("TransactWriteItems", Fault::NotApplied, 6);
        let (_, end) = to_its_end(stream).await;
        assert!(matches!(end, Err(ApiError::OutcomeUnknown { message_id, .. }) if message_id == id), "{end:?}");
        scene.test.clock.advance(EXPIRY);
        assert_eq!(scene.spendable_and_held().await, (BALANCE, 0));
    }
}

#[tokio::test]
async fn a_reply_ends_where_it_would_no_longer_fit_into_an_entry() {
    let piece = "\u{e9}".repeat(50_000);
    let scene = StreamScene::start(&vec![says(&piece); 4], by_message()).await;
    let (texts, end) = scene.hear().await;
    let reply = end.unwrap().reply;
    assert_eq!(reply.finish_reason, FinishReason::Length);
    assert_eq!(reply.text.len(), MAX_REPLY_BYTES);
    assert_eq!(texts.concat(), reply.text);
}

#[tokio::test]
async fn each_choice_is_handed_out_and_charged_and_the_first_is_stored() {
    let steps = [
        StreamStep::SaysIn(1, "Hello".to_owned()),
        StreamStep::SaysIn(0, "Hi ".to_owned()),
        StreamStep::SaysIn(2, "Hey".to_owned()),
        StreamStep::SaysIn(0, "Ada!".to_owned()),
        StreamStep::Ends(Some(Usage::counted(20, 250))),
    ];
    for is_streamed in [true, false] {
        let scene = StreamScene::start(&steps, by_usage()).await;
        let three = Prompt { n: NonZeroU8::new(3), ..prompt() };
        let question = scene.hold_of(three, TIMEOUT).await.unwrap();
        // A hundred tokens are the most of a choice.
        assert_eq!(u64::from(question.held()), prompt().most_input_tokens(0) + 300);
        let paid = if is_streamed {
            to_its_end(scene.till.stream(question).await.unwrap()).await.1.unwrap()
        } else {
            scene.till.reply(question).await.unwrap()
        };
        let others: Vec<&str> = paid.others.iter().map(|choice| choice.text.as_str()).collect();
        assert_eq!((paid.reply.text.as_str(), others), ("Hi Ada!", vec!["Hello", "Hey"]));
        assert_eq!(paid.reply.usage, Usage::counted(20, 250), "more than one choice may have");
        assert_eq!(scene.spendable_and_held().await, (BALANCE - 270, 0));
        assert_eq!(scene.stored_response(paid.id).await, "Hi Ada!");
    }
}

fn any_prices() -> impl Strategy<Value = Prices> {
    let price = || prop_oneof![Just(0), 0_u64..3_000_000].prop_map(credits);
    let tokens = (price(), price(), price(), price());
    let request = prop_oneof![Just(0), 0_u64..BALANCE].prop_map(credits);
    (tokens, request).prop_map(|((input, cached_input, cache_write, output), request)| Prices {
        input,
        cached_input,
        cache_write,
        output,
        request,
        image: Credits::ZERO,
    })
}

/// Counts as they should be, and whatever else a server may say.
fn any_count() -> impl Strategy<Value = u64> {
    prop_oneof![0_u64..500, Just(0), any::<u64>()]
}

fn any_end() -> impl Strategy<Value = Option<StreamStep>> {
    let input = (any_count(), any_count(), any_count());
    let output = (any_count(), any_count());
    let counted =
        (input, output).prop_map(|((input, cached_input_tokens, cache_write_tokens), (output, reasoning))| Usage {
            cached_input_tokens,
            cache_write_tokens,
            reasoning_tokens: reasoning,
            ..Usage::counted(input, output)
        });
    prop_oneof![
        prop::option::of(counted).prop_map(|usage| Some(StreamStep::Ends(usage))),
        Just(Some(StreamStep::Fails)),
        Just(Some(StreamStep::Panics)),
        Just(None),
    ]
}

fn any_step() -> impl Strategy<Value = StreamStep> {
    prop_oneof![
        4 => ".{0,80}".prop_map(StreamStep::Says),
        1 => ".{0,80}".prop_map(StreamStep::Refuses),
        1 => Just(StreamStep::Thinks),
        1 => ".{0,80}".prop_map(StreamStep::Reasons),
        1 => (0_u32..3, ".{0,20}").prop_map(|(index, arguments)| {
            StreamStep::Calls(ToolCallDelta { index, arguments, ..ToolCallDelta::default() })
        }),
    ]
}

/// The same steps, whose calls begin in the order of their places and with an id, as those of every model do.
fn in_order(mut steps: Vec<StreamStep>) -> Vec<StreamStep> {
    let mut begun = 0;
    for step in &mut steps {
        let StreamStep::Calls(delta) = step else { continue };
        if delta.index >= begun {
            delta.index = begun;
            begun += 1;
            (delta.id, delta.name) = (Some(format!("c{}", delta.index)), Some("add".to_owned()));
        }
    }
    steps
}

/// The texts and the refusals in `steps`.
fn words(steps: &[StreamStep]) -> (String, String) {
    let mut words = (String::new(), String::new());
    for step in steps {
        match step {
            StreamStep::Says(text) => words.0.push_str(text),
            StreamStep::Refuses(text) => words.1.push_str(text),
            _ => {}
        }
    }
    words
}

/// The bytes that a model wrote in `step`.
fn bytes_of(step: &StreamStep) -> u64 {
    match step {
        StreamStep::Says(text) | StreamStep::Refuses(text) | StreamStep::Reasons(text) => text.len() as u64,
        StreamStep::Calls(ToolCallDelta { id, name, arguments, .. }) => {
            let bytes = [id.as_deref(), name.as_deref(), Some(arguments)].into_iter().flatten().map(str::len);
            bytes.sum::<usize>() as u64
        }
        StreamStep::Thinks => 40,
        _ => 0,
    }
}

/// The usage that is charged for `steps` with this count: see docs/decisions/finished-replies.md.
fn expected_usage(steps: &[StreamStep], counted: Option<Usage>, most_output: u64) -> (u64, u64) {
    let events = steps.iter().filter(|step| bytes_of(step) > 0).count() as u64;
    let estimate = events.max(steps.iter().map(bytes_of).sum::<u64>().div_ceil(4));
    let Usage { input_tokens, output_tokens, .. } = counted.unwrap_or_default();
    let or = |counted, estimate| if counted == 0 { estimate } else { counted };
    (or(input_tokens, INPUT).min(prompt().most_input_tokens(0)), or(output_tokens, estimate).min(most_output))
}

/// Hears a reply of such steps and such an end, whole or streamed, and looks at the bill.
async fn check_the_bill(steps: &[StreamStep], end: Option<StreamStep>, prices: Prices, is_streamed: bool) {
    let all: Vec<StreamStep> = steps.iter().cloned().chain(end.clone()).collect();
    let scene = StreamScene::start(&all, prices).await;
    let (text, refusal) = words(steps);
    let ends = matches!(end, Some(StreamStep::Ends(_)));
    let question = match scene.hold_for(TIMEOUT).await {
        Ok(question) => question,
        Err(error) => {
            assert!(matches!(error, ApiError::InsufficientTokens { .. }), "{error:?}");
            return;
        }
    };
    let (id, most_output) = (question.id(), u64::from(question.candidates[0].max_output_tokens));
    let (spendable, held) = scene.spendable_and_held().await;
    assert_eq!(spendable + held, BALANCE);
    let outcome = if is_streamed {
        match scene.till.stream(question).await {
            Ok(stream) => to_its_end(stream).await,
            Err(error) => (Vec::new(), Err(error)),
        }
    } else {
        match scene.till.reply(question).await {
            Ok(paid) => (vec![paid.reply.text.clone()], Ok(paid)),
            Err(error) => (Vec::new(), Err(error)),
        }
    };
    let has_calls = steps.iter().any(|step| matches!(step, StreamStep::Calls(_)) && bytes_of(step) > 0);
    let has_reasoned = steps.iter().any(|step| matches!(step, StreamStep::Reasons(_)) && bytes_of(step) > 0);
    // Of a whole answer that broke off, reasoning alone is not handed out.
    let is_handed_out = !text.is_empty() || !refusal.is_empty() || has_calls || (is_streamed && has_reasoned);
    if !ends && !is_handed_out {
        assert!(matches!(outcome.1, Err(ApiError::ModelFailed(_))), "{outcome:?}");
        assert_eq!(scene.spendable_and_held().await, (BALANCE, 0));
        return;
    }
    let (heard, outcome) = outcome;
    assert_eq!(outcome.is_ok(), ends || !is_streamed, "{outcome:?}");
    assert_eq!(heard.concat(), text);
    let entry = scene.entry(id).await.unwrap();
    let shown = if text.is_empty() { &refusal } else { &text };
    assert_eq!(scene.stored_response(id).await, *shown, "what was heard is what is stored");
    let usage = entry.usage.unwrap();
    let counted = if let Some(StreamStep::Ends(usage)) = end { usage } else { None };
    assert_eq!((usage.input_tokens, usage.output_tokens), expected_usage(steps, counted, most_output));
    let cost = u64::from(prices.cost(&usage));
    assert!(cost <= held);
    assert_eq!(entry.amount.unsigned_abs(), cost, "what is shown is what is charged");
    assert_eq!(scene.spendable_and_held().await, (BALANCE - cost, 0));
    if let Ok(paid) = outcome {
        assert_eq!((paid.reply.usage, u64::from(paid.charge.cost)), (usage, cost));
    }
}

/// Hears a reply of `n` choices with such texts and such an end, and looks at the bill.
async fn check_the_choices(n: u8, texts: &[(u8, String)], end: Option<StreamStep>, prices: Prices, is_streamed: bool) {
    let steps = texts.iter().map(|(choice, text)| StreamStep::SaysIn(*choice, text.clone()));
    let scene = StreamScene::start(&steps.chain(end).collect::<Vec<_>>(), prices).await;
    let Ok(question) = scene.hold_of(Prompt { n: NonZeroU8::new(n), ..prompt() }, TIMEOUT).await else { return };
    let (id, held) = (question.id(), u64::from(question.held()));
    let most_output = u64::from(question.candidates[0].max_output_tokens) * u64::from(n);
    let paid = if is_streamed {
        match scene.till.stream(question).await {
            Ok(stream) => to_its_end(stream).await.1,
            Err(error) => Err(error),
        }
    } else {
        scene.till.reply(question).await
    };
    let Some(entry) = scene.entry(id).await else {
        assert!(matches!(paid, Err(ApiError::ModelFailed(_))), "{paid:?}");
        assert_eq!(scene.spendable_and_held().await, (BALANCE, 0));
        return;
    };
    let usage = entry.usage.unwrap();
    let cost = u64::from(prices.cost(&usage));
    assert!(cost <= held && usage.output_tokens <= most_output, "{usage:?}");
    assert_eq!(entry.amount.unsigned_abs(), cost);
    assert_eq!(scene.spendable_and_held().await, (BALANCE - cost, 0));
    let of = |choice: u8| -> String {
        texts.iter().filter(|(place, _)| *place == choice).map(|(_, text)| text.as_str()).collect()
    };
    assert_eq!(scene.stored_response(id).await, of(0));
    if let Ok(paid) = paid {
        assert!(paid.others.len() < usize::from(n));
        for (choice, other) in (1..).zip(&paid.others) {
            assert_eq!(other.text, of(choice));
        }
        assert!((1..n).skip(paid.others.len()).all(|choice| of(choice).is_empty()), "all are handed out");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_heard_is_stored_and_charged_once_as_it_is_shown_and_never_above_what_was_held(
        steps in proptest::collection::vec(any_step(), 0..6).prop_map(in_order),
        end in any_end(),
        prices in any_prices(),
        is_streamed in any::<bool>(),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(check_the_bill(&steps, end, prices, is_streamed));
    }

    /// The texts are of any choices, also of some that nobody asked for.
    #[test]
    fn several_choices_are_handed_out_and_charged_once_and_never_above_what_was_held(
        n in 1..=8_u8,
        texts in proptest::collection::vec((0..9_u8, ".{0,80}"), 0..12),
        end in any_end(),
        prices in any_prices(),
        is_streamed in any::<bool>(),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(check_the_choices(n, &texts, end, prices, is_streamed));
    }
}
