//! `POST /token/refresh/`: a refresh token becomes a new access token, and a new refresh token where
//! that is the setting.

use lambda_http::http::{Method, StatusCode};
use serde::Serialize;
use shared::error::ApiError;
use shared::http::{Answer, Endpoint, Error, Fields, Request, serve};
use shared::jwt::{AccessToken, ReceivedToken, RefreshToken, Signer, Verifier};
use shared::sessions::{Refreshed, Sessions};
use shared::settings::{Settings, SigningSecretSource};
use shared::table::Table;
use shared::time::Clock;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let settings = Settings::from_environment()?;
    shared::logging::start(&settings);
    let secret = SigningSecretSource::from_environment()?;
    let clock = Clock::system();
    let table = Table::connect(&settings.table_name)?;
    let (signer, verifier) = tokio::join!(
        Signer::start(&settings, secret, table.clone(), clock.clone()),
        Verifier::start(table.clone(), clock.clone()),
    );
    let rotates = settings.rotate_refresh_tokens;
    let endpoint = TokenRefresh { sessions: Sessions::new(table, clock), signer: signer?, verifier, rotates };
    serve(endpoint, settings.cors_origins).await
}

struct TokenRefresh {
    sessions: Sessions,
    signer: Signer,
    verifier: Verifier,
    rotates: bool,
}

impl Endpoint for TokenRefresh {
    const METHODS: &'static [Method] = &[Method::POST];

    async fn answer(&self, request: Request) -> Result<Answer, ApiError> {
        let mut fields = Fields::of(&request)?;
        let Some(token) = fields.take::<ReceivedToken>("refresh") else {
            return Err(fields.refuse());
        };
        let claim = self.verifier.refresh_claim(&token).await?;
        // Before a token is replaced by one that could not be signed.
        self.signer.ready().await?;
        let next = self.rotates.then(|| self.signer.new_refresh_terms());
        let Refreshed { subject, replacement } = self.sessions.refresh(&claim, next).await?;
        let refresh_token = match replacement {
            Some(terms) => Some(self.signer.refresh_token(subject, terms).await?),
            None => None,
        };
        let body = Tokens { access_token: self.signer.access_token(subject).await?, refresh_token };
        Answer::private(StatusCode::OK, &body)
    }
}

#[derive(Serialize)]
struct Tokens {
    access_token: AccessToken,
    #[serde(skip_serializing_if = "Option::is_none")]
    refresh_token: Option<RefreshToken>,
}
