//! `POST /password/`: a new password, which ends all other sessions.

use std::time::Duration;

use lambda_http::http::Method;
use shared::accounts::{Accounts, PasswordChange};
use shared::attempts::Attempts;
use shared::error::ApiError;
use shared::http::{Answer, Endpoint, Error, Fields, Request, deadline, serve};
use shared::jwt::Verifier;
use shared::network::SourceNetwork;
use shared::password::{Password, PasswordRules};
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
    let endpoint = ChangePassword {
        verifier: Verifier::start(table.clone(), clock.clone()).await,
        accounts: Accounts::new(table.clone(), clock.clone()),
        attempts: Attempts::new(table, clock.clone()),
        password_rules: settings.password_rules,
        function_timeout: settings.function_timeout,
        clock,
    };
    serve(endpoint, settings.cors_origins).await
}

struct ChangePassword {
    verifier: Verifier,
    accounts: Accounts,
    attempts: Attempts,
    password_rules: PasswordRules,
    function_timeout: Duration,
    clock: Clock,
}

impl Endpoint for ChangePassword {
    const METHODS: &'static [Method] = &[Method::POST];

    async fn answer(&self, request: Request) -> Result<Answer, ApiError> {
        let deadline = deadline(&request, &self.clock, self.function_timeout);
        let person = self.verifier.logged_in(&request).await?;
        let fields = Fields::of(&request)?;
        let username = self.accounts.read(&person).await?.parsed_username()?;
        let Passwords { current, new } = Passwords::parse(fields, &username, self.password_rules)?;
        let network = SourceNetwork::of(&request);
        let (login, attempt) = self.attempts.prove(&username, &current, network, deadline).await?;
        let new_hash = new.hash()?;
        let change = PasswordChange { person: &person, attempt: &attempt, login: &login, new_hash: &new_hash };
        self.accounts.change_password(&change, deadline).await?;
        Ok(Answer::no_content())
    }
}

struct Passwords {
    current: Password,
    new: Password,
}

impl Passwords {
    fn parse(mut fields: Fields, username: &Username, rules: PasswordRules) -> Result<Self, ApiError> {
        let current = fields.take("current_password");
        let new = fields.take_with("new_password", |text| Password::choose(&text, username, rules));
        match (current, new) {
            (Some(current), Some(new)) => Ok(Self { current, new }),
            _ => Err(fields.refuse()),
        }
    }
}
