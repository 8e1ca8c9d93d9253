//! `POST /chatView/`: the model replies to a message, whole or streamed, and the reply is charged exactly once.

use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use serde_json::Value;
use shared::conversation::Conversations;
use shared::domain::ids::ConversationId;
use shared::domain::invalid_field::InvalidField;
use shared::domain::message::Message;
use shared::domain::setting::SettingError;
use shared::domain::time::Clock;
use shared::endpoint::{Endpoint, Error, Resources, serve};
use shared::error::ApiError;
use shared::http::{Answer, Method, Request, StatusCode, Streamable};
use shared::identity::callers::Callers;
use shared::ledger::idempotency::{Fingerprint, IdempotencyKey, Remembered};
use shared::openai::UnknownModel;
use shared::providers::offers::{Candidates, Offers};
use shared::reply_events;
use shared::settings::{ChatSettings, Settings};
use shared::till::{Admitted, CallerLimits, HeldOrReplay, HeldQuestion, PaidReply, Question, Till};

/// Timeout for whole replies. Many proxies on the way end a response after a minute without a byte, and a part of that minute
/// is over before the function gets the request.
const WHOLE_REPLY_TIMEOUT: Duration = Duration::from_secs(58);

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    serve::<ChatEndpoint>().await
}

struct ChatEndpoint {
    callers: Callers,
    conversations: Conversations,
    till: Arc<Till>,
    stream_timeout: Duration,
    clock: Clock,
}

impl Endpoint for ChatEndpoint {
    type Answer = Streamable<ApiError>;
    type Error = ApiError;

    const METHODS: &'static [Method] = &[Method::POST];

    async fn start(resources: &Resources) -> Result<Self, SettingError> {
        let chat = ChatSettings::from_environment()?;
        let (callers, till) = resources.callers_and_till(&chat).await?;
        let (conversations, till, clock) = (resources.conversations(&chat), Arc::new(till), resources.clock.clone());
        Ok(Self { callers, conversations, till, stream_timeout: chat.stream_timeout, clock })
    }

    fn timeout(&self, _settings: &Settings) -> Duration {
        self.stream_timeout
    }

    async fn answer(&self, request: Request) -> Result<Streamable<ApiError>, ApiError> {
        let caller = self.callers.caller(request.bearer()?).await?;
        let key = request.idempotency_key()?;
        let ChatRequest { message, model, is_streamed } = ChatRequest::parse(&request)?;
        let remembered = key.map(|key| remembered(key, &message, model.as_deref()));
        let account = match self.till.admit(caller.payer(), remembered).await? {
            Admitted::Open(account) => account,
            Admitted::Replay(reply) => return again(&message, &reply, is_streamed),
        };
        let latest = request.deadline();
        let offers = self.till.offers().await?;
        let candidates = candidates(&offers, model.as_deref())?;
        let conversation = ConversationId::FIRST;
        let question = Question {
            prompt: self.conversations.prompt(&self.till, &account, &candidates, conversation, &message).await?,
            candidates,
            limits: CallerLimits::default(),
            conversation: Some(conversation),
            message: message.clone(),
            deadline: if is_streamed { latest } else { latest.min(self.clock.now().plus(WHOLE_REPLY_TIMEOUT)) },
        };
        match self.till.hold(account, question).await? {
            HeldOrReplay::Question(question) if is_streamed => self.stream(question).await,
            HeldOrReplay::Question(question) => Ok(answer(&message, &self.till.reply(question).await?)?.into()),
            HeldOrReplay::Replay(reply) => again(&message, &reply, is_streamed),
        }
    }
}

impl ChatEndpoint {
    async fn stream(&self, question: HeldQuestion) -> Result<Streamable<ApiError>, ApiError> {
        let stream = self.till.stream(question).await?;
        let beginning = Answer::event_stream().message_id(stream.id());
        Ok(Streamable::Events(beginning, reply_events::written(stream)))
    }
}

/// A request, but for its caller and its idempotency key.
struct ChatRequest {
    message: Message,
    /// An id or an alias of a model, as the caller wrote it.
    model: Option<String>,
    /// Whether the reply is sent as it is written.
    is_streamed: bool,
}

impl ChatRequest {
    fn parse(request: &Request) -> Result<Self, ApiError> {
        let mut fields = request.fields()?;
        let (message, model) = (fields.take("message"), fields.take_or_default::<ModelName>("model"));
        match (message, model) {
            (Some(message), Some(ModelName(model))) => {
                Ok(Self { message, model, is_streamed: request.accepts_events() })
            }
            _ => Err(fields.refuse()),
        }
    }
}

/// The name of a model, if there is one.
#[derive(Default)]
struct ModelName(Option<String>);

impl TryFrom<Value> for ModelName {
    type Error = InvalidField;

    fn try_from(value: Value) -> Result<Self, InvalidField> {
        match value {
            // A form cannot leave a field out that its page has, or say null.
            Value::String(name) if name.is_empty() => Ok(Self(None)),
            Value::String(name) => Ok(Self(Some(name))),
            _ => Err(InvalidField::new("Not a valid string.")),
        }
    }
}

/// The request as it is remembered under `key`. One that names no model is remembered by its message alone, whatever the
/// default is by the time of a repetition.
fn remembered(key: IdempotencyKey, message: &Message, model: Option<&str>) -> Remembered {
    let Some(model) = model else { return Remembered::message(key, message) };
    Remembered { key, fingerprint: Fingerprint::of_request("/chatView/", &[model, message.as_str()]) }
}

/// The models that may answer: the one of this name and its fallbacks, or the first of the catalogue.
fn candidates(offers: &Offers, model: Option<&str>) -> Result<Candidates, ApiError> {
    let Some(name) = model else { return Ok(offers.first()) };
    offers.find(name).ok_or_else(|| ApiError::invalid("model", UnknownModel::new(name, offers.listed()).detail()))
}

fn answer(message: &Message, paid: &PaidReply) -> Result<Answer, ApiError> {
    let body = ChatBody { user: &paid.username, message: message.as_str(), response: paid.reply.shown() };
    Ok(Answer::private(StatusCode::OK, &body)?.message_id(paid.id).charge(paid.charge))
}

/// The reply that an earlier request with the same idempotency key got.
fn again(message: &Message, paid: &PaidReply, is_streamed: bool) -> Result<Streamable<ApiError>, ApiError> {
    if !is_streamed {
        return Ok(answer(message, paid)?.replayed().into());
    }
    let beginning = Answer::event_stream().message_id(paid.id).replayed();
    Ok(Streamable::Events(beginning, reply_events::stored(paid)))
}

#[derive(Serialize)]
struct ChatBody<'a> {
    user: &'a str,
    message: &'a str,
    response: &'a str,
}
