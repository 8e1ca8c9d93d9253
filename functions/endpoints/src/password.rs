//! `POST /password/`: changes the user's password, which ends all other sessions. `POST /password/reset/`: sets a new one with a
//! code of staff's, which ends all sessions.

use shared::domain::code::ResetCode;
use shared::domain::password::{Password, PasswordRules};
use shared::domain::setting::SettingError;
use shared::domain::username::Username;
use shared::endpoint::{Endpoint, Error, Resources, serve};
use shared::error::ApiError;
use shared::http::{Answer, BodyFields, Method, Request};
use shared::identity::accounts::{Accounts, PasswordChange};
use shared::identity::code_guesses::CodeGuesses;
use shared::identity::jwt::Verifier;
use shared::identity::login::Logins;
use shared::identity::password_hash::PasswordHash;
use shared::identity::reset_codes::ResetCodes;

/// The main of this function's binary.
#[tokio::main(flavor = "current_thread")]
pub async fn run() -> Result<(), Error> {
    serve::<PasswordEndpoint>().await
}

struct PasswordEndpoint {
    verifier: Verifier,
    accounts: Accounts,
    logins: Logins,
    reset_codes: ResetCodes,
    code_guesses: CodeGuesses,
    password_rules: PasswordRules,
}

impl Endpoint for PasswordEndpoint {
    type Answer = Answer;
    type Error = ApiError;

    const METHODS: &'static [Method] = &[Method::POST];

    async fn start(resources: &Resources) -> Result<Self, SettingError> {
        Ok(Self {
            verifier: resources.verifier().await,
            accounts: resources.accounts(),
            logins: resources.logins(),
            reset_codes: resources.reset_codes(),
            code_guesses: resources.code_guesses(),
            password_rules: resources.settings.password_rules,
        })
    }

    async fn answer(&self, request: Request) -> Result<Answer, ApiError> {
        match request.item_of("password") {
            Some("reset") => self.reset(&request).await,
            _ => self.change(&request).await,
        }
    }
}

impl PasswordEndpoint {
    async fn change(&self, request: &Request) -> Result<Answer, ApiError> {
        let deadline = request.deadline();
        let person = self.verifier.logged_in(request.bearer()?).await?;
        let fields = request.fields()?;
        let username = self.accounts.read(&person).await?.parsed_username()?;
        let (current, new) = current_and_new(fields, &username, self.password_rules)?;
        let network = request.source_network();
        let proven = self.logins.prove(&username, &current, network, deadline).await?;
        let new_hash = PasswordHash::of(&new)?;
        let change = PasswordChange { person: &person, proven: &proven, new_hash: &new_hash };
        self.accounts.change_password(&change, deadline).await?;
        Ok(Answer::no_content())
    }

    async fn reset(&self, request: &Request) -> Result<Answer, ApiError> {
        let deadline = request.deadline();
        let (code, new) = code_and_new(request.fields()?)?;
        let guess = self.code_guesses.count(request.source_network(), deadline).await?;
        let found = self.reset_codes.find(&code).await?;
        self.code_guesses.take_back(guess).await;
        let chosen = Password::choose(new.expose(), found.username(), self.password_rules);
        let new = chosen.map_err(|error| ApiError::invalid("new_password", error.to_string()))?;
        self.reset_codes.reset(&found, &PasswordHash::of(&new)?, deadline).await?;
        Ok(Answer::no_content())
    }
}

/// The code, and the password that its user wants. Whether the rules allow it depends on the username, to which the code leads.
fn code_and_new(mut fields: BodyFields) -> Result<(ResetCode, Password), ApiError> {
    match (fields.take("code"), fields.take("new_password")) {
        (Some(code), Some(new)) => Ok((code, new)),
        _ => Err(fields.refuse()),
    }
}

fn current_and_new(
    mut fields: BodyFields,
    username: &Username,
    rules: PasswordRules,
) -> Result<(Password, Password), ApiError> {
    let current = fields.take("current_password");
    let new = fields.take_with("new_password", |text| Password::choose(&text, username, rules));
    match (current, new) {
        (Some(current), Some(new)) => Ok((current, new)),
        _ => Err(fields.refuse()),
    }
}
