//! `POST /login/`: a username and its password begin a session, with an access token and a refresh token, which a browser may
//! keep in a cookie.

use serde::Serialize;
use shared::domain::password::Password;
use shared::domain::setting::SettingError;
use shared::domain::time::{Clock, Timestamp};
use shared::domain::username::Username;
use shared::endpoint::{Endpoint, Error, Resources, serve};
use shared::error::ApiError;
use shared::http::{Answer, BodyFields, Method, PlacedRefreshToken, RefreshTokenPlace, Request, StatusCode};
use shared::identity::jwt::{AccessToken, RefreshToken, Signer, Subject};
use shared::identity::login::Logins;
use shared::identity::password_hash::PasswordHash;
use shared::identity::sessions::{Opening, Sessions};

/// The main of this function's binary.
#[tokio::main(flavor = "current_thread")]
pub async fn run() -> Result<(), Error> {
    serve::<LoginEndpoint>().await
}

struct LoginEndpoint {
    logins: Logins,
    sessions: Sessions,
    signer: Signer,
    clock: Clock,
}

impl Endpoint for LoginEndpoint {
    type Answer = Answer;
    type Error = ApiError;

    const METHODS: &'static [Method] = &[Method::POST];

    async fn start(resources: &Resources) -> Result<Self, SettingError> {
        Ok(Self {
            logins: resources.logins(),
            sessions: resources.sessions(),
            signer: resources.signer().await?,
            clock: resources.clock.clone(),
        })
    }

    async fn answer(&self, request: Request) -> Result<Answer, ApiError> {
        let deadline = request.deadline();
        let place = request.refresh_token_place()?;
        let (username, password) = credentials(request.fields()?)?;
        let network = request.source_network();
        let proven = self.logins.prove(&username, &password, network, deadline).await?;
        let is_outdated = proven.login().password_hash.is_outdated();
        let renewed_hash = if is_outdated { Some(PasswordHash::of(&password)?) } else { None };
        // A session without tokens would be of no use, so the signer must be ready before the session is written.
        self.signer.ready().await?;
        let opening = Opening {
            proven: &proven,
            renewed_hash: renewed_hash.as_ref(),
            refresh: self.signer.new_refresh_terms(),
            user_agent: request.user_agent(),
        };
        self.open(&opening, place, deadline).await
    }
}

impl LoginEndpoint {
    async fn open(
        &self,
        opening: &Opening<'_>,
        place: RefreshTokenPlace,
        deadline: Timestamp,
    ) -> Result<Answer, ApiError> {
        let session_id = self.sessions.begin(opening, deadline).await?;
        let login = opening.proven.login();
        let subject = Subject { user_id: login.user_id, session_id, session_epoch: login.session_epoch };
        let access_token = self.signer.access_token(subject).await?;
        let refresh_token = self.signer.refresh_token(subject, opening.refresh).await?;
        let lifetime = opening.refresh.expires_at.since(self.clock.now());
        let PlacedRefreshToken { in_body, cookie } = place.put(refresh_token, lifetime);
        let body = LoginBody { user: &login.username, access_token, refresh_token: in_body };
        Answer::private(StatusCode::OK, &body)?.cookie(cookie.as_ref())
    }
}

#[derive(Serialize)]
struct LoginBody<'a> {
    user: &'a str,
    access_token: AccessToken,
    #[serde(skip_serializing_if = "Option::is_none")]
    refresh_token: Option<RefreshToken>,
}

fn credentials(mut fields: BodyFields) -> Result<(Username, Password), ApiError> {
    match (fields.take("username"), fields.take("password")) {
        (Some(username), Some(password)) => Ok((username, password)),
        _ => Err(fields.refuse()),
    }
}
