//! `DELETE /sessions/{id}/`: one of the user's sessions ends.

use std::time::Duration;

use lambda_http::http::Method;
use shared::error::ApiError;
use shared::http::{Answer, Endpoint, Error, Request, deadline, last_segment, serve};
use shared::ids::SessionId;
use shared::jwt::Verifier;
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
    let endpoint = Session {
        verifier: Verifier::start(table.clone(), clock.clone()).await,
        sessions: Sessions::new(table, clock.clone()),
        function_timeout: settings.function_timeout,
        clock,
    };
    serve(endpoint, settings.cors_origins).await
}

struct Session {
    verifier: Verifier,
    sessions: Sessions,
    function_timeout: Duration,
    clock: Clock,
}

impl Endpoint for Session {
    const METHODS: &'static [Method] = &[Method::DELETE];

    async fn answer(&self, request: Request) -> Result<Answer, ApiError> {
        let deadline = deadline(&request, &self.clock, self.function_timeout);
        let person = self.verifier.logged_in(&request).await?;
        let session_id = SessionId::parse(last_segment(&request)).ok_or(ApiError::NotFound)?;
        self.sessions.end_own(&person, session_id, deadline).await?;
        Ok(Answer::no_content())
    }
}
