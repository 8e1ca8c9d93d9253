//! `POST /logout/`: ends a session, or all sessions of the user.

use shared::domain::setting::SettingError;
use shared::endpoint::{Endpoint, Error, Resources, serve};
use shared::error::ApiError;
use shared::http::{Answer, BodyFields, Method, Request};
use shared::identity::jwt::{ReceivedToken, Verifier};
use shared::identity::sessions::Sessions;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    serve::<LogoutEndpoint>().await
}

struct LogoutEndpoint {
    verifier: Verifier,
    sessions: Sessions,
}

impl Endpoint for LogoutEndpoint {
    type Answer = Answer;
    type Error = ApiError;

    const METHODS: &'static [Method] = &[Method::POST];

    async fn start(resources: &Resources) -> Result<Self, SettingError> {
        Ok(Self { verifier: resources.verifier().await, sessions: resources.sessions() })
    }

    async fn answer(&self, request: Request) -> Result<Answer, ApiError> {
        let (token, everywhere) = refresh_token_and_everywhere(request.fields()?)?;
        if everywhere {
            let claim = self.verifier.refresh_claim(&token).await?;
            self.sessions.end_all(&claim, request.deadline()).await?;
        } else {
            // An expired session has ended already, so logging out of it succeeds.
            let claim = self.verifier.refresh_claim_of_any_age(&token).await?;
            self.sessions.end(claim.user_id, claim.session_id).await?;
        }
        Ok(Answer::no_content())
    }
}

fn refresh_token_and_everywhere(mut fields: BodyFields) -> Result<(ReceivedToken, bool), ApiError> {
    match (fields.take("refresh"), fields.take_switch("everywhere")) {
        (Some(token), Some(everywhere)) => Ok((token, everywhere)),
        _ => Err(fields.refuse()),
    }
}
