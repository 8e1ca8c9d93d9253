//! `POST /chatView/`: a message becomes a reply, and is paid for exactly once.

use std::time::Duration;

use lambda_http::http::{HeaderName, Method, StatusCode};
use serde::Serialize;
use shared::callers::Callers;
use shared::chat::Message;
use shared::conversation::Conversations;
use shared::error::ApiError;
use shared::http::{Answer, Endpoint, Error, Fields, Request, deadline, idempotency_key, serve};
use shared::ids::{EntryId, UserId};
use shared::ledger::{Charge, Ledger, Remembered};
use shared::models::{Model, Prompt};
use shared::paid_model::{Begun, PaidModel, Question};
use shared::settings::{ChatSettings, Settings};
use shared::table::Table;
use shared::time::Clock;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let settings = Settings::from_environment()?;
    let chat = ChatSettings::from_environment()?;
    shared::logging::start(&settings);
    let clock = Clock::system();
    let table = Table::connect(&settings.table_name)?;
    // Both may read over the network first.
    let (callers, model) = tokio::join!(Callers::start(table.clone(), clock.clone()), Model::connect(&chat.model));
    let endpoint = Chat {
        callers,
        paid_model: PaidModel {
            ledger: Ledger::new(table.clone(), clock.clone(), settings.max_holds),
            model: model?,
            pricing: chat.pricing,
            output_limits: chat.output_limits,
            clock: clock.clone(),
        },
        conversations: Conversations::new(table, chat.context_limits, chat.system_prompt),
        function_timeout: settings.function_timeout,
        clock,
    };
    serve(endpoint, settings.cors_origins).await
}

struct Chat {
    callers: Callers,
    paid_model: PaidModel,
    conversations: Conversations,
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
        let question = Question {
            caller: &caller,
            prompt: self.prompt(caller.user_id(), &message).await?,
            max_output_tokens: None,
            standalone: false,
            remembered: key.map(|key| Remembered::message(key, &message)),
            message: message.clone(),
            deadline,
        };
        match self.paid_model.begin(question).await? {
            Begun::Paid(question) => {
                let paid = self.paid_model.reply(question).await?;
                let body = Reply { user: &paid.username, message: message.as_str(), response: &paid.reply.text };
                answer(&body, paid.id, paid.charge)
            }
            Begun::Replay(replay) => {
                let body = Reply { user: &replay.username, message: message.as_str(), response: &replay.reply.text };
                let charge = Charge { cost: replay.cost, balance: replay.balance };
                Ok(answer(&body, replay.id, charge)?.header(HeaderName::from_static("idempotent-replayed"), "true"))
            }
        }
    }
}

impl Chat {
    async fn prompt(&self, user_id: UserId, message: &Message) -> Result<Prompt, ApiError> {
        if self.paid_model.model.reads_context() {
            self.conversations.prompt(user_id, message).await
        } else {
            Ok(self.conversations.prompt_without_context(message))
        }
    }
}

fn answer(body: &Reply<'_>, id: EntryId, charge: Charge) -> Result<Answer, ApiError> {
    Ok(Answer::private(StatusCode::OK, body)?
        .header(HeaderName::from_static("x-message-id"), &id.to_string())
        .header(HeaderName::from_static("x-token-cost"), &charge.cost.to_string())
        .header(HeaderName::from_static("x-token-balance"), &charge.balance.to_string()))
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
