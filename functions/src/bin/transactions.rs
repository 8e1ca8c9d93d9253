//! `GET /transactions/`: every change in the user's credits, newest first.

use lambda_http::http::{Method, StatusCode};
use serde::Serialize;
use shared::error::ApiError;
use shared::http::{Answer, Endpoint, Error, Request, page_request, serve};
use shared::jwt::Verifier;
use shared::ledger::{History, Page, Transaction};
use shared::settings::Settings;
use shared::table::Table;
use shared::time::Clock;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let settings = Settings::from_environment()?;
    shared::logging::start(&settings);
    let clock = Clock::system();
    let table = Table::connect(&settings.table_name)?;
    let endpoint = Transactions {
        verifier: Verifier::start(table.clone(), clock.clone()).await,
        history: History::new(table, clock),
    };
    serve(endpoint, settings.cors_origins).await
}

struct Transactions {
    verifier: Verifier,
    history: History,
}

impl Endpoint for Transactions {
    const METHODS: &'static [Method] = &[Method::GET];

    async fn answer(&self, request: Request) -> Result<Answer, ApiError> {
        let person = self.verifier.logged_in(&request).await?;
        let wanted = page_request::<Transaction>(&request, &person)?;
        let Page { entries, next } = self.history.page(&person, wanted).await?;
        Answer::private(StatusCode::OK, &Body { transactions: entries, next })
    }
}

#[derive(Serialize)]
struct Body {
    transactions: Vec<Transaction>,
    next: Option<String>,
}
