//! `POST /register/`: a name and a password become an account with credits to start with.

use std::time::Duration;

use lambda_http::http::{Method, StatusCode};
use serde_json::json;
use shared::accounts::Accounts;
use shared::credits::Credits;
use shared::error::ApiError;
use shared::http::{Answer, Endpoint, Error, Fields, Request, deadline, serve};
use shared::network::SourceNetwork;
use shared::password::{Password, PasswordRules};
use shared::registrations::Registrations;
use shared::settings::Settings;
use shared::table::Table;
use shared::time::Clock;
use shared::username::Username;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let settings = Settings::from_environment()?;
    shared::logging::start(&settings);
    let clock = Clock::system();
    let table = Table::connect(&settings.table_name)?;
    let endpoint = Register {
        accounts: Accounts::new(table.clone(), clock.clone()),
        registrations: Registrations::start(table, clock.clone(), settings.registrations_per_hour).await,
        starting_tokens: settings.starting_tokens,
        password_rules: settings.password_rules,
        function_timeout: settings.function_timeout,
        clock,
    };
    serve(endpoint, settings.cors_origins).await
}

struct Register {
    accounts: Accounts,
    registrations: Registrations,
    starting_tokens: Credits,
    password_rules: PasswordRules,
    function_timeout: Duration,
    clock: Clock,
}

impl Endpoint for Register {
    const METHODS: &'static [Method] = &[Method::POST];

    async fn answer(&self, request: Request) -> Result<Answer, ApiError> {
        let deadline = deadline(&request, &self.clock, self.function_timeout);
        let Registration { username, password } = Registration::parse(&request, self.password_rules)?;
        self.registrations.count(SourceNetwork::of(&request), deadline).await?;
        let password_hash = password.hash()?;
        self.accounts.register(&username, password_hash, self.starting_tokens, deadline).await?;
        Answer::private(StatusCode::CREATED, &json!({"message": "You've been registered"}))
    }
}

struct Registration {
    username: Username,
    password: Password,
}

impl Registration {
    fn parse(request: &Request, rules: PasswordRules) -> Result<Self, ApiError> {
        let mut fields = Fields::of(request)?;
        let username = fields.take::<Username>("username");
        let password = fields.take_with("password", |text| match &username {
            Some(username) => Password::choose(&text, username, rules),
            None => Password::parse(&text),
        });
        match (username, password) {
            (Some(username), Some(password)) => Ok(Self { username, password }),
            _ => Err(fields.refuse()),
        }
    }
}
