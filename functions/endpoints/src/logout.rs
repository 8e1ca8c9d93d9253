//! `POST /logout/`: ends a session, or all sessions of the user, and with them the API keys if that is asked for.

use shared::domain::setting::SettingError;
use shared::endpoint::{Endpoint, Error, Resources, serve};
use shared::error::ApiError;
use shared::http::{Answer, BodyFields, Method, Request};
use shared::identity::accounts::{Accounts, LogoutScope};
use shared::identity::jwt::{ReceivedToken, Verifier};
use shared::identity::sessions::Sessions;

/// The main of this function's binary.
#[tokio::main(flavor = "current_thread")]
pub async fn run() -> Result<(), Error> {
    serve::<LogoutEndpoint>().await
}

struct LogoutEndpoint {
    verifier: Verifier,
    sessions: Sessions,
    accounts: Accounts,
}

impl Endpoint for LogoutEndpoint {
    type Answer = Answer;
    type Error = ApiError;

    const METHODS: &'static [Method] = &[Method::POST];

    async fn start(resources: &Resources) -> Result<Self, SettingError> {
        Ok(Self {
            verifier: resources.verifier().await,
            sessions: resources.sessions(),
            accounts: resources.accounts(),
        })
    }

    async fn answer(&self, request: Request) -> Result<Answer, ApiError> {
        let (token, everywhere) = refresh_token_and_scope(request.fields()?)?;
        if let Some(scope) = everywhere {
            let claim = self.verifier.refresh_claim(&token).await?;
            self.accounts.log_out_everywhere(&claim, scope, request.deadline()).await?;
        } else {
            // An expired session has ended already, so logging out of it succeeds.
            let claim = self.verifier.refresh_claim_of_any_age(&token).await?;
            self.sessions.end(claim.user_id, claim.session_id).await?;
        }
        Ok(Answer::no_content())
    }
}

/// The refresh token, and what a logout everywhere ends. Without a scope the logout is of one session.
fn refresh_token_and_scope(mut fields: BodyFields) -> Result<(ReceivedToken, Option<LogoutScope>), ApiError> {
    let token = fields.take("refresh");
    match (token, fields.take_switch("everywhere"), fields.take_switch("keys")) {
        (Some(token), Some(false), Some(false)) => Ok((token, None)),
        (Some(token), Some(true), Some(false)) => Ok((token, Some(LogoutScope::Sessions))),
        (Some(token), Some(true), Some(true)) => Ok((token, Some(LogoutScope::SessionsAndApiKeys))),
        // A 204 would make the user believe that the keys have ended.
        (Some(_), Some(false), Some(true)) => {
            Err(ApiError::invalid("keys", "API keys end with all sessions only: \"everywhere\" must be true."))
        }
        _ => Err(fields.refuse()),
    }
}
