//! `POST /logout/`: a session ends, or all of a user's.

use std::time::Duration;

use lambda_http::http::Method;
use shared::error::ApiError;
use shared::http::{Answer, Endpoint, Error, Fields, Request, deadline, serve};
use shared::jwt::{ReceivedToken, Verifier};
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
    let endpoint = Logout {
        verifier: Verifier::start(table.clone(), clock.clone()).await,
        sessions: Sessions::new(table, clock.clone()),
        function_timeout: settings.function_timeout,
        clock,
    };
    serve(endpoint, settings.cors_origins).await
}

struct Logout {
    verifier: Verifier,
    sessions: Sessions,
    function_timeout: Duration,
    clock: Clock,
}

impl Endpoint for Logout {
    const METHODS: &'static [Method] = &[Method::POST];

    async fn answer(&self, request: Request) -> Result<Answer, ApiError> {
        let deadline = deadline(&request, &self.clock, self.function_timeout);
        let Farewell { token, everywhere } = Farewell::parse(&request)?;
        if everywhere {
            let claim = self.verifier.refresh_claim(&token).await?;
            self.sessions.end_all(&claim, deadline).await?;
        } else {
            // A session that has expired has ended: nothing is wrong with saying goodbye to it.
            let claim = self.verifier.refresh_claim_of_any_age(&token).await?;
            self.sessions.end(claim.user_id, claim.session_id).await?;
        }
        Ok(Answer::no_content())
    }
}

struct Farewell {
    token: ReceivedToken,
    everywhere: bool,
}

impl Farewell {
    fn parse(request: &Request) -> Result<Self, ApiError> {
        let mut fields = Fields::of(request)?;
        let token = fields.take("refresh");
        let everywhere = fields.take_switch("everywhere");
        match (token, everywhere) {
            (Some(token), Some(everywhere)) => Ok(Self { token, everywhere }),
            _ => Err(fields.refuse()),
        }
    }
}
