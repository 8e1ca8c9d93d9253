//! `GET /v1/models`: the model that the API offers, in OpenAI's protocol.

use shared::domain::setting::SettingError;
use shared::endpoint::{Endpoint, Error, Resources, serve};
use shared::http::{Answer, Method, Request, StatusCode};
use shared::identity::accounts::Accounts;
use shared::identity::callers::Callers;
use shared::openai::{ModelList, ProtocolError};
use shared::settings::ChatSettings;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    serve::<ModelsEndpoint>().await
}

struct ModelsEndpoint {
    callers: Callers,
    accounts: Accounts,
    model_id: String,
}

impl Endpoint for ModelsEndpoint {
    type Answer = Answer;
    type Error = ProtocolError;

    const METHODS: &'static [Method] = &[Method::GET];

    async fn start(resources: &Resources) -> Result<Self, SettingError> {
        let chat = ChatSettings::from_environment()?;
        let model_id = chat.model.id().to_owned();
        Ok(Self { callers: resources.callers().await, accounts: resources.accounts(), model_id })
    }

    async fn answer(&self, request: Request) -> Result<Answer, ProtocolError> {
        let caller = self.callers.caller(request.bearer()?).await?;
        // A valid token may have been revoked: only the account tells.
        self.accounts.read(caller).await?;
        Ok(Answer::private(StatusCode::OK, &ModelList::of(&self.model_id))?)
    }
}
