//! `POST /chatView/`: a message becomes a reply, and is paid for exactly once.

use std::time::Duration;

use lambda_http::http::{HeaderName, Method, StatusCode};
use serde::Serialize;
use shared::chat::{Message, Model};
use shared::credits::Credits;
use shared::error::ApiError;
use shared::http::{Answer, Endpoint, Error, Fields, Request, deadline, serve};
use shared::jwt::Verifier;
use shared::ledger::{Exchange, Ledger};
use shared::settings::Settings;
use shared::table::Table;
use shared::time::Clock;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let settings = Settings::from_environment()?;
    shared::logging::start(settings.log_level);
    let clock = Clock::system();
    let table = Table::connect(&settings.table_name).await;
    serve(Chat {
        verifier: Verifier::start(table.clone(), clock.clone()).await,
        ledger: Ledger::new(table, clock.clone()),
        model: settings.model,
        message_cost: settings.message_cost,
        function_timeout: settings.function_timeout,
        clock,
    })
    .await
}

struct Chat {
    verifier: Verifier,
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
        let person = self.verifier.logged_in(&request).await?;
        let message = parse(&request)?;
        let held = self.ledger.hold(&person, self.message_cost, deadline).await?;
        let response = self.model.reply(&message);
        let exchange = Exchange { message: &message, response: &response };
        let charge = self.ledger.capture(&held, self.message_cost, exchange).await?;
        let body = Reply { user: &held.username, message: message.as_str(), response: &response };
        Ok(Answer::private(StatusCode::OK, &body)?
            .header(HeaderName::from_static("x-message-id"), &held.id.to_string())
            .header(HeaderName::from_static("x-token-cost"), &charge.cost.to_string())
            .header(HeaderName::from_static("x-token-balance"), &charge.balance.to_string()))
    }
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
