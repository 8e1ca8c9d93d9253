//! `DELETE /keys/{id}/`: one of the user's API keys ends.

use std::time::Duration;

use lambda_http::http::Method;
use shared::api_keys::ApiKeys;
use shared::error::ApiError;
use shared::http::{Answer, Endpoint, Error, Request, deadline, last_segment, serve};
use shared::ids::ApiKeyId;
use shared::jwt::Verifier;
use shared::settings::Settings;
use shared::table::Table;
use shared::time::Clock;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let settings = Settings::from_environment()?;
    shared::logging::start(&settings);
    let clock = Clock::system();
    let table = Table::connect(&settings.table_name)?;
    let endpoint = Key {
        verifier: Verifier::start(table.clone(), clock.clone()).await,
        api_keys: ApiKeys::new(table, clock.clone()),
        function_timeout: settings.function_timeout,
        clock,
    };
    serve(endpoint, settings.cors_origins).await
}

struct Key {
    verifier: Verifier,
    api_keys: ApiKeys,
    function_timeout: Duration,
    clock: Clock,
}

impl Endpoint for Key {
    const METHODS: &'static [Method] = &[Method::DELETE];

    async fn answer(&self, request: Request) -> Result<Answer, ApiError> {
        let deadline = deadline(&request, &self.clock, self.function_timeout);
        let person = self.verifier.logged_in(&request).await?;
        let id = ApiKeyId::parse(last_segment(&request)).ok_or(ApiError::NotFound)?;
        self.api_keys.end(&person, id, deadline).await?;
        Ok(Answer::no_content())
    }
}
