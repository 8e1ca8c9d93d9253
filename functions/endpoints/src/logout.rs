//! `POST /logout/`: ends a session, or all sessions of the user, and with them the API keys if that is asked for. A browser that
//! keeps the refresh token in a cookie forgets it.

use shared::domain::setting::SettingError;
use shared::domain::time::Timestamp;
use shared::endpoint::{Endpoint, Error, Resources, serve};
use shared::error::ApiError;
use shared::http::{Answer, BodyFields, Method, RefreshCookie, RefreshTokenPlace, Request};
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
        let deadline = request.deadline();
        match request.refresh_token_place()? {
            RefreshTokenPlace::Body => {
                let (token, scope) = token_and_scope(request.fields()?, |fields| fields.take("refresh"))?;
                self.log_out(&token, scope, deadline).await?;
                Ok(Answer::no_content())
            }
            RefreshTokenPlace::Cookie(root) => {
                let ((), scope) = token_and_scope(request.fields()?, BodyFields::take_no_refresh_token)?;
                self.log_browser_out(request.refresh_cookie(), scope, deadline).await?;
                Answer::no_content().cookie(Some(&RefreshCookie::clearing(root)))
            }
        }
    }
}

impl LogoutEndpoint {
    /// Ends the session of `token`, or what `scope` says.
    async fn log_out(
        &self,
        token: &ReceivedToken,
        scope: Option<LogoutScope>,
        deadline: Timestamp,
    ) -> Result<(), ApiError> {
        if let Some(scope) = scope {
            let claim = self.verifier.refresh_claim(token).await?;
            self.accounts.log_out_everywhere(&claim, scope, deadline).await?;
        } else {
            // An expired session has ended already, so logging out of it succeeds.
            let claim = self.verifier.refresh_claim_of_any_age(token).await?;
            self.sessions.end(claim.user_id, claim.session_id).await?;
        }
        Ok(())
    }

    /// The same for the token in a browser's cookie. A cookie that names no session leaves none to end. Such a logout succeeds,
    /// because only its answer makes the browser forget the cookie: the page cannot. A logout everywhere would leave sessions,
    /// so it does not.
    async fn log_browser_out(
        &self,
        cookie: Result<Option<ReceivedToken>, ApiError>,
        scope: Option<LogoutScope>,
        deadline: Timestamp,
    ) -> Result<(), ApiError> {
        let outcome = match cookie {
            Ok(Some(token)) => self.log_out(&token, scope, deadline).await,
            Ok(None) => Err(ApiError::NotAuthenticated),
            Err(error) => Err(error),
        };
        match (outcome, scope) {
            (Err(ApiError::NotAuthenticated | ApiError::TokenNotValid(_)), None) => Ok(()),
            (outcome, _) => outcome,
        }
    }
}

/// The token that `token` takes from the fields, and the scope of a logout everywhere. Without a scope the logout is of one session.
fn token_and_scope<T>(
    mut fields: BodyFields,
    token: impl FnOnce(&mut BodyFields) -> Option<T>,
) -> Result<(T, Option<LogoutScope>), ApiError> {
    let token = token(&mut fields);
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
