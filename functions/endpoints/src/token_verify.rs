//! `POST /token/verify/`: tells whether an access or refresh token is valid.

use serde_json::json;
use shared::domain::setting::SettingError;
use shared::endpoint::{Endpoint, Error, Resources, serve};
use shared::error::ApiError;
use shared::http::{Answer, Method, Request, StatusCode};
use shared::identity::accounts::Accounts;
use shared::identity::jwt::{ReceivedToken, Verified, Verifier};
use shared::identity::sessions::Sessions;

/// The main of this function's binary.
#[tokio::main(flavor = "current_thread")]
pub async fn run() -> Result<(), Error> {
    serve::<TokenVerifyEndpoint>().await
}

struct TokenVerifyEndpoint {
    verifier: Verifier,
    accounts: Accounts,
    sessions: Sessions,
}

impl Endpoint for TokenVerifyEndpoint {
    type Answer = Answer;
    type Error = ApiError;

    const METHODS: &'static [Method] = &[Method::POST];

    async fn start(resources: &Resources) -> Result<Self, SettingError> {
        Ok(Self {
            verifier: resources.verifier().await,
            accounts: resources.accounts(),
            sessions: resources.sessions(),
        })
    }

    async fn answer(&self, request: Request) -> Result<Answer, ApiError> {
        let token: ReceivedToken = request.fields()?.single("token")?;
        // A revoked token has a valid signature: the account revokes access tokens, and the session refresh tokens.
        match self.verifier.any_token(&token).await? {
            Verified::Access(person) => drop(self.accounts.read(&person).await?),
            Verified::Refresh(claim) => self.sessions.resume(&claim).await?,
        }
        Answer::private(StatusCode::OK, &json!({}))
    }
}
