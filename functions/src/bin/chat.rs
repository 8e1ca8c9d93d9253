//! `POST /chatView/`: the model replies to a message, and the reply is charged exactly once.

use serde::Serialize;
use shared::conversation::Conversations;
use shared::domain::ids::ConversationId;
use shared::domain::message::Message;
use shared::domain::setting::SettingError;
use shared::endpoint::{Endpoint, Error, Resources, serve};
use shared::error::ApiError;
use shared::http::{Answer, Method, Request, StatusCode};
use shared::identity::callers::Callers;
use shared::ledger::idempotency::Remembered;
use shared::settings::ChatSettings;
use shared::till::{Admitted, HeldOrReplay, PaidReply, Question, Till};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    serve::<ChatEndpoint>().await
}

struct ChatEndpoint {
    callers: Callers,
    conversations: Conversations,
    till: Till,
}

impl Endpoint for ChatEndpoint {
    type Answer = Answer;
    type Error = ApiError;

    const METHODS: &'static [Method] = &[Method::POST];

    async fn start(resources: &Resources) -> Result<Self, SettingError> {
        let chat = ChatSettings::from_environment()?;
        let (callers, till) = resources.callers_and_till(&chat).await?;
        Ok(Self { callers, conversations: resources.conversations(&chat, &till.model), till })
    }

    async fn answer(&self, request: Request) -> Result<Answer, ApiError> {
        let caller = self.callers.caller(request.bearer()?).await?;
        let key = request.idempotency_key()?;
        let message: Message = request.fields()?.single("message")?;
        let remembered = key.map(|key| Remembered::message(key, &message));
        let account = match self.till.admit(caller.payer(), remembered).await? {
            Admitted::Open(account) => account,
            Admitted::Replay(reply) => return Ok(answer(&message, &reply)?.replayed()),
        };
        let question = Question {
            prompt: self.conversations.prompt(&self.till, &account, ConversationId::FIRST, &message).await?,
            max_output_tokens: None,
            conversation: Some(ConversationId::FIRST),
            message: message.clone(),
            deadline: request.deadline(),
        };
        match self.till.hold(account, question).await? {
            HeldOrReplay::Question(question) => answer(&message, &self.till.reply(question).await?),
            HeldOrReplay::Replay(reply) => Ok(answer(&message, &reply)?.replayed()),
        }
    }
}

fn answer(message: &Message, paid: &PaidReply) -> Result<Answer, ApiError> {
    let body = ChatBody { user: &paid.username, message: message.as_str(), response: paid.reply.shown() };
    Ok(Answer::private(StatusCode::OK, &body)?.message_id(paid.id).charge(paid.charge))
}

#[derive(Serialize)]
struct ChatBody<'a> {
    user: &'a str,
    message: &'a str,
    response: &'a str,
}
