//! Models that turn a request away, and the fallbacks that are asked in their place.

use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroU8;

use domain::ids::EntryId;
use domain::time::Clock;
use proptest::prelude::*;
use providers::catalogue::{Ability, CataloguedModel, Protocol, Provider};
use providers::model::Model;
use providers::offers::{Connect, Offer};
use providers::prompt::{EmbeddingInputs, Image, ImageType, Input, Tool, Tools};
use providers::raw_json::RawJson;
use providers::unconnected::Unconnected;

use super::*;

const TIME_FOR_A_REQUEST: Duration = Duration::from_secs(60);

/// The end of a model's work for a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Behaviour {
    Replies,
    IsThrottled,
    IsUnavailable,
    Fails,
    Refuses,
    IsMisconfigured,
    /// It writes a word before it says that it is busy.
    SpeaksFirst,
    /// It reasons before it says that it is busy.
    ThinksFirst,
    /// It says that it is busy when the time for its reply is over.
    IsThrottledLate,
    /// It says that it is busy after more than 15 silent seconds, in which tokio's clock runs ahead.
    IsThrottledSlowly,
}

/// The acts after which a fallback is asked.
const TURNING_AWAY: [Behaviour; 2] = [Behaviour::IsThrottled, Behaviour::IsUnavailable];

/// The acts without a word after which no fallback is asked.
const ENDING: [Behaviour; 4] =
    [Behaviour::Fails, Behaviour::Refuses, Behaviour::IsMisconfigured, Behaviour::ThinksFirst];

/// A model that acts so, and notes the longest reply that it was asked for.
#[derive(Clone, Debug)]
struct ActingModel {
    act: Behaviour,
    asked: Arc<Mutex<Vec<u32>>>,
    knows_seeds: bool,
    /// The tokens that it counts.
    usage: Usage,
    /// The till's clock.
    clock: Clock,
}

impl ActingModel {
    fn new(act: Behaviour, clock: &Clock) -> Self {
        Self { act, asked: Arc::default(), knows_seeds: true, usage: counted(20, 3), clock: clock.clone() }
    }

    fn asked(&self) -> Vec<u32> {
        self.asked.lock().unwrap().clone()
    }
}

impl ChatModel for ActingModel {
    fn unsupported(&self, prompt: &Prompt) -> Option<&'static str> {
        prompt.sampling.seed.filter(|_| !self.knows_seeds).map(|_| "seed")
    }

    fn reply<'a>(&'a self, _prompt: &'a Prompt, _limit: u32) -> BoxFuture<'a, Result<Reply, ModelError>> {
        async { panic!("these are streamed") }.boxed()
    }

    fn stream<'a>(&'a self, _prompt: &'a Prompt, limit: u32) -> BoxFuture<'a, Result<ReplyStream, ModelError>> {
        self.asked.lock().unwrap().push(limit);
        let cause = || Cause::because("it was told to");
        let busy = || ModelError::Throttled { retry_after: None, cause: cause() };
        let end = End { finish_reason: FinishReason::Stop, usage: Some(self.usage) };
        let pieces = match self.act {
            Behaviour::Replies => Ok(vec![Ok(Piece::text("Hi")), Ok(Piece::End(end))]),
            Behaviour::IsThrottled | Behaviour::IsThrottledSlowly => Err(busy()),
            Behaviour::IsThrottledLate => {
                self.clock.advance(TIME_FOR_A_REQUEST);
                Err(busy())
            }
            Behaviour::IsUnavailable => Err(ModelError::Unavailable { retry_after: None, cause: cause() }),
            Behaviour::Fails => Err(ModelError::Failed(cause())),
            Behaviour::Refuses => Err(ModelError::Refused { refusal: Refusal::Unsaid, cause: cause() }),
            Behaviour::IsMisconfigured => Err(ModelError::Misconfigured(cause())),
            Behaviour::SpeaksFirst => Ok(vec![Ok(Piece::text("Hi")), Err(busy())]),
            Behaviour::ThinksFirst => Ok(vec![Ok(Piece::Hidden { bytes: 40 }), Err(busy())]),
        };
        let is_slow = self.act == Behaviour::IsThrottledSlowly;
        async move {
            if is_slow {
                tokio::time::pause();
                tokio::time::sleep(Duration::from_secs(16)).await;
                tokio::time::resume();
            }
            Ok(stream::iter(pieces?).boxed())
        }
        .boxed()
    }
}

/// Two models: a token of the first costs `prices.0` credits, read or written, and one of its fallback `prices.1`.
struct FallbackScene {
    test: TestTable,
    ada: Payer,
    till: Arc<Till>,
    first: ActingModel,
    fallback: ActingModel,
    prices: (u64, u64),
}

/// The same model at the provider of this name.
fn with_provider(offer: &Offer, provider: &str) -> Arc<Offer> {
    let terms = CataloguedModel { provider: provider.to_owned(), ..offer.terms.clone() };
    Arc::new(Offer { terms, model: offer.model.clone() })
}

/// The outcome of a request: the id of the model that answered, and what was paid.
type Answered = Result<(String, PaidReply), ApiError>;

impl FallbackScene {
    async fn start(balance: u64, prices: (u64, u64), first: Behaviour, fallback: Behaviour) -> Self {
        let test = TestTable::start().await;
        let ada = open_account(&test, "ada", balance).await;
        let till = Arc::new(till(&test, 5));
        let (first, fallback) = (ActingModel::new(first, &test.clock), ActingModel::new(fallback, &test.clock));
        Self { test, ada, till, first, fallback, prices }
    }

    fn candidates(&self) -> Candidates {
        Candidates {
            first: with_provider(&offer("first", self.first.clone(), at(self.prices.0)), "provider-1"),
            fallbacks: vec![with_provider(&offer("fallback", self.fallback.clone(), at(self.prices.1)), "provider-2")],
            catalogue: Some(7),
        }
    }

    async fn hold(&self) -> Result<HeldQuestion, ApiError> {
        self.hold_for(self.candidates(), prompt()).await
    }

    async fn hold_for(&self, candidates: Candidates, prompt: Prompt) -> Result<HeldQuestion, ApiError> {
        self.hold_within(CallerLimits::default(), candidates, prompt).await
    }

    async fn hold_within(
        &self,
        limits: CallerLimits,
        candidates: Candidates,
        prompt: Prompt,
    ) -> Result<HeldQuestion, ApiError> {
        let question = Question {
            candidates,
            prompt,
            message: Message::try_from("Hello".to_owned()).unwrap(),
            limits,
            conversation: None,
            deadline: self.test.clock.now().plus(TIME_FOR_A_REQUEST),
        };
        match self.till.admit_and_hold(self.ada, None, |_| Ok::<_, ApiError>(question)).await? {
            HeldOrReplay::Question(question) => Ok(question),
            HeldOrReplay::Replay(replay) => panic!("was answered before: {replay:?}"),
        }
    }

    async fn ask(&self, is_streamed: bool) -> Answered {
        let question = self.hold().await?;
        if !is_streamed {
            let paid = self.till.reply(question).await?;
            return Ok((paid.reply.model.clone(), paid));
        }
        let mut stream = self.till.stream(question).await?;
        let mut model = String::new();
        loop {
            match stream.next().await.unwrap()? {
                ReplyPiece::Begins { model_id, .. } => model = model_id,
                ReplyPiece::Part { .. } => {}
                ReplyPiece::Paid(paid) => return Ok((model, *paid)),
            }
        }
    }

    async fn entry(&self, id: EntryId) -> Entry {
        let key = ledger::entry::key(self.ada.user_id(), id);
        self.test.table.get(key).await.unwrap().unwrap()
    }

    async fn spendable_and_held(&self) -> (u64, u64) {
        let account: Account = self.test.table.get(Account::key(self.ada.user_id())).await.unwrap().unwrap();
        let (spendable, held) = account.spendable_and_held(self.test.clock.now());
        (spendable.into(), held.into())
    }
}

/// Prices at which a token costs this many credits, read or written.
fn at(credits: u64) -> Prices {
    let per_million = Credits::new(credits * 1_000_000).unwrap();
    Prices::per_token(per_million, per_million)
}

#[tokio::test]
async fn a_fallback_answers_at_its_own_price_where_the_model_turned_the_request_away() {
    let acts = TURNING_AWAY.into_iter().chain([Behaviour::IsThrottledSlowly]);
    for (act, is_streamed) in acts.flat_map(|act| [(act, false), (act, true)]) {
        for prices in [(3, 2), (2, 3)] {
            let scene = FallbackScene::start(100_000, prices, act, Behaviour::Replies).await;
            let (model, paid) = scene.ask(is_streamed).await.unwrap();
            assert_eq!((model.as_str(), paid.reply.model.as_str()), ("fallback", "fallback"), "{act:?}");
            assert_eq!(u64::from(paid.charge.cost), prices.1 * 23);
            assert_eq!(scene.spendable_and_held().await, (100_000 - prices.1 * 23, 0));
            assert_eq!((scene.first.asked(), scene.fallback.asked()), (vec![100], vec![100]));
            let entry = scene.entry(paid.id).await;
            let amount = -i64::try_from(prices.1 * 23).unwrap();
            assert_eq!((entry.model.as_deref(), entry.amount), (Some("fallback"), amount));
            assert_eq!((entry.prices, entry.catalogue), (Some(at(prices.1)), Some(7)));
        }
    }
}

#[tokio::test]
async fn a_model_that_answers_is_asked_alone_and_the_rest_of_the_dearer_hold_returns() {
    let scene = FallbackScene::start(100_000, (2, 3), Behaviour::Replies, Behaviour::Replies).await;
    let (model, paid) = scene.ask(false).await.unwrap();
    assert_eq!((model.as_str(), u64::from(paid.charge.cost)), ("first", 2 * 23));
    assert!(scene.fallback.asked().is_empty());
    assert_eq!(scene.spendable_and_held().await, (100_000 - 2 * 23, 0));
}

/// The model may have been at work, or no other model would do better.
#[tokio::test]
async fn after_any_other_failure_no_fallback_is_asked() {
    for (act, is_streamed) in ENDING.into_iter().flat_map(|act| [(act, false), (act, true)]) {
        let scene = FallbackScene::start(100_000, (2, 3), act, Behaviour::Replies).await;
        let answered = scene.ask(is_streamed).await;
        let is_told = match act {
            Behaviour::Refuses => matches!(answered, Err(ApiError::ModelRefused { .. })),
            Behaviour::IsMisconfigured => matches!(answered, Err(ApiError::ModelMisconfigured(_))),
            _ => matches!(answered, Err(ApiError::ModelFailed(_))),
        };
        assert!(is_told, "{act:?}: {answered:?}");
        assert!(scene.fallback.asked().is_empty(), "{act:?}");
        assert_eq!(scene.spendable_and_held().await, (100_000, 0));
    }
}

#[tokio::test]
async fn after_its_first_word_a_model_is_never_replaced_and_what_it_wrote_is_charged() {
    for is_streamed in [false, true] {
        let scene = FallbackScene::start(100_000, (2, 3), Behaviour::SpeaksFirst, Behaviour::Replies).await;
        let id = match scene.ask(is_streamed).await {
            Ok((model, paid)) => {
                assert_eq!((model.as_str(), paid.reply.text.as_str()), ("first", "Hi"));
                paid.id
            }
            Err(ApiError::ModelBrokeOff { message_id, .. }) if is_streamed => message_id,
            Err(error) => panic!("{error:?}"),
        };
        assert!(scene.fallback.asked().is_empty());
        let entry = scene.entry(id).await;
        let usage = entry.usage.unwrap();
        let cost = 2 * (usage.input_tokens + usage.output_tokens);
        assert!(usage.input_tokens > 0 && usage.output_tokens > 0, "{usage:?}");
        assert_eq!((entry.model.as_deref(), entry.prices), (Some("first"), Some(at(2))));
        assert_eq!(entry.amount, -i64::try_from(cost).unwrap());
        assert_eq!(scene.spendable_and_held().await, (100_000 - cost, 0));
    }
}

#[tokio::test]
async fn where_every_model_turns_the_request_away_the_last_one_says_why_and_nothing_is_charged() {
    let [one, other] = TURNING_AWAY;
    for is_streamed in [false, true] {
        for (first, last) in [(one, other), (other, one)] {
            let scene = FallbackScene::start(100_000, (2, 3), first, last).await;
            let answered = scene.ask(is_streamed).await;
            let is_told = match last {
                Behaviour::IsThrottled => matches!(answered, Err(ApiError::ModelThrottled { .. })),
                _ => matches!(answered, Err(ApiError::ModelUnavailable { .. })),
            };
            assert!(is_told, "{last:?}: {answered:?}");
            assert_eq!((scene.first.asked().len(), scene.fallback.asked().len()), (1, 1));
            assert_eq!(scene.spendable_and_held().await, (100_000, 0));
        }
    }
}

/// The caller may repeat a request to a busy model. They cannot mend the fallback.
#[tokio::test]
async fn a_fallback_that_cannot_answer_does_not_hide_that_the_model_is_only_busy() {
    for fallback in [Behaviour::IsMisconfigured, Behaviour::Refuses] {
        for is_streamed in [false, true] {
            let scene = FallbackScene::start(100_000, (2, 3), Behaviour::IsThrottled, fallback).await;
            let answered = scene.ask(is_streamed).await;
            assert!(matches!(answered, Err(ApiError::ModelThrottled { .. })), "{fallback:?}: {answered:?}");
            assert_eq!((scene.first.asked().len(), scene.fallback.asked().len()), (1, 1));
            assert_eq!(scene.spendable_and_held().await, (100_000, 0));
        }
    }
}

#[tokio::test]
async fn without_time_for_a_fallback_the_model_that_turned_the_request_away_says_why() {
    for is_streamed in [false, true] {
        let scene = FallbackScene::start(100_000, (2, 3), Behaviour::IsThrottledLate, Behaviour::Replies).await;
        let answered = scene.ask(is_streamed).await;
        assert!(matches!(answered, Err(ApiError::ModelThrottled { .. })), "{answered:?}");
        assert_eq!((scene.first.asked().len(), scene.fallback.asked().len()), (1, 0));
        assert_eq!(scene.spendable_and_held().await, (100_000, 0));
    }
}

#[tokio::test]
async fn the_hold_is_that_of_the_dearest_candidate() {
    for prices in [(2, 3), (3, 2)] {
        let scene = FallbackScene::start(100_000, prices, Behaviour::Replies, Behaviour::Replies).await;
        let question = scene.hold().await.unwrap();
        assert_eq!(u64::from(question.held()), 3 * (most_input() + 100));
        let limits: Vec<u32> = question.candidates.iter().map(|candidate| candidate.max_output_tokens).collect();
        assert_eq!(limits, [100, 100]);
        scene.till.ledger.release(&question.held).await;
    }
}

/// Vectors of another model would be found nowhere near those of this one. A stored catalogue may have such a fallback.
#[tokio::test]
async fn vectors_are_never_made_by_a_fallback() {
    let scene = FallbackScene::start(100_000, (2, 3), Behaviour::IsThrottled, Behaviour::Replies).await;
    let embedding = |offer: Arc<Offer>| {
        let Offer { terms, model } = Arc::unwrap_or_clone(offer);
        let terms = CataloguedModel { takes: BTreeSet::from([Ability::Embeddings]), ..terms };
        Arc::new(Offer { terms, model })
    };
    let Candidates { first, fallbacks, catalogue } = scene.candidates();
    let fallbacks = fallbacks.into_iter().map(embedding).collect();
    let candidates = Candidates { first: embedding(first), fallbacks, catalogue };
    let inputs = EmbeddingInputs { texts: vec![Input::Text("Hello".to_owned())], dimensions: None, base64: false };
    let prompt = Prompt { inputs: Some(inputs), ..Prompt::default() };
    let question = scene.hold_for(candidates, prompt).await.unwrap();
    assert_eq!(question.candidates.len(), 1);
    // A token for each byte and 16 around them, at the first model's price, and no output.
    assert_eq!((u64::from(question.held()), question.candidates[0].max_output_tokens), (2 * (5 + 16), 0));
    scene.till.ledger.release(&question.held).await;
}

#[tokio::test]
async fn a_fallback_that_the_balance_does_not_cover_is_not_asked() {
    // It covers all of the first at 1 credit a token, and of the fallback at 10 not even the input.
    let scene = FallbackScene::start(most_input() + 100, (1, 10), Behaviour::IsThrottled, Behaviour::Replies).await;
    assert!(matches!(scene.ask(false).await, Err(ApiError::ModelThrottled { .. })));
    assert_eq!((scene.first.asked(), scene.fallback.asked()), (vec![100], vec![]));
    assert_eq!(scene.spendable_and_held().await, (most_input() + 100, 0));
}

#[tokio::test]
async fn each_candidate_may_write_as_much_as_the_balance_pays_for_at_its_own_price() {
    let balance = 2 * (most_input() + 30);
    let scene = FallbackScene::start(balance, (1, 2), Behaviour::IsThrottled, Behaviour::Replies).await;
    let (model, paid) = scene.ask(false).await.unwrap();
    assert_eq!((model.as_str(), u64::from(paid.charge.balance)), ("fallback", balance - 2 * 23));
    assert_eq!((scene.first.asked(), scene.fallback.asked()), (vec![100], vec![30]));
}

#[tokio::test]
async fn who_cannot_pay_for_the_model_gets_no_cheaper_one_and_who_can_needs_not_pay_for_the_dearer() {
    let scene = FallbackScene::start(2 * (most_input() + 5) - 1, (2, 1), Behaviour::Replies, Behaviour::Replies).await;
    let refused = scene.ask(false).await;
    let Err(ApiError::InsufficientTokens { cost, .. }) = refused else { panic!("{refused:?}") };
    assert_eq!(u64::from(cost), 2 * (most_input() + 5));
    let scene = FallbackScene::start(most_input() + 5, (1, 2), Behaviour::Replies, Behaviour::Replies).await;
    assert_eq!(scene.ask(false).await.unwrap().0, "first");
}

#[tokio::test]
async fn a_fallback_without_room_for_the_prompt_or_without_its_parameter_is_left_out() {
    let scene = FallbackScene::start(100_000, (1, 2), Behaviour::IsThrottled, Behaviour::Replies).await;
    let names = |question: &HeldQuestion| -> Vec<String> {
        question.candidates.iter().map(|candidate| candidate.offer.id().to_owned()).collect()
    };
    let small = CataloguedModel::of_the_settings("small", Prices::default(), 10, 10);
    let small = Arc::new(Offer { terms: small, model: Model::new(scene.fallback.clone()) });
    let seedless = ActingModel { knows_seeds: false, ..scene.fallback.clone() };
    let seedless = offer("seedless", seedless, Prices::default());
    let Candidates { first, mut fallbacks, catalogue } = scene.candidates();
    fallbacks.extend([small, seedless]);
    let candidates = Candidates { first, fallbacks, catalogue };
    let mut seeded = prompt();
    seeded.sampling.seed = Some(1);
    for (prompt, expected) in [(prompt(), &["first", "fallback", "seedless"][..]), (seeded, &["first", "fallback"])] {
        let question = scene.hold_for(candidates.clone(), prompt).await.unwrap();
        assert_eq!(names(&question), expected);
        scene.till.ledger.release(&question.held).await;
    }
}

/// Several accounts must have failed with one provider before its failures count as an outage.
#[tokio::test]
async fn unpaid_work_is_noted_for_the_provider_of_the_model_that_may_have_worked() {
    let mut scene = FallbackScene::start(100_000, (1, 2), Behaviour::Replies, Behaviour::Replies).await;
    scene.ask(false).await.unwrap();
    for (first, fallback, noted) in [
        (Behaviour::Fails, Behaviour::Replies, "FAILURES#provider-1"),
        (Behaviour::IsThrottled, Behaviour::Fails, "FAILURES#provider-2"),
    ] {
        let clock = &scene.test.clock;
        (scene.first, scene.fallback) = (ActingModel::new(first, clock), ActingModel::new(fallback, clock));
        scene.test.recorder.clear();
        assert!(matches!(scene.ask(false).await, Err(ApiError::ModelFailed(_))));
        let written: Vec<String> = scene
            .test
            .recorder
            .requests()
            .iter()
            .filter(|request| request.operation == "UpdateItem")
            .filter_map(|request| request.body["Key"]["pk"]["S"].as_str().map(str::to_owned))
            .filter(|key| key.starts_with("FAILURES#"))
            .collect();
        assert_eq!(written, [noted]);
    }
}

#[tokio::test]
async fn a_callers_bound_makes_replies_shorter_and_leaves_out_what_it_does_not_cover() {
    let scene = FallbackScene::start(100_000, (1, 10), Behaviour::Replies, Behaviour::Replies).await;
    let bound = |tokens: u64| CallerLimits {
        max_output_tokens: None,
        max_cost: Some(Credits::new(most_input() + tokens).unwrap()),
    };
    for (tokens, limits) in [(7, &[7][..]), (100, &[100]), (9 * most_input() + 70, &[100, 7])] {
        let question = scene.hold_within(bound(tokens), scene.candidates(), prompt()).await.unwrap();
        assert_eq!(u64::from(question.held()), most_input() + tokens);
        let asked: Vec<u32> = question.candidates.iter().map(|candidate| candidate.max_output_tokens).collect();
        assert_eq!(asked, limits);
        scene.till.ledger.release(&question.held).await;
    }
    let refused = scene.hold_within(bound(4), scene.candidates(), prompt()).await;
    let Err(ApiError::MaxCostTooLow { least }) = refused else { panic!("{refused:?}") };
    assert_eq!(u64::from(least), most_input() + 5);
    assert_eq!(scene.spendable_and_held().await, (100_000, 0));
}

fn any_price() -> impl Strategy<Value = Credits> {
    prop_oneof![Just(0), 0..10_000_000_u64, Just(1_000_000_000_000)].prop_map(|amount| Credits::new(amount).unwrap())
}

fn any_prices() -> impl Strategy<Value = Prices> {
    (any_price(), any_price(), any_price(), any_price(), [0..1000_u64, 0..1000_u64]).prop_map(
        |(input, cached_input, cache_write, output, [request, image])| Prices {
            input,
            cached_input,
            cache_write,
            output,
            request: Credits::new(request).unwrap(),
            image: Credits::new(image).unwrap(),
        },
    )
}

/// A model at these prices, of which an image counts `image_tokens` at most. Without them it takes no images.
fn offer_with_images(model: &ActingModel, prices: Prices, image_tokens: Option<u32>) -> Arc<Offer> {
    let takes = image_tokens.map(|_| Ability::Images).into_iter().collect();
    let terms = CataloguedModel::of_the_settings("m", prices, 1000, 100);
    // Of the two lists, one has the member that prompts here may have.
    let extra_parameters = image_tokens.map(|_| "top_k".to_owned()).into_iter().collect();
    let terms = CataloguedModel { image_tokens, takes, extra_parameters, ..terms };
    Arc::new(Offer { terms, model: Model::new(model.clone()) })
}

/// A prompt of these words and so many images.
fn with_images(text: &str, images: usize) -> Prompt {
    let image = Image { at: 0, media_type: ImageType::Png, data: String::new(), detail: None };
    Prompt { turns: vec![Turn { images: vec![image; images], ..Turn::text(Role::User, text) }], ..Prompt::default() }
}

#[tokio::test]
async fn the_images_of_a_prompt_count_with_the_model_that_answers_and_a_fallback_that_takes_none_is_left_out() {
    let mut scene = FallbackScene::start(100_000, (1, 1), Behaviour::IsThrottled, Behaviour::Replies).await;
    scene.fallback.usage = counted(50_000, 3);
    let prices = Prices { image: Credits::new(11).unwrap(), ..at(1) };
    let first = offer_with_images(&scene.first, prices, Some(5));
    let fallbacks = [None, Some(100)].map(|image_tokens| offer_with_images(&scene.fallback, prices, image_tokens));
    let (blind, seeing) = (Arc::clone(&fallbacks[0]), Arc::clone(&fallbacks[1]));
    let candidates = Candidates { first, fallbacks: vec![blind, Arc::clone(&seeing)], catalogue: None };
    let prompt = with_images("Hello", 2);
    let most_input = prompt.most_input_tokens(0) + 2 * 100;
    let question = scene.hold_for(candidates, prompt).await.unwrap();
    assert_eq!(question.candidates.len(), 2);
    assert!(Arc::ptr_eq(&question.candidates[1].offer, &seeing));
    assert_eq!(u64::from(question.held()), most_input + 2 * 11 + 100);
    let paid = scene.till.reply(question).await.unwrap();
    assert_eq!(paid.reply.usage, Usage { images: 2, ..counted(most_input, 3) });
    assert_eq!(u64::from(paid.charge.cost), most_input + 2 * 11 + 3);
}

#[tokio::test]
async fn a_fallback_whose_protocol_cannot_carry_the_request_is_left_out() {
    let scene = FallbackScene::start(100_000, (1, 1), Behaviour::Replies, Behaviour::Replies).await;
    let tool = Tool { name: "f".to_owned(), description: None, parameters: None, strict: None, is_cached: false };
    let prompts = [
        (Prompt { n: NonZeroU8::new(2), ..with_images("Hello", 0) }, [false, false]),
        (Prompt { logprobs: Some(0), ..with_images("Hello", 0) }, [false, false]),
        (Prompt { logit_bias: BTreeMap::from([(7, 1.0)]), ..with_images("Hello", 0) }, [false, false]),
        (Prompt { tools: Tools { offered: vec![tool], ..Tools::default() }, ..with_images("Hello", 0) }, [false, true]),
        (with_images("Hello", 0), [true, true]),
    ];
    for (prompt, expected) in prompts {
        for (protocol, is_asked) in [Protocol::Dummy, Protocol::Bedrock].into_iter().zip(expected) {
            let takes = BTreeSet::from([Ability::Tools]);
            let terms = CataloguedModel { takes, ..CataloguedModel::of_the_settings("m", at(1), 1000, 100) };
            let fallback = Offer { model: Unconnected.connect(&Provider::new(protocol), &terms), terms };
            let first = offer_with_images(&scene.first, at(1), None);
            let candidates = Candidates { first, fallbacks: vec![Arc::new(fallback)], catalogue: None };
            let question = scene.hold_for(candidates, prompt.clone()).await.unwrap();
            assert_eq!(question.candidates.len(), 1 + usize::from(is_asked), "{protocol:?}: {prompt:?}");
            scene.till.ledger.release(&question.held).await;
        }
    }
}

/// Holds for models at `prices`, the first of which was named, and captures the reply of the first that answers. The hold
/// bounds every bill, and the caller's limits bound the hold.
async fn check_the_hold(
    balance: u64,
    models: &[(Prices, Option<u32>)],
    prompt: Prompt,
    limits: CallerLimits,
    (first, usage): (Behaviour, Usage),
) {
    let mut scene = FallbackScene::start(balance, (1, 1), first, Behaviour::Replies).await;
    (scene.first.usage, scene.fallback.usage) = (usage, usage);
    let first = offer_with_images(&scene.first, models[0].0, models[0].1.or(Some(0)));
    let of_fallback =
        |(prices, image_tokens): &(Prices, Option<u32>)| offer_with_images(&scene.fallback, *prices, *image_tokens);
    let fallbacks = models[1..].iter().map(of_fallback).collect();
    let candidates = Candidates { first: Arc::clone(&first), fallbacks, catalogue: None };
    let asked = prompt.clone();
    let least = first.quote(&prompt, first.limits(limits.max_output_tokens, 5)).least();
    let bound = limits.max_cost.unwrap_or(Credits::MAX);
    let question = match scene.hold_within(limits, candidates, prompt).await {
        Ok(question) => question,
        Err(error) => {
            let is_too_low = matches!(error, ApiError::MaxCostTooLow { least: told } if told == least);
            assert_eq!(is_too_low, bound < least, "{error:?}");
            assert!(is_too_low || u64::from(least) > balance, "it could have been paid");
            assert_eq!(scene.spendable_and_held().await, (balance, 0));
            return;
        }
    };
    let held = question.held();
    assert!(least <= held && held <= bound && u64::from(held) <= balance);
    assert!(Arc::ptr_eq(&question.candidates[0].offer, &first), "the model that was named is asked first");
    let wanted = limits.max_output_tokens.unwrap_or(u32::MAX);
    for candidate in &question.candidates {
        assert!((wanted.min(5)..=wanted.min(100)).contains(&candidate.max_output_tokens));
        let most_input = candidate.offer.most_input_tokens(&asked);
        let most_output = u64::from(candidate.max_output_tokens) * u64::from(asked.choices());
        let used = Usage { images: asked.images(), ..usage.within(most_input, most_output) };
        assert!(candidate.offer.terms.prices.cost(&used) <= held, "{candidate:?} {used:?}");
        assert!(asked.images() == 0 || candidate.offer.terms.image_tokens.is_some(), "{candidate:?}");
    }
    let turned_away = usize::from(scene.first.act != Behaviour::Replies);
    let Some(answers) = question.candidates.get(turned_away).map(|candidate| Arc::clone(&candidate.offer)) else {
        scene.till.reply(question).await.unwrap_err();
        assert_eq!(scene.spendable_and_held().await, (balance, 0));
        return;
    };
    let paid = scene.till.reply(question).await.unwrap();
    assert!(paid.charge.cost <= held);
    assert_eq!(paid.reply.usage.images, asked.images());
    assert!(paid.reply.usage.input_tokens <= answers.most_input_tokens(&asked));
    assert_eq!(paid.charge.cost, answers.terms.prices.cost(&paid.reply.usage));
    assert_eq!(scene.spendable_and_held().await, (balance - u64::from(paid.charge.cost), 0));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_the_prices_and_the_callers_bound_are_the_hold_keeps_to_it_and_pays_for_every_reply_of_every_candidate(
        balance in prop_oneof![0..5_000_u64, Just(1_000_000_000_000)],
        models in proptest::collection::vec((any_prices(), proptest::option::of(0..200_u32)), 1..=4),
        first in prop_oneof![2 => Just(Behaviour::Replies), 1 => Just(Behaviour::IsThrottled)],
        (text, images, choices, extra) in (".{0,200}", prop_oneof![Just(0), 1..4_usize], 1..=8_u8, "[a-z]{0,50}"),
        max_output_tokens in proptest::option::of(1..200_u32),
        max_cost in proptest::option::of(prop_oneof![0..5_000_u64, Just(1_000_000_000_000)]),
        (input, output) in (0..1_000_u64, any::<u64>()),
        (cached_input_tokens, cache_write_tokens) in any::<(u64, u64)>(),
    ) {
        let extra = RawJson::from(serde_json::value::to_raw_value(&extra).unwrap());
        let extra = BTreeMap::from([("top_k".to_owned(), extra)]);
        let prompt = Prompt { n: NonZeroU8::new(choices), extra, ..with_images(&text, images) };
        let max_cost = max_cost.map(|bound| Credits::new(bound).unwrap());
        let limits = CallerLimits { max_output_tokens, max_cost };
        let usage = Usage { cached_input_tokens, cache_write_tokens, ..Usage::counted(input, output) };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(check_the_hold(balance, &models, prompt, limits, (first, usage)));
    }
}
