//! `POST /token/refresh/`: a refresh token, of the body or of a browser's cookie, becomes a new access token, and a new refresh
//! token if the settings say so.

use serde::Serialize;
use shared::domain::setting::SettingError;
use shared::domain::time::Clock;
use shared::endpoint::{Endpoint, Error, Resources, serve};
use shared::error::ApiError;
use shared::http::{Answer, Method, PlacedRefreshToken, RefreshTokenPlace, Request, StatusCode};
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
    clock: Clock,
}

impl Endpoint for TokenRefreshEndpoint {
    type Answer = Answer;
    type Error = ApiError;

    const METHODS: &'static [Method] = &[Method::POST];

    async fn start(resources: &Resources) -> Result<Self, SettingError> {
        let (signer, verifier) = tokio::join!(resources.signer(), resources.verifier());
        let rotates = resources.settings.rotate_refresh_tokens;
        let (sessions, clock) = (resources.sessions(), resources.clock.clone());
        Ok(Self { sessions, signer: signer?, verifier, rotates, clock })
    }

    async fn answer(&self, request: Request) -> Result<Answer, ApiError> {
        let place = request.refresh_token_place()?;
        let token = received_token(&request, &place)?;
        let claim = self.verifier.refresh_claim(&token).await?;
        // A refresh token must not be replaced by one that cannot be signed, so the signer must be ready before.
        self.signer.ready().await?;
        let next = self.rotates.then(|| self.signer.new_refresh_terms());
        let Refreshed { subject, replacement } = self.sessions.refresh(&claim, next).await?;
        let PlacedRefreshToken { in_body, cookie } = match replacement {
            Some(terms) => {
                let token = self.signer.refresh_token(subject, terms).await?;
                place.put(token, terms.expires_at.since(self.clock.now()))
            }
            None => PlacedRefreshToken::default(),
        };
        let body = RefreshedBody { access_token: self.signer.access_token(subject).await?, refresh_token: in_body };
        Answer::private(StatusCode::OK, &body)?.cookie(cookie.as_ref())
    }
}

fn received_token(request: &Request, place: &RefreshTokenPlace) -> Result<ReceivedToken, ApiError> {
    let mut fields = request.fields()?;
    match place {
        RefreshTokenPlace::Body => fields.single("refresh"),
        RefreshTokenPlace::Cookie(_) => match fields.take_no_refresh_token() {
            Some(()) => request.refresh_cookie()?.ok_or(ApiError::NotAuthenticated),
            None => Err(fields.refuse()),
        },
    }
}

#[derive(Serialize)]
struct RefreshedBody {
    access_token: AccessToken,
    #[serde(skip_serializing_if = "Option::is_none")]
    refresh_token: Option<RefreshToken>,
}
