//! `/sessions/`: where the user is logged in (`GET`). `/sessions/{id}/`: one of these sessions ends (`DELETE`).

use std::time::Duration;

use lambda_http::http::{Method, StatusCode};
use serde::Serialize;
use shared::error::ApiError;
use shared::http::{Answer, Endpoint, Error, Request, deadline, item_of, serve};
use shared::ids::SessionId;
use shared::jwt::Verifier;
use shared::sessions::{SessionView, Sessions};
use shared::settings::Settings;
use shared::table::Table;
use shared::time::Clock;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let settings = Settings::from_environment()?;
    shared::logging::start(&settings);
    let clock = Clock::system();
    let table = Table::connect(&settings.table_name)?;
    let endpoint = SessionsEndpoint {
        verifier: Verifier::start(table.clone(), clock.clone()).await,
        sessions: Sessions::new(table, clock.clone()),
        function_timeout: settings.function_timeout,
        clock,
    };
    serve(endpoint, settings.cors_origins).await
}

struct SessionsEndpoint {
    verifier: Verifier,
    sessions: Sessions,
    function_timeout: Duration,
    clock: Clock,
}

impl Endpoint for SessionsEndpoint {
    const METHODS: &'static [Method] = &[Method::GET];

    fn methods(request: &Request) -> &'static [Method] {
        if id_in(request).is_some() { &[Method::DELETE] } else { Self::METHODS }
    }

    async fn answer(&self, request: Request) -> Result<Answer, ApiError> {
        match id_in(&request) {
            Some(id) => self.end(&request, id).await,
            None => self.list(&request).await,
        }
    }
}

impl SessionsEndpoint {
    async fn list(&self, request: &Request) -> Result<Answer, ApiError> {
        let person = self.verifier.logged_in(request).await?;
        Answer::private(StatusCode::OK, &Body { sessions: self.sessions.list(&person).await? })
    }

    async fn end(&self, request: &Request, id: &str) -> Result<Answer, ApiError> {
        let deadline = deadline(request, &self.clock, self.function_timeout);
        let person = self.verifier.logged_in(request).await?;
        let id = SessionId::parse(id).ok_or(ApiError::NotFound)?;
        self.sessions.end_own(&person, id, deadline).await?;
        Ok(Answer::no_content())
    }
}

/// The `{id}` of `/sessions/{id}/`.
fn id_in(request: &Request) -> Option<&str> {
    item_of(request, "sessions")
}

#[derive(Serialize)]
struct Body {
    sessions: Vec<SessionView>,
}
