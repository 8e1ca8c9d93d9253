//! `GET /token_balance/`: what the user can spend.

use lambda_http::http::{Method, StatusCode};
use serde_json::json;
use shared::accounts::Accounts;
use shared::error::ApiError;
use shared::http::{Answer, Endpoint, Error, Request, serve};
use shared::jwt::Verifier;
use shared::settings::Settings;
use shared::table::Table;
use shared::time::Clock;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let settings = Settings::from_environment()?;
    shared::logging::start(settings.log_level);
    let clock = Clock::system();
    let table = Table::connect(&settings.table_name).await;
    serve(TokenBalance {
        verifier: Verifier::start(table.clone(), clock.clone()).await,
        accounts: Accounts::new(table, clock),
    })
    .await
}

struct TokenBalance {
    verifier: Verifier,
    accounts: Accounts,
}

impl Endpoint for TokenBalance {
    const METHODS: &'static [Method] = &[Method::GET];

    async fn answer(&self, request: Request) -> Result<Answer, ApiError> {
        let person = self.verifier.logged_in(&request).await?;
        let account = self.accounts.read(&person).await?;
        Answer::private(StatusCode::OK, &json!({"tokens": account.balance}))
    }
}
