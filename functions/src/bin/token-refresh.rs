//! `POST /token/refresh/`: a refresh token becomes a new access token.

use lambda_http::http::{Method, StatusCode};
use serde_json::json;
use shared::error::ApiError;
use shared::http::{Answer, Endpoint, Error, Fields, Request, serve};
use shared::jwt::{ReceivedToken, Signer, Verifier};
use shared::sessions::Sessions;
use shared::settings::{Settings, SigningSecretSource};
use shared::table::Table;
use shared::time::Clock;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let settings = Settings::from_environment()?;
    shared::logging::start(settings.log_level);
    let secret = SigningSecretSource::from_environment()?;
    let clock = Clock::system();
    let table = Table::connect(&settings.table_name).await;
    let (signer, verifier) = tokio::join!(
        Signer::start(&settings, secret, table.clone(), clock.clone()),
        Verifier::start(table.clone(), clock.clone()),
    );
    serve(TokenRefresh { sessions: Sessions::new(table, clock), signer, verifier }).await
}

struct TokenRefresh {
    sessions: Sessions,
    signer: Signer,
    verifier: Verifier,
}

impl Endpoint for TokenRefresh {
    const METHODS: &'static [Method] = &[Method::POST];

    async fn answer(&self, request: Request) -> Result<Answer, ApiError> {
        let mut fields = Fields::of(&request)?;
        let Some(token) = fields.take::<ReceivedToken>("refresh") else {
            return Err(fields.refuse());
        };
        let claim = self.verifier.refresh_claim(&token).await?;
        self.sessions.resume(&claim).await?;
        let body = json!({"access_token": self.signer.access_token(claim.subject()).await?});
        Answer::private(StatusCode::OK, &body)
    }
}
