//! `GET /v1/models` and `/v1/models/{id}`: the models that the API offers, in OpenAI's protocol, and their prices.

use shared::domain::setting::SettingError;
use shared::endpoint::{Endpoint, Error, Resources, serve};
use shared::http::{Answer, Method, Request, StatusCode};
use shared::identity::accounts::Accounts;
use shared::identity::callers::Callers;
use shared::openai::{ModelItem, ModelList, ProtocolError, UnknownModel};
use shared::providers::catalogues::{Catalogues, CurrentCatalogue};
use shared::settings::ChatSettings;

/// The main of this function's binary.
#[tokio::main(flavor = "current_thread")]
pub async fn run() -> Result<(), Error> {
    serve::<ModelsEndpoint>().await
}

struct ModelsEndpoint {
    callers: Callers,
    accounts: Accounts,
    catalogues: Catalogues,
}

impl Endpoint for ModelsEndpoint {
    type Answer = Answer;
    type Error = ProtocolError;

    const METHODS: &'static [Method] = &[Method::GET];

    async fn start(resources: &Resources) -> Result<Self, SettingError> {
        let catalogues = resources.catalogues(&ChatSettings::from_environment()?);
        Ok(Self { callers: resources.callers().await, accounts: resources.accounts(), catalogues })
    }

    async fn answer(&self, request: Request) -> Result<Answer, ProtocolError> {
        let caller = self.callers.caller(request.bearer()?).await?;
        // A valid token may have been revoked: only the account tells.
        self.accounts.read(caller).await?;
        let current = self.catalogues.current().await?;
        match request.rest_of("models") {
            None => Ok(Answer::private(StatusCode::OK, &ModelList::of(&current))?),
            Some(name) => Ok(Answer::private(StatusCode::OK, &find(&current, &name)?)?),
        }
    }
}

/// The model with this id or alias. A hidden one is found too.
fn find<'a>(current: &'a CurrentCatalogue, name: &str) -> Result<ModelItem<'a>, ProtocolError> {
    let found = current.catalogue.find(name).map(|model| ModelItem::of(&current.catalogue, model));
    found.ok_or_else(|| {
        let listed = current.catalogue.listed();
        ProtocolError::ModelNotFound(UnknownModel::new(name, listed.map(|model| model.id.as_str())))
    })
}
