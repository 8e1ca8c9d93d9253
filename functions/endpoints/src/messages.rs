//! `GET /messages/`: the user's messages with their replies, newest first.

use serde::Serialize;
use shared::domain::setting::SettingError;
use shared::endpoint::{Endpoint, Error, Resources, serve};
use shared::error::ApiError;
use shared::http::{Answer, Method, Request, StatusCode};
use shared::identity::jwt::Verifier;
use shared::ledger::history::{AnsweredMessage, History, Page};

/// The main of this function's binary.
#[tokio::main(flavor = "current_thread")]
pub async fn run() -> Result<(), Error> {
    serve::<MessagesEndpoint>().await
}

struct MessagesEndpoint {
    verifier: Verifier,
    history: History,
}

impl Endpoint for MessagesEndpoint {
    type Answer = Answer;
    type Error = ApiError;

    const METHODS: &'static [Method] = &[Method::GET];

    async fn start(resources: &Resources) -> Result<Self, SettingError> {
        Ok(Self { verifier: resources.verifier().await, history: resources.history() })
    }

    async fn answer(&self, request: Request) -> Result<Answer, ApiError> {
        let person = self.verifier.logged_in(request.bearer()?).await?;
        let wanted = request.page::<AnsweredMessage>(person.user_id())?;
        let Page { entries, next } = self.history.messages(person.payer(), wanted).await?;
        Answer::private(StatusCode::OK, &MessagesBody { messages: entries, next })
    }
}

#[derive(Serialize)]
struct MessagesBody {
    messages: Vec<AnsweredMessage>,
    next: Option<String>,
}
