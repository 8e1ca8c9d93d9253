//! `GET /v1/models`: which model there is, in OpenAI's protocol.

use lambda_http::http::{Method, StatusCode};
use shared::accounts::Accounts;
use shared::callers::Callers;
use shared::completions::{self, ModelList};
use shared::error::ApiError;
use shared::http::{Answer, Endpoint, Error, Request, Response, serve};
use shared::settings::{ChatSettings, Settings};
use shared::table::Table;
use shared::time::Clock;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let settings = Settings::from_environment()?;
    let chat = ChatSettings::from_environment()?;
    shared::logging::start(&settings);
    let clock = Clock::system();
    let table = Table::connect(&settings.table_name)?;
    let endpoint = Models {
        callers: Callers::start(table.clone(), clock.clone()).await,
        accounts: Accounts::new(table, clock),
        model_id: chat.model.id().to_owned(),
    };
    serve(endpoint, settings.cors_origins).await
}

struct Models {
    callers: Callers,
    accounts: Accounts,
    model_id: String,
}

impl Endpoint for Models {
    const METHODS: &'static [Method] = &[Method::GET];

    async fn answer(&self, request: Request) -> Result<Answer, ApiError> {
        let caller = self.callers.caller(&request).await?;
        // Whether the token still counts is the account's to say.
        self.accounts.read(caller).await?;
        Answer::private(StatusCode::OK, &ModelList::of(&self.model_id))
    }

    fn problem(error: &ApiError) -> Response {
        completions::problem(error)
    }
}
