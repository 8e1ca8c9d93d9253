//! `POST /token/refresh/`: a refresh token becomes a new access token, and a new refresh token if the settings say so.

use serde::Serialize;
use shared::domain::setting::SettingError;
use shared::endpoint::{Endpoint, Error, Resources, serve};
use shared::error::ApiError;
use shared::http::{Answer, Method, Request, StatusCode};
use shared::identity::jwt::{AccessToken, ReceivedToken, RefreshToken, Signer, Verifier};
use shared::identity::sessions::{Refreshed, Sessions};

/// The main of this function's binary.
#[tokio::main(flavor = "current_thread")]
pub async fn run() -> Result<(), Error> {
    serve::<TokenRefreshEndpoint>().await
}

struct TokenRefreshEndpoint {
    sessions: Sessions,
    signer: Signer,
    verifier: Verifier,
    rotates: bool,
}

impl Endpoint for TokenRefreshEndpoint {
    type Answer = Answer;
    type Error = ApiError;

    const METHODS: &'static [Method] = &[Method::POST];

    async fn start(resources: &Resources) -> Result<Self, SettingError> {
        let (signer, verifier) = tokio::join!(resources.signer(), resources.verifier());
        let rotates = resources.settings.rotate_refresh_tokens;
        Ok(Self { sessions: resources.sessions(), signer: signer?, verifier, rotates })
    }

    async fn answer(&self, request: Request) -> Result<Answer, ApiError> {
        let token: ReceivedToken = request.fields()?.single("refresh")?;
        let claim = self.verifier.refresh_claim(&token).await?;
        // A refresh token must not be replaced by one that cannot be signed, so the signer must be ready before.
        self.signer.ready().await?;
        let next = self.rotates.then(|| self.signer.new_refresh_terms());
        let Refreshed { subject, replacement } = self.sessions.refresh(&claim, next).await?;
        let refresh_token = match replacement {
            Some(terms) => Some(self.signer.refresh_token(subject, terms).await?),
            None => None,
        };
        let body = RefreshedBody { access_token: self.signer.access_token(subject).await?, refresh_token };
        Answer::private(StatusCode::OK, &body)
    }
}

#[derive(Serialize)]
struct RefreshedBody {
    access_token: AccessToken,
    #[serde(skip_serializing_if = "Option::is_none")]
    refresh_token: Option<RefreshToken>,
}
