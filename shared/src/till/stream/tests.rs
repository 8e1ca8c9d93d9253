//! The charge for streamed replies.

use std::time::Duration;

use domain::cause::Cause;
use domain::credits::Credits;
use domain::ids::ConversationId;
use domain::message::Message;
use domain::pricing::Usage;
use domain::pricing::{OutputLimits, Pricing};
use futures_util::future::BoxFuture;
use futures_util::{FutureExt, StreamExt, stream};
use ledger::Ledger;
use ledger::account::{Account, Payer};
use ledger::entry::Entry;
use proptest::prelude::*;
use providers::chat_model::ChatModel;
use providers::error::ModelError;
use providers::model::Model;
use providers::prompt::{Prompt, Role, Sampling, Turn};
use providers::reply::{MAX_REPLY_BYTES, Reply, ReplyStream};
use testkit::recorder::Fault;

use super::*;
use crate::testing::{TestTable, open_account, stored_message};
use crate::till::hold::{Admitted, Held};
use crate::till::question::Question;
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
    Ends(Option<Usage>),
    Fails,
    Panics,
    /// Says nothing more, for ever.
    Stalls,
}

impl ChatModel for ScriptedStream {
    fn id(&self) -> &'static str {
        "scripted"
    }

    fn unsupported(&self, _sampling: &Sampling) -> Option<&'static str> {
        None
    }

    fn reply<'a>(&'a self, _prompt: &'a Prompt, _limit: u32) -> BoxFuture<'a, Result<Reply, ModelError>> {
        async { panic!("these are streamed") }.boxed()
    }

    fn stream<'a>(&'a self, _prompt: &'a Prompt, _limit: u32) -> BoxFuture<'a, Result<ReplyStream, ModelError>> {
        let Self(steps, stalls) = self.clone();
        let pieces = stream::iter(steps).zip(stream::repeat(stalls)).then(|(step, stalls)| async move {
            match step {
                StreamStep::Says(text) => Ok(Piece::Text(text)),
                StreamStep::Ends(usage) => Ok(Piece::End(End { finish_reason: FinishReason::Stop, usage })),
                StreamStep::Fails => Err(ModelError::Failed(Cause::because("it was told to fail"))),
                StreamStep::Panics => panic!("it was told to panic"),
                StreamStep::Stalls => stalls.for_ever().await,
            }
        });
        async { Ok(pieces.boxed()) }.boxed()
    }
}

fn says(text: &str) -> StreamStep {
    StreamStep::Says(text.to_owned())
}

fn by_message() -> Pricing {
    Pricing::Message { cost: credits(MESSAGE_COST) }
}

/// A credit for each token read or written.
fn by_usage() -> Pricing {
    Pricing::Usage { input_cost: credits(1000), output_cost: credits(1000) }
}

fn credits(amount: u64) -> Credits {
    Credits::new(amount).unwrap()
}

struct StreamScene {
    test: TestTable,
    till: Arc<Till>,
    stalls: Stalls,
    ada: Payer,
}

/// The texts and the end of a stream.
type HeardStream = (Vec<String>, Result<PaidReply, ApiError>);

impl StreamScene {
    async fn start(steps: &[StreamStep], pricing: Pricing) -> Self {
        let test = TestTable::start().await;
        let stalls = Stalls::default();
        let till = Arc::new(Till {
            ledger: Ledger::new(test.table.clone(), test.clock.clone(), 3),
            model: Model::new(ScriptedStream(steps.to_vec(), stalls.clone())),
            pricing,
            output_limits: OutputLimits { most: 100, least: 1 },
            max_input_tokens: 1000,
            clock: test.clock.clone(),
        });
        let ada = open_account(&test, "ada", BALANCE).await;
        Self { test, till, stalls, ada }
    }

    async fn stream_for(&self, timeout: Duration) -> Result<TillStream, ApiError> {
        // Four bytes are estimated as a token.
        let turns = vec![Turn { role: Role::User, text: "12345678".to_owned() }];
        let question = Question {
            prompt: Prompt { turns, sampling: Sampling::default() },
            message: Message::try_from("12345678".to_owned()).unwrap(),
            max_output_tokens: None,
            conversation: Some(ConversationId::FIRST),
            deadline: self.test.clock.now().plus(timeout),
        };
        let Admitted::Open(account) = self.till.admit(self.ada, None).await? else { panic!("was answered before") };
        match self.till.hold(account, question).await? {
            Held::Question(question) => self.till.stream(question).await,
            Held::Replay(replay) => panic!("was answered before: {replay:?}"),
        }
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

async fn to_its_end(mut stream: TillStream) -> HeardStream {
    let mut texts = Vec::new();
    loop {
        match stream.next().await.expect("a stream has an end") {
            Ok(ReplyPiece::Text(text)) => texts.push(text),
            end => {
                assert!(stream.next().await.is_none(), "nothing comes after the end");
                return (texts, end.map(|end| if let ReplyPiece::Paid(reply) = end { reply } else { unreachable!() }));
            }
        }
    }
}

#[tokio::test]
async fn a_reply_that_ends_is_charged_and_stored_before_its_end_is_heard() {
    let counted = Usage { input_tokens: 20, output_tokens: 3, estimated: false };
    for (pricing, usage, cost) in [
        (by_message(), Some(counted), MESSAGE_COST),
        (by_usage(), Some(counted), 23),
        // Two tokens are guessed of the question, and three of the reply.
        (by_usage(), None, 5),
    ] {
        let scene = StreamScene::start(&[says("Hello "), says("Ada!"), StreamStep::Ends(usage)], pricing).await;
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
    for _ in 0..2 {
        assert!(matches!(stream.next().await, Some(Ok(ReplyPiece::Text(_)))));
        assert_eq!(scene.spendable_and_held().await, (BALANCE - MESSAGE_COST, MESSAGE_COST));
        assert!(scene.entry(stream.id()).await.is_none());
    }
    assert!(matches!(stream.next().await, Some(Ok(ReplyPiece::Paid(_)))));
    assert_eq!(scene.spendable_and_held().await, (BALANCE - MESSAGE_COST, 0));
}

#[tokio::test]
async fn a_model_that_breaks_off_is_paid_for_what_it_delivered() {
    for last in [Some(StreamStep::Fails), Some(StreamStep::Panics), None] {
        for (pricing, cost) in [(by_message(), MESSAGE_COST), (by_usage(), 2 + 3)] {
            let steps: Vec<StreamStep> = [says("Hello "), says("Ada!")].into_iter().chain(last.clone()).collect();
            let scene = StreamScene::start(&steps, pricing).await;
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
async fn a_model_whose_time_is_up_is_paid_for_what_it_delivered() {
    let scene = StreamScene::start(&[says("Hello"), StreamStep::Stalls], by_message()).await;
    let (texts, end) = scene.hear().await;
    assert_eq!(texts, ["Hello"]);
    assert!(matches!(end, Err(ApiError::ModelBrokeOff { .. })), "{end:?}");
    assert_eq!(scene.spendable_and_held().await, (BALANCE - MESSAGE_COST, 0));
    // The capture needs ten seconds at the worst, and a reader who does not read five before it.
    assert_eq!(scene.stalls.seconds(), [28 - 16]);
}

#[tokio::test]
async fn a_model_that_delivers_nothing_is_not_paid() {
    for steps in [
        vec![StreamStep::Fails],
        vec![StreamStep::Panics],
        vec![StreamStep::Stalls],
        vec![],
        vec![StreamStep::Ends(None)],
        vec![says(""), StreamStep::Fails],
        vec![says(""), StreamStep::Stalls],
    ] {
        for pricing in [by_message(), by_usage()] {
            let scene = StreamScene::start(&steps, pricing).await;
            let error = scene.stream_for(TIMEOUT).await.err();
            assert!(matches!(error, Some(ApiError::ModelFailed(_))), "{steps:?}: {error:?}");
            assert_eq!(scene.spendable_and_held().await, (BALANCE, 0), "{steps:?}");
        }
    }
}

#[tokio::test]
async fn a_process_that_ends_before_the_capture_charges_nothing() {
    for pricing in [by_message(), by_usage()] {
        let scene = StreamScene::start(&[says("Hello"), StreamStep::Stalls], pricing).await;
        let mut stream = scene.stream_for(TIMEOUT).await.unwrap();
        assert!(matches!(stream.next().await, Some(Ok(ReplyPiece::Text(_)))));
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
        assert!(matches!(end, Err(ApiError::Unavailable(_))), "{end:?}");
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

fn any_pricing() -> impl Strategy<Value = Pricing> {
    let by_usage = (0_u64..3000, 0_u64..3000)
        .prop_map(|(input, output)| Pricing::Usage { input_cost: credits(input), output_cost: credits(output) });
    prop_oneof![(0_u64..BALANCE).prop_map(|cost| Pricing::Message { cost: credits(cost) }), by_usage]
}

fn any_end() -> impl Strategy<Value = Option<StreamStep>> {
    let counted = (0_u64..500, 0_u64..500).prop_map(|(input_tokens, output_tokens)| Usage {
        input_tokens,
        output_tokens,
        estimated: false,
    });
    prop_oneof![
        prop::option::of(counted).prop_map(|usage| Some(StreamStep::Ends(usage))),
        Just(Some(StreamStep::Fails)),
        Just(Some(StreamStep::Panics)),
        Just(None),
    ]
}

/// Hears a reply of such texts and such an end, and looks at the bill.
async fn check_the_bill(texts: &[String], end: Option<StreamStep>, pricing: Pricing) {
    let steps: Vec<StreamStep> = texts.iter().cloned().map(StreamStep::Says).chain(end.clone()).collect();
    let scene = StreamScene::start(&steps, pricing).await;
    let stream = match scene.stream_for(TIMEOUT).await {
        Ok(stream) => stream,
        Err(error) => {
            let is_too_dear = matches!(error, ApiError::InsufficientTokens { .. });
            assert!(is_too_dear || texts.concat().is_empty(), "{error:?}");
            assert_eq!(scene.spendable_and_held().await, (BALANCE, 0));
            return;
        }
    };
    let (id, (spendable, held)) = (stream.id(), scene.spendable_and_held().await);
    assert_eq!(spendable + held, BALANCE);
    let (heard, outcome) = to_its_end(stream).await;
    let entry = scene.entry(id).await.unwrap();
    assert_eq!(scene.stored_response(id).await, heard.concat(), "what was heard is what is stored");
    assert_eq!(heard.concat(), texts.concat());
    let counted = if let Some(StreamStep::Ends(Some(usage))) = end { Some(usage) } else { None };
    assert_eq!(outcome.is_ok(), matches!(end, Some(StreamStep::Ends(_))), "{outcome:?}");
    let usage = counted.unwrap_or(entry.usage.unwrap());
    let cost = u64::from(pricing.cost(&usage)).min(held);
    assert_eq!(entry.amount.unsigned_abs(), cost);
    assert_eq!(scene.spendable_and_held().await, (BALANCE - cost, 0));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_heard_is_stored_and_charged_once_and_never_above_what_was_held(
        texts in proptest::collection::vec(".{0,80}", 0..6),
        end in any_end(),
        pricing in any_pricing(),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(check_the_bill(&texts, end, pricing));
    }
}
