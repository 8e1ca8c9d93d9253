//! The function `chat`, with the prices of the catalogue.

use std::collections::HashMap;
use std::num::NonZeroU8;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::future::BoxFuture;
use futures_util::{FutureExt, StreamExt, stream};
use providers::catalogue::{Catalogue, CataloguedModel, Protocol, Provider};
use providers::catalogues::Catalogues;
use providers::chat_model::ChatModel;
use providers::error::ModelError;
use providers::model::Model;
use providers::offers::{Connect, OfferDesk};
use providers::prompt::{Image, ImageType, Prompt, Role, Turn};
use providers::reply::{End, Part, Piece, Reply, ReplyStream, SaidChoice};
use shared::domain::cause::Cause;
use shared::domain::credits::Credits;
use shared::domain::message::{FinishReason, Message};
use shared::domain::pricing::{OutputLimits, Prices, Quote, Usage};
use shared::error::ApiError;
use shared::ledger::gate::Gate;
use shared::ledger::idempotency::{IdempotencyKey, Remembered};
use shared::till::{Admitted, CallerLimits, HeldOrReplay, HeldQuestion, PaidReply, Question, ReplyPiece, Till};

use super::{FUNCTION_TIMEOUT, STREAM_TIMEOUT};
use crate::request::{Chat, ModelFailure, Told};
use crate::sabotage::Sabotage;
use crate::world::{AskedModel, World};

/// The time after which a stream is handed out without words.
const SILENCE: Duration = Duration::from_secs(15);

/// The reply of the model in a process. It differs for each process. A long one has no room in a message item.
pub(crate) fn response(number: usize, is_long: bool) -> String {
    let padding = if is_long { "x".repeat(1200) } else { String::new() };
    format!("Reply {number}{padding}")
}

/// Whether the model in the process of this number wrote `text`.
pub(crate) fn is_response(number: usize, text: &str) -> bool {
    [true, false].into_iter().any(|is_long| response(number, is_long) == text)
}

/// The catalogue of the settings: one model, whose output costs a credit a token.
pub(crate) fn catalogue_of_settings() -> Catalogue {
    let prices = Prices::per_token(Credits::ZERO, Credits::new(1_000_000).unwrap());
    let terms = CataloguedModel::of_the_settings("settings", prices, 1000, 1000);
    Catalogue::of_one(Provider::new(Protocol::Dummy), terms)
}

/// A prompt with so many images, and without words.
pub(crate) fn prompt(images: u32) -> Prompt {
    let image = || Image { at: 0, media_type: ImageType::Png, data: String::new(), detail: None };
    let turn = Turn { images: (0..images).map(|_| image()).collect(), ..Turn::text(Role::User, "") };
    Prompt { turns: vec![turn], ..Prompt::default() }
}

/// The range of costs of `chat` with this model.
pub(crate) fn quote(model: &CataloguedModel, chat: &Chat) -> Quote {
    let limits = OutputLimits { most: chat.most_tokens, least: chat.least_tokens };
    let most_input = prompt(chat.images).most_input_tokens(model.image_tokens.unwrap_or(0));
    model.prices.quote(most_input, chat.images, limits).for_choices(chat.choices)
}

/// The usage that the model of `chat` counts: some of the input was in its cache, and each choice has as many tokens. It
/// counts no images, and 200 tokens for each, which may be more than its catalogue says.
pub(crate) fn counted(chat: &Chat) -> Usage {
    let input_tokens = 20 + 200 * u64::from(chat.images);
    let output_tokens = u64::from(chat.tokens) * u64::from(chat.choices);
    Usage { cached_input_tokens: 7, cache_write_tokens: 5, ..Usage::counted(input_tokens, output_tokens) }
}

/// The connection of a process to all models, which follow one script.
#[derive(Debug)]
struct ScriptedConnection(Arc<Script>);

impl Connect for ScriptedConnection {
    fn connect(&self, _provider: &Provider, model: &CataloguedModel) -> Model {
        Model::new(Scripted { id: model.id.clone(), script: Arc::clone(&self.0) })
    }
}

pub(super) async fn answer(world: &World, number: usize, chat: &Chat) -> Result<Told, ApiError> {
    let catalogues = Catalogues::new(world.table.clone(), world.clock.clone(), catalogue_of_settings());
    let connection = ScriptedConnection(Arc::new(Script::of(world, number, chat)));
    let till = Arc::new(Till {
        ledger: world.ledger.clone(),
        gate: Gate::without_operator(world.clock.clone()),
        offers: OfferDesk::new(catalogues, Box::new(connection)),
        least_output_tokens: chat.least_tokens,
        clock: world.clock.clone(),
    });
    let message = Message::try_from(chat.message.clone()).unwrap();
    let key = chat.key.as_deref().map(|key| IdempotencyKey::parse(key).unwrap());
    let remembered = key.map(|key| Remembered::message(key, &message));
    let account = match till.admit(chat.access.payer(), remembered).await? {
        Admitted::Open(account) => account,
        Admitted::Replay(replay) => return Ok(replayed(replay)),
    };
    let offers = till.offers().await?;
    let Some(candidates) = chat.model.map_or_else(|| Some(offers.first()), |name| offers.find(name)) else {
        return Ok(Told::Refused("model_not_found"));
    };
    let n = NonZeroU8::new(chat.choices).filter(|_| world.sabotage != Some(Sabotage::ChoicesForgotten));
    let prompt = Prompt { n, ..prompt(chat.images) };
    if candidates.first.unsupported(&prompt).is_some() {
        return Ok(Told::Refused("unsupported_parameter"));
    }
    let first = candidates.first.id().to_owned();
    let question = Question {
        candidates,
        prompt,
        message,
        limits: CallerLimits { max_output_tokens: Some(chat.most_tokens), max_cost: None },
        conversation: chat.conversation,
        deadline: world.clock.now().plus(if chat.is_streamed { STREAM_TIMEOUT } else { FUNCTION_TIMEOUT }),
    };
    match till.hold(account, question).await? {
        HeldOrReplay::Replay(replay) => Ok(replayed(replay)),
        HeldOrReplay::Question(question) => {
            let held = question.held().into();
            let paid = if chat.is_streamed { stream(world, &till, question).await } else { till.reply(question).await };
            match paid {
                // Its time was up, or the model broke off: nobody has counted.
                Ok(paid) if paid.reply.finish_reason != FinishReason::Stop => Ok(Told::BrokenOff { id: paid.id, held }),
                Ok(PaidReply { id, reply, charge, .. }) => {
                    Ok(Told::Charged { id, cost: charge.cost.into(), held, by_fallback: reply.model != first })
                }
                Err(ApiError::ModelBrokeOff { message_id, .. }) => Ok(Told::BrokenOff { id: message_id, held }),
                Err(error) => Err(error),
            }
        }
    }
}

fn replayed(replay: PaidReply) -> Told {
    Told::Replayed { id: replay.id, cost: replay.charge.cost.into(), response: replay.reply.text }
}

/// Reads a stream to its end.
async fn stream(world: &World, till: &Arc<Till>, question: HeldQuestion) -> Result<PaidReply, ApiError> {
    let asked_at = world.clock.now();
    let mut stream = till.stream(question).await?;
    let was_silent = world.clock.now().since(asked_at) >= SILENCE;
    while let Some(piece) = stream.next().await {
        match piece? {
            ReplyPiece::Paid(paid) => return Ok(*paid),
            ReplyPiece::Part { .. } if was_silent && world.sabotage == Some(Sabotage::SilenceUncharged) => {
                return Err(ApiError::ModelBrokeOff { message_id: stream.id(), cause: Cause::because("a sabotage") });
            }
            ReplyPiece::Begins { .. } | ReplyPiece::Part { .. } => {}
        }
    }
    unreachable!("a stream ends with a reply or an error")
}

/// The script of all models of a process.
#[derive(Debug)]
struct Script {
    number: usize,
    response: String,
    choices: u8,
    usage: Usage,
    thinks: Duration,
    /// The time from the words to the end. The end of a whole reply comes with them.
    goes_on: Duration,
    /// The failure before the first word.
    failure: Option<ModelFailure>,
    breaks_off: bool,
    question: AskedModel,
    /// How many models were asked.
    asks: AtomicUsize,
    asked: Arc<Mutex<Vec<AskedModel>>>,
    answered: Arc<Mutex<HashMap<usize, String>>>,
}

/// A model that follows the script of its process.
#[derive(Debug)]
struct Scripted {
    id: String,
    script: Arc<Script>,
}

impl Script {
    fn of(world: &World, number: usize, chat: &Chat) -> Self {
        Self {
            number,
            response: response(number, chat.is_long),
            choices: chat.choices,
            usage: counted(chat),
            thinks: chat.thinks,
            goes_on: if chat.is_streamed { chat.thinks } else { Duration::ZERO },
            failure: chat.failure,
            breaks_off: chat.breaks_off,
            question: AskedModel { process: number, user_id: chat.access.user_id() },
            asks: AtomicUsize::new(0),
            asked: Arc::clone(&world.asked),
            answered: Arc::clone(&world.answered),
        }
    }
}

impl Scripted {
    /// Notes that the model is asked, unless it turns the question away, and waits while it thinks.
    async fn think(&self) -> Result<(), ModelError> {
        let script = &self.script;
        let is_first = script.asks.fetch_add(1, Ordering::SeqCst) == 0;
        let error = match script.failure {
            Some(ModelFailure::Fails) => Some(failed()),
            Some(ModelFailure::TurnsAway) => Some(turned_away()),
            Some(ModelFailure::FirstTurnsAway) if is_first => Some(turned_away()),
            _ => None,
        };
        if error.as_ref().is_none_or(ModelError::may_have_worked) {
            script.asked.lock().unwrap().push(script.question);
        }
        tokio::time::sleep(script.thinks).await;
        if let Some(error) = error {
            return Err(error);
        }
        script.answered.lock().unwrap().insert(script.number, self.id.clone());
        Ok(())
    }
}

impl ChatModel for Scripted {
    fn unsupported(&self, _prompt: &Prompt) -> Option<&'static str> {
        None
    }

    fn reply<'a>(&'a self, _prompt: &'a Prompt, _limit: u32) -> BoxFuture<'a, Result<Reply, ModelError>> {
        async {
            self.think().await?;
            let end = End { finish_reason: FinishReason::Stop, usage: Some(self.script.usage) };
            let choice = SaidChoice::text(&self.script.response);
            Ok(Reply { choices: vec![choice; self.script.choices.into()], end })
        }
        .boxed()
    }

    /// The whole text of each choice, and the end after the same time again.
    fn stream<'a>(&'a self, _prompt: &'a Prompt, _limit: u32) -> BoxFuture<'a, Result<ReplyStream, ModelError>> {
        async {
            self.think().await?;
            let script = &self.script;
            let end = End { finish_reason: FinishReason::Stop, usage: Some(script.usage) };
            let end = if script.breaks_off { Err(failed()) } else { Ok(Piece::End(end)) };
            let (response, choices) = (script.response.clone(), script.choices);
            let text = stream::iter(0..choices)
                .map(move |choice| Ok(Piece::Part { choice, part: Part::Text(response.clone()) }));
            let goes_on = script.goes_on;
            let last = stream::once(async move {
                tokio::time::sleep(goes_on).await;
                end
            });
            Ok(text.chain(last).boxed())
        }
        .boxed()
    }
}

fn failed() -> ModelError {
    ModelError::Failed(Cause::because("the model was to fail"))
}

fn turned_away() -> ModelError {
    ModelError::Unavailable { retry_after: None, cause: Cause::because("the model was to turn the request away") }
}
