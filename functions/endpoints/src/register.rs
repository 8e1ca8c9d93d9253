//! `POST /register/`: a username and a password become an account with credits to start with.

use serde_json::json;
use shared::domain::credits::Credits;
use shared::domain::password::{Password, PasswordRules};
use shared::domain::setting::SettingError;
use shared::domain::username::Username;
use shared::endpoint::{Endpoint, Error, Resources, serve};
use shared::error::ApiError;
use shared::http::{Answer, BodyFields, Method, Request, StatusCode};
use shared::identity::accounts::Accounts;
use shared::identity::password_hash::PasswordHash;
use shared::identity::registrations::Registrations;
use shared::ledger::gate::Gate;
use shared::settings::Registration;

/// The main of this function's binary.
#[tokio::main(flavor = "current_thread")]
pub async fn run() -> Result<(), Error> {
    serve::<RegisterEndpoint>().await
}

struct RegisterEndpoint {
    gate: Gate,
    accounts: Accounts,
    registration: Registration,
    registrations: Registrations,
    starting_tokens: Credits,
    password_rules: PasswordRules,
}

impl Endpoint for RegisterEndpoint {
    type Answer = Answer;
    type Error = ApiError;

    const METHODS: &'static [Method] = &[Method::POST];

    async fn start(resources: &Resources) -> Result<Self, SettingError> {
        Ok(Self {
            accounts: resources.accounts(),
            gate: resources.gate().await,
            registration: resources.settings.registration,
            registrations: resources.registrations(),
            starting_tokens: resources.settings.starting_tokens,
            password_rules: resources.settings.password_rules,
        })
    }

    async fn answer(&self, request: Request) -> Result<Answer, ApiError> {
        let deadline = request.deadline();
        // There are no invitations yet: without them, `invite` admits nobody.
        if self.registration != Registration::Open {
            return Err(ApiError::RegistrationClosed);
        }
        let (username, password) = chosen(request.fields()?, self.password_rules)?;
        let accepting = self.gate.accepting().await?;
        self.registrations.count(request.source_network(), deadline).await?;
        let password_hash = PasswordHash::of(&password)?;
        self.accounts.register(accepting, &username, password_hash, self.starting_tokens, deadline).await?;
        Answer::private(StatusCode::CREATED, &json!({"message": "You've been registered"}))
    }
}

fn chosen(mut fields: BodyFields, rules: PasswordRules) -> Result<(Username, Password), ApiError> {
    let username = fields.take_with("username", |text| Username::chosen(&text));
    let password = fields.take_with("password", |text| match &username {
        Some(username) => Password::choose(&text, username, rules),
        None => Password::parse(&text),
    });
    match (username, password) {
        (Some(username), Some(password)) => Ok((username, password)),
        _ => Err(fields.refuse()),
    }
}
