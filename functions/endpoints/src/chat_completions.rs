//! `POST /v1/chat/completions`: the model continues a conversation in OpenAI's protocol, whole or streamed, and the reply
//! is charged exactly once.

use std::sync::Arc;
use std::time::Duration;

use futures_util::{StreamExt, stream};
use shared::domain::ids::ConversationId;
use shared::domain::setting::SettingError;
use shared::domain::time::{Clock, Timestamp};
use shared::endpoint::{Endpoint, Error, Resources, serve};
use shared::http::{Answer, EventStream, Method, Request, StatusCode, Streamable};
use shared::identity::callers::Callers;
use shared::openai::{Chunks, CompletionRequest, Delivery, ProtocolError, WholeCompletion};
use shared::settings::{ChatSettings, Settings};
use shared::till::{Admitted, HeldOrReplay, HeldQuestion, PaidReply, Question, ReplyPiece, Till, TillStream};

/// Timeout for whole replies. API Gateway ends a response after five minutes without a byte, and the bytes of a whole
/// reply come at its end: a reply that arrives too late must not be charged.
const WHOLE_REPLY_TIMEOUT: Duration = Duration::from_secs(295);

/// The main of this function's binary.
#[tokio::main(flavor = "current_thread")]
pub async fn run() -> Result<(), Error> {
    serve::<ChatCompletionsEndpoint>().await
}

struct ChatCompletionsEndpoint {
    callers: Callers,
    till: Arc<Till>,
    stream_timeout: Duration,
    clock: Clock,
}

impl Endpoint for ChatCompletionsEndpoint {
    type Answer = Streamable<ProtocolError>;
    type Error = ProtocolError;

    const METHODS: &'static [Method] = &[Method::POST];

    async fn start(resources: &Resources) -> Result<Self, SettingError> {
        let chat = ChatSettings::from_environment()?;
        let (callers, till) = resources.callers_and_till(&chat).await?;
        let (till, clock) = (Arc::new(till), resources.clock.clone());
        Ok(Self { callers, till, stream_timeout: chat.stream_timeout, clock })
    }

    fn timeout(&self, _settings: &Settings) -> Duration {
        self.stream_timeout
    }

    async fn answer(&self, request: Request) -> Result<Streamable<ProtocolError>, ProtocolError> {
        let caller = self.callers.caller(request.bearer()?).await?;
        let key = request.idempotency_key()?;
        let asked = CompletionRequest::parse(&request)?;
        let latest = request.deadline();
        // Images have megabytes. From here on they are in the prompt alone.
        drop(request);
        let remembered = key.map(|key| asked.remembered(key)).transpose()?;
        let account = match self.till.admit(caller, remembered).await? {
            Admitted::Open(account) => account,
            Admitted::Replay(reply) => return again(&reply, asked.delivery),
        };
        let offers = self.till.offers().await?;
        let candidates = asked.candidates(&offers)?;
        asked.check(&candidates.first)?;
        let limits = asked.limits();
        let CompletionRequest { prompt, message, delivery, store, .. } = asked;
        let conversation = store.then_some(ConversationId::COMPLETIONS);
        let deadline = self.deadline(latest, delivery);
        let question = Question { candidates, prompt, message, limits, conversation, deadline };
        match (self.till.hold(account, question).await?, delivery) {
            (HeldOrReplay::Question(question), Delivery::Whole) => Ok(whole(&self.till.reply(question).await?)?.into()),
            (HeldOrReplay::Question(question), Delivery::Streamed { include_usage }) => {
                self.stream(question, include_usage).await
            }
            (HeldOrReplay::Replay(reply), delivery) => again(&reply, delivery),
        }
    }
}

impl ChatCompletionsEndpoint {
    /// The deadline of a delivery, `latest` or earlier.
    fn deadline(&self, latest: Timestamp, delivery: Delivery) -> Timestamp {
        match delivery {
            Delivery::Whole => latest.min(self.clock.now().plus(WHOLE_REPLY_TIMEOUT)),
            Delivery::Streamed { .. } => latest,
        }
    }

    async fn stream(
        &self,
        question: HeldQuestion,
        include_usage: bool,
    ) -> Result<Streamable<ProtocolError>, ProtocolError> {
        let in_flight = question.in_flight();
        let stream = self.till.stream(question).await?;
        let chunks = Chunks::new(stream.id(), include_usage);
        let beginning = Answer::event_stream().message_id(stream.id()).rate_limit(in_flight);
        Ok(Streamable::Events(beginning, events(stream, chunks)))
    }
}

fn whole(paid: &PaidReply) -> Result<Answer, ProtocolError> {
    let answer = Answer::private(StatusCode::OK, &WholeCompletion::of(paid))?;
    Ok(answer.message_id(paid.id).charge(paid.charge).rate_limit(paid.in_flight))
}

/// The chunks of a reply that the model is writing. The till captures before it hands out the end.
fn events(stream: TillStream, chunks: Chunks) -> EventStream<ProtocolError> {
    let events = stream::unfold((stream, chunks), |(mut stream, mut chunks)| async move {
        let event = match stream.next().await? {
            Ok(ReplyPiece::Begins { model_id }) => Ok(chunks.beginning(&model_id)),
            Ok(ReplyPiece::Part { choice, part }) => Ok(chunks.part(choice, &part)),
            Ok(ReplyPiece::Paid(paid)) => Ok(chunks.end(&paid)),
            Err(error) => Err(error.into()),
        };
        Some((event, (stream, chunks)))
    });
    events.boxed()
}

/// The reply that an earlier request with the same idempotency key got.
fn again(paid: &PaidReply, delivery: Delivery) -> Result<Streamable<ProtocolError>, ProtocolError> {
    match delivery {
        Delivery::Whole => Ok(whole(paid)?.replayed().into()),
        Delivery::Streamed { include_usage } => Ok(streamed_again(paid, include_usage)),
    }
}

/// The chunks of that reply.
fn streamed_again(paid: &PaidReply, include_usage: bool) -> Streamable<ProtocolError> {
    let mut chunks = Chunks::new(paid.id, include_usage);
    let events = chunks.of_reply(paid);
    let beginning = Answer::event_stream().message_id(paid.id).rate_limit(paid.in_flight).replayed();
    Streamable::Events(beginning, stream::iter(events).map(Ok).boxed())
}
