//! The charge for whole replies.

mod api_keys;
mod fallbacks;
mod remembered_accounts;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use domain::cause::Cause;
use domain::credits::Credits;
use domain::ids::ConversationId;
use domain::message::{FinishReason, Message};
use domain::pricing::{Prices, Usage};
use futures_util::future::BoxFuture;
use futures_util::{FutureExt, StreamExt, stream};
use ledger::Charge;
use ledger::account::{Account, Payer};
use ledger::entry::Entry;
use ledger::idempotency::{IdempotencyKey, Remembered};
use providers::chat_model::ChatModel;
use providers::error::{ModelError, Refusal};
use providers::offers::Candidates;
use providers::prompt::{Prompt, Role, Turn};
use providers::reply::{End, MAX_REPLY_BYTES, Piece, Reply, ReplyStream};
use telemetry::metrics::Metric;
use tokio::time::Instant;

use super::*;
use crate::error::ApiError;
use crate::testing::{TestTable, offer, open_account, stored_message, till};

/// The stalls of a model that says nothing more. During a stall tokio's clock is paused and runs ahead to the next timer;
/// it goes on when the model's future is dropped.
#[derive(Clone, Debug, Default)]
pub(super) struct Stalls(Arc<Mutex<Vec<Duration>>>);

struct StalledModel<'a> {
    began: Instant,
    stalls: &'a Stalls,
}

impl Stalls {
    pub(super) async fn for_ever<T>(&self) -> T {
        tokio::time::pause();
        let _stall = StalledModel { began: Instant::now(), stalls: self };
        std::future::pending().await
    }

    /// How long each stall lasted until the model's future was dropped, in whole seconds.
    pub(super) fn seconds(&self) -> Vec<u64> {
        self.0.lock().unwrap().iter().map(|stall| (*stall + Duration::from_millis(500)).as_secs()).collect()
    }
}

impl Drop for StalledModel<'_> {
    fn drop(&mut self) {
        self.stalls.0.lock().unwrap().push(self.began.elapsed());
        tokio::time::resume();
    }
}

/// A model that says `text` and counts `usage`, or fails, or says nothing for ever.
#[derive(Debug)]
struct ScriptedReply {
    text: String,
    usage: Option<Usage>,
    fails: bool,
    stalls: Option<Stalls>,
    limits: Mutex<Vec<u32>>,
}

impl ChatModel for &'static ScriptedReply {
    fn unsupported(&self, _prompt: &Prompt) -> Option<&'static str> {
        None
    }

    fn reply<'a>(&'a self, _prompt: &'a Prompt, max_output_tokens: u32) -> BoxFuture<'a, Result<Reply, ModelError>> {
        self.limits.lock().unwrap().push(max_output_tokens);
        let end = End { finish_reason: FinishReason::Stop, usage: self.usage };
        let reply = if self.fails {
            Err(ModelError::Unavailable { retry_after: None, cause: Cause::because("busy") })
        } else {
            Ok(Reply::text(&self.text, end))
        };
        async {
            match &self.stalls {
                Some(stalls) => stalls.for_ever().await,
                None => reply,
            }
        }
        .boxed()
    }

    fn stream<'a>(&'a self, prompt: &'a Prompt, limit: u32) -> BoxFuture<'a, Result<ReplyStream, ModelError>> {
        async move {
            let Reply { choices, end } = self.reply(prompt, limit).await?;
            Ok(stream::iter([Ok(Piece::text(&choices[0].text)), Ok(Piece::End(end))]).boxed())
        }
        .boxed()
    }
}

fn counted(input_tokens: u64, output_tokens: u64) -> Usage {
    Usage::counted(input_tokens, output_tokens)
}

fn scripted(usage: Option<Usage>, fails: bool) -> &'static ScriptedReply {
    saying("Hi", usage, fails)
}

fn saying(text: &str, usage: Option<Usage>, fails: bool) -> &'static ScriptedReply {
    Box::leak(Box::new(ScriptedReply { text: text.to_owned(), usage, fails, stalls: None, limits: Mutex::default() }))
}

struct ReplyScene {
    test: TestTable,
    ada: Payer,
    till: Till,
    model: &'static ScriptedReply,
}

impl ReplyScene {
    /// Input at 1 and output at 10 credits a token; replies of 5 to 100 tokens.
    async fn with(balance: u64, model: &'static ScriptedReply) -> Self {
        let test = TestTable::start().await;
        let ada = open_account(&test, "ada", balance).await;
        let till = till(&test, 5);
        Self { test, ada, till, model }
    }

    fn candidates(&self) -> Candidates {
        let credits = |amount| Credits::new(amount).unwrap();
        let first = offer("scripted", self.model, Prices::per_token(credits(1_000_000), credits(10_000_000)));
        Candidates { first, fallbacks: Vec::new(), catalogue: None }
    }

    async fn ask(&self, key: Option<&str>) -> Result<PaidReply, ApiError> {
        match self.hold(key).await? {
            HeldOrReplay::Question(question) => Box::pin(self.till.reply(question)).await,
            HeldOrReplay::Replay(replay) => panic!("was answered before: {replay:?}"),
        }
    }

    async fn hold(&self, key: Option<&str>) -> Result<HeldOrReplay, ApiError> {
        self.hold_with(Message::try_from("Hello".to_owned()).unwrap(), key).await
    }

    async fn hold_with(&self, message: Message, key: Option<&str>) -> Result<HeldOrReplay, ApiError> {
        let key = key.map(|key| IdempotencyKey::parse(key).unwrap());
        let remembered = key.map(|key| Remembered::message(key, &message));
        let question = Question {
            candidates: self.candidates(),
            prompt: prompt(),
            limits: CallerLimits::default(),
            conversation: Some(ConversationId::FIRST),
            message,
            deadline: self.test.clock.now().plus(Duration::from_secs(28)),
        };
        self.till.admit_and_hold(self.ada, remembered, |_| Ok(question)).await
    }

    /// The spendable and the held credits.
    async fn account(&self) -> (u64, u64) {
        let account: Account = self.test.table.get(Account::key(self.ada.user_id())).await.unwrap().unwrap();
        let (spendable, held) = account.spendable_and_held(self.test.clock.now());
        (spendable.into(), held.into())
    }
}

#[tokio::test]
async fn a_prompt_of_more_tokens_than_the_limit_is_refused_with_both_numbers() {
    let scene = ReplyScene::with(1000, scripted(None, false)).await;
    let prompt = |bytes: usize| {
        let turns = vec![Turn::text(Role::User, "x".repeat(bytes))];
        Prompt { turns, ..Prompt::default() }
    };
    let around = prompt(0).estimated_input_tokens(0);
    let longest = 4 * (1000 - usize::try_from(around).unwrap());
    let model = scene.candidates().first;
    quotation::check_input(&model, &prompt(longest)).unwrap();
    let refusal = quotation::check_input(&model, &prompt(longest + 1)).unwrap_err();
    assert_eq!((refusal.status().as_u16(), refusal.code()), (400, "context_length_exceeded"));
    let sentence = "This model's maximum context length is 1000 tokens. However, your messages resulted in 1001 tokens. \
                    Please reduce the length of the messages.";
    assert_eq!(refusal.detail(), sentence);
}

fn prompt() -> Prompt {
    let turns = vec![Turn::text(Role::User, "Hello")];
    Prompt { turns, ..Prompt::default() }
}

fn most_input() -> u64 {
    prompt().most_input_tokens(0)
}

#[tokio::test]
async fn what_the_model_counted_is_charged_and_the_rest_of_the_hold_returns() {
    let scene = ReplyScene::with(10_000, scripted(Some(counted(20, 3)), false)).await;
    let HeldOrReplay::Question(question) = scene.hold(None).await.unwrap() else {
        panic!("it was not answered before")
    };
    let held = most_input() + 1_000;
    assert_eq!(scene.account().await, (10_000 - held, held));
    let paid = scene.till.reply(question).await.unwrap();
    assert_eq!(u64::from(paid.charge.cost), 50);
    assert_eq!(u64::from(paid.charge.balance), 9_950);
    assert_eq!(scene.account().await, (9_950, 0));
    assert_eq!(*scene.model.limits.lock().unwrap(), [100]);
    let entry: Entry = scene.test.table.get(ledger::entry::key(scene.ada.user_id(), paid.id)).await.unwrap().unwrap();
    assert_eq!((entry.amount, entry.model.as_deref(), entry.usage), (-50, Some("scripted"), Some(counted(20, 3))));
}

#[tokio::test]
async fn a_balance_that_does_not_cover_the_longest_reply_gets_a_shorter_one() {
    let scene = ReplyScene::with(most_input() + 75, scripted(Some(counted(most_input(), 7)), false)).await;
    for key in [None, Some("key")] {
        let Ok(HeldOrReplay::Question(question)) = scene.hold(key).await else { panic!("it is affordable") };
        assert_eq!(scene.account().await, (0, most_input() + 75));
        scene.till.ledger.release(&question.held).await;
    }
    assert_eq!(u64::from(scene.ask(Some("key")).await.unwrap().charge.balance), 5);
    assert_eq!(*scene.model.limits.lock().unwrap(), [7]);
}

#[tokio::test]
async fn a_balance_that_does_not_cover_the_shortest_reply_is_not_touched() {
    let scene = ReplyScene::with(most_input() + 49, scripted(Some(counted(1, 1)), false)).await;
    let refused = scene.ask(None).await;
    let Err(ApiError::InsufficientTokens { balance, cost }) = refused else { panic!("{refused:?}") };
    assert_eq!((u64::from(balance), u64::from(cost)), (most_input() + 49, most_input() + 50));
    assert_eq!(scene.account().await, (most_input() + 49, 0));
    assert!(scene.model.limits.lock().unwrap().is_empty());
}

#[tokio::test]
async fn expired_holds_pay_for_what_comes_next() {
    let scene = ReplyScene::with(most_input() + 100, scripted(Some(counted(1, 1)), false)).await;
    for key in [Some("key"), Some("key"), None] {
        assert!(matches!(scene.hold(key).await, Ok(HeldOrReplay::Question(_))), "{key:?}");
        assert_eq!(scene.account().await, (0, most_input() + 100));
        scene.test.clock.advance(Duration::from_secs(60));
    }
}

/// Input at most what any tokenizer can make of it, and output at most what the provider was asked for.
#[tokio::test]
async fn tokens_beyond_what_the_hold_was_computed_from_are_neither_charged_nor_shown() {
    for (usage, input_tokens, output_tokens) in [
        (counted(20, 5_000), 20, 100),
        (counted(5_000, 3), most_input(), 3),
        (counted(u64::MAX, u64::MAX), most_input(), 100),
    ] {
        let scene = ReplyScene::with(10_000, scripted(Some(usage), false)).await;
        let paid = scene.ask(None).await.unwrap();
        assert_eq!(paid.reply.usage, counted(input_tokens, output_tokens));
        let charged = u64::from(paid.charge.cost);
        assert_eq!(charged, input_tokens + 10 * output_tokens);
        assert_eq!(scene.account().await, (10_000 - charged, 0));
    }
}

/// "Hello" and "Hi" at four bytes a token, and a chat template around the former.
#[tokio::test]
async fn a_model_that_does_not_count_is_charged_by_the_estimate() {
    let scene = ReplyScene::with(10_000, scripted(None, false)).await;
    let paid = scene.ask(None).await.unwrap();
    assert_eq!(paid.reply.usage, Usage::estimated(2 + 5 + 3 + 21, 1));
    assert_eq!(u64::from(paid.charge.cost), 31 + 10);
}

#[tokio::test]
async fn the_longest_message_and_the_longest_reply_are_stored_and_a_longer_one_is_cut() {
    // Two bytes and three: the limits are of bytes, and no character is cut.
    let longest = "ü".repeat(Message::MAX_BYTES / 2);
    let scene = ReplyScene::with(1_000_000, saying(&"€".repeat(100_000), Some(counted(1, 1)), false)).await;
    let message = Message::try_from(longest.clone()).unwrap();
    let Ok(HeldOrReplay::Question(question)) = scene.hold_with(message, Some("key")).await else {
        panic!("it is affordable")
    };
    let paid = scene.till.reply(question).await.unwrap();
    let entry: Entry = scene.test.table.get(ledger::entry::key(scene.ada.user_id(), paid.id)).await.unwrap().unwrap();
    let stored = stored_message(&scene.test.table, scene.ada, paid.id).await;
    assert_eq!((stored.message, stored.response), (longest, "€".repeat(MAX_REPLY_BYTES / 3)));
    assert_eq!(entry.finish_reason, Some(FinishReason::Length));
}

#[tokio::test]
async fn a_model_that_fails_costs_nothing() {
    let scene = ReplyScene::with(10_000, scripted(None, true)).await;
    for key in [None, Some("key"), Some("key")] {
        assert!(matches!(scene.ask(key).await, Err(ApiError::ModelUnavailable { .. })));
        assert_eq!(scene.account().await, (10_000, 0));
    }
}

#[tokio::test]
async fn a_model_that_takes_too_long_is_cut_off_while_there_is_time_for_a_charge_and_costs_nothing() {
    let stalls = Stalls::default();
    let scripted = ScriptedReply {
        text: String::new(),
        usage: None,
        fails: false,
        stalls: Some(stalls.clone()),
        limits: Mutex::default(),
    };
    let scene = ReplyScene::with(10_000, Box::leak(Box::new(scripted))).await;
    assert!(matches!(scene.ask(None).await, Err(ApiError::ModelFailed(_))));
    assert_eq!(scene.account().await, (10_000, 0));
    assert_eq!(stalls.seconds(), [28 - 11]);
}

#[test]
fn a_failure_is_counted_unless_the_caller_caused_it_and_the_operators_fault_twice() {
    let latency = Duration::from_millis(20);
    let cause = || Cause::because("a reason");
    let failed = [Metric::ModelLatency(latency), Metric::ModelFailures];
    let refused = ModelError::Refused { refusal: Refusal::Unsaid, cause: cause() };
    assert_eq!(outcome_metrics::failed(&refused, latency), []);
    assert_eq!(outcome_metrics::failed(&ModelError::Failed(cause()), latency), failed);
    let throttled = ModelError::Throttled { retry_after: None, cause: cause() };
    assert_eq!(outcome_metrics::failed(&throttled, latency), failed);
    let expected = [&failed[..], &[Metric::ModelMisconfigured]].concat();
    assert_eq!(outcome_metrics::failed(&ModelError::Misconfigured(cause()), latency), expected);
}

#[test]
fn a_reply_is_counted_with_what_was_charged_for_it_and_what_was_not() {
    let latency = Duration::from_millis(20);
    let credits = |amount| Credits::new(amount).unwrap();
    let count = |held, cost, charged: Option<u64>, end: FinishReason| {
        let charge = charged.map(|cost| Charge { cost: credits(cost), balance: Credits::ZERO });
        let metrics = outcome_metrics::counted(
            credits(held),
            credits(cost),
            charge.as_ref(),
            end == FinishReason::BrokenOff,
            latency,
        );
        assert_eq!(metrics[0], Metric::ModelLatency(latency));
        metrics[1..].to_vec()
    };
    let messages = |amount| [Metric::Messages, Metric::CreditsCaptured(credits(amount))];
    assert_eq!(count(5, 5, Some(5), FinishReason::Stop), messages(5));
    assert_eq!(
        count(5, 2, Some(2), FinishReason::Length),
        [&messages(2)[..], &[Metric::CreditsReleased(credits(3))]].concat()
    );
    assert_eq!(count(5, 7, Some(5), FinishReason::Stop), [&messages(5)[..], &[Metric::CaptureOverruns]].concat());
    assert_eq!(count(5, 5, Some(5), FinishReason::BrokenOff), [&[Metric::ModelFailures][..], &messages(5)].concat());
    assert_eq!(count(5, 7, None, FinishReason::Stop), []);
}
