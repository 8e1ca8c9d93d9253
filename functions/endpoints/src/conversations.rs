//! `/conversations/`: lists the user's conversations (`GET`), or makes one (`POST`). `/conversations/{id}/`: gives one another
//! title (`PATCH`), or deletes it (`DELETE`). `/conversations/{id}/messages/`: lists its messages (`GET`).

use serde::Serialize;
use shared::domain::conversation_title::ConversationTitle;
use shared::domain::ids::ConversationId;
use shared::domain::setting::SettingError;
use shared::endpoint::{Endpoint, Error, Resources, serve};
use shared::error::ApiError;
use shared::http::{Answer, Method, Request, StatusCode};
use shared::identity::jwt::Verifier;
use shared::ledger::conversations::{Conversation, ConversationKeeper};
use shared::ledger::history::{AnsweredMessage, History, Page};

/// The main of this function's binary.
#[tokio::main(flavor = "current_thread")]
pub async fn run() -> Result<(), Error> {
    serve::<ConversationsEndpoint>().await
}

struct ConversationsEndpoint {
    verifier: Verifier,
    keeper: ConversationKeeper,
    history: History,
}

/// The part of the resource that a path names, with the id in it.
enum ConversationPath {
    All,
    One(String),
    MessagesOf(String),
}

impl ConversationPath {
    fn of(request: &Request) -> Self {
        match request.rest_of("conversations") {
            None => Self::All,
            Some(rest) => match rest.strip_suffix("/messages") {
                Some(id) => Self::MessagesOf(id.to_owned()),
                None => Self::One(rest.into_owned()),
            },
        }
    }
}

impl Endpoint for ConversationsEndpoint {
    type Answer = Answer;
    type Error = ApiError;

    const METHODS: &'static [Method] = &[Method::GET, Method::POST];

    fn methods(request: &Request) -> &'static [Method] {
        match ConversationPath::of(request) {
            ConversationPath::All => Self::METHODS,
            ConversationPath::One(_) => &[Method::PATCH, Method::DELETE],
            ConversationPath::MessagesOf(_) => &[Method::GET],
        }
    }

    async fn start(resources: &Resources) -> Result<Self, SettingError> {
        Ok(Self {
            verifier: resources.verifier().await,
            keeper: resources.conversation_keeper(),
            history: resources.history(),
        })
    }

    async fn answer(&self, request: Request) -> Result<Answer, ApiError> {
        match ConversationPath::of(&request) {
            ConversationPath::All if request.method() == Method::POST => self.make(&request).await,
            ConversationPath::All => self.list(&request).await,
            ConversationPath::One(id) if request.method() == Method::PATCH => self.rename(&request, &id).await,
            ConversationPath::One(id) => self.delete(&request, &id).await,
            ConversationPath::MessagesOf(id) => self.messages(&request, &id).await,
        }
    }
}

impl ConversationsEndpoint {
    async fn make(&self, request: &Request) -> Result<Answer, ApiError> {
        let person = self.verifier.logged_in(request.bearer()?).await?;
        let title: ConversationTitle = request.fields()?.single("title")?;
        let made = self.keeper.make(person.payer(), title, request.deadline()).await?;
        Answer::private(StatusCode::CREATED, &made)
    }

    async fn list(&self, request: &Request) -> Result<Answer, ApiError> {
        let person = self.verifier.logged_in(request.bearer()?).await?;
        let wanted = request.page::<Conversation>(person.user_id())?;
        let Page { entries, next } = self.history.conversations(person.payer(), wanted).await?;
        Answer::private(StatusCode::OK, &ConversationsBody { conversations: entries, next })
    }

    async fn rename(&self, request: &Request, id: &str) -> Result<Answer, ApiError> {
        let person = self.verifier.logged_in(request.bearer()?).await?;
        let title: ConversationTitle = request.fields()?.single("title")?;
        let renamed = self.keeper.rename(person.payer(), parsed(id)?, title, request.deadline()).await?;
        Answer::private(StatusCode::OK, &renamed)
    }

    async fn delete(&self, request: &Request, id: &str) -> Result<Answer, ApiError> {
        let person = self.verifier.logged_in(request.bearer()?).await?;
        self.keeper.delete(person.payer(), parsed(id)?, request.deadline()).await?;
        Ok(Answer::no_content())
    }

    async fn messages(&self, request: &Request, id: &str) -> Result<Answer, ApiError> {
        let person = self.verifier.logged_in(request.bearer()?).await?;
        let id = parsed(id)?;
        let wanted = request.page_in::<AnsweredMessage>(person.user_id(), id)?;
        let Page { entries, next } = self.history.messages_of(person.payer(), id, wanted).await?;
        Answer::private(StatusCode::OK, &ConversationBody { messages: entries, next })
    }
}

fn parsed(id: &str) -> Result<ConversationId, ApiError> {
    ConversationId::parse(id).ok_or(ApiError::NotFound)
}

#[derive(Serialize)]
struct ConversationsBody {
    conversations: Vec<Conversation>,
    next: Option<String>,
}

#[derive(Serialize)]
struct ConversationBody {
    messages: Vec<AnsweredMessage>,
    next: Option<String>,
}
