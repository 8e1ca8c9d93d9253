//! `POST /token/verify/`: whether a token of either kind is valid.

use lambda_http::http::{Method, StatusCode};
use serde_json::json;
use shared::accounts::Accounts;
use shared::error::ApiError;
use shared::http::{Answer, Endpoint, Error, Fields, Request, serve};
use shared::jwt::{ReceivedToken, Verified, Verifier};
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
    let endpoint = TokenVerify {
        verifier: Verifier::start(table.clone(), clock.clone()).await,
        accounts: Accounts::new(table.clone(), clock.clone()),
        sessions: Sessions::new(table, clock),
    };
    serve(endpoint, settings.cors_origins).await
}

struct TokenVerify {
    verifier: Verifier,
    accounts: Accounts,
    sessions: Sessions,
}

impl Endpoint for TokenVerify {
    const METHODS: &'static [Method] = &[Method::POST];

    async fn answer(&self, request: Request) -> Result<Answer, ApiError> {
        let mut fields = Fields::of(&request)?;
        let Some(token) = fields.take::<ReceivedToken>("token") else {
            return Err(fields.refuse());
        };
        // What was revoked has a good signature: each kind is asked about where it would be used.
        match self.verifier.any_token(&token).await? {
            Verified::Access(person) => drop(self.accounts.read(&person).await?),
            Verified::Refresh(claim) => self.sessions.resume(&claim).await?,
        }
        Answer::private(StatusCode::OK, &json!({}))
    }
}
