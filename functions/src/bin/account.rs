//! `/account/`: what there is about the user (`GET`), and the end of it (`DELETE`).

use std::time::Duration;

use lambda_http::http::{Method, StatusCode};
use serde::Serialize;
use shared::accounts::{Deletion, Progress, Status};
use shared::attempts::Attempts;
use shared::credits::Credits;
use shared::error::{ApiError, Cause};
use shared::http::{Answer, Endpoint, Error, Fields, Request, deadline, serve};
use shared::jwt::Verifier;
use shared::network::SourceNetwork;
use shared::password::Password;
use shared::sessions::Sessions;
use shared::settings::Settings;
use shared::table::Table;
use shared::time::Clock;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let settings = Settings::from_environment()?;
    shared::logging::start(&settings);
    let clock = Clock::system();
    let table = Table::connect(&settings.table_name)?;
    let endpoint = Account {
        verifier: Verifier::start(table.clone(), clock.clone()).await,
        attempts: Attempts::new(table.clone(), clock.clone()),
        sessions: Sessions::new(table.clone(), clock.clone()),
        deletion: Deletion::new(table, clock.clone()),
        function_timeout: settings.function_timeout,
        clock,
    };
    serve(endpoint, settings.cors_origins).await
}

struct Account {
    verifier: Verifier,
    attempts: Attempts,
    sessions: Sessions,
    deletion: Deletion,
    function_timeout: Duration,
    clock: Clock,
}

impl Endpoint for Account {
    const METHODS: &'static [Method] = &[Method::GET, Method::DELETE];

    async fn answer(&self, request: Request) -> Result<Answer, ApiError> {
        if request.method() == Method::DELETE { self.delete(&request).await } else { self.show(&request).await }
    }
}

impl Account {
    async fn show(&self, request: &Request) -> Result<Answer, ApiError> {
        let person = self.verifier.logged_in(request).await?;
        let (account, sessions) = self.sessions.account_and_count(&person).await?;
        let (tokens, _) = account.spendable_and_held(self.clock.now());
        let body = View { username: &account.username, created_at: &account.created_at, tokens, sessions };
        Answer::private(StatusCode::OK, &body)
    }

    async fn delete(&self, request: &Request) -> Result<Answer, ApiError> {
        let deadline = deadline(request, &self.clock, self.function_timeout);
        let person = self.verifier.logged_in(request).await?;
        let password = password(request)?;
        let account = self.deletion.read(&person).await?;
        let username = account.parsed_username()?;
        let network = SourceNetwork::of(request);
        let (login, attempt) = self.attempts.prove(&username, &password, network, deadline).await?;
        if account.status != Status::Deleting {
            self.deletion.begin(&person, &attempt, &login, deadline).await?;
        }
        match self.deletion.finish(person.user_id(), &username, deadline).await? {
            Progress::Finished => Ok(Answer::no_content()),
            Progress::OutOfTime => {
                Err(ApiError::Unavailable(Cause::because("the deletion takes more than one request")))
            }
        }
    }
}

#[derive(Serialize)]
struct View<'a> {
    username: &'a str,
    created_at: &'a str,
    tokens: Credits,
    sessions: usize,
}

fn password(request: &Request) -> Result<Password, ApiError> {
    let mut fields = Fields::of(request)?;
    fields.take("password").ok_or_else(|| fields.refuse())
}
