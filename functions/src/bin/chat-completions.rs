//! `POST /v1/chat/completions`: OpenAI's protocol. A conversation is continued, whole or as it is
//! written, and paid for exactly once.

use std::sync::Arc;
use std::time::Duration;

use futures_util::{StreamExt, stream};
use lambda_http::http::{HeaderName, Method, StatusCode};
use shared::callers::Callers;
use shared::completions::{self, Chunks, Completion, CompletionRequest, Delivery};
use shared::error::ApiError;
use shared::http::{
    Answer, Error, Events, Request, Response, Streamable, StreamingEndpoint, deadline, idempotency_key, serve_streaming,
};
use shared::ids::EntryId;
use shared::ledger::{Charge, Ledger, Replay, StoredReply};
use shared::models::Model;
use shared::paid_model::{Begun, PaidModel, PaidPiece, PaidStream, Question};
use shared::settings::{ChatSettings, Settings};
use shared::table::Table;
use shared::time::Clock;

/// API Gateway hangs up where nothing comes for five minutes, and a whole answer comes at its end: whoever
/// asks for one must not pay for what does not arrive.
const WHOLE_ANSWER_LIMIT: Duration = Duration::from_secs(295);

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let settings = Settings::from_environment()?;
    let chat = ChatSettings::from_environment()?;
    shared::logging::start(&settings);
    let clock = Clock::system();
    let table = Table::connect(&settings.table_name)?;
    // Both may read over the network first.
    let (callers, model) = tokio::join!(Callers::start(table.clone(), clock.clone()), Model::connect(&chat.model));
    let endpoint = ChatCompletions {
        callers,
        paid_model: Arc::new(PaidModel {
            ledger: Ledger::new(table, clock.clone(), settings.max_holds),
            model: model?,
            pricing: chat.pricing,
            output_limits: chat.output_limits,
            clock: clock.clone(),
        }),
        stream_timeout: chat.stream_timeout,
        clock,
    };
    serve_streaming(endpoint, settings.cors_origins).await
}

struct ChatCompletions {
    callers: Callers,
    paid_model: Arc<PaidModel>,
    stream_timeout: Duration,
    clock: Clock,
}

impl StreamingEndpoint for ChatCompletions {
    const METHODS: &'static [Method] = &[Method::POST];

    async fn answer(&self, request: Request) -> Result<Streamable, ApiError> {
        let deadline = deadline(&request, &self.clock, self.stream_timeout);
        let caller = self.callers.caller(&request).await?;
        let key = idempotency_key(&request)?;
        let asked = CompletionRequest::parse(&request, &self.paid_model.model)?;
        let remembered = key.map(|key| asked.remembered(key, &self.paid_model.model));
        let CompletionRequest { prompt, message, max_output_tokens, delivery } = asked;
        let deadline = match delivery {
            Delivery::Whole => deadline.min(self.clock.now().plus(WHOLE_ANSWER_LIMIT)),
            Delivery::Streamed { .. } => deadline,
        };
        let question =
            Question { caller: &caller, prompt, message, max_output_tokens, standalone: true, remembered, deadline };
        match (self.paid_model.begin(question).await?, delivery) {
            (Begun::Paid(question), Delivery::Whole) => {
                let paid = self.paid_model.reply(question).await?;
                Ok(Streamable::Whole(whole(paid.id, &paid.reply, paid.charge)?))
            }
            (Begun::Paid(question), Delivery::Streamed { include_usage }) => {
                let stream = self.paid_model.stream(question).await?;
                let chunks = Chunks::new(stream.id(), self.paid_model.model.id(), include_usage);
                let beginning = with_id(Answer::event_stream(), stream.id());
                Ok(Streamable::Events(beginning, as_it_is_written(stream, chunks)))
            }
            (Begun::Replay(replay), delivery) => replayed(&replay, delivery),
        }
    }

    fn problem(error: &ApiError) -> Response {
        completions::problem(error)
    }

    fn error_event(error: &ApiError) -> String {
        completions::error_event(error)
    }
}

fn whole(id: EntryId, reply: &StoredReply, charge: Charge) -> Result<Answer, ApiError> {
    let answer = Answer::private(StatusCode::OK, &Completion::new(id, reply))?;
    Ok(with_id(answer, id)
        .header(HeaderName::from_static("x-token-cost"), &charge.cost.to_string())
        .header(HeaderName::from_static("x-token-balance"), &charge.balance.to_string()))
}

fn with_id(answer: Answer, id: EntryId) -> Answer {
    answer.header(HeaderName::from_static("x-message-id"), &id.to_string())
}

/// The capture is part of the stream, and comes before the last events.
fn as_it_is_written(paid: PaidStream, chunks: Chunks) -> Events {
    let beginning = stream::iter([Ok(chunks.beginning())]);
    let rest = stream::unfold((paid, chunks), |(mut paid, chunks)| async move {
        let event = paid.next().await?.map(|piece| match piece {
            PaidPiece::Text(text) => chunks.text(&text),
            PaidPiece::Paid(paid) => chunks.end(&paid.reply),
        });
        Some((event, (paid, chunks)))
    });
    beginning.chain(rest).boxed()
}

/// The answer that was given before, in the way that is asked for now.
fn replayed(replay: &Replay, delivery: Delivery) -> Result<Streamable, ApiError> {
    let marked = |answer: Answer| answer.header(HeaderName::from_static("idempotent-replayed"), "true");
    let Delivery::Streamed { include_usage } = delivery else {
        let charge = Charge { cost: replay.cost, balance: replay.balance };
        return Ok(Streamable::Whole(marked(whole(replay.id, &replay.reply, charge)?)));
    };
    let chunks = Chunks::new(replay.id, &replay.reply.model, include_usage);
    let events = [chunks.beginning(), chunks.text(&replay.reply.text), chunks.end(&replay.reply)];
    let beginning = marked(with_id(Answer::event_stream(), replay.id));
    Ok(Streamable::Events(beginning, stream::iter(events).map(Ok).boxed()))
}
