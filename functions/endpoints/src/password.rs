//! `POST /password/`: changes the user's password, which ends all other sessions.

use shared::domain::password::{Password, PasswordRules};
use shared::domain::setting::SettingError;
use shared::domain::username::Username;
use shared::endpoint::{Endpoint, Error, Resources, serve};
use shared::error::ApiError;
use shared::http::{Answer, BodyFields, Method, Request};
use shared::identity::accounts::{Accounts, PasswordChange};
use shared::identity::jwt::Verifier;
use shared::identity::login::Logins;
use shared::identity::password_hash::PasswordHash;

/// The main of this function's binary.
#[tokio::main(flavor = "current_thread")]
pub async fn run() -> Result<(), Error> {
    serve::<PasswordEndpoint>().await
}

struct PasswordEndpoint {
    verifier: Verifier,
    accounts: Accounts,
    logins: Logins,
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
            password_rules: resources.settings.password_rules,
        })
    }

    async fn answer(&self, request: Request) -> Result<Answer, ApiError> {
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
