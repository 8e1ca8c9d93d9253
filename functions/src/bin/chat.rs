//! `POST /chatView/`: a message becomes a reply, and is paid for exactly once.

use std::time::Duration;

use lambda_http::http::{HeaderName, Method, StatusCode};
use serde::Serialize;
use shared::callers::Callers;
use shared::chat::{Message, Model};
use shared::credits::Credits;
use shared::error::ApiError;
use shared::http::{Answer, Endpoint, Error, Fields, Request, deadline, idempotency_key, serve};
use shared::ids::EntryId;
use shared::ledger::{Charge, Exchange, Held, Ledger, Order, Replay, Started};
use shared::settings::Settings;
use shared::table::Table;
use shared::time::{Clock, Timestamp};

/// A capture that gets no answer is tried, looked for, released and looked for again.
const CAPTURE_RESERVE: Duration = Duration::from_secs(10);

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let settings = Settings::from_environment()?;
    shared::logging::start(settings.log_level);
    let clock = Clock::system();
    let table = Table::connect(&settings.table_name).await;
    serve(Chat {
        callers: Callers::start(table.clone(), clock.clone()).await,
        ledger: Ledger::new(table, clock.clone(), settings.max_holds),
        model: settings.model,
        message_cost: settings.message_cost,
        function_timeout: settings.function_timeout,
        clock,
    })
    .await
}

struct Chat {
    callers: Callers,
    ledger: Ledger,
    model: Model,
    message_cost: Credits,
    function_timeout: Duration,
    clock: Clock,
}

impl Endpoint for Chat {
    const METHODS: &'static [Method] = &[Method::POST];

    async fn answer(&self, request: Request) -> Result<Answer, ApiError> {
        let deadline = deadline(&request, &self.clock, self.function_timeout);
        let caller = self.callers.caller(&request).await?;
        let key = idempotency_key(&request)?;
        let message = parse(&request)?;
        let order =
            Order { caller: &caller, amount: self.message_cost, message: &message, key: key.as_ref(), deadline };
        match self.ledger.start(&order).await? {
            Started::Held(held) => self.reply(&held, &message, deadline).await,
            Started::Replay(replay) => again(&replay, &message),
        }
    }
}

impl Chat {
    async fn reply(&self, held: &Held, message: &Message, deadline: Timestamp) -> Result<Answer, ApiError> {
        let limit = time_to_think(deadline.since(self.clock.now()));
        let response = match self.model.reply(message, limit).await {
            Ok(response) => response,
            Err(error) => {
                self.ledger.abandon(held).await;
                return Err(error);
            }
        };
        let charge = self.ledger.capture(held, self.message_cost, Exchange { message, response: &response }).await?;
        let body = Reply { user: &held.username, message: message.as_str(), response: &response };
        answer(&body, held.id, charge)
    }
}

/// The same answer as before, for the same idempotency key.
fn again(replay: &Replay, message: &Message) -> Result<Answer, ApiError> {
    let body = Reply { user: &replay.username, message: message.as_str(), response: &replay.response };
    let charge = Charge { cost: replay.cost, balance: replay.balance };
    Ok(answer(&body, replay.id, charge)?.header(HeaderName::from_static("idempotent-replayed"), "true"))
}

fn answer(body: &Reply<'_>, id: EntryId, charge: Charge) -> Result<Answer, ApiError> {
    Ok(Answer::private(StatusCode::OK, body)?
        .header(HeaderName::from_static("x-message-id"), &id.to_string())
        .header(HeaderName::from_static("x-token-cost"), &charge.cost.to_string())
        .header(HeaderName::from_static("x-token-balance"), &charge.balance.to_string()))
}

/// The model has the remaining time less what a capture needs in the worst case, but half of it
/// at least.
fn time_to_think(remaining: Duration) -> Duration {
    remaining.saturating_sub(CAPTURE_RESERVE).max(remaining / 2)
}

#[derive(Serialize)]
struct Reply<'a> {
    user: &'a str,
    message: &'a str,
    response: &'a str,
}

fn parse(request: &Request) -> Result<Message, ApiError> {
    let mut fields = Fields::of(request)?;
    fields.take("message").ok_or_else(|| fields.refuse())
}
