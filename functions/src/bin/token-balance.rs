//! `GET /token_balance/`: what the user can spend.

use lambda_http::http::{HeaderName, Method, StatusCode};
use serde_json::json;
use shared::accounts::Accounts;
use shared::callers::Callers;
use shared::error::ApiError;
use shared::http::{Answer, Endpoint, Error, Request, serve};
use shared::settings::Settings;
use shared::table::Table;
use shared::time::Clock;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let settings = Settings::from_environment()?;
    shared::logging::start(&settings);
    let clock = Clock::system();
    let table = Table::connect(&settings.table_name)?;
    let endpoint = TokenBalance {
        callers: Callers::start(table.clone(), clock.clone()).await,
        accounts: Accounts::new(table, clock.clone()),
        clock,
    };
    serve(endpoint, settings.cors_origins).await
}

struct TokenBalance {
    callers: Callers,
    accounts: Accounts,
    clock: Clock,
}

impl Endpoint for TokenBalance {
    const METHODS: &'static [Method] = &[Method::GET];

    async fn answer(&self, request: Request) -> Result<Answer, ApiError> {
        let caller = self.callers.caller(&request).await?;
        let account = self.accounts.read(caller).await?;
        let (spendable, held) = account.spendable_and_held(self.clock.now());
        Ok(Answer::private(StatusCode::OK, &json!({"tokens": spendable}))?
            .header(HeaderName::from_static("x-token-held"), &held.to_string()))
    }
}
