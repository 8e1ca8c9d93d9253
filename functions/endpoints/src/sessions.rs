//! `/sessions/`: lists the user's sessions (`GET`). `/sessions/{id}/`: ends one of them (`DELETE`).

use serde::Serialize;
use shared::domain::ids::SessionId;
use shared::domain::setting::SettingError;
use shared::endpoint::{Endpoint, Error, Resources, serve};
use shared::error::ApiError;
use shared::http::{Answer, Method, Request, StatusCode};
use shared::identity::jwt::Verifier;
use shared::identity::sessions::{SessionView, Sessions};

/// The main of this function's binary.
#[tokio::main(flavor = "current_thread")]
pub async fn run() -> Result<(), Error> {
    serve::<SessionsEndpoint>().await
}

struct SessionsEndpoint {
    verifier: Verifier,
    sessions: Sessions,
}

impl Endpoint for SessionsEndpoint {
    type Answer = Answer;
    type Error = ApiError;

    const METHODS: &'static [Method] = &[Method::GET];

    fn methods(request: &Request) -> &'static [Method] {
        if id_in(request).is_some() { &[Method::DELETE] } else { Self::METHODS }
    }

    async fn start(resources: &Resources) -> Result<Self, SettingError> {
        Ok(Self { verifier: resources.verifier().await, sessions: resources.sessions() })
    }

    async fn answer(&self, request: Request) -> Result<Answer, ApiError> {
        match id_in(&request) {
            Some(id) => self.end(&request, id).await,
            None => self.list(&request).await,
        }
    }
}

impl SessionsEndpoint {
    async fn list(&self, request: &Request) -> Result<Answer, ApiError> {
        let person = self.verifier.logged_in(request.bearer()?).await?;
        Answer::private(StatusCode::OK, &SessionsBody { sessions: self.sessions.list(&person).await? })
    }

    async fn end(&self, request: &Request, id: &str) -> Result<Answer, ApiError> {
        let person = self.verifier.logged_in(request.bearer()?).await?;
        let id = SessionId::parse(id).ok_or(ApiError::NotFound)?;
        self.sessions.end_own(&person, id, request.deadline()).await?;
        Ok(Answer::no_content())
    }
}

/// The `{id}` of `/sessions/{id}/`.
fn id_in(request: &Request) -> Option<&str> {
    request.item_of("sessions")
}

#[derive(Serialize)]
struct SessionsBody {
    sessions: Vec<SessionView>,
}
