//! The function `chat`, with prices by usage.

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
use providers::prompt::{Prompt, Sampling};
use providers::reply::{End, Piece, Reply, ReplyStream};
use shared::domain::cause::Cause;
use shared::domain::credits::Credits;
use shared::domain::message::{FinishReason, Message};
use shared::domain::pricing::{Prices, Usage};
use shared::error::ApiError;
use shared::ledger::gate::Gate;
use shared::ledger::idempotency::{IdempotencyKey, Remembered};
use shared::till::{Admitted, HeldOrReplay, PaidReply, Question, ReplyPiece, Till, TillStream};

use super::FUNCTION_TIMEOUT;
use crate::request::{Chat, ModelFailure, Told};
use crate::world::{AskedModel, World};

/// The reply of the model in a process. It differs for each process. A long one has no room in a message item.
pub(crate) fn response(number: usize, is_long: bool) -> String {
    let padding = if is_long { "x".repeat(1200) } else { String::new() };
    format!("Reply {number}{padding}")
}

/// The model's name in a process. It differs for each process, so an entry shows which process was charged.
pub(crate) fn model_id(number: usize) -> String {
    format!("model-{number}")
}

/// A token of output costs a credit, and input nothing, so that the schedule decides the amounts of holds and charges.
pub(crate) fn prices() -> Prices {
    Prices::per_token(Credits::ZERO, Credits::new(1_000_000).unwrap())
}

/// The one model of a process. It writes as many tokens as the hold is to cover.
fn catalogue(number: usize, chat: &Chat) -> Catalogue {
    let terms = CataloguedModel::of_the_settings(&model_id(number), prices(), 1000, chat.amount);
    Catalogue::of_one(Provider::new(Protocol::Dummy), terms)
}

/// The connection to a model with a script.
#[derive(Debug)]
struct ScriptedConnection(Model);

impl Connect for ScriptedConnection {
    fn connect(&self, _provider: &Provider, _model: &CataloguedModel) -> Model {
        self.0.clone()
    }
}

pub(super) async fn answer(world: &World, number: usize, chat: &Chat) -> Result<Told, ApiError> {
    let scripted = ScriptedConnection(Model::new(Scripted::of(world, number, chat)));
    let till = Arc::new(Till {
        ledger: world.ledger.clone(),
        gate: Gate::without_operator(world.clock.clone()),
        offers: OfferDesk::new(Catalogues::without_table(catalogue(number, chat)), Box::new(scripted)),
        least_output_tokens: chat.least,
        clock: world.clock.clone(),
    });
    let message = Message::try_from(chat.message.clone()).unwrap();
    let key = chat.key.as_deref().map(|key| IdempotencyKey::parse(key).unwrap());
    let remembered = key.map(|key| Remembered::message(key, &message));
    let account = match till.admit(chat.access.payer(), remembered).await? {
        Admitted::Open(account) => account,
        Admitted::Replay(replay) => return Ok(replayed(replay)),
    };
    let question = Question {
        candidates: till.offers().await?.first(),
        prompt: Prompt::default(),
        message,
        max_output_tokens: None,
        conversation: chat.conversation,
        deadline: world.clock.now().plus(FUNCTION_TIMEOUT),
    };
    match till.hold(account, question).await? {
        HeldOrReplay::Replay(replay) => Ok(replayed(replay)),
        HeldOrReplay::Question(question) => {
            let held = question.held().into();
            let paid =
                if chat.is_streamed { read(till.stream(question).await?).await } else { till.reply(question).await };
            match paid {
                // Its time was up, or the model broke off: nobody has counted.
                Ok(paid) if paid.reply.finish_reason != FinishReason::Stop => Ok(Told::BrokenOff { id: paid.id, held }),
                Ok(paid) => Ok(Told::Charged { id: paid.id, cost: paid.charge.cost.into(), held }),
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
async fn read(mut stream: TillStream) -> Result<PaidReply, ApiError> {
    while let Some(piece) = stream.next().await {
        if let ReplyPiece::Paid(paid) = piece? {
            return Ok(paid);
        }
    }
    unreachable!("a stream ends with a reply or an error")
}

/// A model with a script.
#[derive(Debug)]
struct Scripted {
    response: String,
    usage: Usage,
    thinks: Duration,
    /// The time from the words to the end. The end of a whole reply comes with them.
    goes_on: Duration,
    /// The failure before the first word.
    failure: Option<fn() -> ModelError>,
    breaks_off: bool,
    question: AskedModel,
    asked: Arc<Mutex<Vec<AskedModel>>>,
}

impl Scripted {
    fn of(world: &World, number: usize, chat: &Chat) -> Self {
        let usage = Usage::counted(1, chat.cost.into());
        Self {
            response: response(number, chat.is_long),
            usage,
            thinks: chat.thinks,
            goes_on: if chat.is_streamed { chat.thinks } else { Duration::ZERO },
            failure: chat.failure.map(|failure| match failure {
                ModelFailure::Fails => failed as fn() -> ModelError,
                ModelFailure::TurnsAway => turned_away,
            }),
            breaks_off: chat.breaks_off,
            question: AskedModel { process: number, user_id: chat.access.user_id() },
            asked: Arc::clone(&world.asked),
        }
    }

    /// Notes that the model is asked, unless it turns the question away, and waits while it thinks.
    async fn think(&self) -> Result<(), ModelError> {
        if self.failure.is_none_or(|failure| failure().may_have_worked()) {
            self.asked.lock().unwrap().push(self.question);
        }
        tokio::time::sleep(self.thinks).await;
        self.failure.map_or(Ok(()), |failure| Err(failure()))
    }
}

impl ChatModel for Scripted {
    fn unsupported(&self, _sampling: &Sampling) -> Option<&'static str> {
        None
    }

    fn reply<'a>(&'a self, _prompt: &'a Prompt, _limit: u32) -> BoxFuture<'a, Result<Reply, ModelError>> {
        async {
            self.think().await?;
            let end = End { finish_reason: FinishReason::Stop, usage: Some(self.usage) };
            Ok(Reply { text: self.response.clone(), refusal: None, end })
        }
        .boxed()
    }

    /// The whole text, and the end after the same time again.
    fn stream<'a>(&'a self, _prompt: &'a Prompt, _limit: u32) -> BoxFuture<'a, Result<ReplyStream, ModelError>> {
        async {
            self.think().await?;
            let end = End { finish_reason: FinishReason::Stop, usage: Some(self.usage) };
            let end = if self.breaks_off { Err(failed()) } else { Ok(Piece::End(end)) };
            let text = stream::iter([Ok(Piece::Text(self.response.clone()))]);
            let goes_on = self.goes_on;
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
