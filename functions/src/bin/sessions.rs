//! `GET /sessions/`: where the user is logged in.

use lambda_http::http::{Method, StatusCode};
use serde::Serialize;
use shared::error::ApiError;
use shared::http::{Answer, Endpoint, Error, Request, serve};
use shared::jwt::Verifier;
use shared::sessions::SessionView;
use shared::settings::Settings;
use shared::table::Table;
use shared::time::Clock;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let settings = Settings::from_environment()?;
    shared::logging::start(&settings);
    let clock = Clock::system();
    let table = Table::connect(&settings.table_name)?;
    let endpoint = Sessions {
        verifier: Verifier::start(table.clone(), clock.clone()).await,
        sessions: shared::sessions::Sessions::new(table, clock),
    };
    serve(endpoint, settings.cors_origins).await
}

struct Sessions {
    verifier: Verifier,
    sessions: shared::sessions::Sessions,
}

impl Endpoint for Sessions {
    const METHODS: &'static [Method] = &[Method::GET];

    async fn answer(&self, request: Request) -> Result<Answer, ApiError> {
        let person = self.verifier.logged_in(&request).await?;
        Answer::private(StatusCode::OK, &Body { sessions: self.sessions.list(&person).await? })
    }
}

#[derive(Serialize)]
struct Body {
    sessions: Vec<SessionView>,
}
