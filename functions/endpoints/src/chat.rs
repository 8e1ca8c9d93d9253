//! `POST /chatView/`: the model replies to a message, whole or streamed, and the reply is charged exactly once.
//! `POST /chatView/quote/`: the least balance that the message needs, and the most that its reply can cost. Nothing is held, and
//! no model is asked.

use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use serde_json::Value;
use shared::conversation::Conversations;
use shared::domain::cause::Cause;
use shared::domain::ids::{ConversationId, EntryId};
use shared::domain::invalid_field::InvalidField;
use shared::domain::message::Message;
use shared::domain::setting::SettingError;
use shared::domain::time::Clock;
use shared::endpoint::{Endpoint, Error, Resources, serve};
use shared::error::ApiError;
use shared::http::{Answer, Method, Request, StatusCode, Streamable};
use shared::identity::callers::Callers;
use shared::ledger::admission::OpenAccount;
use shared::ledger::idempotency::{Fingerprint, IdempotencyKey, Remembered};
use shared::openai::{QuoteAnswer, UnknownModel};
use shared::providers::offers::{Candidates, Offers};
use shared::providers::prompt::Prompt;
use shared::reply_events;
use shared::settings::{ChatSettings, Settings};
use shared::till::{Admitted, CallerLimits, HeldOrReplay, PaidReply, Question, Quotation, Till, UNKNOWN_CONVERSATION};

/// Timeout for whole replies. Many proxies on the way end a response after a minute without a byte, and a part of that minute
/// is over before the function gets the request.
const WHOLE_REPLY_TIMEOUT: Duration = Duration::from_secs(58);

/// The reason of a refusal of a request that names no model.
const NONE_PERMITTED: &str = "This deployment has none of the models that this API key may ask.";

/// The main of this function's binary.
#[tokio::main(flavor = "current_thread")]
pub async fn run() -> Result<(), Error> {
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
        match request.item_of("chatView") {
            None => Box::pin(self.reply(&request)).await,
            Some("quote") => Ok(Box::pin(self.quote(&request)).await?.into()),
            Some(_) => Err(ApiError::NotFound),
        }
    }
}

impl ChatEndpoint {
    async fn reply(&self, request: &Request) -> Result<Streamable<ApiError>, ApiError> {
        let caller = self.callers.caller(request.bearer()?).await?;
        let key = request.idempotency_key()?;
        let asked = ChatRequest::parse(request)?;
        let remembered = key.map(|key| asked.remembered(key));
        let account = match self.till.admit_to(caller, asked.conversation, remembered).await? {
            Admitted::Open(account) => account,
            Admitted::Replay(reply) => return asked.answered_again(&reply),
        };
        let latest = request.deadline();
        let (candidates, prompt) = self.candidates_and_prompt(&account, &asked).await?;
        let question = Question {
            prompt,
            candidates,
            limits: CallerLimits::default(),
            conversation: account.conversation(),
            message: asked.message.clone(),
            deadline: if asked.is_streamed { latest } else { latest.min(self.clock.now().plus(WHOLE_REPLY_TIMEOUT)) },
        };
        let held = self.till.hold(account, question).await.map_err(|error| match error {
            ApiError::ModelNotFound(unknown) => ApiError::invalid("model", unknown.detail()),
            error => error,
        });
        match held? {
            HeldOrReplay::Question(question) if asked.is_streamed => {
                let stream = self.till.stream(question).await?;
                Ok(Streamable::Events(asked.beginning(stream.id()), reply_events::written(stream)))
            }
            HeldOrReplay::Question(question) => Ok(asked.answered(&self.till.reply(question).await?)?.into()),
            HeldOrReplay::Replay(reply) => asked.answered_again(&reply),
        }
    }

    /// The cost of the same message, for which the account is admitted and the prompt is made as [`ChatEndpoint::reply`] does. So
    /// a quote is refused for what its message would be refused for.
    async fn quote(&self, request: &Request) -> Result<Answer, ApiError> {
        let caller = self.callers.caller(request.bearer()?).await?;
        // A quote needs no key, and refuses one that the message would refuse.
        request.idempotency_key()?;
        let asked = ChatRequest::parse(request)?;
        let Admitted::Open(account) = self.till.admit_to(caller, asked.conversation, None).await? else {
            return Err(ApiError::Internal(Cause::because("a request without an idempotency key was answered before")));
        };
        let (candidates, prompt) = self.candidates_and_prompt(&account, &asked).await?;
        let quotation = Quotation::of(&candidates, &prompt, CallerLimits::default(), self.till.least_output_tokens)?;
        Answer::private(StatusCode::OK, &QuoteAnswer::of(&quotation, &prompt))
    }

    /// The models that may answer, and what the first of them is told.
    async fn candidates_and_prompt(
        &self,
        account: &OpenAccount,
        asked: &ChatRequest,
    ) -> Result<(Candidates, Prompt), ApiError> {
        let offers = self.till.offers(account.key_limits()).await?;
        let candidates = asked.candidates(&offers)?;
        let prompt = self.conversations.prompt(&self.till, account, &candidates, &asked.message).await?;
        Ok((candidates, prompt))
    }
}

/// A request, but for its caller and its idempotency key.
struct ChatRequest {
    message: Message,
    /// An id or an alias of a model, as the caller wrote it.
    model: Option<String>,
    conversation: ConversationId,
    /// Whether the reply is sent as it is written.
    is_streamed: bool,
}

impl ChatRequest {
    fn parse(request: &Request) -> Result<Self, ApiError> {
        let mut fields = request.fields()?;
        let (message, model) = (fields.take("message"), fields.take_or_default::<ModelName>("model"));
        match (message, model, fields.take_or_default("conversation")) {
            (Some(message), Some(ModelName(model)), Some(ChosenConversation(conversation))) => {
                Ok(Self { message, model, conversation, is_streamed: request.accepts_events() })
            }
            _ => Err(fields.refuse()),
        }
    }

    /// The request as it is remembered under `key`. In the first conversation, one that names no model is remembered by its
    /// message alone, whatever the default is by the time of a repetition.
    fn remembered(&self, key: IdempotencyKey) -> Remembered {
        let Self { message, model, conversation, is_streamed: _ } = self;
        let fingerprint = match (model, *conversation) {
            (None, ConversationId::FIRST) => return Remembered::message(key, message),
            (Some(model), ConversationId::FIRST) => {
                Fingerprint::of_request("/chatView/", &[model.as_str(), message.as_str()])
            }
            (model, id) => Fingerprint::of_request("/chatView/", &(model, message.as_str(), id)),
        };
        Remembered { key, fingerprint }
    }

    /// The models that may answer: the one of this name and its fallbacks, or the first of the catalogue.
    fn candidates(&self, offers: &Offers) -> Result<Candidates, ApiError> {
        let none_permitted = || ApiError::invalid("model", NONE_PERMITTED);
        let Some(name) = &self.model else { return offers.first().ok_or_else(none_permitted) };
        let unknown = || ApiError::invalid("model", UnknownModel::new(name, offers.listed()).detail());
        let candidates = offers.find(name).ok_or_else(unknown)?;
        if candidates.first.terms.makes_embeddings() {
            let detail = format!("The model '{}' makes embeddings, and nothing else.", candidates.first.id());
            return Err(ApiError::invalid("model", detail));
        }
        Ok(candidates)
    }

    /// The whole answer.
    fn answered(&self, paid: &PaidReply) -> Result<Answer, ApiError> {
        let body = ChatBody { user: &paid.username, message: self.message.as_str(), response: paid.reply.shown() };
        let answer = Answer::private(StatusCode::OK, &body)?;
        Ok(answer.message_id(paid.id).conversation(self.conversation).charge(paid.charge))
    }

    /// The reply that an earlier request with the same idempotency key got.
    fn answered_again(&self, paid: &PaidReply) -> Result<Streamable<ApiError>, ApiError> {
        if self.is_streamed {
            Ok(Streamable::Events(self.beginning(paid.id).replayed(), reply_events::stored(paid)))
        } else {
            Ok(self.answered(paid)?.replayed().into())
        }
    }

    /// The headers of a stream.
    fn beginning(&self, id: EntryId) -> Answer {
        Answer::event_stream().message_id(id).conversation(self.conversation)
    }
}

/// The conversation that a request names, or else the first.
struct ChosenConversation(ConversationId);

impl Default for ChosenConversation {
    fn default() -> Self {
        Self(ConversationId::FIRST)
    }
}

impl TryFrom<Value> for ChosenConversation {
    type Error = InvalidField;

    fn try_from(value: Value) -> Result<Self, InvalidField> {
        match value {
            // As for a model.
            Value::String(id) if id.is_empty() => Ok(Self::default()),
            Value::String(id) => {
                ConversationId::parse(&id).map(Self).ok_or_else(|| InvalidField::new(UNKNOWN_CONVERSATION))
            }
            _ => Err(InvalidField::new("Not a valid string.")),
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

#[derive(Serialize)]
struct ChatBody<'a> {
    user: &'a str,
    message: &'a str,
    response: &'a str,
}
