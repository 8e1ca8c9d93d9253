//! `POST /login/`: a name and its password become a session, with an access and a refresh token.

use std::time::Duration;

use lambda_http::http::{Method, StatusCode};
use serde::Serialize;
use shared::attempts::Attempts;
use shared::error::ApiError;
use shared::http::{Answer, Endpoint, Error, Fields, Request, deadline, serve};
use shared::jwt::{AccessToken, RefreshToken, Signer, Subject};
use shared::network::SourceNetwork;
use shared::password::Password;
use shared::sessions::{Opening, Sessions, UserAgent};
use shared::settings::{Settings, SigningSecretSource};
use shared::table::Table;
use shared::time::{Clock, Timestamp};
use shared::username::Username;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let settings = Settings::from_environment()?;
    shared::logging::start(&settings);
    let secret = SigningSecretSource::from_environment()?;
    let clock = Clock::system();
    let table = Table::connect(&settings.table_name)?;
    let endpoint = Login {
        attempts: Attempts::new(table.clone(), clock.clone()),
        sessions: Sessions::new(table.clone(), clock.clone()),
        signer: Signer::start(&settings, secret, table, clock.clone()).await?,
        function_timeout: settings.function_timeout,
        clock,
    };
    serve(endpoint, settings.cors_origins).await
}

struct Login {
    attempts: Attempts,
    sessions: Sessions,
    signer: Signer,
    function_timeout: Duration,
    clock: Clock,
}

impl Endpoint for Login {
    const METHODS: &'static [Method] = &[Method::POST];

    async fn answer(&self, request: Request) -> Result<Answer, ApiError> {
        let deadline = deadline(&request, &self.clock, self.function_timeout);
        let Credentials { username, password } = Credentials::parse(&request)?;
        let network = SourceNetwork::of(&request);
        let (login, attempt) = self.attempts.prove(&username, &password, network, deadline).await?;
        let renewed_hash = if login.password_hash.is_outdated() { Some(password.hash()?) } else { None };
        // Before anything is written that needs tokens.
        self.signer.ready().await?;
        let opening = Opening {
            attempt: &attempt,
            login: &login,
            renewed_hash: renewed_hash.as_ref(),
            refresh: self.signer.new_refresh_terms(),
            user_agent: UserAgent::of(&request),
        };
        self.open(&opening, deadline).await
    }
}

impl Login {
    async fn open(&self, opening: &Opening<'_>, deadline: Timestamp) -> Result<Answer, ApiError> {
        let session_id = self.sessions.begin(opening, deadline).await?;
        let login = opening.login;
        let subject = Subject { user_id: login.user_id, session_id, session_epoch: login.session_epoch };
        let body = Opened {
            user: &login.username,
            access_token: self.signer.access_token(subject).await?,
            refresh_token: self.signer.refresh_token(subject, opening.refresh).await?,
        };
        Answer::private(StatusCode::OK, &body)
    }
}

#[derive(Serialize)]
struct Opened<'a> {
    user: &'a str,
    access_token: AccessToken,
    refresh_token: RefreshToken,
}

struct Credentials {
    username: Username,
    password: Password,
}

impl Credentials {
    fn parse(request: &Request) -> Result<Self, ApiError> {
        let mut fields = Fields::of(request)?;
        let username = fields.take("username");
        let password = fields.take("password");
        match (username, password) {
            (Some(username), Some(password)) => Ok(Self { username, password }),
            _ => Err(fields.refuse()),
        }
    }
}
